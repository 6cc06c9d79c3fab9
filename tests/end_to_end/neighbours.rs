//! Tenants side by side: one that is throttled slows nobody else down, and what flaps writes nothing.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::asked::{asked, blind_to_brokers, full_looks, off, on, position, signing_in, without_broker};
use crate::judges::{until, version, writes};
use crate::support::microsoft::{SECRET, SECRET_NAME};
use crate::support::stage::{Stage, ready};
use crate::{OTHER, TENANT};

/// The third tenant.
const THIRD: &str = "5e4d3c2b-1a09-4f8e-9d7c-6b5a49382716";

async fn three(stage: &Stage) {
    for (name, tenant) in [("contoso", TENANT), ("fabrikam", OTHER), ("tailspin", THIRD)] {
        stage.simulator.seed(tenant, on(&json!({}))).await.unwrap();
        stage.apply(name, signing_in(&json!({"tenantId": tenant}))).await.unwrap();
    }
    for name in ["contoso", "fabrikam", "tailspin"] {
        stage.until_ready(name, "True", "Enabled").await;
    }
}

fn time(request: &Value) -> Timestamp {
    request["time"].as_str().unwrap().parse().unwrap()
}

/// The requests about the throttled tenant after a position.
async fn later(stage: &Stage, since: u64) -> Vec<Value> {
    let all = asked(stage, TENANT).await;
    all.into_iter().filter(|request| position(request) > since).collect()
}

async fn last(stage: &Stage) -> u64 {
    asked(stage, TENANT).await.last().map(position).unwrap_or_default()
}

/// Throttles the tenant once and waits until it is asked again; nobody asks it before `wait` is over, and the neighbours
/// are looked at meanwhile as often as ever.
async fn throttle(stage: &Stage, matching: &Value, retry_after: Option<u32>, wait: i64) {
    let mut matching = matching.clone();
    matching["tenantId"] = TENANT.into();
    let neighbours = [full_looks(stage, OTHER).await, full_looks(stage, THIRD).await];
    let since = last(stage).await;
    let fault = json!({"kind": "tooManyRequests", "retryAfterSeconds": retry_after});
    stage.simulator.fault(matching.clone(), Some(1), fault).await.unwrap();
    let pause = async || {
        let requests = later(stage, since).await;
        let pairs = requests.windows(2).map(|pair| time(&pair[1]).duration_since(time(&pair[0])));
        pairs.max().unwrap_or_default()
    };
    // It is waited a little less than asked for at most by the time that the answer took.
    let least = SignedDuration::from_secs(wait) - SignedDuration::from_millis(100);
    until("left alone and asked again", async || pause().await >= least).await;
    for (tenant, before) in [OTHER, THIRD].into_iter().zip(neighbours) {
        let looks = full_looks(stage, tenant).await - before;
        let usual = usize::try_from(wait).unwrap() / 2;
        assert!(looks >= usual, "{tenant}: {looks} looks in {wait} s, {matching}");
    }
    let contoso = stage.read("contoso").await;
    assert!([("True", "Enabled"), ("Unknown", "Throttled")].contains(&ready(&contoso)), "{:?}", ready(&contoso));
    stage.until_ready("contoso", "True", "Enabled").await;
}

#[tokio::test]
async fn a_throttled_tenant_is_left_alone_and_slows_nobody_down() {
    let stage = Stage::open("throttled").await;
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&blind_to_brokers(&stage)).await;
    three(&stage).await;
    let quiet = [writes(&stage, "fabrikam").await, writes(&stage, "tailspin").await];
    throttle(&stage, &json!({"endpoint": "batch"}), Some(6), 6).await;
    // The parts of a batch are throttled one by one.
    throttle(&stage, &json!({"endpoint": "incidents"}), Some(6), 6).await;
    throttle(&stage, &json!({"endpoint": "batch"}), None, 5).await;
    assert_eq!([writes(&stage, "fabrikam").await, writes(&stage, "tailspin").await], quiet, "it is nothing to them");
}

/// Every answer is a 429 for a while: the tenant is asked once in a `Retry-After`, says so, and recovers by itself.
#[tokio::test]
async fn a_tenant_that_is_throttled_for_long_says_so_and_recovers() {
    let stage = Stage::open("throttled-long").await;
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&blind_to_brokers(&stage)).await;
    three(&stage).await;
    let fault = json!({"kind": "tooManyRequests", "retryAfterSeconds": 3});
    let always = json!({"api": "graph", "tenantId": TENANT});
    let since = last(&stage).await;
    let id = stage.simulator.fault(always, None, fault).await.unwrap();
    stage.until_ready("contoso", "Unknown", "Throttled").await;
    let told = writes(&stage, "contoso").await;
    let refused = async || later(&stage, since).await.into_iter().filter(|request| request["status"] == 429).collect();
    until("refused four times", async || {
        let refused: Vec<Value> = refused().await;
        refused.len() >= 4
    })
    .await;
    let refused: Vec<Value> = refused().await;
    let least = SignedDuration::from_millis(2900);
    for pair in refused.windows(2) {
        let pause = time(&pair[1]).duration_since(time(&pair[0]));
        assert!(pause >= least, "asked again after {pause:#}");
    }
    assert_eq!(writes(&stage, "contoso").await, told, "it is said once");
    stage.simulator.remove_fault(id).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(ready(&stage.read("fabrikam").await), ("True", "Enabled"));
}

/// Every other look fails to read what is hunted for: over ten looks nothing is written.
async fn flap(name: &str, seed: Value, expected: (&str, &str)) {
    let (stage, operator) = without_broker(name, seed).await;
    drop(operator);
    let configuration = blind_to_brokers(&stage).with_timing("resyncMinimumSeconds", 2);
    let _operator = stage.operator(&configuration.with_timing("resyncMaximumSeconds", 2)).await;
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    stage.until_ready("contoso", expected.0, expected.1).await;
    let before = (writes(&stage, "contoso").await, version(&stage, "contoso").await);
    let fault = json!({"kind": "failBeforeActing", "status": 503});
    let hunting = json!({"endpoint": "hunting", "tenantId": TENANT});
    let first = full_looks(&stage, TENANT).await;
    for turn in 1..=10 {
        let is_broken = turn % 2 == 1;
        let id = if is_broken {
            Some(stage.simulator.fault(hunting.clone(), None, fault.clone()).await.unwrap())
        } else {
            None
        };
        // The hunting of a look comes after its beginning.
        let from = last(&stage).await;
        let hunted = |request: &Value| request["parts"].to_string().contains("runHuntingQuery");
        until("hunted", async || later(&stage, from).await.iter().any(|it| hunted(it) && !it["status"].is_null()))
            .await;
        if let Some(id) = id {
            stage.simulator.remove_fault(id).await.unwrap();
        }
    }
    assert!(full_looks(&stage, TENANT).await >= first + 5);
    assert_eq!(
        (writes(&stage, "contoso").await, version(&stage, "contoso").await),
        before,
        "what flaps writes nothing"
    );
    stage.until_ready("contoso", expected.0, expected.1).await;
}

#[tokio::test]
async fn a_reading_that_flaps_writes_nothing() {
    tokio::join!(
        flap("flapping-on", on(&json!({})), ("True", "Enabled")),
        flap("flapping-off", off(&json!({})), ("False", "ActionRequired")),
    );
}
