//! What every pass works with.

use std::sync::Arc;

use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::Store;

use super::meter::Meter;
use super::recall::Recall;
use crate::api::{EVENT_CONTROLLER, ThreatProtectionTenant};
use crate::plan::ownership::Tenancy;
use crate::plan::situation::Capabilities;
use crate::remote::credentials::OwnIdentity;

/// A resource as the watch delivers it: one that cannot be read does not stop the others.
pub type Guarded = DeserializeGuard<ThreatProtectionTenant>;

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
    pub(super) resources: Store<Guarded>,
    pub(super) recorder: Recorder,
    pub(super) recall: Recall,
    pub(super) meter: Meter,
}

impl<R> Operator<R> {
    /// An operator that has not seen anything yet. `resources` holds all resources of the cluster.
    pub fn new(client: Client, remote: Arc<R>, settings: Settings, resources: Store<Guarded>) -> Self {
        let Settings { tenancy, capabilities, own_identity, concurrency: _, namespace: _ } = settings;
        let recorder = Recorder::new(client.clone(), Reporter::from(EVENT_CONTROLLER));
        let recall = Recall::default();
        let meter = Meter::default();
        Self { client, remote, tenancy, capabilities, own_identity, resources, recorder, recall, meter }
    }

    /// The same, counting what it does.
    #[must_use]
    pub fn counting(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }
}
