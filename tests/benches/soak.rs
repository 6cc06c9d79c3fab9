//! Two replicas over many tenants while everything goes wrong for as long as you like: specs change, the broker and the
//! way to the API server fail, and replicas are killed, told to end, or stand still. Then the faults end, and everything
//! must be as declared, with nothing done twice and nothing done that was not declared.
//!
//! `cargo bench --bench soak -- --minutes 10`; `--seed` takes the number that another run has printed.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should end where it stands, with a word on why"
)]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser;
use fastrand::Rng;
use serde_json::{Value, json};

use self::support::control_plane::process::Signal;
use self::support::declared::{
    Declared, assert_as_declared, change, effects, id, name, seed_all, spec, until_all_current,
};
use self::support::fleet::{Usage, share};
use self::support::proxy::Proxy;
use self::support::replica::{Probes, Replica, brisk, transitions};
use self::support::stage::{Configuration, Stage};

/// A replica that is told to end does so within this time.
const LONGEST_END: Duration = Duration::from_secs(15);
/// When the faults are over, everything is as declared within this time.
const LONGEST_RECOVERY: Duration = Duration::from_mins(3);
/// The time between two looks at who leads.
const LOOK: Duration = Duration::from_millis(200);
/// The time between two looks at what a replica uses.
const SAMPLE: Duration = Duration::from_secs(2);
/// What a broker may be asked to do wrong. None of it is a verdict about the tenant.
const ENDPOINTS: [&str; 6] = ["provision", "update", "deprovision", "lastOperation", "fetch", "catalog"];

#[derive(Parser)]
#[command(about = "Many tenants while everything goes wrong")]
struct Arguments {
    /// How long things go wrong
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Resources, each with a tenant of its own
    #[arg(long, default_value_t = 100)]
    tenants: usize,
    /// What decides what goes wrong; by chance when left out
    #[arg(long)]
    seed: Option<u64>,
    /// What Cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    if runtime.expect("a runtime").block_on(soak(&arguments)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn soak(arguments: &Arguments) -> bool {
    let &Arguments { minutes, tenants, .. } = arguments;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("{tenants} tenants, {minutes} minutes, --seed {seed}");
    let stage = Stage::open("soak").await;
    seed_all(&stage, tenants).await;
    stage.simulator.settings(None, json!({"mode": {"async": {"polls": 1}}})).await.expect("the broker is slow");
    let (tally, seats) = (Tally::default(), [Slot::default(), Slot::default()]);
    let configuration = configuration(&stage);
    let mut replicas = Vec::new();
    for slot in &seats {
        replicas.push(Seat::take(&stage, &configuration, slot, &tally).await);
    }

    let until = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let (second, first) = (replicas.pop().expect("two"), replicas.pop().expect("two"));
    let random = |number| Rng::with_seed(seed.wrapping_add(number));
    let (first, second, declared, (), ()) = tokio::join!(
        first.suffer(random(1), until),
        second.suffer(random(2), until),
        change_specs((&stage, tenants), random(3), until, &tally),
        order_faults(&stage, random(4), until, &tally),
        watch_leaders(&seats, until, &tally),
    );
    stage.simulator.clear_faults().await.expect("the faults are cleared");
    let recovery = Instant::now();
    until_all_current(&stage, LONGEST_RECOVERY).await;
    tally.most("until everything was as declared, in s", recovery.elapsed().as_secs_f64());
    let effects = effects(&stage).await;
    for (number, declared) in declared.iter().enumerate() {
        assert_as_declared(declared, &effects[&id(number)]);
    }
    for seat in [first, second] {
        seat.leave().await;
    }
    tally.add("takeovers", f64::from(transitions(&stage).await));
    count_requests(&stage, &tally).await;
    tally.print();
    tally.get("ended in another way than told") == 0.0
}

/// Looks seldom at what is as declared: the changes are the work.
fn configuration(stage: &Stage) -> Configuration {
    let mut configuration =
        brisk(stage).with_timing("resyncMinimumSeconds", 60).with_timing("resyncMaximumSeconds", 60);
    // A broker that is not reached for so long would have given up, which is for a person to mend.
    configuration.maximum_polling = 3600;
    configuration
}

/// What was counted, by its name.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<String, f64>>);

impl Tally {
    fn add(&self, what: &str, count: f64) {
        *self.0.lock().expect("nobody panicked").entry(what.to_owned()).or_default() += count;
    }

    fn one(&self, what: &str) {
        self.add(what, 1.0);
    }

    fn most(&self, what: &str, figure: f64) {
        let mut figures = self.0.lock().expect("nobody panicked");
        let known = figures.entry(what.to_owned()).or_default();
        *known = known.max(figure);
    }

    fn get(&self, what: &str) -> f64 {
        self.0.lock().expect("nobody panicked").get(what).copied().unwrap_or_default()
    }

    fn print(&self) {
        for (what, figure) in &*self.0.lock().expect("nobody panicked") {
            let digits = usize::from(figure.fract() != 0.0);
            println!("  {what:<60} {figure:>12.digits$}");
        }
    }
}

/// Where to ask a replica; none while it is being replaced.
#[derive(Default)]
struct Slot(Mutex<Option<Probes>>);

/// A place for a replica: who ends there is followed by another one, as Kubernetes does it.
struct Seat<'a> {
    stage: &'a Stage,
    configuration: &'a Configuration,
    slot: &'a Slot,
    tally: &'a Tally,
    proxy: Proxy,
    replica: Replica,
    usage: Usage,
}

impl<'a> Seat<'a> {
    async fn take(stage: &'a Stage, configuration: &'a Configuration, slot: &'a Slot, tally: &'a Tally) -> Self {
        let proxy = Proxy::start(stage.plane.server()).await.expect("a proxy");
        let replica = Replica::start_behind(stage, configuration, Some(proxy.addr())).await;
        let usage = Usage::of(replica.operator.process.pid());
        *slot.0.lock().expect("nobody panicked") = Some(replica.probes.clone());
        Self { stage, configuration, slot, tally, proxy, replica, usage }
    }

    /// Starts the next one.
    async fn replace(&mut self) {
        self.tally.add("replicas: processor time, in s", self.usage.processor);
        self.tally.one("replicas: started again");
        *self.slot.0.lock().expect("nobody panicked") = None;
        self.replica = Replica::start_behind(self.stage, self.configuration, Some(self.proxy.addr())).await;
        *self.slot.0.lock().expect("nobody panicked") = Some(self.replica.probes.clone());
        self.sample();
    }

    fn sample(&mut self) {
        self.usage = Usage::of(self.replica.operator.process.pid());
        self.tally.most("replicas: resident memory at most, in MiB", self.usage.peak);
    }

    /// Lets the time pass, and puts another one in the place of one that ends because it leads no more.
    async fn live(&mut self, time: Duration) {
        let (end, mut sampled) = (Instant::now() + time, Instant::now());
        while Instant::now() < end {
            tokio::time::sleep(LOOK.min(end - Instant::now())).await;
            if let Some(status) = self.replica.operator.process.ended().expect("it can be waited for") {
                let has_lost = status.code() == Some(1) && self.replica.operator.log().contains("the lease is lost");
                self.tally.one(if has_lost {
                    "ended because it led no more"
                } else {
                    "ended in another way than told"
                });
                self.replace().await;
            } else if sampled.elapsed() > SAMPLE {
                self.sample();
                sampled = Instant::now();
            }
        }
    }

    /// Has something done to it now and then.
    async fn suffer(mut self, mut random: Rng, until: Instant) -> Self {
        while Instant::now() < until {
            self.live(Duration::from_millis(random.u64(3_000..15_000))).await;
            let while_ = Duration::from_millis(random.u64(500..8_000));
            match random.u8(0..7) {
                0 | 1 => {
                    self.tally.one("replicas: killed with SIGKILL");
                    self.sample();
                    self.replica.signal(Signal::Kill);
                    self.replica.exit_code(LONGEST_END).await;
                    self.replace().await;
                }
                2 => {
                    self.tally.one("replicas: ended with SIGTERM");
                    self.sample();
                    self.replica.signal(Signal::Terminate);
                    let code = self.replica.exit_code(LONGEST_END).await;
                    assert!(matches!(code, Some(0 | 1)), "{code:?}:\n{}", self.replica.operator.log());
                    self.replace().await;
                }
                3 => {
                    self.tally.one("replicas: stopped with SIGSTOP for a while");
                    self.replica.signal(Signal::Stop);
                    tokio::time::sleep(while_).await;
                    self.replica.signal(Signal::Continue);
                }
                4 => {
                    self.tally.one("way to the API server: connections cut");
                    self.proxy.drop_held();
                }
                5 => {
                    self.tally.one("way to the API server: requests held, then lost");
                    self.proxy.pause();
                    self.live(while_).await;
                    self.proxy.drop_held();
                }
                _ => {
                    self.tally.one("way to the API server: answers held, then delivered");
                    self.proxy.pause_replies();
                    self.live(while_).await;
                    self.proxy.resume();
                }
            }
        }
        self.live(Duration::from_secs(1)).await;
        self
    }

    /// The end of it, in order.
    async fn leave(mut self) {
        self.sample();
        self.tally.add("replicas: processor time, in s", self.usage.processor);
        self.replica.signal(Signal::Terminate);
        let code = self.replica.exit_code(LONGEST_END).await;
        assert_eq!(code, Some(0), "{}", self.replica.operator.log());
    }
}

/// Declares one tenant after the other in the first third of the time, and changes the specs of those that are declared;
/// gives what was declared about each.
async fn change_specs(
    (stage, tenants): (&Stage, usize),
    mut random: Rng,
    until: Instant,
    tally: &Tally,
) -> Vec<Declared> {
    let (begin, mut declared, mut round) = (Instant::now(), Vec::<Declared>::new(), 0);
    let time = until - begin;
    while Instant::now() < until || declared.len() < tenants {
        tokio::time::sleep(Duration::from_millis(random.u64(50..800))).await;
        let passed = begin.elapsed().div_duration_f64(time);
        while declared.len() < tenants && share(declared.len() as u64, tenants) <= passed * 3.0 {
            let number = declared.len();
            stage.apply(&name(number), spec(number)).await.expect("the API server takes a resource");
            declared.push(vec!["Enabled"]);
        }
        let number = random.usize(0..declared.len());
        round += 1;
        // One in ten asks for a look instead.
        if random.u8(0..10) == 0 {
            stage.request_reconcile(&name(number), &round.to_string()).await;
            tally.one("specs: reconcile requested");
        } else {
            let may_deprovision = passed > 0.5;
            let changed = change(stage, (number, &mut declared[number]), (round, may_deprovision)).await;
            changed.expect("the API server takes a change");
            tally.one("specs: changed");
        }
    }
    declared
}

/// Orders one fault after the other, each for a few requests.
async fn order_faults(stage: &Stage, mut random: Rng, until: Instant, tally: &Tally) {
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(random.u64(200..2_500))).await;
        let fault = fault(&mut random);
        let endpoint = ENDPOINTS[random.usize(0..ENDPOINTS.len())];
        let times = random.u32(1..8);
        let ordered = stage.simulator.fault(json!({"api": "broker", "endpoint": endpoint}), Some(times), fault).await;
        ordered.expect("the fault is ordered");
    }
    for fault in stage.simulator.faults().await.expect("the faults are listed") {
        let hits = fault["hits"].as_u64().unwrap_or_default();
        let what = format!("faults of the broker: {}", fault["fault"]["kind"].as_str().unwrap_or_default());
        tally.add(&what, f64::from(u32::try_from(hits).unwrap_or(u32::MAX)));
    }
}

/// What is no verdict: an honest broker could recover from it.
fn fault(random: &mut Rng) -> Value {
    let status = [500, 502, 503, 504][random.usize(0..4)];
    let shapes = ["html", "empty", "cut", "wrongShape", "oversize"];
    match random.u8(0..8) {
        0 => json!({"kind": "tooManyRequests", "retryAfterSeconds": random.u8(1..4)}),
        1 => json!({"kind": "failBeforeActing", "status": status}),
        2 => json!({"kind": "failAfterActing", "status": status}),
        3 | 4 => json!({"kind": "loseAnswer"}),
        5 => json!({"kind": "slow", "milliseconds": random.u32(200..7_000)}),
        6 => json!({"kind": "concurrency"}),
        _ => json!({"kind": "malformed", "shape": shapes[random.usize(0..shapes.len())], "acted": random.bool()}),
    }
}

/// How long nobody led, and whether two said so at once.
async fn watch_leaders(seats: &[Slot; 2], until: Instant, tally: &Tally) {
    let mut led = Instant::now();
    while Instant::now() < until {
        let asked = Instant::now();
        let leads = async |slot: &Slot| {
            let probes = slot.0.lock().expect("nobody panicked").clone();
            match probes {
                Some(probes) => probes.leads().await,
                None => false,
            }
        };
        let (first, second) = tokio::join!(leads(&seats[0]), leads(&seats[1]));
        if first || second {
            led = Instant::now();
        }
        tally.most("longest time without a leader, in s", led.elapsed().as_secs_f64());
        tokio::time::sleep(LOOK.saturating_sub(asked.elapsed())).await;
    }
}

async fn count_requests(stage: &Stage, tally: &Tally) {
    for count in stage.simulator.counts(None).await.expect("the requests are counted") {
        let what =
            format!("requests to the broker: {} {}", count["method"].as_str().unwrap_or_default(), count["status"]);
        tally.add(&what, f64::from(u32::try_from(count["count"].as_u64().unwrap_or_default()).unwrap_or(u32::MAX)));
    }
}
