//! Hunting: which tables are there, how new their rows are, and the ways in which it says no.

use rstest::rstest;

use super::microsoft::{rig, workspace};
use super::*;

const LINKED: &str = r#"{ "IdentityCloudApps": { "state": "Linked" } }"#;
const ON_PREMISES: &str = "IdentityLogonEvents | where Timestamp > ago(7d) | where Application == \"Active Directory\" | summarize Newest = max(Timestamp)";

#[tokio::test]
async fn a_schema_has_columns() {
    let rig = rig(json!({})).await;
    let shown = rig.hunt("AlertInfo | getschema").await;
    assert_eq!(shown.body["schema"][0], json!({ "name": "ColumnName", "type": "String" }));
    assert_eq!(shown.body["results"][0]["ColumnName"], "Timestamp");
    assert!(shown.body["results"].as_array().unwrap().len() > 2);
}

#[rstest]
#[case("DeviceInfo", "Endpoint")]
#[case("EmailEvents", "Office365")]
#[case("CloudAppEvents", "CloudApps")]
#[tokio::test]
async fn tables_follow_services(#[case] table: &str, #[case] service: &str) {
    let rig = rig(json!({ "links": serde_json::from_str::<Value>(LINKED).unwrap() })).await;
    let query = format!("{table}\n| where Timestamp > ago(7d)\n| summarize LastSeen=max(Timestamp)");
    let fed = rig.hunt(&query).await;
    assert_eq!(fed.body["schema"], json!([{ "name": "LastSeen", "type": "DateTime" }]));
    assert!(fed.body["results"][0]["LastSeen"].is_string());
    rig.control.patch(TENANT, json!({ "reporting": [] })).await.unwrap();
    assert_eq!(rig.hunt(&query).await.body["results"], json!([{ "LastSeen": null }]), "licensed, but silent");
    let others: Vec<_> =
        ["Endpoint", "Identity", "CloudApps", "Office365"].into_iter().filter(|name| *name != service).collect();
    rig.control.patch(TENANT, json!({ "services": others })).await.unwrap();
    let absent = rig.hunt(&query).await;
    assert_eq!(absent.error(), (400, "BadRequest"));
    assert_eq!(absent.message(), format!("Failed to resolve table or column expression named '{table}'"));
}

#[tokio::test]
async fn controllers_are_heard_through_the_link_only() {
    let rig = rig(json!({})).await;
    assert_eq!(rig.hunt(ON_PREMISES).await.body["results"], json!([{ "Newest": null }]));
    let cloud = rig.hunt("IdentityLogonEvents | summarize Newest = max(Timestamp)").await;
    assert!(cloud.body["results"][0]["Newest"].is_string(), "rows of cloud applications");
    rig.control
        .act(TENANT, "support", "setLink", json!({ "type": "IdentityCloudApps", "state": "Linked" }))
        .await
        .unwrap();
    assert_eq!(rig.hunt(ON_PREMISES).await.body["results"], json!([{ "Newest": null }]), "it takes up to 12 hours");
    rig.control.advance(12 * 60 * 60 + 1).await.unwrap();
    assert!(rig.hunt(ON_PREMISES).await.body["results"][0]["Newest"].is_string());
}

#[tokio::test]
async fn one_query_can_ask_of_several_tables() {
    let rig = rig(json!({ "services": ["Endpoint"] })).await;
    let by_table = "union isfuzzy=true withsource=T DeviceInfo, EmailEvents, AlertInfo | summarize Newest=max(Timestamp), Rows=count() by T";
    let shown = rig.hunt(by_table).await;
    let names: Vec<_> = shown.body["results"].as_array().unwrap().iter().map(|row| row["T"].clone()).collect();
    assert_eq!(names, ["AlertInfo", "DeviceInfo"]);
    let members = "union isfuzzy=true (DeviceInfo | summarize N=max(Timestamp) | extend S=\"Endpoint\"), \
                   (EmailEvents | summarize N=max(Timestamp) | extend S=\"Office365\")";
    let shown = rig.hunt(members).await;
    assert_eq!(shown.body["results"].as_array().unwrap().len(), 1);
    assert_eq!(shown.body["results"][0]["S"], "Endpoint");
    assert_eq!(rig.hunt(&members.replace(" isfuzzy=true", "")).await.error(), (400, "BadRequest"));
    assert_eq!(rig.hunt("| | ?").await.error(), (400, "BadRequest"));
}

#[tokio::test]
async fn sentinel_alone_answers_without_the_service() {
    let rig = rig(json!({ "service": { "state": "off" } })).await;
    let off = rig.hunt("AlertInfo | getschema").await;
    assert_eq!((off.error(), off.message()), ((403, "Forbidden"), "Account is not provisioned."));
    let connected = json!([{ "resourceId": workspace(), "inPortal": true }]);
    rig.control.patch(TENANT, json!({ "workspaces": connected })).await.unwrap();
    assert_eq!(rig.hunt("AlertInfo | getschema").await.status, 200);
    assert_eq!(rig.hunt("DeviceInfo | getschema").await.error(), (400, "BadRequest"));
    assert_eq!(rig.graph("/security/incidents").await.error(), (403, "Forbidden"), "it is not on");
}

#[tokio::test]
async fn licences_and_permissions_are_worded_differently() {
    let rig = rig(json!({})).await;
    for state in ["Suspended", "LockedOut", "Deleted"] {
        rig.control.patch(TENANT, json!({ "licenceState": state })).await.unwrap();
        let refused = rig.hunt("AlertInfo | getschema").await;
        assert_eq!(refused.error(), (403, "Forbidden"));
        assert!(refused.message().contains("license"), "{}", refused.message());
    }
    rig.control.patch(TENANT, json!({ "licenceState": "Warning" })).await.unwrap();
    assert_eq!(rig.hunt("AlertInfo | getschema").await.status, 200);
    rig.permit(&["SecurityIncident.Read.All"]).await;
    let refused = rig.hunt("AlertInfo | getschema").await;
    assert_eq!(refused.error(), (403, "Forbidden"));
    assert!(refused.message().contains("ThreatHunting.Read.All") && !refused.message().contains("license"));
}
