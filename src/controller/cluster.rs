//! The operator's way into the cluster, and what it must know before it starts.

use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ListParams, PartialObjectMeta, PostParams};
use kube::client::ClientBuilder;
use kube::{Api, Client, Config, Resource, ResourceExt};
use tokio_util::sync::CancellationToken;
use tower::timeout::TimeoutLayer;

use super::error::problem;
use crate::api::{CRD_NAME, FIELD_MANAGER, ThreatProtectionTenant};
use crate::remote::broker::OperatorIdentity;

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
    // Proxies of the environment are ignored, as for the broker; kube would refuse to start with one.
    config.proxy_url = None;
    let builder = ClientBuilder::try_from(config).map_err(ClusterError::Client)?;
    Ok(builder.with_layer(&TimeoutLayer::new(ANSWER)).build())
}

/// Waits until resources can be listed; false where the process should end first.
pub async fn wait_until_served(client: &Client, namespace: Option<&str>, shutdown: &CancellationToken) -> bool {
    let resources: Api<PartialObjectMeta<ThreatProtectionTenant>> = scoped(client, namespace);
    let listed = async || {
        resources.list(&ListParams::default().limit(1)).await.map(drop).map_err(|error| match error {
            kube::Error::Api(status) if status.is_not_found() => {
                format!("the custom resource definition {CRD_NAME} is not served: apply it")
            }
            kube::Error::Api(status) if status.is_forbidden() => {
                format!("the operator may not list its resources: {}", status.message)
            }
            error => format!("the API server cannot be asked: {error}"),
        })
    };
    wait_for(listed, shutdown).await.is_some()
}

/// Waits until the id of the cluster can be read, and gives it; `None` where the process should end first.
pub async fn wait_for_cluster_id(client: &Client, shutdown: &CancellationToken) -> Option<String> {
    let read = async || {
        cluster_id(client).await.map_err(|error| {
            let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
            let cause = cause.map(problem).unwrap_or_default();
            format!("{error}: {cause}: grant it, or set broker.clusterId in the operator's configuration")
        })
    };
    wait_for(read, shutdown).await
}

/// Asks until there is an answer; `None` where the process should end first. What is in the way is told whenever it is
/// another thing than before.
async fn wait_for<T>(ask: impl AsyncFn() -> Result<T, String>, shutdown: &CancellationToken) -> Option<T> {
    let mut last = String::new();
    loop {
        let problem = match ask().await {
            Ok(answer) => return Some(answer),
            Err(problem) => problem,
        };
        if problem != last {
            tracing::warn!(problem, "waiting for the cluster");
            last = problem;
        }
        shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await?;
    }
}

/// The resources of one namespace, or of all.
pub(super) fn scoped<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    namespace.map_or_else(|| Api::all(client.clone()), |name| Api::namespaced(client.clone(), name))
}

/// The id of the cluster: it stays the same for as long as the cluster lives.
pub async fn cluster_id(client: &Client) -> Result<String, ClusterError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let home = namespaces.get_metadata(IDENTIFYING_NAMESPACE).await.map_err(ClusterError::Identity)?;
    Ok(home.uid().unwrap_or_default())
}

/// Who the operator is in the cluster; only its field manager's name where the cluster does not tell.
pub async fn own_identity(client: &Client) -> OperatorIdentity {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let user = match reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await {
        Ok(review) => review.status.and_then(|status| status.user_info).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "the cluster does not tell the operator's own name");
            UserInfo::default()
        }
    };
    OperatorIdentity {
        username: user.username.unwrap_or_else(|| FIELD_MANAGER.to_owned()),
        uid: user.uid.unwrap_or_default(),
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
    }
}
