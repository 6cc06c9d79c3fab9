//! Many tenants that are declared to be on, off or gone, and whether only that happened to them, by the journal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::ListParams;
use serde_json::{Value, json};

use super::kstatus::{KStatus, kstatus};
use super::stage::Stage;

/// Requests that are under way at once while the scene is set.
pub(crate) const AT_ONCE: usize = 16;

/// How the ids of these tenants begin.
const TENANTS: &str = "8d3f2f3e-5a53-4c8e-9c3e-";
/// What happens to a tenant that is declared to be on with one link, and nothing else.
pub(crate) const LINKED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "linked"];

/// Id of a tenant.
pub(crate) fn id(number: usize) -> String {
    format!("{TENANTS}{number:012x}")
}

/// Name of the resource about it.
pub(crate) fn name(number: usize) -> String {
    format!("tenant-{number:03}")
}

/// What is declared about it first: on, in a region that Microsoft would not choose, with one link.
pub(crate) fn spec(number: usize) -> Value {
    json!({
        "tenantId": id(number),
        "dataLocation": {"region": "US"},
        "integrations": [{"name": "identity-data", "type": "IdentityCloudApps"}],
    })
}

/// Puts so many tenants into the world, all of them off.
pub(crate) async fn seed_all(stage: &Stage, count: usize) {
    let members = json!({"services": ["Endpoint", "Identity", "CloudApps"], "automaticRegion": "EU"});
    let seeds = (0..count).map(|number| {
        let members = members.clone();
        async move { stage.simulator.seed(&id(number), members).await.map(drop) }
    });
    let seeded: Result<(), _> = stream::iter(seeds).buffer_unordered(AT_ONCE).try_collect().await;
    seeded.expect("every tenant is in the world");
}

/// Declares all of them to be on, with one link.
pub(crate) async fn apply_all(stage: &Stage, count: usize) {
    let applied = (0..count).map(|number| async move { stage.apply(&name(number), spec(number)).await.map(drop) });
    let applied: Result<(), _> = stream::iter(applied).buffer_unordered(AT_ONCE).try_collect().await;
    applied.expect("every resource is accepted");
}

/// Waits until every resource is as declared.
///
/// # Panics
/// After `longest`.
#[track_caller]
pub(crate) fn until_all_current(stage: &Stage, longest: Duration) -> impl Future<Output = ()> + '_ {
    let caller = std::panic::Location::caller();
    async move {
        let start = Instant::now();
        loop {
            let listed = stage.resources().list(&ListParams::default()).await.expect("it answers");
            let resources = listed.items.iter().map(|item| serde_json::to_value(item).expect("a resource is JSON"));
            let waiting: Vec<Value> = resources.filter(|resource| kstatus(resource) != KStatus::Current).collect();
            let Some(one) = waiting.first() else { return };
            assert!(start.elapsed() < longest, "{caller}: {} are not as declared, one is\n{one:#}", waiting.len());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The effects on every tenant, in order, read at once.
pub(crate) async fn effects(stage: &Stage) -> BTreeMap<String, Vec<String>> {
    let mut effects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in stage.simulator.journal(None).await.expect("it answers") {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        if text("effect") == "turnedOn" && text("tenantId").starts_with(TENANTS) {
            assert_eq!(entry["detail"]["region"], "US", "as declared: {entry}");
        }
        effects.entry(text("tenantId")).or_default().push(text("effect"));
    }
    effects
}

/// What was declared about a tenant, one after the other.
pub(crate) type Declared = Vec<&'static str>;

/// Declares something else about a tenant. A fifth of all goes on and off, a fifth is deprovisioned once that is allowed,
/// of the others nothing is changed that concerns the tenant. `round` makes the change another one than before.
///
/// # Errors
/// The API server did not take it, or it cannot be known whether it did.
pub(crate) async fn change(
    stage: &Stage,
    (number, own): (usize, &mut Declared),
    (round, may_deprovision): (usize, bool),
) -> Result<(), kube::Error> {
    let last = own.last().copied().unwrap_or_default();
    let (wish, fields) = match (number % 5, last) {
        (0, "Enabled") => ("Disabled", json!({"desiredState": "Disabled"})),
        (0, _) => ("Enabled", json!({"desiredState": "Enabled"})),
        (1, "Enabled") if may_deprovision => {
            ("Deprovisioned", json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": id(number)}))
        }
        _ => (last, json!({"resyncSeconds": 600 + round % 80_000})),
    };
    stage.edit(&name(number), fields).await?;
    if wish != last {
        own.push(wish);
    }
    Ok(())
}

/// Nothing happened to the tenant that was not declared, and nothing twice.
///
/// # Panics
/// When something did.
pub(crate) fn assert_as_declared(declared: &Declared, effects: &[String]) {
    let times = |effect: &str| effects.iter().filter(|known| *known == effect).count();
    let wishes = |state: &str| declared.iter().filter(|known| **known == state).count();
    let told = format!("{declared:?}: {effects:?}");
    assert!(times("turnedOn") <= wishes("Enabled") && times("turnedOff") <= wishes("Disabled"), "{told}");
    assert!(times("deprovisioned") <= wishes("Deprovisioned"), "{told}");
    assert!(times("instanceCreated") <= 1 && times("instanceDeleted") <= wishes("Deprovisioned"), "{told}");
    assert!(times("linked") <= 1 && times("unlinked") == 0, "{told}");
    let is_switch = |effect: &&String| ["turnedOn", "turnedOff", "deprovisioned"].contains(&effect.as_str());
    let switches: Vec<&String> = effects.iter().filter(is_switch).collect();
    assert!(switches.windows(2).all(|two| two[0] != two[1]), "{told}");
    let is_on = switches.last().is_some_and(|last| *last == "turnedOn");
    assert_eq!(is_on, declared.last() == Some(&"Enabled"), "{told}");
    if declared.len() == 1 {
        assert_eq!(effects, LINKED);
    }
}
