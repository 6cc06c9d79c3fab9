//! The control port: how tests and demonstrations set the scene, act as people, and read what happened.
//!
//! Plain HTTP and JSON, meant for loopback. Every refusal is a 4xx with `{"error": …, "hint": …}`.
//!
//! | path | what it does |
//! |---|---|
//! | `GET /tenants`, `GET PUT PATCH /tenants/{id}` | what there is; seeding and replacing; changing members |
//! | `POST /tenants/{id}/acts` | `{"act": "turnOn", "as": "SecurityAdministrator", …}`: what people and support do |
//! | `PUT /tenants/{id}/operation` | `{"polls": 0, "failsWith"?: …}`: a new course for the running operation |
//! | `GET POST /clock` | `{"advanceSeconds": 43200}`: the time of the simulated world |
//! | `DELETE /tokens` | makes every token worthless |
//! | `GET /journal?tenant=&since=` | every effect on every tenant, in order |
//! | `GET /requests?tenant=&since=&api=`, `GET /requests/counts?tenant=&api=` | what was asked of whom |
//! | `GET PUT /settings?tenant=` | how the broker and Microsoft's APIs behave ([`super::settings`]) |
//! | `GET POST DELETE /faults`, `DELETE /faults/{id}` | what goes wrong, how often, for which share of the requests ([`super::faults`]) |
//! | `POST DELETE /holds`, `GET /holds/{id}?waitSeconds=`, `POST /holds/{id}/release` | hold points ([`super::holds`]) |

mod acts;
mod clock;
mod faults;
mod operation;
mod problem;
mod settings;
mod tenants;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State as Extension};
use axum::http::{HeaderValue, Uri};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::problem::Problem;
use super::matching::Api;
use super::requests::Filter;
use super::world::World;
use crate::tenant::TenantId;

pub use tenants::{SeedError, seed};

/// The control port's routes.
pub fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/tenants", get(tenants::list))
        .route("/tenants/{id}", get(tenants::show).put(tenants::put).patch(tenants::patch))
        .route("/tenants/{id}/acts", post(acts::act))
        .route("/tenants/{id}/operation", put(operation::put))
        .route("/clock", get(clock::show).post(clock::advance))
        .route("/tokens", delete(clock::revoke))
        .route("/journal", get(journal))
        .route("/requests", get(requests))
        .route("/requests/counts", get(counts))
        .route("/settings", get(settings::show).put(settings::put))
        .route("/faults", get(faults::list).post(faults::add).delete(faults::clear))
        .route("/faults/{id}", delete(faults::remove))
        .route("/holds", post(faults::hold).delete(faults::clear_holds))
        .route("/holds/{id}", get(faults::hold_report))
        .route("/holds/{id}/release", post(faults::release))
        .fallback(nowhere)
        .layer(map_response(marked))
        .with_state(world)
}

async fn marked(mut response: Response) -> Response {
    response.headers_mut().insert("x-simulator", HeaderValue::from_static("true"));
    response
}

async fn nowhere() -> Problem {
    Problem::not_found("there is no such path on the control port", "see the documentation of `simulate` for the paths")
}

/// Whose entries, and from where on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Range {
    tenant: Option<TenantId>,
    since: Option<u64>,
    api: Option<Api>,
}

impl Range {
    const fn filter(&self) -> Filter {
        Filter { tenant: self.tenant, api: self.api }
    }
}

/// `GET /journal?tenant=&since=`: the entries after position `since`.
async fn journal(Extension(world): Extension<Arc<World>>, uri: Uri) -> Result<Json<Value>, Problem> {
    let range: Range = query(&uri)?;
    let since = range.since.unwrap_or(0);
    let guard = world.look();
    let entries: Vec<_> = guard
        .state
        .journal()
        .iter()
        .filter(|entry| entry.seq > since && range.tenant.is_none_or(|tenant| entry.tenant_id == tenant))
        .collect();
    Ok(Json(json!(entries)))
}

/// `GET /requests?tenant=&since=&api=`: the remembered requests after position `since`.
async fn requests(Extension(world): Extension<Arc<World>>, uri: Uri) -> Result<Json<Value>, Problem> {
    let range: Range = query(&uri)?;
    let list = world.look().requests.list(range.filter(), range.since.unwrap_or(0));
    Ok(Json(json!(list)))
}

/// `GET /requests/counts?tenant=&api=`: how many requests ended how.
async fn counts(Extension(world): Extension<Arc<World>>, uri: Uri) -> Result<Json<Value>, Problem> {
    let range: Range = query(&uri)?;
    let counts = world.look().requests.counts(range.filter());
    Ok(Json(json!(counts)))
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let Query(value) = Query::try_from_uri(uri)
        .map_err(|error| Problem::bad_request(error.to_string(), "check the names and values in the query"))?;
    Ok(value)
}

fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::bad_request(
            format!("the body cannot be read: {error}"),
            "send JSON with exactly the documented members",
        )
    })
}
