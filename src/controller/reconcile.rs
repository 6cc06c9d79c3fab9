//! One pass over one resource. It reads as the flow of the crate's documentation; deletion is the same list.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use kube::Resource;
use kube::runtime::controller::Action;
use tracing::Instrument;

use super::announce::{announce, announce_fault};
use super::clock;
use super::error::ReconcileError;
use super::gather;
use super::operator::{Guarded, Operator};
use super::recall::Handled;
use super::record::Record;
use super::work::Work;
use crate::plan::pace::pace;
use crate::plan::report::report;
use crate::remote::{Execute, Observe};

/// A pass that takes longer is given up; every call in it has a limit of its own, far below this one.
const LIMIT: Duration = Duration::from_mins(10);
/// No plan asks to look again sooner.
const SHORTEST: Duration = Duration::from_millis(100);

/// Looks once at a resource and its tenant, does at most one step, and says when to look again.
pub async fn reconcile<R>(object: Arc<Guarded>, operator: Arc<Operator<R>>) -> Result<Action, ReconcileError>
where
    R: Observe + Execute + Send + Sync,
{
    let metadata = object.meta();
    if let Some(rest) = operator.recall.rest(metadata, Instant::now()) {
        return Ok(Action::requeue(rest));
    }
    let tenant = object.0.as_ref().map_or("", |resource| &resource.spec.tenant_id);
    let span = tracing::info_span!("reconcile", namespace = metadata.namespace, resource = metadata.name, tenant);
    let pass = pass(&object, &operator).instrument(span);
    let ended = tokio::time::timeout(LIMIT, pass).await.unwrap_or(Err(ReconcileError::TimedOut { limit: LIMIT }));
    if let Err(fault) = &ended {
        tell_fault(&operator, &object, fault).await;
    }
    ended
}

/// The status of the resource cannot tell why a pass failed, so an event does, once until a pass succeeds.
async fn tell_fault<R>(operator: &Operator<R>, object: &Guarded, fault: &ReconcileError) {
    let metadata = object.meta();
    let is_told = metadata.uid.as_deref().is_some_and(|uid| operator.recall.is_failing(uid));
    if !fault.is_ordinary() && !is_told {
        announce_fault(&operator.recorder, metadata, fault).await;
    }
}

async fn pass<R>(object: &Guarded, operator: &Operator<R>) -> Result<Action, ReconcileError>
where
    R: Observe + Execute + Send + Sync,
{
    let stored = gather::resource(operator, object).await?;
    let permit = gather::permit(operator, &stored);
    let now = clock::now();
    let observed = gather::observed(operator, &stored, permit, now).await;
    let situation = gather::situation(operator, &stored, permit, observed, now);
    let mut record = Record::open(&operator.client, &stored)?;
    let Some(work) = Work::new(situation).settle(&mut record).await? else { return Ok(Action::await_change()) };
    let work = work.advance(operator, &mut record).await?;
    let Some(work) = work.settle(&mut record).await? else { return Ok(Action::await_change()) };
    let status = report(&work.situation, &work.plan);
    record.conclude(&status, work.executed.is_some()).await?;
    let change = (stored.status.as_ref(), &status);
    announce(&operator.recorder, &work.situation.subject, change, work.executed.as_ref()).await;
    let wait = waiting(pace(&work.situation, &work.plan, work.outcome(), fastrand::f64()));
    let handled = Handled { versions: record.into_versions(), due: Instant::now() + wait };
    operator.recall.finished(&stored.subject.uid, work.situation.recent_after(), handled);
    Ok(Action::requeue(wait))
}

fn waiting(pace: SignedDuration) -> Duration {
    Duration::try_from(pace).unwrap_or(SHORTEST).max(SHORTEST)
}
