//! Who may lead, and what is written: pure. The Lease, what was seen of it, and the time are arguments.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::LeaseSettings;
use super::record::{Record, StoredLease};
use crate::config::LONGEST_LEASE;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

/// `MicroTime` of Kubernetes, in UTC.
const MICRO_TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";
/// Kubernetes keeps the number of transitions in 32 bits.
const MOST_TRANSITIONS: i64 = i32::MAX as i64;

/// The Lease as it was read last, and since when we have seen it say the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sighting {
    /// As read last.
    pub lease: StoredLease,
    /// When what it says was first seen: after the answer, so never before it was written.
    pub since: Instant,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// There is no Lease: create it.
    Create,
    /// Nobody holds it, or its holder was silent for too long: replace the version that was read.
    Take,
    /// It is ours already, from a write whose answer was lost: replace the version that was read.
    Renew,
    /// Another process holds it.
    Wait {
        /// When it can be taken, unless it changes before.
        until: Instant,
    },
}

/// What is known after `stored` was read. Only what it says counts as a sign of life: a label does not.
pub(super) fn sighted(earlier: Option<Sighting>, stored: Option<StoredLease>, now: Instant) -> Option<Sighting> {
    let lease = stored?;
    let is_same = |other: &StoredLease| other.spec == lease.spec && other.metadata.uid == lease.metadata.uid;
    let since = earlier.filter(|earlier| is_same(&earlier.lease)).map_or(now, |earlier| earlier.since);
    Some(Sighting { lease, since })
}

/// What to do about the Lease as it was seen; `None`: there is none.
pub(super) fn decide(seen: Option<&Sighting>, settings: &LeaseSettings, now: Instant) -> Decision {
    let Some(Sighting { lease, since }) = seen else { return Decision::Create };
    if lease.is_held_by(&settings.identity) {
        return Decision::Renew;
    }
    let until = *since + promised(&lease.spec, settings.duration);
    if lease.holder().is_none() || until <= now { Decision::Take } else { Decision::Wait { until } }
}

/// How long a holder may be silent: what it promised. Where that makes no sense, our own duration.
fn promised(record: &Record, own: Duration) -> Duration {
    let promised = record.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    promised.filter(|seconds| *seconds > 0).map_or(own, Duration::from_secs).min(LONGEST_LEASE)
}

/// The Lease with us as its holder, made from the one that was read. `wall` is the time of day.
pub(super) fn claimed(seen: Option<&StoredLease>, settings: &LeaseSettings, wall: Timestamp) -> StoredLease {
    let LeaseSettings { namespace, name, identity, duration, .. } = settings;
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let before = seen.cloned().unwrap_or_else(|| StoredLease::new(namespace, name));
    let (is_new, is_ours) = (seen.is_none(), before.is_held_by(identity));
    let transitions = before.spec.lease_transitions.unwrap_or_default();
    let transitions = if is_new || is_ours { transitions } else { transitions.saturating_add(1) };
    let renew_time = if is_ours { later_than(before.spec.renew_time.as_deref(), wall) } else { wall };
    let acquire_time = before.spec.acquire_time.filter(|_| is_ours).unwrap_or_else(|| text(wall));
    let spec = Record {
        holder_identity: Some(identity.clone()),
        lease_duration_seconds: Some(i64::try_from(seconds).unwrap_or(i64::MAX)),
        acquire_time: Some(acquire_time),
        renew_time: Some(text(renew_time)),
        lease_transitions: Some(transitions.clamp(0, MOST_TRANSITIONS)),
        rest: before.spec.rest,
    };
    StoredLease { spec, ..before }
}

/// The Lease with nobody as its holder, made from the one that we hold.
pub(super) fn released(held: &StoredLease, wall: Timestamp) -> StoredLease {
    let mut lease = held.clone();
    lease.spec.holder_identity = None;
    lease.spec.renew_time = Some(text(wall));
    lease
}

/// `wall`, but after `before`: a clock that was set back must not make two renewals alike, or nobody sees the second.
fn later_than(before: Option<&str>, wall: Timestamp) -> Timestamp {
    let before = before.and_then(|before| before.parse::<Timestamp>().ok());
    let next = before.and_then(|before| before.checked_add(SignedDuration::from_micros(1)).ok());
    next.map_or(wall, |next| next.max(wall))
}

fn text(time: Timestamp) -> String {
    time.strftime(MICRO_TIME).to_string()
}
