//! What one condition says.

use crate::api::{Reason, TriState};

/// Status, reason and message of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: TriState,
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Verdict {
    pub(super) fn new(status: TriState, reason: Reason, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into() }
    }

    pub(super) fn met(message: impl Into<String>) -> Self {
        Self::new(TriState::True, Reason::Met, message)
    }

    pub(super) fn not_needed(message: impl Into<String>) -> Self {
        Self::new(TriState::True, Reason::NotNeeded, message)
    }

    pub(super) fn not(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(TriState::False, reason, message)
    }

    pub(super) fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(TriState::Unknown, reason, message)
    }
}
