//! No body, however broken, makes a parser of Microsoft Graph panic or say something that nobody can use.

use rstest::rstest;
use serde_json::{Value, json};

use super::{batch, features, hunting, intune, licences, organization, own_roles, roles};
use crate::plan::failure::Failure;
use crate::remote::answers::Context;
use crate::remote::call::{Operation, Reply, Unread};
use crate::remote::samples::{TENANT, assert_robust, assert_told, context, mutations, ok, reply, unknown};

#[test]
fn of_the_organization() {
    let body = json!({ "value": [{ "id": TENANT, "displayName": "Contoso", "countryLetterCode": "NL",
        "verifiedDomains": [{ "name": "contoso.com", "isDefault": true }] }] });
    assert_robust(Operation::Organization, &[body], organization::read);
}

#[test]
fn of_licences() {
    let sku = json!({ "value": [{ "skuId": "s", "skuPartNumber": "P", "capabilityStatus": "Enabled",
        "servicePlans": [{ "servicePlanId": "p", "provisioningStatus": "Success" }] }], "@odata.nextLink": "https://x" });
    assert_robust(Operation::SubscribedSkus, &[sku], licences::read_skus);
    let subscription = json!({ "value": [{ "skuId": "s", "isTrial": true, "status": "Enabled",
        "nextLifecycleDateTime": "2026-02-01T00:00:00Z" }] });
    assert_robust(Operation::DirectorySubscriptions, &[subscription], licences::read_subscriptions);
}

#[test]
fn of_roles() {
    let own = json!({ "value": [{ "appRoleId": "45cc0394-e837-488b-a098-1918f48d186c", "resourceId": "r" }] });
    assert_robust(Operation::OwnRoles, &[own], own_roles::read);
    let assignment = json!({ "value": [{ "directoryScopeId": "/",
        "principal": { "@odata.type": "#microsoft.graph.group", "id": "g" } }] });
    assert_robust(Operation::RoleAssignments, std::slice::from_ref(&assignment), roles::read_assigned);
    assert_robust(Operation::EligibleAssignments, &[assignment], roles::read_eligible);
    assert_robust(Operation::GroupMembers, &[json!(12), json!("12"), json!("MTI=")], roles::read_members);
}

#[rstest]
fn of_features(#[values(Operation::Incidents, Operation::Alerts, Operation::IdentityHealth)] operation: Operation) {
    let body = json!({ "value": [{ "id": "1" }] });
    assert_robust(operation, &[body], |reply, context| features::read(operation, reply, context));
}

#[test]
fn of_the_connector() {
    let bodies = [json!({ "partnerState": "enabled" }), json!({ "value": { "partnerState": "enabled" } })];
    assert_robust(Operation::IntuneConnector, &bodies, intune::read);
}

#[test]
fn of_hunting() {
    let absent = json!({ "error": { "code": "BadRequest",
        "message": "Failed to resolve table or column expression named 'DeviceInfo'." } });
    let bodies = [json!({ "schema": [], "results": [{ "Newest": "2026-01-09T08:30:00Z" }] }), absent];
    let sound: Value = bodies[0].clone();
    for index in 0..5 {
        let read = |reply: &Reply, context: Context<'_>| {
            let mut answers: Vec<Result<Reply, Failure>> = vec![Ok(ok(&sound)); 5];
            answers[index] = Ok(reply.clone());
            let read = hunting::read(&answers, context);
            if let Err(unread) = &read.newest_rows {
                assert_told(Operation::Hunting, unread);
            }
            read.hunting
        };
        assert_robust(Operation::Hunting, &bodies, read);
    }
}

#[test]
fn of_a_batch() {
    let body = json!({ "responses": [
        { "id": "1", "status": 200, "headers": { "Retry-After": "3", "request-id": "r" }, "body": { "value": [] } },
        { "id": "0", "status": 429, "headers": { "Retry-After": "3" }, "body": "MTI=" }
    ]});
    assert_robust(Operation::Batch, std::slice::from_ref(&body), |reply, context| batch::replies(reply, 3, context));
    let unknown = unknown();
    for bytes in mutations(&[body], 1_200) {
        let Ok(parts) = batch::replies(&reply(200, bytes), 3, context(&unknown)) else { continue };
        assert_eq!(parts.len(), 3);
        for part in parts {
            match part {
                Ok(part) => assert!(part.request_id.is_none_or(|id| !id.chars().any(char::is_control))),
                Err(failure) => assert_told(Operation::Batch, &Unread::Failed(failure)),
            }
        }
    }
}
