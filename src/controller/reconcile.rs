//! One pass over one resource. It reads as the flow of the crate's documentation; deletion is the same list.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::Instrument;

use super::announce::{announce, announce_fault};
use super::clock;
use super::error::ReconcileError;
use super::gather::{self, Sight};
use super::object::Object;
use super::operator::Operator;
use super::recall::Kept;
use super::record::Record;
use super::stored::Stored;
use super::work::Work;
use crate::api::{ConditionType, ThreatProtectionTenantStatus, TriState};
use crate::plan::pace::{self, pace};
use crate::plan::report::report;
use crate::plan::situation::Permit;
use crate::remote::{Execute, Observe};

/// A pass that takes longer is given up; every call in it has a limit of its own, far below this one.
const LIMIT: Duration = Duration::from_mins(10);
/// No plan asks to look again sooner.
const SHORTEST: Duration = Duration::from_millis(100);

/// When to look at a resource again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// After this time, or once it changes.
    After(Duration),
    /// Once it changes.
    OnChange,
}

/// Looks once at a resource and its tenant, does at most one step, and says when to look again.
pub async fn reconcile<R>(object: &Object, operator: &Operator<R>) -> Result<Next, ReconcileError>
where
    R: Observe + Execute + Send + Sync,
{
    let metadata = &object.metadata;
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let version = (text(&metadata.uid), text(&metadata.resource_version));
    if let Some(rest) = operator.recall.rest((&version.0, &version.1), Instant::now()) {
        return Ok(Next::After(rest));
    }
    let tenant = object.tenant();
    let counted = operator.meter.begin();
    let (generation, number) = (metadata.generation, counted.number());
    let (namespace, resource) = (&metadata.namespace, &metadata.name);
    let span = tracing::info_span!("reconcile", namespace, resource, tenant, generation, pass = number);
    let pass = pass(object, operator).instrument(span.clone());
    let ended = tokio::time::timeout(LIMIT, pass).await.unwrap_or(Err(ReconcileError::TimedOut { limit: LIMIT }));
    counted.end(&ended);
    if let Err(fault) = &ended {
        span.in_scope(|| tell_fault(operator, object, fault));
    }
    ended
}

/// The status of the resource cannot tell why a pass failed, so an event does, once until a pass succeeds.
fn tell_fault<R>(operator: &Operator<R>, object: &Object, fault: &ReconcileError) {
    let metadata = &object.metadata;
    let is_told = metadata.uid.as_deref().is_some_and(|uid| operator.recall.is_failing(uid));
    if !fault.is_ordinary() && !is_told {
        announce_fault((&operator.herald, &operator.meter), metadata, fault);
    }
}

async fn pass<R>(object: &Object, operator: &Operator<R>) -> Result<Next, ReconcileError>
where
    R: Observe + Execute + Send + Sync,
{
    let operator = &operator.at_present();
    let stored = gather::resource(operator, object).await?;
    let permit = gather::permit(operator, &stored);
    let now = clock::now();
    let work = gathered(operator, &stored, permit, now).await;
    let mut record = Record::open(&operator.client, &stored, &operator.meter)?;
    let Some(work) = work.settle(&mut record).await? else { return Ok(Next::OnChange) };
    let work = work.advance(operator, &mut record).await?;
    let Some(work) = work.settle(&mut record).await? else { return Ok(Next::OnChange) };
    let status = report(&work.situation, &work.plan);
    record.conclude(&status, work.executed.is_some()).await?;
    if let Some(has_proved) = proof(&work, &status) {
        operator.recall.proved(&stored.subject.uid, has_proved);
    }
    let change = (stored.status.as_ref(), &status);
    operator.meter.concluded(stored.claimant.created, change, now);
    announce((&operator.herald, &operator.meter), &work.situation.subject, change, work.executed.as_ref());
    let wait = waiting(pace(&work.situation, &work.plan, work.outcome(), fastrand::f64()));
    let handled = record.into_handled(Instant::now() + wait);
    let kept = kept(operator, &work, now);
    operator.recall.finished(&stored.subject.uid, work.situation.recent_after(), handled, kept);
    // Asked last of all: whoever exchanged it since then found this pass among those that have ended.
    if operator.is_up_to_date() {
        return Ok(Next::After(wait));
    }
    operator.recall.look_again(&stored.subject.uid, Instant::now());
    Ok(Next::After(SHORTEST))
}

/// The situation and its plan. What was not read in this pass is never acted on: where something is to be done, everything
/// is read again.
async fn gathered<R: Observe>(operator: &Operator<R>, stored: &Stored, permit: Permit, now: Timestamp) -> Work {
    let Sight { observed, is_fresh } = gather::sight(operator, stored, permit, now).await;
    let work = Work::new(gather::situation(operator, stored, permit, observed, now));
    if is_fresh || work.plan.next().is_none() {
        return work;
    }
    let observed = gather::observed(operator, stored, permit, now).await;
    Work::new(gather::situation(operator, stored, permit, observed, now))
}

/// Whether the credentials of the resource prove the tenant; `None` where that was not seen and an earlier verdict stands.
fn proof(work: &Work, status: &ThreatProtectionTenantStatus) -> Option<bool> {
    let is_proved = work.situation.is_proved();
    let stands = status.conditions.iter().any(|condition| {
        condition.type_ == ConditionType::CredentialsReady.name() && condition.status == TriState::True.name()
    });
    (is_proved || !stands).then_some(is_proved)
}

/// What the next passes may go by: only while a person is expected to act, and they look more often than at a resync.
fn kept<R>(operator: &Operator<R>, work: &Work, now: Timestamp) -> Option<Kept> {
    let Work { situation, plan, executed } = work;
    let desired = situation.desired.as_ref().ok()?;
    let microsoft = &situation.observed.microsoft;
    // What failed is read again in full.
    let is_whole = microsoft.is_asked() && microsoft.failure.is_none();
    if executed.is_some() || !is_whole || !pace::is_fresh_hand_off(situation, plan) {
        return None;
    }
    let before = operator
        .recall
        .still_kept(&situation.subject, now)
        .filter(|kept| *kept.microsoft == situation.observed.microsoft);
    before.or_else(|| {
        Some(Kept {
            microsoft: Arc::new(situation.observed.microsoft.clone()),
            generation: situation.subject.generation,
            request: situation.subject.reconcile_request.clone(),
            due: now + situation.resync(desired),
        })
    })
}

fn waiting(pace: SignedDuration) -> Duration {
    Duration::try_from(pace).unwrap_or(SHORTEST).max(SHORTEST)
}
