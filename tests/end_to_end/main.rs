//! Does the operator, as its own process under its shipped permissions, do its job on a real API server?

mod support;

use serde_json::json;
use support::stage::Stage;

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

#[tokio::test]
async fn a_tenant_is_turned_on_with_one_request_and_two_writes() {
    let stage = Stage::open("sync").await;
    stage.simulator.seed(TENANT, json!({"services": ["Endpoint"], "automaticRegion": "EU"})).await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "EU"}})).await.unwrap();
    let resource = stage.until_current("contoso").await;
    assert_eq!(resource["status"]["dataLocation"]["region"], "EU");
    assert_eq!(stage.simulator.count(TENANT, "PUT").await.unwrap(), 1);
    assert_eq!(stage.operator_writes("contoso").await, ["patch status", "patch status"]);
}
