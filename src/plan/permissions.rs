//! Which permissions the credentials of a resource need, for what, and which of them are known to be missing.
//!
//! Asked for is only what is in use: the connection to Intune where it is declared, roles of Azure where something of Azure
//! is. Names and least privilege: Microsoft Graph permissions reference, Azure built-in roles (2025).

use std::collections::BTreeSet;

use super::desired::Desired;
use super::links;
use super::microsoft::{Microsoft, Principal};
use super::reading::{Reading, Why};
use crate::api::TriState;
use crate::tenant::{IntegrationType, Permission};

/// One permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Which.
    pub permission: Permission,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// Without it the state of the service cannot be seen; what the others are for degrades to unknown.
    pub is_required: bool,
    /// Whether it is granted, as far as the answers tell.
    pub is_granted: TriState,
}

/// Every permission that this declaration makes use of, the required ones first.
#[must_use]
pub fn needs(desired: &Desired, microsoft: &Microsoft) -> Vec<Need> {
    use Permission as P;
    let mut needs: Vec<(Permission, bool, &'static str)> = vec![
        (P::Organization, true, "proves the tenant; licences"),
        (P::SecurityIncidents, true, "whether the service is on"),
        (P::ThreatHunting, true, "whether the service is on; which services feed data"),
        (P::IdentityHealth, false, "whether the service is off"),
        (P::SecurityAlerts, false, "a further signal of the service"),
        (P::Applications, false, "tells a missing permission from a feature that is not there"),
        (P::DirectoryRoles, false, "who may do what a person must do"),
        (P::GroupMembers, false, "whether groups with a role have members"),
    ];
    let kinds: BTreeSet<IntegrationType> = desired.integrations.values().map(|wish| wish.kind).collect();
    let has_settings = kinds.contains(&IntegrationType::DefenderForCloudEndpoint)
        || kinds.contains(&IntegrationType::DefenderForCloudCloudApps);
    if kinds.contains(&IntegrationType::EndpointIntune) {
        needs.push((P::IntuneConnector, false, "the link to Intune"));
    }
    if has_settings || desired.observation.is_some() {
        needs.push((P::SecurityReader, false, "settings of Defender for Cloud; where Endpoint keeps its data"));
    }
    if has_settings {
        needs.push((P::SecurityAdmin, false, "changing settings of Defender for Cloud"));
    }
    if kinds.contains(&IntegrationType::SentinelIncidents) {
        needs.push((P::SentinelContributor, false, "the connector of Microsoft Sentinel"));
    }
    needs
        .into_iter()
        .map(|(permission, is_required, purpose)| Need {
            permission,
            purpose,
            is_required,
            is_granted: granted(desired, microsoft, permission),
        })
        .collect()
}

/// The permissions to be named as missing, where `told` is what was said before.
///
/// What was named stays until it is shown to be granted: an answer that fails, or whose turn is at another look, takes
/// nothing back. What is newly missing is named where that is news.
pub(super) fn to_name(desired: &Desired, microsoft: &Microsoft, told: &str, is_news: bool) -> Vec<Permission> {
    let is_named = |need: &Need| {
        let was_told = told.contains(&need.permission.to_string());
        match need.is_granted {
            TriState::True => false,
            TriState::False => is_news || was_told,
            TriState::Unknown => was_told && !is_moot(microsoft, need.permission),
        }
    };
    needs(desired, microsoft).into_iter().filter(is_named).map(|need| need.permission).collect()
}

/// Whether nothing is there that a permission would show: where no group holds a role, none is to be counted.
fn is_moot(microsoft: &Microsoft, permission: Permission) -> bool {
    let lists = || microsoft.roles.values().flat_map(|holders| [&holders.assigned, &holders.eligible]);
    permission == Permission::GroupMembers
        && lists().all(|list| list.value().is_some_and(|list| list.is_complete))
        && groups(microsoft).next().is_none()
}

fn granted(desired: &Desired, microsoft: &Microsoft, permission: Permission) -> TriState {
    let said = microsoft.permissions.value().and_then(|permissions| permissions.get(&permission));
    match said {
        Some(true) => TriState::True,
        Some(false) => TriState::False,
        None => shown(desired, microsoft, permission),
    }
}

/// What the answers show of a permission: it is granted where they answer, and missing where they say so.
fn shown(desired: &Desired, microsoft: &Microsoft, permission: Permission) -> TriState {
    use Permission as P;
    let of = |kinds: &[IntegrationType]| {
        let names = desired.integrations.iter().filter(|(_, wish)| kinds.contains(&wish.kind)).map(|(name, _)| name);
        best(names.filter_map(|name| links::asked(microsoft, name)).map(|link| tri(&link.answer)))
    };
    match permission {
        P::Organization => tri(&microsoft.skus),
        P::SecurityIncidents => tri(&microsoft.incidents),
        P::SecurityAlerts => tri(&microsoft.alerts),
        P::ThreatHunting => tri(&microsoft.hunting),
        P::IdentityHealth => tri(&microsoft.identity),
        P::Applications => tri(&microsoft.permissions),
        P::DirectoryRoles => best(microsoft.roles.values().map(|holders| tri(&holders.assigned))),
        P::GroupMembers => group_members(microsoft),
        P::IntuneConnector => of(&[IntegrationType::EndpointIntune]),
        P::SecurityReader => best([
            tri(&microsoft.security_center),
            of(&[IntegrationType::DefenderForCloudEndpoint, IntegrationType::DefenderForCloudCloudApps]),
        ]),
        P::SentinelContributor => of(&[IntegrationType::SentinelIncidents]),
        // Only a write shows it.
        P::SecurityAdmin => TriState::Unknown,
    }
}

fn group_members(microsoft: &Microsoft) -> TriState {
    best(groups(microsoft).map(tri))
}

/// The groups that hold a role, each with the number of persons in it.
fn groups(microsoft: &Microsoft) -> impl Iterator<Item = &Reading<u32>> {
    let lists = microsoft.roles.values().flat_map(|holders| [holders.assigned.value(), holders.eligible.value()]);
    lists.flatten().flat_map(|list| &list.items).filter_map(|holder| match &holder.principal {
        Principal::Group { members } => Some(members),
        _ => None,
    })
}

fn tri<T>(reading: &Reading<T>) -> TriState {
    match reading.why() {
        None => TriState::True,
        Some(Why::NotPermitted) => TriState::False,
        Some(Why::NotAsked | Why::ReadFailed | Why::Ambiguous) => TriState::Unknown,
    }
}

/// One answer shows that it is granted; else one refusal shows that it is missing.
fn best(shown: impl IntoIterator<Item = TriState>) -> TriState {
    let mut best = TriState::Unknown;
    for one in shown {
        match (one, best) {
            (TriState::True, _) | (_, TriState::True) => best = TriState::True,
            (TriState::False, _) => best = TriState::False,
            (TriState::Unknown, _) => {}
        }
    }
    best
}
