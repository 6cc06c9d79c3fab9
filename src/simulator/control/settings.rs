//! `/settings`: how the broker behaves.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extension;
use axum::http::Uri;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Problem, Range, query};
use crate::simulator::settings::Settings;
use crate::simulator::world::World;
use crate::tenant::TenantId;

/// `GET /settings`, `GET /settings?tenant=<id>`.
pub(super) async fn show(Extension(world): Extension<Arc<World>>, uri: Uri) -> Result<Json<Value>, Problem> {
    let range: Range = query(&uri)?;
    Ok(Json(view(world.look().state.settings(), range.tenant)))
}

/// `PUT /settings`, `PUT /settings?tenant=<id>`: replaces the members that the body names; `null` is the default.
pub(super) async fn put(
    Extension(world): Extension<Arc<World>>,
    uri: Uri,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let range: Range = query(&uri)?;
    let named: Map<String, Value> = super::body(&bytes)?;
    let answer = world.change(|state, _| {
        let mut settings = state.settings().clone();
        match range.tenant {
            Some(tenant) => {
                let own = settings.tenants.entry(tenant).or_default();
                *own = merged(own, named)?;
            }
            None => settings = merged(&settings, named)?,
        }
        let answer = view(&settings, range.tenant);
        state.put_settings(settings);
        Ok::<_, Problem>(answer)
    })??;
    Ok(Json(answer))
}

fn view(settings: &Settings, tenant: Option<TenantId>) -> Value {
    match tenant {
        Some(id) => json!(settings.tenants.get(&id).cloned().unwrap_or_default()),
        None => json!(settings),
    }
}

fn merged<T: Serialize + DeserializeOwned>(current: &T, named: Map<String, Value>) -> Result<T, Problem> {
    let mut members = json!(current);
    if let Some(members) = members.as_object_mut() {
        for (name, value) in named {
            if value.is_null() {
                members.remove(&name);
            } else {
                members.insert(name, value);
            }
        }
    }
    serde_json::from_value(members)
        .map_err(|error| Problem::bad_request(error.to_string(), "see the members of GET /settings"))
}
