//! Changing: every answer to PUT, PATCH and DELETE.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::api::Reason::{ProviderRejected, ProviderUnavailable, Throttled};
use crate::plan::failure::ErrorClass;
use crate::remote::broker::BrokerHealth;
use BrokerCall::{Deprovision, Provision, Update};

const fn verb(call: BrokerCall) -> &'static str {
    match call {
        Provision => "PUT",
        Update => "PATCH",
        Deprovision => "DELETE",
    }
}

async fn told(call: BrokerCall, answer: ResponseTemplate) -> (Stage, Outcome) {
    let stage = Stage::new(true).await;
    stage.answers(verb(call), INSTANCE_PATH, answer).await;
    let outcome = stage.execute(call).await;
    (stage, outcome)
}

#[rstest]
#[case::provisioned(Provision, 201)]
#[case::provisioned_before(Provision, 200)]
#[case::updated(Update, 200)]
#[case::deprovisioned(Deprovision, 200)]
#[case::gone_already_is_done(Deprovision, 410)]
#[tokio::test]
async fn done(#[case] call: BrokerCall, #[case] status: u16) {
    let answer = json_answer(status, &json!({ "dashboard_url": "https://x", "unknown": [1] }));
    let (stage, outcome) = told(call, answer).await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(stage.broker.health(), BrokerHealth::Ok);
    assert_eq!(stage.asked().await, ["GET /v2/catalog".to_owned(), format!("{} {INSTANCE_PATH}", verb(call))]);
}

#[rstest]
#[case::with_a_handle(json!({ "operation": "task_10" }), Some("task_10"))]
#[case::without(json!({}), None)]
#[case::null(json!({ "operation": null }), None)]
#[case::empty(json!({ "operation": "" }), None)]
#[tokio::test]
async fn accepted_means_in_progress(
    #[values(Provision, Update, Deprovision)] call: BrokerCall,
    #[case] body: Value,
    #[case] handle: Option<&str>,
) {
    let (_, outcome) = told(call, json_answer(202, &body).insert_header("Retry-After", "7")).await;
    let poll_after = Some(SignedDuration::from_secs(7));
    assert_eq!(outcome, Outcome::InProgress { handle: handle.map(str::to_owned), poll_after });
}

fn said(error: &str) -> Value {
    json!({ "error": error, "description": "no\u{202e}t\u{0007} so\nfast" })
}

/// Name, call, status, body, class, reason, what the message contains.
#[rstest]
#[case::provider_rejected(Provision, 400, json!({ "description": "unknown region" }), ErrorClass::Invalid, ProviderRejected, "\"unknown region\"")]
#[case::id_reuse_is_named(Provision, 400, json!({}), ErrorClass::Invalid, ProviderRejected, "have it forget the old instance")]
#[case::id_reuse_is_named_for_422(Provision, 422, json!({ "error": "Nope" }), ErrorClass::Invalid, ProviderRejected, "have it forget the old instance")]
#[case::update_rejected(Update, 400, json!({ "description": "bad" }), ErrorClass::Invalid, ProviderRejected, "\"bad\"")]
#[case::update_unprocessable(
    Update,
    422,
    said("QuotaExceeded"),
    ErrorClass::Invalid,
    ProviderRejected,
    "QuotaExceeded: \"not so fast\""
)]
#[case::deprovision_rejected(Deprovision, 400, json!({}), ErrorClass::Invalid, ProviderRejected, "status 400")]
#[case::conflict_of_an_update(Update, 409, json!({}), ErrorClass::Invalid, ProviderRejected, "status 409")]
#[case::concurrency(Update, 422, said("ConcurrencyError"), ErrorClass::Waiting, Throttled, "another request")]
#[case::concurrency_of_a_provisioning(
    Provision,
    422,
    said("ConcurrencyError"),
    ErrorClass::Waiting,
    Throttled,
    "another request"
)]
#[case::concurrency_of_a_deprovisioning(
    Deprovision,
    422,
    said("ConcurrencyError"),
    ErrorClass::Waiting,
    Throttled,
    "another request"
)]
#[case::async_required(
    Provision,
    422,
    said("AsyncRequired"),
    ErrorClass::Protocol,
    ProviderUnavailable,
    "AsyncRequired"
)]
#[case::credentials(Provision, 401, json!({ "description": "who?" }), ErrorClass::Auth, ProviderUnavailable, "broker.auth")]
#[case::permission(Update, 403, json!({}), ErrorClass::Permission, ProviderUnavailable, "broker.auth")]
#[case::version(Provision, 412, json!({ "description": "speak 2.13" }), ErrorClass::Protocol, ProviderUnavailable, "2.17")]
#[case::version_says_what(Provision, 412, json!({ "description": "speak 2.13" }), ErrorClass::Protocol, ProviderUnavailable, "\"speak 2.13\"")]
#[case::unknown_instance_of_an_update(Update, 404, json!({}), ErrorClass::Waiting, Throttled, "does not know the instance")]
#[case::unknown_instance_of_a_deprovisioning(Deprovision, 404, json!({}), ErrorClass::Waiting, Throttled, "looks again")]
#[case::trouble(Provision, 500, json!({ "description": "disk" }), ErrorClass::Transient, ProviderUnavailable, "\"disk\"")]
#[case::timeout_of_a_proxy(Update, 504, json!({}), ErrorClass::Transient, ProviderUnavailable, "status 504")]
#[case::request_timeout(Update, 408, json!({}), ErrorClass::Transient, ProviderUnavailable, "status 408")]
#[case::unavailable_without_a_time(Update, 503, json!({}), ErrorClass::Transient, ProviderUnavailable, "status 503")]
#[case::never_again(Update, 500, json!({ "update_repeatable": false }), ErrorClass::Invalid, ProviderRejected, "would fail again")]
#[case::unusable(Update, 500, json!({ "instance_usable": false }), ErrorClass::Invalid, ProviderRejected, "cannot be used any more")]
#[case::throttled_without_a_time(Update, 429, json!({}), ErrorClass::Throttled { until: None }, Throttled, "asked to wait")]
#[case::status_that_does_not_exist_there(Deprovision, 201, json!({}), ErrorClass::Protocol, ProviderUnavailable, "status 201")]
#[case::no_content(Deprovision, 204, json!({}), ErrorClass::Protocol, ProviderUnavailable, "status 204")]
#[tokio::test]
async fn refused(
    #[case] call: BrokerCall,
    #[case] status: u16,
    #[case] body: Value,
    #[case] class: ErrorClass,
    #[case] reason: crate::api::Reason,
    #[case] contains: &str,
) {
    let (stage, outcome) = told(call, json_answer(status, &body)).await;
    let Outcome::Refused(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.class, failure.reason), (class, reason), "{failure}");
    assert!(failure.message.contains(contains), "{failure}");
    let sent = stage.requests().await;
    let id = sent.last().unwrap().headers.get("x-broker-api-request-identity").unwrap().to_str().unwrap();
    assert_eq!(failure.request_id.as_deref(), Some(id));
    let is_failing = reason == ProviderUnavailable;
    assert_eq!(stage.broker.health() == BrokerHealth::Failing(failure), is_failing, "{:?}", stage.broker.health());
}

#[rstest]
#[case::seconds(429, "120", Some(120))]
#[case::seconds_of_a_503(503, "30", Some(30))]
#[case::date(429, "Sat, 10 Jan 2026 12:05:00 GMT", Some(300))]
#[case::date_of_a_503(503, "Sat, 10 Jan 2026 12:00:30 GMT", Some(30))]
#[case::past(429, "Sat, 10 Jan 2026 11:00:00 GMT", None)]
#[case::negative(429, "-5", None)]
#[case::unreadable(429, "soon", None)]
#[case::capped(429, "99999999999999999999", Some(3600))]
#[case::capped_date(429, "Fri, 31 Dec 9998 00:00:00 GMT", Some(3600))]
#[tokio::test]
async fn asked_to_wait(#[case] status: u16, #[case] header: &str, #[case] seconds: Option<i64>) {
    let (_, outcome) = told(Update, json_answer(status, &json!({})).insert_header("Retry-After", header)).await;
    let Outcome::Refused(failure) = outcome else { panic!("{outcome:?}") };
    let until = seconds.map(|seconds| now() + SignedDuration::from_secs(seconds));
    assert_eq!((failure.class, failure.reason), (ErrorClass::Throttled { until }, Throttled));
}

/// 409: what `GET` shows decides. `None`: done, that is adopted.
#[rstest]
#[case::same_tenant_and_region(200, json!({ "parameters": { "tenantId": TENANT, "region": "EU" } }), None)]
#[case::tenant_in_upper_case(200, json!({ "parameters": { "tenantId": TENANT.to_uppercase(), "region": "EU" } }), None)]
#[case::another_region(200, json!({ "parameters": { "tenantId": TENANT, "region": "US" } }), Some((ErrorClass::Invalid, "its region is US, not EU")))]
#[case::unknown_region(200, json!({ "parameters": { "tenantId": TENANT, "region": "MARS" } }), Some((ErrorClass::Invalid, "region")))]
#[case::no_region(200, json!({ "parameters": { "tenantId": TENANT } }), Some((ErrorClass::Invalid, "does not say whether its region is EU")))]
#[case::another_tenant(200, json!({ "parameters": { "tenantId": "00000000-0000-0000-0000-000000000001", "region": "EU" } }), Some((ErrorClass::Invalid, "another tenant")))]
#[case::no_tenant(200, json!({ "parameters": { "region": "EU" } }), Some((ErrorClass::Invalid, "for which tenant")))]
#[case::withheld(200, json!({}), Some((ErrorClass::Invalid, "withholds its parameters")))]
#[case::being_provisioned(404, json!({}), Some((ErrorClass::Waiting, "another request")))]
#[case::trouble(500, json!({}), Some((ErrorClass::Transient, "status 500")))]
#[tokio::test]
async fn a_conflict_is_compared(
    #[case] status: u16,
    #[case] shown: Value,
    #[case] refused: Option<(ErrorClass, &str)>,
) {
    let stage = Stage::new(true).await;
    stage.answers("PUT", INSTANCE_PATH, json_answer(409, &json!({}))).await;
    stage.answers("GET", INSTANCE_PATH, json_answer(status, &shown)).await;
    match (stage.execute(Provision).await, refused) {
        (Outcome::Done, None) => {}
        (Outcome::Refused(failure), Some((class, contains))) => {
            assert_eq!(failure.class, class, "{failure}");
            assert!(failure.message.contains(contains), "{failure}");
            let rejected = class == ErrorClass::Invalid;
            assert_eq!(failure.reason == ProviderRejected, rejected, "{failure}");
        }
        (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
    }
}

#[tokio::test]
async fn a_conflict_without_a_wished_region_needs_only_the_tenant() {
    let stage = Stage::new(true).await;
    stage.answers("PUT", INSTANCE_PATH, json_answer(409, &json!({}))).await;
    let shown = json!({ "parameters": { "tenantId": TENANT, "region": "US" } });
    stage.answers("GET", INSTANCE_PATH, json_answer(200, &shown)).await;
    let mut order = order(Provision);
    order.request.parameters.region = None;
    assert_eq!(stage.broker.execute(&order).await, Outcome::Done);
}

#[tokio::test]
async fn a_conflict_that_cannot_be_compared_is_rejected() {
    let stage = Stage::new(false).await;
    stage.answers("PUT", INSTANCE_PATH, json_answer(409, &json!({}))).await;
    let failure = stage.refused(Provision).await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Invalid, ProviderRejected));
    assert_eq!(stage.asked().await.len(), 2, "an instance that is not retrievable is never asked for");
}

#[tokio::test]
async fn nothing_is_ever_deleted_that_was_not_ordered() {
    for answer in [json_answer(500, &json!({})), html(200), json_answer(408, &json!({})), json_answer(201, &json!([]))]
    {
        for call in [Provision, Update] {
            let (stage, _) = told(call, answer.clone()).await;
            assert!(stage.requests().await.iter().all(|request| request.method.as_str() != "DELETE"));
        }
    }
}
