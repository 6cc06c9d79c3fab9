//! What provisioning, updating and deprovisioning do to the tenant, now or when an operation ends.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::wire::{Call, DesiredState, ProvisionParameters, Refused, UpdateParameters};
use crate::simulator::acts::{self, Scene, TurnOn};
use crate::simulator::answer::Answer;
use crate::simulator::journal::{Actor, Change, Effect};
use crate::simulator::settings::{Mode, Polling};
use crate::simulator::state::{Instance, Operation, OperationKind, Outcome, Phase, State};
use crate::simulator::tenant::Tenant;
use crate::tenant::{IntegrationType, Region, TenantId};

/// What faults make of an operation that begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Twist {
    /// It stays in progress for ever.
    pub(super) never_ends: bool,
    /// It ends as failed, with this description.
    pub(super) fails_with: Option<String>,
    /// The answer carries a handle that nothing belongs to.
    pub(super) wrong_handle: bool,
}

/// The work of one request.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// What is done.
    pub(super) kind: OperationKind,
    /// The parameters as sent.
    pub(super) parameters: Value,
    /// The instance it is done to, as it is before.
    pub(super) instance: Instance,
}

/// Does the work at once, or begins an operation, as the settings say. A refusal of the tenant's rules is known at once.
pub(super) fn start(
    state: &mut State,
    job: Job,
    call: &Call,
    twist: &Twist,
    now: Timestamp,
) -> Result<Answer, Refused> {
    let tenant = job.instance.tenant_id;
    rehearse(state, tenant, (job.kind, &job.parameters), now)?;
    let can_poll = call.accepts_incomplete();
    let polling = match state.settings().towards(tenant).mode {
        Mode::Async(polling) => Some(polling),
        // A fault that needs an operation makes the broker asynchronous, where the platform allows it.
        Mode::Sync => ((twist.never_ends || twist.fails_with.is_some() || twist.wrong_handle) && can_poll)
            .then_some(Polling { polls: 1, retry_after_seconds: None }),
    };
    match polling {
        Some(_) if !can_poll => Err(async_required()),
        Some(polling) => Ok(begin(state, job, polling, twist)),
        None => {
            if let Some(description) = &twist.fails_with {
                return Err(Refused::new(500, description.clone()));
            }
            let done = if job.kind == OperationKind::Provision { 201 } else { 200 };
            perform(state, job.instance, (job.kind, &job.parameters), now)?;
            Ok(Answer::empty(done))
        }
    }
}

fn async_required() -> Refused {
    Refused::unprocessable("AsyncRequired", "this service plan requires client support for asynchronous operations")
}

fn begin(state: &mut State, job: Job, polling: Polling, twist: &Twist) -> Answer {
    let handle = state.next_handle(job.kind);
    state.put_operation(Operation {
        handle: handle.clone(),
        instance_id: job.instance.id.clone(),
        kind: job.kind,
        parameters: job.parameters,
        polls_left: (!twist.never_ends).then_some(polling.polls),
        fails_with: twist.fails_with.clone(),
        outcome: Outcome::InProgress,
    });
    let phase = if job.kind == OperationKind::Provision { Phase::Provisioning } else { job.instance.phase };
    state.put_instance(Instance { operation: Some(handle.clone()), phase, ..job.instance });
    accepted(if twist.wrong_handle { "no such operation" } else { &handle })
}

/// 202 with a handle.
#[must_use]
pub(super) fn accepted(handle: &str) -> Answer {
    Answer::new(202, json!({ "operation": handle }))
}

/// Does the work: on the tenant, on the instance, in the journal.
pub(super) fn perform(
    state: &mut State,
    instance: Instance,
    work: (OperationKind, &Value),
    now: Timestamp,
) -> Result<(), Refused> {
    let tenant_id = instance.tenant_id;
    let (tenant, mut changes) = rehearse(state, tenant_id, work, now)?;
    let named = [("instanceId", instance.id.clone())];
    let phase = match work.0 {
        OperationKind::Provision => {
            changes.insert(0, Change::new(Effect::InstanceCreated, named));
            Phase::Present
        }
        OperationKind::Update => instance.phase,
        OperationKind::Deprovision => {
            changes.push(Change::new(Effect::InstanceDeleted, named));
            Phase::Absent
        }
    };
    state.put_tenant(tenant);
    state.put_instance(Instance { phase, ..instance });
    state.record(tenant_id, Actor::Broker, now, changes);
    Ok(())
}

/// What the work would make of the tenant; nothing changes.
fn rehearse(
    state: &State,
    tenant_id: TenantId,
    (kind, parameters): (OperationKind, &Value),
    now: Timestamp,
) -> Result<(Tenant, Vec<Change>), Refused> {
    let mut tenant = state
        .tenant(tenant_id)
        .cloned()
        .ok_or_else(|| Refused::bad_request(format!("TenantUnknown: there is no tenant {tenant_id}")))?;
    let scene = Scene { actor: Actor::Broker, now };
    let changes = match kind {
        OperationKind::Provision => provision(&mut tenant, scene, parse(parameters)?)?,
        OperationKind::Update => {
            let delay = SignedDuration::from_secs(state.settings().identity_link_delay_seconds.into());
            update(&mut tenant, scene, (parse(parameters)?, asked_region(state, tenant_id)), delay)?
        }
        OperationKind::Deprovision => acts::deprovision(&mut tenant, scene)?,
    };
    Ok((tenant, changes))
}

/// Reads parameters; 400 when they are not what they should be.
pub(super) fn parse<T: serde::de::DeserializeOwned>(parameters: &Value) -> Result<T, Refused> {
    serde_json::from_value(parameters.clone()).map_err(|error| Refused::bad_request(format!("parameters: {error}")))
}

fn provision(tenant: &mut Tenant, scene: Scene, wish: ProvisionParameters) -> Result<Vec<Change>, Refused> {
    if wish.state != DesiredState::Enabled {
        return Err(Refused::bad_request("parameters.state must be Enabled when provisioning"));
    }
    if wish.cloud != tenant.cloud {
        return Err(Refused::bad_request(format!(
            "CloudMismatch: the tenant lives in the {} cloud, not in {}",
            tenant.cloud, wish.cloud
        )));
    }
    if wish.experience != tenant.experience {
        return Err(Refused::bad_request(format!(
            "ExperienceMismatch: the tenant lives under {}, not under {}",
            tenant.experience, wish.experience
        )));
    }
    Ok(acts::turn_on(tenant, scene, TurnOn { region: wish.region, consent: wish.consent })?)
}

/// The region that the request which created the instance named.
fn asked_region(state: &State, tenant_id: TenantId) -> Option<Region> {
    let requested = &state.instance_of(tenant_id)?.requested;
    serde_json::from_value(requested.pointer("/parameters/region")?.clone()).ok()
}

fn update(
    tenant: &mut Tenant,
    scene: Scene,
    (wish, asked_region): (UpdateParameters, Option<Region>),
    identity_delay: SignedDuration,
) -> Result<Vec<Change>, Refused> {
    if wish.consent.is_some() && wish.state != Some(DesiredState::Enabled) {
        return Err(Refused::bad_request("parameters.consent goes together with parameters.state Enabled only"));
    }
    let mut changes = match wish.state {
        Some(DesiredState::Enabled) => {
            // An instance that never came on still comes on where it was asked for.
            let region = asked_region.filter(|_| tenant.region.is_none());
            acts::turn_on(tenant, scene, TurnOn { region, consent: wish.consent })?
        }
        Some(DesiredState::Disabled) => acts::opt_out(tenant, scene)?,
        None => Vec::new(),
    };
    for (link, state) in wish.integrations {
        let delay = if link == IntegrationType::IdentityCloudApps { identity_delay } else { SignedDuration::ZERO };
        changes.extend(acts::set_link(tenant, scene, link, state, delay)?);
    }
    Ok(changes)
}
