//! `GET /v2/service_instances/{id}/last_operation`: a poll moves the operation on, and the last one does its work.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::instances::instance_id;
use super::wire::{Call, Refused};
use super::work;
use crate::simulator::answer::Answer;
use crate::simulator::journal::{Actor, Change, Effect};
use crate::simulator::settings::{Behaviour, Leaves, Mode};
use crate::simulator::state::{Instance, Operation, OperationKind, Outcome, Phase, State};

/// Answers a poll.
pub(super) fn poll(state: &mut State, call: &Call, now: Timestamp) -> Result<Answer, Refused> {
    let unknown = || Refused::new(404, "there is no such service instance or operation");
    let instance = state.instance(instance_id(call)?).cloned().ok_or_else(unknown)?;
    let handle = call.query.get("operation").or(instance.operation.as_ref());
    let Some(handle) = handle else {
        return if instance.phase == Phase::Absent { Ok(Answer::empty(410)) } else { Err(unknown()) };
    };
    let operation = state.operation(handle).filter(|known| known.instance_id == instance.id).cloned();
    let operation = operation.ok_or_else(unknown)?;
    let behaviour = state.settings().towards(instance.tenant_id);
    match (&operation.outcome, operation.polls_left) {
        (Outcome::InProgress, Some(0)) => Ok(end(state, operation, instance, behaviour, now)),
        (Outcome::InProgress, left) => {
            let polls_left = left.map(|left| left - 1);
            if left.is_some() {
                state.put_operation(Operation { polls_left, ..operation });
            }
            Ok(in_progress(behaviour))
        }
        (Outcome::Succeeded, _) if operation.kind == OperationKind::Deprovision => Ok(Answer::empty(410)),
        (Outcome::Succeeded, _) => Ok(succeeded()),
        (Outcome::Failed(description), _) => Ok(failed(operation.kind, description, behaviour)),
    }
}

fn end(state: &mut State, operation: Operation, instance: Instance, behaviour: Behaviour, now: Timestamp) -> Answer {
    let kind = operation.kind;
    let result = match operation.fails_with.clone() {
        Some(description) => Err(description),
        // The tenant may have changed since the request: its rules are asked again.
        None => work::perform(state, instance.clone(), (kind, &operation.parameters), now)
            .map_err(|refused| refused.description),
    };
    let (outcome, answer) = match result {
        Ok(()) => (Outcome::Succeeded, succeeded()),
        Err(description) => {
            if kind == OperationKind::Provision {
                leave_after_failure(state, instance, behaviour.failed_provision_leaves, now);
            }
            let answer = failed(kind, &description, behaviour);
            (Outcome::Failed(description), answer)
        }
    };
    state.put_operation(Operation { outcome, ..operation });
    answer
}

fn leave_after_failure(state: &mut State, instance: Instance, leaves: Leaves, now: Timestamp) {
    let phase = match leaves {
        Leaves::Absent => Phase::Absent,
        Leaves::Present => Phase::Present,
    };
    if phase == Phase::Present {
        let created = Change::new(Effect::InstanceCreated, [("instanceId", instance.id.clone())]);
        state.record(instance.tenant_id, Actor::Broker, now, vec![created]);
    }
    state.put_instance(Instance { phase, ..instance });
}

fn in_progress(behaviour: Behaviour) -> Answer {
    let retry_after = match behaviour.mode {
        Mode::Async(polling) => polling.retry_after_seconds,
        Mode::Sync => None,
    };
    Answer::new(200, json!({ "state": "in progress", "description": "working on it" })).with_retry_after(retry_after)
}

fn succeeded() -> Answer {
    Answer::new(200, json!({ "state": "succeeded" }))
}

fn failed(kind: OperationKind, description: &str, behaviour: Behaviour) -> Answer {
    let mut body = Map::new();
    body.insert("state".to_owned(), "failed".into());
    body.insert("description".to_owned(), description.into());
    let mut tell = |name: &str, value: Option<bool>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    };
    // The specification knows these two for updates and deprovisioning only.
    if kind != OperationKind::Provision {
        tell("instance_usable", behaviour.instance_usable);
    }
    if kind == OperationKind::Update {
        tell("update_repeatable", behaviour.update_repeatable);
    }
    Answer::new(200, Value::Object(body))
}
