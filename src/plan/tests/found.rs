//! What generated stories once found, one case each, by name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fixture::{TENANT, World, attestation};
use super::model::{Fault, Licence, SUBSCRIPTION, Tenant};
use super::story::Story;
use crate::api::{ConditionType, Reason, TriState};
use crate::plan::situation::Permit;
use crate::tenant::{IntegrationType, LinkState, Permission, Region, Service};

/// A tenant that is on with its data in the EU, licensed, and seen with every permission, without a broker.
fn tenant() -> Tenant {
    let permissions = [
        Permission::Organization,
        Permission::SecurityIncidents,
        Permission::ThreatHunting,
        Permission::IdentityHealth,
        Permission::DirectoryRoles,
        Permission::IntuneConnector,
        Permission::SecurityReader,
        Permission::SecurityAdmin,
    ];
    Tenant {
        is_on: true,
        region: Some(Region::EU),
        endpoint: Some(Region::EU),
        licence: Licence::Full,
        has_administrator: true,
        identity_is_onboarded: false,
        links: BTreeMap::new(),
        settings: Service::ALL.iter().map(|service| (*service, 7)).collect(),
        permissions: BTreeSet::from(permissions),
        sentinel_takes_applications: true,
        has_broker: false,
        is_retrievable: false,
        withholds: false,
        is_async: false,
        record: None,
        running: None,
        failed: None,
        creates: 0,
        deletes: 0,
        second_creates: 0,
    }
}

fn story(fields: Value, tenant: Tenant) -> Story {
    let mut world = World::new(fields);
    world.edit(json!({
        "credentials": {"type": "WorkloadIdentity", "workloadIdentity": {"clientId": SUBSCRIPTION}},
        "observation": {"subscriptionId": SUBSCRIPTION},
    }));
    world.capabilities.has_broker = tenant.has_broker;
    Story { world, tenant }
}

fn deprovisioned(attested: &Value) -> Value {
    json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT, "attestations": attested})
}

fn apps() -> Value {
    json!({"integrations": [{"name": "apps", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION}]})
}

#[test]
fn a_broker_that_shows_nothing_is_asked_once_to_remove_what_is_seen_to_be_gone() {
    let off = Tenant { is_on: false, region: None, endpoint: None, has_broker: true, ..tenant() };
    let mut story = story(deprovisioned(&json!([])), off);
    story.settle();
    assert_eq!(story.world.sent.len(), 1);
    story.world.assert_ready(TriState::True, Reason::Deprovisioned);
}

#[test]
fn a_link_that_was_not_read_is_not_written() {
    let mut story = story(apps(), tenant());
    story.pass(Fault::LinksNotAsked);
    assert!(story.world.sent.is_empty());
    assert_eq!(story.world.condition(ConditionType::Ready).map(|ready| ready.1), Some(Reason::Linking));
    story.pass(Fault::Nothing);
    assert_eq!(story.world.sent.len(), 1);
}

#[test]
fn a_link_that_cannot_be_read_again_stands_for_three_resyncs() {
    let mut tenant = tenant();
    tenant.links.insert(IntegrationType::DefenderForCloudCloudApps, LinkState::Linked);
    let mut story = story(apps(), tenant);
    story.settle();
    let writes = story.world.writes;
    let link_fails = Fault::Unread(1 << 10);
    for hours in [0, 1, 1] {
        story.world.wait(hours);
        story.pass(link_fails);
        assert_eq!(story.world.writes, writes);
    }
    story.world.wait(1);
    story.pass(link_fails);
    story.world.assert_stalled(Reason::ProviderUnavailable);
    assert_eq!(story.world.condition(ConditionType::Ready).map(|ready| ready.0), Some(TriState::Unknown));
    story.pass(Fault::Nothing);
    story.world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn an_attestation_proves_no_deprovisioning_while_the_tenant_cannot_be_read() {
    let mut story = story(deprovisioned(&json!([attestation("Deprovisioned", json!({}))])), tenant());
    story.pass(Fault::Nothing);
    for fault in [Fault::Unread(1), Fault::SignInFails] {
        story.pass(fault);
        assert_ne!(story.world.condition(ConditionType::Ready).map(|ready| ready.0), Some(TriState::True));
    }
}

#[test]
fn no_word_proves_a_deprovisioning_while_hunting_still_answers() {
    let mut story = story(deprovisioned(&json!([attestation("ServiceOff", json!({}))])), tenant());
    story.pass(Fault::Nothing);
    assert_eq!(story.world.region().as_deref(), Some("EU Observed"));
    story.pass(Fault::Ambiguous);
    assert_eq!(story.world.region().as_deref(), Some("EU Observed"));
}

#[test]
fn nobody_asks_for_a_deprovisioning_again_because_a_reading_failed() {
    let mut story = story(deprovisioned(&json!([])), Tenant { is_on: false, region: None, endpoint: None, ..tenant() });
    story.settle();
    let writes = story.world.writes;
    story.pass(Fault::Unread(0b111));
    assert_eq!(story.world.writes, writes);
}

#[test]
fn an_attested_region_does_not_stand_in_for_one_that_could_not_be_read() {
    let attested = attestation("DataLocation", json!({"region": "EU"}));
    let elsewhere = Tenant { region: Some(Region::US), endpoint: Some(Region::US), ..tenant() };
    let mut story = story(json!({"dataLocation": {"region": "EU"}, "attestations": [attested]}), elsewhere);
    story.pass(Fault::Unread(1 << 8));
    assert_eq!(story.world.region(), None);
    assert_eq!(story.world.condition(ConditionType::Ready).map(|ready| ready.0), Some(TriState::Unknown));
    story.pass(Fault::Nothing);
    story.world.assert_stalled(Reason::RegionMismatch);
}

#[test]
fn an_attestation_does_not_stand_in_for_a_broker_that_could_not_be_asked() {
    let mut tenant = Tenant { is_on: false, region: None, endpoint: None, has_broker: true, ..tenant() };
    tenant.is_retrievable = true;
    let mut story = story(json!({"attestations": [attestation("ServiceOn", json!({}))]}), tenant);
    story.world.edit(json!({"credentials": null, "observation": null}));
    story.pass(Fault::BrokerUnread);
    assert_eq!(story.world.condition(ConditionType::ServiceOn).map(|service| service.0), Some(TriState::Unknown));
}

#[test]
fn a_proved_tenant_stays_ready_while_its_organization_cannot_be_read() {
    let mut story = story(json!({}), tenant());
    story.world.permit = Permit::NotAllowed;
    story.settle();
    story.world.assert_ready(TriState::True, Reason::Enabled);
    let writes = story.world.writes;
    story.pass(Fault::Unread(1 << 3));
    assert_eq!(story.world.writes, writes);
}
