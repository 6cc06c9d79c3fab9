//! Many tenants at once, all of them on and read with credentials of their own, and what an operator spends on them.
//!
//! A third of the tenants names an observation subscription, a third a link of Defender for Cloud, the others nothing.
//! Judged from outside: requests by the simulator's log, writes by the audit log, memory and time by the kernel.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::ListParams;
use serde_json::{Value, json};

use super::control_plane::AuditEntry;
use super::kstatus::{KStatus, kstatus};
use super::microsoft::{SECRET, SECRET_NAME, by_secret, tenant};
use super::stage::{ACCOUNT, Configuration, Stage, ready};

/// Requests that are under way at once while the scene is set.
const AT_ONCE: usize = 16;
/// Hunting queries of one look, all of which have to fail: one table that answers would show that the service is on.
const QUERIES: u32 = 5;
/// Ticks of the kernel's process times in a second, on every architecture that Linux has had since 2.6.
const TICKS: f64 = 100.0;

/// The tenants of one stage.
pub(crate) struct Fleet<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) size: usize,
}

/// The requests of one look at one tenant.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// To Microsoft Graph; a batch is one.
    pub(crate) graph: u64,
    /// To Azure Resource Manager.
    pub(crate) arm: u64,
}

impl Look {
    /// What the promise counts.
    pub(crate) const fn requests(self) -> u64 {
        self.graph + self.arm
    }
}

/// What the simulator was asked for in some time.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Whole looks by tenant: those whose next look has begun.
    pub(crate) looks: BTreeMap<String, Vec<Look>>,
    /// Requests for tokens.
    pub(crate) tokens: usize,
    /// Requests for `OpenID` configurations.
    pub(crate) openid: usize,
}

/// What the kernel says about a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Resident memory, in MiB.
    pub(crate) resident: f64,
    /// The most resident memory so far, in MiB.
    pub(crate) peak: f64,
    /// User and system time so far, in seconds.
    pub(crate) processor: f64,
}

impl<'a> Fleet<'a> {
    /// Puts the tenants into the simulated world, and the Secret of all of them into the namespace.
    pub(crate) async fn seed(stage: &'a Stage, size: usize) -> Self {
        stage.give_secret(SECRET_NAME, SECRET).await;
        let seeds =
            (0..size).map(|number| async move { stage.simulator.seed(&id(number), seed(number)).await.map(drop) });
        let seeded: Result<(), _> = stream::iter(seeds).buffer_unordered(AT_ONCE).try_collect().await;
        seeded.expect("every tenant is in the world");
        Self { stage, size }
    }

    /// Applies a resource for each tenant.
    pub(crate) async fn apply(&self) {
        let resources = (0..self.size).map(|number| async move {
            self.stage.apply(&format!("tenant-{number:05}"), spec(number)).await.map(drop)
        });
        let applied: Result<(), _> = stream::iter(resources).buffer_unordered(AT_ONCE).try_collect().await;
        applied.expect("every resource is accepted");
    }

    /// The configuration for them: no broker, and credentials are the only proof; everything that is not named here is as
    /// administrators find it.
    pub(crate) fn configuration(&self, resync: Duration) -> Configuration {
        let seconds = u32::try_from(resync.as_secs()).expect("a short time");
        Configuration {
            tenancy: Vec::new(),
            broker: None,
            timing: vec![("resyncMinimumSeconds", seconds), ("resyncMaximumSeconds", seconds)],
            microsoft_lines: String::new(),
            ..self.stage.configuration()
        }
    }

    /// Waits until every resource is as declared.
    ///
    /// # Panics
    /// After `patience`, with one that is not.
    pub(crate) async fn until_ready(&self, patience: Duration) {
        let start = Instant::now();
        loop {
            let listed =
                self.stage.resources().list(&ListParams::default()).await.expect("the resources can be listed");
            let resources = listed.items.iter().map(|item| serde_json::to_value(item).expect("a resource is JSON"));
            let waiting: Vec<Value> = resources.filter(|resource| !is_ready(resource)).collect();
            let Some(one) = waiting.first() else { return };
            assert!(start.elapsed() < patience, "{} resources are not ready, one of them is\n{one:#}", waiting.len());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Lets the hunting queries of the next look at each tenant fail, so that it does not show whether the service is on.
    pub(crate) async fn blink(&self) {
        self.stage.simulator.clear_faults().await.expect("the faults are cleared");
        let faults = (0..self.size).map(|number| async move {
            let matching = json!({"endpoint": "hunting", "tenantId": id(number)});
            let fault = json!({"kind": "failBeforeActing", "status": 500});
            self.stage.simulator.fault(matching, Some(QUERIES), fault).await.map(drop)
        });
        let ordered: Result<(), _> = stream::iter(faults).buffer_unordered(AT_ONCE).try_collect().await;
        ordered.expect("every fault is ordered");
    }

    /// How many tenants have had their reading fail since [`Self::blink`].
    pub(crate) async fn blinked(&self) -> usize {
        let faults = self.stage.simulator.faults().await.expect("the faults are listed");
        faults.iter().filter(|fault| fault["hits"] == QUERIES).count()
    }

    /// Where the simulator's log stands, for [`Self::traffic`].
    pub(crate) async fn position(&self) -> u64 {
        let counts = self.stage.simulator.all_counts().await.expect("the requests are counted");
        counts.iter().filter_map(|count| count["count"].as_u64()).sum()
    }

    /// What was asked for after a position.
    pub(crate) async fn traffic(&self, since: u64) -> Traffic {
        let mut traffic = Traffic::default();
        let mut open: BTreeMap<String, Look> = BTreeMap::new();
        for request in self.stage.simulator.all_requests(since).await.expect("the requests are listed") {
            let text = |name: &str| request[name].as_str().unwrap_or_default();
            let tenant = text("tenantId");
            if begins_a_look(&request) {
                let before = open.insert(tenant.to_owned(), Look { graph: 1, arm: 0 });
                traffic.looks.entry(tenant.to_owned()).or_default().extend(before);
                continue;
            }
            // Without one, the request belongs to a look that began before the position.
            let look = open.get_mut(tenant);
            match text("api") {
                "entra" if text("path").contains("openid-configuration") => traffic.openid += 1,
                "entra" => traffic.tokens += 1,
                "graph" => look.into_iter().for_each(|look| look.graph += 1),
                "arm" => look.into_iter().for_each(|look| look.arm += 1),
                api => unreachable!("nobody is configured to ask {api}"),
            }
        }
        traffic
    }

    /// Every request of the operator that the API server has seen, nothing missing.
    pub(crate) async fn asked(&self) -> Vec<AuditEntry> {
        let marker = format!("marker-{}", uuid::Uuid::new_v4().simple());
        assert!(self.stage.read(&marker).await.is_null());
        let user = format!("system:serviceaccount:{}:{ACCOUNT}", self.stage.namespace);
        loop {
            let entries = self.stage.plane.audit().expect("the audit log can be read");
            if entries.iter().any(|entry| entry.name == marker) {
                return entries.into_iter().filter(|entry| entry.user == user).collect();
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// Waits until nothing more is written: events are published in the background, at a pace of their own.
    pub(crate) async fn until_quiet(&self) -> Vec<AuditEntry> {
        let mut before = self.writes().await;
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let now = self.writes().await;
            if now.len() == before.len() {
                return now;
            }
            before = now;
        }
    }

    /// The requests of the operator that were meant to change anything, events included.
    pub(crate) async fn writes(&self) -> Vec<AuditEntry> {
        let mut asked = self.asked().await;
        asked.retain(|entry| !matches!(entry.verb.as_str(), "get" | "list" | "watch"));
        asked
    }
}

impl Traffic {
    /// All whole looks.
    pub(crate) fn all(&self) -> impl Iterator<Item = Look> {
        self.looks.values().flatten().copied()
    }

    /// Least, mean and most requests of a look.
    pub(crate) fn requests(&self) -> (u64, f64, u64) {
        let requests: Vec<u64> = self.all().map(Look::requests).collect();
        let (least, most) = (requests.iter().min().copied(), requests.iter().max().copied());
        let mean = share(requests.iter().sum(), requests.len());
        (least.unwrap_or_default(), mean, most.unwrap_or_default())
    }

    /// Least and most whole looks of one of `size` tenants.
    pub(crate) fn looks_of_a_tenant(&self, size: usize) -> (usize, usize) {
        let counts = || self.looks.values().map(Vec::len);
        let least = if self.looks.len() < size { 0 } else { counts().min().unwrap_or_default() };
        (least, counts().max().unwrap_or_default())
    }
}

impl Usage {
    /// Of the process with this number.
    pub(crate) fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
        let mebibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kibibytes.expect("the kernel tells the memory of a process") / 1024.0
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
        // The name may have blanks; after it come the state and then numbers, the user time eleventh of them.
        let (_, after) = stat.rsplit_once(") ").expect("a name in parentheses");
        let ticks = after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("ticks"));
        Self { resident: mebibytes("VmRSS"), peak: mebibytes("VmHWM"), processor: ticks.sum::<f64>() / TICKS }
    }
}

/// `of` by `among`, and 0 among none.
#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^52")]
pub(crate) fn share(of: u64, among: usize) -> f64 {
    if among == 0 { 0.0 } else { of as f64 / among as f64 }
}

fn is_ready(resource: &Value) -> bool {
    kstatus(resource) == KStatus::Current && ready(resource) == ("True", "Enabled")
}

/// Each look begins with the batch that asks who the tenant is.
fn begins_a_look(request: &Value) -> bool {
    let parts = request["parts"].as_array().into_iter().flatten();
    parts.filter_map(Value::as_str).any(|path| path.contains("/organization"))
}

/// Tenant id.
pub(crate) fn id(number: usize) -> String {
    format!("8d3f2f3e-5a53-4c8e-9c3e-{number:012x}")
}

fn subscription(number: usize) -> String {
    format!("2c5e8f10-3b7d-4a96-8e21-{number:012x}")
}

fn seed(number: usize) -> Value {
    tenant(json!({
        "displayName": format!("Contoso {number}"),
        "service": {"state": "on", "region": "EU"},
        "region": "EU",
        "endpointRegion": "EU",
        "subscriptions": [{"id": subscription(number), "settings": {"WDATP": true}}],
        "workspaces": [],
    }))
}

/// The spec of its resource.
pub(crate) fn spec(number: usize) -> Value {
    let mut spec = json!({"tenantId": id(number), "credentials": by_secret()});
    match number % 3 {
        1 => spec["observation"] = json!({"subscriptionId": subscription(number)}),
        2 => {
            spec["integrations"] = json!([
                {"name": "servers", "type": "DefenderForCloudEndpoint", "subscriptionId": subscription(number)},
            ]);
        }
        _ => {}
    }
    spec
}
