//! Deleting never destroys by itself, and never wedges.

use serde_json::json;

use super::fixture::*;
use crate::api::{ConditionType, FINALIZER, Reason, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::release::Hold;
use crate::plan::situation::Permit;
use crate::plan::step::Outcome;

fn deleted(fields: &serde_json::Value) -> World {
    let mut all = json!({"deletionPolicy": "Deprovision"});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut world = World::new(all);
    world.show_state("Enabled");
    world.pass();
    world.subject.is_deleting = true;
    world.subject.finalizers = vec![FINALIZER.into()];
    world
}

fn declare(world: &mut World) {
    world.edit(json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT}));
}

fn is_released(hold: &Hold, with_warning: bool) -> bool {
    matches!(hold, Hold::Release { warning } if warning.is_some() == with_warning)
}

#[test]
fn retain_never_has_a_finalizer() {
    let mut world = World::new(json!({}));
    assert_eq!(world.hold(), Hold::Keep);
    world.subject.finalizers = vec![FINALIZER.into()];
    assert!(is_released(&world.hold(), false));
}

#[test]
fn the_policy_deprovision_adds_the_finalizer_for_the_owner_only() {
    let mut world = World::new(json!({"deletionPolicy": "Deprovision"}));
    assert_eq!(world.hold(), Hold::Add);
    for permit in [Permit::NotAllowed, Permit::Duplicate] {
        world.permit = permit;
        assert_eq!(world.hold(), Hold::Keep);
        world.subject.finalizers = vec![FINALIZER.into()];
        assert!(is_released(&world.hold(), false));
        world.subject.finalizers.clear();
    }
}

#[test]
fn suspend_adds_and_removes_nothing() {
    let mut world = World::new(json!({"deletionPolicy": "Deprovision", "managementPolicy": "Suspend"}));
    assert_eq!(world.hold(), Hold::Keep);
    world.subject.finalizers = vec![FINALIZER.into()];
    world.subject.is_deleting = true;
    assert_eq!(world.hold(), Hold::Keep);
    world.edit(json!({"deletionPolicy": "Retain"}));
    assert!(is_released(&world.hold(), true));
}

#[test]
fn a_deleted_resource_waits_for_the_declaration_then_deprovisions_once_and_goes() {
    let mut world = deleted(&json!({}));
    world.pass();
    world.assert_stalled(Reason::DeprovisionNotDeclared);
    assert_eq!(world.hold(), Hold::Keep);
    assert!(world.sent.is_empty());
    declare(&mut world);
    world.pass();
    assert_eq!(world.sent.len(), 1);
    assert!(is_released(&world.hold(), false), "absence is proven");
    world.pass();
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn another_finalizer_goes_first() {
    let mut world = deleted(&json!({}));
    world.subject.finalizers.push("backup.example.com/hold".into());
    declare(&mut world);
    world.pass();
    assert!(world.sent.is_empty());
    world.assert_ready(TriState::False, Reason::Deleting);
    world.subject.finalizers.pop();
    world.pass();
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn retain_on_the_terminating_object_releases_it_with_a_warning() {
    let mut world = deleted(&json!({}));
    world.edit(json!({"deletionPolicy": "Retain"}));
    assert!(is_released(&world.hold(), true));
    world.pass();
    assert!(world.sent.is_empty());
}

#[test]
fn a_terminating_namespace_releases_without_calling_anything() {
    let mut world = deleted(&json!({}));
    declare(&mut world);
    world.subject.home_is_terminating = true;
    assert!(is_released(&world.hold(), true));
    world.pass();
    assert!(world.sent.is_empty());
}

#[test]
fn a_resource_without_permission_and_one_that_is_succeeded_release_without_calling() {
    for permit in [Permit::NotAllowed, Permit::Succeeded] {
        let mut world = deleted(&json!({}));
        declare(&mut world);
        world.permit = permit;
        assert!(is_released(&world.hold(), true));
        world.pass();
        assert!(world.sent.is_empty());
    }
}

#[test]
fn a_broker_that_refuses_holds_until_somebody_attests() {
    let mut world = deleted(&json!({}));
    declare(&mut world);
    world.pass_with(&Outcome::Refused(failure(ErrorClass::Invalid, Reason::ProviderRejected)), None);
    world.assert_stalled(Reason::ProviderRejected);
    assert_eq!(world.hold(), Hold::Keep);
    world.edit(json!({"attestations": [attestation("Deprovisioned", json!({}))]}));
    world.pass_with(&Outcome::Refused(failure(ErrorClass::Invalid, Reason::ProviderRejected)), None);
    assert!(is_released(&world.held, false), "{}", world.plan());
}

#[test]
fn no_broker_holds_with_the_support_text() {
    let mut world = deleted(&json!({})).without_broker();
    world.subject.is_deleting = true;
    declare(&mut world);
    world.pass();
    world.assert_stalled(Reason::ActionRequired);
    assert_eq!(world.hold(), Hold::Keep);
    world.edit(json!({"attestations": [attestation("Deprovisioned", json!({}))]}));
    assert!(is_released(&world.hold(), false));
}

#[test]
fn a_broker_that_cannot_be_reached_is_waited_for_until_the_deadline() {
    let mut world = deleted(&json!({}));
    declare(&mut world);
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    world.pass();
    assert_eq!(world.condition(ConditionType::Ready).unwrap().1, Reason::ProviderUnavailable);
    assert!(world.condition(ConditionType::Stalled).is_none());
    let since = world.now;
    world.now = since + jiff::SignedDuration::from_secs(3599);
    world.pass();
    assert!(world.condition(ConditionType::Stalled).is_none(), "a second before the deadline");
    world.now = since + jiff::SignedDuration::from_secs(3600);
    world.pass();
    world.assert_stalled(Reason::ProviderUnavailable);
    assert_eq!(world.hold(), Hold::Keep);
}

#[test]
fn a_deleted_resource_is_not_ready_also_where_its_tenant_is_unknown() {
    let mut world = World::new(json!({"deletionPolicy": "Deprovision"})).without_broker();
    world.pass();
    world.assert_ready(TriState::Unknown, Reason::ActionRequired);
    world.subject.is_deleting = true;
    world.subject.finalizers = vec![FINALIZER.into()];
    world.pass();
    world.assert_ready(TriState::False, Reason::DeprovisionNotDeclared);
}

/// "A broker that cannot be reached: `Reconciling`, `ProviderUnavailable`, until the deadline", whatever was said before.
#[test]
fn what_was_gone_before_the_deletion_is_proven_again() {
    let mut world = deleted(&json!({}));
    world.subject.is_deleting = false;
    declare(&mut world);
    world.settle();
    world.assert_ready(TriState::True, Reason::Deprovisioned);
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    let mut living = world.clone();
    living.pass();
    living.assert_ready(TriState::True, Reason::Deprovisioned);
    world.subject.is_deleting = true;
    world.pass();
    assert_eq!(world.condition(ConditionType::Ready).unwrap().1, Reason::ProviderUnavailable);
    assert!(world.condition(ConditionType::Reconciling).is_some());
    assert_eq!(world.hold(), Hold::Keep);
}
