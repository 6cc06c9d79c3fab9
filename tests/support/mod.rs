//! What integration tests and the demonstration stand on: a real control plane
//! and a network that can be held still.
#![allow(dead_code, unused_imports, reason = "every test binary compiles all of this and uses only its part")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should end where it stands, with a word on why"
)]

pub(crate) mod control_plane;
pub(crate) mod declared;
pub(crate) mod fleet;
pub(crate) mod helm;
pub(crate) mod kstatus;
pub(crate) mod microsoft;
pub(crate) mod proxy;
pub(crate) mod replica;
pub(crate) mod simulator;
pub(crate) mod stage;
pub(crate) mod storm;
