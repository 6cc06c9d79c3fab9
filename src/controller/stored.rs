//! The resource as it is stored: what a plan needs of it, also where its spec cannot be read. Pure.

use jiff::Timestamp;
use kube::api::{DynamicObject, ObjectMeta};
use serde_json::{Map, Value};

use super::error::ReconcileError;
use crate::api::{
    ConditionType, ManagementPolicy, RECONCILE_REQUEST_ANNOTATION, ThreatProtectionTenant, ThreatProtectionTenantSpec,
    ThreatProtectionTenantStatus, TriState,
};
use crate::plan::desired::{Desired, InvalidSpec};
use crate::plan::ownership::Claimant;
use crate::plan::situation::Subject;
use crate::tenant::TenantId;

/// Longest token that `status.lastHandledReconcileAt` takes, in characters.
const TOKEN_LIMIT: usize = 256;

/// One resource, read once.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Which resource.
    pub subject: Subject,
    /// The version that was read, for preconditions.
    pub resource_version: String,
    /// What it declares.
    pub desired: Result<Desired, InvalidSpec>,
    /// The tenant that it is about, also where the rest is not valid.
    pub tenant: Option<TenantId>,
    /// The resource as one of those that may declare the same tenant.
    pub claimant: Claimant,
    /// Since when it is deleted.
    pub deleted: Option<Timestamp>,
    /// What was last reported.
    pub status: Option<ThreatProtectionTenantStatus>,
}

impl Stored {
    /// Reads a resource whose spec has the expected shape.
    pub(super) fn typed(resource: &ThreatProtectionTenant) -> Result<Self, ReconcileError> {
        let spec = &resource.spec;
        let raw = || serde_json::to_value(spec).unwrap_or_default();
        let desired = salvaged(Desired::from_spec(spec), is_deleting(&resource.metadata), raw);
        let is_managing = spec.management_policy == ManagementPolicy::Manage;
        let tenant = spec.tenant_id.parse().ok();
        Self::new(&resource.metadata, desired, (tenant, is_managing), resource.status.clone())
    }

    /// Reads a resource whose spec has another shape; `problem` is what the decoder said.
    pub(super) fn raw(resource: &DynamicObject, problem: &str) -> Result<Self, ReconcileError> {
        let spec = resource.data.get("spec").cloned().unwrap_or_default();
        let declared = match serde_json::from_value::<ThreatProtectionTenantSpec>(spec.clone()) {
            Ok(readable) => Desired::from_spec(&readable),
            Err(_) => Err(misfit(&spec, problem)),
        };
        let desired = salvaged(declared, is_deleting(&resource.metadata), || spec.clone());
        let text = |field: &str| spec.get(field).and_then(Value::as_str);
        let tenant = text("tenantId").and_then(|id| id.parse().ok());
        let is_managing =
            text("managementPolicy").is_none_or(|policy| policy == ManagementPolicy::Manage.to_string().as_str());
        let status = resource.data.get("status").and_then(|status| serde_json::from_value(status.clone()).ok());
        Self::new(&resource.metadata, desired, (tenant, is_managing), status)
    }

    fn new(
        metadata: &ObjectMeta,
        desired: Result<Desired, InvalidSpec>,
        (tenant, is_managing): (Option<TenantId>, bool),
        status: Option<ThreatProtectionTenantStatus>,
    ) -> Result<Self, ReconcileError> {
        let annotations = metadata.annotations.as_ref();
        let subject = Subject {
            namespace: required(metadata.namespace.as_ref(), "namespace")?,
            name: required(metadata.name.as_ref(), "name")?,
            uid: required(metadata.uid.as_ref(), "uid")?,
            generation: metadata.generation.unwrap_or_default(),
            is_deleting: is_deleting(metadata),
            finalizers: metadata.finalizers.clone().unwrap_or_default(),
            home_is_terminating: false,
            reconcile_request: annotations
                .and_then(|all| all.get(RECONCILE_REQUEST_ANNOTATION))
                .map(|token| echo(token)),
        };
        let resource_version = required(metadata.resource_version.as_ref(), "resourceVersion")?;
        let claimant = claimant(metadata, is_managing, has_proved(status.as_ref()));
        let deleted = metadata.deletion_timestamp.as_ref().map(|time| time.0);
        Ok(Self { subject, resource_version, desired, tenant, claimant, deleted, status })
    }
}

/// A resource as one of those that declare the tenant with this id, in canonical form; `None` where it declares another.
///
/// Each pass asks this of every resource there is: it must cost nearly nothing where the answer is no.
pub(super) fn claims(resource: &ThreatProtectionTenant, tenant: &str) -> Option<Claimant> {
    if resource.spec.tenant_id != tenant {
        return None;
    }
    let has_proved = has_proved(resource.status.as_ref());
    let is_managing = resource.spec.management_policy == ManagementPolicy::Manage;
    Some(claimant(&resource.metadata, is_managing, has_proved))
}

/// Whether the credentials of a resource have proved its tenant, by what is stored.
fn has_proved(status: Option<&ThreatProtectionTenantStatus>) -> bool {
    let conditions = status.into_iter().flat_map(|status| &status.conditions);
    let mut ready = conditions.filter(|condition| condition.type_ == ConditionType::CredentialsReady.name());
    ready.any(|condition| condition.status == TriState::True.name())
}

fn claimant(metadata: &ObjectMeta, is_managing: bool, has_proved: bool) -> Claimant {
    Claimant {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        created: metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        is_deleting: is_deleting(metadata),
        is_managing,
        has_proved,
    }
}

const fn is_deleting(metadata: &ObjectMeta) -> bool {
    metadata.deletion_timestamp.is_some()
}

fn required(value: Option<&String>, field: &'static str) -> Result<String, ReconcileError> {
    value.cloned().ok_or(ReconcileError::Incomplete { field })
}

/// A token of any length as it is echoed in status, which has a limit.
fn echo(token: &str) -> String {
    token.chars().take(TOKEN_LIMIT).collect()
}

/// A deleted resource needs only its tenant, policy and confirmation: an error elsewhere must not hold it.
fn salvaged(
    desired: Result<Desired, InvalidSpec>,
    is_deleting: bool,
    spec: impl FnOnce() -> Value,
) -> Result<Desired, InvalidSpec> {
    desired.or_else(|invalid| if is_deleting { Desired::salvage(&spec()).ok_or(invalid) } else { Err(invalid) })
}

/// Names the field that does not fit, where taking out one field makes the rest readable.
fn misfit(spec: &Value, problem: &str) -> InvalidSpec {
    let fits = |spec: &Map<String, Value>| {
        serde_json::from_value::<ThreatProtectionTenantSpec>(Value::Object(spec.clone())).is_ok()
    };
    let culprit = spec.as_object().and_then(|fields| {
        fields.keys().find(|field| {
            let mut others = fields.clone();
            others.remove(*field);
            fits(&others)
        })
    });
    let field = culprit.map_or_else(|| "spec".to_owned(), |field| format!("spec.{field}"));
    InvalidSpec { field, problem: problem.to_owned() }
}

#[cfg(test)]
#[path = "stored/tests.rs"]
mod tests;
