//! Where the time of the simulated world enters.

use jiff::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the simulated world has a clock of its own, as the real one has")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
