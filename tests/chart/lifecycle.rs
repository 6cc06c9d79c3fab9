//! Releases on a real API server: installed, upgraded, rolled back and uninstalled, and operators that run as installed.

use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use crate::helm::{CHART, RELEASE, helm, objects};
use crate::node::{Node, shared_node};
use crate::support::control_plane::{ControlPlane, Options, shared};
use crate::support::stage::{PATIENCE, Stage};

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
const DEFINITION: &str = "threatprotectiontenants.threatprotection.dev";

/// Helm on a control plane, in one namespace.
struct Releases<'a> {
    plane: &'a ControlPlane,
    home: tempfile::TempDir,
    namespace: &'a str,
}

impl<'a> Releases<'a> {
    fn new(plane: &'a ControlPlane, namespace: &'a str) -> Self {
        Self { plane, home: tempfile::tempdir().unwrap(), namespace }
    }

    /// Runs Helm, which must succeed.
    #[track_caller]
    fn helm(&self, arguments: &[&str]) -> String {
        let all = [arguments, &["--namespace", self.namespace]].concat();
        let output = helm(self.home.path(), Some(self.plane.kubeconfig_path()), &all);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "helm {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The same with pods that a node runs, which tells what they said where it fails.
    #[track_caller]
    fn helm_on(&self, node: &Node<'_>, arguments: &[&str]) -> String {
        let all = [arguments, &["--namespace", self.namespace]].concat();
        let output = helm(self.home.path(), Some(self.plane.kubeconfig_path()), &all);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "helm {arguments:?}: {}\n{}", text(&output.stderr), node.logs());
        text(&output.stdout)
    }
}

/// What kubectl prints about one object; `Null` where there is none.
async fn stored(plane: &ControlPlane, arguments: &[&str]) -> Value {
    let all = [&["get", "--output=json", "--ignore-not-found"], arguments].concat();
    let output = plane.kubectl(&all).await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout).unwrap() }
}

async fn kubectl(plane: &ControlPlane, arguments: &[&str], input: &str) {
    let output = plane.kubectl_with_input(arguments, input).await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The chart as an older release had it: its definition shows no region.
fn older_chart(folder: &Path) -> String {
    let older = folder.join("older");
    copy(Path::new(CHART), &older);
    let file = older.join("files/threatprotectiontenants.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let column = "    - jsonPath: .status.dataLocation.region\n      name: Region\n      type: string\n";
    assert!(text.contains(column), "the definition shows the region");
    std::fs::write(&file, text.replace(column, "")).unwrap();
    older.to_str().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn columns(definition: &Value) -> Vec<&str> {
    let columns = definition["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    columns.iter().map(|column| column["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_release_is_upgraded_with_its_definition_and_goes_without_any_resource() {
    // Of its own, because a definition is for a whole cluster.
    let plane = ControlPlane::start(Options::default()).unwrap();
    let releases = Releases::new(&plane, "operators");
    let older = older_chart(releases.home.path());
    let definition = ["customresourcedefinition", DEFINITION];
    let deployment = ["deployment", RELEASE, "--namespace=operators"];
    let replicas = async || stored(&plane, &deployment).await["spec"]["replicas"].clone();

    releases.helm(&["install", RELEASE, &older, "--create-namespace"]);
    assert!(!columns(&stored(&plane, &definition).await).contains(&"Region"), "that of the older release");
    assert_eq!(replicas().await, 2);
    let established = format!("customresourcedefinition/{DEFINITION}");
    kubectl(&plane, &["wait", "--for=condition=Established", &established, "--timeout=30s"], "").await;
    kubectl(&plane, &["create", "namespace", "security"], "").await;
    let tenant = format!(
        "apiVersion: threatprotection.dev/v1alpha1\nkind: ThreatProtectionTenant\nmetadata: {{ name: contoso, namespace: security }}\nspec: {{ tenantId: {TENANT} }}\n"
    );
    kubectl(&plane, &["apply", "--server-side", "--filename=-"], &tenant).await;
    let contoso = async || stored(&plane, &["threatprotectiontenant", "contoso", "--namespace=security"]).await;
    let before = contoso().await;

    let notes = releases.helm(&["upgrade", RELEASE, CHART, "--set", "replicas=3,config.controller.concurrency=4"]);
    assert!(notes.contains("config.tenancy is empty"), "{notes}");
    let shipped = include_str!("../../crds/threatprotectiontenants.yaml");
    assert_eq!(columns(&stored(&plane, &definition).await), columns(&objects(shipped)[0]));
    assert!(columns(&objects(shipped)[0]).contains(&"Region"));
    assert_eq!(replicas().await, 3);

    releases.helm(&["rollback", RELEASE, "1"]);
    assert_eq!(replicas().await, 2);
    releases.helm(&["upgrade", RELEASE, CHART]);

    releases.helm(&["uninstall", RELEASE]);
    assert_eq!(stored(&plane, &deployment).await, Value::Null);
    for kind in ["clusterrole", "clusterrolebinding"] {
        assert_eq!(stored(&plane, &[kind, RELEASE]).await, Value::Null);
    }
    assert!(stored(&plane, &definition).await["metadata"]["deletionTimestamp"].is_null());
    assert_eq!(contoso().await, before, "the resource is the very same");

    releases.helm(&["install", RELEASE, CHART]);
    assert_eq!(replicas().await, 2, "what was left behind is taken over again");
    assert_eq!(contoso().await, before);
}

#[tokio::test]
async fn a_definition_that_was_applied_by_hand_is_taken_over_on_request() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let releases = Releases::new(&plane, "operators");
    let older = older_chart(releases.home.path());
    let file = format!("{older}/files/threatprotectiontenants.yaml");
    kubectl(&plane, &["apply", "--server-side", "--filename", &file], "").await;
    let install = ["install", RELEASE, CHART, "--namespace=operators", "--create-namespace"];
    let refused = helm(releases.home.path(), Some(plane.kubeconfig_path()), &install);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("invalid ownership metadata"), "{words}");
    releases.helm(&["install", RELEASE, CHART, "--create-namespace", "--take-ownership", "--force-conflicts"]);
    let definition = stored(&plane, &["customresourcedefinition", DEFINITION]).await;
    assert!(columns(&definition).contains(&"Region"), "and is of this release");
}

/// Values for a stage: one namespace, its simulator as the broker and as Microsoft.
fn values(stage: &Stage) -> Value {
    let mut config: Value = serde_yaml::from_str(&stage.configuration().render()).unwrap();
    let fields = config.as_object_mut().unwrap();
    // The chart writes these.
    for name in ["probes", "leaderElection", "controller"] {
        fields.remove(name);
    }
    // Nothing of the cluster's own is read.
    fields["broker"]["clusterId"] = json!("cluster-1");
    json!({
        "crds": {"install": false},
        "watchNamespace": stage.namespace,
        "config": config,
        "extraEnv": [{"name": "TPO_ALLOW_SIMULATOR", "value": "true"}],
    })
}

#[tokio::test]
async fn an_installed_operator_makes_a_tenant_ready_with_the_rights_for_one_namespace() {
    let stage = Stage::open("installed").await;
    let members = json!({"services": ["Endpoint", "Identity", "CloudApps"], "automaticRegion": "EU"});
    stage.simulator.seed(TENANT, members).await.unwrap();
    let home = format!("{}-home", stage.namespace);
    let releases = Releases::new(stage.plane, &home);
    let file = releases.home.path().join("values.json");
    std::fs::write(&file, values(&stage).to_string()).unwrap();
    let node = shared_node().await;
    let values = file.to_str().unwrap();
    let install = ["install", RELEASE, CHART, "--create-namespace", "--wait", "--timeout=2m", "--values", values];
    let notes = releases.helm_on(node, &install);
    assert!(notes.contains(&format!("{}: *", stage.namespace)), "{notes}");
    let pods = running(stage.plane, &home).await;
    assert_eq!(pods.len(), 2, "Helm has waited for both: {pods:?}");

    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    stage.until_current("contoso").await;
    let user = format!("system:serviceaccount:{home}:{RELEASE}");
    let audit = stage.plane.audit().unwrap();
    let asked: Vec<_> = audit.iter().filter(|entry| entry.user == user).collect();
    assert!(!asked.is_empty());
    let refused: Vec<_> = asked.iter().filter(|entry| entry.response_code == Some(403)).collect();
    assert!(refused.is_empty(), "{refused:?}\n{}", node.logs());
    let lease = stored(stage.plane, &["lease", RELEASE, "--namespace", &home]).await;
    let leader = lease["spec"]["holderIdentity"].as_str().unwrap();
    assert!(
        asked.iter().any(|entry| entry.resource == "leases" && entry.namespace == home),
        "{leader} leads by its Lease"
    );

    releases.helm_on(node, &["uninstall", RELEASE, "--wait", "--timeout=2m"]);
    kubectl(stage.plane, &["wait", "--for=delete", "pods", "--all", "--namespace", &home, "--timeout=30s"], "").await;
    assert_eq!(stage.read("contoso").await["spec"]["tenantId"], TENANT);
}

/// The names and start times of the pods that are ready.
async fn running(plane: &ControlPlane, namespace: &str) -> Vec<(String, String)> {
    let pods = stored(plane, &["pods", "--namespace", namespace]).await;
    let is_ready = |pod: &&Value| {
        pod["status"]["conditions"].as_array().is_some_and(|conditions| {
            conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        })
    };
    let ready = pods["items"].as_array().unwrap().iter().filter(is_ready);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ready.map(|pod| (text(&pod["metadata"]["name"]), text(&pod["status"]["startTime"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_rolls_the_pods_only_where_it_must_and_never_has_fewer_than_before() {
    let (plane, home) = (shared(), "rolling");
    let (releases, node) = (Releases::new(plane, home), shared_node().await);
    kubectl(plane, &["apply", "--server-side", "--force-conflicts", "--filename=crds"], "").await;
    // Other tests have their resources and their operators beside this one.
    let apart =
        ["--set", "crds.install=false,fullnameOverride=rolling,watchNamespace=rolling", "--wait", "--timeout=2m"];
    releases.helm_on(node, &[&["install", RELEASE, CHART, "--create-namespace"][..], &apart].concat());
    let at_first = running(plane, home).await;
    assert_eq!(at_first.len(), 2, "{at_first:?}");

    let taken_over = ["--set", "config.timing.resyncMinimumSeconds=200"];
    releases.helm_on(node, &[&["upgrade", RELEASE, CHART][..], &taken_over, &apart].concat());
    assert_eq!(running(plane, home).await, at_first, "a change of the configuration goes without new pods");
    let start = Instant::now();
    while !at_first.iter().all(|(pod, _)| node.log(home, pod).contains("\"parts\":\"timing\"")) {
        assert!(start.elapsed() < PATIENCE, "it is not taken over by both:\n{}", node.logs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let deployment = stored(plane, &["deployment", "rolling", "--namespace", home]).await;
    let least = tokio::spawn(fewest_available(plane, home, deployment["metadata"]["generation"].as_i64().unwrap()));
    let rolled = ["--set", "config.leaderElection.retryPeriodSeconds=1"];
    releases.helm_on(node, &[&["upgrade", RELEASE, CHART][..], &rolled, &apart].concat());
    let at_last = running(plane, home).await;
    assert!(at_last.len() >= 2 && at_last.iter().all(|pod| !at_first.contains(pod)), "{at_first:?}, then {at_last:?}");
    assert_eq!(least.await.unwrap(), 2, "a new one was ready before an old one went");
    releases.helm_on(node, &["uninstall", RELEASE]);
}

/// The fewest available replicas of a Deployment that is seen until a change after `generation` is rolled out.
async fn fewest_available(plane: &ControlPlane, namespace: &str, generation: i64) -> i32 {
    let deployments: Api<Deployment> = Api::namespaced(plane.client().await.unwrap(), namespace);
    let fewest = AtomicI32::new(i32::MAX);
    let is_rolled = |deployment: Option<&Deployment>| {
        let Some(status) = deployment.and_then(|deployment| deployment.status.as_ref()) else { return false };
        fewest.fetch_min(status.available_replicas.unwrap_or_default(), Ordering::Relaxed);
        let is_done = status.updated_replicas == Some(2) && status.replicas == Some(2);
        status.observed_generation > Some(generation) && is_done
    };
    await_condition(deployments, "rolling", is_rolled).await.unwrap();
    fewest.into_inner()
}
