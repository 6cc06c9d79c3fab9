//! Facts of the tenant that no plan derives: hosts, permissions, regions by name, rules of the experiences.

use rstest::rstest;

use super::eyes::TENANT;
use crate::plan::failure::ErrorClass;
use crate::tenant::{CapabilityStatus, Cloud, Experience, IntegrationType, Permission, ProvisioningStatus, Region};

#[rstest]
#[case(Cloud::Public, "https://security.microsoft.com", true)]
#[case(Cloud::GCC, "https://security.microsoft.com", false)]
#[case(Cloud::GCCHigh, "https://security.microsoft.us", false)]
#[case(Cloud::DoD, "https://security.apps.mil", false)]
fn a_deep_link_leads_into_the_portal_of_the_cloud_and_of_the_tenant(
    #[case] cloud: Cloud,
    #[case] portal: &str,
    #[case] has_regions: bool,
) {
    let link = cloud.portal_link("/settings", TENANT.parse().unwrap());
    assert_eq!(link, format!("{portal}/settings?tid={TENANT}"));
    assert_eq!(cloud.has_regions(), has_regions, "\"none for non-`Public` clouds\"");
}

#[rstest]
#[case(Permission::GroupMembers, "the application permission GroupMember.Read.All")]
#[case(Permission::ThreatHunting, "the application permission ThreatHunting.Read.All")]
#[case(Permission::SecurityReader, "the Azure role Security Reader on the subscription")]
#[case(Permission::SecurityAdmin, "the Azure role Security Admin on the subscription")]
#[case(Permission::SentinelContributor, "the Azure role Microsoft Sentinel Contributor on the workspace")]
fn a_permission_says_where_it_is_granted(#[case] permission: Permission, #[case] text: &str) {
    assert_eq!(permission.to_string(), text);
}

/// Consent, choice of the region, on by a visit, opt-out switch: section "Experiences".
#[rstest]
#[case(Experience::WelcomePage, [true, true, false, true])]
#[case(Experience::SettingsPage, [false, false, true, true])]
#[case(Experience::DefenderPortal, [false, false, true, false])]
fn the_same_words_mean_different_things(#[case] experience: Experience, #[case] rules: [bool; 4]) {
    let found = [
        experience.requires_consent(),
        experience.administrator_chooses_region(),
        experience.turns_on_by_visit(),
        experience.has_opt_out_switch(),
    ];
    assert_eq!(found, rules);
    let existing: Vec<_> = Region::ALL.iter().filter(|region| region.exists_under(experience)).collect();
    let expected = if experience == Experience::DefenderPortal { 7 } else { 3 };
    assert_eq!(existing.len(), expected, "the rules of 2020 know EU, UK and US");
    let by_rule = (experience != Experience::DefenderPortal).then_some(Region::EU);
    assert_eq!(Region::of_security_center(experience), by_rule);
}

#[rstest]
#[case::as_the_package_spells_it("WestEurope", Some(Region::EU))]
#[case::as_its_address_did_in_2020("europewest", Some(Region::EU))]
#[case::with_blanks(" UkSouth ", Some(Region::UK))]
#[case::numbered("EastUs3", Some(Region::US))]
#[case::an_unknown_one("BrazilSouth", None)]
#[case::none("", None)]
fn a_data_centre_names_a_region(#[case] name: &str, #[case] region: Option<Region>) {
    assert_eq!(Region::of_data_center(name), region);
}

#[rstest]
#[case::plain("EU", Some(Region::EU))]
#[case::of_a_partner("GW_US", Some(Region::US))]
#[case::in_small_letters(" gw_uk ", Some(Region::UK))]
#[case::unknown("BR", None)]
fn a_geography_names_a_region(#[case] name: &str, #[case] region: Option<Region>) {
    assert_eq!(Region::of_geography(name), region);
}

#[test]
fn two_links_go_through_the_broker_and_one_cannot_be_undone() {
    let with = |is: fn(IntegrationType) -> bool| -> Vec<_> {
        IntegrationType::ALL.iter().copied().filter(|kind| is(*kind)).collect()
    };
    let by_broker = [IntegrationType::IdentityCloudApps, IntegrationType::EndpointIntune];
    assert_eq!(with(IntegrationType::is_changed_by_broker), by_broker);
    assert_eq!(with(IntegrationType::is_irreversible), [IntegrationType::DefenderForCloudEndpoint]);
}

#[test]
fn the_state_of_a_licence_is_read_whatever_its_case() {
    for state in CapabilityStatus::ALL {
        assert_eq!(CapabilityStatus::read(&format!(" {} ", state.name().to_uppercase())), *state);
    }
    for state in ProvisioningStatus::ALL {
        assert_eq!(ProvisioningStatus::read(&state.name().to_lowercase()), *state);
    }
    assert_eq!(CapabilityStatus::read("Paused"), CapabilityStatus::Unrecognised);
    assert_eq!(ProvisioningStatus::read(""), ProvisioningStatus::Unrecognised);
}

#[test]
fn every_class_of_failure_has_its_own_short_name() {
    let classes = [
        ErrorClass::Throttled { until: None },
        ErrorClass::Transient,
        ErrorClass::Waiting,
        ErrorClass::Auth,
        ErrorClass::Permission,
        ErrorClass::Invalid,
        ErrorClass::Protocol,
    ];
    let names = ["throttled", "transient", "waiting", "auth", "permission", "invalid", "protocol"];
    assert_eq!(classes.map(ErrorClass::name), names);
    let unknown: Vec<_> = classes.into_iter().filter(|class| class.leaves_outcome_unknown()).collect();
    assert_eq!(unknown, [ErrorClass::Transient, ErrorClass::Protocol], "whether a request arrived is not known");
}
