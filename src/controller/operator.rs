//! What every pass works with.

use std::sync::Arc;

use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::Store;

use super::recall::Recall;
use crate::api::{EVENT_CONTROLLER, ThreatProtectionTenant};
use crate::plan::ownership::Tenancy;
use crate::plan::situation::Capabilities;

/// A resource as the watch delivers it: one that cannot be read does not stop the others.
pub type Guarded = DeserializeGuard<ThreatProtectionTenant>;

/// The operator: its view of the cluster, its way to the outside world `R`, and what the administrator allows.
pub struct Operator<R> {
    pub(super) client: Client,
    pub(super) remote: Arc<R>,
    pub(super) tenancy: Tenancy,
    pub(super) capabilities: Capabilities,
    pub(super) resources: Store<Guarded>,
    pub(super) recorder: Recorder,
    pub(super) recall: Recall,
}

impl<R> Operator<R> {
    /// An operator that has not seen anything yet. `resources` holds all resources of the cluster.
    pub fn new(
        client: Client,
        remote: Arc<R>,
        (tenancy, capabilities): (Tenancy, Capabilities),
        resources: Store<Guarded>,
    ) -> Self {
        let recorder = Recorder::new(client.clone(), Reporter::from(EVENT_CONTROLLER));
        Self { client, remote, tenancy, capabilities, resources, recorder, recall: Recall::default() }
    }
}
