//! Several replicas over the same tenants: one leads, another takes over, and nothing happens twice, however the leader
//! ends, and also where two of them act at once.
//!
//! Judged from the simulator's journal and request log, from the Lease, and from how the processes end.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use crate::TENANT;
use crate::judges::{held, seed, slow_broker, until};
use crate::support::control_plane::process::Signal;
use crate::support::declared::{
    LINKED, apply_all, assert_as_declared, change, effects, id, name, seed_all, until_all_current,
};
use crate::support::proxy::Proxy;
use crate::support::replica::{Replica, brisk, leading, lease, transitions};
use crate::support::stage::{Configuration, Stage};

/// How long others wait for a silent leader then.
const LEASE: Duration = Duration::from_secs(3);
/// What a busy machine may add, besides the look of a standby.
const SLACK: Duration = Duration::from_secs(3);
pub(crate) const ENABLED: &[&str] = &["seeded", "instanceCreated", "turnedOn"];
const DISABLED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "linked", "turnedOff"];
const DEPROVISIONED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "linked", "deprovisioned", "instanceDeleted"];

/// The configuration of the stage, with an election as it is shipped.
fn elected(stage: &Stage) -> Configuration {
    Configuration { election: None, ..stage.configuration() }
}

/// How many tenants are on by now.
pub(crate) async fn turned_on(stage: &Stage) -> usize {
    stage.simulator.journal(None).await.unwrap().iter().filter(|entry| entry["effect"] == "turnedOn").count()
}

/// Requests to the broker so far: each is counted when it is answered, or cut.
async fn requests(stage: &Stage) -> u64 {
    let counts = stage.simulator.counts(None).await.unwrap();
    counts.iter().filter_map(|count| count["count"].as_u64()).sum()
}

/// The requests about the tenant that could change it.
async fn changes(stage: &Stage) -> Vec<Value> {
    let mut requests = stage.simulator.requests(Some(TENANT), 0).await.unwrap();
    requests.retain(|request| request["method"] != "GET");
    requests
}

async fn until_held(stage: &Stage, replica: &Replica) {
    until("the standby has the Lease", async || replica.leads().await).await;
    assert_eq!(transitions(stage).await, 1);
}

#[tokio::test]
async fn a_leader_that_is_told_to_end_hands_over_at_once_in_the_middle_of_its_work() {
    const COUNT: usize = 30;
    let stage = Stage::open("handover").await;
    seed_all(&stage, COUNT).await;
    stage.simulator.settings(None, slow_broker()).await.unwrap();
    let configuration = elected(&stage);
    let mut leader = Replica::start(&stage, &configuration).await;
    leader.until_leading().await;
    let standby = Replica::start(&stage, &configuration).await;
    standby.until_standing_by().await;
    apply_all(&stage, COUNT).await;
    until("work is under way", async || turned_on(&stage).await >= 3).await;

    let told = Instant::now();
    leader.signal(Signal::Terminate);
    assert_eq!(leader.exit_code(Duration::from_secs(15)).await, Some(0), "{}", leader.operator.log());
    let ended = Instant::now();
    assert!(ended - told < Duration::from_secs(10), "{:?}", ended - told);
    let before = requests(&stage).await;
    assert!(turned_on(&stage).await < COUNT, "it ended in the middle");
    until("the standby acts", async || requests(&stage).await > before).await;
    assert!(ended.elapsed() < Duration::from_secs(3), "{:?}", ended.elapsed());
    until_held(&stage, &standby).await;

    until_all_current(&stage, Duration::from_mins(1)).await;
    let effects = effects(&stage).await;
    assert_eq!(effects.len(), COUNT);
    assert!(effects.values().all(|effects| effects == LINKED), "{effects:#?}");
}

/// Killed while the broker has the request: before it has acted, and after.
#[rstest]
#[case::before_it_acted("arrived")]
#[case::after_it_acted("acted")]
#[tokio::test]
async fn a_leader_that_is_killed_is_replaced_when_its_lease_has_expired(#[case] point: &str) {
    let stage = Stage::open("replaced").await;
    seed(&stage, TENANT).await;
    let configuration = brisk(&stage);
    let leader = Replica::start(&stage, &configuration).await;
    leader.until_leading().await;
    let standby = Replica::start(&stage, &configuration).await;
    standby.until_standing_by().await;
    let hold = stage.simulator.hold(json!({"endpoint": "provision"}), point).await.unwrap();
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    held(&stage, hold).await;
    let before = requests(&stage).await;
    let killed = Instant::now();
    drop(leader);
    until("the standby acts", async || requests(&stage).await > before).await;
    assert!(killed.elapsed() < LEASE + SLACK, "{:?}", killed.elapsed());
    until_held(&stage, &standby).await;
    let resource = stage.until_current("contoso").await;
    assert_eq!(resource["status"]["dataLocation"]["region"], "US");
    // The request of the dead one is worked on, or answered, long after. Where it was worked on, no other was needed.
    stage.simulator.release(hold, "proceed").await.unwrap();
    let sent = if point == "arrived" { 2 } else { 1 };
    until("it is answered", async || changes(&stage).await.len() == sent).await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
    assert_eq!(stage.until_current("contoso").await["status"]["dataLocation"]["region"], "US");
}

/// Where a leader stands still.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Still {
    /// It waits for what the broker says about the tenant.
    Reading,
    /// Its intent is stored, and it has not heard so: what it does next is the request.
    Intending,
}

#[rstest]
#[case::while_it_reads(Still::Reading)]
#[case::with_its_intent_stored(Still::Intending)]
#[tokio::test]
async fn a_leader_that_stood_still_for_longer_than_its_lease_sends_nothing_more(#[case] still: Still) {
    let stage = Stage::open("frozen").await;
    seed(&stage, TENANT).await;
    let configuration = brisk(&stage);
    let proxy = Proxy::start(stage.plane.server()).await.unwrap();
    let mut frozen = Replica::start_behind(&stage, &configuration, Some(proxy.addr())).await;
    frozen.until_leading().await;
    let standby = Replica::start(&stage, &configuration).await;
    standby.until_standing_by().await;
    // The last answer before the request.
    let look = stage.simulator.hold(json!({"endpoint": "fetch"}), "acted").await.unwrap();
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    held(&stage, look).await;
    if still == Still::Intending {
        proxy.pause_replies();
        stage.simulator.release(look, "proceed").await.unwrap();
        stage.until("contoso", "intended", |resource| resource["status"]["operation"]["step"] == "Enable").await;
        frozen.signal(Signal::Stop);
    } else {
        frozen.signal(Signal::Stop);
        stage.simulator.release(look, "proceed").await.unwrap();
    }
    assert!(changes(&stage).await.is_empty());
    until_held(&stage, &standby).await;
    stage.until_current("contoso").await;
    assert_eq!(changes(&stage).await.len(), 1, "that of the one who leads now");

    // The other one goes on from where it stood, with its answer waiting.
    proxy.resume();
    frozen.signal(Signal::Continue);
    let code = frozen.exit_code(Duration::from_secs(10)).await;
    assert!(code.is_some_and(|code| code != 0), "{code:?}: {}", frozen.operator.log());
    assert_eq!(changes(&stage).await.len(), 1, "{}", frozen.operator.log());
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ENABLED);
    assert!(standby.leads().await && transitions(&stage).await == 1);
}

/// Every call that changes a tenant is also safe under two leaders, and so is every write to the resource.
#[rstest]
#[case::at_once(json!({"mode": "sync"}))]
#[case::slowly(slow_broker())]
#[tokio::test]
async fn two_that_act_at_once_do_nothing_twice(#[case] broker: Value) {
    const COUNT: usize = 20;
    let stage = Stage::open("two-leaders").await;
    seed_all(&stage, COUNT).await;
    stage.simulator.settings(None, broker).await.unwrap();
    let configuration = stage.configuration();
    let _both = (Replica::start(&stage, &configuration).await, Replica::start(&stage, &configuration).await);
    apply_all(&stage, COUNT).await;
    until_all_current(&stage, Duration::from_mins(1)).await;
    let first = effects(&stage).await;
    assert!(first.len() == COUNT && first.values().all(|effects| effects == LINKED), "{first:#?}");

    for number in 0..COUNT {
        let fields = match number % 3 {
            0 => json!({"desiredState": "Disabled"}),
            1 => json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": id(number)}),
            _ => json!({"resyncSeconds": 600}),
        };
        stage.edit(&name(number), fields).await.unwrap();
    }
    until_all_current(&stage, Duration::from_mins(1)).await;
    let second = effects(&stage).await;
    for number in 0..COUNT {
        let expected = [DISABLED, DEPROVISIONED, LINKED][number % 3];
        assert_eq!(second[&id(number)], expected, "{}", name(number));
        let region = &stage.read(&name(number)).await["status"]["dataLocation"]["region"];
        assert_eq!(region.as_str(), (number % 3 != 1).then_some("US"), "a pin goes only with the service");
    }

    for number in (0..COUNT).step_by(3) {
        stage.edit(&name(number), json!({"desiredState": "Enabled"})).await.unwrap();
    }
    until_all_current(&stage, Duration::from_mins(1)).await;
    let third = effects(&stage).await;
    for number in (0..COUNT).step_by(3) {
        assert_eq!(third[&id(number)], [DISABLED, &["turnedOn"]].concat(), "{}", name(number));
    }
}

/// Each leads for a second or two, and a broker takes that long for one step.
#[tokio::test]
async fn leaders_that_die_one_after_the_other_do_nothing_twice() {
    const COUNT: usize = 100;
    const LONG: Duration = Duration::from_mins(2);
    const LIFE: Duration = Duration::from_secs(5);
    let stage = Stage::open("succession").await;
    seed_all(&stage, COUNT).await;
    stage.simulator.settings(None, slow_broker()).await.unwrap();
    // What is as declared is looked at at the start of each, and that is enough.
    let configuration = brisk(&stage).with_timing("resyncMinimumSeconds", 60).with_timing("resyncMaximumSeconds", 60);
    let mut replicas = vec![Replica::start(&stage, &configuration).await, Replica::start(&stage, &configuration).await];
    leading(&replicas).await;
    apply_all(&stage, COUNT).await;

    let (start, mut deaths, mut declared) = (Instant::now(), 0, vec![vec!["Enabled"]; COUNT]);
    while start.elapsed() < LONG {
        for number in (0..5).map(|step| (deaths * 7 + step) % COUNT) {
            let own = (number, &mut declared[number]);
            change(&stage, own, (deaths, deaths > 8)).await.unwrap();
        }
        tokio::time::sleep(LIFE).await;
        drop(replicas.remove(leading(&replicas).await));
        deaths += 1;
        replicas.push(Replica::start(&stage, &configuration).await);
    }
    assert!(deaths >= 12, "{deaths}");
    let took_over = usize::try_from(transitions(&stage).await).unwrap();
    assert!(took_over + 1 >= deaths, "{took_over} of {deaths}");

    until_all_current(&stage, Duration::from_mins(1)).await;
    let effects = effects(&stage).await;
    for (number, declared) in declared.iter().enumerate() {
        assert_as_declared(declared, &effects[&id(number)]);
    }
}

#[tokio::test]
async fn a_standby_is_ready_and_says_who_leads() {
    let stage = Stage::open("standby").await;
    let configuration = elected(&stage);
    let leader = Replica::start(&stage, &configuration).await;
    leader.until_leading().await;
    let standby = Replica::start(&stage, &configuration).await;
    standby.until_standing_by().await;
    let holder = lease(&stage).await.unwrap().spec.unwrap().holder_identity.unwrap();
    let line = format!("leader: {holder}; this replica stands by");
    until("it has seen who leads", async || {
        let (status, body) = standby.probe("/readyz").await.unwrap();
        assert_eq!(status, 200, "{body}");
        body.lines().any(|known| known == line)
    })
    .await;
    assert_eq!(standby.probe("/livez").await.unwrap().0, 200);
    for (replica, leads) in [(&leader, 1), (&standby, 0)] {
        let (status, body) = replica.probe("/metrics").await.unwrap();
        assert_eq!(status, 200);
        assert!(body.lines().any(|line| line == format!("threat_protection_leader {leads}")), "{body}");
    }
    leader.signal(Signal::Terminate);
    standby.until_leading().await;
    until("the metric follows", async || {
        standby.probe("/metrics").await.is_some_and(|(_, body)| body.contains("\nthreat_protection_leader 1\n"))
    })
    .await;
}
