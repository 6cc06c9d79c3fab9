//! The passes that are under way: so many at once, never two over one resource, each in a task of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::{Id, JoinError, JoinSet};

use super::error::ReconcileError;
use super::key::Key;
use super::operator::Operator;
use super::recall::{CATCH_UP, Recall, backoff};
use super::reconcile::{Next, reconcile};
use crate::remote::{Execute, Observe};

type Ended = Result<Next, ReconcileError>;

/// Passes over the resources of an operator. Dropping them cuts them off.
pub(super) struct Passes<R> {
    operator: Arc<Operator<R>>,
    tasks: JoinSet<Ended>,
    keys: HashMap<Id, Arc<Key>>,
}

impl<R> Passes<R>
where
    R: Observe + Execute + Send + Sync + 'static,
{
    /// None is under way.
    pub(super) fn new(operator: Arc<Operator<R>>) -> Self {
        Self { operator, tasks: JoinSet::new(), keys: HashMap::new() }
    }

    /// Starts what is due, for ever. May be dropped at any time: what is under way goes on.
    pub(super) async fn run(&mut self) {
        let operator = Arc::clone(&self.operator);
        loop {
            let now = Instant::now();
            self.fill(now);
            let is_full = self.is_full();
            let next = operator.agenda.next_due().filter(|_| !is_full);
            tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next_with_id() => self.end(ended),
                () = operator.agenda.woken(), if !is_full => {}
                () = until(next), if next.is_some() => {}
            }
        }
    }

    /// Waits for those that are under way.
    pub(super) async fn drain(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.end(ended);
        }
    }

    /// Whether as many are under way as the administrator wants at once.
    fn is_full(&self) -> bool {
        self.tasks.len() >= self.operator.in_force.now().settings.concurrency.max(1).into()
    }

    fn fill(&mut self, now: Instant) {
        while !self.is_full() {
            let Some(key) = self.operator.agenda.take(now) else { return };
            if let Some(next) = self.spared(&key, now) {
                self.operator.agenda.done(&key, due(next, now), now);
                continue;
            }
            let (operator, pass) = (Arc::clone(&self.operator), Arc::clone(&key));
            let task = self.tasks.spawn(async move {
                match operator.resources.get(&pass) {
                    Some(object) => reconcile(&object, &operator).await,
                    None => Err(ReconcileError::Gone),
                }
            });
            self.keys.insert(task.id(), key);
        }
    }

    /// When to look again, where there is nothing to look at now: most of our own writes come back here.
    fn spared(&self, key: &Key, now: Instant) -> Option<Next> {
        let Some((uid, version)) = self.operator.resources.version(key) else { return Some(Next::OnChange) };
        self.operator.recall.rest((&uid, &version), now).map(Next::After)
    }

    fn end(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let (id, ended) = match ended {
            Ok((id, ended)) => (id, ended),
            // A pass that panics is a fault of ours, and no reason to leave the other tenants alone.
            Err(error) => (error.id(), Err(ReconcileError::Panicked(error))),
        };
        let Some(key) = self.keys.remove(&id) else { return };
        let next = ended.unwrap_or_else(|error| {
            log(&key, &error);
            // Of one that the watch shows no more nothing is to be tried again.
            let known = self.operator.resources.version(&key);
            known.map_or(Next::OnChange, |(uid, _)| self.operator.retry(&uid, &error))
        });
        let now = Instant::now();
        self.operator.agenda.done(&key, due(next, now), now);
    }
}

impl<R> Operator<R> {
    /// When to look again at the resource with this uid after a pass that could not be finished; it is remembered that it
    /// was not.
    #[must_use]
    pub fn retry(&self, uid: &str, error: &ReconcileError) -> Next {
        retry(&self.recall, uid, error, fastrand::f64())
    }
}

/// When to try again, where the watch still shows the resource.
fn retry(recall: &Recall, uid: &str, error: &ReconcileError, jitter: f64) -> Next {
    match error {
        ReconcileError::Changed | ReconcileError::Reconfigured => {
            recall.wake(uid);
            Next::After(CATCH_UP)
        }
        // Also one that is gone: the watch will say so. If it does not, the 404 came from an API server that does not
        // serve the definition yet, and nobody would ever come back to the resource.
        _ => Next::After(backoff(recall.failed(uid), jitter)),
    }
}

fn due(next: Next, now: Instant) -> Option<Instant> {
    match next {
        Next::After(wait) => now.checked_add(wait),
        Next::OnChange => None,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Every error is logged by its class; none is dropped.
fn log(key: &Key, error: &ReconcileError) {
    let (Key { namespace, name: resource }, class) = (key, error.class());
    if error.is_ordinary() {
        tracing::debug!(%namespace, %resource, class, %error, "pass ended early");
    } else {
        tracing::warn!(%namespace, %resource, class, %error, "pass failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_changed_resource_is_looked_at_soon_and_one_that_is_gone_once_more_until_the_watch_says_so() {
        let (recall, gone) = (Recall::default(), ReconcileError::Gone);
        assert_eq!(retry(&recall, "u", &ReconcileError::Changed, 0.5), Next::After(CATCH_UP));
        assert_eq!(retry(&recall, "u", &ReconcileError::Reconfigured, 0.5), Next::After(CATCH_UP));
        assert_eq!(retry(&recall, "u", &gone, 0.5), Next::After(Duration::from_secs(1)));
    }

    #[test]
    fn faults_are_met_with_growing_delays() {
        let (recall, fault) = (Recall::default(), ReconcileError::Incomplete { field: "uid" });
        assert_eq!(retry(&recall, "u", &fault, 0.5), Next::After(Duration::from_secs(1)));
        assert_eq!(retry(&recall, "u", &fault, 0.5), Next::After(Duration::from_secs(2)));
        assert_eq!(retry(&recall, "other", &fault, 0.5), Next::After(Duration::from_secs(1)));
    }
}
