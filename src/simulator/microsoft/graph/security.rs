//! Incidents, alerts, the health of Defender for Identity, and the connector to Intune.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Scene;
use super::paging::page;
use crate::simulator::answer::Answer;
use crate::simulator::microsoft::problem::Problem;
use crate::tenant::{IntegrationType, LinkState, Service};

/// The connector between Defender for Endpoint and Intune has the same id in every tenant.
const INTUNE_CONNECTOR: &str = "fc780465-2017-40d4-a0c5-307022471b92";

/// `GET /security/incidents`.
pub(super) fn incidents(scene: &Scene) -> Result<Answer, Problem> {
    scene.require_security(&["SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"])?;
    provisioned(scene)?;
    let tenant = scene.tenant.tenant_id;
    let entry = |place: u32| {
        let id = (2_972_395 + u64::from(place)).to_string();
        json!({
            "id": id,
            "tenantId": tenant,
            "status": "active",
            "severity": "medium",
            "displayName": "Simulated incident",
            "createdDateTime": hours_ago(scene, place),
            "lastUpdateDateTime": hours_ago(scene, place),
            "incidentWebUrl": format!("https://{}/incidents/{id}?tid={tenant}", scene.tenant.cloud.portal_host()),
        })
    };
    page(scene, "security/incidents", (0..scene.tenant.incidents).map(entry).collect())
}

/// `GET /security/alerts_v2`.
pub(super) fn alerts(scene: &Scene) -> Result<Answer, Problem> {
    scene.require_security(&[
        "SecurityAlert.Read.All",
        "SecurityAlert.ReadWrite.All",
        "SecurityIncident.Read.All",
        "SecurityIncident.ReadWrite.All",
    ])?;
    provisioned(scene)?;
    let entry = |place: u32| {
        json!({
            "id": format!("da{}_-1", 637_551_227_677_560_813_u64 + u64::from(place)),
            "incidentId": (2_972_395 + u64::from(place)).to_string(),
            "tenantId": scene.tenant.tenant_id,
            "status": "new",
            "severity": "low",
            "serviceSource": "microsoftDefenderForEndpoint",
            "title": "Simulated alert",
            "createdDateTime": hours_ago(scene, place),
        })
    };
    page(scene, "security/alerts_v2", (0..scene.tenant.incidents).map(entry).collect())
}

fn hours_ago(scene: &Scene, hours: u32) -> Value {
    json!(scene.now.saturating_sub(SignedDuration::from_hours(hours.into())).unwrap_or(scene.now))
}

/// Refuses where the service is off.
fn provisioned(scene: &Scene) -> Result<(), Problem> {
    if scene.is_on() {
        return Ok(());
    }
    Err(Problem::new(403, "Forbidden", "Account is not provisioned."))
}

/// `GET /security/identities/healthIssues`: a missing permission and a missing onboarding are both 403.
pub(super) fn identity_health(scene: &Scene) -> Result<Answer, Problem> {
    if !scene.application.has_role(&["SecurityIdentitiesHealth.Read.All", "SecurityIdentitiesHealth.ReadWrite.All"]) {
        return Err(Problem::new(403, "UnknownError", ""));
    }
    if !scene.tenant.reports(Service::Identity) {
        let message = "Tenant is not onboarded to Microsoft Defender for Identity";
        return Err(Problem::new(403, "Forbidden", message));
    }
    page(scene, "security/identities/healthIssues", Vec::new())
}

/// `GET /deviceManagement/mobileThreatDefenseConnectors/{id}`: absent until the link was set for the first time.
pub(super) fn intune_connector(scene: &Scene) -> Result<Answer, Problem> {
    let any = ["DeviceManagementServiceConfig.Read.All", "DeviceManagementServiceConfig.ReadWrite.All"];
    if !scene.application.has_role(&any) {
        let message = format!(
            "Application is not authorized to perform this operation. Application must have one of the following scopes: {}",
            any.join(", ")
        );
        return Err(Problem::new(403, "Forbidden", message));
    }
    let id = scene.request.segment(3);
    let link = scene.tenant.links.get(&IntegrationType::EndpointIntune);
    let Some(link) = link.filter(|_| id.eq_ignore_ascii_case(INTUNE_CONNECTOR)) else {
        return Err(Problem::new(404, "ResourceNotFound", "Resource not found."));
    };
    let is_linked = link.state == LinkState::Linked;
    let works = scene.tenant.link_works(IntegrationType::EndpointIntune, scene.now);
    let state = if works {
        "enabled"
    } else if is_linked {
        "available"
    } else {
        "unavailable"
    };
    let body = json!({
        "@odata.context": format!("https://{}/v1.0/$metadata#deviceManagement/mobileThreatDefenseConnectors/$entity", scene.request.host),
        "id": INTUNE_CONNECTOR,
        "partnerState": state,
        "lastHeartbeatDateTime": if works { json!(scene.now) } else { json!("0001-01-01T00:00:00Z") },
        "microsoftDefenderForEndpointAttachEnabled": is_linked,
    });
    Ok(Answer::new(200, body))
}
