//! Five answers of advanced hunting, and what they come to.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::plan::reading::Reading;
use crate::remote::held::Held;
use crate::remote::samples::{
    assert_told, assert_troubles, context, failure, holding, holding_all, ok, reply, sentence, throttled, unknown,
};
use crate::tenant::Permission;

/// 9 January 2026, as the API writes it, with seven digits.
const THEN: &str = "2026-01-09T08:30:00.1234567Z";

fn schema() -> Reply {
    ok(&json!({
        "schema": [{"name": "ColumnName", "type": "String"}],
        "results": [{"ColumnName": "Timestamp"}, {"ColumnName": "AlertId"}]
    }))
}

fn rows() -> Reply {
    ok(&json!({ "schema": [{"Name": "Newest", "Type": "DateTime"}], "results": [{ "Newest": THEN }] }))
}

fn no_rows() -> Reply {
    ok(&json!({ "schema": [], "results": [{ "Newest": null }] }))
}

fn absent(table: &str) -> Reply {
    let message = format!(
        "'where' operator: Failed to resolve table or column expression named '{table}'. Fix semantic errors in your query."
    );
    reply(400, json!({ "error": { "code": "BadRequest", "message": message } }).to_string())
}

fn refused() -> Reply {
    reply(403, r#"{"error":{"code":"Forbidden","message":"Account is not provisioned."}}"#)
}

fn broken() -> Reply {
    reply(500, r#"{"error":{"code":"UnknownError","message":""}}"#)
}

fn none() -> [Reply; 5] {
    [schema(), absent("DeviceInfo"), absent("EmailEvents"), absent("IdentityLogonEvents"), absent("CloudAppEvents")]
}

fn with(index: usize, sent: Reply, mut answers: [Reply; 5]) -> [Reply; 5] {
    answers[index] = sent;
    answers
}

fn sent(answers: &[Reply]) -> Vec<Result<Reply, Failure>> {
    answers.iter().cloned().map(Ok).collect()
}

fn read_with(answers: &[Reply], held: &Reading<Held>) -> HuntingRead {
    read(&sent(answers), context(held))
}

fn tables(services: &[Service]) -> Hunting {
    Hunting::Answers { tables: services.iter().copied().collect() }
}

fn then() -> Timestamp {
    THEN.parse().unwrap()
}

#[test]
fn the_calls_are_as_documented() {
    let queries: Vec<String> =
        calls().iter().map(|call| call.body.as_ref().unwrap()["Query"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        queries,
        [
            "AlertInfo | getschema",
            "DeviceInfo | where Timestamp > ago(7d) | summarize Newest = max(Timestamp)",
            "EmailEvents | where Timestamp > ago(7d) | summarize Newest = max(Timestamp)",
            "IdentityLogonEvents | where Timestamp > ago(7d) | where Application == \"Active Directory\" | summarize Newest = max(Timestamp)",
            "CloudAppEvents | where Timestamp > ago(7d) | summarize Newest = max(Timestamp)",
        ]
    );
    for call in calls() {
        assert_eq!((call.path.as_str(), call.method.as_str()), ("/security/runHuntingQuery", "POST"));
        assert_eq!(call.body.unwrap()["Timespan"], "P7D");
    }
}

#[test]
fn what_has_a_table_and_what_feeds_it() {
    let answers = [schema(), rows(), no_rows(), rows(), absent("CloudAppEvents")];
    let read = read_with(&answers, &unknown());
    assert_eq!(read.hunting, Ok(tables(&[Service::Endpoint, Service::Office365, Service::Identity])));
    let expected = BTreeMap::from([(Service::Endpoint, then()), (Service::Identity, then())]);
    assert_eq!(read.newest_rows, Ok(expected));
}

#[test]
fn hunting_without_a_product_answers_with_no_table() {
    let read = read_with(&none(), &unknown());
    assert_eq!(read.hunting, Ok(tables(&[])));
    assert_eq!(read.newest_rows, Ok(BTreeMap::new()));
    let without_alerts = read_with(&with(0, absent("AlertInfo"), none()), &unknown());
    assert_eq!(without_alerts.hunting, Ok(tables(&[])), "not even that table: hunting works and has nothing");
}

#[test]
fn a_refusal_of_all_is_what_the_permission_makes_of_it() {
    let all = [refused(), refused(), refused(), refused(), refused()];
    let read = read_with(&all, &holding_all());
    assert_eq!(read.hunting, Ok(Hunting::Refuses));
    assert!(sentence(read.newest_rows).contains("either"));
    let missing = read_with(&all, &holding(&[]));
    assert_eq!(missing.hunting, Err(Unread::NotPermitted(Permission::ThreatHunting)));
    assert_eq!(missing.newest_rows, Err(Unread::NotPermitted(Permission::ThreatHunting)));
    let open = read_with(&all, &unknown());
    assert!(sentence(open.hunting).contains("ThreatHunting.Read.All"));
}

#[test]
fn what_is_there_counts_although_another_answer_is_missing() {
    for missing in [broken(), refused(), throttled(None), ok(&json!({}))] {
        let read = read_with(&with(2, missing, with(1, rows(), none())), &unknown());
        assert_eq!(read.hunting, Ok(tables(&[Service::Endpoint])));
        assert!(read.newest_rows.is_err(), "whether the other product feeds data is not known");
    }
    let without_schema = read_with(&with(0, broken(), with(1, rows(), none())), &unknown());
    assert_eq!(
        without_schema.hunting,
        Ok(tables(&[Service::Endpoint])),
        "a table that answers is hunting that answers"
    );
}

#[test]
fn absence_needs_every_answer() {
    for index in 0..5 {
        let read = read_with(&with(index, broken(), none()), &holding_all());
        assert_eq!(failure(read.hunting).class.name(), "transient", "{index}");
        assert_eq!(read.newest_rows.is_err(), index > 0, "{index}");
    }
    let cut = read_with(&none()[..3], &holding_all());
    assert_told(OPERATION, &cut.hunting.unwrap_err());
    assert_told(OPERATION, &read_with(&[], &unknown()).newest_rows.unwrap_err());
}

#[test]
fn a_call_that_could_not_be_made_is_a_missing_answer() {
    let failed = failure(read_with(&with(0, broken(), none()), &unknown()).hunting);
    let mut answers = sent(&none());
    answers[4] = Err(failed.clone());
    let read = read(&answers, context(&unknown()));
    assert_eq!(read.hunting, Err(Unread::Failed(failed.clone())));
    assert_eq!(read.newest_rows, Err(Unread::Failed(failed)));
}

#[test]
fn answers_that_contradict_each_other_are_open() {
    let held = holding_all();
    for answers in [
        with(0, refused(), with(1, rows(), none())),
        with(0, absent("AlertInfo"), with(1, rows(), none())),
        with(0, refused(), none()),
        with(3, refused(), none()),
    ] {
        let unread = read_with(&answers, &held).hunting.unwrap_err();
        assert!(matches!(unread, Unread::Ambiguous(_)), "{unread:?}");
        assert_told(OPERATION, &unread);
    }
}

#[test]
fn a_column_that_is_not_known_is_no_missing_table() {
    let read = read_with(&with(3, absent("Application"), none()), &unknown());
    assert_eq!(failure(read.hunting).class.name(), "protocol");
    let other_case = read_with(&with(1, absent("deviceinfo"), none()), &unknown());
    assert_eq!(other_case.hunting, Ok(tables(&[])));
}

#[rstest]
#[case::capitals(json!({ "Schema": [], "Results": [{ "newest": "2026-01-09T08:30:00.1234567Z" }] }), true)]
#[case::without_offset(json!({ "results": [{ "Newest": "2026-01-09T08:30:00.1234567" }] }), true)]
#[case::with_offset(json!({ "results": [{ "Newest": "2026-01-09T09:30:00.1234567+01:00" }] }), true)]
#[case::empty(json!({ "results": [] }), false)]
#[case::empty_text(json!({ "results": [{ "Newest": "" }] }), false)]
fn a_newest_row_is_read_in_every_form(#[case] body: Value, #[case] is_there: bool) {
    let read = read_with(&with(1, ok(&body), none()), &unknown());
    let expected = if is_there { BTreeMap::from([(Service::Endpoint, then())]) } else { BTreeMap::new() };
    assert_eq!(read.newest_rows, Ok(expected));
    assert_eq!(read.hunting, Ok(tables(&[Service::Endpoint])));
}

#[rstest]
#[case::words(json!({ "results": [{ "Newest": "yesterday" }] }))]
#[case::number(json!({ "results": [{ "Newest": 5 }] }))]
#[case::renamed(json!({ "results": [{ "max_Timestamp": "2026-01-09T08:30:00Z" }] }))]
#[case::no_list(json!({ "results": null }))]
fn another_shape_is_no_answer(#[case] body: Value) {
    let read = read_with(&with(1, ok(&body), none()), &unknown());
    assert_eq!(failure(read.newest_rows).class.name(), "protocol");
    assert_eq!(failure(read.hunting).class.name(), "protocol");
}

#[test]
fn trouble_of_any_answer_is_told() {
    for index in 0..5 {
        assert_troubles(OPERATION, |reply, context| read(&sent(&with(index, reply.clone(), none())), context).hunting);
    }
}
