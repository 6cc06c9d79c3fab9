//! `GET /security/incidents`, `/security/alerts_v2`, `/security/identities/healthIssues`: whether a feature answers. No
//! entry is looked at.

use crate::plan::microsoft::Answer;
use crate::remote::answers::{Context, Meaning, Verdict, judge, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{field, fields};

/// `GET /security/incidents`; it knows `$top` and not `$select` (Microsoft Graph, *List incidents*, 2025).
#[must_use]
pub fn incidents() -> Call {
    Call::get(Operation::Incidents, "/security/incidents?$top=1")
}

/// `GET /security/alerts_v2` (Microsoft Graph, *List `alerts_v2`*, 2025).
#[must_use]
pub fn alerts() -> Call {
    Call::get(Operation::Alerts, "/security/alerts_v2?$top=1")
}

/// `GET /security/identities/healthIssues` of Defender for Identity (Microsoft Graph, *List `healthIssues`*, 2025).
#[must_use]
pub fn identity() -> Call {
    Call::get(Operation::IdentityHealth, "/security/identities/healthIssues?$top=1")
}

/// Reads the answer of one of them. An empty list answers as well.
pub fn read(operation: Operation, reply: &Reply, context: Context<'_>) -> Result<Answer, Unread> {
    match judge(operation, reply, context) {
        Verdict::Answers => {
            let fields = fields(operation, reply)?;
            let has_list = field(&fields, "value").is_some_and(serde_json::Value::is_array);
            has_list.then_some(Answer::Answers).ok_or_else(|| misshapen(operation, reply, "it has no list named value"))
        }
        Verdict::Says {
            meaning: Meaning::Refuses | Meaning::NotOnboarded | Meaning::NotLicensed | Meaning::Disabled,
            ..
        } => Ok(Answer::Refuses),
        Verdict::Says { otherwise, .. } | Verdict::Unread(otherwise) => Err(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::remote::samples::{assert_troubles, blindly, context, holding, holding_all, ok, reply};
    use crate::tenant::Permission;

    #[test]
    fn the_calls_use_documented_options_only() {
        let paths = [incidents().path, alerts().path, identity().path];
        assert_eq!(
            paths,
            ["/security/incidents?$top=1", "/security/alerts_v2?$top=1", "/security/identities/healthIssues?$top=1"]
        );
    }

    #[rstest]
    #[case::one(json!({ "value": [{"id": "2972395", "status": "Active"}], "@odata.nextLink": "https://x" }))]
    #[case::none(json!({ "value": [] }))]
    #[case::unknown_fields(json!({ "value": [{"later": null}, null], "more": 1 }))]
    fn a_list_answers(
        #[case] body: serde_json::Value,
        #[values(Operation::Incidents, Operation::Alerts, Operation::IdentityHealth)] operation: Operation,
    ) {
        assert_eq!(blindly(|context| read(operation, &ok(&body), context)), Ok(Answer::Answers));
    }

    #[test]
    fn a_refusal_says_absent_only_where_the_permission_is_held() {
        let refused = reply(403, r#"{"error":{"code":"Forbidden","message":"Account is not provisioned."}}"#);
        assert_eq!(read(Operation::Incidents, &refused, context(&holding_all())), Ok(Answer::Refuses));
        assert_eq!(
            read(Operation::Incidents, &refused, context(&holding(&[]))),
            Err(Unread::NotPermitted(Permission::SecurityIncidents))
        );
        assert_eq!(
            read(Operation::Alerts, &refused, context(&holding(&["45cc0394-e837-488b-a098-1918f48d186c"]))),
            Ok(Answer::Refuses),
            "incidents include alerts"
        );
        assert_eq!(
            read(Operation::Incidents, &refused, context(&holding(&["472e4a4d-bb4a-4026-98d1-0b0d74cb74a5"]))),
            Err(Unread::NotPermitted(Permission::SecurityIncidents)),
            "alerts do not include incidents"
        );
        let open = blindly(|context| read(Operation::Incidents, &refused, context));
        assert!(matches!(open, Err(Unread::Ambiguous(_))), "{open:?}");
        let identity = read(Operation::IdentityHealth, &refused, context(&holding_all()));
        assert!(matches!(identity, Err(Unread::Ambiguous(_))), "Defender for Identity says it in words: {identity:?}");
    }

    #[test]
    fn identity_that_is_not_onboarded_refuses() {
        let body = json!({ "error": { "code": "Forbidden", "message": "Tenant is not onboarded to Microsoft Defender for Identity" } });
        let answer = reply(403, body.to_string());
        assert_eq!(blindly(|context| read(Operation::IdentityHealth, &answer, context)), Ok(Answer::Refuses));
    }

    #[test]
    fn trouble_is_told() {
        for operation in [Operation::Incidents, Operation::Alerts, Operation::IdentityHealth] {
            assert_troubles(operation, |reply, context| read(operation, reply, context));
        }
    }
}
