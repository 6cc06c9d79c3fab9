//! Whether the service is on, and the way to on and to off.

use super::attestation;
use super::consent;
use super::desired::Desired;
use super::handoff;
use super::observed::{Instance, InstanceParameters};
use super::operation;
use super::planner::{Plan, Waiting};
use super::reading::{Reading, Source, Why};
use super::region;
use super::situation::Situation;
use super::step::{BrokerCall, BrokerRequest, Change, SERVICE, Step, StepActor};
use crate::api::{
    ConditionType, DesiredState, Operation, OperationParameters, OperationResult, Reason, StepName, TriState,
};

/// Whether the service is on, by what was read in this pass; an attestation that holds counts as read.
pub(super) fn service(situation: &Situation) -> Reading<bool> {
    service_with(situation, operation::current(situation).as_ref())
}

/// The same, while `operation` is the one of ours that counts.
pub(super) fn service_with(situation: &Situation, operation: Option<&Operation>) -> Reading<bool> {
    let claimed = claimed(situation, operation);
    let Ok(desired) = &situation.desired else { return claimed };
    match (&claimed, attestation::service(desired, situation.now)) {
        (Reading::Known { .. }, _) => claimed,
        (Reading::Unknown { .. }, known @ Reading::Known { .. }) => known,
        (Reading::Unknown { why: Why::NotAsked }, unknown) => unknown,
        (Reading::Unknown { .. }, _) => claimed,
    }
}

/// The broker's word. What it shows while an operation of ours goes on, or after one failed, is only what was asked for.
fn claimed(situation: &Situation, operation: Option<&Operation>) -> Reading<bool> {
    let enabling_failed = operation.is_some_and(|operation| {
        operation.step == StepName::Enable && operation.result == Some(OperationResult::Failed)
    });
    let in_flight = operation.is_some_and(|operation| {
        let about_links = matches!(operation.step, StepName::Link | StepName::Unlink);
        operation::is_open(operation) && operation.accept_time.is_some() && !about_links
    });
    let sent = operation.is_some_and(|operation| operation::is_open(operation) && operation.step == StepName::Enable);
    match &situation.observed.instance {
        Reading::Known { .. } if in_flight => Reading::unknown(Why::NotAsked),
        Reading::Known { value: Instance::Absent, .. } if sent => Reading::unknown(Why::NotAsked),
        Reading::Known { value: Instance::Absent, .. } => Reading::claimed(false),
        Reading::Known { value: Instance::Present { parameters }, .. } => match shown_state(parameters.as_ref()) {
            Some(DesiredState::Enabled) if enabling_failed => Reading::unknown(Why::NotAsked),
            Some(DesiredState::Enabled) => Reading::claimed(true),
            Some(DesiredState::Disabled) => Reading::claimed(false),
            _ => remembered_claim(situation, operation),
        },
        Reading::Unknown { why: Why::NotAsked } if is_broker_silent(situation) => {
            remembered_claim(situation, operation)
        }
        Reading::Unknown { why } => Reading::unknown(*why),
    }
}

fn shown_state(parameters: Option<&InstanceParameters>) -> Option<DesiredState> {
    parameters.and_then(|parameters| parameters.state)
}

/// Whether a broker acts here that does not show its instances.
fn is_broker_silent(situation: &Situation) -> bool {
    situation.capabilities.has_broker && !situation.observed.is_retrievable && situation.observed.failure.is_none()
}

/// What our last succeeded operation made of the tenant, where the broker does not show it.
fn remembered_claim(situation: &Situation, operation: Option<&Operation>) -> Reading<bool> {
    match operation::succeeded(situation).map(|operation| operation.step) {
        Some(StepName::Enable) => return Reading::claimed(true),
        Some(StepName::Disable | StepName::Deprovision) => return Reading::claimed(false),
        Some(StepName::Link | StepName::Unlink) | None => {}
    }
    if operation.is_some_and(operation::is_open) {
        return Reading::unknown(Why::NotAsked);
    }
    match situation.memory.service() {
        Some((is_on, Source::Claimed)) => Reading::claimed(is_on),
        _ => Reading::unknown(Why::NotAsked),
    }
}

/// Whether the broker has an instance of the tenant.
pub(super) fn instance(situation: &Situation) -> Reading<bool> {
    match &situation.observed.instance {
        Reading::Known { value: Instance::Absent, .. } => Reading::claimed(false),
        Reading::Known { value: Instance::Present { .. }, .. } => Reading::claimed(true),
        Reading::Unknown { why: Why::NotAsked } if is_broker_silent(situation) => remembered_instance(situation),
        Reading::Unknown { why } => Reading::unknown(*why),
    }
}

fn remembered_instance(situation: &Situation) -> Reading<bool> {
    if let Some(operation) = operation::succeeded(situation) {
        return Reading::claimed(operation.step != StepName::Deprovision);
    }
    let gone = situation
        .memory
        .condition(ConditionType::ServiceOn)
        .is_some_and(|service| service.reason == Some(Reason::Deprovisioned));
    match situation.memory.service() {
        Some((_, Source::Claimed)) => Reading::claimed(!gone),
        _ => Reading::unknown(Why::NotAsked),
    }
}

/// Plans towards on, from a tenant that is off or not known to be on.
pub(super) fn turn_on(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    let present = instance(situation);
    if situation.capabilities.has_broker {
        if present.why() == Some(Why::ReadFailed) {
            return plan.wait(Waiting::for_provider(situation));
        }
        if let Some(waiting) = operation_forbids(situation, StepName::Enable, present.is_true()) {
            return plan.wait(waiting);
        }
    }
    let outside = changed_outside(situation, DesiredState::Enabled);
    if let Some(waiting) = contended(situation, SERVICE, outside) {
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
    if situation.capabilities.has_broker {
        let request = enable_request(situation, desired, present.is_true());
        plan.steps.push(Step { change, by: StepActor::Broker(request), why: why.to_owned() });
    } else {
        let hand_off = handoff::turn_on(desired, pins);
        plan.hand_over(situation, Step { change, by: StepActor::Person(hand_off), why: why.to_owned() });
    }
}

fn enable_request(situation: &Situation, desired: &Desired, is_present: bool) -> BrokerRequest {
    let consent = desired.consent.as_ref().filter(|_| desired.experience.requires_consent());
    let frozen = operation::current(situation)
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
    let present = instance(situation);
    if situation.capabilities.has_broker {
        if present.why() == Some(Why::ReadFailed) {
            return plan.wait(Waiting::for_provider(situation));
        }
        if let Some(waiting) = operation_forbids(situation, StepName::Disable, present.is_true()) {
            return plan.wait(waiting);
        }
    }
    let outside = changed_outside(situation, DesiredState::Disabled);
    if let Some(waiting) = contended(situation, SERVICE, outside) {
        return plan.wait(waiting);
    }
    let change = Change::Disable { is_repair: outside };
    let why = if outside { "somebody turned it on outside" } else { "the spec declares Disabled" }.to_owned();
    if situation.capabilities.has_broker && present.is_true() {
        let parameters = OperationParameters { state: Some(DesiredState::Disabled), ..OperationParameters::default() };
        let request = BrokerRequest { tenant: desired.tenant, call: BrokerCall::Update, parameters };
        plan.steps.push(Step { change, by: StepActor::Broker(request), why });
    } else {
        let hand_off = handoff::opt_out(desired);
        plan.hand_over(situation, Step { change, by: StepActor::Person(hand_off), why });
    }
}

/// Whether the tenant was as declared the last time, for this very spec, and is not any more.
pub(super) fn changed_outside(situation: &Situation, declared: DesiredState) -> bool {
    let Some(service) = situation.memory.condition(ConditionType::ServiceOn) else { return false };
    if service.reason == Some(Reason::Drifted) {
        return true;
    }
    if situation.spec_changed() {
        return false;
    }
    match declared {
        DesiredState::Enabled => service.status == TriState::True,
        DesiredState::Disabled => {
            let as_declared = matches!(service.reason, Some(Reason::Disabled | Reason::Deprovisioned));
            service.status == TriState::False && as_declared
        }
        DesiredState::Deprovisioned => false,
    }
}

/// A second change outside, soon after we set `target` back, is left alone until the spec changes or somebody asks.
pub(super) fn contended(situation: &Situation, target: &str, changed_outside: bool) -> Option<Waiting> {
    if situation.spec_changed() || situation.reconcile_requested() || !changed_outside {
        return None;
    }
    let repaired = situation.memory.repaired_at(target)?;
    let soon = situation.now.duration_since(repaired) < jiff::SignedDuration::from_hours(24);
    let was_contended =
        situation.memory.condition(ConditionType::Ready).is_some_and(|ready| ready.reason == Some(Reason::Contended));
    (soon || was_contended).then(|| {
        let what = if target == SERVICE { "the service".to_owned() } else { format!("integration {target}") };
        Waiting::for_person(
            Reason::Contended,
            format!(
                "{what} was set back at {repaired} and changed outside again: it is left alone. Find out who changes it, then change the spec or request a reconcile"
            ),
        )
    })
}

/// Why an operation of ours forbids to send `step` now.
pub(super) fn operation_forbids(situation: &Situation, step: StepName, is_present: bool) -> Option<Waiting> {
    let operation = operation::current(situation)?;
    let id = &operation.id;
    let said = operation.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    let name = operation.step.name().to_lowercase();
    if operation::is_open(&operation) {
        if operation.accept_time.is_some() {
            return Some(Waiting::later(
                progress_reason(operation.step),
                format!("the broker works on it (instance {id}, {name}), until {} at most", operation.deadline_time.0),
            ));
        }
        let contrary = operation.step != step || !operation::is_wished(situation, &operation);
        return contrary.then(|| {
            let message = format!("whether an earlier request ({name}, instance {id}) arrived is not known yet; nothing else is sent before {}", operation.deadline_time.0);
            Waiting::later(progress_reason(operation.step), message)
        });
    }
    match operation.result? {
        OperationResult::Succeeded => Some(unseen(situation, &operation)),
        OperationResult::Failed if operation.step == StepName::Enable && !is_present => {
            let again = operation.end_time_or_start() + situation.capabilities.slow_probe;
            (situation.now < again).then(|| {
                let message = format!("the broker reports that it failed (instance {id}, {name}){said}; the same request is sent again at {again}");
                Waiting::later(Reason::OperationFailed, message)
            })
        }
        OperationResult::Failed => Some(Waiting::for_person(
            Reason::OperationFailed,
            format!(
                "the broker reports that it failed (instance {id}, {name}){said}; nothing is sent again until a reconcile is requested"
            ),
        )),
        OperationResult::TimedOut => Some(Waiting::for_person(
            Reason::OperationTimedOut,
            format!(
                "the broker's operation (instance {id}, {name}) had not ended by {}; from now on the operator only looks, until a reconcile is requested",
                operation.deadline_time.0
            ),
        )),
        OperationResult::Refused => Some(Waiting::for_person(
            Reason::ProviderRejected,
            format!("the broker refused it (instance {id}, {name}){said}"),
        )),
    }
}

/// The broker reported success, and the tenant does not show it.
fn unseen(situation: &Situation, operation: &Operation) -> Waiting {
    let until = operation.end_time_or_start() + situation.capabilities.claim_grace;
    let name = operation.step.name().to_lowercase();
    if situation.now < until {
        let message = format!(
            "the broker reported success ({name}, instance {}); waiting until the tenant shows it, until {until} at most",
            operation.id
        );
        return Waiting::later(Reason::Verifying, message);
    }
    let message = format!(
        "the broker reported success ({name}, instance {}) and the tenant does not show it since; compare its portal with the broker's records, then request a reconcile",
        operation.id
    );
    Waiting::for_person(Reason::ClaimNotObserved, message)
}

/// The reason shown while a step goes on.
pub(super) const fn progress_reason(step: StepName) -> Reason {
    match step {
        StepName::Enable => Reason::Enabling,
        StepName::Disable => Reason::Disabling,
        StepName::Link => Reason::Linking,
        StepName::Unlink => Reason::Unlinking,
        StepName::Deprovision => Reason::Deprovisioning,
    }
}
