//! Which resource is looked at next: a queue of names, each at most once, each with the time when it is due.
//!
//! kube's own scheduler picks among what is due in the order of a hash table, and tells nobody how much is waiting. Here
//! what somebody changed goes before what is only due again, and nothing waits for ever: a change is worth a head start
//! of a minute, no more. No clock and no task: all of it is told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::key::Key;

/// How much longer than a change anything else must have waited to go before it.
const HEAD_START: Duration = Duration::from_mins(1);

/// Why a resource is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// It is time to look again.
    Due,
    /// Somebody changed it, or it is new.
    Changed,
}

/// The queue. At most one entry a resource, waiting or running.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: HashMap<Arc<Key>, Turn>,
    /// What waits for its time, by that time.
    later: BTreeSet<(Instant, u64, Arc<Key>)>,
    /// What may be looked at now, by rank.
    ready: BTreeSet<(Instant, u64, Arc<Key>)>,
    /// What is being looked at, and whether it changed meanwhile.
    running: HashMap<Arc<Key>, bool>,
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Instant,
    cause: Cause,
    place: Place,
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Later,
    Ready(Instant),
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Resources that are due and not yet looked at.
    pub ready: usize,
    /// Resources that wait for their time.
    pub later: usize,
    /// Resources that are being looked at.
    pub running: usize,
}

impl Queue {
    /// Somebody changed the resource: it is due now, or once the present look at it has ended.
    pub(super) fn changed(&mut self, key: &Arc<Key>, now: Instant) {
        match self.running.get_mut(key) {
            Some(again) => *again = true,
            None => self.put(Arc::clone(key), now, Cause::Changed, now),
        }
    }

    /// The resource is due at this time, unless it is due earlier anyway.
    pub(super) fn at(&mut self, key: &Arc<Key>, due: Instant, now: Instant) {
        if !self.running.contains_key(key) {
            self.put(Arc::clone(key), due, Cause::Due, now);
        }
    }

    /// The same, and once more where it is being looked at just now.
    pub(super) fn again(&mut self, key: &Arc<Key>, due: Instant, now: Instant) {
        match self.running.get_mut(key) {
            Some(again) => *again = true,
            None => self.at(key, due, now),
        }
    }

    /// Takes the next resource that is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Arc<Key>> {
        self.ripen(now);
        let (_, _, key) = self.ready.pop_first()?;
        self.waiting.remove(&key);
        self.running.insert(Arc::clone(&key), false);
        Some(key)
    }

    /// The look at a resource has ended, and says when the next one is due.
    pub(super) fn done(&mut self, key: &Arc<Key>, due: Option<Instant>, now: Instant) {
        let again = self.running.remove(key).unwrap_or_default();
        if again {
            self.put(Arc::clone(key), now, Cause::Changed, now);
        } else if let Some(due) = due {
            self.put(Arc::clone(key), due, Cause::Due, now);
        }
    }

    /// Forgets a resource that is gone; a look at it that goes on is not repeated.
    pub(super) fn forget(&mut self, key: &Arc<Key>) {
        if let Some(turn) = self.waiting.remove(key) {
            self.lift(key, turn);
        }
        if let Some(again) = self.running.get_mut(key) {
            *again = false;
        }
    }

    /// When the next resource becomes due; `None` where none is waiting for its time.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.first().map(|(due, ..)| *due)
    }

    /// How full it is at this time.
    pub(super) fn depth(&mut self, now: Instant) -> Depth {
        self.ripen(now);
        Depth { ready: self.ready.len(), later: self.later.len(), running: self.running.len() }
    }

    fn put(&mut self, key: Arc<Key>, due: Instant, cause: Cause, now: Instant) {
        let (mut due, mut cause) = (due, cause);
        self.count += 1;
        let mut number = self.count;
        if let Some(turn) = self.waiting.remove(&key) {
            // Whichever of both comes first: a change never postpones what is due, nor among what is due at the same time.
            if turn.due <= due {
                (due, number) = (turn.due, turn.number);
            }
            cause = cause.max(turn.cause);
            self.lift(&key, turn);
        }
        let place = if due <= now { Place::Ready(rank(due, cause)) } else { Place::Later };
        let turn = Turn { due, cause, place, number };
        match place {
            Place::Later => self.later.insert((due, turn.number, Arc::clone(&key))),
            Place::Ready(rank) => self.ready.insert((rank, turn.number, Arc::clone(&key))),
        };
        self.waiting.insert(key, turn);
    }

    fn lift(&mut self, key: &Arc<Key>, turn: Turn) {
        match turn.place {
            Place::Later => self.later.remove(&(turn.due, turn.number, Arc::clone(key))),
            Place::Ready(rank) => self.ready.remove(&(rank, turn.number, Arc::clone(key))),
        };
    }

    /// Moves what has become due.
    fn ripen(&mut self, now: Instant) {
        while self.next_due().is_some_and(|due| due <= now) {
            let Some((due, number, key)) = self.later.pop_first() else { return };
            if let Some(turn) = self.waiting.get_mut(&key) {
                let rank = rank(due, turn.cause);
                turn.place = Place::Ready(rank);
                self.ready.insert((rank, number, key));
            }
        }
    }

    /// What is neither waiting nor running, of these.
    #[cfg(test)]
    fn lost<'a>(&self, keys: impl IntoIterator<Item = &'a Arc<Key>>) -> std::collections::HashSet<Arc<Key>> {
        let known = |key: &&Arc<Key>| self.waiting.contains_key(*key) || self.running.contains_key(*key);
        keys.into_iter().filter(|key| !known(key)).cloned().collect()
    }
}

/// The smaller, the earlier.
fn rank(due: Instant, cause: Cause) -> Instant {
    match cause {
        Cause::Due => due + HEAD_START,
        Cause::Changed => due,
    }
}

#[cfg(test)]
#[path = "queue/tests.rs"]
mod tests;
