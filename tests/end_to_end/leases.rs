//! One of several candidates leads, on the real API server and with the permissions that are shipped.
//!
//! Judged from the Lease as the API server shows it, to the administrator and not to the candidates, and from the order
//! of instants in this process.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client};
use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::controller::LeaseSettings;
use tracing::subscriber::DefaultGuard;

use crate::judges::until;
use crate::support::control_plane::{Access, AuditEntry, Credential};
use crate::support::proxy::Proxy;
use crate::support::stage::{ACCOUNT, PATIENCE};

mod scene;

use scene::{DEADLINE, DURATION, Home, LEASE, RETRY, SLACK, end_of, in_time, taken_over};

/// What is logged on this thread, which is all of a test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        (log, tracing::subscriber::set_default(lines.finish()))
    }

    fn count(&self, words: &str) -> usize {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().filter(|line| line.contains(words)).count()
    }
}

#[tokio::test]
async fn one_of_three_leads_and_a_standby_takes_over_at_once_when_it_resigns() {
    let (log, _guard) = Log::start();
    let home = Home::open("lease-one").await;
    // The timings that are shipped.
    let shipped = |settings: LeaseSettings| LeaseSettings {
        duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
        ..settings
    };
    let mut candidates = Vec::new();
    for name in ["a", "b", "c"] {
        candidates.push(home.candidate_as(name, None, shipped).await);
    }
    let first = candidates[0].lead().await;
    let spec = home.spec().await;
    assert_eq!((&spec["holderIdentity"], &spec["leaseDurationSeconds"]), (&json!("a"), &json!(15)));
    assert_eq!(spec["leaseTransitions"], 0);
    let (b, c) = (candidates[1].stand_by(), candidates[2].stand_by());
    candidates[1].follows("a").await;
    candidates[2].follows("a").await;
    home.renewed().await;
    home.renewed().await;
    assert!(candidates[0].election.is_leading() && !b.is_finished() && !c.is_finished());
    assert_eq!((log.count("this process leads"), log.count("another process leads")), (1, 2), "once a change");
    let resigned = Instant::now();
    first.resign().await;
    assert!(!candidates[0].election.is_leading());
    let start = Instant::now();
    while !b.is_finished() && !c.is_finished() {
        assert!(start.elapsed() < PATIENCE, "nobody takes over");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ((winner, other), loser) = if b.is_finished() { ((b, "b"), c) } else { ((c, "c"), b) };
    let (term, began) = taken_over(winner).await;
    assert!(began - resigned < Duration::from_secs(3), "{:?}", began - resigned);
    let spec = home.spec().await;
    assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&json!(other), &json!(1)));
    home.renewed().await;
    assert!(!loser.is_finished() && !term.lost().is_cancelled());
    loser.abort();
}

#[tokio::test]
async fn a_holder_that_vanishes_is_replaced_when_its_lease_has_expired_and_not_before() {
    let home = Home::open("lease-gone").await;
    let (a, b) = (home.candidate("a").await, home.candidate("b").await);
    let term = a.lead().await;
    let standby = b.stand_by();
    b.follows("a").await;
    let (last_renewed_after, lost) = (home.renewed().await, term.lost());
    drop(term);
    let vanished = Instant::now();
    assert!(lost.is_cancelled(), "nobody may go on working for it");
    let (_term, began) = taken_over(standby).await;
    assert!(began >= last_renewed_after + DURATION, "{:?}", began - last_renewed_after);
    assert!(began < vanished + DURATION + RETRY + SLACK, "{:?}", began - vanished);
    let spec = home.spec().await;
    assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&json!("b"), &json!(1)));
}

/// Either way: requests get lost, or their answers do.
#[rstest]
#[case::requests(Proxy::pause)]
#[case::answers(Proxy::pause_replies)]
#[tokio::test]
async fn a_holder_that_is_cut_off_stops_before_anybody_else_leads(#[case] cut: fn(&Proxy)) {
    let (log, _guard) = Log::start();
    let home = Home::open("lease-cut").await;
    let proxy = Proxy::start(home.plane.server()).await.unwrap();
    let (a, b) = (home.candidate_behind("a", Some(proxy.addr())).await, home.candidate("b").await);
    let term = a.lead().await;
    let end = end_of(&term);
    let standby = b.stand_by();
    b.follows("a").await;
    home.renewed().await;
    let cut_off = Instant::now();
    cut(&proxy);
    let lost = in_time(end).await.unwrap();
    assert_eq!(home.holder().await.as_deref(), Some("a"), "nobody else leads yet");
    assert!(!standby.is_finished() && !a.election.is_leading());
    assert!(lost - cut_off < DURATION, "{:?}", lost - cut_off);
    let (_term, began) = taken_over(standby).await;
    assert!(lost < began);
    assert_eq!(home.holder().await.as_deref(), Some("b"));
    assert_eq!((log.count("no answer within"), log.count("the lease is lost")), (1, 1), "once a problem");
    // What was held back arrives now, and changes nothing.
    proxy.resume();
    home.renewed().await;
    assert_eq!(home.holder().await.as_deref(), Some("b"));
    term.resign().await;
    assert_eq!(home.holder().await.as_deref(), Some("b"), "who has lost it cannot give it up");
}

/// An answer that takes its time does not lengthen the term: others count from when the renewal was stored.
#[tokio::test]
async fn the_time_to_work_counts_from_the_request_and_not_from_its_answer() {
    let home = Home::open("lease-slow").await;
    let proxy = Proxy::start(home.plane.server()).await.unwrap();
    let (deadline, held_back) = (Duration::from_secs(6), Duration::from_millis(1500));
    let slow = |settings: LeaseSettings| LeaseSettings {
        duration: Duration::from_secs(9),
        renew_deadline: deadline,
        retry_period: Duration::from_secs(2),
        ..settings
    };
    let a = home.candidate_as("a", Some(proxy.addr()), slow).await;
    let term = a.lead().await;
    let end = end_of(&term);
    proxy.pause_replies();
    proxy.reached().await;
    let answered = Instant::now();
    until("the answer is late", async || answered.elapsed() >= held_back).await;
    // The answer goes on its way, and nothing gets through any more.
    proxy.pause();
    let lost = in_time(end).await.unwrap();
    let lasted = lost - answered;
    assert!(lasted + held_back / 2 > deadline, "the answer counted: {lasted:?}");
    assert!(lasted < deadline + held_back / 2, "from the request: {lasted:?}");
}

#[tokio::test]
async fn a_holder_that_is_cut_off_for_a_moment_keeps_its_lease() {
    let (log, _guard) = Log::start();
    let home = Home::open("lease-moment").await;
    let proxy = Proxy::start(home.plane.server()).await.unwrap();
    let a = home.candidate_behind("a", Some(proxy.addr())).await;
    let term = a.lead().await;
    // The renewal is stored, and its answer never comes: the next one meets a version that it does not know.
    proxy.pause_replies();
    home.renewed().await;
    proxy.drop_held();
    home.renewed().await;
    home.renewed().await;
    assert!(!term.lost().is_cancelled() && a.election.is_leading());
    let spec = home.spec().await;
    assert_eq!((&spec["holderIdentity"], &spec["leaseTransitions"]), (&json!("a"), &json!(0)));
    assert_eq!(log.count("the lease is lost"), 0);
}

#[tokio::test]
async fn a_foreign_hand_that_takes_the_lease_ends_the_term_and_one_that_labels_it_does_not() {
    let home = Home::open("lease-foreign").await;
    let a = home.candidate("a").await;
    let term = a.lead().await;
    home.patch(json!({"metadata": {"labels": {"team": "security"}}})).await;
    home.renewed().await;
    home.renewed().await;
    assert!(!term.lost().is_cancelled(), "a label takes nothing away");
    let end = end_of(&term);
    let taken = Instant::now();
    home.patch(json!({"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 1}})).await;
    let lost = in_time(end).await.unwrap();
    assert!(lost - taken < RETRY + DEADLINE / 2, "at the next renewal, not at the deadline: {:?}", lost - taken);
    assert_eq!(a.election.leader().as_deref(), Some("somebody"));
    term.resign().await;
    assert_eq!(home.holder().await.as_deref(), Some("somebody"));
    // The same process may compete again.
    let again = a.lead().await;
    let lease = home.leases().get(LEASE).await.unwrap();
    assert_eq!(lease.metadata.labels.unwrap_or_default().get("team").map(String::as_str), Some("security"));
    again.resign().await;
    assert_eq!(home.holder().await, None);
}

#[tokio::test]
async fn who_deletes_the_lease_takes_it_from_its_holder() {
    let home = Home::open("lease-deleted").await;
    let a = home.candidate("a").await;
    let term = a.lead().await;
    home.leases().delete(LEASE, &DeleteParams::default()).await.unwrap();
    in_time(term.lost().cancelled()).await;
    term.resign().await;
    assert_eq!(home.holder().await, None, "it was not made again behind the back of whoever deleted it");
    let _term = a.lead().await;
    assert_eq!(home.spec().await["leaseTransitions"], 0);
}

/// What the API server lets somebody write.
#[rstest]
#[case::no_promise(json!({"holderIdentity": "somebody"}))]
#[case::times_from_beyond(json!({
    "holderIdentity": "somebody", "leaseDurationSeconds": 1, "leaseTransitions": i32::MAX,
    "renewTime": "9999-12-31T23:59:59.999999Z", "acquireTime": "1600-01-01T00:00:00.000000Z",
}))]
#[case::nothing(json!({}))]
#[tokio::test]
async fn a_lease_with_odd_values_is_waited_for_and_taken(#[case] spec: Value) {
    let home = Home::open("lease-odd").await;
    home.write(spec.clone()).await;
    let a = home.candidate("a").await;
    let start = Instant::now();
    let _term = a.lead().await;
    let promised = spec["leaseDurationSeconds"].as_u64().map_or(DURATION, Duration::from_secs);
    let least = if spec["holderIdentity"].is_null() { Duration::ZERO } else { promised };
    assert!(start.elapsed() >= least && start.elapsed() < least + SLACK, "{:?}", start.elapsed());
    home.renewed().await;
    let spec = home.spec().await;
    assert_eq!((&spec["holderIdentity"], &spec["leaseDurationSeconds"]), (&json!("a"), &json!(3)));
    assert!(spec["leaseTransitions"].as_i64().unwrap() >= 1, "{spec}");
}

#[tokio::test]
async fn a_promise_for_a_lifetime_is_waited_for_until_it_is_given_up() {
    let home = Home::open("lease-long").await;
    home.write(json!({"holderIdentity": "somebody", "leaseDurationSeconds": i32::MAX})).await;
    let a = home.candidate("a").await;
    let start = Instant::now();
    let standby = a.stand_by();
    a.follows("somebody").await;
    until("it has waited for longer than its own duration", async || start.elapsed() > DURATION + RETRY).await;
    assert!(!standby.is_finished());
    home.patch(json!({"spec": {"holderIdentity": ""}})).await;
    let free = Instant::now();
    let (_term, began) = taken_over(standby).await;
    assert!(began - free < Duration::from_secs(3), "{:?}", began - free);
}

/// One reads a free Lease, and before it writes another one takes it.
#[tokio::test]
async fn of_two_that_want_a_free_lease_one_gets_it() {
    let home = Home::open("lease-both").await;
    let proxy = Proxy::start(home.plane.server()).await.unwrap();
    let patient = |settings: LeaseSettings| LeaseSettings {
        duration: Duration::from_mins(2),
        renew_deadline: Duration::from_secs(90),
        ..settings
    };
    let (a, b) = (home.candidate_as("a", Some(proxy.addr()), patient).await, home.candidate("b").await);
    home.write(json!({"holderIdentity": "somebody", "leaseDurationSeconds": 60})).await;
    let standby = a.stand_by();
    a.follows("somebody").await;
    proxy.pause();
    proxy.reached().await;
    home.patch(json!({"spec": {"holderIdentity": ""}})).await;
    proxy.pause_replies();
    proxy.reached().await;
    let term = b.lead().await;
    proxy.resume();
    a.follows("b").await;
    assert!(!standby.is_finished() && !term.lost().is_cancelled());
    let refused = |entry: &AuditEntry| entry.verb == "update" && entry.response_code == Some(409);
    let is_ours = |entry: &AuditEntry| entry.namespace == home.namespace && entry.resource == "leases";
    until("a write was refused", async || {
        home.plane.audit().unwrap().iter().any(|entry| is_ours(entry) && refused(entry))
    })
    .await;
    home.renewed().await;
    assert_eq!(home.holder().await.as_deref(), Some("b"));
    term.resign().await;
    let (_term, _) = taken_over(standby).await;
    assert_eq!(home.spec().await["leaseTransitions"], 2);
}

#[tokio::test]
async fn what_is_forbidden_is_told_once_and_tried_again() {
    let (log, _guard) = Log::start();
    let home = Home::open("lease-forbidden").await;
    let bindings: Api<RoleBinding> = Api::namespaced(home.admin.clone(), &home.namespace);
    let binding = bindings.get(ACCOUNT).await.unwrap();
    bindings.delete(ACCOUNT, &DeleteParams::default()).await.unwrap();
    let a = home.candidate("a").await;
    // The API server learns of the change a moment later.
    let leases: Api<Lease> = Api::namespaced(a_client(&home).await, &home.namespace);
    until("it is forbidden", async || matches!(leases.get_opt(LEASE).await, Err(kube::Error::Api(_)))).await;
    let standby = a.stand_by();
    let user = format!("system:serviceaccount:{}:{ACCOUNT}", home.namespace);
    let asked = || {
        let entries = home.plane.audit().unwrap().into_iter();
        let own = entries.filter(|entry| entry.user == user && entry.resource == "leases");
        own.filter(|entry| entry.response_code == Some(403)).count()
    };
    let before = asked();
    until("it goes on asking", async || asked() >= before + 4).await;
    assert!(!standby.is_finished());
    assert_eq!(log.count("cannot read the lease"), 1, "once");
    assert_eq!(log.count("bind the Role of deploy/base/rbac.yaml"), 1, "with what to do");
    let metadata = ObjectMeta { name: Some(ACCOUNT.to_owned()), ..ObjectMeta::default() };
    let binding = RoleBinding { metadata, ..binding };
    bindings.create(&PostParams::default(), &binding).await.unwrap();
    let (_term, _) = taken_over(standby).await;
    assert_eq!(log.count("the lease can be used again"), 1);
}

async fn a_client(home: &Home) -> Client {
    let token = home.plane.service_account_token(&home.namespace, ACCOUNT).await.unwrap();
    let access = Access { credential: Credential::Token(token), server: None, namespace: None };
    home.plane.client_for(&access).await.unwrap()
}

#[tokio::test]
async fn a_standby_that_is_told_to_end_ends_and_leaves_the_lease_alone() {
    let home = Home::open("lease-end").await;
    let (a, b) = (home.candidate("a").await, home.candidate("b").await);
    let term = a.lead().await;
    let (election, shutdown) = (b.election.clone(), b.shutdown.clone());
    let standby = tokio::spawn(async move { election.campaign(&shutdown).await.is_none() });
    b.follows("a").await;
    b.shutdown.cancel();
    assert!(in_time(standby).await.unwrap());
    home.renewed().await;
    assert_eq!(home.holder().await.as_deref(), Some(a.name));
    term.resign().await;
    assert_eq!(home.holder().await, None);
}

/// Only what is used is permitted, and only for the one Lease.
#[tokio::test]
async fn the_permissions_are_those_that_are_used() {
    let home = Home::open("lease-rights").await;
    let a = home.candidate("a").await;
    let term = a.lead().await;
    home.renewed().await;
    term.resign().await;
    let leases: Api<Lease> = Api::namespaced(a_client(&home).await, &home.namespace);
    let refused =
        |result: Result<(), kube::Error>| matches!(result, Err(kube::Error::Api(status)) if status.is_forbidden());
    assert!(refused(leases.list(&ListParams::default()).await.map(drop)));
    assert!(refused(leases.get("another").await.map(drop)));
    assert!(refused(leases.delete(LEASE, &DeleteParams::default()).await.map(drop)));
    let user = format!("system:serviceaccount:{}:{ACCOUNT}", home.namespace);
    let entries = home.plane.audit().unwrap().into_iter().filter(|entry| entry.user == user);
    let verbs = entries.filter(|entry| entry.response_code != Some(403)).map(|entry| entry.verb);
    assert_eq!(verbs.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(), ["create", "get", "update"]);
}
