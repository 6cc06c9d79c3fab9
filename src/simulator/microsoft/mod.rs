//! Microsoft's own APIs, as far as the operator talks to them: Entra, Graph, Azure Resource Manager, on one port.
//!
//! Written from Microsoft's reference pages and from recorded answers; it shares no code with the operator's readers.
//! The paths of the three do not collide: `/{tenant}/oauth2/…` and `/{tenant}/v2.0/…`, `/v1.0/…`, `/subscriptions/…`.

mod access;
mod arm;
mod entra;
mod graph;
mod openid;
mod problem;
mod request;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State as Extension};
use axum::response::Response;
use axum::routing::any;
use futures::future::BoxFuture;
use serde_json::Value;

use self::arm::Arm;
use self::graph::Graph;
use self::problem::Problem;
use self::request::Request;
use super::answer::Answer;
use super::delivery::Delivery;
use super::faults::Fault;
use super::matching::{Api, Endpoint};
use super::requests::Logged;
use super::visit::{self, Host, Visitor};
use super::world::World;
use crate::tenant::TenantId;

/// Bodies of requests are read up to this many bytes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// The routes of all three.
pub fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", any(at(Api::Entra)))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", any(at(Api::Entra)))
        .route("/v1.0/{*path}", any(at(Api::Graph)))
        .route("/beta/{*path}", any(at(Api::Graph)))
        .route("/subscriptions", any(at(Api::Arm)))
        .route("/subscriptions/{*path}", any(at(Api::Arm)))
        .with_state(world)
}

fn at(
    api: Api,
) -> impl Fn(Extension<Arc<World>>, HttpRequest) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static {
    move |Extension(world), request| {
        Box::pin(async move {
            // Spawned, so that it goes on when the client hangs up.
            let work = tokio::spawn(serve(world, api, request));
            work.await.unwrap_or(Delivery::Cut).into_response()
        })
    }
}

/// One request, from its arrival to what is to be sent.
async fn serve(world: Arc<World>, api: Api, request: HttpRequest) -> Delivery {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        let refused = Problem::new(413, "RequestEntityTooLarge", "The request body is too large or was cut off.");
        return Delivery::from(refused.to_arm());
    };
    let request = Request::read(&parts.method, &parts.uri, &parts.headers, &body);
    let (endpoint, tenant_id) = match api {
        Api::Graph => (graph::endpoint(&request), access::tenant_of(&world, &request)),
        Api::Arm => (arm::endpoint(&request), access::tenant_of(&world, &request)),
        Api::Entra | Api::Broker => (entra::endpoint(&request), entra::tenant_of(&world, &request)),
    };
    let visitor =
        Visitor { api, endpoint, tenant_id, method: request.method.clone(), path: request.path_and_query.clone() };
    let logged = log_entry(&world, &visitor, &request);
    match api {
        Api::Graph => {
            let host = Graph { world: &world, request: &request, endpoint, tenant_id };
            visit::receive(&world, &visitor, logged, &host).await
        }
        Api::Arm => visit::receive(&world, &visitor, logged, &Arm { world: &world, request: &request, endpoint }).await,
        Api::Entra | Api::Broker => {
            visit::receive(&world, &visitor, logged, &Door { world: &world, request: &request, endpoint, tenant_id })
                .await
        }
    }
}

fn log_entry(world: &World, visitor: &Visitor, request: &Request) -> Logged {
    let parts = if visitor.endpoint == Some(Endpoint::Batch) { graph::part_paths(request) } else { Vec::new() };
    Logged {
        seq: 0,
        time: world.now(),
        api: visitor.api,
        method: visitor.method.clone(),
        path: visitor.path.clone(),
        instance_id: None,
        tenant_id: visitor.tenant_id,
        status: None,
        answered: None,
        retry_after: Vec::new(),
        request_identity: None,
        originating_identity: None,
        client_request_id: request.client_request_id.clone(),
        // What is sent to Entra is a secret.
        body: request.body.clone().filter(|_| visitor.api != Api::Entra),
        parts,
    }
}

/// Where requests to Entra are dealt with.
struct Door<'a> {
    world: &'a World,
    request: &'a Request,
    endpoint: Option<Endpoint>,
    tenant_id: Option<TenantId>,
}

#[async_trait]
impl Host for Door<'_> {
    async fn act(&self, _: Option<&Fault>) -> Answer {
        let answer = match self.endpoint {
            Some(Endpoint::Token) => entra::token(self.world, self.request, self.tenant_id),
            Some(Endpoint::OpenIdConfiguration) => openid::configuration(self.world, self.request, self.tenant_id),
            _ => Answer::new(404, Value::Null),
        };
        answer.with("x-ms-request-id", self.request.id.to_string()).with("cache-control", "no-store, no-cache")
    }

    fn refuse(&self, status: u16, code: Option<&str>, text: &str) -> Answer {
        let code = code.unwrap_or(if status >= 500 { "server_error" } else { "temporarily_unavailable" });
        entra::refusal(self.request, (status, code, 90033), text).with("x-ms-request-id", self.request.id.to_string())
    }
}
