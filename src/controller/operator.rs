//! What every pass works with.

use std::sync::Arc;
use std::time::Instant;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::agenda::Agenda;
use super::census::Census;
use super::clock;
use super::herald::Herald;
use super::home::Homes;
use super::index::Index;
use super::lease::Election;
use super::meter::Meter;
use super::recall::Recall;
use crate::plan::ownership::Tenancy;
use crate::plan::situation::Capabilities;
use crate::remote::credentials::OwnIdentity;

/// What the administrator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which namespace may manage which tenant.
    pub tenancy: Tenancy,
    /// What is configured, as plans see it.
    pub capabilities: Capabilities,
    /// The operator's own federated identity, and who may use it.
    pub own_identity: OwnIdentity,
    /// How many resources are reconciled at once; at least one.
    pub concurrency: u16,
    /// The one namespace that is looked at; `None`: all of them.
    pub namespace: Option<String>,
}

/// The operator: its view of the cluster, its way to the outside world `R`, and what the administrator allows.
pub struct Operator<R> {
    pub(super) client: Client,
    pub(super) remote: Arc<R>,
    pub(super) tenancy: Tenancy,
    pub(super) capabilities: Capabilities,
    pub(super) own_identity: OwnIdentity,
    pub(super) resources: Arc<Index>,
    pub(super) herald: Herald,
    pub(super) homes: Homes,
    pub(super) recall: Arc<Recall>,
    pub(super) agenda: Arc<Agenda>,
    pub(super) meter: Meter,
    election: Option<Election>,
}

impl<R> Operator<R> {
    /// An operator that has not seen anything yet. `resources` holds all resources of the cluster.
    pub fn new(client: Client, remote: Arc<R>, settings: Settings, resources: Arc<Index>) -> Self {
        let Settings { tenancy, capabilities, own_identity, concurrency: _, namespace: _ } = settings;
        let herald = Herald::new(client.clone());
        let (recall, agenda) = (Arc::default(), Arc::default());
        let meter = Meter::default();
        Self {
            client,
            remote,
            tenancy,
            capabilities,
            own_identity,
            resources,
            herald,
            homes: Homes::default(),
            recall,
            agenda,
            meter,
            election: None,
        }
    }

    /// The same, sending nothing but while it leads.
    #[must_use]
    pub fn elected(self, election: Option<Election>) -> Self {
        Self { election, ..self }
    }

    /// Whether it may send anything that changes a tenant: it leads, by the clock of this moment, or there is no election.
    pub(super) fn leads(&self) -> bool {
        self.election.as_ref().is_none_or(Election::is_leading)
    }

    /// The same, counting what it does.
    #[must_use]
    pub fn counting(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    /// Publishes events until `stop`, and for two seconds more what waits then. One call at a time.
    pub async fn publish(&self, stop: CancellationToken) {
        self.herald.run(&self.meter, stop).await;
    }

    /// What can be seen just now, as numbers.
    #[must_use]
    pub fn census(&self) -> Census {
        let depth = self.agenda.depth(Instant::now());
        let mut census = self.resources.census(clock::now());
        census.queued = u64::try_from(depth.ready).unwrap_or(u64::MAX);
        census.backing_off = self.recall.failing();
        census
    }
}
