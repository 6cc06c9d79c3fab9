//! The row *any other, Unknown*: nothing that changes the tenant; keep remembered verdicts. And operations without an end.

use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};

use crate::world::{Mode, World, attestation, attested, deprovisioned};

fn states() -> [Value; 3] {
    [json!({}), json!({"desiredState": "Disabled"}), deprovisioned()]
}

/// *I is Unknown where a row depends on it: no step, `ProviderUnavailable`, `Reconciling`.*
#[rstest]
#[tokio::test]
async fn unreadable_sends_nothing(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(0, 1, 2)] state: usize,
) {
    let mut world = World::open(experience, Mode::Sync).await;
    world.edit(&states()[state]);
    world.fault("GET", None, json!({"kind": "failBeforeActing", "status": 500})).await;
    for _ in 0..5 {
        world.pass().await;
        world.assert_reconciling("Unknown", "ProviderUnavailable");
        world.assert("Reconciling", "True", "ProgressingWithRetry");
        world.now += jiff::SignedDuration::from_mins(10);
    }
    assert!(world.message("Ready").contains("(request "), "{}", world.describe());
    assert!(world.methods().await.is_empty());
    assert_eq!(world.history.len(), 1, "trying again writes nothing");
    world.simulator.clear_faults().await.unwrap();
    world.rest().await;
    assert_eq!(world.condition("Ready").0, "True", "{}", world.describe());
}

/// *With nothing to do, a failed read writes nothing; persisting over 3 resyncs it ages into `Ready=Unknown`.*
#[rstest]
#[case::unavailable(json!({"kind": "failBeforeActing", "status": 503}), "ProviderUnavailable")]
#[case::throttled(json!({"kind": "tooManyRequests"}), "Throttled")]
#[case::misshapen(json!({"kind": "malformed", "shape": "wrongShape"}), "ProviderUnavailable")]
#[tokio::test]
async fn unreadable_while_settled_ages(#[case] fault: Value, #[case] reason: &str) {
    let mut world = World::running(DefenderPortal, Mode::Sync).await;
    let writes = world.history.len();
    world.fault("GET", None, fault).await;
    for _ in 0..3 {
        world.pass().await;
        world.wait_hours(1);
    }
    assert_eq!(world.history.len(), writes);
    world.pass().await;
    world.assert_stalled("Unknown", reason);
    world.simulator.clear_faults().await.unwrap();
    world.wait_hours(1);
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!((world.history.len(), world.methods().await.len()), (writes + 2, 1));
}

/// A changed wish on a tenant that cannot be read: the step waits, and the failure says so.
#[tokio::test]
async fn unreadable_with_a_step_pending_retries() {
    let mut world = World::running(DefenderPortal, Mode::Sync).await;
    world.fault("GET", None, json!({"kind": "failBeforeActing", "status": 500})).await;
    world.edit(&json!({"desiredState": "Disabled"}));
    world.pass().await;
    world.assert_reconciling("False", "ProviderUnavailable");
    world.simulator.clear_faults().await.unwrap();
    world.now += jiff::SignedDuration::from_mins(1);
    world.rest().await;
    world.assert("Ready", "True", "Disabled");
}

/// *Unknown that waiting cannot cure, nothing remembered*: a hand-off in its own right; where a region is wished the
/// support route only.
#[rstest]
#[case::enabled(json!({}), "Enable", "ServiceOn")]
#[case::enabled_somewhere(json!({"dataLocation": {"region": "UK"}}), "RequestRegion", "ServiceOn")]
#[case::disabled(json!({"desiredState": "Disabled"}), "Disable", "ServiceOff")]
#[case::deprovisioned(deprovisioned(), "Deprovision", "Deprovisioned")]
#[tokio::test]
async fn unknown_without_a_broker_is_a_hand_off(
    #[case] fields: Value,
    #[case] step: &str,
    #[case] claim: &str,
    #[values(SettingsPage, DefenderPortal)] experience: Experience,
) {
    let mut world = World::open(experience, Mode::Absent).await;
    world.edit(&fields);
    world.rest().await;
    world.assert_stalled("Unknown", "ActionRequired");
    assert_eq!(world.hand_off().0, step);
    world.edit(&json!({"attestations": [attestation(claim, &json!({})), region_of(&world)]}));
    world.rest().await;
    assert_eq!(world.condition("Ready").0, "True", "{}", world.describe());
}

fn region_of(world: &World) -> Value {
    let region = world.spec["dataLocation"]["region"].as_str().unwrap_or("EU");
    attestation("DataLocation", &json!({"region": region}))
}

/// *With nothing remembered `Enabled` sends the `PUT` (200 = existed).*
#[rstest]
#[tokio::test]
async fn silent_and_existing_is_taken_over(#[values(WelcomePage, DefenderPortal)] experience: Experience) {
    let mut world = World::running(experience, Mode::Silent).await;
    world.recreate();
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.methods().await, ["PUT", "PUT"]);
    assert_eq!(world.effects().await.iter().filter(|effect| *effect == "instanceCreated").count(), 1);
}

/// *409 = `ProviderRejected`.*
#[tokio::test]
async fn silent_and_existing_with_other_attributes_is_refused() {
    let mut world = World::running(DefenderPortal, Mode::Silent).await;
    world.recreate();
    world.edit(&json!({"dataLocation": {"region": "UK"}}));
    world.rest().await;
    world.assert_stalled("Unknown", "ProviderRejected");
    assert_eq!(world.methods().await, ["PUT", "PUT"]);
}

/// *The deadline ends an operation as `OperationTimedOut`; after that we look, at a slow pace only.*
#[rstest]
#[case::finishes_late(json!({"polls": 0}), "True", "Enabled")]
#[case::fails_late(json!({"polls": 0, "failsWith": "gave up"}), "False", "OperationFailed")]
#[tokio::test]
async fn an_operation_without_end_times_out(
    #[case] course: Value,
    #[case] status: &str,
    #[case] reason: &str,
    #[values(Mode::Async, Mode::SilentAsync)] mode: Mode,
) {
    let mut world = World::open(DefenderPortal, mode).await;
    world.fault("PUT", Some(1), json!({"kind": "neverEnding"})).await;
    world.pass().await;
    assert_eq!(world.condition("Ready").1, "Enabling");
    world.wait_hours(1);
    world.rest().await;
    world.assert("Stalled", "True", "OperationTimedOut");
    world.wait_hours(48);
    world.rest().await;
    assert_eq!(world.methods().await, ["PUT"]);
    world.simulator.redirect(crate::world::TENANT, course).await.unwrap();
    world.rest().await;
    if reason == "Enabled" {
        world.assert("Ready", status, reason);
    } else {
        assert_eq!(world.condition("Ready").1, reason, "{}", world.describe());
    }
    assert!(!world.methods().await.contains(&"DELETE".to_owned()));
}

/// *Two live attestations that contradict: `Ambiguous`.* From the future: not counted until then.
#[tokio::test]
async fn contradicting_attestations_are_ambiguous() {
    let mut world = World::open(DefenderPortal, Mode::Absent).await;
    world.edit(&json!({"attestations": [attestation("ServiceOn", &json!({})), attestation("ServiceOff", &json!({}))]}));
    world.rest().await;
    world.assert_stalled("Unknown", "ActionRequired");
    world.assert("ServiceOn", "Unknown", "Ambiguous");
    world.edit(&attested("ServiceOn"));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
}

#[tokio::test]
async fn an_attestation_from_the_future_does_not_count_yet() {
    let mut world = World::open(DefenderPortal, Mode::Absent).await;
    let later = attestation("ServiceOn", &json!({"attestTime": "2026-06-15T14:00:00Z"}));
    world.edit(&json!({"attestations": [later]}));
    world.rest().await;
    world.assert("ServiceOn", "Unknown", "NotAsked");
    assert!(world.message("ServiceOn").contains("serviceon"), "{}", world.describe());
    world.wait_hours(2);
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
}
