//! The loop: watches the resources and calls `reconcile`, until it is told to end.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::runtime::controller::{Action, Config, Controller, Error};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Client, Resource};
use tokio_util::sync::CancellationToken;

use super::cluster::scoped;
use super::error::ReconcileError;
use super::operator::{Guarded, Operator, Settings};
use super::recall::{CATCH_UP, Recall, backoff};
use super::reconcile::reconcile;
use crate::remote::{Execute, Observe};

/// The time for running passes to end after the process was told to.
const DRAIN: Duration = Duration::from_secs(10);
/// The time between two sweeps of what is remembered of vanished resources.
const SWEEP: Duration = Duration::from_mins(10);

type Finished = Result<(ObjectRef<Guarded>, Action), Error<ReconcileError, watcher::Error>>;

/// Reconciles every resource of the cluster, or of one namespace, until `shutdown`. `on_synced` is called once all of them are known.
pub async fn run<R>(
    client: Client,
    remote: Arc<R>,
    settings: Settings,
    shutdown: CancellationToken,
    on_synced: impl FnOnce() + Send + 'static,
) where
    R: Observe + Execute + Send + Sync + 'static,
{
    let resources = scoped::<Guarded>(&client, settings.namespace.as_deref());
    let controller = Controller::new(resources, watcher::Config::default())
        .with_config(Config::default().concurrency(settings.concurrency.max(1)))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned());
    let resources = controller.store();
    let operator = Arc::new(Operator::new(client, remote, settings, resources.clone()));
    let background = shutdown.child_token();
    tokio::spawn(background.clone().run_until_cancelled_owned(signal_sync(resources.clone(), on_synced)));
    tokio::spawn(background.clone().run_until_cancelled_owned(sweep(operator.clone(), resources)));
    let finished = controller.run(reconcile::<R>, error_policy, operator);
    tokio::select! {
        () = drain(finished) => tracing::info!("every pass has ended"),
        () = too_late(&shutdown) => tracing::warn!("passes were cut off: they did not end within {} s", DRAIN.as_secs()),
    }
    background.cancel();
}

/// When to try again after a pass that could not be finished; the operator remembers that it was not.
#[expect(clippy::needless_pass_by_value, reason = "the signature is that of kube")]
pub fn error_policy<R>(object: Arc<Guarded>, error: &ReconcileError, operator: Arc<Operator<R>>) -> Action {
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    retry(&operator.recall, uid, error, fastrand::f64())
}

fn retry(recall: &Recall, uid: &str, error: &ReconcileError, jitter: f64) -> Action {
    match error {
        ReconcileError::Gone => {
            recall.forget(uid);
            Action::await_change()
        }
        ReconcileError::Changed => {
            recall.wake(uid);
            Action::requeue(CATCH_UP)
        }
        _ => Action::requeue(backoff(recall.failed(uid), jitter)),
    }
}

async fn drain(finished: impl Stream<Item = Finished>) {
    let mut finished = pin!(finished);
    while let Some(result) = finished.next().await {
        log(&result);
    }
}

/// Every error is logged by its class; none is dropped.
fn log(result: &Finished) {
    match result {
        Ok((resource, _)) => {
            tracing::debug!(namespace = resource.namespace, resource = resource.name, "pass ended");
        }
        Err(Error::ObjectNotFound(resource)) => {
            tracing::debug!(namespace = resource.namespace, resource = resource.name, "the resource is gone");
        }
        Err(Error::ReconcilerFailed(error, resource)) => {
            let (namespace, resource, class) = (&resource.namespace, &resource.name, error.class());
            if error.is_ordinary() {
                tracing::debug!(namespace, resource, class, %error, "pass ended early");
            } else {
                tracing::warn!(namespace, resource, class, %error, "pass failed");
            }
        }
        Err(Error::QueueError(error)) => {
            tracing::warn!(class = "watch", %error, "the watch failed and is opened again");
        }
        Err(Error::RunnerError(error)) => tracing::error!(class = "runner", %error, "the loop failed"),
    }
}

async fn too_late(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(DRAIN).await;
}

/// kube's store wakes only whoever asked last whether it is filled, and kube's own loop asks too: so we ask again.
async fn signal_sync(resources: Store<Guarded>, on_synced: impl FnOnce()) {
    let filled = loop {
        if let Ok(filled) = tokio::time::timeout(CATCH_UP, resources.wait_until_ready()).await {
            break filled;
        }
    };
    if filled.is_ok() {
        tracing::info!(resources = resources.len(), "every resource is known");
        on_synced();
    }
}

async fn sweep<R>(operator: Arc<Operator<R>>, resources: Store<Guarded>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let live: HashSet<String> = resources.state().iter().filter_map(|object| object.meta().uid.clone()).collect();
        operator.recall.sweep(&live);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_that_is_gone_is_left_alone_and_a_changed_one_is_looked_at_soon() {
        let recall = Recall::default();
        assert_eq!(retry(&recall, "u", &ReconcileError::Gone, 0.5), Action::await_change());
        assert_eq!(retry(&recall, "u", &ReconcileError::Changed, 0.5), Action::requeue(CATCH_UP));
    }

    #[test]
    fn faults_are_met_with_growing_delays() {
        let (recall, fault) = (Recall::default(), ReconcileError::Incomplete { field: "uid" });
        assert_eq!(retry(&recall, "u", &fault, 0.5), Action::requeue(Duration::from_secs(1)));
        assert_eq!(retry(&recall, "u", &fault, 0.5), Action::requeue(Duration::from_secs(2)));
        assert_eq!(retry(&recall, "other", &fault, 0.5), Action::requeue(Duration::from_secs(1)));
    }
}
