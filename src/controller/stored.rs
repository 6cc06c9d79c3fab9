//! The resource as it is stored: what a plan needs of it, also where its spec cannot be read. Pure.

use jiff::Timestamp;
use kube::api::ObjectMeta;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ReconcileError;
use super::glimpse::Glimpse;
use super::object::Object;
use crate::api::{
    ConditionType, ManagementPolicy, RECONCILE_REQUEST_ANNOTATION, ThreatProtectionTenantSpec,
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
    /// Reads a resource, whatever its shape.
    pub(super) fn read(object: &Object) -> Result<Self, ReconcileError> {
        let spec = &object.spec;
        let declared = match ThreatProtectionTenantSpec::deserialize(spec) {
            Ok(readable) => Desired::from_spec(&readable),
            Err(error) => Err(misfit(spec, &error.to_string())),
        };
        let claim = claim(object, &Glimpse::of(&object.status));
        let desired = salvaged(declared, claim.is_deleting, spec);
        let tenant = object.tenant().parse().ok();
        Self::new(object, desired, (tenant, claim), status(object))
    }

    fn new(
        object: &Object,
        desired: Result<Desired, InvalidSpec>,
        (tenant, claim): (Option<TenantId>, Claim),
        status: Option<ThreatProtectionTenantStatus>,
    ) -> Result<Self, ReconcileError> {
        let metadata = &object.metadata;
        let annotations = metadata.annotations.as_ref();
        let subject = Subject {
            namespace: required(metadata.namespace.as_ref(), "namespace")?,
            name: required(metadata.name.as_ref(), "name")?,
            uid: required(metadata.uid.as_ref(), "uid")?,
            generation: metadata.generation.unwrap_or_default(),
            is_deleting: claim.is_deleting,
            finalizers: metadata.finalizers.clone().unwrap_or_default(),
            home_is_terminating: false,
            reconcile_request: annotations
                .and_then(|all| all.get(RECONCILE_REQUEST_ANNOTATION))
                .map(|token| echo(token)),
        };
        let resource_version = required(metadata.resource_version.as_ref(), "resourceVersion")?;
        let Claim { is_deleting, is_managing, has_proved, is_readable: _ } = claim;
        let claimant = Claimant {
            namespace: subject.namespace.clone(),
            name: subject.name.clone(),
            uid: subject.uid.clone(),
            created: created(metadata),
            is_deleting,
            is_managing,
            has_proved,
        };
        let deleted = metadata.deletion_timestamp.as_ref().map(|time| time.0);
        Ok(Self { subject, resource_version, desired, tenant, claimant, deleted, status })
    }
}

/// What a resource is among those that may declare the same tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked by itself, by the rule of ownership")]
pub(super) struct Claim {
    /// Whether its spec can be read as such: only then it stands in the way of others.
    pub is_readable: bool,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// Whether it manages its tenant, or only looks.
    pub is_managing: bool,
    /// Whether its credentials have proved the tenant, by what is stored.
    pub has_proved: bool,
}

/// What a resource claims.
pub(super) fn claim(object: &Object, glimpse: &Glimpse) -> Claim {
    let policy = object.spec.get("managementPolicy").and_then(Value::as_str);
    Claim {
        is_readable: ThreatProtectionTenantSpec::deserialize(&object.spec).is_ok(),
        is_deleting: object.metadata.deletion_timestamp.is_some(),
        is_managing: policy.is_none_or(|policy| policy == ManagementPolicy::Manage.to_string().as_str()),
        has_proved: glimpse.verdict(ConditionType::CredentialsReady) == Some(TriState::True),
    }
}

/// Whether the last report is about the present spec and says that the tenant is as declared: such a resource may wait.
pub(super) fn is_settled(object: &Object, glimpse: &Glimpse) -> bool {
    let observed = glimpse.observed_generation;
    let annotations = object.metadata.annotations.as_ref();
    let request = annotations.and_then(|all| all.get(RECONCILE_REQUEST_ANNOTATION)).map(String::as_str);
    object.metadata.deletion_timestamp.is_none()
        && observed.is_some()
        && observed == object.metadata.generation
        && glimpse.verdict(ConditionType::Ready) == Some(TriState::True)
        && (request.is_none() || request.map(echo) == glimpse.handled)
}

/// When the resource was created.
pub(super) fn created(metadata: &ObjectMeta) -> Timestamp {
    metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0)
}

/// What was last reported, as far as it can be read.
pub(super) fn status(object: &Object) -> Option<ThreatProtectionTenantStatus> {
    serde_json::from_str(object.status.get()).ok()
}

fn required(value: Option<&String>, field: &'static str) -> Result<String, ReconcileError> {
    value.cloned().ok_or(ReconcileError::Incomplete { field })
}

/// A token of any length as it is echoed in status, which has a limit.
fn echo(token: &str) -> String {
    token.chars().take(TOKEN_LIMIT).collect()
}

/// A deleted resource needs only its tenant, policy and confirmation: an error elsewhere must not hold it.
fn salvaged(desired: Result<Desired, InvalidSpec>, is_deleting: bool, spec: &Value) -> Result<Desired, InvalidSpec> {
    desired.or_else(|invalid| if is_deleting { Desired::salvage(spec).ok_or(invalid) } else { Err(invalid) })
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
