//! What it costs an operator, and the API server, to start over many resources that nobody has looked at yet.
//!
//! A real API server, a simulated broker behind TLS and the operator run as processes of their own. Every resource
//! declares a tenant that is to be turned on, so each costs two status writes: the intent and the result. How fast that
//! can be at all is measured in the same run, after it: a writer that does nothing else writes the same two statuses to
//! every resource, as many at once. Judged from outside: times by a watch, calls by the audit log, the broker's by the
//! simulator's journal, memory and processor time by the kernel.
//!
//! `cargo bench --bench mass_start -- [--resources 10000] [--broker-milliseconds 20] [--idle-seconds 60]`
#![expect(clippy::expect_used, reason = "a benchmark that cannot set its scene should end where it stands")]
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::indexing_slicing, reason = "indexing a JSON value that is not there gives null")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser;
use futures::{StreamExt as _, TryStreamExt as _, pin_mut, stream};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher as watch};
use serde_json::{Value, json};
use threat_protection_operator::api::{FIELD_MANAGER, ThreatProtectionTenant};

use self::support::fleet::Usage;
use self::support::stage::{ACCOUNT, Configuration, Stage, ready};

/// Requests that are under way at once while the scene is set, and while the floor is measured.
const AT_ONCE: usize = 16;
/// All Ready may take so much longer than the floor.
const ABOVE_FLOOR: f64 = 1.1;
/// Bounds of what the operator may take.
const MOST_RESIDENT: f64 = 50.0;
const MOST_PROCESSOR: f64 = 8.0;
const FIRST_READY: f64 = 0.4;
const MOST_IDLE: f64 = 0.001;

#[derive(Parser)]
#[command(about = "What it costs to start over many resources")]
struct Arguments {
    /// Resources, each with a tenant of its own
    #[arg(long, default_value_t = 10_000)]
    resources: usize,
    /// How long the broker takes for each answer
    #[arg(long, default_value_t = 20)]
    broker_milliseconds: u64,
    /// How long the operator is watched when there is nothing to do
    #[arg(long, default_value_t = 60)]
    idle_seconds: u64,
    /// What Cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    if runtime.expect("a runtime").block_on(measure(&arguments)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(arguments: &Arguments) -> bool {
    let &Arguments { resources, broker_milliseconds, idle_seconds, .. } = arguments;
    let stage = Stage::open("mass-start").await;
    seed(&stage, resources).await;
    if broker_milliseconds > 0 {
        let slow = json!({"kind": "slow", "milliseconds": broker_milliseconds});
        stage.simulator.fault(json!({"api": "broker"}), None, slow).await.expect("the broker is slow");
    }
    println!("{resources} resources, a broker that takes {broker_milliseconds} ms for an answer");
    let sightings = Sightings::default();
    let watching = tokio::spawn(follow(resources_of(&stage), sightings.clone(), resources));
    sightings.synced().await;

    let begin = Instant::now();
    let operator = stage.operator(&as_found(&stage)).await;
    watching.await.expect("the watch ends when all are Ready");
    let (first, all) = sightings.times(begin);
    let start = Usage::of(operator.process.pid());
    println!("\nfrom the start of the process");
    row("first Ready", format!("{first:.2} s"));
    row("all Ready", format!("{all:.1} s"));
    row("processor time of the operator", format!("{:.2} s", start.processor));
    print_memory(&start);
    print_calls(&stage).await;

    let (idle, after) = idle(&stage, operator.process.pid(), idle_seconds).await;
    println!("\nidle for {idle_seconds} s");
    row("processor time a second", format!("{:.2} ms", idle * 1000.0));
    print_memory(&after);
    drop(operator);

    let (floor, own) = floor(&stage, resources, &sightings.statuses()).await;
    println!("\na writer that does nothing else, {AT_ONCE} at once");
    row("two status writes to every resource", format!("{floor:.1} s"));
    row("all Ready, in times of that", format!("{:.2}", all / floor));
    row("processor time of the writer", format!("{own:.2} s"));
    let promises = [
        (all <= floor * ABOVE_FLOOR, "all Ready within 1.1 times of the floor"),
        (first <= FIRST_READY, "the first Ready within 0.4 s"),
        (after.peak < MOST_RESIDENT, "less than 50 MiB"),
        (start.processor < MOST_PROCESSOR, "less than 8 s of processor time"),
        (idle <= MOST_IDLE, "no processor time when idle"),
    ];
    for (is_kept, what) in promises {
        println!("  {} {what}", if is_kept { "kept  " } else { "MISSED" });
    }
    promises.iter().all(|(is_kept, _)| *is_kept)
}

/// Everything that is not needed to reach the broker is as administrators find it.
fn as_found(stage: &Stage) -> Configuration {
    Configuration {
        timing: Vec::new(),
        concurrency: None,
        election: None,
        namespace: None,
        microsoft: None,
        microsoft_lines: String::new(),
        ..stage.configuration()
    }
}

/// What a watch of ours has seen.
#[derive(Clone, Default)]
struct Sightings(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    is_synced: bool,
    ready: HashSet<String>,
    first: Option<Instant>,
    last: Option<Instant>,
    /// The statuses of the first resource, in the order of their writing.
    statuses: Vec<Value>,
}

impl Sightings {
    /// Takes a resource, and says how many are Ready.
    fn take(&self, object: &DynamicObject) -> usize {
        let mut seen = self.0.lock().expect("nobody panicked");
        let resource = &object.data;
        let name = object.metadata.name.clone().unwrap_or_default();
        if name == self::name(0) && resource["status"]["conditions"].is_array() {
            seen.statuses.push(resource["status"].clone());
        }
        if ready(resource) == ("True", "Enabled") && seen.ready.insert(name) {
            let now = Instant::now();
            seen.first.get_or_insert(now);
            seen.last = Some(now);
        }
        seen.ready.len()
    }

    async fn synced(&self) {
        while !self.0.lock().expect("nobody panicked").is_synced {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn times(&self, begin: Instant) -> (f64, f64) {
        let seen = self.0.lock().expect("nobody panicked");
        let since = |time: Option<Instant>| time.expect("all were Ready").duration_since(begin).as_secs_f64();
        (since(seen.first), since(seen.last))
    }

    fn statuses(&self) -> Vec<Value> {
        self.0.lock().expect("nobody panicked").statuses.clone()
    }
}

fn resources_of(stage: &Stage) -> Api<DynamicObject> {
    Api::namespaced_with(stage.client.clone(), &stage.namespace, &ApiResource::erase::<ThreatProtectionTenant>(&()))
}

/// Watches until all are Ready.
async fn follow(resources: Api<DynamicObject>, sightings: Sightings, all: usize) {
    let events = watch(resources, watcher::Config::default());
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let ready = match event {
            Ok(Event::Apply(object) | Event::InitApply(object)) => sightings.take(&object),
            Ok(Event::InitDone) => {
                sightings.0.lock().expect("nobody panicked").is_synced = true;
                0
            }
            _ => 0,
        };
        if ready == all {
            return;
        }
    }
}

async fn seed(stage: &Stage, count: usize) {
    let members = json!({"services": ["Endpoint", "Identity", "CloudApps"], "automaticRegion": "EU"});
    let seeds = (0..count).map(|number| {
        let members = members.clone();
        async move { stage.simulator.seed(&id(number), members).await.map(drop) }
    });
    let seeded: Result<(), _> = stream::iter(seeds).buffer_unordered(AT_ONCE).try_collect().await;
    seeded.expect("every tenant is in the world");
    let resources = (0..count).map(|number| async move {
        let spec = json!({"tenantId": id(number), "dataLocation": {"region": "EU"}});
        stage.apply(&name(number), spec).await.map(drop)
    });
    let applied: Result<(), _> = stream::iter(resources).buffer_unordered(AT_ONCE).try_collect().await;
    applied.expect("every resource is accepted");
}

fn print_memory(usage: &Usage) {
    row("resident memory: now, at most", format!("{:.1} MiB, {:.1} MiB", usage.resident, usage.peak));
}

async fn print_calls(stage: &Stage) {
    for (what, count) in calls(stage).await {
        row(&format!("calls to the API server: {what}"), count);
    }
    let mut asked: BTreeMap<String, u64> = BTreeMap::new();
    for count in stage.simulator.counts(None).await.expect("the requests are counted") {
        let what = format!("{} {}", count["method"].as_str().unwrap_or_default(), count["status"]);
        *asked.entry(what).or_default() += count["count"].as_u64().unwrap_or_default();
    }
    for (what, count) in asked {
        row(&format!("requests to the broker: {what}"), count);
    }
}

/// The operator's requests to the API server, by verb and resource.
async fn calls(stage: &Stage) -> BTreeMap<String, usize> {
    // The audit log is written in the background.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let user = format!("system:serviceaccount:{}:{ACCOUNT}", stage.namespace);
    let mut calls = BTreeMap::new();
    for entry in stage.plane.audit().expect("the audit log can be read") {
        if entry.user == user {
            let of = if entry.subresource.is_empty() { "" } else { "/" };
            let outcome = entry.response_code.filter(|code| *code >= 300).map(|code| format!(" ({code})"));
            let outcome = outcome.unwrap_or_default();
            let what = format!("{} {}{of}{}{outcome}", entry.verb, entry.resource, entry.subresource);
            *calls.entry(what).or_default() += 1;
        }
    }
    calls
}

/// Waits until the operator has nothing left to do: events follow at a pace of their own.
async fn settle(stage: &Stage) {
    let mut before = BTreeMap::new();
    loop {
        let mut now = calls(stage).await;
        now.retain(|what, _| !what.contains("leases"));
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

/// Processor time a second of a process that has nothing to do, and what it has used by then.
async fn idle(stage: &Stage, pid: u32, seconds: u64) -> (f64, Usage) {
    settle(stage).await;
    let stretch = Duration::from_secs(seconds.max(1));
    let before = Usage::of(pid);
    tokio::time::sleep(stretch).await;
    let after = Usage::of(pid);
    ((after.processor - before.processor) / stretch.as_secs_f64(), after)
}

/// The time that the API server takes for the same writes when nothing else is done, and the processor time of who writes.
async fn floor(stage: &Stage, count: usize, statuses: &[Value]) -> (f64, f64) {
    let kind = ApiResource::erase::<ThreatProtectionTenant>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.namespace, &kind);
    let (intent, result) = (statuses.first().expect("an intent"), statuses.last().expect("a result"));
    let begin = Instant::now();
    let before = Usage::of(std::process::id());
    let written = (0..count).map(|number| {
        let api = api.clone();
        async move {
            for status in [intent, result] {
                let body = json!({
                    "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant", "status": status,
                });
                let params = PatchParams::apply(FIELD_MANAGER).force();
                api.patch_status(&name(number), &params, &Patch::Apply(&body)).await?;
            }
            Ok::<(), kube::Error>(())
        }
    });
    let done: Result<(), _> = stream::iter(written).buffer_unordered(AT_ONCE).try_collect().await;
    done.expect("every status is written");
    (begin.elapsed().as_secs_f64(), Usage::of(std::process::id()).processor - before.processor)
}

fn id(number: usize) -> String {
    format!("8d3f2f3e-5a53-4c8e-9c3e-{number:012x}")
}

fn name(number: usize) -> String {
    format!("tenant-{number:05}")
}

fn row(what: &str, figure: impl std::fmt::Display) {
    println!("  {what:<55} {figure:>24}");
}
