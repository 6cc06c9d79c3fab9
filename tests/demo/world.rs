//! The processes of the demonstration beside the control plane: the simulator and two operators.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::cast::{BROKERED, Character, MANUAL};
use crate::cluster::{Cluster, facts};
use crate::screen::Screen;
use crate::support::control_plane::process::Process;
use crate::support::simulator::Simulator;
use crate::support::stage::{Announcement, Configuration, PROGRAM};

/// The name of the process that is no operator.
const SIMULATOR: &str = "simulator";
/// The longest wait for the simulator to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Proxies of the environment cannot reach the loopback.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// Everything that runs. Dropping it ends it.
pub(crate) struct World {
    /// The simulated tenants, as people and as their judge see them.
    pub(crate) simulator: Simulator,
    /// Where the simulator is.
    pub(crate) announcement: Announcement,
    processes: Vec<(&'static str, Process)>,
}

impl World {
    /// Starts the simulator, puts `cast` into it, and starts the operators.
    pub(crate) async fn start(cluster: &Cluster, cast: &[Character], screen: &mut Screen) -> anyhow::Result<Self> {
        let started = Instant::now();
        let (process, announcement) = start_simulator(cluster).await?;
        let simulator = Simulator::new(&announcement.control_url);
        for Character { tenant, seed, broker, .. } in cast {
            simulator.seed(tenant, seed.clone()).await?;
            if let Some(settings) = broker {
                simulator.settings(Some(tenant), settings.clone()).await?;
            }
        }
        let what = format!(
            "a service broker, Microsoft's sign-in, Graph and Azure, and {} tenants that live by their rules",
            cast.len()
        );
        facts(screen, "simulator", &what, started);
        let mut processes = vec![(SIMULATOR, process)];
        let started = Instant::now();
        for (home, broker) in [(BROKERED, Some(&announcement)), (MANUAL, None)] {
            processes.push((home, start_operator(cluster, home, (broker, &announcement)).await?));
        }
        let what = format!(
            "for namespace {} with the broker, for {} without: there every step is a person's",
            cluster.namespace(BROKERED),
            cluster.namespace(MANUAL)
        );
        facts(screen, "two operators", &what, started);
        Ok(Self { simulator, announcement, processes })
    }

    /// The process that has ended though it should run, and its last words.
    pub(crate) fn casualty(&mut self) -> Option<String> {
        self.processes.iter_mut().find_map(|(name, process)| {
            let status = process.ended().ok().flatten()?;
            let what = if *name == SIMULATOR { SIMULATOR.to_owned() } else { format!("operator of {name}") };
            Some(format!("the {what} ended ({status}); its last words:\n{}", process.last_words()))
        })
    }

    /// The last lines of the operator that looks at `home`.
    pub(crate) fn last_words(&self, home: &str) -> String {
        let process = self.processes.iter().find(|(name, _)| *name == home);
        process.map(|(_, process)| process.last_words()).unwrap_or_default()
    }
}

async fn start_simulator(cluster: &Cluster) -> anyhow::Result<(Process, Announcement)> {
    let directory = cluster.directory.path();
    let announce = directory.join("announcement.json");
    let mut command = Command::new(PROGRAM);
    command.arg("simulate").arg("--state").arg(directory.join("simulator.json")).arg("--announce").arg(&announce);
    let mut process = Process::spawn(&command, &directory.join("simulator.log"), Some(&cluster.directory))
        .context("cannot start the simulator")?;
    let started = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(&announce) {
            return Ok((process, serde_json::from_str(&text).context("cannot read the simulator's announcement")?));
        }
        if process.ended()?.is_some() || started.elapsed() > PATIENCE {
            bail!("the simulator does not start; its last words:\n{}", process.last_words());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn start_operator(
    cluster: &Cluster,
    home: &'static str,
    (broker, microsoft): (Option<&Announcement>, &Announcement),
) -> anyhow::Result<Process> {
    let directory = cluster.directory.path();
    let file = directory.join(format!("{home}.yaml"));
    std::fs::write(&file, configuration(cluster.namespace(home), broker.cloned(), microsoft.clone()).render())?;
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--log-format", "json", "--allow-simulator", "--config"]).arg(&file);
    command.env("KUBECONFIG", cluster.operator_kubeconfig(home).await?).env_remove("RUST_LOG");
    if !cluster.is_borrowed() {
        for name in PROXIES {
            command.env_remove(name);
        }
    }
    let log = directory.join(format!("{home}.log"));
    Process::spawn(&command, &log, Some(&cluster.directory)).context("cannot start an operator")
}

/// What an administrator would write, but for the haste: a real operator looks every hour, this one every second.
fn configuration(namespace: String, broker: Option<Announcement>, microsoft: Announcement) -> Configuration {
    Configuration {
        program: PROGRAM.into(),
        tenancy: vec![format!("{{ namespace: {namespace}, tenantIds: [\"*\"], allowDeprovision: true }}")],
        broker,
        broker_url: None,
        cluster_id: None,
        concurrency: None,
        election: None,
        maximum_polling: 120,
        request_timeout: 5,
        timing: vec![
            ("claimGraceSeconds", 60),
            ("resyncMinimumSeconds", 1),
            ("resyncMaximumSeconds", 1),
            ("operationPollSeconds", 1),
            ("retryInitialSeconds", 1),
            ("retryMaximumSeconds", 2),
            ("slowProbeSeconds", 2),
        ],
        namespace: Some(namespace),
        microsoft: Some(microsoft),
        microsoft_lines: "  requestsPerMinute: 6000\n".to_owned(),
        log_filter: None,
        log_filter_file: None,
        allow_simulator: true,
    }
}
