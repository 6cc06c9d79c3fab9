//! Section 6 of the contract, where more than one object goes: a namespace full of them, the definition itself, owners and
//! what they own; and a resource whose spec today's definition would refuse.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::api::{CRD_NAME, custom_resource_definition};

use crate::deletion::{DEPROVISIONED, ENABLED, assert_untouched, confirmed, delete, enabled};
use crate::judges::{FINALIZER, gone, seed, until, verdict};
use crate::release::home;
use crate::support::control_plane::{ControlPlane, Options, shared};
use crate::support::declared::{id, name, seed_all, until_all_current};
use crate::support::stage::{Stage, apply_definition};
use crate::watching::own_plane;
use crate::{OTHER, TENANT};

/// The controllers of Kubernetes look again after a while: the garbage collector learns of a kind within half a minute.
const CONTROLLERS: Duration = Duration::from_secs(90);

/// Waits for what the controllers of Kubernetes bring about.
async fn in_time(what: &str, wanted: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !wanted().await {
        assert!(start.elapsed() < CONTROLLERS, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_namespace_with_fifty_resources_goes_and_nobody_is_called() {
    const COUNT: usize = 50;
    const BOUND: Duration = Duration::from_mins(1);
    shared().start_controllers().unwrap();
    let mut stage = Stage::open("fifty").await;
    seed_all(&stage, COUNT).await;
    let (home, configuration) = home(&stage).await;
    let operator = stage.operator(&configuration).await;
    stage.namespace.clone_from(&home);
    for number in 0..COUNT {
        let policy = if number % 2 == 0 { "Retain" } else { "Deprovision" };
        stage.apply(&name(number), json!({"tenantId": id(number), "deletionPolicy": policy})).await.unwrap();
    }
    until_all_current(&stage, Duration::from_mins(1)).await;
    let changes = async || {
        let counts = stage.simulator.counts(None).await.unwrap();
        let changes = counts.iter().filter(|count| count["method"] != "GET");
        changes.filter_map(|count| count["count"].as_u64()).sum::<u64>()
    };
    assert_eq!(changes().await, 50, "each was turned on by one request");
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    let start = Instant::now();
    namespaces.delete(&home, &DeleteParams::default()).await.unwrap();
    in_time("the namespace is gone", async || namespaces.get_opt(&home).await.unwrap().is_none()).await;
    assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
    assert_eq!(changes().await, 50, "nothing was sent");
    for number in 0..COUNT {
        assert_eq!(stage.simulator.effects(&id(number)).await.unwrap(), ENABLED, "{number}");
    }
    drop(operator);
}

#[tokio::test]
async fn a_namespace_that_went_while_no_operator_ran_goes_once_one_does() {
    shared().start_controllers().unwrap();
    let mut stage = Stage::open("unseen").await;
    seed(&stage, TENANT).await;
    let (home, configuration) = home(&stage).await;
    let operator = stage.operator(&configuration).await;
    let office = std::mem::replace(&mut stage.namespace, home.clone());
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    stage.until_current("contoso").await;
    drop(operator);
    let namespaces: Api<Namespace> = Api::all(stage.client.clone());
    namespaces.delete(&home, &DeleteParams::default()).await.unwrap();
    let is_deleted = async || !stage.read("contoso").await["metadata"]["deletionTimestamp"].is_null();
    in_time("the namespace takes it with it", is_deleted).await;
    stage.namespace = office;
    let _operator = stage.operator(&configuration).await;
    in_time("the namespace is gone", async || namespaces.get_opt(&home).await.unwrap().is_none()).await;
    assert_untouched(&stage).await;
}

#[tokio::test]
async fn the_definition_goes_with_every_resource_and_the_operator_outlives_it() {
    // What other tests left behind, without an operator that lets it go, would hold the definition.
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    let plane = PLANE.get_or_init(|| ControlPlane::start(Options { controllers: false, audit: true }).unwrap());
    let stage = Stage::open_on(plane, "definition").await;
    seed(&stage, TENANT).await;
    seed(&stage, OTHER).await;
    let mut operator = stage.operator(&stage.configuration()).await;
    let spec = json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"});
    stage.apply("contoso", spec.clone()).await.unwrap();
    stage.apply("fabrikam", json!({"tenantId": OTHER, "deletionPolicy": "Deprovision"})).await.unwrap();
    for name in ["contoso", "fabrikam"] {
        let resource = stage.until_current(name).await;
        assert_eq!(resource["metadata"]["finalizers"], json!([FINALIZER]));
    }
    // One was deleted before, and waits.
    delete(&stage).await;
    stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    let definitions: Api<CustomResourceDefinition> = Api::all(stage.client.clone());
    definitions.delete(CRD_NAME, &DeleteParams::default()).await.unwrap();
    in_time("the definition is gone", async || definitions.get_opt(CRD_NAME).await.unwrap().is_none()).await;
    for tenant in [TENANT, OTHER] {
        assert_eq!(stage.simulator.effects(tenant).await.unwrap(), ENABLED);
        assert_eq!(stage.simulator.count(tenant, "DELETE").await.unwrap(), 0);
    }
    let log = operator.log();
    assert!(log.contains("its namespace or definition is being deleted"), "{log}");
    apply_definition(&stage.client).await;
    stage.apply("contoso", spec).await.unwrap();
    stage.until_current("contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED, "adopted");
    assert_eq!(operator.process.ended().unwrap(), None, "it stays up:\n{}", operator.log());
}

/// A `ConfigMap` of this stage, owned or not; its uid.
async fn config_map(stage: &Stage, name: &str, owners: Value) -> String {
    let map: Api<ConfigMap> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let body = serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": owners}})).unwrap();
    map.create(&PostParams::default(), &body).await.unwrap().metadata.uid.unwrap()
}

async fn has_map(stage: &Stage, name: &str) -> bool {
    let maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), &stage.namespace);
    maps.get_opt(name).await.unwrap().is_some()
}

/// Waits until the garbage collector has seen every resource as it is now: it takes away one whose owner does not exist.
async fn until_collected(stage: &Stage) {
    let nobody = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "not-there"}]);
    let orphan = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
        "metadata": {"name": "orphan", "ownerReferences": nobody},
        "spec": {"tenantId": OTHER, "managementPolicy": "Suspend"},
    });
    stage.objects().create(&PostParams::default(), &serde_json::from_value(orphan).unwrap()).await.unwrap();
    in_time("the orphan is gone", async || stage.read("orphan").await.is_null()).await;
}

fn foreground() -> DeleteParams {
    DeleteParams { propagation_policy: Some(PropagationPolicy::Foreground), ..DeleteParams::default() }
}

/// An owner that waits for what it owns waits for the declaration.
#[rstest]
#[case::deprovisioned("Deprovision", confirmed(), DEPROVISIONED)]
#[case::let_go("Deprovision", json!({"deletionPolicy": "Retain"}), ENABLED)]
#[case::retained("Retain", json!(null), ENABLED)]
#[tokio::test]
async fn an_owner_that_goes_in_the_foreground_takes_its_resource_with_it(
    #[case] policy: &str,
    #[case] answer: Value,
    #[case] effects: &[&str],
) {
    shared().start_controllers().unwrap();
    let (stage, _operator) = enabled("owned", policy).await;
    let uid = config_map(&stage, "owner", json!([])).await;
    let owner = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "blockOwnerDeletion": true,
    }]);
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": owner}}));
    stage.objects().patch("contoso", &PatchParams::default(), &patch).await.unwrap();
    until_collected(&stage).await;
    let maps: Api<ConfigMap> = Api::namespaced(stage.client.clone(), &stage.namespace);
    maps.delete("owner", &foreground()).await.unwrap();
    if !answer.is_null() {
        let is_asking = async || verdict(&stage.read("contoso").await, "Ready") == ("False", "DeprovisionNotDeclared");
        in_time("the resource is deleted and asks", is_asking).await;
        assert!(has_map(&stage, "owner").await, "it waits for what it owns");
        stage.edit("contoso", answer).await.unwrap();
    }
    in_time("the resource is gone", async || stage.read("contoso").await.is_null()).await;
    in_time("its owner is gone", async || !has_map(&stage, "owner").await).await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), effects);
}

/// What the resource owns goes first: Kubernetes' own finalizer is one more that ours waits for.
#[rstest]
#[case::deprovisioned("Deprovision", true, DEPROVISIONED)]
#[case::retained("Retain", false, ENABLED)]
#[tokio::test]
async fn a_resource_that_goes_in_the_foreground_takes_what_it_owns_with_it(
    #[case] policy: &str,
    #[case] is_declared: bool,
    #[case] effects: &[&str],
) {
    shared().start_controllers().unwrap();
    let (stage, _operator) = enabled("owner", policy).await;
    let resource = stage.read("contoso").await;
    let owner = json!([{
        "apiVersion": resource["apiVersion"], "kind": resource["kind"], "name": "contoso",
        "uid": resource["metadata"]["uid"], "blockOwnerDeletion": true,
    }]);
    config_map(&stage, "owned", owner).await;
    stage.objects().delete("contoso", &foreground()).await.unwrap();
    if is_declared {
        stage.edit("contoso", confirmed()).await.unwrap();
    }
    in_time("what it owns is gone", async || !has_map(&stage, "owned").await).await;
    in_time("the resource is gone", async || stage.read("contoso").await.is_null()).await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), effects);
}

/// Applies the definition of the resource as an older, more lenient operator had it: any text is a cloud or a tenant.
async fn relax(stage: &Stage) {
    let mut definition = serde_json::to_value(custom_resource_definition()).unwrap();
    without_rules(&mut definition);
    let spec = definition
        .pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties")
        .and_then(Value::as_object_mut)
        .unwrap();
    for field in ["cloud", "tenantId", "deprovisionConfirmation"] {
        spec.insert(field.to_owned(), json!({"type": "string", "maxLength": 64}));
    }
    definition["apiVersion"] = "apiextensions.k8s.io/v1".into();
    definition["kind"] = "CustomResourceDefinition".into();
    let definitions: Api<CustomResourceDefinition> = Api::all(stage.client.clone());
    let params = PatchParams::apply("platform-team").force();
    definitions.patch(CRD_NAME, &params, &Patch::Apply(&definition)).await.unwrap();
}

/// Takes every rule in CEL out of a schema.
fn without_rules(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("x-kubernetes-validations");
            fields.values_mut().for_each(without_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(without_rules),
        _ => {}
    }
}

/// Applies the definition as it is, and waits until it is what the API server goes by.
async fn tighten(stage: &Stage) {
    apply_definition(&stage.client).await;
    let odd = json!({"tenantId": OTHER, "cloud": "Weird"});
    until("today's definition holds", async || stage.apply("odd", odd.clone()).await.is_err()).await;
}

/// Stored by an older definition, refused by today's: what a deletion needs can be read all the same.
#[rstest]
#[case::deprovisioned(confirmed(), DEPROVISIONED)]
#[case::let_go(json!({"deletionPolicy": "Retain"}), ENABLED)]
#[tokio::test]
async fn a_spec_that_is_refused_today_does_not_hold_its_deletion(#[case] answer: Value, #[case] effects: &[&str]) {
    let (plane, _turn) = own_plane().await;
    let stage = Stage::open_on(plane, "refused-today").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    stage.until_current("contoso").await;
    relax(&stage).await;
    let weird = json!({"cloud": "Weird"});
    until("an older definition holds", async || stage.edit("contoso", weird.clone()).await.is_ok()).await;
    tighten(&stage).await;
    stage.until_ready("contoso", "False", "InvalidSpec").await;
    delete(&stage).await;
    stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    stage.edit("contoso", answer).await.unwrap();
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), effects);
}

/// Not even the tenant can be read: nobody could deprovision it, so it goes, and the log says so.
#[tokio::test]
async fn a_spec_that_names_no_tenant_is_let_go_with_a_warning() {
    let (plane, _turn) = own_plane().await;
    let stage = Stage::open_on(plane, "no-tenant").await;
    seed(&stage, TENANT).await;
    relax(&stage).await;
    let spec = json!({"tenantId": "contoso.example", "deletionPolicy": "Deprovision"});
    until("an older definition holds", async || stage.apply("contoso", spec.clone()).await.is_ok()).await;
    let patch = Patch::Merge(json!({"metadata": {"finalizers": [FINALIZER]}}));
    stage.objects().patch("contoso", &PatchParams::default(), &patch).await.unwrap();
    tighten(&stage).await;
    let operator = stage.operator(&stage.configuration()).await;
    stage.until_ready("contoso", "False", "InvalidSpec").await;
    delete(&stage).await;
    gone(&stage, "contoso").await;
    let log = operator.log();
    let warned = |line: &str| {
        line.contains(r#""level":"WARN""#) && line.contains("tenant, policy and confirmation cannot be read")
    };
    assert!(log.lines().any(warned), "{log}");
    assert!(stage.simulator.requests(None, 0).await.unwrap().is_empty());
}
