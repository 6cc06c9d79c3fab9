//! What this process remembers between two passes. Losing it costs a pass or delays a verdict, never more.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::plan::microsoft::Microsoft;
use crate::plan::situation::{Recent, Subject};

/// The watch is behind our own writes for about this long.
pub(super) const CATCH_UP: Duration = Duration::from_millis(250);

/// Volatile memory, one entry a resource. Entries of vanished resources are swept.
#[derive(Debug, Default)]
pub(super) struct Recall {
    // Boxed: there may be ten thousand of them, and most say little.
    entries: Mutex<HashMap<Box<str>, Box<Entry>>>,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    /// Nothing where it is as for a resource that nobody has looked at.
    recent: Option<Box<Recent>>,
    handled: Option<Handled>,
    kept: Option<Box<Kept>>,
    faults: u32,
    /// Whether its credentials have proved the tenant, by what this process has seen itself.
    has_proved: Option<bool>,
}

/// What a full look showed, kept while a person is expected to act: until the next full look only that is read again.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// What was read.
    pub microsoft: Arc<Microsoft>,
    /// The generation of the spec that was looked at.
    pub generation: i64,
    /// The reconcile request that was seen.
    pub request: Option<String>,
    /// When everything is to be read again.
    pub due: Timestamp,
}

/// The versions of a resource that a finished pass has dealt with, and when it wants to look again.
#[derive(Clone, Debug)]
pub(super) struct Handled {
    /// The version that the pass started from, and those that its own writes made.
    pub versions: Box<[Box<str>]>,
    /// When to look again.
    pub due: Instant,
}

impl Recall {
    /// How long to rest, where exactly this version has been dealt with and it is not time to look again.
    ///
    /// Our own status writes come back through the watch, and so does everything when a watch is opened anew.
    pub(super) fn rest(&self, (uid, version): (&str, &str), now: Instant) -> Option<Duration> {
        let entries = self.lock();
        let handled = entries.get(uid)?.handled.as_ref()?;
        let rest = handled.due.checked_duration_since(now).filter(|rest| !rest.is_zero());
        match handled.versions.iter().rposition(|known| **known == *version) {
            None => None,
            // The watch has not delivered our own last write yet: what would be planned from here is out of date.
            Some(index) if index + 1 < handled.versions.len() => Some(rest.unwrap_or(CATCH_UP)),
            Some(_) => rest,
        }
    }

    /// What is remembered of failing readings and steps.
    pub(super) fn recent(&self, uid: &str) -> Recent {
        self.lock().get(uid).and_then(|entry| entry.recent.as_deref().cloned()).unwrap_or_default()
    }

    /// A pass came to its end. `kept` is what the next ones may go by.
    pub(super) fn finished(&self, uid: &str, recent: Recent, handled: Handled, kept: Option<Kept>) {
        let recent = Some(recent).filter(|recent| *recent != Recent::default()).map(Box::new);
        let mut entries = self.lock();
        let entry = entries.entry(uid.into()).or_default();
        let has_proved = entry.has_proved;
        **entry = Entry { recent, handled: Some(handled), kept: kept.map(Box::new), faults: 0, has_proved };
    }

    /// A pass has shown whether the credentials of a resource prove its tenant.
    pub(super) fn proved(&self, uid: &str, has_proved: bool) {
        self.lock().entry(uid.into()).or_default().has_proved = Some(has_proved);
    }

    /// Whether the credentials of a resource have proved its tenant; `None` where this process has not looked yet.
    pub(super) fn has_proved(&self, uid: &str) -> Option<bool> {
        self.lock().get(uid)?.has_proved
    }

    /// What was kept of the last full look, while it is neither due nor overtaken by another spec or request.
    pub(super) fn kept(&self, subject: &Subject, now: Timestamp) -> Option<Arc<Microsoft>> {
        self.still_kept(subject, now).map(|kept| kept.microsoft)
    }

    /// The same with its times.
    pub(super) fn still_kept(&self, subject: &Subject, now: Timestamp) -> Option<Kept> {
        let kept = self.lock().get(subject.uid.as_str())?.kept.clone()?;
        let is_same = kept.generation == subject.generation && kept.request == subject.reconcile_request;
        (is_same && !subject.is_deleting && now < kept.due).then_some(*kept)
    }

    /// A pass did not; how many in a row. The next one must not take the resource for dealt with.
    pub(super) fn failed(&self, uid: &str) -> u32 {
        let mut entries = self.lock();
        let entry = entries.entry(uid.into()).or_default();
        entry.handled = None;
        entry.faults = entry.faults.saturating_add(1);
        entry.faults
    }

    /// Whether the last pass did not come to its end.
    pub(super) fn is_failing(&self, uid: &str) -> bool {
        self.lock().get(uid).is_some_and(|entry| entry.faults > 0)
    }

    /// How many resources wait after a failed pass.
    pub(super) fn failing(&self) -> u64 {
        self.lock().values().map(|entry| u64::from(entry.faults > 0)).sum()
    }

    /// The next pass must not take the resource for dealt with.
    pub(super) fn wake(&self, uid: &str) {
        if let Some(entry) = self.lock().get_mut(uid) {
            entry.handled = None;
        }
    }

    /// What a resource was judged by has changed: it is due now, and everything is to be read again.
    pub(super) fn look_again(&self, uid: &str, now: Instant) {
        if let Some(entry) = self.lock().get_mut(uid) {
            entry.look_again(now);
        }
    }

    /// The same for all resources.
    pub(super) fn look_again_at_all(&self, now: Instant) {
        self.lock().values_mut().for_each(|entry| entry.look_again(now));
    }

    /// Forgets every resource but these.
    pub(super) fn sweep(&self, live: &HashSet<String>) {
        self.lock().retain(|uid, _| live.contains(&**uid));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Box<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// The versions stay: one that our own write has replaced is not planned from for all that.
    fn look_again(&mut self, now: Instant) {
        self.kept = None;
        if let Some(handled) = &mut self.handled {
            handled.due = handled.due.min(now);
        }
    }
}

/// Delay after `faults` failed passes in a row: 1 s, doubling up to 5 minutes, spread by `jitter` between 0 and 1.
pub(super) fn backoff(faults: u32, jitter: f64) -> Duration {
    let doubled = Duration::from_secs(1).saturating_mul(1 << faults.saturating_sub(1).min(9));
    doubled.min(Duration::from_mins(5)).mul_f64(0.75 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn version(version: &str) -> (&str, &str) {
        ("u", version)
    }

    fn handled(versions: &[&str], due: Instant) -> Handled {
        Handled { versions: versions.iter().map(|&version| version.into()).collect(), due }
    }

    #[test]
    fn a_version_that_was_dealt_with_rests_until_it_is_due() {
        let (recall, start) = (Recall::default(), Instant::now());
        let minute = Duration::from_mins(1);
        assert_eq!(recall.rest(version("1"), start), None, "nothing is known yet");
        recall.finished("u", Recent::default(), handled(&["1", "2"], start + minute), None);
        assert_eq!(recall.rest(version("1"), start), Some(minute));
        assert_eq!(recall.rest(version("2"), start + minute / 2), Some(minute / 2));
        assert_eq!(recall.rest(version("3"), start), None, "somebody else wrote");
        assert_eq!(recall.rest(version("2"), start + minute), None, "it is due");
    }

    #[test]
    fn a_version_that_our_own_write_has_replaced_is_never_planned_from() {
        let (recall, start) = (Recall::default(), Instant::now());
        recall.finished("u", Recent::default(), handled(&["1", "2"], start), None);
        assert_eq!(recall.rest(version("1"), start), Some(CATCH_UP), "the watch is behind");
        assert_eq!(recall.rest(version("2"), start), None, "it has caught up, and it is time");
        assert_eq!(recall.rest(version("3"), start), None, "somebody else wrote");
    }

    #[test]
    fn a_failed_pass_is_not_taken_for_dealt_with() {
        let (recall, start) = (Recall::default(), Instant::now());
        recall.finished(
            "u",
            Recent { failures: 3, ..Recent::default() },
            handled(&["1"], start + Duration::from_mins(1)),
            None,
        );
        assert!(!recall.is_failing("u"));
        assert_eq!(recall.failed("u"), 1);
        assert!(recall.is_failing("u"));
        assert_eq!(recall.failed("u"), 2);
        assert_eq!(recall.rest(version("1"), start), None);
        assert_eq!(recall.recent("u").failures, 3, "failures of the outside world are counted apart");
    }

    #[test]
    fn what_was_seen_of_a_proof_outlives_passes_that_see_nothing_of_it() {
        let recall = Recall::default();
        assert_eq!(recall.has_proved("u"), None);
        recall.proved("u", false);
        recall.finished("u", Recent::default(), handled(&["1"], Instant::now()), None);
        recall.failed("u");
        assert_eq!(recall.has_proved("u"), Some(false));
        recall.proved("u", true);
        assert_eq!(recall.has_proved("u"), Some(true));
    }

    #[test]
    fn what_was_dealt_with_by_an_old_word_is_due_and_stale_versions_still_rest() {
        let (recall, start) = (Recall::default(), Instant::now());
        let hour = start + Duration::from_hours(1);
        for (uid, all) in [("u", false), ("u", true)] {
            recall.finished(uid, Recent::default(), handled(&["1", "2"], hour), None);
            if all {
                recall.look_again_at_all(start);
            } else {
                recall.look_again(uid, start);
            }
            assert_eq!(recall.rest(version("2"), start), None, "it is due");
            assert_eq!(recall.rest(version("1"), start), Some(CATCH_UP), "the watch is behind");
        }
        recall.finished("u", Recent::default(), handled(&["2"], hour), None);
        recall.look_again("other", start);
        assert!(recall.rest(version("2"), start).is_some());
    }

    #[test]
    fn vanished_resources_are_forgotten() {
        let recall = Recall::default();
        for uid in ["a", "b"] {
            recall.failed(uid);
        }
        recall.sweep(&HashSet::from(["b".to_owned()]));
        assert_eq!(recall.lock().keys().map(|uid| &**uid).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_was_seen_is_kept_until_it_is_due_or_overtaken() {
        let (recall, start) = (Recall::default(), Instant::now());
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let subject = Subject { uid: "u".to_owned(), generation: 3, ..Subject::default() };
        assert!(recall.kept(&subject, now).is_none());
        let kept = Kept {
            microsoft: Arc::new(Microsoft::nothing()),
            generation: 3,
            request: None,
            due: now + jiff::SignedDuration::from_mins(60),
        };
        recall.finished("u", Recent::default(), handled(&["1"], start), Some(kept));
        assert!(recall.kept(&subject, now).is_some());
        assert!(recall.kept(&subject, now + jiff::SignedDuration::from_mins(60)).is_none(), "it is due");
        assert!(recall.kept(&Subject { generation: 4, ..subject.clone() }, now).is_none(), "another spec");
        assert!(recall.kept(&Subject { is_deleting: true, ..subject.clone() }, now).is_none());
        let asked = Subject { reconcile_request: Some("now".to_owned()), ..subject };
        assert!(recall.kept(&asked, now).is_none(), "somebody asks for a look");
    }

    #[test]
    fn backoff_doubles_up_to_five_minutes() {
        assert_eq!(backoff(1, 0.5), Duration::from_secs(1));
        assert_eq!(backoff(4, 0.5), Duration::from_secs(8));
        assert_eq!(backoff(u32::MAX, 0.5), Duration::from_mins(5));
        assert!(backoff(2, 0.0) < backoff(2, 1.0));
    }
}
