//! Every condition, from a situation and its plan.

mod links;

use self::links::{integrated, is_link_unread};
use super::access;
use super::ageing;
use super::attestation;
use super::authority;
use super::best;
use super::deprovision;
use super::desired::Desired;
use super::eligibility;
use super::evidence;
use super::memory::Remembered;
use super::microsoft::Access;
use super::operation;
use super::planned::{Plan, Until, Waiting};
use super::reading::{Reading, Source, Why};
use super::region;
use super::restraint;
use super::services;
use super::signals;
use super::situation::Situation;
use super::step::progress_reason;
use super::verdict::Verdict;
use crate::api::{ConditionType, DataLocationStatus, DesiredState, LocationSource, Reason, StepName, TriState};

/// The verdicts in the order of the conditions; those that are absent unless true are left out when they are not.
pub(super) fn verdicts(situation: &Situation, plan: &Plan) -> Vec<(ConditionType, Verdict)> {
    let ready = ready(situation, plan);
    let mut verdicts = vec![(ConditionType::Ready, ready.clone())];
    match &situation.desired {
        Ok(desired) if situation.is_permitted() && !access::is_mistaken(situation) => {
            verdicts.extend(of_tenant(situation, desired, plan));
        }
        // What became of the credentials is known, also where nothing else may be said.
        Ok(desired) if access::is_mistaken(situation) || situation.observed.microsoft.access != Access::NotTried => {
            verdicts.extend(of_nothing(&ready).into_iter().map(|(kind, verdict)| match kind {
                ConditionType::CredentialsReady => (kind, access::verdict(situation, desired)),
                _ => (kind, verdict),
            }));
        }
        _ => verdicts.extend(of_nothing(&ready)),
    }
    let first = first(plan);
    let needs_person = first.is_some_and(|waiting| waiting.until == Until::Person);
    if needs_person {
        verdicts.push((ConditionType::Stalled, Verdict::new(TriState::True, ready.reason, ready.message)));
    } else if ready.status != TriState::True {
        let failed = situation.observed.failure.is_some() || situation.observed.microsoft.failure.is_some();
        let retries = failed || ready.reason == Reason::OperationFailed;
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
    let microsoft = &situation.observed.microsoft;
    // Whose tenant it is could not be asked.
    let is_unproved = !situation.is_permitted() && microsoft.organization.why().is_some_and(Why::may_pass);
    let is_known = situation.desired.is_err()
        || situation.subject.is_deleting
        || !situation.is_permitted()
        || best::service(situation).value().is_some();
    let is_known = is_known && !is_unproved && !access::is_mistaken(situation);
    let state = if is_known { TriState::False } else { TriState::Unknown };
    if let Some(waiting) = first(plan) {
        let is_blind = is_blind(situation, waiting) || is_blind_to_rest(situation, plan);
        let state = if is_blind && !situation.subject.is_deleting { TriState::Unknown } else { state };
        let nobody = if waiting.reason == Reason::ActionRequired { nobody(situation, plan) } else { "" };
        return Verdict::new(state, waiting.reason, format!("{}{nobody}", waiting.message));
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
    let word = best::word(&best::service(situation));
    match desired.state {
        DesiredState::Enabled => {
            let place = situation_region(situation).map_or(String::new(), |place| format!(", its data {place}"));
            let empty = if best::is_empty(situation) {
                "; it is empty: none of the four services feeds data, so it shows nothing and acts on nothing"
            } else {
                ""
            };
            Verdict::new(TriState::True, Reason::Enabled, format!("the service is on ({word}){place}{empty}"))
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

/// Whether nothing but a look at the tenant is waited for.
fn is_blind(situation: &Situation, waiting: &Waiting) -> bool {
    let is_of_sight = ageing::is_unreadable(waiting.reason)
        || matches!(waiting.reason, Reason::CredentialsMissing | Reason::CredentialsInvalid);
    // What is remembered to differ from a changed wish differs, whatever could not be read.
    let was_as_declared = situation.memory.is_ready()
        && situation
            .desired
            .as_ref()
            .is_ok_and(|desired| best::service(situation).value() == Some(&(desired.state == DesiredState::Enabled)));
    let is_service_unseen =
        (waiting.until == Until::Person || was_as_declared) && evidence::service(situation).value().is_none();
    is_of_sight && (is_service_unseen || is_rest_unseen(situation))
}

/// Whether the service is seen to be off, and whether the broker still has an instance to be removed could not be read.
fn is_rest_unseen(situation: &Situation) -> bool {
    let goes = situation.desired.as_ref().is_ok_and(|desired| desired.state == DesiredState::Deprovisioned);
    let is_unread = evidence::instance(situation).why() == Some(Why::ReadFailed);
    goes && !situation.subject.is_deleting && is_unread && evidence::service(situation).is_false()
}

/// Whether all that is open about a service that is on is a link, or where its data is, that could not be read.
fn is_blind_to_rest(situation: &Situation, plan: &Plan) -> bool {
    let Ok(desired) = &situation.desired else { return false };
    let is_running = desired.state == DesiredState::Enabled && evidence::service(situation).is_true();
    let is_all = plan.steps.is_empty() && plan.waiting.iter().all(|waiting| ageing::is_unreadable(waiting.reason));
    is_running && is_all && (is_link_unread(situation, desired) || region::unread_though_declared(situation, desired))
}

fn situation_region(situation: &Situation) -> Option<String> {
    let known = region::known(situation);
    match (known.value(), situation.memory.pin()) {
        (Some(region), _) => Some(format!("in {region}")),
        (None, Some(pin)) => Some(format!("in {}", pin.region)),
        (None, None) => None,
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
        (
            ConditionType::CredentialsReady,
            remembered(situation, ConditionType::CredentialsReady, access::verdict(situation, desired)),
        ),
        (ConditionType::Eligible, remembered(situation, ConditionType::Eligible, eligible(situation, desired))),
        (ConditionType::Authorized, remembered(situation, ConditionType::Authorized, authorized(situation, plan))),
        (ConditionType::Consented, consented(desired, plan)),
        (
            ConditionType::RegionPinned,
            remembered(situation, ConditionType::RegionPinned, region_pinned(situation, desired, plan)),
        ),
        (ConditionType::ServiceOn, service_on(situation, desired, plan)),
        (ConditionType::Integrated, integrated(situation, desired, plan)),
        (
            ConditionType::ServicesReporting,
            remembered(situation, ConditionType::ServicesReporting, reporting(situation, desired)),
        ),
        (ConditionType::InSync, in_sync(situation, desired, plan)),
    ]
}

fn not_asked(message: &str) -> Verdict {
    Verdict::unknown(Reason::NotAsked, message)
}

/// What could not be read again stands as it was, until that has lasted for three resyncs.
fn remembered(situation: &Situation, kind: ConditionType, verdict: Verdict) -> Verdict {
    let may_pass = matches!(verdict.reason, Reason::ReadFailed | Reason::NotPermitted);
    if verdict.status != TriState::Unknown || !may_pass || ageing::has_aged_of(situation, kind) {
        return verdict;
    }
    // That it can be read two ways is more than that it could not be read.
    let says_more =
        |stored: &Remembered| verdict.reason == Reason::ReadFailed && stored.reason == Some(Reason::Ambiguous);
    let stored = situation.memory.condition(kind).filter(|stored| is_known(stored) || says_more(stored));
    stored.and_then(|stored| Some(Verdict::new(stored.status, stored.reason?, stored.message))).unwrap_or(verdict)
}

fn is_known(stored: &Remembered) -> bool {
    stored.status != TriState::Unknown
}

fn eligible(situation: &Situation, desired: &Desired) -> Verdict {
    let microsoft = &situation.observed.microsoft;
    if microsoft.access == Access::NotTried {
        return not_asked("licences are read with credentials for Microsoft's APIs; the broker judges them");
    }
    eligibility::eligibility(microsoft, desired.experience).verdict
}

/// Whether somebody may do the next step. Where the operator acts, nobody needs a role.
fn authorized(situation: &Situation, plan: &Plan) -> Verdict {
    let microsoft = &situation.observed.microsoft;
    if microsoft.access == Access::NotTried {
        return not_asked("role holders are read with credentials for Microsoft's APIs");
    }
    match plan.hand_offs().next() {
        Some(hand_off) => authority::authority(microsoft, &hand_off.roles).verdict,
        None if is_next_unknown(plan) => Verdict::unknown(
            Reason::ReadFailed,
            "which step is next is not known, because the tenant could not be read",
        ),
        None if plan.next().is_some() => Verdict::not_needed("the operator acts; nobody needs a role for that"),
        None => Verdict::not_needed("no step is pending that a person would have to do"),
    }
}

/// What is added to a hand-off that nobody is known to be able to do.
fn nobody(situation: &Situation, plan: &Plan) -> &'static str {
    match remembered(situation, ConditionType::Authorized, authorized(situation, plan)).status {
        TriState::False => "; nobody is known to hold the role: see the condition Authorized",
        TriState::True | TriState::Unknown => "",
    }
}

fn is_next_unknown(plan: &Plan) -> bool {
    plan.steps.is_empty() && plan.waiting.iter().any(|waiting| ageing::is_unreadable(waiting.reason))
}

fn reporting(situation: &Situation, desired: &Desired) -> Verdict {
    let verdict = services::verdict(situation, desired, best::is_empty(situation));
    // Defender for Identity alone may be known to be silent: that is less than what was known before.
    let why = situation.observed.microsoft.newest_rows.why().filter(|why| why.may_pass());
    match why.filter(|_| !ageing::has_aged_of(situation, ConditionType::ServicesReporting)) {
        Some(why) if situation.memory.condition(ConditionType::ServicesReporting).as_ref().is_some_and(is_known) => {
            if verdict.reason == Reason::NotNeeded {
                verdict
            } else {
                Verdict::unknown(why.reason(), verdict.message)
            }
        }
        _ => verdict,
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
        return pinned(situation, desired, &pin);
    }
    if desired.state != DesiredState::Enabled {
        return Verdict::not_needed(format!("not needed while {}", desired.state));
    }
    if let Some(unread) = region::unread(situation, desired) {
        return unread;
    }
    if evidence::service(situation).is_true() {
        return not_asked("nobody says where the data is: attest DataLocation");
    }
    if let Some(region) = region::known(situation).value() {
        let message = format!(
            "the data will be in {region}, like that of Defender for Endpoint; it is pinned with the request to turn on, or on the first evidence"
        );
        return Verdict::unknown(Reason::Progressing, message);
    }
    if let Some(wished) = desired.region {
        return not_asked(&format!("{wished} is wished; it is pinned when the service is turned on"));
    }
    if desired.experience.administrator_chooses_region() {
        return not_asked("under these rules a region is chosen when the service is turned on, for ever");
    }
    not_asked("Microsoft chooses the region, and it cannot be changed afterwards")
}

/// The pin, and how long the word behind it holds where that is a person's.
fn pinned(situation: &Situation, desired: &Desired, pin: &DataLocationStatus) -> Verdict {
    if pin.source != LocationSource::Attested {
        return Verdict::met(format!("{} ({})", pin.region, pin.source));
    }
    let region = pin.region;
    if attestation::region(desired, situation.now).value().is_none() {
        let message = format!("{region}; the attestation that this rested on has lapsed: look again and attest it");
        return Verdict::unknown(Reason::AttestationExpired, message);
    }
    match attestation::region_expires_soon(desired, situation.now) {
        Some(until) => {
            let message = format!("{region} (Attested); the attestation lapses at {until}: look again and renew it");
            Verdict::new(TriState::True, Reason::AttestationExpiring, message)
        }
        None => Verdict::met(format!("{region} (Attested)")),
    }
}

fn service_on(situation: &Situation, desired: &Desired, plan: &Plan) -> Verdict {
    let best = best::service(situation);
    match &best {
        // Remembered like an opt-out outside, so that it is set back once and not again and again.
        Reading::Known { value: true, .. } if switched_outside(situation, desired) => {
            Verdict::new(TriState::True, Reason::Drifted, format!("on ({}), switched on outside", best::word(&best)))
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
                None => Verdict::new(
                    TriState::True,
                    Reason::Enabled,
                    format!("on ({}){}", best::word(&best), contradicted(situation, desired, &best)),
                ),
            }
        }
        Reading::Known { value: false, .. } => {
            let contradicted = contradicted(situation, desired, &best);
            Verdict::not(why_off(situation, desired, plan), format!("off ({}){contradicted}", best::word(&best)))
        }
        Reading::Unknown { why } => {
            let premature = attestation::premature_service(desired, situation.now);
            let lapsed = premature.is_none() && *why == Why::NotAsked && best::lapsed(situation, desired);
            let message = match premature {
                Some(attested) => {
                    format!("attestation {} is dated in the future and does not count yet", attested.name)
                }
                None if lapsed => "the attestation that this rested on has lapsed: look again and attest it".to_owned(),
                None => unknown_because(situation, desired, *why),
            };
            let reason = if lapsed { Reason::AttestationExpired } else { why.reason() };
            Verdict::unknown(reason, message)
        }
    }
}

fn unknown_because(situation: &Situation, desired: &Desired, why: Why) -> String {
    let lacking: Vec<_> = signals::lacking(&situation.observed.microsoft).iter().map(ToString::to_string).collect();
    match why {
        Why::NotAsked if access::refused(situation).is_some() => {
            "the credentials are refused, so the tenant could not be asked".to_owned()
        }
        Why::NotAsked => "nothing that could tell is configured: attest what is seen".to_owned(),
        Why::Ambiguous if attestation::service(desired, situation.now).why() == Some(Why::Ambiguous) => {
            "live attestations contradict each other".to_owned()
        }
        Why::Ambiguous => match situation.observed.microsoft.doubts.first() {
            Some(doubt) => format!("{doubt}; attest what is seen"),
            None => {
                "hunting, incidents and Defender for Identity do not agree on whether it is on; attest what is seen"
                    .to_owned()
            }
        },
        Why::NotPermitted => format!("it could not be read: grant {}", lacking.join(" and ")),
        Why::ReadFailed => "it could not be read".to_owned(),
    }
}

/// A live attestation that what is known contradicts does not count, and is said not to.
fn contradicted(situation: &Situation, desired: &Desired, best: &Reading<bool>) -> &'static str {
    let attested = attestation::service(desired, situation.now);
    let differs = attested.value().is_some() && attested.value() != best.value();
    if differs && best.source() != Some(Source::Attested) {
        "; an attestation says otherwise and does not count against that: correct it"
    } else {
        ""
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

/// Whether the service is, as far as is known, the other way round than declared, because somebody switched it outside.
fn switched_outside(situation: &Situation, desired: &Desired) -> bool {
    let best = best::service(situation);
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
    if plan.is_settled() && situation.subject.is_deleting && !is_deprovisioned(situation, plan) {
        return Verdict::unknown(
            Reason::NotAsked,
            "the resource is let go; the tenant is left as it is and was not looked at",
        );
    }
    if plan.is_settled() {
        return Verdict::met("the tenant is as declared");
    }
    if best::service(situation).value().is_none() {
        return Verdict::unknown(Reason::NotAsked, "the state of the tenant is not known");
    }
    // A failed read is not a difference.
    if plan.steps.is_empty() && first(plan).is_some_and(|waiting| is_blind(situation, waiting)) {
        return Verdict::unknown(Reason::ReadFailed, "the state of the tenant could not be read again");
    }
    let reason = first(plan)
        .map(|waiting| waiting.reason)
        .or_else(|| plan.steps.first().map(|step| progress_reason(step.change.name())));
    Verdict::not(reason.unwrap_or(Reason::Progressing), "the tenant is not yet as declared")
}
