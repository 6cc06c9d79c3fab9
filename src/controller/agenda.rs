//! The queue, shared by the watch, which fills it, and the loop, which takes from it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::key::Key;
use super::queue::{Depth, Queue};

/// At a start, what is as declared is looked at again within this time, and not all at once.
const SPREAD: Duration = Duration::from_mins(1);
/// Few resources need no whole minute: each adds this much.
const SHARE: Duration = Duration::from_millis(10);

/// What is to be looked at. It is closed while another replica leads: then nothing is put down.
#[derive(Debug, Default)]
pub struct Agenda {
    queue: Mutex<Option<Queue>>,
    woken: Notify,
}

impl Agenda {
    /// Puts down every resource: what is as declared within a minute, by chance, and everything else now. None of it goes
    /// before what somebody changes meanwhile.
    ///
    /// `all` is asked with the queue held: what is delivered later is put down, and what was delivered before is among
    /// them. `chance` gives numbers from 0 to 1.
    pub(super) fn open(
        &self,
        all: impl FnOnce() -> Vec<(Arc<Key>, bool)>,
        now: Instant,
        mut chance: impl FnMut() -> f64,
    ) {
        let mut open = self.lock();
        let all = all();
        let spread = spread(all.len());
        let mut queue = Queue::default();
        for (key, is_settled) in all {
            let delay = if is_settled { spread.mul_f64(chance().clamp(0.0, 1.0)) } else { Duration::ZERO };
            queue.at(&key, now + delay, now);
        }
        *open = Some(queue);
        drop(open);
        self.woken.notify_one();
    }

    /// Puts down every resource as at a start, where it is not due sooner anyway; those of namespaces that are urgent now,
    /// before all that is only due again. What is looked at just now is looked at once more.
    ///
    /// `all` is asked with the queue held, as at a start. Nothing happens while it is closed.
    pub(super) fn revisit(
        &self,
        all: impl FnOnce() -> Vec<(Arc<Key>, bool)>,
        is_urgent: impl Fn(&str) -> bool,
        now: Instant,
        mut chance: impl FnMut() -> f64,
    ) {
        self.with(|queue| {
            let all = all();
            let spread = spread(all.len());
            for (key, is_settled) in all {
                if is_urgent(&key.namespace) {
                    queue.changed(&key, now);
                } else {
                    let delay = if is_settled { spread.mul_f64(chance().clamp(0.0, 1.0)) } else { Duration::ZERO };
                    queue.again(&key, now + delay, now);
                }
            }
        });
        self.woken.notify_one();
    }

    /// Somebody changed a resource, or it is new.
    pub(super) fn changed(&self, key: &Arc<Key>, now: Instant) {
        self.with(|queue| queue.changed(key, now));
        self.woken.notify_one();
    }

    /// A resource is gone.
    pub(super) fn forget(&self, key: &Arc<Key>) {
        self.with(|queue| queue.forget(key));
    }

    /// Takes the next one that is due.
    pub(super) fn take(&self, now: Instant) -> Option<Arc<Key>> {
        self.with(|queue| queue.take(now)).flatten()
    }

    /// A look has ended, and says when the next one is due.
    pub(super) fn done(&self, key: &Arc<Key>, due: Option<Instant>, now: Instant) {
        self.with(|queue| queue.done(key, due, now));
    }

    /// When the next one becomes due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.with(|queue| queue.next_due()).flatten()
    }

    /// Waits until something was put down. What was put down before the call counts.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// How much is on it.
    #[must_use]
    pub fn depth(&self, now: Instant) -> Depth {
        self.with(|queue| queue.depth(now)).unwrap_or_default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        self.lock().as_mut().map(act)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Queue>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Within what time so many resources are looked at.
fn spread(count: usize) -> Duration {
    SHARE.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)).min(SPREAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: usize) -> Vec<Arc<Key>> {
        (0..count).map(|number| Arc::new(Key { namespace: "a".into(), name: number.to_string().into() })).collect()
    }

    #[test]
    fn at_a_start_what_is_not_as_declared_goes_first_and_the_rest_is_spread() {
        let (agenda, start, keys) = (Agenda::default(), Instant::now(), keys(10_000));
        let all = || keys.iter().enumerate().map(|(number, key)| (Arc::clone(key), number != 7_000)).collect();
        let mut count = 0;
        agenda.open(all, start, || {
            count += 1;
            f64::from(count) / 10_000.0
        });
        assert_eq!(agenda.depth(start), Depth { ready: 1, later: 9_999, running: 0 });
        assert_eq!(agenda.take(start).as_ref(), keys.get(7_000));
        assert_eq!(agenda.depth(start + SPREAD / 2).ready, 5_000);
        assert_eq!(agenda.depth(start + SPREAD).ready, 9_999);
    }

    #[test]
    fn what_somebody_changes_does_not_wait_behind_a_start() {
        let (agenda, start, keys) = (Agenda::default(), Instant::now(), keys(1_000));
        agenda.open(|| keys.iter().map(|key| (Arc::clone(key), false)).collect(), start, || 0.0);
        let soon = start + Duration::from_secs(1);
        assert_eq!(agenda.take(soon).as_ref(), keys.first());
        let new = Arc::new(Key { namespace: "a".into(), name: "new".into() });
        for changed in [keys.get(800), Some(&new), keys.get(900)].into_iter().flatten() {
            agenda.changed(changed, soon);
        }
        assert_eq!(agenda.take(soon).as_ref(), keys.get(800));
        assert_eq!(agenda.take(soon).as_ref(), keys.get(900));
        assert_eq!(agenda.take(soon), Some(new));
        assert_eq!(agenda.take(soon).as_ref(), keys.get(1));
    }

    #[test]
    fn what_is_delivered_while_it_opens_is_not_lost() {
        let (agenda, start, keys) = (Agenda::default(), Instant::now(), keys(1));
        let all = || {
            assert!(agenda.queue.try_lock().is_err(), "who delivers now waits until it is open");
            keys.iter().map(|key| (Arc::clone(key), false)).collect()
        };
        agenda.open(all, start, || 0.0);
        assert_eq!(agenda.depth(start).ready, 1);
    }

    #[test]
    fn few_resources_are_looked_at_within_less() {
        let (agenda, start) = (Agenda::default(), Instant::now());
        agenda.open(|| keys(50).into_iter().map(|key| (key, true)).collect(), start, || 1.0);
        assert_eq!(agenda.depth(start + Duration::from_millis(500)).ready, 50);
    }

    #[test]
    fn after_an_exchange_the_urgent_go_first_and_what_runs_is_looked_at_once_more() {
        let (agenda, start, keys) = (Agenda::default(), Instant::now(), keys(3));
        let all = |settled: bool| keys.iter().map(move |key| (Arc::clone(key), settled)).collect::<Vec<_>>();
        agenda.revisit(|| all(true), |_| true, start, || 0.0);
        assert_eq!(agenda.take(start), None, "it is closed");
        agenda.open(Vec::new, start, || 0.0);
        let hour = start + Duration::from_hours(1);
        for key in &keys {
            agenda.changed(key, start);
            assert_eq!(agenda.take(start).as_ref(), Some(key));
        }
        agenda.done(&keys[1], Some(hour), start);
        agenda.done(&keys[2], Some(hour), start);
        agenda.revisit(|| all(false), |_| false, start, || 0.0);
        assert_eq!(agenda.depth(start), Depth { ready: 2, later: 0, running: 1 });
        agenda.done(&keys[0], Some(hour), start);
        assert_eq!(agenda.take(start).as_ref(), keys.first(), "by what it was judged has changed meanwhile");
        agenda.done(&keys[0], Some(hour), start);
        agenda.revisit(|| all(true), |_| false, start, || 1.0);
        assert_eq!(agenda.depth(start).ready, 2, "what waits already does not wait longer");
        assert_eq!(agenda.depth(start + SHARE * 3).ready, 3);
        agenda.take(start);
        let backlog = Arc::new(Key { namespace: "b".into(), name: "urgent".into() });
        agenda.revisit(|| vec![(Arc::clone(&backlog), true)], |namespace| namespace == "b", start, || 1.0);
        assert_eq!(agenda.take(start), Some(backlog));
    }

    #[tokio::test]
    async fn nothing_is_put_down_while_it_is_closed() {
        let (agenda, start, keys) = (Agenda::default(), Instant::now(), keys(1));
        agenda.changed(&keys[0], start);
        assert_eq!(agenda.take(start), None);
        agenda.open(Vec::new, start, || 0.0);
        agenda.changed(&keys[0], start);
        agenda.woken().await;
        assert_eq!(agenda.take(start).as_ref(), keys.first());
    }
}
