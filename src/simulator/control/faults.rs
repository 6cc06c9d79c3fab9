//! `/faults` and `/holds`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extension};
use axum::http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::simulator::faults::{Fault, Order};
use crate::simulator::holds::{HoldOrder, HoldReport, Then};
use crate::simulator::world::World;

/// Nobody waits longer than this for one answer.
const LONGEST_WAIT: f64 = 300.0;

/// `POST /faults`; the answer is `{"id": …}`.
pub(super) async fn add(Extension(world): Extension<Arc<World>>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let order: Order = super::body(&bytes)?;
    if let Fault::FailBeforeActing { status, .. } | Fault::FailAfterActing { status, .. } = &order.fault
        && !(200..=599).contains(status)
    {
        return Err(Problem::bad_request(format!("{status} is no status of an answer"), "use 200 to 599"));
    }
    if !order.has_valid_share() {
        return Err(Problem::bad_request("the share is no chance", "use a number from 0 to 1, such as 0.3"));
    }
    Ok(Json(json!({ "id": world.look().faults.add(order) })))
}

/// `GET /faults`.
pub(super) async fn list(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    Json(json!(world.look().faults.list()))
}

/// `DELETE /faults`.
pub(super) async fn clear(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    world.look().faults.clear();
    Json(json!({}))
}

/// `DELETE /faults/{id}`.
pub(super) async fn remove(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<u64>,
) -> Result<Json<Value>, Problem> {
    if world.look().faults.remove(id) {
        Ok(Json(json!({})))
    } else {
        Err(Problem::not_found(format!("there is no fault {id}"), "GET /faults lists them"))
    }
}

/// `POST /holds`; the answer is `{"id": …}`.
pub(super) async fn hold(Extension(world): Extension<Arc<World>>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let order: HoldOrder = super::body(&bytes)?;
    Ok(Json(json!({ "id": world.look().holds.add(order) })))
}

/// `DELETE /holds`: releases and forgets all.
pub(super) async fn clear_holds(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    world.look().holds.clear();
    Json(json!({}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Wait {
    wait_seconds: Option<f64>,
}

/// `GET /holds/{id}?waitSeconds=`: answers when a request is held, or when the time is over.
pub(super) async fn hold_report(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<u64>,
    uri: Uri,
) -> Result<Json<HoldReport>, Problem> {
    let wait: Wait = super::query(&uri)?;
    let mut progress = world.look().holds.watch(id).ok_or_else(|| no_hold(id))?;
    let longest = Duration::from_secs_f64(wait.wait_seconds.unwrap_or(0.0).clamp(0.0, LONGEST_WAIT));
    // The time being over and the hold being cleared are both reported as the progress stands.
    let _ = tokio::time::timeout(longest, progress.wait_for(|progress| progress.reached.is_some())).await;
    let progress = progress.borrow().clone();
    Ok(Json(HoldReport {
        id,
        reached: progress.reached.is_some(),
        released: progress.released.is_some(),
        request: progress.reached,
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Release {
    then: Option<Then>,
}

/// `POST /holds/{id}/release`, optionally with `{"then": "proceed" | "discard"}`.
pub(super) async fn release(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<u64>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let Release { then } = if bytes.is_empty() { Release::default() } else { super::body(&bytes)? };
    if world.look().holds.release(id, then) { Ok(Json(json!({}))) } else { Err(no_hold(id)) }
}

fn no_hold(id: u64) -> Problem {
    Problem::not_found(format!("there is no hold {id}"), "POST /holds makes one; clearing forgets them")
}
