//! Do the planner, the client of the broker and the simulated broker together do what the contract's tables of
//! transitions say? No cluster: a loop that does what a pass of the controller does, with a clock that the test moves.
//!
//! Each test quotes its row. Judged are the simulator's journal (what happened to the tenant, in order), its request
//! log (what was sent) and the status that would be written.
//!
//! Rows that a broker, an attestation or a person cannot bring about, because only Microsoft's own APIs would show them:
//!
//! - *Enabled, on, present says Disabled*: the broker's word outranks an attestation, so only an observation can
//!   contradict it; the same goes for *Disabled, on, absent* with a broker that shows its instances.
//! - *Deprovisioned, on, gone* within and after the grace: to a broker-only reading, gone is off.
//! - *Credentials replaced*, and what section 10 settles about permissions (`NotPermitted`, AADSTS codes, `Authorized`),
//!   licences (`Eligible`), data centre and geography, Azure Resource Manager, `partnerState` and `$batch`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end where it stands")]
#![expect(clippy::indexing_slicing, reason = "indexing a JSON value that is not there gives null, and the test fails")]

#[path = "../support/simulator.rs"]
mod simulator;

mod changes;
mod deprovisioned;
mod disabled;
mod enabled;
mod fuzz;
mod settled;
mod unknown;
mod world;
