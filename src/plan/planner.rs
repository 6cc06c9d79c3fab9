//! Plans: calls the rules in their order.

use super::access;
use super::ageing;
use super::attestation;
use super::best;
use super::claims;
use super::deprovision;
use super::desired::Desired;
use super::enablement;
use super::evidence;
use super::handoff;
use super::integrations;
use super::operation;
use super::outliving;
use super::planned::{Plan, Waiting};
use super::reading::{Reading, Why};
use super::region;
use super::restraint;
use super::signals;
use super::situation::{Permit, Situation};
use super::step::{Step, StepActor};
use crate::api::{DeletionPolicy, DesiredState, FINALIZER, ManagementPolicy, OperationResult, Reason, StepName};

/// Plans. Planning again after the same readings gives the same plan.
pub fn plan(situation: &Situation) -> Plan {
    let plan = plan_afresh(situation);
    if outliving::outlives(situation, &plan) {
        return Plan { verdict_stands: true, ..Plan::default() };
    }
    plan
}

fn plan_afresh(situation: &Situation) -> Plan {
    let mut plan = Plan::default();
    let desired = match &situation.desired {
        Ok(desired) => desired,
        Err(problem) => {
            plan.wait(Waiting::for_person(Reason::InvalidSpec, problem.to_string()));
            return plan;
        }
    };
    if let Some(forbidden) = access::forbids(situation, desired) {
        if ageing::stands_unproved(situation) {
            plan.verdict_stands = true;
        } else {
            plan.wait(forbidden);
        }
        return plan;
    }
    if desired.management == ManagementPolicy::Suspend {
        return plan;
    }
    // What is declared and confirmed to go must not be held by credentials that are gone already.
    if desired.state != DesiredState::Deprovisioned
        && !situation.subject.is_deleting
        && let Some(refused) = access::refused(situation)
    {
        plan.wait(refused);
        return plan;
    }
    if situation.subject.is_deleting {
        plan_deletion(situation, desired, &mut plan);
    } else {
        match desired.state {
            DesiredState::Enabled => plan_enabled(situation, desired, &mut plan),
            DesiredState::Disabled => plan_disabled(situation, desired, &mut plan),
            DesiredState::Deprovisioned => deprovision::plan_deprovision(situation, desired, &mut plan),
        }
    }
    say_if_unknown(situation, &mut plan);
    let is_unread = situation.observed.failure.is_some() || must_read_first(situation, desired);
    let setting_failed = situation.observed.microsoft.failure.is_some();
    if plan.next().is_some_and(|next| is_unread || setting_failed && matches!(next.by, StepActor::Arm(_))) {
        plan.wait(Waiting::for_provider(situation));
    }
    if desired.management == ManagementPolicy::Observe {
        observe_only(&mut plan);
    }
    plan
}

/// Whether the tenant could not be looked at although it can be: nothing is sent before it was. A declared deprovisioning
/// does not depend on what the tenant shows.
fn must_read_first(situation: &Situation, desired: &Desired) -> bool {
    let is_unread = signals::service(&situation.observed.microsoft).why() == Some(Why::ReadFailed);
    is_unread && desired.state != DesiredState::Deprovisioned
}

/// What a person is asked for says so where it is asked without knowing the state of the service.
fn say_if_unknown(situation: &Situation, plan: &mut Plan) {
    if evidence::service(situation).value().is_some() {
        return;
    }
    for waiting in plan.waiting.iter_mut().filter(|waiting| waiting.reason == Reason::ActionRequired) {
        waiting.message = format!("whether the service is on is not known; {}", waiting.message);
    }
}

fn plan_enabled(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    match evidence::service(situation) {
        Reading::Known { value: true, .. } => plan_running(situation, desired, plan),
        Reading::Known { value: false, .. } => enablement::turn_on(situation, desired, plan),
        Reading::Unknown { why } => plan_unknown(situation, desired, why, plan),
    }
}

fn plan_running(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    plan.waiting.extend(region::gate(situation, desired));
    plan.drift.extend(region::contradicted_pin(situation, desired));
    if region::unread_though_declared(situation, desired) {
        plan.wait(Waiting::for_provider(situation));
    } else if region::unknown_though_declared(situation, desired) {
        let because = "the spec declares a region and nobody knows where the data is";
        plan.ask(handoff::attest(situation, desired, "DataLocation"), because);
    }
    plan.drift.extend(stale_claim(situation));
    integrations::plan_links(situation, desired, plan);
}

/// The broker says off about a service that is seen to be on: its record is stale.
fn stale_claim(situation: &Situation) -> Option<String> {
    let is_seen_on = signals::service(&situation.observed.microsoft).is_true();
    (is_seen_on && claims::is_claimed_off(situation)).then(|| {
        "the broker says that the service is off, and it is seen to be on: the broker's record is stale".to_owned()
    })
}

fn plan_disabled(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    match evidence::service(situation) {
        Reading::Known { value: true, .. } => enablement::turn_off(situation, desired, plan),
        Reading::Known { value: false, .. } => {}
        Reading::Unknown { why } => plan_unknown(situation, desired, why, plan),
    }
}

/// The state of the tenant is not known: nothing that changes it is sent, with one exception: a broker that does not
/// show its instances is asked by the request itself, which it answers the same when repeated.
fn plan_unknown(situation: &Situation, desired: &Desired, why: Why, plan: &mut Plan) {
    let open = evidence::operation(situation).filter(operation::is_open);
    if let Some(open) = open {
        if let Some(waiting) = restraint::operation_forbids(situation, open.step, true) {
            plan.wait(waiting);
            if situation.observed.failure.is_some() {
                plan.wait(Waiting::for_provider(situation));
            }
            return;
        }
        if open.step == StepName::Enable {
            return enablement::turn_on(situation, desired, plan);
        }
    }
    if why == Why::ReadFailed || why == Why::NotPermitted && ageing::has_verdict(situation) {
        return ageing::plan_unreadable(situation, plan);
    }
    if situation.observed.failure.is_some() {
        return plan.wait(Waiting::for_provider(situation));
    }
    if let Some(waiting) = ended_badly(situation, desired) {
        return plan.wait(waiting);
    }
    if why == Why::NotAsked && evidence::must_look_again(situation) {
        return plan.wait(Waiting::for_provider(situation));
    }
    match why {
        Why::NotAsked if is_tried_again(situation, desired) => enablement::turn_on(situation, desired, plan),
        Why::NotAsked if best::lapsed(situation, desired) => {
            plan.ask(
                handoff::attest(situation, desired, claim_for(desired.state)),
                "the attestation that this rested on has lapsed",
            );
        }
        Why::NotAsked if situation.memory.is_ready() && !situation.spec_changed() => {
            plan.verdict_stands = true;
        }
        Why::Ambiguous if attestation::service(desired, situation.now).why() == Some(Why::Ambiguous) => {
            plan.ask(
                handoff::attest(situation, desired, claim_for(desired.state)),
                "live attestations contradict each other: keep the one that is true",
            );
        }
        Why::NotPermitted => plan.wait(Waiting::for_provider(situation)),
        Why::Ambiguous if situation.memory.is_ready() && !situation.spec_changed() => plan.verdict_stands = true,
        _ if desired.state == DesiredState::Disabled => {
            let hand_off = handoff::opt_out(situation, desired);
            let change = super::step::Change::Disable { is_repair: false };
            let why = "the spec declares Disabled".to_owned();
            plan.hand_over(Step { change, by: StepActor::Person(hand_off), why });
        }
        Why::Ambiguous => enablement::ask_to_turn_on(situation, desired, plan),
        _ => enablement::turn_on(situation, desired, plan),
    }
}

/// Whether somebody asks for another try of turning the service on, after one that failed or did not end in time. The
/// same request does no harm.
fn is_tried_again(situation: &Situation, desired: &Desired) -> bool {
    let tried = situation.memory.operation().is_some_and(|operation| {
        operation.step == StepName::Enable
            && matches!(operation.result, Some(OperationResult::Failed | OperationResult::TimedOut))
    });
    desired.state == DesiredState::Enabled && tried && situation.reconcile_requested()
}

/// A verdict about an operation of ours that makes what the broker shows unreliable.
fn ended_badly(situation: &Situation, desired: &Desired) -> Option<Waiting> {
    let operation = evidence::operation(situation).filter(operation::has_failed)?;
    (desired.state != DesiredState::Deprovisioned)
        .then(|| restraint::operation_forbids(situation, operation.step, evidence::instance(situation).is_true()))
        .flatten()
}

const fn claim_for(state: DesiredState) -> &'static str {
    match state {
        DesiredState::Enabled => "ServiceOn",
        DesiredState::Disabled => "ServiceOff",
        DesiredState::Deprovisioned => "Deprovisioned",
    }
}

/// A resource that is being deleted and held: it goes once a declared deprovisioning is proven.
fn plan_deletion(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    let subject = &situation.subject;
    let held = subject.finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    let released = desired.deletion == DeletionPolicy::Retain || subject.home_is_terminating;
    if !held || released || situation.permit == Permit::Succeeded {
        return;
    }
    if desired.state != DesiredState::Deprovisioned {
        let message = "deletion waits under deletionPolicy Deprovision: set desiredState: Deprovisioned with deprovisionConfirmation, or deletionPolicy: Retain to leave the tenant as it is";
        return plan.wait(Waiting::for_person(Reason::DeprovisionNotDeclared, message.to_owned()));
    }
    if subject.finalizers.iter().any(|finalizer| finalizer != FINALIZER) {
        let message = "another finalizer holds the resource; the tenant is deprovisioned when ours is the last";
        return plan.wait(Waiting::at_next_look(Reason::Deleting, message.to_owned()));
    }
    deprovision::plan_deprovision(situation, desired, plan);
}

/// The same plan with nobody to carry it out.
fn observe_only(plan: &mut Plan) {
    let mut what = Vec::new();
    for step in &mut plan.steps {
        what.push(step.to_string());
        step.by = StepActor::Nobody;
    }
    let asked = !plan.asks.is_empty();
    plan.asks.clear();
    plan.waiting.retain(|waiting| waiting.reason != Reason::ActionRequired);
    if !what.is_empty() || asked {
        let what =
            if what.is_empty() { "a person would be asked to attest what is seen".to_owned() } else { what.join("; ") };
        plan.wait(Waiting::for_person(Reason::ObserveOnly, format!("managementPolicy Observe: would {what}")));
    }
}
