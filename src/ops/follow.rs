//! Follows what others change, by looking again and again: a mounted volume changes by the swap of a symlink, of which a
//! watch on its files sees nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The time between two looks.
pub const LOOK: Duration = Duration::from_secs(2);

/// Looks at something that others change. Needs a tokio runtime.
#[derive(Debug)]
pub struct Follower<T, L> {
    look: Arc<L>,
    ticks: Interval,
    settled: Option<T>,
    last: Option<T>,
}

impl<T, L> Follower<T, L>
where
    T: PartialEq + Clone + Send + 'static,
    L: Fn() -> T + Send + Sync + 'static,
{
    /// One that knows nothing yet: the first look is a change. `look` may block.
    #[must_use]
    pub fn new(every: Duration, look: L) -> Self {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { look: Arc::new(look), ticks, settled: None, last: None }
    }

    /// The same, for which this is no change.
    #[must_use]
    pub fn knowing(self, known: T) -> Self {
        Self { settled: Some(known), ..self }
    }

    /// Waits until something else is seen than what was settled last, and returns it. It was the same at two looks, so
    /// that a file that is being written is not taken for a whole one; at the very beginning one look is enough.
    ///
    /// What is not settled is returned again after the next look.
    pub async fn change(&mut self) -> T {
        loop {
            self.ticks.tick().await;
            let look = Arc::clone(&self.look);
            // A look that panics has seen nothing.
            let Ok(seen) = spawn_blocking(move || look()).await else { continue };
            if self.settled.as_ref() == Some(&seen) {
                self.last = None;
                continue;
            }
            let stands_still = self.settled.is_none() || self.last.as_ref() == Some(&seen);
            self.last = Some(seen.clone());
            if stands_still {
                return seen;
            }
        }
    }

    /// What was returned has been dealt with.
    pub fn settle(&mut self, seen: T) {
        (self.settled, self.last) = (Some(seen), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A follower of what is seen at each look, in this order; the last of it stays.
    fn follower(seen: &[u32]) -> Follower<u32, impl Fn() -> u32 + Send + Sync + 'static> {
        let rest: Vec<u32> = seen.iter().rev().copied().collect();
        let rest = Mutex::new(rest);
        Follower::new(Duration::from_millis(1), move || {
            let mut rest = rest.lock().unwrap();
            if rest.len() > 1 { rest.pop().unwrap() } else { rest[0] }
        })
    }

    #[tokio::test]
    async fn the_first_look_counts_at_once_and_a_change_once_it_stands_still() {
        let mut follower = follower(&[1, 1, 2, 3, 1, 4, 3, 4, 4, 4, 4, 5]);
        assert_eq!(follower.change().await, 1);
        follower.settle(1);
        assert_eq!(follower.change().await, 4, "what was seen once only may be half of something");
        follower.settle(4);
        assert_eq!(follower.change().await, 5);
    }

    #[tokio::test]
    async fn what_is_known_is_no_change_and_what_is_not_settled_comes_again() {
        let mut follower = follower(&[7, 7, 8]).knowing(7);
        assert_eq!(follower.change().await, 8);
        assert_eq!(follower.change().await, 8);
        follower.settle(8);
        let next = tokio::time::timeout(Duration::from_millis(50), follower.change()).await;
        assert!(next.is_err(), "{next:?}");
    }
}
