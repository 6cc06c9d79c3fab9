//! What is known of one fact: a value and on whose word, or why it is not known.

use crate::api::Reason;
pub use crate::api::StatusSource as Source;

/// A reading of one fact. There is no third way to say "I could not look".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// The fact is known.
    Known {
        /// What it is.
        value: T,
        /// On whose word.
        source: Source,
    },
    /// The fact is not known.
    Unknown {
        /// Why not.
        why: Why,
    },
}

/// Why a fact is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Nothing that could answer is configured.
    NotAsked,
    /// The answer was refused for want of a permission.
    NotPermitted,
    /// The question could not be asked, or its answer could not be used.
    ReadFailed,
    /// The answers contradict each other, or can mean two things.
    Ambiguous,
}

impl Why {
    /// The reason that a condition shows.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::NotAsked => Reason::NotAsked,
            Self::NotPermitted => Reason::NotPermitted,
            Self::ReadFailed => Reason::ReadFailed,
            Self::Ambiguous => Reason::Ambiguous,
        }
    }

    /// Whether another try may answer: what could not be read, and what somebody has yet to permit.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::ReadFailed | Self::NotPermitted)
    }
}

impl<T> Reading<T> {
    /// A fact that Microsoft's own APIs show.
    pub const fn observed(value: T) -> Self {
        Self::Known { value, source: Source::Observed }
    }

    /// A fact that the broker tells.
    pub const fn claimed(value: T) -> Self {
        Self::Known { value, source: Source::Claimed }
    }

    /// A fact that a person tells.
    pub const fn attested(value: T) -> Self {
        Self::Known { value, source: Source::Attested }
    }

    /// A fact that is not known.
    #[must_use]
    pub const fn unknown(why: Why) -> Self {
        Self::Unknown { why }
    }

    /// The value, where it is known.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Unknown { .. } => None,
        }
    }

    /// On whose word, where it is known.
    pub const fn source(&self) -> Option<Source> {
        match self {
            Self::Known { source, .. } => Some(*source),
            Self::Unknown { .. } => None,
        }
    }

    /// Why it is not known, where it is not.
    pub const fn why(&self) -> Option<Why> {
        match self {
            Self::Known { .. } => None,
            Self::Unknown { why } => Some(*why),
        }
    }

    /// The same reading, without taking or copying the value.
    pub const fn as_ref(&self) -> Reading<&T> {
        match self {
            Self::Known { value, source } => Reading::Known { value, source: *source },
            Self::Unknown { why } => Reading::Unknown { why: *why },
        }
    }

    /// The same reading of something derived from the value.
    pub fn map<U>(self, derive: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Known { value, source } => Reading::Known { value: derive(value), source },
            Self::Unknown { why } => Reading::Unknown { why },
        }
    }
}

impl Reading<bool> {
    /// Known to be so.
    #[must_use]
    pub const fn is_true(&self) -> bool {
        matches!(self, Self::Known { value: true, .. })
    }

    /// Known not to be so.
    #[must_use]
    pub const fn is_false(&self) -> bool {
        matches!(self, Self::Known { value: false, .. })
    }
}
