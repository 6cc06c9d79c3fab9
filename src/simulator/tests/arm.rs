//! Azure Resource Manager: subscriptions, settings, the onboarding package, connectors of Sentinel.

use rstest::rstest;

use super::microsoft::{ARM, CLIENT, SECRET, SUBSCRIPTION, rig, workspace};
use super::*;

const SETTINGS: &str = "/providers/Microsoft.Security/settings";
const STABLE: &str = "?api-version=2022-05-01";
const PREVIEW: &str = "?api-version=2025-07-01-preview";
const CONNECTOR: &str = "73e01a99-5cd7-4139-a149-9f2736ff2ab5";

fn export(enabled: bool) -> Value {
    json!({ "kind": "DataExportSettings", "properties": { "enabled": enabled } })
}

async fn give(rig: &Rig, roles: &[&str]) {
    let application = json!({ "clientId": CLIENT, "secrets": [{ "value": SECRET }], "azureRoles": roles });
    rig.control.patch(TENANT, json!({ "applications": [application] })).await.unwrap();
}

#[tokio::test]
async fn a_subscription_belongs_to_one_tenant() {
    let rig = rig(json!({})).await;
    let shown = rig.arm(Method::GET, "?api-version=2022-12-01", None).await;
    assert_eq!((&shown.body["tenantId"], &shown.body["state"]), (&json!(TENANT), &json!("Enabled")));
    assert!(shown.headers.contains_key("x-ms-request-id") && shown.headers.contains_key("x-ms-correlation-request-id"));
    assert_eq!(rig.arm(Method::GET, "", None).await.error(), (400, "MissingApiVersionParameter"));
    let token = rig.token(TENANT, ARM).await;
    let path = "/subscriptions/00000000-0000-4000-8000-000000000009?api-version=2022-12-01";
    assert_eq!(rig.call(&token, Method::GET, path, None).await.error(), (404, "SubscriptionNotFound"));
    let other = "11111111-0000-4000-8000-000000000001";
    let theirs = "00000000-0000-4000-8000-000000000009";
    rig.control.seed(other, json!({ "subscriptions": [{ "id": theirs }] })).await.unwrap();
    let wrong = rig.call(&token, Method::GET, path, None).await;
    assert_eq!(wrong.error(), (401, "InvalidAuthenticationTokenTenant"));
    let start = format!(
        "The access token is from the wrong issuer 'https://sts.windows.net/{TENANT}/'. It must match the tenant \
         'https://sts.windows.net/{other}/' associated with this subscription."
    );
    assert!(wrong.message().starts_with(&start), "{}", wrong.message());
    let challenge = wrong.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains(&format!("/{other}\"")) && challenge.contains("error=\"invalid_token\""), "{challenge}");
    give(&rig, &[]).await;
    assert_eq!(rig.arm(Method::GET, "?api-version=2022-12-01", None).await.error(), (403, "AuthorizationFailed"));
}

#[tokio::test]
async fn a_setting_is_read_written_and_journalled_once() {
    let rig = rig(json!({})).await;
    let list = rig.arm(Method::GET, &format!("{SETTINGS}{STABLE}"), None).await;
    let names: Vec<_> = list.entries().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["MCAS", "WDATP", "Sentinel"]);
    for _ in 0..2 {
        let put = rig.arm(Method::PUT, &format!("{SETTINGS}/MCAS{STABLE}"), Some(export(true))).await;
        assert_eq!((put.status, &put.body["properties"]["enabled"]), (200, &json!(true)));
    }
    let shown = rig.arm(Method::GET, &format!("{SETTINGS}/mcas{STABLE}"), None).await;
    assert_eq!(
        (&shown.body["kind"], &shown.body["properties"]["enabled"]),
        (&json!("DataExportSettings"), &json!(true))
    );
    rig.arm(Method::PUT, &format!("{SETTINGS}/MCAS{STABLE}"), Some(export(false))).await;
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded", "linked", "unlinked"]);
    let journal = rig.control.journal(Some(TENANT)).await.unwrap();
    assert_eq!(journal[1]["actor"], "application");
    assert_eq!(journal[1]["detail"], json!({ "type": "DefenderForCloudCloudApps", "subscription": SUBSCRIPTION }));
    assert_eq!(rig.control.tenant(TENANT).await.unwrap()["links"]["DefenderForCloudCloudApps"]["state"], "Unlinked");
}

#[rstest]
#[case::kind("MCAS", json!({ "kind": "AlertSyncSettings", "properties": { "enabled": true } }), 400, "BadRequest")]
#[case::no_value("MCAS", json!({ "kind": "DataExportSettings" }), 400, "BadRequest")]
#[case::no_setting("WDATP_EXCLUDE", json!({}), 404, "ResourceNotFound")]
#[case::no_body("MCAS", json!([]), 400, "InvalidRequestContent")]
#[tokio::test]
async fn settings_that_are_none(#[case] name: &str, #[case] body: Value, #[case] status: u16, #[case] code: &str) {
    let rig = rig(json!({})).await;
    let refused = rig.arm(Method::PUT, &format!("{SETTINGS}/{name}{STABLE}"), Some(body)).await;
    assert_eq!(refused.error(), (status, code));
}

#[tokio::test]
async fn readers_read_and_administrators_write() {
    let rig = rig(json!({})).await;
    give(&rig, &["Security Reader"]).await;
    assert_eq!(rig.arm(Method::GET, &format!("{SETTINGS}/WDATP{STABLE}"), None).await.status, 200);
    let denied = rig.arm(Method::PUT, &format!("{SETTINGS}/WDATP{STABLE}"), Some(export(true))).await;
    assert_eq!(denied.error(), (403, "AuthorizationFailed"));
    assert!(denied.message().contains("'Microsoft.Security/settings/write'"), "{}", denied.message());
    give(&rig, &["Microsoft Sentinel Reader"]).await;
    assert_eq!(rig.arm(Method::GET, &format!("{SETTINGS}{STABLE}"), None).await.error(), (403, "AuthorizationFailed"));
    give(&rig, &["Security Admin"]).await;
    assert_eq!(rig.arm(Method::PUT, &format!("{SETTINGS}/WDATP{STABLE}"), Some(export(true))).await.status, 200);
}

#[rstest]
#[case::region_of_the_service(json!({}), "EU", "WestEurope")]
#[case::automatic(json!({ "service": { "state": "off" }, "automaticRegion": "US" }), "US", "EastUs2")]
#[case::of_2020(json!({ "service": { "state": "off" }, "automaticRegion": "US", "experience": "SettingsPage" }), "EU", "WestEurope")]
#[case::is_there(json!({ "service": { "state": "off" }, "endpointRegion": "UK" }), "UK", "UkSouth")]
#[tokio::test]
async fn the_endpoint_setting_makes_a_region_for_ever(
    #[case] members: Value,
    #[case] region: &str,
    #[case] center: &str,
) {
    let rig = rig(members).await;
    let package = "/providers/Microsoft.Security/mdeOnboardings/default?api-version=2021-10-01-preview";
    assert_eq!(rig.arm(Method::GET, package, None).await.error(), (404, "ResourceNotFound"));
    rig.arm(Method::PUT, &format!("{SETTINGS}/WDATP{STABLE}"), Some(export(true))).await;
    assert_eq!(rig.control.tenant(TENANT).await.unwrap()["endpointRegion"], region);
    let shown = rig.arm(Method::GET, package, None).await;
    for name in ["onboardingPackageWindows", "onboardingPackageLinux"] {
        let text = BASE64.decode(shown.body["properties"][name].as_str().unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("onboarding-secret-marker"));
        let bare = text.replace('\\', "");
        assert!(bare.contains(&format!("\"datacenter\":\"{center}\"")), "{bare}");
        assert!(bare.contains(&format!("\"vortexGeoLocation\":\"{region}\"")), "{bare}");
        assert!(text.contains("\\\\\\\"datacenter\\\\\\\":\\\\\\\""), "quotes within quotes: {text}");
    }
    rig.arm(Method::PUT, &format!("{SETTINGS}/WDATP{STABLE}"), Some(export(false))).await;
    assert_eq!(rig.control.tenant(TENANT).await.unwrap()["endpointRegion"], region, "irreversible");
}

fn connectors() -> String {
    let all = workspace();
    let below = all.strip_prefix(&format!("/subscriptions/{SUBSCRIPTION}")).unwrap();
    format!("{below}/providers/Microsoft.SecurityInsights/dataConnectors")
}

fn incidents(state: &str) -> Value {
    let types = json!({ "incidents": { "state": state }, "alerts": { "state": "Enabled" } });
    json!({ "kind": "MicrosoftThreatProtection", "properties": { "tenantId": TENANT, "dataTypes": types } })
}

#[tokio::test]
async fn a_connector_is_written_with_its_etag() {
    let rig = rig(json!({})).await;
    let path = format!("{}/{CONNECTOR}{PREVIEW}", connectors());
    assert_eq!(rig.arm(Method::GET, &path, None).await.error(), (404, "NotFound"));
    assert_eq!(rig.arm(Method::DELETE, &path, None).await.status, 204);
    let created = rig.arm(Method::PUT, &path, Some(incidents("Enabled"))).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(rig.arm(Method::PUT, &path, Some(incidents("Enabled"))).await.error(), (409, "Conflict"), "no etag");
    let with = |etag: &str, state: &str| {
        let mut body = incidents(state);
        body["etag"] = etag.into();
        Some(body)
    };
    let etag = created.body["etag"].as_str().unwrap();
    assert_eq!(rig.arm(Method::PUT, &path, with("\"old\"", "Disabled")).await.error(), (409, "Conflict"));
    let token = rig.token(TENANT, ARM).await;
    let whole = format!("/subscriptions/{SUBSCRIPTION}{path}");
    let stale =
        rig.call_with(&token, (Method::PUT, &whole), Some(incidents("Disabled")), &[("if-match", "\"old\"")]).await;
    assert_eq!(stale.error(), (412, "PreconditionFailed"));
    let changed = rig.arm(Method::PUT, &path, with(etag, "Disabled")).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.body["etag"], etag);
    let list = rig.arm(Method::GET, &format!("{}{PREVIEW}", connectors()), None).await;
    assert_eq!(list.entries()[0]["kind"], "MicrosoftThreatProtection");
    let etag = changed.body["etag"].as_str().unwrap();
    rig.arm(Method::PUT, &path, with(etag, "Enabled")).await;
    assert_eq!(rig.arm(Method::DELETE, &path, None).await.status, 200);
    let effects = rig.control.effects(TENANT).await.unwrap();
    assert_eq!(effects, ["seeded", "linked", "unlinked", "linked", "unlinked"]);
    let journal = rig.control.journal(Some(TENANT)).await.unwrap();
    assert_eq!(journal[1]["detail"], json!({ "type": "SentinelIncidents", "workspace": workspace() }));
}

#[tokio::test]
async fn a_seeded_connector_can_be_changed_and_lists_have_pages() {
    let connector = |name: &str| {
        let Value::Object(mut body) = incidents("Disabled") else { return Value::Null };
        body.insert("name".to_owned(), name.into());
        Value::Object(body)
    };
    let seeded = [connector(CONNECTOR), connector("another")];
    let rig = rig(json!({ "workspaces": [{ "resourceId": workspace(), "connectors": seeded }] })).await;
    let path = format!("{}/{CONNECTOR}{PREVIEW}", connectors());
    let shown = rig.arm(Method::GET, &path, None).await;
    let mut body = shown.body.clone();
    body["properties"]["dataTypes"]["incidents"]["state"] = "Enabled".into();
    assert_eq!(rig.arm(Method::PUT, &path, Some(body)).await.status, 200);
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded", "linked"]);
    rig.control.settings(None, json!({ "pageSize": 1 })).await.unwrap();
    let first = rig.arm(Method::GET, &format!("{}{PREVIEW}", connectors()), None).await;
    let next = first.body["nextLink"].as_str().unwrap().strip_prefix(&rig.running.microsoft_url).unwrap();
    let token = rig.token(TENANT, ARM).await;
    let second = rig.call(&token, Method::GET, next, None).await;
    assert_eq!((second.entries().len(), second.body.get("nextLink")), (1, None));
    assert_ne!(first.entries(), second.entries());
}

#[tokio::test]
async fn connectors_that_cannot_be() {
    let rig = rig(json!({})).await;
    let path = |version: &str| format!("{}/{CONNECTOR}{version}", connectors());
    let old = rig.arm(Method::PUT, &path("?api-version=2024-09-01"), Some(incidents("Enabled"))).await;
    assert_eq!(old.error(), (400, "BadRequest"));
    assert_eq!(
        old.message(),
        "Connector kind 'MicrosoftThreatProtection' is not supported in api-version '2024-09-01'"
    );
    let mut foreign = incidents("Enabled");
    foreign["properties"]["tenantId"] = "00000000-0000-4000-8000-000000000000".into();
    assert_eq!(rig.arm(Method::PUT, &path(PREVIEW), Some(foreign)).await.error(), (400, "BadRequest"));
    for (members, message) in [
        (json!({ "workspaces": [{ "resourceId": workspace(), "acceptsApplications": false }] }), "Missing consent"),
        (json!({ "service": { "state": "off" } }), "Missing consent"),
        (json!({ "licenceState": "Suspended" }), "License is invalid"),
    ] {
        rig.control.patch(TENANT, members).await.unwrap();
        let refused = rig.arm(Method::PUT, &path(PREVIEW), Some(incidents("Enabled"))).await;
        assert_eq!((refused.error(), refused.message()), ((401, "InvalidLicense"), message));
    }
    give(&rig, &["Microsoft Sentinel Reader"]).await;
    assert_eq!(rig.arm(Method::GET, &format!("{}{PREVIEW}", connectors()), None).await.status, 200);
    assert_eq!(
        rig.arm(Method::PUT, &path(PREVIEW), Some(incidents("Enabled"))).await.error(),
        (403, "AuthorizationFailed")
    );
    assert_eq!(rig.arm(Method::DELETE, &path(PREVIEW), None).await.error(), (403, "AuthorizationFailed"));
    let elsewhere = path(PREVIEW).replace("/soc/", "/other/");
    assert_eq!(rig.arm(Method::GET, &elsewhere, None).await.error(), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn requirements_tell_role_from_licence() {
    let rig = rig(json!({})).await;
    let path = format!("{}CheckRequirements{PREVIEW}", connectors());
    let body = json!({ "kind": "MicrosoftThreatProtection", "properties": { "tenantId": TENANT } });
    let ask = async || rig.arm(Method::POST, &path, Some(body.clone())).await.body;
    assert_eq!(ask().await, json!({ "authorizationState": "Valid", "licenseState": "Valid" }));
    give(&rig, &["Microsoft Sentinel Reader"]).await;
    assert_eq!(ask().await["authorizationState"], "Invalid");
    rig.control.patch(TENANT, json!({ "licenceState": "Deleted" })).await.unwrap();
    assert_eq!(ask().await["licenseState"], "Invalid");
}
