//! Whose turn it is: readings of Azure Resource Manager that do not fit into one look are taken in turn, oldest first.
//! Volatile: losing it costs requests.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::remote::arm::target::SubscriptionId;
use crate::tenant::TenantId;

/// How long the tenant of a subscription is taken for known. Before anything is written it is read again.
const OWNER_STANDS: SignedDuration = SignedDuration::from_hours(24);
/// For how many looks targets whose links are as declared stand behind those whose are not: a link that stays undone must
/// not keep the others from being looked at.
const PATIENCE: u32 = 4;
/// Tenants that are remembered at most.
const MOST_TENANTS: usize = 20_000;

/// When each target of each tenant was last read, and to whom its subscriptions belong.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<TenantId, Books>>);

#[derive(Debug, Default)]
struct Books {
    read_at: BTreeMap<String, Timestamp>,
    /// How many looks have left out a target since it was read.
    waited: BTreeMap<String, u32>,
    owners: BTreeMap<SubscriptionId, (TenantId, Timestamp)>,
}

impl Turns {
    /// When a target was last read.
    pub(super) fn last(&self, tenant: TenantId, target: &str) -> Option<Timestamp> {
        self.lock().get(&tenant)?.read_at.get(target).copied()
    }

    /// A target is read.
    pub(super) fn read(&self, tenant: TenantId, target: &str, now: Timestamp) {
        self.change(tenant, |books| {
            books.waited.remove(target);
            books.read_at.insert(target.to_owned(), now);
        });
    }

    /// A look begins: whether so many have left out this target that it stands behind nothing any more.
    pub(super) fn is_overdue(&self, tenant: TenantId, target: &str) -> bool {
        self.change(tenant, |books| {
            let waited = books.waited.entry(target.to_owned()).or_default();
            *waited = waited.saturating_add(1);
            *waited > PATIENCE
        })
    }

    /// The tenant of a subscription, where it is known from not long ago.
    pub(super) fn owner(&self, tenant: TenantId, subscription: SubscriptionId, now: Timestamp) -> Option<TenantId> {
        let books = self.lock();
        let (owner, at) = books.get(&tenant)?.owners.get(&subscription)?;
        (now.duration_since(*at) < OWNER_STANDS).then_some(*owner)
    }

    /// The tenant of a subscription was read.
    pub(super) fn set_owner(&self, tenant: TenantId, subscription: SubscriptionId, owner: TenantId, now: Timestamp) {
        self.change(tenant, |books| {
            books.owners.insert(subscription, (owner, now));
        });
    }

    fn change<T>(&self, tenant: TenantId, change: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = self.lock();
        if books.len() >= MOST_TENANTS && !books.contains_key(&tenant) {
            books.clear();
        }
        change(books.entry(tenant).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Books>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
