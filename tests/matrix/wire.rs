//! A request and its answer as both doors see them, and what a request is for.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;

/// Whom the operator asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    ApiServer,
    Broker,
    Microsoft,
}

impl Party {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ApiServer => "API server",
            Self::Broker => "broker",
            Self::Microsoft => "Microsoft",
        }
    }
}

/// What the operator sends.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) party: Party,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The connection broke before an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

pub(crate) type Answer = Result<Reply, Cut>;

/// Hands a request to whom it is for.
pub(crate) type Sender = Arc<dyn Fn(Request) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Headers that belong to one connection.
pub(crate) const OF_CONNECTION: [&str; 5] =
    ["host", "content-length", "connection", "transfer-encoding", "accept-encoding"];

impl Reply {
    /// An error that nobody acted on, in the words of whom was asked.
    pub(crate) fn error(party: Party, status: u16, reason: &str) -> Self {
        let body = match party {
            Party::ApiServer => json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "not now", "reason": reason, "code": status,
            }),
            Party::Broker => json!({"description": "not now"}),
            Party::Microsoft => json!({"error": {"code": reason, "message": "not now"}}),
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if status == 429 {
            headers.insert("retry-after", HeaderValue::from_static("1"));
        }
        Self { status, headers, body: body.to_string().into() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn with_body(self, body: &Value) -> Self {
        Self { body: body.to_string().into(), ..self }
    }
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The path without its query, in parts.
    fn parts(&self) -> Vec<&str> {
        self.path.split('?').next().unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect()
    }

    /// What the request is for, as a point of the matrix is called.
    pub(crate) fn effect(&self) -> String {
        match self.party {
            Party::ApiServer => self.effect_on_cluster(),
            Party::Broker => self.effect_on_broker(),
            Party::Microsoft => self.effect_on_microsoft(),
        }
    }

    fn effect_on_cluster(&self) -> String {
        let (parts, body) = (self.parts(), self.json());
        let has = |part: &str| parts.contains(&part);
        match self.method.as_str() {
            "PATCH" if parts.last() == Some(&"status") => status_patch(&body["status"]),
            "PATCH" if has("threatprotectiontenants") => {
                let adds = body.as_array().into_iter().flatten().any(|operation| operation["op"] == "add");
                if adds { "finalizer add" } else { "finalizer remove" }.to_owned()
            }
            "POST" if has("events") => format!("event ({})", text(&body["reason"])),
            "PATCH" if has("events") => format!("event again ({})", text(&body["reason"])),
            "GET" if has("threatprotectiontenants") => "read uncached".to_owned(),
            "GET" if has("customresourcedefinitions") => "definition read".to_owned(),
            "GET" if has("secrets") => "secret read".to_owned(),
            "GET" if has("namespaces") => "namespace read".to_owned(),
            other => format!("{other} {}", parts.join(" ")),
        }
    }

    fn effect_on_broker(&self) -> String {
        let (parts, body) = (self.parts(), self.json());
        match (self.method.as_str(), parts.last().copied()) {
            ("GET", Some("catalog")) => "broker catalog".to_owned(),
            ("GET", Some("last_operation")) => "broker poll".to_owned(),
            ("GET", _) => "broker fetch".to_owned(),
            ("PUT", _) => "broker provision".to_owned(),
            ("DELETE", _) => "broker deprovision".to_owned(),
            ("PATCH", _) => format!("broker update ({})", wish(&body["parameters"])),
            (other, _) => format!("broker {other}"),
        }
    }

    fn effect_on_microsoft(&self) -> String {
        let parts = self.parts();
        let last = parts.last().copied().unwrap_or_default();
        if last == "token" {
            let form = String::from_utf8_lossy(&self.body);
            return format!("token ({})", if form.contains("graph") { "Graph" } else { "Azure" });
        }
        if last == "openid-configuration" {
            return "openid configuration".to_owned();
        }
        if last == "$batch" {
            return "graph batch".to_owned();
        }
        let what = match parts.as_slice() {
            ["subscriptions", _] => "subscription",
            _ if self.path.contains("/dataConnectors/") => "connector",
            _ => last,
        };
        let whom = if parts.first() == Some(&"v1.0") { "graph" } else { "azure" };
        format!("{whom} {} {what}", self.method.to_lowercase())
    }

    /// Whether it changes something: the resource, the tenant.
    pub(crate) fn is_write(&self) -> bool {
        match self.party {
            Party::ApiServer => self.method != "GET" && !self.is_event(),
            Party::Broker => self.method != "GET",
            Party::Microsoft => self.method != "GET" && self.method != "POST",
        }
    }

    /// Whether it leaves everything as it was: then it does not matter whether it arrived. A poll moves an operation on.
    pub(crate) fn only_reads(&self) -> bool {
        let reads = match self.party {
            Party::ApiServer | Party::Broker => self.method == "GET",
            Party::Microsoft => self.method == "GET" || self.method == "POST",
        };
        reads && !self.parts().contains(&"last_operation")
    }

    /// Whether it is found in the request log of the simulator under the tenant, or in the API server's audit log under
    /// the namespace.
    pub(crate) fn is_logged(&self) -> bool {
        match self.party {
            Party::ApiServer => self.is_event() || self.parts().contains(&"threatprotectiontenants"),
            Party::Broker => !self.path.starts_with("/v2/catalog"),
            Party::Microsoft => true,
        }
    }

    pub(crate) fn is_event(&self) -> bool {
        self.party == Party::ApiServer && self.parts().contains(&"events")
    }

    /// Whether it takes something away from the tenant.
    pub(crate) fn destroys(&self) -> Option<Destruction> {
        let body = self.json();
        match (self.party, self.method.as_str()) {
            (Party::Broker, "DELETE") => Some(Destruction::Deprovision),
            (Party::Broker, "PATCH") => match &body["parameters"] {
                parameters if parameters["state"] == "Disabled" => Some(Destruction::Disable),
                parameters if parameters["integrations"].to_string().contains("Unlinked") => Some(Destruction::Unlink),
                _ => None,
            },
            (Party::Microsoft, "DELETE") => Some(Destruction::Unlink),
            (Party::Microsoft, "PUT") if body["properties"]["enabled"] == false => Some(Destruction::Unlink),
            _ => None,
        }
    }
}

/// What a request takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destruction {
    Deprovision,
    Disable,
    Unlink,
}

impl Destruction {
    /// Whether this spec declares it; typed from the contract, not from the code.
    pub(crate) fn is_declared(self, spec: &Value) -> bool {
        match self {
            Self::Deprovision => {
                spec["desiredState"] == "Deprovisioned" && spec["deprovisionConfirmation"] == spec["tenantId"]
            }
            Self::Disable => spec["desiredState"] == "Disabled",
            Self::Unlink => {
                spec["integrations"].as_array().into_iter().flatten().any(|entry| entry["state"] == "Unlinked")
            }
        }
    }
}

/// What a status says: that something is about to be sent, or the verdict.
fn status_patch(status: &Value) -> String {
    let operation = &status["operation"];
    if operation.is_object() && operation["acceptTime"].is_null() && operation["endTime"].is_null() {
        return format!("status patch (intent {})", text(&operation["step"]));
    }
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
    format!("status patch ({})", ready.next().map_or("", |ready| text(&ready["reason"])))
}

fn wish(parameters: &Value) -> String {
    if let Some(state) = parameters["state"].as_str() {
        return state.to_owned();
    }
    let links = parameters["integrations"].as_object().into_iter().flatten();
    links.map(|(kind, state)| format!("{kind} {}", text(state))).collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
