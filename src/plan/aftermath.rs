//! A situation after a step: what came of it, as the next plan and report see it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::ageing;
use super::desired::DesiredLink;
use super::evidence;
use super::failure::ErrorClass;
use super::observed::Observed;
use super::operation;
use super::permissions;
use super::reading::Why;
use super::report;
use super::situation::{Recent, Situation};
use super::step::{Outcome, Step, StepActor};
use crate::api::{ConditionType, Operation, OperationResult, Reason, StepName};
use crate::tenant::Permission;

/// Longest text of the other side that is kept in `status.operation.message`, in characters.
const MESSAGE_LIMIT: usize = 500;

impl Situation {
    /// The situation after a step, with what was read again since, if anything was.
    ///
    /// What came of the step enters the memory as a changed operation, and a failure stands beside the readings.
    #[must_use]
    pub fn after(mut self, step: &Step, outcome: &Outcome, observed: Option<Observed>) -> Self {
        let request = match &step.by {
            StepActor::Broker(request) => request,
            StepActor::Arm(request) => return self.after_setting((step, &request.name), outcome, observed),
            StepActor::Person(_) | StepActor::Nobody => return self,
        };
        // Where the broker does not show it, only an ended operation tells what it brought about, and a new one is about
        // to take its place.
        self.memory = report::learnt(&self);
        let before = evidence::operation(&self);
        let is_read_again = observed.is_some();
        if let Some(observed) = observed {
            self.observed = observed;
        }
        let mut operation = before
            .filter(|operation| operation.step == step.change.name() && operation::is_open(operation))
            .unwrap_or_else(|| operation::intended(&self, &step.change, request));
        match outcome {
            Outcome::Done => {
                operation.end_time = Some(Time(self.now));
                operation.result = Some(OperationResult::Succeeded);
                self.remember_repair(step);
            }
            Outcome::InProgress { handle, .. } => {
                operation.handle.clone_from(handle);
                operation.accept_time = Some(Time(self.now));
                operation.deadline_time = Time(self.now + operation::deadline(&self));
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
        if !is_read_again {
            // What was read is about the operation before this one, which is over.
            self.observed.progress = None;
        }
        self.memory.set_operation(Some(operation));
        self
    }

    /// A setting of Azure Resource Manager is written at once or not at all, and read again: nothing goes on after it.
    fn after_setting(mut self, (step, name): (&Step, &str), outcome: &Outcome, observed: Option<Observed>) -> Self {
        match outcome {
            Outcome::Done | Outcome::InProgress { .. } => {
                self.memory = report::learnt(&self);
                if let Some(observed) = observed {
                    self.observed = observed;
                }
                self.remember_repair(step);
            }
            // Only a person can do it, says the other side.
            Outcome::Refused(failure) if failure.reason == Reason::ActionRequired => {
                self.memory = report::learnt(&self);
                self.memory.leave_to_person(name);
            }
            Outcome::Refused(failure) => self.observed.microsoft.failure = Some(failure.clone()),
        }
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
        if provisioned && its_own && !evidence::instance(&self.clone()).is_true() {
            self.memory.forget_pin();
        }
    }

    /// However long the other side asks us to wait, the resource is looked at again after its own resync.
    fn bounded_wait(&self, until: Timestamp) -> Timestamp {
        self.desired.as_ref().map_or(until, |desired| until.min(self.now + desired.resync))
    }

    /// What this process should remember after the pass.
    #[must_use]
    pub fn recent_after(&self) -> Recent {
        let failure = self.observed.failure.as_ref().or(self.observed.microsoft.failure.as_ref());
        let is_blind = self.observed.failure.is_some() || evidence::service(self).why().is_some_and(Why::may_pass);
        let answered = self.reconcile_requested().then_some(self.now);
        let mut recent = Recent {
            failing_since: is_blind.then(|| self.recent.failing_since.unwrap_or(self.now)),
            broker_silent_since: (evidence::instance(self).why() == Some(Why::ReadFailed))
                .then(|| self.recent.broker_silent_since.unwrap_or(self.now)),
            refused_at: self.recent.refused_at,
            unread_since: self.unread_since(),
            unread_links_since: self.unread_links_since(),
            missing_since: self.missing_since(),
            requested_at: answered.or(self.recent.requested_at),
            ..Recent::default()
        };
        if failure.is_some() || is_blind {
            recent.failures = self.recent.failures.saturating_add(1);
        }
        // Microsoft's APIs are held back tenant by tenant where their calls are made.
        if let Some(ErrorClass::Throttled { until }) = self.observed.failure.as_ref().map(|failure| failure.class) {
            recent.throttled_until = until.map(|until| self.bounded_wait(until));
        }
        recent
    }

    /// Since when declared links could not be read.
    fn unread_links_since(&self) -> BTreeMap<String, Timestamp> {
        let Ok(desired) = &self.desired else { return BTreeMap::new() };
        let is_unread = |(name, wish): &(&String, &DesiredLink)| {
            evidence::link(self, desired, name, wish.kind).why().is_some_and(Why::may_pass)
        };
        let since = |name: &String| self.recent.unread_links_since.get(name).copied().unwrap_or(self.now);
        desired.integrations.iter().filter(is_unread).map(|(name, _)| (name.clone(), since(name))).collect()
    }

    /// Since when permissions are known to be missing.
    fn missing_since(&self) -> BTreeMap<Permission, Timestamp> {
        let Ok(desired) = &self.desired else { return BTreeMap::new() };
        let since = |permission| self.recent.missing_since.get(&permission).copied().unwrap_or(self.now);
        let missing = permissions::missing(desired, &self.observed.microsoft).into_iter();
        missing.map(|permission| (permission, since(permission))).collect()
    }

    /// Since when what a condition rests on could not be read.
    fn unread_since(&self) -> BTreeMap<ConditionType, Timestamp> {
        let since = |kind| self.recent.unread_since.get(&kind).copied().unwrap_or(self.now);
        ageing::unread(self).into_iter().map(|kind| (kind, since(kind))).collect()
    }
}
