//! Whether shipped objects of foreign kinds are as their owners define these kinds: those of Flux and of the Prometheus
//! operator, by the definitions that they publish, on a real API server.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::accepted::{kubectl, list, namespace};
use crate::helm::{HOME, cases, objects, rendered, template};

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/definitions");
const GO_MOD: &str = include_str!("../definitions/go.mod");
/// The files with definitions of kinds that are shipped, by the module that has them.
const DEFINITIONS: [(&str, &[&str]); 3] = [
    ("github.com/fluxcd/kustomize-controller", &["config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml"]),
    ("github.com/fluxcd/source-controller", &["config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml"]),
    (
        "github.com/prometheus-operator/prometheus-operator",
        &[
            "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        ],
    ),
];
/// Groups of the API server itself, of the operator, and of kustomize's own files, which nobody applies.
const KNOWN: [&str; 3] = [".k8s.io/", "threatprotection.dev/", "kustomize.config.k8s.io/"];

/// Where a module is, fetched if it is not there. What is fetched is what `go.sum` says, or Go fails.
fn fetched(module: &str) -> PathBuf {
    let version = GO_MOD.lines().find_map(|line| line.trim().strip_prefix(module)).expect("go.mod names it").trim();
    let mut command = Command::new("go");
    command.args(["mod", "download", "-json", &format!("{module}@{version}")]);
    let output = command.current_dir(MODULE).env("GOWORK", "off").output();
    let output = output.expect("Go is installed: get it from https://go.dev/dl/");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert!(output.status.success(), "{module} cannot be fetched: {told} {}", String::from_utf8_lossy(&output.stderr));
    told["Dir"].as_str().expect("a directory").into()
}

/// Makes the kinds known to the API server, and the namespaces that objects are in.
async fn define() {
    let mut names = Vec::new();
    for (module, files) in DEFINITIONS {
        let directory = fetched(module);
        for file in files {
            let text = fs::read_to_string(directory.join(file)).unwrap();
            kubectl(&["apply", "--server-side", "--field-manager=owner", "--filename=-"], &text).await.unwrap();
            names.push(format!("crd/{}", objects(&text)[0]["metadata"]["name"].as_str().unwrap()));
        }
    }
    let wait = ["wait", "--for=condition=Established", "--timeout=40s"].map(str::to_owned);
    let arguments: Vec<String> = wait.into_iter().chain(names).collect();
    kubectl(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "").await.unwrap();
    for name in [HOME, "flux-system", "default"] {
        namespace(name, &json!({})).await;
    }
}

/// What the chart has of foreign kinds: in every case, and with the other monitor and the rules.
fn of_the_chart() -> Vec<Value> {
    let mut texts: Vec<String> = cases().iter().map(|case| rendered(case)).collect();
    let monitor = json!({
        "enabled": true, "labels": {"release": "prometheus"}, "interval": "1m",
        "tlsConfig": {"ca": {"secret": {"name": "metrics", "key": "ca.crt"}}},
        "authorization": {"credentials": {"name": "metrics", "key": "token"}},
    });
    let monitor = format!("metrics.serviceMonitor={monitor}");
    texts.push(template(&["--set-json", &monitor, "--set=metrics.prometheusRule.enabled=true"]).unwrap());
    foreign(&texts)
}

/// What is under `deploy/` of foreign kinds.
fn of_the_files() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let mut texts = Vec::new();
    for folder in ["flux", "monitoring"] {
        let files = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let manifests = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        texts.extend(manifests.map(|path| fs::read_to_string(path).unwrap()));
    }
    foreign(&texts)
}

/// The objects of foreign kinds in these texts.
fn foreign(texts: &[String]) -> Vec<Value> {
    let all = texts.iter().flat_map(|text| objects(text));
    all.filter(|object| object["apiVersion"].as_str().is_some_and(is_foreign)).collect()
}

fn kinds(objects: &[Value]) -> BTreeSet<&str> {
    objects.iter().map(|object| object["kind"].as_str().unwrap()).collect()
}

/// Rule files of Prometheus are no objects, and have no version.
fn is_foreign(version: &str) -> bool {
    // What has no dot is of the API server itself, such as `v1` and `apps/v1`.
    version.contains('.') && !KNOWN.iter().any(|known| version.contains(known))
}

/// Applies without effect, with every field looked at.
async fn try_to_apply(all: &[Value]) -> Result<String, String> {
    let arguments = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
    kubectl(&arguments, &list(all)).await
}

#[tokio::test]
async fn every_object_of_a_foreign_kind_is_as_its_owner_defines_it() {
    define().await;
    let (chart, files) = (of_the_chart(), of_the_files());
    assert_eq!(kinds(&chart), BTreeSet::from(["PodMonitor", "PrometheusRule", "ServiceMonitor"]));
    let expected = ["GitRepository", "Kustomization", "PrometheusRule", "ServiceMonitor"];
    assert_eq!(kinds(&files), BTreeSet::from(expected));
    let shipped = [chart, files].concat();
    // One at a time, because two cases of the chart are two of the same name.
    for object in &shipped {
        try_to_apply(std::slice::from_ref(object)).await.unwrap_or_else(|error| panic!("{error}: {object:#}"));
    }

    // A field that does not exist, and a value that is none, would be noticed.
    for (kind, field) in [("Kustomization", "intervall"), ("ServiceMonitor", "endpionts"), ("PrometheusRule", "group")]
    {
        let mut faulty = shipped.iter().find(|object| object["kind"] == kind).unwrap().clone();
        faulty["spec"][field] = json!("10m");
        let refusal = try_to_apply(&[faulty]).await.unwrap_err();
        assert!(refusal.contains(field), "{kind}: {refusal}");
    }
    let mut faulty = shipped.iter().find(|object| object["kind"] == "Kustomization").unwrap().clone();
    faulty["spec"]["timeout"] = json!("half an hour");
    let refusal = try_to_apply(&[faulty]).await.unwrap_err();
    assert!(refusal.contains("spec.timeout"), "{refusal}");
}
