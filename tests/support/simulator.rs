//! A client of the simulator's control port, for tests and demonstrations.
//!
//! Values are JSON as the control port documents it. Every method fails with the port's own words, so that a test can
//! simply `unwrap` it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};

/// A call on the control port that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The port cannot be reached, or the connection broke.
    #[error("{method} {path}: {source}")]
    Unreachable { method: Method, path: String, source: reqwest::Error },
    /// The port says no.
    #[error("{method} {path}: {status}: {error} ({hint})")]
    Refused { method: Method, path: String, status: u16, error: String, hint: String },
}

/// A control port.
#[derive(Clone, Debug)]
pub struct Simulator {
    url: String,
    client: Client,
}

impl Simulator {
    /// A client of the control port at this URL (`controlUrl` of the announcement).
    pub fn new(control_url: &str) -> Self {
        let client = Client::builder().no_proxy().build().unwrap_or_default();
        Self { url: control_url.trim_end_matches('/').to_owned(), client }
    }

    /// Puts a tenant into the world or replaces it; returns it as `GET` shows it.
    pub async fn seed(&self, tenant: &str, members: Value) -> Result<Value, ControlError> {
        self.call(Method::PUT, &format!("/tenants/{tenant}"), Some(members)).await
    }

    /// A tenant, with what its portal shows under `portal`.
    pub async fn tenant(&self, tenant: &str) -> Result<Value, ControlError> {
        self.call(Method::GET, &format!("/tenants/{tenant}"), None).await
    }

    /// Replaces the named members of a tenant and keeps the others.
    pub async fn patch(&self, tenant: &str, members: Value) -> Result<Value, ControlError> {
        self.call(Method::PATCH, &format!("/tenants/{tenant}"), Some(members)).await
    }

    /// Moves the time of the simulated world forward; returns it.
    pub async fn advance(&self, seconds: u64) -> Result<Value, ControlError> {
        self.call(Method::POST, "/clock", Some(json!({ "advanceSeconds": seconds }))).await
    }

    /// Makes every token that was handed out worthless.
    pub async fn revoke_tokens(&self) -> Result<(), ControlError> {
        self.call(Method::DELETE, "/tokens", None).await.map(drop)
    }

    /// Acts as a role or as `support`; `members` are those of the act besides `act` and `as`.
    pub async fn act(&self, tenant: &str, who: &str, act: &str, members: Value) -> Result<Value, ControlError> {
        let mut body = members.as_object().cloned().unwrap_or_default();
        body.insert("act".to_owned(), act.into());
        body.insert("as".to_owned(), who.into());
        self.call(Method::POST, &format!("/tenants/{tenant}/acts"), Some(Value::Object(body))).await
    }

    /// The journal, of one tenant or of all, in order.
    pub async fn journal(&self, tenant: Option<&str>) -> Result<Vec<Value>, ControlError> {
        self.list("/journal", None, tenant, 0).await
    }

    /// The names of the effects on a tenant, in order, such as `turnedOn`.
    pub async fn effects(&self, tenant: &str) -> Result<Vec<String>, ControlError> {
        let entries = self.journal(Some(tenant)).await?;
        Ok(entries.iter().filter_map(|entry| entry["effect"].as_str().map(str::to_owned)).collect())
    }

    /// The requests to the broker after position `since`, of one tenant or of all.
    pub async fn requests(&self, tenant: Option<&str>, since: u64) -> Result<Vec<Value>, ControlError> {
        self.list("/requests", Some("broker"), tenant, since).await
    }

    /// The requests to `entra`, `graph`, `arm` or `broker`, of one tenant or of all; a batch has its paths in `parts`.
    pub async fn requests_of(&self, api: &str, tenant: Option<&str>) -> Result<Vec<Value>, ControlError> {
        self.list("/requests", Some(api), tenant, 0).await
    }

    /// The requests to anybody after position `since`, of all tenants.
    pub async fn all_requests(&self, since: u64) -> Result<Vec<Value>, ControlError> {
        self.list("/requests", None, None, since).await
    }

    /// How many requests to anybody ended how, of all tenants.
    pub async fn all_counts(&self) -> Result<Vec<Value>, ControlError> {
        self.list("/requests/counts", None, None, 0).await
    }

    /// How many requests to the broker ended how: `[{api, tenantId, method, status, count}]`.
    pub async fn counts(&self, tenant: Option<&str>) -> Result<Vec<Value>, ControlError> {
        self.list("/requests/counts", Some("broker"), tenant, 0).await
    }

    /// How many requests to the broker with this method a tenant has seen answered, or cut.
    pub async fn count(&self, tenant: &str, method: &str) -> Result<u64, ControlError> {
        let counts = self.counts(Some(tenant)).await?;
        Ok(counts.iter().filter(|count| count["method"] == method).filter_map(|count| count["count"].as_u64()).sum())
    }

    /// Orders a fault; `times: None` is for ever. Returns its id.
    pub async fn fault(&self, matching: Value, times: Option<u32>, fault: Value) -> Result<u64, ControlError> {
        self.order(json!({ "match": matching, "times": times, "fault": fault })).await
    }

    /// Orders a fault as the control port documents it, `share` and `seed` included. Returns its id.
    pub async fn order(&self, order: Value) -> Result<u64, ControlError> {
        let answer = self.call(Method::POST, "/faults", Some(order)).await?;
        Ok(answer.get("id").and_then(Value::as_u64).unwrap_or_default())
    }

    /// How many requests a fault has hit.
    pub async fn hits(&self, id: u64) -> Result<u64, ControlError> {
        let faults = self.call(Method::GET, "/faults", None).await?;
        let ours = faults.as_array().into_iter().flatten().find(|fault| fault["id"] == id);
        Ok(ours.and_then(|fault| fault["hits"].as_u64()).unwrap_or_default())
    }

    /// The faults that were ordered and not deleted, each with its `hits`.
    pub async fn faults(&self) -> Result<Vec<Value>, ControlError> {
        let answer = self.call(Method::GET, "/faults", None).await?;
        Ok(answer.as_array().cloned().unwrap_or_default())
    }

    /// Deletes one fault.
    pub async fn remove_fault(&self, id: u64) -> Result<(), ControlError> {
        self.call(Method::DELETE, &format!("/faults/{id}"), None).await.map(drop)
    }

    /// Deletes all faults.
    pub async fn clear_faults(&self) -> Result<(), ControlError> {
        self.call(Method::DELETE, "/faults", None).await.map(drop)
    }

    /// Makes a hold point at `arrived` or `acted`. Returns its id.
    pub async fn hold(&self, matching: Value, point: &str) -> Result<u64, ControlError> {
        let answer = self.call(Method::POST, "/holds", Some(json!({ "match": matching, "point": point }))).await?;
        Ok(answer.get("id").and_then(Value::as_u64).unwrap_or_default())
    }

    /// Waits until a request is held, or the time is over; `reached` of the answer says which.
    pub async fn wait_hold(&self, id: u64, longest: Duration) -> Result<Value, ControlError> {
        self.call(Method::GET, &format!("/holds/{id}?waitSeconds={}", longest.as_secs_f64()), None).await
    }

    /// Lets a held request go: `proceed` or `discard`.
    pub async fn release(&self, id: u64, then: &str) -> Result<(), ControlError> {
        self.call(Method::POST, &format!("/holds/{id}/release"), Some(json!({ "then": then }))).await.map(drop)
    }

    /// Changes the named members of the settings, for one tenant or for all; returns the settings.
    pub async fn settings(&self, tenant: Option<&str>, members: Value) -> Result<Value, ControlError> {
        let query = tenant.map(|id| format!("?tenant={id}")).unwrap_or_default();
        self.call(Method::PUT, &format!("/settings{query}"), Some(members)).await
    }

    /// Changes the course of the operation that runs for a tenant: `{"polls": 0}`, `{"polls": null, "failsWith": …}`.
    pub async fn redirect(&self, tenant: &str, course: Value) -> Result<Value, ControlError> {
        self.call(Method::PUT, &format!("/tenants/{tenant}/operation"), Some(course)).await
    }

    async fn list(
        &self,
        path: &str,
        api: Option<&str>,
        tenant: Option<&str>,
        since: u64,
    ) -> Result<Vec<Value>, ControlError> {
        let tenant = tenant.map(|id| format!("&tenant={id}")).unwrap_or_default();
        let api = api.map(|name| format!("&api={name}")).unwrap_or_default();
        let answer = self.call(Method::GET, &format!("{path}?since={since}{tenant}{api}"), None).await?;
        Ok(answer.as_array().cloned().unwrap_or_default())
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, ControlError> {
        let unreachable = |source| ControlError::Unreachable { method: method.clone(), path: path.to_owned(), source };
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(unreachable)?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::Object(Map::new()));
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (error, hint) = (text("error"), text("hint"));
        Err(ControlError::Refused { method, path: path.to_owned(), status: status.as_u16(), error, hint })
    }
}
