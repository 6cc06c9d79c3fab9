//! No body, however broken, makes a parser of Azure Resource Manager panic or say something that nobody can use. The
//! onboarding package has its own test, beside its parser.

use rstest::rstest;
use serde_json::json;

use super::{sentinel, settings, subscription};
use crate::remote::answers::Context;
use crate::remote::call::{Operation, Reply};
use crate::remote::samples::{TENANT, assert_robust, assert_told, context, mutations, reply, unknown};
use crate::remote::shape::Page;

#[test]
fn of_a_subscription() {
    let refusal = json!({ "error": { "code": "InvalidAuthenticationTokenTenant", "message":
        format!("The access token is from the wrong issuer 'x'. It must match the tenant 'https://sts.windows.net/{TENANT}/'.") } });
    let bodies = [json!({ "tenantId": TENANT, "state": "Enabled" }), refusal];
    assert_robust(Operation::Subscription, &bodies, subscription::read);
    let unknown = unknown();
    for bytes in mutations(&bodies, 1_200) {
        let header = String::from_utf8_lossy(&bytes).into_owned();
        let refused = Reply { www_authenticate: Some(format!("authorization_uri={header}")), ..reply(401, &bytes) };
        if let Err(unread) = subscription::read(&refused, context(&unknown)) {
            assert_told(Operation::Subscription, &unread);
        }
    }
}

#[rstest]
fn of_a_setting(#[values(Operation::SecuritySettings, Operation::PutSecuritySetting)] operation: Operation) {
    let one = json!({ "name": "WDATP", "kind": "DataExportSettings", "properties": { "enabled": true } });
    assert_robust(operation, std::slice::from_ref(&one), |reply, context| settings::read(operation, reply, context));
    let list = json!({ "value": [one], "nextLink": "https://x" });
    let read = |reply: &Reply, context: Context<'_>| {
        let list = Page::list(vec![settings::read_list(reply, context)?]);
        settings::is_enabled(&list, settings::Setting::Endpoint)
    };
    assert_robust(Operation::SecuritySettings, &[list], read);
}

#[test]
fn of_connectors() {
    let one = json!({ "id": "/x/y", "name": "n", "etag": "\"e\"", "kind": "MicrosoftThreatProtection",
        "properties": { "tenantId": TENANT, "dataTypes": { "incidents": { "state": "Enabled" } } } });
    let workspace = "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/soc-prod";
    let (workspace, tenant) = (workspace.parse().unwrap(), TENANT.parse().unwrap());
    assert_robust(Operation::PutConnector, std::slice::from_ref(&one), sentinel::read_put);
    let read = |reply: &Reply, context: Context<'_>| {
        let connector = sentinel::choose(sentinel::read_list(reply, context, tenant)?.items);
        let call = sentinel::put(&workspace, tenant, connector.as_ref(), true);
        assert!(call.path.bytes().all(|byte| byte.is_ascii_graphic()), "{}", call.path);
        assert!(call.if_match.is_none_or(|etag| !etag.chars().any(char::is_control)));
        assert_eq!(call.body.unwrap()["properties"]["dataTypes"]["incidents"]["state"], "Enabled");
        Ok(())
    };
    assert_robust(Operation::Connectors, &[json!({ "value": [one] })], read);
    let states = json!({ "authorizationState": "Valid", "licenseState": "Valid" });
    assert_robust(Operation::ConnectorRequirements, &[states], sentinel::read_requirements);
}
