//! `…/providers/Microsoft.SecurityInsights/dataConnectors` of a workspace, and what they ask for.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Done, Scene, no_such_resource};
use crate::simulator::answer::Answer;
use crate::simulator::azure::{Connector, INCIDENTS_KIND, Workspace};
use crate::simulator::azure_acts;
use crate::simulator::microsoft::problem::Problem;
use crate::simulator::tenant::Tenant;

const READERS: [&str; 7] = [
    "Microsoft Sentinel Reader",
    "Microsoft Sentinel Responder",
    "Microsoft Sentinel Contributor",
    "Security Reader",
    "Reader",
    "Contributor",
    "Owner",
];
const WRITERS: [&str; 3] = ["Microsoft Sentinel Contributor", "Contributor", "Owner"];
/// Kinds that exist in preview versions of the API only.
const PREVIEW_KINDS: [&str; 2] = [INCIDENTS_KIND, "OfficeATP"];

/// How many segments the path of a workspace has.
const WORKSPACE: usize = 8;

/// Lists the connectors, shows one, writes one, or takes one away.
pub(super) fn connectors(scene: &Scene, tenant: &mut Tenant) -> Result<Done, Problem> {
    let name = scene.request.segment(WORKSPACE + 3).to_owned();
    let action = |verb: &str| format!("Microsoft.SecurityInsights/dataConnectors/{verb}");
    match scene.request.method.as_str() {
        "PUT" => {
            scene.require(&WRITERS, &action("write"))?;
            put(scene, tenant, &name)
        }
        "DELETE" => {
            scene.require(&WRITERS, &action("delete"))?;
            delete(scene, tenant, &name)
        }
        _ => {
            scene.require(&READERS, &action("read"))?;
            let workspace = workspace(scene, tenant)?;
            if name.is_empty() {
                let views = workspace.connectors.iter().map(|connector| view(workspace, connector)).collect();
                return Ok(scene.page(views).into());
            }
            let connector = find(workspace, &name).ok_or_else(|| not_found(&name))?;
            Ok(Answer::new(200, view(workspace, connector)).with("etag", &connector.etag).into())
        }
    }
}

/// The workspace that the path names.
fn workspace<'t>(scene: &Scene, tenant: &'t Tenant) -> Result<&'t Workspace, Problem> {
    let segments: Vec<&str> = scene.request.segments.iter().take(WORKSPACE).map(String::as_str).collect();
    let id = format!("/{}", segments.join("/"));
    let known = tenant.workspaces.iter().find(|known| known.resource_id.eq_ignore_ascii_case(&id));
    known.ok_or_else(|| no_such_resource(scene.request))
}

fn find<'w>(workspace: &'w Workspace, name: &str) -> Option<&'w Connector> {
    workspace.connectors.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

fn not_found(name: &str) -> Problem {
    Problem::new(404, "NotFound", format!("Data connector '{name}' could not be found."))
}

fn view(workspace: &Workspace, connector: &Connector) -> Value {
    let name = &connector.name;
    json!({
        "id": format!("{}/providers/Microsoft.SecurityInsights/dataConnectors/{name}", workspace.resource_id),
        "name": name,
        "etag": connector.etag,
        "type": "Microsoft.SecurityInsights/dataConnectors",
        "kind": connector.kind,
        "properties": connector.properties,
    })
}

/// Refuses a kind that this version of the API does not have, and a tenant that is not the caller's own.
fn kind_of<'b>(scene: &Scene, tenant: &Tenant, body: &'b Value) -> Result<&'b str, Problem> {
    let invalid = |message: String| Problem::new(400, "BadRequest", message);
    let kind =
        body.get("kind").and_then(Value::as_str).ok_or_else(|| invalid("Connector kind is missing.".to_owned()))?;
    let version = scene.request.query.get("api-version").map_or("", String::as_str);
    if PREVIEW_KINDS.contains(&kind) && !version.ends_with("-preview") {
        return Err(invalid(format!("Connector kind '{kind}' is not supported in api-version '{version}'")));
    }
    let named = body.pointer("/properties/tenantId").and_then(Value::as_str).unwrap_or_default();
    if named.eq_ignore_ascii_case(&tenant.tenant_id.to_string()) {
        Ok(kind)
    } else {
        Err(invalid(format!("Tenant '{named}' is not the tenant of the caller.")))
    }
}

fn put(scene: &Scene, tenant: &mut Tenant, name: &str) -> Result<Done, Problem> {
    let workspace_id = workspace(scene, tenant)?.resource_id.clone();
    let body = scene.body()?;
    let kind = kind_of(scene, tenant, body)?.to_owned();
    let known = workspace(scene, tenant).ok().and_then(|workspace| find(workspace, name)).cloned();
    check_etag(scene, known.as_ref(), body.get("etag").and_then(Value::as_str))?;
    check_licence(tenant, workspace(scene, tenant)?, &kind)?;
    let properties = body.get("properties").cloned().unwrap_or_default();
    let status = if known.is_some() { 200 } else { 201 };
    let unchanged = known.as_ref().filter(|known| known.kind == kind && known.properties == properties);
    let etag = unchanged.map_or_else(|| format!("\"{}\"", Uuid::new_v4()), |known| known.etag.clone());
    let connector = Connector { name: name.to_owned(), kind, etag: etag.clone(), properties };
    let changes = azure_acts::set_connector(tenant, &workspace_id, (name, Some(connector.clone())), scene.now);
    let shown = view(workspace(scene, tenant)?, &connector);
    Ok(Done { answer: Answer::new(status, shown).with("etag", etag), changes })
}

/// `If-Match` that does not fit is 412; an etag in the body that does not fit, or none for what exists, is 409.
fn check_etag(scene: &Scene, known: Option<&Connector>, in_body: Option<&str>) -> Result<(), Problem> {
    let bare = |etag: &str| etag.trim().trim_matches('"').to_owned();
    let actual = known.map(|known| bare(&known.etag));
    if let Some(wanted) = scene.request.if_match.as_deref().filter(|wanted| *wanted != "*") {
        if actual != Some(bare(wanted)) {
            let message = "The condition specified using HTTP conditional header(s) is not met.";
            return Err(Problem::new(412, "PreconditionFailed", message));
        }
        return Ok(());
    }
    match (actual, in_body.filter(|etag| !etag.is_empty()).map(bare)) {
        (None, None) => Ok(()),
        (Some(actual), Some(sent)) if actual == sent || sent == "*" => Ok(()),
        _ => {
            let message =
                "Newer instance of data connector exists or the etag does not match. Get the latest one and try again.";
            Err(Problem::new(409, "Conflict", message))
        }
    }
}

/// What is wrong with the licence of the product behind the connector.
fn licence_problem(tenant: &Tenant) -> Option<&'static str> {
    if !tenant.licence_state.is_in_force() || tenant.services.is_empty() {
        Some("License is invalid")
    } else if tenant.is_on() {
        None
    } else {
        Some("Missing consent")
    }
}

fn check_licence(tenant: &Tenant, workspace: &Workspace, kind: &str) -> Result<(), Problem> {
    if kind != INCIDENTS_KIND {
        return Ok(());
    }
    let refused = licence_problem(tenant).or((!workspace.accepts_applications).then_some("Missing consent"));
    refused.map_or(Ok(()), |message| Err(Problem::new(401, "InvalidLicense", message)))
}

fn delete(scene: &Scene, tenant: &mut Tenant, name: &str) -> Result<Done, Problem> {
    let workspace = workspace(scene, tenant)?;
    if find(workspace, name).is_none() {
        return Ok(Answer::new(204, Value::Null).into());
    }
    let id = workspace.resource_id.clone();
    let changes = azure_acts::set_connector(tenant, &id, (name, None), scene.now);
    Ok(Done { answer: Answer::new(200, Value::Null), changes })
}

/// `POST …/dataConnectorsCheckRequirements`.
pub(super) fn requirements(scene: &Scene, tenant: &Tenant) -> Result<Answer, Problem> {
    scene.require(&READERS, "Microsoft.SecurityInsights/dataConnectorsCheckRequirements/action")?;
    workspace(scene, tenant)?;
    kind_of(scene, tenant, scene.body()?)?;
    let may_write = scene.application.has_azure_role(&WRITERS);
    let word = |is_valid: bool| if is_valid { "Valid" } else { "Invalid" };
    let body = json!({
        "authorizationState": word(may_write),
        "licenseState": word(licence_problem(tenant).is_none()),
    });
    Ok(Answer::new(200, body))
}
