//! Deprovisioning: always declared, done once, and believed on a proof of absence.

use super::ageing;
use super::attestation;
use super::desired::Desired;
use super::evidence;
use super::handoff;
use super::operation;
use super::planned::{Plan, Waiting};
use super::reading::Why;
use super::restraint;
use super::signals;
use super::situation::{Permit, Situation};
use super::step::{BrokerCall, BrokerRequest, Change, Step, StepActor};
use crate::api::{Operation, OperationParameters, Reason, StepName};

/// Whether the tenant is proven to be without the service: no instance that we may remove, and a tenant read as off.
pub(super) fn is_proven(situation: &Situation, desired: &Desired) -> bool {
    let seen = signals::service(&situation.observed.microsoft);
    let is_off = evidence::service(situation).is_false() && !signals::shows_any(&situation.observed.microsoft);
    // A person's word outranks the broker's once the broker can do no more, and never what is seen of the tenant itself, or
    // may be seen at one of the next looks.
    let may_be_on = seen.is_true()
        || signals::shows_any(&situation.observed.microsoft)
        || seen.why() == Some(Why::ReadFailed) && !ageing::has_aged(situation);
    let attested = attestation::is_deprovisioned(desired, situation.now) && !may_be_on;
    match evidence::instance(situation).value() {
        Some(false) => is_off,
        _ if may_remove(situation) => attested && broker_gave_up(situation),
        _ => is_off || attested,
    }
}

/// Whether the broker has refused or failed to remove the instance, or not answered until the deadline.
fn broker_gave_up(situation: &Situation) -> bool {
    let has_failed =
        |operation: Operation| operation.step == StepName::Deprovision && operation::has_failed(&operation);
    evidence::operation(situation).is_some_and(has_failed) || has_passed_deadline(situation)
}

/// Whether the broker has not answered until the deadline, and does not now.
fn has_passed_deadline(situation: &Situation) -> bool {
    let is_silent = evidence::instance(situation).why() == Some(Why::ReadFailed);
    let since = situation.recent.broker_silent_since.filter(|_| is_silent);
    since.is_some_and(|since| since + situation.capabilities.operation_deadline <= situation.now)
}

/// Whether the operator may have the broker remove the instance.
fn may_remove(situation: &Situation) -> bool {
    situation.has_broker() && situation.permit == Permit::Granted { allow_deprovision: true }
}

/// Plans towards gone.
pub(super) fn plan_deprovision(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    if is_proven(situation, desired) {
        return;
    }
    let present = evidence::instance(situation);
    let why = "the spec declares Deprovisioned and confirms it".to_owned();
    if situation.has_broker() && present.why() == Some(Why::ReadFailed) {
        if ageing::stands(situation) {
            return ageing::plan_unreadable(situation, plan);
        }
        return plan.wait(unreachable(situation));
    }
    if may_remove(situation) {
        if present.why() == Some(Why::Ambiguous) {
            return plan.wait(Waiting::for_provider(situation));
        }
        if let Some(waiting) = restraint::operation_forbids(situation, StepName::Deprovision, present.is_true()) {
            return plan.wait(waiting);
        }
        if evidence::must_look_again(situation) {
            return plan.wait(Waiting::for_provider(situation));
        }
        // Where the broker does not show its instances, the request itself finds out: 410 means that there is none.
        if !present.is_false() {
            let parameters = OperationParameters::default();
            let request = BrokerRequest { tenant: desired.tenant, call: BrokerCall::Deprovision, parameters };
            plan.steps.push(Step { change: Change::Deprovision, by: StepActor::Broker(request), why });
            return;
        }
    }
    // Where there is nothing for the broker to remove, a person is asked only for what could be looked at.
    let is_unread = evidence::service(situation).why();
    if is_unread.is_some_and(Why::may_pass) && ageing::stands(situation) {
        return ageing::plan_unreadable(situation, plan);
    }
    match is_unread {
        Some(Why::ReadFailed) => return plan.wait(unreachable(situation)),
        Some(Why::NotPermitted) => return plan.wait(Waiting::for_provider(situation)),
        Some(Why::NotAsked | Why::Ambiguous) | None => {}
    }
    let hand_off = handoff::deprovision(situation, desired);
    plan.hand_over(Step { change: Change::Deprovision, by: StepActor::Person(hand_off), why });
}

/// A broker that cannot be reached is waited for, but not for ever.
fn unreachable(situation: &Situation) -> Waiting {
    let waiting = Waiting::for_provider(situation);
    if has_passed_deadline(situation) || ageing::has_aged(situation) {
        Waiting::for_person(Reason::ProviderUnavailable, waiting.message)
    } else {
        waiting
    }
}
