//! What only a person can do: who, where, what, and how it will be verified.
//!
//! Sources: Microsoft, *Turn on Microsoft Threat Protection* (13 March and 23 June 2020), *Turn on Microsoft Defender
//! XDR* (2025), *Microsoft Defender for Identity integration* with Cloud App Security (2020).

use super::desired::{Desired, DesiredLink};
use crate::api::PendingStep;
use crate::tenant::{Experience, IntegrationType, LinkState, Region, Role};

/// A step handed to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOff {
    /// What kind of act.
    pub step: PendingStep,
    /// Who: the role by name and template id.
    pub role: String,
    /// Where.
    pub link: String,
    /// What to click, or the text for support.
    pub instructions: String,
    /// How the operator will know.
    pub verified_by: String,
}

fn roles(roles: &[Role]) -> String {
    let named: Vec<_> = roles.iter().map(|role| format!("{} ({})", role.display_name(), role.template_id())).collect();
    named.join(" or ")
}

fn by_attestation(claim: &str) -> String {
    format!("an entry in spec.attestations with claim {claim}; the operator has no credentials to see it by itself")
}

/// The name that Microsoft's support knows the service by under these rules.
const fn product(experience: Experience) -> &'static str {
    match experience {
        Experience::WelcomePage | Experience::SettingsPage => "Microsoft Threat Protection",
        Experience::DefenderPortal => "Microsoft Defender XDR",
    }
}

fn support_link(desired: &Desired) -> String {
    // The portal itself may turn the service on when it is opened, so requests go through the admin center.
    format!("https://admin.microsoft.com/support?tid={}", desired.tenant)
}

/// Turn the service on, in `region` where one is wished and known to be possible.
pub(super) fn turn_on(desired: &Desired, region: Option<Region>) -> HandOff {
    if let Some(region) = region.filter(|_| desired.experience.turns_on_by_visit()) {
        return request_region(desired, region);
    }
    let role = roles(&[Role::SecurityAdministrator, Role::GlobalAdministrator]);
    let (path, instructions) = match desired.experience {
        Experience::WelcomePage => {
            let choice = region.map_or("choose the region, which never moves,".to_owned(), |region| format!("choose {region} as the data location"));
            ("/incidents", format!("Select Incidents, and finish the welcome page: {choice} and give consent. Or Settings > Microsoft Threat Protection."))
        }
        Experience::SettingsPage => (
            "/settings",
            "Settings > Microsoft Threat Protection: look at the data location that is shown, select Turn on Microsoft Threat Protection, and apply. Opening the page may already turn it on; the location never moves.".to_owned(),
        ),
        Experience::DefenderPortal => (
            "/incidents",
            "Open Incidents & alerts: that starts the onboarding. Microsoft chooses the data location, and it never moves.".to_owned(),
        ),
    };
    HandOff {
        step: PendingStep::Enable,
        role,
        link: desired.cloud.portal_link(path, desired.tenant),
        instructions,
        verified_by: by_attestation("ServiceOn"),
    }
}

fn request_region(desired: &Desired, region: Region) -> HandOff {
    HandOff {
        step: PendingStep::RequestRegion,
        role: roles(&[Role::ServiceSupportAdministrator, Role::GlobalAdministrator]),
        link: support_link(desired),
        instructions: format!(
            "Do not open the security portal before support has confirmed: opening it may turn the service on in another region, for ever. Support request: \"Please provision {} for tenant {} with its data in {region}, before it is turned on.\"",
            product(desired.experience),
            desired.tenant
        ),
        verified_by: by_attestation("ServiceOn, and one with claim DataLocation"),
    }
}

/// Opt out.
pub(super) fn opt_out(desired: &Desired) -> HandOff {
    let (step, verified_by) = (PendingStep::Disable, by_attestation("ServiceOff"));
    if desired.experience.has_opt_out_switch() {
        let confirm = if desired.experience == Experience::WelcomePage { "save" } else { "apply" };
        return HandOff {
            step,
            role: roles(&[Role::SecurityAdministrator, Role::GlobalAdministrator]),
            link: desired.cloud.portal_link("/settings", desired.tenant),
            instructions: format!(
                "Settings > Microsoft Threat Protection > Opt-in / Opt-out: clear Turn on Microsoft Threat Protection, and {confirm}."
            ),
            verified_by,
        };
    }
    HandOff {
        step,
        role: roles(&[Role::ServiceSupportAdministrator, Role::GlobalAdministrator]),
        link: support_link(desired),
        instructions: format!(
            "The portal has no switch to turn it off. Support request: \"Please turn {} off for tenant {}; the services that feed it stay as they are.\"",
            product(desired.experience),
            desired.tenant
        ),
        verified_by,
    }
}

/// Have the service and its resources removed.
pub(super) fn deprovision(desired: &Desired) -> HandOff {
    HandOff {
        step: PendingStep::Deprovision,
        role: roles(&[Role::ServiceSupportAdministrator, Role::GlobalAdministrator]),
        link: support_link(desired),
        instructions: format!(
            "Support request: \"Please deprovision {} and its related resources on tenant {}.\"",
            product(desired.experience),
            desired.tenant
        ),
        verified_by: by_attestation("Deprovisioned"),
    }
}

/// Set a link or take it away.
pub(super) fn link(desired: &Desired, name: &str, wish: DesiredLink) -> HandOff {
    let linked = wish.state == LinkState::Linked;
    let (step, claim) =
        if linked { (PendingStep::Link, "IntegrationLinked") } else { (PendingStep::Unlink, "IntegrationUnlinked") };
    let (role, link, instructions) = link_text(desired, wish.kind, linked);
    HandOff {
        step,
        role,
        link,
        instructions: format!("{name}: {instructions}"),
        verified_by: by_attestation(&format!("{claim} and integrationName {name}")),
    }
}

fn link_text(desired: &Desired, kind: IntegrationType, linked: bool) -> (String, String, String) {
    let portal = |path| desired.cloud.portal_link(path, desired.tenant);
    let azure = format!("https://portal.azure.com/{}", desired.tenant);
    let tick = if linked { "tick" } else { "clear" };
    let switch = if linked { "on" } else { "off" };
    match (kind, desired.experience) {
        (IntegrationType::IdentityCloudApps, Experience::DefenderPortal) if linked => (
            roles(&[Role::SecurityAdministrator, Role::GlobalAdministrator]),
            portal("/cloudapps/settings"),
            "Sign in to Defender for Cloud Apps at least once. It may take 12 hours until data arrives.".to_owned(),
        ),
        (IntegrationType::IdentityCloudApps, _) => (
            roles(&[Role::GlobalAdministrator]),
            portal("/cloudapps/settings"),
            format!(
                "Cloud Apps > Settings > Threat Protection > Azure ATP (Defender for Identity): {tick} the data integration, and save. It may take 12 hours to work."
            ),
        ),
        (IntegrationType::EndpointIntune, _) => (
            roles(&[Role::SecurityAdministrator, Role::IntuneAdministrator]),
            portal("/securitysettings/endpoints/integration"),
            format!("Settings > Endpoints > Advanced features: turn Microsoft Intune connection {switch}, and save."),
        ),
        (IntegrationType::DefenderForCloudEndpoint, _) => (
            roles(&[Role::SecurityAdministrator]),
            azure,
            if linked {
                "Defender for Cloud > Environment settings > the subscription > Integrations: allow Defender for Endpoint to access my data. This cannot be undone: it creates an Endpoint tenant whose location never moves, and deploys agents.".to_owned()
            } else {
                "Defender for Cloud > Environment settings > the subscription > Integrations: clear the access of Defender for Endpoint. Agents that were deployed stay.".to_owned()
            },
        ),
        (IntegrationType::DefenderForCloudCloudApps, _) => (
            roles(&[Role::SecurityAdministrator]),
            azure,
            format!(
                "Defender for Cloud > Environment settings > the subscription > Integrations: {tick} the access of Defender for Cloud Apps."
            ),
        ),
        (IntegrationType::SentinelIncidents, _) => (
            roles(&[Role::SecurityAdministrator, Role::GlobalAdministrator]),
            azure,
            format!(
                "Microsoft Sentinel > the workspace > Data connectors > Microsoft Defender XDR: {} incidents and alerts.",
                if linked { "connect" } else { "disconnect" }
            ),
        ),
    }
}

/// Look at the tenant and write down what is seen.
pub(super) fn attest(desired: &Desired, claim: &str) -> HandOff {
    let opens = if desired.experience.turns_on_by_visit() && claim.starts_with("Service") {
        "Mind that opening the portal of a tenant that is off may turn it on. "
    } else {
        ""
    };
    HandOff {
        step: PendingStep::Attest,
        role: roles(&[Role::SecurityAdministrator, Role::GlobalAdministrator]),
        link: desired.cloud.portal_link("/settings", desired.tenant),
        instructions: format!(
            "{opens}Look at Settings of the security portal and write what is seen into spec.attestations ({claim})."
        ),
        verified_by: format!("an entry in spec.attestations with claim {claim}"),
    }
}
