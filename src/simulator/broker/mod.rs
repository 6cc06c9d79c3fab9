//! The service broker: Open Service Broker API v2.17 over the simulated tenants.
//!
//! Every request goes the same way: it is written down, held, hit by faults, checked, done, made durable, held again,
//! answered. It is worked on to its end even when its client is gone, as a real broker would.

mod catalog;
mod instances;
mod operations;
mod wire;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State as Extension};
use axum::response::Response;
use axum::routing::{get, put};
use futures::future::BoxFuture;

use self::wire::{Call, Refused};
use self::work::Twist;
use super::answer::Answer;
use super::delivery::Delivery;
use super::faults::Fault;
use super::matching::{Api, Endpoint};
use super::requests::Logged;
use super::visit::{self, Host, Visitor};
use super::world::World;

pub use wire::{PLAN_ID, SERVICE_ID};

/// Bodies of requests are read up to this many bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// The broker's routes.
pub fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/v2/catalog", get(at(Some(Endpoint::Catalog))))
        .route(
            "/v2/service_instances/{id}",
            put(at(Some(Endpoint::Provision)))
                .patch(at(Some(Endpoint::Update)))
                .delete(at(Some(Endpoint::Deprovision)))
                .get(at(Some(Endpoint::Fetch))),
        )
        .route("/v2/service_instances/{id}/last_operation", get(at(Some(Endpoint::LastOperation))))
        .fallback(at(None))
        .with_state(world)
}

fn at(
    endpoint: Option<Endpoint>,
) -> impl Fn(Extension<Arc<World>>, Option<Path<String>>, Request) -> BoxFuture<'static, Response>
+ Clone
+ Send
+ Sync
+ 'static {
    move |Extension(world), id, request| {
        Box::pin(async move {
            // Spawned, so that it goes on when the client hangs up.
            let work = tokio::spawn(serve(world, (endpoint, id.map(|Path(id)| id)), request));
            work.await.unwrap_or(Delivery::Cut).into_response()
        })
    }
}

/// One request, from its arrival to what is to be sent.
async fn serve(world: Arc<World>, target: (Option<Endpoint>, Option<String>), request: Request) -> Delivery {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return Delivery::from(Answer::from(Refused::new(413, "the body is too long or was cut off")));
    };
    let call = Call::new(target, (&parts.method, &parts.uri), &parts.headers, &body);
    let tenant_id = world.look().tenant_of(call.named_tenant(), call.instance_id.as_deref());
    let visitor = Visitor {
        api: Api::Broker,
        endpoint: call.endpoint,
        tenant_id,
        method: call.method.clone(),
        path: call.path.clone(),
    };
    let logged = Logged {
        seq: 0,
        time: world.now(),
        api: Api::Broker,
        method: call.method.clone(),
        path: call.path.clone(),
        instance_id: call.instance_id.clone(),
        tenant_id,
        status: None,
        answered: None,
        retry_after: Vec::new(),
        request_identity: call.request_identity.clone(),
        originating_identity: call.originating_identity.clone(),
        client_request_id: None,
        body: call.body.clone(),
        parts: Vec::new(),
    };
    visit::receive(&world, &visitor, logged, &Desk { world: &world, call }).await
}

/// Where one request is dealt with.
struct Desk<'a> {
    world: &'a World,
    call: Call,
}

#[async_trait]
impl Host for Desk<'_> {
    async fn act(&self, fault: Option<&Fault>) -> Answer {
        self.deal(&twist(fault))
    }

    fn refuse(&self, status: u16, code: Option<&str>, text: &str) -> Answer {
        Refused { status, error: code.map(str::to_owned), description: text.to_owned() }.into()
    }
}

impl Desk<'_> {
    /// Checks the request and does what it says; what it did is in the state file when this returns.
    fn deal(&self, twist: &Twist) -> Answer {
        if let Err(refused) = self.check() {
            return refused.into();
        }
        let call = &self.call;
        let done = self.world.change(|state, now| {
            let result = match call.endpoint {
                Some(Endpoint::Catalog) => Ok(catalog::catalog(state.settings())),
                Some(Endpoint::Provision) => instances::provision(state, call, twist, now),
                Some(Endpoint::Update) => instances::update(state, call, twist, now),
                Some(Endpoint::Deprovision) => instances::deprovision(state, call, twist, now),
                Some(Endpoint::Fetch) => instances::fetch(state, call),
                Some(Endpoint::LastOperation) => operations::poll(state, call, now),
                _ => Err(Refused::new(404, "there is no such endpoint")),
            };
            if result.as_ref().is_err_and(Refused::is_concurrency) {
                // Work goes on while somebody waits for it, also somebody who does not know that it could be polled.
                let _ = operations::poll(state, call, now);
            }
            result
        });
        match done {
            Ok(result) => result.unwrap_or_else(Answer::from),
            Err(error) => {
                tracing::error!(%error, "the state file cannot be written");
                Refused::new(500, error.to_string()).into()
            }
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let admitted =
            self.call.credentials.as_ref().is_some_and(|(username, password)| self.world.admits(username, password));
        if !admitted {
            return Err(Refused::new(401, "the credentials are missing or wrong"));
        }
        match self.call.version.as_deref() {
            Some(version) if version.split_once('.').is_some_and(|(major, _)| major == "2") => Ok(()),
            _ => Err(Refused::new(412, "X-Broker-API-Version is missing or not 2.x; this broker speaks 2.17")),
        }
    }
}

fn twist(fault: Option<&Fault>) -> Twist {
    match fault {
        Some(Fault::NeverEnding) => Twist { never_ends: true, ..Twist::default() },
        Some(Fault::OperationFails { description }) => {
            Twist { fails_with: Some(description.clone()), ..Twist::default() }
        }
        Some(Fault::WrongHandle) => Twist { wrong_handle: true, ..Twist::default() },
        _ => Twist::default(),
    }
}
