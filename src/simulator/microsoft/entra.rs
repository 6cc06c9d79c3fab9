//! `POST /{tenant}/oauth2/v2.0/token`: Microsoft Entra hands out tokens, or says why not.
//!
//! Written from Microsoft, *OAuth 2.0 client credentials flow* and *Microsoft Entra authentication error codes*; error codes
//! and wordings as in answers that users published. Signatures of assertions are not checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::Request;
use crate::simulator::answer::Answer;
use crate::simulator::applications::Application;
use crate::simulator::clock;
use crate::simulator::matching::{Api, Endpoint};
use crate::simulator::state::State;
use crate::simulator::tenant::Tenant;
use crate::simulator::tokens::Grant;
use crate::simulator::world::World;
use crate::tenant::{Cloud, TenantId};

/// Which endpoint the request is for.
pub(super) fn endpoint(request: &Request) -> Option<Endpoint> {
    match (request.method.as_str(), request.segment(request.segments.len().saturating_sub(1))) {
        ("POST", "token") => Some(Endpoint::Token),
        ("GET", "openid-configuration") => Some(Endpoint::OpenIdConfiguration),
        _ => None,
    }
}

/// The tenant that the path names, by its id or its domain.
pub(super) fn tenant_of(world: &World, request: &Request) -> Option<TenantId> {
    let name = request.segment(0).to_lowercase();
    find(&world.look().state, &name).map(|tenant| tenant.tenant_id)
}

fn find<'a>(state: &'a State, name: &str) -> Option<&'a Tenant> {
    match name.parse() {
        Ok(id) => state.tenant(id),
        Err(_) => state.tenants().values().find(|tenant| tenant.domain() == name),
    }
}

/// Why no token is handed out.
struct Refused {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
}

impl Refused {
    fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self { status, error, code, text: text.into() }
    }
}

/// Answers a request for a token.
pub(super) fn token(world: &World, request: &Request, tenant_id: Option<TenantId>) -> Answer {
    let mut guard = world.look();
    let now = guard.now();
    let lifetime = guard.state.settings().token_lifetime_seconds;
    let tenant = tenant_id.and_then(|id| guard.state.tenant(id));
    match judge(tenant, request, now) {
        Err(refused) => refusal(request, (refused.status, refused.error, refused.code), &refused.text),
        Ok(grant) => {
            let expires = now.saturating_add(SignedDuration::from_secs(lifetime.into())).unwrap_or(now);
            let token = guard.tokens.grant(Grant { expires, ..grant });
            let body = json!({
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": token,
            });
            Answer::new(200, body)
        }
    }
}

/// The error object of Entra.
pub(super) fn refusal(request: &Request, (status, error, code): (u16, &str, u32), text: &str) -> Answer {
    let timestamp = clock::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let correlation = request.client_request_id.clone().unwrap_or_else(|| request.id.to_string());
    let description = format!(
        "AADSTS{code}: {text}\r\nTrace ID: {}\r\nCorrelation ID: {correlation}\r\nTimestamp: {timestamp}",
        request.id
    );
    let body = json!({
        "error": error,
        "error_description": description,
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": request.id,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    Answer::new(status, body)
}

/// The refusal of a tenant that does not exist.
pub(super) fn no_such_tenant(request: &Request) -> (u32, String) {
    let name = request.segment(0);
    let text = format!(
        "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. \
         Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
    );
    (90002, text)
}

fn judge(tenant: Option<&Tenant>, request: &Request, now: Timestamp) -> Result<Grant, Refused> {
    let tenant = tenant.ok_or_else(|| {
        let (code, text) = no_such_tenant(request);
        Refused::new(400, "invalid_request", code, text)
    })?;
    let field = |name: &str| request.form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let missing = |name: &str| {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        Refused::new(400, "invalid_request", 900_144, text)
    };
    let grant_type = field("grant_type").ok_or_else(|| missing("grant_type"))?;
    if grant_type != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant_type}'.");
        return Err(Refused::new(400, "unsupported_grant_type", 70003, text));
    }
    let client_id = field("client_id").ok_or_else(|| missing("client_id"))?;
    let application = tenant.application(client_id).ok_or_else(|| unknown_application(tenant, client_id))?;
    let audience = audience(tenant, field("scope").ok_or_else(|| missing("scope"))?)?;
    match (field("client_secret"), field("client_assertion")) {
        (Some(secret), _) => check_secret(application, secret, now)?,
        (None, Some(assertion)) => check_assertion(application, assertion)?,
        (None, None) => {
            let text =
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
            return Err(Refused::new(401, "invalid_client", 7_000_216, text));
        }
    }
    if !application.consented {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{client_id}'. \
             Send an interactive authorization request for this user and resource."
        );
        return Err(Refused::new(400, "invalid_grant", 65001, text));
    }
    Ok(Grant {
        tenant_id: tenant.tenant_id,
        client_id: application.client_id.clone(),
        audience,
        since: now,
        expires: now,
    })
}

fn unknown_application(tenant: &Tenant, client_id: &str) -> Refused {
    let text = format!(
        "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen if the \
         application has not been installed by the administrator of the tenant or consented to by any user in the tenant. \
         You may have sent your authentication request to the wrong tenant.",
        tenant.display_name
    );
    Refused::new(400, "unauthorized_client", 700_016, text)
}

/// Which API the scope is for; each cloud has its own.
fn audience(tenant: &Tenant, scope: &str) -> Result<Api, Refused> {
    let Some(resource) = scope.strip_suffix("/.default") else {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(Refused::new(400, "invalid_scope", 1_002_012, text));
    };
    let (graph, arm): (&str, &[&str]) = match tenant.cloud {
        Cloud::Public | Cloud::GCC => {
            ("https://graph.microsoft.com", &["https://management.azure.com", "https://management.core.windows.net"])
        }
        Cloud::GCCHigh => (
            "https://graph.microsoft.us",
            &["https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net"],
        ),
        Cloud::DoD => (
            "https://dod-graph.microsoft.us",
            &["https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net"],
        ),
    };
    let bare = resource.trim_end_matches('/');
    if bare == graph {
        Ok(Api::Graph)
    } else if arm.contains(&bare) {
        Ok(Api::Arm)
    } else {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named {}. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You might have sent your authentication request to the wrong tenant.",
            tenant.display_name
        );
        Err(Refused::new(400, "invalid_resource", 500_011, text))
    }
}

fn check_secret(application: &Application, secret: &str, now: Timestamp) -> Result<(), Refused> {
    let id = &application.client_id;
    let known = application.secrets.iter().find(|known| known.value == secret).ok_or_else(|| {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{id}'."
        );
        Refused::new(401, "invalid_client", 7_000_215, text)
    })?;
    if known.expires.is_some_and(|expires| expires <= now) {
        let text = format!(
            "The provided client secret keys for app '{id}' are expired. Visit the Azure portal to create new keys for \
             your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: \
             https://aka.ms/certCreds."
        );
        return Err(Refused::new(401, "invalid_client", 7_000_222, text));
    }
    Ok(())
}

/// What an assertion says of itself.
#[derive(Debug, Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    exp: Option<i64>,
}

impl Claims {
    fn decode(assertion: &str) -> Option<Self> {
        let payload = assertion.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
    }

    fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Value::String(one) => one == audience,
            Value::Array(several) => several.iter().any(|one| one == audience),
            _ => false,
        }
    }
}

fn check_assertion(application: &Application, assertion: &str) -> Result<(), Refused> {
    let claims = Claims::decode(assertion)
        .ok_or_else(|| Refused::new(400, "invalid_request", 50027, "JWT token is invalid or malformed."))?;
    // Whoever signed it goes by the time of the machine.
    if claims.exp.is_some_and(|end| end <= clock::now().as_second()) {
        let text = "Client assertion is not within its valid time range.";
        return Err(Refused::new(401, "invalid_client", 700_024, text));
    }
    let mut trusted = application.federated.iter().filter(|known| {
        known.issuer.as_ref().is_none_or(|issuer| *issuer == claims.iss) && claims.is_for(&known.audience)
    });
    if trusted.clone().any(|known| known.subject == claims.sub) {
        return Ok(());
    }
    let help = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    if trusted.next().is_some() {
        let text = format!(
            "No matching federated identity record found for presented assertion subject '{}'. Check your federated \
             identity credential Subject, Audience and Issuer against the presented assertion. {help}",
            claims.sub
        );
        return Err(Refused::new(401, "invalid_client", 700_213, text));
    }
    let audience = claims.aud.as_str().map_or_else(|| claims.aud.to_string(), str::to_owned);
    let text = format!(
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{}'. Assertion Subject: \
         '{}'. Assertion Audience: '{audience}'. {help}",
        claims.iss, claims.sub
    );
    Err(Refused::new(400, "invalid_request", 70021, text))
}
