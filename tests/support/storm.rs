//! Many tenants while every API refuses two of five requests, and what an operator makes of it.
//!
//! Half of the tenants are to be turned on through the broker, which takes its time; the others are on and read with
//! credentials of their own. The storm goes on all the time: of the requests to each API, 25 % are answered 429 with
//! `Retry-After`, 5 % 429 without it, 10 % 500; so are the parts of batches that got through as a whole. Judged from
//! outside: kstatus by a watch, requests and effects by the simulator, writes by the audit log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, pin_mut, stream};
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::{Value, json};
use threat_protection_operator::api::ThreatProtectionTenant;
use tokio::task::JoinHandle;

use super::fleet::{self, Fleet};
use super::kstatus::{KStatus, kstatus};
use super::stage::{Configuration, Stage, condition, ready};

/// Requests that are under way at once while the scene is set.
const AT_ONCE: usize = 16;
/// Of all requests: 429 with `Retry-After`, 429 without, 500.
const SHARES: [f64; 3] = [0.25, 0.05, 0.1];
/// The same for Microsoft Entra, which is left alone for a minute after a 429 without `Retry-After`: that is longer than a
/// test should last.
const SHARES_OF_ENTRA: [f64; 3] = [0.3, 0.0, 0.1];
/// The last of `n` tenants is ready within log2(n) + 10 times the time of half of them. Each try succeeds by chance, whatever
/// went before, so half of those that are left are ready after each further median: after log2(n) of them one is left, and
/// once in a thousand times it takes ten more.
const MEDIANS_OF_CHANCE: f64 = 10.0;
/// A resource is written when there is news, and news are an answer to one of its requests; besides, there are the intent,
/// the result, the handle of an operation, and that the budget is spent.
const WRITES_WITHOUT_ANSWER: usize = 4;
/// `Retry-After` of the storm, in seconds.
const RETRY_AFTER: u32 = 2;
/// Who is asked.
const APIS: [&str; 4] = ["broker", "entra", "graph", "arm"];
/// What a tenant sees that is turned on through the broker, and one that is only read.
const TURNED_ON: [&str; 3] = ["seeded", "instanceCreated", "turnedOn"];
const READ: [&str; 1] = ["seeded"];

/// The tenants of one stage, and what a watch has seen of their resources.
pub(crate) struct Storm<'a> {
    stage: &'a Stage,
    size: usize,
    scale: Scale,
    seen: Arc<Mutex<Seen>>,
    watch: JoinHandle<()>,
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Tenants.
    pub(crate) tenants: usize,
    /// `requestsPerMinute` of the configuration.
    pub(crate) per_minute: u32,
    /// The share of the parts of batches that is refused, of batches that got through.
    pub(crate) parts: f64,
    /// The longest that a tenant may be left alone before it is as declared, in seconds.
    pub(crate) longest_pause: f64,
}

/// What was seen of the resources, by name.
#[derive(Debug, Default)]
struct Seen {
    /// When kstatus first said that it is as declared.
    ready: BTreeMap<String, Instant>,
    /// What kstatus said after that, where it was anything else.
    lost: Vec<String>,
    /// The resources that are not as declared.
    waiting: BTreeMap<String, Value>,
}

/// What the storm came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// For each half, the seconds until half of it was as declared, and until all of it was.
    pub(crate) times: BTreeMap<&'static str, (f64, f64)>,
    /// Share of requests that were refused with 429 and with 500, by API.
    pub(crate) refused: BTreeMap<String, (usize, f64, f64)>,
    /// The most status writes of a resource, and the mean.
    pub(crate) writes: (usize, f64),
    /// The most requests of a tenant in any minute, by API.
    pub(crate) busiest: BTreeMap<String, usize>,
    /// The longest that a tenant was left alone before it was as declared, in seconds, and which.
    pub(crate) longest_pause: (f64, String),
    /// What should not have been.
    pub(crate) broken: Vec<String>,
}

impl<'a> Storm<'a> {
    /// Puts the tenants into the world, and their resources into the namespace, and lets the storm begin.
    pub(crate) async fn begin(stage: &'a Stage, scale: Scale) -> Self {
        let Scale { tenants: size, parts, .. } = scale;
        // The second half is as `Fleet` seeds it.
        let fleet = Fleet::seed(stage, size).await;
        stage
            .simulator
            .settings(None, json!({"mode": {"async": {"polls": 1}}}))
            .await
            .expect("the broker takes its time");
        let off = json!({"services": ["Endpoint", "Identity", "CloudApps"], "automaticRegion": "EU"});
        let seeds = through_broker(size).map(|number| {
            let off = off.clone();
            async move { stage.simulator.seed(&fleet::id(number), off).await.map(drop) }
        });
        let seeded: Result<(), _> = stream::iter(seeds).buffer_unordered(AT_ONCE).try_collect().await;
        seeded.expect("every tenant is in the world");
        let resources = (0..fleet.size).map(|number| async move {
            let by_broker = json!({"tenantId": fleet::id(number), "dataLocation": {"region": "EU"}});
            let spec = if is_through_broker(number) { by_broker } else { fleet::spec(number) };
            stage.apply(&name(number), spec).await.map(drop)
        });
        let applied: Result<(), _> = stream::iter(resources).buffer_unordered(AT_ONCE).try_collect().await;
        applied.expect("every resource is accepted");
        for api in APIS {
            break_loose(stage, api, parts).await;
        }
        let seen = Arc::new(Mutex::new(Seen::default()));
        let watch = tokio::spawn(follow(stage.resources(), Arc::clone(&seen)));
        Self { stage, size, scale, seen, watch }
    }

    /// As administrators find it, but for who may be turned on through the broker and the times that are named.
    pub(crate) fn configuration(&self, timing: &[(&'static str, u32)]) -> Configuration {
        let tenants: Vec<String> = through_broker(self.size).map(|number| format!("{:?}", fleet::id(number))).collect();
        let namespace = &self.stage.namespace;
        Configuration {
            tenancy: vec![format!("{{ namespace: {namespace}, tenantIds: [{}] }}", tenants.join(", "))],
            timing: timing.to_vec(),
            // As administrators find them: each poll may take several tries.
            maximum_polling: 3600,
            request_timeout: 30,
            concurrency: None,
            microsoft_lines: format!("  requestsPerMinute: {}\n", self.scale.per_minute),
            ..self.stage.configuration()
        }
    }

    /// Waits until every resource has been as declared once, no longer than `patience`.
    pub(crate) async fn until_ready(&self, patience: Duration) {
        let start = Instant::now();
        while self.seen().ready.len() < self.size && start.elapsed() < patience && !self.watch.is_finished() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Judges all that happened since the operator was started at `begin`.
    pub(crate) async fn judge(&self, begin: Instant) -> Outcome {
        let mut outcome = Outcome::default();
        self.judge_times(begin, &mut outcome);
        self.judge_effects(&mut outcome).await;
        let log = self.stage.simulator.all_requests(0).await.expect("the requests are listed");
        let log: Vec<Request> = log.iter().map(Request::read).collect();
        judge_shares(&log, &mut outcome);
        judge_waits(&log, &mut outcome);
        judge_budgets(&log, self.scale.per_minute.into(), &mut outcome);
        self.judge_pauses(&log, begin, &mut outcome);
        self.judge_writes(&log, &mut outcome).await;
        outcome
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panicked")
    }

    fn judge_times(&self, begin: Instant, outcome: &mut Outcome) {
        let seen = self.seen();
        for (half, is_in_it) in [("broker", true), ("credentials", false)] {
            let members = (0..self.size).filter(|number| is_through_broker(*number) == is_in_it).map(name);
            let since = |name: String| seen.ready.get(&name).map(|ready| ready.duration_since(begin).as_secs_f64());
            let mut times: Vec<f64> = members.filter_map(since).collect();
            times.sort_by(f64::total_cmp);
            let at = |place: usize| times.get(place).copied().unwrap_or_default();
            let allowed =
                at(times.len() / 2) * (f64::from(u32::try_from(times.len()).expect("few")).log2() + MEDIANS_OF_CHANCE);
            let last = at(times.len().saturating_sub(1));
            if last > allowed {
                outcome
                    .broken
                    .push(format!("{half}: the last was Ready after {last:.1} s, {allowed:.1} s would be chance"));
            }
            outcome.times.insert(half, (at(times.len() / 2), at(times.len().saturating_sub(1))));
        }
        outcome.broken.extend(seen.lost.iter().cloned());
        let never = seen.waiting.iter().filter(|(name, _)| !seen.ready.contains_key(*name));
        outcome.broken.extend(never.map(|(name, resource)| {
            let why = condition(resource, "Ready").map_or("", |ready| text(ready, "message"));
            format!("{name} was never Ready: {why}")
        }));
    }

    async fn judge_effects(&self, outcome: &mut Outcome) {
        let mut effects: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in self.stage.simulator.journal(None).await.expect("the journal can be read") {
            let effect = text(&entry, "effect").to_owned();
            effects.entry(text(&entry, "tenantId").to_owned()).or_default().push(effect);
        }
        for number in 0..self.size {
            let expected: &[&str] = if is_through_broker(number) { &TURNED_ON } else { &READ };
            // Seeding the first half takes the place of what `Fleet` had seeded.
            let mut found = effects.remove(&fleet::id(number)).unwrap_or_default();
            found.dedup();
            if found != expected {
                outcome.broken.push(format!("{} saw {found:?} and not {expected:?}", name(number)));
            }
        }
    }

    /// Nobody who is not yet as declared is forgotten.
    #[expect(clippy::disallowed_methods, reason = "the simulator's log is in the time of day")]
    fn judge_pauses(&self, log: &[Request], begin: Instant, outcome: &mut Outcome) {
        let seen = self.seen();
        let now = Timestamp::now();
        let start = now.checked_sub(SignedDuration::try_from(begin.elapsed()).expect("short")).expect("a time");
        let after = |time: Instant| {
            start.checked_add(SignedDuration::try_from(time.duration_since(begin)).expect("short")).expect("a time")
        };
        for number in 0..self.size {
            let ready = seen.ready.get(&name(number)).map_or(now, |ready| after(*ready));
            let id = fleet::id(number);
            let mut last = start;
            let asked = log.iter().filter(|request| request.tenant == id).map(|request| request.time);
            for time in asked.filter(|time| *time < ready).chain([ready]) {
                let pause = time.duration_since(last).as_secs_f64();
                if pause > outcome.longest_pause.0 {
                    outcome.longest_pause = (pause, name(number));
                }
                last = time;
            }
        }
        if outcome.longest_pause.0 > self.scale.longest_pause {
            outcome
                .broken
                .push(format!("{} was left alone for {:.1} s", outcome.longest_pause.1, outcome.longest_pause.0));
        }
    }

    async fn judge_writes(&self, log: &[Request], outcome: &mut Outcome) {
        let fleet = Fleet { stage: self.stage, size: self.size };
        let mut of: BTreeMap<String, usize> = BTreeMap::new();
        for write in fleet.writes().await.into_iter().filter(|write| write.resource == "threatprotectiontenants") {
            *of.entry(write.name).or_default() += 1;
        }
        let all: usize = of.values().sum();
        for number in 0..self.size {
            let id = fleet::id(number);
            let answers = log.iter().filter(|request| request.tenant == id).count();
            let writes = of.get(&name(number)).copied().unwrap_or_default();
            if writes > answers + WRITES_WITHOUT_ANSWER {
                outcome.broken.push(format!("{} was written {writes} times after {answers} answers", name(number)));
            }
        }
        outcome.writes = (of.values().copied().max().unwrap_or_default(), fleet::share(all as u64, self.size));
    }
}

impl Drop for Storm<'_> {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (half, (median, last)) in &self.times {
            writeln!(f, "  {half}: half of it Ready after {median:.1} s, all of it after {last:.1} s")?;
        }
        for (api, (requests, throttled, failed)) in &self.refused {
            let (throttled, failed) = (throttled * 100.0, failed * 100.0);
            writeln!(f, "  {api}: {requests} requests, {throttled:.1} % of them 429, {failed:.1} % 500")?;
        }
        for (api, most) in &self.busiest {
            writeln!(f, "  {api}: {most} requests of one tenant in the busiest minute")?;
        }
        writeln!(f, "  status writes of a resource: at most {}, {:.2} on average", self.writes.0, self.writes.1)?;
        writeln!(f, "  longest pause before Ready: {:.1} s ({})", self.longest_pause.0, self.longest_pause.1)?;
        writeln!(f, "  broken: {}", self.broken.len())?;
        self.broken.iter().take(20).try_for_each(|what| writeln!(f, "    {what}"))
    }
}

/// One request, as the simulator saw it.
#[derive(Debug)]
struct Request {
    time: Timestamp,
    answered: Timestamp,
    tenant: String,
    api: String,
    path: String,
    status: Option<u64>,
    /// The longest `Retry-After` in its answer.
    wait: Option<SignedDuration>,
    /// What the budget counts: hunting queries in a batch one by one.
    weight: usize,
    begins_a_look: bool,
}

impl Request {
    fn read(request: &Value) -> Self {
        let time: Timestamp = text(request, "time").parse().expect("a time");
        let waits = request["retryAfter"].as_array().into_iter().flatten();
        let seconds = waits.filter_map(|wait| wait.as_str()?.parse().ok()).max();
        let queries = parts(request).filter(|path| path.contains("runHuntingQuery")).count();
        Self {
            time,
            answered: text(request, "answered").parse().unwrap_or(time),
            tenant: text(request, "tenantId").to_owned(),
            api: text(request, "api").to_owned(),
            path: text(request, "path").to_owned(),
            status: request["status"].as_u64(),
            wait: seconds.map(SignedDuration::from_secs),
            weight: queries.max(1),
            begins_a_look: parts(request).any(|path| path.contains("/organization")),
        }
    }
}

/// Whether the storm was one.
fn judge_shares(log: &[Request], outcome: &mut Outcome) {
    for api in APIS {
        let asked = || log.iter().filter(|request| request.api == api);
        let requests = asked().count();
        let of = |status: u64| {
            let hit = asked().filter(|request| request.status == Some(status)).count();
            fleet::share(hit as u64, requests)
        };
        // Four standard deviations, and the parts of batches.
        let is_near = |found: f64, share: f64| {
            let spread = (share * (1.0 - share) / f64::from(u32::try_from(requests).expect("few"))).sqrt();
            (found - share).abs() <= 4.0 * spread + 0.02
        };
        if !is_near(of(429), SHARES[0] + SHARES[1]) || !is_near(of(500), SHARES[2]) {
            outcome.broken.push(format!("{api}: the storm was none"));
        }
        outcome.refused.insert(api.to_owned(), (requests, of(429), of(500)));
    }
}

/// After a 429 with `Retry-After` the tenant asks that API no more until the time is over. Where only parts of a batch said
/// so, it ends its look, and begins none.
fn judge_waits(log: &[Request], outcome: &mut Outcome) {
    let mut until: BTreeMap<(&str, &str), (Timestamp, &Request)> = BTreeMap::new();
    let mut next_look: BTreeMap<&str, (Timestamp, &Request)> = BTreeMap::new();
    for request in log {
        let key = (request.tenant.as_str(), request.api.as_str());
        let held = until.get(&key).filter(|(until, by)| request.time > by.answered && request.time < *until);
        let unready = next_look
            .get(key.0)
            .filter(|_| request.begins_a_look)
            .filter(|(until, by)| request.time > by.answered && request.time < *until);
        for (end, by) in held.into_iter().chain(unready) {
            let early = end.duration_since(request.time).as_millis();
            outcome.broken.push(format!(
                "{} {} {} came {early} ms too early after {} {:?}",
                request.api, request.tenant, request.path, by.path, by.status
            ));
        }
        let Some(wait) = request.wait else { continue };
        let end = request.answered.checked_add(wait).expect("a time");
        if request.status == Some(429) {
            until.insert(key, (end, request));
        } else {
            next_look.insert(key.0, (end, request));
        }
    }
}

/// At any time, no more requests than at once and a minute.
fn judge_budgets(log: &[Request], per_minute: f64, outcome: &mut Outcome) {
    let mut of: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
    for request in log {
        of.entry(request.tenant.as_str()).or_default().push(request);
    }
    for (tenant, requests) in of.iter().filter(|(tenant, _)| !tenant.is_empty()) {
        // A bucket that is full at first and fills up steadily.
        let (mut left, mut last) = (per_minute, None);
        for request in requests.iter().filter(|request| matches!(request.api.as_str(), "graph" | "arm")) {
            let since = last.map_or(0.0, |last| request.time.duration_since(last).as_secs_f64());
            left = (left + since * per_minute / 60.0).min(per_minute)
                - f64::from(u32::try_from(request.weight).expect("few"));
            last = Some(request.time);
            // One for what is on its way.
            if left < -1.0 {
                outcome.broken.push(format!("{tenant}: {:.1} requests more than allowed", -left));
            }
        }
        for api in APIS {
            let times: Vec<Timestamp> =
                requests.iter().filter(|request| request.api == api).map(|request| request.time).collect();
            let minute = SignedDuration::from_mins(1);
            let busiest = times.iter().map(|start| {
                times.iter().filter(|time| **time >= *start && time.duration_since(*start) < minute).count()
            });
            let most = outcome.busiest.entry(api.to_owned()).or_default();
            *most = (*most).max(busiest.max().unwrap_or_default());
        }
    }
}

/// Orders the faults of one API, so that each takes its share of all requests. A batch is one request; of the parts of
/// one that got through, a share is refused as well.
async fn break_loose(stage: &Stage, api: &str, parts: f64) {
    let throttled = json!({"kind": "tooManyRequests", "retryAfterSeconds": RETRY_AFTER});
    let failed = json!({"kind": "failBeforeActing", "status": 500});
    let whole = [throttled.clone(), json!({"kind": "tooManyRequests"}), failed.clone()];
    let of_whole = if api == "graph" { json!({"api": api, "endpoint": "batch"}) } else { json!({"api": api}) };
    let shares = if api == "entra" { SHARES_OF_ENTRA } else { SHARES };
    order(stage, &of_whole, shares.into_iter().zip(whole)).await;
    if api == "graph" {
        order(stage, &json!({"api": api}), [(parts * 0.75, throttled), (parts * 0.25, failed)]).await;
    }
}

async fn order(stage: &Stage, matching: &Value, faults: impl IntoIterator<Item = (f64, Value)>) {
    let mut left = 1.0;
    for (share, fault) in faults {
        // What an older one hits is not drawn for.
        let order = json!({"match": matching, "times": null, "share": share / left, "fault": fault});
        stage.simulator.order(order).await.expect("the fault is ordered");
        left -= share;
    }
}

async fn follow(resources: Api<ThreatProtectionTenant>, seen: Arc<Mutex<Seen>>) {
    let events = watcher(resources, Config::default());
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let Ok(Event::Apply(resource) | Event::InitApply(resource)) = event else { continue };
        let resource = serde_json::to_value(resource).expect("a resource is JSON");
        seen.lock().expect("nobody panicked").take(resource);
    }
}

impl Seen {
    fn take(&mut self, resource: Value) {
        let name = text(&resource["metadata"], "name").to_owned();
        // kstatus takes what has no status yet for current.
        if kstatus(&resource) == KStatus::Current && ready(&resource) == ("True", "Enabled") {
            self.waiting.remove(&name);
            self.ready.entry(name).or_insert_with(Instant::now);
            return;
        }
        if self.ready.contains_key(&name) {
            let (verdict, ready) = (kstatus(&resource), condition(&resource, "Ready"));
            self.lost.push(format!("{name} was Ready, and then {verdict:?}: {}", ready.unwrap_or(&Value::Null)));
        }
        self.waiting.insert(name, resource);
    }
}

fn is_through_broker(number: usize) -> bool {
    number.is_multiple_of(2)
}

fn through_broker(size: usize) -> impl Iterator<Item = usize> {
    (0..size).filter(|number| is_through_broker(*number))
}

fn name(number: usize) -> String {
    format!("tenant-{number:05}")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn parts(request: &Value) -> impl Iterator<Item = &str> {
    request["parts"].as_array().into_iter().flatten().filter_map(Value::as_str)
}
