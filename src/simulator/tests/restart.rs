//! What survives a restart, a kill, and a damaged file.

use std::path::PathBuf;

use super::*;
use crate::simulator::server::ServerError;
use crate::simulator::store::{Store, StoreError, beside};
use crate::simulator::tenant::Tenant;

#[tokio::test]
async fn state_and_authority_survive_a_restart() {
    let rig = Rig::with_tenant().await;
    rig.make_async(3).await;
    let accepted = rig.broker.provision(enabled()).await;
    rig.broker.poll(&accepted).await;
    let journal = rig.control.journal(None).await.unwrap();
    let authority = std::fs::read(&rig.running.ca_file).unwrap();
    let Rig { folder, running, .. } = rig;
    running.stop().await.unwrap();
    assert_eq!(std::fs::read(folder.path().join("state.json.log")).unwrap(), b"", "folded into the state file");

    let rig = Rig::start_in(folder).await;
    assert_eq!(std::fs::read(&rig.running.ca_file).unwrap(), authority);
    assert_eq!(rig.control.journal(None).await.unwrap(), journal);
    for expected in ["in progress", "in progress", "succeeded"] {
        assert_eq!(rig.broker.poll(&accepted).await.body["state"], expected);
    }
}

#[test]
fn a_kill_at_any_byte_leaves_a_readable_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let tenants: Vec<Tenant> = (1..=3).map(tenant).collect();
    let (mut store, mut state) = Store::open(&path).unwrap();
    for tenant in &tenants {
        state.put_tenant(tenant.clone());
        store.commit(&mut state).unwrap();
    }
    drop(store);
    let log = std::fs::read(beside(&path, "log")).unwrap();
    let snapshot = std::fs::read(&path).unwrap();
    for end in 0..=log.len() {
        let other = tempfile::tempdir().unwrap();
        let path = other.path().join("state.json");
        std::fs::write(&path, &snapshot).unwrap();
        std::fs::write(beside(&path, "log"), &log[..end]).unwrap();
        let (_, state) = Store::open(&path).unwrap();
        let whole = String::from_utf8_lossy(&log[..end]).matches('\n').count();
        assert_eq!(state.tenants().len(), whole, "cut after {end} bytes");
    }
}

#[test]
fn a_kill_between_snapshot_and_log_counts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let (mut store, mut state) = Store::open(&path).unwrap();
    state.put_tenant(tenant(1));
    let seeded = crate::simulator::journal::Change::new(crate::simulator::journal::Effect::Seeded, []);
    let id = tenant(1).tenant_id;
    state.record(id, crate::simulator::journal::Actor::Seed, jiff::Timestamp::UNIX_EPOCH, vec![seeded]);
    store.commit(&mut state).unwrap();
    let log = std::fs::read(beside(&path, "log")).unwrap();
    store.fold(&state).unwrap();
    drop(store);
    // As if the kill had come before the log was emptied.
    std::fs::write(beside(&path, "log"), &log).unwrap();
    let (_, state) = Store::open(&path).unwrap();
    assert_eq!(state.journal().len(), 1);
}

fn tenant(number: u32) -> Tenant {
    Tenant::new(format!("00000000-0000-4000-8000-{number:012}").parse().unwrap())
}

#[test]
fn damaged_foreign_and_used_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let damaged = write("damaged", "{\"format\": \"threat-");
    assert!(matches!(Store::open(&damaged), Err(StoreError::Damaged { line: 1, .. })));
    let foreign = write("foreign", "{\"apiVersion\": \"v1\"}");
    let error = Store::open(&foreign).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "{\"apiVersion\": \"v1\"}", "left untouched");
    let used = folder.path().join("used");
    let _open = Store::open(&used).unwrap();
    assert!(matches!(Store::open(&used), Err(StoreError::InUse { .. })));
    let cut = write("cut", "");
    std::fs::remove_file(&cut).unwrap();
    std::fs::write(beside(&cut, "log"), "not json\n").unwrap();
    assert!(matches!(Store::open(&cut), Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn the_certificate_is_for_the_address_that_it_listens_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut elsewhere = options(folder.path());
    elsewhere.listen = "127.0.0.2:0".parse().unwrap();
    let running = start(elsewhere).await.unwrap();
    assert!(running.broker_url.starts_with("https://127.0.0.2:"), "{}", running.broker_url);
    let answer = Platform::new(&running).send(Method::GET, "/v2/catalog", None).await.unwrap();
    assert_eq!(answer.status, 200);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn other_machines_are_kept_out_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let mut open = options(folder.path());
    open.listen = "0.0.0.0:0".parse().unwrap();
    let error = start(open.clone()).await.unwrap_err();
    assert!(matches!(error, ServerError::NotLoopback { .. }), "{error}");
    open.allow_non_loopback = true;
    open.sans = vec!["simulator.example".to_owned()];
    start(open).await.unwrap().stop().await.unwrap();
}
