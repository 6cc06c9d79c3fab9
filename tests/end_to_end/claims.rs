//! A broker's success is a claim: what is seen decides. And what keeps a step from being sent, from live readings.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::TENANT;
use crate::asked::{asked, broker_writes, now, off, signing_in, until_looked, with_broker, without_broker};
use crate::judges::{message, verdict, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::microsoft::SUBSCRIPTION;
use crate::support::stage::condition;

/// How long the tenant takes to show that the service was turned on.
const DELAY: u64 = 600;

fn late() -> Value {
    json!({"signalsDelaySeconds": DELAY})
}

fn has(resource: &Value, kind: &str, expected: (&str, &str)) -> bool {
    verdict(resource, kind) == expected
}

#[tokio::test]
async fn a_claim_is_verified_when_the_tenant_shows_it() {
    let (stage, _operator) = with_broker("verifying", off(&json!({})), 300).await;
    stage.simulator.settings(None, late()).await.unwrap();
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    let verifying = stage.until_ready("contoso", "False", "Verifying").await;
    assert_eq!(kstatus(&verifying), KStatus::InProgress);
    assert_eq!(verdict(&verifying, "ServiceOn").0, "False", "seen off outweighs the claim");
    // Looking costs nothing: neither a write nor another request to the broker.
    let before = writes(&stage, "contoso").await;
    until_looked(&stage, TENANT, 3).await;
    assert_eq!(writes(&stage, "contoso").await, before);
    stage.simulator.advance(DELAY).await.unwrap();
    let on = stage.until_ready("contoso", "True", "Enabled").await;
    // A look that is under way while the tenant changes sees both: then the claim counts for that once.
    let in_between = usize::from(on["status"]["features"][0]["source"] == "Claimed");
    let is_seen = |resource: &Value| resource["status"]["features"][0]["source"] == "Observed";
    let on = stage.until("contoso", "seen to be on", is_seen).await;
    assert!(message(&on, "ServiceOn").contains("observed"), "{}", message(&on, "ServiceOn"));
    assert_eq!(broker_writes(&stage).await, ["PUT"]);
    let written = writes(&stage, "contoso").await;
    assert!(written.len() <= 3 + in_between, "1 + 1 for the step + 1 for its later verification: {written:?}");
}

#[tokio::test]
async fn a_claim_that_is_never_seen_stalls_and_is_not_made_again() {
    let (stage, _operator) = with_broker("never-seen", off(&json!({})), 4).await;
    stage.simulator.settings(None, late()).await.unwrap();
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    let stalled = stage.until_ready("contoso", "False", "ClaimNotObserved").await;
    assert_eq!(kstatus(&stalled), KStatus::Failed);
    assert_eq!(broker_writes(&stage).await, ["PUT"]);
    assert!(message(&stalled, "Ready").contains("request a reconcile"), "{}", message(&stalled, "Ready"));
    let before = writes(&stage, "contoso").await;
    until_looked(&stage, TENANT, 1).await;
    assert_eq!(writes(&stage, "contoso").await, before);
    assert_eq!(broker_writes(&stage).await, ["PUT"], "no second provisioning");
    // It comes late, and counts all the same.
    stage.simulator.advance(DELAY).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(broker_writes(&stage).await, ["PUT"]);
}

fn attested(claim: &str, more: &Value) -> Value {
    let today = now();
    let mut attestation = json!({
        "name": "word", "claim": claim, "attestedBy": "a.person@contoso.example",
        "attestTime": (today - SignedDuration::from_hours(1)).to_string(),
        "expireTime": (today + SignedDuration::from_hours(24 * 100)).to_string(),
    });
    json_patch::merge(&mut attestation, more);
    json!({"attestations": [attestation]})
}

#[tokio::test]
async fn an_attestation_that_is_seen_to_be_wrong_does_not_count() {
    let (stage, _operator) = without_broker("contradicted", off(&json!({}))).await;
    stage.apply("contoso", signing_in(&attested("ServiceOn", &json!({})))).await.unwrap();
    let asking = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert_eq!(kstatus(&asking), KStatus::Failed);
    assert_eq!(verdict(&asking, "ServiceOn").0, "False");
    assert_eq!(asking["status"]["features"][0]["source"], "Observed");
    let said = message(&asking, "ServiceOn");
    assert!(said.contains("attest") && said.contains("does not count"), "{said}");
}

#[tokio::test]
async fn a_licence_opens_the_way_to_a_hand_off() {
    let (stage, _operator) = without_broker("licence", off(&json!({"services": []}))).await;
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    let refused = stage.until_ready("contoso", "False", "NotEligible").await;
    assert_eq!(kstatus(&refused), KStatus::Failed);
    assert_eq!(verdict(&refused, "Eligible"), ("False", "NotEligible"));
    assert!(refused["status"]["pendingActions"].as_array().is_none_or(Vec::is_empty), "no hand-off");
    assert!(condition(&refused, "ActionRequired").is_none());
    stage.simulator.patch(TENANT, json!({"services": ["CloudApps"]})).await.unwrap();
    let asking = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert_eq!(verdict(&asking, "Eligible"), ("True", "Met"));
    assert_eq!(asking["status"]["pendingActions"][0]["step"], "Enable");
    assert_eq!(asking["status"]["eligibility"]["services"], json!(["CloudApps"]));
}

#[tokio::test]
async fn nobody_holds_the_role() {
    let applications = json!([{"role": "SecurityAdministrator", "principal": "servicePrincipal"}]);
    let (stage, _operator) = without_broker("no-role", off(&json!({"roles": [], "assignments": applications}))).await;
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    let asking = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert_eq!(verdict(&asking, "Authorized"), ("False", "NotAuthorized"));
    let action = &asking["status"]["pendingActions"][0];
    assert!(action["role"].as_str().unwrap().contains("nobody is known to hold it"), "{action}");
    // A group with a member will do, a person who is eligible too.
    let group = json!([{"role": "SecurityAdministrator", "principal": "group", "members": 2}]);
    let eligible = json!([{"role": "GlobalAdministrator", "eligible": true}]);
    for (assignments, how) in [(group, "group"), (eligible, "activate")] {
        stage.simulator.patch(TENANT, json!({"assignments": assignments})).await.unwrap();
        let known = |resource: &Value| {
            has(resource, "Authorized", ("True", "Met")) && message(resource, "Authorized").contains(how)
        };
        stage.until("contoso", how, known).await;
    }
    stage.until_ready("contoso", "False", "ActionRequired").await;
}

/// Seen through a subscription of the tenant, before anything irreversible.
#[tokio::test]
async fn a_region_that_endpoint_contradicts_is_refused() {
    let elsewhere =
        json!({"endpointRegion": "UK", "subscriptions": [{"id": SUBSCRIPTION, "settings": {"WDATP": true}}]});
    let (stage, _operator) = with_broker("elsewhere", off(&elsewhere), 60).await;
    let wished = json!({"dataLocation": {"region": "EU"}, "observation": {"subscriptionId": SUBSCRIPTION}});
    stage.apply("contoso", signing_in(&wished)).await.unwrap();
    let refused = stage.until_ready("contoso", "False", "RegionMismatch").await;
    assert_eq!(kstatus(&refused), KStatus::Failed);
    let said = message(&refused, "Ready");
    assert!(said.contains("EU") && said.contains("UK") && said.contains("observed"), "{said}");
    assert!(refused["status"]["dataLocation"].is_null(), "nothing is pinned");
    stage.request_reconcile("contoso", "again").await;
    stage.until("contoso", "asked again", |resource| resource["status"]["lastHandledReconcileAt"] == "again").await;
    assert!(broker_writes(&stage).await.is_empty(), "nothing is sent");
    assert!(asked(&stage, TENANT).await.iter().all(|request| request["method"] != "PUT"));
    // The wish follows what is: then it may be turned on, there.
    stage.edit("contoso", json!({"dataLocation": {"region": "UK"}})).await.unwrap();
    let on = stage.until_ready("contoso", "True", "Enabled").await;
    let location = &on["status"]["dataLocation"];
    assert_eq!((&location["region"], &location["source"]), (&"UK".into(), &"Observed".into()), "{location}");
    assert_eq!(location["dataCenter"], "UkSouth");
    assert_eq!(broker_writes(&stage).await, ["PUT"]);
    assert_eq!(stage.simulator.tenant(TENANT).await.unwrap()["region"], "UK");
}

/// Without a licence nothing is asked of the broker either; a new one lets the step go.
#[tokio::test]
async fn a_broker_is_not_asked_for_what_no_licence_allows() {
    let (stage, _operator) = with_broker("unlicensed", off(&json!({"services": []})), 60).await;
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    stage.until_ready("contoso", "False", "NotEligible").await;
    assert!(broker_writes(&stage).await.is_empty());
    stage.simulator.patch(TENANT, json!({"services": ["Endpoint"]})).await.unwrap();
    stage.request_reconcile("contoso", "bought").await;
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(broker_writes(&stage).await, ["PUT"]);
}
