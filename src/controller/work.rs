//! The part of a pass that acts: the finalizer, the intent, and at most one step.

use super::announce;
use super::error::ReconcileError;
use super::executed::Executed;
use super::gather;
use super::operator::Operator;
use super::record::{Record, Released};
use crate::api::ThreatProtectionTenantStatus;
use crate::plan::memory::Memory;
use crate::plan::planned::Plan;
use crate::plan::planner;
use crate::plan::release::{self, Hold};
use crate::plan::report::report;
use crate::plan::situation::Situation;
use crate::plan::step::{Outcome, Step, StepActor};
use crate::remote::{Act, Execute, Observe, Order, Setting};

/// A situation with its plan, and what has been done about it in this pass.
pub(super) struct Work {
    pub situation: Situation,
    pub plan: Plan,
    pub executed: Option<Executed>,
}

impl Work {
    /// Plans.
    pub(super) fn new(situation: Situation) -> Self {
        let plan = planner::plan(&situation);
        Self { situation, plan, executed: None }
    }

    /// What came of the step, if one was sent.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.executed.as_ref().map(|executed| &executed.outcome)
    }

    /// Adds or takes away the finalizer, as the plan demands, and plans with what is then there.
    pub(super) async fn settle(mut self, record: &mut Record) -> Result<Option<Self>, ReconcileError> {
        match release::hold(&self.situation, &self.plan) {
            Hold::Keep => return Ok(Some(self)),
            Hold::Add => record.hold().await?,
            Hold::Release { warning } => {
                if let Some(warning) = &warning {
                    tracing::warn!(warning, "the finalizer is taken away");
                }
                if record.release(warning.is_some()).await? == Released::Gone {
                    tracing::info!("the resource is released");
                    return Ok(None);
                }
            }
        }
        self.situation.subject.finalizers = record.finalizers().to_vec();
        self.plan = planner::plan(&self.situation);
        Ok(Some(self))
    }

    /// Sends the plan's next step, if there is one, and plans again with what came of it.
    pub(super) async fn advance<R: Observe + Execute>(
        mut self,
        operator: &Operator<R>,
        record: &mut Record,
    ) -> Result<Self, ReconcileError> {
        let Some(step) = self.plan.next().cloned() else { return Ok(self) };
        let Some(act) = self.act(operator, &step).await else { return Ok(self) };
        self.check_leave(operator)?;
        // An intent that is written in this pass has proved that the resource is as this pass knows it; one that was found
        // may be an old version's, whose step is long done or taken back.
        let is_written = step.change.needs_intent() && self.intend(record).await?;
        if step.change.needs_fresh_declaration() || (step.change.needs_intent() && !is_written) {
            record.confirm().await?;
        }
        // The process may have stood still since the pass began, longer than others wait for it.
        if !operator.leads() {
            return Err(ReconcileError::NotLeading);
        }
        self.check_leave(operator)?;
        let is_first_try = self.situation.recent.failures == 0;
        let outcome = operator.setup.remote.execute(&act).await;
        let executed = Executed { step, outcome, is_first_try };
        announce::log_step(&executed);
        operator.meter.step(&executed);
        let observed = match executed.outcome {
            Outcome::Done => Some(gather::observed_again(operator, &self.situation, &act).await),
            Outcome::InProgress { .. } | Outcome::Refused(_) => None,
        };
        let situation = self.situation.after(&executed.step, &executed.outcome, observed);
        Ok(Self { executed: Some(executed), ..Self::new(situation) })
    }

    /// What the administrator withdraws or gives while a pass is under way holds for its step already.
    fn check_leave<R>(&self, operator: &Operator<R>) -> Result<(), ReconcileError> {
        let Ok(desired) = &self.situation.desired else { return Ok(()) };
        let still_allows = operator.still_allows(&self.situation.subject, desired.tenant);
        if still_allows { Ok(()) } else { Err(ReconcileError::Reconfigured) }
    }

    /// What a step sends; `None` where it is not ours to send.
    async fn act<R>(&self, operator: &Operator<R>, step: &Step) -> Option<Act> {
        let Situation { subject, now, .. } = &self.situation;
        match step.by.clone() {
            StepActor::Broker(request) => {
                Some(Act::Broker(Order { caller: gather::caller(subject), request, now: *now }))
            }
            StepActor::Arm(request) => {
                let signer = gather::signer(operator, &self.situation).await?;
                Some(Act::Arm(Setting { signer, request }))
            }
            StepActor::Person(_) | StepActor::Nobody => None,
        }
    }

    /// Writes down what is about to be sent, unless exactly that is written already: a process that dies after the
    /// request left finds it, with its parameters and the pinned region. Whether it had to be written.
    async fn intend(&mut self, record: &mut Record) -> Result<bool, ReconcileError> {
        let intent = report(&self.situation, &self.plan);
        if is_persisted(&intent, self.situation.memory.status())? {
            return Ok(false);
        }
        let is_written = record.intend(&intent).await?;
        self.situation.memory = Memory::new(Some(intent));
        Ok(is_written)
    }
}

fn is_persisted(
    intent: &ThreatProtectionTenantStatus,
    stored: &ThreatProtectionTenantStatus,
) -> Result<bool, serde_json::Error> {
    let parts = |status: &ThreatProtectionTenantStatus| serde_json::to_vec(&(&status.operation, &status.data_location));
    Ok(parts(intent)? == parts(stored)?)
}
