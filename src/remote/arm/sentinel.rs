//! `Microsoft.SecurityInsights/dataConnectors` of a workspace: whether Microsoft Sentinel takes the incidents of the tenant.
//!
//! The kind `MicrosoftThreatProtection` exists in preview versions only (azure-rest-api-specs, 2024-10-01-preview and
//! 2025-07-01-preview).

use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::target::Workspace;
use crate::plan::microsoft::Requirements;
use crate::remote::answers::{Context, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::http::percent_encode;
use crate::remote::shape::{Page, cleaned, field, id, object, of, page, text};
use crate::tenant::TenantId;

const VERSION: &str = "api-version=2025-07-01-preview";
const KIND: &str = "MicrosoftThreatProtection";

/// The parts of a connector that are read-only.
const READ_ONLY: [&str; 4] = ["id", "name", "type", "systemData"];

/// Name space of the version 5 UUIDs that name the connectors we make. Another value would make a second connector.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c1b_9a0d_52f7_5e43_8d3a_c407_19be_f281);

/// The longest `etag` that is sent back.
const ETAG_LIMIT: usize = 512;

/// The connector of a tenant, as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// The last part of its resource id.
    pub name: String,
    /// Its version, for the next write.
    pub etag: Option<String>,
    /// `dataTypes.incidents.state` as it is spelt, cleaned; `None` where it has none.
    pub incidents: Option<String>,
    /// All of it, so that a write keeps what is not known here.
    pub raw: Map<String, Value>,
}

/// All connectors of a workspace.
#[must_use]
pub fn list(workspace: &Workspace) -> Call {
    Call::get(Operation::Connectors, format!("{}/dataConnectors?{VERSION}", root(workspace)))
}

/// Reads an answer to `list`: the connectors of this kind and tenant, `None` for every other one. Kinds are compared without
/// regard to case. A connector that names no tenant is of this one, because others are not supported.
pub fn read_list(reply: &Reply, context: Context<'_>, tenant: TenantId) -> Result<Page<Option<Connector>>, Unread> {
    page(Operation::Connectors, reply, context, |entry| {
        let kind = text(of(entry, "kind"))?;
        if !kind.eq_ignore_ascii_case(KIND) || !is_of(entry, tenant) { Some(None) } else { connector(entry).map(Some) }
    })
}

/// The connector among those that were read; one that takes incidents stands before one that does not.
#[must_use]
pub fn choose(connectors: impl IntoIterator<Item = Option<Connector>>) -> Option<Connector> {
    let is_off = |connector: &Connector| {
        !connector.incidents.as_deref().is_some_and(|state| state.trim().eq_ignore_ascii_case("enabled"))
    };
    let order = |connector: &Connector| (is_off(connector), connector.name.to_ascii_lowercase());
    connectors.into_iter().flatten().min_by_key(order)
}

fn is_of(entry: &Value, tenant: TenantId) -> bool {
    let named = of(entry, "properties").and_then(|properties| id(of(properties, "tenantId")));
    named.is_none_or(|named| named == tenant.to_string())
}

fn connector(entry: &Value) -> Option<Connector> {
    let raw = entry.as_object()?.clone();
    let name = text(of(entry, "name")).or_else(|| text(of(entry, "id"))?.rsplit('/').next())?;
    let types = of(entry, "properties").and_then(|properties| of(properties, "dataTypes"));
    let incidents = types.and_then(|types| of(types, "incidents"));
    Some(Connector {
        name: name.to_owned(),
        etag: text(of(entry, "etag")).filter(|etag| is_header(etag)).map(str::to_owned),
        incidents: incidents.and_then(|incidents| cleaned(of(incidents, "state"))),
        raw,
    })
}

/// Whether a text may stand in a header.
fn is_header(text: &str) -> bool {
    text.len() <= ETAG_LIMIT && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// Sets whether incidents are taken.
///
/// An existing connector keeps its other data types, its filters and all that is not known here, and is changed only if it
/// is still the one that was read (`etag` in the body and `If-Match`). A new one is named after the workspace, so that a
/// repeated write finds it.
#[must_use]
pub fn put(workspace: &Workspace, tenant: TenantId, existing: Option<&Connector>, is_enabled: bool) -> Call {
    let state = if is_enabled { "Enabled" } else { "Disabled" };
    let mut body = existing.map(|connector| connector.raw.clone()).unwrap_or_default();
    body.retain(|name, _| !READ_ONLY.iter().any(|known| name.eq_ignore_ascii_case(known)));
    set(&mut body, "kind", Value::from(KIND));
    let mut properties = taken(&mut body, "properties");
    set(&mut properties, "tenantId", Value::from(tenant.to_string()));
    let mut types = taken(&mut properties, "dataTypes");
    let mut incidents = taken(&mut types, "incidents");
    set(&mut incidents, "state", Value::from(state));
    set(&mut types, "incidents", Value::Object(incidents));
    set(&mut properties, "dataTypes", Value::Object(types));
    set(&mut body, "properties", Value::Object(properties));
    let name = existing.map_or_else(|| new_name(workspace), |connector| connector.name.clone());
    Call {
        method: Method::PUT,
        body: Some(Value::Object(body)),
        if_match: existing.and_then(|connector| connector.etag.clone()),
        ..Call::get(Operation::PutConnector, one(workspace, &name))
    }
}

/// Takes a connector away, with all its data types.
#[must_use]
pub fn delete(workspace: &Workspace, existing: &Connector) -> Call {
    Call { method: Method::DELETE, ..Call::get(Operation::DeleteConnector, one(workspace, &existing.name)) }
}

/// Reads the answer to `put`: the connector as it is now.
pub fn read_put(reply: &Reply, context: Context<'_>) -> Result<Connector, Unread> {
    let fields = object(Operation::PutConnector, reply, context)?;
    connector(&Value::Object(fields)).ok_or_else(|| misshapen(Operation::PutConnector, reply, "it names no connector"))
}

/// Whether Microsoft Sentinel would accept the connector.
#[must_use]
pub fn check_requirements(workspace: &Workspace, tenant: TenantId) -> Call {
    let path = format!("{}/dataConnectorsCheckRequirements?{VERSION}", root(workspace));
    let body = json!({ "kind": KIND, "properties": { "tenantId": tenant.to_string() } });
    Call::post(Operation::ConnectorRequirements, path, body)
}

/// Reads its answer. `licenseState` may be `Unknown`, which does not stand in the way.
pub fn read_requirements(reply: &Reply, context: Context<'_>) -> Result<Requirements, Unread> {
    const OPERATION: Operation = Operation::ConnectorRequirements;
    let fields = object(OPERATION, reply, context)?;
    let Some(authorization) = text(field(&fields, "authorizationState")) else {
        return Err(misshapen(OPERATION, reply, "it has no authorizationState"));
    };
    let license = text(field(&fields, "licenseState")).unwrap_or_default();
    Ok(Requirements {
        is_authorized: authorization.eq_ignore_ascii_case("Valid"),
        is_licensed: !license.eq_ignore_ascii_case("Invalid"),
    })
}

fn root(workspace: &Workspace) -> String {
    format!("{}/providers/Microsoft.SecurityInsights", workspace.path())
}

fn one(workspace: &Workspace, name: &str) -> String {
    format!("{}/dataConnectors/{}?{VERSION}", root(workspace), percent_encode(name))
}

fn new_name(workspace: &Workspace) -> String {
    let text = format!("{}|{KIND}", workspace.path()).to_ascii_lowercase();
    Uuid::new_v5(&NAMESPACE, text.as_bytes()).hyphenated().to_string()
}

/// Puts a value in place of any field of that name, whatever its case.
fn set(fields: &mut Map<String, Value>, name: &str, value: Value) {
    fields.retain(|key, _| !key.eq_ignore_ascii_case(name));
    fields.insert(name.to_owned(), value);
}

/// The object of that name, out of its place; empty where there is none.
fn taken(fields: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match field(fields, name) {
        Some(Value::Object(inner)) => inner.clone(),
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
