//! Odd answers of Microsoft Graph, in a batch and instead of one: what they come to, and what they cost.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::plan::microsoft::Answer;
use crate::remote::stand_in::Canned;
use crate::remote::stand_in::microsoft::{error, list};

/// A failure that was told, and what it is about.
#[track_caller]
fn assert_told(seen: &Microsoft, class: ErrorClass, about: &str) {
    let failure = seen.failure.as_ref().expect("a failure");
    assert_eq!(failure.class, class, "{failure}");
    assert!(failure.message.contains(about), "{failure}");
}

#[rstest]
#[case::first("POST /$batch")]
#[case::single("GET /groups")]
#[tokio::test]
async fn a_401_is_tried_again_once_with_another_token(#[case] request: &str) {
    let played = Played::new();
    played.say_times(1, request, error(401, "InvalidAuthenticationToken", "expired"));
    let seen = Eyes::without_azure(&played).look(0).await;
    assert_eq!((seen.failure.clone(), seen.incidents.clone()), (None, Reading::observed(Answer::Answers)));
    assert_eq!((played.requests().len(), played.server.token_requests()), (4, 2));
}

#[tokio::test]
async fn a_401_that_stays_is_the_trouble_of_the_look() {
    let played = Played::new();
    played.say("POST /$batch", error(401, "InvalidAuthenticationToken", "expired"));
    let seen = Eyes::without_azure(&played).look(0).await;
    assert_told(&seen, ErrorClass::Auth, "$batch");
    assert_eq!((seen.access.clone(), seen.organization.why()), (Access::Granted, Some(Why::ReadFailed)));
    assert_eq!((played.requests().len(), played.server.token_requests()), (3, 2));
}

/// What a 403 of one part comes to, by what is known of the permissions.
#[rstest]
#[case::incidents(
    "GET /security/incidents",
    error(403, "Forbidden", "Account is not provisioned."),
    Ok(Answer::Refuses)
)]
#[case::incidents_disabled("GET /security/incidents", error(403, "DisabledFeature", "no"), Ok(Answer::Refuses))]
#[case::identity_not_there(
    "GET /security/identities",
    error(403, "Forbidden", "Tenant is not onboarded to Microsoft Defender for Identity"),
    Ok(Answer::Refuses)
)]
#[case::identity_not_granted_yet("GET /security/identities", error(403, "UnknownError", ""), Err(Why::Ambiguous))]
#[tokio::test]
async fn a_403_where_the_permission_is_held(
    #[case] part: &str,
    #[case] answer: Canned,
    #[case] expected: Result<Answer, Why>,
) {
    let played = Played::new();
    played.say(part, answer);
    let seen = Eyes::without_azure(&played).look(0).await;
    let reading = if part.contains("identities") { &seen.identity } else { &seen.incidents };
    assert_eq!(reading.value().copied().ok_or_else(|| reading.why().unwrap()), expected);
    assert_eq!(seen.doubts.len(), usize::from(expected.is_err()), "{:?}", seen.doubts);
    assert_eq!(seen.failure, None, "a refusal is no trouble");
}

#[tokio::test]
async fn a_403_where_nothing_is_granted_is_a_missing_permission() {
    let played = Played::new();
    played.say("appRoleAssignments", list(&json!([])));
    played.say("GET ", error(403, "Authorization_RequestDenied", "Insufficient privileges"));
    played.say("runHuntingQuery", error(403, "Forbidden", "Missing application roles"));
    played.say("appRoleAssignments", list(&json!([])));
    let seen = Eyes::without_azure(&played).look(0).await;
    for why in [
        seen.organization.why(),
        seen.skus.why(),
        seen.subscriptions.why(),
        seen.incidents.why(),
        seen.alerts.why(),
        seen.hunting.why(),
        seen.newest_rows.why(),
        seen.identity.why(),
        seen.roles[&Role::GlobalAdministrator].assigned.why(),
        seen.roles[&Role::GlobalAdministrator].eligible.why(),
    ] {
        assert_eq!(why, Some(Why::NotPermitted));
    }
    assert_eq!(seen.permissions.value().unwrap().values().filter(|is_held| **is_held).count(), 0);
    assert_eq!((seen.failure, seen.doubts.len()), (None, 0));
}

#[rstest]
#[case::refused(error(403, "Authorization_RequestDenied", "no"), Why::NotPermitted)]
#[case::not_there(error(404, "Request_ResourceNotFound", "no"), Why::Ambiguous)]
#[tokio::test]
async fn a_403_where_the_permissions_are_not_known_is_open(#[case] own: Canned, #[case] why: Why) {
    let played = Played::new();
    played.say("appRoleAssignments", own);
    played.say("GET /security/", error(403, "Forbidden", "Account is not provisioned."));
    played.say("runHuntingQuery", error(403, "Forbidden", "Account is not provisioned."));
    let seen = Eyes::without_azure(&played).look(0).await;
    assert_eq!(seen.permissions.why(), Some(why));
    for why in [seen.incidents.why(), seen.alerts.why(), seen.hunting.why(), seen.identity.why()] {
        assert_eq!(why, Some(Why::Ambiguous));
    }
    assert_eq!(seen.doubts.len(), 3, "not of the alerts, which nothing rests on: {:?}", seen.doubts);
    assert!(seen.doubts.iter().all(|doubt| doubt.contains("either ") && !doubt.ends_with('.')), "{:?}", seen.doubts);
    assert_eq!(seen.failure, None, "whether the application may do it is not essential");
}

#[rstest]
#[case::organization("/organization", true)]
#[case::licences("/subscribedSkus", true)]
#[case::incidents("/security/incidents", true)]
#[case::identity_while_incidents_answer("/security/identities", false)]
#[case::intune("mobileThreatDefenseConnectors", true)]
#[case::hunting("runHuntingQuery", true)]
#[case::trials("/directory/subscriptions", false)]
#[case::own_roles("appRoleAssignments", false)]
#[case::alerts("/security/alerts_v2", false)]
#[case::holders("roleAssignments?", false)]
#[case::eligible_holders("roleEligibility", false)]
#[tokio::test]
async fn only_what_something_rests_on_is_the_trouble_of_the_look(
    #[case] part: &'static str,
    #[case] is_essential: bool,
    #[values(0, 200, 500)] status: u16,
) {
    let played = Played::new();
    match status {
        0 => played.change(|model| model.missing = vec![part]),
        200 => played.say(part, Canned::text(200, "<html></html>")),
        _ => played.say(part, error(status, "InternalServerError", "no")),
    }
    let seen = Eyes::without_azure(&played).look(0).await;
    assert_eq!(seen.failure.is_some(), is_essential, "{:?}", seen.failure);
    assert_eq!(played.requests().len(), if part == "roleAssignments?" { 2 } else { 3 });
    let unread = [
        seen.organization.why(),
        seen.skus.why(),
        seen.subscriptions.why(),
        seen.permissions.why(),
        seen.incidents.why(),
        seen.alerts.why(),
        seen.identity.why(),
        seen.hunting.why(),
        seen.links["intune"].answer.why(),
        seen.roles[&Role::BillingAdministrator].assigned.why(),
        seen.roles[&Role::BillingAdministrator].eligible.why(),
    ];
    assert_eq!(unread.iter().filter(|why| **why == Some(Why::ReadFailed)).count(), 1, "{unread:?}");
    assert!(unread.iter().flatten().all(|why| *why == Why::ReadFailed), "everything else is known: {unread:?}");
}

#[rstest]
#[case::said(Some("120"), 120)]
#[case::not_said(None, 5)]
#[tokio::test]
async fn a_429_in_a_batch_holds_this_tenant_back_and_no_other(#[case] retry_after: Option<&str>, #[case] wait: i64) {
    let played = Played::new();
    let canned = error(429, "TooManyRequests", "no");
    played.say("/subscribedSkus", retry_after.map_or(canned.clone(), |wait| canned.with("Retry-After", wait)));
    let mut eyes = Eyes::without_azure(&played);
    let seen = eyes.look(0).await;
    assert_eq!((seen.skus.why(), seen.incidents.why()), (Some(Why::ReadFailed), None), "the other parts count");
    assert!(matches!(seen.failure.as_ref().unwrap().class, ErrorClass::Throttled { .. }), "{:?}", seen.failure);
    assert_eq!(seen.hunting.why(), None, "a list that nothing rests on does not blind the look");
    let asked = played.requests().len();
    played.recover();

    let held = eyes.look(0).await;
    let Some(ErrorClass::Throttled { until: Some(until) }) = held.failure.map(|failure| failure.class) else {
        panic!()
    };
    assert!((wait - 2..=wait + 2).contains(&until.duration_since(eyes.start).as_secs()), "{until}");
    assert_eq!(played.requests().len(), asked);

    let ours = std::mem::replace(&mut eyes.inquiry.tenant, "77777777-0000-4000-8000-000000000001".parse().unwrap());
    let issuer = format!("https://login.microsoftonline.com/{}/v2.0", eyes.inquiry.tenant);
    played.change(|model| model.openid = Canned::json(200, &json!({ "issuer": issuer })));
    assert!(eyes.look(0).await.organization.value().is_some(), "another tenant is asked");
    eyes.inquiry.tenant = ours;
    assert_eq!(eyes.look(1).await.failure, None);
}

#[rstest]
#[case::busy(Canned::text(503, ""), ErrorClass::Transient)]
#[case::gateway(Canned::text(502, "<html>bad gateway</html>"), ErrorClass::Transient)]
#[case::page(Canned::text(200, "<html>sign in</html>"), ErrorClass::Protocol)]
#[case::empty(Canned::text(200, ""), ErrorClass::Protocol)]
#[case::no_list(Canned::text(200, "{}"), ErrorClass::Protocol)]
#[case::forbidden(error(403, "Forbidden", "no"), ErrorClass::Permission)]
#[case::cut(Canned { is_cut: true, ..Canned::text(200, "{\"responses\":[") }, ErrorClass::Transient)]
#[case::oversize(Canned::text(200, &" ".repeat(4 * 1024 * 1024 + 1)), ErrorClass::Protocol)]
#[case::slow(Canned { delay: Duration::from_secs(5), ..Canned::text(200, "{}") }, ErrorClass::Transient)]
#[tokio::test]
async fn a_batch_that_came_to_nothing_says_nothing_of_its_parts(#[case] answer: Canned, #[case] class: ErrorClass) {
    let played = Played::new();
    played.say("POST /$batch", answer);
    let mut eyes = Eyes::without_azure(&played);
    eyes.gate = played.impatient_gate(2000);
    let seen = eyes.look(0).await;
    assert_told(&seen, class, "$batch");
    let why = Some(Why::ReadFailed);
    assert_eq!(
        (seen.organization.why(), seen.skus.why(), seen.incidents.why(), seen.hunting.why()),
        (why, why, why, why)
    );
    assert_eq!((seen.links["intune"].answer.why(), seen.permissions.why()), (why, why));
    assert!(seen.doubts.is_empty());
    assert!(played.requests().len() <= 2);
}

#[rstest]
#[case(404)]
#[case(405)]
#[case(501)]
#[tokio::test]
async fn without_batches_the_state_of_the_service_goes_first(#[case] status: u16) {
    let played = Played::new();
    played.say("POST /$batch", error(status, "NotSupported", "no"));
    let seen = Eyes::of(&played).look(0).await;
    let paths: Vec<_> =
        played.requests().iter().map(|line| line.split(['?', '(']).next().unwrap().to_owned()).collect();
    assert_eq!(
        paths,
        [
            "POST /v1.0/$batch",
            "GET /v1.0/organization",
            "GET /v1.0/servicePrincipals",
            "GET /v1.0/subscribedSkus",
            "GET /v1.0/security/incidents",
            "POST /v1.0/security/runHuntingQuery",
            "POST /v1.0/security/runHuntingQuery",
            "POST /v1.0/security/runHuntingQuery",
        ]
    );
    assert_eq!(seen.incidents, Reading::observed(Answer::Answers));
    assert!(seen.hunting.value().is_some() && seen.skus.value().is_some());
    assert_told(&seen, ErrorClass::Transient, "next");
}

#[tokio::test]
async fn pages_are_followed_on_the_same_host_only_and_five_at_most() {
    let played = Played::new();
    let base = format!("{}/v1.0", played.server.base());
    let sku = |id: &str| json!({ "skuId": id, "servicePlans": [] });
    let page = |id: &str, next: &str| Canned::json(200, &json!({ "value": [sku(id)], "@odata.nextLink": next }));
    played.say("/subscribedSkus?$select", page("a", &format!("{base}/subscribedSkus?page=2")));
    played.say("/subscribedSkus?page=2", list(&json!([sku("b")])));
    let eyes = Eyes::without_azure(&played);
    let skus = eyes.look(0).await.skus;
    let skus = skus.value().unwrap();
    assert_eq!(skus.items.iter().map(|sku| &*sku.id).collect::<Vec<_>>(), ["a", "b"]);
    assert!(skus.is_complete);
    assert_eq!(played.requests().len(), 4);

    for foreign in ["https://evil.example.com/v1.0/subscribedSkus?page=2", "https://localhost:1/v1.0/x", "no address"] {
        played.say("/subscribedSkus?$select", page("a", foreign));
        let before = played.requests().len();
        let seen = eyes.look(1).await;
        let skus = seen.skus.value().unwrap();
        assert_eq!((skus.items.len(), skus.is_complete), (1, false), "{foreign}");
        assert_eq!((played.requests().len() - before, seen.failure), (3, None));
    }

    played.say("/subscribedSkus", page("a", &format!("{base}/subscribedSkus?again")));
    let before = played.requests().len();
    let seen = eyes.look(2).await;
    let skus = seen.skus.value().unwrap();
    assert_eq!((skus.items.len(), skus.is_complete), (5, false));
    assert_eq!(played.requests().len() - before, 7);
    assert!(seen.hunting.value().is_some());
}

#[rstest]
#[case::broken(Canned::text(503, ""))]
#[case::page(Canned::text(200, "<html></html>"))]
#[tokio::test]
async fn a_further_page_that_could_not_be_read_leaves_the_list_incomplete(#[case] answer: Canned) {
    let played = Played::new();
    let next = format!("{}/v1.0/roleAssignments?page=2", played.server.base());
    let holder = json!({ "directoryScopeId": "/", "principal": { "@odata.type": "#microsoft.graph.user" } });
    played.say("roleAssignments?$filter", Canned::json(200, &json!({ "value": [holder], "@odata.nextLink": next })));
    played.say("roleAssignments?page=2", answer);
    let seen = Eyes::without_azure(&played).look(0).await;
    let assigned = seen.roles[&Role::SecurityAdministrator].assigned.value().unwrap();
    assert_eq!((assigned.items.len(), assigned.is_complete, seen.failure), (1, false, None));
}

#[rstest]
#[case::broken(Canned::text(500, ""), Why::ReadFailed)]
#[case::refused(error(403, "Authorization_RequestDenied", "no"), Why::NotPermitted)]
#[case::no_number(Canned::text(200, "many"), Why::ReadFailed)]
#[tokio::test]
async fn a_group_that_could_not_be_counted_is_still_a_holder(#[case] answer: Canned, #[case] why: Why) {
    let played = Played::new();
    played.say("GET /groups", answer);
    let seen = Eyes::without_azure(&played).look(0).await;
    let holders = &seen.roles[&Role::SecurityAdministrator].assigned.value().unwrap().items;
    let members = Reading::unknown(why);
    assert_eq!(holders[0].principal, crate::plan::microsoft::Principal::Group { members });
    assert_eq!(seen.failure, None);
}
