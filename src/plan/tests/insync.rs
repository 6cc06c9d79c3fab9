//! The condition `InSync`: the tenant equals the spec.

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use super::transitions::deprovisioned;
use crate::api::{ConditionType, FINALIZER, Reason, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::microsoft::{Access, Microsoft};
use crate::plan::reading::Why;
use crate::plan::report::report;

const DIFFERS: TriState = TriState::False;

fn in_sync(world: &World) -> (TriState, Reason) {
    world.condition(ConditionType::InSync).unwrap()
}

/// What is written before the first step is sent.
fn told(world: &World) -> (TriState, Reason) {
    let mut world = world.clone();
    world.write(report(&world.situation(), &world.plan()));
    in_sync(&world)
}

#[rstest]
#[case::as_declared(json!({}), seen_on(), (TriState::True, Reason::Met))]
#[case::opted_out(json!({"desiredState": "Disabled"}), seen_off(), (TriState::True, Reason::Met))]
#[case::gone(deprovisioned(), seen_off(), (TriState::True, Reason::Met))]
#[case::a_person_must_act(json!({}), seen_off(), (DIFFERS, Reason::ActionRequired))]
#[case::only_observed(json!({"managementPolicy": "Observe"}), seen_off(), (DIFFERS, Reason::ObserveOnly))]
#[case::in_another_region(json!({"dataLocation": {"region": "UK"}}), seen_on(), (DIFFERS, Reason::RegionMismatch))]
#[case::not_known(json!({}), Microsoft::unknown(Access::Granted, Why::Ambiguous), (TriState::Unknown, Reason::NotAsked))]
#[case::not_read(json!({}), no_answer(), (TriState::Unknown, Reason::NotAsked))]
fn by_what_is_seen(#[case] fields: Value, #[case] microsoft: Microsoft, #[case] expected: (TriState, Reason)) {
    let mut world = World::new(fields).sees(microsoft).without_broker();
    world.pass();
    assert_eq!(in_sync(&world), expected);
}

#[test]
fn a_step_that_is_about_to_be_taken_is_a_difference() {
    assert_eq!(told(&World::new(json!({}))), (DIFFERS, Reason::Enabling));
    let mut off = World::new(json!({"desiredState": "Disabled"}));
    off.show_state("Enabled");
    assert_eq!(told(&off), (DIFFERS, Reason::Disabling));
    let mut gone = World::new(deprovisioned());
    gone.show_state("Enabled");
    assert_eq!(told(&gone), (DIFFERS, Reason::Deprovisioning));
    for (state, reason) in [("Linked", Reason::Linking), ("Unlinked", Reason::Unlinking)] {
        let entry = json!([{"name": "intune", "type": "EndpointIntune", "state": state}]);
        let mut link = World::new(json!({"integrations": entry}));
        link.show_state("Enabled");
        assert_eq!(told(&link), (DIFFERS, reason));
    }
}

#[rstest]
#[case::opted_out(json!({}), "Disabled")]
#[case::turned_on(json!({"desiredState": "Disabled"}), "Enabled")]
fn what_somebody_changed_outside_is_drift_until_it_is_left_alone_too(#[case] wish: Value, #[case] turned: &str) {
    let mut world = World::new(json!({}));
    world.settle();
    world.edit(wish);
    world.settle();
    assert_eq!(in_sync(&world), (TriState::True, Reason::Met));
    world.wait(1);
    world.show_state(turned);
    assert_eq!(told(&world), (DIFFERS, Reason::Drifted));
    world.pass();
    assert_eq!(in_sync(&world), (TriState::True, Reason::Met), "it was set back");
    world.wait(1);
    world.show_state(turned);
    world.pass();
    world.assert_stalled(Reason::Contended);
    assert_eq!(in_sync(&world), (DIFFERS, Reason::Drifted));
}

/// "A failed read is not an absence."
#[test]
fn what_could_not_be_read_again_is_not_a_difference() {
    let mut world = World::new(json!({}));
    world.settle();
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    world.edit(json!({"expectedServices": ["Endpoint"]}));
    world.pass();
    world.assert_ready(TriState::Unknown, Reason::ProviderUnavailable);
    assert_eq!(in_sync(&world), (TriState::Unknown, Reason::ReadFailed));
}

#[test]
fn a_tenant_that_is_let_go_was_not_looked_at() {
    let mut world = World::new(json!({}));
    world.settle();
    world.subject.is_deleting = true;
    world.subject.finalizers = vec![FINALIZER.into()];
    world.pass();
    assert_eq!(in_sync(&world), (TriState::Unknown, Reason::NotAsked));
}

#[test]
fn a_broker_that_says_the_same_or_has_nothing_to_say_is_not_stale() {
    let mut world = World::new(json!({})).sees_on();
    world.pass();
    assert_eq!(in_sync(&world), (TriState::True, Reason::Met), "adopted: it has no instance");
    world.show_state("Enabled");
    world.pass();
    assert_eq!(in_sync(&world), (TriState::True, Reason::Met));
    world.show_state("Disabled");
    world.pass();
    assert_eq!(in_sync(&world), (DIFFERS, Reason::Drifted));
}
