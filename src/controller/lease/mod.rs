//! Leader election: of several operators one works, and the others stand by.
//!
//! Input: one Lease (`coordination.k8s.io/v1`) and who we are. Output: a [`Term`], whose token says when work must stop.
//! Effects: reads and writes that Lease. What is decided and what is written is pure, in `claim`.
//!
//! The rules are those of Kubernetes' own components, and candidates of both kinds can compete for one Lease:
//!
//! - Nobody compares clocks. A Lease is taken once it has read the same for as long as its holder promised, by the
//!   clock of whoever waits, and at once where its holder gave it up.
//! - Every write names the version that it replaces, so of two that want the Lease one is refused.
//! - A holder renews every `retry_period`. Its work ends `renew_deadline` after it *sent* the last renewal that was
//!   answered, before anybody else can have waited for `duration`. Between the two running work has time to end.
//!
//! A request that was sent before the end of a term may still arrive after it, so what is written to the outside world
//! has to be safe under two leaders all the same; a Lease makes that rare, not impossible.

mod board;
mod candidate;
mod claim;
mod election;
mod record;
mod term;

use std::time::Duration;

use kube::Client;
use uuid::Uuid;

use crate::config::LeaderElection;

pub use election::Election;
pub use term::Term;

/// Which Lease is competed for, as whom, and at what pace.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who we are: different for each process, also for two processes that follow each other in one pod.
    pub identity: String,
    /// How long others wait for a holder that is silent; at most [`crate::config::LONGEST_LEASE`], in whole seconds.
    pub duration: Duration,
    /// The time after a renewal in which the next one must succeed; shorter than `duration`.
    pub renew_deadline: Duration,
    /// The time between two renewals, and between two tries; at most half of `renew_deadline`.
    pub retry_period: Duration,
}

impl LeaseSettings {
    /// The settings of a new process on `host`: in the namespace in which `client` is at home, where none is named.
    #[must_use]
    pub fn new(election: &LeaderElection, client: &Client, host: &str) -> Self {
        let LeaderElection { namespace, name, duration, renew_deadline, retry_period } = election.clone();
        Self {
            namespace: namespace.unwrap_or_else(|| client.default_namespace().to_owned()),
            name,
            identity: format!("{host}_{}", Uuid::new_v4()),
            duration,
            renew_deadline,
            retry_period,
        }
    }

    /// The limit of one request, so that one which hangs leaves time for others before the deadline.
    fn request_limit(&self) -> Duration {
        self.renew_deadline / 3
    }
}
