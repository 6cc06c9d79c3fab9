//! What passes go by: what the administrator decided, and the way to the outside world. It may be exchanged while the
//! operator runs; each pass takes it once, and ends with what it began with.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::plan::ownership::Tenancy;
use crate::plan::situation::Capabilities;
use crate::remote::credentials::OwnIdentity;

/// What the administrator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which namespace may manage which tenant.
    pub tenancy: Tenancy,
    /// What is configured, as plans see it.
    pub capabilities: Capabilities,
    /// The operator's own federated identity, and who may use it.
    pub own_identity: OwnIdentity,
    /// How many resources are reconciled at once; at least one.
    pub concurrency: u16,
    /// The one namespace that is looked at; `None`: all of them. It stays as it was when the operator began to run.
    pub namespace: Option<String>,
}

/// What one pass goes by, with the way `R` to the outside world.
#[derive(Debug)]
pub struct Setup<R> {
    /// The way to the outside world.
    pub remote: Arc<R>,
    /// What the administrator decided.
    pub settings: Settings,
}

/// What is in force just now. Clones are of the same.
pub struct InForce<R>(Arc<watch::Sender<Arc<Setup<R>>>>);

impl<R> InForce<R> {
    /// This is in force.
    #[must_use]
    pub fn new(remote: Arc<R>, settings: Settings) -> Self {
        Self(Arc::new(watch::Sender::new(Arc::new(Setup { remote, settings }))))
    }

    /// What is in force.
    #[must_use]
    pub fn now(&self) -> Arc<Setup<R>> {
        Arc::clone(&self.0.borrow())
    }

    /// From now on this is in force. Passes that are under way end with what was; every resource is looked at again.
    pub fn exchange(&self, remote: Arc<R>, settings: Settings) {
        self.0.send_replace(Arc::new(Setup { remote, settings }));
    }

    /// Whether this is still in force.
    pub(super) fn is(&self, setup: &Arc<Setup<R>>) -> bool {
        Arc::ptr_eq(&self.0.borrow(), setup)
    }

    /// What will be in force, one after the other; some may be left out.
    pub(super) fn exchanges(&self) -> watch::Receiver<Arc<Setup<R>>> {
        self.0.subscribe()
    }
}

impl<R> Clone for InForce<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> fmt::Debug for InForce<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InForce").field("settings", &self.now().settings).finish_non_exhaustive()
    }
}
