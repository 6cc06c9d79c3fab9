//! Links to other products: the way to the declared state.

use std::collections::BTreeMap;

use super::desired::{Desired, DesiredLink};
use super::evidence;
use super::handoff;
use super::planned::{Plan, Waiting};
use super::reading::{Reading, Why};
use super::region;
use super::restraint;
use super::situation::Situation;
use super::step::{BrokerCall, BrokerRequest, Change, Step, StepActor};
use crate::api::{Actor, LinkReading, OperationParameters, Reason, StepName};
use crate::tenant::{IntegrationType, LinkState};

/// Who would change a link.
pub(super) fn actor(situation: &Situation, kind: IntegrationType) -> Actor {
    if kind.is_changed_by_broker() && situation.has_broker() && evidence::instance(situation).is_true() {
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
        .filter(|(name, wish)| evidence::link(situation, desired, name, wish.kind).value() != Some(&wish.state))
        .collect();
    for (name, wish) in pending {
        plan_link(situation, desired, (name, *wish), plan);
    }
}

fn plan_link(situation: &Situation, desired: &Desired, (name, wish): (&str, DesiredLink), plan: &mut Plan) {
    let reading = evidence::link(situation, desired, name, wish.kind);
    if matches!(reading.why(), Some(Why::ReadFailed | Why::NotPermitted)) {
        return plan.wait(Waiting::for_provider(situation));
    }
    let needs_region = wish.kind.is_irreversible() && wish.state == LinkState::Linked && desired.cloud.has_regions();
    if needs_region && region::pin(situation, None, false).is_none() {
        let message = format!(
            "integration {name} creates an Endpoint tenant whose location never moves: it waits until a region is pinned; attest DataLocation or set dataLocation.region"
        );
        return plan.wait(Waiting::for_person(Reason::RegionRequired, message));
    }
    let outside = changed_outside(situation, name, wish, &reading);
    if let Some(waiting) = restraint::contended(situation, name, outside) {
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
        return plan.hand_over(Step { change, by: StepActor::Person(hand_off), why });
    }
    let step = if wish.state == LinkState::Linked { StepName::Link } else { StepName::Unlink };
    if let Some(waiting) = restraint::operation_forbids(situation, step, true) {
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
