//! The life of an operator: knows every resource, waits until it leads, takes what is due, and ends in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::cluster::scoped;
use super::lease::{Election, Term};
use super::meter::Meter;
use super::object::Object;
use super::operator::Operator;
use super::passes::Passes;
use super::revisit::revisit;
use super::setup::InForce;
use super::watch::Watch;
use crate::ops::heartbeat::Heartbeat;
use crate::remote::{Execute, Observe};

/// The time for running passes to end after the process was told to.
const DRAIN: Duration = Duration::from_secs(5);
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

/// Another replica leads, or may lead. The process must end: what it remembers is out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica leads no more: it could not renew its Lease in time, or another one took it")]
pub struct LeadershipLost;

/// Reconciles every resource of the cluster, or of one namespace, until `shutdown`; with an election, only while this
/// process leads. What is in force may be exchanged meanwhile, but for the namespace. `on_synced` is called once all
/// resources are known: a standby goes as far.
///
/// # Errors
/// The process led and leads no more.
pub async fn run<R>(
    client: Client,
    in_force: InForce<R>,
    (election, instruments): (Option<Election>, Instruments),
    shutdown: CancellationToken,
    on_synced: impl FnOnce() + Send + 'static,
) -> Result<(), LeadershipLost>
where
    R: Observe + Execute + Send + Sync + 'static,
{
    let Instruments { meter, heartbeat } = instruments;
    let resources = scoped::<Object>(&client, in_force.now().settings.namespace.as_deref());
    let operator = Operator::new(client, in_force, Arc::default());
    let operator = Arc::new(operator.counting(meter.clone()).elected(election.clone()));
    meter.gather({
        let operator = Arc::clone(&operator);
        move || operator.census()
    });
    let background = CancellationToken::new();
    let _ends_background = background.clone().drop_guard();
    let (synced, mut is_synced) = signal::channel(false);
    let watch = Watch::of(&operator, synced);
    tokio::spawn(background.clone().run_until_cancelled_owned(watch.follow(resources)));
    tokio::spawn(background.clone().run_until_cancelled_owned(sweep(operator.clone())));
    tokio::spawn(background.clone().run_until_cancelled_owned(revisit(operator.clone())));
    tokio::select! {
        _ = heartbeat.beat_while(is_synced.wait_for(|synced| *synced)) => on_synced(),
        () = shutdown.cancelled() => return Ok(()),
    }
    let lead = async {
        match &election {
            None => Some(None),
            Some(election) => Box::pin(election.campaign(&shutdown)).await.map(Some),
        }
    };
    let Some(term) = heartbeat.beat_while(lead).await else { return Ok(()) };
    meter.leads(true);
    let last_word = CancellationToken::new();
    let herald = publish(&operator, &last_word);
    let outcome = work(operator, (&heartbeat, &shutdown), term.as_ref()).await;
    meter.leads(false);
    if let Some(term) = term {
        term.resign().await;
    }
    // Nobody needs to wait for them.
    last_word.cancel();
    // It bounds itself, and a panic of it would have been told.
    let _ended = herald.await;
    outcome
}

/// Takes what is due until `shutdown`, or until the term is over; then lets what is under way come to its end.
async fn work<R>(
    operator: Arc<Operator<R>>,
    (heartbeat, shutdown): (&Heartbeat, &CancellationToken),
    term: Option<&Term>,
) -> Result<(), LeadershipLost>
where
    R: Observe + Execute + Send + Sync + 'static,
{
    let lost = term.map_or_else(CancellationToken::new, Term::lost);
    operator.agenda.open(|| operator.resources.all(), Instant::now(), fastrand::f64);
    let mut passes = Passes::new(operator);
    let outcome = tokio::select! {
        biased;
        () = lost.cancelled() => Err(LeadershipLost),
        () = shutdown.cancelled() => Ok(()),
        () = heartbeat.beat_while(passes.run()) => Ok(()),
    };
    // Of a term that is lost so much is left before another replica can act.
    let time = if outcome.is_err() { term.map_or(DRAIN, Term::grace).min(DRAIN) } else { DRAIN };
    if tokio::time::timeout(time, passes.drain()).await.is_ok() {
        tracing::info!("every pass has ended");
    } else {
        tracing::warn!("passes were cut off: they did not end within {} s", time.as_secs());
    }
    outcome
}

fn publish<R>(operator: &Arc<Operator<R>>, last_word: &CancellationToken) -> JoinHandle<()>
where
    R: Send + Sync + 'static,
{
    let (operator, last_word) = (Arc::clone(operator), last_word.clone());
    tokio::spawn(async move { operator.publish(last_word).await })
}

async fn sweep<R>(operator: Arc<Operator<R>>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        operator.recall.sweep(&operator.resources.uids());
    }
}
