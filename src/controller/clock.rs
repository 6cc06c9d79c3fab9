//! The one place where the time of day enters; everything else is told.

use jiff::Timestamp;

/// The time of a pass, in whole seconds, as Kubernetes stores times: what is written and what is read back are equal.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the time of day enters")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// The time of day to the microsecond, as Leases store it.
#[expect(clippy::disallowed_methods, reason = "beside `now`, the one place where the time of day enters")]
pub(super) fn now_in_micros() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
