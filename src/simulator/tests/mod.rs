//! The simulator from outside: over HTTPS to its broker and to Microsoft's APIs, over HTTP to its control port.

#[path = "../../../tests/support/simulator.rs"]
mod client;

mod arm;
mod batch;
mod conformance;
mod control;
mod entra;
mod faults;
mod graph;
mod holds;
mod hunting;
mod microsoft;
mod propagation;
mod restart;
mod rules;

use std::path::Path;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::client::Simulator;
use super::broker::{PLAN_ID, SERVICE_ID};
use super::server::{Options, Running, start};

/// The tenant of most stories.
const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
/// Its instance, as a platform may name it.
const INSTANCE: &str = "any-opaque-id";

/// A simulator of its own for one test.
struct Rig {
    folder: TempDir,
    running: Running,
    control: Simulator,
    broker: Platform,
}

impl Rig {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder).await
    }

    async fn start_in(folder: TempDir) -> Self {
        let running = start(options(folder.path())).await.unwrap();
        let control = Simulator::new(&running.control_url);
        let broker = Platform::new(&running);
        Self { folder, running, control, broker }
    }

    /// A simulator with one tenant that could be turned on today, in a broker that works at once.
    async fn with_tenant() -> Self {
        let rig = Self::start().await;
        rig.seed(json!({ "services": ["Endpoint"], "roles": ["SecurityAdministrator"] })).await;
        rig
    }

    async fn seed(&self, members: Value) {
        self.control.seed(TENANT, members).await.unwrap();
    }

    async fn make_async(&self, polls: u32) {
        self.control.settings(None, json!({ "mode": { "async": { "polls": polls } } })).await.unwrap();
    }
}

fn options(folder: &Path) -> Options {
    let loopback = "127.0.0.1:0".parse().unwrap();
    Options {
        state: folder.join("state.json"),
        listen: loopback,
        control: loopback,
        allow_non_loopback: false,
        sans: Vec::new(),
        username: "operator".to_owned(),
        password: "secret".to_owned(),
        tenants: Vec::new(),
    }
}

/// What a platform sends.
struct Platform {
    url: String,
    client: Client,
}

/// What it gets back.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    text: String,
    body: Value,
}

impl Platform {
    fn new(running: &Running) -> Self {
        let authority = Certificate::from_pem(&std::fs::read(&running.ca_file).unwrap()).unwrap();
        let client = Client::builder().tls_certs_only([authority]).https_only(true).no_proxy().build().unwrap();
        Self { url: running.broker_url.clone(), client }
    }

    /// A request with the right credentials and version.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Reply, reqwest::Error> {
        let credentials = format!("Basic {}", BASE64.encode("operator:secret"));
        let headers = [("authorization", credentials.as_str()), ("x-broker-api-version", "2.17")];
        self.send_with(method, path, body, &headers).await
    }

    async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Result<Reply, reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Reply { status, headers, text, body })
    }

    async fn provision(&self, parameters: Value) -> Reply {
        self.try_provision(parameters).await.unwrap()
    }

    async fn try_provision(&self, parameters: Value) -> Result<Reply, reqwest::Error> {
        let path = format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=true");
        self.send(Method::PUT, &path, Some(provision_body(&parameters))).await
    }

    async fn update(&self, parameters: Value) -> Reply {
        let path = format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=true");
        let body = json!({ "service_id": SERVICE_ID, "plan_id": PLAN_ID, "parameters": parameters });
        self.send(Method::PATCH, &path, Some(body)).await.unwrap()
    }

    async fn deprovision(&self) -> Reply {
        let path = format!(
            "/v2/service_instances/{INSTANCE}?service_id={SERVICE_ID}&plan_id={PLAN_ID}&accepts_incomplete=true"
        );
        self.send(Method::DELETE, &path, None).await.unwrap()
    }

    async fn fetch(&self) -> Reply {
        self.send(Method::GET, &format!("/v2/service_instances/{INSTANCE}"), None).await.unwrap()
    }

    /// Polls with the handle of `accepted`, encoded as the specification asks.
    async fn poll(&self, accepted: &Reply) -> Reply {
        let handle: String = accepted.body["operation"]
            .as_str()
            .unwrap()
            .bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect();
        let path = format!("/v2/service_instances/{INSTANCE}/last_operation?operation={handle}");
        self.send(Method::GET, &path, None).await.unwrap()
    }
}

/// Parameters that turn [`TENANT`] on under today's rules.
fn enabled() -> Value {
    json!({ "tenantId": TENANT, "cloud": "Public", "experience": "DefenderPortal", "state": "Enabled" })
}

fn provision_body(parameters: &Value) -> Value {
    json!({
        "service_id": SERVICE_ID,
        "plan_id": PLAN_ID,
        "organization_guid": "cluster",
        "space_guid": "namespace",
        "context": { "platform": "kubernetes", "namespace": "security" },
        "parameters": parameters,
    })
}
