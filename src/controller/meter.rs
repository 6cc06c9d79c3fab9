//! What is counted of the passes: how they end and how long they take, steps, writes, events, and how long tenants take.
//!
//! What can be seen in the cluster at any time is not counted but gathered when it is asked for: see `census`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::census::Census;
use super::error::ReconcileError;
use super::events;
use super::executed::Executed;
use crate::api::{Actor, ConditionType, Reason, StepName, ThreatProtectionTenantStatus, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::step::Outcome;

/// The result of a pass that came to its end, as the label `result` names it; the others are those of `ReconcileError`.
const OK: &str = "ok";
/// What came of a step, as the label `result` names it: how it went on, or the class of its refusal.
const STEP_RESULTS: [&str; 9] = [
    DONE,
    IN_PROGRESS,
    ErrorClass::Throttled { until: None }.name(),
    ErrorClass::Transient.name(),
    ErrorClass::Waiting.name(),
    ErrorClass::Auth.name(),
    ErrorClass::Permission.name(),
    ErrorClass::Invalid.name(),
    ErrorClass::Protocol.name(),
];
const DONE: &str = "done";
const IN_PROGRESS: &str = "in_progress";
/// Who can do a step on the operator's behalf.
const ACTORS: [Actor; 2] = [Actor::Arm, Actor::Broker];
/// What came of the write of a status.
const WRITES: [&str; 3] = ["written", "conflict", "failed"];
/// What came of an event.
const EVENTS: [&str; 2] = ["published", "dropped"];

/// From 10 ms to 10 minutes, which is the limit of a pass.
const PASS_SECONDS: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];
/// From a second to a week: a machine takes seconds, a person days.
const TENANT_SECONDS: [f64; 11] =
    [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 259_200.0, 604_800.0];
/// A resource whose `Ready` has had one status since this time after its creation has never been ready before.
const BEGINNING: SignedDuration = SignedDuration::from_mins(15);

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Source = Box<dyn Fn() -> Census + Send + Sync>;

/// The counters; clones count together.
#[derive(Clone)]
pub struct Meter {
    reconciles: Family<Labels<1>, Counter>,
    durations: Histogram,
    in_flight: Gauge,
    passes: Arc<AtomicU64>,
    steps: Family<Labels<3>, Counter>,
    writes: Family<Labels<1>, Counter>,
    events: Family<Labels<1>, Counter>,
    until_ready: Histogram,
    until_released: Histogram,
    left: Counter,
    drift: Counter,
    leads: Gauge,
    census: Arc<OnceLock<Source>>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("in_flight", &self.in_flight.get()).finish_non_exhaustive()
    }
}

impl Default for Meter {
    fn default() -> Self {
        let meter = Self {
            reconciles: Family::default(),
            durations: Histogram::new(PASS_SECONDS),
            in_flight: Gauge::default(),
            passes: Arc::default(),
            steps: Family::default(),
            writes: Family::default(),
            events: Family::default(),
            until_ready: Histogram::new(TENANT_SECONDS),
            until_released: Histogram::new(TENANT_SECONDS),
            left: Counter::default(),
            drift: Counter::default(),
            leads: Gauge::default(),
            census: Arc::default(),
        };
        meter.show_all();
        meter
    }
}

impl Meter {
    /// All labels are there from the start: a counter that appears with its first event hides that event.
    fn show_all(&self) {
        for result in ReconcileError::CLASSES.into_iter().chain([OK]) {
            drop(self.reconciles.get_or_create_owned(&[("result", result)]));
        }
        for step in StepName::ALL {
            for (actor, result) in ACTORS.into_iter().flat_map(|actor| STEP_RESULTS.map(|result| (actor, result))) {
                drop(self.steps.get_or_create_owned(&step_labels(*step, actor, result)));
            }
        }
        for result in WRITES {
            drop(self.writes.get_or_create_owned(&[("result", result)]));
        }
        for result in EVENTS {
            drop(self.events.get_or_create_owned(&[("result", result)]));
        }
    }

    /// Shows the counters.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Passes over a resource, by how they ended";
        registry.register("reconciles", help, self.reconciles.clone());
        let help = "Time that a pass over a resource took";
        registry.register_with_unit("reconcile_duration", help, Unit::Seconds, self.durations.clone());
        let help = "Passes that are under way";
        registry.register("reconciles_in_flight", help, self.in_flight.clone());
        let help = "Steps that were sent, by what, through whom and what came of them";
        registry.register("steps", help, self.steps.clone());
        let help = "Writes of a status to the API server, by what came of them";
        registry.register("status_writes", help, self.writes.clone());
        let help = "Events for the API server, by whether it took them";
        registry.register("events", help, self.events.clone());
        let help = "Time from the creation of a resource until it was ready for the first time";
        registry.register_with_unit("time_to_ready", help, Unit::Seconds, self.until_ready.clone());
        let help = "Time from the deletion of a resource until the operator let go of it, where it held it";
        registry.register_with_unit("time_to_delete", help, Unit::Seconds, self.until_released.clone());
        let help = "Deletions that were held and then let go of, with the tenant left as it is";
        registry.register("tenants_left_behind", help, self.left.clone());
        let help = "How often a tenant was found to differ from its spec because somebody changed it outside";
        registry.register("drift_found", help, self.drift.clone());
        let help = "Whether this process acts (1) or stands by (0)";
        registry.register("leader", help, self.leads.clone());
        registry.register_collector(Box::new(Gathered(self.census.clone())));
    }

    /// Where the numbers come from that are gathered when they are asked for. Only the first call counts.
    pub fn gather(&self, census: impl Fn() -> Census + Send + Sync + 'static) {
        let _is_first = self.census.set(Box::new(census)).is_ok();
    }

    /// Whether this process acts, or stands by.
    pub fn leads(&self, leads: bool) {
        self.leads.set(i64::from(leads));
    }

    /// How many passes are under way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        u64::try_from(self.in_flight.get()).unwrap_or_default()
    }

    /// A pass begins.
    pub(super) fn begin(&self) -> Pass {
        self.in_flight.inc();
        Pass { meter: self.clone(), number: self.passes.fetch_add(1, Ordering::Relaxed), started: Instant::now() }
    }

    /// A step was sent.
    pub(super) fn step(&self, Executed { step, outcome, .. }: &Executed) {
        let result = match outcome {
            Outcome::Done => DONE,
            Outcome::InProgress { .. } => IN_PROGRESS,
            Outcome::Refused(failure) => failure.class.name(),
        };
        self.steps.get_or_create(&step_labels(step.change.name(), step.by.actor(), result)).inc();
    }

    /// A status was sent to the API server.
    pub(super) fn wrote<T>(&self, written: &Result<T, ReconcileError>) {
        let result = match written {
            Ok(_) => "written",
            Err(ReconcileError::Changed) => "conflict",
            Err(_) => "failed",
        };
        self.writes.get_or_create(&[("result", result)]).inc();
    }

    /// An event was sent to the API server.
    pub(super) fn told(&self, is_published: bool) {
        let result = if is_published { "published" } else { "dropped" };
        self.events.get_or_create(&[("result", result)]).inc();
    }

    /// The operator let go of a resource, which is deleted since then; whether its tenant is left as it is.
    pub(super) fn released(&self, deleted: Timestamp, leaves_tenant: bool, now: Timestamp) {
        self.until_released.observe(now.duration_since(deleted).as_secs_f64().max(0.0));
        if leaves_tenant {
            self.left.inc();
        }
    }

    /// A status was concluded of a resource that was created then.
    pub(super) fn concluded(
        &self,
        created: Timestamp,
        (old, new): (Option<&ThreatProtectionTenantStatus>, &ThreatProtectionTenantStatus),
        now: Timestamp,
    ) {
        if is_ready_at_last(created, old, new) {
            self.until_ready.observe(now.duration_since(created).as_secs_f64().max(0.0));
        }
        if is_drifted(new) && !old.is_some_and(is_drifted) {
            self.drift.inc();
        }
    }
}

/// A pass that is under way, until it is dropped.
pub(super) struct Pass {
    meter: Meter,
    number: u64,
    started: Instant,
}

impl Pass {
    /// Tells the passes of this process apart.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The pass has ended.
    pub(super) fn end<T>(self, ended: &Result<T, ReconcileError>) {
        let result = ended.as_ref().map_or_else(ReconcileError::class, |_| OK);
        self.meter.reconciles.get_or_create(&[("result", result)]).inc();
        self.meter.durations.observe(self.started.elapsed().as_secs_f64());
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.meter.in_flight.dec();
    }
}

const fn step_labels(step: StepName, actor: Actor, result: &'static str) -> Labels<3> {
    [("step", step.name()), ("actor", actor.name()), ("result", result)]
}

/// Whether a resource is ready that never was before. Status keeps no history: one that wavered between `False` and
/// `Unknown` is left out, rather than to take a repair after a year for a very slow beginning.
fn is_ready_at_last(
    created: Timestamp,
    old: Option<&ThreatProtectionTenantStatus>,
    new: &ThreatProtectionTenantStatus,
) -> bool {
    let is_ready = events::ready(new).is_some_and(|ready| ready.status == TriState::True.name());
    let before = old.and_then(events::ready);
    let was_never = before.is_none_or(|ready| {
        let since = ready.last_transition_time.0.duration_since(created);
        ready.status != TriState::True.name() && since < BEGINNING
    });
    is_ready && was_never
}

fn is_drifted(status: &ThreatProtectionTenantStatus) -> bool {
    status
        .conditions
        .iter()
        .any(|condition| condition.type_ == ConditionType::InSync.name() && condition.reason == Reason::Drifted.name())
}

/// What is gathered when it is asked for.
struct Gathered(Arc<OnceLock<Source>>);

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gathered")
    }
}

impl Collector for Gathered {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.get().map_or(Ok(()), |census| census().encode(&mut encoder))
    }
}

#[cfg(test)]
#[path = "meter/tests.rs"]
mod tests;
