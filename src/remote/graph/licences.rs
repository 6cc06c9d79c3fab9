//! `GET /subscribedSkus` and `GET /directory/subscriptions`: the licences, and which of them are trials.

use serde_json::Value;

use crate::plan::microsoft::{DirectorySubscription, SkuPlan, SubscribedSku};
use crate::remote::answers::Context;
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{Page, cleaned, id, of, page, text, time, truth};
use crate::tenant::{CapabilityStatus, ProvisioningStatus};

/// `GET /subscribedSkus`; it knows `$select` and nothing else (Microsoft Graph, *List subscribedSkus*, 2025).
#[must_use]
pub fn skus() -> Call {
    Call::get(Operation::SubscribedSkus, "/subscribedSkus?$select=skuId,skuPartNumber,capabilityStatus,servicePlans")
}

/// Reads its answer. States that this version does not know are `Unrecognised`; plans that stand there twice stay so.
///
/// An entry without its id or its plans is left out, so that nothing is concluded from their absence.
pub fn read_skus(reply: &Reply, context: Context<'_>) -> Result<Page<SubscribedSku>, Unread> {
    page(Operation::SubscribedSkus, reply, context, sku)
}

/// `GET /directory/subscriptions` (`companySubscription`; Microsoft Graph v1.0, 2025).
#[must_use]
pub fn subscriptions() -> Call {
    Call::get(Operation::DirectorySubscriptions, "/directory/subscriptions")
}

/// Reads its answer. An entry without its SKU or without `isTrial` is left out.
pub fn read_subscriptions(reply: &Reply, context: Context<'_>) -> Result<Page<DirectorySubscription>, Unread> {
    page(Operation::DirectorySubscriptions, reply, context, subscription)
}

fn sku(entry: &Value) -> Option<SubscribedSku> {
    let plans = of(entry, "servicePlans")?.as_array()?;
    Some(SubscribedSku {
        id: id(of(entry, "skuId"))?,
        part_number: cleaned(of(entry, "skuPartNumber")).unwrap_or_default(),
        capability: capability(of(entry, "capabilityStatus")),
        plans: plans.iter().map(plan).collect::<Option<Vec<_>>>()?,
    })
}

fn plan(entry: &Value) -> Option<SkuPlan> {
    let provisioning = text(of(entry, "provisioningStatus"));
    Some(SkuPlan {
        id: id(of(entry, "servicePlanId"))?,
        provisioning: provisioning.map_or(ProvisioningStatus::Unrecognised, ProvisioningStatus::read),
    })
}

fn subscription(entry: &Value) -> Option<DirectorySubscription> {
    Some(DirectorySubscription {
        sku_id: id(of(entry, "skuId"))?,
        is_trial: truth(of(entry, "isTrial"))?,
        status: capability(of(entry, "status")),
        next_lifecycle: time(of(entry, "nextLifecycleDateTime")),
    })
}

fn capability(value: Option<&Value>) -> CapabilityStatus {
    text(value).map_or(CapabilityStatus::Unrecognised, CapabilityStatus::read)
}
