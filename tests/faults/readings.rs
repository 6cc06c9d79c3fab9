//! Readings that fail while everything is as declared.

use serde_json::{Value, json};

use crate::support::stage::Stage;
use crate::tenant::Tenant;

/// *A failed read with nothing to do writes nothing; persisting over 3 resyncs it ages into `Ready=Unknown`.*
#[tokio::test]
async fn a_failed_reading_of_a_settled_tenant_is_borne_for_a_while() {
    let stage = Stage::open("readings").await;
    let configuration = stage.configuration().with_timing("resyncMaximumSeconds", 3);
    let _operator = stage.operator(&configuration).await;
    let fail = json!({"kind": "failBeforeActing", "status": 500});
    tokio::join!(
        ages(&stage, "unavailable", fail, "ProviderUnavailable"),
        ages(&stage, "throttled", json!({"kind": "tooManyRequests"}), "Throttled"),
        ages(&stage, "html", json!({"kind": "malformed", "shape": "html"}), "ProviderUnavailable"),
        ages(&stage, "wrong-shape", json!({"kind": "malformed", "shape": "wrongShape"}), "ProviderUnavailable"),
        ages(&stage, "cut", json!({"kind": "malformed", "shape": "cut"}), "ProviderUnavailable"),
    );
}

async fn ages(stage: &Stage, name: &'static str, fault: Value, reason: &str) {
    let tenant = Tenant::seed(stage, name, json!({})).await;
    tenant.declare().await;
    tenant.until_current().await;
    let (settled, looks) = (stage.read(name).await, tenant.count("GET").await);
    let id = tenant.fault(json!({"method": "GET"}), None, fault).await;
    tenant.until_count("GET", looks + 2).await;
    assert_eq!(stage.read(name).await["metadata"]["resourceVersion"], settled["metadata"]["resourceVersion"], "{name}");
    let aged = tenant.until_reason(reason, true).await;
    assert_eq!(crate::support::stage::ready(&aged).0, "Unknown", "{name}");
    stage.simulator.remove_fault(id).await.unwrap();
    tenant.until_current().await;
    tenant.assert_created_once().await;
    assert_eq!((tenant.count("PUT").await, tenant.count("PATCH").await), (1, 0), "{name}");
}
