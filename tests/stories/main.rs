//! Does the operator say of every story in `tests/plans` what it must? `UPDATE=1 cargo test --test stories` rewrites the
//! texts, never what must hold.

#[path = "../support/stories.rs"]
mod stories;

use std::fmt::Write as _;
use std::fs;

use stories::{Story, command, folders};

#[test]
fn every_story_is_told_as_expected() {
    let folders = folders();
    assert!(!folders.is_empty(), "there are no stories in tests/plans");
    let mut failed = String::new();
    for folder in &folders {
        let mut faults = match Story::tell(folder) {
            Ok(story) => {
                if is_update() {
                    fs::write(story.golden(), &story.text).unwrap();
                }
                let mut faults = story.faults();
                faults.extend(story.difference().map(|lines| {
                    format!("expected.txt differs; UPDATE=1 cargo test --test stories rewrites it:\n{lines}")
                }));
                if !faults.is_empty() {
                    faults.insert(0, story.expected.story);
                    faults.extend(story.expected.quotes.map(|quotes| format!("the rule: {quotes}")));
                }
                faults
            }
            Err(problem) => vec![problem],
        };
        if !faults.is_empty() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            faults.push(command(folder));
            let _ = writeln!(failed, "\n{name}: {}", faults.join("\n  "));
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

/// The switch of the person at the keyboard; never in CI.
fn is_update() -> bool {
    std::env::var_os("UPDATE").is_some() && std::env::var_os("CI").is_none()
}
