//! Batches: every part goes its own way, and the answers come as they like.

use super::microsoft::{GRAPH, rig};
use super::*;

async fn batch(rig: &Rig, parts: &[(&str, &str)]) -> Reply {
    let part = |(place, (method, url)): (usize, &(&str, &str))| {
        let mut part = json!({ "id": place.to_string(), "method": method, "url": url });
        if *method == "POST" {
            part["headers"] = json!({ "Content-Type": "application/json" });
            part["body"] = json!({ "Query": "AlertInfo | getschema" });
        }
        part
    };
    let requests: Vec<_> = parts.iter().enumerate().map(part).collect();
    let token = rig.token(TENANT, GRAPH).await;
    rig.call(&token, Method::POST, "/v1.0/$batch", Some(json!({ "requests": requests }))).await
}

fn answer<'a>(reply: &'a Reply, id: &str) -> &'a Value {
    reply.body["responses"].as_array().unwrap().iter().find(|part| part["id"] == id).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn parts_are_answered_like_single_requests_but_in_another_order() {
    let rig = rig(json!({})).await;
    rig.permit(&["Organization.Read.All", "ThreatHunting.Read.All"]).await;
    let parts = [
        ("GET", "/organization?$select=id"),
        ("GET", "/subscribedSkus"),
        ("POST", "/security/runHuntingQuery"),
        ("GET", "/security/incidents?$top=1"),
        ("GET", "/roleManagement/directory/roleAssignments?$filter=roleDefinitionId eq 'x'"),
        ("GET", "/me/messages"),
        ("POST", "/$batch"),
    ];
    let reply = batch(&rig, &parts).await;
    assert_eq!(reply.status, 200);
    let ids: Vec<_> = reply.body["responses"].as_array().unwrap().iter().map(|part| part["id"].clone()).collect();
    assert_eq!(ids, ["5", "3", "1", "0", "2", "4", "6"], "the same disorder each time");
    let statuses: Vec<_> = (0..7).map(|id| answer(&reply, &id.to_string())["status"].clone()).collect();
    assert_eq!(statuses, [200, 200, 200, 403, 403, 404, 404]);
    assert_eq!(answer(&reply, "0")["body"]["value"], json!([{ "id": TENANT }]));
    assert_eq!(answer(&reply, "3")["body"]["error"]["code"], "Forbidden");
    assert!(answer(&reply, "1")["headers"]["Request-Id"].is_string());
    let log = rig.control.requests_of("graph", Some(TENANT)).await.unwrap();
    assert_eq!(log.len(), 1, "one request");
    assert_eq!(log[0]["parts"][3], "/security/incidents?$top=1");
}

#[tokio::test]
async fn a_part_can_be_throttled_malformed_or_lost() {
    let rig = rig(json!({})).await;
    let order = json!({ "kind": "tooManyRequests", "retryAfterSeconds": 7 });
    rig.control.fault(json!({ "endpoint": "incidents" }), Some(1), order).await.unwrap();
    rig.control.fault(json!({ "endpoint": "alerts" }), Some(1), json!({ "kind": "loseAnswer" })).await.unwrap();
    let html = json!({ "kind": "malformed", "shape": "html" });
    rig.control.fault(json!({ "endpoint": "subscribedSkus" }), Some(1), html).await.unwrap();
    let parts = [
        ("GET", "/organization"),
        ("GET", "/security/incidents"),
        ("GET", "/security/alerts_v2"),
        ("GET", "/subscribedSkus"),
    ];
    let reply = batch(&rig, &parts).await;
    assert_eq!((reply.status, &answer(&reply, "0")["status"]), (200, &json!(200)));
    let throttled = answer(&reply, "1");
    assert_eq!((&throttled["status"], &throttled["headers"]["Retry-After"]), (&json!(429), &json!("7")));
    assert_eq!(rig.control.requests_of("graph", Some(TENANT)).await.unwrap()[0]["retryAfter"], json!(["7"]));
    assert_eq!(answer(&reply, "2"), &Value::Null);
    assert!(answer(&reply, "3")["body"].as_str().unwrap().starts_with("<html>"));
    let order = json!({ "kind": "failBeforeActing", "status": 503 });
    rig.control.fault(json!({ "endpoint": "batch" }), Some(1), order).await.unwrap();
    assert_eq!(batch(&rig, &parts).await.error(), (503, "ServiceUnavailable"));
}

#[tokio::test]
async fn batches_that_are_none() {
    let rig = rig(json!({})).await;
    let many = vec![("GET", "/organization"); 21];
    assert_eq!(batch(&rig, &many).await.error(), (400, "BadRequest"));
    assert_eq!(batch(&rig, &many[..20]).await.status, 200);
    assert_eq!(batch(&rig, &[]).await.error(), (400, "BadRequest"));
    let token = rig.token(TENANT, GRAPH).await;
    let odd = rig.call(&token, Method::POST, "/v1.0/$batch", Some(json!({ "requests": [{ "id": "1" }] }))).await;
    assert_eq!(odd.error(), (400, "BadRequest"));
    let anybody = rig.call("nothing", Method::POST, "/v1.0/$batch", Some(json!({ "requests": [] }))).await;
    assert_eq!(anybody.error(), (401, "InvalidAuthenticationToken"));
}
