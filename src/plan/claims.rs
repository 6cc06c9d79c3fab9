//! What Microsoft's own APIs, the broker and the attestations say, while a given operation of ours counts.
//!
//! An observation outranks a claim, and a claim an attestation. An observation that failed is not made up for by anybody's
//! word: the tenant is looked at again. One that cannot be had is.

use super::attestation;
use super::desired::Desired;
use super::links;
use super::observed::{Instance, InstanceParameters, Progress};
use super::operation;
use super::reading::{Reading, Source, Why};
use super::signals;
use super::situation::Situation;
use crate::api::{ConditionType, DesiredState, LinkReading, Operation, OperationResult, Reason, StepName};
use crate::tenant::{IntegrationType, LinkState};

/// Whether the service is on, while `operation` is the one of ours that counts.
pub(super) fn service_with(situation: &Situation, operation: Option<&Operation>) -> Reading<bool> {
    outranking(signals::service(&situation.observed.microsoft), || {
        let claimed = believable(situation, claimed_service(situation, operation));
        let Ok(desired) = &situation.desired else { return claimed };
        vouched(claimed, || attestation::service(desired, situation.now))
    })
}

/// A broker that says off about a tenant whose signals are not all of an off one is not enough to turn it on, for ever.
fn believable(situation: &Situation, claimed: Reading<bool>) -> Reading<bool> {
    let microsoft = &situation.observed.microsoft;
    let is_doubtful = signals::service(microsoft).why() == Some(Why::Ambiguous) || signals::shows_any(microsoft);
    let would_turn_on = situation.desired.as_ref().is_ok_and(|desired| desired.state == DesiredState::Enabled);
    if is_doubtful && would_turn_on && claimed.is_false() { Reading::unknown(Why::NotAsked) } else { claimed }
}

/// An observation, else what others say.
fn outranking<T>(observed: Reading<T>, others: impl FnOnce() -> Reading<T>) -> Reading<T> {
    let why = match observed {
        Reading::Known { .. } | Reading::Unknown { why: Why::ReadFailed } => return observed,
        Reading::Unknown { why } => why,
    };
    match others() {
        Reading::Unknown { why: Why::NotAsked } => Reading::unknown(why),
        said => said,
    }
}

/// The broker's word, else a person's; a broker that could not be asked may say otherwise at the next look.
fn vouched<T>(claimed: Reading<T>, attested: impl FnOnce() -> Reading<T>) -> Reading<T> {
    if claimed.value().is_some() || claimed.why() == Some(Why::ReadFailed) {
        return claimed;
    }
    match (&claimed, attested()) {
        (_, attested @ Reading::Known { .. }) | (Reading::Unknown { why: Why::NotAsked }, attested) => attested,
        _ => claimed,
    }
}

/// The broker's word. What it shows while an operation of ours goes on, or after one failed, is only what was asked for.
fn claimed_service(situation: &Situation, operation: Option<&Operation>) -> Reading<bool> {
    // A reconcile request answers the verdict and not the doubt: only a new operation can lift that.
    let is_wished = situation.desired.as_ref().is_ok_and(|desired| desired.state == DesiredState::Enabled);
    let enabling_failed =
        is_wished && operation::failed(situation).is_some_and(|failed| failed.step == StepName::Enable);
    let in_flight = operation.is_some_and(|operation| {
        let about_links = matches!(operation.step, StepName::Link | StepName::Unlink);
        operation::is_in_flight(operation) && !about_links
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

/// Whether the broker shows the instance as opted out.
pub(super) fn is_claimed_off(situation: &Situation) -> bool {
    let Some(Instance::Present { parameters }) = situation.observed.instance.value() else { return false };
    shown_state(parameters.as_ref()) == Some(DesiredState::Disabled)
}

fn shown_state(parameters: Option<&InstanceParameters>) -> Option<DesiredState> {
    parameters.and_then(|parameters| parameters.state)
}

/// Whether a broker acts here that does not show its instances.
pub(super) fn is_broker_silent(situation: &Situation) -> bool {
    situation.has_broker() && !situation.observed.is_retrievable && situation.observed.failure.is_none()
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
        // Whoever saw it go: asking a broker that shows nothing to remove it once more would never end.
        Some(_) if gone => Reading::claimed(false),
        Some((_, Source::Claimed)) => Reading::claimed(true),
        _ => Reading::unknown(Why::NotAsked),
    }
}

/// Whether a link is set, while `operation` is the one of ours that counts.
///
/// What the broker shows while an operation on the link goes on, or after one failed, is only what was asked for.
pub(super) fn link_with(
    situation: &Situation,
    desired: &Desired,
    (name, kind): (&str, IntegrationType),
    operation: Option<&Operation>,
) -> Reading<LinkState> {
    let concerns = |operation: &Operation| operation.parameters.integrations.contains_key(&kind);
    let doubtful = operation.is_some_and(|operation| {
        concerns(operation) && (operation::is_in_flight(operation) || operation::has_failed(operation))
    }) || operation::failed(situation).is_some_and(|failed| concerns(&failed));
    let claimed = if doubtful || !kind.is_changed_by_broker() {
        Reading::unknown(Why::NotAsked)
    } else {
        claimed_link(situation, name, kind)
    };
    outranking(links::state(&situation.observed.microsoft, name), || {
        vouched(claimed, || attestation::link(desired, name, situation.now))
    })
}

fn claimed_link(situation: &Situation, name: &str, kind: IntegrationType) -> Reading<LinkState> {
    match &situation.observed.instance {
        Reading::Known { value: Instance::Present { parameters: Some(parameters) }, .. } => shown(parameters, kind),
        Reading::Known { value: Instance::Present { parameters: None }, .. } => remembered(situation, name, kind),
        Reading::Unknown { why: Why::NotAsked } if situation.has_broker() => remembered(situation, name, kind),
        Reading::Known { value: Instance::Absent, .. } => Reading::unknown(Why::NotAsked),
        Reading::Unknown { why } => Reading::unknown(*why),
    }
}

/// What the broker shows. A link that it does not mention was never asked for.
fn shown(parameters: &InstanceParameters, kind: IntegrationType) -> Reading<LinkState> {
    parameters.integrations.get(&kind).map_or(Reading::unknown(Why::NotAsked), |state| Reading::claimed(*state))
}

/// What our last succeeded request made of the link, where the broker does not show it.
fn remembered(situation: &Situation, name: &str, kind: IntegrationType) -> Reading<LinkState> {
    let succeeded = situation.memory.operation().filter(|operation| {
        operation.result == Some(OperationResult::Succeeded)
            || matches!(situation.observed.progress, Some(Progress::Succeeded))
    });
    if let Some(state) = succeeded.and_then(|operation| operation.parameters.integrations.get(&kind)) {
        return Reading::claimed(*state);
    }
    match situation.memory.integration(name).map(|stored| (stored.state, stored.source)) {
        Some((LinkReading::Linked, Some(Source::Claimed))) => Reading::claimed(LinkState::Linked),
        Some((LinkReading::Unlinked, Some(Source::Claimed))) => Reading::claimed(LinkState::Unlinked),
        _ => Reading::unknown(Why::NotAsked),
    }
}

/// Whether the tenant shows the links that an operation was to set.
pub(super) fn shows(situation: &Situation, operation: &Operation) -> bool {
    let Ok(desired) = &situation.desired else { return false };
    operation.parameters.integrations.iter().all(|(kind, state)| {
        desired.integrations.iter().filter(|(_, link)| link.kind == *kind).all(|(name, _)| {
            let seen =
                outranking(links::state(&situation.observed.microsoft, name), || claimed_link(situation, name, *kind));
            seen.value() == Some(state)
        })
    })
}
