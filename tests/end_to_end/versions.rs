//! Sections 4 and 5 of the contract, on every version of a resource that anybody who watches gets to see.

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{WatchEvent, WatchParams};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::TENANT;
use crate::asked::{off, signing_in, with_broker};
use crate::deletion::{confirmed, delete};
use crate::judges::{gone, slow_broker, verdict};
use crate::policies::CONDITIONS;
use crate::support::stage::{ACCOUNT, PATIENCE, Stage, condition};

/// Conditions that are there only when they are true.
const SOMETIMES: [&str; 4] = ["Reconciling", "Stalled", "ActionRequired", "Suspended"];

/// Collects every version of the resource until it is gone.
pub(crate) fn watch(stage: &Stage) -> JoinHandle<Vec<Value>> {
    let objects = stage.objects();
    tokio::spawn(async move {
        let params = WatchParams::default().fields("metadata.name=contoso").disable_bookmarks();
        let mut events = objects.watch(&params, "0").await.unwrap().boxed();
        let mut versions = Vec::new();
        while let Some(event) = events.try_next().await.unwrap() {
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    versions.push(serde_json::to_value(object).unwrap());
                }
                WatchEvent::Deleted(_) => return versions,
                other => unreachable!("{other:?}"),
            }
        }
        unreachable!("the watch has ended")
    })
}

/// What holds of every version, whatever the situation.
fn assert_well_formed(version: &Value) {
    let status = &version["status"];
    let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let observed = status["observedGeneration"].as_i64().unwrap();
    assert!(observed <= version["metadata"]["generation"].as_i64().unwrap(), "{version:#}");
    assert_eq!(observed < 0, conditions.is_empty(), "{version:#}");
    for condition in conditions {
        let (kind, about) = (condition["type"].as_str().unwrap(), condition["observedGeneration"].as_i64().unwrap());
        let is_of_this_write = if kind == "Suspended" { about >= observed } else { about == observed };
        assert!(is_of_this_write, "{kind} is about {about}, the status about {observed}: {version:#}");
        assert!(
            CONDITIONS.contains(&kind) || SOMETIMES.contains(&kind) && condition["status"] == "True",
            "{version:#}"
        );
    }
    if observed >= 0 {
        let missing: Vec<_> = CONDITIONS.iter().filter(|kind| condition(version, kind).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}: {version:#}");
        let [reconciling, stalled, suspended] =
            ["Reconciling", "Stalled", "Suspended"].map(|kind| condition(version, kind).is_some());
        let is_done = verdict(version, "Ready").0 == "True";
        let expected = usize::from(!is_done && !suspended);
        assert_eq!(usize::from(reconciling) + usize::from(stalled), expected, "{version:#}");
        if stalled {
            assert_eq!(verdict(version, "Stalled").1, verdict(version, "Ready").1, "{version:#}");
        }
        let has_actions = status["pendingActions"].as_array().is_some_and(|actions| !actions.is_empty());
        assert_eq!(condition(version, "ActionRequired").is_some(), has_actions, "{version:#}");
    }
    let managers = version["metadata"]["managedFields"].as_array().unwrap().iter();
    for of_status in managers.filter(|entry| entry["subresource"] == "status") {
        assert_eq!((&of_status["manager"], &of_status["operation"]), (&json!(ACCOUNT), &json!("Apply")), "{version:#}");
    }
    assert!(version.to_string().len() < 10_000, "{version:#}");
}

#[tokio::test]
async fn every_version_is_consistent_in_itself() {
    let (stage, _operator) = with_broker("versions", off(&json!({"automaticRegion": "EU"})), 60).await;
    stage.simulator.settings(None, slow_broker()).await.unwrap();
    let versions = watch(&stage);
    stage.apply("contoso", signing_in(&json!({"deletionPolicy": "Deprovision"}))).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    let twice = json!([{"name": "one", "type": "EndpointIntune"}, {"name": "two", "type": "EndpointIntune"}]);
    let once = json!([{"name": "one", "type": "EndpointIntune"}]);
    for (edit, status, reason) in [
        (json!({"integrations": once}), "True", "Enabled"),
        (json!({"integrations": twice}), "False", "InvalidSpec"),
        (json!({"integrations": null, "desiredState": "Disabled"}), "True", "Disabled"),
        (
            json!({"desiredState": "Enabled", "managementPolicy": "Observe", "deletionPolicy": "Retain"}),
            "False",
            "ObserveOnly",
        ),
        (json!({"managementPolicy": "Manage", "deletionPolicy": "Deprovision"}), "True", "Enabled"),
    ] {
        stage.edit("contoso", edit).await.unwrap();
        stage.until_ready("contoso", status, reason).await;
    }
    stage.edit("contoso", json!({"managementPolicy": "Suspend"})).await.unwrap();
    stage.until("contoso", "suspended", |resource| condition(resource, "Suspended").is_some()).await;
    stage.edit("contoso", json!({"managementPolicy": "Manage"})).await.unwrap();
    stage.until_current("contoso").await;
    // Nobody answers for a while, and then somebody refuses.
    let fault = json!({"kind": "failBeforeActing", "status": 503});
    let trouble = stage.simulator.fault(json!({"endpoint": "update"}), None, fault).await.unwrap();
    stage.edit("contoso", json!({"desiredState": "Disabled"})).await.unwrap();
    let is_tried = |resource: &Value| verdict(resource, "Reconciling").1 == "ProgressingWithRetry";
    stage.until("contoso", "tried again", is_tried).await;
    stage.simulator.remove_fault(trouble).await.unwrap();
    stage.until_ready("contoso", "True", "Disabled").await;
    delete(&stage).await;
    stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    stage.edit("contoso", confirmed()).await.unwrap();
    gone(&stage, "contoso").await;

    let versions = tokio::time::timeout(PATIENCE, versions).await.unwrap().unwrap();
    versions.iter().for_each(assert_well_formed);
    let seen = |kind: &str| versions.iter().filter(|version| condition(version, kind).is_some()).count();
    for kind in ["Reconciling", "Stalled", "Suspended"] {
        assert!(seen(kind) > 0, "{kind} was never seen");
    }
    let first = versions.first().unwrap();
    assert_eq!((&first["status"], &first["spec"]["tenantId"]), (&json!({"observedGeneration": -1}), &json!(TENANT)));
}
