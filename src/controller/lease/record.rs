//! The Lease as it is stored, read with tolerance: another writer's odd values must not keep it from being read.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::TypeMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A Lease. Written back, it keeps what it does not know, and its resource version makes the write a conditional one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Resource)]
#[resource(inherit = Lease)]
pub(super) struct StoredLease {
    #[serde(flatten, default)]
    pub types: Option<TypeMeta>,
    pub metadata: ObjectMeta,
    #[serde(default)]
    pub spec: Record,
}

/// What a Lease says. Times are texts: Kubernetes takes some that our library cannot represent, and no decision
/// depends on them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// Who holds it; absent or empty: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder_identity: Option<String>,
    /// How long others wait for its holder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_duration_seconds: Option<i64>,
    /// Since when its holder has had it, by the holder's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquire_time: Option<String>,
    /// When it was written last, by the holder's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_time: Option<String>,
    /// How often it went from one holder to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_transitions: Option<i64>,
    /// What newer servers add.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl StoredLease {
    /// An empty one, to be created.
    pub fn new(namespace: &str, name: &str) -> Self {
        let (namespace, name) = (Some(namespace.to_owned()), Some(name.to_owned()));
        let metadata = ObjectMeta { namespace, name, ..ObjectMeta::default() };
        Self { types: Some(TypeMeta::resource::<Lease>()), metadata, spec: Record::default() }
    }

    /// Who holds it.
    pub fn holder(&self) -> Option<&str> {
        self.spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    /// Whether `identity` holds it.
    pub fn is_held_by(&self, identity: &str) -> bool {
        self.holder() == Some(identity)
    }
}
