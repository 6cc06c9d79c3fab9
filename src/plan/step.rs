//! What can be done to a tenant, by whom, and what came of it.

use std::fmt;

use jiff::SignedDuration;

use super::failure::Failure;
use super::handoff::HandOff;
use crate::api::{Actor, OperationParameters, Reason, Risk, StepName};
use crate::tenant::{Cloud, IntegrationType, LinkState, Region, TenantId};

/// Name of the service itself in `status.repairs`. It starts with a capital letter, which no integration's name can.
pub const SERVICE: &str = "Service";

/// A change of the tenant that the plan wants. There are no steps that change nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is changed.
    pub change: Change,
    /// Who does it.
    pub by: StepActor,
    /// Why it is wanted: one sentence.
    pub why: String,
}

/// What a step changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// From off to on.
    Enable {
        /// Where its data will be.
        place: Place,
        /// Sets back what somebody changed outside.
        is_repair: bool,
    },
    /// From on to opted out.
    Disable {
        /// Sets back what somebody changed outside.
        is_repair: bool,
    },
    /// From unlinked, or not known, to linked.
    Link {
        /// Name of the entry in the spec.
        name: String,
        /// Its type.
        kind: IntegrationType,
        /// Sets back what somebody changed outside.
        is_repair: bool,
    },
    /// From linked, or not known, to unlinked.
    Unlink {
        /// Name of the entry in the spec.
        name: String,
        /// Its type.
        kind: IntegrationType,
        /// Sets back what somebody changed outside.
        is_repair: bool,
    },
    /// To gone.
    Deprovision,
}

/// Where the data will be once the service is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this region, which is pinned before the request is sent.
    Pinned(Region),
    /// Where it is already: that was decided when the service was first turned on.
    AsBefore(Region),
    /// Where Microsoft decides.
    MicrosoftChooses,
    /// Where the administrator decides on the welcome page.
    AdministratorChooses,
    /// In the one location of this cloud.
    OneLocation(Cloud),
}

impl Place {
    /// The region, where it is decided.
    #[must_use]
    pub const fn region(self) -> Option<Region> {
        match self {
            Self::Pinned(region) | Self::AsBefore(region) => Some(region),
            Self::MicrosoftChooses | Self::AdministratorChooses | Self::OneLocation(_) => None,
        }
    }

    /// Whether something is decided that never changes afterwards.
    const fn is_decided_now(self) -> bool {
        matches!(self, Self::Pinned(_) | Self::MicrosoftChooses | Self::AdministratorChooses)
    }
}

impl Change {
    /// The kind of step.
    #[must_use]
    pub const fn name(&self) -> StepName {
        match self {
            Self::Enable { .. } => StepName::Enable,
            Self::Disable { .. } => StepName::Disable,
            Self::Link { .. } => StepName::Link,
            Self::Unlink { .. } => StepName::Unlink,
            Self::Deprovision => StepName::Deprovision,
        }
    }

    /// What is set back, where the step sets something back: `Service`, or the name of an integration.
    #[must_use]
    pub fn repairs(&self) -> Option<&str> {
        match self {
            Self::Enable { is_repair: true, .. } | Self::Disable { is_repair: true } => Some(SERVICE),
            Self::Link { is_repair: true, name, .. } | Self::Unlink { is_repair: true, name, .. } => Some(name),
            _ => None,
        }
    }

    /// How much it can harm. Turning on decides a region for ever, unless that is decided already.
    #[must_use]
    pub const fn risk(&self) -> Risk {
        match self {
            Self::Enable { place, .. } if !place.is_decided_now() => Risk::Mutating,
            Self::Enable { .. } | Self::Deprovision => Risk::Irreversible,
            Self::Disable { .. } => Risk::Destructive,
            Self::Link { kind, .. } if kind.is_irreversible() => Risk::Irreversible,
            Self::Link { .. } => Risk::Additive,
            Self::Unlink { .. } => Risk::Mutating,
        }
    }

    /// Whether the resource must be read again, uncached, before this is sent: it takes something away, or nothing is
    /// written before it that an old version of the resource would fail.
    #[must_use]
    pub const fn needs_fresh_declaration(&self) -> bool {
        !matches!(self, Self::Enable { .. })
    }

    /// Whether the intent must be in status before this is sent; the other changes are absolute and repeatable.
    #[must_use]
    pub const fn needs_intent(&self) -> bool {
        matches!(self, Self::Enable { .. } | Self::Deprovision)
    }
}

/// Who does a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepActor {
    /// The operator, through the service broker, with this request.
    Broker(BrokerRequest),
    /// The operator, through Azure Resource Manager, with the credentials of the resource.
    Arm(ArmRequest),
    /// A person, as the hand-off says.
    Person(HandOff),
    /// Nobody, because the policy is to observe; the actor who would.
    Nobody,
}

impl StepActor {
    /// The actor as status shows it.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        match self {
            Self::Broker(_) => Actor::Broker,
            Self::Arm(_) => Actor::Arm,
            Self::Person(_) => Actor::Person,
            Self::Nobody => Actor::None,
        }
    }
}

/// A request to the service broker, complete and frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerRequest {
    /// The tenant, which names the instance.
    pub tenant: TenantId,
    /// Which call.
    pub call: BrokerCall,
    /// Its parameters; empty for `Deprovision`.
    pub parameters: OperationParameters,
}

/// A setting of Azure Resource Manager and the value that it gets: absolute, read before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmRequest {
    /// The tenant that the subscription belongs to.
    pub tenant: TenantId,
    /// Name of the entry in the spec.
    pub name: String,
    /// Which setting.
    pub kind: IntegrationType,
    /// The subscription (`Microsoft.Security/settings`) or the workspace (`dataConnectors`).
    pub target: String,
    /// What it becomes.
    pub state: LinkState,
}

/// A mutating call of the Open Service Broker API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerCall {
    /// `PUT /v2/service_instances/{id}`
    Provision,
    /// `PATCH /v2/service_instances/{id}`
    Update,
    /// `DELETE /v2/service_instances/{id}`
    Deprovision,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side says that it is done.
    Done,
    /// The other side has begun.
    InProgress {
        /// Its handle, passed back exactly as given.
        handle: Option<String>,
        /// Ask not before this, where it said so.
        poll_after: Option<SignedDuration>,
    },
    /// It did not take place, or its outcome is not known: the class tells.
    Refused(Failure),
}

impl Change {
    /// What cannot be undone about it, in one sentence, where something cannot.
    #[must_use]
    pub fn cannot_be_undone(&self) -> Option<String> {
        match self {
            Self::Enable { place: Place::Pinned(region), .. } => {
                Some(format!("the data of this tenant will be in {region} for ever; it never moves"))
            }
            Self::Enable { place: Place::MicrosoftChooses, .. } => {
                Some("Microsoft chooses the region of the data, and it cannot be changed afterwards".to_owned())
            }
            Self::Enable { place: Place::AdministratorChooses, .. } => {
                Some("the region that is chosen on the welcome page cannot be changed afterwards".to_owned())
            }
            Self::Deprovision => {
                Some("the service, its incidents and its settings are removed from the tenant for good".to_owned())
            }
            Self::Link { kind, .. } if kind.is_irreversible() => Some(
                "it creates an Endpoint tenant whose location never moves, and deploys agents that unlinking leaves behind"
                    .to_owned(),
            ),
            Self::Enable { .. } | Self::Disable { .. } | Self::Link { .. } | Self::Unlink { .. } => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned(region) => write!(f, ", its data in {region} for ever"),
            Self::AsBefore(region) => write!(f, " again; its data stays in {region}"),
            Self::MicrosoftChooses => {
                write!(f, "; Microsoft chooses the region, and it cannot be changed afterwards")
            }
            Self::AdministratorChooses => {
                write!(f, "; the region is chosen on the welcome page, and it cannot be changed afterwards")
            }
            Self::OneLocation(cloud) => write!(f, "; cloud {cloud} has one location"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enable { place, .. } => write!(f, "turn the service on{place}"),
            Self::Disable { .. } => write!(f, "opt out: the features go, the four services stay as they are"),
            Self::Link { name, kind, .. } => write!(f, "link {name} ({kind})"),
            Self::Unlink { name, kind, .. } if kind.is_irreversible() => {
                write!(f, "unlink {name} ({kind}); agents that were deployed stay")
            }
            Self::Unlink { name, kind, .. } => write!(f, "unlink {name} ({kind})"),
            Self::Deprovision => write!(f, "deprovision the service and its resources"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.change.fmt(f)?;
        match &self.by {
            StepActor::Broker(_) => write!(f, ", through the broker"),
            StepActor::Arm(_) => write!(f, ", through Azure Resource Manager"),
            StepActor::Person(hand_off) => write!(f, ", by a person: {}", hand_off.who()),
            StepActor::Nobody => write!(f, ", which managementPolicy Observe forbids"),
        }
    }
}

/// The reason that conditions show while a step goes on.
#[must_use]
pub const fn progress_reason(step: StepName) -> Reason {
    match step {
        StepName::Enable => Reason::Enabling,
        StepName::Disable => Reason::Disabling,
        StepName::Link => Reason::Linking,
        StepName::Unlink => Reason::Unlinking,
        StepName::Deprovision => Reason::Deprovisioning,
    }
}
