//! Hold points: requests stop at a known instant.

use std::time::Duration;

use super::*;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn arrived_is_before_acting_and_survives_the_client() {
    let rig = Rig::with_tenant().await;
    let matching = json!({ "endpoint": "provision", "tenantId": TENANT });
    let id = rig.control.hold(matching, "arrived").await.unwrap();
    let before = rig.control.wait_hold(id, Duration::ZERO).await.unwrap();
    assert_eq!(before["reached"], false);
    let client = Platform::new(&rig.running);
    let sent = tokio::spawn(async move { client.try_provision(enabled()).await });
    let held = rig.control.wait_hold(id, LONG).await.unwrap();
    assert_eq!((&held["reached"], &held["tenantId"]), (&json!(true), &json!(TENANT)));
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded"]);
    // The operator is killed: the request was sent all the same.
    sent.abort();
    let _ = sent.await;
    let acted = rig.control.hold(json!({}), "acted").await.unwrap();
    rig.control.release(id, "proceed").await.unwrap();
    rig.control.wait_hold(acted, LONG).await.unwrap();
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
    rig.control.release(acted, "proceed").await.unwrap();
}

#[tokio::test]
async fn a_discarded_arrival_never_acts() {
    let rig = Rig::with_tenant().await;
    let id = rig.control.hold(json!({ "method": "PUT" }), "arrived").await.unwrap();
    let (sent, ()) = tokio::join!(rig.broker.try_provision(enabled()), async {
        assert_eq!(rig.control.wait_hold(id, LONG).await.unwrap()["reached"], true);
        rig.control.release(id, "discard").await.unwrap();
    });
    assert!(sent.is_err(), "{sent:?}");
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded"]);
    assert_eq!(rig.broker.provision(enabled()).await.status, 201, "a hold point holds one request");
}

#[tokio::test]
async fn acted_is_durable_before_the_answer() {
    let rig = Rig::with_tenant().await;
    let id = rig.control.hold(json!({ "method": "PUT" }), "acted").await.unwrap();
    let (sent, ()) = tokio::join!(rig.broker.try_provision(enabled()), async {
        assert_eq!(rig.control.wait_hold(id, LONG).await.unwrap()["reached"], true);
        let log = std::fs::read_to_string(rig.folder.path().join("state.json.log")).unwrap();
        assert!(log.lines().last().unwrap().contains("turnedOn"), "{log}");
        rig.control.release(id, "proceed").await.unwrap();
    });
    assert_eq!(sent.unwrap().status, 201);
}

#[tokio::test]
async fn a_hold_point_that_nobody_reached_can_be_taken_away() {
    let rig = Rig::with_tenant().await;
    let id = rig.control.hold(json!({}), "arrived").await.unwrap();
    rig.control.release(id, "proceed").await.unwrap();
    assert_eq!(rig.broker.provision(enabled()).await.status, 201);
    let error = rig.control.wait_hold(id + 1, Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
}
