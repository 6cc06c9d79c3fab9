//! How each plan of each licence stands: in force, in its grace period, switched off, in doubt.

use crate::plan::microsoft::{DirectorySubscription, Listed, SkuPlan, SubscribedSku};
use crate::plan::reading::{Reading, Why};
use crate::tenant::licences::{self, Brings, ServicePlan};
use crate::tenant::{CapabilityStatus, ProvisioningStatus, Service};

/// How a licence stands, from the worst to the best. What is in doubt stands above everything that certainly does not
/// count and below everything that does, so that the best of several is also the right one when some are in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// There is none.
    Absent,
    /// A trial where trials give no access.
    Trial,
    /// The plan is there and switched off.
    Off,
    /// Suspended or locked: its data is kept.
    Suspended,
    /// It cannot be told whether it counts.
    Doubtful(Doubt),
    /// Expired, in its grace period: it still counts.
    Grace,
    /// In force, and still being provisioned.
    Pending,
    /// In force.
    InForce,
}

/// What is doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// The state of the SKU is one that this version does not know.
    Capability,
    /// The state of the plan is one that this version does not know.
    Provisioning,
    /// Provisioning the plan failed.
    Failed,
    /// It may be a trial.
    Trial(Why),
}

impl Standing {
    /// Whether the licence counts.
    pub(super) fn counts(self) -> bool {
        self >= Self::Grace
    }

    /// What is doubtful, if it is.
    pub(super) const fn doubt(self) -> Option<Doubt> {
        match self {
            Self::Doubtful(doubt) => Some(doubt),
            _ => None,
        }
    }
}

impl Doubt {
    /// Why it is not known.
    pub(super) const fn why(self) -> Why {
        match self {
            Self::Capability | Self::Provisioning | Self::Failed => Why::Ambiguous,
            Self::Trial(why) => why,
        }
    }
}

/// A plan that matters, in one SKU of the tenant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding<'a> {
    pub(super) sku: &'a SubscribedSku,
    pub(super) plan: &'static ServicePlan,
    /// How the licence stands.
    pub(super) licence: Standing,
    /// How it stands as a way to the service, which a trial may not be.
    pub(super) access: Standing,
}

/// What decides whether a licence is a trial.
pub(super) type Subscriptions = Reading<Listed<DirectorySubscription>>;

/// Every plan that matters in every SKU. `trials` is given where trials of Office 365 give no access.
pub(super) fn holdings<'a>(skus: &'a [SubscribedSku], trials: Option<&Subscriptions>) -> Vec<Holding<'a>> {
    let mut holdings = Vec::new();
    for sku in skus {
        let paid = trials.filter(|_| is_office_only(sku)).map_or(Standing::InForce, |list| paid(sku, list));
        for held in &sku.plans {
            let Some(plan) = licences::plan(&held.id) else { continue };
            let licence = standing(sku.capability, held);
            holdings.push(Holding { sku, plan, licence, access: licence.min(paid) });
        }
    }
    holdings
}

/// The subscriptions of a SKU.
pub(super) fn of_sku<'a>(
    sku: &SubscribedSku,
    list: &'a Listed<DirectorySubscription>,
) -> impl Iterator<Item = &'a DirectorySubscription> {
    let id = sku.id.clone();
    list.items.iter().filter(move |subscription| subscription.sku_id.eq_ignore_ascii_case(&id))
}

fn standing(capability: CapabilityStatus, held: &SkuPlan) -> Standing {
    let of_sku = of_capability(capability);
    let of_plan = match held.provisioning {
        ProvisioningStatus::Success => Standing::InForce,
        ProvisioningStatus::PendingInput
        | ProvisioningStatus::PendingActivation
        | ProvisioningStatus::PendingProvisioning => Standing::Pending,
        ProvisioningStatus::Disabled => Standing::Off,
        ProvisioningStatus::Error => Standing::Doubtful(Doubt::Failed),
        ProvisioningStatus::Unrecognised => Standing::Doubtful(Doubt::Provisioning),
    };
    of_sku.min(of_plan)
}

const fn of_capability(capability: CapabilityStatus) -> Standing {
    match capability {
        CapabilityStatus::Enabled => Standing::InForce,
        CapabilityStatus::Warning => Standing::Grace,
        CapabilityStatus::Suspended | CapabilityStatus::LockedOut => Standing::Suspended,
        CapabilityStatus::Deleted => Standing::Absent,
        CapabilityStatus::Unrecognised => Standing::Doubtful(Doubt::Capability),
    }
}

/// Whether the SKU is one of Office 365: it brings the service or Office 365 and none of the other three.
fn is_office_only(sku: &SubscribedSku) -> bool {
    let brings = |wanted: fn(Brings) -> bool| {
        sku.plans.iter().filter_map(|held| licences::plan(&held.id)).any(|plan| wanted(plan.brings))
    };
    brings(|brings| matches!(brings, Brings::Unified | Brings::Service(Service::Office365)))
        && !brings(|brings| {
            matches!(brings, Brings::Service(Service::Endpoint | Service::Identity | Service::CloudApps))
        })
}

/// How the SKU stands by those of its subscriptions that are no trials.
fn paid(sku: &SubscribedSku, list: &Subscriptions) -> Standing {
    let list = match list {
        Reading::Known { value, .. } => value,
        Reading::Unknown { why } => return Standing::Doubtful(Doubt::Trial(*why)),
    };
    let live = || of_sku(sku, list).filter(|subscription| subscription.status != CapabilityStatus::Deleted);
    let best = live()
        .filter(|subscription| !subscription.is_trial)
        .map(|subscription| of_capability(subscription.status))
        .max()
        .unwrap_or(Standing::Trial);
    if best.counts() {
        best
    } else if !list.is_complete {
        Standing::Doubtful(Doubt::Trial(Why::ReadFailed))
    } else if best.doubt().is_some() {
        Standing::Doubtful(Doubt::Capability)
    } else if live().any(|subscription| subscription.is_trial) {
        best
    } else {
        // The SKU is listed, and nothing that is listed accounts for it.
        Standing::Doubtful(Doubt::Trial(Why::Ambiguous))
    }
}
