//! Resources that may not, cannot, or must not do what they declare; and configuration files with mistakes.

use std::process::Command;

use kube::api::DeleteParams;
use serde_json::json;

use crate::judges::{assert_not_asked, clock, gone, message, seed, verdict, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::{PROGRAM, Stage};
use crate::{OTHER, TENANT};

#[tokio::test]
async fn a_tenant_that_is_not_allowed_to_the_namespace_is_never_asked_for() {
    let stage = Stage::open("not-allowed").await;
    seed(&stage, TENANT).await;
    let mut configuration = stage.configuration();
    configuration.tenancy =
        vec![format!("{{ namespace: {}, tenantIds: [{OTHER}], allowDeprovision: true }}", stage.namespace)];
    let _operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    let stalled = stage.until_ready("contoso", "False", "TenantNotAllowed").await;
    assert_eq!(verdict(&stalled, "Stalled"), ("True", "TenantNotAllowed"));
    assert_eq!(kstatus(&stalled), KStatus::Failed);
    assert!(stage.simulator.requests(None, 0).await.unwrap().is_empty(), "not even the catalog was asked for");
    clock(&stage).await;
    assert_not_asked(&stage, TENANT).await;
    assert!(stage.simulator.requests(Some(TENANT), 0).await.unwrap().is_empty());
    assert_eq!(writes(&stage, "contoso").await, ["patch status"]);
    stage.resources().delete("contoso", &DeleteParams::default()).await.unwrap();
    assert!(stage.read("contoso").await.is_null(), "who may not manage a tenant is not held");
}

#[tokio::test]
async fn of_two_resources_for_one_tenant_the_elder_acts_and_the_younger_follows() {
    let stage = Stage::open("duplicate").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let spec = json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"});
    let elder = stage.apply("elder", spec.clone()).await.unwrap();
    stage.until_current("elder").await;
    // Creation times count whole seconds; below that the uid decides.
    let born = elder["metadata"]["creationTimestamp"].clone();
    let younger = loop {
        let younger = stage.apply("younger", spec.clone()).await.unwrap();
        if younger["metadata"]["creationTimestamp"] != born {
            break younger;
        }
        stage.resources().delete("younger", &DeleteParams::default()).await.unwrap();
        gone(&stage, "younger").await;
    };
    assert_ne!(younger["metadata"]["uid"], elder["metadata"]["uid"]);
    let stalled = stage.until_ready("younger", "False", "DuplicateTenant").await;
    assert_eq!(verdict(&stalled, "Stalled"), ("True", "DuplicateTenant"));
    assert_eq!(kstatus(&stalled), KStatus::Failed);
    assert!(stalled["metadata"]["finalizers"].is_null(), "{stalled:#}");
    let told = message(&stalled, "Ready");
    assert!(!told.contains("elder") && !told.contains(&stage.namespace), "no foreign name: {told}");
    let requests = stage.simulator.requests(Some(TENANT), 0).await.unwrap();
    assert!(requests.iter().all(|request| request["method"] != "PATCH" && request["method"] != "DELETE"));

    stage.resources().delete("elder", &DeleteParams::default()).await.unwrap();
    gone(&stage, "elder").await;
    stage.request_reconcile("younger", "the elder is gone").await;
    let heir = stage.until_current("younger").await;
    assert_eq!(heir["status"]["dataLocation"]["source"], "Claimed", "adopted, on the broker's word");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
    assert_eq!(stage.simulator.count(TENANT, "PUT").await.unwrap(), 1);
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 0, "succeeded, so nothing was taken away");
}

#[tokio::test]
async fn a_region_that_changes_after_the_pin_is_refused_by_the_api_server() {
    let stage = Stage::open("region").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    stage.until_current("contoso").await;
    let refused = stage.edit("contoso", json!({"dataLocation": {"region": "UK"}})).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    assert_eq!(status.code, 422, "{status:?}");
    assert!(status.message.contains("region"), "{status:?}");
    stage.edit("contoso", json!({"resyncSeconds": 600})).await.unwrap();
    stage.edit("contoso", json!({"dataLocation": null})).await.unwrap();
    let kept = stage.until_current("contoso").await;
    assert_eq!(kept["status"]["dataLocation"]["region"], "US", "a pin does not go with the wish");
}

#[tokio::test]
async fn an_asked_for_region_that_differs_from_the_existing_one_stalls_before_anything_is_sent() {
    let stage = Stage::open("mismatch").await;
    let on = json!({"services": ["Endpoint"], "service": {"state": "on", "region": "UK"}});
    stage.simulator.seed(TENANT, on).await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    let stalled = stage.until("contoso", "stalled", |resource| verdict(resource, "Stalled").0 == "True").await;
    assert_eq!(kstatus(&stalled), KStatus::Failed);
    assert!(message(&stalled, "Ready").contains("RegionMismatch"), "{}", message(&stalled, "Ready"));
    assert!(stalled["status"]["dataLocation"].is_null(), "nothing was accepted, so nothing is pinned: {stalled:#}");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded"]);
}

#[test]
fn a_broken_configuration_is_refused_with_every_problem_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("broken.yaml");
    let text = "tenancy:\n  - { namespace: No_Name, tenantIds: [contoso.com] }\nbroker:\n  url: http://broker.example\n  auth: { basic: { username: operator, passwordFile: missing } }\n  caFile: nowhere.pem\n  requestTimeoutSeconds: 0\ntiming: { resyncMinimumSeconds: 20, resyncMaximumSeconds: 10 }\nprobes: { listen: everywhere }\n";
    std::fs::write(&file, text).unwrap();
    for check in [["--check-config"].as_slice(), &[]] {
        let output = Command::new(PROGRAM).arg("run").args(check).arg("--config").arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        for field in [
            "tenancy[0].namespace",
            "tenancy[0].tenantIds[0]",
            "broker.url",
            "broker.auth.basic.passwordFile",
            "broker.caFile",
            "broker.requestTimeoutSeconds",
            "timing.resyncMinimumSeconds",
            "probes.listen",
        ] {
            assert!(told.contains(field), "{field} is not named:\n{told}");
        }
        assert!(!told.contains("\"started\""), "{told}");
    }
}

#[test]
fn a_sound_configuration_is_summed_up_and_nothing_is_started() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sound.yaml");
    std::fs::write(&file, "tenancy:\n  - { namespace: security, tenantIds: [\"*\"] }\n").unwrap();
    let output = Command::new(PROGRAM).args(["run", "--check-config", "--config"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("security") && told.contains("none: every step is a person's"), "{told}");
}
