//! Section "Transitions" of the contract: each test name tells desired, tenant and instance.

use serde_json::json;

use super::fixture::*;
use crate::api::{ConditionType, OperationResult, Reason, StepName, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::observed::{Instance, Progress};
use crate::plan::step::{BrokerCall, Outcome, StepActor};

pub(super) fn call(world: &World, index: usize) -> BrokerCall {
    match &world.sent[index].by {
        StepActor::Broker(request) => request.call,
        other => panic!("not sent to the broker: {other:?}"),
    }
}

#[test]
fn enabled_and_on_is_adopted_and_the_region_pinned_as_observed() {
    let mut world = World::new(json!({}));
    world.show_state("Enabled");
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.region().as_deref(), Some("EU Claimed"));
    assert!(world.sent.is_empty());
    assert_eq!(world.writes, 1);
}

#[test]
fn enabled_and_on_in_another_region_than_wished_pins_what_is_and_stalls() {
    let mut world = World::new(json!({"dataLocation": {"region": "US"}}));
    world.show_state("Enabled");
    world.pass();
    world.assert_stalled(Reason::RegionMismatch);
    assert_eq!(world.region().as_deref(), Some("EU Claimed"));
    assert!(world.sent.is_empty());
}

#[test]
fn enabled_and_off_and_absent_provisions_once_with_two_writes() {
    let mut world = World::new(json!({"dataLocation": {"region": "UK"}}));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.region().as_deref(), Some("UK Claimed"));
    assert_eq!((world.sent.len(), world.writes), (1, 2));
    assert_eq!(call(&world, 0), BrokerCall::Provision);
    world.pass();
    assert_eq!((world.sent.len(), world.writes), (1, 2), "a second look changes nothing");
    assert!(world.status.unwrap().operation.is_none());
}

#[test]
fn the_intent_and_the_pin_are_written_before_the_request_leaves() {
    let world = World::new(json!({"dataLocation": {"region": "UK"}}));
    let situation = world.situation();
    let status = crate::plan::report::report(&situation, &world.plan());
    let operation = status.operation.unwrap();
    assert_eq!((operation.step, operation.result), (StepName::Enable, None));
    assert_eq!(status.data_location.unwrap().source.name(), "Declared");
}

#[test]
fn an_automatic_region_is_pinned_on_the_first_evidence() {
    let mut world = World::new(json!({"experience": "SettingsPage"}));
    let status = crate::plan::report::report(&world.situation(), &world.plan());
    assert!(status.data_location.is_none());
    assert!(world.plan().to_string().contains("it cannot be changed afterwards"));
    world.pass();
    assert_eq!(world.region().as_deref(), Some("EU Claimed"));
}

#[test]
fn an_attested_endpoint_region_is_followed_and_a_different_wish_stalls_before_anything_is_sent() {
    let attested = json!([attestation("DataLocation", json!({"region": "UK"}))]);
    let mut follows = World::new(json!({"attestations": attested}));
    follows.pass();
    let StepActor::Broker(request) = &follows.sent[0].by else { panic!() };
    assert_eq!(request.parameters.region.unwrap().name(), "UK");
    let mut differs = World::new(json!({"attestations": attested, "dataLocation": {"region": "US"}}));
    differs.pass();
    differs.assert_stalled(Reason::RegionMismatch);
    assert!(differs.sent.is_empty());
    assert!(differs.status.unwrap().data_location.is_none());
}

#[test]
fn an_asynchronous_broker_costs_one_write_for_its_handle() {
    let mut world = World::new(json!({}));
    let started = Outcome::InProgress { handle: Some("h".into()), poll_after: None };
    world.pass_with(&started, None);
    world.assert_ready(TriState::False, Reason::Enabling);
    assert_eq!(world.writes, 2);
    for _ in 0..3 {
        world.observed = progressing(&world.observed, Progress::InProgress { retry_after: None });
        world.pass();
    }
    assert_eq!((world.writes, world.sent.len()), (2, 1), "polling writes nothing");
    world.show_state("Enabled");
    world.observed = progressing(&world.observed, Progress::Succeeded);
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!((world.writes, world.sent.len()), (3, 1));
}

#[test]
fn enabled_off_present_succeeded_is_verified_until_the_grace_is_over() {
    let mut world = World::new(json!({}));
    let mut off = world.clone();
    off.show(present(&json!({"state": "Disabled"})));
    world.pass_with(&Outcome::Done, Some(off.observed));
    world.assert_ready(TriState::False, Reason::Verifying);
    assert_eq!(world.sent.len(), 1);
    world.wait(2);
    world.pass();
    world.assert_stalled(Reason::ClaimNotObserved);
    assert_eq!(world.sent.len(), 1, "nothing is sent again");
    world.show_state("Enabled");
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn enabled_off_present_failed_stalls_until_a_reconcile_is_requested() {
    let mut world = World::new(json!({}));
    world.pass_with(&Outcome::InProgress { handle: Some("h".into()), poll_after: None }, None);
    world.show(present(&json!({"state": "Disabled"})));
    let failed = Progress::Failed { description: "no seats".into(), is_repeatable: true, is_usable: true };
    world.observed = progressing(&world.observed, failed);
    world.pass();
    world.assert_stalled(Reason::OperationFailed);
    assert!(world.message(ConditionType::Ready).contains("no seats"));
    world.show(present(&json!({"state": "Disabled"})));
    world.wait(30);
    world.pass();
    world.assert_stalled(Reason::OperationFailed);
    assert_eq!(world.sent.len(), 1);
    world.subject.reconcile_request = Some("now".into());
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(call(&world, 1), BrokerCall::Update, "once the instance exists it is never provisioned again");
    assert_eq!(world.status.unwrap().last_handled_reconcile_at.as_deref(), Some("now"));
}

#[test]
fn enabled_off_absent_failed_sends_the_same_request_again_slowly_and_never_a_delete() {
    let mut world = World::new(json!({}));
    world.pass_with(&Outcome::InProgress { handle: None, poll_after: None }, None);
    let failed = Progress::Failed { description: "busy".into(), is_repeatable: true, is_usable: true };
    world.observed = progressing(&world.observed, failed);
    world.pass();
    world.assert_ready(TriState::False, Reason::OperationFailed);
    world.show(Instance::Absent);
    world.pass();
    assert_eq!(world.sent.len(), 1, "not before the slow probe");
    world.wait(1);
    world.pass();
    assert_eq!(world.sent.len(), 2);
    assert_eq!(call(&world, 1), BrokerCall::Provision);
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn an_operation_that_never_ends_times_out_and_is_only_looked_at() {
    let mut world = World::new(json!({}));
    world.pass_with(&Outcome::InProgress { handle: Some("h".into()), poll_after: None }, None);
    world.observed = progressing(&world.observed, Progress::InProgress { retry_after: None });
    world.wait(2);
    world.pass();
    world.assert_stalled(Reason::OperationTimedOut);
    assert_eq!(world.status.as_ref().unwrap().operation.as_ref().unwrap().result, Some(OperationResult::TimedOut));
    let writes = world.writes;
    world.wait(2);
    world.pass();
    assert_eq!((world.sent.len(), world.writes), (1, writes));
    world.show_state("Enabled");
    world.observed = progressing(&world.observed, Progress::Succeeded);
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn enabled_after_a_declared_opt_out_updates_the_instance() {
    let mut world = World::new(json!({}));
    world.settle();
    world.edit(json!({"desiredState": "Disabled"}));
    world.settle();
    world.assert_ready(TriState::True, Reason::Disabled);
    world.edit(json!({"desiredState": null}));
    world.settle();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(call(&world, 2), BrokerCall::Update);
}

#[test]
fn a_declared_return_under_the_welcome_page_needs_a_consent_not_older_than_the_opt_out() {
    let mut world = World::new(json!({"experience": "WelcomePage", "dataSharing": consent("2026-06-01")}));
    world.settle();
    world.edit(json!({"desiredState": "Disabled"}));
    world.settle();
    world.wait(48);
    world.edit(json!({"desiredState": null}));
    world.pass();
    world.assert_stalled(Reason::ConsentRequired);
    assert_eq!(world.condition(ConditionType::Consented), Some((TriState::False, Reason::ConsentRequired)));
    world.edit(json!({"dataSharing": consent("2026-06-14")}));
    world.pass();
    world.assert_stalled(Reason::ConsentRequired);
    world.edit(json!({"dataSharing": consent("2026-06-15")}));
    world.settle();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn an_opt_out_outside_is_set_back_once_and_then_contended() {
    let mut world = World::new(json!({}));
    world.settle();
    world.wait(1);
    world.show_state("Disabled");
    let situation = world.situation();
    let before = crate::plan::report::report(&situation, &world.plan());
    let in_sync = before.conditions.iter().find(|condition| condition.type_ == "InSync").unwrap();
    assert_eq!((in_sync.status.as_str(), in_sync.reason.as_str()), ("False", "Drifted"));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.sent.len(), 2);
    world.wait(1);
    world.show_state("Disabled");
    world.pass();
    world.assert_stalled(Reason::Contended);
    world.wait(100);
    world.pass();
    world.assert_stalled(Reason::Contended);
    assert_eq!(world.sent.len(), 2, "left alone until the spec changes or a reconcile is requested");
    world.subject.reconcile_request = Some("please".into());
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    world.wait(1);
    world.show_state("Disabled");
    world.pass();
    world.assert_stalled(Reason::Contended);
    assert_eq!(world.sent.len(), 3, "a token that was answered asks for nothing");
}

#[test]
fn an_opt_out_outside_that_recurs_after_a_day_is_set_back_again() {
    let mut world = World::new(json!({}));
    world.settle();
    for _ in 0..2 {
        world.wait(25);
        world.show_state("Disabled");
        world.pass();
        world.assert_ready(TriState::True, Reason::Enabled);
    }
    assert_eq!(world.sent.len(), 3);
}

#[test]
fn an_opt_out_outside_under_the_welcome_page_needs_a_newer_consent() {
    let mut world = World::new(json!({"experience": "WelcomePage", "dataSharing": consent("2026-06-01")}));
    world.settle();
    world.wait(24);
    world.show_state("Disabled");
    world.pass();
    world.assert_stalled(Reason::ConsentRequired);
    world.wait(48);
    world.edit(json!({"dataSharing": consent("2026-06-16")}));
    world.pass();
    world.assert_stalled(Reason::ConsentRequired);
    world.edit(json!({"dataSharing": consent("2026-06-17")}));
    world.settle();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn disabled_and_off_is_done_also_if_never_enabled() {
    let mut world = World::new(json!({"desiredState": "Disabled"}));
    world.pass();
    world.assert_ready(TriState::True, Reason::Disabled);
    assert!(world.message(ConditionType::Ready).contains("cannot be prevented"));
    assert!(world.sent.is_empty());
}

#[test]
fn disabled_and_on_and_present_updates() {
    let mut world = World::new(json!({"desiredState": "Disabled"}));
    world.show_state("Enabled");
    world.pass();
    world.assert_ready(TriState::True, Reason::Disabled);
    assert_eq!((call(&world, 0), world.writes), (BrokerCall::Update, 1));
}

#[test]
fn disabled_and_on_and_no_broker_is_a_person() {
    for (experience, word) in [("SettingsPage", "Opt-in / Opt-out"), ("DefenderPortal", "Support request")] {
        let attested = json!([attestation("ServiceOn", json!({}))]);
        let fields = json!({"desiredState": "Disabled", "experience": experience, "attestations": attested});
        let mut world = World::new(fields).without_broker();
        world.pass();
        world.assert_stalled(Reason::ActionRequired);
        assert!(world.message(ConditionType::Ready).contains(word));
    }
}

pub(super) fn deprovisioned() -> serde_json::Value {
    json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT})
}

#[test]
fn deprovisioned_and_present_deletes_once_with_an_intent() {
    for state in [json!({"state": "Enabled"}), json!({"state": "Disabled"}), json!({})] {
        let mut world = World::new(deprovisioned());
        world.show(present(&state));
        world.pass();
        world.assert_ready(TriState::True, Reason::Deprovisioned);
        assert_eq!((world.sent.len(), call(&world, 0), world.writes), (1, BrokerCall::Deprovision, 2));
        world.pass();
        assert_eq!((world.sent.len(), world.writes), (1, 2));
    }
}

#[test]
fn deprovisioned_clears_the_pin() {
    let mut world = World::new(json!({}));
    world.settle();
    assert!(world.region().is_some());
    world.edit(deprovisioned());
    world.settle();
    world.assert_ready(TriState::True, Reason::Deprovisioned);
    assert!(world.region().is_none());
}

#[test]
fn deprovisioned_and_off_and_absent_is_done() {
    let mut world = World::new(deprovisioned());
    world.pass();
    world.assert_ready(TriState::True, Reason::Deprovisioned);
    assert!(world.sent.is_empty());
}

#[test]
fn deprovisioned_without_the_administrators_leave_is_a_support_request_closed_by_attestation() {
    let mut world = World::new(deprovisioned());
    world.permit = crate::plan::situation::Permit::Granted { allow_deprovision: false };
    world.show_state("Enabled");
    world.pass();
    world.assert_stalled(Reason::ActionRequired);
    assert!(world.message(ConditionType::Ready).contains("deprovision Microsoft Defender XDR"));
    world.edit(json!({"attestations": [attestation("Deprovisioned", json!({}))]}));
    world.pass();
    world.assert_ready(TriState::True, Reason::Deprovisioned);
    assert!(world.sent.is_empty());
}

#[test]
fn enabled_after_deprovisioned_provisions_anew_with_a_consent_not_older() {
    let mut world = World::new(json!({"experience": "WelcomePage", "dataSharing": consent("2026-06-01")}));
    world.settle();
    world.edit(deprovisioned());
    world.settle();
    world.wait(24);
    world.edit(json!({"desiredState": null, "deprovisionConfirmation": null}));
    world.pass();
    world.assert_stalled(Reason::ConsentRequired);
    world.edit(json!({"dataSharing": consent("2026-06-15")}));
    world.settle();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(call(&world, 2), BrokerCall::Provision);
}

#[test]
fn unknown_sends_nothing_and_reports_why() {
    let mut world = World::new(json!({}));
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    world.pass();
    world.assert_ready(TriState::Unknown, Reason::ProviderUnavailable);
    assert_eq!(world.condition(ConditionType::Reconciling), Some((TriState::True, Reason::ProgressingWithRetry)));
    assert!(world.message(ConditionType::Ready).contains("r-1"));
    assert!(world.sent.is_empty());
}

#[test]
fn a_failed_reading_of_a_settled_tenant_writes_nothing_until_it_has_aged() {
    let mut world = World::new(json!({}));
    world.settle();
    let writes = world.writes;
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    for _ in 0..3 {
        world.pass();
        world.wait(1);
        assert_eq!(world.writes, writes);
    }
    world.pass();
    world.assert_ready(TriState::Unknown, Reason::ProviderUnavailable);
    world.assert_stalled(Reason::ProviderUnavailable);
    assert_eq!(world.writes, writes + 1);
    world.recent = crate::plan::situation::Recent::default();
    world.pass();
    assert_eq!(world.writes, writes + 1, "a restart reverses nothing");
    world.show_state("Enabled");
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn a_refusal_frees_the_region_and_waits_for_the_spec() {
    let mut world = World::new(json!({"dataLocation": {"region": "US"}}));
    let refused = Outcome::Refused(failure(ErrorClass::Invalid, Reason::ProviderRejected));
    world.pass_with(&refused, None);
    world.assert_stalled(Reason::ProviderRejected);
    assert!(world.region().is_none(), "nothing was accepted, so nothing is pinned");
    world.pass();
    assert_eq!(world.sent.len(), 1);
    world.edit(json!({"dataLocation": {"region": "EU"}}));
    world.settle();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn a_lost_answer_is_looked_for_and_the_same_request_sent_again() {
    let mut world = World::new(json!({"dataLocation": {"region": "UK"}}));
    let lost = Outcome::Refused(failure(ErrorClass::Transient, Reason::ProviderUnavailable));
    world.pass_with(&lost, None);
    world.assert_ready(TriState::False, Reason::ProviderUnavailable);
    world.pass();
    assert_eq!(world.sent.len(), 2);
    assert_eq!(world.sent[0].by, world.sent[1].by, "frozen before the first try");
    world.assert_ready(TriState::True, Reason::Enabled);
    let mut acted = World::new(json!({"dataLocation": {"region": "UK"}}));
    acted.pass_with(&lost, None);
    acted.show(present(&json!({"state": "Enabled", "region": "UK"})));
    acted.pass();
    assert_eq!(acted.sent.len(), 1, "the tenant already shows it");
    acted.assert_ready(TriState::True, Reason::Enabled);
}
