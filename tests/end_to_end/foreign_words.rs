//! What brokers and Microsoft's APIs say reaches people cut and without control and format characters, wherever it is
//! shown: in the status, in events, in the log.

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use rstest::rstest;
use serde_json::{Value, json};

use crate::TENANT;
use crate::asked::{off, on, signing_in, without_broker};
use crate::judges::{seed, slow_broker, until, verdict};
use crate::support::microsoft::{SECRET, SECRET_NAME, SUBSCRIPTION, by_secret};
use crate::support::stage::{Operator, Stage, ready};

/// Unicode category Cf: first and last of each run.
const FORMAT: [(char, char); 21] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

/// A bell, an escape sequence, line breaks, every kind of mark that is not seen or turns the direction of writing, and no
/// end.
fn nasty() -> String {
    let marks: String = FORMAT.iter().flat_map(|(first, last)| [*first, *last]).collect();
    format!("Nasty\u{7}\u{1b}[31m\r\nwo{marks}rds\u{9b}\t{}", "x".repeat(5_000))
}

/// Unicode categories Cc and Cf.
fn is_odd(character: char) -> bool {
    character.is_control() || FORMAT.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

/// Every text in a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// What is shown where, as JSON.
async fn shown(stage: &Stage, operator: &Operator) -> Vec<(&'static str, Value)> {
    let events: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let events = events.list(&ListParams::default()).await.unwrap().items;
    let log = operator.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect();
    vec![
        ("status", stage.read("contoso").await["status"].clone()),
        ("events", serde_json::to_value(events).unwrap()),
        ("log", Value::Array(lines)),
    ]
}

/// Nothing that is shown is odd, or goes on for longer than anybody reads; where the words are shown, they are cut.
async fn assert_clean(stage: &Stage, operator: &Operator, places: &[&str]) {
    for (place, value) in shown(stage, operator).await {
        let mut is_there = false;
        for text in texts(&value) {
            assert!(!text.contains(is_odd), "{place}: {text:?}");
            assert!(!text.contains(&"x".repeat(301)), "{place}: {} characters: {text:?}", text.chars().count());
            is_there |= text.contains("Nasty");
        }
        assert_eq!(is_there, places.contains(&place), "Nasty in {place}: {value:#}");
    }
}

#[rstest]
#[case::refused("provision", json!({"kind": "failBeforeActing", "status": 400, "body": {"error": nasty(), "description": nasty()}}), "ProviderRejected")]
#[case::no_json("provision", json!({"kind": "failBeforeActing", "status": 400, "body": nasty()}), "ProviderRejected")]
#[case::failed_later("provision", json!({"kind": "operationFails", "description": nasty()}), "OperationFailed")]
#[case::not_now("fetch", json!({"kind": "failBeforeActing", "status": 500, "body": {"description": nasty()}}), "ProviderUnavailable")]
#[tokio::test]
async fn what_the_broker_says(#[case] endpoint: &str, #[case] fault: Value, #[case] reason: &str) {
    let stage = Stage::open("broker-words").await;
    seed(&stage, TENANT).await;
    if reason == "OperationFailed" {
        stage.simulator.settings(None, slow_broker()).await.unwrap();
    }
    stage.simulator.fault(json!({"endpoint": endpoint}), None, fault).await.unwrap();
    let operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    stage.until("contoso", reason, |resource| ready(resource).1 == reason).await;
    told(&stage, reason).await;
    assert_clean(&stage, &operator, &["status", "events", "log"]).await;
}

/// Waits for the event that tells the verdict.
async fn told(stage: &Stage, reason: &str) {
    let is_told = async || crate::judges::events(stage, "contoso").await.iter().any(|(known, _)| known == reason);
    until("the verdict is told", is_told).await;
}

#[rstest]
#[case::of_the_sign_in(
    json!({"endpoint": "token"}),
    json!({"kind": "failBeforeActing", "status": 401, "headers": {"x-ms-request-id": "x".repeat(5_000)},
        "body": {"error": "invalid_client", "error_codes": [7_000_215], "error_description": format!("AADSTS7000215: {}", nasty()), "trace_id": nasty()}}),
    "CredentialsInvalid", &[],
)]
#[case::of_an_unknown_kind(
    json!({"endpoint": "token"}),
    json!({"kind": "failBeforeActing", "status": 400, "body": {"error": nasty(), "error_description": nasty()}}),
    "", &[],
)]
#[case::of_a_gate(
    json!({"api": "graph"}),
    json!({"kind": "failBeforeActing", "status": 400, "headers": {"request-id": "x".repeat(5_000)},
        "body": {"error": {"code": nasty(), "message": nasty()}}}),
    "ProviderUnavailable", &["status", "events", "log"],
)]
#[case::of_azure(
    json!({"api": "arm", "method": "PUT"}),
    json!({"kind": "failBeforeActing", "status": 400, "headers": {"x-ms-request-id": "x".repeat(5_000)},
        "body": {"error": {"code": nasty(), "message": nasty(), "details": [{"code": nasty(), "message": nasty()}]}}}),
    "ProviderRejected", &["status", "events", "log"],
)]
#[case::of_the_tenant_itself(
    json!({"endpoint": "organization"}),
    json!({"kind": "failBeforeActing", "status": 200, "body": {"value": [{
        "id": TENANT, "displayName": nasty(), "countryLetterCode": nasty(),
        "verifiedDomains": [{"name": nasty(), "isDefault": true}]}]}}),
    "Enabled", &["status"],
)]
#[tokio::test]
async fn what_microsoft_says(
    #[case] matching: Value,
    #[case] fault: Value,
    #[case] reason: &str,
    #[case] places: &[&str],
) {
    let stage = Stage::open("microsoft-words").await;
    stage.simulator.seed(TENANT, on(&json!({}))).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    stage.simulator.fault(matching, None, fault).await.unwrap();
    let mut configuration = stage.configuration();
    configuration.broker = None;
    let operator = stage.operator(&configuration).await;
    let spec = json!({
        "tenantId": TENANT, "credentials": by_secret(), "observation": {"subscriptionId": SUBSCRIPTION},
        "integrations": [{"name": "cloud-apps", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION}],
    });
    stage.apply("contoso", spec).await.unwrap();
    if reason.is_empty() {
        until("something is told", async || !crate::judges::events(&stage, "contoso").await.is_empty()).await;
    } else {
        stage.until("contoso", reason, |resource| ready(resource).1 == reason).await;
        told(&stage, reason).await;
    }
    assert_clean(&stage, &operator, places).await;
}

/// Whoever holds a role is counted and not named; the simulator tells the names all the same.
#[tokio::test]
async fn no_name_of_a_person_is_copied() {
    let (stage, operator) = without_broker("names", off(&json!({}))).await;
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    let asking = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert_eq!(verdict(&asking, "Authorized"), ("True", "Met"), "the holders of the role were read");
    told(&stage, "ActionRequired").await;
    for (place, value) in shown(&stage, &operator).await {
        assert!(!value.to_string().contains("(user)"), "{place}: {value:#}");
    }
}
