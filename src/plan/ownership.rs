//! Whose tenant it is: the administrator's map, and which of several resources acts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::situation::Permit;
use crate::tenant::TenantId;

/// The administrator's map of namespaces to tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenancy {
    grants: BTreeMap<String, Grants>,
}

/// What one namespace may manage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Any tenant (`*`), and whether any may be deprovisioned.
    pub any: Option<bool>,
    /// These tenants, and whether each may be deprovisioned.
    pub tenants: BTreeMap<TenantId, bool>,
}

impl Tenancy {
    /// A map.
    #[must_use]
    pub const fn new(grants: BTreeMap<String, Grants>) -> Self {
        Self { grants }
    }

    /// Whether `namespace` may manage `tenant`, and if so whether it may deprovision it. A tenant named explicitly
    /// decides over `*`.
    #[must_use]
    pub fn allows(&self, namespace: &str, tenant: TenantId) -> Option<bool> {
        let grants = self.grants.get(namespace)?;
        grants.tenants.get(&tenant).copied().or(grants.any)
    }

    /// What a namespace may manage; `None` where it is not named.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Option<&Grants> {
        self.grants.get(namespace)
    }

    /// The namespaces that are named.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&str> {
        self.grants.keys().map(String::as_str).collect()
    }
}

/// A resource that declares a tenant, as far as the question who acts needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// Whether its policy is `Manage`.
    pub is_managing: bool,
    /// Whether its own credentials have proved the tenant.
    pub has_proved: bool,
}

/// Whether `me` may manage `tenant`, among all resources of the cluster that declare the same tenant (`others` may
/// contain `me` itself). The second value is the resource that acts instead, for the log only: messages to users
/// never name a foreign namespace.
#[must_use]
pub fn permit<'a>(
    tenancy: &Tenancy,
    tenant: TenantId,
    me: &Claimant,
    others: &'a [Claimant],
) -> (Permit, Option<&'a Claimant>) {
    let is_permitted = |one: &Claimant| one.has_proved || tenancy.allows(&one.namespace, tenant).is_some();
    let granted = match tenancy.allows(&me.namespace, tenant) {
        Some(allow_deprovision) => (Permit::Granted { allow_deprovision }, None),
        // Credentials permit what those very credentials can do; who has not proved the tenant learns of nobody else.
        None if me.has_proved && !me.is_deleting => (Permit::NotAllowed, None),
        None => return (Permit::NotAllowed, None),
    };
    let mut rivals = others
        .iter()
        .filter(|other| other.uid != me.uid && other.is_managing && !other.is_deleting && is_permitted(other));
    if me.is_deleting {
        return rivals.next().map_or(granted, |other| (Permit::Succeeded, Some(other)));
    }
    if !me.is_managing {
        return granted;
    }
    rivals
        .filter(|other| (other.created, &other.uid) < (me.created, &me.uid))
        .min_by_key(|other| (other.created, &other.uid))
        .map_or(granted, |older| (Permit::Duplicate, Some(older)))
}
