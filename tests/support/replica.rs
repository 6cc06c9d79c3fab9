//! One of several operators of a stage, and who of them leads: by their own probes, by the Lease, by how they end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use super::control_plane::process::{Signal, signal};
use super::stage::{Configuration, Operator, PATIENCE, Stage};

/// The shortest that an administrator may choose.
const BRISK: &str = "{ leaseDurationSeconds: 3, renewDeadlineSeconds: 2, retryPeriodSeconds: 1 }";
/// Name of the Lease, as shipped.
const LEASE: &str = "threat-protection-operator";
/// A probe answers within this time, or not at all.
const PROBE: Duration = Duration::from_secs(2);
/// The time between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// An operator whose probes are known.
pub(crate) struct Replica {
    pub(crate) operator: Operator,
    pub(crate) probes: Probes,
}

/// Where to ask a replica, also for those who do not own it.
#[derive(Clone)]
pub(crate) struct Probes {
    address: String,
    client: reqwest::Client,
}

impl Probes {
    /// Status and body of a probe; `None` where nobody answers.
    pub(crate) async fn ask(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(format!("http://{}{path}", self.address)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Whether it says of itself that it leads.
    pub(crate) async fn leads(&self) -> bool {
        self.ask("/readyz").await.is_some_and(|(_, body)| body.lines().any(|line| line == "leader: this replica"))
    }
}

impl Replica {
    /// Starts one and waits until it listens.
    pub(crate) async fn start(stage: &Stage, configuration: &Configuration) -> Self {
        Self::start_behind(stage, configuration, None).await
    }

    /// The same, with the API server reached at another address.
    pub(crate) async fn start_behind(stage: &Stage, configuration: &Configuration, server: Option<SocketAddr>) -> Self {
        let operator = stage.operator_behind(configuration, server).await;
        let start = Instant::now();
        let address = loop {
            if let Some(address) = announced(&operator) {
                break address;
            }
            assert!(start.elapsed() < PATIENCE, "it does not start:\n{}", operator.log());
            tokio::time::sleep(LOOK).await;
        };
        let client = reqwest::Client::builder().no_proxy().timeout(PROBE).build().expect("a client");
        Self { operator, probes: Probes { address, client } }
    }

    /// Status and body of a probe; `None` where nobody answers.
    pub(crate) async fn probe(&self, path: &str) -> Option<(u16, String)> {
        self.probes.ask(path).await
    }

    /// Whether it says of itself that it leads.
    pub(crate) async fn leads(&self) -> bool {
        self.probes.leads().await
    }

    /// Whether it knows every resource and waits for its turn.
    pub(crate) async fn stands_by(&self) -> bool {
        self.probe("/readyz")
            .await
            .is_some_and(|(status, body)| status == 200 && body.contains("this replica stands by"))
    }

    /// Waits until it leads.
    ///
    /// # Panics
    /// After [`PATIENCE`].
    pub(crate) async fn until_leading(&self) {
        self.until("leads", async || self.leads().await).await;
    }

    /// Waits until it stands by, with every resource known.
    ///
    /// # Panics
    /// After [`PATIENCE`].
    pub(crate) async fn until_standing_by(&self) {
        self.until("stands by", async || self.stands_by().await).await;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, which: Signal) {
        signal(self.operator.process.pid(), which).expect("it runs");
    }

    /// Waits until it has ended by itself; gives its exit code, `None` where a signal ended it.
    ///
    /// # Panics
    /// After `longest`.
    pub(crate) async fn exit_code(&mut self, longest: Duration) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.operator.process.ended().expect("it can be waited for") {
                return status.code();
            }
            assert!(start.elapsed() < longest, "it does not end:\n{}", self.operator.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn until(&self, what: &str, wanted: impl AsyncFn() -> bool) {
        let start = Instant::now();
        while !wanted().await {
            assert!(start.elapsed() < PATIENCE, "nobody {what}:\n{}", self.operator.log());
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The configuration of the stage, with an election and the shortest times.
pub(crate) fn brisk(stage: &Stage) -> Configuration {
    Configuration { election: Some(BRISK), ..stage.configuration() }
}

/// The one of them that leads, once one does.
///
/// # Panics
/// After half a minute.
pub(crate) async fn leading(replicas: &[Replica]) -> usize {
    let start = Instant::now();
    loop {
        for (number, replica) in replicas.iter().enumerate() {
            if replica.leads().await {
                return number;
            }
        }
        assert!(start.elapsed() < Duration::from_secs(30), "nobody leads");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The Lease of the operators of a stage.
pub(crate) async fn lease(stage: &Stage) -> Option<Lease> {
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), &stage.namespace);
    leases.get_opt(LEASE).await.expect("the Lease can be read")
}

/// How often the Lease went from one holder to another.
pub(crate) async fn transitions(stage: &Stage) -> i32 {
    lease(stage).await.and_then(|lease| lease.spec?.lease_transitions).unwrap_or_default()
}

fn announced(operator: &Operator) -> Option<String> {
    let log = operator.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let line = lines.into_iter().find(|line| line["message"] == "started")?;
    line["probes"].as_str().map(str::to_owned)
}
