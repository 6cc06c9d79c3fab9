//! How Microsoft Graph and Azure Resource Manager say no. Pure.

use jiff::Timestamp;
use serde_json::json;

use super::request::Request;
use crate::simulator::answer::Answer;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// HTTP status.
    pub(super) status: u16,
    /// The code that callers branch on.
    pub(super) code: String,
    /// What a person can read.
    pub(super) message: String,
    /// `WWW-Authenticate`.
    pub(super) challenge: Option<String>,
}

impl Problem {
    /// A refusal.
    #[must_use]
    pub(super) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), challenge: None }
    }

    /// The same with `WWW-Authenticate`.
    #[must_use]
    pub(super) fn challenging(self, challenge: impl Into<String>) -> Self {
        Self { challenge: Some(challenge.into()), ..self }
    }

    /// As Microsoft Graph sends it.
    #[must_use]
    pub(super) fn to_graph(&self, request: &Request, now: Timestamp) -> Answer {
        let inner = json!({
            "date": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": request.id,
            "client-request-id": request.client_request_id.clone().unwrap_or_else(|| request.id.to_string()),
        });
        let error = json!({ "code": self.code, "message": self.message, "innerError": inner });
        self.answer(json!({ "error": error }))
    }

    /// As Azure Resource Manager sends it.
    #[must_use]
    pub(super) fn to_arm(&self) -> Answer {
        self.answer(json!({ "error": { "code": self.code, "message": self.message } }))
    }

    fn answer(&self, body: serde_json::Value) -> Answer {
        let answer = Answer::new(self.status, body);
        match &self.challenge {
            Some(challenge) => answer.with("www-authenticate", challenge),
            None => answer,
        }
    }
}

/// The code of a refusal that a fault orders.
#[must_use]
pub(super) const fn usual_code(status: u16) -> &'static str {
    match status {
        400 => "BadRequest",
        401 => "InvalidAuthenticationToken",
        403 => "Forbidden",
        404 => "ResourceNotFound",
        409 => "Conflict",
        412 => "PreconditionFailed",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        500 => "InternalServerError",
        _ => "UnknownError",
    }
}
