//! Hand-offs, `Observe` and `Suspend`, as sections 4 and 5 of the contract promise them to people and to `GitOps` tools.

use serde_json::{Value, json};

use crate::TENANT;
use crate::judges::{assert_not_asked, assert_settled, clock, looks, message, seed, verdict, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::{Stage, condition, ready};

/// Every condition that is never absent.
pub(crate) const CONDITIONS: [&str; 10] = [
    "Ready",
    "CredentialsReady",
    "Eligible",
    "Authorized",
    "Consented",
    "RegionPinned",
    "ServiceOn",
    "Integrated",
    "ServicesReporting",
    "InSync",
];

#[tokio::test]
async fn without_a_broker_a_person_is_told_what_to_do_at_once() {
    let stage = Stage::open("hand-off").await;
    let mut configuration = stage.configuration();
    configuration.broker = None;
    let _operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    let stalled = stage.until_ready("contoso", "Unknown", "ActionRequired").await;
    assert_eq!(kstatus(&stalled), KStatus::Failed);
    assert_eq!(verdict(&stalled, "Stalled"), ("True", "ActionRequired"));
    assert_eq!(verdict(&stalled, "ActionRequired").0, "True");
    assert!(condition(&stalled, "Reconciling").is_none());
    let told = message(&stalled, "Ready");
    assert!(told.contains("Security Administrator"), "who: {told}");
    assert!(told.contains("https://security.microsoft.com/incidents"), "where: {told}");
    let action = &stalled["status"]["pendingActions"][0];
    assert_eq!(action["step"], "Enable");
    assert_eq!(stalled["status"]["plan"][0]["actor"], "Person");
    for kind in CONDITIONS {
        assert!(condition(&stalled, kind).is_some(), "{kind} is missing");
    }
    let written = writes(&stage, "contoso").await;
    assert_eq!(written, ["patch status"]);
    // A resync later, which a reconcile request proves, there is nothing new to say but the token.
    stage.request_reconcile("contoso", "t-1").await;
    let again =
        stage.until("contoso", "answered", |resource| resource["status"]["lastHandledReconcileAt"] == "t-1").await;
    assert_eq!(again["status"]["pendingActions"], stalled["status"]["pendingActions"]);
    assert_eq!(writes(&stage, "contoso").await.len(), 2);
}

#[tokio::test]
async fn observe_publishes_the_plan_and_sends_nothing() {
    let stage = Stage::open("observe").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let spec = json!({
        "tenantId": TENANT, "dataLocation": {"region": "US"}, "managementPolicy": "Observe",
        "integrations": [{"name": "intune", "type": "EndpointIntune"}],
    });
    stage.apply("contoso", spec).await.unwrap();
    let stalled = stage.until_ready("contoso", "False", "ObserveOnly").await;
    assert_eq!(verdict(&stalled, "Stalled"), ("True", "ObserveOnly"));
    assert_eq!(kstatus(&stalled), KStatus::Failed);
    let step = &stalled["status"]["plan"][0];
    assert_eq!(
        (&step["step"], &step["actor"], &step["risk"]),
        (&json!("Enable"), &json!("None"), &json!("Irreversible"))
    );
    assert!(stalled["status"]["pendingActions"].is_null(), "{stalled:#}");
    assert!(stalled["status"]["operation"].is_null() && stalled["status"]["dataLocation"].is_null(), "{stalled:#}");
    assert_settled(&stage, "contoso", TENANT).await;
    assert_eq!(writes(&stage, "contoso").await, ["patch status"]);
    let requests = stage.simulator.requests(Some(TENANT), 0).await.unwrap();
    assert!(requests.iter().all(|request| request["method"] == "GET"), "{requests:#?}");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded"]);
}

#[tokio::test]
async fn suspend_keeps_the_verdict_and_asks_nobody_until_it_is_taken_away() {
    let stage = Stage::open("suspend").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    clock(&stage).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    let before = stage.until_current("contoso").await;
    stage.edit("contoso", json!({"managementPolicy": "Suspend", "desiredState": "Disabled"})).await.unwrap();
    let suspended = stage.until("contoso", "suspended", |resource| verdict(resource, "Suspended").0 == "True").await;
    assert_eq!(kstatus(&suspended), KStatus::InProgress);
    assert_eq!(ready(&suspended), ("True", "Enabled"), "as it was");
    assert_eq!(suspended["status"]["observedGeneration"], before["status"]["observedGeneration"], "does not advance");
    assert_eq!(
        condition(&suspended, "Suspended").unwrap()["observedGeneration"],
        suspended["metadata"]["generation"],
        "the new generation in that condition alone"
    );
    assert_eq!(condition(&suspended, "Ready"), condition(&before, "Ready"));
    assert_not_asked(&stage, TENANT).await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
    stage.edit("contoso", json!({"managementPolicy": null})).await.unwrap();
    let resumed = stage.until_ready("contoso", "True", "Disabled").await;
    assert!(condition(&resumed, "Suspended").is_none(), "{resumed:#}");
    assert_eq!(kstatus(&resumed), KStatus::Current);
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap().last().map(String::as_str), Some("turnedOff"));
}

#[tokio::test]
async fn suspend_on_a_fresh_resource_says_so_everywhere_and_asks_nobody() {
    let stage = Stage::open("suspend-fresh").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let spec = json!({"tenantId": TENANT, "managementPolicy": "Suspend", "deletionPolicy": "Deprovision"});
    stage.apply("contoso", spec).await.unwrap();
    let suspended = stage.until("contoso", "suspended", |resource| verdict(resource, "Suspended").0 == "True").await;
    for kind in CONDITIONS {
        assert_eq!(verdict(&suspended, kind), ("Unknown", "Suspended"), "{kind}");
    }
    assert_eq!(suspended["status"]["observedGeneration"], 1);
    assert!(suspended["metadata"]["finalizers"].is_null(), "no finalizer is added under Suspend");
    clock(&stage).await;
    looks(&stage, crate::OTHER, 2).await;
    assert_eq!(stage.simulator.requests(Some(TENANT), 0).await.unwrap(), Vec::<Value>::new());
    assert_eq!(writes(&stage, "contoso").await, ["patch status"]);
}
