//! What an error of the broker means: its class, its reason, and what a person is told. Pure.
//!
//! Refused credentials, a version that is not spoken and a missing offering are the administrator's affair and never
//! the fault of a resource: their reason is `ProviderUnavailable`, and the broker is unhealthy.

use jiff::Timestamp;

use super::body::{self, ErrorBody, WrongShape};
use super::call::{API_VERSION, Act, Answer};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::remote::http::ExchangeError;

const RETRIED: &str = "The operator tries again by itself.";

/// A call without an answer.
pub(super) fn without_answer(act: Act, error: &ExchangeError, request_id: Option<String>) -> Failure {
    let (class, advice) = match error {
        ExchangeError::Untrusted { .. } => (
            ErrorClass::Auth,
            "Set broker.caFile in the operator's configuration to the certificate authority of the broker, or correct the broker's certificate.",
        ),
        ExchangeError::ClientCertificateRefused { .. } => {
            (ErrorClass::Auth, "Correct broker.auth.clientCertificate in the operator's configuration.")
        }
        ExchangeError::TooLarge { .. } | ExchangeError::Unsendable { .. } => {
            (ErrorClass::Protocol, "Look into the broker.")
        }
        ExchangeError::Unreachable { .. } | ExchangeError::Timeout | ExchangeError::Cut { .. } => {
            (ErrorClass::Transient, RETRIED)
        }
    };
    let message = format!("The service broker could not be asked to {act}: {error}. {advice}");
    Failure { class, reason: Reason::ProviderUnavailable, message, request_id }
}

/// An answer whose body could not be read.
pub(super) fn without_body(answer: &Answer, error: &ExchangeError) -> Failure {
    without_answer(answer.act, error, Some(answer.request_id.clone()))
}

/// An answer that is not of the documented shape.
pub(super) fn misshapen(answer: &Answer, shape: &WrongShape) -> Failure {
    let message = format!(
        "The service broker was asked to {} and its answer (status {}) cannot be used: {shape}. Look into the broker, and check broker.url in the operator's configuration. {RETRIED}",
        answer.act, answer.status
    );
    told(answer, ErrorClass::Protocol, Reason::ProviderUnavailable, message)
}

/// A catalog without the configured offering or plan: nothing was sent, and nobody but the administrator can help.
pub(super) fn not_offered(answer: &Answer, what: &str) -> Failure {
    told(answer, ErrorClass::Permission, Reason::ProviderUnavailable, format!("The service broker {what}."))
}

/// Another request on the same instance is under way.
pub(super) fn busy(answer: &Answer) -> Failure {
    let message = format!(
        "The service broker cannot {} now, because it works on another request for the same instance{}. {RETRIED}",
        answer.act,
        said(&error_body(answer))
    );
    told(answer, ErrorClass::Waiting, Reason::Throttled, message)
}

/// An instance that must exist is not known to the broker.
pub(super) fn unknown_instance(answer: &Answer) -> Failure {
    let message = format!(
        "The service broker cannot {}, because it does not know the instance (status {}){}. The operator looks again.",
        answer.act,
        answer.status,
        said(&error_body(answer))
    );
    told(answer, ErrorClass::Waiting, Reason::Throttled, message)
}

/// An instance of this id exists, and is not what was asked for.
pub(super) fn conflict(answer: &Answer, why: &str) -> Failure {
    let message = format!(
        "The service broker refused to {} (status {}), because an instance of this id exists already and {why}{}. Compare it with the spec; the region and the tenant of an instance never change.",
        answer.act,
        answer.status,
        said(&error_body(answer))
    );
    told(answer, ErrorClass::Invalid, Reason::ProviderRejected, message)
}

/// An instance that belongs to another tenant than the one whose id it carries.
pub(super) fn foreign_instance(answer: &Answer) -> Failure {
    let message = format!(
        "The service broker was asked to {} and showed one for another tenant. Nothing is concluded from it. Correct the broker's records.",
        answer.act
    );
    told(answer, ErrorClass::Invalid, Reason::ProviderRejected, message)
}

/// Any other answer that is not a success.
pub(super) fn failure(answer: &Answer, now: Timestamp) -> Failure {
    let (act, status) = (answer.act, answer.status);
    let said = said(&error_body(answer));
    match status {
        401 => told(
            answer,
            ErrorClass::Auth,
            Reason::ProviderUnavailable,
            format!(
                "The service broker refused the operator's credentials when asked to {act} (status 401){said}. Correct broker.auth in the operator's configuration."
            ),
        ),
        403 => told(
            answer,
            ErrorClass::Permission,
            Reason::ProviderUnavailable,
            format!(
                "The service broker does not allow the operator to have it {act} (status 403){said}. Give the operator's account of broker.auth the right to, or configure another one."
            ),
        ),
        412 => told(
            answer,
            ErrorClass::Protocol,
            Reason::ProviderUnavailable,
            format!(
                "The service broker does not support version {API_VERSION} of the Open Service Broker API, which the operator speaks (status 412){said}. Use a version of the broker that supports {API_VERSION}."
            ),
        ),
        429 => throttled(answer, now, &said),
        503 if answer.retry_after.is_some() => throttled(answer, now, &said),
        408 | 500..=599 => trouble(answer, &said),
        _ => refusal(answer, &said),
    }
}

/// What an error means as the answer to a question: it refuses no step, so there is nothing to reject, and the next look
/// may succeed.
pub(super) fn unread(answer: &Answer, now: Timestamp) -> Failure {
    let failure = failure(answer, now);
    if failure.class != ErrorClass::Invalid {
        return failure;
    }
    Failure { class: ErrorClass::Protocol, reason: Reason::ProviderUnavailable, ..failure }
}

fn throttled(answer: &Answer, now: Timestamp, said: &str) -> Failure {
    let until = answer.retry_after.and_then(|wait| now.checked_add(wait).ok());
    let message = format!(
        "The service broker asked to wait when asked to {} (status {}){said}. {RETRIED}",
        answer.act, answer.status
    );
    told(answer, ErrorClass::Throttled { until }, Reason::Throttled, message)
}

fn trouble(answer: &Answer, said: &str) -> Failure {
    let (act, status, error) = (answer.act, answer.status, error_body(answer));
    if !error.is_repeatable || !error.is_usable {
        let why = if error.is_usable {
            "that the same request would fail again"
        } else {
            "that the instance cannot be used any more"
        };
        let message = format!(
            "The service broker failed to {act} (status {status}) and says {why}{said}. Look into the broker; the operator does not send it again by itself."
        );
        return told(answer, ErrorClass::Invalid, Reason::ProviderRejected, message);
    }
    let message = format!("The service broker failed to {act} (status {status}){said}. {RETRIED}");
    told(answer, ErrorClass::Transient, Reason::ProviderUnavailable, message)
}

fn refusal(answer: &Answer, said: &str) -> Failure {
    let (act, status) = (answer.act, answer.status);
    if (300..400).contains(&status) {
        let message = format!(
            "The service broker answered with a redirect (status {status}) when asked to {act}. Redirects are never followed, because the credentials would go along. Set broker.url in the operator's configuration to where the broker is."
        );
        return told(answer, ErrorClass::Protocol, Reason::ProviderUnavailable, message);
    }
    let bytes = match &answer.body {
        Ok(bytes) => bytes,
        Err(error) => return without_body(answer, error),
    };
    if !(400..500).contains(&status) || body::is_markup(bytes) {
        return match body::object(bytes) {
            Err(shape) => misshapen(answer, &shape),
            Ok(_) => told(
                answer,
                ErrorClass::Protocol,
                Reason::ProviderUnavailable,
                format!(
                    "The service broker answered with status {status}, which does not exist there, when asked to {act}{said}. Look into the broker. {RETRIED}"
                ),
            ),
        };
    }
    match error_body(answer).code.as_deref() {
        Some("ConcurrencyError") if status == 422 => busy(answer),
        Some("AsyncRequired") if status == 422 => told(
            answer,
            ErrorClass::Protocol,
            Reason::ProviderUnavailable,
            format!(
                "The service broker asks for support of asynchronous operations (AsyncRequired), which the request to {act} declared{said}. Look into the broker."
            ),
        ),
        _ => {
            let hint = match act {
                Act::Provision(id) => format!(
                    " If the tenant was deprovisioned before, the broker may refuse to see the instance id {id} a second time: have it forget the old instance."
                ),
                _ => String::new(),
            };
            told(
                answer,
                ErrorClass::Invalid,
                Reason::ProviderRejected,
                format!(
                    "The service broker refused to {act} (status {status}){said}. Correct the spec as it says, or ask who runs the broker.{hint}"
                ),
            )
        }
    }
}

/// Whether a refusal names the ids of offering and plan, which come from the catalog.
pub(super) fn speaks_of_ids(answer: &Answer) -> bool {
    let ErrorBody { code, description, .. } = error_body(answer);
    let text = format!("{} {}", code.unwrap_or_default(), description.unwrap_or_default()).to_lowercase();
    ["service_id", "plan_id", "service id", "plan id", "serviceid", "planid", "catalog", "maintenanceinfoconflict"]
        .iter()
        .any(|word| text.contains(word))
}

/// The broker's words about an error; nothing where there are none.
pub(super) fn error_body(answer: &Answer) -> ErrorBody {
    body::error(answer.body.as_deref().unwrap_or_default())
}

fn said(error: &ErrorBody) -> String {
    match (&error.code, &error.description) {
        (Some(code), Some(description)) => format!("; it says {code}: \"{description}\""),
        (Some(code), None) => format!("; it says {code}"),
        (None, Some(description)) => format!("; it says \"{description}\""),
        (None, None) => String::new(),
    }
}

fn told(answer: &Answer, class: ErrorClass, reason: Reason, message: String) -> Failure {
    Failure { class, reason, message, request_id: Some(answer.request_id.clone()) }
}
