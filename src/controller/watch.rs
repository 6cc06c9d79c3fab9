//! The watch: keeps the index of all resources up to date, and puts down what others changed. It goes on in a standby.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures::{Stream, StreamExt};
use kube::Api;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use tokio::sync::watch as signal;

use super::agenda::Agenda;
use super::index::Index;
use super::object::Object;
use super::operator::Operator;
use super::recall::Recall;

/// What a watch keeps up to date.
pub(super) struct Watch {
    pub index: Arc<Index>,
    pub agenda: Arc<Agenda>,
    pub recall: Arc<Recall>,
    /// Whether every resource is known.
    pub synced: signal::Sender<bool>,
}

impl Watch {
    /// The watch of an operator.
    pub(super) fn of<R>(operator: &Operator<R>, synced: signal::Sender<bool>) -> Self {
        let Operator { resources, agenda, recall, .. } = operator;
        Self { index: Arc::clone(resources), agenda: Arc::clone(agenda), recall: Arc::clone(recall), synced }
    }

    /// Watches for ever. What fails is told and tried again, with growing delays.
    pub(super) async fn follow(self, resources: Api<Object>) {
        self.take_in(watch(resources, watcher::Config::default()).default_backoff()).await;
    }

    async fn take_in(self, events: impl Stream<Item = watcher::Result<Event<Object>>>) {
        let mut events = pin!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.apply(&event, Instant::now()),
                Err(error) => tracing::warn!(class = "watch", %error, "the watch failed and is opened again"),
            }
        }
    }

    fn apply(&self, event: &Event<Object>, now: Instant) {
        match event {
            Event::Init => self.index.begin(),
            Event::InitApply(object) | Event::Apply(object) => self.deliver(object, now),
            Event::InitDone => {
                for key in self.index.complete() {
                    self.agenda.forget(&key);
                }
                if !self.synced.send_replace(true) {
                    tracing::info!(resources = self.index.len(), "every resource is known");
                }
            }
            Event::Delete(object) => {
                if let Some(key) = self.index.remove(object) {
                    self.agenda.forget(&key);
                }
            }
        }
    }

    /// What our own last pass wrote comes back here, and so does everything when a watch is opened anew: that needs no
    /// other pass.
    fn deliver(&self, object: &Object, now: Instant) {
        let key = self.index.deliver(object);
        let version = object.metadata.resource_version.as_deref().unwrap_or_default();
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        if self.recall.rest((uid, version), now).is_none() {
            self.agenda.changed(&key, now);
        }
    }
}

#[cfg(test)]
#[path = "watch/tests.rs"]
mod tests;
