//! Everything that a plan may depend on, gathered in one value.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::desired::{Desired, InvalidSpec};
use super::memory::Memory;
use super::observed::Observed;
use crate::api::ConditionType;
use crate::tenant::Permission;

/// The whole input of a plan. Two equal situations have equal plans.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Which resource.
    pub subject: Subject,
    /// What it declares.
    pub desired: Result<Desired, InvalidSpec>,
    /// Whether it may.
    pub permit: Permit,
    /// What was read in this pass.
    pub observed: Observed,
    /// What earlier passes wrote down.
    pub memory: Memory,
    /// What this process remembers; losing it delays a verdict and never reverses one.
    pub recent: Recent,
    /// What is configured.
    pub capabilities: Capabilities,
    /// The time of this pass.
    pub now: Timestamp,
}

/// The resource itself, apart from its spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Whether its namespace, or the custom resource definition itself, is being deleted.
    pub home_is_terminating: bool,
    /// Value of the annotation that asks for a reconcile.
    pub reconcile_request: Option<String>,
}

/// Whether a resource may manage its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The administrator's configuration maps its namespace to the tenant.
    Granted {
        /// Whether it also allows to deprovision.
        allow_deprovision: bool,
    },
    /// It does not.
    NotAllowed,
    /// It does, and an older resource declares the same tenant.
    Duplicate,
    /// It does, the resource is being deleted, and another permitted resource declares the same tenant.
    Succeeded,
}

/// What this process remembers of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Since when readings, or steps, have been failing without a success between.
    pub failing_since: Option<Timestamp>,
    /// Since when the broker itself could not be asked.
    pub broker_silent_since: Option<Timestamp>,
    /// How many in a row.
    pub failures: u32,
    /// When the other side last refused a step for good.
    pub refused_at: Option<Timestamp>,
    /// Before this time the broker may not be asked, because it said so.
    pub throttled_until: Option<Timestamp>,
    /// Since when what a condition rests on could not be read.
    pub unread_since: BTreeMap<ConditionType, Timestamp>,
    /// Since when a declared link could not be read, by the name of its entry.
    pub unread_links_since: BTreeMap<String, Timestamp>,
    /// Since when permissions are known to be missing.
    pub missing_since: BTreeMap<Permission, Timestamp>,
    /// When a reconcile request was last answered: a hand-off is looked at more often for a while after it.
    pub requested_at: Option<Timestamp>,
}

/// What is configured, whatever the resource says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a service broker is configured.
    pub has_broker: bool,
    /// How long a claim may stay unseen before it is doubted.
    pub claim_grace: SignedDuration,
    /// The longest time to wait for one operation.
    pub operation_deadline: SignedDuration,
    /// Bounds of the time between two looks, whatever `spec.resyncSeconds` says.
    pub resync: (SignedDuration, SignedDuration),
    /// Time between two polls of an operation, where the broker does not say.
    pub poll: SignedDuration,
    /// First and longest delay after a failure.
    pub retry: (SignedDuration, SignedDuration),
    /// Delay before looking again at what only a person can cure.
    pub slow_probe: SignedDuration,
}

impl Situation {
    /// Whether the resource may manage its tenant: by the administrator's map, or because its own credentials have proved
    /// the tenant.
    #[must_use]
    pub fn is_permitted(&self) -> bool {
        matches!(self.permit, Permit::Granted { .. }) || (self.permit == Permit::NotAllowed && self.is_proved())
    }

    /// Whether the credentials of the resource have proved the tenant: the organisation that they reach is the declared one.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        let Ok(desired) = &self.desired else { return false };
        let organization = self.observed.microsoft.organization.value();
        self.observed.microsoft.is_asked() && organization.is_some_and(|seen| seen.id == desired.tenant)
    }

    /// Whether a broker may act for this resource: one is configured, and the administrator maps the namespace to the
    /// tenant. Proved credentials alone never reach the broker.
    #[must_use]
    pub const fn has_broker(&self) -> bool {
        self.capabilities.has_broker && !matches!(self.permit, Permit::NotAllowed)
    }

    /// Whether the spec differs from the one that the last verdict was about.
    #[must_use]
    pub fn spec_changed(&self) -> bool {
        self.memory.observed_generation() != self.subject.generation
    }

    /// Whether somebody asks, by annotation, for a reconcile that has not been answered yet.
    #[must_use]
    pub fn reconcile_requested(&self) -> bool {
        self.subject.reconcile_request.is_some()
            && self.subject.reconcile_request.as_deref() != self.memory.last_handled_reconcile_at()
    }

    /// Time between two looks at a tenant that is as declared, within the administrator's bounds.
    #[must_use]
    pub fn resync(&self, desired: &Desired) -> SignedDuration {
        let (least, most) = self.capabilities.resync;
        desired.resync.max(least).min(most)
    }
}
