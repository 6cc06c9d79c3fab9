//! Which events follow from a pass. Pure; `announce` publishes them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::events::{Event, EventType};

use super::error::ReconcileError;
use super::executed::Executed;
use crate::api::{ConditionType, PendingAction, Reason, ThreatProtectionTenantStatus, TriState};
use crate::plan::step::{Change, Outcome, Step};

/// The other side took the step and says that it is done.
pub const STEP_DONE: &str = "StepDone";
/// The other side took the step and works on it.
pub const STEP_ACCEPTED: &str = "StepAccepted";
/// The step was refused, or its outcome is not known.
pub const STEP_REFUSED: &str = "StepRefused";
/// The action of an event that tells a new verdict.
pub const VERDICT: &str = "Reconcile";

/// The API server takes a note of less than 1,024 bytes.
const NOTE_BYTES: usize = 1_000;
/// Events about new hand-offs in one pass; status lists them all.
const HAND_OFFS: usize = 4;

/// What is worth an event: the step that was executed, a new verdict, and every new hand-off.
pub(super) fn events(
    old: Option<&ThreatProtectionTenantStatus>,
    new: &ThreatProtectionTenantStatus,
    executed: Option<&Executed>,
) -> Vec<Event> {
    let mut events = Vec::new();
    events.extend(executed.and_then(step));
    events.extend(verdict(old, new));
    let known = old.map_or([].as_slice(), |status| status.pending_actions.as_slice());
    let fresh = new.pending_actions.iter().filter(|action| !known.iter().any(|other| is_same(action, other)));
    events.extend(fresh.take(HAND_OFFS).map(hand_off));
    events
}

/// A pass could not be finished.
pub(super) fn fault(fault: &ReconcileError) -> Event {
    let note = format!("{fault}. {} The next pass starts from what is stored.", Reason::Internal.remedy());
    event(EventType::Warning, Reason::Internal.to_string(), VERDICT.to_owned(), &note)
}

/// The condition `Ready` of a status.
pub(super) fn ready(status: &ThreatProtectionTenantStatus) -> Option<&Condition> {
    condition(status, ConditionType::Ready)
}

/// The new `Ready`, where its reason is another one than before.
pub(super) fn new_verdict<'a>(
    old: Option<&ThreatProtectionTenantStatus>,
    new: &'a ThreatProtectionTenantStatus,
) -> Option<&'a Condition> {
    let before = old.and_then(ready).map(|ready| ready.reason.as_str());
    ready(new).filter(|now| before != Some(now.reason.as_str()))
}

fn verdict(old: Option<&ThreatProtectionTenantStatus>, new: &ThreatProtectionTenantStatus) -> Option<Event> {
    let ready = new_verdict(old, new)?;
    let is_stalled =
        condition(new, ConditionType::Stalled).is_some_and(|stalled| stalled.status == TriState::True.name());
    let type_ = if is_stalled { EventType::Warning } else { EventType::Normal };
    Some(event(type_, ready.reason.clone(), VERDICT.to_owned(), &ready.message))
}

/// A step that keeps being refused is told once; the verdict tells the rest.
fn step(executed: &Executed) -> Option<Event> {
    let Executed { step, outcome, is_first_try } = executed;
    let (type_, reason, note) = match outcome {
        Outcome::Done => (EventType::Normal, STEP_DONE, step.to_string()),
        Outcome::InProgress { .. } => (EventType::Normal, STEP_ACCEPTED, step.to_string()),
        Outcome::Refused(_) if !is_first_try => return None,
        Outcome::Refused(failure) => (EventType::Warning, STEP_REFUSED, format!("{step}: {failure}")),
    };
    Some(event(type_, reason.to_owned(), action(step), &note))
}

fn hand_off(pending: &PendingAction) -> Event {
    let note = format!("{}: {} ({})", pending.role, pending.instructions, pending.link);
    event(EventType::Warning, ConditionType::ActionRequired.to_string(), pending.step.to_string(), &note)
}

/// Events with equal type, reason and action are taken for one, so the action names the target.
fn action(step: &Step) -> String {
    let kind = step.change.name();
    match &step.change {
        Change::Link { name, .. } | Change::Unlink { name, .. } => format!("{kind} {name}"),
        Change::Enable { .. } | Change::Disable { .. } | Change::Deprovision => kind.to_string(),
    }
}

fn is_same(one: &PendingAction, other: &PendingAction) -> bool {
    (one.step, &one.role, &one.link, &one.instructions) == (other.step, &other.role, &other.link, &other.instructions)
}

fn condition(status: &ThreatProtectionTenantStatus, kind: ConditionType) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind.name())
}

fn event(type_: EventType, reason: String, action: String, note: &str) -> Event {
    Event { type_, reason, note: Some(shortened(note)), action, secondary: None }
}

fn shortened(note: &str) -> String {
    if note.len() <= NOTE_BYTES {
        return note.to_owned();
    }
    let mut text: String = note
        .char_indices()
        .take_while(|(start, character)| start + character.len_utf8() <= NOTE_BYTES - '…'.len_utf8())
        .map(|(_, character)| character)
        .collect();
    text.push('…');
    text
}

#[cfg(test)]
#[path = "events/tests.rs"]
mod tests;
