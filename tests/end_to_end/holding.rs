//! Section 6 of the contract: what holds a deleted resource although its deprovisioning is declared, and what ends that.

use serde_json::{Value, json};

use crate::asked::{now, off, until_looked, with_broker};
use crate::broker_access::{probe, probes};
use crate::deletion::{ENABLED, assert_untouched, confirmed, delete, enabled};
use crate::judges::{FINALIZER, gone, message, slow_broker, until, verdict, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::microsoft::by_secret;
use crate::support::stage::{Configuration, Stage, condition};
use crate::versions::watch;
use crate::{OTHER, TENANT};

/// Waits until the resource is held for this reason, and a person is needed.
async fn until_held(stage: &Stage, reason: &str) -> Value {
    let is_held = |resource: &Value| verdict(resource, "Stalled") == ("True", reason);
    let held = stage.until("contoso", reason, is_held).await;
    assert_eq!(verdict(&held, "Ready"), ("False", reason));
    assert_eq!(verdict(&held, "Reconciling"), ("", ""));
    assert_eq!(kstatus(&held), KStatus::Terminating);
    assert_eq!(held["metadata"]["finalizers"], json!([FINALIZER]));
    held
}

/// A person's word that the tenant is deprovisioned.
fn attested() -> Value {
    let hours = jiff::SignedDuration::from_hours;
    json!({"attestations": [{
        "name": "by-support", "claim": "Deprovisioned", "attestedBy": "secops@contoso.example",
        "attestTime": (now() - hours(24)).to_string(), "expireTime": (now() + hours(720)).to_string(),
    }]})
}

#[tokio::test]
async fn without_a_broker_support_is_asked_and_retain_ends_it() {
    let (stage, operator) = enabled("no-broker", "Deprovision").await;
    drop(operator);
    let operator = stage.operator(&Configuration { broker: None, ..stage.configuration() }).await;
    delete(&stage).await;
    stage.edit("contoso", confirmed()).await.unwrap();
    let held = until_held(&stage, "ActionRequired").await;
    let told = message(&held, "Ready");
    assert!(told.contains("Please deprovision") && told.contains(TENANT), "{told}");
    let left = async |count: usize| {
        let shown = probe(&probes(&operator).await, "/metrics").await.1;
        shown.lines().any(|line| line == format!("threat_protection_tenants_left_behind_total {count}"))
    };
    assert!(left(0).await);
    stage.edit("contoso", json!({"deletionPolicy": "Retain"})).await.unwrap();
    gone(&stage, "contoso").await;
    until("the log and the metric tell it", async || {
        operator.log().contains("the tenant is left as it is") && left(1).await
    })
    .await;
    assert_untouched(&stage).await;
}

#[tokio::test]
async fn an_operation_past_its_deadline_is_ended_by_a_persons_word() {
    let (stage, operator) = enabled("past-deadline", "Deprovision").await;
    drop(operator);
    stage.simulator.settings(None, slow_broker()).await.unwrap();
    let endless = json!({"kind": "neverEnding"});
    stage.simulator.fault(json!({"endpoint": "deprovision"}), None, endless).await.unwrap();
    let _operator = stage.operator(&Configuration { maximum_polling: 3, ..stage.configuration() }).await;
    stage.edit("contoso", confirmed()).await.unwrap();
    delete(&stage).await;
    until_held(&stage, "OperationTimedOut").await;
    stage.edit("contoso", attested()).await.unwrap();
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 1);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
}

/// A person's word outranks the broker's, and never what is seen.
#[tokio::test]
async fn a_tenant_that_is_still_seen_to_be_on_is_held_until_it_is_seen_to_be_off() {
    let (stage, _operator) = with_broker("still-on", off(&json!({"automaticRegion": "EU"})), 3).await;
    let spec = json!({"tenantId": TENANT, "credentials": by_secret(), "deletionPolicy": "Deprovision"});
    stage.apply("contoso", spec).await.unwrap();
    stage.until_current("contoso").await;
    // What happens to it from now on is seen ten minutes later.
    stage.simulator.advance(601).await.unwrap();
    stage.simulator.settings(None, json!({"signalsDelaySeconds": 600})).await.unwrap();
    delete(&stage).await;
    stage.edit("contoso", confirmed()).await.unwrap();
    until_held(&stage, "ClaimNotObserved").await;
    stage.edit("contoso", attested()).await.unwrap();
    until_looked(&stage, TENANT, 2).await;
    assert_eq!(stage.read("contoso").await["metadata"]["finalizers"], json!([FINALIZER]), "it is seen to be on");
    stage.simulator.advance(600).await.unwrap();
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 1);
}

/// Under `Suspend` nothing is asked, and a person can still let it go.
#[tokio::test]
async fn a_suspended_terminating_object_is_let_go_by_retain() {
    let (stage, _operator) = enabled("let-go", "Deprovision").await;
    stage.edit("contoso", json!({"managementPolicy": "Suspend"})).await.unwrap();
    stage.until("contoso", "suspended", |resource| verdict(resource, "Suspended").0 == "True").await;
    stage.edit("contoso", confirmed()).await.unwrap();
    delete(&stage).await;
    stage.edit("contoso", json!({"deletionPolicy": "Retain"})).await.unwrap();
    gone(&stage, "contoso").await;
    assert_untouched(&stage).await;
}

/// The finalizer is there only as long as the resource may manage its tenant.
#[tokio::test]
async fn whoever_may_not_manage_the_tenant_any_more_is_not_held() {
    let (stage, operator) = enabled("not-any-more", "Deprovision").await;
    assert_eq!(stage.read("contoso").await["metadata"]["finalizers"], json!([FINALIZER]));
    drop(operator);
    let mut configuration = stage.configuration();
    configuration.tenancy = vec![format!("{{ namespace: {}, tenantIds: [{OTHER}] }}", stage.namespace)];
    let _operator = stage.operator(&configuration).await;
    let refused = stage.until_ready("contoso", "False", "TenantNotAllowed").await;
    assert!(refused["metadata"]["finalizers"].is_null(), "{refused:#}");
    stage.edit("contoso", confirmed()).await.unwrap();
    delete(&stage).await;
    assert!(stage.read("contoso").await.is_null(), "it goes at once");
    assert_untouched(&stage).await;
}

/// 2 + 1 for each wait that is reported: here for the declaration, and for the verification.
#[tokio::test]
async fn a_deletion_that_is_verified_later_costs_one_write_more() {
    let (stage, _operator) = with_broker("verified-later", off(&json!({"automaticRegion": "EU"})), 300).await;
    let spec = json!({"tenantId": TENANT, "credentials": by_secret(), "deletionPolicy": "Deprovision"});
    stage.apply("contoso", spec).await.unwrap();
    stage.until_current("contoso").await;
    stage.simulator.advance(601).await.unwrap();
    stage.simulator.settings(None, json!({"signalsDelaySeconds": 600})).await.unwrap();
    let (before, versions) = (writes(&stage, "contoso").await.len(), watch(&stage));
    delete(&stage).await;
    stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    stage.edit("contoso", confirmed()).await.unwrap();
    let verifying = stage.until_ready("contoso", "False", "Verifying").await;
    until_looked(&stage, TENANT, 2).await;
    assert_eq!(stage.read("contoso").await, verifying, "looking costs nothing");
    stage.simulator.advance(600).await.unwrap();
    gone(&stage, "contoso").await;
    let versions = versions.await.unwrap();
    let calls: Vec<_> = versions.iter().filter(|version| condition(version, "ActionRequired").is_some()).collect();
    assert!(calls.is_empty(), "nobody is called because one sign of the service goes before another: {calls:#?}");
    // A look that is under way while the tenant changes sees both, and says so.
    let is_half = |version: &&Value| verdict(version, "Ready").1 == "Verifying";
    let in_between = versions.iter().filter(is_half).count() - 1;
    let written = writes(&stage, "contoso").await.split_off(before);
    assert!(in_between <= 1 && written.len() <= 4 + in_between, "{written:?}");
}

/// 2 + 1 for each wait that is reported: here for the declaration, and for a person.
#[tokio::test]
async fn a_deletion_that_a_person_ends_costs_one_write_more() {
    let (stage, operator) = enabled("ended-by-hand", "Deprovision").await;
    drop(operator);
    // Every time that it is tried again its intent is written first.
    let _operator = stage.operator(&stage.configuration().with_timing("slowProbeSeconds", 3600)).await;
    let refusal = json!({"kind": "failBeforeActing", "status": 400, "body": {"description": "ask support first"}});
    stage.simulator.fault(json!({"endpoint": "deprovision"}), None, refusal).await.unwrap();
    let before = writes(&stage, "contoso").await.len();
    delete(&stage).await;
    stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
    stage.edit("contoso", confirmed()).await.unwrap();
    until_held(&stage, "ProviderRejected").await;
    stage.edit("contoso", json!({"deletionPolicy": "Retain"})).await.unwrap();
    gone(&stage, "contoso").await;
    let written = writes(&stage, "contoso").await.split_off(before);
    assert!(written.len() <= 4, "{written:?}");
}
