//! The best that is known of the service and of its links: what was read in this pass, else what is remembered and has not
//! lapsed. It feeds the report, and keeps what could not be read again from looking undone; what gates a step is read in
//! the same pass.

use super::ageing;
use super::attestation;
use super::deprovision;
use super::desired::Desired;
use super::evidence;
use super::links;
use super::reading::{Reading, Source, Why};
use super::services;
use super::signals;
use super::situation::Situation;
use crate::api::{ConditionType, DesiredState, LinkReading, Reason, TriState};
use crate::tenant::{IntegrationType, LinkState};

/// The best known reading of the service.
pub(super) fn service(situation: &Situation) -> Reading<bool> {
    let fresh = evidence::service(situation);
    let Ok(desired) = &situation.desired else { return fresh };
    if !fresh.is_false() && proven_gone(situation, desired) {
        // Proven by a person's word, which here outranks the broker's.
        return on_best_word(situation, false, Source::Attested);
    }
    let why = match fresh {
        Reading::Known { value, source } => return on_best_word(situation, value, source),
        Reading::Unknown { why } => why,
    };
    match situation.memory.service() {
        Some((_, Source::Attested)) | None => Reading::unknown(why),
        Some((value, source)) => Reading::Known { value, source },
    }
}

fn proven_gone(situation: &Situation, desired: &Desired) -> bool {
    desired.state == DesiredState::Deprovisioned && deprovision::is_proven(situation, desired)
}

/// A word of less weight that says the same does not replace a better one that could only not be read again just now.
fn on_best_word(situation: &Situation, value: bool, source: Source) -> Reading<bool> {
    let is_blind = signals::service(&situation.observed.microsoft).why().is_some_and(Why::may_pass);
    match situation.memory.service() {
        Some((stored, better)) if is_blind && stored == value && better > source && !ageing::has_aged(situation) => {
            Reading::Known { value, source: better }
        }
        _ => Reading::Known { value, source },
    }
}

/// Whether the last word about the service was a person's, and it holds no longer.
pub(super) fn lapsed(situation: &Situation, desired: &Desired) -> bool {
    if situation.memory.service().is_some_and(|(_, source)| source != Source::Attested) {
        return false;
    }
    let remembered = situation.memory.service().is_some();
    let reported = situation
        .memory
        .condition(ConditionType::ServiceOn)
        .is_some_and(|service| service.reason == Some(Reason::AttestationExpired));
    let expired = !situation.has_broker() && attestation::lapsed_service(desired, situation.now).is_some();
    remembered || reported || expired
}

/// The best known reading of a link: what could not be read again, or whose turn to be read has not come, stands for three
/// resyncs as it was last seen or claimed.
pub(super) fn link(situation: &Situation, desired: &Desired, name: &str, kind: IntegrationType) -> Reading<LinkState> {
    let fresh = evidence::link(situation, desired, name, kind);
    let is_unread = fresh.why().is_some_and(Why::may_pass) || links::awaits_its_turn(situation, name, kind);
    if fresh.value().is_some() || !is_unread || ageing::has_link_aged(situation, name) {
        return fresh;
    }
    match situation.memory.integration(name).map(|stored| (stored.state, stored.source)) {
        Some((LinkReading::Linked, Some(source @ (Source::Observed | Source::Claimed)))) => {
            Reading::Known { value: LinkState::Linked, source }
        }
        Some((LinkReading::Unlinked, Some(source @ (Source::Observed | Source::Claimed)))) => {
            Reading::Known { value: LinkState::Unlinked, source }
        }
        _ => fresh,
    }
}

/// Whether data flows through a link, as far as is known.
pub(super) fn effective(situation: &Situation, name: &str, kind: IntegrationType) -> TriState {
    let read = links::effective(&situation.observed.microsoft, name, kind);
    match (read.why(), situation.memory.integration(name)) {
        (Some(why), Some(stored)) if why.may_pass() => stored.effective,
        _ => links::tri(&read),
    }
}

/// Whether none of the four services feeds data, as far as is known.
pub(super) fn is_empty(situation: &Situation) -> bool {
    let microsoft = &situation.observed.microsoft;
    if !microsoft.newest_rows.why().is_some_and(Why::may_pass) {
        return services::is_empty(microsoft, situation.now);
    }
    let stored = &situation.memory.status().services;
    !stored.is_empty() && stored.iter().all(|service| service.reporting == TriState::False)
}

/// On whose word, as people read it.
pub(super) const fn word(reading: &Reading<bool>) -> &'static str {
    match reading.source() {
        Some(Source::Observed) => "observed",
        Some(Source::Claimed) => "on the broker's word",
        Some(Source::Attested) => "as attested",
        None => "not known",
    }
}
