//! A resource, a tenant as a broker would show it, and passes over both without a cluster.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(super) use super::eyes::{TENANT, failure, noon};
use super::eyes::{seen_off, seen_on, switch, turned_off, turned_on};
use crate::api::{
    ConditionType, DesiredState, Reason, ThreatProtectionTenantSpec, ThreatProtectionTenantStatus, TriState,
};
use crate::plan::desired::Desired;
use crate::plan::memory::Memory;
use crate::plan::microsoft::Microsoft;
use crate::plan::observed::{Instance, InstanceParameters, Observed, Progress};
use crate::plan::planned::Plan;
use crate::plan::planner::plan;
use crate::plan::reading::{Reading, Why};
use crate::plan::release::{Hold, hold};
use crate::plan::report::report;
use crate::plan::situation::{Capabilities, Permit, Recent, Situation, Subject};
use crate::plan::step::{Outcome, Step};

const CLIENT: &str = "4f0c0000-0000-4000-8000-000000000001";

/// One resource over time. Each pass looks, plans, writes, acts with a given outcome, and writes again.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) spec: Value,
    pub(super) status: Option<ThreatProtectionTenantStatus>,
    pub(super) subject: Subject,
    pub(super) permit: Permit,
    pub(super) observed: Observed,
    pub(super) capabilities: Capabilities,
    pub(super) recent: Recent,
    pub(super) now: Timestamp,
    pub(super) sent: Vec<Step>,
    pub(super) writes: usize,
    pub(super) held: Hold,
}

impl World {
    /// A tenant without an instance, a broker that shows its instances, and a spec with these fields.
    pub(super) fn new(fields: Value) -> Self {
        let mut spec = json!({"tenantId": TENANT});
        merge(&mut spec, fields);
        let mut world = Self {
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
            observed: Observed::nothing(),
            capabilities: capabilities(),
            recent: Recent::default(),
            now: noon(),
            sent: Vec::new(),
            writes: 0,
            held: Hold::Keep,
        };
        world.show(Instance::Absent);
        world
    }

    pub(super) fn without_broker(mut self) -> Self {
        self.capabilities.has_broker = false;
        self.observed = Observed { microsoft: self.observed.microsoft, ..Observed::nothing() };
        self
    }

    /// Credentials are declared, and Microsoft's own APIs answer this from now on.
    pub(super) fn sees(mut self, microsoft: Microsoft) -> Self {
        let secret = json!({"clientId": CLIENT, "secretRef": {"name": "contoso-reader", "key": "clientSecret"}});
        merge(&mut self.spec, json!({"credentials": {"type": "ClientSecret", "clientSecret": secret}}));
        self.observed.microsoft = microsoft;
        self
    }

    pub(super) fn sees_on(self) -> Self {
        self.sees(seen_on())
    }

    pub(super) fn sees_off(self) -> Self {
        self.sees(seen_off())
    }

    pub(super) fn microsoft(&mut self) -> &mut Microsoft {
        &mut self.observed.microsoft
    }

    /// The broker shows this instance from now on.
    pub(super) fn show(&mut self, instance: Instance) {
        self.observed = Observed {
            instance: Reading::claimed(instance),
            is_retrievable: true,
            progress: None,
            maximum_polling: None,
            failure: None,
            microsoft: self.observed.microsoft.clone(),
        };
    }

    pub(super) fn show_state(&mut self, state: &str) {
        self.show(present(&json!({"state": state, "region": "EU"})));
    }

    pub(super) fn edit(&mut self, fields: Value) {
        merge(&mut self.spec, fields);
        self.subject.generation += 1;
    }

    pub(super) fn wait(&mut self, hours: i64) {
        self.now += SignedDuration::from_hours(hours);
    }

    pub(super) fn situation(&self) -> Situation {
        let spec: ThreatProtectionTenantSpec = serde_json::from_value(self.spec.clone()).unwrap();
        Situation {
            subject: self.subject.clone(),
            desired: Desired::from_spec(&spec),
            permit: self.permit,
            observed: self.observed.clone(),
            memory: Memory::new(self.status.clone()),
            recent: self.recent.clone(),
            capabilities: self.capabilities,
            now: self.now,
        }
    }

    pub(super) fn plan(&self) -> Plan {
        plan(&self.situation())
    }

    pub(super) fn hold(&self) -> Hold {
        let situation = self.situation();
        hold(&situation, &plan(&situation))
    }

    /// One pass in which the next step, if there is one, ends like `outcome`, and the tenant then shows `after`.
    pub(super) fn pass_with(&mut self, outcome: &Outcome, after: Option<Observed>) {
        let situation = self.situation();
        let first = plan(&situation);
        let Some(step) = first.next().cloned() else {
            self.write(report(&situation, &first));
            self.held = hold(&situation, &first);
            self.recent = situation.recent_after();
            return;
        };
        if step.change.needs_intent() {
            self.write(report(&situation, &first));
        }
        self.sent.push(step.clone());
        if let Some(observed) = after {
            self.observed = observed;
        }
        let seen = matches!(outcome, Outcome::Done).then(|| self.observed.clone());
        let next = Situation { memory: Memory::new(self.status.clone()), ..situation }.after(&step, outcome, seen);
        let second = plan(&next);
        self.write(report(&next, &second));
        self.held = hold(&next, &second);
        self.recent = next.recent_after();
    }

    /// One pass with a broker that does at once what it is asked, and shows it.
    pub(super) fn pass(&mut self) {
        let after = self.plan().next().map(|step| obey(&self.observed, step));
        self.pass_with(&Outcome::Done, after);
    }

    /// Passes until nothing is left to do.
    pub(super) fn settle(&mut self) {
        for _ in 0..8 {
            self.pass();
            if self.plan().next().is_none() {
                return;
            }
        }
        panic!("not settled after 8 passes: {}", self.plan());
    }

    pub(super) fn write(&mut self, status: ThreatProtectionTenantStatus) {
        // Through JSON, as the API server stores it: times lose what is below a second.
        let stored: ThreatProtectionTenantStatus =
            serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap();
        if self.status.as_ref() != Some(&stored) {
            self.writes += 1;
        }
        self.status = Some(stored);
    }

    pub(super) fn condition(&self, kind: ConditionType) -> Option<(TriState, Reason)> {
        let condition = Memory::new(self.status.clone()).condition(kind)?;
        Some((condition.status, condition.reason.expect("a reason of the catalogue")))
    }

    pub(super) fn message(&self, kind: ConditionType) -> String {
        Memory::new(self.status.clone()).condition(kind).map(|condition| condition.message).unwrap_or_default()
    }

    #[track_caller]
    pub(super) fn assert_ready(&self, status: TriState, reason: Reason) {
        let ready = self.condition(ConditionType::Ready);
        assert_eq!(ready, Some((status, reason)), "{}\n{}", self.message(ConditionType::Ready), self.plan());
        let stalled = self.condition(ConditionType::Stalled).is_some();
        let reconciling = self.condition(ConditionType::Reconciling).is_some();
        assert!(!(stalled && reconciling), "both Stalled and Reconciling");
        assert_eq!(status == TriState::True, !stalled && !reconciling, "Ready is True exactly when nothing is open");
    }

    #[track_caller]
    pub(super) fn assert_stalled(&self, reason: Reason) {
        assert_eq!(self.condition(ConditionType::Stalled), Some((TriState::True, reason)), "{}", self.plan());
        assert_eq!(self.condition(ConditionType::Ready).map(|ready| ready.1), Some(reason));
    }

    pub(super) fn region(&self) -> Option<String> {
        self.status.as_ref()?.data_location.as_ref().map(|location| format!("{} {}", location.region, location.source))
    }
}

pub(super) fn capabilities() -> Capabilities {
    Capabilities {
        has_broker: true,
        claim_grace: SignedDuration::from_hours(1),
        operation_deadline: SignedDuration::from_hours(1),
        resync: (SignedDuration::from_secs(300), SignedDuration::from_secs(86400)),
        poll: SignedDuration::from_secs(10),
        retry: (SignedDuration::from_secs(1), SignedDuration::from_secs(300)),
        slow_probe: SignedDuration::from_mins(30),
    }
}

/// An instance whose shown parameters are these.
pub(super) fn present(parameters: &Value) -> Instance {
    let part = |name: &str| parameters.get(name).cloned().and_then(|value| serde_json::from_value(value).ok());
    Instance::Present {
        parameters: Some(InstanceParameters {
            tenant: TENANT.parse().ok(),
            region: parameters.get("region").and_then(|value| serde_json::from_value(value.clone()).ok()),
            state: parameters.get("state").and_then(|value| serde_json::from_value(value.clone()).ok()),
            integrations: part("integrations").unwrap_or_default(),
        }),
    }
}

/// What a broker, or Azure Resource Manager, shows after it did what a step asks for.
pub(super) fn obey(observed: &Observed, step: &Step) -> Observed {
    use crate::plan::step::{BrokerCall, StepActor};
    let request = match &step.by {
        StepActor::Broker(request) => request,
        StepActor::Arm(request) => {
            let mut observed = observed.clone();
            let link = observed.microsoft.links.get_mut(&request.name).expect("a link that was asked for");
            link.answer = Reading::observed(switch(request.kind, request.state));
            return observed;
        }
        StepActor::Person(_) | StepActor::Nobody => return observed.clone(),
    };
    let mut shown = match observed.instance.value() {
        Some(Instance::Present { parameters: Some(parameters) }) => parameters.clone(),
        _ => InstanceParameters { tenant: Some(request.tenant), ..InstanceParameters::default() },
    };
    shown.state = request.parameters.state.or(shown.state);
    shown.region = shown.region.or(request.parameters.region).or("EU".parse_region());
    shown.integrations.extend(request.parameters.integrations.clone());
    let instance = match request.call {
        BrokerCall::Deprovision => Instance::Absent,
        BrokerCall::Provision | BrokerCall::Update => Instance::Present { parameters: Some(shown) },
    };
    let mut observed =
        Observed { instance: Reading::claimed(instance), failure: None, progress: None, ..observed.clone() };
    if observed.microsoft.is_asked() {
        match (request.call, request.parameters.state) {
            (BrokerCall::Deprovision, _) | (_, Some(DesiredState::Disabled)) => turned_off(&mut observed.microsoft),
            (_, Some(DesiredState::Enabled)) => turned_on(&mut observed.microsoft),
            _ => {}
        }
    }
    observed
}

trait ParseRegion {
    fn parse_region(&self) -> Option<crate::tenant::Region>;
}

impl ParseRegion for str {
    fn parse_region(&self) -> Option<crate::tenant::Region> {
        serde_json::from_value(json!(self)).ok()
    }
}

/// A reading that failed.
pub(super) fn unreadable(class: crate::plan::failure::ErrorClass, reason: Reason) -> Observed {
    Observed {
        instance: Reading::unknown(Why::ReadFailed),
        failure: Some(failure(class, reason)),
        ..Observed::nothing()
    }
}

pub(super) fn progressing(observed: &Observed, progress: Progress) -> Observed {
    Observed { progress: Some(progress), ..observed.clone() }
}

fn merge(into: &mut Value, fields: Value) {
    let (Some(into), Value::Object(fields)) = (into.as_object_mut(), fields) else { return };
    for (name, value) in fields {
        if value.is_null() {
            into.remove(&name);
        } else {
            into.insert(name, value);
        }
    }
}

pub(super) fn consent(day: &str) -> Value {
    json!({"consent": {"grantedBy": "CISO", "grantedOn": day}})
}

pub(super) fn attestation(claim: &str, extra: Value) -> Value {
    let mut entry = json!({
        "name": claim.to_lowercase(), "claim": claim, "attestedBy": "Ada",
        "attestTime": "2026-06-15T08:00:00Z", "expireTime": "2026-12-15T08:00:00Z",
    });
    merge(&mut entry, extra);
    entry
}
