//! The one shared world behind both ports: the state with its file, faults, hold points and the request log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::clock;
use super::faults::Faults;
use super::holds::Holds;
use super::requests::RequestLog;
use super::state::State;
use super::store::{Store, StoreError};
use super::tokens::Tokens;
use crate::tenant::TenantId;

/// The world. Everything happens under one lock, so that the journal is one true order; the lock is never held across an
/// `await`.
#[derive(Debug)]
pub struct World {
    inner: Mutex<Inner>,
    /// The user name that the broker asks for.
    pub username: String,
    password: String,
}

/// What the lock guards.
#[derive(Debug)]
pub struct Inner {
    /// What survives a restart.
    pub state: State,
    /// Faults on request.
    pub faults: Faults,
    /// Hold points.
    pub holds: Holds,
    /// What was asked.
    pub requests: RequestLog,
    /// Tokens that were handed out.
    pub tokens: Tokens,
    /// How far the time of the world is ahead of that of the machine.
    ahead: SignedDuration,
    store: Store,
    /// Instance ids as the operator derives them, for attributing requests that carry no parameters; the broker's own
    /// behaviour treats ids as opaque.
    attributions: BTreeMap<String, TenantId>,
}

impl World {
    /// A world over an opened state file.
    #[must_use]
    pub fn new(store: Store, state: State, username: String, password: String) -> Self {
        let attributions =
            state.tenants().keys().map(|tenant| (tenant.service_instance_id().to_string(), *tenant)).collect();
        let inner = Inner {
            state,
            faults: Faults::default(),
            holds: Holds::default(),
            requests: RequestLog::default(),
            tokens: Tokens::default(),
            ahead: SignedDuration::ZERO,
            store,
            attributions,
        };
        Self { inner: Mutex::new(inner), username, password }
    }

    /// The world as it is now. What is changed through this guard in `state` is not in the state file until [`Self::change`].
    pub fn look(&self) -> MutexGuard<'_, Inner> {
        // A request that panicked has not committed; what it left in memory is no worse than a half-done request.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and writes the change to the state file before returning.
    ///
    /// # Errors
    /// The state file could not be written; the change holds in memory only.
    pub fn change<T>(&self, act: impl FnOnce(&mut State, Timestamp) -> T) -> Result<T, StoreError> {
        let mut guard = self.look();
        let now = guard.now();
        let Inner { state, store, .. } = &mut *guard;
        let done = act(state, now);
        store.commit(state)?;
        Ok(done)
    }

    /// The time of the world.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.look().now()
    }

    /// Moves the time of the world forward, for this run; the state file does not know of it.
    pub fn advance(&self, by: SignedDuration) -> Timestamp {
        let mut guard = self.look();
        guard.ahead = guard.ahead.saturating_add(by);
        guard.now()
    }

    /// Whether these are the broker's credentials.
    #[must_use]
    pub fn admits(&self, username: &str, password: &str) -> bool {
        let guard = self.look();
        let expected = guard.state.settings().password.as_ref().unwrap_or(&self.password);
        username == self.username && password == expected
    }

    /// Writes a whole snapshot, at the end of a run.
    ///
    /// # Errors
    /// The state file could not be written.
    pub fn fold(&self) -> Result<(), StoreError> {
        let mut guard = self.look();
        let Inner { state, store, .. } = &mut *guard;
        store.fold(state)
    }
}

impl Inner {
    /// The time of the world.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        clock::now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    /// The tenant that a request is about: by its parameters, else by the instance it names.
    #[must_use]
    pub fn tenant_of(&self, named: Option<TenantId>, instance_id: Option<&str>) -> Option<TenantId> {
        named.or_else(|| {
            let id = instance_id?;
            self.state.instance(id).map(|known| known.tenant_id).or_else(|| self.attributions.get(id).copied())
        })
    }

    /// Remembers how the operator will name this tenant's instance.
    pub fn attribute(&mut self, tenant: TenantId) {
        self.attributions.insert(tenant.service_instance_id().to_string(), tenant);
    }
}
