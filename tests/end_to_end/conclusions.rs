//! What the tools conclude from live objects, row by row of the table in `deploy/docs/gitops.md`: kubectl, Flux and Helm
//! by the real kstatus and by ours, Flux also by the expressions of `deploy/flux`, Argo CD by the scripts of
//! `deploy/argocd`, each in the tool's own interpreter.

use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::argo_cd::{PENDING_DELETION, act, actions, health};
use crate::asked::{off, signing_in, without_broker};
use crate::flux_cd::{healths, kustomization};
use crate::gitops_program::conclusions;
use crate::judges::{gone, held, message, seed, verdict};
use crate::support::control_plane::shared;
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::Stage;
use crate::{OTHER, TENANT};

/// What Argo CD shows until the operator has looked.
const WAITING: &str = "Waiting for the operator";

/// Ids of tenants that have a row of their own.
fn id(number: u8) -> String {
    format!("8d3f2f3e-5a53-4c8e-9c3e-0000000000{number:02x}")
}

/// All tools conclude this, and Argo CD tells this message.
#[track_caller]
fn assert_concluded(object: &Value, row: (KStatus, &str), told: &str) {
    let shown = health(object);
    assert_eq!((kstatus(object), shown.status.as_str()), row, "{object:#}");
    assert_eq!(shown.message, told, "{object:#}");
    let object = std::slice::from_ref(object);
    assert_eq!(conclusions(object), [format!("{:?}", row.0)], "{object:#?}");
    // The expressions have no word for what is being deleted; both go on waiting.
    let waits = if row.0 == KStatus::Terminating { KStatus::InProgress } else { row.0 };
    assert_eq!(healths(&kustomization(), object), [format!("{waits:?}")], "{object:#?}");
}

/// The same, with the message of `Ready`, which says something.
#[track_caller]
fn assert_told_by_ready(object: &Value, row: (KStatus, &str)) {
    let told = message(object, "Ready");
    assert!(!told.is_empty(), "{object:#}");
    assert_concluded(object, row, told);
}

/// Runs an action as Argo CD does, and sends what Argo CD sends. The object after it.
async fn click(stage: &Stage, action: &str) -> Value {
    let before = stage.read("contoso").await;
    assert_eq!(actions(&before).get(action), Some(&false), "{action} is offered");
    let patch = Patch::Merge(act(action, &before).unwrap().patch);
    let patched = stage.resources().patch("contoso", &PatchParams::default(), &patch).await.unwrap();
    serde_json::to_value(patched).unwrap()
}

#[tokio::test]
async fn a_resource_is_on_its_way_until_it_is_as_declared_and_again_after_an_edit() {
    let stage = Stage::open("concluded").await;
    seed(&stage, TENANT).await;
    let hold = stage.simulator.hold(json!({"endpoint": "provision"}), "acted").await.unwrap();
    let applied = stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    assert_concluded(&applied, (KStatus::InProgress, "Progressing"), WAITING);
    let _operator = stage.operator(&stage.configuration()).await;
    held(&stage, hold).await;
    let converging = stage.read("contoso").await;
    assert_eq!(verdict(&converging, "Reconciling"), ("True", "Progressing"));
    assert_told_by_ready(&converging, (KStatus::InProgress, "Progressing"));
    stage.simulator.release(hold, "proceed").await.unwrap();
    let converged = stage.until_current("contoso").await;
    assert_told_by_ready(&converged, (KStatus::Current, "Healthy"));

    let edited = stage.apply("contoso", json!({"tenantId": TENANT, "resyncSeconds": 600})).await.unwrap();
    assert_eq!(verdict(&edited, "Ready").0, "True", "the verdict about what was declared before");
    assert_concluded(&edited, (KStatus::InProgress, "Progressing"), WAITING);
    let observed = format!("--for=jsonpath={{.status.observedGeneration}}={}", edited["metadata"]["generation"]);
    kubectl_waits(&stage, &[&observed, "tpt/contoso"]).await;
    kubectl_waits(&stage, &["--for=condition=Ready", "tpt/contoso"]).await;
    assert_told_by_ready(&stage.read("contoso").await, (KStatus::Current, "Healthy"));
}

#[tokio::test]
async fn the_actions_of_argo_cd_ask_for_a_look_suspend_and_resume() {
    let stage = Stage::open("actions").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let declared = json!({"tenantId": TENANT});
    stage.apply("contoso", declared.clone()).await.unwrap();
    stage.until_current("contoso").await;

    let asked = click(&stage, "reconcile").await;
    let token = asked["metadata"]["annotations"]["threatprotection.dev/reconcile-requested-at"].clone();
    assert!(token.is_string(), "{asked:#}");
    stage.until("contoso", "asked", |resource| resource["status"]["lastHandledReconcileAt"] == token).await;

    let suspended = click(&stage, "suspend").await;
    assert_concluded(&suspended, (KStatus::InProgress, "Progressing"), WAITING);
    let suspended = until_suspended(&stage).await;
    let told = message(&suspended, "Suspended").to_owned();
    assert_eq!(verdict(&suspended, "Ready").0, "True", "as it was");
    assert_concluded(&suspended, (KStatus::InProgress, "Suspended"), &told);
    // What Git says nothing about stays as it is, also when all of Git is applied again.
    let applied = stage.apply("contoso", declared).await.unwrap();
    assert_eq!(applied["spec"], suspended["spec"]);
    stage.edit("contoso", json!({"desiredState": "Disabled"})).await.unwrap();
    assert_concluded(&until_suspended(&stage).await, (KStatus::InProgress, "Suspended"), &told);
    stage.edit("contoso", json!({"desiredState": "Enabled"})).await.unwrap();

    let resumed = click(&stage, "resume").await;
    assert_concluded(&resumed, (KStatus::InProgress, "Progressing"), WAITING);
    assert_told_by_ready(&stage.until_current("contoso").await, (KStatus::Current, "Healthy"));
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);

    click(&stage, "suspend").await;
    until_suspended(&stage).await;
    // What Git does say comes back.
    stage.apply("contoso", json!({"tenantId": TENANT, "managementPolicy": "Manage"})).await.unwrap();
    assert_told_by_ready(&stage.until_current("contoso").await, (KStatus::Current, "Healthy"));
}

/// Waits until the operator says of the present generation that it is suspended.
async fn until_suspended(stage: &Stage) -> Value {
    let is_suspended = |resource: &Value| {
        let conditions = resource["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut suspended = conditions.iter().filter(|condition| condition["type"] == "Suspended");
        suspended.any(|condition| condition["observedGeneration"] == resource["metadata"]["generation"])
    };
    stage.until("contoso", "suspended", is_suspended).await
}

#[tokio::test]
async fn problems_are_degraded_and_what_passes_by_itself_is_progressing() {
    let stage = Stage::open("problems").await;
    let mut configuration = stage.configuration();
    let [refused, retried, deleted] = [1, 2, 3].map(id);
    let mapped = [TENANT, OTHER, &refused, &retried, &deleted].map(|id| format!("\"{id}\"")).join(", ");
    configuration.tenancy =
        vec![format!("{{ namespace: {}, tenantIds: [{mapped}], allowDeprovision: true }}", stage.namespace)];
    for tenant in [TENANT, OTHER, &refused, &retried, &deleted] {
        seed(&stage, tenant).await;
    }
    let refusal = json!({"kind": "failBeforeActing", "status": 400, "body": {"description": "no licence qualifies"}});
    stage.simulator.fault(json!({"endpoint": "provision", "tenantId": refused}), None, refusal).await.unwrap();
    let trouble = json!({"kind": "failBeforeActing", "status": 503});
    stage.simulator.fault(json!({"endpoint": "provision", "tenantId": retried}), None, trouble).await.unwrap();
    let _operator = stage.operator(&configuration).await;

    let twice = json!([{"name": "one", "type": "EndpointIntune"}, {"name": "two", "type": "EndpointIntune"}]);
    let mut secretless = signing_in(&json!({}));
    secretless["tenantId"] = json!(OTHER);
    for (name, spec, ready) in [
        ("spec", json!({"tenantId": TENANT, "integrations": twice}), "InvalidSpec"),
        ("stranger", json!({"tenantId": id(9)}), "TenantNotAllowed"),
        ("secretless", secretless, "CredentialsMissing"),
        ("refused", json!({"tenantId": refused}), "ProviderRejected"),
    ] {
        stage.apply(name, spec).await.unwrap();
        let stalled = stage.until(name, ready, |resource| verdict(resource, "Stalled") == ("True", ready)).await;
        assert_eq!(verdict(&stalled, "Ready").1, ready);
        assert_told_by_ready(&stalled, (KStatus::Failed, "Degraded"));
    }
    stage.apply("retried", json!({"tenantId": retried})).await.unwrap();
    let is_tried = |resource: &Value| verdict(resource, "Reconciling").1 == "ProgressingWithRetry";
    let trying = stage.until("retried", "tried again", is_tried).await;
    assert_told_by_ready(&trying, (KStatus::InProgress, "Progressing"));

    stage.apply("deleted", json!({"tenantId": deleted, "deletionPolicy": "Deprovision"})).await.unwrap();
    stage.until_current("deleted").await;
    stage.resources().delete("deleted", &DeleteParams::default()).await.unwrap();
    let waiting = stage.until_ready("deleted", "False", "DeprovisionNotDeclared").await;
    assert_concluded(&waiting, (KStatus::Terminating, "Progressing"), PENDING_DELETION);
    stage.edit("deleted", json!({"deletionPolicy": "Retain"})).await.unwrap();
    kubectl_waits(&stage, &["--for=delete", "tpt/deleted"]).await;
    gone(&stage, "deleted").await;
}

#[tokio::test]
async fn what_waits_for_a_person_is_suspended_in_argo_cd_and_ends_every_other_wait_at_once() {
    let (stage, _operator) = without_broker("persons", off(&json!({}))).await;
    let [unlicensed, elsewhere, watched, subscription] = [1, 2, 3, 4].map(id);
    stage.simulator.seed(&unlicensed, off(&json!({"services": [], "licenceState": "Deleted"}))).await.unwrap();
    let subscriptions = json!([{"id": subscription, "settings": {"WDATP": true}}]);
    let seen = json!({"endpointRegion": "EU", "subscriptions": subscriptions, "workspaces": []});
    stage.simulator.seed(&elsewhere, off(&seen)).await.unwrap();
    stage.simulator.seed(&watched, off(&json!({}))).await.unwrap();
    let region = json!({
        "tenantId": elsewhere, "dataLocation": {"region": "US"}, "observation": {"subscriptionId": subscription},
    });
    for (name, fields, ready, argo) in [
        ("person", json!({}), "ActionRequired", "Suspended"),
        ("watched", json!({"tenantId": watched, "managementPolicy": "Observe"}), "ObserveOnly", "Suspended"),
        ("unlicensed", json!({"tenantId": unlicensed}), "NotEligible", "Degraded"),
        ("elsewhere", region, "RegionMismatch", "Degraded"),
    ] {
        stage.apply(name, signing_in(&fields)).await.unwrap();
        let stalled = stage.until_ready(name, "False", ready).await;
        assert_told_by_ready(&stalled, (KStatus::Failed, argo));
    }
    let told = health(&stage.read("person").await).message;
    assert!(told.contains("Security Administrator") && told.contains("https://"), "who and where: {told}");
    kubectl_waits(&stage, &["--for=condition=Stalled", "tpt/person"]).await;
}

/// `kubectl wait` with these arguments comes to its end.
async fn kubectl_waits(stage: &Stage, arguments: &[&str]) {
    let mut all = vec!["wait", "--timeout=40s", "--namespace", &stage.namespace];
    all.extend(arguments);
    let waited = stage.plane.kubectl(&all).await.unwrap();
    assert!(waited.status.success(), "{arguments:?}: {waited:?}");
}

/// As a platform team installs it: an own kustomization over Argo CD's manifests, with the shipped component.
#[tokio::test]
async fn kustomize_lays_the_scripts_over_the_settings_of_argo_cd() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("threat-protection");
    std::fs::create_dir(&component).unwrap();
    for file in ["kustomization.yaml", "argocd-cm.yaml"] {
        let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd").join(file);
        std::fs::copy(shipped, component.join(file)).unwrap();
    }
    let settings =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n  url: https://argo.example\n";
    std::fs::write(folder.path().join("argocd.yaml"), settings).unwrap();
    let kustomization = "namespace: argocd\nresources: [argocd.yaml]\ncomponents: [threat-protection]\n";
    std::fs::write(folder.path().join("kustomization.yaml"), kustomization).unwrap();
    let folder = folder.path().to_str().unwrap();
    let built = tokio::time::timeout(Duration::from_secs(40), shared().kubectl(&["kustomize", folder])).await;
    let built = built.unwrap().unwrap();
    assert!(built.status.success(), "{built:?}");
    let built: Value = serde_yaml::from_slice(&built.stdout).unwrap();
    assert_eq!(built["metadata"], json!({"name": "argocd-cm", "namespace": "argocd"}));
    assert_eq!(built["data"]["url"], "https://argo.example", "what was there stays");
    let script = &built["data"]["resource.customizations.health.threatprotection.dev_ThreatProtectionTenant"];
    assert_eq!(*script, crate::argo_cd::text("health.lua"));
    assert_eq!(built["data"].as_object().unwrap().len(), 3);
}
