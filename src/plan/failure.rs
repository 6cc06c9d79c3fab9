//! What went wrong with a call, as a value: its class decides the pace, its reason the condition.

use jiff::Timestamp;

use crate::api::Reason;

/// How a failure is to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Asked to wait, where said until when.
    Throttled {
        /// Not before this time.
        until: Option<Timestamp>,
    },
    /// Time-outs, cut connections, answers of the 5xx kind: the outcome of a mutating call is not known.
    Transient,
    /// The other side is busy with something of ours.
    Waiting,
    /// The credentials of a call were refused.
    Auth,
    /// The right to a call is missing.
    Permission,
    /// The request is wrong and would be refused again.
    Invalid,
    /// The answer is not of the documented shape: the outcome of a mutating call is not known.
    Protocol,
}

impl ErrorClass {
    /// Short name for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Transient => "transient",
            Self::Waiting => "waiting",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::Invalid => "invalid",
            Self::Protocol => "protocol",
        }
    }

    /// Whether the other side may have acted although the call failed.
    #[must_use]
    pub const fn leaves_outcome_unknown(self) -> bool {
        matches!(self, Self::Transient | Self::Protocol)
    }
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How it is to be met.
    pub class: ErrorClass,
    /// The reason that conditions show.
    pub reason: Reason,
    /// What happened and why, in one or two sentences for a person, foreign text cleaned and shortened.
    pub message: String,
    /// The id under which the other side knows the request: `X-Broker-API-Request-Identity` of a broker; of Microsoft
    /// its own id (trace id, `request-id`), else our `client-request-id`.
    pub request_id: Option<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.request_id {
            Some(id) => write!(f, "{} (request {id})", self.message),
            None => f.write_str(&self.message),
        }
    }
}
