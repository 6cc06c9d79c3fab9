//! What only a person can do: who, where, what, and how it will be verified.
//!
//! Sources: Microsoft, *Turn on Microsoft Threat Protection* (13 March and 23 June 2020), *Turn on Microsoft Defender
//! XDR* (2025), *Microsoft Defender for Identity integration* with Cloud App Security (2020).

use std::collections::BTreeSet;

use super::desired::{Desired, DesiredLink};
use super::evidence;
use super::situation::Situation;
use crate::api::PendingStep;
use crate::tenant::{Experience, IntegrationType, LinkState, Region, Role};

/// A step handed to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOff {
    /// What kind of act.
    pub step: PendingStep,
    /// Who: a holder of one of these roles.
    pub roles: Vec<Role>,
    /// Where.
    pub link: String,
    /// What to click, or the text for support.
    pub instructions: String,
    /// How the operator will know.
    pub verified_by: String,
}

impl HandOff {
    /// Who, as people read it: the roles by name and template id.
    #[must_use]
    pub fn who(&self) -> String {
        let named: Vec<_> =
            self.roles.iter().map(|role| format!("{} ({})", role.display_name(), role.template_id())).collect();
        named.join(" or ")
    }
}

/// Who may turn the service on or off, by the strict reading of the pages.
const TURNS_ON: [Role; 2] = [Role::SecurityAdministrator, Role::GlobalAdministrator];
/// Who may open a support request.
const ASKS_SUPPORT: [Role; 2] = [Role::ServiceSupportAdministrator, Role::GlobalAdministrator];

/// Who looks into the licences.
const SEES_LICENCES: [Role; 2] = [Role::BillingAdministrator, Role::GlobalAdministrator];
/// Who may change the connection between Defender for Endpoint and Intune.
const CONNECTS_INTUNE: [Role; 2] = [Role::SecurityAdministrator, Role::IntuneAdministrator];

/// Every role that a hand-off about this tenant may name.
pub(super) fn roles_in_question(desired: &Desired) -> BTreeSet<Role> {
    let intune = desired.integrations.values().any(|wish| wish.kind == IntegrationType::EndpointIntune);
    let always = TURNS_ON.into_iter().chain(ASKS_SUPPORT).chain(SEES_LICENCES);
    always.chain(CONNECTS_INTUNE.into_iter().filter(|_| intune)).collect()
}

/// How the operator will know: by its own look where it can see the tenant, else by a person's word.
fn known_by(situation: &Situation, seen: &str, claim: &str) -> String {
    if situation.observed.microsoft.is_asked() {
        return format!(
            "{seen}, which the operator looks for with the credentials of the resource; or an entry in spec.attestations with claim {claim}"
        );
    }
    by_word(claim)
}

fn by_word(claim: &str) -> String {
    format!("an entry in spec.attestations with claim {claim}; the operator cannot see it by itself")
}

const SEEN_ON: &str = "incidents and hunting answer";
const SEEN_OFF: &str = "incidents and hunting are refused";

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

/// Turn the service on, where its data will be in `region` if that is decided. Where a region is wished and a visit to the
/// portal turns the service on, only support may act first.
pub(super) fn turn_on(situation: &Situation, desired: &Desired, region: Option<Region>) -> HandOff {
    if let Some(wished) = desired.region.filter(|_| desired.experience.turns_on_by_visit()) {
        return request_region(situation, desired, wished);
    }
    let follows = region.map_or("Microsoft chooses the data location".to_owned(), |region| {
        format!("The data will be in {region}, like that of Defender for Endpoint")
    });
    let (path, instructions) = match desired.experience {
        Experience::WelcomePage => {
            let choice = region.map_or("choose the region, which never moves,".to_owned(), |region| {
                format!("choose {region} as the data location")
            });
            (
                "/incidents",
                format!(
                    "Select Incidents, and finish the welcome page: {choice} and give consent. Or Settings > Microsoft Threat Protection."
                ),
            )
        }
        Experience::SettingsPage => (
            "/settings",
            format!(
                "Settings > Microsoft Threat Protection: look at the data location that is shown, select Turn on Microsoft Threat Protection, and apply. Opening the page may already turn it on. {follows}, and it never moves."
            ),
        ),
        Experience::DefenderPortal => (
            "/incidents",
            format!("Open Incidents & alerts: that starts the onboarding. {follows}, and it never moves."),
        ),
    };
    HandOff {
        step: PendingStep::Enable,
        roles: TURNS_ON.to_vec(),
        link: desired.cloud.portal_link(path, desired.tenant),
        instructions,
        verified_by: known_by(situation, SEEN_ON, "ServiceOn"),
    }
}

fn request_region(situation: &Situation, desired: &Desired, region: Region) -> HandOff {
    HandOff {
        step: PendingStep::RequestRegion,
        roles: ASKS_SUPPORT.to_vec(),
        link: support_link(desired),
        instructions: format!(
            "{DO_NOT_OPEN} Support request: \"Please provision {} for tenant {} with its data in {region}, before it is turned on.\"",
            product(desired.experience),
            desired.tenant
        ),
        verified_by: known_by(situation, SEEN_ON, "ServiceOn, and one with claim DataLocation"),
    }
}

/// Opt out.
pub(super) fn opt_out(situation: &Situation, desired: &Desired) -> HandOff {
    let (step, verified_by) = (PendingStep::Disable, known_by(situation, SEEN_OFF, "ServiceOff"));
    if must_not_open(situation, desired) {
        let (product, tenant) = (product(desired.experience), desired.tenant);
        let request = format!(
            "Please turn {product} off for tenant {tenant} if it is on; the services that feed it stay as they are."
        );
        return ask_support(desired, step, &request, verified_by);
    }
    if desired.experience.has_opt_out_switch() {
        let confirm = if desired.experience == Experience::WelcomePage { "save" } else { "apply" };
        return HandOff {
            step,
            roles: TURNS_ON.to_vec(),
            link: desired.cloud.portal_link("/settings", desired.tenant),
            instructions: format!(
                "Settings > Microsoft Threat Protection > Opt-in / Opt-out: clear Turn on Microsoft Threat Protection, and {confirm}."
            ),
            verified_by,
        };
    }
    HandOff {
        step,
        roles: ASKS_SUPPORT.to_vec(),
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
pub(super) fn deprovision(situation: &Situation, desired: &Desired) -> HandOff {
    HandOff {
        step: PendingStep::Deprovision,
        roles: ASKS_SUPPORT.to_vec(),
        link: support_link(desired),
        instructions: format!(
            "Support request: \"Please deprovision {} and its related resources on tenant {}.\"",
            product(desired.experience),
            desired.tenant
        ),
        verified_by: known_by(situation, SEEN_OFF, "Deprovisioned"),
    }
}

/// Set a link or take it away.
pub(super) fn link(situation: &Situation, desired: &Desired, name: &str, wish: &DesiredLink) -> HandOff {
    let linked = wish.state == LinkState::Linked;
    let (step, claim) =
        if linked { (PendingStep::Link, "IntegrationLinked") } else { (PendingStep::Unlink, "IntegrationUnlinked") };
    let claim = format!("{claim} and integrationName {name}");
    let (roles, link, instructions) = link_text(desired, wish.kind, linked);
    HandOff {
        step,
        roles,
        link,
        instructions: format!("{name}: {instructions}"),
        verified_by: match wish.kind {
            IntegrationType::IdentityCloudApps => by_word(&claim),
            _ => known_by(situation, "its switch shows it", &claim),
        },
    }
}

fn link_text(desired: &Desired, kind: IntegrationType, linked: bool) -> (Vec<Role>, String, String) {
    let portal = |path| desired.cloud.portal_link(path, desired.tenant);
    let azure = format!("https://portal.azure.com/{}", desired.tenant);
    let tick = if linked { "tick" } else { "clear" };
    let switch = if linked { "on" } else { "off" };
    match (kind, desired.experience) {
        (IntegrationType::IdentityCloudApps, Experience::DefenderPortal) if linked => (
            TURNS_ON.to_vec(),
            portal("/cloudapps/settings"),
            "Sign in to Defender for Cloud Apps at least once. It may take 12 hours until data arrives.".to_owned(),
        ),
        (IntegrationType::IdentityCloudApps, _) => (
            vec![Role::GlobalAdministrator],
            portal("/cloudapps/settings"),
            format!(
                "Cloud Apps > Settings > Threat Protection > Azure ATP (Defender for Identity): {tick} the data integration, and save. It may take 12 hours to work."
            ),
        ),
        (IntegrationType::EndpointIntune, _) => (
            CONNECTS_INTUNE.to_vec(),
            portal("/securitysettings/endpoints/integration"),
            format!("Settings > Endpoints > Advanced features: turn Microsoft Intune connection {switch}, and save."),
        ),
        (IntegrationType::DefenderForCloudEndpoint, _) => (
            vec![Role::SecurityAdministrator],
            azure,
            if linked {
                format!(
                    "Defender for Cloud > Environment settings > the subscription > Integrations: allow Defender for Endpoint to access my data. This cannot be undone: it creates an Endpoint tenant{} whose location never moves, and deploys agents.",
                    Region::of_security_center(desired.experience)
                        .map_or(String::new(), |region| format!(" in {region}"))
                )
            } else {
                "Defender for Cloud > Environment settings > the subscription > Integrations: clear the access of Defender for Endpoint. Agents that were deployed stay.".to_owned()
            },
        ),
        (IntegrationType::DefenderForCloudCloudApps, _) => (
            vec![Role::SecurityAdministrator],
            azure,
            format!(
                "Defender for Cloud > Environment settings > the subscription > Integrations: {tick} the access of Defender for Cloud Apps."
            ),
        ),
        (IntegrationType::SentinelIncidents, _) => (
            TURNS_ON.to_vec(),
            azure,
            format!(
                "Microsoft Sentinel > the workspace > Data connectors > Microsoft Defender XDR: {} incidents and alerts.",
                if linked { "connect" } else { "disconnect" }
            ),
        ),
    }
}

/// Whether even to look is an irreversible click: a region is wished, the service is not known to be on, and a visit to the
/// portal may turn it on elsewhere.
fn must_not_open(situation: &Situation, desired: &Desired) -> bool {
    desired.region.is_some() && desired.experience.turns_on_by_visit() && !evidence::service(situation).is_true()
}

const DO_NOT_OPEN: &str = "Do not open the security portal before support has confirmed: opening it may turn the service on in another region, for ever.";

/// Ask support what a look at the portal would tell.
fn ask_support(desired: &Desired, step: PendingStep, request: &str, verified_by: String) -> HandOff {
    HandOff {
        step,
        roles: ASKS_SUPPORT.to_vec(),
        link: support_link(desired),
        instructions: format!("{DO_NOT_OPEN} Support request: \"{request}\""),
        verified_by,
    }
}

/// Look at the tenant and write down what is seen.
pub(super) fn attest(situation: &Situation, desired: &Desired, claim: &str) -> HandOff {
    if must_not_open(situation, desired) {
        let (product, tenant) = (product(desired.experience), desired.tenant);
        let request = format!(
            "Is {product} on for tenant {tenant}, and where is its data and that of Defender for Endpoint? Please turn nothing on."
        );
        let verified_by = format!("an entry in spec.attestations with claim {claim}");
        let hand_off = ask_support(desired, PendingStep::Attest, &request, verified_by);
        let instructions = format!("{} Write the answer into spec.attestations ({claim}).", hand_off.instructions);
        return HandOff { instructions, ..hand_off };
    }
    let opens = if desired.experience.turns_on_by_visit() && claim.starts_with("Service") {
        "Mind that opening the portal of a tenant that is off may turn it on. "
    } else {
        ""
    };
    HandOff {
        step: PendingStep::Attest,
        roles: TURNS_ON.to_vec(),
        link: desired.cloud.portal_link("/settings", desired.tenant),
        instructions: format!(
            "{opens}Look at Settings of the security portal and write what is seen into spec.attestations ({claim})."
        ),
        verified_by: format!("an entry in spec.attestations with claim {claim}"),
    }
}

/// Look at the licences, whose state does not say whether they qualify.
pub(super) fn check_licences(desired: &Desired) -> HandOff {
    HandOff {
        step: PendingStep::Enable,
        roles: SEES_LICENCES.to_vec(),
        link: "https://admin.microsoft.com/#/licenses".to_owned(),
        instructions: format!(
            "Billing > Licenses of tenant {}: put in order what the condition Eligible calls doubtful. Nothing is turned on before.",
            desired.tenant
        ),
        verified_by: "the next reading of the licences".to_owned(),
    }
}
