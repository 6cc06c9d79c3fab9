//! Every decision, pure: no clock, no client, no randomness, no log.
//!
//! `Situation` goes in; `plan` gives the steps and what they wait for, `report` the status, `hold` the finalizer and
//! `pace` the time of the next look. One file a rule; `planner` calls them in order.

mod aftermath;
mod ageing;
mod attestation;
#[cfg_attr(not(test), expect(dead_code, reason = "called by the planner in the next commit"))]
mod authority;
mod claims;
mod conditions;
mod consent;
mod deprovision;
pub mod desired;
#[cfg_attr(not(test), expect(dead_code, reason = "called by the planner in the next commit"))]
mod eligibility;
mod enablement;
mod evidence;
pub mod failure;
pub mod handoff;
mod integrations;
pub mod memory;
pub mod microsoft;
pub mod observed;
mod operation;
pub mod ownership;
pub mod pace;
pub mod planned;
pub mod planner;
pub mod reading;
mod region;
pub mod release;
pub mod report;
mod restraint;
pub mod situation;
pub mod step;
mod verdict;

#[cfg(test)]
mod tests;
