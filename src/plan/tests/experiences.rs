//! Section "Experiences" of the contract, and the regions: each case quotes its row.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use crate::api::{ConditionType, PendingStep, Reason, TriState};
use crate::plan::microsoft::Microsoft;
use crate::plan::reading::{Reading, Why};
use crate::plan::report::report;
use crate::plan::step::StepActor;
use crate::tenant::{Experience, Region};

fn spec(experience: &str, extra: &Value) -> Value {
    let mut spec = json!({"experience": experience, "dataSharing": consent("2026-06-01")});
    spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    spec
}

/// After one pass without a broker.
fn handed_over(experience: &str, extra: &Value, microsoft: Microsoft) -> World {
    let mut world = World::new(spec(experience, extra)).sees(microsoft).without_broker();
    world.pass();
    world
}

#[track_caller]
fn action(world: &World) -> crate::api::PendingAction {
    world.status.as_ref().unwrap().pending_actions.first().cloned().unwrap_or_else(|| panic!("{}", world.plan()))
}

#[rstest]
#[case::an_administrator_finishes_the_welcome_page("WelcomePage", "finish the welcome page", "/incidents")]
#[case::or_settings("WelcomePage", "Or Settings", "/incidents")]
#[case::the_switch_in_settings_stays("SettingsPage", "select Turn on", "/settings")]
#[case::by_itself_when_an_eligible_administrator_visits("SettingsPage", "may already turn it on", "/settings")]
#[case::by_itself_when_a_navigation_item_is_opened("DefenderPortal", "that starts the onboarding", "/incidents")]
fn comes_on(#[case] experience: &str, #[case] words: &str, #[case] path: &str) {
    let region = if experience == "WelcomePage" { json!({"dataLocation": {"region": "EU"}}) } else { json!({}) };
    let world = handed_over(experience, &region, seen_off());
    world.assert_stalled(Reason::ActionRequired);
    let action = action(&world);
    assert!(action.instructions.contains(words), "{}", action.instructions);
    assert!(action.link.contains(path), "{}", action.link);
    assert_eq!(action.step, PendingStep::Enable);
}

/// Combinations of the plans of Endpoint, Identity, Cloud Apps and Office, and whom they make eligible.
#[rstest]
#[case::all_four(&[ENDPOINT_PLAN, IDENTITY_PLAN, CLOUD_APPS_PLAN, OFFICE_PLAN], [true, true, true])]
#[case::any_licence_that_brings_one_supported_service(&[IDENTITY_PLAN], [false, true, true])]
#[case::three_of_four(&[ENDPOINT_PLAN, IDENTITY_PLAN, CLOUD_APPS_PLAN], [false, true, true])]
#[case::endpoint_plan_1_today_wider_list(&["292cc034-7b7c-4950-aaf5-943befd3f1d4"], [false, false, true])]
#[case::office_plan_1_does_not_qualify(&["f20fedf3-f3c3-43c3-8267-2bfdd51c0939"], [false, false, false])]
#[case::the_plan_of_the_service_itself(&["bf28f719-7844-4079-9c78-c1307898e192"], [false, true, true])]
#[case::none(&[], [false, false, false])]
fn eligible_by(#[case] plans: &[&str], #[case] eligible: [bool; 3]) {
    for (experience, is_eligible) in ["WelcomePage", "SettingsPage", "DefenderPortal"].into_iter().zip(eligible) {
        let microsoft = Microsoft { skus: Reading::observed(skus(plans)), ..seen_off() };
        let world = handed_over(experience, &json!({}), microsoft);
        let status = world.condition(ConditionType::Eligible).map(|(status, _)| status);
        let expected = if is_eligible { TriState::True } else { TriState::False };
        assert_eq!(status, Some(expected), "{experience}: {}", world.message(ConditionType::Eligible));
        if !is_eligible {
            world.assert_stalled(Reason::NotEligible);
            assert!(world.status.unwrap().pending_actions.is_empty(), "only Eligible=False withholds the hand-off");
        }
    }
}

#[rstest]
#[case::required_before_data_is_shared("WelcomePage", TriState::False, Reason::ConsentRequired)]
#[case::not_asked_in_june("SettingsPage", TriState::True, Reason::NotNeeded)]
#[case::not_asked_today("DefenderPortal", TriState::True, Reason::NotNeeded)]
fn consent_is(#[case] experience: &str, #[case] status: TriState, #[case] reason: Reason) {
    let mut world = World::new(json!({"experience": experience})).sees_off();
    world.pass();
    assert_eq!(world.condition(ConditionType::Consented), Some((status, reason)));
    assert_eq!(world.sent.is_empty(), status == TriState::False);
}

#[rstest]
#[case::welcome_page("WelcomePage")]
#[case::settings_page("SettingsPage")]
#[case::defender_portal("DefenderPortal")]
fn region_endpoint_present_is_the_same_as_defender_for_endpoint(#[case] experience: &str) {
    let mut world = World::new(spec(experience, &json!({}))).sees_off();
    world.microsoft().endpoint_location = Reading::observed(located("UKSouth", "UK"));
    let StepActor::Broker(request) = &world.plan().next().unwrap().by.clone() else { panic!("{}", world.plan()) };
    assert_eq!(request.parameters.region, Some(Region::UK));
    let intent = report(&world.situation(), &world.plan());
    let pin = intent.data_location.expect("\"A decided region is pinned before the turn-on request is sent\"");
    assert_eq!((pin.region, pin.source.name()), (Region::UK, "Observed"));
}

#[rstest]
#[case::asked_for_welcome_page("WelcomePage")]
#[case::asked_for_settings_page("SettingsPage")]
#[case::asked_for_defender_portal("DefenderPortal")]
fn an_asked_for_region_that_differs_from_the_existing_one_is_stalled_before_anything_irreversible(
    #[case] experience: &str,
) {
    for with_broker in [true, false] {
        let mut world = World::new(spec(experience, &json!({"dataLocation": {"region": "US"}}))).sees_off();
        if !with_broker {
            world = world.without_broker();
        }
        world.pass();
        world.assert_stalled(Reason::RegionMismatch);
        assert!(world.sent.is_empty() && world.region().is_none(), "{}", world.plan());
        assert!(world.status.unwrap().pending_actions.is_empty());
    }
}

#[test]
fn region_none_is_chosen_by_the_administrator_under_the_welcome_page() {
    for with_broker in [true, false] {
        let mut world = World::new(spec("WelcomePage", &json!({}))).sees(seen_off_without_endpoint());
        // All four services are asked for in March, so the licence is there and its reading says that Endpoint is not.
        world.microsoft().skus = Reading::observed(skus(&[IDENTITY_PLAN, CLOUD_APPS_PLAN, OFFICE_PLAN]));
        if !with_broker {
            world = world.without_broker();
        }
        world.pass();
        let reasons: Vec<Reason> = world.plan().waiting.iter().map(|waiting| waiting.reason).collect();
        assert!(reasons.contains(&Reason::RegionRequired), "`dataLocation.region` needed to turn on: {reasons:?}");
        assert!(world.sent.is_empty());
    }
}

#[rstest]
#[case::settings_page("SettingsPage")]
#[case::defender_portal("DefenderPortal")]
fn region_none_is_automatic_and_the_plan_says_so(#[case] experience: &str) {
    let mut world = World::new(spec(experience, &json!({}))).sees(seen_off_without_endpoint());
    let plan = world.plan().to_string();
    assert!(
        plan.contains("Microsoft chooses the region") && plan.contains("it cannot be changed afterwards"),
        "{plan}"
    );
    let intent = report(&world.situation(), &world.plan());
    assert!(intent.data_location.is_none(), "\"an automatic one on the first evidence\"");
    world.pass();
    assert!(world.region().is_some());
}

#[rstest]
#[case::settings_page("SettingsPage")]
#[case::defender_portal("DefenderPortal")]
fn opening_the_portal_is_an_irreversible_click(#[case] experience: &str) {
    let wish = json!({"dataLocation": {"region": "UK"}});
    let unknown = Microsoft { identity: Reading::unknown(Why::NotAsked), ..seen_off_without_endpoint() };
    let worlds = [
        ("off", handed_over(experience, &wish, seen_off_without_endpoint())),
        ("Ambiguous", handed_over(experience, &wish, unknown)),
        ("NotAsked", handed_over(experience, &wish, Microsoft::nothing())),
        ("lapsed", lapsed(experience)),
        ("contradicting attestations", {
            let both = json!([attestation("ServiceOn", json!({})), attestation("ServiceOff", json!({}))]);
            let extra = json!({"dataLocation": {"region": "UK"}, "attestations": both});
            handed_over(experience, &extra, Microsoft::nothing())
        }),
        ("Disabled and not known", {
            let extra = json!({"dataLocation": {"region": "UK"}, "desiredState": "Disabled"});
            handed_over(experience, &extra, Microsoft::nothing())
        }),
        ("where Endpoint has its data is not known, with a broker", {
            let mut world = World::new(spec(experience, &wish)).sees_off();
            world.microsoft().endpoint_location = Reading::unknown(Why::NotAsked);
            world.pass();
            world
        }),
    ];
    for (name, world) in worlds {
        assert!(world.sent.is_empty(), "{name}");
        for action in &world.status.as_ref().unwrap().pending_actions {
            assert!(!action.link.contains("security.microsoft.com"), "{name}: the support route only: {}", action.link);
            let says = action.instructions.contains("Do not open the security portal before support has confirmed");
            assert!(says, "{name}: {}", action.instructions);
        }
        assert!(!world.status.unwrap().pending_actions.is_empty(), "{name}");
    }
}

fn lapsed(experience: &str) -> World {
    let on = attestation("ServiceOn", json!({}));
    let place = attestation("DataLocation", json!({"region": "UK"}));
    let wish = json!({"dataLocation": {"region": "UK"}, "attestations": [on, place]});
    let mut world = handed_over(experience, &wish, Microsoft::nothing());
    world.assert_ready(TriState::True, Reason::Enabled);
    world.now = "2026-12-16T00:00:00Z".parse().unwrap();
    world.pass();
    world
}

#[rstest]
#[case::opt_out_in_settings_save("WelcomePage", "and save", "/settings")]
#[case::opt_out_in_settings_apply("SettingsPage", "and apply", "/settings")]
#[case::no_switch_support("DefenderPortal", "Support request", "admin.microsoft.com")]
fn turn_off(#[case] experience: &str, #[case] words: &str, #[case] link: &str) {
    let world = handed_over(experience, &json!({"desiredState": "Disabled"}), seen_on());
    world.assert_stalled(Reason::ActionRequired);
    let action = action(&world);
    assert!(action.instructions.contains(words) && action.link.contains(link), "{action:?}");
    assert_eq!(action.step, PendingStep::Disable);
}

#[rstest]
#[case::welcome_page("WelcomePage")]
#[case::settings_page("SettingsPage")]
#[case::defender_portal("DefenderPortal")]
fn features_added_are_incidents_action_center_and_advanced_hunting(#[case] experience: &str) {
    let world = handed_over(experience, &json!({}), seen_on());
    let features = world.status.unwrap().features;
    let shown: Vec<_> = features.iter().map(|feature| (feature.name.name(), feature.state.name())).collect();
    let expected = [("Incidents", "True"), ("ActionCenter", "Unknown"), ("AdvancedHunting", "True")];
    assert_eq!(shown, expected, "\"ActionCenter Unknown when observed\": no public API shows it");
}

#[rstest]
#[case::global_or_security_administrator("WelcomePage")]
#[case::same("SettingsPage")]
#[case::at_least_security_administrator("DefenderPortal")]
fn role_to_turn_on(#[case] experience: &str) {
    let world = handed_over(experience, &json!({"dataLocation": {"region": "EU"}}), seen_off());
    let role = action(&world).role;
    if experience == "WelcomePage" {
        assert!(role.contains("Security Administrator") && role.contains("Global Administrator"), "{role}");
    } else {
        assert!(role.contains("Service Support Administrator"), "a wished region goes to support: {role}");
    }
}

/// "Azure regions of Defender XDR", and the backend regions of 2020.
#[rstest]
#[case::eu(&["NorthEurope", "WestEurope", "europenorth", "europewest"], Region::EU)]
#[case::uk(&["UKSouth", "UKWest", "uksouth", "ukwest"], Region::UK)]
#[case::us(&["EastUS2", "CentralUS", "uswestcentral", "useast", "useast2"], Region::US)]
#[case::au(&["AustraliaEast", "AustraliaSoutheast"], Region::AU)]
#[case::ch(&["SwitzerlandNorth", "SwitzerlandWest"], Region::CH)]
#[case::india(&["CentralIndia", "SouthIndia"], Region::IN)]
#[case::uae(&["UAENorth", "UAECentral"], Region::AE)]
fn data_centres_name_regions(#[case] data_centers: &[&str], #[case] region: Region) {
    for name in data_centers {
        for geography in ["", "EU"] {
            if !geography.is_empty() && region != Region::EU {
                continue;
            }
            let mut world = World::new(json!({})).sees_on().without_broker();
            world.microsoft().endpoint_location = Reading::observed(located(name, geography));
            world.pass();
            assert_eq!(world.region(), Some(format!("{region} Observed")), "{name}");
            let pin = world.status.unwrap().data_location.unwrap();
            assert_eq!(pin.data_center.as_deref(), Some(*name));
        }
    }
}

#[rstest]
#[case::the_data_centre_decides("WestEurope", "", Some("EU Observed"))]
#[case::the_geography_serves_only_where_it_is_absent("", "GW_EU", Some("EU Observed"))]
#[case::the_geography_serves_only_where_it_is_absent_plain("", "UK", Some("UK Observed"))]
#[case::two_different_known_regions_are_ambiguous("WestEurope", "US", None)]
#[case::unknown_new_ones_are_unknown("BrazilSouth", "", None)]
#[case::unknown_new_ones_are_unknown_whatever_the_geography("BrazilSouth", "EU", None)]
#[case::an_unknown_geography("", "GW_BR", None)]
fn data_centre_and_geography(#[case] data_center: &str, #[case] geography: &str, #[case] region: Option<&str>) {
    let mut world = World::new(json!({})).sees_on().without_broker();
    world.microsoft().endpoint_location = Reading::observed(located(data_center, geography));
    world.pass();
    assert_eq!(world.region().as_deref(), region);
    world.assert_ready(TriState::True, Reason::Enabled);
    if region.is_none() {
        assert_eq!(world.condition(ConditionType::RegionPinned), Some((TriState::Unknown, Reason::Ambiguous)));
    }
}

#[rstest]
#[case::always_eu_in_2020(Experience::WelcomePage, true)]
#[case::always_eu_in_2020_too(Experience::SettingsPage, true)]
#[case::that_rule_ended(Experience::DefenderPortal, false)]
fn defender_atp_turned_on_through_azure_security_center_is_always_eu(
    #[case] experience: Experience,
    #[case] is_rule: bool,
) {
    let wish = json!({"dataLocation": {"region": "US"}});
    let mut world = World::new(spec(experience.name(), &wish)).sees_off();
    world.microsoft().security_center = Reading::observed(true);
    world.microsoft().endpoint_location = Reading::unknown(Why::NotAsked);
    world.pass();
    assert!(world.sent.is_empty());
    if is_rule {
        world.assert_stalled(Reason::RegionMismatch);
        assert!(world.message(ConditionType::Ready).contains("always in EU"), "{}", world.plan());
    } else {
        world.assert_stalled(Reason::ActionRequired);
    }
}

#[rstest]
#[case::with_a_declared_region("EU", TriState::False, Reason::RegionMismatch)]
#[case::without_one_in_sync_false_only("", TriState::True, Reason::Enabled)]
fn a_contradicted_pin(#[case] wish: &str, #[case] ready: TriState, #[case] reason: Reason) {
    let fields = if wish.is_empty() { json!({}) } else { json!({"dataLocation": {"region": wish}}) };
    let mut world = World::new(fields).sees_on().without_broker();
    world.pass();
    assert_eq!(world.region().as_deref(), Some("EU Observed"));
    world.wait(1);
    world.microsoft().endpoint_location = Reading::observed(located("UKSouth", "UK"));
    world.pass();
    world.assert_ready(ready, reason);
    assert_eq!(world.region().as_deref(), Some("EU Observed"), "a pin never changes by itself");
    assert_eq!(world.condition(ConditionType::InSync).map(|(status, _)| status), Some(TriState::False));
    assert_eq!(world.condition(ConditionType::RegionPinned).map(|(status, _)| status), Some(TriState::False));
    let told = if wish.is_empty() { ConditionType::RegionPinned } else { ConditionType::Ready };
    assert!(world.message(told).contains("support"), "drift with the support text: {}", world.message(told));
    assert!(world.now.duration_since(noon()) >= SignedDuration::from_hours(1));
}
