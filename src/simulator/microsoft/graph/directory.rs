//! The directory: the organisation, its licences, and the permissions of the caller.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Scene;
use super::paging::page;
use crate::simulator::answer::Answer;
use crate::simulator::applications::permission_id;
use crate::simulator::licences::{Plan, Sku};
use crate::simulator::microsoft::problem::Problem;

const ORGANIZATION: [&str; 1] = ["Organization.Read.All"];
const APPLICATION: [&str; 1] = ["Application.Read.All"];

/// `GET /organization`. Without the permission the answer is 200 and its members are null, all but the id.
pub(super) fn organization(scene: &Scene) -> Result<Answer, Problem> {
    let tenant = scene.tenant;
    let members = json!({
        "id": tenant.tenant_id,
        "displayName": tenant.display_name,
        "countryLetterCode": tenant.country_code,
        "tenantType": "AAD",
        "assignedPlans": assigned_plans(scene),
        "provisionedPlans": provisioned_plans(scene),
        "verifiedDomains": [{
            "capabilities": "Email, OfficeCommunicationsOnline",
            "isDefault": true,
            "isInitial": true,
            "name": tenant.domain(),
            "type": "Managed",
        }],
    });
    let members = members.as_object().cloned().unwrap_or_default();
    let may_read = scene.application.has_role(&ORGANIZATION);
    let shown: Map<_, _> = members
        .into_iter()
        .map(|(name, value)| if may_read || name == "id" { (name, value) } else { (name, Value::Null) })
        .collect();
    page(scene, "organization", vec![Value::Object(shown)])
}

/// As in real answers, an entry is repeated and a `Deleted` one is kept.
fn assigned_plans(scene: &Scene) -> Vec<Value> {
    let mut plans = Vec::new();
    for sku in scene.tenant.licensed() {
        let status = capability(scene, &sku);
        for plan in &sku.plans {
            let entry = |status: &str| {
                json!({
                    "assignedDateTime": "2020-03-13T08:00:00Z",
                    "capabilityStatus": status,
                    "service": plan.service(),
                    "servicePlanId": plan.id,
                })
            };
            plans.extend([entry(status), entry("Deleted"), entry(status)]);
        }
    }
    plans
}

fn provisioned_plans(scene: &Scene) -> Vec<Value> {
    let skus = scene.tenant.licensed();
    let plans = skus.iter().flat_map(|sku| sku.plans.iter().map(move |plan| (sku, plan)));
    let entry = |(sku, plan): (&Sku, &Plan)| {
        json!({
            "capabilityStatus": capability(scene, sku),
            "provisioningStatus": plan.provisioning_status,
            "service": plan.service(),
        })
    };
    plans.map(entry).collect()
}

fn capability(scene: &Scene, sku: &Sku) -> &'static str {
    sku.capability_status.unwrap_or(scene.tenant.licence_state).name()
}

/// The id of the subscription behind a product.
fn subscription_id(scene: &Scene, sku: &Sku) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/{}", scene.tenant.tenant_id, sku.sku_id).as_bytes())
}

/// `GET /subscribedSkus`.
pub(super) fn subscribed_skus(scene: &Scene) -> Result<Answer, Problem> {
    scene.require(&ORGANIZATION)?;
    if scene.request.query.contains_key("$filter") {
        let message = "The query parameter '$filter' is not supported on this resource.";
        return Err(Problem::new(400, "Request_UnsupportedQuery", message));
    }
    let tenant = scene.tenant.tenant_id;
    let entry = |sku: &Sku| {
        let status = capability(scene, sku);
        let units = |wanted: &[&str]| if wanted.contains(&status) { sku.units } else { 0 };
        let plan = |plan: &Plan| {
            json!({
                "servicePlanId": plan.id,
                "servicePlanName": plan.name,
                "provisioningStatus": plan.provisioning_status,
                "appliesTo": "User",
                "servicePlanType": plan.service(),
            })
        };
        json!({
            "accountName": scene.tenant.domain().split('.').next(),
            "accountId": tenant,
            "id": format!("{tenant}_{}", sku.sku_id),
            "skuId": sku.sku_id,
            "skuPartNumber": sku.sku_part_number,
            "appliesTo": "User",
            "capabilityStatus": status,
            "consumedUnits": sku.units.min(14),
            "prepaidUnits": {
                "enabled": units(&["Enabled"]),
                "suspended": units(&["Suspended", "Deleted"]),
                "warning": units(&["Warning"]),
                "lockedOut": units(&["LockedOut"]),
            },
            "subscriptionIds": [subscription_id(scene, sku)],
            "servicePlans": sku.plans.iter().map(plan).collect::<Vec<_>>(),
        })
    };
    let skus = scene.tenant.licensed().iter().map(entry).collect();
    page(scene, "subscribedSkus", skus)
}

/// `GET /directory/subscriptions`.
pub(super) fn subscriptions(scene: &Scene) -> Result<Answer, Problem> {
    scene.require(&ORGANIZATION)?;
    let entry = |sku: &Sku| {
        let id = subscription_id(scene, sku);
        json!({
            "id": id,
            "commerceSubscriptionId": id,
            "createdDateTime": "2020-03-13T08:00:00Z",
            "isTrial": sku.trial,
            "nextLifecycleDateTime": sku.next_lifecycle.or(scene.tenant.next_lifecycle),
            "ownerId": null,
            "ownerTenantId": null,
            "ownerType": null,
            "serviceStatus": [],
            "skuId": sku.sku_id,
            "skuPartNumber": sku.sku_part_number,
            "status": capability(scene, sku),
            "totalLicenses": sku.units,
        })
    };
    let subscriptions = scene.tenant.licensed().iter().map(entry).collect();
    page(scene, "directory/subscriptions", subscriptions)
}

/// `GET /servicePrincipals(appId='…')/appRoleAssignments`.
pub(super) fn own_roles(scene: &Scene) -> Result<Answer, Problem> {
    scene.require(&APPLICATION)?;
    let id = scene.request.segment(1).split('\'').nth(1).unwrap_or_default();
    let Some(application) = scene.tenant.application(id) else {
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        return Err(Problem::new(404, "Request_ResourceNotFound", message));
    };
    let derived = |what: &str| {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/{what}", scene.tenant.tenant_id).as_bytes()).to_string()
    };
    let entry = |role: &String| {
        let id = permission_id(role, scene.tenant.cloud).map_or_else(|| derived(role), str::to_owned);
        json!({
            "id": derived(&format!("{}/{role}", application.client_id)),
            "appRoleId": id,
            "createdDateTime": application.granted.get(role).map_or("2020-03-13T08:00:00Z".to_owned(), ToString::to_string),
            "principalDisplayName": "threat-protection-operator",
            "principalId": derived(&application.client_id),
            "principalType": "ServicePrincipal",
            "resourceDisplayName": "Microsoft Graph",
            "resourceId": derived("00000003-0000-0000-c000-000000000000"),
        })
    };
    let granted = application.roles.iter().filter(|_| application.consented).map(entry).collect();
    page(scene, "appRoleAssignments", granted)
}
