//! Offering, plan and cache.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::api::Reason;
use crate::plan::failure::ErrorClass;
use crate::plan::reading::Why;
use crate::remote::broker::BrokerHealth;

#[rstest]
#[case::no_offering(json!({ "services": [{ "id": "a", "name": "postgres", "plans": [] }] }), "offers no service named \"microsoft-threat-protection\" (it offers \"postgres\")")]
#[case::nothing_at_all(json!({ "services": [] }), "it offers none")]
#[case::other_case(json!({ "services": [{ "id": "a", "name": "Microsoft-Threat-Protection", "plans": [] }] }), "offers no service named")]
#[case::no_plan(json!({ "services": [{ "id": "a", "name": "microsoft-threat-protection", "plans": [{ "id": "b", "name": "gold" }] }] }), "offers no plan named \"standard\" of the service \"microsoft-threat-protection\" (it offers \"gold\")")]
#[case::no_plans_field(json!({ "services": [{ "id": "a", "name": "microsoft-threat-protection" }] }), "offers no plan named")]
#[case::empty_ids(json!({ "services": [{ "id": "", "name": "microsoft-threat-protection", "plans": [{ "id": "b", "name": "standard" }] }] }), "without ids")]
#[tokio::test]
async fn an_offering_that_is_missing_is_the_administrators_affair(#[case] body: Value, #[case] says: &str) {
    let stage = Stage::bare().await;
    stage.answers("GET", "/v2/catalog", json_answer(200, &body)).await;
    let observed = stage.observe(None).await;
    let failure = observed.failure.unwrap();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Permission, Reason::ProviderUnavailable));
    assert!(failure.message.contains(says), "{failure}");
    assert!(failure.message.contains("broker"), "{failure}");
    assert_eq!(observed.instance.why(), Some(Why::ReadFailed));
    assert!(matches!(stage.broker.health(), BrokerHealth::Failing(_)));
    stage.refused(BrokerCall::Provision).await;
    assert!(stage.asked().await.iter().all(|asked| asked == "GET /v2/catalog"), "nothing else is sent");
}

#[rstest]
#[case::not_a_list(json!({ "services": "none" }))]
#[case::no_services(json!({}))]
#[case::a_list(json!([]))]
#[tokio::test]
async fn a_catalog_of_another_shape_is_no_catalog(#[case] body: Value) {
    let stage = Stage::bare().await;
    stage.answers("GET", "/v2/catalog", json_answer(200, &body)).await;
    assert_eq!(stage.observe(None).await.failure.unwrap().class, ErrorClass::Protocol);
}

#[tokio::test]
async fn entries_of_another_shape_do_not_matter() {
    let stage = Stage::bare().await;
    let mut body = catalog_body(true);
    let services = body["services"].as_array_mut().unwrap();
    services.insert(0, json!("nonsense"));
    services[2]["plans"].as_array_mut().unwrap().insert(0, json!({ "name": 5 }));
    stage.answers("GET", "/v2/catalog", json_answer(200, &body)).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(404, &json!({}))).await;
    let observed = stage.observe(None).await;
    assert_eq!(observed.failure, None);
    assert!(observed.is_retrievable);
    assert_eq!(observed.maximum_polling, Some(SignedDuration::from_secs(1200)));
}

#[rstest]
#[case::text(json!("600"))]
#[case::zero(json!(0))]
#[case::negative(json!(-1))]
#[case::null(json!(null))]
#[tokio::test]
async fn a_polling_limit_that_means_nothing_is_none(#[case] value: Value) {
    let stage = Stage::bare().await;
    let mut body = catalog_body(false);
    body["services"][1]["plans"][1]["maximum_polling_duration"] = value;
    stage.answers("GET", "/v2/catalog", json_answer(200, &body)).await;
    let observed = stage.observe(None).await;
    assert_eq!((observed.maximum_polling, observed.failure), (None, None));
}

#[tokio::test]
async fn the_catalog_is_read_once_an_hour() {
    let stage = Stage::new(false).await;
    for (minutes, reads) in [(0, 1), (59, 1), (60, 2), (119, 2), (121, 3)] {
        let later = Question { now: now() + SignedDuration::from_mins(minutes), ..question(None) };
        stage.broker.observe(&later).await;
        assert_eq!(stage.asked().await.len(), reads, "after {minutes} minutes");
    }
}

#[tokio::test]
async fn a_failed_reading_is_not_kept() {
    let stage = Stage::bare().await;
    stage.answers_once("GET", "/v2/catalog", json_answer(500, &json!({}))).await;
    stage.answers("GET", "/v2/catalog", json_answer(200, &catalog_body(false))).await;
    assert!(stage.observe(None).await.failure.is_some());
    assert!(stage.observe(None).await.failure.is_none());
    assert_eq!(stage.broker.health(), BrokerHealth::Ok);
}

#[tokio::test]
async fn who_waits_while_a_reading_fails_shares_the_failure() {
    let stage = Stage::bare().await;
    let slow = json_answer(500, &json!({})).set_delay(Duration::from_millis(300));
    stage.answers("GET", "/v2/catalog", slow).await;
    let (one, two, three) = tokio::join!(stage.observe(None), stage.observe(None), stage.observe(None));
    assert!([one, two, three].iter().all(|observed| observed.failure.is_some()));
    assert_eq!(stage.asked().await.len(), 1);
}

#[tokio::test]
async fn without_a_catalog_what_was_known_of_the_broker_stays() {
    let stage = Stage::bare().await;
    stage.answers_once("GET", "/v2/catalog", json_answer(200, &catalog_body(true))).await;
    stage.answers("GET", "/v2/catalog", json_answer(503, &json!({})).insert_header("Retry-After", "40")).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(404, &json!({}))).await;
    stage.observe(None).await;
    let operation = Some(accepted(StepName::Enable, None));
    let later = Question { now: now() + SignedDuration::from_hours(2), ..question(operation) };
    let observed = stage.broker.observe(&later).await;
    assert!(observed.is_retrievable);
    assert_eq!(observed.instance.why(), Some(Why::ReadFailed));
    let retry_after = Some(SignedDuration::from_secs(40));
    assert_eq!(observed.progress, Some(crate::plan::observed::Progress::InProgress { retry_after }));
    assert!(matches!(observed.failure.unwrap().class, ErrorClass::Throttled { until: Some(_) }));
}

#[tokio::test]
async fn a_maintenance_conflict_reads_the_catalog_once_more() {
    let stage = Stage::bare().await;
    stage.answers_once("GET", "/v2/catalog", json_answer(200, &catalog_body(true))).await;
    let mut changed = catalog_body(true);
    changed["services"][1]["plans"][1]["id"] = json!("plan-2");
    stage.answers("GET", "/v2/catalog", json_answer(200, &changed)).await;
    stage.answers_once("PUT", INSTANCE_PATH, json_answer(422, &json!({ "error": "MaintenanceInfoConflict" }))).await;
    stage.answers("PUT", INSTANCE_PATH, json_answer(201, &json!({}))).await;
    assert_eq!(stage.execute(BrokerCall::Provision).await, Outcome::Done);
    let put = format!("PUT {INSTANCE_PATH}");
    assert_eq!(stage.asked().await, ["GET /v2/catalog", &put, "GET /v2/catalog", &put]);
    let requests = stage.requests().await;
    assert_eq!(serde_json::from_slice::<Value>(&requests[3].body).unwrap()["plan_id"], "plan-2");
}

#[tokio::test]
async fn a_second_maintenance_conflict_is_a_refusal() {
    let stage = Stage::new(true).await;
    stage.answers("PATCH", INSTANCE_PATH, json_answer(422, &json!({ "error": "MaintenanceInfoConflict" }))).await;
    let failure = stage.refused(BrokerCall::Update).await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Invalid, Reason::ProviderRejected));
    assert_eq!(stage.asked().await.len(), 4, "the catalog is asked once more, and no third time");
}

#[tokio::test]
async fn an_answer_that_speaks_of_ids_has_the_catalog_read_again() {
    let stage = Stage::new(true).await;
    stage.answers("PATCH", INSTANCE_PATH, json_answer(400, &json!({ "description": "unknown plan_id" }))).await;
    stage.refused(BrokerCall::Update).await;
    stage.refused(BrokerCall::Update).await;
    let catalogs = stage.asked().await.iter().filter(|asked| asked.ends_with("catalog")).count();
    assert_eq!(catalogs, 2);
}
