//! What earlier passes wrote to status and must not be forgotten.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::reading::Source;
use crate::api::{
    Actor, ConditionType, DataLocationStatus, IntegrationStatus, Operation, Reason, Repair,
    ThreatProtectionTenantStatus, TriState,
};

/// The status as it is stored. Parts that another version wrote and this one does not understand are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    status: ThreatProtectionTenantStatus,
}

/// A condition as it was last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its status.
    pub status: TriState,
    /// Its reason, where this version knows it.
    pub reason: Option<Reason>,
    /// Its message.
    pub message: String,
    /// Since when its status is what it is.
    pub since: Timestamp,
}

impl Memory {
    /// Remembers a stored status; `None` for a resource that never had one.
    #[must_use]
    pub fn new(status: Option<ThreatProtectionTenantStatus>) -> Self {
        Self { status: status.unwrap_or_default() }
    }

    /// The whole status.
    #[must_use]
    pub const fn status(&self) -> &ThreatProtectionTenantStatus {
        &self.status
    }

    /// Generation that the conditions belong to; -1 before the first verdict.
    #[must_use]
    pub const fn observed_generation(&self) -> i64 {
        self.status.observed_generation
    }

    /// The pinned region.
    #[must_use]
    pub const fn pin(&self) -> Option<&DataLocationStatus> {
        self.status.data_location.as_ref()
    }

    /// The operation that was sent, or is about to be.
    #[must_use]
    pub const fn operation(&self) -> Option<&Operation> {
        self.status.operation.as_ref()
    }

    /// Whether the service was on, on whose word, when that was last known.
    #[must_use]
    pub fn service(&self) -> Option<(bool, Source)> {
        let feature = self.status.features.first()?;
        match (feature.state, feature.source) {
            (TriState::True, Some(source)) => Some((true, source)),
            (TriState::False, Some(source)) => Some((false, source)),
            _ => None,
        }
    }

    /// Whether the stored verdict is that everything is as declared.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.condition(ConditionType::Ready).is_some_and(|ready| ready.status == TriState::True)
    }

    /// An integration as it was last reported.
    #[must_use]
    pub fn integration(&self, name: &str) -> Option<&IntegrationStatus> {
        self.status.integrations.iter().find(|integration| integration.name == name)
    }

    /// The token of the last reconcile request that was answered.
    #[must_use]
    pub fn last_handled_reconcile_at(&self) -> Option<&str> {
        self.status.last_handled_reconcile_at.as_deref()
    }

    pub(super) fn set_operation(&mut self, operation: Option<Operation>) {
        self.status.operation = operation;
    }

    pub(super) fn set_repair(&mut self, target: &str, at: Timestamp) {
        self.status.repairs.retain(|repair| repair.target != target);
        self.status.repairs.push(Repair { target: target.to_owned(), repair_time: Time(at) });
        self.status.repairs.sort_by(|one, other| one.target.cmp(&other.target));
    }

    /// The switch of this integration is a person's from now on.
    pub(super) fn leave_to_person(&mut self, name: &str) {
        if let Some(stored) = self.status.integrations.iter_mut().find(|stored| stored.name == name) {
            stored.actor = Actor::Person;
        }
    }

    pub(super) fn forget_pin(&mut self) {
        self.status.data_location = None;
    }

    /// A condition as it was last written.
    #[must_use]
    pub fn condition(&self, kind: ConditionType) -> Option<Remembered> {
        let stored = self.status.conditions.iter().find(|condition| condition.type_ == kind.name())?;
        Some(Remembered {
            status: TriState::ALL.iter().copied().find(|state| state.name() == stored.status).unwrap_or_default(),
            reason: Reason::ALL.iter().copied().find(|reason| reason.name() == stored.reason),
            message: stored.message.clone(),
            since: stored.last_transition_time.0,
        })
    }

    /// When `target` was last set back after a change outside.
    #[must_use]
    pub fn repaired_at(&self, target: &str) -> Option<Timestamp> {
        self.status.repairs.iter().find(|repair| repair.target == target).map(|repair| repair.repair_time.0)
    }
}
