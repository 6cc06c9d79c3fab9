//! A sign of life of one loop: it beats from its own task, so that silence means that it does not turn.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two beats of a task that waits.
const BEAT: Duration = Duration::from_secs(5);
/// A loop that has not beaten for this long is taken for dead.
const SILENCE: Duration = Duration::from_mins(1);

/// A sign of life of one task. Clones are of the same task.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    last: Arc<Mutex<Instant>>,
    limit: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::with_limit(SILENCE)
    }
}

impl Heartbeat {
    /// One that takes its task for dead after so long a silence. It beats now.
    #[must_use]
    pub fn with_limit(limit: Duration) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), limit }
    }

    /// The loop has turned once more. To be called from the task of the loop only, at least every few seconds: a loop
    /// that waits for work calls it when a timer of its own ends the waiting.
    pub fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Does `work`, and beats from the same task for as long as that task is not blocked.
    ///
    /// It proves that the task is not blocked, not that `work` goes on; for a loop, wrap each of its waits.
    pub async fn beat_while<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        let mut ticks = tokio::time::interval(BEAT.min(self.limit / 4));
        loop {
            tokio::select! {
                output = &mut work => return output,
                _ = ticks.tick() => self.beat(),
            }
        }
    }

    /// For how long the task has been silent.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Whether the task has beaten lately.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.silence() < self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(400);
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Polls from a thread that no runtime has a part in: a blocked loop may hold up the timers of its own.
    fn until(heartbeat: &Heartbeat, is_alive: bool) {
        let started = Instant::now();
        while heartbeat.is_alive() != is_alive {
            assert!(started.elapsed() < PATIENCE, "alive: {}", !is_alive);
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_loop_that_waits_is_alive_and_one_that_is_blocked_is_not() {
        let heartbeat = Heartbeat::with_limit(LIMIT);
        let (work, mut works) = tokio::sync::mpsc::unbounded_channel::<()>();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let of_loop = heartbeat.clone();
        let turning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                while of_loop.beat_while(works.recv()).await.is_some() {
                    // A pass that does not give its thread back; it does so too where the test has failed.
                    let _ = released.recv();
                }
            });
        });
        std::thread::park_timeout(3 * LIMIT);
        until(&heartbeat, true);
        work.send(()).unwrap();
        until(&heartbeat, false);
        assert!(heartbeat.silence() >= LIMIT);
        release.send(()).unwrap();
        until(&heartbeat, true);
        drop(work);
        turning.join().unwrap();
    }

    #[test]
    fn only_the_loop_itself_keeps_it_alive() {
        let heartbeat = Heartbeat::with_limit(Duration::ZERO);
        heartbeat.beat();
        assert!(!heartbeat.is_alive(), "any silence is too long");
        assert!(Heartbeat::default().is_alive());
    }
}
