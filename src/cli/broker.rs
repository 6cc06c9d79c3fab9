//! The service broker that the administrator's configuration names, as every command sets it up.

use kube::Client;

use crate::config::BrokerConfig;
use crate::controller::{self, ClusterError};
use crate::remote::broker::{Broker, BrokerSetupError};

/// The broker, if one is configured. Without a configured cluster id the cluster is asked for its own.
pub(super) async fn configured<E>(broker: Option<BrokerConfig>, client: &Client) -> Result<Option<Broker>, E>
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
