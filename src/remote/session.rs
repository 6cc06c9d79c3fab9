//! Calls of Microsoft's APIs on behalf of one tenant: budget, token, headers, one new token after a 401.
//!
//! The `Gate` is shared by all tenants and lives as long as the process; a `Session` lives as long as a pass over one
//! tenant. Nothing here knows what an answer means: whoever wrote the call down judges it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::Request;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, IF_MATCH};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

use super::auth::{REFUSAL_TTL, SignInError, Token, TokenKey, Tokens};
use super::budget::{Budget, HeldBack, Left, Payer};
use super::call::{Api, Call, Operation, Reply};
use super::channel::{Channel, Matter, without_answer};
use super::cloud_check::{CloudCheck, Clouds};
use super::credentials::Credentials;
use super::hosts::Hosts;
use super::http::{Answer, ClientError, ExchangeError, GRAIN, Url, clean};
use super::meter::{Asked, Meter};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::tenant::{Cloud, TenantId};

mod address;

#[cfg(test)]
mod tests;

/// A token, or its refusal, that is younger is not asked for anew: passes may follow one another quickly while a request
/// is open, and a person who mended what was refused a moment ago must not find the old answer.
const RENEWAL: SignedDuration = SignedDuration::from_secs(5);

/// What the administrator configures for Microsoft's APIs.
#[derive(Clone)]
pub struct MicrosoftSettings {
    /// Who is asked.
    pub hosts: Hosts,
    /// Certificates (PEM) that are trusted *instead of* those of the system.
    pub ca_bundle: Option<Vec<u8>>,
    /// Limit of one request from first byte to last.
    pub request_timeout: Duration,
    /// Whether the hosts are a simulator: then they must be, else they must not.
    pub allow_simulator: bool,
    /// Requests at once and a minute, for each tenant and application.
    pub requests_per_minute: NonZeroU32,
}

/// What all tenants share: the HTTPS client, tokens, budgets, the clouds of tenants. Volatile: losing it costs requests.
#[derive(Debug)]
pub struct Gate {
    hosts: Hosts,
    channel: Channel,
    tokens: Tokens,
    budget: Budget,
    clouds: Clouds,
}

impl Gate {
    /// Nothing is read from the network.
    ///
    /// # Errors
    /// A CA bundle that cannot be used.
    pub fn new(settings: MicrosoftSettings) -> Result<Self, ClientError> {
        Self::counting(settings, Meter::default())
    }

    /// One that counts its requests together with others.
    ///
    /// # Errors
    /// As `new`.
    pub fn counting(settings: MicrosoftSettings, meter: Meter) -> Result<Self, ClientError> {
        let MicrosoftSettings { hosts, ca_bundle, request_timeout, allow_simulator, requests_per_minute } = settings;
        let channel = Channel::new(ca_bundle.as_deref(), request_timeout, allow_simulator)?.counting(meter);
        let tokens = Tokens::new(hosts.clone(), channel.clone(), REFUSAL_TTL);
        Ok(Self { hosts, channel, tokens, budget: Budget::new(requests_per_minute), clouds: Clouds::default() })
    }

    /// In which cloud the tenant lives, as the sign-in host of the declared cloud says. No credentials are needed; an
    /// answer is kept for 24 hours.
    pub async fn cloud(&self, tenant: TenantId, declared: Cloud, now: Timestamp) -> CloudCheck {
        self.clouds.check(&self.channel, &self.hosts, (tenant, declared), now).await
    }

    /// Calls for one tenant. Nothing is sent yet.
    pub fn session<'a>(&'a self, who: &'a Credentials, tenant: TenantId, cloud: Cloud, now: Timestamp) -> Session<'a> {
        let payer = Payer { tenant, client_id: who.client_id.clone() };
        let (started, requests, renewed) = (Instant::now(), AtomicU32::default(), Mutex::default());
        Session { gate: self, who, cloud, payer, now, started, requests, most: u32::MAX, renewed }
    }

    /// What is counted of the requests.
    #[must_use]
    pub const fn meter(&self) -> &Meter {
        self.channel.meter()
    }

    /// What is left of the budgets, over all tenants, for metrics.
    #[must_use]
    pub fn left(&self, now: Timestamp) -> BTreeMap<Api, Left> {
        self.budget.left(now)
    }
}

/// Calls for one tenant with one application, within one pass.
pub struct Session<'a> {
    gate: &'a Gate,
    who: &'a Credentials,
    cloud: Cloud,
    payer: Payer,
    now: Timestamp,
    started: Instant,
    requests: AtomicU32,
    /// A second try after a 401 must not make them more than this.
    most: u32,
    /// APIs whose token was renewed after a 401; it is done once in a session.
    renewed: Mutex<BTreeSet<Api>>,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("cloud", &self.cloud).field("payer", &self.payer).finish_non_exhaustive()
    }
}

impl Session<'_> {
    /// The same, with no second try after a 401 once this many requests were sent.
    #[must_use]
    pub fn within(self, most: u32) -> Self {
        Self { most, ..self }
    }

    /// Buys a token for this API, unless there is one.
    ///
    /// # Errors
    /// `Refused` where only a person can mend it, else `Failed`.
    pub async fn sign_in(&self, api: Api) -> Result<(), SignInError> {
        self.token(api).await.map(drop)
    }

    /// When the token of this API was bought: it carries what had been granted then.
    ///
    /// # Errors
    /// As `sign_in`.
    pub async fn bought(&self, api: Api) -> Result<Timestamp, SignInError> {
        self.token(api).await.map(|token| token.since)
    }

    /// Forgets the token of this API, or its refusal, unless that is a few seconds old: something was granted since.
    pub async fn renew(&self, api: Api) {
        self.gate.clouds.renew(&self.gate.hosts, (self.payer.tenant, self.cloud));
        self.gate.tokens.renew(&self.key(api), RENEWAL, self.time()).await;
    }

    /// Makes a call and reads its answer, whatever its status.
    ///
    /// # Errors
    /// No usable answer at all: the budget is spent, no token, no connection, a cut or oversize body, a redirect, an
    /// answer of the wrong world. A 429 and a second 401 are answers.
    pub async fn ask(&self, call: &Call) -> Result<Reply, Failure> {
        let api = call.operation.api();
        let token = self.take_and_sign_in(call).await?;
        let reply = self.sent(call, &token).await?;
        let is_over = self.requests() >= self.most;
        if reply.status != 401 || is_an_answer(&reply) || is_over || !self.may_renew(api, &token) {
            return Ok(reply);
        }
        let token = self.take_and_sign_in(call).await?;
        self.sent(call, &token).await
    }

    /// The call of the next page: `link` must lead to the same scheme, host and port, below the same path.
    ///
    /// # Errors
    /// A `Protocol` failure that names the foreign host. Nothing was sent there.
    pub fn following(&self, call: &Call, link: &str) -> Result<Call, Failure> {
        let base = self.gate.hosts.base(self.cloud, call.operation.api());
        let path = address::path_below(base, link).map_err(|host| Failure {
            class: ErrorClass::Protocol,
            reason: Reason::ProviderUnavailable,
            message: format!(
                "{} answered {} with a link to the next page that leads to {host}, outside of what is asked here; it was not followed. Check the hosts in the operator's configuration, and report this if they are Microsoft's.",
                name(call.operation.api()),
                call.operation
            ),
            request_id: None,
        })?;
        Ok(Call { is_eventual: call.is_eventual, ..Call::get(call.operation, path) })
    }

    /// Notes a 429 that came inside of an answer, as the parts of a batch have it.
    pub fn note_throttled(&self, api: Api, retry_after: Option<SignedDuration>) {
        let wait = retry_after.map(|wait| wait.saturating_add(GRAIN));
        let wait = self.gate.budget.refused(&self.payer, api, wait, self.time());
        self.gate.meter().waits(api.name(), wait.added);
    }

    /// How many requests this session sent to Microsoft Graph and Azure Resource Manager; those for tokens do not count.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The time of the pass, and what went by since.
    fn time(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        self.now.checked_add(elapsed).unwrap_or(self.now)
    }

    fn key(&self, api: Api) -> TokenKey {
        let Payer { tenant, client_id } = &self.payer;
        let origin = self.who.proof.origin().to_owned();
        TokenKey { cloud: self.cloud, tenant: *tenant, client_id: client_id.clone(), api, origin }
    }

    async fn token(&self, api: Api) -> Result<Token, SignInError> {
        self.gate.tokens.token(&self.key(api), &self.who.proof, self.time()).await
    }

    async fn take_and_sign_in(&self, call: &Call) -> Result<Token, Failure> {
        let api = call.operation.api();
        self.gate.budget.take(&self.payer, (api, call.weight()), self.time()).map_err(|held| held_back(call, held))?;
        self.token(api).await.map_err(SignInError::into_failure)
    }

    /// Whether another try with another token is due. The refused token is forgotten, once in a session: a tenant that
    /// refuses every token must not cost a new one with each call.
    fn may_renew(&self, api: Api, refused: &Token) -> bool {
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if renewed.contains(&api) {
            return self.gate.tokens.is_replaced(&self.key(api), refused);
        }
        renewed.insert(api);
        self.gate.tokens.drop_token(&self.key(api), refused);
        true
    }

    async fn sent(&self, call: &Call, token: &Token) -> Result<Reply, Failure> {
        let api = call.operation.api();
        let request_id = Uuid::new_v4().to_string();
        let (what, asked) = (call.operation.name(), Asked::of(call.operation));
        let tenant = Some(self.payer.tenant);
        let matter = Matter { whom: name(api), what, request_id: &request_id, asked, tenant };
        let base = self.gate.hosts.base(self.cloud, api);
        let url = address::join(base, &call.path).ok_or_else(|| {
            let message = format!(
                "The operator wrote down an address for {} that leads outside of {}; nothing was sent. Report this.",
                call.operation, matter.whom
            );
            matter.failure(ErrorClass::Invalid, Reason::Internal, message)
        })?;
        let host = url.host_str().map(clean).unwrap_or_default();
        let request =
            self.request(call, url, token, &request_id).map_err(|error| without_answer(&matter, &host, &error))?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = self.gate.channel.send(&matter, request, self.time()).await?;
        self.note(api, &answer);
        let Answer { status, retry_after, request_id: answered_id, www_authenticate, body, .. } = answer;
        let body = match body {
            Ok(body) => body,
            // What counts of it was in its head.
            Err(_) if status == 429 => Vec::new(),
            Err(error) => return Err(without_answer(&matter, &host, &error)),
        };
        let request_id = answered_id.or_else(|| Some(request_id.clone()));
        Ok(Reply { status, retry_after, request_id, www_authenticate, body })
    }

    fn note(&self, api: Api, answer: &Answer) {
        match answer.status {
            429 => self.note_throttled(api, answer.retry_after),
            status if status < 500 => self.gate.budget.answered(&self.payer, api, answer.used_share, self.time()),
            _ => {}
        }
    }

    fn request(&self, call: &Call, url: Url, token: &Token, request_id: &str) -> Result<Request, ExchangeError> {
        let bearer = SecretString::from(format!("Bearer {}", token.secret.expose_secret()));
        let mut authorization = HeaderValue::from_str(bearer.expose_secret())
            .map_err(|_| ExchangeError::Unsendable { cause: "the token is not fit for a header".to_owned() })?;
        authorization.set_sensitive(true);
        let mut builder = self
            .gate
            .channel
            .request(call.method.clone(), url)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, accepted(call.operation))
            .header("client-request-id", request_id);
        if call.operation.api() == Api::Graph {
            // When a tenant's limits are near, a person at a portal goes first.
            builder = builder.header("x-ms-throttle-priority", "low");
        }
        if call.is_eventual {
            builder = builder.header("ConsistencyLevel", "eventual");
        }
        if let Some(etag) = &call.if_match {
            builder = builder.header(IF_MATCH, etag);
        }
        if let Some(body) = &call.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        builder.build().map_err(|error| ExchangeError::while_sending(&error))
    }
}

/// The API's name for people.
const fn name(api: Api) -> &'static str {
    match api {
        Api::Graph => "Microsoft Graph",
        Api::Arm => "Azure Resource Manager",
    }
}

/// A 401 that another token would not change: the tenant or a licence is meant, not the token.
fn is_an_answer(reply: &Reply) -> bool {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let code = body.as_ref().and_then(|body| body.get("error")?.get("code")?.as_str());
    matches!(code, Some("InvalidAuthenticationTokenTenant" | "InvalidLicense"))
}

/// What a body may be: counts are plain text.
const fn accepted(operation: Operation) -> &'static str {
    match operation {
        Operation::GroupMembers => "text/plain",
        _ => "application/json",
    }
}

/// Until when is not said in words: they would be new at each try, and are written down.
fn held_back(call: &Call, held: HeldBack) -> Failure {
    let HeldBack { until, is_asked_for } = held;
    let whom = name(call.operation.api());
    let why = if is_asked_for {
        "it asked to wait (status 429)"
    } else {
        "the operator keeps to the number of requests a minute that its configuration allows for one tenant and application"
    };
    Failure {
        class: ErrorClass::Throttled { until: Some(until) },
        reason: Reason::Throttled,
        message: format!("{whom} is not asked just now, because {why}. The operator goes on by itself."),
        request_id: None,
    }
}
