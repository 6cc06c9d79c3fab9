//! Operations that go on for a while, fail, get lost, or never end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::stage::Stage;
use crate::tenant::{Tenant, message};

fn polls(polls: u32) -> Value {
    json!({"mode": {"async": {"polls": polls}}})
}

#[tokio::test]
async fn operations_are_followed_to_their_end() {
    let stage = Stage::open("operations").await;
    let _operator = stage.operator(&stage.configuration()).await;
    tokio::join!(
        goes_on(&stage),
        fails_and_leaves_nothing(&stage),
        fails_and_leaves_an_instance(&stage),
        is_forgotten(&stage),
        has_a_wrong_handle(&stage),
        cannot_be_polled(&stage),
    );
}

async fn goes_on(stage: &Stage) {
    let tenant = Tenant::seed(stage, "goes-on", polls(4)).await;
    tenant.declare().await;
    tenant.until_reason("Enabling", false).await;
    tenant.until_current().await;
    tenant.assert_created_once().await;
    assert_eq!(tenant.count("PUT").await, 1);
}

async fn fails_and_leaves_nothing(stage: &Stage) {
    let tenant = Tenant::seed(stage, "fails-absent", polls(1)).await;
    tenant.fault(json!({"method": "PUT"}), Some(1), json!({"kind": "operationFails", "description": "no seat"})).await;
    tenant.declare().await;
    let resource = tenant.until_reason("OperationFailed", false).await;
    assert!(message(&resource).contains("no seat"), "{}", message(&resource));
    tenant.until_current().await;
    tenant.assert_created_once().await;
    assert_eq!(tenant.count("PUT").await, 2);
}

async fn fails_and_leaves_an_instance(stage: &Stage) {
    let mut settings = polls(1);
    settings["failedProvisionLeaves"] = json!("present");
    let tenant = Tenant::seed(stage, "fails-present", settings).await;
    tenant.fault(json!({"method": "PUT"}), Some(1), json!({"kind": "operationFails", "description": "no seat"})).await;
    tenant.declare().await;
    let resource = tenant.until_reason("OperationFailed", true).await;
    assert!(message(&resource).contains("no seat"), "{}", message(&resource));
    let requests = tenant.requests_within(Duration::from_secs(4)).await;
    assert!(requests <= 8, "{requests} requests");
    assert_eq!((tenant.count("PUT").await, tenant.count("PATCH").await), (1, 0));
    stage.request_reconcile(tenant.name, "again").await;
    tenant.until_current().await;
    tenant.assert_created_once().await;
    assert_eq!((tenant.count("PUT").await, tenant.count("PATCH").await), (1, 1));
}

async fn is_forgotten(stage: &Stage) {
    let tenant = Tenant::seed(stage, "forgotten", polls(2)).await;
    let matching = json!({"endpoint": "lastOperation"});
    let id = tenant.fault(matching, None, json!({"kind": "forgetOperation"})).await;
    tenant.declare().await;
    tenant.until_reason("Enabling", false).await;
    // Three times not known: the same idempotent request finds out.
    tenant.until_count("PUT", 2).await;
    stage.simulator.remove_fault(id).await.unwrap();
    tenant.until_current().await;
    tenant.assert_created_once().await;
}

async fn has_a_wrong_handle(stage: &Stage) {
    let tenant = Tenant::seed(stage, "wrong-handle", polls(2)).await;
    tenant.fault(json!({"method": "PUT"}), Some(1), json!({"kind": "wrongHandle"})).await;
    tenant.declare().await;
    tenant.until_current().await;
    tenant.assert_created_once().await;
    assert_eq!(tenant.count("PUT").await, 2);
}

async fn cannot_be_polled(stage: &Stage) {
    let tenant = Tenant::seed(stage, "cannot-be-polled", polls(1)).await;
    let fault = json!({"kind": "failBeforeActing", "status": 500});
    let id = tenant.fault(json!({"endpoint": "lastOperation"}), None, fault).await;
    tenant.declare().await;
    let resource = tenant.until_reason("ProviderUnavailable", false).await;
    assert!(message(&resource).contains("(request "), "{}", message(&resource));
    stage.simulator.remove_fault(id).await.unwrap();
    tenant.until_current().await;
    tenant.assert_created_once().await;
    assert_eq!(tenant.count("PUT").await, 1);
}

/// *The deadline ends an operation as `OperationTimedOut`; after that we look, at a slow pace only.*
#[tokio::test]
async fn operations_that_never_end_time_out() {
    let stage = Stage::open("endless").await;
    let mut configuration = stage.configuration();
    configuration.maximum_polling = 3;
    let _operator = stage.operator(&configuration).await;
    tokio::join!(ends_late(&stage, "ends-late", false), ends_late(&stage, "ends-after-a-request", true));
}

async fn ends_late(stage: &Stage, name: &'static str, by_request: bool) {
    let tenant = Tenant::seed(stage, name, polls(1)).await;
    tenant.fault(json!({"method": "PUT"}), Some(1), json!({"kind": "neverEnding"})).await;
    tenant.declare().await;
    tenant.until_reason("OperationTimedOut", true).await;
    let requests = tenant.requests_within(Duration::from_secs(4)).await;
    assert!((1..=4).contains(&requests), "{name}: {requests} requests, though one in two seconds is the slow pace");
    assert_eq!(tenant.count("PUT").await, 1, "{name}");
    if by_request {
        stage.request_reconcile(name, "again").await;
        tenant.until_count("PUT", 2).await;
    }
    stage.simulator.redirect(&tenant.id, json!({"polls": 0})).await.unwrap();
    tenant.until_current().await;
    tenant.assert_created_once().await;
}
