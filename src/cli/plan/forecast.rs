//! What the operator would do about one resource, and what that means for a pipeline. Pure.

use crate::api::{ConditionType, Reason, ThreatProtectionTenantStatus};
use crate::plan::planned::{Plan, Until, Waiting};
use crate::plan::planner::plan;
use crate::plan::reading::Why;
use crate::plan::release::{Hold, hold};
use crate::plan::report::report;
use crate::plan::situation::Situation;
use crate::plan::step::{Step, StepActor};
use crate::tenant::TenantId;

/// Status of a condition that holds.
const TRUE: &str = "True";

/// How a plan ended, as the exit code of the program; the order is that of urgency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// There is nothing to do: 0.
    #[default]
    Settled,
    /// Something would be done, by the operator or by a person, or is waited for: 2.
    Pending,
    /// The tenant could not be read, or the declaration cannot be carried out as it stands: 1.
    Failed,
}

impl Exit {
    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Settled => 0,
            Self::Pending => 2,
            Self::Failed => 1,
        }
    }
}

/// What the operator would do about one resource in its next pass.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The tenant that the resource is about, also where the rest of it is not valid.
    pub tenant: Option<TenantId>,
    /// What the plan is made from.
    pub situation: Situation,
    /// The plan.
    pub plan: Plan,
    /// What would happen to the finalizer.
    pub hold: Hold,
    /// The status that would be reported before anything is done.
    pub status: ThreatProtectionTenantStatus,
    /// What the reader should know of how this came about.
    pub notes: Vec<String>,
}

impl Forecast {
    /// Plans and reports.
    #[must_use]
    pub fn new(tenant: Option<TenantId>, situation: Situation, mut notes: Vec<String>) -> Self {
        let plan = plan(&situation);
        let observed = &situation.observed;
        for (what, failure) in [("the broker", &observed.failure), ("Microsoft's APIs", &observed.microsoft.failure)] {
            let unsaid = failure
                .as_ref()
                .map(ToString::to_string)
                .filter(|failure| !plan.waiting.iter().any(|waiting| waiting.message.contains(failure)));
            notes.extend(unsaid.map(|failure| format!("{what} could not be read: {failure}")));
        }
        let hold = hold(&situation, &plan);
        let status = report(&situation, &plan);
        Self { tenant, situation, plan, hold, status, notes }
    }

    /// What the resource waits for, first in the order of the catalogue, as `Ready` shows it.
    #[must_use]
    pub fn first_waiting(&self) -> Option<&Waiting> {
        self.plan.waiting.iter().min_by_key(|waiting| waiting.reason)
    }

    /// What it means for a pipeline.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let planned = match self.first_waiting() {
            Some(waiting) if is_failure(waiting) => Exit::Failed,
            None if self.plan.steps.is_empty() && self.plan.asks.is_empty() => Exit::Settled,
            _ => Exit::Pending,
        };
        if self.plan.verdict_stands { planned.max(self.standing()) } else { planned }
    }

    /// What a verdict that stands means for a pipeline: it is reported again, so it counts again.
    fn standing(&self) -> Exit {
        let named = |kind: ConditionType| self.condition(kind.name());
        match (named(ConditionType::Ready), named(ConditionType::Stalled)) {
            _ if self.is_unread() && self.first_waiting().is_none() => Exit::Failed,
            (Some((TRUE, ..)), _) => Exit::Settled,
            (_, Some((TRUE, reason, _))) if !waits_for_hands(reason) => Exit::Failed,
            _ => Exit::Pending,
        }
    }

    /// Whether something that the verdict rests on could not be read, and another try may read it.
    fn is_unread(&self) -> bool {
        let observed = &self.situation.observed;
        let microsoft = &observed.microsoft;
        let signals = [microsoft.hunting.why(), microsoft.incidents.why(), microsoft.identity.why()];
        observed.failure.is_some() || microsoft.failure.is_some() || signals.into_iter().flatten().any(Why::may_pass)
    }

    /// What cannot be undone of that which somebody would do.
    #[must_use]
    pub fn irreversible(&self) -> Vec<String> {
        let is_done = |step: &&Step| !matches!(step.by, StepActor::Nobody);
        self.plan.steps.iter().filter(is_done).filter_map(|step| step.change.cannot_be_undone()).collect()
    }

    /// Status, reason and message of a condition as it would be reported.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<(&str, &str, &str)> {
        let condition = self.status.conditions.iter().find(|condition| condition.type_ == kind)?;
        Some((&condition.status, &condition.reason, &condition.message))
    }

    /// What becomes of the finalizer, where something does.
    #[must_use]
    pub fn finalizer(&self) -> Option<String> {
        match &self.hold {
            Hold::Keep => None,
            Hold::Add => {
                Some("the finalizer is added: a deletion waits until a declared deprovisioning is proven".into())
            }
            Hold::Release { warning: None } => Some("the finalizer is removed".into()),
            Hold::Release { warning: Some(warning) } => Some(format!("the finalizer is removed: {warning}")),
        }
    }

    /// The outcome in one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        match (self.exit(), self.first_waiting()) {
            (Exit::Failed, Some(waiting)) if is_unreadable(waiting.reason) => {
                format!("The tenant could not be read ({}). {}", waiting.reason, waiting.reason.remedy())
            }
            (Exit::Failed, Some(waiting)) if is_failure(waiting) => {
                format!("This cannot be carried out as it stands ({}). {}", waiting.reason, waiting.reason.remedy())
            }
            (Exit::Failed, None) if self.is_unread() => {
                "The tenant could not be read; the last verdict stands.".to_owned()
            }
            (Exit::Failed | Exit::Pending, _) if self.plan.verdict_stands && self.standing() != Exit::Settled => {
                let reason = self.condition(ConditionType::Ready.name()).map_or("none yet", |(_, reason, _)| reason);
                format!("The last verdict stands: {reason}.")
            }
            (Exit::Settled, _) if self.condition("Suspended").is_some() => {
                "Nothing to do: managementPolicy is Suspend.".to_owned()
            }
            (Exit::Settled, _) if self.plan.drift.is_empty() => "Nothing to do.".to_owned(),
            (Exit::Settled, _) => "Nothing would be done about what differs.".to_owned(),
            (Exit::Pending | Exit::Failed, waiting) => self.pending(waiting),
        }
    }

    fn pending(&self, waiting: Option<&Waiting>) -> String {
        let by_operator = |step: &&Step| !matches!(step.by, StepActor::Person(_) | StepActor::Nobody);
        let steps = self.plan.steps.iter().filter(by_operator).count();
        let idle = self.plan.steps.iter().filter(|step| matches!(step.by, StepActor::Nobody)).count();
        let hand_offs = self.plan.hand_offs().count();
        let mut parts = Vec::new();
        for (count, one, several) in [
            (steps, "step by the operator", "steps by the operator"),
            (hand_offs, "hand-off to a person", "hand-offs to a person"),
            (idle, "step that managementPolicy Observe forbids", "steps that managementPolicy Observe forbids"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {}", if count == 1 { one } else { several }));
            }
        }
        let waiting = waiting.filter(|waiting| !matches!(waiting.reason, Reason::ActionRequired | Reason::ObserveOnly));
        parts.extend(waiting.map(|waiting| format!("waits ({})", waiting.reason)));
        if parts.is_empty() {
            "Something is to be done.".to_owned()
        } else {
            format!("{}.", capitalised(&parts.join(", ")))
        }
    }
}

fn capitalised(sentence: &str) -> String {
    let mut rest = sentence.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// Whether it ends a pipeline: nothing is gained by waiting for it.
fn is_failure(waiting: &Waiting) -> bool {
    is_blocked(waiting) || is_unreadable(waiting.reason)
}

/// Whether a condition's reason says that a person has been asked for a step, or that nobody may do one.
fn waits_for_hands(reason: &str) -> bool {
    [Reason::ActionRequired, Reason::ObserveOnly].iter().any(|hands| hands.name() == reason)
}

/// Only a change of the declaration, or of what surrounds it, helps.
fn is_blocked(waiting: &Waiting) -> bool {
    waiting.until == Until::Person && !matches!(waiting.reason, Reason::ActionRequired | Reason::ObserveOnly)
}

const fn is_unreadable(reason: Reason) -> bool {
    matches!(reason, Reason::ProviderUnavailable | Reason::Throttled)
}
