//! The second table: a change on a live object and its effect.

use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};

use crate::world::{Mode, World, attestation, attested, consent};

/// *Experience moves forward*: gates steps not yet done; never turns off, never asks consent after the fact.
#[rstest]
#[tokio::test]
async fn experience_moves_forward_on_a_running_tenant(
    #[values(SettingsPage, DefenderPortal)] later: Experience,
    #[values(Mode::Sync, Mode::Silent)] mode: Mode,
) {
    let mut world = World::running(WelcomePage, mode).await;
    world.edit(&json!({"experience": later}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    world.assert("Consented", "True", "NotNeeded");
    assert_eq!(world.methods().await, ["PUT"]);
}

#[tokio::test]
async fn experience_moves_forward_and_gates_what_is_not_done() {
    let mut world = World::open(WelcomePage, Mode::Sync).await;
    world.edit(&json!({"dataSharing": null, "dataLocation": null}));
    world.rest().await;
    world.assert_stalled("False", "ConsentRequired");
    world.seed(json!({"experience": "SettingsPage"})).await;
    world.edit(&json!({"experience": "SettingsPage"}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.sent().await[0].1.get("consent"), None);
}

/// *Consent edited*: status only, never re-sent.
#[rstest]
#[case::edited(json!({"dataSharing": consent("2026-06-12")}))]
#[case::removed(json!({"dataSharing": null, "desiredState": "Disabled"}))]
#[tokio::test]
async fn consent_changes_are_not_sent(#[case] fields: Value) {
    let mut world = World::running(WelcomePage, Mode::Sync).await;
    world.edit(&fields);
    world.rest().await;
    assert_eq!(world.condition("Ready").0, "True", "{}", world.describe());
    assert_eq!(world.condition("Consented").0, "True");
    assert!(world.sent().await[1..].iter().all(|(_, parameters)| parameters.get("consent").is_none()));
    assert_eq!(world.effects().await.iter().filter(|effect| *effect == "consented").count(), 1);
}

/// *Attestation expires*: the reading is Unknown, its condition `AttestationExpired`, Stalled, `ActionRequired` (attest
/// again); `AttestationExpiring` 14 days before.
#[rstest]
#[case::on(json!({}), "ServiceOn")]
#[case::off(json!({"desiredState": "Disabled"}), "ServiceOff")]
#[tokio::test]
async fn attestation_expires(
    #[case] fields: Value,
    #[case] claim: &str,
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
) {
    let mut world = World::open(experience, Mode::Absent).await;
    let short = |claim: &str| attestation(claim, &json!({"expireTime": "2026-07-15T12:00:00Z"}));
    world.edit(&fields);
    world.edit(&json!({"dataLocation": null, "attestations": [short(claim)]}));
    world.rest().await;
    assert_eq!(world.condition("Ready").0, "True", "{}", world.describe());
    world.wait_hours(24 * 17);
    world.rest().await;
    assert_eq!(world.condition("Ready").0, "True", "{}", world.describe());
    if claim == "ServiceOn" {
        world.assert("ServiceOn", "True", "AttestationExpiring");
    }
    world.wait_hours(24 * 14);
    world.rest().await;
    world.assert_stalled("Unknown", "ActionRequired");
    world.assert("ServiceOn", "Unknown", "AttestationExpired");
    assert_eq!(world.hand_off().0, "Attest");
    world.edit(&json!({"attestations": [attestation(claim, &json!({"attestTime": "2026-07-16T00:00:00Z"}))]}));
    world.rest().await;
    assert_eq!(world.condition("Ready").0, "True", "{}", world.describe());
}

/// *Attestation goes*: the same.
#[tokio::test]
async fn attestation_goes() {
    let mut world = World::open(DefenderPortal, Mode::Absent).await;
    world.edit(&attested("ServiceOn"));
    world.rest().await;
    world.edit(&json!({"attestations": null}));
    world.rest().await;
    world.assert_stalled("Unknown", "ActionRequired");
    world.assert("ServiceOn", "Unknown", "AttestationExpired");
    world.wait_hours(2);
    world.rest().await;
    world.assert("ServiceOn", "Unknown", "AttestationExpired");
}

/// *Licence lost while on*: Ready unchanged.
#[rstest]
#[tokio::test]
async fn licence_lost_while_on(#[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience) {
    let mut world = World::running(experience, Mode::Sync).await;
    let mut tenant = world.simulator.tenant(crate::world::TENANT).await.unwrap();
    tenant["services"] = json!([]);
    world.simulator.seed(crate::world::TENANT, tenant).await.unwrap();
    let writes = world.history.len();
    world.wait_hours(24);
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!((world.history.len(), world.methods().await.len()), (writes, 1));
}

/// *Retained, then re-created*: the pin comes from the broker's `parameters.region`, never from the spec while it is on.
#[rstest]
#[case::nothing_declared(json!({}), "True", "Enabled")]
#[case::the_same(json!({"dataLocation": {"region": "EU"}}), "True", "Enabled")]
#[case::another(json!({"dataLocation": {"region": "UK"}}), "False", "RegionMismatch")]
#[tokio::test]
async fn recreated_takes_the_pin_from_the_broker(#[case] fields: Value, #[case] status: &str, #[case] reason: &str) {
    let mut world = World::running(DefenderPortal, Mode::Sync).await;
    world.recreate();
    world.edit(&fields);
    world.rest().await;
    world.assert("Ready", status, reason);
    assert_eq!(world.pin().as_deref(), Some("EU Claimed"));
}

/// The same while an operation goes on: it is found by looking, and waited for.
#[tokio::test]
async fn recreated_during_an_operation_waits_for_it() {
    let mut world = World::open(SettingsPage, Mode::Async).await;
    world.pass().await;
    world.recreate();
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.effects().await, ["instanceCreated", "turnedOn"]);
}
