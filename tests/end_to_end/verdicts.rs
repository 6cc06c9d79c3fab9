//! What a change outside does to a verdict, how soon it is seen, and what looking costs.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::TENANT;
use crate::asked::{
    asked, azure_writes, begins_look, blind_to_brokers, off, on, signing_in, until_looked, without_broker,
};
use crate::judges::{events, message, until, verdict, writes};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::microsoft::{SECRET, SECRET_NAME, SUBSCRIPTION, workspace};
use crate::support::stage::Stage;

#[tokio::test]
async fn a_lapsing_licence_degrades_and_turns_nothing_off() {
    let (stage, _operator) = without_broker("lapsing", on(&json!({}))).await;
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    let first = stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(verdict(&first, "Eligible"), ("True", "Met"));
    let since = |resource: &Value| resource["status"]["conditions"][0]["lastTransitionTime"].clone();
    let mut written = writes(&stage, "contoso").await.len();
    for (state, expected) in [
        ("Warning", ("True", "LicenceInGrace")),
        ("Suspended", ("False", "LicenceInGrace")),
        ("Deleted", ("False", "NotEligible")),
        ("Enabled", ("True", "Met")),
    ] {
        between_looks(&stage).await;
        stage.simulator.patch(TENANT, json!({"licenceState": state})).await.unwrap();
        let told = |resource: &Value| verdict(resource, "Eligible") == expected;
        let resource = stage.until("contoso", state, told).await;
        assert_eq!(verdict(&resource, "Ready"), ("True", "Enabled"), "{state}: it is on all the same");
        assert_eq!(kstatus(&resource), KStatus::Current, "{state}");
        assert_eq!(since(&resource), since(&first), "{state}: Ready has not moved");
        until_looked(&stage, TENANT, 2).await;
        let now = writes(&stage, "contoso").await.len();
        assert!(now <= written + 1, "{state}: {} writes for one change", now - written);
        written = now;
    }
    assert_eq!(stage.simulator.tenant(TENANT).await.unwrap()["service"]["state"], "on");
}

/// Waits until a look has just ended, so that the next one sees a change as a whole: a look is two requests, and one that
/// straddles a change tells it in two parts.
async fn between_looks(stage: &Stage) {
    let before = asked(stage, TENANT).await.len();
    until("a look ends", async || {
        let all = asked(stage, TENANT).await;
        let is_hunting = |request: &Value| request["parts"].to_string().contains("runHuntingQuery");
        all.len() > before && all.last().is_some_and(|last| is_hunting(last) && !last["status"].is_null())
    })
    .await;
}

/// The looks of a request log: each with whether it was a full one, and how many requests it took.
fn looks(requests: &[Value]) -> Vec<(bool, usize)> {
    let mut looks: Vec<(bool, usize)> = Vec::new();
    for request in requests {
        // Every look first asks what the application may do.
        let parts = request["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let begins = parts.iter().filter_map(Value::as_str).any(|path| path.contains("servicePrincipals"));
        match looks.last_mut() {
            Some((_, count)) if !begins => *count += 1,
            _ => looks.push((begins_look(request), 1)),
        }
    }
    looks
}

/// Another manager writes something that is none of ours: the resource is looked at.
async fn touch(stage: &Stage, value: &str) {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"team.example/note": value}}}));
    stage.resources().patch("contoso", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn what_a_person_does_in_the_portal_is_seen_soon_and_cheaply() {
    let stage = Stage::open("by-a-person").await;
    stage.simulator.seed(TENANT, off(&json!({}))).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let configuration = blind_to_brokers(&stage).with_timing("resyncMinimumSeconds", 8);
    let _operator = stage.operator(&configuration.with_timing("resyncMaximumSeconds", 8)).await;
    stage.apply("contoso", signing_in(&json!({}))).await.unwrap();
    let asking = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert_eq!(kstatus(&asking), KStatus::Failed);
    let action = &asking["status"]["pendingActions"][0];
    assert_eq!(action["step"], "Enable");
    let link = action["link"].as_str().unwrap();
    assert!(link.contains(&format!("tid={TENANT}")), "{link}");
    let before = writes(&stage, "contoso").await.len();
    for turn in 0..4 {
        let asked_before = asked(&stage, TENANT).await.len();
        touch(&stage, &turn.to_string()).await;
        until("looked at", async || asked(&stage, TENANT).await.len() > asked_before).await;
    }
    let requests = asked(&stage, TENANT).await;
    let polls: Vec<usize> = looks(&requests).iter().filter(|(full, _)| !full).map(|(_, count)| *count).collect();
    assert!(polls.len() >= 2, "while a person is awaited only the awaited question is asked: {:?}", looks(&requests));
    assert!(polls.iter().all(|count| *count <= 2), "{polls:?}");
    assert!(looks(&requests).iter().all(|(_, count)| *count <= 8), "{:?}", looks(&requests));
    assert_eq!(writes(&stage, "contoso").await.len(), before, "waiting writes nothing");
    assert!(events(&stage, "contoso").await.iter().all(|(_, count)| *count == 1), "it is told, and not told again");

    stage.simulator.act(TENANT, "SecurityAdministrator", "openPortal", json!({})).await.unwrap();
    let ready = stage.until_ready("contoso", "True", "Enabled").await;
    assert!(message(&ready, "ServiceOn").contains("observed"), "{}", message(&ready, "ServiceOn"));
    assert!(ready["status"]["pendingActions"].as_array().is_none_or(Vec::is_empty));
    assert_eq!(writes(&stage, "contoso").await.len(), before + 1, "the verdict is one write");
}

/// Four links of Azure and Intune, the place of the data, and roles held by groups: all in eight requests.
#[tokio::test]
async fn a_full_look_costs_at_most_eight_requests() {
    let second = "7f1d6a42-9c0e-4b85-b3d7-1e2f3a4b5c6d";
    let groups = json!([
        {"role": "SecurityAdministrator", "principal": "group", "members": 3},
        {"role": "GlobalAdministrator", "principal": "group", "members": 2, "eligible": true},
    ]);
    let members = json!({
        "assignments": groups,
        "subscriptions": [{"id": SUBSCRIPTION}, {"id": second, "settings": {"WDATP": true, "MCAS": true}}],
    });
    let (stage, _operator) = without_broker("eight", on(&members)).await;
    let integrations = json!([
        {"name": "apps", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION},
        {"name": "apps-too", "type": "DefenderForCloudCloudApps", "subscriptionId": second},
        {"name": "endpoint", "type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION},
        {"name": "sentinel", "type": "SentinelIncidents", "workspaceResourceId": workspace()},
    ]);
    let rich = json!({"observation": {"subscriptionId": second}, "integrations": integrations});
    stage.apply("contoso", signing_in(&rich)).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(azure_writes(&stage).await.len(), 3, "one was linked already");
    until_looked(&stage, TENANT, 1).await;
    let from = asked(&stage, TENANT).await.len();
    let before = writes(&stage, "contoso").await;
    until_looked(&stage, TENANT, 5).await;
    let requests = asked(&stage, TENANT).await.split_off(from);
    // The first may be the rest of a look, the last may go on.
    let counts = looks(&requests);
    let counts: Vec<_> = counts.iter().skip(1).filter(|(full, _)| *full).map(|(_, count)| *count).collect();
    assert!(counts.len() >= 4, "{counts:?}");
    assert!(counts.iter().all(|count| *count <= 8), "{counts:?}");
    assert_eq!(writes(&stage, "contoso").await, before, "what waits for its turn stays as it was");
    assert_eq!(azure_writes(&stage).await.len(), 3);
}
