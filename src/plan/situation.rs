//! Everything that a plan may depend on, gathered in one value.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::desired::{Desired, InvalidSpec};
use super::failure::ErrorClass;
use super::memory::Memory;
use super::observed::Observed;
use super::step::{Outcome, Step, StepActor};
use crate::api::{Operation, OperationResult, StepName};

/// Longest text of the other side that is kept in `status.operation.message`, in characters.
const MESSAGE_LIMIT: usize = 500;

/// The whole input of a plan. Two equal situations have equal plans.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Which resource.
    pub subject: Subject,
    /// What it declares.
    pub desired: Result<Desired, InvalidSpec>,
    /// Whether it may.
    pub permit: Permit,
    /// What was read in this pass.
    pub observed: Observed,
    /// What earlier passes wrote down.
    pub memory: Memory,
    /// What this process remembers; losing it delays a verdict and never reverses one.
    pub recent: Recent,
    /// What is configured.
    pub capabilities: Capabilities,
    /// The time of this pass.
    pub now: Timestamp,
}

/// The resource itself, apart from its spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Whether its namespace, or the custom resource definition itself, is being deleted.
    pub home_is_terminating: bool,
    /// Value of the annotation that asks for a reconcile.
    pub reconcile_request: Option<String>,
}

/// Whether a resource may manage its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The administrator's configuration maps its namespace to the tenant.
    Granted {
        /// Whether it also allows to deprovision.
        allow_deprovision: bool,
    },
    /// It does not.
    NotAllowed,
    /// It does, and an older resource declares the same tenant.
    Duplicate,
    /// It does, the resource is being deleted, and another permitted resource declares the same tenant.
    Succeeded,
}

/// What this process remembers of a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Since when readings, or steps, have been failing without a success between.
    pub failing_since: Option<Timestamp>,
    /// How many in a row.
    pub failures: u32,
    /// When the other side last refused a step for good.
    pub refused_at: Option<Timestamp>,
    /// Before this time nothing may be asked, because the other side said so.
    pub throttled_until: Option<Timestamp>,
}

/// What is configured, whatever the resource says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a service broker is configured.
    pub has_broker: bool,
    /// How long a claim may stay unseen before it is doubted.
    pub claim_grace: SignedDuration,
    /// The longest time to wait for one operation.
    pub operation_deadline: SignedDuration,
    /// Bounds of the time between two looks, whatever `spec.resyncSeconds` says.
    pub resync: (SignedDuration, SignedDuration),
    /// Time between two polls of an operation, where the broker does not say.
    pub poll: SignedDuration,
    /// First and longest delay after a failure.
    pub retry: (SignedDuration, SignedDuration),
    /// Delay before looking again at what only a person can cure.
    pub slow_probe: SignedDuration,
}

impl Situation {
    /// The situation after a step, with what was read again since, if anything was.
    ///
    /// What came of the step enters the memory as a changed operation, and a failure stands beside the readings.
    #[must_use]
    pub fn after(mut self, step: &Step, outcome: &Outcome, observed: Option<Observed>) -> Self {
        let StepActor::Broker(request) = &step.by else { return self };
        // Where the broker does not show it, only an ended operation tells what it brought about, and a new one is about
        // to take its place.
        self.memory = super::report::learnt(&self);
        let before = super::operation::current(&self);
        if let Some(observed) = observed {
            self.observed = observed;
        }
        let mut operation = before
            .filter(|operation| operation.step == step.change.name() && super::operation::is_open(operation))
            .unwrap_or_else(|| super::operation::intended(&self, &step.change, request));
        match outcome {
            Outcome::Done => {
                operation.end_time = Some(Time(self.now));
                operation.result = Some(OperationResult::Succeeded);
                self.remember_repair(step);
            }
            Outcome::InProgress { handle, .. } => {
                operation.handle.clone_from(handle);
                operation.accept_time = Some(Time(self.now));
                operation.deadline_time = Time(self.now + super::operation::deadline(&self));
                self.remember_repair(step);
            }
            Outcome::Refused(failure) if failure.class == ErrorClass::Invalid => {
                operation.end_time = Some(Time(self.now));
                operation.result = Some(OperationResult::Refused);
                operation.message = Some(failure.to_string().chars().take(MESSAGE_LIMIT).collect());
                self.recent.refused_at = Some(self.now);
                self.forget_refused_pin(&operation);
            }
            Outcome::Refused(failure) => {
                self.observed.failure = Some(failure.clone());
                if !step.change.needs_intent() {
                    return self;
                }
            }
        }
        self.memory.set_operation(Some(operation));
        // What was read of an earlier operation says nothing about this one.
        self.observed.progress = None;
        self
    }

    fn remember_repair(&mut self, step: &Step) {
        if let Some(target) = step.change.repairs() {
            self.memory.set_repair(target, self.now);
        }
    }

    /// A region that was pinned for a request which was refused with nothing accepted is free again.
    fn forget_refused_pin(&mut self, operation: &Operation) {
        let provisioned = operation.step == StepName::Enable && operation.parameters.tenant_id.is_some();
        // Both times are of the pass that decided the request.
        let its_own = self.memory.pin().is_some_and(|pin| pin.pin_time == operation.start_time);
        if provisioned && its_own && !super::enablement::instance(&self.clone()).is_true() {
            self.memory.forget_pin();
        }
    }

    /// What this process should remember after the pass.
    #[must_use]
    pub fn recent_after(&self) -> Recent {
        let mut recent = self.recent;
        match &self.observed.failure {
            Some(failure) => {
                recent.failing_since = recent.failing_since.or(Some(self.now));
                recent.failures = recent.failures.saturating_add(1);
                recent.throttled_until = match failure.class {
                    ErrorClass::Throttled { until } => until,
                    _ => None,
                };
            }
            None => {
                recent = Recent { refused_at: recent.refused_at, ..Recent::default() };
            }
        }
        recent
    }

    /// Whether the spec differs from the one that the last verdict was about.
    #[must_use]
    pub fn spec_changed(&self) -> bool {
        self.memory.observed_generation() != self.subject.generation
    }

    /// Whether somebody asks, by annotation, for a reconcile that has not been answered yet.
    #[must_use]
    pub fn reconcile_requested(&self) -> bool {
        self.subject.reconcile_request.is_some()
            && self.subject.reconcile_request.as_deref() != self.memory.last_handled_reconcile_at()
    }
}
