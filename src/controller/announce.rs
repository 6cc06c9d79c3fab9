//! Tells people and machines what a pass did: one log line and one event each. Never fails or delays a pass.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::ObjectMeta;

use super::error::ReconcileError;
use super::events;
use super::executed::Executed;
use super::herald::Herald;
use super::meter::Meter;
use crate::api::{GROUP, KIND, ThreatProtectionTenantStatus, VERSION};
use crate::plan::situation::Subject;
use crate::plan::step::Outcome;

/// Tells what follows from the step and from the change of status.
pub(super) fn announce(
    (herald, meter): (&Herald, &Meter),
    subject: &Subject,
    (old, new): (Option<&ThreatProtectionTenantStatus>, &ThreatProtectionTenantStatus),
    executed: Option<&Executed>,
) {
    if let Some(ready) = events::new_verdict(old, new) {
        tracing::info!(ready = ready.status, reason = ready.reason, detail = ready.message, "new verdict");
    }
    let reference = reference(subject);
    for event in events::events(old, new, executed) {
        herald.tell(meter, event, reference.clone());
    }
}

/// Tells why a pass could not be finished.
pub(super) fn announce_fault((herald, meter): (&Herald, &Meter), metadata: &ObjectMeta, fault: &ReconcileError) {
    let about = refer(metadata.namespace.clone(), metadata.name.clone(), metadata.uid.clone());
    herald.tell(meter, events::fault(fault), about);
}

/// Logs an executed step: what, through whom, and under which request id.
pub(super) fn log_step(executed: &Executed) {
    let Executed { step, outcome, .. } = executed;
    let actor = step.by.actor().name();
    match outcome {
        Outcome::Done => tracing::info!(%step, actor, outcome = "done", "step executed"),
        Outcome::InProgress { .. } => tracing::info!(%step, actor, outcome = "in progress", "step executed"),
        Outcome::Refused(failure) => tracing::warn!(
            %step,
            actor,
            outcome = "refused",
            class = failure.class.name(),
            reason = failure.reason.name(),
            detail = failure.message,
            request_id = failure.request_id,
            "step executed"
        ),
    }
}

fn reference(subject: &Subject) -> ObjectReference {
    refer(Some(subject.namespace.clone()), Some(subject.name.clone()), Some(subject.uid.clone()))
}

fn refer(namespace: Option<String>, name: Option<String>, uid: Option<String>) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{GROUP}/{VERSION}")),
        kind: Some(KIND.to_owned()),
        namespace,
        name,
        uid,
        ..ObjectReference::default()
    }
}
