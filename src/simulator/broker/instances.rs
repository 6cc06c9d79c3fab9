//! `PUT`, `PATCH`, `DELETE` and `GET` of `/v2/service_instances/{id}`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::wire::{Call, DesiredState, PLAN_ID, ProvisionParameters, Refused, SERVICE_ID, check_ids};
use super::work::{self, Job, Twist};
use crate::simulator::answer::Answer;
use crate::simulator::state::{Instance, Operation, OperationKind, Phase, State};
use crate::simulator::tenant::{ServiceState, Tenant};
use crate::tenant::IntegrationType;

/// Links that exist on an instance.
const LINKS: [IntegrationType; 2] = [IntegrationType::IdentityCloudApps, IntegrationType::EndpointIntune];

/// `PUT`: creates the instance and turns the tenant on. The same request again is answered like the first one.
pub(super) fn provision(state: &mut State, call: &Call, twist: &Twist, now: Timestamp) -> Result<Answer, Refused> {
    let id = instance_id(call)?;
    let body = call.object()?;
    check_ids([text(body, "service_id"), text(body, "plan_id")], true)?;
    for needed in ["organization_guid", "space_guid"] {
        if text(body, needed).is_none_or(str::is_empty) {
            return Err(Refused::bad_request(format!("{needed} is missing; the specification still demands it")));
        }
    }
    let parameters = body.get("parameters").cloned().unwrap_or_else(|| json!({}));
    let ProvisionParameters { tenant_id, .. } = work::parse(&parameters)?;
    let requested = json!({ "service_id": SERVICE_ID, "plan_id": PLAN_ID, "parameters": parameters });
    if let Some(known) = state.instance(id).filter(|known| known.phase != Phase::Absent) {
        return if known.requested == requested { Ok(repeated(state, known)) } else { Err(conflict(known)) };
    }
    if let Some(other) = state.instance_of(tenant_id) {
        return Err(Refused::bad_request(format!(
            "TenantTaken: the service instance {} exists for this tenant; a tenant is a singleton",
            other.id
        )));
    }
    let instance = Instance { id: id.to_owned(), tenant_id, requested, phase: Phase::Absent, operation: None };
    work::start(state, Job { kind: OperationKind::Provision, parameters, instance }, call, twist, now)
}

fn repeated(state: &State, known: &Instance) -> Answer {
    match state.running(known) {
        Some(running) if running.kind == OperationKind::Provision => work::accepted(&running.handle),
        _ => Answer::empty(200),
    }
}

fn conflict(known: &Instance) -> Refused {
    Refused::new(409, format!("the service instance {} exists with other attributes", known.id))
}

/// `PATCH`: absolute values.
pub(super) fn update(state: &mut State, call: &Call, twist: &Twist, now: Timestamp) -> Result<Answer, Refused> {
    let body = call.object()?;
    check_ids([text(body, "service_id"), text(body, "plan_id")], false)?;
    let id = instance_id(call)?;
    let known = present(state, id).ok_or_else(|| Refused::new(404, "there is no such service instance"))?;
    let parameters = body.get("parameters").cloned().unwrap_or_else(|| json!({}));
    if let Some(running) = state.running(known) {
        return if is_repeated(running, OperationKind::Update, &parameters) {
            Ok(work::accepted(&running.handle))
        } else {
            Err(Refused::concurrency())
        };
    }
    let job = Job { kind: OperationKind::Update, parameters, instance: known.clone() };
    work::start(state, job, call, twist, now)
}

/// `DELETE`: deprovisions the tenant.
pub(super) fn deprovision(state: &mut State, call: &Call, twist: &Twist, now: Timestamp) -> Result<Answer, Refused> {
    let query = |name: &str| call.query.get(name).map(String::as_str);
    check_ids([query("service_id"), query("plan_id")], true)?;
    let id = instance_id(call)?;
    let Some(known) = present(state, id) else { return Ok(Answer::empty(410)) };
    if let Some(running) = state.running(known) {
        return if is_repeated(running, OperationKind::Deprovision, &Value::Null) {
            Ok(work::accepted(&running.handle))
        } else {
            Err(Refused::concurrency())
        };
    }
    let job = Job { kind: OperationKind::Deprovision, parameters: Value::Null, instance: known.clone() };
    work::start(state, job, call, twist, now)
}

/// The specification: a re-sent request must get the same 202 while its operation runs.
fn is_repeated(running: &Operation, kind: OperationKind, parameters: &Value) -> bool {
    running.kind == kind && running.parameters == *parameters
}

/// `GET`: what the tenant really is, so that acts outside of the broker show.
pub(super) fn fetch(state: &State, call: &Call) -> Result<Answer, Refused> {
    let absent = || Refused::new(404, "there is no such service instance, or it is still being created");
    let known = present(state, instance_id(call)?)
        .filter(|known| state.settings().retrievable && known.phase == Phase::Present)
        .ok_or_else(absent)?;
    if state.running(known).is_some() {
        return Err(Refused::concurrency());
    }
    let tenant = state.tenant(known.tenant_id).ok_or_else(absent)?;
    let mut body = json!({ "service_id": SERVICE_ID, "plan_id": PLAN_ID });
    if let (false, Value::Object(body)) = (state.settings().towards(known.tenant_id).withhold_parameters, &mut body) {
        body.insert("parameters".to_owned(), parameters_of(tenant));
    }
    Ok(Answer::new(200, body))
}

fn parameters_of(tenant: &Tenant) -> Value {
    let state = if tenant.is_on() { DesiredState::Enabled } else { DesiredState::Disabled };
    let links: Map<String, Value> =
        LINKS.iter().map(|link| (link.to_string(), json!(tenant.link_state(*link)))).collect();
    let mut parameters = json!({
        "tenantId": tenant.tenant_id,
        "cloud": tenant.cloud,
        "experience": tenant.experience,
        "state": state,
        "integrations": links,
    });
    let region = match tenant.service {
        ServiceState::On { region, .. } => region,
        ServiceState::Off => tenant.region,
    };
    if let (Some(region), Value::Object(parameters)) = (region, &mut parameters) {
        parameters.insert("region".to_owned(), json!(region));
    }
    parameters
}

/// The instance that the path names.
pub(super) fn instance_id(call: &Call) -> Result<&str, Refused> {
    call.instance_id.as_deref().filter(|id| !id.is_empty()).ok_or_else(|| Refused::bad_request("no instance id"))
}

fn present<'a>(state: &'a State, id: &str) -> Option<&'a Instance> {
    state.instance(id).filter(|known| known.phase != Phase::Absent)
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}
