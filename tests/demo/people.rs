//! What people write into specs: attestations, and a consent of today.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How long an attestation of the story holds: half a year.
const HOLDS: SignedDuration = SignedDuration::from_hours(24 * 182);

/// The time as people know it.
#[expect(clippy::disallowed_methods, reason = "the demonstration plays people, and people have clocks")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// An attestation of this moment.
pub(crate) fn attests(name: &str, claim: &str, region: Option<&str>) -> Value {
    let now = now();
    let mut attestation = json!({
        "name": name,
        "claim": claim,
        "attestedBy": "Security Operations",
        "attestTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "expireTime": (now + HOLDS).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    if let Some(region) = region {
        attestation["region"] = region.into();
    }
    attestation
}

/// The consent of somebody who gives it today.
pub(crate) fn consents() -> Value {
    json!({"grantedBy": "Data Protection Office", "grantedOn": now().strftime("%Y-%m-%d").to_string()})
}
