//! The one place where the time of day enters; everything else is told.

use jiff::Timestamp;

/// The time of a pass.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the time of day enters")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
