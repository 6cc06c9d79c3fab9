//! Are the shipped samples, and the resource that the README begins with, accepted as they stand?

use std::path::Path;

use serde_json::Value;

use crate::stage::{TestResult, served, would_create};

#[tokio::test]
async fn every_shipped_sample_is_accepted() -> TestResult {
    let client = served().await?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = vec![first_yaml(&std::fs::read_to_string(root.join("README.md"))?)];
    for entry in std::fs::read_dir(root.join("deploy/samples"))? {
        // What lets the operator use credentials stands in a directory of its own; end-to-end tests apply it.
        let path = entry?.path();
        if path.is_file() {
            texts.push(std::fs::read_to_string(path)?);
        }
    }
    assert!(texts.len() > 6, "the samples were not found");
    for text in texts {
        let sample: Value = serde_yaml::from_str(&text)?;
        let spec = sample.get("spec").cloned().unwrap_or_default();
        would_create(&client, &spec).await?.map_err(|error| format!("{error} in\n{text}"))?;
    }
    Ok(())
}

/// The first fenced YAML block of a page.
fn first_yaml(page: &str) -> String {
    page.lines()
        .skip_while(|line| *line != "```yaml")
        .skip(1)
        .take_while(|line| *line != "```")
        .fold(String::new(), |text, line| text + line + "\n")
}
