//! Are the shipped samples, and the resource that the README begins with, accepted as they stand, and do the samples stay
//! when they leave Git?

use std::path::Path;

use serde_json::Value;

use crate::stage::{TestResult, served, would_create};

#[tokio::test]
async fn every_shipped_sample_is_accepted() -> TestResult {
    let client = served().await?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = samples()?;
    texts.push(first_yaml(&std::fs::read_to_string(root.join("README.md"))?));
    for text in texts {
        let sample: Value = serde_yaml::from_str(&text)?;
        let spec = sample.get("spec").cloned().unwrap_or_default();
        would_create(&client, &spec).await?.map_err(|error| format!("{error} in\n{text}"))?;
    }
    Ok(())
}

/// A resource that is pruned takes its watch over the tenant away, and under `deletionPolicy: Deprovision` more than that.
#[test]
fn no_tool_prunes_a_sample_unasked() -> TestResult {
    for text in samples()? {
        let sample: Value = serde_yaml::from_str(&text)?;
        let annotations = &sample["metadata"]["annotations"];
        assert_eq!(annotations["kustomize.toolkit.fluxcd.io/prune"], "disabled", "{text}");
        assert_eq!(annotations["helm.sh/resource-policy"], "keep", "{text}");
        // What is declared to go may be let go by a person.
        let is_to_go = sample["spec"]["desiredState"] == "Deprovisioned";
        let expected = if is_to_go { "Prune=confirm,Delete=confirm" } else { "Prune=false,Delete=false" };
        assert_eq!(annotations["argocd.argoproj.io/sync-options"], expected, "{text}");
    }
    Ok(())
}

/// The shipped samples. What lets the operator use credentials stands in a directory of its own; end-to-end tests apply it.
fn samples() -> Result<Vec<String>, std::io::Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples");
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            texts.push(std::fs::read_to_string(path)?);
        }
    }
    assert!(texts.len() > 5, "the samples were not found");
    Ok(texts)
}

/// The first fenced YAML block of a page.
fn first_yaml(page: &str) -> String {
    page.lines()
        .skip_while(|line| *line != "```yaml")
        .skip(1)
        .take_while(|line| *line != "```")
        .fold(String::new(), |text, line| text + line + "\n")
}
