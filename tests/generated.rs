//! Are the generated files the ones that this code prints? `UPDATE=1 cargo test --test generated` rewrites them.

use std::fs;
use std::path::Path;

use threat_protection_operator::api::custom_resource_definition;
use threat_protection_operator::cli::{crd, explain, metrics};
use threat_protection_operator::config::Part;

const HEADER: &str =
    "# Printed by `threat-protection-operator crd`; `UPDATE=1 cargo test --test generated` rewrites it.\n";
const DEFINITION: &str = "crds/threatprotectiontenants.yaml";
const REASONS: &str = "deploy/docs/reasons.md";
const METRICS: &str = "deploy/docs/metrics.md";
const CONFIGURATION: &str = "deploy/docs/configuration.md";

#[test]
fn the_committed_definition_is_the_printed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFINITION);
    let printed = format!("{HEADER}{}", crd::yaml().unwrap());
    if is_update() {
        fs::write(&path, &printed).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == printed, "{DEFINITION} is out of date: run UPDATE=1 cargo test --test generated");
}

#[test]
fn the_committed_reasons_are_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(REASONS);
    let printed = explain::markdown();
    if is_update() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &printed).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == printed, "{REASONS} is out of date: run UPDATE=1 cargo test --test generated");
}

#[test]
fn the_committed_metrics_are_those_of_the_registry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(METRICS);
    let printed = metrics::markdown().unwrap();
    if is_update() {
        fs::write(&path, &printed).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == printed, "{METRICS} is out of date: run UPDATE=1 cargo test --test generated");
}

#[test]
fn the_documented_parts_of_the_configuration_are_those_of_the_code() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CONFIGURATION)).unwrap();
    let told = |part: Part| if part.needs_restart() { "at the next start" } else { "at once" };
    let expected: Vec<String> =
        Part::ALL.iter().map(|part| format!("| `{}` | {} |", part.key(), told(*part))).collect();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), expected.len(), "{CONFIGURATION} has a row for each part");
    for (row, expected) in rows.into_iter().zip(expected) {
        assert!(row.starts_with(&expected), "{CONFIGURATION}: {row}\nshould begin {expected}");
    }
}

/// YAML 1.1 readers, such as kubectl's, take a bare `True` for a boolean.
#[test]
fn the_words_true_and_false_are_quoted() {
    let yaml = crd::yaml().unwrap();
    assert!(yaml.contains("'True'") && yaml.contains("'False'"));
    for line in yaml.lines() {
        let value = line.trim_start().trim_start_matches("- ").trim();
        let bare = ["True", "False", "Yes", "No", "On", "Off", "yes", "no", "on", "off", "y", "n", "Y", "N", "null"];
        assert!(!bare.contains(&value), "{line}");
    }
}

#[test]
fn nothing_is_nullable_and_no_number_is_unsigned() {
    let definition = serde_json::to_string(&custom_resource_definition()).unwrap();
    for artefact in ["\"nullable\"", "null", "\"uint"] {
        assert!(!definition.contains(artefact), "{artefact} remains in the definition");
    }
}

/// The switch of the person at the keyboard; never in CI.
fn is_update() -> bool {
    std::env::var_os("UPDATE").is_some() && std::env::var_os("CI").is_none()
}
