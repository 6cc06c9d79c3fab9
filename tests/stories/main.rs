//! Does the operator say of every story in `tests/plans` what it must? `UPDATE=1 cargo test --test stories` rewrites the
//! texts, never what must hold.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should end where it stands, also in what tests have in common"
)]

mod argo;
#[path = "../support/argo.rs"]
mod argo_cd;
mod flux;
#[path = "../support/flux.rs"]
mod flux_cd;
#[path = "../support/gitops_program.rs"]
mod gitops_program;
#[path = "../support/kstatus.rs"]
mod kstatus;
mod rows;
#[path = "../support/stories.rs"]
mod stories;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use stories::{Expected, Story, command, folders};
use threat_protection_operator::api::Reason;

/// Reasons that no story can show. `Internal` tells of a fault of the API server or of the operator itself, which a plan
/// does not have: `tests/controller.rs` shows it on a real API server.
const SHOWN_ELSEWHERE: [Reason; 1] = [Reason::Internal];

/// So many stories there are at least.
const LEAST: usize = 40;

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

#[test]
fn every_reason_of_the_catalogue_is_told_by_some_story() {
    let catalogue: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let elsewhere: BTreeSet<&str> = SHOWN_ELSEWHERE.iter().map(|reason| reason.name()).collect();
    let mut told = BTreeSet::new();
    for folder in folders() {
        let story = Story::tell(&folder).unwrap();
        // What only stands as the resource brought it along is not told by the operator.
        let remembered = &story.forecast.situation.memory.status().conditions;
        let anew = story.forecast.status.conditions.into_iter().filter(|condition| !remembered.contains(condition));
        told.extend(anew.map(|condition| condition.reason));
    }
    let told: BTreeSet<&str> = told.iter().map(String::as_str).collect();
    let unknown: Vec<_> = told.difference(&catalogue).collect();
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:?}");
    let untold: BTreeSet<_> = catalogue.difference(&told).copied().collect();
    assert_eq!(untold, elsewhere, "left: what no story tells; right: what is shown elsewhere");
}

#[test]
fn there_are_many_stories_and_each_has_a_point() {
    let folders = folders();
    assert!(folders.len() >= LEAST, "{} stories, {LEAST} at least", folders.len());
    for folder in folders {
        let expected = Story::tell(&folder).unwrap().expected;
        let Expected { says, never, conditions, steps, region, .. } = &expected;
        let is_empty = says.is_empty() && never.is_empty() && conditions.is_empty();
        assert!(!is_empty || steps.is_some() || region.is_some(), "{}: no point", folder.display());
    }
}

/// The switch of the person at the keyboard; never in CI.
fn is_update() -> bool {
    std::env::var_os("UPDATE").is_some() && std::env::var_os("CI").is_none()
}
