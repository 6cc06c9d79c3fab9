//! The one passage of every request of a run: numbers it, names it, and does to it what the cell of the matrix says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::fault::Fault;
use crate::wire::{Answer, Cut, Party, Reply, Request, Sender};

/// Which request is disturbed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aim {
    /// What the request is for.
    pub(crate) effect: String,
    /// The how-manieth of this name, from 1.
    pub(crate) occurrence: usize,
    pub(crate) fault: Fault,
}

/// Something that happened in a run, in order.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// Somebody besides the operator did this.
    Deed(String),
    /// A pass began.
    Pass(String),
    /// A request.
    Crossing(Box<Crossing>),
}

/// One request of the operator.
#[derive(Clone, Debug)]
pub(crate) struct Crossing {
    /// From 1, over both doors.
    pub(crate) ordinal: usize,
    pub(crate) effect: String,
    pub(crate) request: Request,
    /// Status of the answer that the operator saw, or what it saw instead.
    pub(crate) answer: String,
    pub(crate) fault: Option<Fault>,
}

#[derive(Default)]
struct State {
    happenings: Vec<Happening>,
    ordinal: usize,
    counts: BTreeMap<String, usize>,
    aim: Option<Aim>,
    held: Option<(Request, Sender)>,
    /// Every version of each resource that was seen, oldest first.
    versions: BTreeMap<String, Vec<Value>>,
    /// Requests that arrived and are in the log of whom they were for.
    arrived: BTreeMap<Party, usize>,
    undeclared: Vec<String>,
    /// The resource that the present pass is over: it may be labelled, and its spec declares.
    current: String,
}

/// The passage.
pub(crate) struct Door {
    state: Mutex<State>,
    crash: Notify,
    resources: Api<DynamicObject>,
}

impl Door {
    pub(crate) fn new(resources: Api<DynamicObject>, aim: Option<Aim>) -> Arc<Self> {
        let state = State { aim, ..State::default() };
        Arc::new(Self { state: Mutex::new(state), crash: Notify::new(), resources })
    }

    /// Waits until the process has to end.
    pub(crate) async fn crashed(&self) {
        self.crash.notified().await;
    }

    /// Lets a request through, or what the cell says.
    pub(crate) async fn cross(&self, request: Request, send: Sender) -> Answer {
        let (index, fault) = self.note(&request);
        self.judge(&request).await;
        let answer = match fault {
            None => self.send(request, &send).await,
            Some(fault) => self.disturb(fault, request, send).await,
        };
        let seen = answer.as_ref().map_or_else(|Cut| "no answer".to_owned(), |reply| reply.status.to_string());
        if let Some(Happening::Crossing(crossing)) = self.lock().happenings.get_mut(index) {
            crossing.answer = seen;
        }
        answer
    }

    /// Hands over the request that was held; whether there was one.
    pub(crate) async fn release(&self) -> bool {
        let held = self.lock().held.take();
        let Some((request, send)) = held else { return false };
        let effect = request.effect();
        let answer = self.send(request, &send).await;
        let seen = answer.map_or_else(|Cut| "no answer".to_owned(), |reply| reply.status.to_string());
        self.tell(format!("the request of the process that is gone arrives: {effect}: {seen}"));
        true
    }

    pub(crate) fn tell(&self, deed: String) {
        self.lock().happenings.push(Happening::Deed(deed));
    }

    pub(crate) fn begin_pass(&self, name: &str, what: &str) {
        let mut state = self.lock();
        name.clone_into(&mut state.current);
        state.happenings.push(Happening::Pass(what.to_owned()));
    }

    /// A pass in which nothing was asked need not be told.
    pub(crate) fn end_pass(&self) {
        self.lock().happenings.pop_if(|last| matches!(last, Happening::Pass(_)));
    }

    pub(crate) fn happenings(&self) -> Vec<Happening> {
        self.lock().happenings.clone()
    }

    /// How many requests there were so far.
    pub(crate) fn count(&self) -> usize {
        self.lock().ordinal
    }

    /// How many requests arrived that are in the log of whom they were for, copies and late ones too.
    pub(crate) fn arrived(&self, party: Party) -> usize {
        self.lock().arrived.get(&party).copied().unwrap_or_default()
    }

    /// What was taken away from the tenant although the spec did not declare it at that moment.
    pub(crate) fn undeclared(&self) -> Vec<String> {
        self.lock().undeclared.clone()
    }

    /// Whether what was to happen has happened.
    pub(crate) fn is_spent(&self) -> bool {
        self.lock().aim.is_none()
    }

    /// Remembers a version of a resource, unless it is known.
    pub(crate) fn learn(&self, object: &Value) {
        let Some(name) = object["metadata"]["name"].as_str() else { return };
        if object["kind"] != "ThreatProtectionTenant" {
            return;
        }
        let mut state = self.lock();
        let versions = state.versions.entry(name.to_owned()).or_default();
        let is_known =
            versions.iter().any(|known| known["metadata"]["resourceVersion"] == object["metadata"]["resourceVersion"]);
        if !is_known {
            versions.push(object.clone());
        }
    }

    /// Every version of a resource that was seen, oldest first.
    pub(crate) fn versions(&self, name: &str) -> Vec<Value> {
        self.lock().versions.get(name).cloned().unwrap_or_default()
    }

    fn note(&self, request: &Request) -> (usize, Option<Fault>) {
        let mut state = self.lock();
        state.ordinal += 1;
        let (ordinal, effect) = (state.ordinal, request.effect());
        let count = state.counts.entry(effect.clone()).or_default();
        *count += 1;
        let is_aimed_at = (effect.as_str(), *count);
        let aim = state.aim.take_if(|aim| (aim.effect.as_str(), aim.occurrence) == is_aimed_at);
        let fault = aim.map(|aim| aim.fault);
        let crossing =
            Crossing { ordinal, effect, request: request.clone(), answer: "never answered".to_owned(), fault };
        state.happenings.push(Happening::Crossing(Box::new(crossing)));
        (state.happenings.len() - 1, fault)
    }

    async fn disturb(&self, fault: Fault, request: Request, send: Sender) -> Answer {
        match fault {
            Fault::CrashBefore => self.end_process().await,
            Fault::CrashAfter => {
                let _ = self.send(request, &send).await;
                self.end_process().await
            }
            Fault::Refused => Ok(Reply::error(request.party, 500, "InternalError")),
            Fault::Cut => Err(Cut),
            Fault::AnswerLost => {
                let _ = self.send(request, &send).await;
                Err(Cut)
            }
            Fault::Duplicated => {
                let first = self.send(request.clone(), &send).await;
                let _ = self.send(request, &send).await;
                first
            }
            Fault::Repeated => {
                let _ = self.send(request.clone(), &send).await;
                self.send(request, &send).await
            }
            Fault::Delayed | Fault::Late => {
                self.lock().held = Some((request, send));
                self.end_process().await
            }
            Fault::Labelled => {
                self.label().await;
                self.send(request, &send).await
            }
            Fault::Throttled => Ok(Reply::error(request.party, 429, "TooManyRequests")),
            Fault::Stale => {
                let reply = self.send(request, &send).await?;
                let object = reply.json();
                let versions = self.versions(object["metadata"]["name"].as_str().unwrap_or_default());
                let previous = versions.iter().rev().nth(1);
                Ok(previous.map_or_else(|| reply.clone(), |previous| reply.clone().with_body(previous)))
            }
            Fault::Replayed | Fault::ReplayedToNew => unreachable!("{fault:?} is a fault of passes"),
        }
    }

    /// The answer never comes: whoever waits for it is dropped.
    async fn end_process(&self) -> Answer {
        self.crash.notify_one();
        std::future::pending().await
    }

    /// What takes something away must be declared when it is sent, by what the API server then says.
    async fn judge(&self, request: &Request) {
        if let Some(destruction) = request.destroys() {
            let declared = self.resources.get_opt(&self.current()).await.expect("the API server answers");
            let spec = declared.map(|object| object.data["spec"].clone()).unwrap_or_default();
            if !destruction.is_declared(&spec) {
                self.lock().undeclared.push(format!("{destruction:?} while the spec is {spec}"));
            }
        }
    }

    async fn send(&self, request: Request, send: &Sender) -> Answer {
        *self.lock().arrived.entry(request.party).or_default() += usize::from(request.is_logged());
        let is_cluster = request.party == Party::ApiServer;
        let answer = send(request).await;
        if let (true, Ok(reply)) = (is_cluster, &answer) {
            self.learn(&reply.json());
        }
        answer
    }

    async fn label(&self) {
        let label = json!({"metadata": {"labels": {"somebody": "was-here"}}});
        let labelled = self.resources.patch(&self.current(), &PatchParams::default(), &Patch::Merge(label)).await;
        if let Ok(labelled) = labelled {
            self.learn(&serde_json::to_value(labelled).expect("an object is JSON"));
        }
    }

    fn current(&self) -> String {
        self.lock().current.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
