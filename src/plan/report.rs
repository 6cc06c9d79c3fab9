//! The whole status that follows from a situation and its plan.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::access;
use super::ageing;
use super::authority;
use super::best;
use super::conditions;
use super::eligibility;
use super::evidence;
use super::handoff::HandOff;
use super::integrations;
use super::links;
use super::memory::Memory;
use super::microsoft::Microsoft;
use super::operation;
use super::planned::Plan;
use super::reading::{Reading, Source, Why};
use super::region;
use super::services;
use super::situation::Situation;
use super::step::StepActor;
use super::verdict::Verdict;
use super::visible::visible;
use crate::api::{
    ConditionType, DesiredState, Eligibility, FeatureStatus, IntegrationStatus, LinkReading, ManagementPolicy,
    Operation, OperationResult, PendingAction, PlannedStep, Reason, ServiceStatus, TenantFacts,
    ThreatProtectionTenantStatus, TriState,
};
use crate::tenant::{Feature, LinkState, Service};

/// The status to be written. Equal to the stored one when there is nothing new to say.
///
/// Where the plan's next step needs its intent persisted (`Change::needs_intent`), the status carries it as
/// `operation` without an end, and the pinned region.
#[must_use]
pub fn report(situation: &Situation, plan: &Plan) -> ThreatProtectionTenantStatus {
    if is_suspended(situation) {
        return suspended(situation);
    }
    let mut status = situation.memory.status().clone();
    // A request that could not be looked into stays open.
    let failed = situation.observed.failure.is_some() || situation.observed.microsoft.failure.is_some();
    let is_looked_into = !plan.verdict_stands || !failed;
    if is_looked_into {
        status.last_handled_reconcile_at.clone_from(&situation.subject.reconcile_request);
    }
    if plan.verdict_stands {
        if !failed {
            renew_licences(situation, plan, &mut status);
        }
        return status;
    }
    if is_probe(situation, plan) {
        // The refusal stands until the answer is another one: whoever waits for the resource is not told of each try.
        status.operation = intent(situation, plan);
        status.data_location = region::pin(situation, plan.pins(), false);
        return status;
    }
    status.observed_generation = situation.subject.generation;
    status.conditions = conditions_of(situation, conditions::verdicts(situation, plan));
    status.plan = plan.steps.iter().map(planned).collect();
    status.pending_actions = pending_actions(situation, plan);
    if situation.desired.is_err() || !situation.is_permitted() || access::is_mistaken(situation) {
        return status;
    }
    // A step of this pass has answered them, and what it repaired is noted since: see `learnt`.
    if situation.spec_changed() || situation.reconcile_requested() {
        status.repairs.clear();
    }
    let intent = intent(situation, plan);
    let is_gone = conditions::is_deprovisioned(situation, plan);
    status.data_location = region::pin(situation, plan.pins(), is_gone);
    status.operation = if is_gone && !evidence::instance(situation).is_true() {
        None
    } else {
        intent.or_else(|| evidence::operation(situation))
    };
    status.features = features(situation);
    let licences = licences_of(situation);
    status.services = services_of(situation, licences.as_ref());
    status.integrations = links_of(situation);
    status.tenant = tenant_facts(situation);
    status.eligibility = eligibility_of(situation, licences);
    status
}

/// The verdict about the service stands; the licences were read all the same, and a lapsed one may be why less is shown.
fn renew_licences(situation: &Situation, plan: &Plan, status: &mut ThreatProtectionTenantStatus) {
    let is_read = situation.observed.microsoft.skus.value().is_some();
    if !is_read || situation.spec_changed() || !situation.is_permitted() || access::is_mistaken(situation) {
        return;
    }
    let verdicts = conditions::verdicts(situation, plan).into_iter();
    for (kind, verdict) in verdicts.filter(|(kind, _)| *kind == ConditionType::Eligible) {
        let renewed = condition(situation, kind, &verdict);
        status.conditions.iter_mut().filter(|stored| stored.type_ == renewed.type_).for_each(|stored| {
            stored.clone_from(&renewed);
        });
    }
    let licences = licences_of(situation);
    status.services = services_of(situation, licences.as_ref());
    status.eligibility = eligibility_of(situation, licences);
}

/// Who the tenant says it is; what cannot be read again stands.
fn tenant_facts(situation: &Situation) -> Option<TenantFacts> {
    let stored = situation.memory.status().tenant.clone();
    let organization = situation.observed.microsoft.organization.value().filter(|_| situation.is_proved());
    // Without the permission Microsoft Graph still tells the id, and nothing else.
    let Some(seen) = organization.filter(|seen| seen.display_name.is_some()) else { return stored };
    let shown = |text: &Option<String>, most| text.as_deref().map(|text| limited(&visible(text), most));
    Some(TenantFacts {
        display_name: shown(&seen.display_name, 256),
        default_domain: shown(&seen.default_domain, 253),
        country_code: shown(&seen.country_code, 8),
    })
}

/// What the licences bring, as they were read in this pass.
fn licences_of(situation: &Situation) -> Option<eligibility::Eligibility> {
    let desired = situation.desired.as_ref().ok()?;
    Some(eligibility::eligibility(&situation.observed.microsoft, desired.experience))
}

/// What the licences bring; what cannot be read again stands.
fn eligibility_of(situation: &Situation, licences: Option<eligibility::Eligibility>) -> Option<Eligibility> {
    let stored = || situation.memory.status().eligibility.clone();
    let is_read = situation.observed.microsoft.skus.value().is_some();
    let Some(read) = licences.filter(|_| is_read) else { return stored() };
    let brought = |(service, licensed): (Service, TriState)| (licensed == TriState::True).then_some(service);
    Some(Eligibility {
        plans: read.plans.into_iter().take(32).collect(),
        services: read.licensed.into_iter().filter_map(brought).collect(),
    })
}

/// The memory with what was learnt in this pass about the tenant, before anything new is noted in it.
pub(super) fn learnt(situation: &Situation) -> Memory {
    let mut status = situation.memory.status().clone();
    if situation.spec_changed() || situation.reconcile_requested() {
        status.repairs.clear();
    }
    // What made us act is answered by the act, and cannot answer what comes of it too.
    status.observed_generation = situation.subject.generation;
    status.last_handled_reconcile_at.clone_from(&situation.subject.reconcile_request);
    status.data_location = region::pin(situation, None, false);
    status.features = features(situation);
    status.integrations = links_of(situation);
    Memory::new(Some(status))
}

/// Whether the next step only tries again what was refused, without anybody having changed anything or asked for it.
fn is_probe(situation: &Situation, plan: &Plan) -> bool {
    let (Some(operation), Some(next)) = (situation.memory.operation(), plan.next()) else { return false };
    let again = operation.result == Some(OperationResult::Refused) && operation.step == next.change.name();
    again && !situation.spec_changed() && !situation.reconcile_requested()
}

/// The operation that the next step needs in status before it may be sent.
fn intent(situation: &Situation, plan: &Plan) -> Option<Operation> {
    let step = plan.next().filter(|step| step.change.needs_intent())?;
    let StepActor::Broker(request) = &step.by else { return None };
    let open = evidence::operation(situation).filter(|open| {
        operation::is_open(open) && open.step == step.change.name() && open.parameters == request.parameters
    });
    Some(open.unwrap_or_else(|| operation::intended(situation, &step.change, request)))
}

fn is_suspended(situation: &Situation) -> bool {
    situation.desired.as_ref().is_ok_and(|desired| desired.management == ManagementPolicy::Suspend)
        && situation.is_permitted()
}

/// Only `Suspended` is written, with the new generation in that condition alone; a fresh resource gets all conditions.
fn suspended(situation: &Situation) -> ThreatProtectionTenantStatus {
    let mut status = situation.memory.status().clone();
    let message = "managementPolicy Suspend: the operator neither acts nor looks";
    if status.observed_generation < 0 {
        let verdict = Verdict::unknown(Reason::Suspended, message);
        let verdicts = ConditionType::ALL
            .iter()
            .filter(|kind| !kind.is_absent_unless_true())
            .map(|kind| (*kind, verdict.clone()))
            .collect();
        status.conditions = conditions_of(situation, verdicts);
        status.observed_generation = situation.subject.generation;
    }
    status.conditions.retain(|condition| {
        let named = |kind: ConditionType| condition.type_ == kind.name();
        !named(ConditionType::Reconciling) && !named(ConditionType::Stalled) && !named(ConditionType::Suspended)
    });
    let verdict = Verdict::new(TriState::True, Reason::Suspended, message);
    status.conditions.push(condition(situation, ConditionType::Suspended, &verdict));
    status
}

fn conditions_of(situation: &Situation, verdicts: Vec<(ConditionType, Verdict)>) -> Vec<Condition> {
    verdicts.into_iter().map(|(kind, verdict)| condition(situation, kind, &verdict)).collect()
}

fn condition(situation: &Situation, kind: ConditionType, verdict: &Verdict) -> Condition {
    let stored = situation.memory.condition(kind);
    let since =
        stored.as_ref().filter(|stored| stored.status == verdict.status).map_or(situation.now, |stored| stored.since);
    // The id of a request that failed differs at every try, and so do the words of what is throttled: asked, or left alone
    // because of that. The first ones are kept, so that retrying writes nothing.
    let told = visible(&verdict.message);
    let message = stored
        .filter(|stored| {
            stored.reason == Some(verdict.reason)
                && (verdict.reason == Reason::Throttled && stored.status == verdict.status
                    || without_request(&stored.message) == without_request(&told))
        })
        .map_or(told, |stored| stored.message);
    Condition {
        type_: kind.name().to_owned(),
        status: verdict.status.name().to_owned(),
        reason: verdict.reason.name().to_owned(),
        message,
        last_transition_time: Time(since),
        observed_generation: Some(situation.subject.generation),
    }
}

fn without_request(message: &str) -> &str {
    message.split_once(" (request ").map_or(message, |(before, _)| before)
}

fn planned(step: &super::step::Step) -> PlannedStep {
    PlannedStep {
        step: step.change.name(),
        actor: step.by.actor(),
        risk: step.change.risk(),
        reason: limited(&format!("{step}, because {}", step.why), 512),
    }
}

fn pending_actions(situation: &Situation, plan: &Plan) -> Vec<PendingAction> {
    plan.hand_offs()
        .map(|hand_off| {
            let instructions = limited(&hand_off.instructions, 1024);
            let since = situation
                .memory
                .status()
                .pending_actions
                .iter()
                .find(|stored| stored.step == hand_off.step && stored.instructions == instructions)
                .map_or(Time(situation.now), |stored| stored.since_time.clone());
            PendingAction {
                step: hand_off.step,
                role: role(situation, hand_off),
                link: limited(&hand_off.link, 512),
                instructions,
                verified_by: limited(&hand_off.verified_by, 512),
                since_time: since,
            }
        })
        .collect()
}

/// Who, and whether anybody is known to hold the role. Lists that could not be read just now change nothing about that.
fn role(situation: &Situation, hand_off: &HandOff) -> String {
    let who = hand_off.who();
    let is_unread = ageing::unread(situation).contains(&ConditionType::Authorized);
    let stored = situation.memory.status().pending_actions.iter().find(|stored| stored.step == hand_off.step);
    match stored.filter(|stored| is_unread && stored.role.starts_with(&who)) {
        Some(stored) => stored.role.clone(),
        None => limited(&format!("{who}{}", known_holders(situation, hand_off)), 256),
    }
}

/// Whether anybody is known to hold the role, where that was read.
fn known_holders(situation: &Situation, hand_off: &HandOff) -> &'static str {
    match authority::authority(&situation.observed.microsoft, &hand_off.roles).is_anyone_known {
        TriState::True => "; somebody holds it",
        TriState::False => "; nobody is known to hold it",
        TriState::Unknown => "",
    }
}

pub(super) fn limited(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}

fn features(situation: &Situation) -> Vec<FeatureStatus> {
    let (state, source) = match best::service(situation) {
        Reading::Known { value: true, source } => (TriState::True, Some(source)),
        Reading::Known { value: false, source } => (TriState::False, Some(source)),
        Reading::Unknown { .. } => (TriState::Unknown, None),
    };
    let of = |name: Feature| {
        // No public API shows the action center.
        let is_unseen = name == Feature::ActionCenter && source == Some(Source::Observed);
        let (state, source) = if is_unseen { (TriState::Unknown, None) } else { (state, source) };
        FeatureStatus { name, state, source }
    };
    Feature::ALL.iter().map(|name| of(*name)).collect()
}

fn services_of(situation: &Situation, licences: Option<&eligibility::Eligibility>) -> Vec<ServiceStatus> {
    let microsoft = &situation.observed.microsoft;
    let licensed = |name: Service| licences.and_then(|read| read.licensed.get(&name)).copied().unwrap_or_default();
    let stored = |name: Service| situation.memory.status().services.iter().find(|stored| stored.name == name);
    Service::ALL
        .iter()
        .map(|name| {
            let kept = stored(*name);
            let reporting = services::reporting(microsoft, *name, situation.now);
            let stands = |is_blind: bool, kept: Option<TriState>, read: TriState| match kept {
                Some(kept) if is_blind && read == TriState::Unknown => kept,
                _ => read,
            };
            ServiceStatus {
                name: *name,
                licensed: stands(
                    microsoft.skus.why().is_some_and(Why::may_pass),
                    kept.map(|kept| kept.licensed),
                    licensed(*name),
                ),
                reporting: stands(is_unread(microsoft, *name), kept.map(|kept| kept.reporting), links::tri(&reporting)),
            }
        })
        .collect()
}

/// Whether it could only not be read again whether data of the service arrives.
fn is_unread(microsoft: &Microsoft, service: Service) -> bool {
    let identity = microsoft.identity.why().filter(|_| service == Service::Identity);
    [microsoft.newest_rows.why(), identity].into_iter().flatten().any(Why::may_pass)
}

fn links_of(situation: &Situation) -> Vec<IntegrationStatus> {
    let Ok(desired) = &situation.desired else { return Vec::new() };
    desired
        .integrations
        .iter()
        .map(|(name, wish)| {
            let reading = best::link(situation, desired, name, wish.kind);
            let stored = situation.memory.integration(name);
            let state = match reading.value() {
                Some(LinkState::Linked) => LinkReading::Linked,
                Some(LinkState::Unlinked) => LinkReading::Unlinked,
                None => LinkReading::Unknown,
            };
            let kept = stored
                .filter(|_| desired.state == DesiredState::Enabled && evidence::service(situation).value().is_none());
            if let Some(kept) = kept {
                return kept.clone();
            }
            let since = stored
                .filter(|stored| stored.state == state)
                .map_or(Some(Time(situation.now)), |stored| stored.since_time.clone());
            IntegrationStatus {
                name: name.clone(),
                state,
                actor: integrations::actor(situation, (name.as_str(), wish)),
                effective: best::effective(situation, name, wish.kind),
                source: reading.source(),
                since_time: since.filter(|_| state != LinkReading::Unknown),
            }
        })
        .collect()
}
