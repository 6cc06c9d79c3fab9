//! What forbids a step for now: an operation of ours that goes on or ended badly, or somebody else's hand.

use super::evidence;
use super::operation;
use super::planned::Waiting;
use super::situation::Situation;
use super::step::{SERVICE, progress_reason};
use crate::api::{ConditionType, DesiredState, Operation, OperationResult, Reason, StepName, TriState};

/// Why an operation of ours forbids to send `step` now.
pub(super) fn operation_forbids(situation: &Situation, step: StepName, is_present: bool) -> Option<Waiting> {
    let operation = evidence::operation(situation)?;
    let id = &operation.id;
    let said = operation.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
    let name = operation.step.name().to_lowercase();
    if operation::is_open(&operation) {
        if operation::is_in_flight(&operation) {
            return Some(Waiting::later(
                progress_reason(operation.step),
                format!("the broker works on it (instance {id}, {name}), until {} at most", operation.deadline_time.0),
            ));
        }
        let contrary = operation.step != step || !operation::is_wished(situation, &operation);
        return contrary.then(|| {
            let message = format!("whether an earlier request ({name}, instance {id}) arrived is not known yet; nothing else is sent before {}", operation.deadline_time.0);
            Waiting::later(progress_reason(operation.step), message)
        });
    }
    match operation.result? {
        OperationResult::Succeeded => Some(unseen(situation, &operation)),
        OperationResult::Failed if operation.step == StepName::Enable && !is_present => {
            let again = operation.end_time_or_start() + situation.capabilities.slow_probe;
            (situation.now < again).then(|| {
                let message = format!("the broker reports that it failed (instance {id}, {name}){said}; the same request is sent again at {again}");
                Waiting::later(Reason::OperationFailed, message)
            })
        }
        OperationResult::Failed => Some(Waiting::for_person(
            Reason::OperationFailed,
            format!(
                "the broker reports that it failed (instance {id}, {name}){said}; nothing is sent again until a reconcile is requested"
            ),
        )),
        OperationResult::TimedOut => Some(Waiting::for_person(
            Reason::OperationTimedOut,
            format!(
                "the broker's operation (instance {id}, {name}) had not ended by {}; from now on the operator only looks, until a reconcile is requested",
                operation.deadline_time.0
            ),
        )),
        OperationResult::Refused => Some(Waiting::for_person(
            Reason::ProviderRejected,
            format!("the broker refused it (instance {id}, {name}){said}"),
        )),
    }
}

/// The broker reported success, and the tenant does not show it.
fn unseen(situation: &Situation, operation: &Operation) -> Waiting {
    let until = operation.end_time_or_start() + situation.capabilities.claim_grace;
    let name = operation.step.name().to_lowercase();
    if situation.now < until {
        let message = format!(
            "the broker reported success ({name}, instance {}); waiting until the tenant shows it, until {until} at most",
            operation.id
        );
        return Waiting::later(Reason::Verifying, message);
    }
    let message = format!(
        "the broker reported success ({name}, instance {}) and the tenant does not show it since; compare its portal with the broker's records, then request a reconcile",
        operation.id
    );
    Waiting::for_person(Reason::ClaimNotObserved, message)
}

/// Whether the tenant was as declared the last time, for this very spec, and is not any more.
pub(super) fn changed_outside(situation: &Situation, declared: DesiredState) -> bool {
    let Some(service) = situation.memory.condition(ConditionType::ServiceOn) else { return false };
    if service.reason == Some(Reason::Drifted) {
        return true;
    }
    if situation.spec_changed() {
        return false;
    }
    match declared {
        DesiredState::Enabled => service.status == TriState::True,
        DesiredState::Disabled => {
            let as_declared = matches!(service.reason, Some(Reason::Disabled | Reason::Deprovisioned));
            service.status == TriState::False && as_declared
        }
        DesiredState::Deprovisioned => false,
    }
}

/// A second change outside, soon after we set `target` back, is left alone until the spec changes or somebody asks.
pub(super) fn contended(situation: &Situation, target: &str, changed_outside: bool) -> Option<Waiting> {
    if situation.spec_changed() || situation.reconcile_requested() || !changed_outside {
        return None;
    }
    let repaired = situation.memory.repaired_at(target)?;
    let soon = situation.now.duration_since(repaired) < jiff::SignedDuration::from_hours(24);
    let was_contended =
        situation.memory.condition(ConditionType::Ready).is_some_and(|ready| ready.reason == Some(Reason::Contended));
    (soon || was_contended).then(|| {
        let what = if target == SERVICE { "the service".to_owned() } else { format!("integration {target}") };
        Waiting::for_person(
            Reason::Contended,
            format!(
                "{what} was set back at {repaired} and changed outside again: it is left alone. Find out who changes it, then change the spec or request a reconcile"
            ),
        )
    })
}
