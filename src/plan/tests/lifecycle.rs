//! The lifecycle of the two pages of March and June 2020, row by row, and what follows from it. Each name quotes its row.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::json;

use super::eyes::*;
use super::fixture::*;
use crate::api::{ConditionType, PendingStep, Reason, StepName, TriState};
use crate::plan::handoff::HandOff;
use crate::plan::microsoft::Listed;
use crate::plan::reading::Reading;
use crate::tenant::{CapabilityStatus, Feature, Role, Service};

/// A tenant of these rules with nobody but persons to act; what one of them is asked first.
fn asked(experience: &str, fields: &serde_json::Value) -> HandOff {
    let mut spec = json!({"experience": experience, "dataSharing": consent("2026-06-01")});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let world = World::new(spec).without_broker();
    let plan = world.plan();
    plan.hand_offs().next().unwrap_or_else(|| panic!("nobody is asked: {plan}")).clone()
}

#[test]
fn who_is_it_for_unifies_defender_atp_office_365_atp_cloud_app_security_and_azure_atp() {
    let names: Vec<_> = Service::ALL.iter().map(|service| service.name()).collect();
    assert_eq!(names, ["Endpoint", "Office365", "Identity", "CloudApps"]);
}

#[rstest]
#[case::march_each_opens_a_welcome_page("WelcomePage", "https://security.microsoft.com/incidents?tid=")]
#[case::june_each_opens_the_settings_page("SettingsPage", "https://security.microsoft.com/settings?tid=")]
#[case::today_opening_any_starts_onboarding("DefenderPortal", "https://security.microsoft.com/incidents?tid=")]
fn before_it_is_on(#[case] experience: &str, #[case] link: &str) {
    assert_eq!(asked(experience, &json!({})).link, format!("{link}{TENANT}"));
}

#[rstest]
#[case("WelcomePage", true)]
#[case("SettingsPage", true)]
#[case("DefenderPortal", false)]
fn where_the_switch_is_settings_microsoft_threat_protection(#[case] experience: &str, #[case] is_there: bool) {
    let asked = asked(experience, &json!({}));
    assert_eq!(asked.instructions.contains("Settings > Microsoft Threat Protection"), is_there, "{asked:?}");
}

#[rstest]
fn if_not_eligible_nobody_is_sent_to_pages_that_are_not_shown(
    #[values("WelcomePage", "SettingsPage", "DefenderPortal")] experience: &str,
) {
    let mut seen = seen_off();
    seen.skus = Reading::observed(Listed { items: Vec::new(), is_complete: true });
    let spec = json!({"experience": experience, "dataSharing": consent("2026-06-01")});
    let mut world = World::new(spec).sees(seen).without_broker();
    world.pass();
    world.assert_stalled(Reason::NotEligible);
    assert!(world.status.as_ref().unwrap().pending_actions.is_empty());
    let eligible = world.message(ConditionType::Eligible);
    assert!(
        eligible.contains("E5") || eligible.contains("Defender for Endpoint"),
        "\"a visible, explained state (which licence is missing)\": {eligible}"
    );
}

#[rstest]
#[case::march_the_admin_is_asked_to_choose_one("WelcomePage", "choose the region")]
#[case::june_shown_on_the_screen("SettingsPage", "look at the data location that is shown")]
#[case::june_picked_automatically("SettingsPage", "Microsoft chooses the data location")]
#[case::today_automatic("DefenderPortal", "Microsoft chooses the data location")]
fn region_tenant_has_none(#[case] experience: &str, #[case] says: &str) {
    let asked = asked(experience, &json!({}));
    assert!(asked.instructions.contains(says), "{asked:?}");
}

#[test]
fn consent_march_required_is_part_of_what_the_welcome_page_asks() {
    assert!(asked("WelcomePage", &json!({})).instructions.contains("give consent"));
    assert!(!asked("SettingsPage", &json!({})).instructions.contains("consent"));
}

#[test]
fn added_once_on_incident_management_action_center_advanced_hunting() {
    let mut world = World::new(json!({}));
    world.show_state("Enabled");
    world.pass();
    let features: Vec<_> = world.status.unwrap().features.iter().map(|feature| (feature.name, feature.state)).collect();
    assert_eq!(
        features,
        [
            (Feature::Incidents, TriState::True),
            (Feature::ActionCenter, TriState::True),
            (Feature::AdvancedHunting, TriState::True)
        ]
    );
}

#[rstest]
#[case::in_2020_global_administrator_alone("SettingsPage", &[Role::GlobalAdministrator])]
#[case::today_signing_in_once("DefenderPortal", &[Role::SecurityAdministrator, Role::GlobalAdministrator])]
fn azure_atp_data_needs_the_integration_with_cloud_app_security(#[case] experience: &str, #[case] roles: &[Role]) {
    let spec = json!({
        "experience": experience,
        "integrations": [{"name": "identity-data", "type": "IdentityCloudApps"}],
        "attestations": [attestation("ServiceOn", json!({}))],
    });
    let world = World::new(spec).without_broker();
    let plan = world.plan();
    let hand_off = plan.hand_offs().next().unwrap();
    assert_eq!((hand_off.step, hand_off.roles.as_slice()), (PendingStep::Link, roles), "its own step, its own role");
}

#[test]
fn the_link_is_not_required_for_on() {
    let mut world = World::new(json!({"attestations": [attestation("ServiceOn", json!({}))]})).without_broker();
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[rstest]
fn effect_of_off_the_features_leave_and_no_deletion_is_claimed(
    #[values("WelcomePage", "SettingsPage", "DefenderPortal")] experience: &str,
) {
    let on = json!({"desiredState": "Disabled", "attestations": [attestation("ServiceOn", json!({}))]});
    let asked = asked(experience, &on);
    assert_eq!(asked.step, PendingStep::Disable);
    let mut world =
        World::new(json!({"desiredState": "Disabled", "experience": experience, "dataSharing": consent("2026-06-01")}));
    world.show_state("Enabled");
    let told = world.plan().to_string().to_lowercase();
    assert!(told.contains("the features go, the four services stay as they are"), "{told}");
    for text in [&told, &asked.instructions.to_lowercase()] {
        assert!(!text.contains("delete"), "\"data deletion not mentioned\": {text}");
    }
}

#[rstest]
#[case("WelcomePage", "Please deprovision Microsoft Threat Protection and its related resources")]
#[case("SettingsPage", "Please deprovision Microsoft Threat Protection and its related resources")]
#[case("DefenderPortal", "Please deprovision Microsoft Defender XDR and its related resources")]
fn help_support_can_deprovision_the_service_and_related_resources(#[case] experience: &str, #[case] says: &str) {
    let gone = json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT});
    let asked = asked(experience, &gone);
    assert_eq!(asked.roles, [Role::ServiceSupportAdministrator, Role::GlobalAdministrator]);
    assert!(asked.instructions.contains(says) && asked.instructions.contains(TENANT), "{asked:?}");
}

#[rstest]
#[case(CapabilityStatus::Suspended)]
#[case(CapabilityStatus::Deleted)]
fn losing_a_service_must_not_turn_it_off_only_degrade_it(#[case] capability: CapabilityStatus) {
    let mut world = World::new(json!({"expectedServices": ["Endpoint"]})).sees(seen_on());
    world.show_state("Enabled");
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    if let Reading::Known { value, .. } = &mut world.microsoft().skus {
        value.items.iter_mut().for_each(|sku| sku.capability = capability);
    }
    world.microsoft().newest_rows = Reading::observed(BTreeMap::new());
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(ConditionType::Eligible).map(|(status, _)| status), Some(TriState::False));
    assert_eq!(world.condition(ConditionType::ServicesReporting), Some((TriState::False, Reason::ServiceNotReporting)));
    assert!(world.sent.is_empty());
}

#[test]
fn turning_on_must_never_change_the_four_services_settings() {
    let steps: Vec<_> = StepName::ALL.iter().map(|step| step.name()).collect();
    assert_eq!(steps, ["Enable", "Disable", "Link", "Unlink", "Deprovision"], "no step names a service's own setting");
}
