//! A simulator of the outside world: tenants as state machines, Microsoft's own APIs, and the service broker.
//!
//! `simulate` serves it so that the whole product runs on a laptop without a tenant. The rules ([`rules`], [`acts`]) are
//! pure and written from Microsoft's pages; they share no code with the planner, so that one wrong idea cannot hide in
//! both. The journal ([`journal`]) lists every effect on every tenant, in order; tests judge by it.
//!
//! Two ports: one over TLS for the broker (Open Service Broker API v2.17) and for Microsoft Entra, Graph and Azure Resource
//! Manager, and the control port (plain JSON on loopback). State survives restarts and `kill -9` ([`store`]); faults, hold
//! points, tokens, the request log and a time that was moved forward belong to one run.

pub mod acts;
mod answer;
pub mod applications;
pub mod azure;
mod azure_acts;
pub mod broker;
mod clock;
pub mod control;
mod delivery;
pub mod faults;
pub mod holders;
pub mod holds;
pub mod journal;
pub mod licences;
pub mod matching;
mod microsoft;
pub mod requests;
pub mod role_name;
pub mod rules;
pub mod server;
pub mod settings;
pub mod state;
pub mod store;
pub mod tenant;
pub mod tls;
mod tokens;
mod visit;
pub mod world;

#[cfg(test)]
mod tests;
