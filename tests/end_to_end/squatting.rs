//! Section 7 of the contract: whoever declares somebody else's tenant cannot take it, slow it or make it flap, and learns of
//! nobody.
//!
//! The operator looks at every namespace here, so that it has a control plane without other operators.

use std::time::{Duration, Instant};

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::TENANT;
use crate::deletion::{ENABLED, confirmed};
use crate::judges::{assert_settled, events, gone, seed, until, verdict, writes};
use crate::support::microsoft::by_secret;
use crate::support::stage::{Configuration, Stage, create_namespace};
use crate::watching::own_plane;

/// A second namespace of the same cluster, seen through the same helpers.
async fn neighbour(stage: &Stage) -> (String, String) {
    let (own, other) = (stage.namespace.clone(), format!("{}-squat", stage.namespace));
    create_namespace(&stage.client, &other).await;
    (own, other)
}

/// Everything that users of a namespace are told: all statuses and events.
async fn told(stage: &Stage) -> String {
    let listed = stage.objects().list(&ListParams::default()).await.unwrap();
    let statuses: Vec<Value> = listed.items.into_iter().map(|mut item| item.data["status"].take()).collect();
    let events: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let notes = events.list(&ListParams::default()).await.unwrap().items.into_iter().map(|event| event.note);
    json!([statuses, notes.collect::<Vec<_>>()]).to_string()
}

/// What a squatter may try: to have the tenant elsewhere, off, or gone.
fn attempts() -> Vec<Value> {
    let mut gone = confirmed();
    gone["deletionPolicy"] = "Deprovision".into();
    vec![
        json!({"dataLocation": {"region": "UK"}}),
        json!({"desiredState": "Disabled"}),
        gone,
        json!({"credentials": by_secret(), "deletionPolicy": "Deprovision"}),
    ]
}

/// Writes into the status of a resource what only the operator may say.
async fn forge(squatters: &Api<DynamicObject>, name: &str) {
    let condition = json!({
        "type": "CredentialsReady", "status": "True", "reason": "Met", "message": "trust me",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let patch = Patch::Merge(json!({"status": {"conditions": [condition]}}));
    squatters.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

/// Declares the tenant twenty times, in every way; the names of the resources.
async fn squat(stage: &Stage) -> Vec<String> {
    let names: Vec<String> = (0..20).map(|number| format!("squatter-{number}")).collect();
    for (name, attempt) in names.iter().zip(attempts().into_iter().cycle()) {
        let mut spec = json!({"tenantId": TENANT});
        json_patch::merge(&mut spec, &attempt);
        stage.apply(name, spec).await.unwrap();
    }
    names
}

#[tokio::test]
async fn a_squatter_of_another_namespace_takes_slows_and_learns_nothing() {
    let (plane, _turn) = own_plane().await;
    let mut stage = Stage::open_on(plane, "owner").await;
    seed(&stage, TENANT).await;
    let (own, other) = neighbour(&stage).await;
    // The squatters are there first.
    stage.namespace.clone_from(&other);
    let names = squat(&stage).await;
    stage.namespace.clone_from(&own);
    let configuration = Configuration { namespace: None, ..stage.configuration() };
    let _operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    stage.until_current("contoso").await;
    stage.namespace.clone_from(&other);
    let squatters = stage.objects();
    for (number, name) in names.iter().enumerate() {
        // Those with credentials may not even have them read.
        let reason = if number % 4 == 3 { "CredentialsMissing" } else { "TenantNotAllowed" };
        let refused = stage.until(name, reason, |resource| verdict(resource, "Stalled") == ("True", reason)).await;
        assert!(refused["metadata"]["finalizers"].is_null(), "{refused:#}");
    }

    // They come and go, change, and claim what they have not shown; the owner is not touched, and served as soon as ever.
    stage.namespace.clone_from(&own);
    let before = writes(&stage, "contoso").await;
    let squatting = async {
        for (round, name) in names.iter().cycle().enumerate() {
            let change = Patch::Merge(json!({"spec": {"resyncSeconds": 600 + round}}));
            squatters.patch(name, &PatchParams::default(), &change).await.unwrap();
            forge(&squatters, name).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let serving = async {
        assert_settled(&stage, "contoso", TENANT).await;
        assert_eq!(writes(&stage, "contoso").await, before);
        for (round, state) in ["Disabled", "Enabled", "Disabled"].into_iter().enumerate() {
            let start = Instant::now();
            stage.edit("contoso", json!({"desiredState": state})).await.unwrap();
            stage.until_ready("contoso", "True", state).await;
            assert!(start.elapsed() < Duration::from_secs(10), "round {round}: {:?}", start.elapsed());
        }
    };
    tokio::select! {
        () = squatting => unreachable!("it goes on until the owner is served"),
        () = serving => {}
    }
    let switched = [ENABLED, &["turnedOff", "turnedOn", "turnedOff"]].concat();
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), switched);
    let seen = events(&stage, "contoso").await;
    assert!(!seen.iter().any(|(reason, _)| reason == "DuplicateTenant"), "it never flapped: {seen:?}");
    assert!(!told(&stage).await.contains(&other), "the owner learns of nobody");
    stage.namespace.clone_from(&other);
    let told = told(&stage).await;
    assert!(!told.contains(&format!("{own} ")) && !told.contains(&format!("{own}\"")), "nor do they: {told}");
    assert!(!told.contains("contoso\"") && !told.contains("contoso "), "{told}");
    for name in &names {
        stage.objects().delete(name, &DeleteParams::default()).await.unwrap();
        gone(&stage, name).await;
    }
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), switched);
}

/// Both namespaces may manage the tenant: the elder does, and the younger cannot even take it away by going.
#[tokio::test]
async fn a_younger_resource_of_another_namespace_waits_and_goes_without_a_trace() {
    let (plane, _turn) = own_plane().await;
    let mut stage = Stage::open_on(plane, "elder").await;
    seed(&stage, TENANT).await;
    let (own, other) = neighbour(&stage).await;
    let mut configuration = Configuration { namespace: None, ..stage.configuration() };
    configuration.tenancy.push(format!("{{ namespace: {other}, tenantIds: [\"*\"], allowDeprovision: true }}"));
    let operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    let elder = stage.until_current("contoso").await;
    stage.namespace.clone_from(&other);
    let mut spec = json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"});
    json_patch::merge(&mut spec, &confirmed());
    let born = elder["metadata"]["creationTimestamp"].clone();
    // Creation times count whole seconds; below that the uid decides.
    until("a second has passed", async || {
        let probe =
            stage.apply("probe", json!({"tenantId": crate::OTHER, "managementPolicy": "Suspend"})).await.unwrap();
        stage.objects().delete("probe", &DeleteParams::default()).await.unwrap();
        probe["metadata"]["creationTimestamp"] != born
    })
    .await;
    stage.apply("impostor", spec).await.unwrap();
    let stalled = stage.until_ready("impostor", "False", "DuplicateTenant").await;
    assert_eq!(verdict(&stalled, "Stalled"), ("True", "DuplicateTenant"));
    assert!(stalled["metadata"]["finalizers"].is_null(), "{stalled:#}");
    let told = told(&stage).await;
    assert!(!told.contains(&format!("{own} ")) && !told.contains(&format!("{own}/")), "{told}");
    assert!(!told.contains("contoso"), "{told}");
    assert!(operator.log().contains(&format!("{own}/contoso")), "the log names it: {}", operator.log());
    stage.objects().delete("impostor", &DeleteParams::default()).await.unwrap();
    gone(&stage, "impostor").await;
    stage.namespace = own;
    assert_settled(&stage, "contoso", TENANT).await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 0);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
}
