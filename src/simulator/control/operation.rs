//! `PUT /tenants/{id}/operation`: changes the course of the operation that runs for a tenant, such as one that a fault
//! made endless.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extension};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::tenants::parse_id;
use crate::simulator::state::{Operation, State};
use crate::simulator::world::World;
use crate::tenant::TenantId;

/// The new course.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Course {
    /// How many more polls answer `in progress`; `null` is for ever.
    polls: Option<u32>,
    /// The description with which it fails in the end; it succeeds when absent.
    #[serde(default)]
    fails_with: Option<String>,
}

/// Changes the course; the answer is the operation.
pub(super) async fn put(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let id = parse_id(&id)?;
    let course: Course = super::body(&bytes)?;
    let operation = world.change(|state, _| redirect(state, id, course))??;
    Ok(Json(json!(operation)))
}

fn redirect(state: &mut State, id: TenantId, course: Course) -> Result<Operation, Problem> {
    let running = state.instance_of(id).and_then(|instance| state.running(instance)).cloned().ok_or_else(|| {
        Problem::not_found(format!("no operation is running for tenant {id}"), "it may have ended; see GET /journal")
    })?;
    let operation = Operation { polls_left: course.polls, fails_with: course.fails_with, ..running };
    state.put_operation(operation.clone());
    Ok(operation)
}
