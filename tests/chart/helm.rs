//! Running Helm, and reading what it prints.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::Value;

use crate::support::helm::locate;

/// The chart.
pub(crate) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/threat-protection-operator");
/// The name of a release where it does not matter.
pub(crate) const RELEASE: &str = "threat-protection-operator";
/// The namespace of a release where it does not matter.
pub(crate) const HOME: &str = "threat-protection-operator";

/// Helm on a cluster, with caches and settings of its own in `home`.
///
/// # Panics
/// When there is no Helm and none can be built.
pub(crate) fn command<S: AsRef<OsStr>>(home: &Path, kubeconfig: Option<&Path>, arguments: &[S]) -> Command {
    let program = locate().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(program);
    command.args(arguments).env("HOME", home).env("KUBECONFIG", kubeconfig.unwrap_or(&home.join("nowhere")));
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(name, home.join(name));
    }
    for name in ["HELM_NAMESPACE", "HELM_KUBECONTEXT", "HELM_DRIVER", "HELM_DEBUG"] {
        command.env_remove(name);
    }
    command
}

/// Runs [`command`] to its end.
pub(crate) fn helm<S: AsRef<OsStr>>(home: &Path, kubeconfig: Option<&Path>, arguments: &[S]) -> Output {
    command(home, kubeconfig, arguments).output().expect("helm can be run")
}

/// `helm template` of the chart with these arguments: the manifests, or what Helm has against it.
pub(crate) fn template<S: AsRef<OsStr>>(arguments: &[S]) -> Result<String, String> {
    let home = tempfile::tempdir().expect("a directory");
    let fixed = ["template", RELEASE, CHART, "--namespace", HOME, "--kube-version", "1.33.0"];
    let all: Vec<&OsStr> = fixed.iter().map(OsStr::new).chain(arguments.iter().map(AsRef::as_ref)).collect();
    let output = helm(home.path(), None, &all);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The objects of a text with one or more YAML documents.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    let values = documents.map(|document| Value::deserialize(document).expect("manifests are YAML"));
    values.filter(|value| !value.is_null()).collect()
}

/// The one object of a kind with a name.
pub(crate) fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let wanted = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(wanted).unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// The folders with values, one a case, in the order of their names.
pub(crate) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/cases");
    let entries = std::fs::read_dir(folder).expect("cases");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("a case").path()).collect();
    cases.sort();
    cases
}

/// The manifests of a case.
pub(crate) fn rendered(case: &Path) -> String {
    let values = case.join("values.yaml");
    template(&[OsStr::new("--values"), values.as_os_str()])
        .unwrap_or_else(|error| panic!("{}: {error}", case.display()))
}
