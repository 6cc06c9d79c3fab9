//! Microsoft Graph v1.0: who is asked what, and what every answer has.

mod batch;
mod directory;
mod hunting;
mod kql;
mod paging;
mod roles;
mod security;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::access::{self, Denied};
use super::problem::{Problem, usual_code};
use super::request::Request;
use crate::simulator::answer::Answer;
use crate::simulator::applications::Application;
use crate::simulator::faults::Fault;
use crate::simulator::matching::{Api, Endpoint};
use crate::simulator::settings::Settings;
use crate::simulator::tenant::Tenant;
use crate::simulator::visit::Host;
use crate::simulator::world::World;
use crate::tenant::TenantId;

pub(super) use batch::part_paths;

/// Which endpoint the request is for.
pub(super) fn endpoint(request: &Request) -> Option<Endpoint> {
    let segments = request.lower_segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["v1.0", segments @ ..] = segments.as_slice() else { return None };
    match (request.method.as_str(), segments) {
        ("GET", ["organization"]) => Some(Endpoint::Organization),
        ("GET", ["subscribedskus"]) => Some(Endpoint::SubscribedSkus),
        ("GET", ["directory", "subscriptions"]) => Some(Endpoint::DirectorySubscriptions),
        ("GET", [principal, "approleassignments"]) if principal.starts_with("serviceprincipals(appid='") => {
            Some(Endpoint::OwnRoles)
        }
        ("GET", ["rolemanagement", "directory", "roleassignments"]) => Some(Endpoint::RoleAssignments),
        ("GET", ["rolemanagement", "directory", "roleeligibilityscheduleinstances"]) => {
            Some(Endpoint::EligibleAssignments)
        }
        ("GET", ["groups", _, "transitivemembers", "microsoft.graph.user", "$count"]) => Some(Endpoint::GroupMembers),
        ("GET", ["security", "incidents"]) => Some(Endpoint::Incidents),
        ("GET", ["security", "alerts_v2"]) => Some(Endpoint::Alerts),
        ("POST", ["security", "runhuntingquery" | "microsoft.graph.security.runhuntingquery"]) => {
            Some(Endpoint::Hunting)
        }
        ("GET", ["security", "identities", "healthissues"]) => Some(Endpoint::IdentityHealth),
        ("GET", ["devicemanagement", "mobilethreatdefenseconnectors", _]) => Some(Endpoint::IntuneConnector),
        ("POST", ["$batch"]) => Some(Endpoint::Batch),
        _ => None,
    }
}

/// Where one request is dealt with, also a part of a batch.
pub(super) struct Graph<'a> {
    /// The world.
    pub(super) world: &'a World,
    /// The request.
    pub(super) request: &'a Request,
    /// What it is for.
    pub(super) endpoint: Option<Endpoint>,
    /// The tenant of its token.
    pub(super) tenant_id: Option<TenantId>,
}

#[async_trait]
impl Host for Graph<'_> {
    async fn act(&self, _: Option<&Fault>) -> Answer {
        let answer = if self.endpoint == Some(Endpoint::Batch) {
            match batch::run(self).await {
                Ok(answer) => answer,
                Err(problem) => problem.to_graph(self.request, self.world.now()),
            }
        } else {
            self.answer()
        };
        self.signed(answer)
    }

    fn refuse(&self, status: u16, code: Option<&str>, text: &str) -> Answer {
        let problem = Problem::new(status, code.unwrap_or(usual_code(status)), text);
        self.signed(problem.to_graph(self.request, self.world.now()))
    }
}

impl Graph<'_> {
    fn answer(&self) -> Answer {
        let guard = self.world.look();
        let now = guard.now();
        let answer = access::admit(&guard.tokens, self.request, Api::Graph, now)
            .map_err(|denied| unauthenticated(&denied))
            .and_then(|grant| {
                let tenant = guard.state.tenant(grant.tenant_id).ok_or_else(|| unauthenticated(&Denied::Unknown))?;
                let application =
                    tenant.application(&grant.client_id).ok_or_else(|| unauthenticated(&Denied::Unknown))?;
                let settings = guard.state.settings();
                let application = &application.carried_since(grant.since);
                let scene = Scene { tenant, application, settings, request: self.request, now };
                scene.play(self.endpoint)
            });
        answer.unwrap_or_else(|problem| problem.to_graph(self.request, now))
    }

    /// What every answer has.
    fn signed(&self, answer: Answer) -> Answer {
        let answer = answer.with("request-id", self.request.id.to_string());
        match &self.request.client_request_id {
            Some(id) => answer.with("client-request-id", id),
            None => answer.with("client-request-id", self.request.id.to_string()),
        }
    }
}

/// 401.
fn unauthenticated(denied: &Denied) -> Problem {
    let message = match denied {
        Denied::Missing => "Access token is empty.".to_owned(),
        Denied::Unknown => "Access token validation failure. Invalid token.".to_owned(),
        Denied::Expired(_) => "Lifetime validation failed, the token is expired.".to_owned(),
        Denied::Audience => "Access token validation failure. Invalid audience.".to_owned(),
    };
    let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                     client_id=\"00000003-0000-0000-c000-000000000000\"";
    Problem::new(401, "InvalidAuthenticationToken", message).challenging(challenge)
}

/// Everything that an answer depends on.
pub(super) struct Scene<'a> {
    tenant: &'a Tenant,
    application: &'a Application,
    settings: &'a Settings,
    request: &'a Request,
    now: Timestamp,
}

impl Scene<'_> {
    fn play(&self, endpoint: Option<Endpoint>) -> Result<Answer, Problem> {
        match endpoint {
            Some(Endpoint::Organization) => directory::organization(self),
            Some(Endpoint::SubscribedSkus) => directory::subscribed_skus(self),
            Some(Endpoint::DirectorySubscriptions) => directory::subscriptions(self),
            Some(Endpoint::OwnRoles) => directory::own_roles(self),
            Some(Endpoint::RoleAssignments) => roles::assignments(self),
            Some(Endpoint::EligibleAssignments) => roles::eligible(self),
            Some(Endpoint::GroupMembers) => roles::members(self),
            Some(Endpoint::Incidents) => security::incidents(self),
            Some(Endpoint::Alerts) => security::alerts(self),
            Some(Endpoint::IdentityHealth) => security::identity_health(self),
            Some(Endpoint::IntuneConnector) => security::intune_connector(self),
            Some(Endpoint::Hunting) => hunting::run(self),
            _ => {
                let segment = self.request.segment(1);
                Err(Problem::new(404, "ResourceNotFound", format!("Resource not found for the segment '{segment}'.")))
            }
        }
    }

    /// Refuses an application without a permission of the directory.
    fn require(&self, any: &[&str]) -> Result<(), Problem> {
        if self.application.has_role(any) {
            return Ok(());
        }
        Err(Problem::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."))
    }

    /// Refuses an application without a permission of the security services.
    fn require_security(&self, any: &[&str]) -> Result<(), Problem> {
        if self.application.has_role(any) {
            return Ok(());
        }
        let own: Vec<_> = self.application.roles.iter().map(String::as_str).collect();
        let message = format!(
            "Missing application roles. API required roles: {}, application roles: {}.",
            any.join(","),
            own.join(",")
        );
        Err(Problem::new(403, "Forbidden", message))
    }

    /// Whether incidents, alerts and hunting show the service as on.
    fn is_on(&self) -> bool {
        self.tenant.signals(self.now, SignedDuration::from_secs(self.settings.signals_delay_seconds.into()))
    }
}
