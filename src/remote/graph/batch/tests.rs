//! Batches as the documents write them down, and what gateways make of them.

use jiff::SignedDuration;
use rstest::rstest;

use super::*;
use crate::remote::graph::{features, hunting, roles};
use crate::remote::samples::{REQUEST, assert_troubles, blindly, failure, ok, reply};

fn read(body: &Value, count: usize) -> Vec<Result<Reply, Failure>> {
    blindly(|context| replies(&ok(body), count, context)).unwrap()
}

fn only(response: &Value) -> Result<Reply, Failure> {
    read(&json!({ "responses": [response] }), 1).remove(0)
}

#[test]
fn calls_become_parts_with_relative_addresses() {
    let [schema, ..] = hunting::calls();
    let call = call(&[features::incidents(), schema, roles::members("g")]);
    assert_eq!((call.path.as_str(), call.method.as_str(), call.operation), ("/$batch", "POST", Operation::Batch));
    assert_eq!(
        call.body.unwrap(),
        json!({ "requests": [
            {"id": "0", "method": "GET", "url": "/security/incidents?$top=1"},
            {"id": "1", "method": "POST", "url": "/security/runHuntingQuery",
             "headers": {"Content-Type": "application/json"},
             "body": {"Query": "AlertInfo | getschema", "Timespan": "P7D"}},
            {"id": "2", "method": "GET", "url": "/groups/g/transitiveMembers/microsoft.graph.user/$count",
             "headers": {"ConsistencyLevel": "eventual"}}
        ]})
    );
}

#[test]
fn what_does_not_fit_is_left_out_and_missed() {
    let calls = vec![features::incidents(); 25];
    assert_eq!(call(&calls).body.unwrap()["requests"].as_array().unwrap().len(), 20);
    let parts: Vec<Value> =
        (0..20).map(|index| json!({ "id": index.to_string(), "status": 200, "body": {} })).collect();
    let answers = read(&json!({ "responses": parts }), 25);
    assert!(answers[..20].iter().all(Result::is_ok) && answers[20..].iter().all(Result::is_err));
}

#[test]
fn answers_come_in_any_order() {
    let answers = read(
        &json!({ "responses": [
            {"id": "2", "status": 429, "headers": {"retry-after": "30", "Request-Id": "r2\u{7}"}, "body": {"error": {"code": "TooManyRequests"}}},
            {"id": "0", "status": 200, "headers": {"Content-Type": "application/json"}, "body": {"value": []}},
            {"id": "0", "status": 500},
            {"id": "7", "status": 200}
        ]}),
        3,
    );
    let [first, second, third] = answers.as_slice() else { panic!() };
    let first = first.as_ref().unwrap();
    assert_eq!((first.status, first.body.as_slice()), (200, br#"{"value":[]}"#.as_slice()));
    assert_eq!(first.request_id.as_deref(), Some(REQUEST), "that of the whole, where a part has none");
    let missing = second.as_ref().unwrap_err();
    assert_eq!((missing.class.name(), missing.reason), ("protocol", Reason::ProviderUnavailable));
    assert!(missing.message.contains("part 2"), "{missing}");
    let third = third.as_ref().unwrap();
    assert_eq!((third.status, third.retry_after), (429, Some(SignedDuration::from_secs(30))));
    assert_eq!(third.request_id.as_deref(), Some("r2"));
}

#[rstest]
#[case::object(json!({ "value": [] }), r#"{"value":[]}"#)]
#[case::number(json!(12), "12")]
#[case::text(json!("12"), "12")]
#[case::plain(json!("hello there"), "hello there")]
#[case::base64_of_a_number(json!("MTI="), "12")]
#[case::base64_of_json(json!("eyJlcnJvciI6eyJjb2RlIjoiQSJ9fQ=="), r#"{"error":{"code":"A"}}"#)]
#[case::json_in_a_text(json!("{\"value\":[]}"), r#"{"value":[]}"#)]
#[case::null(json!(null), "")]
fn a_body_is_read_in_every_form(#[case] body: Value, #[case] expected: &str) {
    let reply = only(&json!({ "id": "0", "status": 200, "body": body })).unwrap();
    assert_eq!(String::from_utf8(reply.body).unwrap(), expected);
}

#[rstest]
#[case::text(json!("404"), Some(404))]
#[case::number(json!(404), Some(404))]
#[case::too_large(json!(70_000), None)]
#[case::none(json!(99), None)]
#[case::words(json!("OK"), None)]
#[case::null(json!(null), None)]
fn a_status_is_a_status(#[case] status: Value, #[case] expected: Option<u16>) {
    assert_eq!(only(&json!({ "id": 0, "status": status })).ok().map(|reply| reply.status), expected);
}

#[test]
fn headers_are_read_without_regard_to_case() {
    let headers =
        json!({ "RETRY-AFTER": 15, "WWW-authenticate": ["Bearer error=\"x\"\u{0}"], "Client-Request-Id": "c" });
    let reply = only(&json!({ "id": "0", "status": 401, "headers": headers })).unwrap();
    assert_eq!(reply.retry_after, Some(SignedDuration::from_secs(15)));
    assert_eq!(reply.www_authenticate.as_deref(), Some("Bearer error=\"x\""));
    assert_eq!(reply.request_id.as_deref(), Some("c"));
}

#[test]
fn trouble_is_told() {
    assert_troubles(Operation::Batch, |reply, context| replies(reply, 2, context));
    let refused = failure(blindly(|context| replies(&reply(403, ""), 1, context)));
    assert_eq!(refused.reason, Reason::PermissionDenied);
    assert_eq!(read(&json!({ "responses": [] }), 0), []);
}
