//! Whether the last verdict stands although something that it rests on could not be read again: a failed read writes nothing
//! while there is nothing to do.

use super::ageing;
use super::best;
use super::evidence;
use super::planned::Plan;
use super::reading::Reading;
use super::situation::Situation;
use super::step::StepActor;
use crate::api::{ConditionType, LinkReading, Reason};
use crate::tenant::LinkState;

/// Whether the stored verdict outlives this pass: something beside the service that it rests on could only not be read
/// again, and there is nothing to do. What is known to be otherwise ends it at once, and so do three resyncs.
pub(super) fn outlives(situation: &Situation, plan: &Plan) -> bool {
    let unread = ageing::unread(situation);
    if unread.is_empty() {
        return false;
    }
    let Some(ready) = situation.memory.condition(ConditionType::Ready) else { return false };
    let is_settled = ageing::has_verdict(situation);
    let is_asked_for = situation.spec_changed() || situation.reconcile_requested() || situation.subject.is_deleting;
    let acts = plan.steps.iter().any(|step| matches!(step.by, StepActor::Broker(_) | StepActor::Arm(_)));
    let is_news = plan
        .waiting
        .iter()
        .any(|waiting| waiting.reason < Reason::PermissionDenied && ready.reason != Some(waiting.reason));
    if !is_settled || is_asked_for || acts || is_news || has_turned(situation) || has_link_turned(situation) {
        return false;
    }
    let was_known = |kind: ConditionType| {
        let stored = situation.memory.condition(kind).and_then(|stored| stored.reason);
        !matches!(stored, Some(Reason::NotAsked | Reason::NotPermitted | Reason::ReadFailed | Reason::PermissionDenied))
    };
    let matters = |kind: ConditionType| match kind {
        ConditionType::CredentialsReady | ConditionType::RegionPinned | ConditionType::Integrated => true,
        ConditionType::Eligible => !best::service(situation).is_true(),
        ConditionType::Authorized => plan.hand_offs().next().is_some(),
        _ => false,
    };
    unread.into_iter().any(|kind| matters(kind) && was_known(kind) && !ageing::has_aged_of(situation, kind))
}

/// Whether a declared link is known to be otherwise than it was.
fn has_link_turned(situation: &Situation) -> bool {
    let Ok(desired) = &situation.desired else { return false };
    desired.integrations.iter().any(|(name, wish)| {
        let fresh = evidence::link(situation, desired, name, wish.kind);
        let stored = situation.memory.integration(name).map(|stored| stored.state);
        match fresh.value() {
            Some(LinkState::Linked) => stored != Some(LinkReading::Linked),
            Some(LinkState::Unlinked) => stored != Some(LinkReading::Unlinked),
            None => false,
        }
    })
}

/// Whether the service is known to be otherwise than it was, or is not known any more and no other look will tell.
fn has_turned(situation: &Situation) -> bool {
    let remembered = situation.memory.service().map(|(is_on, _)| is_on);
    match evidence::service(situation) {
        Reading::Known { value, .. } => remembered != Some(value),
        Reading::Unknown { why } => !why.may_pass() && remembered.is_some(),
    }
}
