//! A tenant as Microsoft's hosts show it: Entra, OpenID configuration, Graph with `$batch`, Azure Resource Manager.
//!
//! It is healthy from the start. A test changes the model, or says what is answered instead (`say`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Canned, Seen, StandIn, TENANT, TOKEN};
use crate::remote::session::{Gate, MicrosoftSettings};

/// The subscription that is there from the start.
pub(in crate::remote) const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";
/// Another tenant.
pub(in crate::remote) const OTHER: &str = "00000000-0000-4000-8000-00000000beef";
/// A group that holds every role.
pub(in crate::remote) const GROUP: &str = "22222222-2222-4222-8222-222222222222";
/// Stands in the onboarding package and must never be seen.
pub(in crate::remote) const MARKER: &str = "pl4nted-onboarding-marker";
/// Every newest row.
pub(in crate::remote) const NEWEST: &str = "2026-06-15T11:00:00Z";

/// The resource id of a workspace.
pub(in crate::remote) fn workspace(subscription: &str, name: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/soc/providers/Microsoft.OperationalInsights/workspaces/{name}"
    )
}

/// A connector of Microsoft Sentinel with these states of its data types.
pub(in crate::remote) fn connector(name: &str, types: &[(&str, &str)]) -> Value {
    let types: BTreeMap<_, _> = types.iter().map(|(name, state)| (*name, json!({ "state": state }))).collect();
    json!({ "id": format!("/x/{name}"), "name": name, "kind": "MicrosoftThreatProtection", "etag": "\"1\"",
        "properties": { "tenantId": TENANT, "dataTypes": types, "kept": "as it is" } })
}

/// What is answered instead of what the model says.
struct Said {
    /// A part of the method, path and body, as in `GET /security/incidents {…}`.
    to: String,
    canned: Canned,
    times: usize,
    /// Whether the model does what is asked all the same.
    is_done: bool,
}

/// The model.
pub(in crate::remote) struct Model {
    pub openid: Canned,
    pub sign_in: Canned,
    pub sign_in_to_arm: Canned,
    /// Parts of a batch that get no answer, by a part of their path.
    pub missing: Vec<&'static str>,
    /// The tenants of subscriptions.
    pub owners: BTreeMap<String, String>,
    /// Settings of Defender for Cloud.
    pub switches: BTreeMap<(String, String), bool>,
    /// Connectors, by their workspace.
    pub connectors: BTreeMap<String, Vec<Value>>,
    said: Vec<Said>,
    written: usize,
}

/// The hosts of one tenant.
pub(in crate::remote) struct Played {
    pub server: StandIn,
    model: Arc<Mutex<Model>>,
}

impl Played {
    pub(in crate::remote) fn new() -> Self {
        let model = Arc::new(Mutex::new(Model::healthy()));
        let shared = Arc::clone(&model);
        Self { server: StandIn::answering(move |seen| shared.lock().unwrap().answer(seen)), model }
    }

    pub(in crate::remote) fn gate(&self) -> Gate {
        Gate::new(self.server.settings()).unwrap()
    }

    /// Waits so many milliseconds for an answer.
    pub(in crate::remote) fn impatient_gate(&self, milliseconds: u64) -> Gate {
        let request_timeout = std::time::Duration::from_millis(milliseconds);
        Gate::new(MicrosoftSettings { request_timeout, ..self.server.settings() }).unwrap()
    }

    pub(in crate::remote) fn change<T>(&self, change: impl FnOnce(&mut Model) -> T) -> T {
        change(&mut self.model.lock().unwrap())
    }

    /// What names this part of a request is answered so; the last word counts.
    pub(in crate::remote) fn say(&self, to: &str, canned: Canned) {
        self.say_times(usize::MAX, to, canned);
    }

    pub(in crate::remote) fn say_times(&self, times: usize, to: &str, canned: Canned) {
        let said = Said { to: to.to_owned(), canned, times, is_done: false };
        self.change(|model| model.said.push(said));
    }

    /// The model does what is asked, and the answer is lost.
    pub(in crate::remote) fn say_of_done(&self, to: &str, canned: Canned) {
        let said = Said { to: to.to_owned(), canned, times: 1, is_done: true };
        self.change(|model| model.said.push(said));
    }

    /// Nothing is said any more but what the model says.
    pub(in crate::remote) fn recover(&self) {
        self.change(|model| {
            model.said.clear();
            model.missing.clear();
        });
    }

    /// The requests to Microsoft Graph and Azure Resource Manager so far, as `GET /v1.0/…` and `GET /arm/…`.
    pub(in crate::remote) fn requests(&self) -> Vec<String> {
        let seen = self.server.seen().into_iter();
        let is_api =
            |seen: &Seen| seen.path.starts_with("/v1.0/") && !is_openid(seen) || seen.path.starts_with("/arm/");
        seen.filter(is_api).map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    pub(in crate::remote) fn count(&self, part: &str) -> usize {
        self.requests().iter().filter(|request| request.contains(part)).count()
    }
}

fn is_openid(seen: &Seen) -> bool {
    seen.path.ends_with("/.well-known/openid-configuration")
}

/// A list of entries.
pub(in crate::remote) fn list(entries: &Value) -> Canned {
    Canned::json(200, &json!({ "value": entries }))
}

/// An error in the shape of both APIs.
pub(in crate::remote) fn error(status: u16, code: &str, message: &str) -> Canned {
    Canned::json(status, &json!({ "error": { "code": code, "message": message } }))
}

impl Model {
    fn healthy() -> Self {
        let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        let switch = |name: &str| ((SUBSCRIPTION.to_owned(), name.to_owned()), true);
        let own = connector("own", &[("incidents", "Enabled"), ("alerts", "Enabled")]);
        Self {
            openid: Canned::json(200, &json!({ "issuer": issuer, "tenant_region_scope": "EU" })),
            sign_in: Canned::token(TOKEN),
            sign_in_to_arm: Canned::token(TOKEN),
            missing: Vec::new(),
            owners: BTreeMap::from([(SUBSCRIPTION.to_owned(), TENANT.to_owned())]),
            switches: BTreeMap::from([switch("WDATP"), switch("MCAS")]),
            connectors: BTreeMap::from([(workspace(SUBSCRIPTION, "soc-prod"), vec![own])]),
            said: Vec::new(),
            written: 1,
        }
    }

    fn answer(&mut self, seen: &Seen) -> Canned {
        if seen.is_token_request() {
            return if seen.body.contains("graph") { self.sign_in.clone() } else { self.sign_in_to_arm.clone() };
        }
        if is_openid(seen) {
            return self.openid.clone();
        }
        if let Some(path) = seen.path.strip_prefix("/arm") {
            return self.said_or(&seen.method, path, &seen.body, |model| {
                model.arm(&seen.method, path, &seen.body, seen.header("if-match"))
            });
        }
        let path = seen.path.strip_prefix("/v1.0").unwrap_or_default();
        if path == "/$batch" {
            return self.said_or("POST", path, "", |model| model.batch(&seen.body));
        }
        self.graph_or_said(&seen.method, path, &seen.body)
    }

    fn graph_or_said(&mut self, method: &str, path: &str, body: &str) -> Canned {
        self.said_or(method, path, body, |_| graph(path, body))
    }

    fn said_or(&mut self, method: &str, path: &str, body: &str, or: impl FnOnce(&mut Self) -> Canned) -> Canned {
        let request = format!("{method} {path} {body}");
        let said = self.said.iter_mut().rev().find(|said| said.times > 0 && request.contains(&said.to));
        let Some(said) = said else { return or(self) };
        said.times -= 1;
        let (canned, is_done) = (said.canned.clone(), said.is_done);
        if is_done {
            or(self);
        }
        canned
    }

    /// Answers come in another order than the questions, as the documentation warns.
    fn batch(&mut self, body: &str) -> Canned {
        let body: Value = serde_json::from_str(body).unwrap();
        let parts = body["requests"].as_array().unwrap().clone();
        assert!(parts.len() <= 20, "{} parts", parts.len());
        let ids: BTreeSet<String> = parts.iter().map(|part| part["id"].to_string()).collect();
        assert_eq!(ids.len(), parts.len(), "no id twice");
        let mut answers = Vec::new();
        for part in parts.iter().rev() {
            let path = part["url"].as_str().unwrap();
            let canned = self.graph_or_said(part["method"].as_str().unwrap(), path, &part["body"].to_string());
            if self.missing.iter().any(|missing| path.contains(missing)) {
                continue;
            }
            let headers: BTreeMap<_, _> = canned.headers.iter().cloned().collect();
            let text = String::from_utf8(canned.body).unwrap();
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            answers.push(json!({ "id": part["id"], "status": canned.status, "headers": headers, "body": body }));
        }
        Canned::json(200, &json!({ "responses": answers }))
    }

    fn arm(&mut self, method: &str, path: &str, body: &str, if_match: Option<&str>) -> Canned {
        let path = path.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let subscription = parts[2].to_owned();
        let Some(owner) = self.owners.get(&subscription) else { return error(404, "SubscriptionNotFound", "no") };
        if path.contains("/Microsoft.SecurityInsights/") {
            return self.sentinel(method, path, body, if_match);
        }
        match (method, &parts[3..]) {
            ("GET", []) => Canned::json(200, &json!({ "subscriptionId": subscription, "tenantId": owner })),
            ("GET", ["providers", "Microsoft.Security", "mdeOnboardings", "default"]) => onboarding(),
            ("GET", ["providers", "Microsoft.Security", "settings"]) => {
                let ours = self.switches.iter().filter(|((id, _), _)| *id == subscription);
                list(&ours.map(|((_, name), is_on)| shown(name, *is_on)).collect())
            }
            (method, ["providers", "Microsoft.Security", "settings", name]) => {
                let key = (subscription, (*name).to_owned());
                if method == "PUT" {
                    let body: Value = serde_json::from_str(body).unwrap();
                    assert_eq!(body["kind"], "DataExportSettings");
                    self.switches.insert(key.clone(), body["properties"]["enabled"].as_bool().unwrap());
                }
                let is_on = self.switches.get(&key);
                is_on.map_or(error(404, "NotFound", "no"), |is_on| Canned::json(200, &shown(name, *is_on)))
            }
            _ => panic!("{method} {path}"),
        }
    }

    fn sentinel(&mut self, method: &str, path: &str, body: &str, if_match: Option<&str>) -> Canned {
        let (workspace, rest) = path.split_once("/providers/Microsoft.SecurityInsights/").unwrap();
        if rest == "dataConnectorsCheckRequirements" {
            return Canned::json(200, &json!({ "authorizationState": "Valid", "licenseState": "Valid" }));
        }
        let connectors = self.connectors.entry(workspace.to_owned()).or_default();
        let Some(name) = rest.strip_prefix("dataConnectors/") else { return list(&connectors.clone().into()) };
        let at = connectors.iter().position(|connector| connector["name"] == name);
        if at.is_some_and(|at| connectors[at]["etag"].as_str() != if_match) {
            return error(412, "PreconditionFailed", "the etag is another one");
        }
        match (method, at) {
            ("DELETE", None) => error(404, "NotFound", "no"),
            ("DELETE", Some(at)) => {
                connectors.remove(at);
                Canned::text(200, "")
            }
            _ => {
                self.written += 1;
                let mut new: Value = serde_json::from_str(body).unwrap();
                new["name"] = name.into();
                new["etag"] = format!("\"{}\"", self.written).into();
                let canned = Canned::json(if at.is_some() { 200 } else { 201 }, &new);
                match at {
                    Some(at) => connectors[at] = new,
                    None => connectors.push(new),
                }
                canned
            }
        }
    }
}

fn shown(name: &str, is_on: bool) -> Value {
    json!({ "name": name, "kind": "DataExportSettings", "properties": { "enabled": is_on } })
}

fn onboarding() -> Canned {
    let text = format!(
        "#!/usr/bin/python3\ndata = {{\"onboardingInfo\":\"{{\\\"orgId\\\":\\\"{MARKER}\\\",\\\"datacenter\\\":\\\"WestEurope\\\",\\\"vortexGeoLocation\\\":\\\"EU\\\"}}\"}}\n"
    );
    let package = STANDARD.encode(text);
    Canned::json(200, &json!({ "properties": { "onboardingPackageLinux": package, "orgId": MARKER } }))
}

fn graph(path: &str, body: &str) -> Canned {
    let holder = json!({ "directoryScopeId": "/", "principalId": GROUP,
        "principal": { "@odata.type": "#microsoft.graph.group", "id": GROUP } });
    match path.split(['?', '(']).next().unwrap() {
        "/organization" => list(&json!([{ "id": TENANT, "displayName": "Contoso", "countryLetterCode": "NL",
            "verifiedDomains": [{ "name": "contoso.example", "isDefault": true }] }])),
        "/servicePrincipals" => list(&json!([
            { "appRoleId": "45cc0394-e837-488b-a098-1918f48d186c", "createdDateTime": "2020-03-13T08:00:00Z" },
            { "appRoleId": "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5", "createdDateTime": "2020-03-13T08:00:00Z" },
            { "appRoleId": "dd98c7f5-2d42-42d3-a0e4-633161547251", "createdDateTime": "2020-03-13T08:00:00Z" },
            { "appRoleId": "f8dcd971-5d83-4e1e-aa95-ef44611ad351", "createdDateTime": "2020-03-13T08:00:00Z" },
            { "appRoleId": "06a5fe6d-c49d-46a7-b082-56b1b14103c7", "createdDateTime": "2020-03-13T08:00:00Z" },
        ])),
        "/subscribedSkus" => {
            list(&json!([{ "skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "skuPartNumber": "SPE_E5",
            "capabilityStatus": "Enabled", "servicePlans": [
                { "servicePlanId": "bf28f719-7844-4079-9c78-c1307898e192", "provisioningStatus": "Success" }] }]))
        }
        "/directory/subscriptions" => {
            list(&json!([{ "skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "isTrial": false,
            "status": "Enabled", "nextLifecycleDateTime": "2027-01-01T00:00:00Z" }]))
        }
        "/security/incidents"
        | "/security/alerts_v2"
        | "/security/identities/healthIssues"
        | "/roleManagement/directory/roleEligibilityScheduleInstances" => list(&json!([])),
        "/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92" => {
            Canned::json(200, &json!({ "partnerState": "enabled" }))
        }
        "/roleManagement/directory/roleAssignments" => list(&json!([holder])),
        "/security/runHuntingQuery" if body.contains("getschema") => {
            Canned::json(200, &json!({ "schema": [], "results": [{ "ColumnName": "Timestamp" }] }))
        }
        "/security/runHuntingQuery" => Canned::json(200, &json!({ "schema": [], "results": [{ "Newest": NEWEST }] })),
        groups if groups.starts_with("/groups/") && groups.ends_with("/$count") => Canned::text(200, "3"),
        other => panic!("{other}"),
    }
}
