//! No body, however broken, makes a parser panic, and none reads success out of nonsense.

use proptest::prelude::*;
use serde_json::json;

use super::super::body;
use super::*;
use crate::remote::http::{clean, percent_encode, retry_after};

fn sound_bodies() -> Vec<Vec<u8>> {
    [
        catalog_body(true),
        json!({ "operation": "task_10", "dashboard_url": "https://x" }),
        json!({ "state": "failed", "description": "x", "instance_usable": false, "update_repeatable": true }),
        json!({ "parameters": { "tenantId": TENANT, "region": "EU", "state": "Enabled", "integrations": { "EndpointIntune": "Linked" } } }),
        json!({ "error": "ConcurrencyError", "description": "wait" }),
    ]
    .iter()
    .map(|body| body.to_string().into_bytes())
    .collect()
}

/// A sound body with some bytes changed, taken away or put in between, or cut.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    (prop::sample::select(sound_bodies()), prop::collection::vec(edit, 0..12)).prop_map(|(mut body, edits)| {
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

fn parse_all(bytes: &[u8]) {
    let is_object = matches!(serde_json::from_slice(bytes), Ok(serde_json::Value::Object(_)));
    assert_eq!(body::object(bytes).is_ok(), is_object);
    assert!(is_object || body::accepted(bytes).is_err());
    assert!(is_object || body::last_operation(bytes).is_err());
    assert!(is_object || body::instance(bytes).is_err());
    assert!(is_object || body::catalog(bytes).is_err());
    for offering in body::catalog(bytes).unwrap_or_default() {
        offering.plans();
    }
    let error = body::error(bytes);
    assert!(error.description.is_none_or(|text| text.chars().count() <= 301 && !text.chars().any(char::is_control)));
    let _ = (body::is_markup(bytes), body::may_mean_absent(bytes));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_bodies_never_panic(bytes in mutated()) {
        parse_all(&bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_all(&bytes);
    }

    #[test]
    fn a_retry_after_lies_between_now_and_the_limit(value in "\\PC{0,40}|[0-9]{1,30}|[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT") {
        if let Some(wait) = retry_after(&value, now()) {
            prop_assert!(wait >= SignedDuration::ZERO && wait <= SignedDuration::from_hours(1));
        }
    }

    #[test]
    fn cleaning_is_short_and_does_nothing_the_second_time(text in "\\PC{0,400}|(.|\n|\u{202e}|\u{0}){0,400}") {
        let once = clean(&text);
        prop_assert!(once.chars().count() <= 301);
        prop_assert!(!once.chars().any(char::is_control));
        if once.chars().count() <= 300 {
            prop_assert_eq!(clean(&once), once);
        }
    }

    #[test]
    fn encoded_text_decodes_to_itself(text in any::<String>()) {
        let encoded = percent_encode(&text);
        prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && !b"+&=#?/".contains(&byte)));
        let url = Url::parse(&format!("http://x/?k={encoded}")).unwrap();
        prop_assert_eq!(url.query_pairs().next().unwrap().1, text);
    }
}
