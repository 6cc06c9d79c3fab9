//! The resource in the cluster, for the length of one pass: every write to it, each with its precondition.

use std::time::Instant;

use jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};

use super::clock;
use super::error::ReconcileError;
use super::meter::Meter;
use super::object::Object;
use super::patches;
use super::recall::Handled;
use super::stored::{self, Stored};
use crate::api::{FIELD_MANAGER, ThreatProtectionTenantStatus};

/// How often a status that tells of an executed step is tried again when others touch the resource meanwhile.
const INSISTENCE: u32 = 3;

/// A writable view of one resource.
pub(super) struct Record {
    api: Api<Object>,
    name: String,
    uid: String,
    generation: i64,
    finalizers: Vec<String>,
    /// What is stored, as JSON text: both sides are written by the same code.
    status: Vec<u8>,
    version: String,
    versions: Vec<Box<str>>,
    is_behind: bool,
    deleted: Option<Timestamp>,
    meter: Meter,
}

/// What became of a finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Released {
    /// The resource is there, without our finalizer.
    Stays,
    /// Nothing holds the resource any more.
    Gone,
}

impl Record {
    /// Opens the record of a resource that was just read.
    pub(super) fn open(client: &Client, stored: &Stored, meter: &Meter) -> Result<Self, ReconcileError> {
        Ok(Self {
            // Answers are read whatever their shape, so that no spec can make a write fail.
            api: Api::namespaced(client.clone(), &stored.subject.namespace),
            name: stored.subject.name.clone(),
            uid: stored.subject.uid.clone(),
            generation: stored.subject.generation,
            finalizers: stored.subject.finalizers.clone(),
            status: serde_json::to_vec(&stored.status)?,
            version: stored.resource_version.clone(),
            versions: vec![stored.resource_version.as_str().into()],
            is_behind: false,
            deleted: stored.deleted,
            meter: meter.clone(),
        })
    }

    /// What this pass has dealt with: the version that it started from, and those that its writes made. The last one needs
    /// no other pass until `due`, or, where somebody else's change may have come between them, one at once. Those before
    /// it need none in any case: the watch is behind.
    pub(super) fn into_handled(self, due: Instant) -> Handled {
        let due = if self.is_behind { Instant::now() } else { due };
        Handled { versions: self.versions.into(), due }
    }

    /// The finalizers, after the writes of this pass.
    pub(super) fn finalizers(&self) -> &[String] {
        &self.finalizers
    }

    /// Writes a status if it differs from the stored one; whether it did.
    pub(super) async fn write(&mut self, status: &ThreatProtectionTenantStatus) -> Result<bool, ReconcileError> {
        let text = serde_json::to_vec(status)?;
        if text == self.status {
            return Ok(false);
        }
        self.apply(status).await?;
        self.status = text;
        Ok(true)
    }

    /// Writes the status that ends a pass. Where it tells of an executed step, somebody's label must not make us forget
    /// a broker's handle: a conflict is tried again, as long as nobody else wrote the status.
    pub(super) async fn conclude(
        &mut self,
        status: &ThreatProtectionTenantStatus,
        tells_of_step: bool,
    ) -> Result<bool, ReconcileError> {
        let insistence = if tells_of_step { INSISTENCE } else { 0 };
        for _ in 0..insistence {
            match self.write(status).await {
                Err(ReconcileError::Changed) => self.catch_up().await?,
                settled => return settled,
            }
        }
        self.write(status).await
    }

    /// Writes what is about to be sent. Somebody who labels the resource all the time must not keep us from it: a conflict
    /// is tried again, as long as what this pass was planned from is still what is declared.
    pub(super) async fn intend(&mut self, status: &ThreatProtectionTenantStatus) -> Result<bool, ReconcileError> {
        for _ in 0..INSISTENCE {
            match self.write(status).await {
                Err(ReconcileError::Changed) => {
                    let current = self.unchanged().await?;
                    self.is_behind = true;
                    self.keep(&current);
                }
                settled => return settled,
            }
        }
        self.write(status).await
    }

    /// Reads the resource again, past every cache: goes on only if it still declares what this pass was planned from, and
    /// still says what was written down about it.
    pub(super) async fn confirm(&self) -> Result<(), ReconcileError> {
        self.unchanged().await.map(drop)
    }

    async fn unchanged(&self) -> Result<Object, ReconcileError> {
        let current = self.read().await?;
        let is_unchanged = current.metadata.generation.unwrap_or_default() == self.generation
            && current.finalizers() == self.finalizers.as_slice()
            && self.is_status_of(&current)?;
        if is_unchanged { Ok(current) } else { Err(ReconcileError::Changed) }
    }

    /// Adds our finalizer, unless the resource changed.
    pub(super) async fn hold(&mut self) -> Result<(), ReconcileError> {
        let Some(patch) = patches::add_finalizer(&self.version, &self.finalizers) else { return Ok(()) };
        let held = self
            .api
            .patch(&self.name, &PatchParams::default(), &Patch::Json::<()>(patch))
            .await
            .map_err(|error| ReconcileError::patch("add the finalizer", error))?;
        self.keep(&held);
        Ok(())
    }

    /// Takes our finalizer away; `leaves_tenant` where nothing was done to the tenant for that.
    pub(super) async fn release(&mut self, leaves_tenant: bool) -> Result<Released, ReconcileError> {
        let released = self.let_go().await;
        if let (Ok(_), Some(deleted)) = (&released, self.deleted) {
            self.meter.released(deleted, leaves_tenant, clock::now());
        }
        released
    }

    async fn let_go(&mut self) -> Result<Released, ReconcileError> {
        let Some(patch) = patches::remove_finalizer(&self.finalizers) else { return Ok(Released::Stays) };
        self.is_behind = true;
        match self.api.patch(&self.name, &PatchParams::default(), &Patch::Json::<()>(patch)).await {
            Ok(released) => {
                self.keep(&released);
                let is_gone = released.metadata.deletion_timestamp.is_some() && self.finalizers.is_empty();
                Ok(if is_gone { Released::Gone } else { Released::Stays })
            }
            Err(error) => match ReconcileError::patch("take the finalizer away", error) {
                ReconcileError::Gone => Ok(Released::Gone),
                other => Err(other),
            },
        }
    }

    async fn apply(&mut self, status: &ThreatProtectionTenantStatus) -> Result<(), ReconcileError> {
        let body = patches::status(&self.uid, &self.version, status);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let written = self
            .api
            .patch_status(&self.name, &params, &Patch::Apply(&body))
            .await
            .map_err(|error| ReconcileError::cluster("write the status", error));
        self.meter.wrote(&written);
        self.keep(&written?);
        Ok(())
    }

    async fn catch_up(&mut self) -> Result<(), ReconcileError> {
        let current = self.read().await?;
        if !self.is_status_of(&current)? {
            return Err(ReconcileError::Changed);
        }
        self.is_behind = true;
        self.keep(&current);
        Ok(())
    }

    /// Whether nobody has written the status since.
    fn is_status_of(&self, current: &Object) -> Result<bool, serde_json::Error> {
        Ok(serde_json::to_vec(&stored::status(current))? == self.status)
    }

    async fn read(&self) -> Result<Object, ReconcileError> {
        let current =
            self.api.get(&self.name).await.map_err(|error| ReconcileError::cluster("read the resource", error))?;
        if current.uid().as_deref() == Some(self.uid.as_str()) { Ok(current) } else { Err(ReconcileError::Gone) }
    }

    fn keep(&mut self, current: &Object) {
        self.finalizers = current.finalizers().to_vec();
        if let Some(version) = current.resource_version() {
            self.versions.push(version.as_str().into());
            self.version = version;
        }
    }
}
