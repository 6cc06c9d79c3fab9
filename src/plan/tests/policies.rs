//! Observe, Suspend, permits, and specs that cannot be carried out.

use serde_json::json;

use super::fixture::*;
use crate::api::{Actor, ConditionType, Reason, StepName, TriState};
use crate::plan::situation::Permit;

#[test]
fn observe_publishes_the_plan_and_sends_nothing() {
    let mut world = World::new(
        json!({"managementPolicy": "Observe", "integrations": [{"name": "intune", "type": "EndpointIntune"}]}),
    );
    world.pass();
    world.assert_stalled(Reason::ObserveOnly);
    let status = world.status.as_ref().unwrap();
    assert_eq!((status.plan[0].step, status.plan[0].actor), (StepName::Enable, Actor::None));
    assert!(status.pending_actions.is_empty() && status.operation.is_none() && status.data_location.is_none());
    assert!(world.sent.is_empty());
    world.show(present(&json!({"state": "Enabled", "region": "EU", "integrations": {"EndpointIntune": "Linked"}})));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn observe_keeps_earlier_reasons_precise() {
    let mut world = World::new(json!({"managementPolicy": "Observe", "dataLocation": {"region": "US"}}));
    world.show_state("Enabled");
    world.pass();
    world.assert_stalled(Reason::RegionMismatch);
}

#[test]
fn observe_without_a_broker_asks_nobody() {
    let mut world = World::new(json!({"managementPolicy": "Observe"})).without_broker();
    world.pass();
    world.assert_stalled(Reason::ObserveOnly);
    assert!(world.status.unwrap().pending_actions.is_empty());
}

#[test]
fn suspend_on_a_fresh_resource_says_so_in_every_condition() {
    let mut world = World::new(json!({"managementPolicy": "Suspend"}));
    world.pass();
    assert_eq!(world.condition(ConditionType::Ready), Some((TriState::Unknown, Reason::Suspended)));
    assert_eq!(world.condition(ConditionType::Suspended), Some((TriState::True, Reason::Suspended)));
    assert_eq!(world.condition(ConditionType::InSync), Some((TriState::Unknown, Reason::Suspended)));
    assert_eq!(world.status.as_ref().unwrap().observed_generation, 1);
    assert!(world.sent.is_empty());
}

#[test]
fn suspend_on_a_running_resource_writes_only_that() {
    let mut world = World::new(json!({}));
    world.settle();
    let before = world.status.clone().unwrap();
    world.edit(json!({"managementPolicy": "Suspend"}));
    world.show_state("Disabled");
    world.pass();
    let after = world.status.clone().unwrap();
    assert_eq!(after.observed_generation, 1, "so that kstatus says InProgress");
    let suspended = after.conditions.iter().find(|condition| condition.type_ == "Suspended").unwrap();
    assert_eq!(suspended.observed_generation, Some(2));
    let others: Vec<_> = after.conditions.iter().filter(|condition| condition.type_ != "Suspended").cloned().collect();
    assert_eq!(others, before.conditions);
    assert_eq!(world.sent.len(), 1);
    world.edit(json!({"managementPolicy": null}));
    world.settle();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert!(world.condition(ConditionType::Suspended).is_none());
}

#[test]
fn a_namespace_without_permission_asks_nothing_of_the_tenant() {
    let mut world = World::new(json!({"attestations": [attestation("ServiceOn", json!({}))]}));
    world.permit = Permit::NotAllowed;
    world.pass();
    world.assert_stalled(Reason::TenantNotAllowed);
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::Unknown, Reason::NotAsked)));
    assert!(world.sent.is_empty() && world.status.unwrap().features.is_empty());
}

#[test]
fn a_duplicate_stalls_and_names_nobody() {
    let mut world = World::new(json!({}));
    world.permit = Permit::Duplicate;
    world.pass();
    world.assert_stalled(Reason::DuplicateTenant);
    assert!(world.sent.is_empty());
}

#[test]
fn a_spec_that_cannot_be_carried_out_loses_nothing() {
    let mut world = World::new(json!({}));
    world.settle();
    let twice = json!([{"name": "a", "type": "EndpointIntune"}, {"name": "b", "type": "EndpointIntune"}]);
    world.edit(json!({"integrations": twice}));
    world.pass();
    world.assert_stalled(Reason::InvalidSpec);
    assert!(world.message(ConditionType::Ready).contains("b links the same as a"));
    assert_eq!(world.region().as_deref(), Some("EU Claimed"));
}
