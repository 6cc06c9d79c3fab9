//! `/tenants`: what there is, and putting it there.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extension};
use serde_json::{Map, Value, json};

use super::problem::Problem;
use crate::simulator::acts::navigation;
use crate::simulator::journal::{Actor, Change, Effect};
use crate::simulator::rules;
use crate::simulator::state::State;
use crate::simulator::store::StoreError;
use crate::simulator::tenant::Tenant;
use crate::simulator::world::World;
use crate::tenant::TenantId;

/// A seed that no tenant of the real world could be.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A region that does not exist under the tenant's rules.
    #[error("tenant {tenant}: {member} {region} does not exist under {experience} in the {cloud} cloud")]
    Region {
        /// The tenant.
        tenant: TenantId,
        /// The member of the seed.
        member: &'static str,
        /// Its value.
        region: crate::tenant::Region,
        /// The tenant's experience.
        experience: crate::tenant::Experience,
        /// The tenant's cloud.
        cloud: crate::tenant::Cloud,
    },
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts a tenant into the world, or replaces it.
///
/// # Errors
/// An impossible seed, or a state file that cannot be written.
pub fn seed(world: &World, tenant: Tenant) -> Result<(), SeedError> {
    put_down(world, tenant, Change::new(Effect::Seeded, []))
}

fn put_down(world: &World, mut tenant: Tenant, change: Change) -> Result<(), SeedError> {
    tenant.complete_seed(world.now());
    check(&tenant)?;
    let id = tenant.tenant_id;
    world.change(|state, now| {
        if let Some(before) = state.tenant(id) {
            for application in &mut tenant.applications {
                if let Some(before) = before.application(&application.client_id) {
                    application.note_grants(before, now);
                }
            }
        }
        state.put_tenant(tenant);
        state.record(id, Actor::Seed, now, vec![change]);
    })?;
    world.look().attribute(id);
    Ok(())
}

fn check(tenant: &Tenant) -> Result<(), SeedError> {
    let regions = [("endpointRegion", tenant.endpoint_region), ("region", tenant.region)];
    let wrong = regions
        .into_iter()
        .filter_map(|(member, region)| Some((member, region?)))
        .find(|(_, region)| !rules::region_is_offered(tenant, *region));
    match wrong {
        None => Ok(()),
        Some((member, region)) => Err(SeedError::Region {
            tenant: tenant.tenant_id,
            member,
            region,
            experience: tenant.experience,
            cloud: tenant.cloud,
        }),
    }
}

/// `GET /tenants`.
pub(super) async fn list(Extension(world): Extension<Arc<World>>) -> Json<Value> {
    let views: Vec<_> = world.look().state.tenants().values().map(view).collect();
    Json(Value::Array(views))
}

/// `GET /tenants/{id}`.
pub(super) async fn show(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id = parse_id(&id)?;
    let guard = world.look();
    Ok(Json(view(known(&guard.state, id)?)))
}

/// `PUT /tenants/{id}`: what `GET` shows can be put back; `portal` in it is ignored.
pub(super) async fn put(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let id = parse_id(&id)?;
    let mut seeded: Value = super::body(&bytes)?;
    if let Some(members) = seeded.as_object_mut() {
        members.remove("portal");
        members.entry("tenantId").or_insert_with(|| id.to_string().into());
    }
    let hint = "see the members of GET /tenants";
    let tenant: Tenant =
        serde_json::from_value(seeded).map_err(|error| Problem::bad_request(error.to_string(), hint))?;
    if tenant.tenant_id != id {
        return Err(Problem::bad_request("tenantId differs from the id in the path", "leave tenantId out"));
    }
    seed(&world, tenant)?;
    let guard = world.look();
    Ok(Json(view(known(&guard.state, id)?)))
}

/// `PATCH /tenants/{id}`: replaces the members that the body names and keeps the others; `null` is the default.
pub(super) async fn patch(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let id = parse_id(&id)?;
    let changed: Map<String, Value> = super::body(&bytes)?;
    let names: Vec<&str> = changed.keys().map(String::as_str).collect();
    let change = Change::new(Effect::Changed, [("members", names.join(","))]);
    let mut members = json!(known(&world.look().state, id)?).as_object().cloned().unwrap_or_default();
    members.extend(changed);
    members.retain(|_, value| !value.is_null());
    let hint = "see the members of GET /tenants";
    let tenant: Tenant = serde_json::from_value(Value::Object(members))
        .map_err(|error| Problem::bad_request(error.to_string(), hint))?;
    if tenant.tenant_id != id {
        return Err(Problem::bad_request("a tenant keeps its id", "leave tenantId out"));
    }
    put_down(&world, tenant, change)?;
    let guard = world.look();
    Ok(Json(view(known(&guard.state, id)?)))
}

impl From<SeedError> for Problem {
    fn from(error: SeedError) -> Self {
        match error {
            SeedError::Store(error) => error.into(),
            error @ SeedError::Region { .. } => {
                Self::bad_request(error.to_string(), "name a region that exists, or none")
            }
        }
    }
}

/// A tenant with what its portal shows right now under `portal`.
pub(super) fn view(tenant: &Tenant) -> Value {
    let mut shown = json!(tenant);
    if let Some(members) = shown.as_object_mut() {
        let portal = json!({
            "eligible": rules::eligibility(tenant).is_ok(),
            "features": tenant.features(),
            "navigation": navigation(tenant),
        });
        members.insert("portal".to_owned(), portal);
    }
    shown
}

/// The tenant, or 404.
pub(super) fn known(state: &State, id: TenantId) -> Result<&Tenant, Problem> {
    state.tenant(id).ok_or_else(|| {
        Problem::not_found(format!("there is no tenant {id}"), "PUT /tenants/{id} puts it into the world")
    })
}

/// The tenant id of a path.
pub(super) fn parse_id(text: &str) -> Result<TenantId, Problem> {
    text.parse().map_err(|error: crate::tenant::InvalidTenantId| {
        Problem::bad_request(error.to_string(), "use the canonical form")
    })
}
