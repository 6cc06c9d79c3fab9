//! The cluster: watches the resources, gathers what a plan needs, carries out what it says, and writes the status.
//!
//! Input: the API server's watch and the administrator's settings. Output: status, finalizers, events, and steps
//! handed to the room `remote`. Every decision about a tenant is taken in the room `plan`; which of several operators
//! works is decided by a Lease, in `lease`.

mod agenda;
mod announce;
mod census;
mod clock;
mod cluster;
mod credentials;
mod error;
mod events;
mod executed;
mod gather;
mod glimpse;
mod herald;
mod home;
mod index;
mod key;
mod lease;
mod meter;
mod object;
mod operator;
mod packed;
mod passes;
mod patches;
mod preview;
mod queue;
mod recall;
mod reconcile;
mod record;
mod revisit;
mod run;
mod setup;
mod stored;
mod watch;
mod work;

pub use census::Census;
pub use clock::now;
pub use cluster::{ClusterError, cluster_id, connect, own_identity, wait_for_cluster_id, wait_until_served};
pub use error::ReconcileError;
pub use events::{STEP_ACCEPTED, STEP_DONE, STEP_REFUSED, VERDICT};
pub use index::Index;
pub use key::Key;
pub use lease::{Election, LeaseSettings, Term};
pub use meter::Meter;
pub use object::Object;
pub use operator::Operator;
pub use preview::{Declaration, declaration, preview, survey, would_ask, would_sign_in};
pub use reconcile::{Next, reconcile};
pub use run::{Instruments, LeadershipLost, run};
pub use setup::{InForce, Settings, Setup};
