use serde_json::json;

use super::*;
use crate::api::{DeletionPolicy, DesiredState};

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

fn object(spec: &Value) -> Value {
    json!({
        "apiVersion": "threatprotection.dev/v1alpha1",
        "kind": "ThreatProtectionTenant",
        "metadata": {
            "namespace": "security",
            "name": "contoso",
            "uid": "u1",
            "generation": 3,
            "resourceVersion": "41",
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "annotations": {"threatprotection.dev/reconcile-requested-at": "now"},
        },
        "spec": spec,
    })
}

fn deleted(mut object: Value) -> Value {
    object["metadata"]["deletionTimestamp"] = json!("2026-02-02T03:04:05Z");
    object["metadata"]["finalizers"] = json!(["threatprotection.dev/deprovision"]);
    object
}

fn raw(object: Value) -> Stored {
    Stored::read(&serde_json::from_value(object).unwrap()).unwrap()
}

#[test]
fn a_resource_is_read_with_its_subject_and_claim() {
    let stored = raw(object(&json!({"tenantId": TENANT})));
    assert_eq!(stored.subject.reconcile_request.as_deref(), Some("now"));
    assert_eq!((stored.subject.generation, stored.resource_version.as_str()), (3, "41"));
    assert_eq!(stored.tenant.unwrap().to_string(), TENANT);
    assert!(stored.desired.is_ok() && stored.claimant.is_managing && stored.status.is_none());
    assert_eq!(stored.claimant.created, "2026-01-02T03:04:05Z".parse().unwrap());
}

#[test]
fn a_resource_without_a_version_is_refused() {
    let mut nameless = object(&json!({"tenantId": TENANT}));
    nameless["metadata"]["resourceVersion"] = json!(null);
    let error = Stored::read(&serde_json::from_value(nameless).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "the resource lacks metadata.resourceVersion");
}

#[test]
fn the_field_that_does_not_fit_is_named() {
    let stored = raw(object(&json!({"tenantId": TENANT, "desiredState": "Weird"})));
    let invalid = stored.desired.unwrap_err();
    assert_eq!(
        (invalid.field.as_str(), invalid.problem.as_str()),
        ("spec.desiredState", "unknown variant `Weird`, expected one of `Enabled`, `Disabled`, `Deprovisioned`")
    );
    assert_eq!(stored.tenant.unwrap().to_string(), TENANT, "the tenant is known all the same");
}

#[test]
fn where_two_fields_do_not_fit_the_whole_spec_is_named() {
    let stored = raw(object(&json!({"tenantId": TENANT, "desiredState": "Weird", "cloud": "Weird"})));
    assert_eq!(stored.desired.unwrap_err().field, "spec");
}

#[test]
fn a_deleted_resource_is_let_go_although_another_field_does_not_fit() {
    let spec = json!({
        "tenantId": TENANT,
        "cloud": "Weird",
        "deletionPolicy": "Deprovision",
        "desiredState": "Deprovisioned",
        "deprovisionConfirmation": TENANT,
    });
    let desired = raw(deleted(object(&spec))).desired.unwrap();
    assert_eq!((desired.deletion, desired.state), (DeletionPolicy::Deprovision, DesiredState::Deprovisioned));
    assert!(raw(object(&spec)).desired.is_err(), "but it is not acted upon while it lives");
}

#[test]
fn a_status_of_another_version_is_read_as_far_as_it_goes() {
    let mut object = object(&json!({"tenantId": TENANT}));
    object["status"] = json!({"observedGeneration": 2, "operation": "someday", "services": [{"name": "Mars"}]});
    let status = raw(object).status.unwrap();
    assert_eq!((status.observed_generation, status.operation, status.services.len()), (2, None, 0));
}

#[test]
fn a_resource_that_cannot_be_read_is_told_from_one_that_only_looks() {
    let claims = |spec: Value| {
        let object: Object = serde_json::from_value(object(&spec)).unwrap();
        claim(&object, &Glimpse::of(&object.status))
    };
    let observing = claims(json!({"tenantId": TENANT, "managementPolicy": "Observe"}));
    assert!(observing.is_readable && !observing.is_managing);
    let odd = claims(json!({"tenantId": TENANT, "managementPolicy": "Weird"}));
    assert!(!odd.is_readable && !odd.is_managing);
    assert!(claims(json!({"tenantId": TENANT})).is_managing);
}

#[test]
fn settled_is_what_was_reported_as_declared_and_has_not_changed_since() {
    let reported = |generation: i64, ready: &str| {
        let mut object = object(&json!({"tenantId": TENANT}));
        let conditions = json!([{"type": "Stalled", "status": "False"}, {"type": "Ready", "status": ready}]);
        object["status"] = json!({
            "observedGeneration": generation, "conditions": conditions, "lastHandledReconcileAt": "now",
        });
        object
    };
    let settled = |object: Value| {
        let object: Object = serde_json::from_value(object).unwrap();
        is_settled(&object, &Glimpse::of(&object.status))
    };
    assert!(settled(reported(3, "True")));
    assert!(!settled(reported(2, "True")), "the spec changed");
    assert!(!settled(reported(3, "False")));
    assert!(!settled(deleted(reported(3, "True"))));
    assert!(!settled(object(&json!({"tenantId": TENANT}))), "never reported");
    let mut asked = reported(3, "True");
    asked["metadata"]["annotations"]["threatprotection.dev/reconcile-requested-at"] = json!("again");
    assert!(!settled(asked), "somebody asks for a look");
}
