//! When to look again.

use jiff::{SignedDuration, Timestamp};

use super::attestation;
use super::evidence;
use super::failure::ErrorClass;
use super::handoff::HandOff;
use super::microsoft::Access;
use super::observed::Progress;
use super::operation;
use super::planned::{Plan, Until};
use super::reading::Why;
use super::signals;
use super::situation::{Permit, Situation};
use super::step::{Outcome, StepActor};
use crate::api::{ConditionType, Reason};

/// How often a duplicate looks whether the other resource is still there; it asks nobody but the local store.
const DUPLICATE: SignedDuration = SignedDuration::from_secs(30);
/// How often a held resource that is being deleted is looked at: no watch tells it that its namespace is going too.
const HELD: SignedDuration = SignedDuration::from_secs(30);
/// How often a fresh hand-off is looked at, where the operator can see that it is done.
const HAND_OFF: SignedDuration = SignedDuration::from_mins(2);
/// How long a hand-off is fresh.
const FRESH: SignedDuration = SignedDuration::from_hours(2);
/// A resource that only a person can mend costs at most so many calls in any hour; the longest delay after a failure, five
/// minutes unless the administrator says otherwise, is the time of one.
const CALLS_OF_AN_HOUR: i32 = 12;
/// The most calls of one look through Microsoft's own APIs, the token's included.
const CALLS_OF_A_LOOK: i32 = 9;
/// How many times the poll interval goes by between two settings of one tenant.
const POLLS_BETWEEN_SETTINGS: i32 = 3;
/// Nothing is looked at more often than this.
const FLOOR: SignedDuration = SignedDuration::from_millis(200);

/// The time until the next look. `jitter` is between 0 and 1 and spreads what many resources would do at once.
#[must_use]
pub fn pace(situation: &Situation, plan: &Plan, outcome: Option<&Outcome>, jitter: f64) -> SignedDuration {
    let capabilities = &situation.capabilities;
    let Ok(desired) = &situation.desired else { return spread(capabilities.slow_probe, jitter) };
    if situation.permit == Permit::Duplicate {
        // Who had to sign in to be one looks no more often than others.
        let is_asked = situation.observed.microsoft.is_asked();
        return spread(if is_asked { situation.resync(desired) } else { DUPLICATE }, jitter);
    }
    if let Some(class) = failing(situation) {
        return after_failure(situation, class, jitter);
    }
    match plan.next().map(|step| &step.by) {
        // Each of them costs a whole look more, and the request budget of a tenant refills slowly.
        Some(StepActor::Arm(_)) if matches!(outcome, Some(Outcome::Done)) => {
            return later(capabilities.poll.saturating_mul(POLLS_BETWEEN_SETTINGS), jitter);
        }
        Some(_) => return FLOOR,
        None => {}
    }
    if let Some(poll) = poll(situation, outcome) {
        return poll.max(FLOOR);
    }
    let waits_for = |reason| plan.waiting.iter().any(|waiting| waiting.reason == reason);
    let usual = if plan.waiting.iter().any(|waiting| waiting.until == Until::Later) {
        until_verified(situation, plan)
    } else if waits_for(Reason::ProviderRejected) {
        later(wrong(situation), jitter)
    } else if let Access::Refused(failure) = &situation.observed.microsoft.access {
        after_refused_access(situation, failure.reason, jitter)
    } else if first_is_wrong(situation, plan) {
        later(situation.resync(desired).max(allowed(situation)), jitter)
    } else if is_fresh_hand_off(situation, plan) {
        spread(situation.resync(desired).min(HAND_OFF), jitter)
    } else {
        spread(situation.resync(desired), jitter)
    };
    let usual = if situation.subject.is_deleting { usual.min(spread(HELD, jitter)) } else { usual };
    let change = attestation::next_change(desired, situation.now).map(|time| time.duration_since(situation.now));
    change.map_or(usual, |change| usual.min(change)).max(FLOOR)
}

/// How what went wrong with a call is to be met: the broker's failure, or one of Microsoft's; without a word on why, a
/// service that could not be seen is met like any trouble that passes.
fn failing(situation: &Situation) -> Option<ErrorClass> {
    let failure = situation.observed.failure.as_ref().or(situation.observed.microsoft.failure.as_ref());
    let is_blind = signals::service(&situation.observed.microsoft).why() == Some(Why::ReadFailed);
    failure.map(|failure| failure.class).or_else(|| is_blind.then_some(ErrorClass::Transient))
}

/// What the resource signs in with was refused, or is not there. It is looked at again soon, because a Secret that is put
/// right does not tell: the same proof is not shown to Microsoft again for a while, so that this costs little.
fn after_refused_access(situation: &Situation, reason: Reason, jitter: f64) -> SignedDuration {
    let is_free = reason == Reason::CredentialsMissing && !situation.has_broker();
    let least = if is_free { HAND_OFF } else { allowed(situation) };
    later(least.min(situation.capabilities.slow_probe), jitter)
}

/// Whether what is declared, or what it needs, is wrong: only a person can mend it.
fn first_is_wrong(situation: &Situation, plan: &Plan) -> bool {
    if plan.verdict_stands {
        let stalled = situation.memory.condition(ConditionType::Stalled).and_then(|stalled| stalled.reason);
        return stalled.is_some_and(|reason| reason != Reason::ActionRequired);
    }
    let first = plan.waiting.iter().min_by_key(|waiting| waiting.reason);
    first.is_some_and(|waiting| waiting.until == Until::Person && waiting.reason != Reason::ActionRequired)
}

/// The least time between two looks that costs at most twelve calls an hour.
fn allowed(situation: &Situation) -> SignedDuration {
    let microsoft = match &situation.observed.microsoft.access {
        Access::NotTried => 0,
        Access::Refused(_) | Access::Failed(_) => 1,
        Access::Granted => CALLS_OF_A_LOOK,
    };
    let broker = i32::from(situation.has_broker());
    // Whole looks: two of seven calls, fifty minutes apart, would fall into one hour.
    let looks = CALLS_OF_AN_HOUR.checked_div(microsoft + broker).unwrap_or(CALLS_OF_AN_HOUR).max(1);
    let (_, one_call) = situation.capabilities.retry;
    one_call.saturating_mul(CALLS_OF_AN_HOUR.checked_div(looks).unwrap_or(CALLS_OF_AN_HOUR))
}

/// How long to leave alone what a person has to mend.
fn wrong(situation: &Situation) -> SignedDuration {
    situation.capabilities.slow_probe.max(allowed(situation))
}

/// Whether a person was asked to act a short while ago, and the operator can see it done.
#[must_use]
pub fn is_fresh_hand_off(situation: &Situation, plan: &Plan) -> bool {
    let can_see = situation.observed.microsoft.is_asked() || situation.observed.is_retrievable;
    let is_recent = |since: Timestamp| situation.now.duration_since(since) < FRESH;
    let asked = |hand_off: &HandOff| {
        let stored = situation.memory.status().pending_actions.iter().filter(|stored| stored.step == hand_off.step);
        let since = stored.map(|stored| stored.since_time.0).max();
        since.is_none_or(is_recent)
    };
    can_see
        && (plan.hand_offs().any(asked)
            || plan.hand_offs().next().is_some() && situation.recent.requested_at.is_some_and(is_recent))
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
        ErrorClass::Auth | ErrorClass::Permission => most.max(allowed(situation)),
        ErrorClass::Invalid => wrong(situation),
        ErrorClass::Transient | ErrorClass::Waiting | ErrorClass::Protocol => backed_off,
    };
    later(delay, jitter).max(FLOOR)
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

/// Upwards only: never earlier than the other side asked for, and never more often than allowed.
fn later(delay: SignedDuration, jitter: f64) -> SignedDuration {
    delay.saturating_add(fraction(delay, 0.2 * jitter))
}

/// Ten per cent earlier to ten per cent later.
fn spread(delay: SignedDuration, jitter: f64) -> SignedDuration {
    let tenth = fraction(delay, 0.1);
    (delay - tenth).saturating_add(fraction(delay, 0.2 * jitter))
}

fn fraction(delay: SignedDuration, of: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(delay.as_secs_f64() * of.clamp(0.0, 1.0)).unwrap_or(SignedDuration::ZERO)
}
