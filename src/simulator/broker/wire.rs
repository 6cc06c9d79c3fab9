//! Requests and answers of the Open Service Broker API v2.17, as far as they exist here.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::{HeaderMap, Method, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::simulator::answer::Answer;
use crate::simulator::matching::Endpoint;
use crate::simulator::rules::Refusal;
use crate::simulator::tenant::Consent;
use crate::tenant::{Cloud, Experience, IntegrationType, LinkState, Region, TenantId};

/// Id of the one offering.
pub const SERVICE_ID: &str = "6f0e1d0c-9f1b-4d0c-8a54-2f7f3a0f5b6e";
/// Id of its one plan.
pub const PLAN_ID: &str = "0b7c2f5a-3c1d-4e57-9b0a-61b1f3f0a9d2";

/// A request to the broker, read whole.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// HTTP method.
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    /// Endpoint; none for a path that does not exist.
    pub(super) endpoint: Option<Endpoint>,
    /// The instance that the path names.
    pub(super) instance_id: Option<String>,
    /// Query parameters, decoded.
    pub(super) query: BTreeMap<String, String>,
    /// `X-Broker-API-Version`.
    pub(super) version: Option<String>,
    /// `X-Broker-API-Request-Identity`.
    pub(super) request_identity: Option<String>,
    /// `X-Broker-API-Originating-Identity`.
    pub(super) originating_identity: Option<String>,
    /// User name and password of basic authentication.
    pub(super) credentials: Option<(String, String)>,
    /// The body, if it was JSON.
    pub(super) body: Option<Value>,
}

impl Call {
    /// Gathers a request.
    #[must_use]
    pub(super) fn new(
        target: (Option<Endpoint>, Option<String>),
        (method, uri): (&Method, &Uri),
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (endpoint, instance_id) = target;
        Self {
            method: method.to_string(),
            path: uri.to_string(),
            endpoint,
            instance_id,
            query: Query::try_from_uri(uri).map(|Query(query)| query).unwrap_or_default(),
            version: text("x-broker-api-version"),
            request_identity: text("x-broker-api-request-identity"),
            originating_identity: text("x-broker-api-originating-identity"),
            credentials: text("authorization").as_deref().and_then(basic_credentials),
            body: serde_json::from_slice(body).ok(),
        }
    }

    /// Whether the platform can poll.
    #[must_use]
    pub(super) fn accepts_incomplete(&self) -> bool {
        self.query.get("accepts_incomplete").is_some_and(|value| value == "true")
    }

    /// The tenant that the parameters name.
    #[must_use]
    pub(super) fn named_tenant(&self) -> Option<TenantId> {
        self.body.as_ref()?.pointer("/parameters/tenantId")?.as_str()?.parse().ok()
    }

    /// The body as an object.
    pub(super) fn object(&self) -> Result<&Map<String, Value>, Refused> {
        self.body
            .as_ref()
            .and_then(Value::as_object)
            .ok_or_else(|| Refused::bad_request("the body is not a JSON object"))
    }
}

fn basic_credentials(header: &str) -> Option<(String, String)> {
    let decoded = BASE64.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (username, password) = text.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}

/// Parameters of provisioning. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProvisionParameters {
    /// The tenant.
    pub(super) tenant_id: TenantId,
    /// Its cloud; must be the real one.
    pub(super) cloud: Cloud,
    /// Its experience; must be the real one.
    pub(super) experience: Experience,
    /// The region wished for.
    #[serde(default)]
    pub(super) region: Option<Region>,
    /// Consent to be recorded.
    #[serde(default)]
    pub(super) consent: Option<Consent>,
    /// Must be `Enabled`.
    pub(super) state: DesiredState,
}

/// Parameters of an update: absolute values. Unknown members are refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct UpdateParameters {
    /// On or off.
    pub(super) state: Option<DesiredState>,
    /// Consent to be recorded; only together with `Enabled`.
    pub(super) consent: Option<Consent>,
    /// Links to be set or taken away.
    pub(super) integrations: BTreeMap<IntegrationType, LinkState>,
}

/// On or off, as the parameters say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DesiredState {
    /// The service is on.
    Enabled,
    /// It is off.
    Disabled,
}

/// The broker says no. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// HTTP status.
    pub(super) status: u16,
    /// Error code of the specification, or one of our own.
    pub(super) error: Option<String>,
    /// What a person can read.
    pub(super) description: String,
}

impl Refused {
    /// A refusal without an error code.
    #[must_use]
    pub(super) fn new(status: u16, description: impl Into<String>) -> Self {
        Self { status, error: None, description: description.into() }
    }

    /// 400.
    #[must_use]
    pub(super) fn bad_request(description: impl Into<String>) -> Self {
        Self::new(400, description)
    }

    /// 422 with an error code.
    #[must_use]
    pub(super) fn unprocessable(error: &str, description: impl Into<String>) -> Self {
        Self { status: 422, error: Some(error.to_owned()), description: description.into() }
    }

    /// Whether it is 422 `ConcurrencyError`.
    pub(super) fn is_concurrency(&self) -> bool {
        self.error.as_deref() == Some("ConcurrencyError")
    }

    /// 422 `ConcurrencyError`.
    #[must_use]
    pub(super) fn concurrency() -> Self {
        Self::unprocessable("ConcurrencyError", "another operation of this service instance is in progress")
    }
}

/// A refusal of the tenant's rules: the error code is the rule's name, which opens the text of each.
impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let description = refusal.to_string();
        let error = description.split_once(':').map(|(rule, _)| rule.to_owned());
        Self { status: 400, error, description }
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        let mut body = Map::new();
        if let Some(error) = refused.error {
            body.insert("error".to_owned(), error.into());
        }
        body.insert("description".to_owned(), refused.description.into());
        Self::new(refused.status, Value::Object(body))
    }
}

/// Compares ids of a request with those of the catalog; `values` are `service_id` and `plan_id` as sent.
pub(super) fn check_ids(values: [Option<&str>; 2], plan_is_needed: bool) -> Result<(), Refused> {
    let [service, plan] = values;
    if service != Some(SERVICE_ID) {
        return Err(Refused::bad_request("service_id is missing or not in the catalog"));
    }
    if plan == Some(PLAN_ID) || (plan.is_none() && !plan_is_needed) {
        Ok(())
    } else {
        Err(Refused::bad_request("plan_id is missing or not in the catalog"))
    }
}
