//! What is remembered after a step that was refused, or whose answer was lost.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::json;

use super::eyes::{seen_off, turned_off};
use super::fixture::*;
use super::transitions::{call, deprovisioned};
use crate::api::{ConditionType, Operation, Reason, StepName, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::step::{BrokerCall, Outcome};

fn lost() -> Outcome {
    Outcome::Refused(failure(ErrorClass::Transient, Reason::ProviderUnavailable))
}

fn rejected() -> Outcome {
    Outcome::Refused(failure(ErrorClass::Invalid, Reason::ProviderRejected))
}

fn accepted() -> Outcome {
    Outcome::InProgress { handle: Some("h".into()), poll_after: None }
}

fn operation(world: &World) -> Operation {
    world.status.as_ref().unwrap().operation.clone().expect("an operation")
}

/// An intent binds until its deadline, which a further try of the same request does not move.
#[test]
fn a_request_whose_answer_was_lost_stays_the_same_operation_when_it_is_sent_again() {
    let mut world = World::new(json!({"dataLocation": {"region": "UK"}}));
    world.pass_with(&lost(), None);
    let first = operation(&world);
    world.observed.failure = None;
    world.now += SignedDuration::from_mins(10);
    world.pass_with(&lost(), None);
    assert_eq!((world.sent.len(), operation(&world)), (2, first.clone()));
    world.observed.failure = None;
    world.pass_with(&accepted(), None);
    assert_eq!(operation(&world).start_time, first.start_time, "it is the one that was sent first");
    assert_eq!(
        operation(&world).deadline_time.0,
        world.now + SignedDuration::from_hours(1),
        "from when it was accepted"
    );
}

#[test]
fn a_request_that_was_refused_and_is_sent_again_is_another_operation() {
    let mut world = World::new(json!({}));
    world.pass_with(&rejected(), None);
    world.assert_stalled(Reason::ProviderRejected);
    world.now += SignedDuration::from_mins(1);
    world.subject.reconcile_request = Some("again".into());
    world.pass_with(&accepted(), None);
    let second = operation(&world);
    assert_eq!((second.result, second.end_time, second.message), (None, None, None));
    assert_eq!(second.start_time.0, world.now);
    world.assert_ready(TriState::False, Reason::Enabling);
}

#[test]
fn a_link_that_was_refused_and_is_asked_for_again_is_another_operation() {
    let mut world = World::new(json!({"integrations": [{"name": "intune", "type": "EndpointIntune"}]}));
    world.show_state("Enabled");
    world.pass_with(&rejected(), None);
    world.assert_stalled(Reason::ProviderRejected);
    world.now += SignedDuration::from_mins(1);
    world.subject.reconcile_request = Some("again".into());
    world.pass_with(&accepted(), None);
    let second = operation(&world);
    assert_eq!((second.step, second.result, second.end_time), (StepName::Link, None, None));
    assert_eq!(second.start_time.0, world.now);
    world.assert_ready(TriState::False, Reason::Linking);
}

#[test]
fn an_operation_of_another_step_is_not_continued() {
    let mut world = World::new(json!({}));
    world.pass_with(&lost(), None);
    world.observed.failure = None;
    world.edit(deprovisioned());
    world.show_state("Enabled");
    world.wait(2);
    world.pass_with(&accepted(), None);
    assert_eq!(call(&world, 1), BrokerCall::Deprovision);
    assert_eq!((operation(&world).step, operation(&world).start_time.0), (StepName::Deprovision, world.now));
}

/// "The other changes are absolute and repeatable": no intent of them is kept.
#[test]
fn a_link_whose_answer_was_lost_leaves_no_operation_behind() {
    let mut world = World::new(json!({"integrations": [{"name": "intune", "type": "EndpointIntune"}]}));
    world.show_state("Enabled");
    world.pass_with(&lost(), None);
    assert_eq!(world.sent.len(), 1);
    assert_eq!(world.status.as_ref().unwrap().operation, None);
    assert!(world.condition(ConditionType::Reconciling).is_some());
    world.observed.failure = None;
    world.pass();
    assert_eq!(world.sent.len(), 2);
    world.assert_ready(TriState::True, Reason::Enabled);
}

/// "It is cleared … when its `Enable` was refused with nothing accepted (`ProviderRejected`, instance absent, tenant not
/// on)", and "never changes by itself" otherwise.
#[test]
fn a_refused_request_frees_its_own_pin_and_no_other() {
    let mut own = World::new(json!({"dataLocation": {"region": "UK"}}));
    own.pass_with(&rejected(), None);
    assert_eq!(own.region(), None, "nothing was accepted");

    let mut exists = World::new(json!({"dataLocation": {"region": "UK"}}));
    let (situation, plan) = (exists.situation(), exists.plan());
    exists.write(crate::plan::report::report(&situation, &plan));
    assert_eq!(exists.region().as_deref(), Some("UK Declared"));
    let situation = exists.situation();
    exists.show(present(&json!({"state": "Disabled"})));
    let after = situation.after(plan.next().unwrap(), &rejected(), Some(exists.observed.clone()));
    assert!(after.memory.pin().is_some(), "an instance is there all the same");

    let mut earlier = World::new(json!({})).sees_on();
    earlier.pass();
    assert_eq!(earlier.region().as_deref(), Some("EU Observed"));
    earlier.wait(30);
    turned_off(earlier.microsoft());
    earlier.pass_with(&rejected(), None);
    assert_eq!((earlier.sent.len(), call(&earlier, 0)), (1, BrokerCall::Provision));
    assert_eq!(earlier.region().as_deref(), Some("EU Observed"), "it was pinned long before");
}

/// "`Retry-After`: capped at `resyncSeconds`."
#[rstest]
#[case::soon(90, 90)]
#[case::at_the_resync(3600, 3600)]
#[case::in_days(360_000, 3600)]
fn nothing_is_asked_before_the_other_side_said_and_never_later_than_the_resync(#[case] asked: i64, #[case] waits: i64) {
    let later = |seconds| Some(noon() + SignedDuration::from_secs(seconds));
    let throttled = |until: Option<Timestamp>| failure(ErrorClass::Throttled { until }, Reason::Throttled);
    let mut world = World::new(json!({}));
    world.observed.failure = Some(throttled(later(asked)));
    world.pass();
    assert_eq!(world.recent.throttled_until, later(waits), "the broker");
    let mut seen = World::new(json!({})).sees(seen_off());
    seen.microsoft().failure = Some(throttled(later(asked)));
    seen.pass();
    assert_eq!(seen.recent.throttled_until, None, "Microsoft's calls are held back where they are made");
    world.observed.failure = Some(throttled(None));
    world.pass();
    assert_eq!(world.recent.throttled_until, None);
    assert_eq!(world.recent.failures, 2);
}
