//! The connector of Microsoft Sentinel.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::remote::stand_in::microsoft::{connector, error, list};
use crate::remote::stand_in::{Canned, TENANT};

fn connectors(played: &Played) -> Vec<Value> {
    played.change(|model| model.connectors[&workspace(SUBSCRIPTION, "soc-prod")].clone())
}

/// A workspace with these connectors.
fn with(connectors: Vec<Value>) -> Played {
    let played = Played::new();
    played.change(|model| model.connectors.insert(workspace(SUBSCRIPTION, "soc-prod"), connectors));
    played
}

fn link(played: &Played) -> Hand {
    Hand::new(played, IntegrationType::SentinelIncidents, LinkState::Linked)
}

fn unlink(played: &Played) -> Hand {
    Hand::new(played, IntegrationType::SentinelIncidents, LinkState::Unlinked)
}

#[tokio::test]
async fn a_new_connector_is_made_once() {
    let played = with(Vec::new());
    let hand = link(&played);
    assert_eq!(hand.set().await, Outcome::Done);
    let [made] = &connectors(&played)[..] else { panic!("not one") };
    assert_eq!(made["kind"], "MicrosoftThreatProtection");
    let properties = json!({ "tenantId": TENANT, "dataTypes": { "incidents": { "state": "Enabled" } } });
    assert_eq!(made["properties"], properties);
    let name = made["name"].as_str().unwrap();
    let expected = [
        format!("GET {SUBSCRIPTION}"),
        "GET dataConnectors".to_owned(),
        format!("PUT {name}"),
        "GET dataConnectors".to_owned(),
    ];
    assert_eq!(story(&played), expected);
    assert_eq!(hand.set().await, Outcome::Done);
    assert_eq!(writes(&played), 1);
}

#[tokio::test]
async fn an_existing_one_keeps_what_it_carries_and_is_changed_only_as_it_was_read() {
    let other = json!({ "name": "office", "kind": "OfficeATP", "etag": "\"9\"", "properties": { "tenantId": TENANT } });
    let played = with(vec![other.clone(), connector("own", &[("alerts", "Enabled"), ("incidents", "Disabled")])]);
    assert_eq!(link(&played).set().await, Outcome::Done);
    let now = connectors(&played);
    assert_eq!(now[0], other, "that of another product is let be");
    assert_eq!(
        now[1]["properties"]["dataTypes"],
        json!({ "alerts": { "state": "Enabled" }, "incidents": { "state": "Enabled" } })
    );
    assert_eq!(now[1]["properties"]["kept"], "as it is");
    let seen = played.server.seen();
    let put = seen.iter().find(|seen| seen.method == "PUT").unwrap();
    assert_eq!(put.header("if-match"), Some("\"1\""));
    assert_eq!(serde_json::from_str::<Value>(&put.body).unwrap()["etag"], "\"1\"");
}

#[tokio::test]
async fn one_that_carries_nothing_else_is_taken_away() {
    let played = with(vec![connector("own", &[("incidents", "Enabled"), ("alerts", "Disabled")])]);
    let hand = unlink(&played);
    assert_eq!(hand.set().await, Outcome::Done);
    assert_eq!(connectors(&played), Vec::<Value>::new());
    let seen = played.server.seen();
    let delete = seen.iter().find(|seen| seen.method == "DELETE").unwrap();
    assert_eq!(delete.header("if-match"), Some("\"1\""));
    assert_eq!(hand.set().await, Outcome::Done);
    assert_eq!(writes(&played), 1);
}

#[rstest]
#[case::as_documented(connector("own", &[("incidents", "Enabled"), ("alerts", "Enabled")]))]
#[case::another_case(json!({ "Name": "own", "name": "own", "kind": "microsoftthreatprotection", "etag": "\"1\"", "Properties": {
    "TenantId": TENANT, "DataTypes": { "Incidents": { "State": "enabled" }, "Alerts": { "State": " ENABLED " } } } }))]
#[tokio::test]
async fn one_that_carries_more_is_switched_off_for_incidents_only(#[case] existing: Value) {
    let played = with(vec![existing]);
    assert_eq!(unlink(&played).set().await, Outcome::Done);
    let [now] = &connectors(&played)[..] else { panic!("not one") };
    let types = &now["properties"]["dataTypes"];
    assert_eq!(types["incidents"]["state"], "Disabled");
    assert!(types.to_string().to_ascii_lowercase().contains("enabled"), "the alerts still are: {types}");
    assert!(story(&played).contains(&"PUT own".to_owned()), "{:?}", story(&played));
}

#[rstest]
#[case::linked(LinkState::Linked, vec![connector("own", &[("incidents", "enabled ")])])]
#[case::none(LinkState::Unlinked, Vec::new())]
#[case::off(LinkState::Unlinked, vec![connector("own", &[("incidents", "Disabled")])])]
#[case::alerts_only(LinkState::Unlinked, vec![connector("own", &[("alerts", "Enabled")])])]
#[tokio::test]
async fn without_a_difference_nothing_is_written(#[case] state: LinkState, #[case] existing: Vec<Value>) {
    let played = with(existing);
    assert_eq!(Hand::new(&played, IntegrationType::SentinelIncidents, state).set().await, Outcome::Done);
    assert_eq!((played.requests().len(), writes(&played)), (2, 0));
}

/// "An undocumented connector state: Unknown, nothing written."
#[rstest]
#[tokio::test]
async fn on_doubt_nothing_is_written(
    #[values(LinkState::Linked, LinkState::Unlinked)] state: LinkState,
    #[values(0, 1, 2, 3)] doubt: usize,
) {
    let played = with(vec![connector("own", &[("incidents", "Pending")])]);
    match doubt {
        0 => {}
        1 => played.say("dataConnectors?", list(&json!([null]))),
        2 => {
            let page = json!({ "value": [], "nextLink": "https://evil.example.com/arm/next" });
            played.say("dataConnectors?", Canned::json(200, &page));
        }
        _ => {
            let next = format!("{}/arm/subscriptions/{SUBSCRIPTION}/dataConnectors?again", played.server.base());
            played.say("dataConnectors?", Canned::json(200, &json!({ "value": [], "nextLink": next })));
        }
    }
    let hand = Hand::new(&played, IntegrationType::SentinelIncidents, state);
    let failure = hand.refused().await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Protocol, Reason::ProviderUnavailable), "{failure}");
    assert_eq!(writes(&played), 0);
    assert!(played.requests().len() <= 6, "five pages at most");
}

#[tokio::test]
async fn one_on_a_further_page_is_found() {
    let played = with(Vec::new());
    let next = format!("{}/arm/subscriptions/{SUBSCRIPTION}/more", played.server.base());
    played.say("dataConnectors?", Canned::json(200, &json!({ "value": [], "nextLink": next })));
    played.say("/more", list(&json!([connector("own", &[("incidents", "Enabled")])])));
    assert_eq!(link(&played).set().await, Outcome::Done);
    assert_eq!((played.requests().len(), writes(&played)), (3, 0));
}

#[rstest]
#[tokio::test]
async fn a_licence_that_is_missing_is_a_persons(#[values("Missing consent", "License is invalid")] words: &str) {
    let played = with(Vec::new());
    played.say("PUT ", error(401, "InvalidLicense", words).with("x-ms-request-id", "arm-1"));
    let failure = link(&played).refused().await;
    assert_eq!(failure.reason, Reason::ActionRequired);
    assert!(failure.message.contains("a person connects it"), "{failure}");
    assert_eq!((failure.request_id.as_deref(), writes(&played)), (Some("arm-1"), 1), "it is not sent twice");
}

#[tokio::test]
async fn a_403_names_the_role() {
    let played = with(Vec::new());
    played.say("PUT ", error(403, "AuthorizationFailed", "no"));
    let failure = link(&played).refused().await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Permission, Reason::PermissionDenied));
    assert!(failure.message.contains("Microsoft Sentinel Contributor"), "{failure}");
}

#[tokio::test]
async fn somebody_elses_change_in_between_is_not_undone() {
    let played = with(vec![connector("own", &[("incidents", "Disabled")])]);
    let before = list(&json!(connectors(&played)));
    // The list is old: the connector has another etag by now.
    played.change(|model| {
        let all = model.connectors.get_mut(&workspace(SUBSCRIPTION, "soc-prod")).unwrap();
        all[0]["etag"] = "\"7\"".into();
    });
    played.say_times(1, "dataConnectors?", before);
    let hand = link(&played);
    let failure = hand.refused().await;
    assert_eq!(failure.class, ErrorClass::Waiting);
    assert_eq!(connectors(&played)[0]["properties"]["dataTypes"]["incidents"]["state"], "Disabled");
    assert_eq!(hand.set().await, Outcome::Done, "the next call reads it anew");
    assert_eq!(writes(&played), 2);
}

#[tokio::test]
async fn deleting_what_is_gone_is_done() {
    let played = with(vec![connector("own", &[("incidents", "Enabled")])]);
    played.say_of_done("DELETE ", error(404, "NotFound", "no"));
    assert_eq!(unlink(&played).set().await, Outcome::Done);
    assert_eq!(writes(&played), 1);
}

#[rstest]
#[tokio::test]
async fn after_a_lost_answer_the_next_call_converges(
    #[values(true, false)] is_done: bool,
    #[values(true, false)] is_link: bool,
) {
    let played = with(if is_link { Vec::new() } else { vec![connector("own", &[("incidents", "Enabled")])] });
    let hand = if is_link { link(&played) } else { unlink(&played) };
    let (write, lost) = (if is_link { "PUT " } else { "DELETE " }, Canned::text(502, ""));
    if is_done {
        played.say_of_done(write, lost);
    } else {
        played.say_times(1, write, lost);
    }
    assert_eq!(hand.refused().await.class, ErrorClass::Transient);
    assert_eq!(hand.set().await, Outcome::Done);
    assert_eq!(connectors(&played).len(), usize::from(is_link));
    assert_eq!(writes(&played), if is_done { 1 } else { 2 });
}

#[tokio::test]
async fn two_at_once_make_one_connector() {
    let played = with(Vec::new());
    let hand = link(&played);
    let (one, other) = futures::future::join(hand.set(), hand.set()).await;
    for outcome in [one, other] {
        let is_late = matches!(&outcome, Outcome::Refused(failure) if failure.class == ErrorClass::Waiting);
        assert!(outcome == Outcome::Done || is_late, "{outcome:?}");
    }
    assert_eq!(connectors(&played).len(), 1);
    assert_eq!(hand.set_after(10).await, Outcome::Done);
}
