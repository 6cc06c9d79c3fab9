//! `/clock` and `/tokens`: the time of the simulated world, and what ends with it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extension;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::simulator::world::World;

/// How far the time moves.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

/// `GET /clock`; the answer is `{"now": …}`.
pub(super) async fn show(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    Json(json!({ "now": world.now() }))
}

/// `POST /clock`: moves the time forward, for this run; the answer is as for `GET`.
pub(super) async fn advance(Extension(world): Extension<Arc<World>>, bytes: Bytes) -> Result<Json<Value>, Problem> {
    let Advance { advance_seconds } = super::body(&bytes)?;
    Ok(Json(json!({ "now": world.advance(SignedDuration::from_secs(advance_seconds.into())) })))
}

/// `DELETE /tokens`: whoever has a token must ask for another one.
pub(super) async fn revoke(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    world.look().tokens.revoke();
    Json(json!({}))
}
