//! The plan: what would be done next, what it waits for and why, and what differs without being touched.

use super::situation::Situation;
use super::step::Step;
use crate::api::Reason;

/// What follows from a situation.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Changes of the tenant, in order. Steps of a person stand among them.
    pub steps: Vec<Step>,
    /// Why nothing more is done now.
    pub waiting: Vec<Waiting>,
    /// What differs from the spec and is not touched.
    pub drift: Vec<String>,
}

/// A typed reason for not acting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The reason that conditions show.
    pub reason: Reason,
    /// What happened, why, and what to do next.
    pub message: String,
    /// What ends the waiting.
    pub until: Until,
}

/// What ends a waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Time: the other side is at work, or the next try follows by itself.
    Later,
    /// A person.
    Person,
}

impl Plan {
    /// The step that the operator itself would do next, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<&Step> {
        None
    }
}

/// Plans. Planning again after the same readings gives the same plan.
pub fn plan(_situation: &Situation) -> Plan {
    Plan::default()
}
