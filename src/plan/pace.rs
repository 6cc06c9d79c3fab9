//! When to look again.

use jiff::SignedDuration;

use super::attestation;
use super::evidence;
use super::failure::ErrorClass;
use super::observed::Progress;
use super::operation;
use super::planned::{Plan, Until};
use super::situation::{Permit, Situation};
use super::step::Outcome;
use crate::api::Reason;

/// How often a duplicate looks whether the other resource is still there; it asks nobody but the local store.
const DUPLICATE: SignedDuration = SignedDuration::from_secs(30);
/// How often a held resource that is being deleted is looked at: no watch tells it that its namespace is going too.
const HELD: SignedDuration = SignedDuration::from_secs(30);
/// Nothing is looked at more often than this.
const FLOOR: SignedDuration = SignedDuration::from_millis(200);

/// The time until the next look. `jitter` is between 0 and 1 and spreads what many resources would do at once.
#[must_use]
pub fn pace(situation: &Situation, plan: &Plan, outcome: Option<&Outcome>, jitter: f64) -> SignedDuration {
    let capabilities = &situation.capabilities;
    let Ok(desired) = &situation.desired else { return spread(capabilities.slow_probe, jitter) };
    if situation.permit == Permit::Duplicate {
        return spread(DUPLICATE, jitter);
    }
    if let Some(failure) = &situation.observed.failure {
        return after_failure(situation, failure.class, jitter);
    }
    if plan.next().is_some() {
        return FLOOR;
    }
    if let Some(poll) = poll(situation, outcome) {
        return poll.max(FLOOR);
    }
    let usual = if plan.waiting.iter().any(|waiting| waiting.until == Until::Later) {
        until_verified(situation, plan)
    } else if plan.waiting.iter().any(|waiting| waiting.reason == Reason::ProviderRejected) {
        spread(capabilities.slow_probe, jitter)
    } else {
        spread(situation.resync(desired), jitter)
    };
    let usual = if situation.subject.is_deleting { usual.min(spread(HELD, jitter)) } else { usual };
    let change = attestation::next_change(desired, situation.now).map(|time| time.duration_since(situation.now));
    change.map_or(usual, |change| usual.min(change)).max(FLOOR)
}

fn poll(situation: &Situation, outcome: Option<&Outcome>) -> Option<SignedDuration> {
    let asked = match (outcome, &situation.observed.progress) {
        (Some(Outcome::InProgress { poll_after, .. }), _) => *poll_after,
        (_, Some(Progress::InProgress { retry_after })) => *retry_after,
        _ => {
            let goes_on = evidence::operation(situation)
                .is_some_and(|operation| operation::is_open(&operation) && operation.accept_time.is_some());
            return goes_on.then_some(situation.capabilities.poll);
        }
    };
    let timed_out = evidence::operation(situation).is_some_and(|operation| operation::has_failed(&operation));
    if timed_out {
        return Some(situation.capabilities.slow_probe);
    }
    Some(asked.unwrap_or(situation.capabilities.poll))
}

fn after_failure(situation: &Situation, class: ErrorClass, jitter: f64) -> SignedDuration {
    let (first, most) = situation.capabilities.retry;
    let longest = situation.desired.as_ref().map_or(most, |desired| desired.resync);
    let doublings = situation.recent.failures.min(20);
    let backed_off = first.saturating_mul(1_i32.checked_shl(doublings).unwrap_or(i32::MAX)).min(most);
    let delay = match class {
        ErrorClass::Throttled { until: Some(until) } => until.duration_since(situation.now).min(longest).max(first),
        ErrorClass::Throttled { until: None } => backed_off.max(first.saturating_mul(5)).min(most),
        ErrorClass::Auth | ErrorClass::Permission => most,
        ErrorClass::Invalid => situation.capabilities.slow_probe,
        ErrorClass::Transient | ErrorClass::Waiting | ErrorClass::Protocol => backed_off,
    };
    // Upwards only: never earlier than the other side asked for.
    delay.saturating_add(fraction(delay, jitter * 0.2)).max(FLOOR)
}

fn until_verified(situation: &Situation, plan: &Plan) -> SignedDuration {
    let capabilities = &situation.capabilities;
    let verifying = plan.waiting.iter().any(|waiting| waiting.reason == Reason::Verifying);
    let failed = plan.waiting.iter().any(|waiting| waiting.reason == Reason::OperationFailed);
    if failed {
        return capabilities.slow_probe;
    }
    if verifying { capabilities.poll.min(capabilities.claim_grace) } else { capabilities.poll }
}

/// Ten per cent earlier to ten per cent later.
fn spread(delay: SignedDuration, jitter: f64) -> SignedDuration {
    let tenth = fraction(delay, 0.1);
    (delay - tenth).saturating_add(fraction(delay, 0.2 * jitter))
}

fn fraction(delay: SignedDuration, of: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(delay.as_secs_f64() * of.clamp(0.0, 1.0)).unwrap_or(SignedDuration::ZERO)
}
