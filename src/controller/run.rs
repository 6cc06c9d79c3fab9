//! The loop: takes what is due and calls `reconcile`, until it is told to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

use super::cluster::scoped;
use super::meter::Meter;
use super::object::Object;
use super::operator::{Operator, Settings};
use super::passes::Passes;
use super::watch::Watch;
use crate::ops::heartbeat::Heartbeat;
use crate::remote::{Execute, Observe};

/// The time for running passes to end after the process was told to.
const DRAIN: Duration = Duration::from_secs(7);
/// The time between two sweeps of what is remembered of vanished resources.
const SWEEP: Duration = Duration::from_mins(10);

/// How a run of the loop can be watched.
#[derive(Clone, Debug, Default)]
pub struct Instruments {
    /// What is counted.
    pub meter: Meter,
    /// The sign of life of the loop.
    pub heartbeat: Heartbeat,
}

/// Reconciles every resource of the cluster, or of one namespace, until `shutdown`. `on_synced` is called once all of them are known.
pub async fn run<R>(
    client: Client,
    remote: Arc<R>,
    settings: Settings,
    instruments: Instruments,
    shutdown: CancellationToken,
    on_synced: impl FnOnce() + Send + 'static,
) where
    R: Observe + Execute + Send + Sync + 'static,
{
    let concurrency = settings.concurrency.max(1).into();
    let resources = scoped::<Object>(&client, settings.namespace.as_deref());
    let Instruments { meter, heartbeat } = instruments;
    let operator = Arc::new(Operator::new(client, remote, settings, Arc::default()).counting(meter.clone()));
    meter.gather({
        let operator = Arc::clone(&operator);
        move || operator.census()
    });
    meter.leads(true);
    let background = shutdown.child_token();
    let _ends_background = background.clone().drop_guard();
    let (synced, mut is_synced) = signal::channel(false);
    let watch = Watch::of(&operator, synced);
    tokio::spawn(background.clone().run_until_cancelled_owned(watch.follow(resources)));
    tokio::spawn(background.clone().run_until_cancelled_owned(sweep(operator.clone())));
    tokio::select! {
        _ = is_synced.wait_for(|synced| *synced) => on_synced(),
        () = shutdown.cancelled() => return,
    }
    let last_word = CancellationToken::new();
    let herald = tokio::spawn({
        let (operator, last_word) = (Arc::clone(&operator), last_word.clone());
        async move { operator.publish(last_word).await }
    });
    operator.agenda.open(operator.resources.all(), Instant::now(), fastrand::f64);
    let mut passes = Passes::new(operator, concurrency);
    heartbeat.beat_while(passes.run(&shutdown)).await;
    if tokio::time::timeout(DRAIN, passes.drain()).await.is_ok() {
        tracing::info!("every pass has ended");
    } else {
        tracing::warn!("passes were cut off: they did not end within {} s", DRAIN.as_secs());
    }
    drop(passes);
    last_word.cancel();
    // It bounds itself, and a panic of it would have been told.
    let _ended = herald.await;
}

async fn sweep<R>(operator: Arc<Operator<R>>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        operator.recall.sweep(&operator.resources.uids());
    }
}
