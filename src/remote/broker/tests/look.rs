//! Reading: every answer to `last_operation` and to `GET` of the instance.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::api::{OperationResult, Reason};
use crate::plan::failure::ErrorClass;
use crate::plan::observed::{Instance, InstanceParameters, Progress};
use crate::plan::reading::{Reading, Why};
use crate::tenant::{IntegrationType, LinkState};

const CATALOG: &str = "GET /v2/catalog";

fn get(path: &str) -> String {
    format!("GET {path}")
}

const fn in_progress(seconds: Option<i64>) -> Progress {
    let retry_after = match seconds {
        Some(seconds) => Some(SignedDuration::from_secs(seconds)),
        None => None,
    };
    Progress::InProgress { retry_after }
}

fn failed(description: &str, is_repeatable: bool, is_usable: bool) -> Progress {
    Progress::Failed { description: description.to_owned(), is_repeatable, is_usable }
}

/// An accepted operation: what `last_operation` answers, and what it means.
#[rstest]
#[case::in_progress(200, json!({ "state": "in progress", "description": "10%" }), in_progress(None))]
#[case::succeeded(200, json!({ "state": "succeeded" }), Progress::Succeeded)]
#[case::failed(200, json!({ "state": "failed", "description": "no\u{1b}[31m seat" }), failed("no[31m seat", true, true))]
#[case::failed_without_a_word(200, json!({ "state": "failed" }), failed("the broker does not say why", true, true))]
#[case::failed_for_good(200, json!({ "state": "failed", "description": "x", "update_repeatable": false }), failed("x", false, true))]
#[case::failed_and_broken(200, json!({ "state": "failed", "description": "x", "instance_usable": false }), failed("x", true, false))]
#[case::gone(410, json!({}), Progress::Gone)]
#[case::not_found_once(404, json!({}), in_progress(None))]
#[tokio::test]
async fn polling(#[case] status: u16, #[case] body: Value, #[case] expected: Progress) {
    let stage = Stage::new(true).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(status, &body)).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(404, &json!({}))).await;
    let observed = stage.observe(Some(accepted(StepName::Enable, Some("h")))).await;
    let goes_on = matches!(expected, Progress::InProgress { .. });
    assert_eq!((observed.progress, observed.failure), (Some(expected), None));
    // The instance is read only once the operation has ended.
    let mut asked = vec![CATALOG.to_owned(), get(LAST_OPERATION_PATH)];
    if goes_on {
        assert_eq!(observed.instance, Reading::unknown(Why::NotAsked));
    } else {
        asked.push(get(INSTANCE_PATH));
        assert_eq!(observed.instance, Reading::claimed(Instance::Absent));
    }
    assert_eq!(stage.asked().await, asked);
}

/// Errors while polling: the operation goes on, and the failure is told.
#[rstest]
#[case::bad_request(json_answer(400, &json!({})), ErrorClass::Protocol)]
#[case::credentials(json_answer(401, &json!({})), ErrorClass::Auth)]
#[case::permission(json_answer(403, &json!({})), ErrorClass::Permission)]
#[case::trouble(json_answer(500, &json!({})), ErrorClass::Transient)]
#[case::throttled(json_answer(429, &json!({})), ErrorClass::Throttled { until: None })]
#[case::unknown_state(json_answer(200, &json!({ "state": "done" })), ErrorClass::Protocol)]
#[case::no_state(json_answer(200, &json!({})), ErrorClass::Protocol)]
#[case::state_of_another_type(json_answer(200, &json!({ "state": 1 })), ErrorClass::Protocol)]
#[case::page(html(200), ErrorClass::Protocol)]
#[case::not_found_by_a_proxy(html(404), ErrorClass::Protocol)]
#[case::gone_says_a_proxy(html(410), ErrorClass::Protocol)]
#[case::empty(ResponseTemplate::new(200), ErrorClass::Protocol)]
#[case::redirect(ResponseTemplate::new(302).insert_header("Location", "https://elsewhere.example.com"), ErrorClass::Protocol)]
#[tokio::test]
async fn polling_goes_on_after_an_error(#[case] answer: ResponseTemplate, #[case] class: ErrorClass) {
    let stage = Stage::new(true).await;
    stage.answers("GET", LAST_OPERATION_PATH, answer).await;
    let observed = stage.observe(Some(accepted(StepName::Deprovision, Some("h")))).await;
    assert_eq!(observed.progress, Some(in_progress(None)));
    assert_eq!(observed.failure.unwrap().class, class);
}

#[tokio::test]
async fn retry_after_of_a_poll_is_honoured() {
    let stage = Stage::new(true).await;
    let body = json!({ "state": "in progress" });
    stage.answers_once("GET", LAST_OPERATION_PATH, json_answer(200, &body).insert_header("Retry-After", "45")).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(429, &json!({})).insert_header("Retry-After", "90")).await;
    let operation = Some(accepted(StepName::Enable, Some("h")));
    assert_eq!(stage.observe(operation.clone()).await.progress, Some(in_progress(Some(45))));
    assert_eq!(stage.observe(operation).await.progress, Some(in_progress(Some(90))));
}

#[tokio::test]
async fn gone_ends_a_deprovisioning_well() {
    let stage = Stage::new(false).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(410, &json!({}))).await;
    let observed = stage.observe(Some(accepted(StepName::Deprovision, Some("h")))).await;
    assert_eq!(observed.progress, Some(Progress::Succeeded));
    assert_eq!(observed.instance, Reading::unknown(Why::NotAsked), "not retrievable, so never asked");
}

#[tokio::test]
async fn three_times_not_found_in_a_row_is_gone() {
    let stage = Stage::new(true).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(404, &json!({}))).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(404, &json!({}))).await;
    let operation = accepted(StepName::Enable, Some("h"));
    for expected in [in_progress(None), in_progress(None), Progress::Gone, Progress::Gone] {
        assert_eq!(stage.observe(Some(operation.clone())).await.progress, Some(expected));
    }
    // Another operation is counted from the beginning.
    let mut next = operation;
    next.accept_time = Some(Time(now() + SignedDuration::from_mins(5)));
    assert_eq!(stage.observe(Some(next)).await.progress, Some(in_progress(None)));
}

#[tokio::test]
async fn another_answer_between_begins_the_count_anew() {
    let stage = Stage::new(true).await;
    let operation = Some(accepted(StepName::Disable, Some("h")));
    let missing = json_answer(404, &json!({}));
    for answer in [missing.clone(), missing.clone(), json_answer(500, &json!({})), missing.clone(), missing] {
        stage.answers_once("GET", LAST_OPERATION_PATH, answer).await;
        assert_eq!(stage.observe(operation.clone()).await.progress, Some(in_progress(None)));
    }
}

#[tokio::test]
async fn an_operation_without_a_handle_is_polled_without_one() {
    let stage = Stage::new(true).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(200, &json!({ "state": "in progress" }))).await;
    let observed = stage.observe(Some(accepted(StepName::Enable, None))).await;
    assert_eq!(observed.progress, Some(in_progress(None)));
    assert_eq!(stage.requests().await[1].url.query(), Some("service_id=svc-1&plan_id=plan-1"));
}

#[tokio::test]
async fn an_operation_that_has_ended_is_not_polled() {
    let stage = Stage::new(true).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(404, &json!({}))).await;
    let ended = Operation {
        end_time: Some(Time(now())),
        result: Some(OperationResult::Succeeded),
        ..accepted(StepName::Enable, Some("h"))
    };
    let observed = stage.observe(Some(ended)).await;
    assert_eq!(observed.progress, None);
    assert_eq!(stage.asked().await, [CATALOG.to_owned(), get(INSTANCE_PATH)]);
}

#[tokio::test]
async fn an_operation_that_ended_at_its_deadline_is_still_asked_for() {
    let stage = Stage::new(true).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(200, &json!({ "state": "succeeded" }))).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(200, &json!({}))).await;
    let late = Operation {
        end_time: Some(Time(now())),
        result: Some(OperationResult::TimedOut),
        ..accepted(StepName::Enable, Some("h"))
    };
    assert_eq!(stage.observe(Some(late)).await.progress, Some(Progress::Succeeded));
}

/// The operator stopped between writing the intent and reading the answer.
#[rstest]
#[case::instance_is_there(true, StepName::Enable, (200, json!({})), None, None)]
#[case::being_updated(true, StepName::Deprovision, (422, json!({ "error": "ConcurrencyError" })), None, Some(in_progress(None)))]
#[case::gone_already(true, StepName::Deprovision, (404, json!({})), None, None)]
#[case::being_provisioned(true, StepName::Enable, (404, json!({})), Some((200, json!({ "state": "in progress" }))), Some(in_progress(None)))]
#[case::an_older_failure_is_not_ours(true, StepName::Enable, (404, json!({})), Some((200, json!({ "state": "failed" }))), None)]
#[case::an_older_success_is_not_ours(true, StepName::Enable, (404, json!({})), Some((200, json!({ "state": "succeeded" }))), None)]
#[case::never_arrived(true, StepName::Enable, (404, json!({})), Some((404, json!({}))), None)]
#[case::hidden_and_running(false, StepName::Enable, (500, json!({})), Some((200, json!({ "state": "in progress" }))), Some(in_progress(None)))]
#[case::hidden_and_an_older_success(false, StepName::Deprovision, (500, json!({})), Some((200, json!({ "state": "succeeded" }))), None)]
#[case::hidden_and_gone(false, StepName::Deprovision, (500, json!({})), Some((410, json!({}))), Some(Progress::Succeeded))]
#[case::hidden_and_unknown(false, StepName::Enable, (500, json!({})), Some((404, json!({}))), None)]
#[case::hidden_and_handle_missed(false, StepName::Enable, (500, json!({})), Some((400, json!({}))), None)]
#[tokio::test]
async fn a_request_whose_answer_was_lost(
    #[case] is_retrievable: bool,
    #[case] step: StepName,
    #[case] instance: (u16, Value),
    #[case] last_operation: Option<(u16, Value)>,
    #[case] expected: Option<Progress>,
) {
    let stage = Stage::new(is_retrievable).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(instance.0, &instance.1)).await;
    let mut asked = vec![CATALOG.to_owned()];
    asked.extend(is_retrievable.then(|| get(INSTANCE_PATH)));
    asked.extend(last_operation.is_some().then(|| get(LAST_OPERATION_PATH)));
    if let Some((status, body)) = last_operation {
        stage.answers("GET", LAST_OPERATION_PATH, json_answer(status, &body)).await;
    }
    let observed = stage.observe(Some(intended(step))).await;
    assert_eq!((observed.progress, observed.failure), (expected, None));
    assert_eq!(stage.asked().await, asked);
}

#[rstest]
#[case::trouble_with_the_instance(true, 500, 200)]
#[case::trouble_with_the_operation(true, 404, 500)]
#[case::trouble_of_a_broker_that_hides(false, 404, 500)]
#[tokio::test]
async fn a_lost_answer_and_trouble_prove_nothing(
    #[case] is_retrievable: bool,
    #[case] instance: u16,
    #[case] operation: u16,
) {
    let stage = Stage::new(is_retrievable).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(instance, &json!({}))).await;
    stage.answers("GET", LAST_OPERATION_PATH, json_answer(operation, &json!({}))).await;
    let observed = stage.observe(Some(intended(StepName::Enable))).await;
    assert_eq!(observed.instance, Reading::unknown(Why::ReadFailed));
    assert_eq!(observed.failure.unwrap().class, ErrorClass::Transient);
    assert_eq!(observed.progress, None);
}

fn present(parameters: Option<InstanceParameters>) -> Reading<Instance> {
    Reading::claimed(Instance::Present { parameters })
}

#[tokio::test]
async fn an_instance_is_read_leniently() {
    let shown = json!({
        "service_id": "svc-1", "new": {},
        "parameters": {
            "tenantId": TENANT, "region": "EU", "state": "Enabled", "cloud": "Mars", "extra": [1],
            "integrations": { "IdentityCloudApps": "Linked", "EndpointIntune": "Perhaps", "Novel": "Linked" },
        },
    });
    let stage = Stage::new(true).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(200, &shown)).await;
    let observed = stage.observe(None).await;
    let parameters = InstanceParameters {
        tenant: Some(tenant()),
        region: Some(Region::EU),
        state: Some(DesiredState::Enabled),
        integrations: BTreeMap::from([(IntegrationType::IdentityCloudApps, LinkState::Linked)]),
    };
    assert_eq!(observed.instance, present(Some(parameters)));
    assert!(observed.is_retrievable);
    assert_eq!((observed.progress, observed.failure), (None, None));
}

#[rstest]
#[case::missing(json!({}), None)]
#[case::null(json!({ "parameters": null }), None)]
#[case::empty(json!({ "parameters": {} }), None)]
#[case::only_unknown_values(json!({ "parameters": { "region": "MARS", "state": 7 } }), Some(InstanceParameters::default()))]
#[tokio::test]
async fn parameters_that_are_withheld(#[case] shown: Value, #[case] expected: Option<InstanceParameters>) {
    let stage = Stage::new(true).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(200, &shown)).await;
    assert_eq!(stage.observe(None).await.instance, present(expected));
}

#[rstest]
#[case::another_tenant("00000000-0000-0000-0000-000000000001")]
#[case::no_tenant_id_at_all("contoso.com")]
#[tokio::test]
async fn an_instance_of_another_tenant_proves_nothing(#[case] id: &str) {
    let stage = Stage::new(true).await;
    let shown = json!({ "parameters": { "tenantId": id, "state": "Enabled" } });
    stage.answers("GET", INSTANCE_PATH, json_answer(200, &shown)).await;
    let observed = stage.observe(None).await;
    assert_eq!(observed.instance, Reading::unknown(Why::Ambiguous));
    let failure = observed.failure.unwrap();
    assert_eq!(failure.reason, Reason::ProviderRejected);
    assert!(!failure.message.contains(id), "messages never name a foreign tenant: {failure}");
}

#[rstest]
#[case::not_found(json_answer(404, &json!({})))]
#[case::not_found_without_a_body(ResponseTemplate::new(404))]
#[tokio::test]
async fn an_instance_that_is_not_there(#[case] answer: ResponseTemplate) {
    let stage = Stage::new(true).await;
    stage.answers("GET", INSTANCE_PATH, answer).await;
    let observed = stage.observe(None).await;
    assert_eq!((observed.instance, observed.failure), (Reading::claimed(Instance::Absent), None));
}

/// A reading that failed is never taken for an absent instance.
#[rstest]
#[case::page_not_found(html(404), ErrorClass::Protocol)]
#[case::text_not_found(ResponseTemplate::new(404).set_body_string("404 page not found"), ErrorClass::Protocol)]
#[case::gone(json_answer(410, &json!({})), ErrorClass::Protocol)]
#[case::being_updated(json_answer(422, &json!({ "error": "ConcurrencyError" })), ErrorClass::Waiting)]
#[case::credentials(json_answer(401, &json!({})), ErrorClass::Auth)]
#[case::permission(json_answer(403, &json!({})), ErrorClass::Permission)]
#[case::trouble(json_answer(502, &json!({})), ErrorClass::Transient)]
#[case::page(html(200), ErrorClass::Protocol)]
#[case::empty(ResponseTemplate::new(200), ErrorClass::Protocol)]
#[case::list(json_answer(200, &json!([])), ErrorClass::Protocol)]
#[case::parameters_of_another_type(json_answer(200, &json!({ "parameters": "x" })), ErrorClass::Protocol)]
#[tokio::test]
async fn a_reading_that_failed(#[case] answer: ResponseTemplate, #[case] class: ErrorClass) {
    let stage = Stage::new(true).await;
    stage.answers("GET", INSTANCE_PATH, answer).await;
    let observed = stage.observe(None).await;
    assert_eq!(observed.instance, Reading::unknown(Why::ReadFailed));
    let failure = observed.failure.unwrap();
    assert_eq!(failure.class, class, "{failure}");
    assert!(failure.request_id.is_some());
}

#[tokio::test]
async fn a_broker_that_shows_no_instances_is_not_asked_for_one() {
    let stage = Stage::new(false).await;
    let observed = stage.observe(None).await;
    assert_eq!(observed.instance, Reading::unknown(Why::NotAsked));
    assert!(!observed.is_retrievable);
    assert_eq!(observed.failure, None);
    assert_eq!(stage.asked().await, [CATALOG]);
}
