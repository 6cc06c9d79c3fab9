//! Microsoft Graph: the directory and the security services, with every odd answer that Microsoft is known for.

use rstest::rstest;

use super::microsoft::{GRAPH, rig};
use super::*;

#[tokio::test]
async fn every_answer_carries_both_request_ids() {
    let rig = rig(json!({})).await;
    let token = rig.token(TENANT, GRAPH).await;
    let headers = [("client-request-id", "mine")];
    let fine = rig.call_with(&token, (Method::GET, "/v1.0/organization"), None, &headers).await;
    assert_eq!((fine.status, &fine.headers["client-request-id"]), (200, &"mine".parse().unwrap()));
    let wrong = rig.call_with(&token, (Method::GET, "/v1.0/nowhere"), None, &headers).await;
    assert_eq!(wrong.error(), (404, "ResourceNotFound"));
    let inner = &wrong.body["error"]["innerError"];
    assert_eq!(inner["client-request-id"], "mine");
    assert_eq!(inner["request-id"], wrong.headers["request-id"].to_str().unwrap());
    assert!(inner["date"].is_string());
    let log = rig.control.requests_of("graph", Some(TENANT)).await.unwrap();
    assert_eq!((&log[0]["api"], &log[0]["clientRequestId"]), (&json!("graph"), &json!("mine")));
    let beta = rig.call(&token, Method::GET, "/beta/organization", None).await;
    assert_eq!(beta.error(), (404, "ResourceNotFound"));
    let unknown = rig.call("simtoken-0", Method::GET, "/v1.0/organization", None).await;
    assert_eq!(unknown.error(), (401, "InvalidAuthenticationToken"));
    let none = rig.broker.send_with(Method::GET, "/v1.0/organization", None, &[]).await.unwrap();
    assert_eq!((none.error(), none.message()), ((401, "InvalidAuthenticationToken"), "Access token is empty."));
}

#[tokio::test]
async fn the_organisation_is_null_without_its_permission() {
    let rig = rig(json!({ "countryCode": "SE", "defaultDomain": "contoso.example" })).await;
    let shown = rig.graph("/organization?$select=id,countryLetterCode,assignedPlans,verifiedDomains").await;
    let organization = &shown.entries()[0];
    assert_eq!((&organization["id"], &organization["countryLetterCode"]), (&json!(TENANT), &json!("SE")));
    assert_eq!(organization["verifiedDomains"][0]["name"], "contoso.example");
    assert_eq!(organization.get("displayName"), None, "not selected");
    let plans = organization["assignedPlans"].as_array().unwrap();
    assert!(plans.iter().any(|plan| plan["capabilityStatus"] == "Deleted"), "as real answers have it");
    assert!(plans.iter().any(|plan| plan["service"] == "MicrosoftThreatProtection"));
    rig.permit(&["SecurityIncident.Read.All"]).await;
    let shown = rig.graph("/organization").await;
    assert_eq!((shown.status, &shown.entries()[0]["id"]), (200, &json!(TENANT)));
    assert_eq!(shown.entries()[0]["verifiedDomains"], Value::Null);
}

#[tokio::test]
async fn licences_follow_from_services_or_are_given() {
    let rig = rig(json!({})).await;
    let shown = rig.graph("/subscribedSkus").await;
    assert_eq!(shown.entries()[0]["skuPartNumber"], "SPE_E5");
    let members = json!({ "services": ["Endpoint", "Identity"], "licenceState": "Warning", "nextLifecycle": "2020-07-23T00:00:00Z" });
    rig.control.patch(TENANT, members).await.unwrap();
    let shown = rig.graph("/subscribedSkus?$select=skuPartNumber,capabilityStatus,servicePlans,prepaidUnits").await;
    let names: Vec<_> = shown.entries().iter().map(|sku| sku["skuPartNumber"].as_str().unwrap()).collect();
    assert_eq!(names, ["WIN_DEF_ATP", "ATA"]);
    assert_eq!(shown.entries()[0]["capabilityStatus"], "Warning");
    assert_eq!(shown.entries()[0]["prepaidUnits"]["warning"], 25);
    assert_eq!(shown.entries()[0]["servicePlans"][0]["servicePlanId"], "871d91ec-ec1a-452b-a83f-bd76c7d770ef");
    let subscriptions = rig.graph("/directory/subscriptions").await;
    assert_eq!(subscriptions.entries()[1]["nextLifecycleDateTime"], "2020-07-23T00:00:00Z");
    assert_eq!(
        (&subscriptions.entries()[0]["status"], &subscriptions.entries()[0]["isTrial"]),
        (&json!("Warning"), &json!(false))
    );
    let plan =
        json!({ "id": "bf28f719-7844-4079-9c78-c1307898e192", "name": "MTP", "provisioningStatus": "PendingInput" });
    let sku = json!({ "skuId": "x", "skuPartNumber": "TRIAL", "capabilityStatus": "Suspended", "trial": true, "plans": [plan] });
    rig.control.patch(TENANT, json!({ "skus": [sku] })).await.unwrap();
    let shown = rig.graph("/subscribedSkus").await;
    assert_eq!(shown.entries()[0]["servicePlans"][0]["provisioningStatus"], "PendingInput");
    assert_eq!(shown.entries()[0]["capabilityStatus"], "Suspended");
    assert_eq!(rig.graph("/directory/subscriptions").await.entries()[0]["isTrial"], true);
    assert_eq!(rig.graph("/subscribedSkus?$filter=x").await.error(), (400, "Request_UnsupportedQuery"));
}

#[rstest]
#[case("/subscribedSkus")]
#[case("/directory/subscriptions")]
#[case("/roleManagement/directory/roleAssignments")]
#[case("/roleManagement/directory/roleEligibilityScheduleInstances")]
#[case("/servicePrincipals(appId='4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30')/appRoleAssignments")]
#[case("/groups/x/transitiveMembers/microsoft.graph.user/$count")]
#[tokio::test]
async fn the_directory_denies_with_its_own_words(#[case] path: &str) {
    let rig = rig(json!({})).await;
    rig.permit(&[]).await;
    let denied = rig.graph(path).await;
    assert_eq!(denied.error(), (403, "Authorization_RequestDenied"));
    assert_eq!(denied.message(), "Insufficient privileges to complete the operation.");
}

#[tokio::test]
async fn the_application_sees_its_own_permissions_by_id() {
    let rig = rig(json!({})).await;
    let path = "/servicePrincipals(appId='4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30')/appRoleAssignments";
    let shown = rig.graph(path).await;
    assert_eq!(shown.entries().len(), 9);
    let has = |id: &str| shown.entries().iter().any(|entry| entry["appRoleId"] == id);
    assert!(has("dd98c7f5-2d42-42d3-a0e4-633161547251") && has("9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"));
    rig.control.patch(TENANT, json!({ "cloud": "GCCHigh", "region": null, "service": null })).await.unwrap();
    let scope = "https://graph.microsoft.us/.default";
    let token = rig.token(TENANT, scope).await;
    let government = rig.call(&token, Method::GET, &format!("/v1.0{path}"), None).await;
    let hunting = json!("5f804853-e3b1-447b-9a8b-6d3e1257c72a");
    assert!(government.entries().iter().any(|entry| entry["appRoleId"] == hunting), "other clouds, other ids");
    rig.control.patch(TENANT, json!({ "cloud": "Public" })).await.unwrap();
    let encoded = rig.graph(&path.replace('\'', "%27")).await;
    assert_eq!(encoded.entries(), shown.entries());
    let other = rig.graph("/servicePrincipals(appId='00000000-0000-4000-8000-000000000009')/appRoleAssignments").await;
    assert_eq!(other.error(), (404, "Request_ResourceNotFound"));
}

#[tokio::test]
async fn roles_are_held_by_users_groups_and_applications() {
    let assignments = json!([
        { "role": "SecurityAdministrator", "principal": "group", "members": 3 },
        { "role": "GlobalAdministrator", "principal": "servicePrincipal", "scope": "/administrativeUnits/1" },
        { "role": "GlobalAdministrator", "eligible": true },
    ]);
    let rig = rig(json!({ "assignments": assignments })).await;
    let filter = "$filter=roleDefinitionId%20eq%20%27194ae4cb-b126-40b2-bd5b-6091b380977d%27";
    let bare = rig.graph(&format!("/roleManagement/directory/roleAssignments?{filter}")).await;
    assert_eq!((bare.entries().len(), bare.entries()[0].get("principal")), (2, None));
    let shown = rig.graph(&format!("/roleManagement/directory/roleAssignments?{filter}&$expand=principal")).await;
    let kinds: Vec<_> = shown.entries().iter().map(|entry| entry["principal"]["@odata.type"].clone()).collect();
    assert_eq!(kinds, ["#microsoft.graph.user", "#microsoft.graph.group"]);
    let all = rig.graph("/roleManagement/directory/roleAssignments").await;
    assert_eq!((all.entries().len(), &all.entries()[2]["directoryScopeId"]), (3, &json!("/administrativeUnits/1")));
    let either = format!("{filter}%20or%20roleDefinitionId%20eq%20%2762e90394-69f5-4237-9190-012177145e10%27");
    let either = rig.graph(&format!("/roleManagement/directory/roleAssignments?{either}")).await;
    assert_eq!(either.entries().len(), 3);
    let odd = rig.graph("/roleManagement/directory/roleAssignments?$filter=startswith(x,y)").await;
    assert_eq!(odd.error(), (400, "Request_UnsupportedQuery"));
    let group = shown.entries()[1]["principalId"].as_str().unwrap();
    let path = format!("/groups/{group}/transitiveMembers/microsoft.graph.user/$count");
    assert_eq!(rig.graph(&path).await.error(), (400, "Request_BadRequest"), "needs ConsistencyLevel");
    let token = rig.token(TENANT, GRAPH).await;
    let eventual = [("consistencylevel", "eventual")];
    let count = rig.call_with(&token, (Method::GET, &format!("/v1.0{path}")), None, &eventual).await;
    assert_eq!((count.text.as_str(), &count.headers["content-type"]), ("3", &"text/plain".parse().unwrap()));
    let nobody = path.replace(group, "00000000-0000-4000-8000-000000000009");
    let nobody = rig.call_with(&token, (Method::GET, &format!("/v1.0{nobody}")), None, &eventual).await;
    assert_eq!(nobody.error(), (404, "Request_ResourceNotFound"));
}

#[tokio::test]
async fn nobody_is_eligible_without_premium() {
    let assignments = json!([{ "role": "GlobalAdministrator", "eligible": true }]);
    let rig = rig(json!({ "assignments": assignments })).await;
    let path = "/roleManagement/directory/roleEligibilityScheduleInstances?$expand=principal";
    assert_eq!(rig.graph(path).await.entries()[0]["principal"]["@odata.type"], "#microsoft.graph.user");
    rig.control.patch(TENANT, json!({ "premiumP2": false })).await.unwrap();
    assert_eq!(rig.graph(path).await.error(), (400, "AadPremiumLicenseRequired"));
}

#[rstest]
#[case("/security/incidents", "SecurityIncident.Read.All")]
#[case("/security/alerts_v2", "SecurityAlert.Read.All")]
#[tokio::test]
async fn two_meanings_of_403(#[case] path: &str, #[case] role: &str) {
    let rig = rig(json!({})).await;
    let shown = rig.graph(&format!("{path}?$top=1")).await;
    assert_eq!((shown.status, shown.entries().len()), (200, 1));
    rig.control.patch(TENANT, json!({ "service": { "state": "off" } })).await.unwrap();
    let off = rig.graph(path).await;
    assert_eq!((off.error(), off.message()), ((403, "Forbidden"), "Account is not provisioned."));
    rig.permit(&["Organization.Read.All"]).await;
    let denied = rig.graph(path).await;
    assert_eq!(denied.error(), (403, "Forbidden"));
    assert!(denied.message().starts_with("Missing application roles.") && denied.message().contains(role));
}

#[tokio::test]
async fn identity_tells_a_permission_from_an_onboarding() {
    let rig = rig(json!({})).await;
    assert_eq!(rig.graph("/security/identities/healthIssues?$top=1").await.status, 200);
    rig.control.patch(TENANT, json!({ "reporting": ["Endpoint"] })).await.unwrap();
    let absent = rig.graph("/security/identities/healthIssues").await;
    assert_eq!(absent.error(), (403, "Forbidden"));
    assert_eq!(absent.message(), "Tenant is not onboarded to Microsoft Defender for Identity");
    rig.permit(&[]).await;
    let denied = rig.graph("/security/identities/healthIssues").await;
    assert_eq!((denied.error(), denied.message()), ((403, "UnknownError"), ""));
}

#[tokio::test]
async fn the_connector_to_intune_follows_its_link() {
    let rig = rig(json!({})).await;
    let path = "/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92";
    assert_eq!(rig.graph(path).await.error(), (404, "ResourceNotFound"), "never set up");
    for (links, state) in [
        (json!({ "EndpointIntune": { "state": "Linked" } }), "enabled"),
        (json!({ "EndpointIntune": { "state": "Linked", "effectiveAt": "2999-01-01T00:00:00Z" } }), "available"),
        (json!({ "EndpointIntune": { "state": "Unlinked" } }), "unavailable"),
    ] {
        rig.control.patch(TENANT, json!({ "links": links })).await.unwrap();
        assert_eq!(rig.graph(path).await.body["partnerState"], state);
    }
    rig.permit(&["SecurityIncident.Read.All"]).await;
    let denied = rig.graph(path).await;
    assert_eq!(denied.error(), (403, "Forbidden"));
    assert!(denied.message().contains("DeviceManagementServiceConfig.Read.All"));
}

#[tokio::test]
async fn pages_link_to_the_host_that_was_asked() {
    let rig = rig(json!({ "incidents": 5 })).await;
    rig.control.settings(None, json!({ "pageSize": 2 })).await.unwrap();
    let token = rig.token(TENANT, GRAPH).await;
    let (mut path, mut ids) = ("/v1.0/security/incidents?$select=id".to_owned(), Vec::new());
    for _ in 0..3 {
        let page = rig.call(&token, Method::GET, &path, None).await;
        ids.extend(page.entries().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body.get("@odata.nextLink") else { break };
        path = next.as_str().unwrap().strip_prefix(&rig.running.microsoft_url).unwrap().to_owned();
    }
    assert_eq!(ids, ["2972395", "2972396", "2972397", "2972398", "2972399"]);
    let one = rig.call(&token, Method::GET, "/v1.0/security/incidents?$top=1", None).await;
    assert!(one.body["@odata.nextLink"].as_str().unwrap().contains("$top=1&$skiptoken=1"));
    let odd = rig.call(&token, Method::GET, "/v1.0/security/incidents?$top=0", None).await;
    assert_eq!(odd.error(), (400, "BadRequest"));
}

#[tokio::test]
async fn faults_and_holds_find_their_endpoint() {
    let rig = rig(json!({})).await;
    let throttled = json!({ "kind": "tooManyRequests", "retryAfterSeconds": 30, "retryAfterDate": true });
    rig.control.fault(json!({ "endpoint": "incidents", "tenantId": TENANT }), Some(1), throttled).await.unwrap();
    assert_eq!(rig.graph("/organization").await.status, 200);
    let reply = rig.graph("/security/incidents").await;
    assert_eq!(reply.error(), (429, "TooManyRequests"));
    assert!(reply.headers["retry-after"].to_str().unwrap().ends_with(" GMT"), "{:?}", reply.headers);
    assert!(reply.headers.contains_key("request-id"));
    let claims = json!({ "kind": "failBeforeActing", "status": 401, "headers": { "www-authenticate": "Bearer error=\"insufficient_claims\"" } });
    rig.control.fault(json!({ "api": "graph" }), Some(1), claims).await.unwrap();
    let reply = rig.graph("/organization").await;
    assert_eq!(reply.error(), (401, "InvalidAuthenticationToken"));
    assert!(reply.headers["www-authenticate"].to_str().unwrap().contains("insufficient_claims"));
    let oversize = json!({ "kind": "malformed", "shape": "oversize", "acted": true });
    rig.control.fault(json!({ "endpoint": "organization" }), Some(1), oversize).await.unwrap();
    assert!(rig.graph("/organization").await.text.len() > 4 * 1024 * 1024);
    let id = rig.control.hold(json!({ "endpoint": "subscribedSkus" }), "arrived").await.unwrap();
    let (reply, held) = tokio::join!(rig.graph("/subscribedSkus"), async {
        let held = rig.control.wait_hold(id, std::time::Duration::from_secs(20)).await.unwrap();
        rig.control.release(id, "proceed").await.unwrap();
        held
    });
    assert_eq!((reply.status, &held["tenantId"]), (200, &json!(TENANT)));
    rig.control
        .fault(json!({ "endpoint": "token" }), Some(1), json!({ "kind": "failBeforeActing", "status": 503 }))
        .await
        .unwrap();
    assert_eq!(rig.ask_token(TENANT, &[]).await.body["error"], "server_error");
}

#[tokio::test]
async fn every_endpoint_has_a_name_on_the_control_port() {
    let rig = Rig::start().await;
    let names = "catalog provision update deprovision lastOperation fetch token openIdConfiguration organization \
                 subscribedSkus directorySubscriptions ownRoles roleAssignments eligibleAssignments groupMembers incidents \
                 alerts hunting identityHealth intuneConnector batch subscription securitySettings mdeOnboarding connectors \
                 connectorRequirements";
    for name in names.split_whitespace() {
        let order = json!({ "kind": "loseAnswer" });
        rig.control.fault(json!({ "endpoint": name }), Some(1), order).await.unwrap();
    }
    for api in ["broker", "entra", "graph", "arm"] {
        rig.control.fault(json!({ "api": api }), Some(1), json!({ "kind": "loseAnswer" })).await.unwrap();
    }
}
