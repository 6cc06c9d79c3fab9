//! A namespace that goes takes its resources with it, and touches nothing in their tenants.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;

use crate::TENANT;
use crate::judges::{FINALIZER, seed, until, verdict};
use crate::support::stage::{Configuration, Stage, create_namespace};

/// A second namespace, which only an operator with this configuration watches: it may go without its operator.
pub(crate) async fn home(stage: &Stage) -> (String, Configuration) {
    let home = format!("{}-home", stage.namespace);
    create_namespace(&stage.client, &home).await;
    let mut configuration = stage.configuration();
    configuration.tenancy = vec![format!("{{ namespace: {home}, tenantIds: [\"*\"], allowDeprovision: true }}")];
    configuration.namespace = Some(home.clone());
    (home, configuration)
}

/// The operator lives in the namespace of the stage; the resource in another one, which is deleted.
async fn deleted_with_its_namespace(policy: &str, already_deleted: bool) {
    let mut stage = Stage::open("namespace").await;
    seed(&stage, TENANT).await;
    let (home, configuration) = home(&stage).await;
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    let operator = stage.operator(&configuration).await;
    stage.namespace.clone_from(&home);
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": policy})).await.unwrap();
    let resource = stage.until_current("contoso").await;
    let held = resource["metadata"]["finalizers"] == json!([FINALIZER]);
    assert_eq!(held, policy == "Deprovision", "{resource:#}");
    if already_deleted {
        stage.resources().delete("contoso", &DeleteParams::default()).await.unwrap();
        stage.until("contoso", "waiting", |resource| verdict(resource, "Stalled").1 == "DeprovisionNotDeclared").await;
    }
    namespaces.delete(&home, &DeleteParams::default()).await.unwrap();
    until("the namespace is gone", async || namespaces.get_opt(&home).await.unwrap().is_none()).await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 0);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
    drop(operator);
}

#[tokio::test]
async fn a_namespace_goes_with_its_resources_and_leaves_their_tenants_alone() {
    crate::support::control_plane::shared().start_controllers().unwrap();
    tokio::join!(
        deleted_with_its_namespace("Retain", false),
        deleted_with_its_namespace("Deprovision", false),
        deleted_with_its_namespace("Deprovision", true),
    );
}
