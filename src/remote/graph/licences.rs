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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::remote::samples::{assert_troubles, blindly, ok, reply};
    use crate::tenant::Permission;

    const E5: &str = "06ebc4ee-1bb5-47dd-8120-11324bc54e06";
    const MTP: &str = "bf28f719-7844-4079-9c78-c1307898e192";

    fn read_one(sku: &Value) -> Page<SubscribedSku> {
        blindly(|context| read_skus(&ok(&json!({ "value": [sku] })), context)).unwrap()
    }

    #[test]
    fn the_calls_are_as_documented() {
        assert_eq!(skus().path, "/subscribedSkus?$select=skuId,skuPartNumber,capabilityStatus,servicePlans");
        assert_eq!(subscriptions().path, "/directory/subscriptions");
    }

    #[test]
    fn a_documented_sku_is_read() {
        let sku = json!({
            "id": "t_s", "skuId": E5.to_uppercase(), "skuPartNumber": "SPE_E5", "appliesTo": "User",
            "capabilityStatus": "Enabled", "consumedUnits": "14", "prepaidUnits": {"enabled": 25},
            "servicePlans": [
                {"servicePlanId": MTP.to_uppercase(), "servicePlanName": "MTP", "provisioningStatus": "Success",
                 "appliesTo": "User", "servicePlanType": "MicrosoftThreatProtection"},
                {"servicePlanId": MTP, "servicePlanName": "MTP ", "provisioningStatus": "PendingProvisioning"}
            ]
        });
        let plan = |provisioning| SkuPlan { id: MTP.to_owned(), provisioning };
        let expected = SubscribedSku {
            id: E5.to_owned(),
            part_number: "SPE_E5".to_owned(),
            capability: CapabilityStatus::Enabled,
            plans: vec![plan(ProvisioningStatus::Success), plan(ProvisioningStatus::PendingProvisioning)],
        };
        let page = read_one(&sku);
        assert_eq!(page.items, [expected]);
        assert_eq!((page.next, page.skipped), (None, 0));
    }

    #[rstest]
    #[case::same(json!("Warning"), CapabilityStatus::Warning)]
    #[case::lower(json!("lockedout"), CapabilityStatus::LockedOut)]
    #[case::suspended(json!("Suspended"), CapabilityStatus::Suspended)]
    #[case::renamed(json!("Frozen"), CapabilityStatus::Unrecognised)]
    #[case::null(json!(null), CapabilityStatus::Unrecognised)]
    #[case::number(json!(1), CapabilityStatus::Unrecognised)]
    fn a_state_that_is_not_known_is_not_guessed(#[case] spelt: Value, #[case] expected: CapabilityStatus) {
        let page = read_one(&json!({ "skuId": E5, "capabilityStatus": spelt, "servicePlans": [] }));
        assert_eq!(page.items[0].capability, expected);
    }

    #[rstest]
    #[case::no_plans(json!({ "skuId": E5, "capabilityStatus": "Enabled" }))]
    #[case::null_plans(json!({ "skuId": E5, "capabilityStatus": "Enabled", "servicePlans": null }))]
    #[case::no_id(json!({ "capabilityStatus": "Enabled", "servicePlans": [] }))]
    #[case::plan_without_id(json!({ "skuId": E5, "servicePlans": [{ "provisioningStatus": "Success" }] }))]
    #[case::null(json!(null))]
    fn what_lacks_its_parts_makes_the_list_incomplete(#[case] sku: Value) {
        let page = read_one(&sku);
        assert_eq!((page.items.len(), page.skipped), (0, 1));
        assert!(!Page::list(vec![page]).is_complete);
    }

    #[test]
    fn pages_are_put_together() {
        let next = "https://graph.microsoft.com/v1.0/subscribedSkus?$skiptoken=x";
        let sku = json!({ "skuId": E5, "servicePlans": [] });
        let first = blindly(|context| read_skus(&ok(&json!({ "value": [sku], "@odata.nextLink": next })), context));
        let first = first.unwrap();
        assert_eq!(first.next.as_deref(), Some(next));
        assert!(!Page::list(vec![first.clone()]).is_complete, "the rest is missing");
        let list = Page::list(vec![first, Page::empty()]);
        assert_eq!((list.items.len(), list.is_complete), (1, true));
        assert!(!Page::<()>::list(Vec::new()).is_complete, "nothing was read");
    }

    #[test]
    fn a_documented_subscription_is_read() {
        let body = json!({ "value": [
            {"id": "x", "skuId": E5, "skuPartNumber": "SPE_E5", "isTrial": true, "status": "Warning", "totalLicenses": 25,
             "createdDateTime": "2023-01-01T00:00:00Z", "nextLifecycleDateTime": "2026-02-01T00:00:00Z"},
            {"skuId": E5, "isTrial": "false", "status": "Enabled", "nextLifecycleDateTime": null},
            {"skuId": E5, "isTrial": null, "status": "Enabled"}
        ]});
        let page = blindly(|context| read_subscriptions(&ok(&body), context)).unwrap();
        let subscription = |is_trial, status, next: Option<&str>| DirectorySubscription {
            sku_id: E5.to_owned(),
            is_trial,
            status,
            next_lifecycle: next.map(|time| time.parse().unwrap()),
        };
        let expected = [
            subscription(true, CapabilityStatus::Warning, Some("2026-02-01T00:00:00Z")),
            subscription(false, CapabilityStatus::Enabled, None),
        ];
        assert_eq!(page.items, expected);
        assert_eq!(page.skipped, 1, "whether the third is a trial is not said");
    }

    #[test]
    fn trouble_is_told() {
        assert_troubles(Operation::SubscribedSkus, read_skus);
        assert_troubles(Operation::DirectorySubscriptions, read_subscriptions);
        let refused = blindly(|context| read_skus(&reply(403, ""), context));
        assert_eq!(refused, Err(Unread::NotPermitted(Permission::Organization)));
        let empty = blindly(|context| read_skus(&reply(200, r#"{"value":[]}"#), context));
        assert_eq!(empty, Ok(Page::empty()));
    }
}
