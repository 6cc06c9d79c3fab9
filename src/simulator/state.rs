//! Everything that survives a restart, in memory: tenants, instances, operations, journal, settings.
//!
//! Pure. Whoever changes something marks it as changed, and [`State::take_record`] gathers the changes of one request
//! into one record of the state file, so that a record is either wholly there after a crash or not at all.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::{Actor, Change, Entry};
use super::settings::Settings;
use super::tenant::Tenant;
use crate::tenant::TenantId;

/// The whole state. As JSON it is the state file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    tenants: BTreeMap<TenantId, Tenant>,
    instances: BTreeMap<String, Instance>,
    operations: BTreeMap<String, Operation>,
    journal: Vec<Entry>,
    settings: Settings,
    #[serde(skip)]
    touched: Touched,
}

/// What changed since the last record.
#[derive(Clone, Debug, Default)]
struct Touched {
    tenants: BTreeSet<TenantId>,
    instances: BTreeSet<String>,
    operations: BTreeSet<String>,
    journal: usize,
    settings: bool,
}

/// The changes of one request: whole entities, so that reading a record twice does no harm.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// Position in the state file's log, from 1.
    pub seq: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tenants: Vec<Tenant>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instances: Vec<Instance>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    operations: Vec<Operation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    journal: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Settings>,
}

/// A service instance at the broker. It is remembered after it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// The id that the platform chose; opaque here.
    pub id: String,
    /// The tenant that it is bound to.
    pub tenant_id: TenantId,
    /// The parameters of the request that created it, for telling a repeated request from a different one.
    pub requested: Value,
    /// Where it is in its life.
    pub phase: Phase,
    /// The handle of its latest operation.
    pub operation: Option<String>,
}

/// The life of a service instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Being created; not retrievable yet.
    Provisioning,
    /// There.
    Present,
    /// Not there (any more).
    Absent,
}

/// An asynchronous operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its handle, as the platform passes it back.
    pub handle: String,
    /// The instance it works on.
    pub instance_id: String,
    /// What it does.
    pub kind: OperationKind,
    /// The parameters of the request, applied when the operation ends.
    pub parameters: Value,
    /// How many polls still answer `in progress`; none means that it never ends.
    pub polls_left: Option<u32>,
    /// The description with which it is going to fail.
    pub fails_with: Option<String>,
    /// How it stands.
    pub outcome: Outcome,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationKind {
    /// Creates the instance.
    Provision,
    /// Changes it.
    Update,
    /// Removes it.
    Deprovision,
}

/// How an operation stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Still running.
    InProgress,
    /// Ended well.
    Succeeded,
    /// Ended badly, and why.
    Failed(String),
}

impl State {
    /// All tenants, by id.
    #[must_use]
    pub const fn tenants(&self) -> &BTreeMap<TenantId, Tenant> {
        &self.tenants
    }

    /// One tenant.
    #[must_use]
    pub fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }

    /// Puts a tenant into the world or replaces it.
    pub fn put_tenant(&mut self, tenant: Tenant) {
        self.touched.tenants.insert(tenant.tenant_id);
        self.tenants.insert(tenant.tenant_id, tenant);
    }

    /// The whole journal, in order.
    #[must_use]
    pub fn journal(&self) -> &[Entry] {
        &self.journal
    }

    /// Writes changes of one tenant to the journal, in order.
    pub fn record(&mut self, tenant_id: TenantId, actor: Actor, time: Timestamp, changes: Vec<Change>) {
        for Change { effect, detail } in changes {
            let seq = self.journal.len() as u64 + 1;
            self.journal.push(Entry { seq, time, tenant_id, actor, effect, detail });
        }
    }

    /// The instance with this id, also when it is gone.
    #[must_use]
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.get(id)
    }

    /// The instance that is there, or being created, for this tenant.
    #[must_use]
    pub fn instance_of(&self, tenant: TenantId) -> Option<&Instance> {
        self.instances.values().find(|known| known.tenant_id == tenant && known.phase != Phase::Absent)
    }

    /// Adds or replaces an instance.
    pub fn put_instance(&mut self, instance: Instance) {
        self.touched.instances.insert(instance.id.clone());
        self.instances.insert(instance.id.clone(), instance);
    }

    /// The operation with this handle.
    #[must_use]
    pub fn operation(&self, handle: &str) -> Option<&Operation> {
        self.operations.get(handle)
    }

    /// The running operation of an instance.
    #[must_use]
    pub fn running(&self, instance: &Instance) -> Option<&Operation> {
        let operation = self.operations.get(instance.operation.as_deref()?)?;
        (operation.outcome == Outcome::InProgress).then_some(operation)
    }

    /// Adds or replaces an operation.
    pub fn put_operation(&mut self, operation: Operation) {
        self.touched.operations.insert(operation.handle.clone());
        self.operations.insert(operation.handle.clone(), operation);
    }

    /// A handle that no operation has had before.
    #[must_use]
    pub fn next_handle(&self, kind: OperationKind) -> String {
        let word = match kind {
            OperationKind::Provision => "provision",
            OperationKind::Update => "update",
            OperationKind::Deprovision => "deprovision",
        };
        // Spaces, slash and ampersand prove that the platform encodes the handle instead of pasting it into the query.
        format!("{word} {}/&{}", self.operations.len() + 1, self.journal.len())
    }

    /// How the broker behaves.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes how the broker behaves.
    pub fn put_settings(&mut self, settings: Settings) {
        self.touched.settings = true;
        self.settings = settings;
    }

    /// What changed since the last call, or none.
    pub fn take_record(&mut self, seq: u64) -> Option<Record> {
        let touched = std::mem::take(&mut self.touched);
        self.touched.journal = self.journal.len();
        let record = Record {
            seq,
            tenants: touched.tenants.iter().filter_map(|id| self.tenants.get(id).cloned()).collect(),
            instances: touched.instances.iter().filter_map(|id| self.instances.get(id).cloned()).collect(),
            operations: touched.operations.iter().filter_map(|id| self.operations.get(id).cloned()).collect(),
            journal: self.journal.iter().skip(touched.journal).cloned().collect(),
            settings: touched.settings.then(|| self.settings.clone()),
        };
        let is_empty = record.tenants.is_empty()
            && record.instances.is_empty()
            && record.operations.is_empty()
            && record.journal.is_empty()
            && record.settings.is_none();
        (!is_empty).then_some(record)
    }

    /// Applies a record that was read back.
    pub fn apply(&mut self, record: Record) {
        self.tenants.extend(record.tenants.into_iter().map(|tenant| (tenant.tenant_id, tenant)));
        self.instances.extend(record.instances.into_iter().map(|instance| (instance.id.clone(), instance)));
        self.operations.extend(record.operations.into_iter().map(|operation| (operation.handle.clone(), operation)));
        self.journal.extend(record.journal);
        if let Some(settings) = record.settings {
            self.settings = settings;
        }
        self.mark_clean();
    }

    /// Says that the state as it stands is in the state file.
    pub fn mark_clean(&mut self) {
        self.touched = Touched { journal: self.journal.len(), ..Touched::default() };
    }
}
