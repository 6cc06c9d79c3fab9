//! The way to on and to off.

use super::consent;
use super::desired::Desired;
use super::eligibility;
use super::evidence;
use super::handoff;
use super::operation;
use super::planned::{Plan, Waiting};
use super::reading::Why;
use super::region::{self, Unsettled};
use super::restraint;
use super::situation::Situation;
use super::step::{BrokerCall, BrokerRequest, Change, SERVICE, Step, StepActor};
use crate::api::{DesiredState, OperationParameters, Reason, StepName, TriState};

/// Plans towards on, from a tenant that is off or not known to be on.
pub(super) fn turn_on(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    let present = evidence::instance(situation);
    let outside = restraint::changed_outside(situation, DesiredState::Enabled);
    if let Some(waiting) = forbidden(situation, StepName::Enable, outside) {
        return plan.wait(waiting);
    }
    let closed = plan.waiting.len();
    close_gates(situation, desired, (outside, present.is_true()), plan);
    if plan.waiting.len() > closed {
        return;
    }
    let change = Change::Enable { place: region::to_place(situation, desired), is_repair: outside };
    let why = if outside { "somebody turned it off outside" } else { "the spec declares Enabled" };
    if situation.has_broker() {
        let request = enable_request(situation, desired, present.is_true());
        plan.steps.push(Step { change, by: StepActor::Broker(request), why: why.to_owned() });
    } else {
        hand_over(situation, desired, (change, why), plan);
    }
}

/// Leaves turning on to a person, whoever else could: the state of the tenant is not known and waiting does not cure that.
pub(super) fn ask_to_turn_on(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    let closed = plan.waiting.len();
    close_gates(situation, desired, (false, false), plan);
    if plan.waiting.len() > closed {
        return;
    }
    let change = Change::Enable { place: region::to_place(situation, desired), is_repair: false };
    hand_over(situation, desired, (change, "the spec declares Enabled"), plan);
}

fn hand_over(situation: &Situation, desired: &Desired, (change, why): (Change, &str), plan: &mut Plan) {
    let pins = match &change {
        Change::Enable { place, .. } => place.region(),
        _ => None,
    };
    let mut hand_off = handoff::turn_on(situation, desired, pins);
    let microsoft = &situation.observed.microsoft;
    let (standing, _) = eligibility::standing(microsoft, desired.experience);
    if microsoft.is_asked() && standing == TriState::Unknown {
        hand_off.instructions.push_str(" Whether the licences qualify is not known: see the condition Eligible.");
    }
    plan.hand_over(Step { change, by: StepActor::Person(hand_off), why: why.to_owned() });
}

/// What must hold before the service is turned on: a licence, a consent, a region.
fn close_gates(situation: &Situation, desired: &Desired, (outside, is_present): (bool, bool), plan: &mut Plan) {
    let microsoft = &situation.observed.microsoft;
    let message = || eligibility::eligibility(microsoft, desired.experience).verdict.message;
    match eligibility::standing(microsoft, desired.experience) {
        (TriState::False, _) => plan.wait(Waiting::for_person(Reason::NotEligible, message())),
        // Without credentials the broker judges; a person sees the licences when trying.
        (TriState::Unknown, Some(why)) if microsoft.is_asked() && situation.has_broker() => match why {
            Why::ReadFailed if microsoft.failure.is_none() => {
                plan.wait(Waiting::later(Reason::ProviderUnavailable, message()));
            }
            Why::ReadFailed => plan.wait(Waiting::for_provider(situation)),
            Why::NotPermitted => {
                plan.wait(Waiting::for_person(Reason::PermissionDenied, message()));
            }
            Why::NotAsked | Why::Ambiguous => {
                plan.ask(handoff::check_licences(desired), &message());
            }
        },
        _ => {}
    }
    plan.waiting.extend(consent::gate(situation, desired, outside, is_present));
    match region::gate_to_on(situation, desired, &eligibility::brings_endpoint(microsoft)) {
        Some(Unsettled::Forbidden(waiting)) => plan.wait(waiting),
        // Support answers that for a person, before anything is turned on.
        Some(Unsettled::LookFirst(because)) if situation.has_broker() => {
            plan.ask(handoff::attest(situation, desired, "DataLocation"), &because);
        }
        Some(Unsettled::LookFirst(_)) | None => {}
    }
}

/// What keeps the service from being switched either way now.
fn forbidden(situation: &Situation, step: StepName, outside: bool) -> Option<Waiting> {
    if situation.has_broker() {
        let present = evidence::instance(situation);
        if present.why() == Some(Why::ReadFailed) || evidence::must_look_again(situation) {
            return Some(Waiting::for_provider(situation));
        }
        let by_operation = restraint::operation_forbids(situation, step, present.is_true());
        if by_operation.is_some() {
            return by_operation;
        }
    }
    restraint::contended(situation, SERVICE, outside)
}

fn enable_request(situation: &Situation, desired: &Desired, is_present: bool) -> BrokerRequest {
    let consent = desired.consent.as_ref().filter(|_| desired.experience.requires_consent());
    let frozen = evidence::operation(situation)
        .filter(|operation| operation::is_open(operation) && operation.step == StepName::Enable);
    let wished = if is_present {
        OperationParameters {
            state: Some(DesiredState::Enabled),
            consent: consent.map(|(consent, _)| consent.clone()),
            ..OperationParameters::default()
        }
    } else {
        OperationParameters {
            tenant_id: Some(desired.tenant.to_string()),
            cloud: Some(desired.cloud),
            experience: Some(desired.experience),
            region: region::to_pin(situation, desired),
            consent: consent.map(|(consent, _)| consent.clone()),
            state: Some(DesiredState::Enabled),
            ..OperationParameters::default()
        }
    };
    // What may already have arrived is sent again exactly as it was.
    let parameters = frozen
        .map(|operation| operation.parameters)
        .filter(|frozen| frozen.tenant_id.is_some() == wished.tenant_id.is_some())
        .unwrap_or(wished);
    let call = if is_present { BrokerCall::Update } else { BrokerCall::Provision };
    BrokerRequest { tenant: desired.tenant, call, parameters }
}

/// Plans towards opted out, from a tenant that is on.
pub(super) fn turn_off(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    let present = evidence::instance(situation);
    let outside = restraint::changed_outside(situation, DesiredState::Disabled);
    if let Some(waiting) = forbidden(situation, StepName::Disable, outside) {
        return plan.wait(waiting);
    }
    let change = Change::Disable { is_repair: outside };
    let why = if outside { "somebody turned it on outside" } else { "the spec declares Disabled" }.to_owned();
    if situation.has_broker() && present.is_true() {
        let parameters = OperationParameters { state: Some(DesiredState::Disabled), ..OperationParameters::default() };
        let request = BrokerRequest { tenant: desired.tenant, call: BrokerCall::Update, parameters };
        plan.steps.push(Step { change, by: StepActor::Broker(request), why });
    } else {
        let hand_off = handoff::opt_out(situation, desired);
        plan.hand_over(Step { change, by: StepActor::Person(hand_off), why });
    }
}
