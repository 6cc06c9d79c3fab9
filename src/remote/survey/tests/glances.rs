//! Looks at what a person is expected to change: two requests at most, and only news are told.

use std::collections::BTreeSet;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::plan::microsoft::{Answer, LinkAnswer};
use crate::remote::stand_in::Canned;
use crate::remote::stand_in::microsoft::{OTHER, error};

fn awaited(what: &str) -> Awaited {
    let mut awaited = Awaited::default();
    for part in what.split_whitespace() {
        match part {
            "service" => awaited.service = true,
            "location" => awaited.location = true,
            link => drop(awaited.links.insert(link.to_owned())),
        }
    }
    awaited
}

const EVERYTHING: &str = "service location intune wdatp mcas sentinel";

#[rstest]
#[case::nothing("", 0)]
#[case::service("service", 1)]
#[case::location("location", 1)]
#[case::intune("intune", 1)]
#[case::setting("wdatp", 1)]
#[case::both_settings("wdatp mcas", 1)]
#[case::sentinel("sentinel", 1)]
#[case::service_and_intune("service intune", 1)]
#[case::service_and_location("service location", 2)]
#[case::settings_and_sentinel("mcas sentinel", 2)]
#[case::everything(EVERYTHING, 2)]
#[tokio::test]
async fn a_glance_costs_two_requests_at_most_and_shows_nothing_new_where_nothing_is(
    #[case] what: &str,
    #[case] requests: usize,
) {
    let played = Played::new();
    let mut eyes = Eyes::of(&played);
    eyes.pend("sentinel");
    let known = eyes.look(0).await;
    let before = played.requests().len();
    // New rows come in all the time.
    played.say("summarize", Canned::json(200, &json!({ "results": [{ "Newest": "2026-06-16T00:00:00Z" }] })));
    assert_eq!(eyes.peek(1, &awaited(what), &known).await, known);
    assert_eq!(played.requests().len() - before, requests, "{:?}", played.requests());
}

#[rstest]
#[case::throttled(Canned::text(429, ""))]
#[case::throttled_for_long(Canned::text(429, "").with("retry-after", "120"))]
#[case::broken(error(500, "UnknownError", "no"))]
#[case::page(Canned::text(200, "<html></html>"))]
#[case::cut(Canned { is_cut: true, ..Canned::text(200, "{") })]
#[case::forbidden(error(403, "Forbidden", "no"))]
#[case::slow(Canned { delay: Duration::from_secs(5), ..Canned::text(200, "{}") })]
#[tokio::test]
async fn what_could_not_be_read_stays_as_it_was_known(#[case] answer: Canned) {
    let played = Played::new();
    let mut eyes = Eyes::of(&played);
    let known = eyes.look(0).await;
    eyes.gate = played.impatient_gate(300);
    played.say("POST /$batch", answer.clone());
    played.say("/subscriptions/", answer);
    for what in ["service", "location", "intune", "mcas", "sentinel", EVERYTHING] {
        assert_eq!(eyes.peek(1, &awaited(what), &known).await, known, "{what}");
    }
}

#[rstest]
#[case::own_roles("appRoleAssignments")]
#[case::incidents("/security/incidents")]
#[case::alerts("/security/alerts_v2")]
#[case::identity("/security/identities")]
#[case::schema("getschema")]
#[case::table("DeviceInfo")]
#[case::tables("summarize")]
#[case::all_of_hunting("runHuntingQuery")]
#[case::intune("mobileThreatDefenseConnectors")]
#[tokio::test]
async fn a_part_that_could_not_be_read_stays_as_it_was_known(
    #[case] part: &'static str,
    #[values(true, false)] is_on: bool,
    #[values(429, 500, 0)] status: u16,
) {
    let played = Played::new();
    if !is_on {
        played.say("GET /security", error(403, "Forbidden", "Account is not provisioned."));
        played.say(
            "GET /security/identities",
            error(403, "Forbidden", "Tenant is not onboarded to Microsoft Defender for Identity"),
        );
        played.say("runHuntingQuery", error(403, "Forbidden", "Account is not provisioned."));
    }
    let eyes = Eyes::without_azure(&played);
    let known = eyes.look(0).await;
    let is_seen = if is_on { Answer::Answers } else { Answer::Refuses };
    assert_eq!(known.incidents, Reading::observed(is_seen));
    match status {
        0 => played.change(|model| model.missing = vec![part]),
        _ => played.say(part, error(status, "UnknownError", "no")),
    }
    assert_eq!(eyes.peek(1, &awaited("service intune"), &known).await, known);
}

#[tokio::test]
async fn credentials_that_are_refused_meanwhile_change_nothing_known() {
    let played = Played::new();
    let mut eyes = Eyes::of(&played);
    let known = eyes.look(0).await;
    eyes.gate = played.gate();
    let before = played.requests().len();
    played.change(|model| model.sign_in = Canned::aadsts(401, "invalid_client", 7_000_215));
    assert_eq!(eyes.peek(1, &awaited(EVERYTHING), &known).await, known);
    assert_eq!(played.requests().len(), before);
    played.change(|model| {
        model.sign_in = Canned::token("pl4nted.again");
        model.sign_in_to_arm = Canned::aadsts(401, "invalid_client", 7_000_215);
    });
    // The refusal is remembered for ten minutes.
    assert_eq!(eyes.peek(2, &awaited(EVERYTHING), &known).await, known);
    assert_eq!(played.requests().len(), before + 1);
}

#[tokio::test]
async fn a_service_that_was_turned_on_is_seen() {
    let played = Played::new();
    played.say("GET /security", error(403, "Forbidden", "Account is not provisioned."));
    played.say("runHuntingQuery", error(403, "Forbidden", "Account is not provisioned."));
    let eyes = Eyes::without_azure(&played);
    let known = eyes.look(0).await;
    assert_eq!(
        (&known.hunting, &known.incidents),
        (&Reading::observed(Hunting::Refuses), &Reading::observed(Answer::Refuses))
    );
    played.recover();
    let seen = eyes.peek(1, &awaited("service"), &known).await;
    let tables = BTreeSet::from([Service::Endpoint, Service::Identity, Service::CloudApps, Service::Office365]);
    let expected = Microsoft {
        hunting: Reading::observed(Hunting::Answers { tables }),
        incidents: Reading::observed(Answer::Answers),
        alerts: Reading::observed(Answer::Answers),
        identity: Reading::observed(Answer::Answers),
        ..known
    };
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_further_table_is_seen_and_one_that_went_is_too() {
    let played = Played::new();
    let absent = error(400, "BadRequest", "Failed to resolve table or column expression named 'EmailEvents'");
    played.say("EmailEvents", absent.clone());
    let eyes = Eyes::without_azure(&played);
    let known = eyes.look(0).await;
    let of = |seen: &Microsoft| match seen.hunting.value() {
        Some(Hunting::Answers { tables }) => tables.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(of(&known), 3);
    played.recover();
    // Although another table could not be asked for.
    played.say("DeviceInfo", error(500, "", ""));
    let seen = eyes.peek(1, &awaited("service"), &known).await;
    assert_eq!(of(&seen), 4);
    played.recover();
    played.say("EmailEvents", absent);
    assert_eq!(of(&eyes.peek(2, &awaited("service"), &seen).await), 3);
}

#[tokio::test]
async fn links_that_were_changed_are_seen() {
    let played = Played::new();
    let eyes = Eyes::of(&played);
    let known = eyes.look(0).await;
    played.change(|model| {
        model.switches.insert((SUBSCRIPTION.to_owned(), "MCAS".to_owned()), false);
        model.connectors.clear();
    });
    played.say("mobileThreatDefenseConnectors", Canned::json(200, &json!({ "partnerState": "available" })));
    let seen = eyes.peek(1, &awaited("intune mcas sentinel"), &known).await;
    let mut expected = known.clone();
    expected.links.get_mut("intune").unwrap().answer = Reading::observed(LinkAnswer::Partner("available".to_owned()));
    expected.links.get_mut("mcas").unwrap().answer = Reading::observed(LinkAnswer::Setting { is_enabled: false });
    assert_eq!(seen, expected, "one of Azure fits in beside Intune, the one that was read longest ago");
    let seen = eyes.peek(2, &awaited("intune mcas sentinel"), &seen).await;
    expected.links.get_mut("sentinel").unwrap().answer = Reading::observed(LinkAnswer::Connector { incidents: None });
    assert_eq!(seen, expected, "and then the other");
}

#[tokio::test]
async fn a_place_that_comes_to_be_known_is_seen_and_takes_turns_with_links() {
    let played = Played::new();
    played.change(|model| model.switches.insert((SUBSCRIPTION.to_owned(), "WDATP".to_owned()), false));
    let eyes = Eyes::of(&played);
    let known = eyes.look(0).await;
    assert!(known.security_center.is_false());
    played.change(|model| {
        model.switches.insert((SUBSCRIPTION.to_owned(), "WDATP".to_owned()), true);
        model.connectors.clear();
    });
    let mut seen = known;
    for hour in 1..=3 {
        seen = eyes.peek(hour, &awaited("service location mcas sentinel"), &seen).await;
    }
    assert!(seen.security_center.is_true());
    assert_eq!(seen.links["sentinel"].answer, Reading::observed(LinkAnswer::Connector { incidents: None }));
    assert_eq!(played.count("mdeOnboardings"), 0, "where the setting was off there was no package to read");
}

#[tokio::test]
async fn a_subscription_that_is_not_known_to_be_our_own_is_not_glanced_at() {
    let played = Played::new();
    played.change(|model| model.owners.insert(SUBSCRIPTION.to_owned(), OTHER.to_owned()));
    let eyes = Eyes::of(&played);
    let known = eyes.look(0).await;
    let before = played.requests().len();
    assert_eq!(eyes.peek(1, &awaited("location wdatp mcas sentinel"), &known).await, known);
    let mut fresh = known.clone();
    fresh.links.clear();
    assert_eq!(
        eyes.peek(2, &awaited("wdatp sentinel"), &fresh).await,
        fresh,
        "one that was never read waits for a look"
    );
    assert_eq!(played.requests().len(), before);
}

#[tokio::test]
async fn a_401_does_not_make_it_three() {
    let played = Played::new();
    let eyes = Eyes::of(&played);
    let known = eyes.look(0).await;
    let before = played.requests().len();
    played.say_times(1, "POST /$batch", error(401, "InvalidAuthenticationToken", "expired"));
    assert_eq!(eyes.peek(0, &awaited(EVERYTHING), &known).await, known);
    assert_eq!(played.requests().len() - before, 2, "the second try is counted");
    played.say_times(1, "/subscriptions/", error(401, "InvalidAuthenticationToken", "expired"));
    assert_eq!(eyes.peek(0, &awaited(EVERYTHING), &known).await, known);
    assert_eq!(played.requests().len() - before, 4);
}
