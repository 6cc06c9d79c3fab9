//! What an answer of Microsoft's own APIs means: one table of documented answers, and what follows for a person. Pure.
//!
//! Input: the operation, its answer, and which permissions the application is known to hold. Output: whether the body is
//! to be read, what the answer says by itself, or why nothing is known. A status alone decides little: 403 can mean a
//! missing permission, a missing licence or a feature that is not there.

use jiff::Timestamp;

use super::call::{Operation, Reply, Unread};
use super::held::Held;
use crate::plan::reading::{Reading, Why};

mod error_body;
mod table;
mod text;

#[cfg(test)]
mod tests;

pub use error_body::{ErrorBody, error_body};
pub use text::misshapen;

/// What an answer is judged by besides itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The application permissions that the application holds, as far as they could be read.
    pub held: &'a Reading<Held>,
    /// The time of this pass.
    pub now: Timestamp,
}

/// What a documented answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// The feature is not there: refused although the application holds the permission.
    Refuses,
    /// The tenant is not onboarded to the product.
    NotOnboarded,
    /// The tenant has no licence for it.
    NotLicensed,
    /// The permission is missing.
    NotPermitted,
    /// Hunting works and has no such table.
    TableAbsent,
    /// The feature is switched off.
    Disabled,
    /// There is no such thing (404).
    NotThere,
    /// Too much was asked (429).
    Throttled,
    /// The subscription belongs to another tenant than the token.
    ForeignSubscription,
    /// Only a person can do it: a consent or a licence is missing, or applications are refused.
    NeedsPerson,
    /// The tenant has no premium licence of Microsoft Entra, so it has no eligible assignments.
    NoPremium,
    /// Somebody else changed it in between (409, 412).
    Conflict,
    /// Nothing can be concluded.
    Unclear,
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A success: its body is to be read.
    Answers,
    /// The answer is a fact in itself.
    Says {
        /// Which.
        meaning: Meaning,
        /// What it comes to where that fact is of no use.
        otherwise: Unread,
    },
    /// Nothing is known, and why.
    Unread(Unread),
}

impl Verdict {
    /// Why there is no body to be read; `None` for a success.
    #[must_use]
    pub fn into_unread(self) -> Option<Unread> {
        match self {
            Self::Answers => None,
            Self::Says { otherwise, .. } | Self::Unread(otherwise) => Some(otherwise),
        }
    }

    /// The fact that the answer is in itself.
    #[must_use]
    pub const fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Says { meaning, .. } => Some(*meaning),
            Self::Answers | Self::Unread(_) => None,
        }
    }
}

/// What follows from an answer, by the table of documented answers.
///
/// An unexplained 403 of a feature (incidents, alerts, hunting) is a missing permission where that is known to be missing,
/// the absence of the feature where it is known to be held, and open otherwise.
#[must_use]
pub fn judge(operation: Operation, reply: &Reply, context: Context<'_>) -> Verdict {
    if is_success(reply.status) {
        return Verdict::Answers;
    }
    let error = error_body(&reply.body);
    let error = if operation == Operation::MdeOnboarding { error.without_bare_text() } else { error };
    let told = text::Told { operation, reply, error: &error };
    let says = |meaning| Verdict::Says { meaning, otherwise: told.unread(meaning, context.now) };
    match table::meaning(operation, reply.status, &error) {
        table::Found::Means(Meaning::NotLicensed | Meaning::Disabled) if lacks(operation, context) => {
            Verdict::Unread(told.not_permitted())
        }
        table::Found::Means(Meaning::NotPermitted) if holds(operation, context) && operation.is_feature() => {
            Verdict::Unread(told.permitted_and_refused())
        }
        // Tokens do not carry what was granted after they were bought.
        table::Found::Means(Meaning::NotPermitted) => Verdict::Unread(told.not_permitted()),
        table::Found::Means(meaning @ (Meaning::Throttled | Meaning::Unclear)) => {
            Verdict::Unread(told.unread(meaning, context.now))
        }
        table::Found::Means(meaning) => says(meaning),
        table::Found::Undocumented403 if lacks(operation, context) => Verdict::Unread(told.not_permitted()),
        // A page, or nothing, is not the API's own word.
        table::Found::Undocumented403 if !error.has_codes() && operation.is_feature() => {
            Verdict::Unread(told.wordless())
        }
        table::Found::Undocumented403 if operation.is_feature() && context.held.why() == Some(Why::ReadFailed) => {
            Verdict::Unread(told.roles_unread())
        }
        table::Found::Undocumented403 if operation.is_silent_feature() && holds(operation, context) => {
            says(Meaning::Refuses)
        }
        table::Found::Undocumented403 if operation.is_feature() => Verdict::Unread(told.open()),
        table::Found::Undocumented403 => Verdict::Unread(told.not_permitted()),
        table::Found::Nothing => Verdict::Unread(told.unexpected()),
    }
}

/// 206 is none: a provider behind the API refused (Microsoft, *Microsoft Graph security API*, 2020).
const fn is_success(status: u16) -> bool {
    matches!(status, 200..=205)
}

fn known(operation: Operation, context: Context<'_>) -> Option<bool> {
    context.held.value()?.holds(operation.permission()?)
}

fn holds(operation: Operation, context: Context<'_>) -> bool {
    known(operation, context) == Some(true)
}

fn lacks(operation: Operation, context: Context<'_>) -> bool {
    known(operation, context) == Some(false)
}

impl Operation {
    /// Whether a refusal can mean that a product or a feature is not there.
    const fn is_feature(self) -> bool {
        self.is_silent_feature() || matches!(self, Self::IdentityHealth | Self::IntuneConnector)
    }

    /// Whether it also can where the answer does not say so.
    const fn is_silent_feature(self) -> bool {
        matches!(self, Self::Incidents | Self::Alerts | Self::Hunting)
    }
}
