//! What an application sends to Microsoft's APIs, for the tests of each of them.

use super::*;

/// The application of most stories, its secret, and what else the tenant has.
pub(super) const CLIENT: &str = "4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30";
pub(super) const SECRET: &str = "simulated-secret";
pub(super) const SUBSCRIPTION: &str = "2c5e8f10-3b7d-4a96-8e21-5d0f7a9b4c63";
pub(super) const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(super) const ARM: &str = "https://management.azure.com/.default";

/// Its workspace of Sentinel.
pub(super) fn workspace() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/soc")
}

/// A tenant with everything, its service on; `members` replace.
pub(super) async fn rig(members: Value) -> Rig {
    let rig = Rig::start().await;
    let mut seed = json!({
        "displayName": "Contoso",
        "services": ["Endpoint", "Identity", "CloudApps", "Office365"],
        "roles": ["SecurityAdministrator"],
        "service": { "state": "on", "region": "EU" },
        "applications": [{ "clientId": CLIENT, "secrets": [{ "value": SECRET }] }],
        "subscriptions": [{ "id": SUBSCRIPTION }],
        "workspaces": [{ "resourceId": workspace() }],
    });
    seed.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    rig.seed(seed).await;
    rig
}

impl Rig {
    /// Asks Entra for a token with these fields besides the usual ones.
    pub(super) async fn ask_token(&self, tenant: &str, fields: &[(&str, &str)]) -> Reply {
        let usual = [("grant_type", "client_credentials"), ("client_id", CLIENT), ("scope", GRAPH)];
        let mut all: std::collections::BTreeMap<&str, &str> = usual.into();
        all.extend(fields.iter().copied());
        let encode = |text: &str| -> String {
            let byte = |byte: u8| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            };
            text.bytes().map(byte).collect()
        };
        let pairs: Vec<String> =
            all.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = self
            .broker
            .client
            .post(format!("{}/{tenant}/oauth2/v2.0/token", self.running.microsoft_url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(pairs.join("&"));
        reply(request).await
    }

    /// A token of the usual application for this scope.
    pub(super) async fn token(&self, tenant: &str, scope: &str) -> String {
        let granted = self.ask_token(tenant, &[("scope", scope), ("client_secret", SECRET)]).await;
        assert_eq!(granted.status, 200, "{granted:?}");
        granted.body["access_token"].as_str().unwrap().to_owned()
    }

    /// A request with this token.
    pub(super) async fn call(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.call_with(token, (method, path), body, &[]).await
    }

    pub(super) async fn call_with(
        &self,
        token: &str,
        (method, path): (Method, &str),
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = self
            .broker
            .client
            .request(method, format!("{}{path}", self.running.microsoft_url))
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let reply = reply(request).await;
        assert_eq!(reply.headers["x-simulator"], "true");
        reply
    }

    /// `GET` from Microsoft Graph, by a path after the version, with a fresh token.
    pub(super) async fn graph(&self, path: &str) -> Reply {
        let token = self.token(TENANT, GRAPH).await;
        self.call(&token, Method::GET, &format!("/v1.0{path}"), None).await
    }

    /// A hunting query.
    pub(super) async fn hunt(&self, query: &str) -> Reply {
        let token = self.token(TENANT, GRAPH).await;
        self.call(&token, Method::POST, "/v1.0/security/runHuntingQuery", Some(json!({ "Query": query }))).await
    }

    /// A request to Azure Resource Manager, by a path after the subscription, with a fresh token.
    pub(super) async fn arm(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let token = self.token(TENANT, ARM).await;
        self.call(&token, method, &format!("/subscriptions/{SUBSCRIPTION}{path}"), body).await
    }

    /// Gives the application these permissions of Microsoft Graph and no others.
    pub(super) async fn permit(&self, roles: &[&str]) {
        let application = json!({ "clientId": CLIENT, "secrets": [{ "value": SECRET }], "roles": roles });
        self.control.patch(TENANT, json!({ "applications": [application] })).await.unwrap();
    }
}

async fn reply(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Reply { status, headers, text, body }
}

impl Reply {
    /// Status and code of an error.
    pub(super) fn error(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }

    /// The message of an error.
    pub(super) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// The entries of a collection.
    pub(super) fn entries(&self) -> &[Value] {
        self.body["value"].as_array().map(Vec::as_slice).unwrap_or_default()
    }
}
