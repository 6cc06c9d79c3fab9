//! OpenID configurations of tenants of every cloud, and of none.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::remote::stand_in::{Canned, StandIn, TENANT, now, tenant};

fn configuration(rest: Value) -> Canned {
    let mut whole = json!({
        "issuer": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        "token_endpoint": format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
    });
    let Value::Object(rest) = rest else { panic!("no object") };
    whole.as_object_mut().unwrap().extend(rest);
    Canned::json(200, &whole)
}

async fn check(server: &StandIn, clouds: &Clouds, declared: Cloud, now: Timestamp) -> CloudCheck {
    clouds.check(&server.channel(Duration::from_secs(5)), &server.hosts(), (tenant(), declared), now).await
}

async fn checked(canned: Canned) -> CloudCheck {
    let server = StandIn::answering(move |_| canned.clone());
    check(&server, &Clouds::default(), Cloud::Public, now()).await
}

#[rstest]
#[case::europe(json!({ "tenant_region_scope": "EU", "cloud_instance_name": "microsoftonline.com" }), Cloud::Public)]
#[case::no_scope(json!({ "tenant_region_scope": null }), Cloud::Public)]
#[case::gcc(json!({ "tenant_region_scope": "NA", "tenant_region_sub_scope": "GCC" }), Cloud::GCC)]
#[case::high(json!({ "tenant_region_scope": "USGov", "tenant_region_sub_scope": "DODCON", "cloud_instance_name": "microsoftonline.us" }), Cloud::GCCHigh)]
#[case::dod(json!({ "tenant_region_scope": "USGov", "tenant_region_sub_scope": "DOD", "cloud_instance_name": "microsoftonline.us" }), Cloud::DoD)]
#[tokio::test]
async fn the_configuration_names_the_cloud(#[case] rest: Value, #[case] cloud: Cloud) {
    assert_eq!(checked(configuration(rest)).await, CloudCheck::Known(cloud));
}

#[rstest]
#[case::unknown_sub_scope(json!({ "tenant_region_scope": "NA", "tenant_region_sub_scope": "AIR\u{202e}GAP" }), "AIRGAP")]
#[case::government_without_one(json!({ "tenant_region_scope": "USGov" }), "USGov")]
#[case::other_spelling(json!({ "tenant_region_scope": "USG" }), "USG")]
#[case::government_instance(json!({ "cloud_instance_name": "microsoftonline.us" }), "microsoftonline.us")]
#[case::china(json!({ "tenant_region_scope": "AS", "cloud_instance_name": "partner.microsoftonline.cn" }), "microsoftonline.cn")]
#[tokio::test]
async fn another_one_is_ambiguous(#[case] rest: Value, #[case] names: &str) {
    let CloudCheck::Ambiguous(text) = checked(configuration(rest)).await else { panic!("not ambiguous") };
    assert!(text.contains(names), "{text}");
}

#[tokio::test]
async fn a_tenant_that_does_not_exist_is_refused() {
    let CloudCheck::Refused(failure) = checked(Canned::aadsts(400, "invalid_tenant", 90_002)).await else {
        panic!("not refused")
    };
    assert_eq!(failure.reason, Reason::TenantMismatch);
    assert!(failure.message.contains("AADSTS90002") && !failure.message.contains("pl4nted"), "{failure}");
    assert_eq!(failure.request_id.as_deref(), Some("b0f62116-10b6-4a73-bdb2-281524404e00"));
}

#[tokio::test]
async fn an_answer_of_a_simulator_is_refused() {
    let canned = configuration(json!({ "tenant_region_scope": "EU" })).with("x-simulator", "true");
    let CloudCheck::Refused(failure) = checked(canned).await else { panic!("not refused") };
    assert_eq!((failure.class, failure.reason), (ErrorClass::Invalid, Reason::SimulatorRefused));
}

#[rstest]
#[case::nobody_signed_in(Canned::aadsts(401, "invalid_client", 7_000_215), ErrorClass::Protocol)]
#[case::not_found(Canned::text(404, "<html>"), ErrorClass::Protocol)]
#[case::redirect(Canned::text(307, "").with("location", "https://portal.example/"), ErrorClass::Protocol)]
#[case::no_json(Canned::text(200, "<html>"), ErrorClass::Protocol)]
#[case::any_object(Canned::text(200, "{}"), ErrorClass::Protocol)]
#[case::other_tenant(
    Canned::text(200, "{\"issuer\":\"https://login.microsoftonline.com/x/v2.0\"}"),
    ErrorClass::Protocol
)]
#[case::unavailable(Canned::text(503, ""), ErrorClass::Transient)]
#[case::cut(Canned { is_cut: true, ..Canned::text(200, "{") }, ErrorClass::Transient)]
#[tokio::test]
async fn what_cannot_be_used_fails(#[case] canned: Canned, #[case] class: ErrorClass) {
    let CloudCheck::Failed(failure) = checked(canned).await else { panic!("not failed") };
    assert_eq!((failure.class, failure.reason), (class, Reason::ProviderUnavailable), "{failure}");
}

#[tokio::test]
async fn a_429_says_until_when() {
    let CloudCheck::Failed(failure) = checked(Canned::text(429, "").with("retry-after", "9")).await else {
        panic!("not failed")
    };
    assert!(matches!(failure.class, ErrorClass::Throttled { until: Some(_) }));
}

#[tokio::test]
async fn what_is_known_is_kept_for_a_day_and_a_failure_for_seconds() {
    let server = StandIn::answering(|_| configuration(json!({ "tenant_region_scope": "EU" })));
    let (clouds, now) = (Clouds::default(), now());
    let later = |hours| now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    for declared in [Cloud::Public, Cloud::GCC, Cloud::GCCHigh] {
        assert_eq!(check(&server, &clouds, declared, now).await, CloudCheck::Known(Cloud::Public));
    }
    check(&server, &clouds, Cloud::Public, later(23)).await;
    assert_eq!(server.seen().len(), 1, "one sign-in host");
    let path = format!("/{TENANT}/v2.0/.well-known/openid-configuration");
    assert_eq!((&*server.seen()[0].method, &*server.seen()[0].path), ("GET", &*path));
    check(&server, &clouds, Cloud::Public, later(24)).await;
    assert_eq!(server.seen().len(), 2);

    let down = StandIn::answering(|_| Canned::text(503, ""));
    let clouds = Clouds::default();
    let soon = |seconds| now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    check(&down, &clouds, Cloud::Public, now).await;
    check(&down, &clouds, Cloud::Public, soon(4)).await;
    assert_eq!(down.seen().len(), 1, "many resources of one tenant are no storm");
    check(&down, &clouds, Cloud::Public, soon(5)).await;
    assert_eq!(down.seen().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_asked_again_after_ten_minutes_or_when_somebody_says_so() {
    let gone = StandIn::answering(|_| Canned::aadsts(400, "invalid_tenant", 90_002));
    let (clouds, now) = (Clouds::default(), now());
    let later = |minutes| now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    for (minutes, requests) in [(0, 1), (9, 1), (10, 2), (11, 2)] {
        assert!(matches!(check(&gone, &clouds, Cloud::Public, later(minutes)).await, CloudCheck::Refused(_)));
        assert_eq!(gone.seen().len(), requests, "after {minutes} minutes");
    }
    clouds.renew(&gone.hosts(), (tenant(), Cloud::Public));
    check(&gone, &clouds, Cloud::Public, later(11)).await;
    assert_eq!(gone.seen().len(), 3);
}

#[test]
fn there_is_a_most() {
    let clouds = Clouds::default();
    let now = now();
    for number in 0..=MOST_ENTRIES {
        let tenant = format!("8d3f2f3e-5a53-4c8e-9c3e-{number:012x}").parse().unwrap();
        let since = now.checked_add(SignedDuration::from_secs(i64::try_from(number).unwrap())).unwrap();
        clouds.remember((String::new(), tenant), Learnt { check: CloudCheck::Known(Cloud::Public), until: since });
    }
    assert_eq!(clouds.locked().len(), MOST_ENTRIES);
    let first = "8d3f2f3e-5a53-4c8e-9c3e-000000000000".parse().unwrap();
    assert!(!clouds.locked().contains_key(&(String::new(), first)), "the oldest went");
}
