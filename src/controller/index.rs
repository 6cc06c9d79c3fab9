//! Every resource of the cluster, as last delivered: packed, because there may be ten thousand of them, and by tenant,
//! because each pass asks who else declares the same one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::census::{Census, Facts};
use super::glimpse::Glimpse;
use super::key::Key;
use super::object::Object;
use super::packed::{Packed, Packer};
use super::stored::{self, Claim};
use crate::plan::ownership::Claimant;

/// Shared by the watch, which fills it, and the passes, which read it.
#[derive(Debug, Default)]
pub struct Index {
    inner: Mutex<Inner>,
    packer: Mutex<Packer>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Arc<Key>, Box<Entry>>,
    by_tenant: HashMap<Box<str>, Vec<Arc<Key>>>,
    /// What a list that has begun has shown so far.
    listed: Option<HashSet<Arc<Key>>>,
}

#[derive(Debug)]
struct Entry {
    uid: Box<str>,
    version: Box<str>,
    tenant: Box<str>,
    created: Timestamp,
    claim: Claim,
    is_settled: bool,
    facts: Facts,
    body: Packed,
}

impl Index {
    /// Takes a resource as it now is.
    pub fn insert(&self, object: &Object) {
        self.deliver(object);
    }

    /// Takes a resource as it now is, and gives its name as others have it.
    pub(super) fn deliver(&self, object: &Object) -> Arc<Key> {
        let key = Key::of(&object.metadata);
        if let Some(known) = self.lock().shown_again(&key, object) {
            return known;
        }
        let body = self.packer.lock().unwrap_or_else(PoisonError::into_inner).pack(object);
        let entry = Box::new(Entry::new(object, body));
        self.lock().put(key, entry)
    }

    /// A list begins: what it does not show will be gone.
    pub(super) fn begin(&self) {
        self.lock().listed = Some(HashSet::new());
    }

    /// The list is complete. Returns what is gone.
    pub(super) fn complete(&self) -> Vec<Arc<Key>> {
        let mut inner = self.lock();
        let Some(listed) = inner.listed.take() else { return Vec::new() };
        let gone: Vec<Arc<Key>> = inner.entries.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        for key in &gone {
            inner.remove(key);
        }
        gone
    }

    /// A resource is gone. Returns its name as others have it.
    pub fn remove(&self, object: &Object) -> Option<Arc<Key>> {
        self.lock().remove(&Key::of(&object.metadata))
    }

    /// Resources that are there from the beginning.
    #[must_use]
    pub fn of<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let index = Self::default();
        for object in objects {
            index.deliver(object);
        }
        index
    }

    /// The resource, as last delivered.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Object> {
        let body = self.lock().entries.get(key).map(|entry| entry.body.clone())?;
        body.unpack()
    }

    /// Uid and version of the resource, as last delivered.
    pub(super) fn version(&self, key: &Key) -> Option<(Box<str>, Box<str>)> {
        self.lock().entries.get(key).map(|entry| (entry.uid.clone(), entry.version.clone()))
    }

    /// Whose spec names this tenant. The id is compared as it is written.
    pub(super) fn claimants(&self, tenant: &str) -> Vec<Claimant> {
        let inner = self.lock();
        let keys = inner.by_tenant.get(tenant).into_iter().flatten();
        keys.filter_map(|key| inner.entries.get(key).map(|entry| entry.claimant(key))).collect()
    }

    /// Every resource, and whether its last report says that it is as declared.
    pub(super) fn all(&self) -> Vec<(Arc<Key>, bool)> {
        self.lock().entries.iter().map(|(key, entry)| (Arc::clone(key), entry.is_settled)).collect()
    }

    /// What all resources say of themselves, as numbers.
    pub(super) fn census(&self, now: Timestamp) -> Census {
        let mut census = Census::default();
        for entry in self.lock().entries.values() {
            census.count(&entry.facts, now);
        }
        census
    }

    /// The uids of all resources.
    pub(super) fn uids(&self) -> HashSet<String> {
        self.lock().entries.values().map(|entry| entry.uid.to_string()).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The name, where exactly this version is here: a list shows everything again.
    fn shown_again(&mut self, key: &Key, object: &Object) -> Option<Arc<Key>> {
        let (known, entry) = self.entries.get_key_value(key)?;
        let is_here =
            |here: &str, shown: Option<&String>| shown.is_some_and(|shown| !shown.is_empty() && shown == here);
        let metadata = &object.metadata;
        if !is_here(&entry.uid, metadata.uid.as_ref()) || !is_here(&entry.version, metadata.resource_version.as_ref()) {
            return None;
        }
        let known = Arc::clone(known);
        self.list(&known);
        Some(known)
    }

    fn list(&mut self, key: &Arc<Key>) {
        if let Some(listed) = &mut self.listed {
            listed.insert(Arc::clone(key));
        }
    }

    fn put(&mut self, key: Key, entry: Box<Entry>) -> Arc<Key> {
        let key = self.entries.get_key_value(&key).map_or_else(|| Arc::new(key), |(known, _)| Arc::clone(known));
        self.list(&key);
        if self.entries.get(&key).is_none_or(|before| before.tenant != entry.tenant) {
            self.leave(&key);
            self.by_tenant.entry(entry.tenant.clone()).or_default().push(Arc::clone(&key));
        }
        self.entries.insert(Arc::clone(&key), entry);
        key
    }

    fn remove(&mut self, key: &Key) -> Option<Arc<Key>> {
        self.leave(key);
        self.entries.remove_entry(key).map(|(key, _)| key)
    }

    /// Takes the name out of those that declare the same tenant.
    fn leave(&mut self, key: &Key) {
        let Some(entry) = self.entries.get(key) else { return };
        if let Some(keys) = self.by_tenant.get_mut(&entry.tenant) {
            keys.retain(|other| **other != *key);
            if keys.is_empty() {
                self.by_tenant.remove(&entry.tenant);
            }
        }
    }
}

impl Entry {
    fn new(object: &Object, body: Packed) -> Self {
        let text = |part: Option<&String>| part.map_or("", String::as_str).into();
        let metadata = &object.metadata;
        let glimpse = Glimpse::of(&object.status);
        let claim = stored::claim(object, &glimpse);
        Self {
            uid: text(metadata.uid.as_ref()),
            version: text(metadata.resource_version.as_ref()),
            // Only what can be read declares a tenant.
            tenant: if claim.is_readable { object.tenant().into() } else { Box::default() },
            created: stored::created(metadata),
            is_settled: stored::is_settled(object, &glimpse),
            facts: Facts::of(glimpse, claim.is_readable)
                .deleted(metadata.deletion_timestamp.as_ref().map(|time| time.0)),
            claim,
            body,
        }
    }

    fn claimant(&self, key: &Key) -> Claimant {
        let Claim { is_deleting, is_managing, has_proved, is_readable: _ } = self.claim;
        Claimant {
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
            uid: self.uid.to_string(),
            created: self.created,
            is_deleting,
            is_managing,
            has_proved,
        }
    }
}

#[cfg(test)]
#[path = "index/tests.rs"]
mod tests;
