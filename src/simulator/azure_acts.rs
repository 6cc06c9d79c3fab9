//! What applications do to a tenant through Azure Resource Manager, and what then happens to it. Pure.

use jiff::Timestamp;

use super::azure::{Connector, Setting, Workspace};
use super::journal::{Change, Effect};
use super::tenant::{Link, Tenant};
use crate::tenant::{Cloud, Experience, IntegrationType, LinkState, Region};

/// Turns a setting of Defender for Cloud on or off. `WDATP` makes an Endpoint tenant where there is none, for ever.
pub fn set_setting(
    tenant: &mut Tenant,
    subscription: &str,
    (setting, enabled): (Setting, bool),
    now: Timestamp,
) -> Vec<Change> {
    let Some(known) = tenant.subscriptions.iter_mut().find(|known| known.id.eq_ignore_ascii_case(subscription)) else {
        return Vec::new();
    };
    if known.settings.get(setting) == enabled {
        return Vec::new();
    }
    known.settings.set(setting, enabled);
    let link = match setting {
        Setting::Wdatp => IntegrationType::DefenderForCloudEndpoint,
        Setting::Mcas => IntegrationType::DefenderForCloudCloudApps,
        Setting::Sentinel => return Vec::new(),
    };
    if setting == Setting::Wdatp && enabled && tenant.endpoint_region.is_none() && tenant.cloud == Cloud::Public {
        tenant.endpoint_region = Some(tenant.region.unwrap_or_else(|| region_of_a_new_endpoint(tenant)));
    }
    let is_linked = tenant.subscriptions.iter().any(|known| known.settings.get(setting));
    link_is(tenant, link, is_linked, now);
    // The entry is about this subscription; the link of the tenant stands as long as any subscription has it.
    let effect = if enabled { Effect::Linked } else { Effect::Unlinked };
    vec![Change::new(effect, [("type", link.to_string()), ("subscription", subscription.to_owned())])]
}

/// In 2020 a Defender ATP that Azure Security Center turned on was always in the European Union (Microsoft, *Frequently
/// asked questions when turning on Microsoft Threat Protection*, September 2020).
const fn region_of_a_new_endpoint(tenant: &Tenant) -> Region {
    match tenant.experience {
        Experience::WelcomePage | Experience::SettingsPage => Region::EU,
        Experience::DefenderPortal => tenant.automatic_region,
    }
}

/// Puts a connector into a workspace, replaces it, or takes the one of this name away.
pub fn set_connector(
    tenant: &mut Tenant,
    workspace: &str,
    (name, connector): (&str, Option<Connector>),
    now: Timestamp,
) -> Vec<Change> {
    let was_linked = brings_incidents(tenant);
    let Some(known) = tenant.workspaces.iter_mut().find(|known| known.resource_id.eq_ignore_ascii_case(workspace))
    else {
        return Vec::new();
    };
    known.connectors.retain(|known| !known.name.eq_ignore_ascii_case(name));
    known.connectors.extend(connector);
    let is_linked = brings_incidents(tenant);
    if was_linked == is_linked {
        return Vec::new();
    }
    let link = IntegrationType::SentinelIncidents;
    let effect = link_is(tenant, link, is_linked, now);
    vec![Change::new(effect, [("type", link.to_string()), ("workspace", workspace.to_owned())])]
}

fn brings_incidents(tenant: &Tenant) -> bool {
    let connectors = |workspace: &Workspace| workspace.connectors.iter().any(Connector::brings_incidents);
    tenant.workspaces.iter().any(connectors)
}

/// Writes down how a link stands, and says which effect that is.
fn link_is(tenant: &mut Tenant, link: IntegrationType, is_linked: bool, now: Timestamp) -> Effect {
    let (state, effective_at, effect) = if is_linked {
        (LinkState::Linked, Some(now), Effect::Linked)
    } else {
        (LinkState::Unlinked, None, Effect::Unlinked)
    };
    tenant.links.insert(link, Link { state, effective_at });
    effect
}
