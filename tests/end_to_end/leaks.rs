//! Nothing that is secret comes out anywhere: not in a log at its most talkative, not in the cluster, not in what the
//! operator serves or prints, through success and every kind of failure.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::broker_access::{probe, probes};
use crate::judges::{until, verdict};
use crate::support::microsoft::{CLIENT, SECRET_NAME, application, by_secret, tenant};
use crate::support::stage::{Operator, PROGRAM, Stage};

/// The secret of the application, planted.
const SECRET: &str = "marker-of-the-client-secret";
/// A secret that is not accepted is one all the same.
const WRONG: &str = "marker-of-a-wrong-secret";

/// What must be seen nowhere, by name.
fn markers(stage: &Stage) -> BTreeMap<&'static str, String> {
    let password = std::fs::read_to_string(&stage.announcement.password_file).unwrap().trim().to_owned();
    let basic = STANDARD.encode(format!("{}:{password}", stage.announcement.username));
    BTreeMap::from([
        ("a client secret", "marker-of-".to_owned()),
        // Three begin positions of Base64 cannot meet: a Secret holds nothing before its value.
        ("a client secret in Base64", STANDARD.encode("marker-of-")[..12].to_owned()),
        ("a token of a ServiceAccount", "eyJhbGciOi".to_owned()),
        ("an access token", "simtoken-".to_owned()),
        ("the onboarding package", "onboarding-secret-marker".to_owned()),
        ("the onboarding package in Base64", STANDARD.encode("onboarding-secret")[..20].to_owned()),
        ("the broker's password", password),
        ("the broker's password in a header", basic),
    ])
}

/// All objects of the namespace but its Secrets, as JSON, by kind.
async fn objects(stage: &Stage) -> BTreeMap<String, String> {
    let kinds = [
        ("threatprotection.dev", "v1alpha1", "ThreatProtectionTenant"),
        ("events.k8s.io", "v1", "Event"),
        ("coordination.k8s.io", "v1", "Lease"),
        ("", "v1", "ConfigMap"),
        ("", "v1", "ServiceAccount"),
        ("rbac.authorization.k8s.io", "v1", "Role"),
        ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
    ];
    let mut texts = BTreeMap::new();
    for (group, version, kind) in kinds {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = Api::namespaced_with(Client::clone(&stage.client), &stage.namespace, &resource);
        let listed = api.list(&ListParams::default()).await.unwrap();
        texts.insert(kind.to_owned(), serde_json::to_string(&listed.items).unwrap());
    }
    texts
}

/// Everything that the operator and its commands let out.
async fn outputs(stage: &Stage, operator: &Operator) -> BTreeMap<String, String> {
    let mut texts = objects(stage).await;
    texts.insert("log".to_owned(), operator.log());
    let address = probes(operator).await;
    for path in ["/readyz", "/livez", "/metrics"] {
        texts.insert(path.to_owned(), probe(&address, path).await.1);
    }
    for (name, output) in [
        ("plan", commanded(stage, &["plan", "tenant-1", "--allow-simulator"])),
        ("plan as JSON", commanded(stage, &["plan", "tenant-1", "--allow-simulator", "-o", "json"])),
        ("check", commanded(stage, &["check", "--allow-simulator", "-f", "tenant.json"])),
    ] {
        texts.insert(name.to_owned(), output);
    }
    texts
}

/// What a command prints, with everything logged that it would log.
fn commanded(stage: &Stage, arguments: &[&str]) -> String {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).args(["-n", &stage.namespace, "--config", "operator.yaml"]);
    command.current_dir(stage.directory()).env("KUBECONFIG", stage.plane.kubeconfig_path());
    command.env("RUST_LOG", "trace").env("TPO_LOG_FILTER", "trace");
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// No output holds a marker.
fn assert_clean(markers: &BTreeMap<&str, String>, outputs: &BTreeMap<String, String>) {
    for (place, text) in outputs {
        for (name, marker) in markers {
            let found = text.lines().find(|line| line.contains(marker.as_str()));
            assert!(found.is_none(), "{name} is in {place}: {found:?}");
        }
    }
}

/// What can go wrong with one answer.
fn troubles() -> Vec<Value> {
    let failing = |status: u16| json!({"kind": "failBeforeActing", "status": status});
    let malformed = |shape: &str| json!({"kind": "malformed", "shape": shape});
    let mut all: Vec<Value> = [400, 401, 403, 404, 500, 503].into_iter().map(failing).collect();
    all.extend(["html", "empty", "cut", "wrongShape", "oversize"].into_iter().map(malformed));
    all.push(json!({"kind": "tooManyRequests", "retryAfterSeconds": 1}));
    all.push(json!({"kind": "loseAnswer"}));
    all
}

/// How many tenants share the troubles.
const TENANTS: u32 = 4;

/// The id of one of them, or of its subscription.
fn id(kind: u32, index: u32) -> String {
    format!("{kind:08x}-0000-4000-8000-{index:012x}")
}

fn declared(index: u32, credentials: &Value) -> Value {
    json!({
        "tenantId": id(7, index),
        "credentials": credentials,
        "observation": {"subscriptionId": id(9, index)},
        "resyncSeconds": 300,
    })
}

/// Tenants that are on, each with an onboarding package to be read: the first through a ServiceAccount, the others through
/// a Secret with a wrong value.
async fn told(stage: &Stage) -> Operator {
    let mut members = application();
    members["secrets"] = json!([{"value": SECRET}]);
    let subject = format!("system:serviceaccount:{}:reader", stage.namespace);
    members["federated"] = json!([{"subject": subject}]);
    for index in 0..TENANTS {
        // The setting under which the onboarding package is handed out.
        let subscription = json!({"id": id(9, index), "settings": {"WDATP": true}});
        let members = json!({
            "applications": [members], "endpointRegion": "EU", "region": "EU", "service": {"state": "on"},
            "subscriptions": [subscription], "workspaces": [],
        });
        stage.simulator.seed(&id(7, index), tenant(members)).await.unwrap();
    }
    stage.give_secret(SECRET_NAME, WRONG).await;
    stage.give_account("reader", json!({"azure.workload.identity/client-id": CLIENT})).await;
    stage.allow_account("reader").await;
    let mut configuration = stage.configuration().with_timing("resyncMaximumSeconds", 300);
    configuration.log_filter = Some("trace");
    let operator = stage.operator(&configuration.with_timing("resyncMinimumSeconds", 300)).await;
    let resource = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
        "metadata": {"name": "tenant-1"}, "spec": declared(1, &by_secret()),
    });
    std::fs::write(stage.directory().join("tenant.json"), resource.to_string()).unwrap();
    let identity = json!({"clientId": CLIENT, "serviceAccountName": "reader"});
    let by_account = json!({"type": "WorkloadIdentity", "workloadIdentity": identity});
    for index in 0..TENANTS {
        let credentials = if index == 0 { by_account.clone() } else { by_secret() };
        stage.apply(&format!("tenant-{index}"), declared(index, &credentials)).await.unwrap();
    }
    operator
}

/// One trouble after the other, until each has been met.
async fn suffer(stage: &Stage) {
    let mut orders = Vec::new();
    for api in ["graph", "arm"] {
        orders.extend(troubles().into_iter().map(|trouble| (json!({"api": api}), trouble)));
    }
    // An error of Microsoft Entra that repeats what it was given.
    let echo = json!({
        "error": "invalid_client", "error_codes": [7_000_215],
        "error_description": format!("AADSTS7000215: Invalid client secret provided: '{SECRET}'."),
    });
    let echo = json!({"kind": "failBeforeActing", "status": 401, "body": echo});
    orders.extend(troubles().into_iter().chain([echo]).map(|trouble| (json!({"endpoint": "token"}), trouble)));
    for (turn, (mut matching, trouble)) in (0..).zip(orders) {
        let is_of_token = matching["endpoint"] == "token";
        let index = if is_of_token { 1 + turn % (TENANTS - 1) } else { turn % TENANTS };
        matching["tenantId"] = id(7, index).into();
        let what = format!("{trouble} of {matching}");
        let fault = stage.simulator.fault(matching, None, trouble).await.unwrap();
        if is_of_token {
            // Another version of the Secret is another proof, which is shown at once.
            let noise = turn.to_string();
            stage.put_secret(SECRET_NAME, json!({"clientSecret": SECRET, "noise": noise})).await;
        }
        stage.request_reconcile(&format!("tenant-{index}"), &format!("turn {turn}")).await;
        until(&what, async || stage.simulator.hits(fault).await.unwrap() > 0).await;
        stage.simulator.remove_fault(fault).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_out_at_the_most_talkative_level() {
    let stage = Stage::open("leaks").await;
    let operator = told(&stage).await;
    let markers = markers(&stage);
    stage.until("tenant-1", "refused", |resource| verdict(resource, "Ready").1 == "CredentialsInvalid").await;
    assert_clean(&markers, &outputs(&stage, &operator).await);
    stage.give_secret(SECRET_NAME, SECRET).await;
    for index in 0..TENANTS {
        let name = format!("tenant-{index}");
        stage
            .until(&name, "one whose package was read", |resource| {
                resource["status"]["dataLocation"]["source"] == "Observed"
            })
            .await;
    }
    suffer(&stage).await;
    assert_clean(&markers, &outputs(&stage, &operator).await);

    let log = operator.log();
    for library in ["hyper", "rustls", "kube"] {
        assert!(log.contains(&format!("\"target\":\"{library}")), "{library} does not talk");
    }
    assert!(log.contains("\"level\":\"TRACE\""));
    // The search would find what is there.
    let planted: BTreeMap<_, _> = [("planted".to_owned(), format!("x {SECRET} x"))].into();
    assert!(std::panic::catch_unwind(|| assert_clean(&markers, &planted)).is_err());
    let metrics = probe(&probes(&operator).await, "/metrics").await.1;
    for api in ["graph", "arm"] {
        for gauge in ["remote_budget_left_ratio", "remote_tenants_held_back"] {
            let begin = format!("threat_protection_{gauge}{{api=\"{api}\"}} ");
            let value = metrics.lines().find_map(|line| line.strip_prefix(&begin));
            let value: f64 = value.unwrap_or_else(|| panic!("{begin} in\n{metrics}")).parse().unwrap();
            assert!(value >= 0.0, "{metrics}");
        }
    }
    // Without the values: the digits of an id may be those of a number.
    let names: Vec<&str> = metrics
        .lines()
        .map(|line| if line.starts_with('#') { line } else { line.rsplit_once(' ').map_or(line, |(series, _)| series) })
        .collect();
    let is_told = |word: &str| names.iter().any(|line| line.contains(word));
    assert!(is_told("threat_protection_remote_budget_left_ratio{api=\"graph\"}"), "there is something to look at");
    assert!(!is_told(&id(7, 0)[..8]) && !is_told(&stage.namespace), "no tenant is a label");
}
