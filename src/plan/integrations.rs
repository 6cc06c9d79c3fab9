//! Links to other products: the way to the declared state.
//!
//! A lost licence never unlinks anything, and data that has not arrived yet never holds the resource back.

use std::collections::BTreeMap;

use super::ageing;
use super::best;
use super::desired::{Desired, DesiredLink};
use super::evidence;
use super::handoff;
use super::links;
use super::microsoft::Access;
use super::planned::{Plan, Waiting};
use super::reading::{Reading, Why};
use super::region;
use super::restraint;
use super::situation::Situation;
use super::step::{ArmRequest, BrokerCall, BrokerRequest, Change, Step, StepActor};
use crate::api::{Actor, LinkReading, OperationParameters, Reason};
use crate::tenant::{IntegrationType, LinkState, Region};

/// A declared link by its name.
type Named<'a> = (&'a str, &'a DesiredLink);

/// Who would change a link.
pub(super) fn actor(situation: &Situation, (name, wish): Named<'_>) -> Actor {
    if wish.kind.is_changed_by_broker() {
        let can = situation.has_broker() && evidence::instance(situation).is_true();
        return if can { Actor::Broker } else { Actor::Person };
    }
    // By configuration alone: credentials that fail just now do not make it a person's.
    let signs_in = situation.observed.microsoft.access != Access::NotTried;
    if signs_in && wish.target.is_some() && !is_left_to_person(situation, (name, wish)) {
        Actor::Arm
    } else {
        Actor::Person
    }
}

/// Whether Microsoft Sentinel takes the connector from a person only: it says that a licence or consent is missing, as it
/// does to applications, or it has said so to us.
fn is_left_to_person(situation: &Situation, (name, wish): Named<'_>) -> bool {
    if wish.kind != IntegrationType::SentinelIncidents {
        return false;
    }
    let unlicensed = links::asked(&situation.observed.microsoft, name)
        .and_then(|link| link.requirements.value())
        .is_some_and(|requirements| !requirements.is_licensed);
    let refused = situation.memory.integration(name).is_some_and(|stored| stored.actor == Actor::Person)
        && !situation.spec_changed()
        && !situation.reconcile_requested();
    unlicensed || refused
}

/// The links that are not as declared, of a service that is on.
pub(super) fn plan_links(situation: &Situation, desired: &Desired, plan: &mut Plan) {
    for (name, wish) in &desired.integrations {
        let reading = evidence::link(situation, desired, name, wish.kind);
        // Whose subscription it is matters also where the switch is as declared.
        if let Some(waiting) = foreign(situation, desired, (name.as_str(), wish)) {
            plan.wait(waiting);
            continue;
        }
        // What could only not be read again stays as it was; a step follows from what is read in this pass alone.
        if best::link(situation, desired, name, wish.kind).value() != Some(&wish.state) {
            plan_link(situation, desired, ((name.as_str(), wish), &reading), plan);
        }
    }
}

fn plan_link(
    situation: &Situation,
    desired: &Desired,
    (named, reading): (Named<'_>, &Reading<LinkState>),
    plan: &mut Plan,
) {
    let (name, wish) = named;
    let outside = changed_outside(situation, named, reading);
    let forbidden = unread(situation, named, reading)
        .or_else(|| misplaced(situation, desired, named))
        .or_else(|| restraint::contended(situation, name, outside));
    if let Some(waiting) = forbidden {
        return plan.wait(waiting);
    }
    let seen = links::state(&situation.observed.microsoft, name);
    if reading.why() == Some(Why::Ambiguous) || seen.why() == Some(Why::Ambiguous) {
        let because =
            format!("whether integration {name} is linked can be read two ways, and nothing is written on doubt");
        let claim = format!("{} and integrationName {name}", claim(wish.state));
        return plan.ask(handoff::attest(situation, desired, &claim), &because);
    }
    let (name_owned, kind) = (name.to_owned(), wish.kind);
    let change = match wish.state {
        LinkState::Linked => Change::Link { name: name_owned, kind, is_repair: outside },
        LinkState::Unlinked => Change::Unlink { name: name_owned, kind, is_repair: outside },
    };
    let why =
        if outside { "somebody changed it outside".to_owned() } else { format!("the spec declares {}", wish.state) };
    match actor(situation, named) {
        // Without a token the reason for that is waited for already.
        Actor::Arm if !situation.observed.microsoft.is_asked() => {}
        Actor::Arm => match unauthorized(situation, named) {
            Some(waiting) => plan.wait(waiting),
            None => plan.steps.push(Step { change, by: StepActor::Arm(arm_request(desired, named)), why }),
        },
        Actor::Broker => {
            if let Some(waiting) = restraint::operation_forbids(situation, change.name(), true) {
                return plan.wait(waiting);
            }
            plan.steps.push(Step { change, by: StepActor::Broker(broker_request(desired, wish)), why });
        }
        Actor::Person | Actor::None => {
            let hand_off = handoff::link(situation, desired, name, wish);
            plan.hand_over(Step { change, by: StepActor::Person(hand_off), why });
        }
    }
}

const fn claim(state: LinkState) -> &'static str {
    match state {
        LinkState::Linked => "IntegrationLinked",
        LinkState::Unlinked => "IntegrationUnlinked",
    }
}

fn arm_request(desired: &Desired, (name, wish): Named<'_>) -> ArmRequest {
    ArmRequest {
        tenant: desired.tenant,
        name: name.to_owned(),
        kind: wish.kind,
        target: wish.target.clone().unwrap_or_default(),
        state: wish.state,
    }
}

fn broker_request(desired: &Desired, wish: &DesiredLink) -> BrokerRequest {
    let parameters = OperationParameters {
        integrations: BTreeMap::from([(wish.kind, wish.state)]),
        ..OperationParameters::default()
    };
    BrokerRequest { tenant: desired.tenant, call: BrokerCall::Update, parameters }
}

/// The switch, or the subscription that it belongs to, could not be read: nothing is written on doubt.
fn unread(situation: &Situation, (name, wish): Named<'_>, reading: &Reading<LinkState>) -> Option<Waiting> {
    let link = links::asked(&situation.observed.microsoft, name);
    let owner = link.map_or(Why::NotAsked, |link| link.owner.why().unwrap_or(Why::NotAsked));
    match reading.why().filter(|why| why.may_pass()).unwrap_or(owner) {
        Why::ReadFailed => Some(ageing::of_link(situation, name)),
        Why::NotPermitted => Some(Waiting::for_person(
            Reason::PermissionDenied,
            format!("integration {name} could not be read: grant {}", links::permission(wish.kind)),
        )),
        Why::NotAsked | Why::Ambiguous => {
            let is_blind = link.is_none_or(|link| link.answer.value().is_none() || link.owner.value().is_none());
            let signs_in = situation.observed.microsoft.is_asked();
            (is_blind && signs_in && actor(situation, (name, wish)) == Actor::Arm).then(|| {
                let reason = if wish.state == LinkState::Linked { Reason::Linking } else { Reason::Unlinking };
                let message = format!("integration {name}, or the tenant of its subscription, has not been read yet: it is read at one of the next looks");
                Waiting::at_next_look(reason, message)
            })
        }
    }
}

/// The subscription belongs to another tenant.
fn foreign(situation: &Situation, desired: &Desired, (name, _): Named<'_>) -> Option<Waiting> {
    let link = links::asked(&situation.observed.microsoft, name)?;
    let owner = link.owner.value().filter(|owner| **owner != desired.tenant)?;
    let message = format!(
        "the subscription of integration {name} belongs to tenant {owner} and not to the declared one: name a subscription of this tenant"
    );
    Some(Waiting::for_person(Reason::TenantMismatch, message))
}

/// The link creates an Endpoint tenant, and where its data would be is not settled, or would be elsewhere.
fn misplaced(situation: &Situation, desired: &Desired, (name, wish): Named<'_>) -> Option<Waiting> {
    if !wish.kind.is_irreversible() || wish.state == LinkState::Unlinked || !desired.cloud.has_regions() {
        return None;
    }
    if let Some(contradiction) = region::contradicted_pin(situation, desired) {
        let message =
            format!("integration {name} creates an Endpoint tenant whose location never moves: {contradiction}");
        return Some(Waiting::for_person(Reason::RegionMismatch, message));
    }
    let Some(pin) = region::pin(situation, None, false).filter(|pin| region::is_vouched_for(situation, pin)) else {
        let message = format!(
            "integration {name} creates an Endpoint tenant whose location never moves: it waits until a region is pinned; attest DataLocation or name observation.subscriptionId"
        );
        return Some(Waiting::for_person(Reason::RegionRequired, message));
    };
    let is_there = region::of_endpoint(&situation.observed.microsoft, desired).value().is_some();
    let elsewhere =
        Region::of_security_center(desired.experience).filter(|by_rule| *by_rule != pin.region && !is_there)?;
    let message = format!(
        "integration {name} lets Azure Security Center turn Defender ATP on, under these rules always in {elsewhere}, and the data of this tenant is in {}: turn Defender ATP on by itself first",
        pin.region
    );
    Some(Waiting::for_person(Reason::RegionMismatch, message))
}

/// Azure Resource Manager says beforehand that it would refuse.
fn unauthorized(situation: &Situation, (name, wish): Named<'_>) -> Option<Waiting> {
    let link = links::asked(&situation.observed.microsoft, name)?;
    let is_refused = link.requirements.value().is_some_and(|requirements| !requirements.is_authorized);
    is_refused.then(|| {
        let message = format!(
            "Microsoft Sentinel would refuse integration {name}: grant {}",
            links::permission_to_change(wish.kind)
        );
        Waiting::for_person(Reason::PermissionDenied, message)
    })
}

/// Whether the link was as declared the last time, for this very spec, and is known not to be any more.
fn changed_outside(situation: &Situation, (name, wish): Named<'_>, reading: &Reading<LinkState>) -> bool {
    let Some(state) = reading.value() else { return false };
    let declared = match wish.state {
        LinkState::Linked => LinkReading::Linked,
        LinkState::Unlinked => LinkReading::Unlinked,
    };
    let was_declared = situation.memory.integration(name).is_some_and(|stored| stored.state == declared);
    let was_repaired = situation.memory.repaired_at(name).is_some();
    *state != wish.state && !situation.spec_changed() && (was_declared || was_repaired)
}
