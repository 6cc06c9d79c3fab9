//! Tokens of Microsoft Entra for Microsoft's APIs, bought with `azure_identity` and kept while they live.
//!
//! | what | file |
//! |---|---|
//! | cache, single flight, what is not asked again | here |
//! | how the request is sent | `transport` |
//! | what an error means | `refusal`, `aadsts` |
//!
//! One entry for each (cloud, tenant, application, API, origin of the proof), with the version of the proof in it:
//! another version replaces it. Within an entry one request is under way at a time; who waited for one that failed shares its failure.
//! `azure_identity` itself renews a token 5 minutes before its end.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::call::Api;
use super::channel::Channel;
use super::credentials::Proof;
use super::hosts::Hosts;
use super::http::{GRAIN, clean};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::tenant::{Cloud, TenantId};

mod aadsts;
pub(super) mod refusal;
mod transport;

#[cfg(test)]
mod tests;

use transport::{Assertions, TokenTransport, unwrapped};

/// Refusals that only a person can mend are not asked again within this time, unless the proof changes.
pub const REFUSAL_TTL: SignedDuration = SignedDuration::from_mins(10);

/// Other failures are not asked again within this time: an outage costs one request a pass, not one a call.
const FAILURE_TTL: SignedDuration = SignedDuration::from_secs(5);

/// A token that lives no longer than this is not sent.
const LEAST_LIFE: SignedDuration = SignedDuration::from_secs(30);

/// What nobody asked for so long is forgotten: its token is dead, and the secret of a deleted resource must not stay.
const IDLE: SignedDuration = SignedDuration::from_hours(2);

/// How often idle entries are looked for.
const SWEEP: SignedDuration = SignedDuration::from_mins(10);

/// Entries at most; above it the least recently used goes.
const MOST_ENTRIES: usize = 20_000;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInError {
    /// Only a person can mend it: wrong or expired credentials, no consent, another tenant or cloud.
    Refused(Failure),
    /// It may pass by itself.
    Failed(Failure),
}

impl SignInError {
    /// The failure itself.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Refused(failure) | Self::Failed(failure) => failure,
        }
    }

    /// Which of the two a failure is; its reason tells.
    pub(super) const fn of(failure: Failure) -> Self {
        match failure.reason {
            Reason::SimulatorRefused
            | Reason::CredentialsMissing
            | Reason::CredentialsInvalid
            | Reason::TenantMismatch
            | Reason::UnsupportedCloud
            | Reason::PermissionDenied => Self::Refused(failure),
            _ => Self::Failed(failure),
        }
    }
}

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    pub cloud: Cloud,
    pub tenant: TenantId,
    pub client_id: String,
    pub api: Api,
    /// Where the proof comes from.
    pub origin: String,
}

/// A token. `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Token {
    pub secret: SecretString,
    /// When it was bought: it carries what had been granted then.
    pub since: Timestamp,
    /// The entry that it came from.
    entry: u64,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// The tokens of all tenants.
pub(super) struct Tokens {
    hosts: Hosts,
    channel: Channel,
    refusal_ttl: SignedDuration,
    entries: StdMutex<Entries>,
    /// Counts uses and names entries.
    counter: AtomicU64,
}

#[derive(Default)]
struct Entries {
    of: HashMap<TokenKey, Arc<Entry>>,
    swept: Timestamp,
}

struct Entry {
    id: u64,
    version: String,
    credential: Arc<dyn TokenCredential>,
    transport: Arc<TokenTransport>,
    /// The number of its last use, and the second of it.
    used: AtomicU64,
    used_at: AtomicI64,
    failures: AtomicU64,
    state: Mutex<State>,
}

/// What is known of the last tries of an entry.
#[derive(Default)]
struct State {
    last: Option<Failure>,
    /// When Microsoft Entra was last asked in vain.
    tried: Option<Timestamp>,
    /// Not before this time is Microsoft Entra asked again.
    held_until: Option<Timestamp>,
    /// The last token and its end: it is renewed before that, and serves on while that fails.
    spare: Option<(Token, Timestamp)>,
}

impl State {
    fn instead_of(&self, failure: Failure, now: Timestamp) -> Result<Token, SignInError> {
        let spare = self.spare.as_ref().filter(|(_, end)| end.duration_since(now) > LEAST_LIFE);
        match (SignInError::of(failure), spare) {
            (SignInError::Failed(_), Some((token, _))) => Ok(token.clone()),
            (error, _) => Err(error),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("entries", &self.locked().of.len()).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(hosts: Hosts, channel: Channel, refusal_ttl: SignedDuration) -> Self {
        Self { hosts, channel, refusal_ttl, entries: StdMutex::default(), counter: AtomicU64::default() }
    }

    /// The token of the cache, or a new one.
    pub(super) async fn token(&self, key: &TokenKey, proof: &Proof, now: Timestamp) -> Result<Token, SignInError> {
        let entry = self.entry(key, proof, now).map_err(SignInError::of)?;
        let before = entry.failures.load(Ordering::Acquire);
        let mut state = entry.state.lock().await;
        let is_shared = entry.failures.load(Ordering::Acquire) != before;
        let is_held = state.held_until.is_some_and(|until| now < until);
        if let Some(failure) = state.last.clone().filter(|_| is_shared || is_held) {
            return state.instead_of(failure, now);
        }
        entry.transport.set_time(now);
        match entry.credential.get_token(&[Hosts::scope(key.cloud, key.api)], None).await {
            Ok(bought) => {
                let secret = SecretString::from(bought.token.secret().to_owned());
                let is_same = |(known, _): &&(Token, Timestamp)| known.secret.expose_secret() == secret.expose_secret();
                let known = state.spare.as_ref().filter(is_same).map(|(known, _)| known.since);
                if known.is_none() {
                    self.channel.meter().token("issued");
                }
                let since = known.unwrap_or(now);
                let token = Token { secret, since, entry: entry.id };
                let end = Timestamp::from_second(bought.expires_on.unix_timestamp()).unwrap_or(now);
                *state = State { spare: Some((token.clone(), end)), ..State::default() };
                Ok(token)
            }
            Err(error) => {
                let mut failure = unwrapped(&error).unwrap_or_else(|| unexpected(&error));
                if let Some(subject) = proof.subject() {
                    failure.message = failure.message.replace(aadsts::SUBJECT, &subject);
                }
                let is_refused = matches!(SignInError::of(failure.clone()), SignInError::Refused(_));
                self.channel.meter().token(if is_refused { "refused" } else { "failed" });
                state.held_until = self.held_until(&failure, now);
                state.tried = Some(now);
                state.last = Some(failure.clone());
                entry.failures.fetch_add(1, Ordering::AcqRel);
                state.instead_of(failure, now)
            }
        }
    }

    /// Forgets a token that an API refused, so that the next one is new. A token that is no longer in use is not
    /// looked for: somebody else forgot it already. Says whether there was something to forget.
    pub(super) fn drop_token(&self, key: &TokenKey, refused: &Token) -> bool {
        let mut entries = self.locked();
        let is_current = entries.of.get(key).is_some_and(|entry| entry.id == refused.entry);
        is_current && entries.of.remove(key).is_some()
    }

    /// Forgets what is known for a key, refusals too, unless that is younger than `age`: somebody says that something has
    /// changed at the other side.
    pub(super) async fn renew(&self, key: &TokenKey, age: SignedDuration, now: Timestamp) {
        let Some(entry) = self.locked().of.get(key).map(Arc::clone) else { return };
        let tried = {
            let state = entry.state.lock().await;
            state.tried.or_else(|| state.spare.as_ref().map(|(token, _)| token.since))
        };
        if tried.is_some_and(|tried| now.duration_since(tried) < age) {
            return;
        }
        let mut entries = self.locked();
        if entries.of.get(key).is_some_and(|current| current.id == entry.id) {
            entries.of.remove(key);
        }
    }

    /// Whether another token took the place of this one, or nobody holds one.
    pub(super) fn is_replaced(&self, key: &TokenKey, token: &Token) -> bool {
        self.locked().of.get(key).is_none_or(|entry| entry.id != token.entry)
    }

    fn entry(&self, key: &TokenKey, proof: &Proof, now: Timestamp) -> Result<Arc<Entry>, Failure> {
        let used = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.locked();
        entries.sweep(now);
        if let Some(entry) = entries.of.get(key).filter(|entry| entry.version == proof.version()) {
            entry.used.store(used, Ordering::Relaxed);
            entry.used_at.store(now.as_second(), Ordering::Relaxed);
            return Ok(Arc::clone(entry));
        }
        let transport = Arc::new(TokenTransport::new(self.channel.clone()));
        let entry = Arc::new(Entry {
            id: used,
            version: proof.version().to_owned(),
            credential: self.credential(key, proof, &transport)?,
            transport,
            used: AtomicU64::new(used),
            used_at: AtomicI64::new(now.as_second()),
            failures: AtomicU64::default(),
            state: Mutex::default(),
        });
        entries.insert(key.clone(), Arc::clone(&entry));
        Ok(entry)
    }

    fn credential(
        &self,
        key: &TokenKey,
        proof: &Proof,
        transport: &Arc<TokenTransport>,
    ) -> Result<Arc<dyn TokenCredential>, Failure> {
        let (tenant, client_id) = (key.tenant.to_string(), key.client_id.clone());
        let client_options = self.client_options(key.cloud, transport);
        match proof {
            Proof::Secret { value, .. } => {
                let secret = Secret::new(value.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options };
                let credential = ClientSecretCredential::new(&tenant, client_id, secret, Some(options));
                credential.map(|credential| -> Arc<dyn TokenCredential> { credential })
            }
            Proof::Federated { source, .. } => {
                let assertions = Assertions(Arc::clone(source));
                let options = ClientAssertionCredentialOptions { client_options };
                let credential = ClientAssertionCredential::new(tenant, client_id, assertions, Some(options));
                credential.map(|credential| -> Arc<dyn TokenCredential> { credential })
            }
        }
        .map_err(|error| unprepared(&error))
    }

    /// Everything is said, so that nothing is taken from the environment.
    fn client_options(&self, cloud: Cloud, transport: &Arc<TokenTransport>) -> ClientOptions {
        let mut configuration = CustomConfiguration::default();
        self.hosts.login(cloud).clone_into(&mut configuration.authority_host);
        ClientOptions {
            cloud: Some(Arc::new(CloudConfiguration::from(configuration))),
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::clone(transport) as _)),
            ..ClientOptions::default()
        }
    }

    /// Until when a failure is not asked for again. Failures of the ServiceAccount's token cost Microsoft Entra nothing,
    /// and those of the wrong world are no matter of the proof.
    fn held_until(&self, failure: &Failure, now: Timestamp) -> Option<Timestamp> {
        match (failure.class, failure.reason) {
            (ErrorClass::Throttled { until }, _) => until.and_then(|until| until.checked_add(GRAIN).ok()),
            (_, Reason::CredentialsMissing | Reason::SimulatorRefused) => None,
            _ => match SignInError::of(failure.clone()) {
                SignInError::Refused(_) => now.checked_add(self.refusal_ttl).ok(),
                SignInError::Failed(_) => now.checked_add(FAILURE_TTL).ok(),
            },
        }
    }

    fn locked(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn insert(&mut self, key: TokenKey, entry: Arc<Entry>) {
        self.of.insert(key, entry);
        if self.of.len() > MOST_ENTRIES {
            let oldest = self.of.iter().min_by_key(|(_, entry)| entry.used.load(Ordering::Relaxed));
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.and_then(|key| self.of.remove(&key));
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        if now.duration_since(self.swept) >= SWEEP {
            self.swept = now;
            let oldest = now.as_second().saturating_sub(IDLE.as_secs());
            self.of.retain(|_, entry| entry.used_at.load(Ordering::Relaxed) > oldest);
        }
    }
}

/// The library refused the client id or the secret before anything was sent; its words hold neither.
fn unprepared(error: &azure_core::Error) -> Failure {
    let message = format!(
        "The sign-in to Microsoft Entra could not be prepared: {}. Check clientId and the value in the Kubernetes Secret.",
        clean(&error.to_string())
    );
    Failure { class: ErrorClass::Auth, reason: Reason::CredentialsInvalid, message, request_id: None }
}

fn unexpected(error: &azure_core::Error) -> Failure {
    let message = format!(
        "The sign-in library failed with an error of the kind {}, which it never should. Report this. The operator tries again by itself.",
        clean(&error.kind().to_string())
    );
    Failure { class: ErrorClass::Protocol, reason: Reason::Internal, message, request_id: None }
}
