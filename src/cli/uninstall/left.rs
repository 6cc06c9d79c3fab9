//! What would be left or hurt, from what stands in the cluster. Pure.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{
    ConditionType, DeletionPolicy, DesiredState, FINALIZER, ManagementPolicy, Operation, Reason,
    ThreatProtectionTenantStatus,
};
use crate::tenant::TenantId;

/// What stands in the cluster.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The resources, of any shape.
    pub resources: Vec<DynamicObject>,
    /// The custom resource definition, where it is applied.
    pub definition: Option<CustomResourceDefinition>,
    /// Leases with the operator's name.
    pub leases: Vec<Lease>,
    /// The one namespace that was looked at; `None`: all of them.
    pub namespace: Option<String>,
    /// What may not be seen and is in nobody's way.
    pub unseen: Vec<&'static str>,
}

/// What would be left or hurt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The one namespace that was looked at; `None`: all of them.
    pub namespace: Option<String>,
    /// What is in the way, and how it is released.
    pub in_the_way: Vec<Hindrance>,
    /// Tenants whose state stays as it is.
    pub tenants: Vec<KeptTenant>,
    /// The definition, which stays.
    pub definition: Option<KeptDefinition>,
    /// Leases, which stay.
    pub leases: Vec<KeptLease>,
    /// What stays too and may not be seen: `the definition`, `Leases`.
    pub unseen: Vec<&'static str>,
}

/// What kind of thing is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// Our finalizer: without the operator a deletion of the resource hangs, and so does that of its namespace or of the
    /// definition.
    Finalizer,
    /// A request that was sent and whose end nobody would see.
    Operation,
}

/// One thing that is in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hindrance {
    /// Namespace of the resource.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What would happen.
    pub problem: String,
    /// What to do about it while the operator runs: one sentence.
    pub release: String,
    /// The command for that; empty where there is nothing to do but to wait.
    pub command: Option<String>,
}

/// A tenant that is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptTenant {
    /// Namespace of the resource.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
    /// The tenant, as the resource names it.
    pub tenant_id: String,
    /// `True`, `False` or `Unknown`: whether the service is on.
    pub service_on: String,
    /// The pinned region.
    pub region: Option<String>,
    /// Id of its instance at a broker, if one has it: that stays, too. Absent where the service is gone, and where the
    /// resource names no tenant.
    pub broker_instance: Option<String>,
}

/// The definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptDefinition {
    /// Its name.
    pub name: String,
    /// Whether it is being deleted.
    pub is_deleting: bool,
}

/// A Lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptLease {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who holds it; absent where it was given up.
    pub holder: Option<String>,
}

impl Left {
    /// Judges what was found.
    #[must_use]
    pub fn of(found: &Found) -> Self {
        let read: Vec<Read<'_>> = found.resources.iter().map(Read::of).collect();
        let in_the_way = read.iter().flat_map(|read| [read.held(), read.at_work()]).flatten().collect();
        let definition = found.definition.as_ref().map(|definition| KeptDefinition {
            name: definition.name_any(),
            is_deleting: definition.metadata.deletion_timestamp.is_some(),
        });
        let leases = found.leases.iter().map(|lease| KeptLease {
            namespace: lease.namespace().unwrap_or_default(),
            name: lease.name_any(),
            holder: lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).filter(|name| !name.is_empty()),
        });
        Self {
            namespace: found.namespace.clone(),
            in_the_way,
            tenants: read.iter().map(Read::kept).collect(),
            definition,
            leases: leases.collect(),
            unseen: found.unseen.clone(),
        }
    }

    /// Whether nothing is in the way.
    #[must_use]
    pub const fn is_clear(&self) -> bool {
        self.in_the_way.is_empty()
    }
}

/// What matters of a resource, whatever its shape.
struct Read<'a> {
    object: &'a DynamicObject,
    namespace: String,
    name: String,
    status: ThreatProtectionTenantStatus,
}

impl<'a> Read<'a> {
    fn of(object: &'a DynamicObject) -> Self {
        let status = object.data.get("status").cloned().unwrap_or_default();
        Self {
            object,
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            status: serde_json::from_value(status).unwrap_or_default(),
        }
    }

    fn spec(&self, field: &str) -> &str {
        self.object.data.pointer(&format!("/spec/{field}")).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_suspended(&self) -> bool {
        self.spec("managementPolicy") == ManagementPolicy::Suspend.name()
    }

    /// A command that changes the resource by a merge patch.
    fn patch(&self, patch: &Value) -> String {
        format!("kubectl patch tpt {} -n {} --type merge -p '{patch}'", self.name, self.namespace)
    }

    fn hindrance(&self, kind: Kind, problem: &str, (release, command): (String, Option<String>)) -> Hindrance {
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        Hindrance { namespace, name, kind, problem: problem.to_owned(), release, command }
    }

    /// Whether our finalizer is on it.
    fn held(&self) -> Option<Hindrance> {
        if !self.object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
            return None;
        }
        let is_deleting = self.object.metadata.deletion_timestamp.is_some();
        let problem = if is_deleting {
            "it is being deleted and held: without the operator it stays for ever"
        } else {
            "it is held: deleted without the operator it stays for ever, and so do its namespace and the definition"
        };
        Some(self.hindrance(Kind::Finalizer, problem, self.release(is_deleting)))
    }

    /// How a held resource is released while the operator runs.
    fn release(&self, is_deleting: bool) -> (String, Option<String>) {
        if self.spec("deletionPolicy") == DeletionPolicy::Retain.name() && (is_deleting || !self.is_suspended()) {
            return (
                "Wait: under deletionPolicy Retain the operator takes its finalizer away by itself".to_owned(),
                None,
            );
        }
        // A suspended resource is not touched while it lives; one that is observed is let go.
        if self.is_suspended() && !is_deleting {
            let patch = json!({"spec": {"deletionPolicy": "Retain", "managementPolicy": "Observe"}});
            let release = "Set deletionPolicy: Retain, and managementPolicy: Observe because a suspended resource is left alone, here and in Git, and wait until the operator has taken its finalizer away; the tenant is left as it is";
            return (release.to_owned(), Some(self.patch(&patch)));
        }
        let patch = json!({"spec": {"deletionPolicy": "Retain"}});
        if is_deleting && !self.is_suspended() && self.spec("desiredState") == DesiredState::Deprovisioned.name() {
            let release = "Wait until the declared deprovisioning is proven, or set deletionPolicy: Retain, here and in Git, to leave the tenant as it is";
            return (release.to_owned(), Some(self.patch(&patch)));
        }
        let release = "Set deletionPolicy: Retain, here and in Git, and wait until the operator has taken its finalizer away; the tenant is left as it is";
        (release.to_owned(), Some(self.patch(&patch)))
    }

    /// Whether a request is under way whose end nobody would see.
    fn at_work(&self) -> Option<Hindrance> {
        let Operation { step, id, end_time: None, .. } = self.status.operation.as_ref()? else { return None };
        let problem = format!(
            "{step} was sent, or is about to be, and has not ended (instance {id}): the broker goes on, and nobody sees how it ends"
        );
        let release = "Wait until it has ended; another operator that is installed later goes on from status.operation";
        let command =
            format!("kubectl get tpt {} -n {} -o jsonpath='{{.status.operation}}'", self.name, self.namespace);
        Some(self.hindrance(Kind::Operation, &problem, (release.to_owned(), Some(command))))
    }

    fn kept(&self) -> KeptTenant {
        let service =
            self.status.conditions.iter().find(|condition| condition.type_ == ConditionType::ServiceOn.name());
        let is_gone = service.is_some_and(|service| service.reason == Reason::Deprovisioned.name());
        let tenant: Option<TenantId> = self.spec("tenantId").parse().ok();
        KeptTenant {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            tenant_id: self.spec("tenantId").to_owned(),
            service_on: service.map_or_else(|| "Unknown".to_owned(), |service| service.status.clone()),
            region: self.status.data_location.as_ref().map(|place| place.region.to_string()),
            broker_instance: tenant.filter(|_| !is_gone).map(|tenant| tenant.service_instance_id().to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
