//! Links to other products: what is known of each, and the way to the declared state.

use std::collections::BTreeMap;

use super::attestation;
use super::desired::{Desired, DesiredLink};
use super::enablement;
use super::handoff;
use super::observed::{Instance, InstanceParameters};
use super::operation;
use super::planner::{Plan, Waiting};
use super::reading::{Reading, Source, Why};
use super::situation::Situation;
use super::step::{BrokerCall, BrokerRequest, Change, Step, StepActor};
use crate::api::{Actor, LinkReading, Operation, OperationParameters, OperationResult, Reason, StepName};
use crate::tenant::{IntegrationType, LinkState};

/// Whether a link is set, by what was read in this pass.
///
/// What the broker shows while an operation of ours on the link goes on, or after one failed, is only what was asked for.
pub(super) fn link(situation: &Situation, desired: &Desired, name: &str, kind: IntegrationType) -> Reading<LinkState> {
    let doubtful = operation::current(situation).is_some_and(|operation| {
        let in_flight = operation::is_open(&operation) && operation.accept_time.is_some();
        operation.parameters.integrations.contains_key(&kind) && (in_flight || operation::has_failed(&operation))
    });
    let claimed = if doubtful || !kind.is_changed_by_broker() {
        Reading::unknown(Why::NotAsked)
    } else {
        claimed(situation, name, kind)
    };
    with_attestation(situation, desired, name, claimed)
}

fn with_attestation(
    situation: &Situation,
    desired: &Desired,
    name: &str,
    claimed: Reading<LinkState>,
) -> Reading<LinkState> {
    match (&claimed, attestation::link(desired, name, situation.now)) {
        (Reading::Known { .. }, _) => claimed,
        (Reading::Unknown { .. }, attested @ Reading::Known { .. }) => attested,
        (Reading::Unknown { why: Why::NotAsked }, attested) => attested,
        (Reading::Unknown { .. }, _) => claimed,
    }
}

fn claimed(situation: &Situation, name: &str, kind: IntegrationType) -> Reading<LinkState> {
    match &situation.observed.instance {
        Reading::Known { value: Instance::Present { parameters: Some(parameters) }, .. } => shown(parameters, kind),
        Reading::Known { value: Instance::Present { parameters: None }, .. } => remembered(situation, name, kind),
        Reading::Unknown { why: Why::NotAsked } if situation.capabilities.has_broker => {
            remembered(situation, name, kind)
        }
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
            || matches!(situation.observed.progress, Some(super::observed::Progress::Succeeded))
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
        desired
            .integrations
            .iter()
            .filter(|(_, link)| link.kind == *kind)
            .all(|(name, _)| claimed(situation, name, *kind).value() == Some(state))
    })
}

/// Who would change a link.
pub(super) fn actor(situation: &Situation, kind: IntegrationType) -> Actor {
    if kind.is_changed_by_broker() && situation.capabilities.has_broker && enablement::instance(situation).is_true() {
        Actor::Broker
    } else {
        Actor::Person
    }
}

/// The links that are not as declared, of a service that is on.
pub(super) fn plan_links(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    let pending: BTreeMap<&String, &DesiredLink> = desired
        .integrations
        .iter()
        .filter(|(name, wish)| link(situation, desired, name, wish.kind).value() != Some(&wish.state))
        .collect();
    for (name, wish) in pending {
        plan_link(situation, desired, (name, *wish), plan);
    }
}

fn plan_link(situation: &Situation, desired: &Desired, (name, wish): (&str, DesiredLink), plan: &mut Plan) {
    let reading = link(situation, desired, name, wish.kind);
    if matches!(reading.why(), Some(Why::ReadFailed | Why::NotPermitted)) {
        return plan.wait(Waiting::for_provider(situation));
    }
    if wish.kind.is_irreversible() && wish.state == LinkState::Linked && desired.cloud.has_regions() {
        if super::region::pin(situation, None, false).is_none() {
            let message = format!(
                "integration {name} creates an Endpoint tenant whose location never moves: it waits until a region is pinned; attest DataLocation or set dataLocation.region"
            );
            return plan.wait(Waiting::for_person(Reason::RegionRequired, message));
        }
    }
    let outside = changed_outside(situation, name, wish, &reading);
    if let Some(waiting) = enablement::contended(situation, name, outside) {
        return plan.wait(waiting);
    }
    let (name_owned, kind) = (name.to_owned(), wish.kind);
    let change = match wish.state {
        LinkState::Linked => Change::Link { name: name_owned, kind, is_repair: outside },
        LinkState::Unlinked => Change::Unlink { name: name_owned, kind, is_repair: outside },
    };
    let why =
        if outside { "somebody changed it outside".to_owned() } else { format!("the spec declares {}", wish.state) };
    if actor(situation, wish.kind) == Actor::Person {
        let hand_off = handoff::link(desired, name, wish);
        return plan.hand_over(situation, Step { change, by: StepActor::Person(hand_off), why });
    }
    let step = if wish.state == LinkState::Linked { StepName::Link } else { StepName::Unlink };
    if let Some(waiting) = enablement::operation_forbids(situation, step, true) {
        return plan.wait(waiting);
    }
    let parameters = OperationParameters {
        integrations: BTreeMap::from([(wish.kind, wish.state)]),
        ..OperationParameters::default()
    };
    let request = BrokerRequest { tenant: desired.tenant, call: BrokerCall::Update, parameters };
    plan.steps.push(Step { change, by: StepActor::Broker(request), why });
}

/// Whether the link was as declared the last time, for this very spec, and is known not to be any more.
fn changed_outside(situation: &Situation, name: &str, wish: DesiredLink, reading: &Reading<LinkState>) -> bool {
    let Some(state) = reading.value() else { return false };
    let declared = match wish.state {
        LinkState::Linked => LinkReading::Linked,
        LinkState::Unlinked => LinkReading::Unlinked,
    };
    let was_declared = situation.memory.integration(name).is_some_and(|stored| stored.state == declared);
    let was_repaired = situation.memory.repaired_at(name).is_some();
    *state != wish.state && !situation.spec_changed() && (was_declared || was_repaired)
}
