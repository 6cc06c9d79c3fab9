//! Every kind of fault, as a platform meets it.

use std::time::{Duration, Instant};

use rstest::rstest;

use super::*;

#[rstest]
#[case::before(json!({ "kind": "failBeforeActing", "status": 503 }), 503, false)]
#[case::before_4xx(json!({ "kind": "failBeforeActing", "status": 403, "body": { "description": "no" } }), 403, false)]
#[case::after(json!({ "kind": "failAfterActing", "status": 500 }), 500, true)]
#[case::concurrency(json!({ "kind": "concurrency" }), 422, false)]
#[case::unprocessable(json!({ "kind": "unprocessable", "error": "MaintenanceInfoConflict" }), 422, false)]
#[case::throttled(json!({ "kind": "tooManyRequests" }), 429, false)]
#[case::malformed_before(json!({ "kind": "malformed", "shape": "html" }), 201, false)]
#[case::malformed_after(json!({ "kind": "malformed", "shape": "html", "acted": true }), 201, true)]
#[case::operation_fails(json!({ "kind": "operationFails", "description": "no room" }), 202, false)]
#[tokio::test]
async fn a_fault_hits_once_and_acts_or_not(#[case] fault: Value, #[case] status: u16, #[case] acts: bool) {
    let rig = Rig::with_tenant().await;
    rig.control.fault(json!({ "endpoint": "provision", "tenantId": TENANT }), Some(1), fault).await.unwrap();
    assert_eq!(rig.broker.provision(enabled()).await.status, status);
    let is_on = rig.control.tenant(TENANT).await.unwrap()["service"]["state"] == "on";
    assert_eq!(is_on, acts);
    if status != 202 {
        assert_eq!(rig.broker.provision(enabled()).await.status, if acts { 200 } else { 201 }, "healthy again");
    }
}

#[tokio::test]
async fn bodies_and_headers_of_refusals() {
    let rig = Rig::with_tenant().await;
    let order = json!({ "kind": "tooManyRequests", "retryAfterSeconds": 7 });
    rig.control.fault(json!({}), Some(1), order).await.unwrap();
    assert_eq!(rig.broker.fetch().await.headers["retry-after"], "7");
    rig.control.fault(json!({}), Some(1), json!({ "kind": "tooManyRequests" })).await.unwrap();
    assert_eq!(rig.broker.fetch().await.headers.get("retry-after"), None);
    rig.control.fault(json!({ "method": "GET" }), Some(1), json!({ "kind": "concurrency" })).await.unwrap();
    assert_eq!(rig.broker.fetch().await.body["error"], "ConcurrencyError");
    rig.control.fault(json!({}), Some(1), json!({ "kind": "unprocessable" })).await.unwrap();
    assert_eq!(rig.broker.fetch().await.body.get("error"), None);
}

#[tokio::test]
async fn a_lost_answer_has_acted() {
    let rig = Rig::with_tenant().await;
    rig.control.fault(json!({ "method": "PUT" }), Some(1), json!({ "kind": "loseAnswer" })).await.unwrap();
    let lost = rig.broker.try_provision(enabled()).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
    assert_eq!(rig.broker.provision(enabled()).await.status, 200);
    let requests = rig.control.requests(Some(TENANT), 0).await.unwrap();
    assert_eq!(requests[0]["status"], Value::Null);
    assert_eq!(rig.control.count(TENANT, "PUT").await.unwrap(), 2);
}

#[rstest]
#[case::html("html", |reply: &Reply| reply.text.starts_with("<html>"))]
#[case::empty("empty", |reply: &Reply| reply.text.is_empty())]
#[case::wrong_shape("wrongShape", |reply: &Reply| reply.body.is_array())]
#[case::oversize("oversize", |reply: &Reply| reply.text.len() > 2 * 1024 * 1024)]
#[tokio::test]
async fn malformed_answers(#[case] shape: &str, #[case] fits: fn(&Reply) -> bool) {
    let rig = Rig::with_tenant().await;
    rig.control.fault(json!({}), None, json!({ "kind": "malformed", "shape": shape, "acted": true })).await.unwrap();
    let reply = rig.broker.send(Method::GET, "/v2/catalog", None).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(fits(&reply));
    assert_eq!(reply.headers["x-simulator"], "true");
}

#[tokio::test]
async fn a_cut_body_begins_and_does_not_end() {
    let rig = Rig::with_tenant().await;
    let order = json!({ "kind": "malformed", "shape": "cut", "acted": true });
    rig.control.fault(json!({}), Some(1), order).await.unwrap();
    let error = rig.broker.send(Method::GET, "/v2/catalog", None).await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "the headers arrived: {error:?}");
}

#[tokio::test]
async fn slowness_adds_to_other_faults() {
    let rig = Rig::with_tenant().await;
    rig.control.fault(json!({}), Some(1), json!({ "kind": "slow", "milliseconds": 150 })).await.unwrap();
    rig.control.fault(json!({}), Some(1), json!({ "kind": "failBeforeActing", "status": 502 })).await.unwrap();
    let before = Instant::now();
    assert_eq!(rig.broker.fetch().await.status, 502);
    assert!(before.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn an_operation_that_never_ends() {
    let rig = Rig::with_tenant().await;
    rig.make_async(0).await;
    rig.control.fault(json!({ "method": "PUT" }), Some(1), json!({ "kind": "neverEnding" })).await.unwrap();
    let accepted = rig.broker.provision(enabled()).await;
    for _ in 0..5 {
        assert_eq!(rig.broker.poll(&accepted).await.body["state"], "in progress");
    }
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded"]);
    rig.control.redirect(TENANT, json!({ "polls": 0 })).await.unwrap();
    assert_eq!(rig.broker.poll(&accepted).await.body["state"], "succeeded", "late");
    let error = rig.control.redirect(TENANT, json!({ "polls": 0 })).await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
}

#[rstest]
#[case::absent("absent", 404)]
#[case::present("present", 200)]
#[tokio::test]
async fn a_failed_provisioning_leaves_what_the_setting_says(#[case] leaves: &str, #[case] fetched: u16) {
    let rig = Rig::with_tenant().await;
    rig.make_async(0).await;
    rig.control.settings(None, json!({ "failedProvisionLeaves": leaves, "instanceUsable": false })).await.unwrap();
    let order = json!({ "kind": "operationFails", "description": "no room" });
    rig.control.fault(json!({ "method": "PUT" }), Some(1), order).await.unwrap();
    let accepted = rig.broker.provision(enabled()).await;
    let failed = rig.broker.poll(&accepted).await;
    assert_eq!(failed.body, json!({ "state": "failed", "description": "no room" }));
    let instance = rig.broker.fetch().await;
    assert_eq!(instance.status, fetched);
    if fetched == 200 {
        assert_eq!(instance.body["parameters"]["state"], "Disabled");
    }
}

#[tokio::test]
async fn a_failed_update_says_what_the_settings_say() {
    let rig = Rig::with_tenant().await;
    rig.broker.provision(enabled()).await;
    rig.make_async(0).await;
    rig.control.settings(None, json!({ "updateRepeatable": false, "instanceUsable": true })).await.unwrap();
    let order = json!({ "kind": "operationFails", "description": "no" });
    rig.control.fault(json!({ "method": "PATCH" }), Some(1), order).await.unwrap();
    let accepted = rig.broker.update(json!({ "state": "Disabled" })).await;
    let failed = rig.broker.poll(&accepted).await.body;
    assert_eq!(
        failed,
        json!({ "state": "failed", "description": "no", "instance_usable": true, "update_repeatable": false })
    );
    assert_eq!(rig.broker.fetch().await.body["parameters"]["state"], "Enabled", "nothing was changed");
}

#[tokio::test]
async fn a_tenant_that_changes_its_mind_fails_the_operation() {
    let rig = Rig::with_tenant().await;
    rig.make_async(0).await;
    let accepted = rig.broker.provision(enabled()).await;
    rig.seed(json!({ "services": [] })).await;
    let failed = rig.broker.poll(&accepted).await.body;
    assert_eq!(failed["state"], "failed");
    assert!(failed["description"].as_str().unwrap().starts_with("NotEligible"), "{failed}");
}

#[tokio::test]
async fn forgotten_operations_and_wrong_handles() {
    let rig = Rig::with_tenant().await;
    rig.make_async(1).await;
    rig.control.fault(json!({ "method": "PUT" }), Some(1), json!({ "kind": "wrongHandle" })).await.unwrap();
    let wrong = rig.broker.provision(enabled()).await;
    assert_eq!((wrong.status, rig.broker.poll(&wrong).await.status), (202, 404));
    let right = rig.broker.provision(enabled()).await;
    rig.control.fault(json!({}), Some(2), json!({ "kind": "forgetOperation" })).await.unwrap();
    assert_eq!(rig.broker.poll(&right).await.status, 404);
    rig.control.clear_faults().await.unwrap();
    assert_eq!(rig.broker.poll(&right).await.body["state"], "in progress");
}

/// Which of so many requests were refused.
async fn refused(rig: &Rig, order: Value, requests: usize) -> Vec<bool> {
    rig.control.clear_faults().await.unwrap();
    rig.control.order(order).await.unwrap();
    let mut refused = Vec::new();
    for _ in 0..requests {
        refused.push(rig.broker.send(Method::GET, "/v2/catalog", None).await.unwrap().status == 429);
    }
    refused
}

#[tokio::test]
async fn a_share_of_the_requests_is_hit_and_a_seed_hits_the_same_again() {
    let rig = Rig::with_tenant().await;
    let order =
        |seed: u64| json!({ "times": null, "share": 0.3, "seed": seed, "fault": { "kind": "tooManyRequests" } });
    let first = refused(&rig, order(7), 200).await;
    let hits = first.iter().filter(|is_refused| **is_refused).count();
    assert!((40..=80).contains(&hits), "{hits} of 200");
    assert_eq!(rig.control.faults().await.unwrap()[0]["hits"], hits, "only hits are counted");
    assert_eq!(refused(&rig, order(7), 200).await, first);
    assert_ne!(refused(&rig, order(8), 200).await, first);
}

#[tokio::test]
async fn hits_of_a_share_are_counted_down() {
    let rig = Rig::with_tenant().await;
    let order = json!({ "times": 2, "share": 0.5, "fault": { "kind": "tooManyRequests" } });
    let refused = refused(&rig, order, 40).await;
    assert_eq!(refused.iter().filter(|is_refused| **is_refused).count(), 2);
}

#[rstest]
#[case::never(json!(0), 0)]
#[case::always(json!(1), 20)]
#[case::absent(Value::Null, 20)]
#[tokio::test]
async fn the_ends_of_a_share(#[case] share: Value, #[case] hits: usize) {
    let rig = Rig::with_tenant().await;
    let order = json!({ "times": null, "share": share, "fault": { "kind": "tooManyRequests" } });
    let refused = refused(&rig, order, 20).await;
    assert_eq!(refused.iter().filter(|is_refused| **is_refused).count(), hits);
}

#[rstest]
#[case::negative(json!(-0.1))]
#[case::too_much(json!(1.1))]
#[case::percent(json!(30))]
#[tokio::test]
async fn a_share_is_a_chance(#[case] share: Value) {
    let rig = Rig::start().await;
    let order = json!({ "share": share, "fault": { "kind": "tooManyRequests" } });
    let refused = rig.control.order(order).await.unwrap_err().to_string();
    assert!(refused.contains("use a number from 0 to 1"), "{refused}");
    assert_eq!(rig.control.faults().await.unwrap(), Vec::<Value>::new());
}

#[tokio::test]
async fn what_an_older_fault_hits_is_not_drawn_for() {
    let rig = Rig::with_tenant().await;
    let order = |kind: Value| json!({ "times": null, "share": 0.5, "seed": 1, "fault": kind });
    rig.control.order(order(json!({ "kind": "tooManyRequests" }))).await.unwrap();
    rig.control.order(order(json!({ "kind": "failBeforeActing", "status": 500 }))).await.unwrap();
    for _ in 0..200 {
        rig.broker.send(Method::GET, "/v2/catalog", None).await.unwrap();
    }
    let faults = rig.control.faults().await.unwrap();
    let [first, second] = [0, 1].map(|place| faults[place]["hits"].as_u64().unwrap());
    assert!((70..=130).contains(&first) && (25..=75).contains(&second), "{first} and {second} of 200");
}

#[tokio::test]
async fn the_log_tells_when_an_answer_was_ready_and_what_it_asks_to_wait() {
    let rig = Rig::with_tenant().await;
    let order = json!({ "kind": "tooManyRequests", "retryAfterSeconds": 7 });
    rig.control.fault(json!({}), Some(1), order).await.unwrap();
    rig.control.fault(json!({}), Some(1), json!({ "kind": "slow", "milliseconds": 50 })).await.unwrap();
    rig.broker.fetch().await;
    rig.broker.fetch().await;
    let log = rig.control.requests(None, 0).await.unwrap();
    let time = |name: &str| log[0][name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("answered").duration_since(time("time")) >= jiff::SignedDuration::from_millis(50));
    assert_eq!((&log[0]["retryAfter"], &log[1]["retryAfter"]), (&json!(["7"]), &Value::Null));
}
