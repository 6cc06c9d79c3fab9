//! The operator's way into the cluster, and what it must know before it starts.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, PartialObjectMeta, PostParams};
use kube::client::ClientBuilder;
use kube::{Api, Client, Config, ResourceExt};
use tokio_util::sync::CancellationToken;
use tower::timeout::TimeoutLayer;

use crate::api::{CRD_NAME, FIELD_MANAGER, ThreatProtectionTenant};

/// The time until the headers of an answer; watches live on after them.
const ANSWER: Duration = Duration::from_secs(30);
/// The time between two looks for the custom resource definition.
const LOOK: Duration = Duration::from_secs(2);
/// Its uid identifies a cluster, by convention.
const IDENTIFYING_NAMESPACE: &str = "kube-system";

/// The cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Neither a kubeconfig nor a service account was found, or it is not usable.
    #[error("no way into a cluster: neither a usable kubeconfig nor a service account was found")]
    Infer(#[from] kube::config::InferConfigError),
    /// The client could not be made of it.
    #[error("cannot make a client from the kubeconfig or service account")]
    Client(#[source] kube::Error),
    /// The cluster has no id.
    #[error("cannot read namespace {IDENTIFYING_NAMESPACE}, whose uid identifies the cluster to the broker")]
    Identity(#[source] kube::Error),
}

/// A client without retries, which belong to `reconcile`, and with one time-out.
pub async fn connect() -> Result<Client, ClusterError> {
    let mut config = Config::infer().await?;
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config).map_err(ClusterError::Client)?;
    Ok(builder.with_layer(&TimeoutLayer::new(ANSWER)).build())
}

/// Waits until resources can be listed; false where the process should end first.
pub async fn wait_until_served(client: &Client, shutdown: &CancellationToken) -> bool {
    let resources: Api<PartialObjectMeta<ThreatProtectionTenant>> = Api::all(client.clone());
    let mut last = String::new();
    loop {
        let problem = match resources.list(&ListParams::default().limit(1)).await {
            Ok(_) => return true,
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                format!("the custom resource definition {CRD_NAME} is not served: apply it")
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                format!("the operator may not list its resources: {}", status.message)
            }
            Err(error) => format!("the API server cannot be asked: {error}"),
        };
        if problem != last {
            tracing::warn!(problem, "waiting for the cluster");
            last = problem;
        }
        tokio::select! {
            () = shutdown.cancelled() => return false,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// The id of the cluster: it stays the same for as long as the cluster lives.
pub async fn cluster_id(client: &Client) -> Result<String, ClusterError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let home = namespaces.get_metadata(IDENTIFYING_NAMESPACE).await.map_err(ClusterError::Identity)?;
    Ok(home.uid().unwrap_or_default())
}

/// The user name of the operator in the cluster; its field manager's name where the cluster does not tell.
pub async fn own_name(client: &Client) -> String {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let name = match reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await {
        Ok(review) => review.status.and_then(|status| status.user_info).and_then(|user| user.username),
        Err(error) => {
            tracing::warn!(%error, "the cluster does not tell the operator's own name");
            None
        }
    };
    name.unwrap_or_else(|| FIELD_MANAGER.to_owned())
}
