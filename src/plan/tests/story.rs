//! A resource and a tenant of [`super::model`] over time, through faults. Every pass is watched: what must never be sent
//! or written fails where it happens.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::fixture::{TENANT, World};
use super::model::{Fault, Tenant};
use crate::api::{ConditionType, Reason, StepName, ThreatProtectionTenantStatus};
use crate::plan::failure::ErrorClass;
use crate::plan::memory::Memory;
use crate::plan::microsoft::{Access, Answer, Hunting, Microsoft};
use crate::plan::observed::Instance;
use crate::plan::planned::Plan;
use crate::plan::planner::plan;
use crate::plan::reading::Why;
use crate::plan::report::report;
use crate::plan::situation::{Permit, Recent, Situation};
use crate::plan::step::{BrokerCall, Outcome, Step, StepActor};
use crate::tenant::LinkState;

/// Longer than every wait of the planner but that for a contention.
pub(super) const ROUND: SignedDuration = SignedDuration::from_mins(61);

#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) world: World,
    pub(super) tenant: Tenant,
}

impl Story {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.world.spec.get(name).and_then(Value::as_str)
    }

    pub(super) fn declared(&self) -> &str {
        self.field("desiredState").unwrap_or("Enabled")
    }

    fn managed(&self) -> &str {
        self.field("managementPolicy").unwrap_or("Manage")
    }

    /// What the next pass would plan with, if nothing went wrong.
    pub(super) fn situation(&mut self, fault: Fault) -> Situation {
        let operation = self.world.status.as_ref().and_then(|status| status.operation.clone());
        self.world.observed = self.tenant.look(&self.world.spec, operation.as_ref(), fault);
        if self.managed() == "Suspend" {
            self.world.observed = crate::plan::observed::Observed::nothing();
        }
        self.world.situation()
    }

    /// What somebody does before a pass.
    fn before(&mut self, fault: Fault) {
        match fault {
            Fault::Restart => self.world.recent = Recent::default(),
            Fault::LicenceLapses => self.tenant.licence = super::model::Licence::Nothing,
            Fault::OptOut => self.tenant.is_on = false,
            Fault::Unlink => {
                for state in self.tenant.links.values_mut() {
                    *state = LinkState::Unlinked;
                }
            }
            _ => {}
        }
    }

    /// One pass. A crash ends it where it strikes.
    pub(super) fn pass(&mut self, fault: Fault) {
        self.before(fault);
        let (creates, products) = (self.tenant.creates, self.tenant.settings.clone());
        let links = self.tenant.links.clone();
        self.act(fault);
        assert!(self.tenant.creates <= creates + 1 && self.tenant.creates <= self.tenant.deletes + 1, "created twice");
        assert_eq!(self.tenant.second_creates, 0, "asked for a second instance");
        assert_eq!(self.tenant.settings, products, "a setting of one of the four services was changed");
        let declared = super::model::declared(&self.world.spec);
        for (kind, state) in &self.tenant.links {
            let is_declared = declared.iter().any(|(_, declared)| declared == kind);
            assert!(is_declared || links.get(kind) == Some(state), "{kind} is not declared and was changed");
        }
    }

    fn act(&mut self, fault: Fault) {
        let situation = self.situation(fault);
        let first = plan(&situation);
        let Some(step) = first.next().cloned() else {
            let recent = situation.recent_after();
            self.write(&situation, &first, false);
            self.world.recent = recent;
            return;
        };
        self.check(&situation, &step);
        let mut memory = situation.memory.clone();
        if step.change.needs_intent() {
            if fault == Fault::CrashBeforeIntent {
                return self.world.recent = Recent::default();
            }
            self.write(&situation, &first, false);
            memory = Memory::new(self.world.status.clone());
            if fault == Fault::CrashAfterIntent {
                return self.world.recent = Recent::default();
            }
        }
        let outcome = self.tenant.execute(&step, fault);
        self.world.sent.push(step.clone());
        if fault == Fault::CrashAfterSend {
            return self.world.recent = Recent::default();
        }
        let done = matches!(outcome, Outcome::Done);
        let observed = done.then(|| self.tenant.look(&self.world.spec, None, Fault::Nothing));
        let refused = matches!(&outcome, Outcome::Refused(failure) if failure.class == ErrorClass::Invalid);
        let next = Situation { memory, ..situation }.after(&step, &outcome, observed);
        let second = plan(&next);
        self.write(&next, &second, refused);
        self.world.recent = next.recent_after();
    }

    fn write(&mut self, situation: &Situation, plan: &Plan, refused: bool) {
        let status = report(situation, plan);
        fits(&status);
        is_well_formed(&status);
        if self.managed() == "Observe" {
            assert!(status.pending_actions.is_empty(), "asked a person under Observe");
        }
        let pin = |status: Option<&ThreatProtectionTenantStatus>| Some(status?.data_location.as_ref()?.region);
        let before = pin(self.world.status.as_ref());
        // Where it cannot be seen, the word of a broker that has no instance any more is the proof.
        let is_seen_on = seen(&situation.observed.microsoft) == Ok(true);
        let is_gone = !self.tenant.is_on || self.tenant.has_broker && self.tenant.record.is_none() && !is_seen_on;
        let is_proven = self.declared() == "Deprovisioned" && (is_gone || self.attests("Deprovisioned"));
        if before.is_some() && before != pin(Some(&status)) {
            assert!(is_proven || refused, "the pin {before:?} became {:?}\n{plan}", pin(Some(&status)));
        }
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let is_seen =
            situation.observed.microsoft.access == Access::Granted && seen(&situation.observed.microsoft).is_ok();
        if is_seen && ready.is_some_and(|ready| ready.status == "True") && !plan.verdict_stands {
            assert_eq!(self.tenant.is_on, self.declared() == "Enabled", "Ready although it is seen not to be\n{plan}");
        }
        self.world.write(status);
    }

    fn attests(&self, claim: &str) -> bool {
        let entries = self.world.spec.get("attestations").and_then(Value::as_array);
        entries.is_some_and(|entries| {
            entries.iter().any(|entry| {
                let until = entry.get("expireTime").and_then(Value::as_str).and_then(|time| time.parse().ok());
                entry.get("claim").and_then(Value::as_str) == Some(claim)
                    && until.is_some_and(|until: jiff::Timestamp| until > self.world.now)
            })
        })
    }

    /// What may leave, whatever the planner thinks.
    fn check(&self, situation: &Situation, step: &Step) {
        let (declared, name) = (self.declared(), step.change.name());
        assert_eq!(self.managed(), "Manage", "{step} was sent");
        let is_declared = match name {
            StepName::Enable | StepName::Link | StepName::Unlink => declared == "Enabled",
            StepName::Disable => declared == "Disabled",
            StepName::Deprovision => declared == "Deprovisioned",
        };
        assert!(is_declared, "{step} is not declared");
        if name == StepName::Deprovision {
            assert_eq!(self.world.permit, Permit::Granted { allow_deprovision: true }, "{step} is not allowed");
        }
        let observed = &situation.observed;
        assert!(observed.failure.is_none() || name == StepName::Deprovision, "{step} after a failed reading");
        let service = seen(&observed.microsoft);
        if name != StepName::Deprovision {
            assert_ne!(service, Err(Why::ReadFailed), "{step} although the service could not be read");
        }
        let has_word = service.is_ok()
            || observed.instance.value().is_some()
            || ["ServiceOn", "ServiceOff", "Deprovisioned"].iter().any(|claim| self.attests(claim))
            || situation.memory.service().is_some()
            || situation.memory.operation().is_some();
        let finds_out = name == StepName::Enable && !observed.is_retrievable && service == Err(Why::NotAsked);
        assert!(has_word || finds_out || name == StepName::Deprovision, "{step} on Unknown ({service:?})");
        if let StepActor::Broker(request) = &step.by {
            let is_there = matches!(observed.instance.value(), Some(Instance::Present { .. }));
            assert!(!(is_there && request.call == BrokerCall::Provision), "provisioned over an instance");
        }
        if let StepActor::Arm(request) = &step.by {
            let link = observed.microsoft.links.get(&request.name);
            let is_read = link.is_some_and(|link| link.answer.value().is_some());
            let owner = link.and_then(|link| link.owner.value().copied());
            assert!(is_read, "{step} although its switch was not read");
            assert_eq!(owner, TENANT.parse().ok(), "{step} although the owner of its subscription was not read");
        }
    }

    /// Passes, polls and persons for an hour.
    pub(super) fn round(&mut self) {
        for _ in 0..12 {
            let (sent, writes) = (self.world.sent.len(), self.world.writes);
            self.pass(Fault::Nothing);
            self.world.now += SignedDuration::from_secs(10);
            let is_open = |status: &ThreatProtectionTenantStatus| {
                status.operation.as_ref().is_some_and(|operation| operation.end_time.is_none())
            };
            if (sent, writes) == (self.world.sent.len(), self.world.writes)
                && !self.world.status.as_ref().is_some_and(is_open)
            {
                break;
            }
        }
        let actions = self.world.status.as_ref().map(|status| status.pending_actions.clone()).unwrap_or_default();
        let mut spec = self.world.spec.clone();
        for action in &actions {
            self.tenant.person(action, &mut spec, self.world.now);
        }
        if spec != self.world.spec {
            self.world.spec = spec;
            self.world.edit(json!({}));
        }
        self.world.now += ROUND;
    }

    /// Rounds until there is nothing to do, or only what nobody here can mend.
    pub(super) fn settle(&mut self) {
        for _ in 0..8 {
            self.round();
        }
        self.pass(Fault::Nothing);
        let (sent, writes, status) = (self.world.sent.len(), self.world.writes, self.world.status.clone());
        self.world.now += ROUND;
        self.pass(Fault::Nothing);
        let plan = self.plan();
        let stands = difference(status.as_ref(), self.world.status.as_ref());
        let refused = [Reason::ProviderRejected, Reason::PermissionDenied];
        let is_probe = self.world.condition(ConditionType::Ready).is_some_and(|ready| refused.contains(&ready.1));
        if is_probe {
            // What was refused is tried again now and then, and nobody is told of it.
            assert!(!stands.contains("conditions"), "{stands}");
        } else {
            assert_eq!(self.world.writes, writes, "still writing {stands}\n{plan}");
            assert_eq!(self.world.sent.len(), sent, "still sending {}\n{plan}", self.world.sent.last().unwrap());
        }
        if self.managed() == "Suspend" {
            return;
        }
        let of = |kind: &str| {
            let conditions = &self.world.status.as_ref().unwrap().conditions;
            conditions.iter().find(|condition| condition.type_ == kind).cloned()
        };
        let (ready, stalled) = (of("Ready").unwrap(), of("Stalled"));
        if ready.status == "True" {
            assert!(stalled.is_none() && of("Reconciling").is_none(), "{plan}");
            return;
        }
        let stalled = stalled.unwrap_or_else(|| panic!("neither done nor stalled: {ready:?}\n{plan}"));
        assert_eq!(ready.reason, stalled.reason);
        assert_ne!(ready.reason, "ActionRequired", "persons did all that is asked and it is asked for again\n{plan}");
    }

    pub(super) fn plan(&mut self) -> Plan {
        let mut copy = self.clone();
        plan(&copy.situation(Fault::Nothing))
    }
}

/// What differs, for the message of a failed test.
pub(super) fn difference(
    one: Option<&ThreatProtectionTenantStatus>,
    other: Option<&ThreatProtectionTenantStatus>,
) -> String {
    let of = |status: Option<&ThreatProtectionTenantStatus>| {
        let mut fields = serde_json::to_value(status).unwrap_or_default();
        let conditions = fields.get_mut("conditions").map(Value::take).unwrap_or_default();
        let entries = conditions.as_array().cloned().unwrap_or_default();
        (fields, entries)
    };
    let ((fields, conditions), (other_fields, other_conditions)) = (of(one), of(other));
    let changed =
        other_fields.as_object().into_iter().flatten().filter(|(name, value)| fields.get(name.as_str()) != Some(value));
    let changed = changed.map(|(name, value)| format!("{name}: {:?} -> {value}\n", fields.get(name.as_str())));
    let gone =
        conditions.iter().filter(|old| !other_conditions.contains(old)).map(|old| format!("conditions - {old}\n"));
    let new =
        other_conditions.iter().filter(|new| !conditions.contains(new)).map(|new| format!("conditions + {new}\n"));
    let names = fields.as_object().into_iter().flatten().filter(|(name, _)| other_fields.get(name.as_str()).is_none());
    let dropped = names.map(|(name, value)| format!("{name}: {value} -> nothing\n"));
    changed.chain(dropped).chain(gone).chain(new).collect()
}

/// Whether the service is on, by the signals as Microsoft documents them.
pub(super) fn seen(microsoft: &Microsoft) -> Result<bool, Why> {
    let whys = [microsoft.hunting.why(), microsoft.incidents.why()];
    if whys.contains(&Some(Why::ReadFailed)) {
        return Err(Why::ReadFailed);
    }
    if whys.contains(&Some(Why::NotPermitted)) {
        return Err(Why::NotPermitted);
    }
    let hunts = matches!(microsoft.hunting.value(), Some(Hunting::Answers { tables }) if !tables.is_empty());
    match (microsoft.hunting.value().map(|_| hunts), microsoft.incidents.value()) {
        (Some(true), Some(Answer::Answers)) => Ok(true),
        (Some(false), Some(Answer::Refuses)) => match (microsoft.identity.value(), microsoft.identity.why()) {
            (Some(Answer::Refuses), _) => Ok(false),
            (_, Some(why @ (Why::ReadFailed | Why::NotPermitted))) => Err(why),
            _ => Err(Why::Ambiguous),
        },
        (None, None) => Err(Why::NotAsked),
        _ => Err(Why::Ambiguous),
    }
}

/// What holds of the conditions of every status, whatever the situation.
pub(super) fn is_well_formed(status: &ThreatProtectionTenantStatus) {
    let of = |kind: ConditionType| {
        let mut found = status.conditions.iter().filter(move |condition| condition.type_ == kind.name());
        let first = found.next();
        assert!(found.next().is_none(), "{} twice: {status:#?}", kind.name());
        first
    };
    let suspended = of(ConditionType::Suspended).is_some();
    for kind in ConditionType::ALL.iter().copied() {
        match of(kind) {
            Some(condition) => {
                assert!(!kind.is_absent_unless_true() || condition.status == "True", "{status:#?}");
                let is_of_this_write = condition.observed_generation == Some(status.observed_generation);
                assert!(is_of_this_write || kind == ConditionType::Suspended, "{} is older: {status:#?}", kind.name());
            }
            None => assert!(kind.is_absent_unless_true(), "{} is missing: {status:#?}", kind.name()),
        }
    }
    let (ready, stalled) = (of(ConditionType::Ready), of(ConditionType::Stalled));
    let is_done = suspended || ready.is_some_and(|ready| ready.status == "True");
    let told = usize::from(stalled.is_some()) + usize::from(of(ConditionType::Reconciling).is_some());
    assert_eq!(told, usize::from(!is_done), "either work goes on or a person is needed: {status:#?}");
    if let (Some(ready), Some(stalled)) = (ready, stalled) {
        assert_eq!((&ready.reason, &ready.message), (&stalled.reason, &stalled.message));
    }
    assert_eq!(of(ConditionType::ActionRequired).is_some(), !status.pending_actions.is_empty(), "{status:#?}");
}

/// Every limit of the schema, and of the whole.
pub(super) fn fits(status: &ThreatProtectionTenantStatus) {
    let json = serde_json::to_vec(status).unwrap();
    assert!(json.len() < 10_000, "{} bytes: {}", json.len(), String::from_utf8_lossy(&json));
    assert!(status.conditions.len() <= 32 && status.pending_actions.len() <= 32 && status.plan.len() <= 32);
    assert!(status.integrations.len() <= 16 && status.repairs.len() <= 32);
    let at_most = |text: &str, most: usize| assert!(text.chars().count() <= most, "{text} is longer than {most}");
    for condition in &status.conditions {
        assert!(!condition.reason.is_empty());
        at_most(&condition.message, 32_768);
    }
    for action in &status.pending_actions {
        at_most(&action.role, 256);
        at_most(&action.link, 512);
        at_most(&action.instructions, 1024);
        at_most(&action.verified_by, 512);
    }
    for step in &status.plan {
        at_most(&step.reason, 512);
    }
    if let Some(eligibility) = &status.eligibility {
        assert!(eligibility.plans.len() <= 32);
    }
}
