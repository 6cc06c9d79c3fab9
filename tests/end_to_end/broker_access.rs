//! A broker that the operator may not speak to: the administrator's affair, told where people look, and cured without a
//! restart where the broker is what changes.

use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;

use crate::TENANT;
use crate::judges::{message, seed, until, verdict, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::{Operator, Stage};

/// Where the operator answers probes, as its first line of log says.
pub(crate) async fn probes(operator: &Operator) -> String {
    until("the operator says where its probes are", async || started(operator).is_some()).await;
    started(operator).unwrap()
}

fn started(operator: &Operator) -> Option<String> {
    let log = operator.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let line = lines.into_iter().find(|line| line["message"] == "started")?;
    line["probes"].as_str().map(str::to_owned)
}

/// Status and body of a probe.
pub(crate) async fn probe(address: &str, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Waits until the operator is ready; gives the body of the answer.
pub(crate) async fn until_ready(address: &str) -> String {
    until("the operator is ready", async || probe(address, "/readyz").await.0 == 200).await;
    probe(address, "/readyz").await.1
}

/// The broker's requests that were answered with 401.
async fn refused(stage: &Stage) -> usize {
    let requests = stage.simulator.requests(None, 0).await.unwrap();
    requests.iter().filter(|request| request["status"] == 401).count()
}

#[tokio::test]
async fn a_wrong_password_is_told_asked_for_seldom_and_cured_without_a_restart() {
    let stage = Stage::open("password").await;
    seed(&stage, TENANT).await;
    stage.simulator.settings(None, json!({"password": "another one"})).await.unwrap();
    let start = Instant::now();
    let operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    let waiting =
        stage.until("contoso", "waiting", |resource| verdict(resource, "Ready").1 == "ProviderUnavailable").await;
    assert_eq!(verdict(&waiting, "Reconciling"), ("True", "ProgressingWithRetry"));
    assert_eq!(kstatus(&waiting), KStatus::InProgress);
    assert!(message(&waiting, "Ready").contains("broker.auth"), "{}", message(&waiting, "Ready"));
    let body = until_ready(&probes(&operator).await).await;
    assert!(body.contains("broker: failing") && body.contains("broker.auth"), "{body}");
    until("three tries", async || refused(&stage).await >= 3).await;
    // The longest delay of this stage is 2 s, and a refusal of credentials waits that long from the first time on.
    let most = start.elapsed().as_secs() / 2 + 1;
    let tries = refused(&stage).await;
    assert!(tries as u64 <= most, "{tries} tries in {:?}", start.elapsed());
    assert_eq!(writes(&stage, "contoso").await, ["patch status"], "retrying writes nothing");
    stage.simulator.settings(None, json!({"password": null})).await.unwrap();
    stage.until_current("contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
    assert_eq!(writes(&stage, "contoso").await.len(), 3, "the trouble, the intent, the result");
    let (_, body) = probe(&probes(&operator).await, "/readyz").await;
    assert!(body.contains("broker: ok"), "{body}");
    let secret = std::fs::read_to_string(&stage.announcement.password_file).unwrap();
    assert!(!operator.log().contains(secret.trim()), "a password never reaches the log");
}

#[tokio::test]
async fn a_broker_with_a_certificate_of_somebody_else_gets_nothing() {
    let stage = Stage::open("certificate").await;
    seed(&stage, TENANT).await;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let stranger = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let file = stage.directory().join("stranger.pem");
    std::fs::write(&file, stranger.as_ref().pem()).unwrap();
    let mut configuration = stage.configuration();
    if let Some(broker) = &mut configuration.broker {
        broker.ca_file = file;
    }
    let operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    let waiting =
        stage.until("contoso", "waiting", |resource| verdict(resource, "Ready").1 == "ProviderUnavailable").await;
    assert_eq!(kstatus(&waiting), KStatus::InProgress);
    assert!(message(&waiting, "Ready").contains("broker.caFile"), "{}", message(&waiting, "Ready"));
    let address = probes(&operator).await;
    let body = until_ready(&address).await;
    assert!(body.contains("broker.caFile"), "{body}");
    // A reconcile request is a try that nobody has to wait for.
    stage.request_reconcile("contoso", "once more").await;
    stage.until("contoso", "tried again", |resource| resource["status"]["lastHandledReconcileAt"] == "once more").await;
    assert_eq!(writes(&stage, "contoso").await.len(), 2, "the trouble, and the token");
    assert!(stage.simulator.requests(None, 0).await.unwrap().is_empty(), "no password went to a stranger");
    tokio::time::timeout(Duration::from_secs(5), probe(&address, "/livez")).await.unwrap();
}
