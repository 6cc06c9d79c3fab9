//! The plan: what would be done next, what it waits for and why, and what differs without being touched.

use std::fmt;

use super::attestation;
use super::deprovision;
use super::desired::Desired;
use super::enablement;
use super::handoff::{self, HandOff};
use super::integrations;
use super::operation;
use super::reading::{Reading, Source, Why};
use super::region;
use super::situation::{Permit, Situation};
use super::step::{Step, StepActor};
use crate::api::{ConditionType, DeletionPolicy, DesiredState, FINALIZER, ManagementPolicy, OperationResult, Reason};

/// What follows from a situation.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Changes of the tenant, in order. Steps of a person stand among them.
    pub steps: Vec<Step>,
    /// What a person is asked for that changes nothing by itself: to look, and to write down what is seen.
    pub asks: Vec<HandOff>,
    /// Why nothing more is done now.
    pub waiting: Vec<Waiting>,
    /// What differs from the spec and is not touched.
    pub drift: Vec<String>,
    /// Nothing could be learnt and nothing is pending: the stored verdict stands as it is.
    pub verdict_stands: bool,
}

/// A typed reason for not acting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The reason that conditions show.
    pub reason: Reason,
    /// What happened, why, and what to do next.
    pub message: String,
    /// What ends the waiting.
    pub until: Until,
}

/// What ends a waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Time: the other side is at work, or the next try follows by itself.
    Later,
    /// A person.
    Person,
}

impl Waiting {
    pub(super) const fn later(reason: Reason, message: String) -> Self {
        Self { reason, message, until: Until::Later }
    }

    pub(super) const fn for_person(reason: Reason, message: String) -> Self {
        Self { reason, message, until: Until::Person }
    }

    /// The broker or API did not answer usefully.
    pub(super) fn for_provider(situation: &Situation) -> Self {
        match &situation.observed.failure {
            Some(failure) if failure.class == super::failure::ErrorClass::Invalid => {
                Self::for_person(failure.reason, failure.to_string())
            }
            Some(failure) => Self::later(failure.reason, failure.to_string()),
            None => Self::later(Reason::ProviderUnavailable, "the state of the tenant could not be read".to_owned()),
        }
    }
}

impl Plan {
    /// The step that the operator itself would do next, if there is one and nothing failed or forbids it.
    #[must_use]
    pub fn next(&self) -> Option<&Step> {
        if !self.waiting.iter().all(|waiting| waiting.reason == Reason::ActionRequired) {
            return None;
        }
        self.steps.iter().find(|step| matches!(step.by, StepActor::Broker(_)))
    }

    /// Everything that a person is asked to do.
    pub fn hand_offs(&self) -> impl Iterator<Item = &HandOff> {
        let steps = self.steps.iter().filter_map(|step| match &step.by {
            StepActor::Person(hand_off) => Some(hand_off),
            _ => None,
        });
        steps.chain(&self.asks)
    }

    /// Whether the declared state is reached.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_empty() && !self.verdict_stands
    }

    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    /// Adds a step that a person must do.
    pub(super) fn hand_over(&mut self, situation: &Situation, step: Step) {
        let StepActor::Person(hand_off) = &step.by else { return self.steps.push(step) };
        let unknown = enablement::service(situation).value().is_none();
        let prefix = if unknown { "whether the service is on is not known; " } else { "" };
        let message = format!("{prefix}{}: {} ({})", hand_off.role, hand_off.instructions, hand_off.link);
        self.wait(Waiting::for_person(Reason::ActionRequired, message));
        self.steps.push(step);
    }

    fn ask(&mut self, hand_off: HandOff, because: &str) {
        let message = format!("{because}: {}", hand_off.instructions);
        self.wait(Waiting::for_person(Reason::ActionRequired, message));
        self.asks.push(hand_off);
    }
}

/// Plans. Planning again after the same readings gives the same plan.
pub fn plan(situation: &Situation) -> Plan {
    let mut plan = Plan::default();
    let desired = match &situation.desired {
        Ok(desired) => desired,
        Err(problem) => {
            plan.wait(Waiting::for_person(Reason::InvalidSpec, problem.to_string()));
            return plan;
        }
    };
    if let Some(forbidden) = forbidden(situation) {
        plan.wait(forbidden);
        return plan;
    }
    if desired.management == ManagementPolicy::Suspend {
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
    if situation.observed.failure.is_some() && plan.next().is_some() {
        plan.wait(Waiting::for_provider(situation));
    }
    if desired.management == ManagementPolicy::Observe {
        observe_only(&mut plan);
    }
    plan
}

fn forbidden(situation: &Situation) -> Option<Waiting> {
    match situation.permit {
        Permit::Granted { .. } | Permit::Succeeded => None,
        Permit::NotAllowed => Some(Waiting::for_person(
            Reason::TenantNotAllowed,
            format!(
                "the administrator's configuration does not map namespace {} to this tenant; nothing was asked of it",
                situation.subject.namespace
            ),
        )),
        Permit::Duplicate => Some(Waiting::for_person(
            Reason::DuplicateTenant,
            "an older resource of this cluster declares the same tenant and acts for it; delete one of the two, or set managementPolicy: Observe here".to_owned(),
        )),
    }
}

fn plan_enabled(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    match enablement::service(situation) {
        Reading::Known { value: true, .. } => plan_running(situation, desired, plan),
        Reading::Known { value: false, .. } => enablement::turn_on(situation, desired, plan),
        Reading::Unknown { why } => plan_unknown(situation, desired, why, plan),
    }
}

fn plan_running(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    plan.waiting.extend(region::gate(situation, desired));
    plan.drift.extend(region::contradicted_pin(situation, desired));
    if region::unknown_though_declared(situation, desired) {
        let because = "the spec declares a region and nobody knows where the data is";
        plan.ask(handoff::attest(desired, "DataLocation"), because);
    }
    integrations::plan_links(situation, desired, plan);
}

fn plan_disabled(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    match enablement::service(situation) {
        Reading::Known { value: true, .. } => enablement::turn_off(situation, desired, plan),
        Reading::Known { value: false, .. } => {}
        Reading::Unknown { why } => plan_unknown(situation, desired, why, plan),
    }
}

/// The state of the tenant is not known: nothing that changes it is sent, with one exception: a broker that does not
/// show its instances is asked by the request itself, which it answers the same when repeated.
fn plan_unknown(situation: &Situation, desired: &Desired, why: Why, plan: &mut Plan) {
    let open = operation::current(situation).filter(operation::is_open);
    if let Some(open) = open {
        if let Some(waiting) = enablement::operation_forbids(situation, open.step, true) {
            plan.wait(waiting);
            if situation.observed.failure.is_some() {
                plan.wait(Waiting::for_provider(situation));
            }
            return;
        }
        if open.step == crate::api::StepName::Enable {
            return enablement::turn_on(situation, desired, plan);
        }
    }
    if why == Why::ReadFailed {
        return plan_unreadable(situation, plan);
    }
    if situation.observed.failure.is_some() {
        return plan.wait(Waiting::for_provider(situation));
    }
    if let Some(waiting) = ended_badly(situation, desired) {
        return plan.wait(waiting);
    }
    match why {
        Why::NotAsked if lapsed(situation, desired) => {
            plan.ask(
                handoff::attest(desired, claim_for(desired.state)),
                "the attestation that this rested on has lapsed",
            );
        }
        Why::NotAsked if is_provisioned_again(situation, desired) => enablement::turn_on(situation, desired, plan),
        Why::NotAsked if situation.memory.service().is_some() && !situation.spec_changed() => {
            plan.verdict_stands = true
        }
        Why::Ambiguous => {
            plan.ask(
                handoff::attest(desired, claim_for(desired.state)),
                "live attestations contradict each other: keep the one that is true",
            );
        }
        _ if desired.state == DesiredState::Disabled => {
            let hand_off = handoff::opt_out(desired);
            let change = super::step::Change::Disable { is_repair: false };
            let why = "the spec declares Disabled".to_owned();
            plan.hand_over(situation, Step { change, by: StepActor::Person(hand_off), why });
        }
        _ => enablement::turn_on(situation, desired, plan),
    }
}

/// Whether somebody asks for another try of a provisioning that did not end in time. The same request does no harm.
fn is_provisioned_again(situation: &Situation, desired: &Desired) -> bool {
    let provisioning = situation.memory.operation().filter(|operation| {
        operation.result == Some(OperationResult::TimedOut) && operation.parameters.tenant_id.is_some()
    });
    desired.state == DesiredState::Enabled && provisioning.is_some() && situation.reconcile_requested()
}

/// A verdict about an operation of ours that makes what the broker shows unreliable.
fn ended_badly(situation: &Situation, desired: &Desired) -> Option<Waiting> {
    let operation = operation::current(situation).filter(operation::has_failed)?;
    (desired.state != DesiredState::Deprovisioned)
        .then(|| enablement::operation_forbids(situation, operation.step, enablement::instance(situation).is_true()))
        .flatten()
}

const fn claim_for(state: DesiredState) -> &'static str {
    match state {
        DesiredState::Enabled => "ServiceOn",
        DesiredState::Disabled => "ServiceOff",
        DesiredState::Deprovisioned => "Deprovisioned",
    }
}

/// Whether the last word about the service was a person's, and it holds no longer.
pub(super) fn lapsed(situation: &Situation, desired: &Desired) -> bool {
    let remembered = matches!(situation.memory.service(), Some((_, Source::Attested)));
    let reported = situation
        .memory
        .condition(ConditionType::ServiceOn)
        .is_some_and(|service| service.reason == Some(Reason::AttestationExpired));
    remembered || reported || attestation::lapsed_service(desired, situation.now).is_some()
}

/// Reading failed. With nothing pending the stored verdict stands until three resyncs have failed.
pub(super) fn plan_unreadable(situation: &Situation, plan: &mut Plan) {
    if situation.spec_changed() || !(situation.memory.is_ready() || has_aged_before(situation)) {
        return plan.wait(Waiting::for_provider(situation));
    }
    if has_aged_before(situation) || !has_aged(situation) {
        plan.verdict_stands = true;
        return;
    }
    let waiting = Waiting::for_provider(situation);
    plan.wait(Waiting::for_person(waiting.reason, waiting.message));
}

/// Whether the stored verdict is already that nothing could be read for too long.
pub(super) fn has_aged_before(situation: &Situation) -> bool {
    let unreadable =
        situation.memory.condition(ConditionType::Ready).is_some_and(|ready| ready.reason.is_some_and(is_unreadable));
    unreadable && situation.memory.condition(ConditionType::Stalled).is_some()
}

/// Reasons that say that the state of the tenant could not be read.
pub(super) const fn is_unreadable(reason: Reason) -> bool {
    matches!(reason, Reason::ProviderUnavailable | Reason::Throttled | Reason::PermissionDenied)
}

fn has_aged(situation: &Situation) -> bool {
    let Ok(desired) = &situation.desired else { return false };
    let limit = super::pace::resync(situation, desired).saturating_mul(3);
    situation.recent.failing_since.is_some_and(|since| situation.now.duration_since(since) >= limit)
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
        return plan.wait(Waiting::later(Reason::Deleting, message.to_owned()));
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

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_settled() {
            return writeln!(f, "nothing to do");
        }
        for step in &self.steps {
            writeln!(f, "{} [{}]: {step} — because {}", step.change.name(), step.change.risk(), step.why)?;
        }
        for ask in &self.asks {
            writeln!(f, "ask {}: {}", ask.role, ask.instructions)?;
        }
        for waiting in &self.waiting {
            let whom = match waiting.until {
                Until::Later => "waits",
                Until::Person => "waits for a person",
            };
            writeln!(f, "{whom} ({}): {}", waiting.reason, waiting.message)?;
        }
        for drift in &self.drift {
            writeln!(f, "differs: {drift}")?;
        }
        if self.verdict_stands {
            writeln!(f, "nothing could be read; the last verdict stands")?;
        }
        Ok(())
    }
}
