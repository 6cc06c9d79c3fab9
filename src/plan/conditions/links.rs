//! Whether every declared integration is in its declared state.

use jiff::SignedDuration;

use super::first;
use crate::api::{DesiredState, LinkReading, Reason, TriState};
use crate::plan::attestation;
use crate::plan::best;
use crate::plan::desired::{Desired, DesiredLink};
use crate::plan::evidence;
use crate::plan::planned::Plan;
use crate::plan::reading::Why;
use crate::plan::situation::Situation;
use crate::plan::step::progress_reason;
use crate::plan::verdict::Verdict;
use crate::tenant::{IntegrationType, LinkState};

/// The condition `Integrated`.
pub(super) fn integrated(situation: &Situation, desired: &Desired, plan: &Plan) -> Verdict {
    if desired.integrations.is_empty() {
        return Verdict::not_needed("no integrations are declared");
    }
    if desired.state != DesiredState::Enabled {
        return Verdict::not_needed(format!("links are left as they are while {}", desired.state));
    }
    let service = best::service(situation);
    if service.value().is_none() {
        return Verdict::unknown(Reason::NotAsked, "whether the service is on is not known");
    }
    let mut is_any_known = false;
    let open: Vec<_> = desired
        .integrations
        .iter()
        .filter_map(|(name, wish)| {
            let reading = best::link(situation, desired, name, wish.kind);
            is_any_known |= reading.value().is_some_and(|state| *state != wish.state);
            (reading.value() != Some(&wish.state)).then(|| match reading.value() {
                Some(state) => format!("{name} is {state}, declared {}", wish.state),
                None => format!("{name} is not known, declared {}", wish.state),
            })
        })
        .collect();
    if open.is_empty() {
        return linked(situation, desired);
    }
    let status = if is_any_known || !is_link_unread(situation, desired) { TriState::False } else { TriState::Unknown };
    if !service.is_true() {
        return Verdict::new(status, Reason::Linking, "integrations follow when the service is on");
    }
    if let Some(name) = lapsed_link(situation, desired) {
        let message = format!("{}; the attestation of {name} has lapsed: look again and attest it", open.join("; "));
        return Verdict::unknown(Reason::AttestationExpired, message);
    }
    let step = || plan.steps.first().map(|step| progress_reason(step.change.name()));
    let reason = first(plan).map(|waiting| waiting.reason).or_else(step).unwrap_or(Reason::Linking);
    Verdict::new(status, reason, open.join("; "))
}

/// Whether a declared link could not be read, and nothing that stands for it is remembered.
pub(super) fn is_link_unread(situation: &Situation, desired: &Desired) -> bool {
    desired.integrations.iter().any(|(name, wish)| {
        let why = best::link(situation, desired, name, wish.kind).why();
        why.is_some_and(Why::may_pass)
    })
}

/// An integration that is known no more, because the word that it rested on has lapsed.
fn lapsed_link<'a>(situation: &Situation, desired: &'a Desired) -> Option<&'a str> {
    let is_lapsed = |name: &str| attestation::is_link_lapsed(desired, name, situation.now);
    desired
        .integrations
        .iter()
        .find(|(name, wish)| evidence::link(situation, desired, name, wish.kind).value().is_none() && is_lapsed(name))
        .map(|(name, _)| name.as_str())
}

/// Every link is as declared. Data may take 12 hours to arrive (Microsoft, *Azure ATP integration*, 2020).
fn linked(situation: &Situation, desired: &Desired) -> Verdict {
    const UNTIL_IT_WORKS: SignedDuration = SignedDuration::from_hours(12);
    let silent: Vec<&str> = desired
        .integrations
        .iter()
        .filter(|(name, wish)| {
            let is_young = situation.memory.integration(name).is_none_or(|stored| {
                stored.state != LinkReading::Linked
                    || stored.since_time.as_ref().is_none_or(|since| since.0 + UNTIL_IT_WORKS > situation.now)
            });
            let effective = best::effective(situation, name, wish.kind);
            let is_slow = wish.kind == IntegrationType::IdentityCloudApps;
            is_slow && wish.state == LinkState::Linked && effective == TriState::False && is_young
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if silent.is_empty() {
        return Verdict::met(format!("every integration is as declared{}", unresponsive(situation, desired)));
    }
    let message = format!("every integration is as declared; data of {} has not arrived yet", silent.join(", "));
    Verdict::new(TriState::True, Reason::Propagating, message)
}

/// What is linked to Intune and has lost contact.
fn unresponsive(situation: &Situation, desired: &Desired) -> String {
    let is_lost = |(name, wish): &(&String, &DesiredLink)| {
        let effective = best::effective(situation, name, wish.kind);
        wish.kind == IntegrationType::EndpointIntune && wish.state == LinkState::Linked && effective == TriState::False
    };
    let lost: Vec<&str> = desired.integrations.iter().filter(is_lost).map(|(name, _)| name.as_str()).collect();
    if lost.is_empty() {
        String::new()
    } else {
        format!("; {} does not respond, look at the connector in Intune", lost.join(", "))
    }
}
