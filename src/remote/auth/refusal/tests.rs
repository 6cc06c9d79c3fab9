//! Error bodies, sound and broken. What each code means is typed in again here, from the documents.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::super::aadsts::TABLE;
use super::*;

const REQUEST: &str = "11111111-2222-4333-8444-555555555555";
const TRACE: &str = "b0f62116-10b6-4a73-bdb2-281524404e00";

fn now() -> Timestamp {
    "2026-01-10T12:00:00Z".parse().unwrap()
}

fn read(status: u16, body: &str, retry_after: Option<i64>) -> Failure {
    let asked = crate::remote::meter::Asked::TOKEN;
    let matter = Matter { whom: "Microsoft Entra", what: "a token", request_id: REQUEST, asked, tenant: None };
    failure(&matter, (status, body.as_bytes()), retry_after.map(SignedDuration::from_secs), now())
}

fn body(error: &str, code: u32) -> String {
    json!({
        "error": error,
        "error_description": format!("AADSTS{code}: It isn't \"pl4nted\".\r\nTrace ID: {TRACE}\r\n\u{27}"),
        "error_codes": [code],
        "trace_id": TRACE,
        "correlation_id": "4a42e576-85bc-46ae-b7e3-b52cb8958917",
    })
    .to_string()
}

#[rstest]
#[case::secret(7_000_215, 401, Reason::CredentialsInvalid, "the value, not the secret's id")]
#[case::expired(7_000_222, 401, Reason::CredentialsInvalid, "has expired")]
#[case::other_secret(70_002, 401, Reason::CredentialsInvalid, "same application")]
#[case::no_secret(7_000_218, 401, Reason::CredentialsInvalid, "neither")]
#[case::application(700_016, 400, Reason::CredentialsInvalid, "not known in this tenant")]
#[case::old_application(700_011, 400, Reason::CredentialsInvalid, "not known in this tenant")]
#[case::disabled_or_unknown(70_001, 400, Reason::CredentialsInvalid, "disabled")]
#[case::disabled(7_000_112, 401, Reason::CredentialsInvalid, "disabled")]
#[case::public(700_025, 401, Reason::CredentialsInvalid, "public client")]
#[case::federated(70_021, 400, Reason::CredentialsInvalid, "system:serviceaccount")]
#[case::no_federated(70_025, 401, Reason::CredentialsInvalid, "no federated credential")]
#[case::federation_policy(700_223, 400, Reason::PermissionDenied, "does not allow")]
#[case::issuer_policy(700_238, 400, Reason::PermissionDenied, "does not allow")]
#[case::issuer(700_211, 400, Reason::CredentialsInvalid, "issuer")]
#[case::audience(700_212, 400, Reason::CredentialsInvalid, "audience")]
#[case::subject(700_213, 400, Reason::CredentialsInvalid, "subject")]
#[case::expression(7_002_131, 400, Reason::CredentialsInvalid, "expression")]
#[case::signature(700_027, 401, Reason::CredentialsInvalid, "signature")]
#[case::other_signature(50_012, 401, Reason::CredentialsInvalid, "signature")]
#[case::assertion(50_013, 400, Reason::CredentialsInvalid, "not valid")]
#[case::jwt(50_027, 400, Reason::CredentialsInvalid, "not valid")]
#[case::time(700_024, 401, Reason::CredentialsInvalid, "clocks")]
#[case::other_time(500_133, 400, Reason::CredentialsInvalid, "clocks")]
#[case::issuer_unreachable(90_061, 400, Reason::ProviderUnavailable, "well-known/openid-configuration")]
#[case::no_tenant(90_002, 400, Reason::TenantMismatch, "spec.tenantId")]
#[case::national(90_038, 400, Reason::UnsupportedCloud, "spec.cloud")]
#[case::cross_cloud(900_382, 400, Reason::UnsupportedCloud, "spec.cloud")]
#[case::other_cross_cloud(900_432, 400, Reason::UnsupportedCloud, "spec.cloud")]
#[case::consent(65_001, 400, Reason::PermissionDenied, "admin consent")]
#[case::admin_consent(90_094, 400, Reason::PermissionDenied, "admin consent")]
#[case::own_consent(90_008, 400, Reason::PermissionDenied, "admin consent")]
#[case::resource(500_011, 400, Reason::PermissionDenied, "not present in this tenant")]
#[case::subscription(650_052, 400, Reason::PermissionDenied, "not subscribed")]
#[case::conditional(53_003, 400, Reason::PermissionDenied, "Conditional Access")]
#[case::policy(530_032, 400, Reason::PermissionDenied, "security policy")]
#[case::other_conditional(50_131, 400, Reason::PermissionDenied, "Conditional Access")]
#[case::tenant_throttled(90_055, 400, Reason::Throttled, "too many requests")]
#[case::loop_detected(50_196, 400, Reason::Throttled, "too often")]
#[case::issuance(50_000, 400, Reason::ProviderUnavailable, "tries again")]
#[case::passing(50_033, 400, Reason::ProviderUnavailable, "tries again")]
#[case::external(90_006, 400, Reason::ProviderUnavailable, "tries again")]
#[case::late(90_012, 400, Reason::ProviderUnavailable, "tries again")]
#[case::budget(90_024, 400, Reason::ProviderUnavailable, "tries again")]
#[case::directory(90_033, 400, Reason::ProviderUnavailable, "tries again")]
#[case::graph(90_090, 400, Reason::ProviderUnavailable, "tries again")]
#[case::graph_unreachable(90_091, 400, Reason::ProviderUnavailable, "tries again")]
fn each_code_has_its_meaning(#[case] code: u32, #[case] status: u16, #[case] reason: Reason, #[case] says: &str) {
    let failure = read(status, &body("invalid_client", code), None);
    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains(says) && failure.message.contains(&format!("AADSTS{code}")), "{failure}");
    assert_eq!(failure.request_id.as_deref(), Some(TRACE));
    let class_fits = match reason {
        Reason::PermissionDenied => failure.class == ErrorClass::Permission,
        Reason::ProviderUnavailable => failure.class == ErrorClass::Transient,
        Reason::Throttled => failure.class == ErrorClass::Throttled { until: now().checked_add(DEFAULT_WAIT).ok() },
        _ => failure.class == ErrorClass::Auth,
    };
    assert!(class_fits, "{failure:?}");
}

#[test]
fn every_row_is_tested_once_and_says_what_to_do() {
    let tested = include_str!("tests.rs");
    for row in TABLE {
        let digits = row.code.to_string();
        let grouped: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
        assert!(tested.contains(&format!("({}, ", grouped.join("_"))), "{} is not tested", row.code);
        assert_eq!(TABLE.iter().filter(|other| other.code == row.code).count(), 1, "{}", row.code);
        assert!(!row.meaning.ends_with('.') && row.remedy.ends_with('.'), "{}", row.code);
    }
}

#[rstest]
#[case::client("invalid_client", Reason::CredentialsInvalid)]
#[case::interaction("interaction_required", Reason::PermissionDenied)]
#[case::resource("invalid_resource", Reason::PermissionDenied)]
#[case::busy("temporarily_unavailable", Reason::ProviderUnavailable)]
#[case::foreign("pl4nted", Reason::CredentialsInvalid)]
fn a_code_that_is_not_known_is_judged_by_its_error(#[case] error: &str, #[case] reason: Reason) {
    let failure = read(400, &body(error, 1_234_567), None);
    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.message.contains("AADSTS1234567") && failure.message.contains("error?code=1234567"), "{failure}");
    assert!(!failure.message.contains("pl4nted"), "{failure}");
}

#[test]
fn a_known_code_is_found_among_others_and_in_the_description() {
    let many = r#"{"error":"invalid_client","error_codes":[1,7000222]}"#;
    assert!(read(401, many, None).message.contains("AADSTS7000222"));
    let described = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided\r\nkeys"}"#;
    let failure = read(401, described, None);
    assert!(failure.message.contains("AADSTS7000222"), "{failure}");
    assert_eq!(failure.request_id.as_deref(), Some(REQUEST), "what was sent, where nothing came back");
}

#[rstest]
#[case::html(403, "<html><body>pl4nted</body></html>", ErrorClass::Protocol, Reason::ProviderUnavailable)]
#[case::empty(400, "", ErrorClass::Protocol, Reason::ProviderUnavailable)]
#[case::list(401, "[]", ErrorClass::Protocol, Reason::ProviderUnavailable)]
#[case::cut(401, "{\"error\":\"inval", ErrorClass::Protocol, Reason::ProviderUnavailable)]
#[case::unavailable(503, "", ErrorClass::Transient, Reason::ProviderUnavailable)]
#[case::gateway(502, "<html>", ErrorClass::Transient, Reason::ProviderUnavailable)]
#[case::late(408, "", ErrorClass::Transient, Reason::ProviderUnavailable)]
fn what_microsoft_entra_did_not_write(
    #[case] status: u16,
    #[case] body: &str,
    #[case] class: ErrorClass,
    #[case] reason: Reason,
) {
    let failure = read(status, body, None);
    assert_eq!((failure.class, failure.reason), (class, reason), "{failure}");
    assert!(failure.message.contains(&status.to_string()) && !failure.message.contains("pl4nted"), "{failure}");
    assert_eq!(failure.request_id.as_deref(), Some(REQUEST));
}

#[rstest]
#[case::said(Some(30), 30)]
#[case::not_said(None, 60)]
fn a_429_says_until_when(#[case] retry_after: Option<i64>, #[case] seconds: i64) {
    let failure = read(429, "", retry_after);
    let until = now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
    assert_eq!((failure.class, failure.reason), (ErrorClass::Throttled { until: Some(until) }, Reason::Throttled));
}

#[test]
fn a_server_error_with_a_code_of_wrong_credentials_is_no_word_on_them() {
    assert_eq!(read(500, &body("invalid_client", 7_000_215), None).class, ErrorClass::Transient);
}

/// A sound body with some bytes changed, taken away or put in between, or cut.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    let sound = body("invalid_client", 7_000_215).into_bytes();
    (Just(sound), prop::collection::vec(edit, 0..12)).prop_map(|(mut body, edits)| {
        for (place, byte, kind) in edits {
            if body.is_empty() {
                break;
            }
            let at = place.index(body.len());
            match kind {
                0 => body[at] = byte,
                1 => drop(body.remove(at)),
                2 => body.insert(at, byte),
                _ => body.truncate(at),
            }
        }
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_makes_it_panic_or_shows_through(bytes in mutated(), status in 400..600_u16) {
        let asked = crate::remote::meter::Asked::TOKEN;
    let matter = Matter { whom: "Microsoft Entra", what: "a token", request_id: REQUEST, asked, tenant: None };
        let failure = failure(&matter, (status, &bytes), None, now());
        prop_assert!(!failure.message.is_empty() && !failure.to_string().contains("pl4nted"));
        prop_assert!(!failure.message.chars().any(char::is_control));
        if status >= 500 {
            prop_assert_eq!(failure.class, ErrorClass::Transient);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ErrorBody::read(&bytes);
    }
}
