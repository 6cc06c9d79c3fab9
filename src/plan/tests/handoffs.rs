//! What persons are asked for, and what closes it.

use serde_json::{Value, json};

use super::fixture::*;
use crate::api::{ConditionType, PendingStep, Reason, TriState};

fn without_broker(fields: Value) -> World {
    let mut world = World::new(fields).without_broker();
    world.pass();
    world
}

fn first_action(world: &World) -> crate::api::PendingAction {
    world.status.as_ref().unwrap().pending_actions[0].clone()
}

#[test]
fn a_service_of_unknown_state_is_handed_to_a_person_and_closed_by_attestation() {
    let mut world = without_broker(json!({}));
    world.assert_ready(TriState::Unknown, Reason::ActionRequired);
    let action = first_action(&world);
    assert_eq!(action.step, PendingStep::Enable);
    assert!(action.role.contains("Security Administrator (194ae4cb-b126-40b2-bd5b-6091b380977d)"));
    assert!(action.link.ends_with(&format!("?tid={TENANT}")));
    assert_eq!(world.condition(ConditionType::ActionRequired), Some((TriState::True, Reason::ActionRequired)));
    world.wait(3);
    world.pass();
    assert_eq!(first_action(&world).since_time, action.since_time, "it waits since the first time");
    world.edit(json!({"attestations": [attestation("ServiceOn", json!({}))]}));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert!(world.status.unwrap().pending_actions.is_empty());
}

#[test]
fn a_wished_region_goes_to_support_and_warns_of_the_portal_where_a_visit_turns_it_on() {
    let fields = |experience| json!({"experience": experience, "dataLocation": {"region": "UK"}, "dataSharing": consent("2026-01-01")});
    for experience in ["SettingsPage", "DefenderPortal"] {
        let action = first_action(&without_broker(fields(experience)));
        assert_eq!(action.step, PendingStep::RequestRegion);
        assert!(action.instructions.contains("Do not open the security portal"), "{}", action.instructions);
        assert!(!action.link.contains("security.microsoft.com"));
    }
    let action = first_action(&without_broker(fields("WelcomePage")));
    assert_eq!(action.step, PendingStep::Enable);
    assert!(action.instructions.contains("choose UK") && action.instructions.contains("consent"));
}

#[test]
fn a_declared_region_that_nobody_knows_is_asked_for() {
    let fields = json!({"dataLocation": {"region": "UK"}, "attestations": [attestation("ServiceOn", json!({}))]});
    let mut world = without_broker(fields);
    world.assert_stalled(Reason::ActionRequired);
    assert_eq!(first_action(&world).step, PendingStep::Attest);
    let both = json!([attestation("ServiceOn", json!({})), attestation("DataLocation", json!({"region": "UK"}))]);
    world.edit(json!({"attestations": both}));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.region().as_deref(), Some("UK Attested"));
}

#[test]
fn an_attestation_warns_before_it_lapses_and_then_asks_again() {
    let mut world = without_broker(json!({"attestations": [attestation("ServiceOn", json!({}))]}));
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::True, Reason::Enabled)));
    world.now = "2026-12-05T00:00:00Z".parse().unwrap();
    world.pass();
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::True, Reason::AttestationExpiring)));
    world.assert_ready(TriState::True, Reason::Enabled);
    world.now = "2026-12-16T00:00:00Z".parse().unwrap();
    for _ in 0..2 {
        world.pass();
        assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::Unknown, Reason::AttestationExpired)));
        world.assert_ready(TriState::Unknown, Reason::ActionRequired);
        assert_eq!(first_action(&world).step, PendingStep::Attest);
    }
}

#[test]
fn an_attestation_that_goes_takes_its_word_with_it() {
    let mut world = without_broker(json!({"attestations": [attestation("ServiceOn", json!({}))]}));
    world.edit(json!({"attestations": []}));
    world.pass();
    world.assert_ready(TriState::Unknown, Reason::ActionRequired);
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::Unknown, Reason::AttestationExpired)));
}

#[test]
fn contradicting_attestations_are_ambiguous() {
    let both = json!([attestation("ServiceOn", json!({})), attestation("ServiceOff", json!({}))]);
    let world = without_broker(json!({"attestations": both}));
    world.assert_ready(TriState::Unknown, Reason::ActionRequired);
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::Unknown, Reason::Ambiguous)));
}

#[test]
fn an_attestation_from_the_future_does_not_count_yet_and_is_named() {
    let later = attestation("ServiceOn", json!({"attestTime": "2026-06-15T12:06:00Z"}));
    let world = without_broker(json!({"attestations": [later]}));
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::Unknown, Reason::NotAsked)));
    assert!(world.message(ConditionType::ServiceOn).contains("serviceon"));
    let skewed = attestation("ServiceOn", json!({"attestTime": "2026-06-15T12:04:00Z"}));
    without_broker(json!({"attestations": [skewed]})).assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn the_brokers_word_outranks_an_attestation() {
    let mut world = World::new(json!({"attestations": [attestation("ServiceOff", json!({}))]}));
    world.show_state("Enabled");
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn links_without_a_broker_are_handed_to_the_matching_role() {
    let links = json!([{"name": "identity-data", "type": "IdentityCloudApps"}]);
    let on = attestation("ServiceOn", json!({}));
    let fields = |experience: &str| json!({"experience": experience, "integrations": links, "attestations": [on], "dataSharing": consent("2026-01-01")});
    let old = without_broker(fields("WelcomePage"));
    assert!(first_action(&old).role.starts_with("Global Administrator"));
    assert!(!first_action(&old).role.contains("Security Administrator"));
    let mut today = without_broker(fields("DefenderPortal"));
    assert!(first_action(&today).instructions.contains("Sign in to Defender for Cloud Apps"));
    let linked = attestation("IntegrationLinked", json!({"integrationName": "identity-data"}));
    today.edit(json!({"attestations": [on, linked]}));
    today.pass();
    today.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn the_irreversible_link_waits_for_a_region() {
    let link = json!([{"name": "mde", "type": "DefenderForCloudEndpoint", "subscriptionId": TENANT}]);
    let world = without_broker(json!({"integrations": link, "attestations": [attestation("ServiceOn", json!({}))]}));
    world.assert_stalled(Reason::RegionRequired);
    assert!(world.status.unwrap().pending_actions.is_empty());
}
