//! Does `plan` say what would be done, with exit codes that a pipeline can trust, and write nothing anywhere?
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use serde_json::{Value, json};

use support::stage::{PROGRAM, Stage};

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

/// Runs the program without a cluster and without settings of the surroundings.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .env_remove("TPO_CONFIG")
        .env("KUBECONFIG", "/nowhere")
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn manifest(fields: &Value) -> String {
    let mut spec = json!({"tenantId": TENANT});
    json_patch::merge(&mut spec, fields);
    let resource = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
        "metadata": {"name": "contoso"}, "spec": spec,
    });
    serde_yaml::to_string(&resource).unwrap()
}

#[rstest]
#[case::settled("broker-already-on", 0)]
#[case::pending("broker-turns-on", 2)]
#[case::blocked("region-mismatch", 1)]
fn the_exit_code_tells_a_pipeline_and_json_can_be_read(#[case] story: &str, #[case] expected: i32) {
    let (resource, world) = (format!("tests/plans/{story}/resource.yaml"), format!("tests/plans/{story}/world.yaml"));
    let output = program(&["plan", "-f", &resource, "--world", &world]).output().unwrap();
    let golden = std::fs::read_to_string(format!("tests/plans/{story}/expected.txt")).unwrap();
    assert_eq!((code(&output), said(&output)), (expected, golden));
    let output = program(&["plan", "-f", &resource, "--world", &world, "-o", "json"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &document["exit"]), (expected, &json!(expected)));
    assert_eq!(document["plans"][0]["tenant"], TENANT);
}

#[rstest]
#[case::nothing(&["plan"], 1, "required")]
#[case::both(&["plan", "contoso", "-f", "x.yaml"], 1, "cannot be used with")]
#[case::name_and_world(&["plan", "contoso", "--world", "x.yaml"], 1, "cannot be used with")]
#[case::twice(&["plan", "-f", "-", "--world", "-"], 1, "cannot both read the standard input")]
#[case::world_alone(&["plan", "--world", "x.yaml"], 1, "--file")]
#[case::no_command(&[], 1, "Usage")]
#[case::no_file(&["plan", "-f", "/nowhere.yaml", "--world", "/nowhere.yaml"], 1, "cannot read /nowhere.yaml")]
#[case::no_configuration(&["plan", "contoso", "--config", "/nowhere.yaml"], 1, "Name an existing file with --config, or plan with -f FILE --world FILE")]
#[case::unknown_reason(&["explain", "Enabeld"], 1, "'Enabled'")]
#[case::help(&["plan", "--help"], 0, "Exit codes:")]
#[case::reason(&["explain", "throttled"], 0, "asked to wait")]
fn a_wrong_argument_is_no_plan(#[case] arguments: &[&str], #[case] expected: i32, #[case] words: &str) {
    let output = program(arguments).output().unwrap();
    assert_eq!(code(&output), expected, "{}", said(&output));
    assert!(said(&output).contains(words), "{}", said(&output));
}

#[test]
fn a_cluster_that_is_not_there_is_told_from_a_resource_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (config, kubeconfig) = (folder.path().join("config.yaml"), folder.path().join("kubeconfig"));
    std::fs::write(&config, "tenancy: []").unwrap();
    let nobody = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "x", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    });
    std::fs::write(&kubeconfig, nobody.to_string()).unwrap();
    let arguments = ["plan", "contoso", "--config", config.to_str().unwrap()];
    let output = program(&arguments).env("KUBECONFIG", &kubeconfig).output().unwrap();
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert!(said(&output).contains("current context of your kubeconfig"), "{}", said(&output));
    assert!(!said(&output).contains("Caused by"), "{}", said(&output));
}

#[test]
fn a_resource_can_come_by_the_standard_input_and_a_typing_error_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world.yaml");
    std::fs::write(&world, "broker: {}").unwrap();
    for (fields, expected, words) in [
        (json!({}), 2, "Microsoft chooses the region"),
        (json!({"dataLocaton": {"region": "EU"}}), 1, "spec.dataLocaton: there is no such field"),
    ] {
        let arguments = ["plan", "-n", "security", "-f", "-", "--world", world.to_str().unwrap()];
        let mut child =
            program(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(manifest(&fields).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), expected, "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
}

/// A stage, and the program beside it.
struct Online {
    stage: Stage,
    config: PathBuf,
}

impl Online {
    async fn open() -> Self {
        let stage = Stage::open("plan").await;
        let config = stage.directory().join("plan.yaml");
        std::fs::write(&config, stage.configuration().render()).unwrap();
        Self { stage, config }
    }

    fn plan(&self, arguments: &[&str]) -> Output {
        let (config, namespace) = (self.config.to_str().unwrap(), self.stage.namespace.as_str());
        let mut command = program(&["plan", "--config", config, "-n", namespace]);
        command.args(arguments).env("KUBECONFIG", self.stage.plane.kubeconfig_path());
        command.output().unwrap()
    }

    fn file(&self, fields: &Value) -> PathBuf {
        let path = self.stage.directory().join("resource.yaml");
        std::fs::write(&path, manifest(fields)).unwrap();
        path
    }

    fn plan_file(&self, fields: &Value) -> Output {
        let path: &Path = &self.file(fields);
        self.plan(&["-f", path.to_str().unwrap()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_planned_as_it_would_be_stored_and_nothing_is_written() {
    let online = Online::open().await;
    let stage = &online.stage;
    stage.simulator.seed(TENANT, json!({"services": ["Endpoint"]})).await.unwrap();
    let output = online.plan_file(&json!({"dataLocation": {"region": "EU"}}));
    assert_eq!(code(&output), 2, "{}", said(&output));
    assert!(
        said(&output).contains("!! CANNOT BE UNDONE: the data of this tenant will be in EU for ever"),
        "{}",
        said(&output)
    );
    assert_eq!(stage.read("contoso").await, Value::Null, "a dry run creates nothing");

    let applied = stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "EU"}})).await.unwrap();
    let output = online.plan(&["contoso", "-o", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &document["plans"][0]["steps"][0]["step"]), (2, &json!("Enable")), "{}", said(&output));

    // The region is gone from the file: it must be gone from the plan too, whoever applied it before.
    let output = online.plan_file(&json!({}));
    assert!(said(&output).contains("Microsoft chooses the region"), "{}", said(&output));
    let output = online.plan_file(&json!({"desiredState": "Deprovisioned"}));
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("needs deprovisionConfirmation equal to tenantId"), "{}", said(&output));
    let output = online.plan_file(&json!({"dataLocaton": {}}));
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("dataLocaton"), "{}", said(&output));
    let stored = stage.read("contoso").await;
    assert_eq!(stored["metadata"]["resourceVersion"], applied["metadata"]["resourceVersion"], "nothing was written");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded"], "nothing was done");
    assert_eq!(stage.simulator.count(TENANT, "PUT").await.unwrap(), 0, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_tenant_and_what_cannot_be_read_are_told_apart() {
    let mut online = Online::open().await;
    online.stage.simulator.seed(TENANT, json!({"services": ["Endpoint"]})).await.unwrap();
    // Created, not applied: no apply manager owns the spec.
    let resource: Value = serde_yaml::from_str(&manifest(&json!({"dataLocation": {"region": "EU"}}))).unwrap();
    let resources = online.stage.resources();
    resources.create(&kube::api::PostParams::default(), &serde_json::from_value(resource).unwrap()).await.unwrap();
    let output = online.plan_file(&json!({}));
    assert!(said(&output).contains("Microsoft chooses the region"), "{}", said(&output));

    let operator = online.stage.operator(&online.stage.configuration()).await;
    online.stage.until_ready("contoso", "True", "Enabled").await;
    drop(operator);
    let output = online.plan(&["contoso"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let output = online.plan_file(&json!({"dataLocation": {"region": "UK"}}));
    assert_eq!(code(&output), 1, "{}", said(&output));
    let output = online.plan_file(&json!({"desiredState": "Disabled"}));
    assert_eq!(code(&output), 2, "{}", said(&output));
    assert_eq!(code(&online.plan(&["fabrikam"])), 1, "there is no such resource");

    online.stage.kill_simulator();
    let output = online.plan_file(&json!({"desiredState": "Disabled"}));
    assert_eq!(code(&output), 1, "{}", said(&output));
    assert!(said(&output).contains("The tenant could not be read (ProviderUnavailable)"), "{}", said(&output));
}
