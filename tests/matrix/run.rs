//! One run: a story from its beginning to its end, disturbed at one point, and whatever comes of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use threat_protection_operator::controller::now;

use crate::cast::Cast;
use crate::cluster;
use crate::door::{Aim, Door, Happening};
use crate::fault::Fault;
use crate::outside::{Front, World};
use crate::process::{Process, settings};
use crate::stage::Stage;
use crate::story::{Deed, Phase, Story, Until};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::{is_settled, ready};
use crate::wire::Party;
use std::sync::Arc;

/// The longest time for one phase; half a second is usual.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most passes of one phase.
const MOST_PASSES: usize = 40;
/// Passes after the last phase, each of a new process, that must not write.
const SILENT_PASSES: usize = 3;
/// A pass that has to rest is tried again after this time.
const NAP: Duration = Duration::from_millis(40);

/// What is disturbed, and how.
#[derive(Clone, Debug)]
pub(crate) enum Disturbance {
    Effect(Aim),
    /// Before the pass with this number, from 1; the one after the last is the end of the story.
    Pass(usize, Fault),
}

/// What came of a run.
pub(crate) struct Played {
    pub(crate) cast: Cast,
    /// Why it did not come to its end, if it did not.
    pub(crate) failure: Option<String>,
    pub(crate) happenings: Vec<Happening>,
    /// How many of them came before the silent passes.
    pub(crate) told: usize,
    /// Status of each resource in the end, masked; `Null` where it is gone.
    pub(crate) statuses: BTreeMap<String, Value>,
    /// What the simulator's journal shows.
    pub(crate) journal: Vec<Value>,
    /// What the simulator says arrived, and what passed the door.
    pub(crate) arrived_at_broker: (usize, usize),
    /// What passed the door to the API server and must be in its audit log.
    pub(crate) arrived_at_cluster: usize,
    pub(crate) undeclared: Vec<String>,
    pub(crate) passes: usize,
    /// Passes over old versions.
    pub(crate) replayed: usize,
    /// Whether the disturbance took place.
    pub(crate) is_disturbed: bool,
    pub(crate) took: Duration,
}

struct Player<'a> {
    stage: &'a Stage,
    world: &'a World,
    story: &'a Story,
    cast: Cast,
    door: Arc<Door>,
    front: Front,
    process: Option<Process>,
    /// What the watch last delivered.
    alive: BTreeMap<String, Value>,
    disturbed_pass: Option<(usize, Fault)>,
    held_until: Option<Fault>,
    passes: usize,
    passes_of_process: usize,
    replayed: usize,
    broken: Option<u64>,
    is_disturbed: bool,
    /// Whether something may have changed since the resources were last read.
    is_stale: bool,
}

/// Plays a story.
pub(crate) async fn play((stage, world): (&Stage, &World), story: &Story, disturbance: Option<&Disturbance>) -> Played {
    let started = Instant::now();
    let (aim, disturbed_pass) = match disturbance {
        Some(Disturbance::Effect(aim)) => (Some(aim.clone()), None),
        Some(Disturbance::Pass(number, fault)) => (None, Some((*number, *fault))),
        None => (None, None),
    };
    let held_until = aim.as_ref().map(|aim| aim.fault);
    let door = Door::new(stage.resources(), aim);
    let mut player = Player {
        stage,
        world,
        story,
        cast: Cast::new(&stage.namespace),
        front: Front::open(&door, world),
        door,
        process: None,
        alive: BTreeMap::new(),
        disturbed_pass,
        held_until,
        passes: 0,
        passes_of_process: 0,
        replayed: 0,
        broken: None,
        is_disturbed: disturbance.is_some(),
        is_stale: true,
    };
    player.seed().await;
    let mut failure = player.act().await.err();
    let (told, passes) = (player.door.happenings().len(), player.passes);
    if failure.is_none() {
        failure = player.stay_silent().await.err();
    }
    player.end(failure, (told, passes), started).await
}

impl Player<'_> {
    async fn seed(&self) {
        let simulator = &self.world.simulator;
        let tenant = self.cast.fill(&self.story.tenant);
        simulator.seed(&self.cast.tenant, tenant).await.expect("a tenant");
        simulator.settings(Some(&self.cast.tenant), self.story.broker.clone()).await.expect("settings");
    }

    async fn act(&mut self) -> Result<(), String> {
        for phase in &self.story.phases {
            for deed in &phase.deeds {
                self.perform(deed).await;
            }
            self.converge(phase).await?;
        }
        let (Some(last), Some((_, fault))) = (self.story.phases.last(), self.disturbed_pass.take()) else {
            return Ok(());
        };
        for (name, object) in self.everything_seen() {
            self.replay(&name, object["metadata"]["resourceVersion"].as_str().unwrap_or_default(), fault).await;
        }
        self.converge(last).await
    }

    /// The last version of each resource, also of those that are gone.
    fn everything_seen(&self) -> Vec<(String, Value)> {
        let names = self.story.names().into_iter().map(|role| self.cast.name(role));
        names.filter_map(|name| Some((name.clone(), self.door.versions(&name).last()?.clone()))).collect()
    }

    async fn perform(&mut self, deed: &Deed) {
        let (resources, simulator, cast) = (self.stage.resources(), &self.world.simulator, &self.cast);
        match deed {
            Deed::Create(name, spec) => {
                // Which of two resources is the older is told by whole seconds.
                let made =
                    |object: &Value| object["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
                while self.alive.values().any(|object| made(object) >= now().to_string()) {
                    tokio::time::sleep(NAP).await;
                }
                let resource = json!({
                    "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
                    "metadata": {"name": cast.name(name)}, "spec": cast.fill(spec),
                });
                let resource: DynamicObject = serde_json::from_value(resource).expect("an object");
                let created = resources.create(&PostParams::default(), &resource).await;
                self.door.learn(&as_json(&created.expect("the API server accepts it")));
            }
            Deed::Edit(name, fields) => self.merge(name, json!({"spec": cast.fill(fields)})).await,
            Deed::RequestReconcile(name, token) => {
                let annotation = json!({"threatprotection.dev/reconcile-requested-at": token});
                self.merge(name, json!({"metadata": {"annotations": annotation}})).await;
            }
            Deed::Delete(name) => {
                let deleted = resources.delete(&cast.name(name), &DeleteParams::default()).await;
                if let Some(terminating) = deleted.expect("the API server deletes it").left() {
                    self.door.learn(&as_json(&terminating));
                }
            }
            Deed::BreakBroker => {
                let matching = json!({"endpoint": "provision", "tenantId": cast.tenant});
                let fault = json!({"kind": "operationFails", "description": "no capacity"});
                self.broken = Some(simulator.fault(matching, None, fault).await.expect("a fault"));
            }
            Deed::MendBroker => {
                if let Some(fault) = self.broken.take() {
                    simulator.remove_fault(fault).await.expect("the fault was there");
                }
            }
            Deed::TurnOn => {
                let act = simulator.act(&cast.tenant, "SecurityAdministrator", "turnOn", json!({"region": "EU"}));
                act.await.expect("the person may");
            }
        }
        self.door.tell(deed.to_string());
        self.is_stale = true;
    }

    async fn merge(&self, role: &str, patch: Value) {
        let (resources, name) = (self.stage.resources(), self.cast.name(role));
        let patched = resources.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
        self.door.learn(&as_json(&patched.expect("the API server accepts it")));
    }

    /// Passes over every resource in turn until the phase has ended as it should.
    async fn converge(&mut self, phase: &Phase) -> Result<(), String> {
        let (started, passes, mut is_first) = (Instant::now(), self.passes, true);
        loop {
            self.round().await;
            if (std::mem::take(&mut is_first) || self.is_stale) && self.holds(phase.until).await {
                let is_late = self.held_until == Some(Fault::Late);
                if !(is_late && self.door.release().await && !self.holds(phase.until).await) {
                    return Ok(());
                }
                self.is_stale = true;
            }
            if started.elapsed() > PATIENCE || self.passes - passes > MOST_PASSES {
                return Err(format!(
                    "{:?} was not reached in {} passes and {} s; Ready is {:?}",
                    phase.until,
                    self.passes - passes,
                    started.elapsed().as_secs(),
                    self.alive.values().map(ready).collect::<Vec<_>>()
                ));
            }
        }
    }

    /// A pass over every resource, where it is due.
    async fn round(&mut self) {
        let before = self.door.count();
        if self.is_stale {
            for role in self.story.names() {
                self.watch(&self.cast.name(role)).await;
            }
        }
        let alive: Vec<String> = self.alive.keys().cloned().collect();
        for name in &alive {
            self.turn(name).await;
        }
        let is_quiet = self.door.count() == before;
        self.is_stale = !is_quiet || alive.is_empty();
        if is_quiet {
            tokio::time::sleep(NAP).await;
        }
    }

    /// The watch delivers a resource as it is.
    async fn watch(&mut self, name: &str) {
        match self.read(name).await {
            Some(object) => {
                self.alive.insert(name.to_owned(), object);
            }
            None => {
                if let (Some(gone), Some(process)) = (self.alive.remove(name), &mut self.process) {
                    process.forget(&gone);
                }
            }
        }
    }

    async fn holds(&self, until: Until) -> bool {
        match until {
            Until::Gone(role) => self.read(&self.cast.name(role)).await.is_none(),
            Until::Said(role, status, reason) => self
                .read(&self.cast.name(role))
                .await
                .is_some_and(|object| ready(&object) == (status, reason) && is_settled(&object)),
            Until::Ready(role, status, reason) => self.read(&self.cast.name(role)).await.is_some_and(|object| {
                ready(&object) == (status, reason) && matches!(kstatus(&object), KStatus::Current | KStatus::Failed)
            }),
        }
    }

    async fn read(&self, name: &str) -> Option<Value> {
        let found = self.stage.resources().get_opt(name).await.expect("the API server answers")?;
        let object = as_json(&found);
        self.door.learn(&object);
        Some(object)
    }

    /// The operator makes a pass over a resource.
    async fn turn(&mut self, name: &str) {
        let Some(object) = self.alive.get(name).cloned() else { return };
        if let Some((_, fault)) = self.disturbed_pass.take_if(|(number, _)| *number == self.passes + 1) {
            self.replay(name, object["metadata"]["resourceVersion"].as_str().unwrap_or_default(), fault).await;
        }
        if self.pass(name, &object, "pass").await {
            self.passes += 1;
            self.passes_of_process += 1;
            if self.held_until == Some(Fault::Delayed) {
                self.door.release().await;
            }
        }
    }

    /// Every version but this one is delivered once more, oldest first.
    async fn replay(&mut self, name: &str, present: &str, fault: Fault) {
        if fault == Fault::ReplayedToNew {
            self.process = None;
        }
        for old in self.door.versions(name) {
            let version = old["metadata"]["resourceVersion"].as_str().unwrap_or_default();
            if version != present || !self.alive.contains_key(name) {
                self.pass(name, &old, &format!("pass over old version {version}")).await;
                self.replayed += 1;
            }
        }
        // A watch that tells old news again also tells the end of them.
        let last = self.door.versions(name).pop().filter(|_| !self.alive.contains_key(name));
        if let (Some(gone), Some(process)) = (last, &mut self.process) {
            process.forget(&gone);
        }
    }

    /// One pass; whether it came to an end and asked anybody anything.
    async fn pass(&mut self, name: &str, object: &Value, what: &str) -> bool {
        let before = self.door.count();
        if self.process.is_none() {
            self.passes_of_process = 0;
            let known: Vec<Value> = self.alive.values().cloned().collect();
            self.process = Some(Process::start(
                cluster::client(&self.door, &self.stage.operator),
                self.front.outside(self.story.has_broker),
                settings(&self.stage.namespace, self.story.has_broker),
                &known,
            ));
        }
        let process = self.process.as_mut().expect("one was just started");
        process.deliver(object);
        self.door.begin_pass(name, &format!("{what} over {name}"));
        let ended = tokio::select! {
            biased;
            () = self.door.crashed() => None,
            ended = process.pass(object) => Some(ended),
        };
        match ended {
            None => {
                self.process = None;
                self.door.tell("the process ends".to_owned());
                false
            }
            Some(ended) => {
                if let Err(error) = ended {
                    self.door.tell(format!("the pass ends: {error}"));
                }
                if self.door.count() == before {
                    self.door.end_pass();
                }
                self.door.count() > before
            }
        }
    }

    /// New processes find nothing to write. Where something went wrong, the first may still write down what could not be
    /// read before.
    async fn stay_silent(&mut self) -> Result<(), String> {
        let (mut silent, mut spared) = (0, self.is_disturbed);
        while silent < SILENT_PASSES {
            self.process = None;
            self.is_stale = true;
            let before = self.door.happenings().len();
            self.round().await;
            silent += 1;
            match self.written_since(before) {
                Some(effect) if !std::mem::take(&mut spared) => {
                    return Err(format!("a pass after the end still sends: {effect}"));
                }
                Some(_) => silent = 0,
                None => {}
            }
        }
        Ok(())
    }

    fn written_since(&self, before: usize) -> Option<String> {
        let happenings = self.door.happenings();
        happenings.into_iter().skip(before).find_map(|happening| match happening {
            Happening::Crossing(crossing) if crossing.request.is_write() || crossing.request.is_event() => {
                Some(crossing.effect)
            }
            _ => None,
        })
    }

    async fn end(mut self, failure: Option<String>, (told, passes): (usize, usize), started: Instant) -> Played {
        let simulator = &self.world.simulator;
        let journal = simulator.journal(Some(&self.cast.tenant)).await.expect("a journal");
        let arrived = simulator.requests(Some(&self.cast.tenant), 0).await.expect("a request log").len();
        let mut statuses = BTreeMap::new();
        for role in self.story.names() {
            let found = self.read(&self.cast.name(role)).await;
            let status = found.map_or(Value::Null, |object| self.cast.mask(&object["status"]));
            statuses.insert(role.to_owned(), status);
        }
        self.process = None;
        Played {
            failure,
            happenings: self.door.happenings(),
            told,
            statuses,
            journal,
            arrived_at_broker: (arrived, self.door.arrived(Party::Broker)),
            arrived_at_cluster: self.door.arrived(Party::ApiServer),
            undeclared: self.door.undeclared(),
            passes,
            replayed: self.replayed,
            is_disturbed: self.door.is_spent() && self.disturbed_pass.is_none(),
            took: started.elapsed(),
            cast: self.cast,
        }
    }
}

fn as_json(object: &DynamicObject) -> Value {
    serde_json::to_value(object).expect("an object is JSON")
}
