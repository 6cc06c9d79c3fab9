//! Ends that are asked for, and a broker that goes away and comes back.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::TENANT;
use crate::judges::{assert_settled, held, seed, until, verdict};
use crate::support::control_plane::process::{Signal, signal};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::{Operator, Stage};

const ENABLED: &[&str] = &["seeded", "instanceCreated", "turnedOn"];

/// Waits until the operator has ended by itself; gives its exit code.
async fn exit_code(operator: &mut Operator) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = operator.process.ended().unwrap() {
            return status.code();
        }
        assert!(start.elapsed() < Duration::from_secs(15), "it does not end:\n{}", operator.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn sigterm_ends_an_idle_operator_at_once() {
    let stage = Stage::open("idle").await;
    seed(&stage, TENANT).await;
    let mut operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    let before = stage.until_current("contoso").await;
    signal(operator.process.pid(), Signal::Terminate).unwrap();
    let start = Instant::now();
    assert_eq!(exit_code(&mut operator).await, Some(0), "{}", operator.log());
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert_eq!(stage.read("contoso").await, before);
}

#[tokio::test]
async fn sigterm_in_the_middle_of_a_request_waits_for_its_answer_and_writes_it_down() {
    let stage = Stage::open("busy").await;
    seed(&stage, TENANT).await;
    let hold = stage.simulator.hold(json!({"endpoint": "provision"}), "acted").await.unwrap();
    let mut operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    held(&stage, hold).await;
    signal(operator.process.pid(), Signal::Terminate).unwrap();
    until("the signal has arrived", async || operator.log().contains("SIGTERM")).await;
    stage.simulator.release(hold, "proceed").await.unwrap();
    assert_eq!(exit_code(&mut operator).await, Some(0), "{}", operator.log());
    let resource = stage.read("contoso").await;
    assert_eq!(kstatus(&resource), KStatus::Current, "the pass came to its end: {resource:#}");
    assert!(resource["status"]["operation"].is_null(), "{resource:#}");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
}

#[tokio::test]
async fn sigterm_does_not_wait_for_ever_and_what_was_intended_is_found_again() {
    let stage = Stage::open("stuck").await;
    seed(&stage, TENANT).await;
    let hold = stage.simulator.hold(json!({"endpoint": "provision"}), "acted").await.unwrap();
    // The time-out of requests, 5 s here, is the longest that a pass can wait for the broker.
    let mut operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    held(&stage, hold).await;
    signal(operator.process.pid(), Signal::Terminate).unwrap();
    assert_eq!(exit_code(&mut operator).await, Some(0), "{}", operator.log());
    let resource = stage.read("contoso").await;
    assert_eq!(resource["status"]["operation"]["step"], "Enable", "{resource:#}");
    stage.simulator.release(hold, "proceed").await.unwrap();
    let _successor = stage.operator(&stage.configuration()).await;
    stage.until_current("contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
}

#[tokio::test]
async fn a_broker_that_dies_in_the_middle_of_an_operation_is_waited_for() {
    let mut stage = Stage::open("broker-dies").await;
    seed(&stage, TENANT).await;
    stage.simulator.settings(None, json!({"mode": {"async": {"polls": 2}}})).await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    stage.until("contoso", "accepted", |resource| !resource["status"]["operation"]["handle"].is_null()).await;
    stage.kill_simulator();
    let trouble = |resource: &serde_json::Value| verdict(resource, "Reconciling").1 == "ProgressingWithRetry";
    let waiting = stage.until("contoso", "in trouble", trouble).await;
    assert_eq!(kstatus(&waiting), KStatus::InProgress);
    assert!(!waiting["status"]["operation"]["handle"].is_null(), "the handle is kept: {waiting:#}");
    stage.restart_simulator().await;
    let resource = stage.until_current("contoso").await;
    assert_eq!(resource["status"]["dataLocation"]["region"], "US");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
    // A settled resource does not even notice.
    stage.kill_simulator();
    stage.restart_simulator().await;
    assert_settled(&stage, "contoso", TENANT).await;
    assert_eq!(stage.simulator.count(TENANT, "PUT").await.unwrap(), 0, "the new process was never asked to create");
}
