//! How much may be asked of one tenant with one application, and until when it asked to be left alone. Pure but for its
//! memory; it never sleeps, so that a throttled tenant never holds a worker.
//!
//! Our own limit is 30 requests at once and 30 a minute for each tenant and application, unless the administrator sets
//! another, because the narrowest limits of what is asked are 45 hunting queries and 50 requests for incidents a minute and
//! tenant, all applications together (Microsoft, *Microsoft Graph service-specific throttling limits*, 2024; *List incidents
//! API in Microsoft Defender XDR*, 2025). Hunting queries in a batch count one by one. A full observation fits into the
//! burst twice, and a third of the limits stays for the tenant's other applications.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};

use super::call::Api;
use crate::tenant::TenantId;

/// Requests at once, and requests a minute, unless the administrator says otherwise.
pub const REQUESTS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// What a full observation takes at most: eight requests, of which one is a batch of five hunting queries.
const OBSERVATION: NonZeroU32 = NonZeroU32::MIN.saturating_add(11);
/// The wait after a first 429 without `Retry-After`; it doubles with each further one.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// The longest wait after a 429 without `Retry-After`.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// The shortest wait after any 429, `Retry-After: 0` included.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(1);
/// How long the highest `x-ms-throttle-limit-percentage` is remembered.
const SHARE_KEPT: SignedDuration = SignedDuration::from_mins(1);
/// What has not been asked for so long is forgotten: its requests have come back long ago, and no wait is longer.
const IDLE: SignedDuration = SignedDuration::from_hours(2);
/// How often idle accounts are looked for.
const SWEEP: SignedDuration = SignedDuration::from_mins(10);
/// Accounts at most; above it the least recently used goes.
const MOST_ACCOUNTS: usize = 20_000;

/// Who is charged: each tenant and application has an account of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payer {
    /// The tenant that is asked.
    pub tenant: TenantId,
    /// The application that asks.
    pub client_id: String,
}

/// Nothing may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Not before this time.
    pub until: Timestamp,
    /// Whether Microsoft asked for it (429), or our own limit holds.
    pub is_asked_for: bool,
}

/// What follows from a 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Until when this API is left alone.
    pub until: Timestamp,
    /// By how much that is later than before.
    pub added: SignedDuration,
}

/// What is left of the budgets, over all tenants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// The smallest share over all tenants that is left, from 0 to 1.
    pub share: f64,
    /// How many tenants and applications may not be asked now.
    pub held_back: usize,
}

/// The accounts of all tenants. Shared; volatile: losing it costs a 429 at most.
#[derive(Debug)]
pub struct Budget {
    per_minute: NonZeroU32,
    accounts: Mutex<Accounts>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(REQUESTS_PER_MINUTE)
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Hand, StateInformationMiddleware>;

#[derive(Debug, Default)]
struct Accounts {
    hand: Hand,
    of: BTreeMap<Payer, Account>,
    swept: Timestamp,
}

#[derive(Debug)]
struct Account {
    bucket: Bucket,
    per_minute: NonZeroU32,
    /// Requests that were left after the last one, and when that was.
    left: u32,
    counted: Timestamp,
    /// When anything was last heard of it.
    used: Timestamp,
    apis: BTreeMap<Api, Standing>,
}

/// What one API told about one account.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    until: Option<Timestamp>,
    refusals: u32,
    used_share: Option<(f64, Timestamp)>,
}

/// A clock that stands where the caller's does, and never goes back.
#[derive(Clone, Debug, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn set(&self, now: Timestamp) {
        let nanoseconds = u64::try_from(now.as_nanosecond()).unwrap_or_default();
        self.0.fetch_max(nanoseconds, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

impl Budget {
    /// Accounts of so many requests at once and a minute.
    #[must_use]
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self { per_minute, accounts: Mutex::default() }
    }

    /// Takes a request of some weight out of the account, or says until when to wait: until a full observation fits,
    /// because one that begins with less spends it and ends half-way.
    pub fn take(&self, payer: &Payer, (api, weight): (Api, NonZeroU32), now: Timestamp) -> Result<(), HeldBack> {
        let mut accounts = self.locked();
        accounts.hand.set(now);
        accounts.sweep(now);
        let clock = accounts.hand.clone();
        let account = accounts.open(payer, self.per_minute, now);
        if let Some(until) = account.held_until(api, now) {
            return Err(HeldBack { until, is_asked_for: true });
        }
        account.counted = now;
        // Nothing weighs more than all that there can be.
        match account.bucket.check_n(weight.min(self.per_minute)) {
            Err(_) => Ok(()),
            Ok(Ok(state)) => {
                account.left = state.remaining_burst_capacity();
                Ok(())
            }
            Ok(Err(refusal)) => {
                account.left = 0;
                // More than what was just refused is refused as well, and takes nothing.
                let whole = account.bucket.check_n(weight.max(OBSERVATION).min(self.per_minute));
                let refusal = whole.ok().and_then(Result::err).unwrap_or(refusal);
                let wait = refusal.earliest_possible().duration_since(clock.now());
                Err(HeldBack { until: later(now, Duration::from(wait)), is_asked_for: false })
            }
        }
    }

    /// Notes a 429.
    ///
    /// `wait` is its `Retry-After`. Without one it is 5 seconds, doubling with each further one that does not say either, to
    /// 5 minutes. Several 429 to requests that were sent together count as one.
    pub fn refused(&self, payer: &Payer, api: Api, wait: Option<SignedDuration>, now: Timestamp) -> Wait {
        let mut accounts = self.locked();
        let standing = accounts.open(payer, self.per_minute, now).apis.entry(api).or_default();
        let held = standing.until.filter(|until| *until > now);
        let said = wait.filter(|wait| !wait.is_negative());
        let wait = match said {
            Some(wait) => wait.max(SHORTEST_WAIT),
            None if held.is_some() => SignedDuration::ZERO,
            None => {
                let doubled = 1_i32.checked_shl(standing.refusals.min(16)).unwrap_or(i32::MAX);
                FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
            }
        };
        if held.is_none() && said.is_none() {
            standing.refusals = standing.refusals.saturating_add(1);
        }
        let before = held.unwrap_or(now);
        let until = now.saturating_add(wait).unwrap_or(now).max(before);
        standing.until = Some(until);
        Wait { until, added: until.duration_since(before) }
    }

    /// Notes an answer that was not a 429, and the used share that it named. The next 429 without `Retry-After` waits
    /// 5 seconds again, unless this answer had been under way when the last one came.
    pub fn answered(&self, payer: &Payer, api: Api, used_share: Option<f64>, now: Timestamp) {
        let mut accounts = self.locked();
        let standing = accounts.open(payer, self.per_minute, now).apis.entry(api).or_default();
        if standing.until.is_none_or(|until| until <= now) {
            standing.until = None;
            standing.refusals = 0;
        }
        let Some(share) = used_share.filter(|share| share.is_finite()) else { return };
        let is_highest = standing.fresh_share(now).is_none_or(|highest| share >= highest);
        if is_highest {
            standing.used_share = Some((share, now));
        }
    }

    /// What is left, per API.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> BTreeMap<Api, Left> {
        let accounts = self.locked();
        let of = |api| {
            let untouched = Left { share: 1.0, held_back: 0 };
            accounts.of.values().fold(untouched, |left, account| {
                let is_held = account.held_until(api, now).is_some();
                let share = if is_held { 0.0 } else { account.share(api, now) };
                Left { share: left.share.min(share), held_back: left.held_back + usize::from(is_held) }
            })
        };
        [Api::Graph, Api::Arm].into_iter().map(|api| (api, of(api))).collect()
    }

    fn locked(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    fn open(&mut self, payer: &Payer, per_minute: NonZeroU32, now: Timestamp) -> &mut Account {
        if !self.of.contains_key(payer) && self.of.len() >= MOST_ACCOUNTS {
            let oldest = self.of.iter().min_by_key(|(_, account)| account.used).map(|(payer, _)| payer.clone());
            oldest.and_then(|payer| self.of.remove(&payer));
        }
        let hand = &self.hand;
        let account = self.of.entry(payer.clone()).or_insert_with(|| Account::new(hand.clone(), per_minute, now));
        account.used = account.used.max(now);
        account
    }

    fn sweep(&mut self, now: Timestamp) {
        if now.duration_since(self.swept) >= SWEEP {
            self.swept = now;
            self.of.retain(|_, account| now.duration_since(account.used) < IDLE);
        }
    }
}

impl Account {
    fn new(hand: Hand, per_minute: NonZeroU32, now: Timestamp) -> Self {
        let bucket = RateLimiter::direct_with_clock(Quota::per_minute(per_minute), hand)
            .with_middleware::<StateInformationMiddleware>();
        Self { bucket, per_minute, left: per_minute.get(), counted: now, used: now, apis: BTreeMap::new() }
    }

    fn held_until(&self, api: Api, now: Timestamp) -> Option<Timestamp> {
        self.apis.get(&api)?.until.filter(|until| *until > now)
    }

    /// The smaller of what is left of our own limit and of Microsoft's.
    fn share(&self, api: Api, now: Timestamp) -> f64 {
        let all = f64::from(self.per_minute.get());
        let back = now.duration_since(self.counted).as_secs_f64() / 60.0 * all;
        let own = (f64::from(self.left) + back.max(0.0).floor()).min(all) / all;
        let used = self.apis.get(&api).and_then(|standing| standing.fresh_share(now)).unwrap_or_default();
        own.min(1.0 - used).clamp(0.0, 1.0)
    }
}

impl Standing {
    fn fresh_share(&self, now: Timestamp) -> Option<f64> {
        self.used_share.filter(|(_, seen)| now.duration_since(*seen) < SHARE_KEPT).map(|(share, _)| share)
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
