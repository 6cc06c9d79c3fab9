//! Tools that apply the same manifest over and over, in turns: kubectl, Flux's kustomize-controller and Argo CD, each by
//! server-side apply as it does it.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use threat_protection_operator::api::ThreatProtectionTenant;

use crate::TENANT;
use crate::judges::{looks, seed, version, writes};
use crate::support::stage::Stage;

/// So often each of them applies.
const ROUNDS: usize = 10;

/// A manifest as in Git: annotations that protect it, lists, and nothing that is a default.
fn manifest(stage: &Stage) -> Value {
    json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
        "metadata": {
            "name": "contoso", "namespace": stage.namespace,
            "annotations": {
                "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
                "kustomize.toolkit.fluxcd.io/prune": "disabled",
                "helm.sh/resource-policy": "keep",
            },
        },
        "spec": {
            "tenantId": TENANT, "dataLocation": {"region": "US"}, "deletionPolicy": "Deprovision",
            "integrations": [{"name": "intune", "type": "EndpointIntune"}, {"name": "data", "type": "IdentityCloudApps"}],
            "expectedServices": ["Identity", "Endpoint"],
        },
    })
}

/// Applies or compares as kubectl does, conflicts are errors. `kubectl diff` ends with 1 where there is a difference.
async fn kubectl(stage: &Stage, command: &[&str], manifest: &Value, expected: i32) {
    let mut arguments = command.to_vec();
    arguments.extend(["--server-side", "--field-manager=kubectl", "-f", "-"]);
    let output = stage.plane.kubectl_with_input(&arguments, &manifest.to_string()).await.unwrap();
    assert_eq!(output.status.code(), Some(expected), "kubectl {arguments:?}: {output:?}");
}

/// Applies as a controller does: conflicts are won.
async fn controller(stage: &Stage, manager: &str, manifest: &Value) {
    let kind = ApiResource::erase::<ThreatProtectionTenant>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.namespace, &kind);
    api.patch("contoso", &PatchParams::apply(manager).force(), &Patch::Apply(manifest)).await.unwrap();
}

async fn all_apply(stage: &Stage, manifest: &Value) {
    kubectl(stage, &["apply"], manifest, 0).await;
    controller(stage, "kustomize-controller", manifest).await;
    controller(stage, "argocd-controller", manifest).await;
}

#[tokio::test]
async fn three_tools_that_apply_the_same_in_turns_change_nothing() {
    let stage = Stage::open("appliers").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let manifest = manifest(&stage);
    // The first round makes each of them known, while the operator is at work.
    all_apply(&stage, &manifest).await;
    let converged = stage.until_current("contoso").await;
    let (settled, before) = (version(&stage, "contoso").await, writes(&stage, "contoso").await);
    for _ in 0..ROUNDS {
        all_apply(&stage, &manifest).await;
        kubectl(&stage, &["diff"], &manifest, 0).await;
        looks(&stage, TENANT, 1).await;
        assert_eq!(version(&stage, "contoso").await, settled);
    }
    assert_eq!(writes(&stage, "contoso").await, before, "the operator writes nothing");
    let resource = stage.read("contoso").await;
    assert_eq!(resource["metadata"]["generation"], 1);
    assert_eq!(resource["spec"], converged["spec"]);

    let mut edited = manifest;
    edited["spec"]["resyncSeconds"] = json!(600);
    kubectl(&stage, &["diff"], &edited, 1).await;
}
