//! Section 5 of the contract: how many writes a run without faults may cost, and that a steady state costs none.

use serde_json::{Value, json};

use crate::TENANT;
use crate::judges::{FINALIZER, answered, assert_settled, held, looks, seed, slow_broker, version, writes};
use crate::support::stage::Stage;

/// One way from a fresh resource to one that is as declared.
struct Story {
    name: &'static str,
    broker: Value,
    spec: Value,
    /// 1 + 1 per step + 1 per asynchronous handle + 1 for a finalizer.
    writes: usize,
    effects: &'static [&'static str],
}

impl Story {
    async fn play(self) {
        let Self { name, broker, spec, writes: allowed, effects } = self;
        let stage = Stage::open(name).await;
        seed(&stage, TENANT).await;
        stage.simulator.settings(None, broker).await.unwrap();
        let _operator = stage.operator(&stage.configuration()).await;
        stage.apply("contoso", spec).await.unwrap();
        let resource = stage.until_current("contoso").await;
        let written = writes(&stage, "contoso").await;
        assert!(written.len() <= allowed, "{name}: {} writes, {allowed} are allowed: {written:?}", written.len());
        assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), effects, "{name}");
        assert_eq!(resource["status"]["dataLocation"]["region"], "US", "{name}");
        assert_settled(&stage, "contoso", TENANT).await;
        assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), effects, "{name}: nothing is repeated");
        assert!(resource.to_string().len() < 10_000, "{name}: the object grew beyond 10 kB");
    }
}

fn at_once() -> Value {
    json!({"mode": "sync"})
}

fn enabled(more: &Value) -> Value {
    let mut spec = json!({"tenantId": TENANT, "dataLocation": {"region": "US"}});
    json_patch::merge(&mut spec, more);
    spec
}

fn links() -> Value {
    json!({"integrations": [
        {"name": "identity-data", "type": "IdentityCloudApps"},
        {"name": "intune", "type": "EndpointIntune"},
    ]})
}

const PLAIN: &[&str] = &["seeded", "instanceCreated", "turnedOn"];
const LINKED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "linked", "linked"];

#[tokio::test]
async fn the_writes_to_a_resource_stay_within_their_bounds() {
    let held = json!({"deletionPolicy": "Deprovision"});
    let mut held_with_links = links();
    json_patch::merge(&mut held_with_links, &held);
    let story = |name, broker, more: &Value, writes, effects| {
        Story { name, broker, spec: enabled(more), writes, effects }.play()
    };
    tokio::join!(
        story("sync", at_once(), &json!({}), 2, PLAIN),
        story("sync-links", at_once(), &links(), 4, LINKED),
        story("sync-held", at_once(), &held_with_links, 5, LINKED),
        story("async", slow_broker(), &json!({}), 3, PLAIN),
        story("async-links", slow_broker(), &links(), 7, LINKED),
        story("async-held", slow_broker(), &held, 4, PLAIN),
    );
}

#[tokio::test]
async fn a_claim_that_is_verified_later_costs_one_write() {
    let stage = Stage::open("verified-later").await;
    seed(&stage, TENANT).await;
    let hold = stage.simulator.hold(json!({"endpoint": "provision"}), "acted").await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", enabled(&json!({}))).await.unwrap();
    held(&stage, hold).await;
    // The broker says that it is done, and the look that would show it fails.
    let fault = json!({"kind": "failBeforeActing", "status": 500});
    stage.simulator.fault(json!({"endpoint": "fetch"}), Some(1), fault).await.unwrap();
    stage.simulator.release(hold, "proceed").await.unwrap();
    stage.until_current("contoso").await;
    let written = writes(&stage, "contoso").await;
    assert!(written.len() <= 3, "{written:?}");
    assert_eq!(answered(&stage.simulator, TENANT, "GET", 500).await, 1, "the claim was not seen at once");
    assert_settled(&stage, "contoso", TENANT).await;
}

#[tokio::test]
async fn an_adopted_tenant_costs_one_write_and_no_request_that_changes_it() {
    let stage = Stage::open("adopted").await;
    seed(&stage, TENANT).await;
    let operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", enabled(&json!({}))).await.unwrap();
    stage.until_current("contoso").await;
    stage.resources().delete("contoso", &kube::api::DeleteParams::default()).await.unwrap();
    stage.apply("again", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    let adopted = stage.until_current("again").await;
    assert_eq!(writes(&stage, "again").await.len(), 2, "the verdict and the finalizer");
    assert_eq!(adopted["metadata"]["finalizers"], json!([FINALIZER]));
    assert_eq!(adopted["status"]["dataLocation"]["region"], "US", "pinned as the broker says");
    assert_eq!(adopted["status"]["dataLocation"]["source"], "Claimed");
    assert_eq!(stage.simulator.count(TENANT, "PUT").await.unwrap(), 1);
    drop(operator);
}

#[tokio::test]
async fn a_reading_that_comes_and_goes_writes_nothing() {
    let stage = Stage::open("flapping").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", enabled(&links())).await.unwrap();
    stage.until_current("contoso").await;
    let (before, settled) = (writes(&stage, "contoso").await, version(&stage, "contoso").await);
    for round in 1..=3 {
        let fault = json!({"kind": "failBeforeActing", "status": 500});
        stage.simulator.fault(json!({"endpoint": "fetch"}), Some(1), fault).await.unwrap();
        looks(&stage, TENANT, 2).await;
        assert_eq!(answered(&stage.simulator, TENANT, "GET", 500).await, round, "every second look fails");
    }
    assert_eq!(writes(&stage, "contoso").await, before);
    assert_eq!(version(&stage, "contoso").await, settled);
}
