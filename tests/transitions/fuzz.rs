//! Random stories of one tenant: the spec changes, people act, the broker misbehaves. Seeds are fixed.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};

use crate::world::{LONG, Mode, TENANT, World, consent, deprovisioned};

const STEPS: usize = 12;
/// Passes without trouble after which nothing may be left to do but what a person must.
const ROUNDS: usize = 8;

/// A small generator: the same stories on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % sides as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

fn declare(state: Value) -> Value {
    let mut fields = json!({"desiredState": null, "deprovisionConfirmation": null});
    if let (Some(fields), Value::Object(state)) = (fields.as_object_mut(), state) {
        fields.extend(state);
    }
    fields
}

/// One turn of the story, in words.
async fn turn(world: &mut World, dice: &mut Dice) -> String {
    let told = match dice.roll(10) {
        0..=3 => {
            let day = format!("2026-06-{:02}", 10 + dice.roll(10));
            let edits = [
                declare(json!({})),
                declare(json!({})),
                declare(json!({"desiredState": "Disabled"})),
                declare(deprovisioned()),
                json!({"dataSharing": consent(&day)}),
                json!({"integrations": [{"name": "intune", "type": "EndpointIntune"}]}),
                json!({"integrations": [{"name": "intune", "type": "EndpointIntune", "state": "Unlinked"}]}),
                json!({"dataLocation": {"region": dice.pick(&["EU", "UK", "US"])}}),
            ];
            let edit = dice.pick(&edits);
            world.edit(edit);
            format!("edit {edit}")
        }
        4..=5 => {
            let link = json!({"type": "EndpointIntune", "state": dice.pick(&["Linked", "Unlinked"])});
            let acts = [
                ("SecurityAdministrator", "openPortal", json!({})),
                ("SecurityAdministrator", "optOut", json!({})),
                ("support", "supportOptOut", json!({})),
                ("support", "supportProvision", json!({})),
                ("SecurityAdministrator", "setLink", link),
            ];
            let (who, act, members) = dice.pick(&acts).clone();
            // What the rules do not let them do, they do not.
            let done = world.simulator.act(TENANT, who, act, members).await.is_ok();
            format!("{who} {act}: {done}")
        }
        6..=8 => {
            let faults = [
                json!({"kind": "failBeforeActing", "status": 500}),
                json!({"kind": "failAfterActing", "status": 503}),
                json!({"kind": "loseAnswer"}),
                json!({"kind": "operationFails", "description": "no"}),
                json!({"kind": "concurrency"}),
                json!({"kind": "unprocessable", "error": "Odd"}),
                json!({"kind": "tooManyRequests", "retryAfterSeconds": 30}),
                json!({"kind": "malformed", "shape": "html", "acted": dice.roll(2) == 0}),
                json!({"kind": "malformed", "shape": "wrongShape", "acted": dice.roll(2) == 0}),
                json!({"kind": "forgetOperation"}),
                json!({"kind": "wrongHandle"}),
            ];
            let (method, fault) = (*dice.pick(&["GET", "PUT", "PATCH", "DELETE"]), dice.pick(&faults).clone());
            let times = u32::try_from(1 + dice.roll(3)).unwrap();
            let told = format!("{method} {times} times {fault}");
            world.fault(method, Some(times), fault).await;
            told
        }
        _ => {
            world.wait_hours(*dice.pick(&[1, 2, 30]));
            "time passes".to_owned()
        }
    };
    format!("{} {told}", world.now)
}

/// Some passes at their own pace; each request that one sends must be declared in the spec at that moment.
async fn pass_some(world: &mut World, passes: usize) -> SignedDuration {
    let mut wait = SignedDuration::ZERO;
    for _ in 0..passes {
        let before = world.sent().await.len();
        wait = world.pass().await;
        world.now += wait.min(SignedDuration::from_hours(1));
        for (method, parameters) in &world.sent().await[before..] {
            let declared = world.spec["desiredState"].as_str().unwrap_or("Enabled");
            match (method.as_str(), parameters["state"].as_str()) {
                ("DELETE", _) => assert_eq!(declared, "Deprovisioned", "a DELETE that nobody declared"),
                (_, Some("Disabled")) => assert_eq!(declared, "Disabled", "an opt-out that nobody declared"),
                _ => assert_eq!(declared, "Enabled", "{method} {parameters}"),
            }
        }
        same_region(world).await;
    }
    wait
}

/// The region of a running tenant is the first that the journal names since it was last deprovisioned.
async fn same_region(world: &World) {
    let mut first: Option<Value> = None;
    for entry in world.simulator.journal(Some(TENANT)).await.unwrap() {
        match entry["effect"].as_str() {
            Some("deprovisioned") => first = None,
            Some("turnedOn") => {
                let region = entry["detail"]["region"].clone();
                assert_eq!(*first.get_or_insert(region.clone()), region, "the data moved");
            }
            _ => {}
        }
    }
}

async fn story(seed: u64, experience: Experience, mode: Mode) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed);
    let mut world = World::open(experience, mode).await;
    let mut told = Vec::new();
    for _ in 0..STEPS {
        told.push(turn(&mut world, &mut dice).await);
        let passes = 1 + dice.roll(3);
        pass_some(&mut world, passes).await;
        told.push(format!("  → {:?} {:?}", world.condition("Ready"), world.methods().await));
    }
    world.simulator.clear_faults().await.unwrap();
    // What only waiting or a person ends is ended: deadlines pass, and somebody asks for a reconcile.
    world.wait_hours(2);
    world.request_reconcile();
    let mut wait = SignedDuration::ZERO;
    for _ in 0..ROUNDS {
        wait = pass_some(&mut world, 1).await;
    }
    let story = told.join("\n");
    let settled = world.condition("Ready").0 == "True" || world.condition("Stalled").0 == "True";
    let described = world.describe();
    assert!(settled && wait >= LONG, "seed {seed} does not converge ({wait}):\n{story}\n{described}");
    let reason = world.condition("Ready").1;
    let expected = [
        "Enabled",
        "Disabled",
        "Deprovisioned",
        "RegionMismatch",
        "ConsentRequired",
        "ProviderRejected",
        "ActionRequired",
    ];
    assert!(expected.contains(&reason.as_str()), "seed {seed} ends as {reason}:\n{story}\n{described}");
    let (writes, sent) = (world.history.len(), world.sent().await.len());
    world.pass().await;
    assert_eq!((world.history.len(), world.sent().await.len()), (writes, sent), "seed {seed} is restless:\n{story}");
}

#[rstest]
#[tokio::test]
async fn stories(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Mode::Sync, Mode::Async, Mode::Silent, Mode::SilentAsync, Mode::Withholding)] mode: Mode,
) {
    for seed in 0..10 {
        story(seed, experience, mode).await;
    }
}
