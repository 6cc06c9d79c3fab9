//! `run`: runs the operator until it is told to end, or only checks its configuration.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use kube::Client;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::administrator::Administrator;
use super::outside;
use crate::config::{BrokerConfig, Config, ConfigErrors, Imprint, MetricsConfig, Source, host_name};
use crate::controller::{self, ClusterError, Election, InForce, Instruments, LeadershipLost, LeaseSettings, Settings};
use crate::ops::exposition::{self, Access, Tls};
use crate::ops::follow::LOOK;
use crate::ops::metrics::Metrics;
use crate::ops::probes::{self, Heartbeat, Readiness};
use crate::ops::shutdown;
use crate::ops::telemetry::{self, DEFAULT_FILTER, LogFormat, TelemetryError};
use crate::remote::broker::{Broker, BrokerHealth, BrokerSetupError};
use crate::remote::http::ClientError;
use crate::remote::outside::Outside;

mod reload;
mod reloads;

pub use reloads::Reloads;

use reload::Reload;

const SERVED: &str = "custom resource definition";
const IDENTIFIED: &str = "cluster id";
const SYNCED: &str = "watch";

/// Arguments of `run`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    administrator: Administrator,
    /// Check the configuration, name everything that is wrong with it, and end.
    #[arg(long)]
    check_config: bool,
    /// The form of a log line.
    #[arg(long, value_enum, env = "TPO_LOG_FORMAT", default_value_t)]
    log_format: LogFormat,
    /// What is logged, as directives of the tracing library.
    #[arg(long, value_name = "DIRECTIVES", env = "TPO_LOG_FILTER", default_value = DEFAULT_FILTER)]
    log_filter: String,
    /// A file with such directives, which is read again every few seconds and takes the place of --log-filter
    #[arg(long, value_name = "FILE", env = "TPO_LOG_FILTER_FILE")]
    log_filter_file: Option<PathBuf>,
}

/// The operator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The outcome of the check cannot be printed.
    #[error("cannot print the outcome of the check")]
    Print(#[source] io::Error),
    /// Logging cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Signals cannot be received.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// The probes cannot be served.
    #[error("cannot listen on {address} for probes")]
    Probes {
        /// Where they should be.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The metrics cannot be served.
    #[error("cannot listen on {address} for metrics")]
    Metrics {
        /// Where they should be.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The cluster cannot be used.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Another replica leads, or may lead.
    #[error(transparent)]
    LeadershipLost(#[from] LeadershipLost),
    /// The broker cannot be set up.
    #[error(transparent)]
    Broker(#[from] BrokerSetupError),
    /// The way to Microsoft's APIs cannot be set up.
    #[error("setting up the way to Microsoft's APIs (microsoft in the configuration)")]
    Microsoft(#[from] ClientError),
}

/// Runs the operator.
pub async fn run(args: Args) -> Result<(), RunError> {
    let source = Arc::new(Source::new(args.administrator.config));
    // Before it is read: what changes from here on is a change.
    let imprint = source.look();
    let config = Config::load(source.path())?;
    if args.check_config {
        return io::stdout().lock().write_all(summary(&config).as_bytes()).map_err(RunError::Print);
    }
    let filter = telemetry::install(args.log_format, &args.log_filter)?;
    let shutdown = shutdown::on_signals().map_err(RunError::Signals)?;
    if let Some(path) = args.log_filter_file {
        tokio::spawn(shutdown.clone().run_until_cancelled_owned(filter.follow(path, LOOK)));
    }
    let (heartbeat, readiness) = (Heartbeat::default(), Readiness::awaiting([SERVED, IDENTIFIED, SYNCED]));
    let refused = |source| RunError::Probes { address: config.probes, source };
    let listener = TcpListener::bind(config.probes).await.map_err(refused)?;
    let address = listener.local_addr().unwrap_or(config.probes);
    let (readiness, apart) = apart(config.metrics.as_ref(), readiness, &shutdown)?;
    let metrics = apart.as_ref().map_or(address, |apart| apart.address);
    let server = tokio::spawn(probes::serve(listener, heartbeat.clone(), readiness.clone(), shutdown.clone()));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), probes = %address, %metrics, "started");
    let instruments = Instruments { heartbeat, ..Instruments::default() };
    let begun = Begun { config, source, imprint, allow_simulator: args.administrator.allow_simulator };
    let outcome = operate(begun, (instruments, readiness), shutdown).await;
    server.abort();
    if let Some(apart) = apart {
        apart.task.abort();
    }
    tracing::info!("ended");
    outcome
}

/// What the operator began with.
struct Begun {
    config: Config,
    source: Arc<Source>,
    imprint: Imprint,
    allow_simulator: bool,
}

/// Metrics on a listener of their own.
struct Apart {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// Serves the metrics on a listener of their own, where the configuration says so.
fn apart(
    config: Option<&MetricsConfig>,
    readiness: Readiness,
    shutdown: &CancellationToken,
) -> Result<(Readiness, Option<Apart>), RunError> {
    let Some(MetricsConfig { listen, tls, client_ca_file, token_file }) = config.cloned() else {
        return Ok((readiness, None));
    };
    let readiness = readiness.without_metrics();
    let refused = |source| RunError::Metrics { address: listen, source };
    let listener = std::net::TcpListener::bind(listen).map_err(refused)?;
    let address = listener.local_addr().unwrap_or(listen);
    let tls = tls.map(|(certificate_file, key_file)| Tls { certificate_file, key_file, client_ca_file });
    let serving = exposition::serve(listener, Access { tls, token_file }, readiness.clone(), shutdown.clone());
    let shutdown = shutdown.clone();
    let task = tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(error = %chain(&error), "the metrics cannot be served; ending");
            shutdown.cancel();
        }
    });
    Ok((readiness, Some(Apart { address, task })))
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn operate(
    begun: Begun,
    (instruments, readiness): (Instruments, Readiness),
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let Begun { config, source, imprint, allow_simulator } = begun;
    let heartbeat = instruments.heartbeat.clone();
    let client = controller::connect().await?;
    let served = controller::wait_until_served(&client, config.watch_namespace.as_deref(), &shutdown);
    if !heartbeat.beat_while(served).await {
        return Ok(());
    }
    readiness.done(SERVED);
    let (mut broker, microsoft) = (config.broker.clone(), config.microsoft.clone());
    if !heartbeat.beat_while(identify(&client, &mut broker, &shutdown)).await {
        return Ok(());
    }
    readiness.done(IDENTIFIED);
    let remote =
        heartbeat.beat_while(outside::configured::<RunError>(broker, microsoft, allow_simulator, &client)).await?;
    let in_force = InForce::new(Arc::new(remote), settings(&config));
    let candidate = config.leader_election.as_ref().map(|election| LeaseSettings::new(election, &client, &host_name()));
    let election = candidate.map(|candidate| Election::new(client.clone(), candidate));
    let reloads = Reloads::default();
    show((&in_force, &reloads), election.clone(), &instruments, &readiness);
    let reload = Reload {
        source,
        config,
        client: client.clone(),
        in_force: in_force.clone(),
        allow_simulator,
        reloads,
        problem: None,
    };
    tokio::spawn(shutdown.clone().run_until_cancelled_owned(reload.follow(imprint)));
    let on_synced = move || readiness.done(SYNCED);
    let run = controller::run(client, in_force, (election, instruments), shutdown, on_synced);
    Ok(Box::pin(run).await?)
}

/// Sees to it that the broker can be told which cluster asks: as configured, else by the cluster's own id. False where the
/// process should end first.
async fn identify(client: &Client, broker: &mut Option<BrokerConfig>, shutdown: &CancellationToken) -> bool {
    let Some(nameless) = broker.as_mut().filter(|broker| broker.cluster_id.is_none()) else { return true };
    nameless.cluster_id = controller::wait_for_cluster_id(client, shutdown).await;
    nameless.cluster_id.is_some()
}

/// What passes take from the configuration.
fn settings(config: &Config) -> Settings {
    Settings {
        tenancy: config.tenancy.clone(),
        capabilities: config.capabilities,
        own_identity: config.microsoft.own_identity.clone(),
        concurrency: config.concurrency,
        namespace: config.watch_namespace.clone(),
    }
}

/// Shows who leads, the health of the outside world and what became of the configuration, beside the probes.
fn show(
    (in_force, reloads): (&InForce<Outside>, &Reloads),
    election: Option<Election>,
    instruments: &Instruments,
    readiness: &Readiness,
) {
    let (now, configuration) = (in_force.clone(), reloads.clone());
    readiness.show(move || {
        vec![
            format!("leader: {}", election.as_ref().map_or_else(|| "there is no election".to_owned(), leader)),
            format!("broker: {}", health(now.now().remote.broker())),
            format!("configuration: {configuration}"),
        ]
    });
    readiness.measure(Metrics::new(instruments.heartbeat.clone(), |registry| {
        instruments.meter.register(registry);
        reloads.register(registry);
        let now = in_force.clone();
        in_force.now().remote.measure(registry, move || now.now().remote.budgets(controller::now()));
    }));
}

fn leader(election: &Election) -> String {
    match election.leader() {
        _ if election.is_leading() => "this replica".to_owned(),
        Some(leader) => format!("{leader}; this replica stands by"),
        None => "nobody yet; this replica stands by".to_owned(),
    }
}

fn health(broker: Option<&Broker>) -> String {
    match broker.map(Broker::health) {
        None => "none is configured".to_owned(),
        Some(BrokerHealth::Unknown) => "not asked yet".to_owned(),
        Some(BrokerHealth::Ok) => "ok".to_owned(),
        // Whoever can reach the probe reads this: no words of the broker, no ids. The log has them.
        Some(BrokerHealth::Failing(failure)) => {
            format!(
                "failing ({}, {}): see the log, and broker.auth and broker.caFile",
                failure.class.name(),
                failure.reason
            )
        }
    }
}

fn summary(config: &Config) -> String {
    let namespaces = config.tenancy.namespaces();
    let namespaces = if namespaces.is_empty() {
        "none: no resource may manage a tenant".to_owned()
    } else {
        namespaces.into_iter().collect::<Vec<_>>().join(", ")
    };
    let broker = config.broker.as_ref().map_or_else(|| "none: every step is a person's".to_owned(), BrokerConfig::host);
    format!("configuration is valid\nnamespaces: {namespaces}\nbroker: {broker}\n")
}
