//! The API server's own record of who asked it what: the judge of what the operator reads and writes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::error::ControlPlaneError;

/// One request, as the API server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditEntry {
    /// Who asked.
    pub(crate) user: String,
    /// As whom, if it was not in the asker's own name.
    pub(crate) impersonated: Option<String>,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub(crate) verb: String,
    /// The API group, empty for the core.
    pub(crate) group: String,
    /// The plural of the kind, empty for a request that is not about a resource.
    pub(crate) resource: String,
    /// `status`, `token` and the like, else empty.
    pub(crate) subresource: String,
    /// Empty for what is not in a namespace, and for lists and watches across all.
    pub(crate) namespace: String,
    /// Empty for lists, watches and creations.
    pub(crate) name: String,
    /// The HTTP status; absent when the request was cut before there was one.
    pub(crate) response_code: Option<u16>,
    /// Path and query.
    pub(crate) request_uri: String,
    /// How the client calls itself.
    pub(crate) user_agent: String,
    /// RFC 3339, with microseconds; sorts as text.
    pub(crate) received_at: String,
    /// `ResponseComplete`, or `ResponseStarted` for a watch that still runs, or `Panic`.
    pub(crate) stage: String,
}

/// Reads the log at `path`: one entry a request, in the order of their arrival.
pub(super) fn read(path: &Path) -> Result<Vec<AuditEntry>, ControlPlaneError> {
    let text = std::fs::read_to_string(path).map_err(ControlPlaneError::io("read the audit log"))?;
    // What follows the last line break is a line that is being written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut requests = BTreeMap::new();
    for line in whole.lines().filter(|line| !line.is_empty()) {
        let line: Line = serde_json::from_str(line)
            .map_err(|source| ControlPlaneError::Json { what: "a line of the audit log", source })?;
        // A later stage of the same request takes the place of the earlier one.
        requests.insert(line.audit_id.clone(), line);
    }
    let mut entries: Vec<AuditEntry> = requests.into_values().map(AuditEntry::from).collect();
    entries.sort_by(|one, other| one.received_at.cmp(&other.received_at));
    Ok(entries)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    impersonated_user: Option<User>,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    response_status: Option<ResponseStatus>,
    request_received_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    code: Option<u16>,
}

impl From<Line> for AuditEntry {
    fn from(line: Line) -> Self {
        let ObjectRef { api_group, resource, subresource, namespace, name } = line.object_ref;
        Self {
            user: line.user.username,
            impersonated: line.impersonated_user.map(|user| user.username),
            verb: line.verb,
            group: api_group,
            resource,
            subresource,
            namespace,
            name,
            response_code: line.response_status.and_then(|status| status.code),
            request_uri: line.request_uri,
            user_agent: line.user_agent,
            received_at: line.request_received_timestamp,
            stage: line.stage,
        }
    }
}
