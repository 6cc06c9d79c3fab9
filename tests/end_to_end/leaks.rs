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
use crate::support::microsoft::{CLIENT, SECRET_NAME, SUBSCRIPTION, application, by_secret, tenant};
use crate::support::stage::{Operator, PROGRAM, Stage};
use crate::{OTHER, TENANT};

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
        ("plan", commanded(stage, &["plan", "contoso", "--allow-simulator"])),
        ("plan as JSON", commanded(stage, &["plan", "contoso", "--allow-simulator", "-o", "json"])),
        ("check", commanded(stage, &["check", "--allow-simulator", "-f", "contoso.json"])),
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

/// A stage with a tenant that the broker turns on, seen through a Secret, and one seen through a ServiceAccount.
async fn told(stage: &Stage) -> Operator {
    let mut members = application();
    members["secrets"] = json!([{"value": SECRET}]);
    let subject = format!("system:serviceaccount:{}:reader", stage.namespace);
    members["federated"] = json!([{"subject": subject}]);
    // The setting under which the onboarding package is handed out.
    let subscription = json!({"id": SUBSCRIPTION, "settings": {"WDATP": true}});
    let common = json!({
        "applications": [members], "endpointRegion": "EU", "region": "EU", "service": {"state": "on"},
        "subscriptions": [subscription],
    });
    for id in [TENANT, OTHER] {
        stage.simulator.seed(id, tenant(common.clone())).await.unwrap();
    }
    stage.give_secret(SECRET_NAME, WRONG).await;
    stage.give_account("reader", json!({"azure.workload.identity/client-id": CLIENT})).await;
    stage.allow_account("reader").await;
    let mut configuration = stage.configuration();
    configuration.log_filter = Some("trace");
    let operator = stage.operator(&configuration).await;
    let observation = json!({"subscriptionId": SUBSCRIPTION});
    let contoso = json!({"tenantId": TENANT, "credentials": by_secret(), "observation": observation});
    let resource = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
        "metadata": {"name": "contoso"}, "spec": contoso.clone(),
    });
    std::fs::write(stage.directory().join("contoso.json"), resource.to_string()).unwrap();
    stage.apply("contoso", contoso).await.unwrap();
    let identity = json!({"clientId": CLIENT, "serviceAccountName": "reader"});
    let credentials = json!({"type": "WorkloadIdentity", "workloadIdentity": identity});
    stage
        .apply("fabrikam", json!({"tenantId": OTHER, "credentials": credentials, "observation": observation}))
        .await
        .unwrap();
    operator
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_out_at_the_most_talkative_level() {
    let stage = Stage::open("leaks").await;
    let operator = told(&stage).await;
    let markers = markers(&stage);
    stage.until("contoso", "refused", |resource| verdict(resource, "Ready").1 == "CredentialsInvalid").await;
    stage.give_secret(SECRET_NAME, SECRET).await;
    for name in ["contoso", "fabrikam"] {
        stage.until(name, "signed in", |resource| verdict(resource, "CredentialsReady").0 == "True").await;
        stage
            .until(name, "one whose package was read", |resource| {
                resource["status"]["dataLocation"]["source"] == "Observed"
            })
            .await;
    }
    assert_clean(&markers, &outputs(&stage, &operator).await);

    // An error of Microsoft Entra that repeats what it was given.
    let echo = json!({
        "error": "invalid_client", "error_codes": [7_000_215],
        "error_description": format!("AADSTS7000215: Invalid client secret provided: '{SECRET}'."),
    });
    let mut troubles: Vec<(Value, Value)> = Vec::new();
    let answer = json!({"kind": "failBeforeActing", "status": 401, "body": echo});
    troubles.push((json!({"endpoint": "token"}), answer));
    for trouble in self::troubles() {
        troubles.push((json!({}), trouble.clone()));
        for endpoint in ["token", "batch", "mdeOnboarding"] {
            troubles.push((json!({"endpoint": endpoint}), trouble.clone()));
        }
    }
    for (turn, (matching, trouble)) in troubles.into_iter().enumerate() {
        let before = asked(&stage).await;
        stage.simulator.fault(matching, None, trouble).await.unwrap();
        // A request makes a new token be bought.
        for name in ["contoso", "fabrikam"] {
            stage.request_reconcile(name, &format!("turn {turn}")).await;
        }
        until("both were looked at", async || asked(&stage).await >= before + 2).await;
        stage.simulator.clear_faults().await.unwrap();
    }
    assert_clean(&markers, &outputs(&stage, &operator).await);
    let log = operator.log();
    for library in ["hyper", "rustls", "kube"] {
        assert!(log.contains(&format!("\"target\":\"{library}")), "{library} does not talk");
    }
    assert!(log.contains("\"level\":\"TRACE\""));
    let metrics = probe(&probes(&operator).await, "/metrics").await.1;
    for api in ["graph", "arm"] {
        for gauge in ["remote_budget_left_ratios", "remote_tenants_held_back"] {
            let begin = format!("threat_protection_{gauge}{{api=\"{api}\"}} ");
            let value = metrics.lines().find_map(|line| line.strip_prefix(&begin));
            let value: f64 = value.unwrap_or_else(|| panic!("{begin} in\n{metrics}")).parse().unwrap();
            assert!(value >= 0.0, "{metrics}");
        }
    }
    // The search would find what is there.
    let planted: BTreeMap<_, _> = [("planted".to_owned(), format!("x {SECRET} x"))].into();
    assert!(std::panic::catch_unwind(|| assert_clean(&markers, &planted)).is_err());
}

/// How many requests Microsoft's APIs have received.
async fn asked(stage: &Stage) -> usize {
    let mut all = 0;
    for api in ["entra", "graph", "arm"] {
        all += stage.simulator.requests_of(api, None).await.unwrap().len();
    }
    all
}
