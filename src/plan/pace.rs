//! When to look again.

use jiff::SignedDuration;

use super::planner::Plan;
use super::situation::Situation;
use super::step::Outcome;

/// The time until the next look. `jitter` is between 0 and 1 and spreads it.
#[must_use]
pub fn pace(situation: &Situation, _plan: &Plan, _outcome: Option<&Outcome>, _jitter: f64) -> SignedDuration {
    situation.capabilities.slow_probe
}
