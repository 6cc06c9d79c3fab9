//! Everything that a situation is made of: the resource, its home, its permit, and one look outside.

use jiff::Timestamp;

use super::credentials;
use super::error::ReconcileError;
use super::object::Object;
use super::operator::Operator;
use super::stored::Stored;
use crate::api::{ConditionType, DeletionPolicy, FINALIZER, ManagementPolicy, Reason};
use crate::plan::desired::Desired;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::inquiry::{self, Awaited, Inquiry};
use crate::plan::memory::Memory;
use crate::plan::observed::Observed;
use crate::plan::ownership::{self, Claimant};
use crate::plan::reading::{Reading, Why};
use crate::plan::situation::{Permit, Situation, Subject};
use crate::remote::{Act, Caller, Glance, Look, Observe, Question, Signer, Survey};

/// The resource, and what is to be known of its home.
pub(super) async fn resource<R>(operator: &Operator<R>, object: &Object) -> Result<Stored, ReconcileError> {
    let mut stored = Stored::read(object)?;
    let subject = &mut stored.subject;
    if subject.is_deleting && is_held(subject) {
        subject.home_is_terminating = operator.homes.are_terminating(&operator.client, &subject.namespace).await?;
    }
    Ok(stored)
}

/// Whether the resource may manage its tenant, among all that declare it, once a look has shown whether its own
/// credentials prove the tenant.
fn permit_after<R>(operator: &Operator<R>, stored: &Stored, permit: Permit, observed: &Observed) -> Permit {
    let organization = observed.microsoft.organization.value().map(|organization| organization.id);
    if permit != Permit::NotAllowed || !observed.microsoft.is_asked() || organization != stored.tenant {
        return permit;
    }
    let claimant = Claimant { has_proved: true, ..stored.claimant.clone() };
    among(operator, stored, &claimant)
}

/// Whether the resource may manage its tenant, among all that declare it.
pub(super) fn permit<R>(operator: &Operator<R>, stored: &Stored) -> Permit {
    among(operator, stored, &Claimant { has_proved: false, ..stored.claimant.clone() })
}

fn among<R>(operator: &Operator<R>, stored: &Stored, claimant: &Claimant) -> Permit {
    let Some(tenant) = stored.tenant else { return Permit::NotAllowed };
    let mut claimants = operator.resources.claimants(&tenant.to_string());
    for other in &mut claimants {
        // Others may be able to write what is stored: what this process has seen itself counts before it.
        other.has_proved = operator.recall.has_proved(&other.uid).unwrap_or(other.has_proved);
    }
    let (permit, other) = ownership::permit(&operator.setup.settings.tenancy, tenant, claimant, &claimants);
    let is_known = ready_reason(stored) == Some(Reason::DuplicateTenant.name());
    if let Some(Claimant { namespace, name, .. }) = other.filter(|_| !is_known) {
        tracing::info!(other = %format_args!("{namespace}/{name}"), "another resource acts for the tenant");
    }
    permit
}

/// What a pass has to go by.
pub(super) struct Sight {
    /// The snapshot.
    pub observed: Observed,
    /// Whether all of it was read in this pass; else only what a person is expected to change was.
    pub is_fresh: bool,
}

/// Looks outside, as far as that is due: everything, or only what a person is expected to change.
pub(super) async fn sight<R: Observe>(
    operator: &Operator<R>,
    stored: &Stored,
    permit: Permit,
    now: Timestamp,
) -> Sight {
    let Ok(desired) = &stored.desired else { return Sight { observed: Observed::nothing(), is_fresh: true } };
    let Some(known) = operator.recall.kept(&stored.subject, now) else {
        return Sight { observed: observed(operator, stored, permit, now).await, is_fresh: true };
    };
    let microsoft = match (microsoft_signer(operator, stored, permit, now).await, &stored.status) {
        (Some(signer), Some(status)) => {
            let (inquiry, awaited) = (questions(desired, stored), inquiry::awaited(desired, status));
            operator.setup.remote.glance(&Glance { signer, inquiry, awaited }, &known).await
        }
        _ => (*known).clone(),
    };
    if microsoft != *known {
        return Sight { observed: observed(operator, stored, permit, now).await, is_fresh: true };
    }
    let seen = ask(operator, stored, (permit, now), None).await;
    Sight { observed: Observed { microsoft, ..seen }, is_fresh: false }
}

/// One full look outside; none where nothing may be asked.
pub(super) async fn observed<R: Observe>(
    operator: &Operator<R>,
    stored: &Stored,
    permit: Permit,
    now: Timestamp,
) -> Observed {
    let signer = microsoft_signer(operator, stored, permit, now).await;
    let survey = match (signer, &stored.desired) {
        (Some(signer), Ok(desired)) => Some(Survey { signer, inquiry: questions(desired, stored) }),
        _ => None,
    };
    ask(operator, stored, (permit, now), survey).await
}

/// Asks the broker, where it may be asked, and Microsoft what `microsoft` says.
async fn ask<R: Observe>(
    operator: &Operator<R>,
    stored: &Stored,
    (permit, now): (Permit, Timestamp),
    microsoft: Option<Survey>,
) -> Observed {
    let Ok(desired) = &stored.desired else { return Observed::nothing() };
    let asks_broker = may_ask(desired, permit, &stored.subject);
    let throttled = operator.recall.recent(&stored.subject.uid).throttled_until;
    let until = throttled.filter(|&until| asks_broker && now < until);
    let broker = (asks_broker && until.is_none()).then(|| Question {
        caller: caller(&stored.subject),
        tenant: desired.tenant,
        operation: stored.status.as_ref().and_then(|status| status.operation.clone()),
        now,
    });
    if broker.is_none() && microsoft.is_none() {
        return until.map_or_else(Observed::nothing, held_back);
    }
    let seen = operator.setup.remote.observe(&Look { broker, microsoft }).await;
    match until {
        Some(until) => Observed { microsoft: seen.microsoft, ..held_back(until) },
        None => seen,
    }
}

/// What the resource signs in to Microsoft with; `None` where Microsoft is not asked.
async fn microsoft_signer<R>(
    operator: &Operator<R>,
    stored: &Stored,
    permit: Permit,
    now: Timestamp,
) -> Option<Signer> {
    let desired = stored.desired.as_ref().ok()?;
    let subject = &stored.subject;
    let declared = desired.credentials.as_ref().filter(|_| may_sign_in(desired, permit, subject))?;
    let status = stored.status.as_ref();
    let handled = status.and_then(|status| status.last_handled_reconcile_at.as_ref());
    let is_asked = subject.reconcile_request.is_some() && subject.reconcile_request.as_ref() != handled;
    let is_changed = status.is_some_and(|status| status.observed_generation != subject.generation);
    let (own, when) = (&operator.setup.settings.own_identity, (is_asked || is_changed, now));
    Some(credentials::signer(&operator.client, own, &subject.namespace, (desired, declared), when).await)
}

/// What signs in to carry out a step.
pub(super) async fn signer<R>(operator: &Operator<R>, situation: &Situation) -> Option<Signer> {
    let desired = situation.desired.as_ref().ok()?;
    let declared = desired.credentials.as_ref()?;
    let (own, namespace) = (&operator.setup.settings.own_identity, &situation.subject.namespace);
    Some(credentials::signer(&operator.client, own, namespace, (desired, declared), (false, situation.now)).await)
}

fn questions(desired: &Desired, stored: &Stored) -> Inquiry {
    inquiry::inquiry(desired, &Memory::new(stored.status.clone()))
}

/// Another look outside, after a step was done: at what it was to change.
pub(super) async fn observed_again<R: Observe>(operator: &Operator<R>, situation: &Situation, act: &Act) -> Observed {
    let before = &situation.observed;
    let mut awaited = Awaited::default();
    let seen = match act {
        // There is no operation in flight any more.
        Act::Broker(order) => {
            awaited.service = true;
            let (caller, tenant, now) = (order.caller.clone(), order.request.tenant, order.now);
            let question = Question { caller, tenant, operation: None, now };
            operator.setup.remote.observe(&Look { broker: Some(question), microsoft: None }).await
        }
        Act::Arm(setting) => {
            awaited.links.insert(setting.request.name.clone());
            before.clone()
        }
    };
    // What was read before the step says nothing of what it brought about.
    let known = &before.microsoft.clone().forgetting(&awaited);
    let signer = match act {
        Act::Arm(setting) => Some(setting.signer.clone()),
        Act::Broker(_) if known.is_asked() => signer(operator, situation).await,
        Act::Broker(_) => None,
    };
    let microsoft = match (&situation.desired, signer) {
        (Ok(desired), Some(signer)) if known.is_asked() => {
            let inquiry = inquiry::inquiry(desired, &situation.memory);
            operator.setup.remote.glance(&Glance { signer, inquiry, awaited }, known).await
        }
        _ => known.clone(),
    };
    Observed { microsoft, ..seen }
}

/// The situation of this pass.
pub(super) fn situation<R>(
    operator: &Operator<R>,
    stored: &Stored,
    permit: Permit,
    observed: Observed,
    now: Timestamp,
) -> Situation {
    Situation {
        subject: stored.subject.clone(),
        desired: stored.desired.clone(),
        permit: permit_after(operator, stored, permit, &observed),
        observed,
        memory: Memory::new(stored.status.clone()),
        recent: operator.recall.recent(&stored.subject.uid),
        capabilities: operator.setup.settings.capabilities,
        now,
    }
}

/// On whose behalf calls are made.
pub(super) fn caller(subject: &Subject) -> Caller {
    Caller { namespace: subject.namespace.clone(), name: subject.name.clone(), uid: subject.uid.clone() }
}

/// Whether Microsoft may be asked with the resource's own credentials: they may prove the tenant where the administrator's
/// configuration says nothing of it.
pub(super) fn may_sign_in(desired: &Desired, permit: Permit, subject: &Subject) -> bool {
    let as_if = if permit == Permit::NotAllowed { Permit::Granted { allow_deprovision: false } } else { permit };
    may_ask(desired, as_if, subject)
}

/// Whether the broker may be asked: nothing is without a permit, under `Suspend`, or where the answer could only delay a
/// deletion.
pub(super) fn may_ask(desired: &Desired, permit: Permit, subject: &Subject) -> bool {
    let holds = is_held(subject) && !subject.home_is_terminating && desired.deletion == DeletionPolicy::Deprovision;
    let lets_go = subject.is_deleting && !holds;
    matches!(permit, Permit::Granted { .. }) && desired.management != ManagementPolicy::Suspend && !lets_go
}

fn is_held(subject: &Subject) -> bool {
    subject.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
}

/// A look that was not taken, because the other side asked to wait.
fn held_back(until: Timestamp) -> Observed {
    let failure = Failure {
        class: ErrorClass::Throttled { until: Some(until) },
        reason: Reason::Throttled,
        // Until when is not said: it would be another time at the next refusal, and is written down.
        message: "the broker asked to wait".to_owned(),
        request_id: None,
    };
    Observed { instance: Reading::unknown(Why::ReadFailed), failure: Some(failure), ..Observed::nothing() }
}

fn ready_reason(stored: &Stored) -> Option<&str> {
    let conditions = &stored.status.as_ref()?.conditions;
    let ready = conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.name())?;
    Some(&ready.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    const GRANTED: Permit = Permit::Granted { allow_deprovision: false };

    #[rstest]
    #[case::ordinary("Manage", "Retain", GRANTED, (false, false), true)]
    #[case::observing("Observe", "Retain", GRANTED, (false, false), true)]
    #[case::suspended("Suspend", "Deprovision", GRANTED, (false, false), false)]
    #[case::not_allowed("Manage", "Retain", Permit::NotAllowed, (false, false), false)]
    #[case::duplicate("Manage", "Retain", Permit::Duplicate, (false, false), false)]
    #[case::succeeded("Manage", "Deprovision", Permit::Succeeded, (true, false), false)]
    #[case::deleted_and_held("Manage", "Deprovision", GRANTED, (true, false), true)]
    #[case::deleted_and_released("Manage", "Retain", GRANTED, (true, false), false)]
    #[case::deleted_with_its_home("Manage", "Deprovision", GRANTED, (true, true), false)]
    fn what_may_be_asked(
        #[case] management: &str,
        #[case] deletion: &str,
        #[case] permit: Permit,
        #[case] (is_deleting, home_is_terminating): (bool, bool),
        #[case] expected: bool,
    ) {
        let spec = json!({
            "tenantId": "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11",
            "managementPolicy": management,
            "deletionPolicy": deletion,
        });
        let desired = Desired::from_spec(&serde_json::from_value(spec).unwrap()).unwrap();
        let finalizers = vec![FINALIZER.to_owned()];
        let subject = Subject { is_deleting, finalizers, home_is_terminating, ..Subject::default() };
        assert_eq!(may_ask(&desired, permit, &subject), expected);
    }

    #[test]
    fn what_is_throttled_waits_until_then() {
        let until = "2026-01-01T00:01:00Z".parse().unwrap();
        let failure = held_back(until).failure.unwrap();
        assert_eq!(failure.class, ErrorClass::Throttled { until: Some(until) });
        assert_eq!(failure.to_string(), "the broker asked to wait");
    }
}
