//! What becomes of a verdict when nothing can be read any more: it stands for a while, and then it ages into unknown.

use jiff::Timestamp;

use super::eligibility;
use super::links;
use super::microsoft::{Microsoft, Principal};
use super::planned::{Plan, Waiting};
use super::reading::{Reading, Why};
use super::situation::{Permit, Situation};
use crate::api::{ConditionType, Reason, TriState};
use crate::tenant::Experience;

/// Reading failed. With nothing pending, or with something that a person must do, the stored verdict stands until three resyncs have failed.
pub(super) fn plan_unreadable(situation: &Situation, plan: &mut Plan) {
    if situation.spec_changed() || !has_verdict(situation) {
        return plan.wait(Waiting::for_provider(situation));
    }
    // What waits for a person waits on: forgetting it would forget since when, and what must not be tried again.
    if waits_for_person(situation) || !has_aged(situation) {
        plan.verdict_stands = true;
        return;
    }
    let waiting = Waiting::for_provider(situation);
    plan.wait(Waiting::for_person(waiting.reason, waiting.message));
}

/// Whether the stored verdict about a declared deprovisioning stands while nothing can be read: a deletion waits for more.
pub(super) fn stands(situation: &Situation) -> bool {
    let is_news = situation.subject.is_deleting || situation.spec_changed();
    !is_news && has_verdict(situation)
}

/// Whether the verdict stands about a tenant that its own credentials have proved, and could not prove again just now.
pub(super) fn stands_unproved(situation: &Situation) -> bool {
    let is_unread = situation.observed.microsoft.organization.why().is_some_and(Why::may_pass);
    let was_proved = situation.permit == Permit::NotAllowed
        && situation
            .memory
            .condition(ConditionType::CredentialsReady)
            .is_some_and(|credentials| credentials.status == TriState::True);
    is_unread && was_proved && stands(situation) && !has_aged_of(situation, ConditionType::CredentialsReady)
}

/// Whether there is a stored verdict that can stand: all is as declared, or only a person can help.
pub(super) fn has_verdict(situation: &Situation) -> bool {
    situation.memory.is_ready() || waits_for_person(situation)
}

/// Whether the stored verdict is that only a person can help.
pub(super) fn waits_for_person(situation: &Situation) -> bool {
    situation.memory.condition(ConditionType::Stalled).is_some()
}

/// A link could not be read: after three resyncs only a person can help.
pub(super) fn of_link(situation: &Situation, name: &str) -> Waiting {
    let waiting = Waiting::for_provider(situation);
    if has_link_aged(situation, name) {
        return Waiting::for_person(waiting.reason, waiting.message);
    }
    waiting
}

/// Reasons that say that the state of the tenant could not be read.
pub(super) const fn is_unreadable(reason: Reason) -> bool {
    matches!(reason, Reason::ProviderUnavailable | Reason::Throttled | Reason::PermissionDenied)
}

/// Whether the state of the tenant has not been read for three resyncs.
pub(super) fn has_aged(situation: &Situation) -> bool {
    is_old(situation, situation.recent.failing_since)
}

/// Whether what a condition rests on has not been read for three resyncs.
pub(super) fn has_aged_of(situation: &Situation, kind: ConditionType) -> bool {
    is_old(situation, situation.recent.unread_since.get(&kind).copied())
}

/// Whether anything has not been read for three resyncs.
pub(super) fn has_any_aged(situation: &Situation) -> bool {
    has_aged(situation) || situation.recent.unread_since.keys().any(|kind| has_aged_of(situation, *kind))
}

/// Whether the link of this name has not been read for three resyncs.
pub(super) fn has_link_aged(situation: &Situation, name: &str) -> bool {
    is_old(situation, situation.recent.unread_links_since.get(name).copied())
}

fn is_old(situation: &Situation, since: Option<Timestamp>) -> bool {
    let Ok(desired) = &situation.desired else { return false };
    let limit = situation.resync(desired).saturating_mul(3);
    since.is_some_and(|since| situation.now.duration_since(since) >= limit)
}

/// The conditions that rest on something which could not be read just now.
pub(super) fn unread(situation: &Situation) -> Vec<ConditionType> {
    let microsoft = &situation.observed.microsoft;
    let Ok(desired) = &situation.desired else { return Vec::new() };
    let may_pass = |why: Option<Why>| why.is_some_and(Why::may_pass);
    let mut roles = microsoft.roles.values().flat_map(|holders| {
        let lists = [&holders.assigned, &holders.eligible];
        let groups = lists.into_iter().filter_map(Reading::value).flat_map(|list| &list.items);
        let members = groups.filter_map(|holder| match &holder.principal {
            Principal::Group { members } => members.why(),
            _ => None,
        });
        lists.into_iter().filter_map(Reading::why).chain(members).collect::<Vec<_>>()
    });
    let place = [microsoft.endpoint_location.why(), microsoft.observation_owner.why(), microsoft.security_center.why()];
    let is_link_unread = desired.integrations.keys().any(|name| {
        let asked = links::asked(microsoft, name);
        let beside = asked.map_or([None, None], |link| [link.owner.why(), link.requirements.why()]);
        may_pass(links::state(microsoft, name).why()) || beside.into_iter().any(may_pass)
    });
    let unread = [
        (ConditionType::CredentialsReady, may_pass(microsoft.organization.why())),
        (ConditionType::Eligible, are_licences_unread(microsoft, desired.experience)),
        (ConditionType::Authorized, roles.any(|why| may_pass(Some(why)))),
        (ConditionType::RegionPinned, place.into_iter().any(may_pass)),
        (ConditionType::Integrated, is_link_unread),
        (ConditionType::ServicesReporting, may_pass(microsoft.newest_rows.why())),
    ];
    unread.into_iter().filter(|(_, is_unread)| *is_unread).map(|(kind, _)| kind).collect()
}

/// Whether the licences, or the subscriptions behind them, could not be read as far as they decide.
fn are_licences_unread(microsoft: &Microsoft, experience: Experience) -> bool {
    let is_unread = |why: Option<Why>, is_complete: Option<bool>| {
        why.is_some_and(Why::may_pass) || is_complete.is_some_and(|is_complete| !is_complete)
    };
    let skus = is_unread(microsoft.skus.why(), microsoft.skus.value().map(|list| list.is_complete));
    let subscriptions =
        is_unread(microsoft.subscriptions.why(), microsoft.subscriptions.value().map(|list| list.is_complete));
    // Most are read whole, and judging them is the dearest part of a plan.
    (skus || subscriptions) && eligibility::standing(microsoft, experience).1.is_some_and(Why::may_pass)
}
