//! Section 6 of the contract: deleting never destroys by itself.

use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::judges::{
    FINALIZER, assert_not_asked, clock, gone, held, looks, message, seed, slow_broker, verdict, writes,
};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::{Operator, Stage};
use crate::{OTHER, TENANT};

pub(crate) const ENABLED: &[&str] = &["seeded", "instanceCreated", "turnedOn"];
pub(crate) const DEPROVISIONED: &[&str] =
    &["seeded", "instanceCreated", "turnedOn", "deprovisioned", "instanceDeleted"];

pub(crate) fn confirmed() -> Value {
    json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT})
}

/// A stage with a tenant that is on, managed by a resource with this deletion policy.
pub(crate) async fn enabled(name: &str, policy: &str) -> (Stage, Operator) {
    let stage = Stage::open(name).await;
    seed(&stage, TENANT).await;
    let operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": policy})).await.unwrap();
    stage.until_current("contoso").await;
    (stage, operator)
}

pub(crate) async fn delete(stage: &Stage) {
    stage.objects().delete("contoso", &DeleteParams::default()).await.unwrap();
}

pub(crate) async fn assert_untouched(stage: &Stage) {
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 0);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
}

#[tokio::test]
async fn under_retain_a_resource_goes_at_once_and_its_tenant_is_left_alone() {
    let (stage, _operator) = enabled("retain", "Retain").await;
    clock(&stage).await;
    assert_eq!(writes(&stage, "contoso").await, ["patch status", "patch status"], "no finalizer was ever written");
    delete(&stage).await;
    assert!(stage.read("contoso").await.is_null(), "nothing holds it");
    assert_not_asked(&stage, TENANT).await;
    assert_untouched(&stage).await;
    assert_eq!(writes(&stage, "contoso").await.len(), 2);
}

#[tokio::test]
async fn the_finalizer_is_there_before_anything_is_sent() {
    let stage = Stage::open("finalizer").await;
    seed(&stage, TENANT).await;
    let hold = stage.simulator.hold(json!({"endpoint": "provision"}), "arrived").await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    held(&stage, hold).await;
    let resource = stage.read("contoso").await;
    assert_eq!(resource["metadata"]["finalizers"], json!([FINALIZER]));
    assert_eq!(resource["status"]["operation"]["step"], "Enable");
    stage.simulator.release(hold, "proceed").await.unwrap();
    stage.until_current("contoso").await;
    // A change of mind on a living resource takes it away again.
    stage.edit("contoso", json!({"deletionPolicy": "Retain"})).await.unwrap();
    stage.until("contoso", "without a finalizer", |resource| resource["metadata"]["finalizers"].is_null()).await;
}

/// Deleted, not declared, then declared: with this broker, in so many writes.
async fn declared_on_the_terminating_object(name: &str, broker: Value, most: usize) {
    let (stage, _operator) = enabled(name, "Deprovision").await;
    stage.simulator.settings(None, broker).await.unwrap();
    let before = writes(&stage, "contoso").await.len();
    delete(&stage).await;
    let waiting = stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    assert_eq!(kstatus(&waiting), KStatus::Terminating);
    assert_eq!(verdict(&waiting, "Stalled"), ("True", "DeprovisionNotDeclared"));
    assert!(message(&waiting, "Ready").contains("deprovisionConfirmation"), "{waiting:#}");
    looks(&stage, TENANT, 2).await;
    assert_untouched(&stage).await;
    stage.edit("contoso", confirmed()).await.unwrap();
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 1);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), DEPROVISIONED);
    let written = writes(&stage, "contoso").await.split_off(before);
    assert!(written.len() <= most, "{name}: {written:?}");
}

#[tokio::test]
async fn a_deleted_resource_waits_for_the_declaration_then_deprovisions_once_and_goes() {
    // 2 + 1 for the wait that is reported, + 1 for an asynchronous handle.
    tokio::join!(
        declared_on_the_terminating_object("declared", json!({"mode": "sync"}), 3),
        declared_on_the_terminating_object("declared-slow", slow_broker(), 4),
    );
}

#[tokio::test]
async fn a_declaration_before_the_deletion_deprovisions_and_the_deletion_then_waits_for_nothing() {
    let (stage, _operator) = enabled("declared-before", "Deprovision").await;
    stage.edit("contoso", confirmed()).await.unwrap();
    let resource = stage.until_ready("contoso", "True", "Deprovisioned").await;
    assert_eq!(kstatus(&resource), KStatus::Current);
    assert!(resource["status"]["dataLocation"].is_null(), "the pin is cleared: {resource:#}");
    delete(&stage).await;
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 1);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), DEPROVISIONED);
}

#[tokio::test]
async fn retain_on_the_terminating_object_releases_it_without_a_call() {
    let (stage, operator) = enabled("released", "Deprovision").await;
    delete(&stage).await;
    stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    stage.edit("contoso", json!({"deletionPolicy": "Retain"})).await.unwrap();
    gone(&stage, "contoso").await;
    assert_untouched(&stage).await;
    let log = operator.log();
    let warned =
        log.lines().any(|line| line.contains(r#""level":"WARN""#) && line.contains("the tenant is left as it is"));
    assert!(warned, "{log}");
}

#[tokio::test]
async fn a_broker_that_refuses_holds_the_resource_until_a_person_attests() {
    let (stage, _operator) = enabled("refused", "Deprovision").await;
    let refusal = json!({"kind": "failBeforeActing", "status": 400, "body": {"description": "ask support first"}});
    stage.simulator.fault(json!({"endpoint": "deprovision"}), None, refusal).await.unwrap();
    stage.edit("contoso", confirmed()).await.unwrap();
    delete(&stage).await;
    let stalled = stage.until_ready("contoso", "False", "ProviderRejected").await;
    assert_eq!(verdict(&stalled, "Stalled"), ("True", "ProviderRejected"));
    assert!(message(&stalled, "Ready").contains("ask support first"), "{stalled:#}");
    let (yesterday, next_month) = attested();
    let word = json!([{
        "name": "by-support", "claim": "Deprovisioned", "attestedBy": "secops@contoso.example",
        "attestTime": yesterday, "expireTime": next_month,
    }]);
    stage.edit("contoso", json!({"attestations": word})).await.unwrap();
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED, "the broker did nothing");
}

#[tokio::test]
async fn a_foreign_finalizer_is_waited_for() {
    let (stage, _operator) = enabled("foreign", "Deprovision").await;
    finalizers(&stage, json!([FINALIZER, "example.com/other"])).await;
    delete(&stage).await;
    stage.edit("contoso", confirmed()).await.unwrap();
    stage.until_ready("contoso", "False", "Deleting").await;
    looks(&stage, TENANT, 2).await;
    assert_untouched(&stage).await;
    finalizers(&stage, json!([FINALIZER])).await;
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), DEPROVISIONED);
}

#[tokio::test]
async fn a_suspended_terminating_object_is_held_without_a_call() {
    let (stage, _operator) = enabled("suspended", "Deprovision").await;
    clock(&stage).await;
    stage.edit("contoso", json!({"managementPolicy": "Suspend"})).await.unwrap();
    stage.until("contoso", "suspended", |resource| verdict(resource, "Suspended").0 == "True").await;
    stage.edit("contoso", confirmed()).await.unwrap();
    delete(&stage).await;
    assert_not_asked(&stage, TENANT).await;
    assert_eq!(stage.read("contoso").await["metadata"]["finalizers"], json!([FINALIZER]));
    assert_untouched(&stage).await;
    stage.edit("contoso", json!({"managementPolicy": "Manage"})).await.unwrap();
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), DEPROVISIONED);
    assert!(!stage.read("clock").await.is_null());
    assert_eq!(stage.simulator.effects(OTHER).await.unwrap(), ENABLED);
}

/// A day ago, and a month from now.
#[expect(clippy::disallowed_methods, reason = "attestations are judged by the real time of day")]
fn attested() -> (String, String) {
    let now = jiff::Timestamp::now();
    let hours = jiff::SignedDuration::from_hours;
    ((now - hours(24)).to_string(), (now + hours(24 * 30)).to_string())
}

async fn finalizers(stage: &Stage, list: Value) {
    let patch = kube::api::Patch::Merge(json!({"metadata": {"finalizers": list}}));
    stage.resources().patch("contoso", &kube::api::PatchParams::default(), &patch).await.unwrap();
}
