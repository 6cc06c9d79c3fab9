//! Calls of Microsoft Graph v1.0 and their answers: each file here writes down one kind of call and reads its answer into
//! what the plan judges. Pure.
//!
//! A function `call` makes the call, a function `read` takes its answer. No answer fails: what could not be read is an
//! `Unread` that says why. Shapes: Microsoft Graph v1.0 reference (2025).

pub mod batch;
pub mod features;
pub mod hunting;
pub mod intune;
pub mod licences;
pub mod organization;
pub mod own_roles;
pub mod roles;

#[cfg(test)]
mod mutated;
