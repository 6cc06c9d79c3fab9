//! When the next look is due.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use super::fixture::*;
use crate::api::Reason;
use crate::plan::failure::ErrorClass;
use crate::plan::pace::pace;
use crate::plan::situation::Permit;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn next_look(world: &World, jitter: f64) -> SignedDuration {
    pace(&world.situation(), &world.plan(), None, jitter)
}

#[test]
fn a_settled_tenant_is_looked_at_after_its_resync_spread_by_ten_per_cent() {
    let mut world = World::new(json!({"resyncSeconds": 1000}));
    world.settle();
    assert_eq!(next_look(&world, 0.0), seconds(900));
    assert_eq!(next_look(&world, 0.5), seconds(1000));
    assert_eq!(next_look(&world, 1.0), seconds(1100));
}

#[test]
fn the_administrator_bounds_the_resync() {
    let mut world = World::new(json!({"resyncSeconds": 86400}));
    world.capabilities.resync = (seconds(300), seconds(600));
    world.settle();
    assert_eq!(next_look(&world, 0.5), seconds(600));
}

#[test]
fn a_step_that_is_due_is_taken_at_once() {
    assert!(next_look(&World::new(json!({})), 1.0) < seconds(1));
}

#[rstest]
#[case::transient(ErrorClass::Transient, 0, 1)]
#[case::transient_again(ErrorClass::Transient, 3, 8)]
#[case::never_more_than_the_most(ErrorClass::Transient, 30, 300)]
#[case::refused_credentials_are_not_hammered(ErrorClass::Auth, 0, 300)]
#[case::missing_permissions_are_not_hammered(ErrorClass::Permission, 0, 300)]
#[case::throttled_without_a_time(ErrorClass::Throttled { until: None }, 0, 5)]
#[case::throttled_until(ErrorClass::Throttled { until: Some(noon() + SignedDuration::from_secs(90)) }, 7, 90)]
#[case::throttled_for_ever_is_capped_at_the_resync(ErrorClass::Throttled { until: Some(noon() + SignedDuration::from_hours(99)) }, 0, 3600)]
fn failures_are_met_at_the_pace_of_their_class(
    #[case] class: ErrorClass,
    #[case] failures: u32,
    #[case] expected: i64,
) {
    let mut world = World::new(json!({}));
    world.observed = unreadable(class, Reason::ProviderUnavailable);
    world.recent.failures = failures;
    assert_eq!(next_look(&world, 0.0), seconds(expected), "never earlier");
    assert!(next_look(&world, 1.0) <= seconds(expected).saturating_mul(13) / 10);
}

#[test]
fn a_duplicate_looks_often_because_it_asks_nobody() {
    let mut world = World::new(json!({}));
    world.permit = Permit::Duplicate;
    assert_eq!(next_look(&world, 0.5), seconds(30));
}

#[test]
fn the_end_of_an_attestation_is_not_slept_through() {
    let soon = attestation("ServiceOn", json!({"expireTime": "2026-06-15T12:10:00Z"}));
    let mut world = World::new(json!({"attestations": [soon]})).without_broker();
    world.pass();
    assert_eq!(next_look(&world, 0.5), seconds(600));
}

#[test]
fn a_held_resource_notices_soon_that_its_namespace_goes() {
    let mut world = World::new(json!({"deletionPolicy": "Deprovision", "resyncSeconds": 86400}));
    world.settle();
    world.subject.is_deleting = true;
    world.subject.finalizers = vec![crate::api::FINALIZER.to_owned()];
    world.pass();
    world.assert_stalled(Reason::DeprovisionNotDeclared);
    assert_eq!(next_look(&world, 0.5), seconds(30));
}

/// Whoever asks for a reconcile has acted, or is about to.
#[test]
fn an_old_hand_off_is_looked_at_more_often_for_two_hours_after_a_reconcile_request() {
    let mut world = World::new(json!({})).sees_off().without_broker();
    world.pass();
    world.wait(3);
    world.pass();
    assert_eq!(next_look(&world, 0.5), seconds(3600), "it is an old one");
    world.subject.reconcile_request = Some("done".into());
    world.pass();
    world.now += seconds(2 * 3600 - 1);
    world.pass();
    assert_eq!(next_look(&world, 0.5), seconds(120));
    world.now += seconds(1);
    world.pass();
    assert_eq!(next_look(&world, 0.5), seconds(3600));
}
