//! The cluster: watches the resources, gathers what a plan needs, carries out what it says, and writes the status.
//!
//! Input: the API server's watch and the administrator's settings. Output: status, finalizers, events, and steps
//! handed to the room `remote`. Every decision is taken in the room `plan`.

mod announce;
mod clock;
mod cluster;
mod credentials;
mod error;
mod events;
mod executed;
mod gather;
mod operator;
mod patches;
mod preview;
mod recall;
mod reconcile;
mod record;
mod run;
mod stored;
mod work;

pub use clock::now;
pub use cluster::{ClusterError, cluster_id, connect, own_identity, wait_until_served};
pub use error::ReconcileError;
pub use events::{STEP_ACCEPTED, STEP_DONE, STEP_REFUSED, VERDICT};
pub use operator::{Guarded, Operator, Settings};
pub use preview::{Declaration, declaration, preview, survey, would_ask, would_sign_in};
pub use reconcile::reconcile;
pub use run::{error_policy, run};
