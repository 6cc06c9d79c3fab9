//! What is asked before anything else, and what is never asked.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::remote::stand_in::Canned;
use crate::remote::stand_in::microsoft::{OTHER, error, list};

fn openid(scope: &str) -> Canned {
    let issuer = format!("https://login.microsoftonline.com/{}/v2.0", tenant());
    Canned::json(200, &json!({ "issuer": issuer, "tenant_region_sub_scope": scope }))
}

#[tokio::test]
async fn the_cloud_is_compared_before_a_token_is_bought() {
    let played = Played::new();
    Eyes::of(&played).look(0).await;
    let seen = played.server.seen();
    assert!(seen[0].path.ends_with("/v2.0/.well-known/openid-configuration"), "{}", seen[0].path);
    assert!(seen[1].is_token_request());
}

#[rstest]
#[case::gcc("GCC", Cloud::GCC)]
#[case::high("DODCON", Cloud::GCCHigh)]
#[case::dod("DOD", Cloud::DoD)]
#[tokio::test]
async fn a_tenant_of_another_cloud_is_asked_nothing(#[case] scope: &str, #[case] cloud: Cloud) {
    let played = Played::new();
    played.change(|model| model.openid = openid(scope));
    let seen = Eyes::of(&played).look(0).await;
    assert_eq!(seen, Microsoft { cloud: Reading::observed(cloud), ..Microsoft::nothing() });
    assert_eq!(played.server.seen().len(), 1);
}

#[rstest]
#[case::no_such_tenant(Canned::aadsts(400, "invalid_tenant", 90_002), Reason::TenantMismatch)]
#[case::unknown_cloud(openid("AIRGAP"), Reason::UnsupportedCloud)]
#[tokio::test]
async fn a_tenant_that_is_not_there_is_a_persons(#[case] answer: Canned, #[case] reason: Reason) {
    let played = Played::new();
    played.change(|model| model.openid = answer);
    let seen = Eyes::of(&played).look(0).await;
    let Access::Refused(failure) = &seen.access else { panic!("{seen:?}") };
    assert_eq!(failure.reason, reason);
    assert_eq!(seen, Microsoft::no_access(failure.clone(), true));
    assert_eq!((played.requests().len(), played.server.token_requests()), (0, 0));
}

#[rstest]
#[case::broken(Canned::text(500, ""))]
#[case::page(Canned::text(200, "<html>sign in</html>"))]
#[case::throttled(Canned::text(429, "").with("retry-after", "30"))]
#[tokio::test]
async fn a_cloud_that_could_not_be_compared_is_tried_again(#[case] answer: Canned) {
    let played = Played::new();
    let healthy = played.change(|model| std::mem::replace(&mut model.openid, answer));
    let eyes = Eyes::of(&played);
    let seen = eyes.look(0).await;
    assert!(matches!(seen.access, Access::Failed(_)), "{:?}", seen.access);
    assert!(seen.failure.is_some());
    assert_eq!((seen.cloud.why(), seen.hunting.why()), (Some(Why::ReadFailed), Some(Why::ReadFailed)));
    assert_eq!((played.requests().len(), played.server.token_requests()), (0, 0));
    played.change(|model| model.openid = healthy);
    assert_eq!(eyes.look(1).await.access, Access::Granted);
}

#[rstest]
#[case::secret(401, "invalid_client", 7_000_215, Reason::CredentialsInvalid)]
#[case::consent(400, "invalid_grant", 65_001, Reason::PermissionDenied)]
#[tokio::test]
async fn refused_credentials_are_a_persons(
    #[case] status: u16,
    #[case] code: &str,
    #[case] aadsts: u32,
    #[case] reason: Reason,
) {
    let played = Played::new();
    played.change(|model| model.sign_in = Canned::aadsts(status, code, aadsts));
    let seen = Eyes::of(&played).look(0).await;
    let Access::Refused(failure) = &seen.access else { panic!("{seen:?}") };
    assert_eq!((failure.reason, seen.cloud.clone()), (reason, Reading::observed(Cloud::Public)));
    assert_eq!((seen.failure.clone(), played.requests().len()), (None, 0));
}

#[tokio::test]
async fn unusable_credentials_are_told_without_a_request() {
    let played = Played::new();
    let eyes = Eyes::of(&played);
    for is_final in [true, false] {
        let failure = Failure {
            class: ErrorClass::Invalid,
            reason: Reason::CredentialsInvalid,
            message: "the Secret is not there".to_owned(),
            request_id: None,
        };
        let unusable = crate::remote::Unusable { failure: failure.clone(), is_final };
        let signer = Signer { credentials: Err(unusable), ..eyes.signer(0) };
        let asked = Survey { signer, inquiry: eyes.inquiry.clone() };
        let seen = survey(&eyes.gate, &eyes.turns, &asked).await;
        assert_eq!(seen, Microsoft::no_access(failure, is_final));
    }
    assert_eq!(played.server.seen().len(), 0);
}

#[tokio::test]
async fn of_another_tenant_nothing_but_its_name_is_read() {
    let played = Played::new();
    played.say("GET /organization", list(&json!([{ "id": OTHER, "displayName": "Fabrikam" }])));
    let page = json!({ "value": [], "@odata.nextLink": format!("{}/v1.0/more", played.server.base()) });
    played.say("appRoleAssignments", Canned::json(200, &page));
    let eyes = Eyes::of(&played);
    let seen = eyes.look(0).await;
    assert_eq!(seen.organization.value().unwrap().id.to_string(), OTHER);
    assert_eq!(played.requests(), ["POST /v1.0/$batch"], "no page, no group, no hunting, no Azure");
    assert_eq!(played.server.token_requests(), 1);
    let rest = Microsoft { organization: seen.organization.clone(), ..signed_in(&eyes.signer(0)) };
    assert_eq!(seen, rest);
    assert_eq!(eyes.peek(1, &Awaited { service: true, ..Awaited::default() }, &seen).await, seen);
    assert_eq!(played.requests().len(), 1, "nor is it glanced at");
}

#[tokio::test]
async fn an_organization_that_is_not_known_holds_nothing_back() {
    let played = Played::new();
    played.say("GET /organization", error(503, "ServiceUnavailable", "busy"));
    let seen = Eyes::of(&played).look(0).await;
    assert_eq!(seen.organization.why(), Some(Why::ReadFailed));
    assert!(seen.failure.unwrap().message.contains("organization"));
    assert!(seen.hunting.value().is_some() && seen.security_center.is_true());
}
