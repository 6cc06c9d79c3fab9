//! The bodies of the writes to the resource. Pure.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, RemoveOperation, TestOperation};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{FINALIZER, GROUP, KIND, VERSION};

/// A status for a server-side apply.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Applied<'a, S> {
    api_version: String,
    kind: &'static str,
    metadata: Precondition<'a>,
    status: &'a S,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Precondition<'a> {
    uid: &'a str,
    resource_version: &'a str,
}

/// A status for a server-side apply: refused with 409 unless uid and version are still these.
pub(super) fn status<'a, S>(uid: &'a str, resource_version: &'a str, status: &'a S) -> Applied<'a, S> {
    let (api_version, metadata) = (format!("{GROUP}/{VERSION}"), Precondition { uid, resource_version });
    Applied { api_version, kind: KIND, metadata, status }
}

/// Adds our finalizer, unless the resource changed; `None` where it is there.
pub(super) fn add_finalizer(resource_version: &str, finalizers: &[String]) -> Option<Patch> {
    if finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        return None;
    }
    let unchanged = test(&["metadata", "resourceVersion"], json!(resource_version));
    let add = if finalizers.is_empty() {
        AddOperation { path: path(&["metadata", "finalizers"]), value: json!([FINALIZER]) }
    } else {
        AddOperation { path: path(&["metadata", "finalizers", "-"]), value: json!(FINALIZER) }
    };
    Some(Patch(vec![unchanged, PatchOperation::Add(add)]))
}

/// Removes our finalizer, unless the list changed; `None` where it is not there.
pub(super) fn remove_finalizer(finalizers: &[String]) -> Option<Patch> {
    let index = finalizers.iter().position(|finalizer| finalizer == FINALIZER)?.to_string();
    let entry = ["metadata", "finalizers", index.as_str()];
    let remove = RemoveOperation { path: path(&entry) };
    Some(Patch(vec![test(&entry, json!(FINALIZER)), PatchOperation::Remove(remove)]))
}

fn test(at: &[&str], value: Value) -> PatchOperation {
    PatchOperation::Test(TestOperation { path: path(at), value })
}

fn path(tokens: &[&str]) -> PointerBuf {
    PointerBuf::from_tokens(tokens.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(finalizers: &[&str]) -> Vec<String> {
        finalizers.iter().map(|&finalizer| finalizer.to_owned()).collect()
    }

    #[test]
    fn a_status_carries_its_preconditions_and_nothing_of_anybody_else() {
        assert_eq!(
            serde_json::to_value(status("u1", "7", &json!({"observedGeneration": 2}))).unwrap(),
            json!({
                "apiVersion": "threatprotection.dev/v1alpha1",
                "kind": "ThreatProtectionTenant",
                "metadata": {"uid": "u1", "resourceVersion": "7"},
                "status": {"observedGeneration": 2},
            })
        );
    }

    #[test]
    fn the_first_finalizer_makes_the_list() {
        assert_eq!(
            serde_json::to_value(add_finalizer("7", &[]).unwrap()).unwrap(),
            json!([
                {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
                {"op": "add", "path": "/metadata/finalizers", "value": ["threatprotection.dev/deprovision"]},
            ])
        );
    }

    #[test]
    fn a_further_finalizer_is_appended_and_ours_is_added_once() {
        let patch = serde_json::to_value(add_finalizer("7", &list(&["other/one"])).unwrap()).unwrap();
        assert_eq!(
            patch[1],
            json!({"op": "add", "path": "/metadata/finalizers/-", "value": "threatprotection.dev/deprovision"})
        );
        assert_eq!(add_finalizer("7", &list(&["threatprotection.dev/deprovision"])), None);
    }

    #[test]
    fn only_ours_is_removed() {
        let finalizers = list(&["other/one", "threatprotection.dev/deprovision"]);
        assert_eq!(
            serde_json::to_value(remove_finalizer(&finalizers).unwrap()).unwrap(),
            json!([
                {"op": "test", "path": "/metadata/finalizers/1", "value": "threatprotection.dev/deprovision"},
                {"op": "remove", "path": "/metadata/finalizers/1"},
            ])
        );
        assert_eq!(remove_finalizer(&list(&["other/one"])), None);
    }
}
