//! The control port: seeding, acting, reading, and how it says no.

use super::*;
use crate::simulator::tenant::{ServiceState, Tenant};

#[tokio::test]
async fn what_is_shown_can_be_put_back() {
    let rig = Rig::with_tenant().await;
    let shown = rig.control.tenant(TENANT).await.unwrap();
    assert_eq!(shown["portal"], json!({ "eligible": true, "features": [], "navigation": "startsOnboarding" }));
    assert_eq!(rig.control.seed(TENANT, shown.clone()).await.unwrap(), shown);
}

#[tokio::test]
async fn opening_the_portal_is_a_loaded_click() {
    let rig = Rig::with_tenant().await;
    let answer = rig.control.act(TENANT, "SecurityAdministrator", "openPortal", json!({})).await.unwrap();
    assert_eq!(answer["shown"], "features");
    assert_eq!(answer["effects"][0]["effect"], "turnedOn");
    assert_eq!(answer["effects"][0]["actor"], "person:SecurityAdministrator");
    assert_eq!(answer["tenant"]["service"]["region"], "EU");
    let again = rig.control.act(TENANT, "SecurityAdministrator", "openPortal", json!({})).await.unwrap();
    assert_eq!(again["effects"], json!([]));
}

#[tokio::test]
async fn refusals_name_the_rule_and_a_way_out() {
    let rig = Rig::with_tenant().await;
    let cases = [
        ("GlobalAdministrator", "turnOn", json!({}), "409", "RoleMissing"),
        ("SecurityAdministrator", "optOut", json!({}), "409", "NoSuchSwitch"),
        ("SecurityAdministrator", "supportDeprovision", json!({}), "409", "NotSupport"),
        ("SecurityAdministrator", "turnOn", json!({ "region": "AU" }), "409", "RegionAutomatic"),
        ("support", "setLink", json!({ "type": "SentinelIncidents", "state": "Linked" }), "409", "LinkNotHere"),
        ("Janitor", "openPortal", json!({}), "400", "not a role"),
        ("support", "dance", json!({}), "400", "dance"),
    ];
    for (who, act, members, status, words) in cases {
        let error = rig.control.act(TENANT, who, act, members).await.unwrap_err().to_string();
        assert!(error.contains(status) && error.contains(words) && !error.ends_with("()"), "{act}: {error}");
    }
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded"]);
    let unknown = rig.control.tenant("00000000-0000-4000-8000-000000000000").await.unwrap_err();
    assert!(unknown.to_string().contains("404"));
    let impossible = json!({ "experience": "WelcomePage", "endpointRegion": "AU" });
    let error = rig.control.seed(TENANT, impossible).await.unwrap_err();
    assert!(error.to_string().contains("endpointRegion AU"), "{error}");
}

#[tokio::test]
async fn requests_are_logged_with_their_identities() {
    let rig = Rig::with_tenant().await;
    let headers = [
        ("authorization", "Basic b3BlcmF0b3I6c2VjcmV0"),
        ("x-broker-api-version", "2.17"),
        ("x-broker-api-request-identity", "r-1"),
        ("x-broker-api-originating-identity", "kubernetes e30="),
    ];
    let id = TENANT.parse::<crate::tenant::TenantId>().unwrap().service_instance_id();
    let path = format!("/v2/service_instances/{id}");
    rig.broker.send_with(Method::GET, &path, None, &headers).await.unwrap();
    rig.broker.send(Method::PUT, "/v2/service_instances/x/service_bindings/y", None).await.unwrap();
    let log = rig.control.requests(None, 0).await.unwrap();
    assert_eq!(log[0]["tenantId"], TENANT, "attributed although nothing names the tenant");
    assert_eq!((&log[0]["requestIdentity"], &log[0]["status"]), (&json!("r-1"), &json!(404)));
    assert_eq!(log[0]["originatingIdentity"], "kubernetes e30=");
    assert_eq!((&log[1]["status"], &log[1]["tenantId"]), (&json!(404), &Value::Null), "bindings do not exist");
    assert_eq!(rig.control.requests(None, 1).await.unwrap().len(), 1);
    let counts = rig.control.counts(Some(TENANT)).await.unwrap();
    assert_eq!(counts, [json!({ "api": "broker", "tenantId": TENANT, "method": "GET", "status": 404, "count": 1 })]);
}

#[tokio::test]
async fn the_password_can_be_changed() {
    let rig = Rig::with_tenant().await;
    rig.control.settings(None, json!({ "password": "other" })).await.unwrap();
    assert_eq!(rig.broker.fetch().await.status, 401);
    rig.control.settings(None, json!({ "password": null })).await.unwrap();
    assert_eq!(rig.broker.fetch().await.status, 404);
    let error = rig.control.settings(None, json!({ "colour": "red" })).await.unwrap_err();
    assert!(error.to_string().contains("400"), "{error}");
}

#[test]
fn a_seed_list_is_yaml() {
    let text = "
- tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11
  displayName: Contoso
  experience: SettingsPage
  services: [Endpoint, Identity]
  roles: [GlobalAdministrator]
  automaticRegion: UK
  service: { state: on, region: UK }
  links: { IdentityCloudApps: { state: Linked } }
  consent: { grantedBy: ciso@contoso.com, grantedOn: 2020-03-13 }
";
    let tenants: Vec<Tenant> = serde_yaml::from_str(text).unwrap();
    assert_eq!(tenants[0].display_name, "Contoso");
    assert!(matches!(tenants[0].service, ServiceState::On { .. }));
}
