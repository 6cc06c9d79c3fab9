//! Trouble between the operator and the API server: it dies, stands still, forgets, or is cut off, and somebody else
//! writes to the same resource all the time. Nothing is lost, nothing happens twice, and the operator stays up.
//!
//! The API server that is stopped here is not the one of the other tests.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::TENANT;
use crate::judges::{assert_not_asked, clock, seed, slow_broker, until};
use crate::replicas::{ENABLED, turned_on};
use crate::support::control_plane::process::{Signal, signal};
use crate::support::control_plane::{ControlPlane, Options};
use crate::support::declared::{AT_ONCE, LINKED, apply_all, effects, id, name, seed_all, spec, until_all_current};
use crate::support::proxy::Proxy;
use crate::support::stage::{ACCOUNT, Configuration, Operator, Stage};

/// A control plane for the tests that stop its API server or change its definitions, which take turns.
pub(crate) async fn own_plane() -> (&'static ControlPlane, MutexGuard<'static, ()>) {
    static OWN: OnceLock<ControlPlane> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    (OWN.get_or_init(|| ControlPlane::start(Options { controllers: false, audit: true }).unwrap()), turn)
}

/// What the operator has warned of, by its words.
fn warnings(operator: &Operator) -> BTreeMap<String, usize> {
    let mut warnings = BTreeMap::new();
    let log = operator.log();
    for line in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if line["level"] == "WARN" || line["level"] == "ERROR" {
            let what = format!(
                "{} {}",
                line["message"].as_str().unwrap_or_default(),
                line["class"].as_str().unwrap_or_default()
            );
            *warnings.entry(what).or_default() += 1;
        }
    }
    warnings
}

async fn assert_done_once(stage: &Stage, operator: &mut Operator, count: usize) {
    until_all_current(stage, Duration::from_mins(1)).await;
    let effects = effects(stage).await;
    assert_eq!(effects.len(), count);
    assert!(effects.values().all(|effects| effects == LINKED), "{effects:#?}");
    assert_eq!(operator.process.ended().unwrap(), None, "it stays up:\n{}", operator.log());
}

#[tokio::test]
async fn an_api_server_that_dies_in_the_middle_of_the_work_is_waited_for() {
    const COUNT: usize = 20;
    let (plane, _turn) = own_plane().await;
    let stage = Stage::open_on(plane, "server-dies").await;
    seed_all(&stage, COUNT + 1).await;
    stage.simulator.settings(None, slow_broker()).await.unwrap();
    let mut operator = stage.operator(&stage.configuration()).await;
    apply_all(&stage, COUNT).await;
    until("work is under way", async || turned_on(&stage).await >= 3).await;
    plane.restart_apiserver().await.unwrap();
    until("it takes changes again", async || stage.apply(&name(COUNT), spec(COUNT)).await.is_ok()).await;
    assert_done_once(&stage, &mut operator, COUNT + 1).await;
}

#[tokio::test]
async fn an_api_server_that_stands_still_is_waited_for() {
    const COUNT: usize = 12;
    let (plane, _turn) = own_plane().await;
    let stage = Stage::open_on(plane, "server-still").await;
    seed_all(&stage, COUNT).await;
    stage.simulator.settings(None, slow_broker()).await.unwrap();
    let mut operator = stage.operator(&stage.configuration()).await;
    apply_all(&stage, COUNT).await;
    until("work is under way", async || turned_on(&stage).await >= 2).await;
    signal(plane.apiserver_pid(), Signal::Stop).unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    signal(plane.apiserver_pid(), Signal::Continue).unwrap();
    assert_done_once(&stage, &mut operator, COUNT).await;
}

/// What the watch asks for is too old: the API server answers 410, and everything is listed again.
#[tokio::test]
async fn what_happens_while_history_is_lost_is_seen_all_the_same() {
    const COUNT: usize = 5;
    let (plane, _turn) = own_plane().await;
    let stage = Stage::open_on(plane, "history").await;
    seed_all(&stage, COUNT + 2).await;
    let proxy = Proxy::start(plane.server()).await.unwrap();
    let mut operator = stage.operator_behind(&stage.configuration(), Some(proxy.addr())).await;
    apply_all(&stage, COUNT).await;
    clock(&stage).await;
    until_all_current(&stage, Duration::from_mins(1)).await;

    proxy.pause_replies();
    let resources = stage.resources();
    stage.edit(&name(0), json!({"desiredState": "Disabled"})).await.unwrap();
    for number in [1, 2] {
        resources.delete(&name(number), &DeleteParams::default()).await.unwrap();
    }
    stage.apply(&name(COUNT), spec(COUNT)).await.unwrap();
    // The same name, and another tenant.
    stage.apply(&name(2), spec(COUNT + 1)).await.unwrap();
    plane.forget_history().await;
    plane.restart_apiserver().await.unwrap();
    proxy.drop_held();

    for number in [0, 2, COUNT] {
        stage.until_current(&name(number)).await;
    }
    let effects = effects(&stage).await;
    assert_eq!(effects[&id(0)], [LINKED, &["turnedOff"]].concat());
    for number in [1, 2, 3, 4, COUNT, COUNT + 1] {
        assert_eq!(effects[&id(number)], LINKED, "{number}");
    }
    assert_not_asked(&stage, &id(1)).await;
    assert_not_asked(&stage, &id(2)).await;
    let log = operator.log();
    assert!(log.contains("too old resource version"), "the history was not lost: {log}");
    assert_eq!(operator.process.ended().unwrap(), None);
}

#[tokio::test]
async fn a_watch_that_is_cut_in_the_middle_of_an_event_is_opened_again_and_sees_it() {
    let stage = Stage::open("cut").await;
    seed(&stage, TENANT).await;
    let proxy = Proxy::start(stage.plane.server()).await.unwrap();
    let operator = stage.operator_behind(&stage.configuration(), Some(proxy.addr())).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    stage.until_current("contoso").await;
    for (round, state) in ["Disabled", "Enabled", "Disabled"].into_iter().enumerate() {
        // Nothing but the event is under way: its beginning arrives, and its end never does.
        proxy.cut_next_reply(100 + round);
        stage.edit("contoso", json!({"desiredState": state})).await.unwrap();
        proxy.reached().await;
        stage.until_current("contoso").await;
    }
    let switched = [ENABLED, &["turnedOff", "turnedOn", "turnedOff"]].concat();
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), switched, "{}", operator.log());
}

#[tokio::test]
async fn requests_that_time_out_are_told_of_and_nothing_is_lost() {
    const COUNT: usize = 12;
    let stage = Stage::open("time-out").await;
    seed_all(&stage, COUNT).await;
    stage.simulator.settings(None, slow_broker()).await.unwrap();
    let proxy = Proxy::start(stage.plane.server()).await.unwrap();
    let mut operator = stage.operator_behind(&stage.configuration(), Some(proxy.addr())).await;
    apply_all(&stage, COUNT).await;
    until("work is under way", async || turned_on(&stage).await >= 2).await;
    proxy.pause();
    let start = Instant::now();
    while !operator.log().contains("pass failed") {
        assert!(start.elapsed() < Duration::from_secs(45), "{}", operator.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    proxy.drop_held();
    assert_done_once(&stage, &mut operator, COUNT).await;
    let warnings = warnings(&operator);
    assert!(warnings.values().all(|times| *times <= 2 * COUNT), "{warnings:#?}");
}

/// Somebody labels the resource all the time: each of our writes may meet a version that it does not know.
#[tokio::test]
async fn a_resource_that_somebody_writes_to_all_the_time_converges_with_few_writes() {
    let stage = Stage::open("storm").await;
    seed(&stage, TENANT).await;
    stage.simulator.settings(None, slow_broker()).await.unwrap();
    stage.apply("contoso", json!({
        "tenantId": TENANT, "dataLocation": {"region": "US"},
        "integrations": [
            {"name": "identity-data", "type": "IdentityCloudApps"}, {"name": "intune", "type": "EndpointIntune"},
        ],
    })).await.unwrap();
    let (resources, mut labels) = (stage.resources(), 0);
    let storm = async {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        loop {
            pace.tick().await;
            labels += 1;
            let patch =
                json!({"metadata": {"labels": {"storm": labels.to_string()}, "annotations": {"storm": "blows"}}});
            resources.patch("contoso", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        }
    };
    let _operator = stage.operator(&stage.configuration()).await;
    tokio::select! {
        () = storm => unreachable!("it blows until the resource is as declared"),
        _ = stage.until_current("contoso") => {}
    }
    assert!(labels > 10, "{labels}");
    let linked = [ENABLED, &["linked", "linked"]].concat();
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), linked);
    let user = format!("system:serviceaccount:{}:{ACCOUNT}", stage.namespace);
    let entries = stage.plane.audit().unwrap().into_iter().filter(|entry| entry.user == user && entry.verb == "patch");
    let codes: Vec<_> = entries.filter(|entry| entry.name == "contoso").map(|entry| entry.response_code).collect();
    let accepted = codes.iter().filter(|code| **code == Some(200)).count();
    assert!(accepted <= 7, "as many as without a storm: {codes:?}");
    assert!(codes.len() <= labels + accepted, "no more attempts than others have written");
}

/// A broker that takes its time, and few passes at once: what is there waits for many seconds, and a change does not.
#[tokio::test]
async fn a_change_during_a_start_does_not_wait_behind_the_backlog() {
    const COUNT: usize = 150;
    let stage = Stage::open("backlog").await;
    seed_all(&stage, COUNT + 1).await;
    apply_all(&stage, COUNT).await;
    let slow = json!({"kind": "slow", "milliseconds": 60});
    stage.simulator.fault(json!({"api": "broker"}), None, slow).await.unwrap();
    let configuration = Configuration { concurrency: Some(4), ..stage.configuration() }
        .with_timing("resyncMinimumSeconds", 60)
        .with_timing("resyncMaximumSeconds", 60);
    let mut operator = stage.operator(&configuration).await;
    until("the start is under way", async || turned_on(&stage).await >= 8).await;
    let effects_so_far = effects(&stage).await;
    let waiting = (0..COUNT).rev().find(|number| effects_so_far[&id(*number)] == ["seeded"]).unwrap();
    stage.edit(&name(waiting), json!({"resyncSeconds": 600})).await.unwrap();
    stage.apply(&name(COUNT), spec(COUNT)).await.unwrap();
    let changed_at = turned_on(&stage).await;

    assert_done_once(&stage, &mut operator, COUNT + 1).await;
    let journal = stage.simulator.journal(None).await.unwrap();
    let turned_on = journal.iter().filter(|entry| entry["effect"] == "turnedOn");
    let order: Vec<&str> = turned_on.filter_map(|entry| entry["tenantId"].as_str()).collect();
    for (number, what) in [(waiting, "changed"), (COUNT, "created")] {
        let place = order.iter().position(|tenant| *tenant == id(number)).unwrap();
        assert!(place < changed_at + AT_ONCE, "{what} during the start, and turned on as number {place} of {COUNT}");
    }
}
