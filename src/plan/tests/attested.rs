//! What persons attest: how long it counts, what it is about, and when to look at it again.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};

use super::fixture::*;
use super::transitions::deprovisioned;
use crate::api::{ConditionType, Reason, TriState};
use crate::plan::pace::pace;

/// The `expireTime` of `attestation`.
fn end() -> Timestamp {
    "2026-12-15T08:00:00Z".parse().unwrap()
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A tenant that only persons tell of, with these attestations.
fn told(attestations: &Value) -> World {
    let mut world = World::new(json!({"attestations": attestations})).without_broker();
    world.pass();
    world
}

fn on() -> Value {
    attestation("ServiceOn", json!({}))
}

fn named(claim: &str, name: &str, extra: Value) -> Value {
    let mut entry = attestation(claim, extra);
    entry["name"] = json!(name);
    entry
}

fn linked(claim: &str, extra: &Value) -> Value {
    let mut entry = attestation(claim, json!({"integrationName": "intune"}));
    entry.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    entry
}

/// A service that is attested to be on, with a link that only persons tell of.
fn with_link(state: &str, words: &[Value]) -> World {
    let mut attested = vec![on()];
    attested.extend_from_slice(words);
    let entry = json!([{"name": "intune", "type": "EndpointIntune", "state": state}]);
    let mut world = World::new(json!({"integrations": entry, "attestations": attested})).without_broker();
    world.pass();
    world
}

#[rstest]
#[case::a_second_before(seconds(-1), Reason::AttestationExpiring)]
#[case::at_its_end(seconds(0), Reason::AttestationExpired)]
#[case::a_second_later(seconds(1), Reason::AttestationExpired)]
fn an_attestation_lapses_at_its_expire_time(#[case] after: SignedDuration, #[case] reason: Reason) {
    let mut world = told(&json!([on()]));
    world.now = end() + after;
    let mut fresh = world.clone();
    fresh.status = None;
    for mut world in [world, fresh] {
        world.pass();
        assert_eq!(world.condition(ConditionType::ServiceOn).map(|(_, reason)| reason), Some(reason));
        let is_over = reason == Reason::AttestationExpired;
        assert_eq!(world.condition(ConditionType::Stalled).is_some(), is_over, "attest again");
    }
}

/// "`AttestationExpiring` 14 days before."
#[rstest]
#[case::a_second_before(seconds(-1), false)]
#[case::fourteen_days_before_its_end(seconds(0), true)]
#[case::a_day_later(days(1), true)]
fn the_warning_begins_fourteen_days_before_the_end(#[case] after: SignedDuration, #[case] is_soon: bool) {
    let region = attestation("DataLocation", json!({"region": "UK"}));
    let mut world = told(&json!([on(), region]));
    world.now = end() - days(14) + after;
    world.pass();
    let status = |usual| Some((TriState::True, if is_soon { Reason::AttestationExpiring } else { usual }));
    assert_eq!(world.condition(ConditionType::ServiceOn), status(Reason::Enabled));
    assert_eq!(world.condition(ConditionType::RegionPinned), status(Reason::Met));
    for kind in [ConditionType::ServiceOn, ConditionType::RegionPinned] {
        assert_eq!(world.message(kind).contains("2026-12-15"), is_soon, "it names the end");
    }
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn the_word_that_holds_longest_decides_when_to_warn() {
    let sooner = json!({"expireTime": "2026-06-20T08:00:00Z"});
    let region = attestation("DataLocation", json!({"region": "UK"}));
    let region_sooner = named("DataLocation", "sooner", json!({"region": "UK", "expireTime": "2026-06-20T08:00:00Z"}));
    let world = told(&json!([on(), named("ServiceOn", "sooner", sooner.clone()), region, region_sooner]));
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::True, Reason::Enabled)));
    assert_eq!(world.condition(ConditionType::RegionPinned), Some((TriState::True, Reason::Met)));
    let about_service =
        told(&json!([attestation("ServiceOn", sooner), attestation("DataLocation", json!({"region": "UK"}))]));
    assert_eq!(
        about_service.condition(ConditionType::ServiceOn),
        Some((TriState::True, Reason::AttestationExpiring)),
        "a longer word about something else says nothing of it"
    );
}

#[test]
fn two_that_say_the_same_do_not_contradict_each_other() {
    told(&json!([on(), named("ServiceOn", "again", json!({}))])).assert_ready(TriState::True, Reason::Enabled);
    let off = json!([attestation("ServiceOff", json!({})), attestation("Deprovisioned", json!({}))]);
    let mut world = told(&off);
    world.edit(json!({"desiredState": "Disabled"}));
    world.pass();
    world.assert_ready(TriState::True, Reason::Disabled);
}

/// "From the future by more than 5 minutes: not counted until then"; "two live ones that contradict: `Ambiguous`".
#[rstest]
#[case::of_just_now("2026-06-15T11:56:00Z")]
#[case::at_five_minutes_of_skew("2026-06-15T12:05:00Z")]
fn live_ones_that_contradict_are_not_excused_by_the_future(#[case] at: &str) {
    let world = told(&json!([on(), attestation("ServiceOff", json!({"attestTime": at}))]));
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::Unknown, Reason::Ambiguous)));
    assert!(world.message(ConditionType::ServiceOn).contains("contradict"));
}

#[test]
fn one_of_the_future_does_not_contradict_yet() {
    let mut world = told(&json!([on(), attestation("ServiceOff", json!({"attestTime": "2026-06-15T12:05:01Z"}))]));
    world.assert_ready(TriState::True, Reason::Enabled);
    world.now += seconds(1);
    world.pass();
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::Unknown, Reason::Ambiguous)));
}

#[rstest]
#[case::lapsed(json!({"expireTime": "2026-06-15T09:00:00Z"}))]
#[case::of_the_future(json!({"attestTime": "2026-06-15T13:00:00Z"}))]
#[case::live(json!({}))]
fn a_word_about_the_region_is_none_about_the_service(#[case] times: Value) {
    let mut region = attestation("DataLocation", json!({"region": "UK"}));
    region.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
    let world = told(&json!([region]));
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::Unknown, Reason::NotAsked)));
    assert!(!world.message(ConditionType::ServiceOn).contains("datalocation"), "it would not have fed this condition");
}

#[test]
fn a_word_about_one_link_is_none_about_another() {
    let other = attestation("IntegrationLinked", json!({"integrationName": "another"}));
    let world = with_link("Linked", &[other]);
    assert_eq!(world.condition(ConditionType::Integrated), Some((TriState::False, Reason::ActionRequired)));
}

/// A person's word that the service is off does not say that its resources are gone.
#[rstest]
#[case::off_is_not_gone(json!([attestation("ServiceOff", json!({}))]), Reason::ActionRequired)]
#[case::contradicted(json!([attestation("Deprovisioned", json!({})), on()]), Reason::ActionRequired)]
#[case::lapsed(json!([attestation("Deprovisioned", json!({"expireTime": "2026-06-15T12:00:00Z"}))]), Reason::ActionRequired)]
#[case::gone(json!([attestation("Deprovisioned", json!({}))]), Reason::Deprovisioned)]
fn only_a_live_word_that_it_is_gone_closes_a_deprovisioning(#[case] words: Value, #[case] reason: Reason) {
    let mut world = World::new(deprovisioned());
    world.permit = crate::plan::situation::Permit::Granted { allow_deprovision: false };
    world.show_state("Enabled");
    world.edit(json!({"attestations": words}));
    world.pass();
    assert_eq!(world.condition(ConditionType::Ready).map(|ready| ready.1), Some(reason));
    assert!(world.sent.is_empty());
}

#[rstest]
#[case::linked("Linked", "IntegrationLinked", true)]
#[case::unlinked("Unlinked", "IntegrationUnlinked", true)]
#[case::not_unlinked("Unlinked", "IntegrationLinked", false)]
#[case::not_linked("Linked", "IntegrationUnlinked", false)]
fn a_link_is_as_somebody_attests(#[case] declared: &str, #[case] claim: &str, #[case] is_so: bool) {
    let world = with_link(declared, &[linked(claim, &json!({}))]);
    let expected = if is_so { (TriState::True, Reason::Met) } else { (TriState::False, Reason::ActionRequired) };
    assert_eq!(world.condition(ConditionType::Integrated), Some(expected));
    assert_eq!(world.condition(ConditionType::ActionRequired).is_none(), is_so);
}

#[rstest]
#[case::nobody_ever_said_anything(json!([]), false)]
#[case::not_yet(json!([linked("IntegrationLinked", &json!({"attestTime": "2026-06-15T13:00:00Z"}))]), false)]
#[case::contradicted(json!([linked("IntegrationLinked", &json!({})), linked("IntegrationUnlinked", &json!({}))]), false)]
#[case::one_of_two_still_to_come(json!([linked("IntegrationLinked", &json!({"expireTime": "2026-06-15T12:00:00Z"})), linked("IntegrationUnlinked", &json!({"attestTime": "2026-06-15T13:00:00Z"}))]), false)]
#[case::at_its_end(json!([linked("IntegrationLinked", &json!({"expireTime": "2026-06-15T12:00:00Z"}))]), true)]
#[case::over(json!([linked("IntegrationLinked", &json!({"expireTime": "2026-06-15T11:00:00Z"}))]), true)]
fn a_link_has_lapsed_where_every_word_about_it_is_over(#[case] words: Value, #[case] is_lapsed: bool) {
    let world = with_link("Linked", words.as_array().unwrap());
    let integrated = world.condition(ConditionType::Integrated).unwrap();
    let lapsed = (TriState::Unknown, Reason::AttestationExpired);
    assert_eq!(integrated == lapsed, is_lapsed, "{integrated:?}");
    assert!(world.condition(ConditionType::ActionRequired).is_some());
}

fn next_look(world: &World) -> SignedDuration {
    pace(&world.situation(), &world.plan(), None, 0.5)
}

/// "Not counted until then"; "`AttestationExpiring` 14 days before"; "attestation expires": each is told when it is so.
#[rstest]
#[case::when_it_begins_to_count(json!({"attestTime": "2026-06-15T12:20:00Z"}), 900)]
#[case::when_the_warning_begins(json!({"expireTime": "2026-06-29T12:10:00Z"}), 600)]
#[case::when_it_ends(json!({"expireTime": "2026-06-15T12:10:00Z"}), 600)]
#[case::not_again_for_what_began_just_now(json!({"attestTime": "2026-06-15T12:05:00Z"}), 3600)]
#[case::not_again_for_a_warning_that_began_just_now(json!({"expireTime": "2026-06-29T12:00:00Z"}), 3600)]
#[case::not_again_for_what_has_just_ended(json!({"expireTime": "2026-06-15T12:00:00Z"}), 3600)]
#[case::not_for_what_is_far_away(json!({}), 3600)]
fn the_next_look_is_when_an_attestation_changes(#[case] times: Value, #[case] expected: i64) {
    let region = named("DataLocation", "region", json!({"region": "UK"}));
    let world = told(&json!([named("ServiceOn", "on", times), region]));
    assert_eq!(next_look(&world), seconds(expected));
}
