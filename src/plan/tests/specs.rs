//! A spec that an older schema let through is checked again: every rule of section "Spec" that no later step enforces.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::OTHER;
use super::fixture::*;
use super::transitions::deprovisioned;
use crate::api::{DesiredState, ThreatProtectionTenantSpec};
use crate::plan::desired::{Desired, DesiredProof, InvalidSpec};

const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";

fn checked(fields: &Value) -> Result<Desired, InvalidSpec> {
    let mut spec = json!({"tenantId": TENANT});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Desired::from_spec(&serde_json::from_value::<ThreatProtectionTenantSpec>(spec).unwrap())
}

fn about(claim: &str, extra: Value) -> Value {
    json!({"attestations": [attestation("ServiceOn", json!({})), attestation(claim, extra)]})
}

fn links(entries: &Value) -> Value {
    json!({"integrations": entries})
}

#[rstest]
#[case::a_tenant_that_is_no_id(json!({"tenantId": "contoso"}), "spec.tenantId")]
#[case::deprovisioned_without_confirmation(json!({"desiredState": "Deprovisioned"}), "spec.deprovisionConfirmation")]
#[case::confirmed_for_another_tenant(json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": OTHER}), "spec.deprovisionConfirmation")]
#[case::a_confirmation_that_lies_armed(json!({"deprovisionConfirmation": TENANT}), "spec.deprovisionConfirmation")]
#[case::armed_while_disabled(json!({"desiredState": "Disabled", "deprovisionConfirmation": TENANT}), "spec.deprovisionConfirmation")]
#[case::a_consent_without_a_day(json!({"experience": "WelcomePage", "dataSharing": consent("last March")}), "spec.dataSharing.consent.grantedOn")]
#[case::an_old_experience_elsewhere(json!({"experience": "SettingsPage", "cloud": "GCC"}), "spec.experience")]
#[case::a_region_of_another_cloud(json!({"cloud": "DoD", "dataLocation": {"region": "US"}}), "spec.dataLocation.region")]
#[case::a_region_that_did_not_exist_yet(json!({"experience": "SettingsPage", "dataLocation": {"region": "AU"}}), "spec.dataLocation.region")]
#[case::observing_and_deprovisioning(json!({"managementPolicy": "Observe", "deletionPolicy": "Deprovision"}), "spec.deletionPolicy")]
#[case::the_same_link_twice(links(&json!([{"name": "a", "type": "EndpointIntune"}, {"name": "b", "type": "EndpointIntune"}])), "spec.integrations[1]")]
#[case::the_same_subscription_twice(links(&json!([
    {"name": "a", "type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION},
    {"name": "b", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION},
    {"name": "c", "type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION},
])), "spec.integrations[2]")]
#[case::a_name_twice(links(&json!([{"name": "a", "type": "EndpointIntune"}, {"name": "a", "type": "IdentityCloudApps"}])), "spec.integrations[1]")]
#[case::a_location_without_a_region(about("DataLocation", json!({})), "spec.attestations[1].region")]
#[case::a_region_of_something_else(about("ServiceOff", json!({"region": "EU"})), "spec.attestations[1].region")]
#[case::linked_without_a_name(about("IntegrationLinked", json!({})), "spec.attestations[1].integrationName")]
#[case::unlinked_without_a_name(about("IntegrationUnlinked", json!({})), "spec.attestations[1].integrationName")]
#[case::a_name_of_something_else(about("ServiceOff", json!({"integrationName": "a"})), "spec.attestations[1].integrationName")]
#[case::over_when_it_begins(about("ServiceOff", json!({"expireTime": "2026-06-15T08:00:00Z"})), "spec.attestations[1].expireTime")]
#[case::over_before_it_begins(about("ServiceOff", json!({"expireTime": "2026-06-15T07:59:59Z"})), "spec.attestations[1].expireTime")]
fn is_refused(#[case] fields: Value, #[case] field: &str) {
    let problem = checked(&fields).expect_err("it cannot be carried out");
    assert_eq!(problem.field, field, "{problem}");
    assert!(problem.to_string().starts_with(&format!("{field}: ")), "{problem}");
}

#[rstest]
#[case::the_least(json!({}))]
#[case::confirmed(deprovisioned())]
#[case::another_cloud(json!({"cloud": "GCCHigh"}))]
#[case::an_old_region(json!({"experience": "WelcomePage", "dataLocation": {"region": "UK"}, "dataSharing": consent("2020-03-16")}))]
#[case::a_new_region(json!({"dataLocation": {"region": "AE"}}))]
#[case::observing(json!({"managementPolicy": "Observe"}))]
#[case::held(json!({"deletionPolicy": "Deprovision"}))]
#[case::held_and_suspended(json!({"deletionPolicy": "Deprovision", "managementPolicy": "Suspend"}))]
#[case::two_subscriptions(links(&json!([
    {"name": "a", "type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION},
    {"name": "b", "type": "DefenderForCloudEndpoint", "subscriptionId": TENANT},
])))]
#[case::a_location(about("DataLocation", json!({"region": "EU"})))]
#[case::a_link(about("IntegrationUnlinked", json!({"integrationName": "a"})))]
#[case::a_second(about("ServiceOff", json!({"expireTime": "2026-06-15T08:00:01Z"})))]
fn is_carried_out(#[case] fields: Value) {
    checked(&fields).expect("it is as the schema allows");
}

/// "300…86400, default 3600."
#[rstest]
#[case::default(json!({}), 3600)]
#[case::least(json!({"resyncSeconds": 300}), 300)]
#[case::less(json!({"resyncSeconds": 1}), 300)]
#[case::most(json!({"resyncSeconds": 86400}), 86400)]
#[case::more(json!({"resyncSeconds": 100_000}), 86400)]
fn the_resync_is_within_its_bounds(#[case] fields: Value, #[case] seconds: i64) {
    assert_eq!(checked(&fields).unwrap().resync, SignedDuration::from_secs(seconds));
}

#[test]
fn credentials_and_targets_are_taken_over() {
    assert_eq!(checked(&json!({})).unwrap().credentials, None);
    let workspace = "/subscriptions/x/workspaces/y";
    let declared = json!({
        "credentials": {"type": "WorkloadIdentity", "workloadIdentity": {"clientId": SUBSCRIPTION}},
        "integrations": [
            {"name": "a", "type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION},
            {"name": "b", "type": "SentinelIncidents", "workspaceResourceId": workspace},
            {"name": "c", "type": "EndpointIntune"},
        ],
    });
    let desired = checked(&declared).unwrap();
    let credentials = desired.credentials.unwrap();
    assert_eq!((credentials.client_id.as_str(), credentials.proof), (SUBSCRIPTION, DesiredProof::OperatorIdentity));
    let targets: Vec<_> = desired.integrations.values().map(|link| link.target.as_deref()).collect();
    assert_eq!(targets, [Some(SUBSCRIPTION), Some(workspace), None]);
}

/// "Cleanup needs only `tenantId`, policy and confirmation; if even those do not parse it releases with a warning."
#[test]
fn what_a_deletion_needs_is_read_from_a_spec_that_is_otherwise_broken() {
    let broken = json!({
        "tenantId": TENANT, "desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT,
        "deletionPolicy": "Deprovision", "managementPolicy": "Suspend", "cloud": "Mars", "resyncSeconds": "often",
    });
    let desired = Desired::salvage(&broken).unwrap();
    assert_eq!(desired, {
        let fields = json!({"deletionPolicy": "Deprovision", "managementPolicy": "Suspend", "desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT});
        checked(&fields).unwrap()
    });
    assert_eq!(desired.state, DesiredState::Deprovisioned);
    for field in ["tenantId", "deletionPolicy", "desiredState", "managementPolicy", "deprovisionConfirmation"] {
        let mut worse = broken.clone();
        worse[field] = json!(7);
        assert_eq!(Desired::salvage(&worse), None, "{field}");
    }
}
