//! Answers to the request that turns the service on.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::stage::Stage;
use crate::tenant::{Tenant, message};

/// So long requests are counted.
const WINDOW: Duration = Duration::from_secs(4);
/// A try is a look (instance and last operation) and a request, and follows after a second at the earliest.
const MOST: usize = 15;

struct Case {
    name: &'static str,
    fault: Value,
    reason: &'static str,
    is_stalled: bool,
}

const fn retried(name: &'static str, fault: Value, reason: &'static str) -> Case {
    Case { name, fault, reason, is_stalled: false }
}

const fn refused(name: &'static str, fault: Value) -> Case {
    Case { name, fault, reason: "ProviderRejected", is_stalled: true }
}

fn fail(status: u16) -> Value {
    json!({"kind": "failBeforeActing", "status": status})
}

fn malformed(shape: &str, acted: bool) -> Value {
    json!({"kind": "malformed", "shape": shape, "acted": acted})
}

/// Nothing was done, and it stays so until the fault is gone.
#[tokio::test]
async fn a_request_that_is_not_acted_upon_is_met_and_recovers() {
    let stage = Stage::open("answers").await;
    let _operator = stage.operator(&stage.configuration()).await;
    let cases = [
        retried("internal-error", fail(500), "ProviderUnavailable"),
        retried("bad-gateway", fail(502), "ProviderUnavailable"),
        retried("unavailable", fail(503), "ProviderUnavailable"),
        retried(
            "unavailable-for-a-while",
            json!({"kind": "failBeforeActing", "status": 503, "retryAfterSeconds": 2}),
            "Throttled",
        ),
        retried("throttled", json!({"kind": "tooManyRequests"}), "Throttled"),
        retried("throttled-for-a-while", json!({"kind": "tooManyRequests", "retryAfterSeconds": 2}), "Throttled"),
        retried("busy", json!({"kind": "concurrency"}), "Throttled"),
        retried("not-signed-in", fail(401), "ProviderUnavailable"),
        retried("not-permitted", fail(403), "ProviderUnavailable"),
        retried("html", malformed("html", false), "ProviderUnavailable"),
        retried("empty", malformed("empty", false), "ProviderUnavailable"),
        retried("cut", malformed("cut", false), "ProviderUnavailable"),
        retried("wrong-shape", malformed("wrongShape", false), "ProviderUnavailable"),
        retried("oversize", malformed("oversize", false), "ProviderUnavailable"),
        refused("bad-request", fail(400)),
        refused("unprocessable", json!({"kind": "unprocessable", "error": "Odd"})),
        refused("unprocessable-without-words", json!({"kind": "unprocessable"})),
    ];
    join_all(cases.into_iter().map(|case| not_acted_upon(&stage, case))).await;
}

async fn not_acted_upon(stage: &Stage, case: Case) {
    let Case { name, fault, reason, is_stalled } = case;
    let tenant = Tenant::seed(stage, name, json!({})).await;
    let id = tenant.fault(json!({"method": "PUT"}), None, fault).await;
    tenant.declare().await;
    let resource = tenant.until_reason(reason, is_stalled).await;
    assert!(message(&resource).contains("(request "), "{name}: {}", message(&resource));
    let requests = tenant.requests_within(WINDOW).await;
    assert!((1..=MOST).contains(&requests), "{name}: {requests} requests");
    stage.simulator.remove_fault(id).await.unwrap();
    tenant.until_current().await;
    tenant.assert_created_once().await;
    assert_eq!(tenant.count("PATCH").await, 0, "{name}");
}

/// The broker did what it was asked, and its answer does not say so: one look finds it, and nothing is sent again.
#[tokio::test]
async fn a_request_that_is_acted_upon_all_the_same_is_found() {
    let stage = Stage::open("acted").await;
    let _operator = stage.operator(&stage.configuration()).await;
    let cases = [
        ("failed-after-acting", json!({"kind": "failAfterActing", "status": 500})),
        ("unavailable-after-acting", json!({"kind": "failAfterActing", "status": 503})),
        ("lost", json!({"kind": "loseAnswer"})),
        ("html", malformed("html", true)),
        ("empty", malformed("empty", true)),
        ("cut", malformed("cut", true)),
        ("wrong-shape", malformed("wrongShape", true)),
        ("oversize", malformed("oversize", true)),
    ];
    let stage = &stage;
    join_all(cases.into_iter().flat_map(|(name, fault)| {
        let sync = acted_upon(stage, name, fault.clone(), json!({}));
        let polls = json!({"mode": {"async": {"polls": 2}}});
        [
            futures::future::Either::Left(sync),
            futures::future::Either::Right(acted_upon(stage, of_async(name), fault, polls)),
        ]
    }))
    .await;
}

/// The name of the same case with an asynchronous broker.
fn of_async(name: &'static str) -> &'static str {
    match name {
        "failed-after-acting" => "async-failed-after-acting",
        "unavailable-after-acting" => "async-unavailable-after-acting",
        "lost" => "async-lost",
        "html" => "async-html",
        "empty" => "async-empty",
        "cut" => "async-cut",
        "wrong-shape" => "async-wrong-shape",
        _ => "async-oversize",
    }
}

async fn acted_upon(stage: &Stage, name: &'static str, fault: Value, settings: Value) {
    let tenant = Tenant::seed(stage, name, settings).await;
    tenant.fault(json!({"method": "PUT"}), None, fault).await;
    tenant.declare().await;
    tenant.until_current().await;
    tenant.assert_created_once().await;
    assert_eq!((tenant.count("PUT").await, tenant.count("PATCH").await), (1, 0), "{name}");
}

/// Slower than the time limit of a request: the same request is sent again, and does no harm when the first one arrives.
#[tokio::test]
async fn a_slow_answer_is_not_waited_for() {
    let stage = Stage::open("slow").await;
    let mut configuration = stage.configuration();
    configuration.request_timeout = 1;
    let _operator = stage.operator(&configuration).await;
    let tenant = Tenant::seed(&stage, "slow", json!({})).await;
    tenant.fault(json!({"method": "PUT"}), None, json!({"kind": "slow", "milliseconds": 4000})).await;
    tenant.declare().await;
    let resource = tenant.until_reason("ProviderUnavailable", false).await;
    assert!(message(&resource).contains("time limit"), "{}", message(&resource));
    tenant.until_current().await;
    tenant.assert_created_once().await;
}

/// *`Throttled`, not before the time given.*
#[tokio::test]
async fn a_broker_that_asks_to_wait_is_left_alone() {
    let stage = Stage::open("wait").await;
    let _operator = stage.operator(&stage.configuration()).await;
    let tenant = Tenant::seed(&stage, "wait", json!({})).await;
    let fault = json!({"kind": "tooManyRequests", "retryAfterSeconds": 5});
    tenant.fault(json!({"method": "PUT"}), Some(1), fault).await;
    tenant.declare().await;
    tenant.until_current().await;
    tenant.assert_created_once().await;
    let requests = stage.simulator.requests(Some(&tenant.id), 0).await.unwrap();
    let time = |request: &Value| request["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let refused = requests.iter().position(|request| request["status"] == 429).unwrap();
    let waited = time(&requests[refused + 1]).duration_since(time(&requests[refused]));
    assert!(waited.as_secs_f64() > 4.9, "asked again after {waited}");
}
