//! What is asked of Microsoft's own APIs: everything at a look, and between two of them what a person is expected to do.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::TENANT;
use crate::api::{ThreatProtectionTenantSpec, ThreatProtectionTenantStatus};
use crate::plan::desired::{Desired, DesiredLink};
use crate::plan::inquiry::{Awaited, Inquiry, awaited, inquiry};
use crate::plan::memory::Memory;
use crate::tenant::{Cloud, IntegrationType, LinkState, Role};

const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";

fn workspace() -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/soc-prod"
    )
}

fn desired(integrations: &Value, is_observed: bool) -> Desired {
    let mut spec = json!({ "tenantId": TENANT, "integrations": integrations });
    if is_observed {
        spec["observation"] = json!({ "subscriptionId": SUBSCRIPTION });
    }
    let spec: ThreatProtectionTenantSpec = serde_json::from_value(spec).unwrap();
    Desired::from_spec(&spec).unwrap()
}

/// A link of every kind; that to Defender for Cloud Apps is to go.
fn every_kind() -> Value {
    json!([
        {"name": "identity", "type": "IdentityCloudApps"},
        {"name": "intune", "type": "EndpointIntune"},
        {"name": "wdatp", "type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION},
        {"name": "mcas", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION, "state": "Unlinked"},
        {"name": "sentinel", "type": "SentinelIncidents", "workspaceResourceId": workspace()},
    ])
}

fn status(steps: &[&str], links: &[(&str, &str)]) -> ThreatProtectionTenantStatus {
    let action = |step: &&str| json!({ "step": step, "role": "", "link": "", "instructions": "", "verifiedBy": "", "sinceTime": "2026-06-15T12:00:00Z" });
    let link = |(name, state): &(&str, &str)| json!({ "name": name, "state": state, "actor": "Person", "effective": "Unknown" });
    let status = json!({
        "pendingActions": steps.iter().map(action).collect::<Vec<_>>(),
        "integrations": links.iter().map(link).collect::<Vec<_>>(),
    });
    let status: ThreatProtectionTenantStatus = serde_json::from_value(status).unwrap();
    assert_eq!((status.pending_actions.len(), status.integrations.len()), (steps.len(), links.len()));
    status
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_full_look_asks_for_everything_that_is_declared() {
    let link = |kind, state, target: Option<String>| DesiredLink { kind, state, target };
    let subscription = || Some(SUBSCRIPTION.to_owned());
    let expected = Inquiry {
        tenant: TENANT.parse().unwrap(),
        cloud: Cloud::Public,
        roles: BTreeSet::from([
            Role::GlobalAdministrator,
            Role::SecurityAdministrator,
            Role::ServiceSupportAdministrator,
            Role::BillingAdministrator,
            Role::IntuneAdministrator,
        ]),
        observation: subscription(),
        links: [
            ("identity", link(IntegrationType::IdentityCloudApps, LinkState::Linked, None)),
            ("intune", link(IntegrationType::EndpointIntune, LinkState::Linked, None)),
            ("wdatp", link(IntegrationType::DefenderForCloudEndpoint, LinkState::Linked, subscription())),
            ("mcas", link(IntegrationType::DefenderForCloudCloudApps, LinkState::Unlinked, subscription())),
            ("sentinel", link(IntegrationType::SentinelIncidents, LinkState::Linked, Some(workspace()))),
        ]
        .map(|(name, link)| (name.to_owned(), link))
        .into(),
        pending: names(&["identity", "intune", "wdatp", "mcas", "sentinel"]),
    };
    assert_eq!(inquiry(&desired(&every_kind(), true), &Memory::new(None)), expected);
}

#[test]
fn roles_are_asked_for_as_far_as_a_hand_off_may_name_them() {
    let asked = inquiry(&desired(&json!([]), false), &Memory::new(None));
    assert!(!asked.roles.contains(&Role::IntuneAdministrator));
    assert_eq!((asked.roles.len(), asked.observation, asked.links.len(), asked.pending.len()), (4, None, 0, 0));
}

/// A batch takes twenty questions: each role is two, and there are eight others at most.
#[test]
fn the_roles_fit_into_one_batch_with_everything_else() {
    assert!(inquiry(&desired(&every_kind(), true), &Memory::new(None)).roles.len() * 2 + 8 <= 20);
}

#[rstest]
#[case::as_declared(&[("intune", "Linked"), ("mcas", "Unlinked"), ("wdatp", "Linked"), ("sentinel", "Linked"), ("identity", "Linked")], &[])]
#[case::the_other_way(&[("intune", "Unlinked"), ("mcas", "Linked"), ("wdatp", "Linked"), ("sentinel", "Linked"), ("identity", "Linked")], &["intune", "mcas"])]
#[case::not_known(&[("intune", "Unknown"), ("mcas", "Unknown"), ("wdatp", "Linked"), ("sentinel", "Linked")], &["identity", "intune", "mcas"])]
fn a_link_is_pending_unless_it_is_known_to_be_as_declared(#[case] stored: &[(&str, &str)], #[case] pending: &[&str]) {
    let memory = Memory::new(Some(status(&[], stored)));
    assert_eq!(inquiry(&desired(&every_kind(), false), &memory).pending, names(pending));
}

#[rstest]
#[case::nothing(&[], (false, false), &[])]
#[case::enable(&["Enable"], (true, false), &[])]
#[case::disable(&["Disable"], (true, false), &[])]
#[case::deprovision(&["Deprovision"], (true, false), &[])]
#[case::region(&["RequestRegion"], (true, false), &[])]
#[case::attest(&["Attest"], (true, true), &[])]
#[case::link(&["Link"], (false, false), &["intune", "mcas", "sentinel"])]
#[case::unlink(&["Unlink"], (false, false), &["intune", "mcas", "sentinel"])]
#[case::several(&["Enable", "Link", "Attest"], (true, true), &["intune", "mcas", "sentinel"])]
fn what_a_person_is_to_do_is_awaited(
    #[case] steps: &[&str],
    #[case] (service, location): (bool, bool),
    #[case] links: &[&str],
) {
    // That to Defender for Endpoint is as declared, and no API shows that of Defender for Identity.
    let stored =
        [("wdatp", "Linked"), ("mcas", "Linked"), ("intune", "Unlinked"), ("identity", "Unlinked"), ("gone", "Linked")];
    let awaits = awaited(&desired(&every_kind(), true), &status(steps, &stored));
    assert_eq!(awaits, Awaited { service, location, links: names(links) });
    assert_eq!(awaits.is_nothing(), steps.is_empty());
}

#[test]
fn a_place_that_nobody_can_look_up_is_not_awaited() {
    let awaits = awaited(&desired(&json!([]), false), &status(&["Attest"], &[]));
    assert_eq!(awaits, Awaited { service: true, location: false, links: names(&[]) });
}
