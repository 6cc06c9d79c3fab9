use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::api::{OperationParameters, PendingStep, Reason};
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::step::{BrokerCall, BrokerRequest, StepActor};
use crate::tenant::IntegrationType;

fn set(kind: ConditionType, status: TriState, reason: Reason) -> Condition {
    Condition {
        type_: kind.name().to_owned(),
        status: status.name().to_owned(),
        reason: reason.name().to_owned(),
        message: format!("because {reason}"),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
        observed_generation: Some(1),
    }
}

fn status(conditions: Vec<Condition>) -> ThreatProtectionTenantStatus {
    ThreatProtectionTenantStatus { conditions, ..ThreatProtectionTenantStatus::default() }
}

fn ready_with(reason: Reason) -> ThreatProtectionTenantStatus {
    status(vec![set(ConditionType::Ready, TriState::False, reason)])
}

fn pending(step: PendingStep, instructions: &str) -> PendingAction {
    PendingAction {
        step,
        role: "Security Administrator".to_owned(),
        link: "https://security.microsoft.com".to_owned(),
        instructions: instructions.to_owned(),
        verified_by: "the service answers".to_owned(),
        since_time: Time(Timestamp::UNIX_EPOCH),
    }
}

fn executed(change: Change, outcome: Outcome, is_first_try: bool) -> Executed {
    let tenant = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11".parse().unwrap();
    let request = BrokerRequest { tenant, call: BrokerCall::Update, parameters: OperationParameters::default() };
    let step = Step { change, by: StepActor::Broker(request), why: "declared".to_owned() };
    Executed { step, outcome, is_first_try }
}

fn refused() -> Outcome {
    Outcome::Refused(Failure {
        class: ErrorClass::Transient,
        reason: Reason::ProviderUnavailable,
        message: "no answer within 60 s".to_owned(),
        request_id: Some("r-1".to_owned()),
    })
}

/// Type, reason, action and note of every event.
fn told(events: &[Event]) -> Vec<(EventType, &str, &str, &str)> {
    events
        .iter()
        .map(|event| {
            let note = event.note.as_deref().unwrap_or_default();
            (event.type_, event.reason.as_str(), event.action.as_str(), note)
        })
        .collect()
}

#[test]
fn a_new_reason_is_told_and_an_old_one_is_not() {
    let (enabling, on) = (ready_with(Reason::Enabling), ready_with(Reason::Enabled));
    assert_eq!(
        told(&events(Some(&enabling), &on, None)),
        [(EventType::Normal, "Enabled", "Reconcile", "because Enabled")]
    );
    assert_eq!(events(None, &on, None).len(), 1, "the first verdict is new");
    assert!(events(Some(&on), &on, None).is_empty());
}

#[test]
fn a_verdict_that_stalls_is_a_warning() {
    let mut stalled = ready_with(Reason::NotEligible);
    stalled.conditions.push(set(ConditionType::Stalled, TriState::True, Reason::NotEligible));
    let told_events = events(Some(&ready_with(Reason::Enabling)), &stalled, None);
    assert_eq!(told(&told_events), [(EventType::Warning, "NotEligible", "Reconcile", "because NotEligible")]);
}

#[test]
fn each_new_hand_off_is_told_once_whenever_it_began() {
    let mut old = ready_with(Reason::ActionRequired);
    old.pending_actions = vec![pending(PendingStep::Enable, "turn it on")];
    let mut new = old.clone();
    new.pending_actions[0].since_time = Time("2026-01-01T00:00:00Z".parse().unwrap());
    new.pending_actions.push(pending(PendingStep::Attest, "attest it"));
    let note = "Security Administrator: attest it (https://security.microsoft.com)";
    assert_eq!(told(&events(Some(&old), &new, None)), [(EventType::Warning, "ActionRequired", "Attest", note)]);
}

#[test]
fn hand_offs_are_told_up_to_a_limit() {
    let old = ready_with(Reason::ActionRequired);
    let mut new = old.clone();
    new.pending_actions = (0..20).map(|number| pending(PendingStep::Link, &number.to_string())).collect();
    assert_eq!(events(Some(&old), &new, None).len(), HAND_OFFS);
}

#[test]
fn an_executed_step_is_told_with_its_target() {
    let status = ready_with(Reason::Linking);
    let change = Change::Link { name: "intune".to_owned(), kind: IntegrationType::EndpointIntune, is_repair: false };
    let accepted = Outcome::InProgress { handle: None, poll_after: None };
    for (outcome, reason) in [(Outcome::Done, STEP_DONE), (accepted, STEP_ACCEPTED)] {
        let told_events = events(Some(&status), &status, Some(&executed(change.clone(), outcome, false)));
        assert_eq!(told_events.len(), 1);
        assert_eq!((told_events[0].reason.as_str(), told_events[0].action.as_str()), (reason, "Link intune"));
    }
}

#[test]
fn a_step_that_keeps_being_refused_is_told_once() {
    let status = ready_with(Reason::Disabling);
    let first = events(Some(&status), &status, Some(&executed(Change::Disable { is_repair: false }, refused(), true)));
    let note = "opt out: the features go, the four services stay as they are, through the broker: no answer within 60 s (request r-1)";
    assert_eq!(told(&first), [(EventType::Warning, "StepRefused", "Disable", note)]);
    assert!(
        events(Some(&status), &status, Some(&executed(Change::Disable { is_repair: false }, refused(), false)))
            .is_empty()
    );
}

#[test]
fn a_note_stays_below_the_limit_of_the_api_server() {
    let short = shortened(&"é".repeat(1_000));
    assert!(short.len() <= NOTE_BYTES && short.ends_with('…'), "{} bytes", short.len());
    assert_eq!(shortened("as it is"), "as it is");
}
