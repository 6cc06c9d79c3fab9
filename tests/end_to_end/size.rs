//! Section 4 of the contract: the whole object, managed fields included, stays under 10 kB, by what the API server stores.

use serde_json::{Value, json};

use crate::TENANT;
use crate::asked::{now, off, signing_in, with_broker};
use crate::judges::verdict;
use crate::support::stage::Stage;

/// Longer than anything that is shown, and four bytes a character.
fn wide() -> String {
    "𐐷".repeat(5_000)
}

fn assert_small(object: &Value) {
    let size = object.to_string().len();
    assert!(size < 10_000, "{size} bytes: {object:#}");
}

/// Two links with names as long as they may be.
fn links() -> Value {
    let name = |kind: &str| format!("{kind}-{}", "x".repeat(62 - kind.len()));
    json!([
        {"name": name("identity-data"), "type": "IdentityCloudApps"},
        {"name": name("intune"), "type": "EndpointIntune"},
    ])
}

#[tokio::test]
async fn the_longest_words_of_everybody_at_once_leave_the_object_small() {
    let (stage, _operator) = with_broker("long-words", off(&json!({"automaticRegion": "EU"})), 60).await;
    let domain = json!({"name": wide(), "isDefault": true});
    let organization =
        json!({"id": TENANT, "displayName": wide(), "countryLetterCode": wide(), "verifiedDomains": [domain]});
    let refusal = json!({"error": wide(), "description": wide()});
    for (endpoint, status, body) in
        [("organization", 200, json!({"value": [organization]})), ("provision", 400, refusal)]
    {
        let fault = json!({"kind": "failBeforeActing", "status": status, "body": body});
        stage.simulator.fault(json!({"endpoint": endpoint}), None, fault).await.unwrap();
    }
    let spec = json!({"deletionPolicy": "Deprovision", "integrations": links()});
    stage.apply("contoso", signing_in(&spec)).await.unwrap();
    let refused = |resource: &Value| verdict(resource, "Stalled").1 == "ProviderRejected";
    let stored = stage.until("contoso", "refused", refused).await;
    let shown = &stored["status"]["tenant"]["displayName"];
    assert!(shown.as_str().unwrap().starts_with("𐐷") && stored["status"]["operation"]["message"].is_string());
    assert_small(&stored);
}

#[tokio::test]
async fn what_a_person_is_told_about_two_links_leaves_the_object_small() {
    let stage = Stage::open("told").await;
    let mut configuration = stage.configuration();
    configuration.broker = None;
    let _operator = stage.operator(&configuration).await;
    let (yesterday, next_month) =
        (now() - jiff::SignedDuration::from_hours(24), now() + jiff::SignedDuration::from_hours(720));
    let word = json!([{
        "name": "seen-on", "claim": "ServiceOn", "attestedBy": "SOC lead", "reference": "https://wiki.contoso.example/4711",
        "attestTime": yesterday.to_string(), "expireTime": next_month.to_string(),
    }]);
    stage.apply("contoso", json!({"tenantId": TENANT, "attestations": word, "integrations": links()})).await.unwrap();
    let stored = stage.until_ready("contoso", "False", "ActionRequired").await;
    assert_eq!(stored["status"]["pendingActions"].as_array().unwrap().len(), 2);
    assert_small(&stored);
}
