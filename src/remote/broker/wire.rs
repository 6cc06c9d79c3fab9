//! The calls: addresses, headers, limits, log, health.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::BrokerHealth;
use super::call::{API_VERSION, Act, Answer};
use super::settings::{BrokerAuth, BrokerSettings, BrokerSetupError};
use super::verdict;
use crate::plan::failure::Failure;
use crate::remote::Caller;
use crate::remote::http::{self, BodyLimit, Circuits, ClientOptions, ExchangeError};
use crate::remote::meter::Meter;

/// What the specification calls us, in `context` and in the originating identity.
const PLATFORM: &str = "kubernetes";

/// Name space of the version 5 UUIDs that stand for a namespace of a cluster in `space_guid`.
const SPACE_NAMESPACE: Uuid = Uuid::from_u128(0x9d1b_5a7e_62f4_5b0c_8c55_0f9a_73de_1c48);

/// A way to the broker.
#[derive(Debug)]
pub(super) struct Wire {
    client: Client,
    base: Url,
    headers: HeaderMap,
    cluster_id: String,
    health: Mutex<BrokerHealth>,
    meter: Meter,
    circuits: Circuits,
}

impl Wire {
    pub(super) fn new(settings: BrokerSettings) -> Result<Self, BrokerSetupError> {
        let BrokerSettings { url, auth, ca_bundle, offering: _, plan: _, cluster_id, operator, request_timeout } =
            settings;
        let base = http::base_url(url.as_str()).map_err(|cause| BrokerSetupError::Url { cause })?;
        let identity = match &auth {
            BrokerAuth::ClientCertificate { identity } => Some(identity.expose_secret().as_bytes()),
            BrokerAuth::Basic { .. } | BrokerAuth::Bearer { .. } => None,
        };
        let options =
            ClientOptions { base: &base, timeout: request_timeout, ca_bundle: ca_bundle.as_deref(), identity };
        let client = http::client(&options).map_err(|cause| BrokerSetupError::Client { cause })?;

        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert("X-Broker-API-Version", HeaderValue::from_static(API_VERSION));
        let who = format!("{PLATFORM} {}", BASE64.encode(json!(operator).to_string()));
        headers.insert("X-Broker-API-Originating-Identity", header("X-Broker-API-Originating-Identity", &who)?);
        if let Some(mut authorization) = authorization(&auth)? {
            authorization.set_sensitive(true);
            headers.insert(AUTHORIZATION, authorization);
        }
        Ok(Self {
            client,
            base,
            headers,
            cluster_id,
            health: Mutex::default(),
            meter: Meter::default(),
            circuits: Circuits::default(),
        })
    }

    /// Counts with others.
    pub(super) fn count_with(&mut self, meter: Meter) {
        self.meter = meter;
    }

    pub(super) fn health(&self) -> BrokerHealth {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_health(&self, health: BrokerHealth) {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = health;
    }

    /// `context`, as the profile says for Kubernetes.
    pub(super) fn context(&self, caller: &Caller) -> Value {
        json!({
            "platform": PLATFORM,
            "namespace": caller.namespace,
            "clusterid": self.cluster_id,
            "instance_name": caller.name,
        })
    }

    /// The deprecated `organization_guid` and `space_guid`, on which old brokers insist.
    pub(super) fn organization_and_space(&self, caller: &Caller) -> (String, String) {
        let space = format!("{}/{}", self.cluster_id, caller.namespace);
        (self.cluster_id.clone(), Uuid::new_v5(&SPACE_NAMESPACE, space.as_bytes()).to_string())
    }

    /// Makes a call and reads its answer. The request id is new each time.
    pub(super) async fn send(
        &self,
        act: Act,
        query: &[(&str, &str)],
        body: Option<&Value>,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        let request_id = Uuid::new_v4().to_string();
        let request = self
            .request(act, query, body, &request_id)
            .map_err(|error| verdict::without_answer(act, &error, Some(request_id.clone())))?;
        let (started, host) = (Instant::now(), http::host(&request));
        // What it last said is said again; nothing was sent that an id could be looked up for.
        self.circuits.admit(&request, started).map_err(|error| verdict::without_answer(act, &error, None))?;
        let result = http::exchange(&self.client, request, BodyLimit::Broker, now).await;
        self.circuits.ended((&host, &act.path()), result.as_ref().err(), Instant::now());
        self.meter.ended(act.asked(), &result, started.elapsed());
        log(act, &request_id, &result, started);
        let http::Answer { status, retry_after, body, .. } =
            result.map_err(|error| verdict::without_answer(act, &error, Some(request_id.clone())))?;
        if matches!(status, 200..=299 | 400 | 404 | 409 | 410 | 422) {
            self.set_health(BrokerHealth::Ok);
        }
        Ok(Answer { act, status, retry_after, body, request_id })
    }

    fn request(
        &self,
        act: Act,
        query: &[(&str, &str)],
        body: Option<&Value>,
        request_id: &str,
    ) -> Result<reqwest::Request, ExchangeError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), act.path()));
        if !query.is_empty() {
            let pairs: Vec<_> =
                query.iter().map(|(key, value)| format!("{key}={}", http::percent_encode(value))).collect();
            url.set_query(Some(&pairs.join("&")));
        }
        let mut builder = self
            .client
            .request(act.method(), url)
            .headers(self.headers.clone())
            .header("X-Broker-API-Request-Identity", request_id);
        if let Some(body) = body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        builder.build().map_err(|error| ExchangeError::while_sending(&error))
    }
}

fn authorization(auth: &BrokerAuth) -> Result<Option<HeaderValue>, BrokerSetupError> {
    const NAME: &str = "Authorization";
    match auth {
        BrokerAuth::Basic { username, .. } if username.contains(':') => {
            Err(BrokerSetupError::Header { header: NAME, why: "the user name holds a colon, which would end it" })
        }
        BrokerAuth::Basic { username, password } => {
            let pair = SecretString::from(format!("{username}:{}", password.expose_secret()));
            let value = SecretString::from(format!("Basic {}", BASE64.encode(pair.expose_secret())));
            header(NAME, value.expose_secret()).map(Some)
        }
        BrokerAuth::Bearer { token } => {
            let value = SecretString::from(format!("Bearer {}", token.expose_secret()));
            header(NAME, value.expose_secret()).map(Some)
        }
        BrokerAuth::ClientCertificate { .. } => Ok(None),
    }
}

fn header(name: &'static str, value: &str) -> Result<HeaderValue, BrokerSetupError> {
    HeaderValue::from_str(value).map_err(|_| BrokerSetupError::Header {
        header: name,
        why: "the value holds a character that a header cannot hold",
    })
}

/// One line a call: no body, no query, no header.
fn log(act: Act, request_id: &str, result: &Result<http::Answer, ExchangeError>, started: Instant) {
    let (method, path) = (act.method(), act.path());
    let (status, error) = match result {
        Ok(answer) => (Some(answer.status), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if act.is_mutating() {
        tracing::info!(%method, path, request_id, status, error, milliseconds, "called the service broker");
    } else {
        tracing::debug!(%method, path, request_id, status, error, milliseconds, "called the service broker");
    }
}
