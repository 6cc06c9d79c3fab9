//! Tools that apply the same manifest over and over, in turns, and what they find when they do: kubectl by itself, Flux by
//! the libraries of kustomize-controller with the Kustomization of `deploy/flux`, and Argo CD by kubectl.
//!
//! Argo CD imports kubectl's `apply` and runs it with just these arguments. Source: gitops-engine,
//! `pkg/utils/kube/resource_ops.go`, and argo-cd, `common/common.go`. What it has in addition is its tracking annotation.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::TENANT;
use crate::asked::{off, signing_in, without_broker};
use crate::flux_cd::kustomization;
use crate::gitops_program::{answer, program};
use crate::judges::{gone, held, looks, message, seed, until, verdict, version, writes};
use crate::support::control_plane::AuditEntry;
use crate::support::stage::{Configuration, PATIENCE, Stage};

/// So often each of them applies, and how long it then waits.
const ROUNDS: usize = 6;
const PERIOD: Duration = Duration::from_secs(10);

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

/// Applies or compares with kubectl, server-side. `kubectl diff` ends with 1 where there is a difference.
async fn kubectl(stage: &Stage, command: &[&str], manifest: &Value, expected: i32) {
    kubectl_as_told(stage, &[command, &["--server-side"]].concat(), manifest, expected).await;
}

async fn kubectl_as_told(stage: &Stage, command: &[&str], manifest: &Value, expected: i32) {
    let arguments = [command, &["--filename=-"]].concat();
    let output = stage.plane.kubectl_with_input(&arguments, &manifest.to_string()).await.unwrap();
    assert_eq!(output.status.code(), Some(expected), "kubectl {arguments:?}: {output:?}");
}

/// A pipeline that applies under a name of its own; conflicts are errors.
async fn pipeline(stage: &Stage, command: &str, manifest: &Value, expected: i32) {
    kubectl(stage, &[command, "--field-manager=pipeline"], manifest, expected).await;
}

/// Argo CD with `ServerSideApply=true`; `diff` is what it asks for with `ServerSideDiff=true`.
async fn argo(stage: &Stage, command: &str, manifest: &Value, expected: i32) {
    let arguments = [command, "--field-manager=argocd-controller", "--force-conflicts"];
    kubectl(stage, &arguments, &tracked(stage, manifest), expected).await;
}

/// A manifest with the annotation by which Argo CD knows its own.
fn tracked(stage: &Stage, manifest: &Value) -> Value {
    let mut tracked = manifest.clone();
    let id = format!("tenants:threatprotection.dev/ThreatProtectionTenant:{}/contoso", stage.namespace);
    tracked["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = json!(id);
    tracked
}

/// What kustomize-controller is asked to do: the shipped Kustomization, for the namespace of this stage.
fn reconciliation(stage: &Stage, manifest: &Value) -> Value {
    let mut kustomization = kustomization();
    kustomization["spec"]["targetNamespace"] = json!(stage.namespace);
    let mut file = manifest.clone();
    // The Kustomization says which.
    file["metadata"]["namespace"] = Value::Null;
    json!({
        "kubeconfig": stage.plane.kubeconfig_path(),
        "kustomization": kustomization,
        "files": {"contoso.yaml": serde_yaml::to_string(&file).unwrap()},
    })
}

/// What Flux did: `created`, `configured` where it found a difference, `unchanged` where it found none and wrote nothing.
fn flux(stage: &Stage, act: &str, manifest: &Value) -> String {
    let done: Value = answer(act, &reconciliation(stage, manifest));
    let name = format!("ThreatProtectionTenant/{}/contoso", stage.namespace);
    assert_eq!(done.as_object().unwrap().len(), 1, "{done}");
    done[name].as_str().unwrap().to_owned()
}

/// Whatever was applied, the spec is what it was in the beginning.
async fn assert_never_edited(stage: &Stage, converged: &Value) {
    let resource = stage.read("contoso").await;
    assert_eq!(resource["metadata"]["generation"], 1);
    assert_eq!(resource["spec"], converged["spec"]);
}

async fn all_apply(stage: &Stage, manifest: &Value, found_by_flux: &str) {
    pipeline(stage, "apply", manifest, 0).await;
    assert_eq!(flux(stage, "flux-apply", manifest), found_by_flux);
    argo(stage, "apply", manifest, 0).await;
}

#[tokio::test]
async fn three_tools_that_apply_the_same_every_ten_seconds_change_nothing() {
    let stage = Stage::open("appliers").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let manifest = manifest(&stage);
    // The first round makes each of them known, while the operator is at work.
    all_apply(&stage, &manifest, "configured").await;
    let converged = stage.until_current("contoso").await;
    let (settled, before) = (version(&stage, "contoso").await, writes(&stage, "contoso").await);
    let mut rounds = interval(PERIOD);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..ROUNDS {
        rounds.tick().await;
        all_apply(&stage, &manifest, "unchanged").await;
        pipeline(&stage, "diff", &manifest, 0).await;
        argo(&stage, "diff", &manifest, 0).await;
        looks(&stage, TENANT, 1).await;
        assert_eq!(version(&stage, "contoso").await, settled);
        assert_eq!(writes(&stage, "contoso").await, before, "the operator writes nothing");
    }
    assert_never_edited(&stage, &converged).await;

    // Each of them would see a difference.
    let mut edited = manifest;
    edited["spec"]["resyncSeconds"] = json!(600);
    pipeline(&stage, "diff", &edited, 1).await;
    argo(&stage, "diff", &edited, 1).await;
    assert_eq!(flux(&stage, "flux-apply", &edited), "configured");
}

/// Whatever is applied under a name that begins with `kubectl`, Flux takes for its own. That is between the two of them.
#[tokio::test]
async fn flux_takes_over_what_kubectl_applies_under_its_own_name_unless_told_to_merge() {
    let stage = Stage::open("takeover").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let mut manifest = manifest(&stage);
    kubectl(&stage, &["apply"], &manifest, 0).await;
    let converged = stage.until_current("contoso").await;
    let before = writes(&stage, "contoso").await;
    for _ in 0..2 {
        kubectl(&stage, &["apply"], &manifest, 0).await;
        assert_eq!(flux(&stage, "flux-apply", &manifest), "configured");
        kubectl(&stage, &["diff"], &manifest, 0).await;
        looks(&stage, TENANT, 1).await;
    }
    manifest["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/ssa"] = json!("Merge");
    kubectl(&stage, &["apply"], &manifest, 0).await;
    flux(&stage, "flux-apply", &manifest);
    let settled = version(&stage, "contoso").await;
    for _ in 0..2 {
        kubectl(&stage, &["apply"], &manifest, 0).await;
        assert_eq!(flux(&stage, "flux-apply", &manifest), "unchanged");
        looks(&stage, TENANT, 1).await;
        assert_eq!(version(&stage, "contoso").await, settled);
    }
    assert_eq!(writes(&stage, "contoso").await, before, "the operator writes nothing");
    assert_never_edited(&stage, &converged).await;
}

/// Argo CD as it is installed applies without `--server-side`, and compares by itself.
#[tokio::test]
async fn argo_cd_that_applies_by_patches_of_its_own_changes_nothing_either() {
    let stage = Stage::open("patches").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let manifest = tracked(&stage, &manifest(&stage));
    let apply = ["apply", "--field-manager=argocd-controller"];
    kubectl_as_told(&stage, &apply, &manifest, 0).await;
    stage.until_current("contoso").await;
    let (settled, before) = (version(&stage, "contoso").await, writes(&stage, "contoso").await);
    for _ in 0..3 {
        kubectl_as_told(&stage, &apply, &manifest, 0).await;
        kubectl_as_told(&stage, &["diff"], &manifest, 0).await;
        looks(&stage, TENANT, 1).await;
        assert_eq!(version(&stage, "contoso").await, settled);
    }
    assert_eq!(writes(&stage, "contoso").await, before, "the operator writes nothing");
}

/// Flux waits for what it has applied, as the Kustomization says. It ends as soon as it knows; ten seconds are two looks.
async fn wait_begins(stage: &Stage, manifest: &Value) -> Child {
    let mut command = Command::new(program());
    command.arg("flux-wait").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut wait = command.spawn().unwrap();
    let about = reconciliation(stage, manifest).to_string();
    wait.stdin.take().unwrap().write_all(about.as_bytes()).await.unwrap();
    wait
}

/// The error it reports, empty where all is as declared.
async fn wait_ends(wait: Child) -> String {
    let output = timeout(PATIENCE, wait.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How often Flux has read the resource.
fn read_by_flux(stage: &Stage) -> usize {
    let own = |entry: &AuditEntry| {
        entry.user_agent == "kustomize-controller" && entry.namespace == stage.namespace && entry.name == "contoso"
    };
    stage.plane.audit().unwrap().iter().filter(|entry| entry.verb == "get" && own(entry)).count()
}

#[tokio::test]
async fn the_kustomization_waits_until_the_tenant_is_as_declared_and_prunes_nothing() {
    let stage = Stage::open("sample").await;
    seed(&stage, TENANT).await;
    let hold = stage.simulator.hold(json!({"endpoint": "provision"}), "acted").await.unwrap();
    let mut manifest = manifest(&stage);
    assert_eq!(flux(&stage, "flux-apply", &manifest), "created");
    let applied = read_by_flux(&stage);
    let mut wait = wait_begins(&stage, &manifest).await;
    until("Flux looks before the operator does", async || read_by_flux(&stage) > applied).await;
    // Long enough for what is held to take two looks of Flux.
    let configuration = Configuration { request_timeout: 60, ..stage.configuration() };
    let _operator = stage.operator(&configuration).await;
    held(&stage, hold).await;
    let converging = read_by_flux(&stage);
    until("Flux looks again", async || read_by_flux(&stage) >= converging + 2).await;
    assert!(wait.try_wait().unwrap().is_none(), "it waits while the operator is at work");
    assert_eq!(verdict(&stage.read("contoso").await, "Reconciling"), ("True", "Progressing"));
    stage.simulator.release(hold, "proceed").await.unwrap();
    assert_eq!(wait_ends(wait).await, "");
    stage.until_current("contoso").await;

    // An edit is waited for anew; the verdict about what was before is none.
    manifest["spec"]["resyncSeconds"] = json!(600);
    assert_eq!(flux(&stage, "flux-apply", &manifest), "configured");
    assert_eq!(wait_ends(wait_begins(&stage, &manifest).await).await, "");
    assert_eq!(stage.read("contoso").await["status"]["observedGeneration"], 2);

    assert_eq!(flux(&stage, "flux-prune", &manifest), "skipped", "the annotation protects it");
    let annotations = &mut manifest["metadata"]["annotations"];
    annotations["kustomize.toolkit.fluxcd.io/prune"] = json!("enabled");
    manifest["spec"]["deletionPolicy"] = json!("Retain");
    flux(&stage, "flux-apply", &manifest);
    assert_eq!(flux(&stage, "flux-prune", &manifest), "deleted");
    gone(&stage, "contoso").await;
}

#[tokio::test]
async fn the_kustomization_fails_at_once_where_a_person_must_act() {
    let (stage, _operator) = without_broker("person", off(&json!({}))).await;
    let mut manifest = manifest(&stage);
    manifest["spec"] = signing_in(&json!({}));
    flux(&stage, "flux-apply", &manifest);
    // The half hour of the sample is far away.
    let told = wait_ends(wait_begins(&stage, &manifest).await).await;
    let name = format!("ThreatProtectionTenant/{}/contoso status: 'Failed'", stage.namespace);
    assert_eq!(told, format!("failed early due to stalled resources: [{name}]"));
    let resource = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert!(message(&resource, "Ready").contains("https://"), "who and where: {resource:#}");
}
