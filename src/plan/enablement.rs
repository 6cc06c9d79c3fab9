//! The way to on and to off.

use super::consent;
use super::desired::Desired;
use super::evidence;
use super::handoff;
use super::operation;
use super::planned::{Plan, Waiting};
use super::reading::Why;
use super::region;
use super::restraint;
use super::situation::Situation;
use super::step::{BrokerCall, BrokerRequest, Change, SERVICE, Step, StepActor};
use crate::api::{DesiredState, OperationParameters, StepName};

/// Plans towards on, from a tenant that is off or not known to be on.
pub(super) fn turn_on(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    let present = evidence::instance(situation);
    let outside = restraint::changed_outside(situation, DesiredState::Enabled);
    if let Some(waiting) = forbidden(situation, StepName::Enable, outside) {
        return plan.wait(waiting);
    }
    let gates = [consent::gate(situation, desired, outside, present.is_true()), region::gate(situation, desired)];
    let closed: Vec<_> = gates.into_iter().flatten().collect();
    if !closed.is_empty() {
        return plan.waiting.extend(closed);
    }
    let pins = region::to_pin(situation, desired);
    let change = Change::Enable { pins, is_repair: outside };
    let why = if outside { "somebody turned it off outside" } else { "the spec declares Enabled" };
    if situation.has_broker() {
        let request = enable_request(situation, desired, present.is_true());
        plan.steps.push(Step { change, by: StepActor::Broker(request), why: why.to_owned() });
    } else {
        let hand_off = handoff::turn_on(desired, pins);
        plan.hand_over(Step { change, by: StepActor::Person(hand_off), why: why.to_owned() });
    }
}

/// What keeps the service from being switched either way now.
fn forbidden(situation: &Situation, step: StepName, outside: bool) -> Option<Waiting> {
    if situation.has_broker() {
        let present = evidence::instance(situation);
        if present.why() == Some(Why::ReadFailed) {
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
        let hand_off = handoff::opt_out(desired);
        plan.hand_over(Step { change, by: StepActor::Person(hand_off), why });
    }
}
