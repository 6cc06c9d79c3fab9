//! Whether the service is on, by what Microsoft's own APIs answer: several signals that must agree, because none alone
//! proves it.

use super::microsoft::{Answer, Hunting, Microsoft};
use super::reading::{Reading, Why};
use crate::tenant::Permission;

/// Whether the service is on, as observed.
///
/// On: hunting and incidents answer, and at least one Defender product has a hunting table (Microsoft Sentinel alone works
/// in the portal without the service). Off: hunting is refused or has no Defender table, incidents are refused, and
/// Defender for Identity says that the tenant is not onboarded. Anything less is not known.
pub(super) fn service(microsoft: &Microsoft) -> Reading<bool> {
    let hunting = hunts(microsoft);
    let incidents = answers(&microsoft.incidents);
    match (hunting.value(), incidents.value()) {
        (Some(true), Some(true)) => Reading::observed(true),
        // Alerts are asked for where they may be; where they answer, something of the service is there.
        (Some(false), Some(false)) if answers(&microsoft.alerts).is_true() => Reading::unknown(Why::Ambiguous),
        (Some(false), Some(false)) => match answers(&microsoft.identity) {
            Reading::Known { value: false, .. } => Reading::observed(false),
            Reading::Unknown { why: why @ (Why::ReadFailed | Why::NotPermitted) } => Reading::unknown(why),
            _ => Reading::unknown(Why::Ambiguous),
        },
        (Some(_), Some(_)) => Reading::unknown(Why::Ambiguous),
        _ => Reading::unknown(worst(hunting.why(), incidents.why())),
    }
}

/// Whether anything at all is seen of the service: less than what proves it to be on, and more than its absence.
pub(super) fn shows_any(microsoft: &Microsoft) -> bool {
    let is_answered = |reading| answers(reading).is_true();
    hunts(microsoft).is_true() || is_answered(&microsoft.incidents) || is_answered(&microsoft.alerts)
}

/// The application permissions whose lack keeps the state of the service from being known.
pub(super) fn lacking(microsoft: &Microsoft) -> Vec<Permission> {
    let denied = |why: Option<Why>| why == Some(Why::NotPermitted);
    let asked = [
        (denied(microsoft.hunting.why()), Permission::ThreatHunting),
        (denied(microsoft.incidents.why()), Permission::SecurityIncidents),
        (denied(microsoft.identity.why()), Permission::IdentityHealth),
    ];
    asked.into_iter().filter(|(is_denied, _)| *is_denied).map(|(_, permission)| permission).collect()
}

/// Whether hunting answers with the table of a Defender product.
fn hunts(microsoft: &Microsoft) -> Reading<bool> {
    microsoft.hunting.as_ref().map(|hunting| match hunting {
        Hunting::Answers { tables } => !tables.is_empty(),
        Hunting::Refuses => false,
    })
}

fn answers(reading: &Reading<Answer>) -> Reading<bool> {
    reading.as_ref().map(|answer| *answer == Answer::Answers)
}

/// The reason that stands first: a failed read may pass, a missing permission can be granted.
fn worst(one: Option<Why>, other: Option<Why>) -> Why {
    let has = |why| one == Some(why) || other == Some(why);
    if has(Why::ReadFailed) {
        Why::ReadFailed
    } else if has(Why::NotPermitted) {
        Why::NotPermitted
    } else if one == Some(Why::NotAsked) && other == Some(Why::NotAsked) {
        Why::NotAsked
    } else {
        Why::Ambiguous
    }
}
