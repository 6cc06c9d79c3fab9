//! What Microsoft's own APIs were asked about a tenant, by the simulator's request log, and stages without a broker.

use std::time::Instant;

use serde_json::{Value, json};

use crate::TENANT;
use crate::support::microsoft::{SECRET, SECRET_NAME, by_secret, tenant};
use crate::support::stage::{Configuration, Operator, PATIENCE, Stage};

/// A tenant that is on, in this region, with all that [`tenant`] gives it.
pub(crate) fn on(members: &Value) -> Value {
    let mut seed = json!({"service": {"state": "on", "region": "EU"}, "region": "EU", "endpointRegion": "EU"});
    json_patch::merge(&mut seed, members);
    tenant(seed)
}

/// A tenant that is off and seen to be: Defender for Identity, which would answer, has nothing on-premises yet.
pub(crate) fn off(members: &Value) -> Value {
    let mut seed = json!({"reporting": ["Endpoint", "CloudApps", "Office365"]});
    json_patch::merge(&mut seed, members);
    tenant(seed)
}

/// A spec that signs in with the Secret of the stage, and these fields.
pub(crate) fn signing_in(fields: &Value) -> Value {
    let mut spec = json!({"tenantId": TENANT, "credentials": by_secret()});
    json_patch::merge(&mut spec, fields);
    spec
}

/// A stage with one seeded tenant, a Secret, and an operator without a broker and without a mapping.
pub(crate) async fn without_broker(name: &str, seed: Value) -> (Stage, Operator) {
    let stage = Stage::open(name).await;
    stage.simulator.seed(TENANT, seed).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let operator = stage.operator(&blind_to_brokers(&stage)).await;
    (stage, operator)
}

/// A configuration without a broker and without a mapping. What only a person can mend is looked at twelve times as rarely
/// as what is tried again, so that is tried again often.
pub(crate) fn blind_to_brokers(stage: &Stage) -> Configuration {
    let mut configuration = stage.configuration().with_timing("retryMaximumSeconds", 1);
    configuration.broker = None;
    configuration.tenancy.clear();
    configuration
}

/// The same with a broker that may act for the tenant.
pub(crate) async fn with_broker(name: &str, seed: Value, claim_grace: u32) -> (Stage, Operator) {
    let stage = Stage::open(name).await;
    stage.simulator.seed(TENANT, seed).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let configuration = stage.configuration().with_timing("retryMaximumSeconds", 1);
    let operator = stage.operator(&configuration.with_timing("claimGraceSeconds", claim_grace)).await;
    (stage, operator)
}

/// The time, for attestations.
#[expect(clippy::disallowed_methods, reason = "the operator under test goes by the clock of the machine")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The requests to Microsoft Graph and Azure Resource Manager about a tenant, in their order.
pub(crate) async fn asked(stage: &Stage, tenant: &str) -> Vec<Value> {
    let mut all = stage.simulator.requests_of("graph", Some(tenant)).await.unwrap();
    all.extend(stage.simulator.requests_of("arm", Some(tenant)).await.unwrap());
    all.sort_by_key(position);
    all
}

/// Position of a request among all.
pub(crate) fn position(request: &Value) -> u64 {
    request["seq"].as_u64().unwrap_or_default()
}

/// Whether a request begins a full look: only that asks who the tenant is.
pub(crate) fn begins_look(request: &Value) -> bool {
    let parts = request["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().filter_map(Value::as_str).any(|path| path.contains("organization"))
}

/// How many full looks at a tenant have begun.
pub(crate) async fn full_looks(stage: &Stage, tenant: &str) -> usize {
    asked(stage, tenant).await.iter().filter(|request| begins_look(request)).count()
}

/// Waits until so many more full looks at a tenant have begun: the clock of tests in which nothing may happen.
#[track_caller]
pub(crate) fn until_looked<'a>(stage: &'a Stage, tenant: &'a str, more: usize) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let wanted = full_looks(stage, tenant).await + more;
        let start = Instant::now();
        while full_looks(stage, tenant).await < wanted {
            assert!(start.elapsed() < PATIENCE, "{caller}: {tenant} is not looked at any more");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

/// The requests that change something in Azure: method and the last part of the path.
pub(crate) async fn azure_writes(stage: &Stage) -> Vec<String> {
    let all = stage.simulator.requests_of("arm", None).await.unwrap();
    let changes = all.iter().filter(|request| matches!(request["method"].as_str(), Some("PUT" | "DELETE" | "PATCH")));
    changes.map(change).collect()
}

/// The changes that were asked of the broker.
pub(crate) async fn broker_writes(stage: &Stage) -> Vec<String> {
    let all = stage.simulator.requests(Some(TENANT), 0).await.unwrap();
    let methods = all.iter().filter_map(|request| request["method"].as_str());
    methods.filter(|method| *method != "GET").map(str::to_owned).collect()
}

fn change(request: &Value) -> String {
    let path = request["path"].as_str().unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let (method, parts) = (request["method"].as_str().unwrap_or_default(), path.split('/').collect::<Vec<_>>());
    let is_connector = path.to_ascii_lowercase().contains("/dataconnectors/");
    let what = if is_connector { "connector" } else { parts.last().copied().unwrap_or_default() };
    format!("{method} {what}")
}

/// The effects on the links of the tenant, in order.
pub(crate) async fn link_effects(stage: &Stage) -> Vec<String> {
    let effects = stage.simulator.effects(TENANT).await.unwrap();
    effects.into_iter().filter(|effect| effect == "linked" || effect == "unlinked").collect()
}
