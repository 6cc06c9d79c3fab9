//! Every condition, from a situation and its plan.

use super::ageing;
use super::attestation;
use super::deprovision;
use super::desired::Desired;
use super::evidence;
use super::operation;
use super::planned::{Plan, Until, Waiting};
use super::planner;
use super::reading::{Reading, Source, Why};
use super::region;
use super::restraint;
use super::situation::Situation;
use super::step::progress_reason;
use super::verdict::Verdict;
use crate::api::{ConditionType, DesiredState, Reason, StepName, TriState};

/// The verdicts in the order of the conditions; those that are absent unless true are left out when they are not.
pub(super) fn verdicts(situation: &Situation, plan: &Plan) -> Vec<(ConditionType, Verdict)> {
    let ready = ready(situation, plan);
    let mut verdicts = vec![(ConditionType::Ready, ready.clone())];
    match &situation.desired {
        Ok(desired) if situation.is_permitted() => {
            verdicts.extend(of_tenant(situation, desired, plan));
        }
        _ => verdicts.extend(of_nothing(&ready)),
    }
    let first = first(plan);
    let needs_person = first.is_some_and(|waiting| waiting.until == Until::Person);
    if needs_person {
        verdicts.push((ConditionType::Stalled, Verdict::new(TriState::True, ready.reason, ready.message)));
    } else if ready.status != TriState::True {
        let retries = situation.observed.failure.is_some() || ready.reason == Reason::OperationFailed;
        let reason = if retries { Reason::ProgressingWithRetry } else { Reason::Progressing };
        verdicts.push((ConditionType::Reconciling, Verdict::new(TriState::True, reason, ready.message)));
    }
    if plan.hand_offs().next().is_some() {
        let message = "a person must act: see status.pendingActions";
        verdicts.push((ConditionType::ActionRequired, Verdict::new(TriState::True, Reason::ActionRequired, message)));
    }
    verdicts
}

/// What the resource waits for, first in the order of the catalogue.
fn first(plan: &Plan) -> Option<&Waiting> {
    plan.waiting.iter().min_by_key(|waiting| waiting.reason)
}

fn ready(situation: &Situation, plan: &Plan) -> Verdict {
    let state = if situation.desired.is_ok()
        && !situation.subject.is_deleting
        && situation.is_permitted()
        && best_service(situation).value().is_none()
    {
        TriState::Unknown
    } else {
        TriState::False
    };
    if let Some(waiting) = first(plan) {
        let aged = ageing::is_unreadable(waiting.reason) && waiting.until == Until::Person;
        let state = if aged { TriState::Unknown } else { state };
        return Verdict::new(state, waiting.reason, waiting.message.clone());
    }
    if let Some(step) = plan.steps.first() {
        return Verdict::new(state, progress_reason(step.change.name()), step.to_string());
    }
    if situation.subject.is_deleting {
        return Verdict::not(Reason::Deleting, "the resource is being deleted");
    }
    let Ok(desired) = &situation.desired else {
        return Verdict::not(Reason::Internal, "the spec could not be read");
    };
    let word = word(&best_service(situation));
    match desired.state {
        DesiredState::Enabled => {
            let place = situation_region(situation).map_or(String::new(), |place| format!(", its data {place}"));
            Verdict::new(TriState::True, Reason::Enabled, format!("the service is on ({word}){place}"))
        }
        DesiredState::Disabled => {
            let enforceable = if desired.experience.turns_on_by_visit() {
                "; under these rules a visit to the portal may turn it on again, which cannot be prevented from here"
            } else {
                ""
            };
            Verdict::new(TriState::True, Reason::Disabled, format!("the tenant is opted out ({word}){enforceable}"))
        }
        DesiredState::Deprovisioned => {
            Verdict::new(TriState::True, Reason::Deprovisioned, format!("the service is gone from the tenant ({word})"))
        }
    }
}

fn situation_region(situation: &Situation) -> Option<String> {
    let known = region::known(situation);
    match (known.value(), situation.memory.pin()) {
        (Some(region), _) => Some(format!("in {region}")),
        (None, Some(pin)) => Some(format!("in {}", pin.region)),
        (None, None) => None,
    }
}

fn word(reading: &Reading<bool>) -> &'static str {
    match reading.source() {
        Some(Source::Observed) => "observed",
        Some(Source::Claimed) => "on the broker's word",
        Some(Source::Attested) => "as attested",
        None => "not known",
    }
}

/// The best known reading of the service: what was read in this pass, else what is remembered and has not lapsed.
pub(super) fn best_service(situation: &Situation) -> Reading<bool> {
    let fresh = evidence::service(situation);
    let Ok(desired) = &situation.desired else { return fresh };
    if desired.state == DesiredState::Deprovisioned && !fresh.is_false() && deprovision::is_proven(situation, desired) {
        // Proven by a person's word, which here outranks the broker's.
        return Reading::attested(false);
    }
    let Reading::Unknown { why } = fresh else { return fresh };
    match situation.memory.service() {
        Some((_, Source::Attested)) | None => Reading::unknown(why),
        Some(_) if why == Why::NotAsked && planner::lapsed(situation, desired) => Reading::unknown(why),
        Some((value, source)) => Reading::Known { value, source },
    }
}

/// Whether the declared deprovisioning is done, so that nothing of the tenant needs to be remembered.
pub(super) fn is_deprovisioned(situation: &Situation, plan: &Plan) -> bool {
    situation
        .desired
        .as_ref()
        .is_ok_and(|desired| desired.state == DesiredState::Deprovisioned && deprovision::is_proven(situation, desired))
        && plan.is_settled()
}

/// Nothing was asked of the tenant, for the reason that `Ready` gives.
fn of_nothing(ready: &Verdict) -> Vec<(ConditionType, Verdict)> {
    ConditionType::ALL
        .iter()
        .filter(|kind| !kind.is_absent_unless_true() && **kind != ConditionType::Ready)
        .map(|kind| (*kind, Verdict::unknown(Reason::NotAsked, format!("nothing was asked: {}", ready.reason))))
        .collect()
}

fn of_tenant(situation: &Situation, desired: &Desired, plan: &Plan) -> Vec<(ConditionType, Verdict)> {
    vec![
        (ConditionType::CredentialsReady, credentials(desired)),
        (
            ConditionType::Eligible,
            not_asked("licences are read with credentials for Microsoft's APIs; the broker judges them"),
        ),
        (ConditionType::Authorized, not_asked("role holders are read with credentials for Microsoft's APIs")),
        (ConditionType::Consented, consented(desired, plan)),
        (ConditionType::RegionPinned, region_pinned(situation, desired, plan)),
        (ConditionType::ServiceOn, service_on(situation, desired, plan)),
        (ConditionType::Integrated, integrated(situation, desired, plan)),
        (ConditionType::ServicesReporting, reporting(desired)),
        (ConditionType::InSync, in_sync(situation, desired, plan)),
    ]
}

fn not_asked(message: &str) -> Verdict {
    Verdict::unknown(Reason::NotAsked, message)
}

fn credentials(desired: &Desired) -> Verdict {
    if desired.has_credentials {
        not_asked("this version does not sign in to Microsoft's APIs: the declared credentials are not used")
    } else {
        not_asked("no credentials are declared: the tenant is known by the broker's word and by attestations")
    }
}

fn consented(desired: &Desired, plan: &Plan) -> Verdict {
    if let Some(waiting) = plan.waiting.iter().find(|waiting| waiting.reason == Reason::ConsentRequired) {
        return Verdict::not(Reason::ConsentRequired, waiting.message.clone());
    }
    match &desired.consent {
        _ if !desired.experience.requires_consent() => {
            Verdict::not_needed(format!("{} asks for no consent", desired.experience))
        }
        Some((_, day)) => Verdict::met(format!("consent of {day} is recorded")),
        None => Verdict::not_needed("consent is needed to turn the service on only"),
    }
}

fn region_pinned(situation: &Situation, desired: &Desired, plan: &Plan) -> Verdict {
    let waiting = |reason| plan.waiting.iter().find(|waiting: &&Waiting| waiting.reason == reason);
    if !desired.cloud.has_regions() {
        return Verdict::not_needed(format!("cloud {} has one location", desired.cloud));
    }
    if let Some(mismatch) = waiting(Reason::RegionMismatch) {
        return Verdict::not(Reason::RegionMismatch, mismatch.message.clone());
    }
    if let Some(contradiction) = region::contradicted_pin(situation, desired) {
        return Verdict::not(Reason::Drifted, contradiction);
    }
    if let Some(pin) = region::pin(situation, plan.pins(), is_deprovisioned(situation, plan)) {
        return Verdict::met(format!("{} ({})", pin.region, pin.source));
    }
    if desired.state != DesiredState::Enabled {
        return Verdict::not_needed(format!("not needed while {}", desired.state));
    }
    if evidence::service(situation).is_true() {
        return not_asked("nobody says where the data is: attest DataLocation");
    }
    not_asked("Microsoft chooses the region, and it cannot be changed afterwards")
}

fn service_on(situation: &Situation, desired: &Desired, plan: &Plan) -> Verdict {
    let best = best_service(situation);
    match &best {
        // Remembered like an opt-out outside, so that it is set back once and not again and again.
        Reading::Known { value: true, .. } if switched_outside(situation, desired) => {
            Verdict::new(TriState::True, Reason::Drifted, format!("on ({}), switched on outside", word(&best)))
        }
        Reading::Known { value: true, source } => {
            let soon =
                attestation::service_expires_soon(desired, situation.now).filter(|_| *source == Source::Attested);
            match soon {
                Some(until) => Verdict::new(
                    TriState::True,
                    Reason::AttestationExpiring,
                    format!("on (as attested); the attestation lapses at {until}: look again and renew it"),
                ),
                None => Verdict::new(TriState::True, Reason::Enabled, format!("on ({})", word(&best))),
            }
        }
        Reading::Known { value: false, .. } => {
            Verdict::not(why_off(situation, desired, plan), format!("off ({})", word(&best)))
        }
        Reading::Unknown { why } => {
            let premature = attestation::premature_service(desired, situation.now);
            let message = match premature {
                Some(attested) => {
                    format!("attestation {} is dated in the future and does not count yet", attested.name)
                }
                None => match why {
                    Why::NotAsked => "nothing that could tell is configured: attest what is seen".to_owned(),
                    Why::Ambiguous => "live attestations contradict each other".to_owned(),
                    Why::NotPermitted | Why::ReadFailed => "it could not be read".to_owned(),
                },
            };
            let lapsed = premature.is_none() && *why == Why::NotAsked && planner::lapsed(situation, desired);
            let reason = if lapsed { Reason::AttestationExpired } else { unknown_reason(*why) };
            Verdict::unknown(reason, message)
        }
    }
}

const fn unknown_reason(why: Why) -> Reason {
    match why {
        Why::NotAsked => Reason::NotAsked,
        Why::NotPermitted => Reason::NotPermitted,
        Why::ReadFailed => Reason::ReadFailed,
        Why::Ambiguous => Reason::Ambiguous,
    }
}

/// Why the service is off. `Drifted` is remembered until it is on again or not wished for any more: it decides which
/// consent is needed, and how often it is set back.
fn why_off(situation: &Situation, desired: &Desired, plan: &Plan) -> Reason {
    let stored = situation.memory.condition(ConditionType::ServiceOn).and_then(|service| service.reason);
    // What is gone stays gone until there is an instance again: a broker that shows nothing must not be asked to update it.
    let is_deleted = operation::succeeded(situation).is_some_and(|operation| operation.step == StepName::Deprovision);
    let was_gone = is_deleted || stored == Some(Reason::Deprovisioned);
    let is_gone = was_gone && !evidence::instance(situation).is_true();
    match desired.state {
        DesiredState::Disabled | DesiredState::Deprovisioned if is_gone => Reason::Deprovisioned,
        DesiredState::Disabled => Reason::Disabled,
        DesiredState::Deprovisioned if plan.is_settled() => Reason::Deprovisioned,
        DesiredState::Deprovisioned => Reason::Deprovisioning,
        DesiredState::Enabled if restraint::changed_outside(situation, DesiredState::Enabled) => Reason::Drifted,
        DesiredState::Enabled => match stored {
            Some(kept @ (Reason::Disabled | Reason::Deprovisioned)) => kept,
            _ => Reason::Enabling,
        },
    }
}

fn integrated(situation: &Situation, desired: &Desired, plan: &Plan) -> Verdict {
    if desired.integrations.is_empty() {
        return Verdict::not_needed("no integrations are declared");
    }
    if desired.state != DesiredState::Enabled {
        return Verdict::not_needed(format!("links are left as they are while {}", desired.state));
    }
    let service = best_service(situation);
    if service.value().is_none() {
        return Verdict::unknown(Reason::NotAsked, "whether the service is on is not known");
    }
    let open: Vec<_> = desired
        .integrations
        .iter()
        .filter_map(|(name, wish)| {
            let reading = evidence::link(situation, desired, name, wish.kind);
            (reading.value() != Some(&wish.state)).then(|| match reading.value() {
                Some(state) => format!("{name} is {state}, declared {}", wish.state),
                None => format!("{name} is not known, declared {}", wish.state),
            })
        })
        .collect();
    if open.is_empty() {
        return Verdict::met("every integration is as declared");
    }
    if !service.is_true() {
        return Verdict::not(Reason::Linking, "integrations follow when the service is on");
    }
    let reason = first(plan).map_or(Reason::Linking, |waiting| waiting.reason);
    Verdict::not(reason, open.join("; "))
}

fn reporting(desired: &Desired) -> Verdict {
    if desired.expected_services.is_empty() {
        Verdict::not_needed("no services are expected")
    } else {
        not_asked("whether services feed data is read with credentials for Microsoft's APIs")
    }
}

/// Whether the service is, as far as is known, the other way round than declared, because somebody switched it outside.
fn switched_outside(situation: &Situation, desired: &Desired) -> bool {
    let best = best_service(situation);
    let differs = match desired.state {
        DesiredState::Enabled => best.is_false(),
        DesiredState::Disabled => best.is_true(),
        DesiredState::Deprovisioned => false,
    };
    differs && restraint::changed_outside(situation, desired.state)
}

fn in_sync(situation: &Situation, desired: &Desired, plan: &Plan) -> Verdict {
    if !plan.drift.is_empty() {
        return Verdict::not(Reason::Drifted, plan.drift.join("; "));
    }
    let repairs: Vec<_> = plan.steps.iter().filter_map(|step| step.change.repairs()).collect();
    let contended = plan.waiting.iter().any(|waiting| waiting.reason == Reason::Contended);
    if !repairs.is_empty() || contended || switched_outside(situation, desired) {
        return Verdict::not(Reason::Drifted, "the tenant was changed outside and differs from the spec");
    }
    if plan.is_settled() {
        return Verdict::met("the tenant is as declared");
    }
    if best_service(situation).value().is_none() {
        return Verdict::unknown(Reason::NotAsked, "the state of the tenant is not known");
    }
    let reason = first(plan)
        .map(|waiting| waiting.reason)
        .or_else(|| plan.steps.first().map(|step| progress_reason(step.change.name())));
    Verdict::not(reason.unwrap_or(Reason::Progressing), "the tenant is not yet as declared")
}
