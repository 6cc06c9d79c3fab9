//! What `GitOps` tools, people with kubectl, and the kubelet see.

use std::time::Duration;

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::json;
use threat_protection_operator::api::ThreatProtectionTenant;

use crate::TENANT;
use crate::broker_access::{probe, probes, until_ready};
use crate::judges::{answered, assert_settled, events, looks, seed, version, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::Stage;

#[tokio::test]
async fn a_fresh_object_is_in_progress_and_kubectl_wait_ends_when_it_is_ready() {
    let stage = Stage::open("fresh").await;
    seed(&stage, TENANT).await;
    let fresh = stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    assert_eq!(fresh["status"]["observedGeneration"], -1);
    assert_eq!(kstatus(&fresh), KStatus::InProgress, "nobody has looked at it yet");
    let wait =
        ["wait", "--for=condition=Ready", "threatprotectiontenant/contoso", "--timeout=40s", "-n", &stage.namespace];
    let configuration = stage.configuration();
    let (waited, _operator) = tokio::join!(stage.plane.kubectl(&wait), stage.operator(&configuration));
    let waited = waited.unwrap();
    assert!(waited.status.success(), "{waited:?}");
    let listed = stage.plane.kubectl(&["get", "tpt", "-n", &stage.namespace]).await.unwrap();
    let table = String::from_utf8_lossy(&listed.stdout).into_owned();
    let columns: Vec<&str> = table.lines().nth(1).unwrap_or_default().split_whitespace().take(4).collect();
    assert_eq!(columns, ["contoso", "True", "Enabled", "US"], "{table}");
}

#[tokio::test]
async fn applying_the_same_again_and_again_changes_nothing() {
    let stage = Stage::open("reapply").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let spec = json!({
        "tenantId": TENANT, "dataLocation": {"region": "US"}, "deletionPolicy": "Deprovision",
        "integrations": [{"name": "intune", "type": "EndpointIntune"}],
    });
    stage.apply("contoso", spec.clone()).await.unwrap();
    stage.until_current("contoso").await;
    let body = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
        "metadata": {"name": "contoso"}, "spec": spec,
    });
    let kind = ApiResource::erase::<ThreatProtectionTenant>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.namespace, &kind);
    let apply = async || {
        let params = PatchParams::apply("argocd-controller");
        let applied = api.patch("contoso", &params, &Patch::Apply(&body)).await.unwrap();
        applied.metadata.resource_version.unwrap_or_default()
    };
    // The first one only makes the manager known.
    let settled = apply().await;
    let before = writes(&stage, "contoso").await;
    for _ in 0..5 {
        assert_eq!(apply().await, settled, "no difference");
        looks(&stage, TENANT, 1).await;
    }
    assert_eq!(writes(&stage, "contoso").await, before);
    assert_eq!(version(&stage, "contoso").await, settled);
}

#[tokio::test]
async fn a_reconcile_request_is_answered_at_once_and_echoed() {
    let stage = Stage::open("request").await;
    seed(&stage, TENANT).await;
    // Nothing but the request can be the cause of a look.
    let configuration = stage.configuration().with_timing("resyncMaximumSeconds", 3600);
    let _operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    stage.until_current("contoso").await;
    let (looked, written) =
        (answered(&stage.simulator, TENANT, "GET", 200).await, writes(&stage, "contoso").await.len());
    stage.request_reconcile("contoso", "2026-06-23T10:00:00Z").await;
    let echoed = |resource: &serde_json::Value| resource["status"]["lastHandledReconcileAt"] == "2026-06-23T10:00:00Z";
    let resource = stage.until("contoso", "echoed", echoed).await;
    assert_eq!(kstatus(&resource), KStatus::Current);
    assert_eq!(answered(&stage.simulator, TENANT, "GET", 200).await, looked + 1);
    assert_eq!(writes(&stage, "contoso").await.len(), written + 1);
}

#[tokio::test]
async fn probes_answer_and_tell_how_the_broker_is() {
    let stage = Stage::open("probes").await;
    seed(&stage, TENANT).await;
    let operator = stage.operator(&stage.configuration()).await;
    let address = probes(&operator).await;
    let body = until_ready(&address).await;
    assert!(body.starts_with("ready\n") && body.contains("broker: not asked yet"), "{body}");
    assert_eq!(probe(&address, "/livez").await, (200, "alive\n".to_owned()));
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    stage.until_current("contoso").await;
    assert!(probe(&address, "/readyz").await.1.contains("broker: ok"));
    assert!(tokio::time::timeout(Duration::from_secs(5), probe(&address, "/elsewhere")).await.unwrap().0 == 404);
}

#[tokio::test]
async fn there_is_one_event_for_each_verdict_and_step_and_none_afterwards() {
    let stage = Stage::open("events").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    stage.until_current("contoso").await;
    looks(&stage, TENANT, 1).await;
    let once = |reasons: &[&str]| reasons.iter().map(|reason| ((*reason).to_owned(), 1)).collect::<Vec<_>>();
    assert_eq!(events(&stage, "contoso").await, once(&["Enabled", "StepDone"]));
    assert_settled(&stage, "contoso", TENANT).await;
    assert_eq!(events(&stage, "contoso").await, once(&["Enabled", "StepDone"]));
    stage.edit("contoso", json!({"desiredState": "Disabled"})).await.unwrap();
    stage.until_ready("contoso", "True", "Disabled").await;
    looks(&stage, TENANT, 1).await;
    assert_eq!(events(&stage, "contoso").await, once(&["Disabled", "Enabled", "StepDone", "StepDone"]));
}
