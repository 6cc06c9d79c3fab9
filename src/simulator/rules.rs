//! The rules of each experience: who may, what is licensed, which region, what is refused.
//!
//! Pure. Written from Microsoft, *Turn on Microsoft Threat Protection* of 13 March 2020 (`WelcomePage`) and of
//! 23 June 2020 (`SettingsPage`), and from *Turn on Microsoft Defender XDR* as of 2025 (`DefenderPortal`); it shares
//! no code with the planner, so that one wrong idea cannot hide in both.

use super::journal::Actor;
use super::role_name::RoleName;
use super::tenant::Tenant;
use crate::tenant::{Cloud, Experience, IntegrationType, Region, Role, Service};

/// Why the tenant does not let an act happen. Nothing has changed when one of these is returned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The licences do not qualify under the tenant's experience.
    #[error("NotEligible: under {experience} the tenant's licences do not qualify; missing: {missing}")]
    NotEligible {
        /// The rules that were asked.
        experience: Experience,
        /// What would be needed, in words.
        missing: String,
    },
    /// The experience does not exist in the tenant's cloud.
    #[error("CloudNotSupported: {experience} does not exist in the {cloud} cloud")]
    CloudNotSupported {
        /// The tenant's cloud.
        cloud: Cloud,
        /// The rules that were asked.
        experience: Experience,
    },
    /// March 2020: data is not shared before consent.
    #[error("ConsentMissing: consent must be given before data is shared between services and aggregated")]
    ConsentMissing,
    /// The data already has a place, and it never moves.
    #[error("RegionMismatch: the tenant's data is in {existing}, which cannot be changed; {wished} was asked for")]
    RegionMismatch {
        /// Where the data is, or where Defender for Endpoint has its data.
        existing: Region,
        /// What was asked for.
        wished: Region,
    },
    /// March 2020: without Defender ATP the administrator must choose a region.
    #[error("RegionMissing: the tenant has no Defender for Endpoint, so a data centre location must be chosen")]
    RegionMissing,
    /// The region does not exist under these rules or in this cloud.
    #[error("RegionUnavailable: {wished} is not offered to this tenant under {experience}")]
    RegionUnavailable {
        /// What was asked for.
        wished: Region,
        /// The rules that were asked.
        experience: Experience,
    },
    /// From June 2020 Microsoft picks the region; another one is arranged by support before the service is on.
    #[error(
        "RegionAutomatic: the location is selected automatically ({automatic}); ask support for {wished} before it is on"
    )]
    RegionAutomatic {
        /// What Microsoft picks.
        automatic: Region,
        /// What was asked for.
        wished: Region,
    },
    /// The portal has no such switch under these rules.
    #[error("NoSuchSwitch: under {experience} the portal has no switch to {what}; support can do it")]
    NoSuchSwitch {
        /// The rules that were asked.
        experience: Experience,
        /// What was attempted.
        what: &'static str,
    },
    /// The person's role does not allow the act, or nobody in the tenant holds it.
    #[error("RoleMissing: {what} needs {needed}; the act was attempted as {actor}")]
    RoleMissing {
        /// What was attempted.
        what: &'static str,
        /// The roles that would do.
        needed: String,
        /// Who tried.
        actor: Actor,
    },
    /// A link needs a service that the tenant has no licence for.
    #[error("ServiceMissing: {link} needs {service}, which the tenant has no licence for")]
    ServiceMissing {
        /// The link.
        link: IntegrationType,
        /// The service that is missing.
        service: Service,
    },
    /// Neither broker nor portal of this world changes such a link; it is a setting of Azure Resource Manager.
    #[error("LinkNotHere: {link} is a setting of Azure Resource Manager")]
    LinkNotHere {
        /// The link.
        link: IntegrationType,
    },
    /// Support acts on support's requests only, and a person cannot act as support.
    #[error("NotSupport: {what} is done by support staff; the act was attempted as {actor}")]
    NotSupport {
        /// What was attempted.
        what: &'static str,
        /// Who tried.
        actor: Actor,
    },
}

const ALL_SERVICES: [Service; 4] = [Service::Endpoint, Service::Office365, Service::Identity, Service::CloudApps];

/// March 2020: Microsoft 365 E5, E5 Security, A5 or a combination giving access to all the services; later any one service.
pub fn eligibility(tenant: &Tenant) -> Result<(), Refusal> {
    let experience = tenant.experience;
    // The FAQ of 2020: not available to GCC and GCC High at that time.
    if tenant.cloud != Cloud::Public && experience != Experience::DefenderPortal {
        return Err(Refusal::CloudNotSupported { cloud: tenant.cloud, experience });
    }
    if !tenant.licence_state.is_in_force() {
        let missing = format!("licences in force (they are {})", tenant.licence_state.name());
        return Err(Refusal::NotEligible { experience, missing });
    }
    let missing = match experience {
        Experience::WelcomePage => {
            let absent: Vec<_> =
                ALL_SERVICES.iter().filter(|service| !tenant.services.contains(service)).map(|s| s.name()).collect();
            absent.join(" and ")
        }
        Experience::SettingsPage | Experience::DefenderPortal if tenant.services.is_empty() => {
            "any one supported service".to_owned()
        }
        Experience::SettingsPage | Experience::DefenderPortal => String::new(),
    };
    if missing.is_empty() { Ok(()) } else { Err(Refusal::NotEligible { experience, missing }) }
}

/// Whether the region is offered: EU, UK and US in 2020; AU, CH, IN and AE came until 2025. Government clouds have none to name.
#[must_use]
pub fn region_is_offered(tenant: &Tenant, region: Region) -> bool {
    let offered = match tenant.experience {
        Experience::WelcomePage | Experience::SettingsPage => matches!(region, Region::EU | Region::UK | Region::US),
        Experience::DefenderPortal => true,
    };
    offered && tenant.cloud == Cloud::Public
}

/// Where the data will be if the service comes on now: existing region, then the wish, then what Microsoft picks.
///
/// # Errors
/// Refuses a wish that contradicts an existing region, is not offered, or is nobody's to make under these rules; and,
/// on the welcome page, the absence of a choice.
pub fn region_for(tenant: &Tenant, actor: Actor, wish: Option<Region>) -> Result<Option<Region>, Refusal> {
    let experience = tenant.experience;
    if let Some(existing) = tenant.region.or(tenant.endpoint_region) {
        return match wish {
            Some(wished) if wished != existing => Err(Refusal::RegionMismatch { existing, wished }),
            _ => Ok(Some(existing)),
        };
    }
    match wish.or(tenant.chosen_region) {
        Some(wished) if !region_is_offered(tenant, wished) => Err(Refusal::RegionUnavailable { wished, experience }),
        Some(wished) => {
            let is_free = experience == Experience::WelcomePage || actor.can_do_what_support_does();
            if is_free || wished == tenant.automatic_region {
                Ok(Some(wished))
            } else {
                Err(Refusal::RegionAutomatic { automatic: tenant.automatic_region, wished })
            }
        }
        None if experience == Experience::WelcomePage => Err(Refusal::RegionMissing),
        None if tenant.cloud == Cloud::Public => Ok(Some(tenant.automatic_region)),
        None => Ok(None),
    }
}

/// Whether the actor may do it: brokers and support always, a person with one of the roles that somebody really holds.
///
/// # Errors
/// [`Refusal::RoleMissing`] otherwise.
pub fn require_role(tenant: &Tenant, actor: Actor, what: &'static str, roles: &[Role]) -> Result<(), Refusal> {
    let allowed = match actor {
        Actor::Broker | Actor::Support | Actor::Seed | Actor::Application => true,
        Actor::Person(RoleName(role)) => roles.contains(&role) && tenant.roles.contains(&RoleName(role)),
    };
    if allowed {
        return Ok(());
    }
    let needed = roles.iter().map(|role| role.display_name()).collect::<Vec<_>>().join(" or ");
    Err(Refusal::RoleMissing { what, needed, actor })
}

/// *You must be a global administrator or a security administrator to turn on Microsoft Threat Protection* (both pages of 2020;
/// today: at least Security Administrator).
pub const TURN_ON_ROLES: [Role; 2] = [Role::GlobalAdministrator, Role::SecurityAdministrator];

/// The roles that may change a link in the portal, and the service without which there is nothing to link.
///
/// # Errors
/// [`Refusal::LinkNotHere`] for the links of Azure Resource Manager.
pub fn link_needs(experience: Experience, link: IntegrationType) -> Result<(&'static [Role], Service), Refusal> {
    match (link, experience) {
        // Microsoft, *Azure ATP integration* (2020): the caller must be a Global administrator; Security administrator is not named.
        (IntegrationType::IdentityCloudApps, Experience::WelcomePage | Experience::SettingsPage) => {
            Ok((&[Role::GlobalAdministrator], Service::Identity))
        }
        // Today: an administrator signs in to Defender for Cloud Apps once.
        (IntegrationType::IdentityCloudApps, Experience::DefenderPortal) => Ok((&TURN_ON_ROLES, Service::Identity)),
        (IntegrationType::EndpointIntune, _) => Ok((
            &[Role::GlobalAdministrator, Role::SecurityAdministrator, Role::IntuneAdministrator],
            Service::Endpoint,
        )),
        (
            IntegrationType::DefenderForCloudEndpoint
            | IntegrationType::DefenderForCloudCloudApps
            | IntegrationType::SentinelIncidents,
            _,
        ) => Err(Refusal::LinkNotHere { link }),
    }
}
