//! Rows whose wish is *Disabled*.

use rstest::rstest;
use serde_json::json;
use threat_protection_operator::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};

use crate::world::{Mode, World, attested};

/// *Disabled, off, any*: nothing, also if never enabled; where it comes on by itself say "not enforceable"; True.
#[rstest]
#[tokio::test]
async fn disabled_off_is_done(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async, Mode::Absent)] mode: Mode,
) {
    let mut world = World::open(experience, mode).await;
    world.edit(&json!({"desiredState": "Disabled"}));
    if mode == Mode::Absent {
        world.edit(&attested("ServiceOff"));
    }
    world.rest().await;
    world.assert("Ready", "True", "Disabled");
    world.assert("ServiceOn", "False", "Disabled");
    assert_eq!(world.message("Ready").contains("cannot be prevented"), experience != WelcomePage);
    assert_eq!((world.effects().await.len(), world.methods().await.len()), (0, 0));
}

/// *Disabled, on, present*: update `Disabled`; `Disabling`.
#[rstest]
#[tokio::test]
async fn disabled_on_present_updates(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async, Mode::Silent, Mode::SilentAsync, Mode::Withholding)] mode: Mode,
) {
    let mut world = World::running(experience, mode).await;
    let (before, pin) = (world.history.len(), world.pin());
    world.edit(&json!({"desiredState": "Disabled"}));
    if matches!(mode, Mode::Async | Mode::SilentAsync) {
        world.pass().await;
        assert_eq!(world.condition("Ready").1, "Disabling");
    }
    world.rest().await;
    world.assert("Ready", "True", "Disabled");
    assert_eq!(world.sent().await[1..], [("PATCH".to_owned(), json!({"state": "Disabled"}))]);
    assert_eq!(world.effects().await.last().unwrap(), "turnedOff");
    assert_eq!(world.pin(), pin, "an opt-out leaves the region");
    let writes = if matches!(mode, Mode::Async | Mode::SilentAsync) { 2 } else { 1 };
    assert_eq!(world.history.len() - before, writes);
}

/// *Disabled, on, absent or no broker*: person (switch; support under `DefenderPortal`); `ActionRequired`.
#[rstest]
#[case::march(WelcomePage, "clear Turn on Microsoft Threat Protection, and save")]
#[case::june(SettingsPage, "clear Turn on Microsoft Threat Protection, and apply")]
#[case::today(DefenderPortal, "Support request")]
#[tokio::test]
async fn disabled_on_no_broker_is_a_person(#[case] experience: Experience, #[case] words: &str) {
    let mut world = World::open(experience, Mode::Absent).await;
    world.edit(&json!({"desiredState": "Disabled"}));
    world.edit(&attested("ServiceOn"));
    world.rest().await;
    world.assert_stalled("False", "ActionRequired");
    let (step, instructions) = world.hand_off();
    assert_eq!(step, "Disable");
    assert!(instructions.contains(words), "{instructions}");
    world.edit(&attested("ServiceOff"));
    world.rest().await;
    world.assert("Ready", "True", "Disabled");
}

/// *Not retrievable, with nothing remembered: `Disabled` is a hand-off*; never provision only to disable.
#[rstest]
#[tokio::test]
async fn disabled_unknown_at_a_silent_broker_is_a_person(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
) {
    let mut world = World::open(experience, Mode::Silent).await;
    world.edit(&json!({"desiredState": "Disabled"}));
    world.rest().await;
    world.assert_stalled("Unknown", "ActionRequired");
    assert_eq!(world.hand_off().0, "Disable");
    assert!(world.methods().await.is_empty());
}

/// Under today's rules a visit turns it on again: set back once, and then contended.
#[tokio::test]
async fn disabled_turned_on_by_a_visit_is_set_back_once() {
    let mut world = World::running(DefenderPortal, Mode::Sync).await;
    world.edit(&json!({"desiredState": "Disabled"}));
    world.rest().await;
    world.wait_hours(1);
    world.act("SecurityAdministrator", "openPortal").await;
    world.rest().await;
    world.assert("Ready", "True", "Disabled");
    world.wait_hours(1);
    world.act("SecurityAdministrator", "openPortal").await;
    world.rest().await;
    world.assert_stalled("False", "Contended");
    world.assert("InSync", "False", "Drifted");
    assert_eq!(world.methods().await, ["PUT", "PATCH", "PATCH"]);
}

/// Under the rules of June a switch that was cleared holds against visits.
#[tokio::test]
async fn disabled_holds_against_a_visit_in_june() {
    let mut world = World::running(SettingsPage, Mode::Sync).await;
    world.edit(&json!({"desiredState": "Disabled"}));
    world.rest().await;
    world.act("SecurityAdministrator", "openPortal").await;
    world.rest().await;
    world.assert("Ready", "True", "Disabled");
    assert_eq!(world.methods().await, ["PUT", "PATCH"]);
}

/// *One operation at a time; a contrary wish waits for its end or deadline.*
#[rstest]
#[tokio::test]
async fn disabled_waits_for_the_end_of_our_enable(#[values(Mode::Async, Mode::SilentAsync)] mode: Mode) {
    let mut world = World::open(DefenderPortal, mode).await;
    world.pass().await;
    world.edit(&json!({"desiredState": "Disabled"}));
    world.pass().await;
    assert_eq!(world.methods().await, ["PUT"], "{}", world.describe());
    world.rest().await;
    world.assert("Ready", "True", "Disabled");
    assert_eq!(world.methods().await, ["PUT", "PATCH"]);
    assert_eq!(world.effects().await, ["instanceCreated", "turnedOn", "turnedOff"]);
}
