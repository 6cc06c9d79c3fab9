//! The outside world that the administrator's configuration names, as every command sets it up.

use kube::Client;

use crate::config::{BrokerConfig, MicrosoftConfig};
use crate::controller::{self, ClusterError};
use crate::remote::broker::{Broker, BrokerSetupError};
use crate::remote::http::ClientError;
use crate::remote::outside::Outside;
use crate::remote::session::{Gate, MicrosoftSettings};

/// The broker, if one is configured, and the way to Microsoft's own APIs. Without a configured cluster id the cluster is
/// asked for its own.
pub(super) async fn configured<E>(
    broker: Option<BrokerConfig>,
    microsoft: MicrosoftConfig,
    allow_simulator: bool,
    client: &Client,
) -> Result<Outside, E>
where
    E: From<ClusterError> + From<BrokerSetupError> + From<ClientError>,
{
    let gate = gate(microsoft, allow_simulator)?;
    Ok(Outside::new(self::broker::<E>(broker, client).await?, gate))
}

/// The broker, if one is configured.
pub(super) async fn broker<E>(broker: Option<BrokerConfig>, client: &Client) -> Result<Option<Broker>, E>
where
    E: From<ClusterError> + From<BrokerSetupError>,
{
    let Some(broker) = broker else { return Ok(None) };
    let cluster_id = match &broker.cluster_id {
        Some(configured) => configured.clone(),
        None => controller::cluster_id(client).await?,
    };
    Ok(Some(Broker::new(broker.settings(cluster_id, controller::own_identity(client).await))?))
}

/// The way to Microsoft's own APIs.
pub(super) fn gate(microsoft: MicrosoftConfig, allow_simulator: bool) -> Result<Gate, ClientError> {
    Gate::new(settings(microsoft, allow_simulator))
}

/// What the way to Microsoft's own APIs needs to know.
pub(super) fn settings(microsoft: MicrosoftConfig, allow_simulator: bool) -> MicrosoftSettings {
    let MicrosoftConfig { hosts, ca_bundle, request_timeout, requests_per_minute, own_identity: _ } = microsoft;
    MicrosoftSettings { hosts, ca_bundle, request_timeout, allow_simulator, requests_per_minute }
}
