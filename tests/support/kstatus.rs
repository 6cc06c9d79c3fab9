//! What kubectl, Flux and Helm 4 conclude from an object, by the rules of kstatus and not by ours.
//!
//! Source: kubernetes-sigs/cli-utils, `pkg/kstatus/status`, as imported by Flux and Helm 4. A test of the stories compares it
//! with that program.

use serde_json::Value;

/// The verdict about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KStatus {
    /// It is being deleted.
    Terminating,
    /// It is on its way.
    InProgress,
    /// It needs somebody.
    Failed,
    /// It is as declared.
    Current,
}

/// Judges an object in the order of kstatus: deletion, generation, the first of Reconciling and Stalled, Ready.
pub(crate) fn kstatus(object: &Value) -> KStatus {
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return KStatus::Terminating;
    }
    let observed = &object["status"]["observedGeneration"];
    if !observed.is_null() && *observed != object["metadata"]["generation"] {
        return KStatus::InProgress;
    }
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    for condition in conditions {
        match (condition["type"].as_str(), condition["status"].as_str()) {
            (Some("Reconciling"), Some("True")) => return KStatus::InProgress,
            (Some("Stalled"), Some("True")) => return KStatus::Failed,
            _ => {}
        }
    }
    match conditions.iter().find(|condition| condition["type"] == "Ready") {
        Some(ready) if ready["status"] == "True" => KStatus::Current,
        Some(_) => KStatus::InProgress,
        None => KStatus::Current,
    }
}
