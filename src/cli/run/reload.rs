//! Takes the configuration over again when it changes, while the operator runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::Client;

use super::reloads::Reloads;
use super::{RunError, chain, settings};
use crate::cli::outside;
use crate::config::{Config, ConfigErrors, Imprint, Part, Source};
use crate::controller::InForce;
use crate::ops::follow::{Follower, LOOK};
use crate::remote::outside::Outside;

/// What is needed to take a configuration over.
pub(super) struct Reload {
    /// Where it is read from.
    pub source: Arc<Source>,
    /// The one that is in force.
    pub config: Config,
    /// The cluster, which is asked for its id where the broker changes.
    pub client: Client,
    /// What passes go by.
    pub in_force: InForce<Outside>,
    /// Whether Microsoft's APIs are a simulator's.
    pub allow_simulator: bool,
    /// What became of it.
    pub reloads: Reloads,
    /// Why it could not be taken over yet, as it was said last.
    pub problem: Option<String>,
}

impl Reload {
    /// Follows the files of the configuration, which were as `known` before they were read. It never ends.
    pub(super) async fn follow(mut self, known: Imprint) {
        let source = Arc::clone(&self.source);
        let mut files = Follower::new(LOOK, move || source.look()).knowing(known);
        loop {
            let seen = files.change().await;
            if self.take(seen).await {
                files.settle(seen);
            }
        }
    }

    /// Reads the files. `false` where that must be done once more: they changed meanwhile, or the cluster was needed and
    /// did not answer.
    async fn take(&mut self, seen: Imprint) -> bool {
        let source = Arc::clone(&self.source);
        // What is read between two equal looks was read from those very files.
        let read = move || Some(Config::load(source.path())).filter(|_| source.look() == seen);
        match tokio::task::spawn_blocking(read).await {
            Ok(Some(Ok(new))) => self.take_over(new).await,
            Ok(Some(Err(errors))) => {
                self.reject(&errors);
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    async fn take_over(&mut self, new: Config) -> bool {
        let (waiting, changed): (BTreeSet<Part>, BTreeSet<Part>) =
            self.config.changes(&new).into_iter().partition(|part| part.needs_restart());
        let next = self.config.taking_over(new);
        if !changed.is_empty() {
            match self.remote(&next, &changed).await {
                Ok(remote) => self.in_force.exchange(Arc::new(remote), settings(&next)),
                Err(error) => return self.fail(&error),
            }
        }
        (self.config, self.problem) = (next, None);
        if changed.is_empty() {
            tracing::info!("the configuration was read again; nothing that is in force has changed");
        } else {
            tracing::info!(parts = listed(&changed), "the configuration has changed and is in force");
        }
        if !waiting.is_empty() {
            let parts = listed(&waiting);
            tracing::warn!(parts, "these parts of the configuration have changed and need a restart of the operator");
        }
        self.reloads.taken_over(!changed.is_empty(), waiting);
        true
    }

    /// The outside world: what of it is configured as before stays, with all that it knows.
    async fn remote(&self, next: &Config, changed: &BTreeSet<Part>) -> Result<Outside, RunError> {
        let mut remote = Outside::clone(&self.in_force.now().remote);
        if changed.contains(&Part::Microsoft) {
            remote = remote.with_microsoft(outside::settings(next.microsoft.clone(), self.allow_simulator))?;
        }
        if changed.contains(&Part::Broker) {
            remote = remote.with_broker(outside::broker::<RunError>(next.broker.clone(), &self.client).await?);
        }
        Ok(remote)
    }

    fn reject(&mut self, errors: &ConfigErrors) {
        tracing::error!(problems = %errors, "the configuration is not usable; the one before it stays in force");
        self.problem = None;
        self.reloads.rejected(errors.errors.iter().map(|error| error.field.as_str()));
    }

    /// A trouble of the cluster passes; anything else is one of the configuration.
    fn fail(&mut self, error: &RunError) -> bool {
        let problem = chain(error);
        if let RunError::Cluster(_) = error {
            if self.problem.as_ref() != Some(&problem) {
                tracing::warn!(problem, "the configuration cannot be taken over yet and is tried again");
                self.problem = Some(problem);
            }
            return false;
        }
        tracing::error!(problems = problem, "the configuration is not usable; the one before it stays in force");
        self.problem = None;
        self.reloads.rejected(["broker or microsoft"]);
        true
    }
}

fn listed(parts: &BTreeSet<Part>) -> String {
    parts.iter().map(|part| part.key()).collect::<Vec<_>>().join(", ")
}
