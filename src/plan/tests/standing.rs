//! A settled verdict stands while something beside the service could only not be read again: with nothing to do, a failed
//! read writes nothing, and over three resyncs it ages.

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use crate::api::{ConditionType, Reason, StatusSource, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::microsoft::{Microsoft, RoleHolders};
use crate::plan::reading::{Reading, Why};
use crate::tenant::{IntegrationType, LinkState, Role};

type Lose = fn(&mut Microsoft);

fn place(microsoft: &mut Microsoft) {
    microsoft.endpoint_location = Reading::unknown(Why::ReadFailed);
}

fn owner(microsoft: &mut Microsoft) {
    microsoft.observation_owner = Reading::unknown(Why::ReadFailed);
}

fn who(microsoft: &mut Microsoft) {
    microsoft.organization = Reading::unknown(Why::ReadFailed);
}

fn licences(microsoft: &mut Microsoft) {
    microsoft.skus = Reading::unknown(Why::ReadFailed);
}

fn switch_of_link(microsoft: &mut Microsoft) {
    microsoft.links.get_mut("x").unwrap().answer = Reading::unknown(Why::ReadFailed);
}

fn owner_of_link(microsoft: &mut Microsoft) {
    microsoft.links.get_mut("x").unwrap().owner = Reading::unknown(Why::ReadFailed);
}

fn holders(microsoft: &mut Microsoft) {
    let unread =
        RoleHolders { assigned: Reading::unknown(Why::ReadFailed), eligible: Reading::unknown(Why::ReadFailed) };
    microsoft.roles = Role::ALL.iter().map(|role| (*role, unread.clone())).collect();
}

/// A tenant with a link to Intune that is so, and a spec that wishes it linked; no broker.
fn settled(microsoft: Microsoft, is: LinkState) -> World {
    let mut microsoft = microsoft;
    microsoft.links.insert("x".into(), link(IntegrationType::EndpointIntune, is));
    let entry = json!([{"name": "x", "type": "EndpointIntune"}]);
    let mut world = World::new(json!({"integrations": entry})).sees(microsoft).without_broker();
    world.pass();
    world
}

#[rstest]
#[case::place(place)]
#[case::owner_of_the_place(owner)]
#[case::who_it_is(who)]
#[case::link(switch_of_link)]
#[case::owner_of_a_link(owner_of_link)]
fn nothing_is_written_about_a_running_tenant_for_three_resyncs(#[case] lose: Lose) {
    let mut world = settled(seen_on(), LinkState::Linked);
    world.assert_ready(TriState::True, Reason::Enabled);
    let before = world.status.clone();
    lose(world.microsoft());
    for _ in 0..3 {
        world.pass();
        assert_eq!(world.status, before);
        world.wait(1);
    }
}

#[rstest]
#[case::who_it_is(who, ConditionType::CredentialsReady, Reason::ReadFailed)]
#[case::link(switch_of_link, ConditionType::Ready, Reason::ProviderUnavailable)]
fn it_ages_over_three_resyncs(#[case] lose: Lose, #[case] kind: ConditionType, #[case] reason: Reason) {
    let mut world = settled(seen_on(), LinkState::Linked);
    lose(world.microsoft());
    for _ in 0..4 {
        assert_eq!(world.condition(kind).map(|(status, _)| status), Some(TriState::True));
        world.pass();
        world.wait(1);
    }
    assert_eq!(world.condition(kind), Some((TriState::Unknown, reason)));
}

#[rstest]
#[case::place(place)]
#[case::licences(licences)]
#[case::holders(holders)]
fn nothing_is_written_about_a_hand_off_for_three_resyncs(#[case] lose: Lose) {
    let mut world = settled(seen_off(), LinkState::Linked);
    world.assert_stalled(Reason::ActionRequired);
    let before = world.status.clone();
    lose(world.microsoft());
    for _ in 0..3 {
        world.pass();
        assert_eq!(world.status, before);
        world.wait(1);
    }
    world.pass();
    world.assert_stalled(Reason::ActionRequired);
}

/// What is known to be otherwise ends it at once, and so does whoever asks.
#[rstest]
#[case::another_spec(|world: &mut World| world.edit(json!({"resyncSeconds": 7200})))]
#[case::the_service(|world: &mut World| turned_off(world.microsoft()))]
#[case::another_tenant(|world: &mut World| world.microsoft().organization = Reading::observed(organization(OTHER)))]
#[case::a_deletion(|world: &mut World| world.subject.is_deleting = true)]
fn news_are_told_at_once(#[case] happens: fn(&mut World)) {
    let mut world = settled(seen_on(), LinkState::Linked);
    let writes = world.writes;
    place(world.microsoft());
    happens(&mut world);
    world.pass();
    assert_eq!(world.writes, writes + 1, "{}", world.plan());
}

#[test]
fn a_reconcile_request_is_answered_although_something_cannot_be_read() {
    let mut world = settled(seen_on(), LinkState::Linked);
    place(world.microsoft());
    world.subject.reconcile_request = Some("now".into());
    world.pass();
    assert_eq!(world.status.as_ref().unwrap().last_handled_reconcile_at.as_deref(), Some("now"));
    world.assert_ready(TriState::True, Reason::Enabled);
}

/// The service is known to be off: that a link could not be read does not make it unknown.
#[test]
fn a_known_difference_stays_known_beside_what_could_not_be_read() {
    let fields: Value = json!({"integrations": [{"name": "x", "type": "EndpointIntune"}]});
    let mut world = World::new(fields).sees_off();
    world.microsoft().skus = Reading::unknown(Why::ReadFailed);
    let mut unread = link(IntegrationType::EndpointIntune, LinkState::Linked);
    unread.answer = Reading::unknown(Why::ReadFailed);
    world.microsoft().links.insert("x".into(), unread);
    world.pass();
    assert!(world.sent.is_empty());
    world.assert_ready(TriState::False, Reason::ProviderUnavailable);
    assert_eq!(world.condition(ConditionType::ServiceOn).map(|service| service.0), Some(TriState::False));
}

/// "`Observed` > `Claimed`": a word of less weight that says the same replaces the better one only after three resyncs.
#[test]
fn a_lesser_word_that_says_the_same_does_not_replace_a_better_one_that_is_not_permitted_any_more() {
    let source = |world: &World| world.status.as_ref().unwrap().features[0].source;
    let mut world = World::new(json!({})).sees_on();
    world.show_state("Enabled");
    world.pass();
    assert_eq!(source(&world), Some(StatusSource::Observed));
    let mut otherwise = world.clone();
    let mut mixed = world.clone();
    world.microsoft().hunting = Reading::unknown(Why::NotPermitted);
    for hour in 0..3 {
        world.edit(json!({"resyncSeconds": 3600 - hour}));
        world.pass();
        assert_eq!(source(&world), Some(StatusSource::Observed), "hour {hour}");
        world.wait(1);
    }
    otherwise.microsoft().hunting = Reading::unknown(Why::NotPermitted);
    otherwise.show_state("Disabled");
    otherwise.edit(json!({"desiredState": "Disabled"}));
    otherwise.pass();
    assert_eq!(source(&otherwise), Some(StatusSource::Claimed), "it says otherwise");
    mixed.microsoft().hunting = Reading::unknown(Why::Ambiguous);
    mixed.edit(json!({"resyncSeconds": 7200}));
    mixed.pass();
    assert_eq!(source(&mixed), Some(StatusSource::Claimed), "it was read, and says nothing");
}

/// A pin never changes by itself; only the word behind it grows.
#[test]
fn the_word_behind_a_pin_grows_where_it_says_the_same() {
    let mut world = World::new(json!({}));
    world.show_state("Enabled");
    world.pass();
    assert_eq!(world.region().as_deref(), Some("EU Claimed"));
    let mut elsewhere = world.clone().sees_on();
    elsewhere.microsoft().endpoint_location = Reading::observed(located("UkSouth", "UK"));
    elsewhere.pass();
    assert_eq!(elsewhere.region().as_deref(), Some("EU Claimed"));
    assert_eq!(elsewhere.status.unwrap().data_location.unwrap().data_center, None, "not that of another region");
    let mut world = world.sees_on();
    world.microsoft().endpoint_location = Reading::observed(located(" WestEurope ", "EU"));
    world.pass();
    assert_eq!(world.region().as_deref(), Some("EU Observed"));
    assert_eq!(
        world.status.as_ref().unwrap().data_location.as_ref().unwrap().data_center.as_deref(),
        Some("WestEurope")
    );
}

#[test]
fn what_is_known_to_differ_is_not_made_unknown_by_a_link_that_could_not_be_read() {
    let mut world = settled(seen_on(), LinkState::Linked);
    switch_of_link(world.microsoft());
    world.edit(json!({"dataLocation": {"region": "UK"}}));
    world.status = None;
    world.pass();
    world.assert_ready(TriState::False, Reason::RegionMismatch);
}

#[test]
fn what_is_remembered_to_differ_from_a_changed_wish_differs_whatever_could_not_be_read() {
    let mut world = World::new(json!({}));
    world.settle();
    world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
    let mut unchanged = world.clone();
    unchanged.edit(json!({"expectedServices": ["Endpoint"]}));
    unchanged.pass();
    unchanged.assert_ready(TriState::Unknown, Reason::ProviderUnavailable);
    world.edit(json!({"desiredState": "Disabled"}));
    world.pass();
    world.assert_ready(TriState::False, Reason::ProviderUnavailable);
}
