//! What becomes of a verdict when nothing can be read any more: it stands for a while, and then it ages into unknown.

use super::planned::{Plan, Waiting};
use super::situation::Situation;
use crate::api::{ConditionType, Reason};

/// Reading failed. With nothing pending the stored verdict stands until three resyncs have failed.
pub(super) fn plan_unreadable(situation: &Situation, plan: &mut Plan) {
    if situation.spec_changed() || !(situation.memory.is_ready() || has_aged_before(situation)) {
        return plan.wait(Waiting::for_provider(situation));
    }
    if has_aged_before(situation) || !has_aged(situation) {
        plan.verdict_stands = true;
        return;
    }
    let waiting = Waiting::for_provider(situation);
    plan.wait(Waiting::for_person(waiting.reason, waiting.message));
}

/// Whether the stored verdict is already that nothing could be read for too long.
pub(super) fn has_aged_before(situation: &Situation) -> bool {
    let unreadable =
        situation.memory.condition(ConditionType::Ready).is_some_and(|ready| ready.reason.is_some_and(is_unreadable));
    unreadable && situation.memory.condition(ConditionType::Stalled).is_some()
}

/// Reasons that say that the state of the tenant could not be read.
pub(super) const fn is_unreadable(reason: Reason) -> bool {
    matches!(reason, Reason::ProviderUnavailable | Reason::Throttled | Reason::PermissionDenied)
}

fn has_aged(situation: &Situation) -> bool {
    let Ok(desired) = &situation.desired else { return false };
    let limit = situation.resync(desired).saturating_mul(3);
    situation.recent.failing_since.is_some_and(|since| situation.now.duration_since(since) >= limit)
}
