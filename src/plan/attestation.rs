//! What persons attest in the spec, while it holds.

use jiff::{SignedDuration, Timestamp};

use super::desired::{Attested, Desired};
use super::reading::{Reading, Why};
use crate::api::Claim;
use crate::tenant::{LinkState, Region};

/// Clocks may differ by this much before an attestation counts as from the future.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How long before its end an attestation is said to be expiring.
const EARLY_WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Whether an attestation holds at `now`.
fn is_live(attested: &Attested, now: Timestamp) -> bool {
    attested.at <= now + CLOCK_SKEW && now < attested.until
}

fn live(desired: &Desired, now: Timestamp) -> impl Iterator<Item = &Attested> {
    desired.attestations.iter().filter(move |attested| is_live(attested, now))
}

/// One value, if the live attestations agree on it.
fn agreed<T: PartialEq>(values: impl Iterator<Item = T>) -> Reading<T> {
    let mut agreed = None;
    for value in values {
        match &agreed {
            None => agreed = Some(value),
            Some(first) if *first == value => {}
            Some(_) => return Reading::unknown(Why::Ambiguous),
        }
    }
    agreed.map_or(Reading::unknown(Why::NotAsked), Reading::attested)
}

/// Whether the service is on. A tenant that was deprovisioned is off.
pub(super) fn service(desired: &Desired, now: Timestamp) -> Reading<bool> {
    agreed(live(desired, now).filter_map(|attested| match attested.claim {
        Claim::ServiceOn => Some(true),
        Claim::ServiceOff | Claim::Deprovisioned => Some(false),
        _ => None,
    }))
}

/// Whether somebody attests that the service and its resources are gone, and nobody that it is on.
pub(super) fn is_deprovisioned(desired: &Desired, now: Timestamp) -> bool {
    service(desired, now).is_false() && live(desired, now).any(|attested| attested.claim == Claim::Deprovisioned)
}

/// Where the data lives.
pub(super) fn region(desired: &Desired, now: Timestamp) -> Reading<Region> {
    agreed(live(desired, now).filter_map(|attested| attested.region))
}

/// Whether the integration of this name is linked.
pub(super) fn link(desired: &Desired, name: &str, now: Timestamp) -> Reading<LinkState> {
    agreed(live(desired, now).filter(|attested| attested.integration.as_deref() == Some(name)).filter_map(|attested| {
        match attested.claim {
            Claim::IntegrationLinked => Some(LinkState::Linked),
            Claim::IntegrationUnlinked => Some(LinkState::Unlinked),
            _ => None,
        }
    }))
}

fn is_about_service(attested: &Attested) -> bool {
    matches!(attested.claim, Claim::ServiceOn | Claim::ServiceOff | Claim::Deprovisioned)
}

/// The latest attestation about the service that has lapsed.
pub(super) fn lapsed_service(desired: &Desired, now: Timestamp) -> Option<&Attested> {
    desired
        .attestations
        .iter()
        .filter(|attested| is_about_service(attested) && attested.until <= now)
        .max_by_key(|attested| attested.until)
}

/// When the live word about the service lapses, if that is soon.
pub(super) fn service_expires_soon(desired: &Desired, now: Timestamp) -> Option<Timestamp> {
    let until =
        live(desired, now).filter(|attested| is_about_service(attested)).map(|attested| attested.until).max()?;
    (until.duration_since(now) <= EARLY_WARNING).then_some(until)
}

/// When the live word about the region lapses, if that is soon.
pub(super) fn region_expires_soon(desired: &Desired, now: Timestamp) -> Option<Timestamp> {
    let until = live(desired, now).filter(|attested| attested.region.is_some()).map(|attested| attested.until).max()?;
    (until.duration_since(now) <= EARLY_WARNING).then_some(until)
}

/// Whether the only words about the integration of this name have lapsed.
pub(super) fn is_link_lapsed(desired: &Desired, name: &str, now: Timestamp) -> bool {
    let mut about =
        desired.attestations.iter().filter(|attested| attested.integration.as_deref() == Some(name)).peekable();
    about.peek().is_some() && about.all(|attested| attested.until <= now)
}

/// An attestation about the service that is dated in the future, which does not count yet.
pub(super) fn premature_service(desired: &Desired, now: Timestamp) -> Option<&Attested> {
    desired.attestations.iter().find(|attested| is_about_service(attested) && attested.at > now + CLOCK_SKEW)
}

/// When, after `now`, an attestation next begins, nears its end, or ends.
pub(super) fn next_change(desired: &Desired, now: Timestamp) -> Option<Timestamp> {
    desired
        .attestations
        .iter()
        .flat_map(|attested| [attested.at - CLOCK_SKEW, attested.until - EARLY_WARNING, attested.until])
        .filter(|time| *time > now)
        .min()
}
