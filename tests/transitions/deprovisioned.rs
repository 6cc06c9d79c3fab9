//! Rows whose wish is *Deprovisioned*, and the way back.

use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::plan::situation::Permit;
use threat_protection_operator::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};

use crate::world::{Mode, World, attested, consent, deprovisioned};

const NOT_ALLOWED: Permit = Permit::Granted { allow_deprovision: false };

/// *Deprovisioned, any, present, `allowDeprovision`*: deprovision; `Deprovisioning`; then off and absent: clear the pin.
#[rstest]
#[tokio::test]
async fn deprovisioned_present_deletes_once(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async, Mode::Silent, Mode::SilentAsync, Mode::Withholding)] mode: Mode,
) {
    let mut world = World::running(experience, mode).await;
    let before = world.history.len();
    world.edit(&deprovisioned());
    world.rest().await;
    world.assert("Ready", "True", "Deprovisioned");
    world.assert("ServiceOn", "False", "Deprovisioned");
    assert_eq!(world.sent().await[1..], [("DELETE".to_owned(), Value::Null)]);
    assert_eq!(world.effects().await[world.effects().await.len() - 2..], ["deprovisioned", "instanceDeleted"]);
    assert_eq!(world.pin(), None);
    let writes = if matches!(mode, Mode::Async | Mode::SilentAsync) { 3 } else { 2 };
    assert_eq!(world.history.len() - before, writes);
}

/// *Any, Unknown too*: the declaration and the instance gate it, not the tenant.
#[rstest]
#[case::off(Mode::Sync, true)]
#[case::unknown(Mode::Withholding, false)]
#[tokio::test]
async fn deprovisioned_present_deletes_whatever_the_tenant_is(#[case] mode: Mode, #[case] opts_out: bool) {
    let mut world = World::running(SettingsPage, mode).await;
    if opts_out {
        world.opt_out_outside().await;
    }
    world.recreate();
    world.edit(&deprovisioned());
    world.rest().await;
    world.assert("Ready", "True", "Deprovisioned");
    assert_eq!(world.methods().await, ["PUT", "DELETE"]);
}

/// *Deprovisioned, off, absent, no broker, or no `allowDeprovision`*: nothing; True.
#[rstest]
#[case::absent(Mode::Sync, Permit::Granted { allow_deprovision: true }, "")]
#[case::no_broker_off(Mode::Absent, NOT_ALLOWED, "ServiceOff")]
#[case::no_broker_gone(Mode::Absent, Permit::Granted { allow_deprovision: true }, "Deprovisioned")]
#[case::not_allowed(Mode::Sync, NOT_ALLOWED, "")]
#[tokio::test]
async fn deprovisioned_off_is_done(#[case] mode: Mode, #[case] permit: Permit, #[case] claim: &str) {
    let mut world = World::open(DefenderPortal, mode).await;
    world.permit = permit;
    world.edit(&deprovisioned());
    if !claim.is_empty() {
        world.edit(&attested(claim));
    }
    world.rest().await;
    world.assert("Ready", "True", "Deprovisioned");
    assert!(world.methods().await.is_empty());
    assert_eq!(world.history.len(), 1);
}

/// *Deprovisioned, on, no `allowDeprovision`*: support text; closes by reading off, or by attestation; `ActionRequired`.
#[rstest]
#[case::reading_off(true)]
#[case::attestation(false)]
#[tokio::test]
async fn deprovisioned_on_not_allowed_is_support(
    #[case] by_reading: bool,
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
) {
    let mut world = World::running(experience, Mode::Sync).await;
    world.permit = NOT_ALLOWED;
    world.edit(&deprovisioned());
    world.rest().await;
    world.assert_stalled("False", "ActionRequired");
    let (step, instructions) = world.hand_off();
    assert_eq!(step, "Deprovision");
    assert!(
        instructions.contains("admin.microsoft.com") && instructions.contains("Please deprovision"),
        "{instructions}"
    );
    world.act("support", "supportDeprovision").await;
    if !by_reading {
        world.simulator.settings(None, json!({"withholdParameters": true})).await.unwrap();
        world.edit(&attested("Deprovisioned"));
    }
    world.rest().await;
    world.assert("Ready", "True", "Deprovisioned");
    assert_eq!(world.pin(), None);
    assert_eq!(world.methods().await, ["PUT"], "never a DELETE that the administrator does not allow");
}

/// *Deprovisioned, on, no broker*: the same, by attestation.
#[tokio::test]
async fn deprovisioned_on_no_broker_is_support() {
    let mut world = World::open(DefenderPortal, Mode::Absent).await;
    world.edit(&deprovisioned());
    world.edit(&attested("ServiceOn"));
    world.rest().await;
    world.assert_stalled("False", "ActionRequired");
    world.edit(&attested("Deprovisioned"));
    world.rest().await;
    world.assert("Ready", "True", "Deprovisioned");
}

/// *A confirmed `Deprovisioned` the `DELETE` (410 = absent)*, at a broker that shows nothing, with nothing remembered.
#[rstest]
#[tokio::test]
async fn deprovisioned_unknown_at_a_silent_broker_asks_by_the_request(
    #[values(Mode::Silent, Mode::SilentAsync)] mode: Mode,
) {
    let mut world = World::open(DefenderPortal, mode).await;
    world.edit(&deprovisioned());
    world.rest().await;
    world.assert("Ready", "True", "Deprovisioned");
    assert_eq!(world.methods().await, ["DELETE"]);
    assert!(world.effects().await.is_empty());
}

/// *One operation at a time*: the deletion waits for the end of what is under way.
#[tokio::test]
async fn deprovisioned_waits_for_the_end_of_our_enable() {
    let mut world = World::open(DefenderPortal, Mode::Async).await;
    world.pass().await;
    world.edit(&deprovisioned());
    world.rest().await;
    world.assert("Ready", "True", "Deprovisioned");
    assert_eq!(world.methods().await, ["PUT", "DELETE"]);
    assert_eq!(world.effects().await, ["instanceCreated", "turnedOn", "deprovisioned", "instanceDeleted"]);
}

/// A deletion that failed is not sent again by itself.
#[tokio::test]
async fn deprovisioned_failed_waits_for_a_request() {
    let mut world = World::running(DefenderPortal, Mode::Async).await;
    world.edit(&deprovisioned());
    world.fault("DELETE", Some(1), json!({"kind": "operationFails", "description": "still in use"})).await;
    world.rest().await;
    world.assert_stalled("False", "OperationFailed");
    world.wait_hours(48);
    world.rest().await;
    assert_eq!(world.methods().await, ["PUT", "DELETE"]);
    world.request_reconcile();
    world.rest().await;
    world.assert("Ready", "True", "Deprovisioned");
}

/// *Enabled after Deprovisioned, off, absent*: as Enabled/off; `WelcomePage`: consent not older than the deprovisioning.
#[rstest]
#[tokio::test]
async fn enabled_after_deprovisioned_provisions_anew(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async, Mode::Silent, Mode::SilentAsync, Mode::Withholding)] mode: Mode,
) {
    let mut world = World::running(experience, mode).await;
    world.edit(&deprovisioned());
    world.rest().await;
    world.wait_hours(24);
    // The region is free again.
    let region = json!({"region": "US"});
    world.edit(&json!({"desiredState": null, "deprovisionConfirmation": null, "dataLocation": region}));
    if experience == WelcomePage {
        world.rest().await;
        world.assert_stalled("False", "ConsentRequired");
        world.edit(&json!({"dataSharing": consent("2026-06-14")}));
        world.rest().await;
        world.assert_stalled("False", "ConsentRequired");
        world.edit(&json!({"dataSharing": consent("2026-06-15")}));
    }
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.pin().as_deref(), Some("US Claimed"));
    assert_eq!(world.methods().await, ["PUT", "DELETE", "PUT"]);
}
