//! What integration tests and the demonstration stand on: a real control plane
//! and a network that can be held still.
#![allow(dead_code, unused_imports, reason = "every test binary compiles all of this and uses only its part")]

pub(crate) mod control_plane;
pub(crate) mod kstatus;
pub(crate) mod proxy;
pub(crate) mod simulator;
pub(crate) mod stage;
