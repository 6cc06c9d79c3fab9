//! A simulator of the outside world: tenants as state machines, and the service broker that changes them.
//!
//! `simulate` serves it so that the whole product runs on a laptop without a tenant. The rules ([`rules`], [`acts`]) are
//! pure and written from Microsoft's pages; they share no code with the planner, so that one wrong idea cannot hide in
//! both. The journal ([`journal`]) lists every effect on every tenant, in order; tests judge by it.
//!
//! Two ports: the broker (Open Service Broker API v2.17 over TLS) and the control port (plain JSON on loopback). State
//! survives restarts and `kill -9` ([`store`]); faults, hold points and the request log belong to one run.

pub mod acts;
pub mod broker;
mod clock;
pub mod control;
pub mod faults;
pub mod holds;
pub mod journal;
pub mod matching;
pub mod requests;
pub mod role_name;
pub mod rules;
pub mod server;
pub mod settings;
pub mod state;
pub mod store;
pub mod tenant;
pub mod tls;
pub mod world;

#[cfg(test)]
mod tests;
