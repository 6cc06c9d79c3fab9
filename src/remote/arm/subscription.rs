//! `GET /subscriptions/{id}`: which tenant a subscription belongs to.

use std::collections::BTreeSet;

use super::target::SubscriptionId;
use crate::remote::answers::{Context, Meaning, Verdict, error_body, judge, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{field, fields, id};
use crate::tenant::TenantId;

const OPERATION: Operation = Operation::Subscription;

/// The call.
#[must_use]
pub fn call(subscription: SubscriptionId) -> Call {
    Call::get(OPERATION, format!("/subscriptions/{subscription}?api-version=2022-12-01"))
}

/// Reads its answer: the tenant that the subscription belongs to.
///
/// A token of another tenant is refused with 401, and the refusal names the right one (see `owner_in_refusal`).
pub fn read(reply: &Reply, context: Context<'_>) -> Result<TenantId, Unread> {
    match judge(OPERATION, reply, context) {
        Verdict::Answers => {
            let fields = fields(OPERATION, reply)?;
            let owner = id(field(&fields, "tenantId")).and_then(|text| text.parse().ok());
            owner.ok_or_else(|| misshapen(OPERATION, reply, "it names no tenant"))
        }
        Verdict::Says { meaning: Meaning::ForeignSubscription, otherwise } => owner_in_refusal(reply).ok_or(otherwise),
        Verdict::Says { otherwise, .. } | Verdict::Unread(otherwise) => Err(otherwise),
    }
}

/// The tenant that a refusal (401 `InvalidAuthenticationTokenTenant`) of any call about a subscription names.
///
/// `WWW-Authenticate: Bearer authorization_uri="https://login.windows.net/{tenant}", …`, else the message: `The access token
/// is from the wrong issuer '…'. It must match the tenant 'https://sts.windows.net/{tenant}/' associated with this
/// subscription.` (Azure Resource Manager, as many public texts quote it). Where the message names several, none is taken.
#[must_use]
pub fn owner_in_refusal(reply: &Reply) -> Option<TenantId> {
    let header = reply.www_authenticate.as_deref().unwrap_or_default();
    let in_header = after(header, "authorization_uri").and_then(|rest| tenants(rest.split(',').next()?).pop_first());
    in_header.or_else(|| {
        let error = error_body(&reply.body);
        let wanted = error.messages().iter().find_map(|message| after(message, "it must match"))?;
        let mut named = tenants(wanted);
        if named.len() == 1 { named.pop_first() } else { None }
    })
}

/// What comes after the first occurrence of these ASCII words, without regard to case.
fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let at = text.to_ascii_lowercase().find(words)?;
    text.get(at + words.len()..)
}

/// Every tenant id in a text.
fn tenants(text: &str) -> BTreeSet<TenantId> {
    text.split(|character: char| !character.is_ascii_hexdigit() && character != '-')
        .filter_map(|part| part.to_ascii_lowercase().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::remote::samples::{assert_told, assert_troubles, blindly, failure, ok, reply, sentence};
    use crate::tenant::Permission;

    const OURS: &str = "4a4d599f-e69d-4cd8-a9e1-9882ea340fb5";
    const THEIRS: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    fn refusal(message: &str, header: Option<&str>) -> Reply {
        let body = json!({ "error": { "code": "InvalidAuthenticationTokenTenant", "message": message } });
        Reply { www_authenticate: header.map(str::to_owned), ..reply(401, body.to_string()) }
    }

    fn message() -> String {
        format!(
            "The access token is from the wrong issuer 'https://sts.windows.net/{OURS}/'. It must match the tenant 'https://sts.windows.net/{THEIRS}/' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/{THEIRS}' to get the token."
        )
    }

    fn header(tenant: &str) -> String {
        format!(
            "Bearer authorization_uri=\"https://login.windows.net/{tenant}\", error=\"invalid_token\", error_description=\"The access token is from the wrong issuer. It must match the tenant associated with this subscription.\""
        )
    }

    #[test]
    fn a_documented_answer_is_read() {
        let subscription = "20FF7FC3-E762-44DD-BD96-B71116DCDC23".parse().unwrap();
        assert_eq!(
            call(subscription).path,
            "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23?api-version=2022-12-01"
        );
        let body = json!({ "id": "/subscriptions/20ff", "subscriptionId": "20ff", "tenantId": THEIRS.to_uppercase(),
            "displayName": "d", "state": "Enabled", "managedByTenants": [{ "tenantId": OURS }] });
        assert_eq!(blindly(|context| read(&ok(&body), context)), Ok(THEIRS.parse().unwrap()));
    }

    #[rstest]
    #[case::both(message(), Some(header(THEIRS)), true)]
    #[case::header("x".to_owned(), Some(header(THEIRS)), true)]
    #[case::capitals("x".to_owned(), Some(header(THEIRS).replace("authorization_uri", "Authorization_URI")), true)]
    #[case::message(message(), None, true)]
    #[case::several(format!("It must match one of the tenants 'https://sts.windows.net/{THEIRS}/,https://sts.windows.net/{OURS}/'"), None, false)]
    #[case::none("It must match the tenant".to_owned(), Some("Bearer".to_owned()), false)]
    #[case::another_header("x".to_owned(), Some(format!("Bearer error=\"{THEIRS}\"")), false)]
    fn a_refusal_names_the_owner(#[case] message: String, #[case] header: Option<String>, #[case] is_named: bool) {
        let refusal = refusal(&message, header.as_deref());
        let expected = is_named.then(|| THEIRS.parse::<TenantId>().unwrap());
        assert_eq!(owner_in_refusal(&refusal), expected);
        match blindly(|context| read(&refusal, context)) {
            Ok(owner) => assert_eq!(Some(owner), expected),
            Err(unread) => {
                assert_eq!(expected, None);
                assert_told(OPERATION, &unread);
                assert_eq!(failure::<()>(Err(unread)).reason, crate::api::Reason::TenantMismatch);
            }
        }
    }

    #[test]
    fn another_401_names_nobody() {
        let plain = Reply { www_authenticate: Some(header(THEIRS)), ..reply(401, "") };
        assert_eq!(failure(blindly(|context| read(&plain, context))).class.name(), "auth");
    }

    #[test]
    fn trouble_is_told() {
        assert_troubles(OPERATION, read);
        let refused = reply(
            403,
            r#"{"error":{"code":"AuthorizationFailed","message":"The client does not have authorization"}}"#,
        );
        assert_eq!(blindly(|context| read(&refused, context)), Err(Unread::NotPermitted(Permission::SecurityReader)));
        let gone = reply(
            404,
            r#"{"error":{"code":"SubscriptionNotFound","message":"The subscription 'x' could not be found."}}"#,
        );
        assert!(sentence(blindly(|context| read(&gone, context))).contains("may not see it"));
    }
}
