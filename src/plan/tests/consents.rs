//! Which consent suffices to turn the service on, under the rules that require one.

use rstest::rstest;
use serde_json::json;

use super::fixture::*;
use super::transitions::{call, deprovisioned};
use crate::api::{ConditionType, Reason, TriState};
use crate::plan::step::BrokerCall;

fn welcome(day: &str) -> World {
    World::new(json!({"experience": "WelcomePage", "dataSharing": consent(day)}))
}

/// It is noon of 15 June in UTC, and 16 June already where the day begins first.
#[rstest]
#[case::of_today("2026-06-15", true)]
#[case::of_a_day_that_has_begun_somewhere("2026-06-16", true)]
#[case::of_tomorrow_everywhere("2026-06-17", false)]
#[case::of_another_year("2027-06-15", false)]
fn a_consent_counts_once_its_day_has_come(#[case] day: &str, #[case] counts: bool) {
    let mut world = welcome(day);
    world.pass();
    assert_eq!(world.sent.len(), usize::from(counts));
    if counts {
        assert_eq!(world.condition(ConditionType::Consented), Some((TriState::True, Reason::Met)));
    } else {
        world.assert_stalled(Reason::ConsentRequired);
    }
}

/// Only what had been on can have been opted out of.
#[test]
fn a_tenant_that_was_never_on_needs_no_newer_consent() {
    let mut world = welcome("2026-06-01");
    world.edit(json!({"desiredState": "Disabled"}));
    world.pass();
    world.assert_ready(TriState::True, Reason::Disabled);
    world.edit(json!({"desiredState": null}));
    world.pass();
    assert_eq!(call(&world, 0), BrokerCall::Provision);
    world.assert_ready(TriState::True, Reason::Enabled);
}

/// "`WelcomePage`: consent not older than the deprovisioning", by UTC date.
#[rstest]
#[case::older("2026-06-14", false)]
#[case::of_that_day("2026-06-15", true)]
fn after_a_deprovisioning_a_consent_of_that_day_or_later_is_needed(#[case] day: &str, #[case] suffices: bool) {
    let mut world = welcome("2026-06-01");
    world.settle();
    world.edit(deprovisioned());
    world.settle();
    world.assert_ready(TriState::True, Reason::Deprovisioned);
    let undeclared = json!({"desiredState": null, "deprovisionConfirmation": null});
    world.edit(undeclared);
    world.edit(json!({"dataSharing": consent(day)}));
    world.pass();
    assert_eq!(world.sent.len(), if suffices { 3 } else { 2 });
    if !suffices {
        world.assert_stalled(Reason::ConsentRequired);
    }
}
