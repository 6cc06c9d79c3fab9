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
use super::setup::{InForce, Setup};
use crate::plan::situation::Subject;
use crate::tenant::TenantId;

/// The operator: its view of the cluster, its way to the outside world `R`, and what the administrator allows.
pub struct Operator<R> {
    pub(super) client: Client,
    /// What this operator goes by.
    pub(super) setup: Arc<Setup<R>>,
    /// What it may go by meanwhile.
    pub(super) in_force: InForce<R>,
    pub(super) resources: Arc<Index>,
    pub(super) herald: Arc<Herald>,
    pub(super) homes: Arc<Homes>,
    pub(super) recall: Arc<Recall>,
    pub(super) agenda: Arc<Agenda>,
    pub(super) meter: Meter,
    election: Option<Election>,
}

impl<R> Operator<R> {
    /// An operator that has not seen anything yet. `resources` holds all resources of the cluster.
    pub fn new(client: Client, in_force: InForce<R>, resources: Arc<Index>) -> Self {
        let herald = Arc::new(Herald::new(client.clone()));
        let (recall, agenda, setup) = (Arc::default(), Arc::default(), in_force.now());
        let (homes, meter) = (Arc::default(), Meter::default());
        Self { client, setup, in_force, resources, herald, homes, recall, agenda, meter, election: None }
    }

    /// The same, going by what is in force just now. Each pass asks for it once.
    pub(super) fn at_present(&self) -> Self {
        let Self { client, setup: _, in_force, resources, herald, homes, recall, agenda, meter, election } = self;
        Self {
            client: client.clone(),
            setup: in_force.now(),
            in_force: in_force.clone(),
            resources: Arc::clone(resources),
            herald: Arc::clone(herald),
            homes: Arc::clone(homes),
            recall: Arc::clone(recall),
            agenda: Arc::clone(agenda),
            meter: meter.clone(),
            election: election.clone(),
        }
    }

    /// Whether what this operator goes by is still in force.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.in_force.is(&self.setup)
    }

    /// Whether the administrator still lets a resource do with its tenant what this operator goes by, and with the
    /// operator's own identity.
    pub(super) fn still_allows(&self, subject: &Subject, tenant: TenantId) -> bool {
        let now = self.in_force.now();
        let (old, new) = (&self.setup.settings, &now.settings);
        self.is_up_to_date()
            || (old.tenancy.allows(&subject.namespace, tenant) == new.tenancy.allows(&subject.namespace, tenant)
                && old.own_identity == new.own_identity)
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
