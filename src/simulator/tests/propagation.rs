//! The virtual clock, changing members of a tenant, and state files of before there was any of this.

use super::microsoft::rig;
use super::*;
use crate::simulator::store::Store;
use crate::simulator::tenant::ServiceState;

#[tokio::test]
async fn what_shows_of_the_service_follows_with_a_delay() {
    let rig = rig(json!({ "service": { "state": "off" }, "roles": ["SecurityAdministrator"] })).await;
    rig.control.settings(None, json!({ "signalsDelaySeconds": 3600 })).await.unwrap();
    let seen =
        async || (rig.graph("/security/incidents").await.status, rig.hunt("DeviceInfo | getschema").await.status);
    rig.control.act(TENANT, "SecurityAdministrator", "openPortal", json!({})).await.unwrap();
    assert_eq!(seen().await, (403, 403), "on, but not to be seen yet");
    rig.control.advance(3601).await.unwrap();
    assert_eq!(seen().await, (200, 200));
    rig.control.act(TENANT, "support", "supportOptOut", json!({})).await.unwrap();
    assert_eq!(seen().await, (200, 200), "off, but still to be seen");
    rig.control.act(TENANT, "support", "supportProvision", json!({})).await.unwrap();
    rig.control.advance(3601).await.unwrap();
    assert_eq!(seen().await, (200, 200));
    rig.broker.provision(enabled()).await;
    assert_eq!(rig.broker.deprovision().await.status, 200);
    rig.control.advance(3601).await.unwrap();
    assert_eq!(seen().await, (403, 403));
}

#[tokio::test]
async fn a_patch_replaces_the_members_that_it_names() {
    let rig = rig(json!({})).await;
    let before = rig.control.tenant(TENANT).await.unwrap();
    let after = rig.control.patch(TENANT, json!({ "licenceState": "Warning", "skus": null })).await.unwrap();
    assert_eq!((&after["licenceState"], &after["subscriptions"]), (&json!("Warning"), &before["subscriptions"]));
    let journal = rig.control.journal(Some(TENANT)).await.unwrap();
    assert_eq!(
        (&journal[1]["effect"], &journal[1]["detail"]["members"]),
        (&json!("changed"), &json!("licenceState,skus"))
    );
    let error = rig.control.patch(TENANT, json!({ "colour": "red" })).await.unwrap_err().to_string();
    assert!(error.contains("400") && error.contains("colour"), "{error}");
    let nobody = rig.control.patch("00000000-0000-4000-8000-000000000000", json!({})).await.unwrap_err();
    assert!(nobody.to_string().contains("404"));
    let lapsed = rig.control.patch(TENANT, json!({ "licenceState": "Suspended", "service": null })).await.unwrap();
    assert_eq!(lapsed["portal"]["eligible"], false);
}

#[test]
fn a_state_file_of_before_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let text = r#"{
      "format": "threat-protection-simulator", "version": 1, "upTo": 2,
      "state": {
        "tenants": {
          "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11": {
            "tenantId": "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11", "displayName": "Contoso", "cloud": "Public",
            "experience": "DefenderPortal", "services": ["Endpoint"], "endpointRegion": null, "automaticRegion": "EU",
            "roles": ["SecurityAdministrator"], "service": { "state": "on", "region": "EU", "since": "2020-06-23T10:00:00Z" },
            "region": "EU", "chosenRegion": null, "consent": null,
            "links": { "EndpointIntune": { "state": "Linked", "effectiveAt": "2020-06-23T10:00:00Z" } },
            "optedOut": false, "leftovers": true
          }
        },
        "instances": {}, "operations": {},
        "journal": [{ "seq": 1, "time": "2020-06-23T10:00:00Z", "tenantId": "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11",
                      "actor": "broker", "effect": "turnedOn", "detail": { "region": "EU" } }],
        "settings": { "mode": "sync", "retrievable": true, "identityLinkDelaySeconds": 60 }
      }
    }"#;
    std::fs::write(&path, text).unwrap();
    let (_, state) = Store::open(&path).unwrap();
    let tenant = state.tenant(TENANT.parse().unwrap()).unwrap();
    assert!(matches!(tenant.service, ServiceState::On { .. }));
    assert!(tenant.applications.is_empty() && tenant.premium_p2);
    assert_eq!(tenant.licensed()[0].sku_part_number, "WIN_DEF_ATP");
    assert_eq!(state.settings().token_lifetime_seconds, 3599);
}
