//! The situation of a resource as a pass would gather it now. Nothing is written and nothing is sent.

use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use kube::api::{DynamicObject, ListParams};

use super::cluster::scoped;
use super::credentials;
use super::error::ReconcileError;
use super::gather;
use super::index::Index;
use super::object::Object;
use super::operator::Operator;
use super::setup::{InForce, Settings};
use super::stored::Stored;
use crate::api::ThreatProtectionTenantStatus;
use crate::plan::desired::{Desired, InvalidSpec};
use crate::plan::inquiry::inquiry;
use crate::plan::memory::Memory;
use crate::plan::microsoft::Microsoft;
use crate::plan::situation::{Permit, Situation, Subject};
use crate::remote::credentials::OwnIdentity;
use crate::remote::{Look, Observe, Survey};
use crate::tenant::TenantId;

/// What a pass takes from a resource itself.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// Which resource.
    pub subject: Subject,
    /// What it declares.
    pub desired: Result<Desired, InvalidSpec>,
    /// The tenant that it is about, also where the rest is not valid.
    pub tenant: Option<TenantId>,
    /// What was last reported.
    pub status: Option<ThreatProtectionTenantStatus>,
}

/// Reads a resource as a pass reads it, without a cluster.
pub fn declaration(resource: &DynamicObject) -> Result<Declaration, ReconcileError> {
    let Stored { subject, desired, tenant, status, .. } = Stored::read(&Object::of(resource))?;
    Ok(Declaration { subject, desired, tenant, status })
}

/// Whether a pass would ask the broker about the tenant of a resource.
#[must_use]
pub fn would_ask(desired: &Desired, permit: Permit, subject: &Subject) -> bool {
    gather::may_ask(desired, permit, subject)
}

/// Whether a pass would sign in to Microsoft with the credentials of a resource.
#[must_use]
pub fn would_sign_in(desired: &Desired, permit: Permit, subject: &Subject) -> bool {
    desired.credentials.is_some() && gather::may_sign_in(desired, permit, subject)
}

/// What Microsoft's own APIs show with the declared credentials of a resource; `None` where it declares none. `remote` is
/// only asked.
pub async fn survey<R: Observe>(
    client: &Client,
    remote: &R,
    own_identity: &OwnIdentity,
    (subject, desired): (&Subject, &Desired),
    now: Timestamp,
) -> Option<Microsoft> {
    let declared = desired.credentials.as_ref()?;
    let signer = credentials::signer(client, own_identity, &subject.namespace, (desired, declared), (false, now)).await;
    let inquiry = inquiry(desired, &Memory::default());
    let look = Look { broker: None, microsoft: Some(Survey { signer, inquiry }) };
    Some(remote.observe(&look).await.microsoft)
}

/// The situation of a resource now, and the tenant that it is about. `remote` is only asked.
///
/// The last value tells whether the other resources of the cluster could be seen; else those of its namespace were.
pub async fn preview<R: Observe>(
    client: Client,
    remote: R,
    settings: Settings,
    resource: Object,
    now: Timestamp,
) -> Result<(Situation, Option<TenantId>, bool), ReconcileError> {
    let namespace = settings.namespace.clone();
    let own = resource.metadata.namespace.clone();
    let listed = list(&client, namespace.as_deref()).await;
    let (others, sees_all) = match listed {
        Err(error) if error.class() == "forbidden" => (list(&client, own.as_deref()).await?, false),
        listed => (listed?, true),
    };
    let operator = Operator::new(client, InForce::new(Arc::new(remote), settings), Arc::new(Index::of(&others)));
    let stored = gather::resource(&operator, &resource).await?;
    let permit = gather::permit(&operator, &stored);
    let observed = gather::observed(&operator, &stored, permit, now).await;
    let situation = gather::situation(&operator, &stored, permit, observed, now);
    Ok((situation, stored.tenant, sees_all))
}

async fn list(client: &Client, namespace: Option<&str>) -> Result<Vec<Object>, ReconcileError> {
    let listed = scoped::<Object>(client, namespace).list(&ListParams::default()).await;
    Ok(listed.map_err(|error| ReconcileError::cluster("list the resources", error))?.items)
}
