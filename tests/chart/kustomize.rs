//! Whether kustomize installs the same as the chart.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::helm::{objects, template};
use crate::support::control_plane::shared;

/// What only Helm writes, and what tells of its releases.
const OF_HELM: [&str; 4] =
    ["helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "checksum/config"];
/// kustomize names this `ConfigMap` after its content as well; the chart writes a checksum on the pod.
const CONFIG: &str = "threat-protection-operator-config";
/// Letters and digits that kustomize adds.
const HASH: usize = 10;

/// The objects by kind, namespace and name, without what only one of the two tools writes.
fn comparable(text: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for mut object in objects(text) {
        // A release goes into a namespace that is there; an overlay brings it along.
        if object["kind"] == "Namespace" {
            continue;
        }
        unify(&mut object);
        let metadata = &object["metadata"];
        all.insert(format!("{} {} {}", object["kind"], metadata["namespace"], metadata["name"]), object);
    }
    all
}

/// Takes away what differs by tool, and reads the configuration, so that order and comments do not count.
fn unify(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !OF_HELM.contains(&name.as_str()));
            for (name, field) in fields.iter_mut() {
                unify(field);
                if let (true, Some(text)) = (name == "config.yaml", field.as_str()) {
                    *field = serde_yaml::from_str(text).expect("the configuration is YAML");
                }
            }
            for name in ["annotations", "labels"] {
                if fields.get(name).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
                    fields.remove(name);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unify),
        Value::String(text) => {
            let hash = text.strip_prefix(CONFIG).and_then(|rest| rest.strip_prefix('-'));
            if hash.is_some_and(|hash| hash.len() == HASH) {
                CONFIG.clone_into(text);
            }
        }
        _ => {}
    }
}

async fn assert_same(overlay: &str, arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/overlays").join(overlay);
    let output = shared().kubectl(&["kustomize", folder.to_str().unwrap()]).await.unwrap();
    assert!(output.status.success(), "{overlay}: {}", String::from_utf8_lossy(&output.stderr));
    let of_overlay = comparable(&String::from_utf8_lossy(&output.stdout));
    let without_definition = [arguments, &["--set", "crds.install=false"]].concat();
    let of_chart = comparable(&template(&without_definition).unwrap());
    let names = |all: &BTreeMap<String, Value>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&of_overlay), names(&of_chart), "{overlay}");
    for (name, object) in &of_overlay {
        assert_eq!(object, &of_chart[name], "{overlay}: {name}, the overlay left, the chart right");
    }
}

#[tokio::test]
async fn the_default_overlay_is_the_chart_as_found() {
    assert_same("default", &[]).await;
}

#[tokio::test]
async fn the_namespaced_overlay_is_the_chart_for_one_namespace() {
    assert_same("namespaced", &["--set", "watchNamespace=security"]).await;
}

#[tokio::test]
async fn the_monitoring_overlay_is_the_chart_with_monitoring() {
    let enabled =
        "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true";
    assert_same("monitoring", &["--set", enabled]).await;
}

#[tokio::test]
async fn the_network_policy_is_that_of_the_chart() {
    assert_same("network-policy", &["--set", "networkPolicy.enabled=true"]).await;
}
