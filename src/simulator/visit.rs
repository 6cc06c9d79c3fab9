//! The way of every request: it is held, hit by faults, acted upon, held again, answered.
//!
//! It is worked on to its end even when its client is gone, as a real service would.

use std::time::Duration;

use async_trait::async_trait;

use super::answer::Answer;
use super::delivery::{self, Delivery};
use super::faults::Fault;
use super::holds::{HeldRequest, Point, Then};
use super::matching::{Api, Endpoint, Subject};
use super::requests::{Ending, Logged};
use super::world::World;
use crate::tenant::TenantId;

/// Who visits what, as far as faults, hold points and counts go.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// Who is asked.
    pub(super) api: Api,
    /// What is asked for; none for a path that does not exist.
    pub(super) endpoint: Option<Endpoint>,
    /// The tenant, where it can be told.
    pub(super) tenant_id: Option<TenantId>,
    /// HTTP method.
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
}

/// Who answers.
#[async_trait]
pub(super) trait Host: Send + Sync {
    /// Does what the request says; what it did is in the state file when this returns.
    async fn act(&self, fault: Option<&Fault>) -> Answer;

    /// How this API words a refusal that a fault orders: status, error code where the order names one, text.
    fn refuse(&self, status: u16, code: Option<&str>, text: &str) -> Answer;
}

/// Writes the visit down, from its arrival to what is to be sent, and goes the whole way.
pub(super) async fn receive(world: &World, visitor: &Visitor, logged: Logged, host: &dyn Host) -> Delivery {
    let seq = world.look().requests.arrive(logged);
    let delivery = attend(world, visitor, host).await;
    let status = delivery.status();
    tracing::debug!(method = visitor.method, path = visitor.path, ?status, "answered");
    let mut guard = world.look();
    let ending = Ending { time: guard.now(), status, retry_after: delivery.retry_after() };
    guard.requests.end(seq, ending, &visitor.subject());
    drop(guard);
    delivery
}

/// Goes the way without writing it down.
pub(super) async fn attend(world: &World, visitor: &Visitor, host: &dyn Host) -> Delivery {
    if visitor.hold(world, Point::Arrived).await == Then::Discard {
        return Delivery::Cut;
    }
    let hits = world.look().faults.hit(&visitor.subject());
    tokio::time::sleep(Duration::from_millis(hits.wait)).await;
    let refuse = |status, code: Option<&str>, text: &str| host.refuse(status, code, text);
    let fault = hits.fault.as_ref();
    if let Some(early) = fault.and_then(|fault| delivery::instead_of_acting(fault, visitor.endpoint, &refuse)) {
        return early;
    }
    let answer = host.act(fault).await;
    if visitor.hold(world, Point::Acted).await == Then::Discard {
        return Delivery::Cut;
    }
    delivery::after_acting(fault, answer, &refuse)
}

impl Visitor {
    fn subject(&self) -> Subject<'_> {
        Subject { api: self.api, method: &self.method, endpoint: self.endpoint, tenant_id: self.tenant_id }
    }

    async fn hold(&self, world: &World, point: Point) -> Then {
        let request = HeldRequest {
            time: world.now(),
            tenant_id: self.tenant_id,
            method: self.method.clone(),
            path: self.path.clone(),
        };
        let reached = world.look().holds.reach(&self.subject(), point, &request);
        let Some(mut progress) = reached else { return Then::Proceed };
        match progress.wait_for(|progress| progress.released.is_some()).await {
            Ok(progress) => progress.released.unwrap_or_default(),
            Err(_) => Then::Proceed,
        }
    }
}
