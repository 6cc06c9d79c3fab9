//! What an error of Microsoft Entra means: from status and body to a failure. Pure.
//!
//! No text of the answer is shown: only its numbers, the ids that are UUIDs, and names of errors that are documented. So
//! no secret can be echoed into a condition.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::aadsts::{self, Verdict};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::remote::channel::Matter;

/// How long Microsoft Entra is left alone after a 429 without `Retry-After`.
const DEFAULT_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// What an error body of Microsoft Entra says; everything may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::remote) struct ErrorBody {
    /// `error`, where there is one, whatever it is.
    error: Option<String>,
    /// `error_codes`, else the number at the beginning of `error_description`.
    codes: Vec<u32>,
    /// `trace_id`, else `correlation_id`.
    request_id: Option<Uuid>,
}

impl ErrorBody {
    /// Reads a body; of one that is no JSON object nothing is known.
    pub(in crate::remote) fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else { return Self::default() };
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let id = |name| text(name).and_then(|id| Uuid::try_parse(id).ok());
        let number = |value: &Value| value.as_u64().and_then(|code| u32::try_from(code).ok());
        let mut codes: Vec<u32> = object
            .get("error_codes")
            .and_then(Value::as_array)
            .map(|codes| codes.iter().filter_map(number).collect())
            .unwrap_or_default();
        if codes.is_empty() {
            codes.extend(text("error_description").and_then(code_in));
        }
        Self {
            error: text("error").map(str::to_owned),
            codes,
            request_id: id("trace_id").or_else(|| id("correlation_id")),
        }
    }

    /// Whether one of the codes is this.
    pub(in crate::remote) fn has_code(&self, code: u32) -> bool {
        self.codes.contains(&code)
    }

    /// Whether Microsoft Entra wrote it, as far as one can see.
    fn is_entra(&self) -> bool {
        self.error.is_some() || !self.codes.is_empty()
    }
}

/// The number of `AADSTS7000215: …`.
fn code_in(description: &str) -> Option<u32> {
    let rest = description.trim_start().strip_prefix("AADSTS")?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// An answer that is not a success, as a failure.
pub(in crate::remote) fn failure(
    matter: &Matter<'_>,
    (status, body): (u16, &[u8]),
    retry_after: Option<SignedDuration>,
    now: Timestamp,
) -> Failure {
    let body = ErrorBody::read(body);
    let until = now.checked_add(retry_after.unwrap_or(DEFAULT_WAIT)).ok();
    let (class, reason, message) = judged(&body, status, until);
    let request_id = body.request_id.map_or_else(|| matter.request_id.to_owned(), |id| id.to_string());
    Failure { class, reason, message, request_id: Some(request_id) }
}

fn judged(body: &ErrorBody, status: u16, until: Option<Timestamp>) -> (ErrorClass, Reason, String) {
    const RETRIED: &str = "The operator tries again by itself.";
    let row = body.codes.iter().find_map(|code| aadsts::row(*code));
    let named = body.codes.first().map_or_else(|| format!("status {status}"), |code| format!("AADSTS{code}"));
    if status == 429 {
        let message = format!("Microsoft Entra asked to wait before the next sign-in ({named}). {RETRIED}");
        return (ErrorClass::Throttled { until }, Reason::Throttled, message);
    }
    if status == 408 || status >= 500 {
        let message = format!("Microsoft Entra could not sign the application in (status {status}). {RETRIED}");
        return (ErrorClass::Transient, Reason::ProviderUnavailable, message);
    }
    if let Some(row) = row {
        let (class, reason) = verdict(row.verdict, until);
        return (class, reason, format!("{} (AADSTS{}). {}", row.meaning, row.code, row.remedy));
    }
    if !body.is_entra() {
        let message = format!(
            "What answered the sign-in (status {status}) was not Microsoft Entra, or is not understood. Check the hosts in the operator's configuration, and what stands between the operator and Microsoft. {RETRIED}"
        );
        return (ErrorClass::Protocol, Reason::ProviderUnavailable, message);
    }
    let by_error = body.error.as_deref().and_then(aadsts::by_error);
    let (error, judgement) = by_error.unwrap_or(("unknown error", Verdict::Person(Reason::CredentialsInvalid)));
    let (class, reason) = verdict(judgement, until);
    let look_up = body.codes.first().map_or_else(
        || "Look up the request in the tenant's sign-in logs.".to_owned(),
        |code| format!("Look up https://login.microsoftonline.com/error?code={code}."),
    );
    (class, reason, format!("Microsoft Entra refused to sign the application in ({named}, {error}). {look_up}"))
}

const fn verdict(verdict: Verdict, until: Option<Timestamp>) -> (ErrorClass, Reason) {
    match verdict {
        Verdict::Person(Reason::PermissionDenied) => (ErrorClass::Permission, Reason::PermissionDenied),
        Verdict::Person(reason) => (ErrorClass::Auth, reason),
        Verdict::Throttled => (ErrorClass::Throttled { until }, Reason::Throttled),
        Verdict::Transient => (ErrorClass::Transient, Reason::ProviderUnavailable),
    }
}

#[cfg(test)]
mod tests;
