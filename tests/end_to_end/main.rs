//! Does the operator, as its own process under its shipped permissions, do its job on a real API server?
//!
//! Judged by the API server's audit log, the simulator's journal and request log, and kstatus; never by the operator's
//! own word alone. Expected values are typed from the documents.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on should end where it stands, also in what tests have in common"
)]

#[path = "../support/mod.rs"]
mod support;

mod appliers;
#[path = "../support/argo.rs"]
mod argo_cd;
mod asked;
mod bad_input;
mod broker_access;
mod catalogue;
mod claims;
mod cleanup;
mod conclusions;
mod convergence;
mod crashes;
mod deletion;
mod endings;
#[path = "../support/flux.rs"]
mod flux_cd;
mod foreign_words;
mod gitops;
#[path = "../support/gitops_program.rs"]
mod gitops_program;
mod holding;
mod image;
mod judges;
mod leaks;
mod leases;
mod links;
mod live;
mod neighbours;
mod permissions;
mod policies;
mod release;
mod reloading;
mod replicas;
mod rights;
mod scale;
mod sign_in;
mod size;
mod squatting;
mod storm;
mod teardown;
mod uninstalling;
mod verdicts;
mod versions;
mod watched;
mod watching;

/// The tenant of most stories. Each stage has its own simulator, so stories do not meet.
const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
/// Another one, whose readings are the clock while nothing may happen to the first.
const OTHER: &str = "0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d";
