//! What status shows beside the conditions, and what of it stands when it cannot be read again.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use super::eyes::*;
use super::fixture::*;
use crate::api::{ConditionType, LinkReading, Reason, StatusSource, TriState};
use crate::plan::microsoft::Microsoft;
use crate::plan::reading::{Reading, Why};
use crate::tenant::{Feature, IntegrationType, LinkState, Service};

fn on() -> World {
    let mut microsoft = seen_on();
    microsoft.links.insert("x".into(), link(IntegrationType::EndpointIntune, LinkState::Linked));
    let fields = json!({"expectedServices": ["Endpoint"], "integrations": [{"name": "x", "type": "EndpointIntune"}]});
    let mut world = World::new(fields).sees(microsoft).without_broker();
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    world
}

/// "No public API shows the action center."
#[rstest]
#[case::observed(World::new(json!({})).sees_on(), StatusSource::Observed)]
#[case::claimed(World::new(json!({})), StatusSource::Claimed)]
#[case::attested(World::new(json!({"attestations": [attestation("ServiceOn", json!({}))]})).without_broker(), StatusSource::Attested)]
fn features_say_on_whose_word(#[case] world: World, #[case] source: StatusSource) {
    let mut world = world;
    if source == StatusSource::Claimed {
        world.show_state("Enabled");
    }
    world.pass();
    let features = &world.status.as_ref().unwrap().features;
    assert_eq!(features.iter().map(|feature| feature.name).collect::<Vec<_>>(), Feature::ALL);
    for feature in features {
        let is_unseen = feature.name == Feature::ActionCenter && source == StatusSource::Observed;
        let expected = if is_unseen { (TriState::Unknown, None) } else { (TriState::True, Some(source)) };
        assert_eq!((feature.state, feature.source), expected, "{}", feature.name);
    }
}

#[test]
fn features_of_a_service_that_is_off_or_not_known() {
    for (microsoft, state) in [(seen_off(), TriState::False), (no_answer(), TriState::Unknown)] {
        let mut world = World::new(json!({})).sees(microsoft).without_broker();
        world.pass();
        let features = &world.status.as_ref().unwrap().features;
        assert_eq!((features[0].state, features[0].source.is_some()), (state, state == TriState::False));
    }
}

#[test]
fn the_tenant_and_its_licences_are_shown() {
    let world = on();
    let status = world.status.as_ref().unwrap();
    let tenant = status.tenant.clone().unwrap();
    assert_eq!(tenant.display_name.as_deref(), Some("Contoso"));
    assert_eq!(tenant.default_domain.as_deref(), Some("contoso.example"));
    assert_eq!(tenant.country_code.as_deref(), Some("NL"));
    let eligibility = status.eligibility.clone().unwrap();
    assert_eq!(eligibility.services, Service::ALL);
    let mut plans = vec![ENDPOINT_PLAN, IDENTITY_PLAN, CLOUD_APPS_PLAN, OFFICE_PLAN];
    plans.sort_unstable();
    assert_eq!(eligibility.plans, plans);
    let location = status.data_location.clone().unwrap();
    assert_eq!(location.data_center.as_deref(), Some("WestEurope"));
    assert_eq!(status.services.len(), 4);
}

/// "Only fresh readings gate steps; the best known reading (else what status remembers) feeds the report."
#[test]
fn what_cannot_be_read_again_stands_in_what_is_written_about_something_else() {
    for why in [Why::ReadFailed, Why::NotPermitted] {
        let mut world = on();
        let before = world.status.clone().unwrap();
        turned_off(world.microsoft());
        let microsoft = world.microsoft();
        microsoft.skus = Reading::unknown(why);
        microsoft.newest_rows = Reading::unknown(why);
        microsoft.organization = Reading::unknown(why);
        microsoft.endpoint_location = Reading::unknown(why);
        world.edit(json!({"resyncSeconds": 7200}));
        world.pass();
        assert_eq!(world.condition(ConditionType::ServiceOn).map(|(status, _)| status), Some(TriState::False), "news");
        let after = world.status.clone().unwrap();
        assert_eq!((&after.tenant, &after.eligibility), (&before.tenant, &before.eligibility));
        assert_eq!(after.data_location, before.data_location);
        assert_eq!(world.condition(ConditionType::Eligible), Some((TriState::True, Reason::Met)), "{why:?}");
        assert_eq!(world.condition(ConditionType::CredentialsReady), Some((TriState::True, Reason::Met)));
        for (one, other) in after.services.iter().zip(&before.services) {
            assert_eq!(one.licensed, other.licensed);
            if one.name != Service::Identity {
                assert_eq!(one.reporting, other.reporting, "{}", one.name);
            }
        }
    }
}

#[test]
fn what_was_not_asked_for_any_more_is_not_remembered() {
    let mut world = on();
    world.microsoft().skus = Reading::unknown(Why::NotAsked);
    world.edit(json!({"resyncSeconds": 7200}));
    world.pass();
    assert_eq!(world.condition(ConditionType::Eligible), Some((TriState::Unknown, Reason::NotAsked)));
    for service in &world.status.as_ref().unwrap().services {
        assert_eq!(service.licensed, TriState::Unknown);
    }
}

/// "`integrations[] {name, state, actor, effective, source, sinceTime}`", since when it has been so.
#[test]
fn a_link_says_since_when_it_is_so_and_on_whose_word() {
    let mut world = on();
    let first = world.status.as_ref().unwrap().integrations[0].clone();
    assert_eq!((first.state, first.source), (LinkReading::Linked, Some(StatusSource::Observed)));
    assert_eq!(first.since_time.as_ref().map(|since| since.0), Some(noon()));
    world.wait(5);
    world.edit(json!({"resyncSeconds": 7200}));
    world.pass();
    assert_eq!(world.status.as_ref().unwrap().integrations[0].since_time, first.since_time, "it has not moved");
    world.microsoft().links.insert("x".into(), link(IntegrationType::EndpointIntune, LinkState::Unlinked));
    world.pass();
    let turned = world.status.as_ref().unwrap().integrations[0].clone();
    assert_eq!(turned.state, LinkReading::Unlinked);
    assert_eq!(turned.since_time.map(|since| since.0), Some(world.now));
    world.microsoft().links.get_mut("x").unwrap().answer = Reading::unknown(Why::Ambiguous);
    world.wait(1);
    world.pass();
    let doubtful = world.status.as_ref().unwrap().integrations[0].clone();
    assert_eq!((doubtful.state, doubtful.source, doubtful.since_time), (LinkReading::Unknown, None, None));
}

#[test]
fn links_are_shown_as_they_were_while_the_service_is_not_known() {
    let mut world = on();
    let before = world.status.clone().unwrap().integrations;
    world.observed.microsoft = Microsoft { hunting: Reading::unknown(Why::Ambiguous), ..no_answer() };
    world.edit(json!({"resyncSeconds": 7200}));
    world.pass();
    assert_eq!(world.status.unwrap().integrations, before);
}

/// "Not counters": a condition keeps its time while its status is the same, and its message while only the request differs.
#[test]
fn a_condition_keeps_its_time_until_its_status_is_another() {
    let mut world = on();
    let since = |world: &World| {
        let ready = world.status.as_ref().unwrap().conditions.iter().find(|condition| condition.type_ == "Ready");
        ready.unwrap().last_transition_time.0
    };
    assert_eq!(since(&world), noon());
    world.wait(5);
    world.edit(json!({"resyncSeconds": 7200}));
    world.pass();
    assert_eq!(since(&world), noon());
    turned_off(world.microsoft());
    world.pass();
    assert_eq!(since(&world), world.now);
    assert_eq!(world.now, noon() + SignedDuration::from_hours(5));
}

#[test]
fn only_the_id_of_a_failed_request_may_differ_without_a_write() {
    use crate::plan::failure::{ErrorClass, Failure};
    let failed = |message: &str, id: &str| Failure {
        class: ErrorClass::Transient,
        reason: Reason::ProviderUnavailable,
        message: message.into(),
        request_id: Some(id.into()),
    };
    let mut world = World::new(json!({}));
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    world.observed.failure = Some(failed("no answer", "r-1"));
    world.pass();
    let writes = world.writes;
    assert!(world.message(ConditionType::Ready).contains("r-1"));
    world.observed.failure = Some(failed("no answer", "r-2"));
    world.pass();
    assert_eq!(world.writes, writes);
    assert!(world.message(ConditionType::Ready).contains("r-1"), "the first one is kept");
    world.observed.failure = Some(failed("cut off", "r-3"));
    world.pass();
    assert_eq!(world.writes, writes + 1);
    assert!(world.message(ConditionType::Ready).contains("cut off (request r-3)"));
}
