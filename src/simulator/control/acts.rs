//! `POST /tenants/{id}/acts`: what people and support do, outside of the broker.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extension};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::tenants::{known, parse_id, view};
use crate::simulator::acts::{self, Navigation, Scene, TurnOn, navigation};
use crate::simulator::journal::{Actor, Change};
use crate::simulator::role_name::RoleName;
use crate::simulator::rules::Refusal;
use crate::simulator::state::State;
use crate::simulator::tenant::{Consent, Tenant};
use crate::simulator::world::World;
use crate::tenant::{IntegrationType, LinkState, Region, TenantId};

/// An act and who does it.
#[derive(Debug, Deserialize)]
struct Order {
    /// A role, or `support`. The acts of support need not say it.
    #[serde(rename = "as", default)]
    actor: Option<String>,
    #[serde(flatten)]
    act: Act,
}

/// What is done, by `act`.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "camelCase")]
enum Act {
    TurnOn {
        #[serde(default)]
        region: Option<Region>,
        #[serde(default)]
        consent: Option<Consent>,
    },
    ChooseRegion {
        region: Region,
    },
    Consent(Consent),
    OptOut,
    SetLink {
        #[serde(rename = "type")]
        link: IntegrationType,
        state: LinkState,
    },
    OpenPortal,
    SupportProvision {
        #[serde(default)]
        region: Option<Region>,
    },
    SupportOptOut,
    SupportDeprovision,
}

/// Does the act; the answer is `{"shown": …, "effects": [journal entries], "tenant": {…}}`.
pub(super) async fn act(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let id = parse_id(&id)?;
    let Order { actor, act } = super::body(&bytes)?;
    let actor = actor_of(actor.as_deref(), &act)?;
    let answer = world.change(|state, now| perform(state, id, (actor, act), now))??;
    Ok(Json(answer))
}

fn actor_of(named: Option<&str>, act: &Act) -> Result<Actor, Problem> {
    let is_supports = matches!(act, Act::SupportProvision { .. } | Act::SupportOptOut | Act::SupportDeprovision);
    let hint = "name a role, such as SecurityAdministrator, or support";
    let actor = match named {
        Some("support") => Actor::Support,
        None if is_supports => Actor::Support,
        None => return Err(Problem::bad_request("the act does not say as whom", hint)),
        Some(role) => RoleName::try_from(role.to_owned())
            .map(Actor::Person)
            .map_err(|error| Problem::bad_request(error.to_string(), hint))?,
    };
    if is_supports && actor != Actor::Support {
        return Err(Refusal::NotSupport { what: "this act", actor }.into());
    }
    Ok(actor)
}

fn perform(state: &mut State, id: TenantId, (actor, act): (Actor, Act), now: Timestamp) -> Result<Value, Problem> {
    let mut tenant = known(state, id)?.clone();
    let identity_delay = SignedDuration::from_secs(state.settings().identity_link_delay_seconds.into());
    let (shown, changes) = apply(&mut tenant, Scene { actor, now }, act, identity_delay)?;
    let tenant_view = view(&tenant);
    let first = state.journal().len();
    if !changes.is_empty() {
        state.put_tenant(tenant);
        state.record(id, actor, now, changes);
    }
    let effects = state.journal().get(first..).unwrap_or_default();
    Ok(json!({ "shown": shown, "effects": effects, "tenant": tenant_view }))
}

fn apply(
    tenant: &mut Tenant,
    scene: Scene,
    act: Act,
    identity_delay: SignedDuration,
) -> Result<(Navigation, Vec<Change>), Refusal> {
    let changes = match act {
        Act::TurnOn { region, consent } => acts::turn_on(tenant, scene, TurnOn { region, consent })?,
        Act::ChooseRegion { region } => acts::choose_region(tenant, scene, region)?,
        Act::Consent(consent) => acts::give_consent(tenant, scene, consent)?,
        Act::OptOut | Act::SupportOptOut => acts::opt_out(tenant, scene)?,
        Act::SetLink { link, state } => {
            let delay = if link == IntegrationType::IdentityCloudApps { identity_delay } else { SignedDuration::ZERO };
            acts::set_link(tenant, scene, link, state, delay)?
        }
        Act::OpenPortal => return Ok(acts::open_portal(tenant, scene)),
        Act::SupportProvision { region } => acts::turn_on(tenant, scene, TurnOn { region, consent: None })?,
        Act::SupportDeprovision => acts::deprovision(tenant, scene)?,
    };
    Ok((navigation(tenant), changes))
}
