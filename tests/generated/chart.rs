//! Copies for Helm and kustomize, which read no file outside the folder that they are given.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use threat_protection_operator::cli::crd;

use super::{DEFINITION, HEADER, is_update};

/// What the chart needs, and what that is a copy of.
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
fn the_files_of_the_chart_are_copies() {
    for (copy, of) in COPIES {
        // The definition is printed and not read, because another test may be about to rewrite it.
        let original = if of == DEFINITION { format!("{HEADER}{}", crd::yaml().unwrap()) } else { read(of) };
        if is_update() {
            fs::create_dir_all(file(copy).parent().unwrap()).unwrap();
            fs::write(file(copy), &original).unwrap();
        }
        assert!(read(copy) == original, "{copy} is not {of}: run UPDATE=1 cargo test --test generated");
    }
}

#[test]
fn the_rule_for_the_prometheus_operator_has_the_alerts() {
    let indented = |line: &str| if line.trim().is_empty() { line.to_owned() } else { format!("  {line}") };
    let alerts = read(ALERTS);
    let lines = alerts.split_inclusive('\n').map(indented);
    let rule: String = std::iter::once(RULE_HEADER.to_owned()).chain(lines).collect();
    if is_update() {
        fs::write(file(RULE), &rule).unwrap();
    }
    assert!(read(RULE) == rule, "{RULE} is not {ALERTS}: run UPDATE=1 cargo test --test generated");
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart: Value = serde_yaml::from_str(&read(CHART)).unwrap();
    for field in ["version", "appVersion"] {
        assert_eq!(chart.get(field).and_then(Value::as_str), Some(env!("CARGO_PKG_VERSION")), "{field}");
    }
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file, empty where there is none.
fn read(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap_or_default()
}
