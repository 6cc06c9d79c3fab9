//! Whether the home of a resource is being deleted: its namespace, or the definition of its kind. Reads the cluster.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use super::error::ReconcileError;
use crate::api::CRD_NAME;

/// Reads homes, and remembers which kind of them may not be read: that is told when it begins and when it ends, and not at
/// every look.
#[derive(Debug, Default)]
pub(super) struct Homes {
    forbidden: Mutex<BTreeSet<Cow<'static, str>>>,
}

impl Homes {
    /// Whether this namespace, or the custom resource definition itself, is being deleted. What may not be read is taken
    /// for alive.
    pub(super) async fn are_terminating(&self, client: &Client, namespace: &str) -> Result<bool, ReconcileError> {
        Ok(self.is_terminating::<Namespace>(client, namespace).await?
            || self.is_terminating::<CustomResourceDefinition>(client, CRD_NAME).await?)
    }

    async fn is_terminating<K>(&self, client: &Client, name: &str) -> Result<bool, ReconcileError>
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
    {
        match Api::<K>::all(client.clone()).get_metadata(name).await {
            Ok(home) => {
                self.is_read(&K::kind(&()), name);
                Ok(home.metadata.deletion_timestamp.is_some())
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                self.is_forbidden(K::kind(&()), name, &status.message);
                Ok(false)
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
            Err(error) => Err(ReconcileError::cluster("read the home of the resource", error)),
        }
    }

    fn is_forbidden(&self, kind: Cow<'static, str>, home: &str, problem: &str) {
        if self.lock().insert(kind) {
            tracing::warn!(
                home,
                problem,
                "it cannot be told whether it is being deleted: if it is, what is held here does not go by itself; grant the right, or set deletionPolicy: Retain"
            );
        }
    }

    fn is_read(&self, kind: &str, home: &str) {
        if self.lock().remove(kind) {
            tracing::info!(home, "it can be told again whether it is being deleted");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Cow<'static, str>>> {
        self.forbidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
