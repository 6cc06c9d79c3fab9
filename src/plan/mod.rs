//! Every decision, pure: no clock, no client, no randomness, no log.
//!
//! `Situation` goes in; `plan` gives the steps and what they wait for, `report` the status, `hold` the finalizer and
//! `pace` the time of the next look.
pub mod desired;
pub mod failure;
pub mod handoff;
pub mod memory;
pub mod observed;
pub mod ownership;
pub mod pace;
pub mod planner;
pub mod reading;
pub mod release;
pub mod report;
pub mod situation;
pub mod step;
