//! On whose word: what is observed, claimed and attested, where they differ.

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use super::transitions::call;
use crate::api::{ConditionType, LinkReading, Reason, StatusSource, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::microsoft::{Answer, Microsoft};
use crate::plan::reading::{Reading, Why};
use crate::plan::step::BrokerCall;

fn source(world: &World) -> Option<StatusSource> {
    world.status.as_ref().unwrap().features[0].source
}

/// "`Observed` > `Claimed` (broker) > `Attested`. A contradicting observation wins."
#[rstest]
#[case::all_say_on(Some(seen_on()), "Enabled", "ServiceOn", TriState::True, StatusSource::Observed)]
#[case::a_contradicting_observation_wins(
    Some(seen_on()),
    "Disabled",
    "ServiceOff",
    TriState::True,
    StatusSource::Observed
)]
#[case::claimed_before_attested(None, "Enabled", "ServiceOff", TriState::True, StatusSource::Claimed)]
fn outranks(
    #[case] microsoft: Option<Microsoft>,
    #[case] state: &str,
    #[case] claim: &str,
    #[case] status: TriState,
    #[case] by: StatusSource,
) {
    let mut world = World::new(json!({"attestations": [attestation(claim, json!({}))]}));
    if let Some(microsoft) = microsoft {
        world = world.sees(microsoft);
    }
    world.show_state(state);
    world.pass();
    assert_eq!(world.condition(ConditionType::ServiceOn).map(|(status, _)| status), Some(status));
    assert_eq!(source(&world), Some(by));
    assert!(world.sent.is_empty());
}

#[rstest]
#[case::ambiguous(Microsoft { identity: Reading::observed(Answer::Answers), ..seen_off() })]
#[case::not_permitted(Microsoft { hunting: Reading::unknown(Why::NotPermitted), ..seen_on() })]
fn a_person_may_say_what_no_reading_can_tell(#[case] microsoft: Microsoft) {
    let on = json!({"attestations": [attestation("ServiceOn", json!({}))]});
    let mut world = World::new(on).sees(microsoft).without_broker();
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(source(&world), Some(StatusSource::Attested));
}

#[test]
fn a_failed_read_is_not_made_up_for_by_anybodys_word() {
    let on = json!({"attestations": [attestation("ServiceOn", json!({}))]});
    let microsoft = Microsoft { hunting: Reading::unknown(Why::ReadFailed), ..seen_on() };
    let mut world = World::new(on).sees(microsoft);
    world.show_state("Disabled");
    world.pass();
    assert!(world.sent.is_empty(), "a failed read is not an absence");
    world.assert_ready(TriState::Unknown, Reason::ProviderUnavailable);
}

#[rstest]
#[case::from_the_future("2026-06-15T12:06:00Z", Reason::NotAsked)]
#[case::within_five_minutes("2026-06-15T12:05:00Z", Reason::Enabled)]
fn attestations_from_the_future(#[case] at: &str, #[case] reason: Reason) {
    let on = attestation("ServiceOn", json!({"attestTime": at}));
    let mut world = World::new(json!({"attestations": [on]})).without_broker();
    world.pass();
    assert_eq!(world.condition(ConditionType::ServiceOn).map(|(_, reason)| reason), Some(reason));
    if reason == Reason::NotAsked {
        assert!(world.message(ConditionType::ServiceOn).contains("serviceon"), "names it");
    }
    let mut seen = World::new(world.spec.clone()).sees_on().without_broker();
    seen.pass();
    seen.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn an_observed_opt_out_under_the_welcome_page_needs_a_newer_consent() {
    let fields = json!({"experience": "WelcomePage", "dataSharing": consent("2026-06-01")});
    let mut world = World::new(fields).sees_off();
    world.settle();
    world.wait(24);
    turned_off(world.microsoft());
    world.pass();
    world.assert_stalled(Reason::ConsentRequired);
    assert_eq!(world.sent.len(), 1);
    world.wait(24);
    world.edit(json!({"dataSharing": consent("2026-06-17")}));
    world.pass();
    assert_eq!(call(&world, 1), BrokerCall::Update);
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn consent_is_never_asked_after_the_fact() {
    let mut world = World::new(json!({"experience": "WelcomePage"})).sees_on();
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(ConditionType::Consented), Some((TriState::True, Reason::NotNeeded)));
}

#[test]
fn an_attested_link_lapses_with_its_attestation() {
    let linked = attestation("IntegrationLinked", json!({"integrationName": "x"}));
    let entry = json!([{"name": "x", "type": "IdentityCloudApps"}]);
    let mut world = World::new(json!({"integrations": entry, "attestations": [linked]})).sees_on().without_broker();
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    world.now = "2026-12-16T00:00:00Z".parse().unwrap();
    world.pass();
    assert_eq!(world.condition(ConditionType::Integrated), Some((TriState::Unknown, Reason::AttestationExpired)));
    assert_eq!(world.status.as_ref().unwrap().integrations[0].state, LinkReading::Unknown);
    world.assert_stalled(Reason::ActionRequired);
}

#[rstest]
#[case::restored_without_status(json!({"dataLocation": {"region": "UK"}}), Some("EU Observed"), Reason::RegionMismatch)]
#[case::re_created(json!({}), Some("EU Observed"), Reason::Enabled)]
fn the_pin_comes_from_evidence_never_from_the_spec_while_on(
    #[case] fields: Value,
    #[case] pin: Option<&str>,
    #[case] reason: Reason,
) {
    let mut world = World::new(fields).sees_on();
    world.show(present(&json!({"state": "Enabled", "region": "UK"})));
    world.pass();
    assert_eq!(world.region().as_deref(), pin, "\"pin the region as observed, never as wished\"");
    assert_eq!(world.condition(ConditionType::Ready).map(|ready| ready.1), Some(reason));
}

#[test]
fn text_of_the_directory_is_stripped_of_control_and_format_characters() {
    let mut world = World::new(json!({})).sees_on();
    let mut organization = organization(TENANT);
    organization.display_name = Some(format!("Con\u{202e}to\u{7}so{}", "x".repeat(900)));
    world.microsoft().organization = Reading::observed(organization);
    world.pass();
    let shown = world.status.unwrap().tenant.unwrap().display_name.unwrap();
    assert!(shown.starts_with("Contoso") && shown.chars().count() <= 256, "{shown}");
}

/// Whatever a message is made of: what the status shows is one line of text that can be seen.
#[test]
fn messages_are_stripped_of_control_and_format_characters() {
    let mut world = World::new(json!({}));
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    let failure = world.observed.failure.as_mut().unwrap();
    failure.message = "it says\n\u{1b}[31mno\u{202e}\u{2066}\u{9b}".to_owned();
    world.pass();
    assert_eq!(world.message(ConditionType::Ready), "it says [31mno (request r-1)");
}

/// A broker that has no instance is no reason to turn on, for ever, what may be on already.
#[test]
fn contradicting_signals_outweigh_a_broker_that_says_off() {
    let mixed = Microsoft { identity: Reading::observed(Answer::Answers), ..seen_off() };
    let mut world = World::new(json!({})).sees(mixed);
    world.pass();
    world.assert_stalled(Reason::ActionRequired);
    assert!(world.sent.is_empty(), "nothing is sent on doubt");
    let attested = json!({"attestations": [attestation("ServiceOff", json!({}))]});
    world.edit(attested);
    world.pass();
    assert_eq!(call(&world, 0), BrokerCall::Provision, "a person's word settles it");
}
