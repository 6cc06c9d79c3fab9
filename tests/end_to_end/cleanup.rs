//! Section 6 of the contract: what is deleted goes, whatever else is gone by then: its Secret, its broker, its tenant, the
//! operator, or nothing because nothing was ever there.

use rstest::rstest;
use serde_json::{Value, json};

use crate::TENANT;
use crate::asked::{off, with_broker};
use crate::deletion::{DEPROVISIONED, ENABLED, assert_untouched, confirmed, delete, enabled};
use crate::judges::{FINALIZER, gone, looks, seed, verdict};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::microsoft::{SECRET_NAME, by_secret, tenant};
use crate::support::stage::{Configuration, Operator, Stage};

/// A resource with credentials that manages a tenant which the broker may deprovision, and which is on.
async fn signed_in(name: &str) -> (Stage, Operator) {
    let (stage, operator) = with_broker(name, off(&json!({"automaticRegion": "EU"})), 60).await;
    let spec = json!({"tenantId": TENANT, "credentials": by_secret(), "deletionPolicy": "Deprovision"});
    stage.apply("contoso", spec).await.unwrap();
    stage.until_current("contoso").await;
    (stage, operator)
}

/// Waits until the deleted resource asks for the declaration.
async fn until_asking(stage: &Stage) {
    stage.until_ready("contoso", "False", "DeprovisionNotDeclared").await;
}

/// Whoever deletes a whole directory deletes the Secret too, and perhaps first.
#[rstest]
#[case::before_the_declaration(false)]
#[case::after_the_declaration(true)]
#[tokio::test]
async fn a_secret_that_goes_first_holds_nothing_up(#[case] is_declared: bool) {
    let (stage, operator) = signed_in("secret-first").await;
    if is_declared {
        // Nobody acts on the declaration before the Secret is gone.
        drop(operator);
        stage.edit("contoso", confirmed()).await.unwrap();
        stage.take_secret(SECRET_NAME).await;
        delete(&stage).await;
        let _operator = stage.operator(&stage.configuration()).await;
        gone(&stage, "contoso").await;
    } else {
        stage.take_secret(SECRET_NAME).await;
        stage
            .until("contoso", "without its Secret", |resource| {
                verdict(resource, "CredentialsReady") == ("False", "CredentialsMissing")
            })
            .await;
        delete(&stage).await;
        until_asking(&stage).await;
        stage.edit("contoso", confirmed()).await.unwrap();
        gone(&stage, "contoso").await;
    }
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), DEPROVISIONED);
}

/// Without a mapping the Secret is all that permits the resource: once it is gone, nothing may be held or done.
#[tokio::test]
async fn a_secret_that_was_the_only_permit_releases_what_it_held() {
    let stage = Stage::open("permit-first").await;
    let members = json!({"service": {"state": "on", "region": "EU"}, "region": "EU"});
    stage.simulator.seed(TENANT, tenant(members)).await.unwrap();
    stage.give_secret(SECRET_NAME, crate::support::microsoft::SECRET).await;
    let mut configuration = stage.configuration();
    configuration.tenancy.clear();
    let operator = stage.operator(&configuration).await;
    let spec = json!({"tenantId": TENANT, "credentials": by_secret(), "deletionPolicy": "Deprovision"});
    stage.apply("contoso", spec).await.unwrap();
    let held = stage.until_current("contoso").await;
    assert_eq!(held["metadata"]["finalizers"], json!([FINALIZER]));
    // At the same moment, as far as the operator can tell.
    drop(operator);
    stage.take_secret(SECRET_NAME).await;
    delete(&stage).await;
    let _operator = stage.operator(&configuration).await;
    gone(&stage, "contoso").await;
    assert!(stage.simulator.requests(None, 0).await.unwrap().is_empty(), "the broker was never called");
    assert_eq!(stage.simulator.tenant(TENANT).await.unwrap()["service"]["state"], "on");
}

/// How long a broker that cannot be reached is waited for before a person is called, in seconds.
const SOON: u32 = 4;
const LATER: u32 = 600;

#[rstest]
#[case::it_is_back_in_time(LATER, json!({}), DEPROVISIONED)]
#[case::it_is_back_too_late(SOON, json!({}), DEPROVISIONED)]
#[case::it_is_not_waited_for(LATER, json!({"deletionPolicy": "Retain"}), ENABLED)]
#[case::it_is_not_waited_for_any_more(SOON, json!({"deletionPolicy": "Retain"}), ENABLED)]
#[tokio::test]
async fn a_broker_that_is_gone_is_waited_for(
    #[case] deadline: u32,
    #[case] change_of_mind: Value,
    #[case] effects: &[&str],
) {
    let mut stage = Stage::open("broker-gone").await;
    seed(&stage, TENANT).await;
    // Without resyncs in between: three that fail call a person too.
    let configuration = stage.configuration().with_timing("resyncMaximumSeconds", 600);
    let configuration = configuration.with_timing("resyncMinimumSeconds", 600);
    let _operator = stage.operator(&Configuration { maximum_polling: deadline, ..configuration }).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    stage.until_current("contoso").await;
    stage.kill_simulator();
    delete(&stage).await;
    stage.edit("contoso", confirmed()).await.unwrap();
    let is_waiting = |resource: &Value| {
        verdict(resource, "Ready").1 == "ProviderUnavailable" && verdict(resource, "Reconciling").0 == "True"
    };
    let waiting = stage.until("contoso", "waiting", is_waiting).await;
    assert_eq!(verdict(&waiting, "Stalled"), ("", ""), "{waiting:#}");
    assert_eq!(kstatus(&waiting), KStatus::Terminating);
    if deadline == SOON {
        let is_stalled = |resource: &Value| verdict(resource, "Stalled") == ("True", "ProviderUnavailable");
        let stalled = stage.until("contoso", "a person's", is_stalled).await;
        assert_eq!(verdict(&stalled, "Reconciling"), ("", ""));
        assert_eq!(kstatus(&stalled), KStatus::Terminating);
    }
    if change_of_mind == json!({}) {
        stage.restart_simulator().await;
        gone(&stage, "contoso").await;
    } else {
        stage.edit("contoso", change_of_mind).await.unwrap();
        gone(&stage, "contoso").await;
        stage.restart_simulator().await;
    }
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), effects);
}

/// Answers this status and body to every request for this endpoint.
async fn answer(stage: &Stage, endpoint: &str, status: u16, body: Value) {
    let fault = json!({"kind": "failBeforeActing", "status": status, "body": body});
    stage.simulator.fault(json!({"endpoint": endpoint}), None, fault).await.unwrap();
}

/// The tenant itself is gone: Microsoft does not know it any more.
async fn forgotten_by_microsoft(stage: &Stage) {
    let body = json!({
        "error": "invalid_tenant", "error_codes": [90_002],
        "error_description": format!("AADSTS90002: Tenant '{TENANT}' not found."),
    });
    for endpoint in ["token", "openIdConfiguration"] {
        answer(stage, endpoint, 400, body.clone()).await;
    }
    stage.simulator.revoke_tokens().await.unwrap();
}

#[rstest]
#[case::the_broker_has_forgotten_it(false, true)]
#[case::microsoft_has_forgotten_it(true, false)]
#[case::nobody_knows_it(true, true)]
#[tokio::test]
async fn a_tenant_that_is_gone_holds_nothing_up(#[case] has_credentials: bool, #[case] is_unknown_to_broker: bool) {
    let (stage, _operator) =
        if has_credentials { signed_in("tenant-gone").await } else { enabled("tenant-gone", "Deprovision").await };
    delete(&stage).await;
    until_asking(&stage).await;
    if has_credentials {
        forgotten_by_microsoft(&stage).await;
    }
    if is_unknown_to_broker {
        answer(&stage, "fetch", 404, json!({})).await;
    }
    stage.edit("contoso", confirmed()).await.unwrap();
    gone(&stage, "contoso").await;
    let (sent, effects) = if is_unknown_to_broker { (0, ENABLED) } else { (1, DEPROVISIONED) };
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), sent);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), effects);
}

/// A broker that does not show its instances is asked by the request itself.
#[tokio::test]
async fn a_broker_that_answers_410_has_nothing_to_remove() {
    let stage = Stage::open("broker-410").await;
    seed(&stage, TENANT).await;
    stage.simulator.settings(None, json!({"retrievable": false})).await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    stage.until_current("contoso").await;
    answer(&stage, "deprovision", 410, json!({})).await;
    delete(&stage).await;
    until_asking(&stage).await;
    stage.edit("contoso", confirmed()).await.unwrap();
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 1);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
}

/// Nothing was ever there, so nothing is asked to go; what is declared counts all the same.
#[rstest]
#[case::only_to_be_off(json!({"desiredState": "Disabled"}), ("True", "Disabled"))]
#[case::only_to_be_gone(confirmed(), ("True", "Deprovisioned"))]
#[case::refused_by_the_broker(json!({}), ("False", "ProviderRejected"))]
#[tokio::test]
async fn what_was_never_provisioned_goes_once_that_is_declared(
    #[case] fields: Value,
    #[case] expected: (&'static str, &'static str),
) {
    let stage = Stage::open("never").await;
    seed(&stage, TENANT).await;
    answer(&stage, "provision", 400, json!({"description": "not this one"})).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let mut spec = json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"});
    json_patch::merge(&mut spec, &fields);
    stage.apply("contoso", spec).await.unwrap();
    let resource = stage.until_ready("contoso", expected.0, expected.1).await;
    assert_eq!(resource["metadata"]["finalizers"], json!([FINALIZER]));
    delete(&stage).await;
    if fields != confirmed() {
        until_asking(&stage).await;
        stage.edit("contoso", confirmed()).await.unwrap();
    }
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 0);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded"]);
}

/// Deleted while no operator runs; `crashes` tells of what is declared as well.
#[tokio::test]
async fn a_deletion_that_no_operator_saw_is_found_by_the_next() {
    let (stage, operator) = enabled("down", "Deprovision").await;
    drop(operator);
    delete(&stage).await;
    assert!(!stage.read("contoso").await.is_null(), "it is held, whoever runs");
    let operator = stage.operator(&stage.configuration()).await;
    until_asking(&stage).await;
    looks(&stage, TENANT, 2).await;
    assert_untouched(&stage).await;
    drop(operator);
    stage.edit("contoso", confirmed()).await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    gone(&stage, "contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), DEPROVISIONED);
}
