//! Odd answers of Azure Resource Manager, and what is never asked of it.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::plan::microsoft::{LinkAnswer, Requirements};
use crate::remote::stand_in::microsoft::{OTHER, connector, error, list};
use crate::remote::stand_in::{Canned, TENANT};

fn answer(seen: &Microsoft, name: &str) -> Result<LinkAnswer, Why> {
    let answer = &seen.links[name].answer;
    answer.value().cloned().ok_or_else(|| answer.why().unwrap())
}

#[tokio::test]
async fn where_the_setting_is_off_the_package_is_not_asked_for() {
    let played = Played::new();
    played.change(|model| model.switches.insert((SUBSCRIPTION.to_owned(), "WDATP".to_owned()), false));
    let seen = Eyes::of(&played).look(0).await;
    assert!(seen.security_center.is_false());
    assert_eq!(seen.endpoint_location.why(), Some(Why::NotAsked));
    assert_eq!(answer(&seen, "wdatp"), Ok(LinkAnswer::Setting { is_enabled: false }));
    assert_eq!((played.count("mdeOnboardings"), seen.failure), (0, None));
}

#[tokio::test]
async fn a_list_without_the_setting_says_neither() {
    let played = Played::new();
    played.change(|model| model.switches.remove(&(SUBSCRIPTION.to_owned(), "WDATP".to_owned())));
    let seen = Eyes::of(&played).look(0).await;
    let why = Some(Why::Ambiguous);
    assert_eq!((seen.security_center.why(), seen.endpoint_location.why()), (why, why));
    assert_eq!((answer(&seen, "wdatp"), answer(&seen, "mcas").is_ok()), (Err(Why::Ambiguous), true));
    assert_eq!((played.count("mdeOnboardings"), seen.failure), (0, None));
}

/// Azure Lighthouse shows subscriptions of other tenants; a token of another tenant is refused by the others.
#[rstest]
#[case::shown(None)]
#[case::refused(Some(error(401, "InvalidAuthenticationTokenTenant", "wrong issuer").with(
    "www-authenticate",
    "Bearer authorization_uri=\"https://login.windows.net/00000000-0000-4000-8000-00000000beef\", error=\"invalid_token\"",
)))]
#[tokio::test]
async fn of_a_foreign_subscription_nothing_but_the_owner_is_read(#[case] refusal: Option<Canned>) {
    let played = Played::new();
    played.change(|model| model.owners.insert(SUBSCRIPTION.to_owned(), OTHER.to_owned()));
    if let Some(refusal) = refusal {
        played.say("/subscriptions/", refusal);
    }
    let eyes = Eyes::of(&played);
    for hour in 0..2 {
        let seen = eyes.look(hour).await;
        let owner: crate::tenant::TenantId = OTHER.parse().unwrap();
        assert_eq!(seen.observation_owner, Reading::observed(owner));
        for name in ["wdatp", "mcas", "sentinel"] {
            assert_eq!(seen.links[name].owner, Reading::observed(owner));
            assert_eq!(answer(&seen, name), Err(Why::NotAsked));
        }
        let why = Some(Why::NotAsked);
        assert_eq!((seen.security_center.why(), seen.endpoint_location.why(), seen.failure), (why, why, None));
    }
    assert_eq!((played.count("/arm/"), played.count("/providers/")), (1, 0), "the owner is asked once a day");
}

#[rstest]
#[case::owner("2022-12-01", &["wdatp", "mcas", "sentinel"], true)]
#[case::settings("Microsoft.Security/settings", &["wdatp", "mcas"], true)]
#[case::connectors("dataConnectors?", &["sentinel"], false)]
#[case::package("mdeOnboardings", &[], false)]
#[tokio::test]
async fn a_403_is_a_missing_permission_of_what_was_asked(
    #[case] part: &str,
    #[case] links: &[&str],
    #[case] hides_setting: bool,
) {
    let played = Played::new();
    played.say(part, error(403, "AuthorizationFailed", "no"));
    let seen = Eyes::of(&played).look(0).await;
    for name in ["wdatp", "mcas", "sentinel"] {
        let expected = if links.contains(&name) { Some(Why::NotPermitted) } else { None };
        assert_eq!(answer(&seen, name).err(), expected, "{name}");
    }
    assert_eq!(seen.security_center.why(), hides_setting.then_some(Why::NotPermitted));
    let is_located = seen.endpoint_location.value().is_some();
    assert_eq!((is_located, seen.failure), (part.contains("dataConnectors"), None));
}

#[rstest]
#[case::busy(Canned::text(503, ""))]
#[case::page(Canned::text(200, "<html></html>"))]
#[case::cut(Canned { is_cut: true, ..Canned::text(200, "{") })]
#[case::slow(Canned { delay: Duration::from_secs(5), ..Canned::text(200, "{}") })]
#[case::throttled(Canned::text(429, "").with("retry-after", "60"))]
#[tokio::test]
async fn trouble_is_told_and_the_rest_is_seen(#[case] trouble: Canned) {
    let played = Played::new();
    played.say("/subscriptions/", trouble);
    let mut eyes = Eyes::of(&played);
    eyes.gate = played.impatient_gate(2000);
    let seen = eyes.look(0).await;
    for name in ["wdatp", "mcas", "sentinel"] {
        assert_eq!(answer(&seen, name), Err(Why::ReadFailed));
    }
    assert!(seen.failure.is_some() && seen.incidents.value().is_some());
    assert!(played.requests().len() <= 8);
}

#[tokio::test]
async fn without_a_token_for_it_nothing_of_it_is_known() {
    let played = Played::new();
    played.change(|model| model.sign_in_to_arm = Canned::aadsts(400, "invalid_resource", 500_011));
    let seen = Eyes::of(&played).look(0).await;
    assert_eq!((seen.access.clone(), played.count("/arm/")), (Access::Granted, 0));
    let why = Some(Why::ReadFailed);
    assert_eq!((seen.observation_owner.why(), seen.endpoint_location.why()), (why, why));
    assert_eq!(answer(&seen, "sentinel"), Err(Why::ReadFailed));
    assert!(seen.failure.is_some() && answer(&seen, "intune").is_ok());
}

#[rstest]
#[case::none(list(&json!([])), Ok(LinkAnswer::Connector { incidents: None }))]
#[case::other_kinds(list(&json!([{ "kind": "OfficeATP", "name": "x" }])), Ok(LinkAnswer::Connector { incidents: None }))]
#[case::off(list(&json!([connector("a", &[("incidents", "Disabled")])])), Ok(LinkAnswer::Connector { incidents: Some("Disabled".to_owned()) }))]
#[case::silent(list(&json!([connector("a", &[("alerts", "Enabled")])])), Ok(LinkAnswer::Connector { incidents: Some("Disabled".to_owned()) }))]
#[case::two(list(&json!([connector("a", &[("incidents", "Disabled")]), connector("b", &[("incidents", "Enabled")])])), Ok(LinkAnswer::Connector { incidents: Some("Enabled".to_owned()) }))]
#[case::odd_entry(list(&json!([null])), Err(Why::Ambiguous))]
#[case::foreign_page(Canned::json(200, &json!({ "value": [], "nextLink": "https://evil.example.com/arm/x" })), Err(Why::Ambiguous))]
#[case::no_workspace(error(404, "ResourceNotFound", "no"), Err(Why::Ambiguous))]
#[tokio::test]
async fn the_connector_is_what_the_whole_list_says(#[case] listed: Canned, #[case] expected: Result<LinkAnswer, Why>) {
    let played = Played::new();
    played.say("dataConnectors?", listed);
    let seen = Eyes::of(&played).look(0).await;
    assert_eq!(answer(&seen, "sentinel"), expected);
    assert_eq!(seen.failure, None);
}

#[rstest]
#[case::refused(Canned::json(200, &json!({ "authorizationState": "Invalid", "licenseState": "Unknown" })), Ok((false, true)))]
#[case::unlicensed(Canned::json(200, &json!({ "authorizationState": "Valid", "licenseState": "Invalid" })), Ok((true, false)))]
#[case::broken(Canned::text(500, ""), Err(Why::ReadFailed))]
#[tokio::test]
async fn what_sentinel_would_accept_is_asked_where_something_is_to_be_changed(
    #[case] requirements: Canned,
    #[case] expected: Result<(bool, bool), Why>,
) {
    let played = Played::new();
    played.say("dataConnectorsCheckRequirements", requirements);
    let mut eyes = Eyes::of(&played);
    eyes.pend("sentinel");
    let seen = eyes.look(0).await;
    let expected = expected.map_or_else(Reading::unknown, |(is_authorized, is_licensed)| {
        Reading::observed(Requirements { is_authorized, is_licensed })
    });
    assert_eq!((&seen.links["sentinel"].requirements, &seen.failure), (&expected, &None));
}

#[tokio::test]
async fn a_package_that_cannot_be_read_hides_the_place_only() {
    let played = Played::new();
    let package = json!({ "properties": { "onboardingPackageLinux": MARKER } });
    played.say("mdeOnboardings", Canned::json(200, &package));
    let seen = Eyes::of(&played).look(0).await;
    assert_eq!((seen.endpoint_location.why(), seen.security_center.is_true()), (Some(Why::ReadFailed), true));
    let told = format!("{seen:?}");
    assert!(seen.failure.is_some() && !told.contains(MARKER), "{told}");
}

#[rstest]
#[case::subscription("no subscription")]
#[case::workspace("/subscriptions/11111111-1111-4111-8111-111111111111")]
#[tokio::test]
async fn a_target_of_another_form_is_not_asked(#[case] target: &str) {
    let played = Played::new();
    let mut eyes = Eyes::without_azure(&played);
    eyes.inquiry.observation = Some("no subscription".to_owned());
    eyes.link("mcas", IntegrationType::DefenderForCloudCloudApps, target);
    eyes.link("sentinel", IntegrationType::SentinelIncidents, target);
    let seen = eyes.look(0).await;
    assert_eq!((seen.links.len(), played.count("/arm/")), (1, 0));
}

#[tokio::test]
async fn a_workspace_in_another_subscription_is_read_at_the_next_look_at_the_latest() {
    let played = Played::new();
    let other = "99999999-9999-4999-8999-999999999999";
    played.change(|model| {
        model.owners.insert(other.to_owned(), TENANT.to_owned());
        model.connectors.insert(workspace(other, "soc-prod"), vec![connector("a", &[("incidents", "Enabled")])]);
    });
    let mut eyes = Eyes::of(&played);
    eyes.link("sentinel", IntegrationType::SentinelIncidents, &workspace(other, "soc-prod"));
    eyes.pend("sentinel");
    assert!(
        !eyes.look(0).await.links.contains_key("sentinel"),
        "whose it is, the list and the requirements do not fit"
    );
    assert_eq!(played.requests().len(), 6);
    assert!(answer(&eyes.look(1).await, "sentinel").is_ok());
    assert_eq!(played.requests().len(), 14);
}
