//! What must not be believed, forgotten or sent although it looks as if it could.

use serde_json::json;

use super::fixture::*;
use super::transitions::{call, deprovisioned};
use crate::api::{ConditionType, Reason, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::observed::{Instance, Observed, Progress};
use crate::plan::reading::{Reading, Why};
use crate::plan::step::{BrokerCall, Outcome};

fn failed() -> Progress {
    Progress::Failed { description: "no seats".into(), is_repeatable: true, is_usable: true }
}

fn accepted() -> Outcome {
    Outcome::InProgress { handle: Some("h".into()), poll_after: None }
}

#[test]
fn what_was_only_asked_for_is_not_believed_after_a_failure_and_a_reconcile_request() {
    let mut world = World::new(json!({}));
    world.pass_with(&accepted(), None);
    world.show_state("Enabled");
    world.observed = progressing(&world.observed, failed());
    world.pass();
    world.assert_stalled(Reason::OperationFailed);
    world.show_state("Enabled");
    world.subject.reconcile_request = Some("again".into());
    world.pass();
    assert_eq!(world.sent.len(), 2, "it is sent, and not taken for done");
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn the_region_of_an_instance_that_is_off_is_known_before_it_is_turned_on() {
    let mut world = World::new(json!({"dataLocation": {"region": "US"}}));
    world.show(present(&json!({"state": "Disabled", "region": "EU"})));
    world.pass();
    world.assert_stalled(Reason::RegionMismatch);
    assert!(world.sent.is_empty() && world.region().is_none());
    world.edit(json!({"dataLocation": null}));
    world.settle();
    assert_eq!(world.region().as_deref(), Some("EU Claimed"));
}

#[test]
fn a_failed_reading_of_what_is_gone_writes_and_sends_nothing() {
    for may in [true, false] {
        let mut world = World::new(deprovisioned());
        world.permit = crate::plan::situation::Permit::Granted { allow_deprovision: may };
        world.settle();
        world.assert_ready(TriState::True, Reason::Deprovisioned);
        let writes = world.writes;
        world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
        world.pass();
        assert_eq!((world.writes, world.sent.len()), (writes, 0));
    }
}

#[test]
fn a_failed_reading_forgets_neither_a_contention_nor_a_hand_off() {
    let mut world = World::new(json!({}));
    world.settle();
    for _ in 0..2 {
        world.wait(1);
        world.show_state("Disabled");
        world.pass();
    }
    world.assert_stalled(Reason::Contended);
    let writes = world.writes;
    world.wait(30);
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    world.pass();
    world.show_state("Disabled");
    world.pass();
    world.assert_stalled(Reason::Contended);
    assert_eq!((world.writes, world.sent.len()), (writes, 2));
}

#[test]
fn a_reconcile_request_that_could_not_be_looked_into_stays_open() {
    let mut world = World::new(json!({}));
    world.pass_with(&accepted(), None);
    world.show(present(&json!({"state": "Disabled"})));
    world.observed = progressing(&world.observed, failed());
    world.pass();
    world.subject.reconcile_request = Some("again".into());
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    world.pass();
    assert_eq!(world.status.as_ref().unwrap().last_handled_reconcile_at, None);
    world.show(present(&json!({"state": "Disabled"})));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn an_instance_that_was_not_looked_at_is_not_provisioned_over() {
    let mut world = World::new(json!({"desiredState": "Disabled"}));
    world.show_state("Enabled");
    world.pass_with(&accepted(), None);
    let running = Observed {
        instance: Reading::unknown(Why::NotAsked),
        is_retrievable: true,
        progress: Some(Progress::InProgress { retry_after: None }),
        ..Observed::nothing()
    };
    world.observed = running.clone();
    world.wait(2);
    world.pass();
    world.assert_stalled(Reason::OperationTimedOut);
    for wish in [json!({"desiredState": null}), deprovisioned()] {
        let mut changed = world.clone();
        changed.edit(wish);
        changed.pass();
        assert_eq!(changed.sent.len(), 1, "{}", changed.plan());
    }
}

#[test]
fn an_expired_attestation_does_not_outlive_the_brokers_word() {
    let expired = attestation("ServiceOn", json!({"expireTime": "2026-06-15T09:00:00Z"}));
    let mut world =
        World::new(json!({"attestations": [expired], "integrations": [{"name": "intune", "type": "EndpointIntune"}]}));
    world.observed = Observed { instance: Reading::unknown(Why::NotAsked), ..Observed::nothing() };
    let silent = world.observed.clone();
    for _ in 0..3 {
        world.pass_with(&Outcome::Done, Some(silent.clone()));
    }
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn a_refused_step_is_sent_once_for_each_answer() {
    let mut world = World::new(json!({}));
    world.settle();
    world.edit(json!({"desiredState": "Disabled"}));
    world.pass_with(&Outcome::Refused(failure(ErrorClass::Invalid, Reason::ProviderRejected)), None);
    world.assert_stalled(Reason::ProviderRejected);
    world.pass();
    world.assert_stalled(Reason::ProviderRejected);
    assert_eq!(world.sent.len(), 2);
    assert_eq!(call(&world, 1), BrokerCall::Update);
}

#[test]
fn a_deprovisioning_by_a_persons_word_says_so() {
    let mut world = World::new(deprovisioned());
    world.permit = crate::plan::situation::Permit::Granted { allow_deprovision: false };
    world.show_state("Enabled");
    world.edit(json!({"attestations": [attestation("Deprovisioned", json!({}))]}));
    world.pass();
    world.assert_ready(TriState::True, Reason::Deprovisioned);
    assert!(world.message(ConditionType::Ready).contains("as attested"));
    assert_eq!(world.condition(ConditionType::ServiceOn).map(|service| service.0), Some(TriState::False));
}

#[test]
fn a_verdict_that_rests_on_a_broker_that_is_gone_becomes_a_hand_off() {
    let mut world = World::new(json!({}));
    world.pass_with(&Outcome::Done, None);
    world.assert_ready(TriState::False, Reason::Verifying);
    world.show(Instance::Absent);
    let mut world = world.without_broker();
    world.wait(2);
    world.subject.reconcile_request = Some("again".into());
    world.pass();
    assert!(world.condition(ConditionType::Stalled).is_some(), "{}", world.plan());
    assert!(world.condition(ConditionType::ActionRequired).is_some());
}

#[test]
fn trying_a_refused_request_again_does_not_change_the_verdict() {
    let refused = Outcome::Refused(failure(ErrorClass::Invalid, Reason::ProviderRejected));
    let mut world = World::new(json!({"dataLocation": {"region": "US"}}));
    world.pass_with(&refused, None);
    let before = world.status.clone().unwrap().conditions;
    world.wait(1);
    let situation = world.situation();
    let tried = crate::plan::report::report(&situation, &world.plan());
    assert_eq!(tried.conditions, before, "also while it is being tried");
    assert!(tried.operation.is_some_and(|operation| operation.end_time.is_none()), "the intent is there all the same");
    assert!(tried.data_location.is_some(), "and the pin");
    world.pass_with(&refused, None);
    assert_eq!(world.sent.len(), 2);
    assert_eq!(world.status.clone().unwrap().conditions, before);
    assert!(world.region().is_none());
    world.wait(1);
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}
