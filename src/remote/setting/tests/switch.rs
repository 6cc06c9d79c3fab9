//! The switches of Defender for Cloud, and what holds for every change.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::remote::stand_in::Canned;
use crate::remote::stand_in::microsoft::{OTHER, error};

fn is_on(played: &Played, name: &str) -> bool {
    played.change(|model| model.switches[&(SUBSCRIPTION.to_owned(), name.to_owned())])
}

fn turn(played: &Played, name: &str, is_on: bool) {
    played.change(|model| model.switches.insert((SUBSCRIPTION.to_owned(), name.to_owned()), is_on));
}

/// The link to Defender for Cloud Apps, which is off and is to be on.
fn off(played: &Played) -> Hand {
    turn(played, "MCAS", false);
    Hand::new(played, IntegrationType::DefenderForCloudCloudApps, LinkState::Linked)
}

#[rstest]
#[case::endpoint(IntegrationType::DefenderForCloudEndpoint, "WDATP")]
#[case::cloud_apps(IntegrationType::DefenderForCloudCloudApps, "MCAS")]
#[tokio::test]
async fn a_difference_is_written_once_and_read_before_and_after(
    #[case] kind: IntegrationType,
    #[case] name: &str,
    #[values(LinkState::Linked, LinkState::Unlinked)] state: LinkState,
) {
    let played = Played::new();
    let is_wished = state == LinkState::Linked;
    turn(&played, name, !is_wished);
    let hand = Hand::new(&played, kind, state);
    assert_eq!(hand.set().await, Outcome::Done);
    assert_eq!(is_on(&played, name), is_wished);
    let expected = [format!("GET {SUBSCRIPTION}"), format!("GET {name}"), format!("PUT {name}"), format!("GET {name}")];
    assert_eq!(story(&played), expected);
    let seen = played.server.seen();
    let put = seen.iter().find(|seen| seen.method == "PUT").unwrap();
    let path = format!(
        "/arm/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Security/settings/{name}?api-version=2022-05-01"
    );
    assert_eq!(put.path, path);
    let body: serde_json::Value = serde_json::from_str(&put.body).unwrap();
    assert_eq!(body, json!({ "kind": "DataExportSettings", "properties": { "enabled": is_wished } }));
    assert_eq!(played.server.token_requests(), 1, "nothing is asked of Microsoft Graph");

    assert_eq!(hand.set().await, Outcome::Done);
    assert_eq!((played.requests().len(), writes(&played)), (6, 1), "no difference, no write; the owner is read again");
}

#[rstest]
#[case::shown(None)]
#[case::refused(Some(error(
    401,
    "InvalidAuthenticationTokenTenant",
    "It must match the tenant 'https://sts.windows.net/00000000-0000-4000-8000-00000000beef/' associated with this subscription."
)))]
#[tokio::test]
async fn a_foreign_subscription_is_never_written_to(
    #[case] refusal: Option<Canned>,
    #[values(
        IntegrationType::DefenderForCloudCloudApps,
        IntegrationType::DefenderForCloudEndpoint,
        IntegrationType::SentinelIncidents
    )]
    kind: IntegrationType,
) {
    let played = Played::new();
    let hand = Hand::new(&played, kind, LinkState::Unlinked);
    assert_eq!(hand.set().await, Outcome::Done, "while it was ours");
    let before = (played.requests().len(), writes(&played));
    played.change(|model| model.owners.insert(SUBSCRIPTION.to_owned(), OTHER.to_owned()));
    if let Some(refusal) = refusal {
        played.say("/subscriptions/", refusal);
    }
    let hand = Hand { request: ArmRequest { state: LinkState::Linked, ..hand.request }, ..hand };
    let failure = hand.refused().await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Invalid, Reason::TenantMismatch));
    assert!(failure.message.contains(OTHER) && failure.message.contains("the-link"), "{failure}");
    assert_eq!((played.requests().len(), writes(&played)), (before.0 + 1, before.1));
}

#[rstest]
#[case::forbidden(
    error(403, "AuthorizationFailed", "no"),
    ErrorClass::Permission,
    Reason::PermissionDenied,
    "Security Reader"
)]
#[case::broken(Canned::text(500, ""), ErrorClass::Transient, Reason::ProviderUnavailable, "subscriptions")]
#[case::gone(error(404, "SubscriptionNotFound", "no"), ErrorClass::Protocol, Reason::ProviderUnavailable, "either ")]
#[tokio::test]
async fn without_its_owner_nothing_is_written(
    #[case] answer: Canned,
    #[case] class: ErrorClass,
    #[case] reason: Reason,
    #[case] says: &str,
) {
    let played = Played::new();
    let hand = off(&played);
    played.say("2022-12-01", answer);
    let failure = hand.refused().await;
    assert_eq!((failure.class, failure.reason), (class, reason), "{failure}");
    assert!(failure.message.contains(says) && failure.request_id.is_some(), "{failure}");
    assert_eq!((played.requests().len(), writes(&played)), (1, 0));
}

#[rstest]
#[case::forbidden(error(403, "AuthorizationFailed", "no"))]
#[case::page(Canned::text(200, "<html></html>"))]
#[case::not_there(error(404, "NotFound", "no"))]
#[case::throttled(Canned::text(429, ""))]
#[case::cut(Canned { is_cut: true, ..Canned::text(200, "{") })]
#[tokio::test]
async fn without_its_state_nothing_is_written(#[case] answer: Canned) {
    let played = Played::new();
    let hand = off(&played);
    played.say("GET /subscriptions/11111111-1111-4111-8111-111111111111/providers", answer);
    hand.refused().await;
    assert_eq!((played.requests().len(), writes(&played)), (2, 0));
}

#[rstest]
#[case::ok(200)]
#[case::created(201)]
#[tokio::test]
async fn any_success_is_looked_at_again(#[case] status: u16) {
    let played = Played::new();
    let hand = off(&played);
    played.say_of_done("PUT ", Canned::text(status, ""));
    assert_eq!(hand.set().await, Outcome::Done);
    assert_eq!(writes(&played), 1);
}

#[tokio::test]
async fn what_does_not_read_as_it_was_written_is_waited_for() {
    let played = Played::new();
    let hand = off(&played);
    played.say_times(1, "PUT ", Canned::json(200, &json!({ "properties": { "enabled": true } })));
    let failure = hand.refused().await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Waiting, Reason::ProviderUnavailable));
    turn(&played, "MCAS", true);
    assert_eq!(hand.set().await, Outcome::Done);
    assert_eq!(writes(&played), 1, "it was only late");
}

#[rstest]
#[tokio::test]
async fn a_conflict_is_looked_at_again(#[values(409, 412)] status: u16, #[values(true, false)] is_as_wished: bool) {
    let played = Played::new();
    let hand = off(&played);
    let conflict = error(status, "Conflict", "somebody else");
    if is_as_wished {
        played.say_of_done("PUT ", conflict);
        assert_eq!(hand.set().await, Outcome::Done);
    } else {
        played.say_times(1, "PUT ", conflict);
        assert_eq!(hand.refused().await.class, ErrorClass::Waiting);
        assert_eq!(hand.set().await, Outcome::Done);
        assert_eq!(writes(&played), 2);
    }
}

#[tokio::test]
async fn a_403_names_the_role() {
    let played = Played::new();
    let hand = off(&played);
    played.say("PUT ", error(403, "AuthorizationFailed", "no").with("x-ms-request-id", "arm-1"));
    let failure = hand.refused().await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Permission, Reason::PermissionDenied));
    assert_eq!(
        failure.to_string(),
        "integration the-link was not changed: grant the Azure role Security Admin on the subscription (request arm-1)"
    );
}

#[tokio::test]
async fn a_request_that_is_wrong_would_be_refused_again() {
    let played = Played::new();
    let hand = off(&played);
    played.say("PUT ", error(400, "BadRequest", "no"));
    let failure = hand.refused().await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Invalid, Reason::ProviderRejected));
}

/// Whether it was written before the answer was lost or not, the next call ends it with one write at most.
#[rstest]
#[case::busy(Canned::text(503, ""))]
#[case::broken(Canned::text(500, "<html></html>"))]
#[case::cut(Canned { is_cut: true, ..Canned::text(200, "{") })]
#[case::slow(Canned { delay: Duration::from_secs(5), ..Canned::text(200, "{}") })]
#[tokio::test]
async fn after_a_lost_answer_the_next_call_converges(#[case] answer: Canned, #[values(true, false)] is_done: bool) {
    let played = Played::new();
    let mut hand = off(&played);
    // Long enough for all but the slow answer, on a busy machine too.
    hand.gate = played.impatient_gate(2000);
    if is_done {
        played.say_of_done("PUT ", answer);
    } else {
        played.say_times(1, "PUT ", answer);
    }
    let failure = hand.refused().await;
    assert_eq!(failure.class, ErrorClass::Transient, "{failure}");
    hand.gate = played.gate();
    assert_eq!(hand.set().await, Outcome::Done);
    assert!(is_on(&played, "MCAS"));
    assert_eq!(writes(&played), if is_done { 1 } else { 2 });
}

#[tokio::test]
async fn two_at_once_are_harmless() {
    let played = Played::new();
    let hand = off(&played);
    let (one, other) = futures::future::join(hand.set(), hand.set()).await;
    assert_eq!((one, other), (Outcome::Done, Outcome::Done));
    assert!(is_on(&played, "MCAS") && writes(&played) <= 2);
}

#[rstest]
#[case::identity(IntegrationType::IdentityCloudApps)]
#[case::intune(IntegrationType::EndpointIntune)]
#[tokio::test]
async fn what_is_no_setting_of_azure_is_refused_unasked(#[case] kind: IntegrationType) {
    let played = Played::new();
    let failure = Hand::new(&played, kind, LinkState::Linked).refused().await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Invalid, Reason::Internal));
    assert_eq!(played.server.seen().len(), 0);
}

#[rstest]
#[case::switch(IntegrationType::DefenderForCloudEndpoint, "x")]
#[case::workspace(IntegrationType::SentinelIncidents, SUBSCRIPTION)]
#[tokio::test]
async fn a_target_of_another_form_is_refused_unasked(#[case] kind: IntegrationType, #[case] target: &str) {
    let played = Played::new();
    let mut hand = Hand::new(&played, kind, LinkState::Linked);
    hand.request.target = target.to_owned();
    let failure = hand.refused().await;
    assert_eq!((failure.class, failure.reason), (ErrorClass::Invalid, Reason::InvalidSpec));
    assert_eq!(played.server.seen().len(), 0);
}

#[tokio::test]
async fn a_tenant_of_another_cloud_is_asked_nothing() {
    let played = Played::new();
    let hand = off(&played);
    let issuer = format!("https://login.microsoftonline.us/{}/v2.0", tenant());
    let openid = json!({ "issuer": issuer, "tenant_region_sub_scope": "DODCON" });
    played.change(|model| model.openid = Canned::json(200, &openid));
    let failure = hand.refused().await;
    assert_eq!(failure.reason, Reason::UnsupportedCloud);
    assert_eq!((played.requests().len(), played.server.token_requests()), (0, 0));
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let played = Played::new();
    let hand = off(&played);
    played.change(|model| model.sign_in_to_arm = Canned::aadsts(401, "invalid_client", 7_000_215));
    assert_eq!(hand.refused().await.reason, Reason::CredentialsInvalid);
    assert_eq!(played.requests().len(), 0);
}
