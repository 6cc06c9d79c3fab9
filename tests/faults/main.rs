//! Does the operator, as its own process on a real API server, meet every fault of the broker as the contract says, and
//! does it recover by itself?
//!
//! The cases of one test share an operator and a simulator and run at the same time, each with a tenant of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![expect(clippy::indexing_slicing, reason = "indexing a JSON value that is not there gives null, and the test fails")]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod operations;
mod readings;
mod tenant;
