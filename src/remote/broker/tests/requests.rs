//! What is sent, to the byte where it matters.

use base64::Engine;
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::Request;

use super::*;
use crate::api::Consent;
use crate::tenant::{IntegrationType, LinkState};

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap_or_else(|| panic!("{name} is missing")).to_str().unwrap()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn every_call_carries_the_headers_of_the_specification() {
    let stage = Stage::new(true).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(200, &json!({}))).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(200, &json!({ "state": "succeeded" }))).await;
    for verb in ["PUT", "PATCH", "DELETE"] {
        stage.answers(verb, INSTANCE_PATH, json_answer(200, &json!({}))).await;
    }
    stage.observe(Some(accepted(StepName::Enable, Some("h")))).await;
    for call in [BrokerCall::Provision, BrokerCall::Update, BrokerCall::Deprovision] {
        assert_eq!(stage.execute(call).await, Outcome::Done);
    }
    let requests = stage.requests().await;
    assert_eq!(requests.len(), 6);
    let mut ids = std::collections::BTreeSet::new();
    for request in &requests {
        assert_eq!(header(request, "x-broker-api-version"), "2.17");
        assert_eq!(header(request, "accept"), "application/json");
        // base64 of "operator:pl4nted-marker"
        assert_eq!(header(request, "authorization"), "Basic b3BlcmF0b3I6cGw0bnRlZC1tYXJrZXI=");
        let (platform, value) = header(request, "x-broker-api-originating-identity").split_once(' ').unwrap();
        assert_eq!(platform, "kubernetes");
        let decoded = base64::engine::general_purpose::STANDARD.decode(value).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&decoded).unwrap(),
            json!({
                "username": "system:serviceaccount:tp:operator", "uid": "u-1",
                "groups": ["system:serviceaccounts"], "extra": { "k": ["v"] },
            })
        );
        let id = header(request, "x-broker-api-request-identity");
        assert!(Uuid::parse_str(id).is_ok() && ids.insert(id.to_owned()), "{id}");
        let has_body = matches!(request.method.as_str(), "PUT" | "PATCH");
        assert_eq!(request.body.is_empty(), !has_body);
        assert_eq!(request.headers.contains_key("content-type"), has_body);
    }
}

#[tokio::test]
async fn provisioning_is_sent_exactly_so() {
    let stage = Stage::new(true).await;
    stage.answers("PUT", INSTANCE_PATH, json_answer(201, &json!({}))).await;
    let mut order = order(BrokerCall::Provision);
    order.request.parameters.consent = Some(Consent {
        granted_by: "Ada".to_owned(),
        granted_on: "2020-03-16".to_owned(),
        reference: Some("DOC-1".to_owned()),
    });
    assert_eq!(stage.broker.execute(&order).await, Outcome::Done);
    let requests = stage.requests().await;
    let request = &requests[1];
    assert_eq!(request.url.query(), Some("accepts_incomplete=true"));
    assert_eq!(
        body(request),
        json!({
            "service_id": "svc-1",
            "plan_id": "plan-1",
            "context": {
                "platform": "kubernetes", "namespace": "security",
                "clusterid": "cluster-1", "instance_name": "contoso",
            },
            "organization_guid": "cluster-1",
            // Version 5 UUID of "cluster-1/security", computed with another program.
            "space_guid": "a7f8a81b-d3a5-5b8f-b322-6b97a5bfdc45",
            "parameters": {
                "tenantId": TENANT, "cloud": "Public", "experience": "DefenderPortal", "region": "EU",
                "consent": { "grantedBy": "Ada", "grantedOn": "2020-03-16", "reference": "DOC-1" },
                "state": "Enabled",
            },
        })
    );
}

#[tokio::test]
async fn an_update_is_sent_exactly_so() {
    let stage = Stage::new(true).await;
    stage.answers("PATCH", INSTANCE_PATH, json_answer(200, &json!({}))).await;
    let mut order = order(BrokerCall::Update);
    order.request.parameters.state = None;
    order.request.parameters.integrations = BTreeMap::from([
        (IntegrationType::IdentityCloudApps, LinkState::Linked),
        (IntegrationType::EndpointIntune, LinkState::Unlinked),
    ]);
    assert_eq!(stage.broker.execute(&order).await, Outcome::Done);
    let requests = stage.requests().await;
    assert_eq!(requests[1].url.query(), Some("accepts_incomplete=true"));
    assert_eq!(
        body(&requests[1]),
        json!({
            "service_id": "svc-1",
            "plan_id": "plan-1",
            "context": {
                "platform": "kubernetes", "namespace": "security",
                "clusterid": "cluster-1", "instance_name": "contoso",
            },
            "parameters": { "integrations": { "IdentityCloudApps": "Linked", "EndpointIntune": "Unlinked" } },
            "previous_values": { "plan_id": "plan-1" },
        })
    );
}

#[tokio::test]
async fn deprovisioning_and_reading_name_offering_and_plan() {
    let stage = Stage::new(true).await;
    stage.answers("DELETE", INSTANCE_PATH, json_answer(200, &json!({}))).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(404, &json!({}))).await;
    stage.execute(BrokerCall::Deprovision).await;
    stage.observe(None).await;
    let requests = stage.requests().await;
    assert_eq!(requests[1].url.query(), Some("service_id=svc-1&plan_id=plan-1&accepts_incomplete=true"));
    assert_eq!(requests[2].url.query(), Some("service_id=svc-1&plan_id=plan-1"));
}

#[rstest]
#[case::blanks_and_reserved_characters("a b+c&d=e#f?g/h%20i;j".to_owned())]
#[case::other_scripts("операция/Ünïcode/任务/🚀".to_owned())]
#[case::quotes_and_line_breaks("\"'\\\n\t{}[]<>|^`".to_owned())]
#[case::ten_thousand_characters("x +&/ä%=\"#".chars().cycle().take(10_000).collect())]
#[tokio::test]
async fn the_handle_is_passed_back_exactly_as_given(#[case] handle: String) {
    let stage = Stage::new(true).await;
    stage.answers("PUT", INSTANCE_PATH, json_answer(202, &json!({ "operation": handle }))).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(200, &json!({ "state": "in progress" }))).await;
    let outcome = stage.execute(BrokerCall::Provision).await;
    assert_eq!(outcome, Outcome::InProgress { handle: Some(handle.clone()), poll_after: None });
    stage.observe(Some(accepted(StepName::Enable, Some(&handle)))).await;
    let requests = stage.requests().await;
    let url = &requests.last().unwrap().url;
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    assert_eq!(
        pairs,
        [
            ("service_id".to_owned(), "svc-1".to_owned()),
            ("plan_id".to_owned(), "plan-1".to_owned()),
            ("operation".to_owned(), handle),
        ]
    );
    assert!(!url.query().unwrap().contains('+'), "a plus is not a blank to every server");
}

#[tokio::test]
async fn a_path_before_v2_is_kept() {
    let server = MockServer::start().await;
    for base in ["/broker", "/broker/"] {
        let broker = Broker::new(settings(&format!("{}{base}", server.uri()))).unwrap();
        broker.observe(&question(None)).await;
    }
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| request.url.path() == "/broker/v2/catalog"), "{requests:?}");
}

#[rstest]
#[case::bearer(BrokerAuth::Bearer { token: "t0ken".into() }, Some("Bearer t0ken"))]
#[case::basic_with_umlauts(BrokerAuth::Basic { username: "ü".to_owned(), password: "ß".into() }, Some("Basic w7w6w58="))]
#[tokio::test]
async fn other_ways_to_sign_in(#[case] auth: BrokerAuth, #[case] expected: Option<&str>) {
    let server = MockServer::start().await;
    let broker = Broker::new(BrokerSettings { auth, ..settings(&server.uri()) }).unwrap();
    broker.observe(&question(None)).await;
    let requests = server.received_requests().await.unwrap();
    let sent = requests[0].headers.get("authorization").map(|value| value.to_str().unwrap());
    assert_eq!(sent, expected);
}

#[rstest]
#[case::colon(BrokerAuth::Basic { username: "a:b".to_owned(), password: MARKER.into() }, "colon")]
#[case::line_break(BrokerAuth::Bearer { token: format!("{MARKER}\nx").into() }, "character")]
#[case::no_certificate(BrokerAuth::ClientCertificate { identity: MARKER.into() }, "certificate")]
fn settings_that_cannot_be_used_are_refused(#[case] auth: BrokerAuth, #[case] says: &str) {
    // A certificate is read only where there is TLS.
    let error = Broker::new(BrokerSettings { auth, ..settings("https://broker.example.com") }).unwrap_err();
    assert!(error.to_string().contains(says), "{error}");
    assert!(!format!("{error} {error:?}").contains(MARKER));
}

#[test]
fn clear_text_to_another_host_is_refused() {
    let error = Broker::new(settings("http://broker.example.com")).unwrap_err().to_string();
    assert!(error.contains("https://"), "{error}");
}
