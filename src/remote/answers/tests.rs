//! The table of answers, row by row, as the documents have it.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::api::Reason;
use crate::plan::failure::ErrorClass;
use crate::remote::samples::{REQUEST, assert_told, context, holding, holding_all, reply, unknown};
use crate::tenant::Permission;

const NO_MDI: &str = r#"{"error":{"code":"Forbidden","message":"Tenant is not onboarded to Microsoft Defender for Identity. After license is purchased, first login to portal and sensor are required.","innerError":{"date":"2026-01-10T11:59:59","request-id":"r"}}}"#;
const NO_TABLE: &str = r#"{"error":{"code":"BadRequest","message":"'where' operator: Failed to resolve table or column expression named 'EmailEvents'. Fix semantic errors in your query."}}"#;
const FORBIDDEN: &str = r#"{"error":{"code":"Authorization_RequestDenied","message":"Missing application roles"}}"#;
const NOT_PROVISIONED: &str = r#"{"error":{"code":"Forbidden","message":"Account is not provisioned"}}"#;

fn verdict(operation: Operation, status: u16, body: &str) -> Verdict {
    judge(operation, &reply(status, body), context(&unknown()))
}

#[rstest]
#[case::not_onboarded(Operation::IdentityHealth, 403, NO_MDI, Meaning::NotOnboarded)]
#[case::table(Operation::Hunting, 400, NO_TABLE, Meaning::TableAbsent)]
#[case::licence(
    Operation::Hunting,
    403,
    r#"{"error":{"code":"Forbidden","message":"The tenant is not licensed for this"}}"#,
    Meaning::NotLicensed
)]
#[case::disabled(
    Operation::Incidents,
    403,
    r#"{"error":{"code":"DisabledFeature","message":"Tenant feature isn't enabled","target":"t"}}"#,
    Meaning::Disabled
)]
#[case::no_premium(Operation::EligibleAssignments, 400, r#"{"error":{"code":"AadPremiumLicenseRequired","message":"The tenant needs to have Microsoft Entra ID P2 license."}}"#, Meaning::NoPremium)]
#[case::nested_code(
    Operation::EligibleAssignments,
    400,
    r#"{"error":{"code":"BadRequest","message":"x","innererror":{"code":"aadpremiumlicenserequired"}}}"#,
    Meaning::NoPremium
)]
#[case::foreign(
    Operation::SecuritySettings,
    401,
    r#"{"error":{"code":"InvalidAuthenticationTokenTenant","message":"The access token is from the wrong issuer"}}"#,
    Meaning::ForeignSubscription
)]
#[case::consent(
    Operation::PutConnector,
    401,
    r#"{"error":{"code":"InvalidLicense","message":"Missing consent"}}"#,
    Meaning::NeedsPerson
)]
#[case::in_details(
    Operation::PutConnector,
    401,
    r#"{"error":{"code":"Unauthorized","details":[{"code":"InvalidLicense","message":"License is invalid"}]}}"#,
    Meaning::NeedsPerson
)]
#[case::conflict(Operation::PutConnector, 409, "", Meaning::Conflict)]
#[case::precondition(Operation::PutConnector, 412, "", Meaning::Conflict)]
#[case::setting_conflict(Operation::PutSecuritySetting, 409, "{}", Meaning::Conflict)]
#[case::not_there(
    Operation::Subscription,
    404,
    r#"{"error":{"code":"SubscriptionNotFound","message":"x"}}"#,
    Meaning::NotThere
)]
#[case::not_there_as_a_page(Operation::IntuneConnector, 404, "<html/>", Meaning::NotThere)]
fn a_documented_answer_says_what_the_table_has(
    #[case] operation: Operation,
    #[case] status: u16,
    #[case] body: &str,
    #[case] meaning: Meaning,
) {
    let verdict = verdict(operation, status, body);
    assert_eq!(verdict.meaning(), Some(meaning), "{verdict:?}");
    assert_told(operation, &verdict.into_unread().unwrap());
}

#[rstest]
#[case::licence_of_another_call(Operation::GroupMembers, 400, r#"{"error":{"code":"AadPremiumLicenseRequired"}}"#)]
#[case::consent_when_reading(Operation::Connectors, 401, r#"{"error":{"code":"InvalidLicense"}}"#)]
#[case::conflict_when_reading(Operation::Connectors, 409, "")]
#[case::table_elsewhere(Operation::Incidents, 400, NO_TABLE)]
#[case::foreign_to_graph(Operation::Organization, 401, r#"{"error":{"code":"InvalidAuthenticationTokenTenant"}}"#)]
fn a_row_is_about_its_own_calls(#[case] operation: Operation, #[case] status: u16, #[case] body: &str) {
    assert_eq!(verdict(operation, status, body).meaning(), None);
}

#[rstest]
#[case::incidents(Operation::Incidents, Permission::SecurityIncidents)]
#[case::alerts(Operation::Alerts, Permission::SecurityAlerts)]
#[case::hunting(Operation::Hunting, Permission::ThreatHunting)]
fn an_unexplained_refusal_of_a_feature_hangs_on_what_the_application_holds(
    #[case] operation: Operation,
    #[case] permission: Permission,
    #[values(NOT_PROVISIONED, r#"{"error":{"code":"UnknownError","message":""}}"#)] body: &str,
) {
    let answer = reply(403, body);
    let judged = |held| judge(operation, &answer, context(&held));
    assert_eq!(judged(holding(&[])), Verdict::Unread(Unread::NotPermitted(permission)));
    assert_eq!(judged(holding_all()).meaning(), Some(Meaning::Refuses));
    let Verdict::Unread(unread @ Unread::Ambiguous(_)) = judged(unknown()) else { panic!("{body}") };
    assert_told(operation, &unread);
    let Unread::Ambiguous(sentence) = unread else { panic!() };
    assert!(sentence.contains(permission.name()) && sentence.contains("not turned on"), "{sentence}");
}

/// A token does not carry what was granted after it was bought: then the list of grants proves nothing.
#[rstest]
fn a_refusal_that_names_a_missing_role_is_never_an_absence(
    #[values(Operation::Incidents, Operation::Alerts, Operation::Hunting)] operation: Operation,
    #[values("Authorization_RequestDenied", "Forbidden", "")] code: &str,
) {
    let body = format!(
        r#"{{"error":{{"code":"{code}","message":"Missing application roles. API required roles: x, application roles: ."}}}}"#
    );
    let answer = reply(403, body);
    let Verdict::Unread(unread) = judge(operation, &answer, context(&holding_all())) else { panic!("not unread") };
    assert_ne!(unread, Unread::NotPermitted(operation.permission().unwrap()), "the list says that it is granted");
    assert!(matches!(&unread, Unread::Ambiguous(told) if told.contains("not in force yet")), "{unread:?}");
    assert!(matches!(judge(operation, &answer, context(&holding(&[]))), Verdict::Unread(Unread::NotPermitted(_))));
}

#[rstest]
fn a_refusal_without_a_word_of_the_api_is_no_absence(
    #[values(Operation::Incidents, Operation::Alerts, Operation::Hunting)] operation: Operation,
    #[values("", "<html>no</html>", "no", "[]", "{}")] body: &str,
) {
    let Verdict::Unread(Unread::Failed(failure)) = judge(operation, &reply(403, body), context(&holding_all())) else {
        panic!("{body}")
    };
    assert_eq!(failure.class, ErrorClass::Protocol);
}

#[test]
fn a_refusal_is_open_for_a_moment_where_the_own_roles_could_not_be_read() {
    let unread = Reading::unknown(Why::ReadFailed);
    let judged = judge(Operation::Hunting, &reply(403, NOT_PROVISIONED), context(&unread));
    let Verdict::Unread(Unread::Failed(failure)) = judged else { panic!("{judged:?}") };
    assert_eq!((failure.class, failure.reason), (ErrorClass::Transient, Reason::ProviderUnavailable));
}

#[rstest]
#[case::activity(
    "Activity ID: 0e1f7c52-aaaa-bbbb-cccc-000000000001 - Url: https://fef.example/x - no",
    "Activity ID: … - Url: … - no"
)]
#[case::time("failed at 2026-01-10T12:00:00.123Z.", "failed at …")]
#[case::short("status 403 in 2026", "status 403 in 2026")]
#[case::entra("AADSTS7000215: wrong", "AADSTS7000215: wrong")]
fn what_differs_from_answer_to_answer_is_not_shown(#[case] said: &str, #[case] shown: &str) {
    let body = serde_json::json!({"error": {"code": "Bad", "message": said}}).to_string();
    assert_eq!(error_body(body.as_bytes()).shown(), format!("; it says Bad: \"{shown}\""));
}

#[test]
fn a_refusal_without_words_is_a_missing_permission_for_identity_unless_it_is_held() {
    let answer = reply(403, r#"{"error":{"code":"UnknownError","message":"","innerError":{}}}"#);
    let judged = |held| judge(Operation::IdentityHealth, &answer, context(&held));
    let missing = Verdict::Unread(Unread::NotPermitted(Permission::IdentityHealth));
    assert_eq!(judged(unknown()), missing);
    assert_eq!(judged(holding(&[])), missing);
    assert!(matches!(judged(holding_all()), Verdict::Unread(Unread::Ambiguous(_))));
    let spoken = reply(403, r#"{"error":{"code":"UnknownError","message":"something"}}"#);
    assert!(matches!(
        judge(Operation::IdentityHealth, &spoken, context(&unknown())),
        Verdict::Unread(Unread::Ambiguous(_))
    ));
}

#[test]
fn a_missing_permission_stands_before_a_missing_licence() {
    let answer = reply(403, r#"{"error":{"code":"Forbidden","message":"License or permission missing"}}"#);
    assert_eq!(
        judge(Operation::Hunting, &answer, context(&holding(&[]))),
        Verdict::Unread(Unread::NotPermitted(Permission::ThreatHunting))
    );
    assert_eq!(judge(Operation::Hunting, &answer, context(&holding_all())).meaning(), Some(Meaning::NotLicensed));
}

#[rstest]
#[case(Operation::Organization, Permission::Organization)]
#[case(Operation::SubscribedSkus, Permission::Organization)]
#[case(Operation::DirectorySubscriptions, Permission::Organization)]
#[case(Operation::OwnRoles, Permission::Applications)]
#[case(Operation::RoleAssignments, Permission::DirectoryRoles)]
#[case(Operation::EligibleAssignments, Permission::DirectoryRoles)]
#[case(Operation::GroupMembers, Permission::GroupMembers)]
#[case(Operation::Subscription, Permission::SecurityReader)]
#[case(Operation::SecuritySettings, Permission::SecurityReader)]
#[case(Operation::MdeOnboarding, Permission::SecurityReader)]
#[case(Operation::PutSecuritySetting, Permission::SecurityAdmin)]
#[case(Operation::Connectors, Permission::SentinelContributor)]
#[case(Operation::PutConnector, Permission::SentinelContributor)]
#[case(Operation::DeleteConnector, Permission::SentinelContributor)]
#[case(Operation::ConnectorRequirements, Permission::SentinelContributor)]
fn a_refusal_of_anything_else_is_a_missing_permission(#[case] operation: Operation, #[case] permission: Permission) {
    assert_eq!(verdict(operation, 403, FORBIDDEN), Verdict::Unread(Unread::NotPermitted(permission)));
    assert_eq!(verdict(operation, 403, ""), Verdict::Unread(Unread::NotPermitted(permission)));
}

#[rstest]
#[case::unauthorised(401, Operation::Incidents, "auth", Reason::CredentialsInvalid)]
#[case::hunting_unknown(500, Operation::Hunting, "transient", Reason::ProviderUnavailable)]
#[case::partial(206, Operation::Alerts, "transient", Reason::ProviderUnavailable)]
#[case::dependency(424, Operation::Incidents, "transient", Reason::ProviderUnavailable)]
#[case::redirect(302, Operation::Organization, "protocol", Reason::ProviderUnavailable)]
#[case::no_status(0, Operation::Organization, "protocol", Reason::ProviderUnavailable)]
#[case::question_refused(400, Operation::Organization, "protocol", Reason::ProviderUnavailable)]
#[case::change_refused(400, Operation::PutConnector, "invalid", Reason::ProviderRejected)]
#[case::batch_refused(403, Operation::Batch, "permission", Reason::PermissionDenied)]
#[case::quota(429, Operation::Hunting, "throttled", Reason::Throttled)]
fn trouble_has_a_class_a_reason_and_a_request_id(
    #[case] status: u16,
    #[case] operation: Operation,
    #[case] class: &str,
    #[case] reason: Reason,
) {
    let verdict = verdict(operation, status, r#"{"error":{"code":"UnknownError","message":"why\u0007 not"}}"#);
    let Verdict::Unread(Unread::Failed(failure)) = verdict else { panic!("{verdict:?}") };
    assert_eq!((failure.class.name(), failure.reason), (class, reason));
    assert_eq!(failure.request_id.as_deref(), Some(REQUEST));
    assert!(failure.message.contains("UnknownError: \"why not\""), "{}", failure.message);
    assert!(failure.message.contains(operation.name()), "{}", failure.message);
}

#[test]
fn what_only_a_person_can_do_is_told_so() {
    let verdict =
        verdict(Operation::PutConnector, 401, r#"{"error":{"code":"InvalidLicense","message":"License is invalid"}}"#);
    let Some(Unread::Failed(failure)) = verdict.into_unread() else { panic!() };
    assert_eq!(failure.class, ErrorClass::Permission);
    assert!(failure.message.contains("a person sets it in the portal"), "{}", failure.message);
}

#[rstest]
#[case::graph(json!({"error": {"code": "A", "message": "m", "innerError": {"code": "B", "innererror": {"code": "C"}}}}), &["a", "B", "c"])]
#[case::resource_manager(json!({"error": {"code": "A", "message": "m", "target": "t", "details": [{"code": "D"}, null, {"code": "E"}]}}), &["A", "D", "E"])]
#[case::defender(json!({"error": {"code": "DisabledFeature", "message": "m", "target": "t"}}), &["disabledfeature"])]
#[case::bare(json!({"code": "A", "message": "m"}), &["A"])]
#[case::capitals(json!({"Error": {"Code": "A", "Message": "m", "InnerError": {"Code": "B"}}}), &["A", "B"])]
#[case::token(json!({"error": "invalid_grant", "error_description": "m"}), &["invalid_grant"])]
#[case::number(json!({"error": {"code": 403, "message": "m"}}), &["403"])]
fn every_shape_of_an_error_is_read(#[case] body: serde_json::Value, #[case] codes: &[&str]) {
    let error = error_body(body.to_string().as_bytes());
    assert!(codes.iter().all(|code| error.has_code(code)), "{error:?}");
    assert!(error.says("M") && !error.has_code("X"), "{error:?}");
}

#[rstest]
#[case::empty("", "")]
#[case::page("<html><h1>403</h1></html>", "")]
#[case::text("upstream refused\r\n", "; it says \"upstream refused\"")]
#[case::json_text("\"refused\"", "; it says \"refused\"")]
#[case::cut(r#"{"error":{"co"#, r#"; it says "{"error":{"co""#)]
#[case::nothing("{}", "")]
#[case::nulls(r#"{"error":{"code":null,"message":null}}"#, "")]
#[case::code(r#"{"error":{"code":"A"}}"#, "; it says A")]
#[case::list("[1]", "")]
fn a_body_of_no_shape_says_what_it_says(#[case] body: &str, #[case] shown: &str) {
    assert_eq!(error_body(body.as_bytes()).shown(), shown);
}

#[test]
fn codes_that_nest_without_end_are_read_to_a_depth() {
    let mut body = json!({ "code": "Innermost" });
    for _ in 0..60 {
        body = json!({ "code": "Outer", "innerError": body });
    }
    let error = error_body(json!({ "error": body }).to_string().as_bytes());
    assert!(error.has_code("Outer") && !error.has_code("Innermost"));
}

#[test]
fn a_secret_that_stands_in_the_body_itself_is_not_shown() {
    let body = r#"{"properties":{"onboardingPackageWindows":"cGw0bnRlZA"#;
    let Verdict::Unread(Unread::Failed(failure)) = verdict(Operation::MdeOnboarding, 500, body) else { panic!() };
    assert!(!failure.message.contains("cGw0bnRlZA"), "{}", failure.message);
}
