//! The operation that was sent, or is about to be: how far it is, and what it forbids.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::observed::Progress;
use super::situation::Situation;
use super::step::{BrokerRequest, Change};
use crate::api::{DesiredState, Operation, OperationResult, StepName};

/// The remembered operation, where the broker has reported that it succeeded, also when its claim is seen.
pub(super) fn succeeded(situation: &Situation) -> Option<Operation> {
    let operation = refresh(situation, situation.memory.operation()?.clone());
    (operation.result == Some(OperationResult::Succeeded)).then_some(operation)
}

/// The remembered operation, where the broker has reported that it failed, also when somebody has answered that.
pub(super) fn failed(situation: &Situation) -> Option<Operation> {
    let operation = refresh(situation, situation.memory.operation()?.clone());
    (operation.result == Some(OperationResult::Failed)).then_some(operation)
}

/// Whether the operation may still be going on.
pub(super) const fn is_open(operation: &Operation) -> bool {
    operation.end_time.is_none()
}

/// Whether the broker has accepted it and it has not ended.
pub(super) const fn is_in_flight(operation: &Operation) -> bool {
    is_open(operation) && operation.accept_time.is_some()
}

/// Whether it did not end as it should.
pub(super) fn has_failed(operation: &Operation) -> bool {
    matches!(operation.result, Some(OperationResult::Failed | OperationResult::TimedOut | OperationResult::Refused))
}

/// A new operation for a request that is about to be sent.
pub(super) fn intended(situation: &Situation, change: &Change, request: &BrokerRequest) -> Operation {
    Operation {
        step: change.name(),
        id: request.tenant.service_instance_id().to_string(),
        handle: None,
        parameters: request.parameters.clone(),
        start_time: Time(situation.now),
        accept_time: None,
        deadline_time: Time(situation.now + deadline(situation)),
        end_time: None,
        result: None,
        message: None,
    }
}

/// How long to wait for an operation: the smaller of ours and the plan's.
pub(super) fn deadline(situation: &Situation) -> jiff::SignedDuration {
    let ours = situation.capabilities.operation_deadline;
    situation.observed.maximum_polling.map_or(ours, |theirs| ours.min(theirs))
}

/// The remembered operation brought up to date with what was read.
pub(super) fn refresh(situation: &Situation, mut operation: Operation) -> Operation {
    let timed_out = operation.result == Some(OperationResult::TimedOut);
    if !is_open(&operation) && !timed_out {
        return operation;
    }
    if operation.accept_time.is_none() && matches!(situation.observed.progress, Some(Progress::InProgress { .. })) {
        // The answer was lost, and the broker says that it works on it all the same.
        operation.accept_time = Some(Time(situation.now));
        operation.deadline_time = Time(situation.now + deadline(situation));
    }
    let ended = match &situation.observed.progress {
        Some(Progress::Succeeded) => Some((OperationResult::Succeeded, None)),
        Some(Progress::Failed { description, is_repeatable, is_usable }) => {
            let mut message = description.clone();
            if !is_usable {
                message.push_str(" The broker says that the instance cannot be updated any more.");
            } else if !is_repeatable {
                message.push_str(" The broker says that the same update must not be sent again.");
            }
            Some((OperationResult::Failed, Some(message)))
        }
        Some(Progress::Gone) if !timed_out => {
            // Nobody knows the operation any more, so the same idempotent request is what finds out.
            operation.handle = None;
            operation.accept_time = None;
            None
        }
        _ if !timed_out && operation.accept_time.is_some() && situation.now >= operation.deadline_time.0 => {
            Some((OperationResult::TimedOut, None))
        }
        _ => None,
    };
    if let Some((result, message)) = ended {
        operation.result = Some(result);
        operation.end_time = Some(Time(situation.now));
        operation.message = message;
    }
    operation
}

/// Whether the spec still asks for what the operation was to bring about.
pub(super) fn is_wished(situation: &Situation, operation: &Operation) -> bool {
    let Ok(desired) = &situation.desired else { return true };
    match operation.step {
        StepName::Enable => desired.state == DesiredState::Enabled,
        StepName::Disable => desired.state == DesiredState::Disabled,
        StepName::Deprovision => desired.state == DesiredState::Deprovisioned,
        StepName::Link | StepName::Unlink => {
            desired.state == DesiredState::Enabled
                && operation.parameters.integrations.iter().all(|(kind, state)| {
                    desired.integrations.values().any(|link| link.kind == *kind && link.state == *state)
                })
        }
    }
}
