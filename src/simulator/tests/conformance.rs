//! A walk through the Open Service Broker API v2.17, synchronous and asynchronous.

use rstest::rstest;

use super::*;

#[tokio::test]
async fn the_catalog_follows_the_settings() {
    let rig = Rig::start().await;
    let catalog = rig.broker.send(Method::GET, "/v2/catalog", None).await.unwrap();
    assert_eq!(catalog.status, 200);
    assert_eq!(catalog.headers["x-simulator"], "true");
    let offering = &catalog.body["services"][0];
    assert_eq!(offering["name"], "microsoft-threat-protection");
    assert_eq!(offering["instances_retrievable"], true);
    assert_eq!(offering["plans"][0]["name"], "standard");
    assert_eq!(offering["plans"][0].get("maximum_polling_duration"), None);
    let members = json!({ "retrievable": false, "maximumPollingDuration": 60, "planUpdateable": true });
    rig.control.settings(None, members).await.unwrap();
    let catalog = rig.broker.send(Method::GET, "/v2/catalog", None).await.unwrap();
    let offering = &catalog.body["services"][0];
    assert_eq!(offering["instances_retrievable"], false);
    assert_eq!(offering["plan_updateable"], true);
    assert_eq!(offering["plans"][0]["maximum_polling_duration"], 60);
}

#[rstest]
#[case::no_version(&[("authorization", "Basic b3BlcmF0b3I6c2VjcmV0")], 412)]
#[case::version_1(&[("authorization", "Basic b3BlcmF0b3I6c2VjcmV0"), ("x-broker-api-version", "1.9")], 412)]
#[case::version_2(&[("authorization", "Basic b3BlcmF0b3I6c2VjcmV0"), ("x-broker-api-version", "2.13")], 200)]
#[case::no_credentials(&[("x-broker-api-version", "2.17")], 401)]
#[case::wrong_password(&[("authorization", "Basic b3BlcmF0b3I6b3RoZXI="), ("x-broker-api-version", "2.17")], 401)]
#[tokio::test]
async fn version_and_credentials_are_checked(#[case] headers: &[(&str, &str)], #[case] status: u16) {
    let rig = Rig::start().await;
    let reply = rig.broker.send_with(Method::GET, "/v2/catalog", None, headers).await.unwrap();
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(status == 200 || reply.body["description"].is_string());
    assert_eq!(reply.headers["x-simulator"], "true");
}

#[tokio::test]
async fn the_synchronous_life_of_an_instance() {
    let rig = Rig::with_tenant().await;
    assert_eq!(rig.broker.fetch().await.status, 404);
    assert_eq!(rig.broker.provision(enabled()).await.status, 201);
    assert_eq!(rig.broker.provision(enabled()).await.status, 200, "the same request again");
    let mut other = enabled();
    other["region"] = "US".into();
    assert_eq!(rig.broker.provision(other).await.status, 409, "a different request");
    let fetched = rig.broker.fetch().await;
    assert_eq!(fetched.status, 200);
    assert_eq!(
        fetched.body["parameters"],
        json!({
            "tenantId": TENANT, "cloud": "Public", "experience": "DefenderPortal", "region": "EU", "state": "Enabled",
            "integrations": { "IdentityCloudApps": "Unlinked", "EndpointIntune": "Unlinked" },
        })
    );
    let linked = rig.broker.update(json!({ "integrations": { "EndpointIntune": "Linked" } })).await;
    assert_eq!((linked.status, linked.text.as_str()), (200, "{}"));
    assert_eq!(rig.broker.update(json!({ "state": "Disabled" })).await.status, 200);
    let parameters = rig.broker.fetch().await.body["parameters"].clone();
    assert_eq!(parameters["state"], "Disabled");
    assert_eq!(parameters["region"], "EU", "the region stays recorded");
    assert_eq!(parameters["integrations"]["EndpointIntune"], "Linked");
    assert_eq!(rig.broker.deprovision().await.status, 200);
    assert_eq!(rig.broker.deprovision().await.status, 410);
    assert_eq!(rig.broker.fetch().await.status, 404);
    assert_eq!(rig.broker.update(json!({ "state": "Enabled" })).await.status, 404);
    assert_eq!(
        rig.control.effects(TENANT).await.unwrap(),
        ["seeded", "instanceCreated", "turnedOn", "linked", "turnedOff", "deprovisioned", "instanceDeleted"]
    );
}

#[tokio::test]
async fn the_asynchronous_life_of_an_instance() {
    let rig = Rig::with_tenant().await;
    let mode = json!({ "mode": { "async": { "polls": 4, "retryAfterSeconds": 1 } } });
    rig.control.settings(Some(TENANT), mode).await.unwrap();
    let accepted = rig.broker.provision(enabled()).await;
    assert_eq!(accepted.status, 202);
    let again = rig.broker.provision(enabled()).await;
    assert_eq!((again.status, &again.body), (202, &accepted.body), "re-sent while it runs: the same handle");
    assert_eq!(rig.broker.fetch().await.status, 404, "still provisioning");
    assert_eq!(rig.broker.update(json!({ "state": "Disabled" })).await.body["error"], "ConcurrencyError");
    let delete = rig.broker.deprovision().await;
    assert_eq!((delete.status, &delete.body["error"]), (422, &json!("ConcurrencyError")));
    // The two that were refused waited, too.
    for _ in 0..2 {
        let poll = rig.broker.poll(&accepted).await;
        assert_eq!((poll.status, &poll.body["state"]), (200, &json!("in progress")));
        assert_eq!(poll.headers["retry-after"], "1");
        assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded"], "nothing happens before the end");
    }
    assert_eq!(rig.broker.poll(&accepted).await.body["state"], "succeeded");
    assert_eq!(rig.broker.poll(&accepted).await.body["state"], "succeeded", "asked once more");
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);

    let accepted = rig.broker.update(json!({ "state": "Disabled" })).await;
    assert_eq!(rig.broker.fetch().await.body["error"], "ConcurrencyError");
    assert_eq!(rig.broker.update(json!({ "state": "Disabled" })).await.body, accepted.body, "the same update again");
    for expected in ["in progress", "in progress", "in progress", "succeeded"] {
        assert_eq!(rig.broker.poll(&accepted).await.body["state"], expected);
    }
    let accepted = rig.broker.deprovision().await;
    assert_eq!(rig.broker.deprovision().await.body, accepted.body, "the same deprovisioning again");
    for expected in ["in progress", "in progress", "in progress", "in progress", "succeeded"] {
        assert_eq!(rig.broker.poll(&accepted).await.body["state"], expected);
    }
    assert_eq!(rig.broker.poll(&accepted).await.status, 410);
    assert_eq!(rig.broker.deprovision().await.status, 410);
}

#[tokio::test]
async fn an_asynchronous_broker_insists_on_accepts_incomplete() {
    let rig = Rig::with_tenant().await;
    rig.make_async(0).await;
    let path = format!("/v2/service_instances/{INSTANCE}");
    let reply = rig.broker.send(Method::PUT, &path, Some(provision_body(&enabled()))).await.unwrap();
    assert_eq!((reply.status, &reply.body["error"]), (422, &json!("AsyncRequired")));
}

#[tokio::test]
async fn an_operation_that_nobody_knows_is_404() {
    let rig = Rig::with_tenant().await;
    let path = format!("/v2/service_instances/{INSTANCE}/last_operation");
    assert_eq!(rig.broker.send(Method::GET, &path, None).await.unwrap().status, 404, "unknown instance");
    rig.broker.provision(enabled()).await;
    let path = format!("{path}?operation=other");
    assert_eq!(rig.broker.send(Method::GET, &path, None).await.unwrap().status, 404, "unknown handle");
}

#[rstest]
#[case::no_service_id("service_id", json!(null), 400)]
#[case::foreign_plan("plan_id", json!("other"), 400)]
#[case::no_space("space_guid", json!(""), 400)]
#[case::no_parameters("parameters", json!(null), 400)]
#[case::unknown_parameter("parameters", json!({ "tenantId": TENANT, "colour": "red" }), 400)]
#[tokio::test]
async fn a_malformed_request_is_400(#[case] member: &str, #[case] value: Value, #[case] status: u16) {
    let rig = Rig::with_tenant().await;
    let mut body = provision_body(&enabled());
    body[member] = value;
    let path = format!("/v2/service_instances/{INSTANCE}?accepts_incomplete=true");
    let reply = rig.broker.send(Method::PUT, &path, Some(body)).await.unwrap();
    assert_eq!(reply.status, status, "{reply:?}");
    assert!(reply.body["description"].is_string());
}

#[rstest]
#[case::region_of_endpoint(json!({ "services": ["Endpoint"], "endpointRegion": "UK" }), json!({ "region": "US" }), "RegionMismatch")]
#[case::no_licence(json!({}), json!({}), "NotEligible")]
#[case::other_cloud(json!({ "services": ["Endpoint"] }), json!({ "cloud": "DoD" }), "CloudMismatch")]
#[case::other_experience(json!({ "services": ["Endpoint"] }), json!({ "experience": "SettingsPage" }), "ExperienceMismatch")]
#[case::never_off(json!({ "services": ["Endpoint"] }), json!({ "state": "Disabled" }), "must be Enabled")]
#[case::unknown_tenant(json!({}), json!({ "tenantId": "00000000-0000-4000-8000-000000000000" }), "TenantUnknown")]
#[tokio::test]
async fn what_the_tenant_refuses_is_400_in_both_modes(
    #[case] tenant: Value,
    #[case] differing: Value,
    #[case] expected: &str,
    #[values(false, true)] asynchronous: bool,
) {
    let rig = Rig::start().await;
    rig.seed(tenant).await;
    if asynchronous {
        rig.make_async(1).await;
    }
    let mut parameters = enabled();
    parameters.as_object_mut().unwrap().extend(differing.as_object().unwrap().clone());
    let reply = rig.broker.provision(parameters).await;
    assert_eq!(reply.status, 400);
    assert!(reply.body["description"].as_str().unwrap().contains(expected), "{reply:?}");
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded"]);
    assert_eq!(rig.broker.fetch().await.status, 404);
}

#[tokio::test]
async fn a_tenant_has_one_instance() {
    let rig = Rig::with_tenant().await;
    rig.broker.provision(enabled()).await;
    let path = "/v2/service_instances/another?accepts_incomplete=true";
    let reply = rig.broker.send(Method::PUT, path, Some(provision_body(&enabled()))).await.unwrap();
    assert_eq!(reply.status, 400);
    assert!(reply.body["description"].as_str().unwrap().contains("TenantTaken"), "{reply:?}");
}

#[tokio::test]
async fn acts_outside_of_the_broker_show_in_the_instance() {
    let rig = Rig::with_tenant().await;
    rig.broker.provision(enabled()).await;
    rig.control.act(TENANT, "support", "supportOptOut", json!({})).await.unwrap();
    assert_eq!(rig.broker.fetch().await.body["parameters"]["state"], "Disabled");
    rig.control.settings(Some(TENANT), json!({ "withholdParameters": true })).await.unwrap();
    assert_eq!(rig.broker.fetch().await.body.get("parameters"), None);
    rig.control.settings(None, json!({ "retrievable": false })).await.unwrap();
    assert_eq!(rig.broker.fetch().await.status, 404);
}

#[tokio::test]
async fn a_tenant_that_is_on_already_is_adopted_where_it_is() {
    let rig = Rig::start().await;
    rig.seed(json!({ "services": ["Endpoint"], "service": { "state": "on", "region": "UK" } })).await;
    let mut elsewhere = enabled();
    elsewhere["region"] = "US".into();
    assert_eq!(rig.broker.provision(elsewhere).await.body["error"], "RegionMismatch");
    assert_eq!(rig.broker.provision(enabled()).await.status, 201);
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated"], "it was never turned on");
    assert_eq!(rig.broker.fetch().await.body["parameters"]["region"], "UK");
}

#[tokio::test]
async fn consent_travels_with_provisioning_under_the_welcome_page() {
    let rig = Rig::start().await;
    let all = json!(["Endpoint", "Identity", "CloudApps", "Office365"]);
    rig.seed(json!({ "services": all, "experience": "WelcomePage" })).await;
    let mut parameters = enabled();
    parameters["experience"] = "WelcomePage".into();
    parameters["region"] = "UK".into();
    assert_eq!(rig.broker.provision(parameters.clone()).await.body["error"], "ConsentMissing");
    parameters["consent"] = json!({ "grantedBy": "ciso@contoso.com", "grantedOn": "2020-03-13" });
    assert_eq!(rig.broker.provision(parameters).await.status, 201);
    assert_eq!(rig.control.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "consented", "turnedOn"]);
}
