//! Are the generated files the ones that this code prints, and are copies what they are copies of?
//! `UPDATE=1 cargo test --test generated` rewrites them.

use std::fs;
use std::path::{Path, PathBuf};

use threat_protection_operator::api::custom_resource_definition;
use threat_protection_operator::cli::{crd, explain, metrics};

const HEADER: &str =
    "# Printed by `threat-protection-operator crd`; `UPDATE=1 cargo test --test generated` rewrites it.\n";
const DEFINITION: &str = "crds/threatprotectiontenants.yaml";
const REASONS: &str = "deploy/docs/reasons.md";
const METRICS: &str = "deploy/docs/metrics.md";
/// Helm reads no file outside a chart: what it needs, and what that is a copy of.
const COPIES: [(&str, &str); 4] = [
    ("charts/threat-protection-operator/files/threatprotectiontenants.yaml", DEFINITION),
    ("charts/threat-protection-operator/files/rbac.yaml", "deploy/base/rbac.yaml"),
    ("charts/threat-protection-operator/files/alerts.yaml", ALERTS),
    ("charts/threat-protection-operator/files/dashboard.json", "deploy/monitoring/dashboard.json"),
];
const CHART: &str = "charts/threat-protection-operator/Chart.yaml";
const ALERTS: &str = "deploy/monitoring/alerts.yaml";
const RULE: &str = "deploy/monitoring/prometheusrule.yaml";
const RULE_HEADER: &str =
    "# The alerts of alerts.yaml for the Prometheus operator; `UPDATE=1 cargo test --test generated` rewrites it.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: threat-protection-operator
spec:
";

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
fn the_files_of_the_chart_are_copies() {
    for (copy, of) in COPIES {
        // The definition is printed and not read, because another test may be about to rewrite it.
        let original = if of == DEFINITION { format!("{HEADER}{}", crd::yaml().unwrap()) } else { read(of) };
        if is_update() {
            fs::create_dir_all(root(copy).parent().unwrap()).unwrap();
            fs::write(root(copy), &original).unwrap();
        }
        assert!(read(copy) == original, "{copy} is not {of}: run UPDATE=1 cargo test --test generated");
    }
}

#[test]
fn the_rule_for_the_prometheus_operator_has_the_alerts() {
    let indented = |line: &str| if line.trim().is_empty() { line.to_owned() } else { format!("  {line}") };
    let rule: String =
        std::iter::once(RULE_HEADER.to_owned()).chain(read(ALERTS).split_inclusive('\n').map(indented)).collect();
    if is_update() {
        fs::write(root(RULE), &rule).unwrap();
    }
    assert!(read(RULE) == rule, "{RULE} is not {ALERTS}: run UPDATE=1 cargo test --test generated");
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart: serde_json::Value = serde_yaml::from_str(&read(CHART)).unwrap();
    for field in ["version", "appVersion"] {
        assert_eq!(chart.get(field).and_then(|version| version.as_str()), Some(env!("CARGO_PKG_VERSION")), "{field}");
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

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file, empty where there is none.
fn read(path: &str) -> String {
    fs::read_to_string(root(path)).unwrap_or_default()
}

/// The switch of the person at the keyboard; never in CI.
fn is_update() -> bool {
    std::env::var_os("UPDATE").is_some() && std::env::var_os("CI").is_none()
}
