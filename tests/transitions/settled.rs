//! Settled questions that a broker, an attestation or a person can raise.

use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};

use crate::world::{Mode, TENANT, World, attestation, deprovisioned};

/// *On, a region declared, none known*: `ActionRequired`: attest `DataLocation`.
#[tokio::test]
async fn on_with_a_declared_region_that_nobody_knows() {
    let mut world = World::open(DefenderPortal, Mode::Absent).await;
    let on = attestation("ServiceOn", &json!({}));
    world.edit(&json!({"dataLocation": {"region": "UK"}, "attestations": [on]}));
    world.rest().await;
    world.assert_stalled("False", "ActionRequired");
    assert_eq!(world.hand_off().0, "Attest");
    let there = attestation("DataLocation", &json!({"region": "UK"}));
    world.edit(&json!({"attestations": [on, there]}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.pin().as_deref(), Some("UK Attested"));
}

/// *A contradicted pin*: with a declared region `RegionMismatch`, Stalled; without one `InSync=False` only.
#[rstest]
#[case::declared(json!({"dataLocation": {"region": "EU"}}), "False", "RegionMismatch")]
#[case::not_declared(json!({}), "True", "Enabled")]
#[tokio::test]
async fn a_contradicted_pin(#[case] fields: Value, #[case] status: &str, #[case] reason: &str) {
    let mut world = World::open(SettingsPage, Mode::Sync).await;
    world.edit(&fields);
    world.rest().await;
    world.act("support", "supportDeprovision").await;
    world.act_with("support", "supportProvision", json!({"region": "US"})).await;
    world.wait_hours(1);
    world.rest().await;
    world.assert("Ready", status, reason);
    assert_eq!(world.condition("InSync"), ("False".to_owned(), "Drifted".to_owned()));
    assert_eq!(world.pin().as_deref(), Some("EU Claimed"), "a pin never changes by itself");
    assert_eq!(world.methods().await, ["PUT"]);
}

fn links() -> Value {
    json!({"integrations": [
        {"name": "identity-data", "type": "IdentityCloudApps"},
        {"name": "intune", "type": "EndpointIntune", "state": "Unlinked"},
    ]})
}

/// *Links while the service is off: broker types wait for `ServiceOn=True`.* Absolute, one request each.
#[rstest]
#[tokio::test]
async fn links_follow_the_service(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async, Mode::Silent, Mode::SilentAsync, Mode::Withholding)] mode: Mode,
) {
    let mut world = World::open(experience, mode).await;
    world.edit(&links());
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    world.assert("Integrated", "True", "Met");
    let sent = world.sent().await;
    assert_eq!(sent[0].0, "PUT");
    assert_eq!(sent[0].1.get("integrations"), None);
    let mut expected = vec![json!({"integrations": {"IdentityCloudApps": "Linked"}})];
    if !matches!(mode, Mode::Sync | Mode::Async) {
        expected.push(json!({"integrations": {"EndpointIntune": "Unlinked"}}));
    }
    let updates: Vec<_> = sent[1..].iter().map(|(_, parameters)| parameters.clone()).collect();
    assert_eq!(updates, expected);
    let effects = world.effects().await;
    assert_eq!(effects[effects.len() - 2..], ["turnedOn", "linked"]);
}

#[rstest]
#[case::disabled(json!({"desiredState": "Disabled"}), "Disabled")]
#[case::deprovisioned(deprovisioned(), "Deprovisioned")]
#[tokio::test]
async fn links_are_left_alone_while_it_is_not_wanted_on(#[case] fields: Value, #[case] reason: &str) {
    let mut world = World::open(DefenderPortal, Mode::Sync).await;
    world.edit(&links());
    world.rest().await;
    world.edit(&fields);
    world.rest().await;
    world.assert("Ready", "True", reason);
    world.assert("Integrated", "True", "NotNeeded");
    assert!(!world.effects().await.contains(&"unlinked".to_owned()));
}

/// A link that somebody takes away outside is set back once within a day.
#[tokio::test]
async fn a_link_changed_outside_is_contended_the_second_time() {
    let mut world = World::open(DefenderPortal, Mode::Sync).await;
    world.edit(&links());
    world.rest().await;
    for expected in [("True", "Enabled"), ("False", "Contended")] {
        world.wait_hours(1);
        let off = json!({"type": "IdentityCloudApps", "state": "Unlinked"});
        world.act_with("SecurityAdministrator", "setLink", off).await;
        world.rest().await;
        world.assert("Ready", expected.0, expected.1);
    }
    world.wait_hours(100);
    world.rest().await;
    world.assert_stalled("False", "Contended");
    assert_eq!(world.methods().await.len(), 3);
    world.request_reconcile();
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
}

/// *No broker*: a person, by the words of the experience; closed by an attestation.
#[rstest]
#[case::march(WelcomePage, "Azure ATP")]
#[case::today(DefenderPortal, "Sign in to Defender for Cloud Apps")]
#[tokio::test]
async fn links_without_a_broker_are_a_person(#[case] experience: Experience, #[case] words: &str) {
    let mut world = World::open(experience, Mode::Absent).await;
    let on = attestation("ServiceOn", &json!({}));
    let link = json!([{"name": "identity-data", "type": "IdentityCloudApps"}]);
    world.edit(&json!({"dataLocation": null, "integrations": link, "attestations": [on]}));
    world.rest().await;
    world.assert_stalled("False", "ActionRequired");
    let (step, instructions) = world.hand_off();
    assert_eq!(step, "Link");
    assert!(instructions.contains(words), "{instructions}");
    let linked = attestation("IntegrationLinked", &json!({"integrationName": "identity-data"}));
    world.edit(&json!({"attestations": [on, linked]}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
}

/// *Irreversible Endpoint link*: without a pin `RegionRequired`; a live attestation pins and is enough.
#[tokio::test]
async fn an_irreversible_link_waits_for_a_pin() {
    let mut world = World::open(DefenderPortal, Mode::Absent).await;
    let on = attestation("ServiceOn", &json!({}));
    let link = json!([{"name": "servers", "type": "DefenderForCloudEndpoint", "subscriptionId": TENANT}]);
    world.edit(&json!({"integrations": link, "attestations": [on]}));
    world.rest().await;
    world.assert_stalled("False", "RegionRequired");
    assert_eq!(world.condition("Integrated").0, "False");
    let there = attestation("DataLocation", &json!({"region": "EU"}));
    world.edit(&json!({"attestations": [on, there]}));
    world.rest().await;
    world.assert_stalled("False", "ActionRequired");
    assert_eq!(world.hand_off().0, "Link");
}

/// *Under `Observe`*: the same row, nothing sent; `ObserveOnly`; `pendingActions` empty, `plan` filled.
#[rstest]
#[case::enable(json!({}), false, "Enable")]
#[case::disable(json!({"desiredState": "Disabled"}), true, "Disable")]
#[case::deprovision(deprovisioned(), true, "Deprovision")]
#[tokio::test]
async fn observe_plans_and_sends_nothing(
    #[case] fields: Value,
    #[case] is_running: bool,
    #[case] step: &str,
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
) {
    let mut world = World::open(experience, Mode::Sync).await;
    if is_running {
        world.rest().await;
    }
    let sent = world.sent().await;
    world.edit(&fields);
    world.edit(&json!({"managementPolicy": "Observe"}));
    world.rest().await;
    world.assert_stalled("False", "ObserveOnly");
    let status = world.status.as_ref().unwrap();
    assert!(status.pending_actions.is_empty());
    let planned: Vec<_> = status.plan.iter().map(|step| (step.step.to_string(), step.actor.to_string())).collect();
    assert_eq!(planned, [(step.to_owned(), "None".to_owned())]);
    assert_eq!(world.sent().await, sent);
    assert_eq!(status.operation, None);
}

#[tokio::test]
async fn observe_keeps_earlier_reasons_precise() {
    let mut world = World::open(WelcomePage, Mode::Sync).await;
    world.edit(&json!({"managementPolicy": "Observe", "dataSharing": null}));
    world.rest().await;
    world.assert_stalled("False", "ConsentRequired");
}

/// *`Suspend` on a fresh resource*: all conditions Unknown/`Suspended` and `observedGeneration`; nobody is asked.
#[tokio::test]
async fn suspend_neither_acts_nor_polls() {
    let mut world = World::open(DefenderPortal, Mode::Sync).await;
    world.edit(&json!({"managementPolicy": "Suspend"}));
    world.pass().await;
    world.assert("Ready", "Unknown", "Suspended");
    world.assert("Suspended", "True", "Suspended");
    assert_eq!(world.status.as_ref().unwrap().observed_generation, 2);
    assert!(world.simulator.requests(Some(TENANT), 0).await.unwrap().is_empty());
    world.edit(&json!({"managementPolicy": "Manage"}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    let observed = world.status.as_ref().unwrap().observed_generation;
    world.edit(&json!({"managementPolicy": "Suspend", "desiredState": "Disabled"}));
    world.pass().await;
    world.assert("Ready", "True", "Enabled");
    assert_eq!(world.status.as_ref().unwrap().observed_generation, observed);
    assert_eq!(world.condition("Reconciling").0, "");
}

/// *Non-`Public` clouds pin nothing*: `RegionPinned=True`, `NotNeeded`.
#[rstest]
#[tokio::test]
async fn government_clouds_pin_nothing(#[values("GCC", "GCCHigh", "DoD")] cloud: &str) {
    let mut world = World::open(DefenderPortal, Mode::Sync).await;
    world.seed(json!({"cloud": cloud})).await;
    world.edit(&json!({"cloud": cloud}));
    world.rest().await;
    world.assert("Ready", "True", "Enabled");
    world.assert("RegionPinned", "True", "NotNeeded");
    assert_eq!(world.pin(), None);
    assert_eq!(world.sent().await[0].1.get("region"), None);
}
