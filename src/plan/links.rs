//! What Microsoft's own APIs say of a link: whether its switch is set, and whether data flows through it.

use super::microsoft::{LinkAnswer, Microsoft, ObservedLink};
use super::reading::{Reading, Why};
use super::situation::Situation;
use crate::api::TriState;
use crate::tenant::{IntegrationType, LinkState, Permission, Service};

/// Whether the link of this name is set, as the authority for its switch says.
///
/// The connector to Intune has four documented states (`mobileThreatPartnerTenantState`, Microsoft Graph v1.0):
/// `enabled` and `unresponsive` are linked, `available` and `unavailable` are not. A spelling that is not documented is
/// not known.
pub(super) fn state(microsoft: &Microsoft, name: &str) -> Reading<LinkState> {
    let Some(link) = microsoft.links.get(name) else { return Reading::unknown(not_asked(microsoft)) };
    match &link.answer {
        Reading::Unknown { why } => Reading::unknown(*why),
        Reading::Known { value, .. } => shown(value).map_or(Reading::unknown(Why::Ambiguous), Reading::observed),
    }
}

/// Where nothing could be asked for want of a token, a link could not be read either.
fn not_asked(microsoft: &Microsoft) -> Why {
    match microsoft.access {
        super::microsoft::Access::Failed(_) => Why::ReadFailed,
        _ => Why::NotAsked,
    }
}

fn shown(answer: &LinkAnswer) -> Option<LinkState> {
    let spelt = |text: &str| text.trim().to_ascii_lowercase();
    match answer {
        LinkAnswer::Partner(state) => match spelt(state).as_str() {
            "enabled" | "unresponsive" => Some(LinkState::Linked),
            "available" | "unavailable" => Some(LinkState::Unlinked),
            _ => None,
        },
        LinkAnswer::Setting { is_enabled: true } => Some(LinkState::Linked),
        LinkAnswer::Setting { is_enabled: false } | LinkAnswer::Connector { incidents: None } => {
            Some(LinkState::Unlinked)
        }
        LinkAnswer::Connector { incidents: Some(state) } => match spelt(state).as_str() {
            "enabled" => Some(LinkState::Linked),
            "disabled" => Some(LinkState::Unlinked),
            _ => None,
        },
    }
}

/// Whether a link that Azure Resource Manager shows was not asked for in this look, because others came first.
pub(super) fn awaits_its_turn(situation: &Situation, name: &str, kind: IntegrationType) -> bool {
    let microsoft = &situation.observed.microsoft;
    microsoft.is_asked() && !kind.is_changed_by_broker() && !microsoft.links.contains_key(name)
}

/// What was asked about the link of this name.
pub(super) fn asked<'a>(microsoft: &'a Microsoft, name: &str) -> Option<&'a ObservedLink> {
    microsoft.links.get(name)
}

/// Whether data flows through the link; only some links show it.
pub(super) fn effective(microsoft: &Microsoft, name: &str, kind: IntegrationType) -> Reading<bool> {
    match kind {
        // Cloud Apps sign-ins are in the same table; only on-premises rows are counted.
        IntegrationType::IdentityCloudApps => {
            microsoft.newest_rows.as_ref().map(|rows| rows.contains_key(&Service::Identity))
        }
        IntegrationType::EndpointIntune => match microsoft.links.get(name).map(|link| &link.answer) {
            Some(Reading::Known { value: LinkAnswer::Partner(state), source }) => {
                let value = state.trim().eq_ignore_ascii_case("enabled");
                // What is not documented says nothing of that either.
                let is_documented = shown(&LinkAnswer::Partner(state.clone())).is_some();
                if is_documented { Reading::Known { value, source: *source } } else { Reading::unknown(Why::Ambiguous) }
            }
            Some(Reading::Unknown { why }) => Reading::unknown(*why),
            _ => Reading::unknown(Why::NotAsked),
        },
        IntegrationType::DefenderForCloudEndpoint
        | IntegrationType::DefenderForCloudCloudApps
        | IntegrationType::SentinelIncidents => Reading::unknown(Why::NotAsked),
    }
}

/// The same as status shows it.
pub(super) const fn tri(reading: &Reading<bool>) -> TriState {
    match reading.value() {
        Some(true) => TriState::True,
        Some(false) => TriState::False,
        None => TriState::Unknown,
    }
}

/// What reading the switch of such a link asks for.
pub(super) const fn permission(kind: IntegrationType) -> Permission {
    match kind {
        IntegrationType::IdentityCloudApps => Permission::ThreatHunting,
        IntegrationType::EndpointIntune => Permission::IntuneConnector,
        IntegrationType::DefenderForCloudEndpoint | IntegrationType::DefenderForCloudCloudApps => {
            Permission::SecurityReader
        }
        IntegrationType::SentinelIncidents => Permission::SentinelContributor,
    }
}

/// What changing the switch of such a link through Azure Resource Manager asks for.
pub(super) const fn permission_to_change(kind: IntegrationType) -> Permission {
    match kind {
        IntegrationType::SentinelIncidents => Permission::SentinelContributor,
        _ => Permission::SecurityAdmin,
    }
}
