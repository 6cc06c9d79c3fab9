//! What is known of a tenant in this pass: the operation of ours that still counts, and every fact in its light.

use super::claims;
use super::desired::Desired;
use super::observed::{Instance, Progress};
use super::operation::{is_in_flight, is_open, is_wished, refresh};
use super::reading::Reading;
use super::signals;
use super::situation::Situation;
use crate::api::{Operation, OperationResult, StepName};
use crate::tenant::{IntegrationType, LinkState};

/// The remembered operation brought up to date with what was read, or nothing when it has served its purpose.
///
/// It has, when its claim is seen in the tenant, when a verdict was answered by a changed spec or a reconcile request,
/// and when it ended and the wish is another one now.
pub(super) fn operation(situation: &Situation) -> Option<Operation> {
    let operation = refresh(situation, situation.memory.operation()?.clone());
    if is_confirmed(situation, &operation) || is_answered(situation, &operation) {
        return None;
    }
    Some(operation)
}

/// Whether the tenant shows what the operation was to bring about.
fn is_confirmed(situation: &Situation, operation: &Operation) -> bool {
    let still_running = matches!(situation.observed.progress, Some(Progress::InProgress { .. }));
    if is_in_flight(operation)
        || still_running
        || matches!(operation.result, Some(OperationResult::Failed | OperationResult::Refused))
    {
        return false;
    }
    match operation.step {
        StepName::Enable => claims::service_with(situation, Some(operation)).is_true(),
        StepName::Disable => claims::service_with(situation, Some(operation)).is_false(),
        StepName::Link | StepName::Unlink => claims::shows(situation, operation),
        StepName::Deprovision => {
            let shown_absent = matches!(situation.observed.instance.value(), Some(Instance::Absent));
            let silent = situation.observed.instance.value().is_none();
            // What is seen to go goes bit by bit: as long as anything answers, it is not seen to be gone.
            (shown_absent || silent && operation.result == Some(OperationResult::Succeeded))
                && !claims::service_with(situation, Some(operation)).is_true()
                && !signals::shows_any(&situation.observed.microsoft)
        }
    }
}

/// Whether somebody has answered the verdict of an ended operation, or the wish has changed since.
fn is_answered(situation: &Situation, operation: &Operation) -> bool {
    if is_open(operation) {
        // An intent that nobody accepted binds only while it is wished for, or until its deadline.
        return operation.accept_time.is_none()
            && !is_wished(situation, operation)
            && situation.now >= operation.deadline_time.0;
    }
    let refused = operation.result == Some(OperationResult::Refused);
    situation.reconcile_requested()
        || !is_wished(situation, operation)
        || (refused && situation.spec_changed())
        || (refused
            && situation.recent.refused_at.unwrap_or(operation.end_time_or_start()) + situation.capabilities.slow_probe
                <= situation.now)
}

/// Whether a broker that shows its instances has not shown this one in this pass: the next pass asks for it.
pub(super) fn must_look_again(situation: &Situation) -> bool {
    situation.has_broker() && !claims::is_broker_silent(situation) && instance(situation).value().is_none()
}

/// Whether the service is on, by what was read in this pass; an attestation that holds counts as read.
pub(super) fn service(situation: &Situation) -> Reading<bool> {
    claims::service_with(situation, operation(situation).as_ref())
}

/// Whether the broker has an instance of the tenant.
pub(super) fn instance(situation: &Situation) -> Reading<bool> {
    claims::instance(situation)
}

/// Whether the link of this name is set.
pub(super) fn link(situation: &Situation, desired: &Desired, name: &str, kind: IntegrationType) -> Reading<LinkState> {
    claims::link_with(situation, desired, (name, kind), operation(situation).as_ref())
}
