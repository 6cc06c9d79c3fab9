use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::cli::uninstall::text;

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

fn resource(fields: &Value) -> DynamicObject {
    let mut resource = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
        "metadata": {"name": "contoso", "namespace": "security", "uid": "u1"},
        "spec": {"tenantId": TENANT, "deletionPolicy": "Retain", "managementPolicy": "Manage"},
    });
    json_patch::merge(&mut resource, fields);
    serde_json::from_value(resource).unwrap()
}

fn left(fields: &Value) -> Left {
    Left::of(&Found { resources: vec![resource(fields)], ..Found::default() })
}

fn held(spec: &Value, is_deleting: bool) -> Value {
    let mut fields = json!({"metadata": {"finalizers": ["example.com/other", FINALIZER]}, "spec": spec});
    if is_deleting {
        fields["metadata"]["deletionTimestamp"] = "2026-06-15T09:00:00Z".into();
    }
    fields
}

#[test]
fn an_empty_cluster_has_nothing_in_the_way() {
    let left = Left::of(&Found::default());
    assert!(left.is_clear());
    assert!(text(&left).ends_with("Nothing is in the way. Exit 0.\n"), "{}", text(&left));
}

#[rstest]
#[case::living(json!({"deletionPolicy": "Deprovision"}), false, r#"-p '{"spec":{"deletionPolicy":"Retain"}}'"#)]
#[case::deleted(json!({"deletionPolicy": "Deprovision"}), true, r#"-p '{"spec":{"deletionPolicy":"Retain"}}'"#)]
#[case::suspended(json!({"deletionPolicy": "Deprovision", "managementPolicy": "Suspend"}), false, r#""managementPolicy":"Observe""#)]
#[case::retained_while_suspended(json!({"managementPolicy": "Suspend"}), false, r#""managementPolicy":"Observe""#)]
#[case::deleted_while_suspended(json!({"deletionPolicy": "Deprovision", "managementPolicy": "Suspend"}), true, r#"-p '{"spec":{"deletionPolicy":"Retain"}}'"#)]
#[case::declared(json!({"deletionPolicy": "Deprovision", "desiredState": "Deprovisioned"}), true, r#"-p '{"spec":{"deletionPolicy":"Retain"}}'"#)]
#[case::unheard_of(json!({"deletionPolicy": 7}), true, r#"-p '{"spec":{"deletionPolicy":"Retain"}}'"#)]
fn a_held_resource_is_in_the_way_and_says_how_it_is_released(
    #[case] spec: Value,
    #[case] is_deleting: bool,
    #[case] command: &str,
) {
    let left = left(&held(&spec, is_deleting));
    let [hindrance] = left.in_the_way.as_slice() else { panic!("{left:?}") };
    assert_eq!(hindrance.kind, Kind::Finalizer);
    assert!(hindrance.command.as_ref().unwrap().contains(command), "{hindrance:?}");
    let text = text(&left);
    assert!(
        text.contains("security/contoso: it is ")
            && text.contains("the tenant as it is") | text.contains("the tenant is left as it is"),
        "{text}"
    );
    assert!(text.ends_with("1 thing is in the way. Exit 2.\n"), "{text}");
}

#[rstest]
#[case::living(json!({}), false)]
#[case::deleted(json!({}), true)]
#[case::deleted_while_suspended(json!({"managementPolicy": "Suspend"}), true)]
fn what_is_released_by_itself_needs_patience_only(#[case] spec: Value, #[case] is_deleting: bool) {
    let left = left(&held(&spec, is_deleting));
    assert!(left.in_the_way[0].command.is_none(), "{left:?}");
    assert!(text(&left).contains("Wait: "), "{left:?}");
}

#[test]
fn a_foreign_finalizer_is_not_ours_to_tell() {
    assert!(left(&json!({"metadata": {"finalizers": ["example.com/other"]}})).is_clear());
}

#[test]
fn an_operation_is_in_the_way_until_it_has_ended() {
    let operation = json!({
        "step": "Enable", "id": "i1", "parameters": {}, "startTime": "2026-06-15T09:00:00Z",
        "deadlineTime": "2026-06-15T10:00:00Z",
    });
    let open = left(&json!({"status": {"operation": operation}}));
    let [hindrance] = open.in_the_way.as_slice() else { panic!("{open:?}") };
    assert!(hindrance.kind == Kind::Operation && hindrance.problem.contains("Enable was sent"), "{hindrance:?}");
    let ended = json!({"status": {"operation": {"endTime": "2026-06-15T09:10:00Z", "result": "Failed"}}});
    let mut fields = json!({"status": {"operation": operation}});
    json_patch::merge(&mut fields, &ended);
    assert!(left(&fields).is_clear());
}

#[test]
fn tenants_and_their_instances_stay_and_are_in_nobodys_way() {
    let on = json!({"status": {
        "conditions": [{"type": "ServiceOn", "status": "True", "reason": "Enabled", "message": "on", "lastTransitionTime": "2026-06-15T09:00:00Z"}],
        "dataLocation": {"region": "EU", "source": "Observed", "pinTime": "2026-06-15T09:00:00Z"},
    }});
    let stays = left(&on);
    assert!(stays.is_clear());
    let instance = TENANT.parse::<TenantId>().unwrap().service_instance_id().to_string();
    let text = text(&stays);
    assert!(text.contains("the service is on, data in EU") && text.contains(&instance), "{text}");
    let gone = json!({"status": {"conditions": [{
        "type": "ServiceOn", "status": "False", "reason": "Deprovisioned", "message": "off",
        "lastTransitionTime": "2026-06-15T09:00:00Z",
    }]}});
    assert_eq!(left(&gone).tenants[0].broker_instance, None);
}

#[test]
fn whatever_its_shape_a_resource_can_be_told_of() {
    let odd = left(&json!({"spec": {"tenantId": "\u{202e}nobody"}, "status": 7}));
    assert_eq!((odd.tenants[0].service_on.as_str(), &odd.tenants[0].broker_instance), ("Unknown", &None));
    assert!(!text(&odd).contains('\u{202e}'), "{odd:?}");
}

#[test]
fn the_definition_and_leases_are_told() {
    let lease = |holder: Option<&str>| -> Lease {
        serde_json::from_value(json!({
            "metadata": {"name": "threat-protection-operator", "namespace": "tpo"},
            "spec": {"holderIdentity": holder},
        }))
        .unwrap()
    };
    let found = Found {
        definition: Some(crate::api::custom_resource_definition()),
        leases: vec![lease(Some("pod-1")), lease(Some(""))],
        ..Found::default()
    };
    let text = text(&Left::of(&found));
    assert!(text.contains("held by pod-1") && text.contains("given up"), "{text}");
    assert!(text.contains(crate::api::CRD_NAME) && text.contains("touches no tenant"), "{text}");
    let json = serde_json::to_value(Left::of(&found)).unwrap();
    assert_eq!(json["inTheWay"], json!([]));
    assert_eq!(json["leases"][0]["holder"], "pod-1");
}

#[test]
fn what_may_not_be_seen_is_said_and_is_in_nobodys_way() {
    let found = Found { unseen: vec!["the definition", "Leases"], ..Found::default() };
    let left = Left::of(&found);
    let text = text(&left);
    assert!(text.contains("not looked at, because you may not: the definition, Leases"), "{text}");
    assert!(!text.contains("no definition") && left.is_clear(), "{text}");
}
