//! Releases on a real API server: installed, upgraded, rolled back and uninstalled, and an operator that runs as installed.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::helm::{CHART, RELEASE, helm, objects};
use crate::support::control_plane::process::Process;
use crate::support::control_plane::{Access, ControlPlane, Credential, Options};
use crate::support::stage::{PROGRAM, Stage};

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

/// Starts the operator as a kubelet would: with the arguments, the environment and the files of the installed pod, under
/// its ServiceAccount. Only the probes are put on a free port.
async fn run_as_installed(stage: &Stage, home: &str) -> Process {
    let (of_home, plane) = (format!("--namespace={home}"), stage.plane);
    let files = stored(plane, &["configmap", &format!("{RELEASE}-config"), &of_home]).await;
    let deployment = stored(plane, &["deployment", RELEASE, &of_home]).await;
    let pod = &deployment["spec"]["template"]["spec"];
    let (container, directory) = (&pod["containers"][0], stage.directory());
    for (name, text) in files["data"].as_object().unwrap() {
        let more = if name == "config.yaml" { "probes: { listen: '127.0.0.1:0' }\n" } else { "" };
        std::fs::write(directory.join(name), format!("{}{more}", text.as_str().unwrap())).unwrap();
    }
    let mut command = Command::new(PROGRAM);
    command.args(container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap()));
    let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    for variable in container["env"].as_array().unwrap() {
        let value = variable["value"].as_str().unwrap().replace(mount, directory.to_str().unwrap());
        command.env(variable["name"].as_str().unwrap(), value);
    }
    let token = plane.service_account_token(home, pod["serviceAccountName"].as_str().unwrap()).await.unwrap();
    let access = Access { credential: Credential::Token(token), server: None, namespace: Some(home.to_owned()) };
    command.env("KUBECONFIG", plane.write_kubeconfig(home, &access).unwrap()).env_remove("RUST_LOG");
    plane.spawn(home, &command).unwrap()
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
    let notes = releases.helm(&["install", RELEASE, CHART, "--create-namespace", "--values", file.to_str().unwrap()]);
    assert!(notes.contains(&format!("{}: *", stage.namespace)), "{notes}");

    let operator = run_as_installed(&stage, &home).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    stage.until_current("contoso").await;
    let user = format!("system:serviceaccount:{home}:{RELEASE}");
    let audit = stage.plane.audit().unwrap();
    let asked: Vec<_> = audit.iter().filter(|entry| entry.user == user).collect();
    assert!(!asked.is_empty());
    let refused: Vec<_> = asked.iter().filter(|entry| entry.response_code == Some(403)).collect();
    assert!(refused.is_empty(), "{refused:?}\n{}", operator.last_words());
    assert!(asked.iter().any(|entry| entry.resource == "leases" && entry.namespace == home), "it leads by its Lease");

    releases.helm(&["uninstall", RELEASE]);
    drop(operator);
    assert_eq!(stage.read("contoso").await["spec"]["tenantId"], TENANT);
}
