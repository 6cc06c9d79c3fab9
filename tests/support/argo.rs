//! What Argo CD makes of objects with the settings of `deploy/argocd`, by the interpreter that it runs scripts in.
#![allow(dead_code, reason = "every test binary compiles all of this and uses only its part")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on should end where it stands")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::slice;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::gitops_program::answer;

/// Where the scripts are, as they would be in Argo CD's own repository.
const SCRIPTS: &str = "deploy/argocd/resource_customizations/threatprotection.dev/ThreatProtectionTenant";
/// The settings that carry them.
pub(crate) const SETTINGS: &str = "deploy/argocd/argocd-cm.yaml";

/// What Argo CD shows of an object, whose deletion it judges without any script.
pub(crate) const PENDING_DELETION: &str = "Pending deletion";

/// The health of an object.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    /// `Healthy`, `Progressing`, `Suspended` or `Degraded`.
    pub(crate) status: String,
    /// What is shown beside it.
    pub(crate) message: String,
}

/// What an action makes of an object.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acted {
    /// The object afterwards.
    pub(crate) object: Value,
    /// The merge patch that Argo CD sends.
    pub(crate) patch: Value,
}

/// The path of a file beside the scripts.
pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPTS).join(file)
}

/// The text of a file beside the scripts.
pub(crate) fn text(file: &str) -> String {
    let path = path(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The health that Argo CD shows of each object.
pub(crate) fn healths(objects: &[Value]) -> Vec<Health> {
    ask("argo-health", objects, "")
}

/// The health that Argo CD shows of an object.
pub(crate) fn health(object: &Value) -> Health {
    the_one(healths(slice::from_ref(object)))
}

/// What the health script says of each object, whether Argo CD asks it or not.
pub(crate) fn scripted(objects: &[Value]) -> Vec<Health> {
    ask("argo-script", objects, "")
}

/// The actions on an object, each with whether it is disabled.
pub(crate) fn actions(object: &Value) -> BTreeMap<String, bool> {
    the_one(ask("argo-actions", slice::from_ref(object), ""))
}

/// What an action makes of each object, or why it makes nothing of it.
pub(crate) fn acts(name: &str, objects: &[Value]) -> Vec<Result<Acted, String>> {
    let answers: Vec<Value> = ask("argo-act", objects, name);
    let outcome = |answer: Value| match answer["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(serde_json::from_value(answer).expect("an object and a patch")),
    };
    answers.into_iter().map(outcome).collect()
}

/// What an action makes of an object, or why it makes nothing of it.
pub(crate) fn act(name: &str, object: &Value) -> Result<Acted, String> {
    the_one(acts(name, slice::from_ref(object)))
}

fn ask<T: DeserializeOwned>(question: &str, objects: &[Value], action: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SETTINGS);
    let text = std::fs::read_to_string(path).expect("the settings can be read");
    let settings: Value = serde_yaml::from_str(&text).expect("the settings are YAML");
    answer(question, &json!({"settings": settings, "objects": objects, "action": action}))
}

fn the_one<T>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1, "one answer about one object");
    all.remove(0)
}
