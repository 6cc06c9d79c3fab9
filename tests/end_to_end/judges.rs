//! Who says what happened: the audit log, the journal, the broker's request log.

use std::time::{Duration, Instant};

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::OTHER;
use crate::support::simulator::Simulator;
use crate::support::stage::{ACCOUNT, PATIENCE, Stage, condition};

/// The finalizer of section 6 of the contract.
pub(crate) const FINALIZER: &str = "threatprotection.dev/deprovision";

/// An answer after two polls.
pub(crate) fn slow_broker() -> Value {
    json!({"mode": {"async": {"polls": 1}}})
}

/// Waits until `wanted` holds.
#[track_caller]
pub(crate) fn until<'a>(what: &'a str, wanted: impl AsyncFn() -> bool + 'a) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let start = Instant::now();
        while !wanted().await {
            assert!(start.elapsed() < PATIENCE, "{caller}: {what} did not come true");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
}

/// The writes to a resource that the API server accepted from the operator, nothing missing: one more request is made
/// and its line in the audit log awaited first.
pub(crate) async fn writes(stage: &Stage, name: &str) -> Vec<String> {
    let marker = format!("marker-{}", uuid::Uuid::new_v4().simple());
    assert!(stage.read(&marker).await.is_null());
    until("the marker is in the audit log", async || {
        stage.plane.audit().unwrap().iter().any(|entry| entry.name == marker)
    })
    .await;
    let user = format!("system:serviceaccount:{}:{ACCOUNT}", stage.namespace);
    let entries = stage.plane.audit().unwrap().into_iter();
    entries
        .filter(|entry| entry.user == user && entry.namespace == stage.namespace && entry.name == name)
        .filter(|entry| entry.resource == "threatprotectiontenants")
        .filter(|entry| !matches!(entry.verb.as_str(), "get" | "list" | "watch"))
        .filter(|entry| entry.response_code.is_none_or(|code| code < 300))
        .map(|entry| format!("{} {}", entry.verb, entry.subresource).trim_end().to_owned())
        .collect()
}

/// How many requests with this method were answered with this status, for one tenant.
pub(crate) async fn answered(simulator: &Simulator, tenant: &str, method: &str, status: u16) -> u64 {
    let counts = simulator.counts(Some(tenant)).await.unwrap();
    let fits = |count: &&Value| count["method"] == method && count["status"] == status;
    counts.iter().filter(fits).filter_map(|count| count["count"].as_u64()).sum()
}

/// Waits until a tenant was looked at so many more times: the clock of those tests in which nothing may happen.
#[track_caller]
pub(crate) fn looks<'a>(stage: &'a Stage, tenant: &'a str, more: u64) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let before = stage.simulator.count(tenant, "GET").await.unwrap();
        let start = Instant::now();
        while stage.simulator.count(tenant, "GET").await.unwrap() < before + more {
            assert!(start.elapsed() < PATIENCE, "{caller}: {tenant} is not looked at any more");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
}

/// The statuses of the answers to requests for tokens of a tenant, in order.
pub(crate) async fn tokens(stage: &Stage, tenant: &str) -> Vec<u64> {
    let requests = stage.simulator.requests_of("entra", Some(tenant)).await.unwrap();
    let asked = requests.iter().filter(|request| request["method"] == "POST");
    asked.map(|request| request["status"].as_u64().unwrap_or_default()).collect()
}

/// Waits until the operator was handed out a Secret so many more times: the clock where nothing else moves.
#[track_caller]
pub(crate) fn looks_at_secret<'a>(stage: &'a Stage, secret: &'a str, more: usize) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    let looks = move || {
        let entries = stage.plane.audit().unwrap().into_iter();
        let own = entries.filter(|entry| entry.namespace == stage.namespace && entry.resource == "secrets");
        own.filter(|entry| entry.verb == "get" && entry.name == secret).count()
    };
    async move {
        let (before, start) = (looks(), Instant::now());
        while looks() < before + more {
            assert!(start.elapsed() < PATIENCE, "{caller}: Secret {secret} is not looked at any more");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
}

/// A second resource that is as declared: its resyncs tell the time where the first one must not be looked at.
pub(crate) async fn clock(stage: &Stage) {
    seed(stage, OTHER).await;
    stage.apply("clock", json!({"tenantId": OTHER})).await.unwrap();
    stage.until_current("clock").await;
}

/// Nothing is asked about `tenant` while the clock goes on. One pass may be under way when this is called.
pub(crate) async fn assert_not_asked(stage: &Stage, tenant: &str) {
    looks(stage, OTHER, 1).await;
    let last = stage.simulator.requests(None, 0).await.unwrap().last().and_then(|last| last["seq"].as_u64());
    looks(stage, OTHER, 2).await;
    let later = stage.simulator.requests(Some(tenant), last.unwrap_or_default()).await.unwrap();
    assert!(later.is_empty(), "{later:#?}");
}

/// Over two more resyncs nothing is written to the resource.
pub(crate) async fn assert_settled(stage: &Stage, name: &str, tenant: &str) {
    let (before, version) = (writes(stage, name).await, version(stage, name).await);
    looks(stage, tenant, 3).await;
    assert_eq!(writes(stage, name).await, before, "a steady state writes nothing");
    assert_eq!(self::version(stage, name).await, version);
}

/// The version of a resource, which every write changes.
pub(crate) async fn version(stage: &Stage, name: &str) -> String {
    stage.read(name).await["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
}

/// A tenant with a licence that is off, and whose region Microsoft would choose as EU.
pub(crate) async fn seed(stage: &Stage, tenant: &str) {
    let members = json!({"services": ["Endpoint", "Identity", "CloudApps"], "automaticRegion": "EU"});
    stage.simulator.seed(tenant, members).await.unwrap();
}

/// Waits until a request is held.
#[track_caller]
pub(crate) fn held(stage: &Stage, hold: u64) -> impl Future<Output = ()> + '_ {
    let caller = std::panic::Location::caller();
    async move {
        let report = stage.simulator.wait_hold(hold, PATIENCE).await.unwrap();
        assert_eq!(report["reached"], true, "{caller}: no request came to the hold point");
    }
}

/// Waits until there is no such resource.
#[track_caller]
pub(crate) fn gone<'a>(stage: &'a Stage, name: &'a str) -> impl Future<Output = Value> + 'a {
    stage.until(name, "gone", Value::is_null)
}

/// What a condition says.
pub(crate) fn message<'a>(resource: &'a Value, kind: &str) -> &'a str {
    condition(resource, kind).and_then(|condition| condition["message"].as_str()).unwrap_or_default()
}

/// Status and reason of a condition; empty where it is absent.
pub(crate) fn verdict<'a>(resource: &'a Value, kind: &str) -> (&'a str, &'a str) {
    let text = |field: &str| condition(resource, kind).and_then(|condition| condition[field].as_str());
    (text("status").unwrap_or_default(), text("reason").unwrap_or_default())
}

/// The reasons of the events about a resource, in alphabetical order, with how often each was seen.
pub(crate) async fn events(stage: &Stage, name: &str) -> Vec<(String, i32)> {
    let events: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let about = |event: &Event| event.regarding.as_ref().is_some_and(|object| object.name.as_deref() == Some(name));
    let listed = events.list(&ListParams::default()).await.unwrap();
    let mut reasons: Vec<_> = listed
        .into_iter()
        .filter(about)
        .map(|event| (event.reason.unwrap_or_default(), event.series.map_or(1, |series| series.count)))
        .collect();
    reasons.sort();
    reasons
}
