//! One resource and its tenant over time: what a pass of the controller does, without a cluster.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use threat_protection_operator::api::{
    ConditionType, ManagementPolicy, ThreatProtectionTenantSpec, ThreatProtectionTenantStatus,
};
use threat_protection_operator::plan::desired::Desired;
use threat_protection_operator::plan::memory::Memory;
use threat_protection_operator::plan::observed::Observed;
use threat_protection_operator::plan::pace::pace;
use threat_protection_operator::plan::planned::Plan;
use threat_protection_operator::plan::planner::plan;
use threat_protection_operator::plan::report::report;
use threat_protection_operator::plan::situation::{Capabilities, Permit, Recent, Situation, Subject};
use threat_protection_operator::plan::step::{Outcome, Step, StepActor};
use threat_protection_operator::remote::broker::{Broker, BrokerAuth, BrokerSettings, OperatorIdentity};
use threat_protection_operator::remote::{Caller, Order, Question};
use threat_protection_operator::simulator::server::{Options, Running, start};
use threat_protection_operator::tenant::{Experience, TenantId};

use crate::simulator::Simulator;

pub(crate) const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
/// Longer than any retry and any poll; a fresh hand-off is looked at every two minutes, a tenth earlier at most. Whoever
/// waits so long has nothing to do.
pub(crate) const LONG: SignedDuration = SignedDuration::from_secs(105);

/// How the broker behaves, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Answers when the work is done.
    Sync,
    /// Works for two polls.
    Async,
    /// Does not show its instances.
    Silent,
    /// Neither, and works for two polls.
    SilentAsync,
    /// Shows its instances without their parameters.
    Withholding,
    /// There is none.
    Absent,
}

impl Mode {
    fn settings(self) -> Value {
        let polls = json!({"async": {"polls": 2}});
        match self {
            Self::Sync | Self::Absent => json!({}),
            Self::Async => json!({"mode": polls}),
            Self::Silent => json!({"retrievable": false}),
            Self::SilentAsync => json!({"retrievable": false, "mode": polls}),
            Self::Withholding => json!({"withholdParameters": true}),
        }
    }
}

/// A resource, the tenant that it is about, and the broker between them.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    broker: Option<Broker>,
    pub(crate) spec: Value,
    pub(crate) status: Option<ThreatProtectionTenantStatus>,
    pub(crate) subject: Subject,
    pub(crate) permit: Permit,
    pub(crate) recent: Recent,
    pub(crate) now: Timestamp,
    /// What was written, in order.
    pub(crate) history: Vec<ThreatProtectionTenantStatus>,
    _running: Running,
    _folder: TempDir,
}

/// Day of the first pass.
pub(crate) const TODAY: &str = "2026-06-15";

pub(crate) fn consent(day: &str) -> Value {
    json!({"consent": {"grantedBy": "CISO", "grantedOn": day}})
}

/// An attestation made this morning that holds for half a year; `extra` adds to it and replaces.
pub(crate) fn attestation(claim: &str, extra: &Value) -> Value {
    let mut entry = json!({
        "name": claim.to_lowercase(), "claim": claim, "attestedBy": "Ada",
        "attestTime": "2026-06-15T08:00:00Z", "expireTime": "2026-12-15T08:00:00Z",
    });
    merge(&mut entry, extra);
    entry
}

pub(crate) fn attested(claim: &str) -> Value {
    json!({"attestations": [attestation(claim, &json!({}))]})
}

pub(crate) fn deprovisioned() -> Value {
    json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT})
}

impl World {
    /// A licensed tenant under these rules that is off, and a resource that wants it on and says no more than it must.
    pub(crate) async fn open(experience: Experience, mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loopback = "127.0.0.1:0".parse().unwrap();
        let running = start(Options {
            state: folder.path().join("state.json"),
            listen: loopback,
            control: loopback,
            allow_non_loopback: false,
            sans: Vec::new(),
            username: "operator".to_owned(),
            password: "secret".to_owned(),
            tenants: Vec::new(),
        })
        .await
        .unwrap();
        let simulator = Simulator::new(&running.control_url);
        simulator.settings(None, mode.settings()).await.unwrap();
        let mut spec = json!({"tenantId": TENANT, "experience": experience});
        if experience == Experience::WelcomePage {
            merge(&mut spec, &json!({"dataLocation": {"region": "EU"}, "dataSharing": consent("2026-06-01")}));
        }
        let world = Self {
            broker: (mode != Mode::Absent).then(|| client(&running)),
            simulator,
            spec,
            status: None,
            subject: Subject {
                namespace: "security".into(),
                name: "contoso".into(),
                uid: "u1".into(),
                generation: 1,
                ..Subject::default()
            },
            permit: Permit::Granted { allow_deprovision: true },
            recent: Recent::default(),
            now: format!("{TODAY}T12:00:00Z").parse().unwrap(),
            history: Vec::new(),
            _running: running,
            _folder: folder,
        };
        world.seed(json!({"experience": experience})).await;
        world
    }

    /// Replaces the tenant by a licensed one that is off, with these members.
    pub(crate) async fn seed(&self, members: Value) {
        let mut tenant = json!({
            "services": ["Endpoint", "Office365", "Identity", "CloudApps"],
            "roles": ["GlobalAdministrator", "SecurityAdministrator"],
        });
        merge(&mut tenant, &members);
        self.simulator.seed(TENANT, tenant).await.unwrap();
    }

    /// An administrator, or support, does something outside.
    pub(crate) async fn act(&self, who: &str, act: &str) {
        self.act_with(who, act, json!({})).await;
    }

    pub(crate) async fn act_with(&self, who: &str, act: &str, members: Value) {
        self.simulator.act(TENANT, who, act, members).await.unwrap();
    }

    /// Somebody opts out behind our back, by the way that these rules leave.
    pub(crate) async fn opt_out_outside(&self) {
        if self.spec["experience"] == "DefenderPortal" {
            self.act("support", "supportOptOut").await;
        } else {
            self.act("SecurityAdministrator", "optOut").await;
        }
    }

    pub(crate) async fn fault(&self, method: &str, times: Option<u32>, fault: Value) {
        self.simulator.fault(json!({"method": method}), times, fault).await.unwrap();
    }

    /// Changes fields of the spec; `null` removes one.
    pub(crate) fn edit(&mut self, fields: &Value) {
        merge(&mut self.spec, fields);
        self.subject.generation += 1;
    }

    pub(crate) fn wait_hours(&mut self, hours: i64) {
        self.now += SignedDuration::from_hours(hours);
    }

    pub(crate) fn request_reconcile(&mut self) {
        self.subject.reconcile_request = Some(self.now.to_string());
    }

    /// One look, at most one step; the time until the next look.
    pub(crate) async fn pass(&mut self) -> SignedDuration {
        let observed = self.observe().await;
        let situation = self.situation(observed);
        let first = plan(&situation);
        let (situation, plan, outcome) = match first.next().cloned() {
            Some(step) => self.act_on(situation, first, step).await,
            None => (situation, first, None),
        };
        let status = report(&situation, &plan);
        self.write(&status);
        self.recent = situation.recent_after();
        pace(&situation, &plan, outcome.as_ref(), 0.5)
    }

    async fn act_on(
        &mut self,
        mut situation: Situation,
        first: Plan,
        step: Step,
    ) -> (Situation, Plan, Option<Outcome>) {
        let StepActor::Broker(request) = step.by.clone() else { return (situation, first, None) };
        if step.change.needs_intent() {
            let intent = report(&situation, &first);
            let stored = situation.memory.status();
            if (&intent.operation, &intent.data_location) != (&stored.operation, &stored.data_location) {
                self.write(&intent);
                situation.memory = Memory::new(self.status.clone());
            }
        }
        let broker = self.broker.as_ref().unwrap();
        let outcome = broker.execute(&Order { caller: caller(), request, now: self.now }).await;
        let question = Question { caller: caller(), tenant: tenant(), operation: None, now: self.now };
        let seen = match outcome {
            Outcome::Done => Some(broker.observe(&question).await),
            Outcome::InProgress { .. } | Outcome::Refused(_) => None,
        };
        let situation = situation.after(&step, &outcome, seen);
        let plan = plan(&situation);
        (situation, plan, Some(outcome))
    }

    async fn observe(&self) -> Observed {
        let Ok(desired) = self.desired() else { return Observed::nothing() };
        let may_ask = matches!(self.permit, Permit::Granted { .. }) && desired.management != ManagementPolicy::Suspend;
        let waits = self.recent.throttled_until.is_some_and(|until| self.now < until);
        assert!(!waits, "a pass before the time that the broker gave");
        match &self.broker {
            Some(broker) if may_ask => {
                let operation = self.status.as_ref().and_then(|status| status.operation.clone());
                broker.observe(&Question { caller: caller(), tenant: tenant(), operation, now: self.now }).await
            }
            _ => Observed::nothing(),
        }
    }

    fn desired(&self) -> Result<Desired, threat_protection_operator::plan::desired::InvalidSpec> {
        Desired::from_spec(&serde_json::from_value::<ThreatProtectionTenantSpec>(self.spec.clone()).unwrap())
    }

    fn situation(&self, observed: Observed) -> Situation {
        Situation {
            subject: self.subject.clone(),
            desired: self.desired(),
            permit: self.permit,
            observed,
            memory: Memory::new(self.status.clone()),
            recent: self.recent.clone(),
            capabilities: Capabilities {
                has_broker: self.broker.is_some(),
                claim_grace: SignedDuration::from_hours(1),
                operation_deadline: SignedDuration::from_hours(1),
                resync: (SignedDuration::from_mins(5), SignedDuration::from_hours(24)),
                poll: SignedDuration::from_secs(10),
                retry: (SignedDuration::from_secs(1), SignedDuration::from_secs(60)),
                slow_probe: SignedDuration::from_mins(30),
            },
            now: self.now,
        }
    }

    /// Passes, as the pace says, until there is nothing to do but to look now and then; and one more, which must change
    /// nothing.
    pub(crate) async fn rest(&mut self) {
        for _ in 0..40 {
            let wait = self.pass().await;
            if wait >= LONG {
                let (before, sent) = (self.history.clone(), self.sent().await);
                self.pass().await;
                assert_eq!(self.history.last(), before.last(), "a second look changes something");
                assert_eq!(self.sent().await, sent, "a second look sends something");
                return;
            }
            self.now += wait;
        }
        panic!("it does not come to rest: {}", self.describe());
    }

    /// What was sent to change something, in order: method and parameters.
    pub(crate) async fn sent(&self) -> Vec<(String, Value)> {
        let requests = self.simulator.requests(Some(TENANT), 0).await.unwrap();
        let method = |request: &Value| request["method"].as_str().unwrap_or_default().to_owned();
        requests
            .iter()
            .filter(|request| request["method"] != "GET")
            .map(|request| (method(request), request["body"]["parameters"].clone()))
            .collect()
    }

    /// The methods of the changing requests, in order.
    pub(crate) async fn methods(&self) -> Vec<String> {
        self.sent().await.into_iter().map(|(method, _)| method).collect()
    }

    /// What happened to the tenant since it was put into the world, in order.
    pub(crate) async fn effects(&self) -> Vec<String> {
        let effects = self.simulator.effects(TENANT).await.unwrap();
        effects.into_iter().filter(|effect| effect != "seeded").collect()
    }

    fn write(&mut self, status: &ThreatProtectionTenantStatus) {
        // Through JSON, as the API server stores it: times lose what is below a second.
        let json = serde_json::to_value(status).unwrap();
        let stored: ThreatProtectionTenantStatus = serde_json::from_value(json).unwrap();
        if self.status.as_ref() == Some(&stored) {
            return;
        }
        let before = self.status.replace(stored.clone());
        self.history.push(stored);
        self.check(before.as_ref());
    }

    /// What holds of every status that is ever written.
    fn check(&self, before: Option<&ThreatProtectionTenantStatus>) {
        let (ready, stalled) = (self.condition("Ready"), self.condition("Stalled"));
        let reconciling = self.condition("Reconciling").0 == "True";
        let is_stalled = stalled.0 == "True";
        assert!(!(reconciling && is_stalled), "Reconciling and Stalled: {}", self.describe());
        if is_stalled {
            assert_eq!(ready.1, stalled.1, "Stalled has the reason of Ready: {}", self.describe());
        }
        if self.condition("Suspended").0 != "True" {
            assert_eq!(ready.0 == "True", !reconciling && !is_stalled, "{}", self.describe());
        }
        let status = self.status.as_ref().unwrap();
        assert_eq!(self.condition("ActionRequired").0 == "True", !status.pending_actions.is_empty());
        assert!(serde_json::to_vec(status).unwrap().len() < 10_000, "{}", self.describe());
        let region = |status: &ThreatProtectionTenantStatus| status.data_location.as_ref().map(|pin| pin.region);
        if let (Some(before), Some(after)) = (before.and_then(region), region(status)) {
            assert_eq!(before, after, "a pin never changes by itself");
        }
        for kind in ConditionType::ALL.iter().filter(|kind| !kind.is_absent_unless_true()) {
            assert!(!self.condition(kind.name()).0.is_empty(), "{} is missing", kind.name());
        }
    }

    /// Status and reason of a condition; both empty where it is absent.
    pub(crate) fn condition(&self, kind: &str) -> (String, String) {
        let conditions = self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let found = conditions.iter().find(|condition| condition.type_ == kind);
        found.map(|condition| (condition.status.clone(), condition.reason.clone())).unwrap_or_default()
    }

    pub(crate) fn message(&self, kind: &str) -> String {
        let conditions = self.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let found = conditions.iter().find(|condition| condition.type_ == kind);
        found.map(|condition| condition.message.clone()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn assert(&self, kind: &str, status: &str, reason: &str) {
        assert_eq!(self.condition(kind), (status.to_owned(), reason.to_owned()), "{kind}: {}", self.describe());
    }

    /// `Ready` with this status and reason; a person is needed.
    #[track_caller]
    pub(crate) fn assert_stalled(&self, status: &str, reason: &str) {
        self.assert("Ready", status, reason);
        self.assert("Stalled", "True", reason);
    }

    /// `Ready` with this status and reason; it goes on by itself.
    #[track_caller]
    pub(crate) fn assert_reconciling(&self, status: &str, reason: &str) {
        self.assert("Ready", status, reason);
        assert_eq!(self.condition("Reconciling").0, "True", "{}", self.describe());
    }

    /// The pinned region and on whose word, such as `EU Claimed`.
    pub(crate) fn pin(&self) -> Option<String> {
        self.status.as_ref()?.data_location.as_ref().map(|pin| format!("{} {}", pin.region, pin.source))
    }

    /// The one thing that a person is asked for: step and instructions.
    #[track_caller]
    pub(crate) fn hand_off(&self) -> (String, String) {
        let actions = &self.status.as_ref().unwrap().pending_actions;
        assert_eq!(actions.len(), 1, "{}", self.describe());
        (actions[0].step.to_string(), format!("{} {}", actions[0].link, actions[0].instructions))
    }

    pub(crate) fn describe(&self) -> String {
        let status = self.status.clone().unwrap_or_default();
        let lines: Vec<_> = status
            .conditions
            .iter()
            .map(|condition| {
                format!("\n  {} {} {}: {}", condition.type_, condition.status, condition.reason, condition.message)
            })
            .collect();
        format!("at {}, spec {}{}\n  operation {:?}", self.now, self.spec, lines.concat(), status.operation)
    }
}

fn client(running: &Running) -> Broker {
    Broker::new(BrokerSettings {
        url: running.broker_url.parse().unwrap(),
        auth: BrokerAuth::Basic { username: "operator".to_owned(), password: "secret".into() },
        ca_bundle: Some(std::fs::read(&running.ca_file).unwrap()),
        offering: "microsoft-threat-protection".to_owned(),
        plan: "standard".to_owned(),
        cluster_id: "cluster-1".to_owned(),
        operator: OperatorIdentity::default(),
        request_timeout: Duration::from_secs(5),
    })
    .unwrap()
}

fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

fn caller() -> Caller {
    Caller { namespace: "security".to_owned(), name: "contoso".to_owned(), uid: "u1".to_owned() }
}

fn merge(into: &mut Value, fields: &Value) {
    let (Some(into), Some(fields)) = (into.as_object_mut(), fields.as_object()) else { return };
    for (name, value) in fields {
        if value.is_null() {
            into.remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
}
