//! Signing in to Microsoft: what is missing or wrong is told exactly, what is put right is found without a restart, and
//! nobody is asked in vain.

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::DeleteParams;
use rstest::rstest;
use serde_json::{Value, json};

use crate::TENANT;
use crate::judges::{looks_at_secret, message, tokens, until, verdict, version, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::microsoft::{CLIENT, SECRET, SECRET_NAME, application, by_secret, tenant};
use crate::support::stage::{Configuration, Stage};

/// A second tenant, in the cloud of the US government.
const GOVERNMENT: &str = "5b2d7c90-1e4f-4a83-9c6b-7f0a2d8e3b15";

/// A tenant that is on.
pub(crate) fn on() -> Value {
    tenant(json!({"service": {"state": "on", "region": "EU"}, "region": "EU"}))
}

/// The same, with this application instead.
pub(crate) fn with_application(members: Value) -> Value {
    let mut application = application();
    if let Value::Object(members) = members {
        application.as_object_mut().unwrap().extend(members);
    }
    json!({"applications": [application]})
}

/// No broker and no mapping: the credentials prove the tenant.
pub(crate) fn alone(stage: &Stage) -> Configuration {
    let mut configuration = stage.configuration();
    configuration.broker = None;
    configuration.tenancy.clear();
    configuration
}

/// Waits until the resource is stalled for this reason, and its credentials are not ready because of `words`.
async fn stalled(stage: &Stage, name: &str, reason: &str, words: &[&str]) -> Value {
    let has_all = |text: &str| words.iter().all(|word| text.contains(word));
    let what = format!("{reason} with {words:?}");
    let stalled = stage
        .until(name, &what, |resource| {
            verdict(resource, "Stalled") == ("True", reason) && has_all(message(resource, "CredentialsReady"))
        })
        .await;
    assert_eq!(verdict(&stalled, "CredentialsReady"), ("False", reason));
    assert_eq!(verdict(&stalled, "Ready").1, reason);
    assert!(matches!(verdict(&stalled, "Ready").0, "False" | "Unknown"));
    assert!(has_all(message(&stalled, "Ready")), "{}", message(&stalled, "Ready"));
    assert_eq!(kstatus(&stalled), KStatus::Failed);
    stalled
}

/// Asks for a look, when the last answer of Microsoft Entra is old enough to be asked for again.
async fn ask_anew(stage: &Stage, name: &str, token: &str) {
    tokio::time::sleep(Duration::from_secs(6)).await;
    stage.request_reconcile(name, token).await;
}

#[tokio::test]
async fn a_secret_that_is_missing_is_told_exactly_and_found_without_a_restart() {
    let stage = Stage::open("missing").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    let namespace = format!("namespace {}", stage.namespace);
    // Exactly the Role that is to be created.
    let role = ["secrets, verb get, resourceNames: [contoso-reader]", &namespace];
    stalled(&stage, "contoso", "CredentialsMissing", &role).await;
    stage.allow_secret(SECRET_NAME).await;
    let words = ["Secret contoso-reader does not exist", &namespace, "key clientSecret"];
    stalled(&stage, "contoso", "CredentialsMissing", &words).await;
    stage.put_secret(SECRET_NAME, json!({"password": SECRET})).await;
    stalled(&stage, "contoso", "CredentialsMissing", &["has no key clientSecret", &namespace]).await;
    stage.put_secret(SECRET_NAME, json!({"clientSecret": "\n"})).await;
    stalled(&stage, "contoso", "CredentialsMissing", &["holds no text", "not its id"]).await;
    assert!(stage.simulator.requests_of("entra", None).await.unwrap().is_empty(), "Microsoft was not asked");
    // Many editors end a file with a line feed.
    stage.put_secret(SECRET_NAME, json!({"clientSecret": format!("{SECRET}\n")})).await;
    let ready = stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(verdict(&ready, "CredentialsReady"), ("True", "Met"));
}

#[tokio::test]
async fn a_wrong_secret_is_shown_to_microsoft_once_and_a_rotated_one_is_taken_up() {
    let stage = Stage::open("wrong").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    stage.give_secret(SECRET_NAME, "no-secret-of-the-application").await;
    let operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    let words = ["AADSTS7000215", "the value, not the secret's id", "request "];
    stalled(&stage, "contoso", "CredentialsInvalid", &words).await;
    let before = writes(&stage, "contoso").await;
    looks_at_secret(&stage, SECRET_NAME, 4).await;
    assert_eq!(tokens(&stage, TENANT).await, [401], "a refused secret is not shown again");
    ask_anew(&stage, "contoso", "again").await;
    stage.until("contoso", "handled", |resource| resource["status"]["lastHandledReconcileAt"] == "again").await;
    assert_eq!(tokens(&stage, TENANT).await, [401, 401], "unless somebody asks for it");
    assert_eq!(writes(&stage, "contoso").await.len(), before.len() + 1);

    stage.give_secret(SECRET_NAME, SECRET).await;
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(tokens(&stage, TENANT).await, [401, 401, 200]);

    // The old secret is gone at the same time, and with it every token.
    let (settled, before) = (version(&stage, "contoso").await, tokens(&stage, TENANT).await.len());
    stage.simulator.patch(TENANT, with_application(json!({"secrets": [{"value": "the-next-one"}]}))).await.unwrap();
    stage.give_secret(SECRET_NAME, "the-next-one").await;
    stage.simulator.revoke_tokens().await.unwrap();
    until("a token by the new secret", async || tokens(&stage, TENANT).await.len() > before).await;
    looks_at_secret(&stage, SECRET_NAME, 3).await;
    let asked = tokens(&stage, TENANT).await;
    assert!(asked.get(before..).unwrap_or_default().iter().all(|status| *status == 200), "{asked:?}");
    assert_eq!(version(&stage, "contoso").await, settled, "nobody notices");
    assert!(!operator.log().contains("no-secret-of-the-application"));
}

#[tokio::test]
async fn an_expired_secret_is_told_when_its_last_token_ends() {
    let stage = Stage::open("expired").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    let now: jiff::Timestamp = stage.simulator.advance(0).await.unwrap()["now"].as_str().unwrap().parse().unwrap();
    let end = now + jiff::SignedDuration::from_hours(1);
    let secrets = json!({"secrets": [{"value": SECRET, "expires": end}]});
    stage.simulator.patch(TENANT, with_application(secrets)).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    stage.simulator.advance(2 * 60 * 60).await.unwrap();
    stalled(&stage, "contoso", "CredentialsInvalid", &["AADSTS7000222", "Create a new secret"]).await;
    stage.simulator.patch(TENANT, with_application(json!({"secrets": [{"value": "fresh"}]}))).await.unwrap();
    stage.give_secret(SECRET_NAME, "fresh").await;
    stage.until_ready("contoso", "True", "Enabled").await;
}

#[tokio::test]
async fn what_the_tenant_refuses_says_what_to_do_and_is_cured_on_request() {
    let stage = Stage::open("refused").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    stage.simulator.patch(TENANT, json!({"applications": []})).await.unwrap();
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    stage.apply("nowhere", json!({"tenantId": crate::OTHER, "credentials": by_secret()})).await.unwrap();
    stalled(&stage, "contoso", "CredentialsInvalid", &["AADSTS700016", "Check clientId and tenantId"]).await;
    stalled(&stage, "nowhere", "TenantMismatch", &["AADSTS90002", "Correct spec.tenantId or spec.cloud"]).await;
    stage.simulator.patch(TENANT, with_application(json!({"consented": false}))).await.unwrap();
    // Microsoft is not asked again by itself for a while.
    ask_anew(&stage, "contoso", "consent?").await;
    stalled(&stage, "contoso", "PermissionDenied", &["AADSTS65001", "admin consent", "request a reconcile"]).await;
    stage.simulator.patch(TENANT, with_application(json!({}))).await.unwrap();
    ask_anew(&stage, "contoso", "consented").await;
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(tokens(&stage, TENANT).await, [400, 400, 200]);
    assert!(tokens(&stage, crate::OTHER).await.is_empty(), "no secret is shown to a tenant that is not there");
}

#[tokio::test]
async fn no_token_is_asked_for_in_another_cloud_than_declared() {
    let stage = Stage::open("cloud").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    let members = json!({"service": {"state": "on"}, "cloud": "GCCHigh"});
    stage.simulator.seed(GOVERNMENT, tenant(members)).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    let spec = |id: &str, cloud: &str| json!({"tenantId": id, "cloud": cloud, "credentials": by_secret()});
    stage.apply("contoso", spec(TENANT, "GCCHigh")).await.unwrap();
    stage.apply("government", spec(GOVERNMENT, "Public")).await.unwrap();
    let words = ["lives in cloud Public", "the spec says GCCHigh", "set spec.cloud to Public"];
    stalled(&stage, "contoso", "UnsupportedCloud", &words).await;
    stalled(&stage, "government", "UnsupportedCloud", &["lives in cloud GCCHigh", "the spec says Public"]).await;
    for id in [TENANT, GOVERNMENT] {
        assert!(tokens(&stage, id).await.is_empty());
        assert!(stage.simulator.requests_of("graph", Some(id)).await.unwrap().is_empty());
    }
    stage.edit("contoso", json!({"cloud": "Public"})).await.unwrap();
    stage.edit("government", json!({"cloud": "GCCHigh"})).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    let government = stage.until_ready("government", "True", "Enabled").await;
    assert_eq!(verdict(&government, "RegionPinned"), ("True", "NotNeeded"));
}

/// The token is for the declared tenant, and yet what answers calls itself another one.
#[tokio::test]
async fn credentials_that_reach_another_tenant_are_a_mistake_and_nothing_is_done() {
    let stage = Stage::open("another").await;
    stage.simulator.seed(TENANT, tenant(json!({"automaticRegion": "EU"}))).await.unwrap();
    let other = json!({"value": [{"id": crate::OTHER, "displayName": "Fabrikam"}]});
    let answer = json!({"kind": "failBeforeActing", "status": 200, "body": other});
    stage.simulator.fault(json!({"endpoint": "organization"}), None, answer).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    let words = [crate::OTHER, TENANT, "correct spec.tenantId or the credentials"];
    let told = stalled(&stage, "contoso", "TenantMismatch", &words).await;
    assert!(told["status"]["tenant"].is_null(), "the name of another tenant is not shown: {}", told["status"]);
    assert_eq!(stage.simulator.count(TENANT, "PUT").await.unwrap(), 0, "the broker is told nothing");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded"]);
    let graph = stage.simulator.requests_of("graph", Some(TENANT)).await.unwrap();
    assert!(graph.iter().all(|request| !request["parts"].to_string().contains("runHuntingQuery")), "{graph:#?}");
}

#[tokio::test]
async fn credentials_prove_a_tenant_and_never_open_the_broker() {
    let stage = Stage::open("unmapped").await;
    stage.simulator.seed(TENANT, tenant(json!({"automaticRegion": "EU"}))).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let mut configuration = stage.configuration();
    configuration.tenancy.clear();
    let _operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    let waiting = stage
        .until("contoso", "handed to a person", |resource| verdict(resource, "Stalled").1 == "ActionRequired")
        .await;
    assert_eq!(verdict(&waiting, "CredentialsReady"), ("True", "Met"));
    assert_ne!(waiting["status"]["pendingActions"], Value::Null, "{}", waiting["status"]);
    stage.apply("fabrikam", json!({"tenantId": crate::OTHER})).await.unwrap();
    let refused = stage.until_ready("fabrikam", "False", "TenantNotAllowed").await;
    assert_eq!(verdict(&refused, "CredentialsReady"), ("Unknown", "NotAsked"));
    looks_at_secret(&stage, SECRET_NAME, 2).await;
    assert!(stage.simulator.requests(None, 0).await.unwrap().is_empty(), "the broker was never called");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded"]);
}

#[tokio::test]
async fn a_simulator_that_nobody_allowed_is_refused_and_nothing_is_read() {
    let stage = Stage::open("worlds").await;
    stage.simulator.seed(TENANT, tenant(json!({"automaticRegion": "EU"}))).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let mut configuration = stage.configuration();
    configuration.allow_simulator = false;
    let operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    stalled(&stage, "contoso", "SimulatorRefused", &["answered as a simulator", "--allow-simulator"]).await;
    looks_at_secret(&stage, SECRET_NAME, 2).await;
    assert!(tokens(&stage, TENANT).await.is_empty(), "no secret is shown to a simulator that nobody allowed");
    assert!(stage.simulator.requests_of("graph", None).await.unwrap().is_empty());
    assert_eq!(stage.simulator.count(TENANT, "PUT").await.unwrap(), 0);
    drop(operator);
    configuration.allow_simulator = true;
    let _operator = stage.operator(&configuration).await;
    stage.until("contoso", "signed in", |resource| verdict(resource, "CredentialsReady") == ("True", "Met")).await;
}

#[tokio::test]
async fn a_forgotten_token_is_renewed_once_and_nobody_notices() {
    let mut stage = Stage::open("forgotten").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    let settled = version(&stage, "contoso").await;
    assert_eq!(tokens(&stage, TENANT).await, [200]);
    stage.simulator.revoke_tokens().await.unwrap();
    looks_at_secret(&stage, SECRET_NAME, 4).await;
    assert_eq!(tokens(&stage, TENANT).await, [200, 200], "one renewal");
    // The log of requests starts anew with the simulator, and its tokens are gone.
    stage.restart_simulator().await;
    until("a new token", async || !tokens(&stage, TENANT).await.is_empty()).await;
    looks_at_secret(&stage, SECRET_NAME, 3).await;
    assert_eq!(tokens(&stage, TENANT).await, [200]);
    assert_eq!(version(&stage, "contoso").await, settled, "nobody notices");
}

/// `spec.credentials` with a ServiceAccount, or with the operator's own identity.
fn by_identity(account: Option<&str>) -> Value {
    let mut identity = json!({"clientId": CLIENT});
    if let Some(account) = account {
        identity["serviceAccountName"] = account.into();
    }
    json!({"type": "WorkloadIdentity", "workloadIdentity": identity})
}

/// The application trusts this subject, and has no secret.
fn trusting(subjects: &[String]) -> Value {
    let federated: Vec<Value> = subjects.iter().map(|subject| json!({"subject": subject})).collect();
    with_application(json!({"secrets": [], "federated": federated}))
}

#[tokio::test]
async fn a_service_account_signs_in_when_everything_between_it_and_the_tenant_is_there() {
    let stage = Stage::open("account").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    stage.simulator.patch(TENANT, trusting(&[])).await.unwrap();
    let operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_identity(Some("reader"))})).await.unwrap();
    let namespace = format!("namespace {}", stage.namespace);
    let role = ["serviceaccounts, verb get, resourceNames: [reader]", &namespace];
    stalled(&stage, "contoso", "CredentialsMissing", &role).await;
    let right = |resource: &str, verb: &str| json!({"apiGroups": [""], "resources": [resource], "resourceNames": ["reader"], "verbs": [verb]});
    stage.allow("see-reader", right("serviceaccounts", "get")).await;
    let words = ["ServiceAccount reader does not exist", &namespace, CLIENT];
    stalled(&stage, "contoso", "CredentialsMissing", &words).await;
    stage.give_account("reader", json!({})).await;
    let annotation = format!("annotate it azure.workload.identity/client-id: {CLIENT}");
    stalled(&stage, "contoso", "CredentialsInvalid", &[&annotation]).await;
    let named = |client: &str, tenant: &str| json!({"azure.workload.identity/client-id": client, "azure.workload.identity/tenant-id": tenant});
    stage.give_account("reader", named(crate::OTHER, TENANT)).await;
    stalled(&stage, "contoso", "CredentialsInvalid", &[&annotation]).await;
    stage.give_account("reader", named(CLIENT, crate::OTHER)).await;
    let words = format!("annotate it azure.workload.identity/tenant-id: {TENANT}");
    stalled(&stage, "contoso", "CredentialsInvalid", &[&words]).await;
    stage.give_account("reader", named(CLIENT, TENANT)).await;
    let role = ["serviceaccounts/token, verb create, resourceNames: [reader]", &namespace];
    stalled(&stage, "contoso", "CredentialsMissing", &role).await;
    assert!(tokens(&stage, TENANT).await.is_empty(), "Microsoft was not asked for a token");

    stage.allow_account("reader").await;
    let subject = format!("system:serviceaccount:{}:reader", stage.namespace);
    let words = ["AADSTS70021", &subject, "api://AzureADTokenExchange"];
    stalled(&stage, "contoso", "CredentialsInvalid", &words).await;
    stage.simulator.patch(TENANT, trusting(&["system:serviceaccount:elsewhere:reader".to_owned()])).await.unwrap();
    ask_anew(&stage, "contoso", "trusted?").await;
    stalled(&stage, "contoso", "CredentialsInvalid", &["AADSTS700213", &subject]).await;
    stage.simulator.patch(TENANT, trusting(&[subject])).await.unwrap();
    ask_anew(&stage, "contoso", "trusted").await;
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(tokens(&stage, TENANT).await, [400, 401, 200]);

    // The account is gone, and with it the right to its tokens.
    let accounts: Api<ServiceAccount> = Api::namespaced(stage.client.clone(), &stage.namespace);
    accounts.delete("reader", &DeleteParams::default()).await.unwrap();
    stalled(&stage, "contoso", "CredentialsMissing", &["ServiceAccount reader does not exist"]).await;
    assert!(!operator.log().contains("eyJ"), "no token of a ServiceAccount is logged");
}

#[tokio::test]
async fn the_operators_own_identity_is_for_those_whom_the_administrator_lists() {
    let stage = Stage::open("own").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    stage.simulator.seed(crate::OTHER, on()).await.unwrap();
    let subject = format!("system:serviceaccount:{}:{}", stage.namespace, crate::support::stage::ACCOUNT);
    for id in [TENANT, crate::OTHER] {
        stage.simulator.patch(id, trusting(std::slice::from_ref(&subject))).await.unwrap();
    }
    let file = stage.directory().join("azure-identity-token");
    let mut configuration = alone(&stage);
    let identity = format!(
        "  workloadIdentity:\n    tokenFile: {}\n    allow:\n      - {{ namespace: {}, clientId: {CLIENT}, tenantId: {TENANT} }}\n",
        file.display(),
        stage.namespace
    );
    configuration.microsoft_lines.push_str(&identity);
    let operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_identity(None)})).await.unwrap();
    stage.apply("fabrikam", json!({"tenantId": crate::OTHER, "credentials": by_identity(None)})).await.unwrap();
    let words = ["microsoft.workloadIdentity.allow", &stage.namespace, CLIENT, crate::OTHER, "serviceAccountName"];
    stalled(&stage, "fabrikam", "CredentialsInvalid", &words).await;
    stalled(&stage, "contoso", "CredentialsInvalid", &["azure-identity-token", "mount a projected token"]).await;
    let token = stage.token_for(crate::support::stage::ACCOUNT, "api://AzureADTokenExchange").await;
    std::fs::write(&file, &token).unwrap();
    ask_anew(&stage, "contoso", "mounted").await;
    stage.until_ready("contoso", "True", "Enabled").await;
    assert!(tokens(&stage, crate::OTHER).await.is_empty());
    assert!(!operator.log().contains(&token));
}

/// The shipped samples as they stand, but for where this operator runs.
#[rstest]
#[case::secret(
    include_str!("../../deploy/samples/by-secret.yaml"),
    include_str!("../../deploy/samples/credentials/secret.yaml")
)]
#[case::workload_identity(
    include_str!("../../deploy/samples/by-workload-identity.yaml"),
    include_str!("../../deploy/samples/credentials/workload-identity.yaml")
)]
#[tokio::test]
async fn the_shipped_rights_are_enough(#[case] resource: &str, #[case] rights: &str) {
    let stage = Stage::open("samples").await;
    stage.simulator.seed(TENANT, on()).await.unwrap();
    let subject = format!("system:serviceaccount:{}:contoso-reader", stage.namespace);
    let both = json!({"federated": [{"subject": subject}]});
    stage.simulator.patch(TENANT, with_application(both)).await.unwrap();
    let _operator = stage.operator(&alone(&stage)).await;
    let resource: Value = serde_yaml::from_str(resource).unwrap();
    stage.apply("contoso", resource["spec"].clone()).await.unwrap();
    stage.until("contoso", "waiting", |resource| verdict(resource, "Ready").1 == "CredentialsMissing").await;
    let here = format!("    namespace: {}", stage.namespace);
    let rights = rights.replace("    namespace: threat-protection-operator", &here);
    let arguments = ["--namespace", &stage.namespace, "apply", "-f", "-"];
    let output = stage.plane.kubectl_with_input(&arguments, &rights).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if resource["spec"]["credentials"]["type"] == "ClientSecret" {
        let literal = format!("--from-literal=clientSecret={SECRET}");
        let arguments = ["--namespace", &stage.namespace, "create", "secret", "generic", SECRET_NAME, &literal];
        assert!(stage.plane.kubectl(&arguments).await.unwrap().status.success());
    }
    stage.until_ready("contoso", "True", "Enabled").await;
}
