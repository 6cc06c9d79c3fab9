//! Every decision, pure: no clock, no client, no randomness, no log.
//!
//! `Situation` goes in; `plan` gives the steps and what they wait for, `report` the status, `hold` the finalizer and
//! `pace` the time of the next look. One file a rule; `planner` calls them in order.

mod access;
mod aftermath;
mod ageing;
mod attestation;
mod authority;
mod best;
mod claims;
mod conditions;
mod consent;
mod deprovision;
pub mod desired;
mod eligibility;
mod enablement;
mod evidence;
pub mod failure;
pub mod handoff;
pub mod inquiry;
mod integrations;
mod links;
pub mod memory;
pub mod microsoft;
pub mod observed;
mod operation;
mod outliving;
pub mod ownership;
pub mod pace;
pub mod permissions;
pub mod planned;
pub mod planner;
pub mod reading;
mod region;
pub mod release;
pub mod report;
mod restraint;
mod services;
mod signals;
pub mod situation;
pub mod step;
mod verdict;
pub mod visible;

#[cfg(test)]
mod tests;
