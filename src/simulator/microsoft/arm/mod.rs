//! Azure Resource Manager: subscriptions, settings of Defender for Cloud, connectors of Microsoft Sentinel.

mod connectors;
mod onboarding;
mod security;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::access::{self, Denied};
use super::problem::{Problem, usual_code};
use super::request::Request;
use crate::simulator::answer::Answer;
use crate::simulator::applications::Application;
use crate::simulator::faults::Fault;
use crate::simulator::journal::{Actor, Change};
use crate::simulator::matching::{Api, Endpoint};
use crate::simulator::settings::Settings;
use crate::simulator::state::State;
use crate::simulator::tenant::Tenant;
use crate::simulator::tokens::Grant;
use crate::simulator::visit::Host;
use crate::simulator::world::World;

/// Which endpoint the request is for.
pub(super) fn endpoint(request: &Request) -> Option<Endpoint> {
    let segments = request.lower_segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    let [_, _, rest @ ..] = segments.as_slice() else { return None };
    match (method, rest) {
        ("GET", []) => Some(Endpoint::Subscription),
        ("GET", ["providers", "microsoft.security", "settings"])
        | ("GET" | "PUT", ["providers", "microsoft.security", "settings", _]) => Some(Endpoint::SecuritySettings),
        ("GET", ["providers", "microsoft.security", "mdeonboardings", "default"]) => Some(Endpoint::MdeOnboarding),
        (
            _,
            [
                "resourcegroups",
                _,
                "providers",
                "microsoft.operationalinsights",
                "workspaces",
                _,
                "providers",
                "microsoft.securityinsights",
                below @ ..,
            ],
        ) => match (method, below) {
            ("GET", ["dataconnectors"]) | ("GET" | "PUT" | "DELETE", ["dataconnectors", _]) => {
                Some(Endpoint::Connectors)
            }
            ("POST", ["dataconnectorscheckrequirements"]) => Some(Endpoint::ConnectorRequirements),
            _ => None,
        },
        _ => None,
    }
}

/// Where one request is dealt with.
pub(super) struct Arm<'a> {
    /// The world.
    pub(super) world: &'a World,
    /// The request.
    pub(super) request: &'a Request,
    /// What it is for.
    pub(super) endpoint: Option<Endpoint>,
}

#[async_trait]
impl Host for Arm<'_> {
    async fn act(&self, _: Option<&Fault>) -> Answer {
        let answer = self.answer().unwrap_or_else(|problem| problem.to_arm());
        self.signed(answer)
    }

    fn refuse(&self, status: u16, code: Option<&str>, text: &str) -> Answer {
        self.signed(Problem::new(status, code.unwrap_or(usual_code(status)), text).to_arm())
    }
}

impl Arm<'_> {
    fn answer(&self) -> Result<Answer, Problem> {
        let grant = {
            let guard = self.world.look();
            let now = guard.now();
            access::admit(&guard.tokens, self.request, Api::Arm, now).map_err(|denied| unauthenticated(&denied, now))?
        };
        let done = self.world.change(|state, now| self.perform(state, &grant, now));
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "the state file cannot be written");
            Err(Problem::new(500, "InternalServerError", error.to_string()))
        })
    }

    /// Does what the request says to a copy of the tenant, and puts it back where it changed.
    fn perform(&self, state: &mut State, grant: &Grant, now: Timestamp) -> Result<Answer, Problem> {
        let unknown = || unauthenticated(&Denied::Unknown, now);
        let owner = self.owner(state, grant)?.tenant_id;
        let tenant = state.tenant(owner).ok_or_else(unknown)?;
        let application = tenant.application(&grant.client_id).ok_or_else(unknown)?;
        let settings = state.settings().clone();
        let scene = Scene { application, settings: &settings, request: self.request, now };
        let mut after = tenant.clone();
        let done = match self.endpoint {
            Some(Endpoint::Subscription) => subscription(&scene, tenant).map(Done::from),
            Some(Endpoint::SecuritySettings) => security::settings(&scene, &mut after),
            Some(Endpoint::MdeOnboarding) => onboarding::package(&scene, tenant).map(Done::from),
            Some(Endpoint::Connectors) => connectors::connectors(&scene, &mut after),
            Some(Endpoint::ConnectorRequirements) => connectors::requirements(&scene, tenant).map(Done::from),
            _ => Err(no_such_resource(self.request)),
        }?;
        if after != *tenant {
            state.put_tenant(after);
        }
        state.record(owner, Actor::Application, now, done.changes);
        Ok(done.answer)
    }

    /// The tenant of the subscription, which must be that of the token.
    fn owner<'s>(&self, state: &'s State, grant: &Grant) -> Result<&'s Tenant, Problem> {
        if !self.request.query.contains_key("api-version") {
            let message = "The api-version query parameter (?api-version=) is required for all requests.";
            return Err(Problem::new(400, "MissingApiVersionParameter", message));
        }
        let id = self.request.segment(1);
        let has = |tenant: &&Tenant| {
            tenant.subscriptions.iter().any(|known| known.id.eq_ignore_ascii_case(id))
                || tenant.workspaces.iter().any(|known| known.is_in(id))
        };
        let owner = state.tenants().values().find(has).ok_or_else(|| {
            Problem::new(404, "SubscriptionNotFound", format!("The subscription '{id}' could not be found."))
        })?;
        if owner.tenant_id == grant.tenant_id {
            return Ok(owner);
        }
        Err(wrong_issuer(grant, owner))
    }

    fn signed(&self, answer: Answer) -> Answer {
        let id = self.request.id.to_string();
        let correlation = self.request.client_request_id.clone().unwrap_or_else(|| id.clone());
        answer.with("x-ms-request-id", id).with("x-ms-correlation-request-id", correlation)
    }
}

/// Everything that an answer depends on, besides the tenant.
struct Scene<'a> {
    application: &'a Application,
    settings: &'a Settings,
    request: &'a Request,
    now: Timestamp,
}

/// An answer, and what went with it.
struct Done {
    answer: Answer,
    changes: Vec<Change>,
}

impl From<Answer> for Done {
    fn from(answer: Answer) -> Self {
        Self { answer, changes: Vec::new() }
    }
}

impl Scene<'_> {
    /// Refuses an application without any of these roles.
    fn require(&self, any: &[&str], action: &str) -> Result<(), Problem> {
        if self.application.has_azure_role(any) {
            return Ok(());
        }
        let id = &self.application.client_id;
        let message = format!(
            "The client '{id}' with object id '{id}' does not have authorization to perform action '{action}' over scope \
             '{}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
            self.request.path()
        );
        Err(Problem::new(403, "AuthorizationFailed", message))
    }

    /// A page of `items`, in the shape of this API.
    fn page(&self, items: Vec<Value>) -> Answer {
        let size = usize::try_from(self.settings.page_size).unwrap_or(usize::MAX).max(1);
        let start = self.request.query.get("$skipToken").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
        let is_last = items.len() <= start.saturating_add(size);
        let shown: Vec<Value> = items.into_iter().skip(start).take(size).collect();
        let version = self.request.query.get("api-version").map_or("", String::as_str);
        let next = format!(
            "https://{}{}?api-version={version}&$skipToken={}",
            self.request.host,
            self.request.path(),
            start + size
        );
        Answer::new(200, if is_last { json!({ "value": shown }) } else { json!({ "value": shown, "nextLink": next }) })
    }

    /// The body as an object.
    fn body(&self) -> Result<&Value, Problem> {
        self.request.body.as_ref().filter(|body| body.is_object()).ok_or_else(|| {
            Problem::new(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
        })
    }
}

fn subscription(scene: &Scene, tenant: &Tenant) -> Result<Answer, Problem> {
    let any: Vec<&str> = scene.application.azure_roles.iter().map(String::as_str).collect();
    scene.require(&any, "Microsoft.Resources/subscriptions/read")?;
    let id = scene.request.segment(1).to_lowercase();
    let body = json!({
        "id": format!("/subscriptions/{id}"),
        "subscriptionId": id,
        "tenantId": tenant.tenant_id,
        "displayName": tenant.display_name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
    });
    Ok(Answer::new(200, body))
}

fn no_such_resource(request: &Request) -> Problem {
    let message = format!("The resource '{}' could not be found.", request.path());
    Problem::new(404, "ResourceNotFound", message)
}

/// 401.
fn unauthenticated(denied: &Denied, now: Timestamp) -> Problem {
    let (code, message) = match denied {
        Denied::Missing => {
            ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.".to_owned())
        }
        Denied::Unknown => ("InvalidAuthenticationToken", "The access token is invalid.".to_owned()),
        Denied::Expired(expiry) => (
            "ExpiredAuthenticationToken",
            format!("The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'."),
        ),
        Denied::Audience => (
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource. It should exactly match with one of the \
             allowed audiences 'https://management.core.windows.net/','https://management.azure.com/'."
                .to_owned(),
        ),
    };
    let challenge = "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\"";
    Problem::new(401, code, message).challenging(challenge)
}

/// The subscription belongs to another tenant: the answer names both.
fn wrong_issuer(grant: &Grant, owner: &Tenant) -> Problem {
    let (caller, owner) = (grant.tenant_id, owner.tenant_id);
    let message = format!(
        "The access token is from the wrong issuer 'https://sts.windows.net/{caller}/'. It must match the tenant \
         'https://sts.windows.net/{owner}/' associated with this subscription. Please use the authority (URL) \
         'https://login.windows.net/{owner}' to get the token. Note, if the subscription is transferred to another tenant \
         there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). \
         If you just transferred your subscription and see this error message, please try back later."
    );
    let challenge = format!(
        "Bearer authorization_uri=\"https://login.windows.net/{owner}\", error=\"invalid_token\", \
         error_description=\"The access token is from the wrong issuer. It must match the tenant associated with this \
         subscription. Please use correct authority to get the token.\""
    );
    Problem::new(401, "InvalidAuthenticationTokenTenant", message).challenging(challenge)
}
