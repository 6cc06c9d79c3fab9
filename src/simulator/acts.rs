//! What can be done to a tenant, and what then happens to it.
//!
//! Pure: each act takes the tenant, who acts and the time, and returns the changes in order, or a refusal and nothing
//! changed. No act alters the four services: *this happens without affecting existing deployments, settings, or data
//! associated with the integrated services* (Microsoft, June 2020).

use jiff::{SignedDuration, Timestamp};

use super::journal::{Actor, Change, Effect};
use super::rules::{self, Refusal, TURN_ON_ROLES};
use super::tenant::{Consent, Link, ServiceState, Tenant};
use crate::tenant::{Experience, IntegrationType, LinkState, Region};

/// Where and when an act happens, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Who acts.
    pub actor: Actor,
    /// The time of the world.
    pub now: Timestamp,
}

/// What selecting *Incidents*, *Action center* or *Hunting* in the portal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Navigation {
    /// The items are not there: the visitor is not eligible.
    Absent,
    /// They lead to the welcome page (March 2020).
    WelcomePage,
    /// They lead to the settings page (June 2020).
    SettingsPage,
    /// Opening one starts onboarding (today).
    StartsOnboarding,
    /// They lead to the features: the service is on.
    Features,
}

/// What the navigation items of the portal lead to right now, for an administrator of this tenant.
#[must_use]
pub fn navigation(tenant: &Tenant) -> Navigation {
    if tenant.is_on() {
        return Navigation::Features;
    }
    if rules::eligibility(tenant).is_err() {
        return Navigation::Absent;
    }
    match tenant.experience {
        Experience::WelcomePage => Navigation::WelcomePage,
        Experience::SettingsPage => Navigation::SettingsPage,
        Experience::DefenderPortal => Navigation::StartsOnboarding,
    }
}

/// What turning on asks for: a region, and consent given in the same breath. Both may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnOn {
    /// The region wished for.
    pub region: Option<Region>,
    /// The consent given with it.
    pub consent: Option<Consent>,
}

/// Turns the service on. A tenant that is on already stays as it is and where it is.
///
/// # Errors
/// Every rule of [`rules`]; `RegionMismatch` also for a tenant that is already on elsewhere.
pub fn turn_on(tenant: &mut Tenant, scene: Scene, wish: TurnOn) -> Result<Vec<Change>, Refusal> {
    rules::require_role(tenant, scene.actor, "turning on", &TURN_ON_ROLES)?;
    if tenant.is_on() {
        rules::region_for(tenant, scene.actor, wish.region)?;
        return Ok(Vec::new());
    }
    rules::eligibility(tenant)?;
    let region = rules::region_for(tenant, scene.actor, wish.region)?;
    let needs_consent = tenant.experience == Experience::WelcomePage;
    if needs_consent && tenant.consent.is_none() && wish.consent.is_none() {
        return Err(Refusal::ConsentMissing);
    }
    let mut changes =
        wish.consent.filter(|_| needs_consent).map(|given| record_consent(tenant, given)).unwrap_or_default();
    tenant.switch(ServiceState::On { region, since: Some(scene.now) }, scene.now);
    tenant.region = region;
    tenant.chosen_region = None;
    tenant.opted_out = false;
    tenant.leftovers = true;
    changes.push(Change::new(
        Effect::TurnedOn,
        [("region", region.map_or_else(|| "none".to_owned(), |region| region.to_string()))],
    ));
    Ok(changes)
}

/// Chooses the region on the welcome page, before the service is on.
///
/// # Errors
/// `NoSuchSwitch` from June 2020 on, where the location is automatic; `RegionMismatch`, `RegionUnavailable`.
pub fn choose_region(tenant: &mut Tenant, scene: Scene, wished: Region) -> Result<Vec<Change>, Refusal> {
    rules::require_role(tenant, scene.actor, "choosing the region", &TURN_ON_ROLES)?;
    if tenant.experience != Experience::WelcomePage {
        return Err(Refusal::NoSuchSwitch { experience: tenant.experience, what: "choose a data centre location" });
    }
    rules::eligibility(tenant)?;
    rules::region_for(tenant, scene.actor, Some(wished))?;
    if tenant.is_on() || tenant.chosen_region == Some(wished) {
        return Ok(Vec::new());
    }
    tenant.chosen_region = Some(wished);
    Ok(vec![Change::new(Effect::RegionChosen, [("region", wished.to_string())])])
}

/// Gives consent on the welcome page.
///
/// # Errors
/// `NoSuchSwitch` from June 2020 on: nothing asks for consent any more.
pub fn give_consent(tenant: &mut Tenant, scene: Scene, consent: Consent) -> Result<Vec<Change>, Refusal> {
    rules::require_role(tenant, scene.actor, "giving consent", &TURN_ON_ROLES)?;
    if tenant.experience != Experience::WelcomePage {
        return Err(Refusal::NoSuchSwitch { experience: tenant.experience, what: "give consent" });
    }
    Ok(record_consent(tenant, consent))
}

fn record_consent(tenant: &mut Tenant, consent: Consent) -> Vec<Change> {
    if tenant.consent.as_ref() == Some(&consent) {
        return Vec::new();
    }
    let change = Change::new(
        Effect::Consented,
        [("grantedBy", consent.granted_by.clone()), ("grantedOn", consent.granted_on.to_string())],
    );
    tenant.consent = Some(consent);
    vec![change]
}

/// Opts out: the features go, data and its region stay.
///
/// # Errors
/// `NoSuchSwitch` for a person today (the switch was removed in October 2020).
pub fn opt_out(tenant: &mut Tenant, scene: Scene) -> Result<Vec<Change>, Refusal> {
    if tenant.experience == Experience::DefenderPortal && !scene.actor.can_do_what_support_does() {
        return Err(Refusal::NoSuchSwitch { experience: tenant.experience, what: "turn the service off" });
    }
    rules::require_role(tenant, scene.actor, "opting out", &TURN_ON_ROLES)?;
    if !tenant.is_on() {
        return Ok(Vec::new());
    }
    tenant.switch(ServiceState::Off, scene.now);
    tenant.opted_out = true;
    Ok(vec![Change::new(Effect::TurnedOff, [])])
}

/// Removes the service and its resources; the region is free again. The links belong to other products and stay.
///
/// # Errors
/// `NoSuchSwitch` for a person: *support staff can help provision or deprovision the service*.
pub fn deprovision(tenant: &mut Tenant, scene: Scene) -> Result<Vec<Change>, Refusal> {
    if !scene.actor.can_do_what_support_does() {
        return Err(Refusal::NoSuchSwitch { experience: tenant.experience, what: "deprovision the service" });
    }
    let was_there = tenant.is_on() || tenant.leftovers;
    if tenant.is_on() {
        tenant.switch(ServiceState::Off, scene.now);
    }
    tenant.region = None;
    tenant.chosen_region = None;
    tenant.consent = None;
    tenant.opted_out = false;
    tenant.leftovers = false;
    Ok(if was_there { vec![Change::new(Effect::Deprovisioned, [])] } else { Vec::new() })
}

/// Sets or takes away a link. `delay` is how long a newly set link takes to work (up to 12 hours for `IdentityCloudApps`).
///
/// # Errors
/// `LinkNotHere`, `RoleMissing`, and `ServiceMissing` when linking.
pub fn set_link(
    tenant: &mut Tenant,
    scene: Scene,
    link: IntegrationType,
    state: LinkState,
    delay: SignedDuration,
) -> Result<Vec<Change>, Refusal> {
    let (roles, service) = rules::link_needs(tenant.experience, link)?;
    rules::require_role(tenant, scene.actor, "changing a link", roles)?;
    if state == LinkState::Linked && !tenant.services.contains(&service) {
        return Err(Refusal::ServiceMissing { link, service });
    }
    if tenant.link_state(link) == state {
        return Ok(Vec::new());
    }
    let (effect, effective_at) = match state {
        LinkState::Linked => (Effect::Linked, Some(scene.now.saturating_add(delay).unwrap_or(scene.now))),
        LinkState::Unlinked => (Effect::Unlinked, None),
    };
    tenant.links.insert(link, Link { state, effective_at });
    Ok(vec![Change::new(effect, [("type", link.to_string())])])
}

/// Opens the portal at one of the navigation items. It never fails; the click is loaded under the later experiences.
///
/// June 2020: the service turns on when an eligible customer with the required permissions visits, unless the switch was
/// cleared. Today: opening an item starts onboarding, and no switch holds it off.
pub fn open_portal(tenant: &mut Tenant, scene: Scene) -> (Navigation, Vec<Change>) {
    let shown = navigation(tenant);
    let comes_on = match tenant.experience {
        Experience::WelcomePage => false,
        Experience::SettingsPage => !tenant.opted_out,
        Experience::DefenderPortal => true,
    };
    if tenant.is_on() || !comes_on {
        return (shown, Vec::new());
    }
    let changes = turn_on(tenant, scene, TurnOn::default()).unwrap_or_default();
    (if tenant.is_on() { Navigation::Features } else { shown }, changes)
}
