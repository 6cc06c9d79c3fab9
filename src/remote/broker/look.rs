//! Reading: how far an operation is, and what the instance is.
//!
//! At most three calls a look: the catalog (cached), one `last_operation`, one instance.
//!
//! An operation that status remembers as accepted is asked for by `last_operation` until it ends, and only then the
//! instance is read. That includes one that ended at its deadline: it may still come to an end.
//!
//! Where status does not know whether a request **was accepted** (the operator stopped between writing the intent and
//! reading the answer), the instance decides. The specification lets a platform poll without `operation`, and we do so
//! where the instance does not tell: a broker that shows no instances, or a 404 after an `Enable`, which a running
//! provisioning also causes. Such an answer may be about an older operation, so only two of its meanings are used:
//! *in progress*, which makes us wait, and a 410 while deprovisioning, which says that the instance is gone. Success
//! and failure are not ours for certain; without a verdict the plan sends the same idempotent request again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::body::{self, State};
use super::call::{Act, Answer};
use super::catalog::{Catalog, Offer};
use super::verdict;
use super::wire::Wire;
use crate::api::{Operation, OperationResult, StepName};
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::observed::{Instance, InstanceParameters, Observed, Progress};
use crate::plan::reading::{Reading, Why};
use crate::remote::Question;
use crate::tenant::TenantId;

/// So many 404 in a row mean that the operation, or its instance, is not known any more.
const LOST_AFTER: u8 = 3;

/// How often in a row the broker did not know an operation, by instance; the time tells one operation from the next.
#[derive(Debug, Default)]
pub(super) struct LostOperations(Mutex<BTreeMap<Uuid, (Timestamp, u8)>>);

impl LostOperations {
    /// Counts one 404; true from the third in a row on.
    fn count(&self, instance: Uuid, accepted: Timestamp) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, count) = counts.entry(instance).or_insert((accepted, 0));
        if *of != accepted {
            (*of, *count) = (accepted, 0);
        }
        *count = count.saturating_add(1);
        *count >= LOST_AFTER
    }

    fn forget(&self, instance: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&instance);
    }
}

/// Whether the operation has not come to an end that anybody knows of.
fn is_pending(operation: &Operation) -> bool {
    operation.end_time.is_none() || operation.result == Some(OperationResult::TimedOut)
}

/// When the broker accepted the operation, where status knows that it did.
fn accepted_at(operation: &Operation) -> Option<Timestamp> {
    let assumed = operation.handle.is_some().then_some(&operation.start_time);
    operation.accept_time.as_ref().or(assumed).map(|time| time.0)
}

/// One snapshot of what the broker knows of a tenant.
pub(super) async fn observe(wire: &Wire, catalog: &Catalog, lost: &LostOperations, question: &Question) -> Observed {
    let pending = question.operation.as_ref().filter(|operation| is_pending(operation));
    let offer = match catalog.offer(wire, question.now).await {
        Ok(offer) => offer,
        Err(failure) => return unread(catalog.last_known(), pending, failure, question.now),
    };
    let look = Look { wire, catalog, lost, offer: &offer, question };
    let (progress, instance, failure) = match pending {
        None => {
            let (instance, failure) = look.instance().await;
            (None, instance, failure)
        }
        Some(operation) => match accepted_at(operation) {
            Some(accepted) => look.accepted(operation, accepted).await,
            None => look.unanswered(operation).await,
        },
    };
    Observed {
        instance,
        is_retrievable: offer.is_retrievable,
        progress,
        maximum_polling: offer.maximum_polling,
        failure,
        ..Observed::nothing()
    }
}

/// Without a catalog nothing can be asked; an accepted operation goes on all the same.
fn unread(last: Option<Offer>, pending: Option<&Operation>, failure: Failure, now: Timestamp) -> Observed {
    let retry_after = match failure.class {
        ErrorClass::Throttled { until: Some(until) } => Some(until.duration_since(now)),
        _ => None,
    };
    let is_accepted = pending.is_some_and(|operation| accepted_at(operation).is_some());
    Observed {
        instance: Reading::unknown(Why::ReadFailed),
        is_retrievable: last.as_ref().is_some_and(|offer| offer.is_retrievable),
        progress: is_accepted.then_some(Progress::InProgress { retry_after }),
        maximum_polling: last.and_then(|offer| offer.maximum_polling),
        failure: Some(failure),
        ..Observed::nothing()
    }
}

type Seen = (Option<Progress>, Reading<Instance>, Option<Failure>);

struct Look<'a> {
    wire: &'a Wire,
    catalog: &'a Catalog,
    lost: &'a LostOperations,
    offer: &'a Offer,
    question: &'a Question,
}

impl Look<'_> {
    /// The broker accepted the operation: ask how far it is, and once it has ended what has become of the instance.
    async fn accepted(&self, operation: &Operation, accepted: Timestamp) -> Seen {
        let (progress, failure) = self.poll(operation, accepted).await;
        if matches!(progress, Progress::InProgress { .. }) {
            return (Some(progress), Reading::unknown(Why::NotAsked), failure);
        }
        let (instance, failed_read) = self.instance().await;
        (Some(progress), instance, failure.or(failed_read))
    }

    /// It is not known whether the request arrived.
    async fn unanswered(&self, operation: &Operation) -> Seen {
        let (instance, failure) = self.instance().await;
        if failure.as_ref().is_some_and(|failure| failure.class == ErrorClass::Waiting) {
            // 422 ConcurrencyError: the instance is being changed, which is what we wait for.
            return (Some(Progress::InProgress { retry_after: None }), Reading::unknown(Why::NotAsked), None);
        }
        let is_absent_for_now =
            operation.step == StepName::Enable && matches!(instance.value(), Some(Instance::Absent));
        if !is_absent_for_now && self.offer.is_retrievable {
            return (None, instance, failure);
        }
        let answer = match self.last_operation(None).await {
            Ok(answer) => answer,
            Err(failure) => return (None, Reading::unknown(Why::ReadFailed), Some(failure)),
        };
        match (answer.status, &answer.body) {
            (200, Ok(bytes)) => match body::last_operation(bytes) {
                Ok(State::InProgress) => {
                    let progress = Progress::InProgress { retry_after: answer.retry_after };
                    (Some(progress), Reading::unknown(Why::NotAsked), None)
                }
                Ok(State::Succeeded | State::Failed(_)) => (None, instance, None),
                Err(shape) => (None, Reading::unknown(Why::ReadFailed), Some(verdict::misshapen(&answer, &shape))),
            },
            (410, Ok(bytes)) if operation.step == StepName::Deprovision && body::may_mean_absent(bytes) => {
                (Some(Progress::Succeeded), instance, None)
            }
            // The broker knows of no operation, or misses the handle that we do not have.
            (400 | 404 | 410, Ok(bytes)) if body::may_mean_absent(bytes) => (None, instance, None),
            _ => {
                let failure = verdict::failure(&answer, self.question.now);
                (None, Reading::unknown(Why::ReadFailed), Some(failure))
            }
        }
    }

    async fn poll(&self, operation: &Operation, accepted: Timestamp) -> (Progress, Option<Failure>) {
        let instance = self.question.tenant.service_instance_id();
        let going_on = |retry_after: Option<SignedDuration>| Progress::InProgress { retry_after };
        let answer = match self.last_operation(operation.handle.as_deref()).await {
            Ok(answer) => answer,
            Err(failure) => return (going_on(None), Some(failure)),
        };
        let is_lost = answer.status == 404 && answer.body.as_deref().is_ok_and(body::may_mean_absent);
        if is_lost {
            let is_gone = self.lost.count(instance, accepted);
            return (if is_gone { Progress::Gone } else { going_on(answer.retry_after) }, None);
        }
        self.lost.forget(instance);
        match (answer.status, &answer.body) {
            (200, Ok(bytes)) => match body::last_operation(bytes) {
                Ok(State::InProgress) => (going_on(answer.retry_after), None),
                Ok(State::Succeeded) => (Progress::Succeeded, None),
                Ok(State::Failed(error)) => {
                    let description = error.description.unwrap_or_else(|| "the broker does not say why".to_owned());
                    let (is_repeatable, is_usable) = (error.is_repeatable, error.is_usable);
                    (Progress::Failed { description, is_repeatable, is_usable }, None)
                }
                Err(shape) => (going_on(answer.retry_after), Some(verdict::misshapen(&answer, &shape))),
            },
            (410, Ok(bytes)) if body::may_mean_absent(bytes) => {
                // Only a deprovisioning ends this way; for the others it means to look at the instance.
                let is_done = operation.step == StepName::Deprovision;
                (if is_done { Progress::Succeeded } else { Progress::Gone }, None)
            }
            (200, Err(error)) => (going_on(answer.retry_after), Some(verdict::without_body(&answer, error))),
            _ => (going_on(answer.retry_after), Some(verdict::unread(&answer, self.question.now))),
        }
    }

    async fn last_operation(&self, handle: Option<&str>) -> Result<Answer, Failure> {
        let mut query = vec![("service_id", self.offer.service_id.as_str()), ("plan_id", &self.offer.plan_id)];
        query.extend(handle.map(|handle| ("operation", handle)));
        let act = Act::LastOperation(self.question.tenant.service_instance_id());
        let answer = self.wire.send(act, &query, None, self.question.now).await?;
        self.catalog.forget_if_doubted(&answer).await;
        Ok(answer)
    }

    async fn instance(&self) -> (Reading<Instance>, Option<Failure>) {
        if !self.offer.is_retrievable {
            return (Reading::unknown(Why::NotAsked), None);
        }
        let unread = |failure| (Reading::unknown(Why::ReadFailed), Some(failure));
        match fetch(self.wire, self.offer, self.question.tenant, self.question.now).await {
            Ok((_, Fetched::Absent)) => (Reading::claimed(Instance::Absent), None),
            Ok((_, Fetched::Ours(parameters))) => (Reading::claimed(Instance::Present { parameters }), None),
            Ok((answer, Fetched::Foreign)) => {
                (Reading::unknown(Why::Ambiguous), Some(verdict::foreign_instance(&answer)))
            }
            Ok((answer, Fetched::Refused(failure))) => {
                self.catalog.forget_if_doubted(&answer).await;
                unread(failure)
            }
            Err(failure) => unread(failure),
        }
    }
}

/// What `GET /v2/service_instances/{id}` showed.
pub(super) enum Fetched {
    /// There is none, or it is being provisioned.
    Absent,
    /// There is one, and nothing says that it is for another tenant.
    Ours(Option<InstanceParameters>),
    /// There is one, for another tenant.
    Foreign,
    /// The answer is an error, or cannot be used.
    Refused(Failure),
}

/// Reads the instance of a tenant. Only for brokers that show instances.
pub(super) async fn fetch(
    wire: &Wire,
    offer: &Offer,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(Answer, Fetched), Failure> {
    let query = [("service_id", offer.service_id.as_str()), ("plan_id", offer.plan_id.as_str())];
    let answer = wire.send(Act::Fetch(tenant.service_instance_id()), &query, None, now).await?;
    let fetched = match (answer.status, &answer.body) {
        (200, Ok(bytes)) => match body::instance(bytes) {
            Ok(shown) if shown.tenant.as_ref().is_some_and(|id| *id != tenant.to_string()) => Fetched::Foreign,
            Ok(shown) => Fetched::Ours(shown.parameters),
            Err(shape) => Fetched::Refused(verdict::misshapen(&answer, &shape)),
        },
        (200 | 404, Err(error)) => Fetched::Refused(verdict::without_body(&answer, error)),
        (404, Ok(bytes)) if body::may_mean_absent(bytes) => Fetched::Absent,
        (404, Ok(bytes)) => match body::object(bytes) {
            Err(shape) => Fetched::Refused(verdict::misshapen(&answer, &shape)),
            Ok(_) => Fetched::Absent,
        },
        _ => Fetched::Refused(verdict::unread(&answer, now)),
    };
    Ok((answer, fetched))
}
