//! The journal: every effect on every tenant, in order. Tests judge by it, so nothing is left out and nothing is reordered.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::role_name::RoleName;
use crate::tenant::TenantId;

/// One effect on one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Position in the journal, from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// The tenant that changed.
    pub tenant_id: TenantId,
    /// Who caused it.
    pub actor: Actor,
    /// What happened.
    pub effect: Effect,
    /// Values that belong to the effect, such as `region` or `type`.
    #[serde(default)]
    pub detail: BTreeMap<String, String>,
}

/// What happened to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// The tenant was put into the world, or replaced, through the control port.
    Seeded,
    /// Members of the tenant were changed through the control port; detail `members`.
    Changed,
    /// The service came on; detail `region`.
    TurnedOn,
    /// The service was opted out of.
    TurnedOff,
    /// The service and what it left behind were removed, the region is free again.
    Deprovisioned,
    /// A link was set; detail `type`, and `subscription` or `workspace` where it is one of Azure.
    Linked,
    /// A link was taken away; details as when it is set.
    Unlinked,
    /// Consent was recorded; details `grantedBy`, `grantedOn`.
    Consented,
    /// A region was chosen before turning on; detail `region`.
    RegionChosen,
    /// The broker holds a service instance for the tenant from now on; detail `instanceId`.
    InstanceCreated,
    /// The broker's service instance is gone; detail `instanceId`.
    InstanceDeleted,
}

/// An effect without its place in the journal, as the rules report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub effect: Effect,
    /// Values that belong to it.
    pub detail: BTreeMap<String, String>,
}

impl Change {
    /// An effect with its details.
    #[must_use]
    pub fn new<const N: usize>(effect: Effect, detail: [(&str, String); N]) -> Self {
        Self { effect, detail: detail.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
    }
}

/// Who acts on a tenant. As text: `broker`, `support`, `seed`, `application`, or `person:<role>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    /// The organisation's automation behind the service broker; it can do what support can.
    Broker,
    /// Microsoft's support staff, on a request of the tenant.
    Support,
    /// An administrator in the portal.
    Person(RoleName),
    /// The control port, outside of the story.
    Seed,
    /// An application, through one of Microsoft's own APIs.
    Application,
}

impl Actor {
    /// Whether the actor can do what the portal has no switch for.
    #[must_use]
    pub const fn can_do_what_support_does(self) -> bool {
        matches!(self, Self::Broker | Self::Support)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker => f.write_str("broker"),
            Self::Support => f.write_str("support"),
            Self::Person(role) => write!(f, "person:{role}"),
            Self::Seed => f.write_str("seed"),
            Self::Application => f.write_str("application"),
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

impl TryFrom<String> for Actor {
    type Error = UnknownActor;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "broker" => Ok(Self::Broker),
            "support" => Ok(Self::Support),
            "seed" => Ok(Self::Seed),
            "application" => Ok(Self::Application),
            other => other
                .strip_prefix("person:")
                .and_then(|role| RoleName::try_from(role.to_owned()).ok())
                .map(Self::Person)
                .ok_or(UnknownActor { text }),
        }
    }
}

/// The text names no actor.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text:?} is not an actor: expected broker, support, seed, application or person:<role>")]
pub struct UnknownActor {
    text: String,
}
