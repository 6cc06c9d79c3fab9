//! The service broker: Open Service Broker API v2.17 over the simulated tenants.
//!
//! Every request goes the same way: it is written down, held, hit by faults, checked, done, made durable, held again,
//! answered. It is worked on to its end even when its client is gone, as a real broker would.

mod catalog;
mod delivery;
mod instances;
mod operations;
mod wire;
mod work;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State as Extension};
use axum::response::Response;
use axum::routing::{get, put};
use futures::future::BoxFuture;

use self::delivery::Delivery;
use self::wire::{Answer, Call, Refused};
use self::work::Twist;
use super::clock;
use super::faults::Fault;
use super::holds::{HeldRequest, Point, Then};
use super::matching::{Endpoint, Subject};
use super::requests::Logged;
use super::world::World;
use crate::tenant::TenantId;

pub use delivery::CutConnection;
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
    let visit = Visit::begin(world, call);
    let delivery = visit.run().await;
    visit.end(&delivery);
    delivery
}

/// A request while it is being worked on.
struct Visit {
    world: Arc<World>,
    call: Call,
    tenant: Option<TenantId>,
    seq: u64,
}

impl Visit {
    fn begin(world: Arc<World>, call: Call) -> Self {
        let mut guard = world.look();
        let tenant = guard.tenant_of(call.named_tenant(), call.instance_id.as_deref());
        let seq = guard.requests.arrive(Logged {
            seq: 0,
            time: clock::now(),
            method: call.method.clone(),
            path: call.path.clone(),
            instance_id: call.instance_id.clone(),
            tenant_id: tenant,
            status: None,
            request_identity: call.request_identity.clone(),
            originating_identity: call.originating_identity.clone(),
            body: call.body.clone(),
        });
        drop(guard);
        Self { world, call, tenant, seq }
    }

    fn end(&self, delivery: &Delivery) {
        let status = delivery.status();
        tracing::debug!(method = self.call.method, path = self.call.path, ?status, "answered");
        self.world.look().requests.end(self.seq, status, (self.tenant, &self.call.method));
    }

    async fn run(&self) -> Delivery {
        if self.hold(Point::Arrived).await == Then::Discard {
            return Delivery::Cut;
        }
        let hits = self.world.look().faults.hit(&self.subject());
        tokio::time::sleep(Duration::from_millis(hits.wait)).await;
        if let Some(early) =
            hits.fault.as_ref().and_then(|fault| delivery::instead_of_acting(fault, self.call.endpoint))
        {
            return early;
        }
        let answer = self.act(&twist(hits.fault.as_ref()));
        if self.hold(Point::Acted).await == Then::Discard {
            return Delivery::Cut;
        }
        delivery::after_acting(hits.fault.as_ref(), answer)
    }

    fn subject(&self) -> Subject<'_> {
        Subject { method: &self.call.method, endpoint: self.call.endpoint, tenant_id: self.tenant }
    }

    async fn hold(&self, point: Point) -> Then {
        let request = HeldRequest {
            time: clock::now(),
            tenant_id: self.tenant,
            method: self.call.method.clone(),
            path: self.call.path.clone(),
        };
        let reached = self.world.look().holds.reach(&self.subject(), point, &request);
        let Some(mut progress) = reached else { return Then::Proceed };
        match progress.wait_for(|progress| progress.released.is_some()).await {
            Ok(progress) => progress.released.unwrap_or_default(),
            Err(_) => Then::Proceed,
        }
    }

    /// Checks the request and does what it says; what it did is in the state file when this returns.
    fn act(&self, twist: &Twist) -> Answer {
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
                None => Err(Refused::new(404, "there is no such endpoint")),
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
