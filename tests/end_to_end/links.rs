//! Section 3 of the contract: each type of link, from linked over a change outside to unlinked, and what is never written.

use serde_json::{Value, json};

use crate::asked::{
    azure_writes, broker_writes, link_effects, now, off, on, signing_in, until_looked, with_broker, without_broker,
};
use crate::judges::{message, until, verdict, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::microsoft::{SUBSCRIPTION, workspace};
use crate::support::stage::Stage;
use crate::{OTHER, TENANT};

/// Another subscription, through which the data centre can be read, or that belongs to somebody else.
const SECOND: &str = "7f1d6a42-9c0e-4b85-b3d7-1e2f3a4b5c6d";

/// A link that Azure Resource Manager changes.
struct Kind {
    name: &'static str,
    integration: Value,
    /// What somebody else leaves behind in the simulator.
    taken_away: Value,
    put: &'static str,
    removal: &'static str,
}

fn cloud_apps() -> Kind {
    Kind {
        name: "cloud-apps",
        integration: json!({"type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION}),
        taken_away: two_subscriptions(),
        put: "PUT MCAS",
        removal: "PUT MCAS",
    }
}

/// With its region known through the other subscription.
fn endpoint() -> Kind {
    Kind {
        name: "endpoint",
        integration: json!({"type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION}),
        taken_away: two_subscriptions(),
        put: "PUT WDATP",
        removal: "PUT WDATP",
    }
}

fn sentinel() -> Kind {
    Kind {
        name: "sentinel",
        integration: json!({"type": "SentinelIncidents", "workspaceResourceId": workspace()}),
        taken_away: json!({"workspaces": [{"resourceId": workspace()}]}),
        put: "PUT connector",
        removal: "DELETE connector",
    }
}

fn two_subscriptions() -> Value {
    json!({"subscriptions": [{"id": SUBSCRIPTION}, {"id": SECOND, "settings": {"WDATP": true}}]})
}

impl Kind {
    fn entry(&self, state: &str) -> Value {
        let mut entry = json!({"name": self.name, "state": state});
        json_patch::merge(&mut entry, &self.integration);
        json!({"integrations": [entry]})
    }

    /// Nothing is written while more looks find no difference.
    async fn rests(&self, stage: &Stage, looks: usize) {
        let before = (writes(stage, "contoso").await, azure_writes(stage).await);
        until_looked(stage, TENANT, looks).await;
        assert_eq!((writes(stage, "contoso").await, azure_writes(stage).await), before, "{}", self.name);
    }

    async fn live(self) {
        let (stage, _operator) = without_broker(self.name, on(&two_subscriptions())).await;
        let spec = signing_in(&json!({"observation": {"subscriptionId": SECOND}}));
        let declared = |state: &str| {
            let mut spec = spec.clone();
            json_patch::merge(&mut spec, &self.entry(state));
            spec
        };
        stage.apply("contoso", declared("Linked")).await.unwrap();
        let linked = stage.until_ready("contoso", "True", "Enabled").await;
        let shown = &linked["status"]["integrations"][0];
        let said = ["state", "actor", "source"].map(|field| shown[field].as_str().unwrap_or_default());
        assert_eq!(said, ["Linked", "Arm", "Observed"], "{}", self.name);
        assert_eq!(verdict(&linked, "Integrated").0, "True", "{}", self.name);
        assert_eq!(azure_writes(&stage).await, [self.put]);
        self.rests(&stage, 3).await;

        // Somebody changes it outside: it is set back, once.
        stage.simulator.patch(TENANT, self.taken_away.clone()).await.unwrap();
        until("set back", async || link_effects(&stage).await == ["linked", "linked"]).await;
        let is_noted = |resource: &Value| resource["status"]["repairs"][0]["target"] == self.name;
        stage.until("contoso", "repaired", is_noted).await;
        self.rests(&stage, 3).await;
        assert_eq!(azure_writes(&stage).await, [self.put, self.put]);
        // And again on the same day: it is left alone, until somebody asks.
        stage.simulator.patch(TENANT, self.taken_away.clone()).await.unwrap();
        let contended = stage.until_ready("contoso", "False", "Contended").await;
        assert_eq!(kstatus(&contended), KStatus::Failed);
        self.rests(&stage, 1).await;
        assert_eq!(azure_writes(&stage).await, [self.put, self.put]);
        stage.request_reconcile("contoso", "found-out-who").await;
        until("linked again", async || link_effects(&stage).await.len() == 3).await;
        stage.until_current("contoso").await;
        assert_eq!(azure_writes(&stage).await, [self.put; 3]);

        // What taking it away would do is told before it is done.
        let mut watched = declared("Unlinked");
        watched["managementPolicy"] = "Observe".into();
        stage.apply("contoso", watched).await.unwrap();
        let told = stage.until_ready("contoso", "False", "ObserveOnly").await;
        assert_eq!(
            (&told["status"]["plan"][0]["step"], &told["status"]["plan"][0]["actor"]),
            (&"Unlink".into(), &"None".into())
        );
        let agents_stay =
            told["status"]["plan"][0]["reason"].as_str().unwrap().contains("agents that were deployed stay");
        assert_eq!(agents_stay, self.name == "endpoint");
        self.rests(&stage, 1).await;
        stage.apply("contoso", declared("Unlinked")).await.unwrap();
        let unlinked = stage.until_ready("contoso", "True", "Enabled").await;
        assert_eq!(unlinked["status"]["integrations"][0]["state"], "Unlinked");
        assert_eq!(link_effects(&stage).await.last().unwrap(), "unlinked");
        self.rests(&stage, 3).await;
        assert_eq!(azure_writes(&stage).await, [self.put, self.put, self.put, self.removal]);
    }
}

#[tokio::test]
async fn cloud_apps_is_set_repaired_once_left_alone_and_taken_away() {
    cloud_apps().live().await;
}

#[tokio::test]
async fn endpoint_is_set_repaired_once_left_alone_and_taken_away() {
    endpoint().live().await;
}

#[tokio::test]
async fn a_connector_is_set_repaired_once_left_alone_and_taken_away() {
    sentinel().live().await;
}

#[tokio::test]
async fn the_endpoint_link_waits_until_a_region_is_known() {
    let endpoint = endpoint();
    let seen = json!({"observation": {"subscriptionId": SECOND}});
    let today = now();
    let (from, to) = (today - jiff::SignedDuration::from_hours(1), today + jiff::SignedDuration::from_hours(24));
    let attested = json!({"attestations": [{
        "name": "where", "claim": "DataLocation", "region": "EU", "attestedBy": "a.person@contoso.example",
        "attestTime": from.to_string(), "expireTime": to.to_string(),
    }]});
    let story = async |name: &str, word: Value, source: &str| {
        let (stage, _operator) = without_broker(name, on(&two_subscriptions())).await;
        stage.apply("contoso", signing_in(&endpoint.entry("Linked"))).await.unwrap();
        let refused = stage.until_ready("contoso", "False", "RegionRequired").await;
        assert_eq!(kstatus(&refused), KStatus::Failed);
        assert_eq!(verdict(&refused, "Integrated").0, "False");
        ask_again(&stage).await;
        assert!(azure_writes(&stage).await.is_empty());
        let mut spec = signing_in(&endpoint.entry("Linked"));
        json_patch::merge(&mut spec, &word);
        stage.apply("contoso", spec).await.unwrap();
        let linked = stage.until_ready("contoso", "True", "Enabled").await;
        let location = &linked["status"]["dataLocation"];
        assert_eq!((&location["region"], &location["source"]), (&"EU".into(), &source.into()), "{location}");
        assert_eq!(azure_writes(&stage).await, ["PUT WDATP"]);
        assert_eq!(stage.simulator.tenant(TENANT).await.unwrap()["endpointRegion"], "EU");
    };
    tokio::join!(story("seen-region", seen, "Observed"), story("said-region", attested, "Attested"));
}

/// Some tenants take the connector from a person only, and say so when it is tried.
#[tokio::test]
async fn a_connector_that_is_refused_to_applications_is_handed_to_a_person() {
    let refusing = json!({"workspaces": [{"resourceId": workspace(), "acceptsApplications": false}]});
    let (stage, _operator) = without_broker("by-hand", on(&refusing)).await;
    let sentinel = sentinel();
    stage.apply("contoso", signing_in(&sentinel.entry("Linked"))).await.unwrap();
    let asking = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert_eq!(kstatus(&asking), KStatus::Failed);
    assert_eq!(asking["status"]["pendingActions"][0]["step"], "Link");
    assert_eq!(asking["status"]["integrations"][0]["actor"], "Person");
    let refused = stage.simulator.requests_of("arm", None).await.unwrap();
    let refused: Vec<_> = refused.iter().filter(|request| request["method"] == "PUT").collect();
    assert_eq!(refused.len(), 1, "it is tried once");
    assert_eq!(refused[0]["status"], 401);
    sentinel.rests(&stage, 3).await;
    let connector = json!({
        "name": "d2f0a4b8-6c1e-4f93-8a57-0b9c3d4e5f60", "kind": "MicrosoftThreatProtection", "etag": "\"1\"",
        "properties": {"tenantId": TENANT, "dataTypes": {"incidents": {"state": "Enabled"}}},
    });
    let connected = json!({"resourceId": workspace(), "acceptsApplications": false, "connectors": [connector]});
    stage.simulator.patch(TENANT, json!({"workspaces": [connected]})).await.unwrap();
    let closed = stage.until_ready("contoso", "True", "Enabled").await;
    assert!(closed["status"]["pendingActions"].as_array().is_none_or(Vec::is_empty));
    assert_eq!(closed["status"]["integrations"][0]["source"], "Observed");
    sentinel.rests(&stage, 3).await;
    assert_eq!(azure_writes(&stage).await, [sentinel.put], "what the person did is left as it is");
}

#[tokio::test]
async fn a_subscription_of_another_tenant_is_never_written_to() {
    let (stage, _operator) = without_broker("foreign", on(&json!({"subscriptions": []}))).await;
    let theirs = json!({"subscriptions": [{"id": SUBSCRIPTION}], "workspaces": []});
    stage.simulator.seed(OTHER, on(&theirs)).await.unwrap();
    stage.apply("contoso", signing_in(&cloud_apps().entry("Linked"))).await.unwrap();
    let foreign = stage.until_ready("contoso", "False", "TenantMismatch").await;
    assert_eq!(kstatus(&foreign), KStatus::Failed);
    assert!(message(&foreign, "Ready").contains(OTHER), "{}", message(&foreign, "Ready"));
    assert!(message(&foreign, "Ready").contains("cloud-apps"), "{}", message(&foreign, "Ready"));
    assert_ne!(verdict(&foreign, "Integrated").0, "True");
    assert_eq!(verdict(&foreign, "CredentialsReady"), ("True", "Met"), "the credentials are not to blame");
    ask_again(&stage).await;
    assert!(azure_writes(&stage).await.is_empty());
    assert!(link_effects(&stage).await.is_empty());
}

/// What only a person can mend is looked at rarely: a request brings the next look.
async fn ask_again(stage: &Stage) {
    stage.request_reconcile("contoso", "again").await;
    stage.until("contoso", "asked again", |resource| resource["status"]["lastHandledReconcileAt"] == "again").await;
}

fn intune(state: &str) -> Value {
    json!({"integrations": [{"name": "intune", "type": "EndpointIntune", "state": state}]})
}

async fn turn_intune(stage: &Stage, to: &str) {
    let switch = json!({"type": "EndpointIntune", "state": to});
    stage.simulator.act(TENANT, "SecurityAdministrator", "setLink", switch).await.unwrap();
}

/// Without a broker the switch is a person's, and Microsoft Graph shows it.
#[tokio::test]
async fn the_intune_switch_is_turned_by_a_person_and_seen() {
    let (stage, _operator) = without_broker("intune-person", on(&json!({}))).await;
    stage.apply("contoso", signing_in(&intune("Linked"))).await.unwrap();
    let asking = stage.until_ready("contoso", "False", "ActionRequired").await;
    let action = &asking["status"]["pendingActions"][0];
    assert_eq!(action["step"], "Link");
    assert!(action["link"].as_str().unwrap().contains(TENANT), "{action}");
    turn_intune(&stage, "Linked").await;
    let linked = stage.until_ready("contoso", "True", "Enabled").await;
    let shown = &linked["status"]["integrations"][0];
    assert_eq!((&shown["source"], &shown["effective"]), (&"Observed".into(), &"True".into()), "{shown}");
    // A change outside is a person's to set back, each time.
    turn_intune(&stage, "Unlinked").await;
    let drifted = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert_eq!(drifted["status"]["pendingActions"][0]["step"], "Link");
    stage.apply("contoso", signing_in(&intune("Unlinked"))).await.unwrap();
    let unlinked = stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(unlinked["status"]["integrations"][0]["state"], "Unlinked");
    assert!(azure_writes(&stage).await.is_empty());
}

#[tokio::test]
async fn the_broker_turns_the_intune_switch_and_sets_it_back_once() {
    let (stage, _operator) = with_broker("intune-broker", off(&json!({})), 60).await;
    stage.apply("contoso", signing_in(&intune("Linked"))).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(broker_writes(&stage).await, ["PUT", "PATCH"]);
    turn_intune(&stage, "Unlinked").await;
    until("set back", async || link_effects(&stage).await == ["linked", "unlinked", "linked"]).await;
    let back = stage.until_ready("contoso", "True", "Enabled").await;
    let shown = &back["status"]["integrations"][0];
    assert_eq!((&shown["actor"], &shown["source"]), (&"Broker".into(), &"Observed".into()), "{shown}");
    turn_intune(&stage, "Unlinked").await;
    stage.until_ready("contoso", "False", "Contended").await;
    until_looked(&stage, TENANT, 1).await;
    assert_eq!(broker_writes(&stage).await, ["PUT", "PATCH", "PATCH"]);
    // It is unlinked already: declaring that asks for nothing.
    stage.apply("contoso", signing_in(&intune("Unlinked"))).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    stage.apply("contoso", signing_in(&intune("Linked"))).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    stage.apply("contoso", signing_in(&intune("Unlinked"))).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(broker_writes(&stage).await, ["PUT", "PATCH", "PATCH", "PATCH", "PATCH"]);
    assert_eq!(link_effects(&stage).await.last().unwrap(), "unlinked");
}

fn identity(state: &str) -> Value {
    json!({"integrations": [{"name": "identity-data", "type": "IdentityCloudApps", "state": state}]})
}

/// The switch is set at once; the data takes half a day, and does not hold `Ready`.
#[tokio::test]
async fn identity_data_is_linked_by_the_broker_and_flows_later() {
    let (stage, _operator) = with_broker("identity-broker", off(&json!({})), 60).await;
    stage.apply("contoso", signing_in(&identity("Linked"))).await.unwrap();
    until("turned on", async || link_effects(&stage).await == ["linked"]).await;
    stage.simulator.patch(TENANT, json!({"reporting": null})).await.unwrap();
    let linked = stage.until_ready("contoso", "True", "Enabled").await;
    let shown = &linked["status"]["integrations"][0];
    assert_eq!((&shown["state"], &shown["source"]), (&"Linked".into(), &"Claimed".into()), "{shown}");
    assert_ne!(shown["effective"], "True", "{shown}");
    stage.simulator.advance(12 * 60 * 60).await.unwrap();
    let flowing = |resource: &Value| resource["status"]["integrations"][0]["effective"] == "True";
    let flows = stage.until("contoso", "fed with data", flowing).await;
    assert_eq!(verdict(&flows, "Ready"), ("True", "Enabled"));
    assert_eq!(broker_writes(&stage).await, ["PUT", "PATCH"]);
    stage.apply("contoso", signing_in(&identity("Unlinked"))).await.unwrap();
    let unlinked = stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(unlinked["status"]["integrations"][0]["state"], "Unlinked");
    assert_eq!(broker_writes(&stage).await, ["PUT", "PATCH", "PATCH"]);
    assert_eq!(link_effects(&stage).await, ["linked", "unlinked"]);
}

/// No API shows this switch: the hand-off closes by a person's word, as Git carries it.
#[tokio::test]
async fn identity_data_that_a_person_links_is_attested() {
    let (stage, _operator) = without_broker("identity-person", on(&json!({}))).await;
    stage.apply("contoso", signing_in(&identity("Linked"))).await.unwrap();
    let asking = stage.until("contoso", "asking", |resource| !resource["status"]["pendingActions"].is_null()).await;
    assert_eq!(asking["status"]["pendingActions"][0]["step"], "Link");
    assert!(asking["status"]["pendingActions"][0]["verifiedBy"].as_str().unwrap().contains("IntegrationLinked"));
    stage
        .simulator
        .act(TENANT, "SecurityAdministrator", "setLink", json!({"type": "IdentityCloudApps", "state": "Linked"}))
        .await
        .unwrap();
    let today = now();
    let mut spec = signing_in(&identity("Linked"));
    spec["attestations"] = json!([{
        "name": "linked", "claim": "IntegrationLinked", "integrationName": "identity-data",
        "attestedBy": "a.person@contoso.example", "attestTime": today.to_string(),
        "expireTime": (today + jiff::SignedDuration::from_hours(24 * 200)).to_string(),
    }]);
    stage.apply("contoso", spec).await.unwrap();
    let linked = stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(linked["status"]["integrations"][0]["source"], "Attested");
}
