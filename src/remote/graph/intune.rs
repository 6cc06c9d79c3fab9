//! `GET /deviceManagement/mobileThreatDefenseConnectors/{id}`: the connection between Defender for Endpoint and Intune.

use serde_json::Value;

use crate::plan::microsoft::LinkAnswer;
use crate::remote::answers::{Context, Meaning, error_body, judge, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{cleaned, field, object, of};

const OPERATION: Operation = Operation::IntuneConnector;

/// The id of Defender for Endpoint as a partner of Intune: its application id, the same in every tenant.
const DEFENDER: &str = "fc780465-2017-40d4-a0c5-307022471b92";

/// How the state of a connection is spelt that is not there (`mobileThreatPartnerTenantState`).
const NOT_THERE: &str = "unavailable";

/// The call.
#[must_use]
pub fn call() -> Call {
    Call::get(OPERATION, format!("/deviceManagement/mobileThreatDefenseConnectors/{DEFENDER}"))
}

/// Reads its answer: `partnerState` as it is spelt.
///
/// The object is accepted bare and inside `value`, as the page *Get mobileThreatDefenseConnector* (2025) shows it. A 404 of
/// Microsoft Graph itself means that nothing is connected: it was never set up, or there is no Intune. Without a code it may
/// be anybody's, and says nothing.
pub fn read(reply: &Reply, context: Context<'_>) -> Result<LinkAnswer, Unread> {
    let is_absent = judge(OPERATION, reply, context).meaning() == Some(Meaning::NotThere);
    if is_absent && error_body(&reply.body).has_codes() {
        return Ok(LinkAnswer::Partner(NOT_THERE.to_owned()));
    }
    let fields = object(OPERATION, reply, context)?;
    let state = match field(&fields, "value") {
        Some(inner @ Value::Object(_)) => of(inner, "partnerState"),
        _ => field(&fields, "partnerState"),
    };
    cleaned(state).map(LinkAnswer::Partner).ok_or_else(|| misshapen(OPERATION, reply, "it has no partnerState"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::remote::samples::{
        assert_troubles, blindly, context, failure, holding, holding_all, ok, reply, sentence, unknown,
    };
    use crate::tenant::Permission;

    #[test]
    fn the_call_names_the_documented_partner() {
        assert_eq!(call().path, "/deviceManagement/mobileThreatDefenseConnectors/fc780465-2017-40d4-a0c5-307022471b92");
    }

    #[rstest]
    #[case::bare(json!({ "id": "x", "partnerState": "enabled", "later": 1 }), "enabled")]
    #[case::wrapped(json!({ "value": { "id": "x", "partnerState": "available" } }), "available")]
    #[case::renamed(json!({ "partnerState": "Paused" }), "Paused")]
    #[case::capitals(json!({ "PartnerState": "unresponsive" }), "unresponsive")]
    fn the_state_is_read_as_it_is_spelt(#[case] body: Value, #[case] state: &str) {
        assert_eq!(blindly(|context| read(&ok(&body), context)), Ok(LinkAnswer::Partner(state.to_owned())));
    }

    #[rstest]
    #[case::null(json!({ "partnerState": null }))]
    #[case::number(json!({ "partnerState": 2 }))]
    #[case::empty(json!({ "value": { "partnerState": "" } }))]
    #[case::list(json!({ "value": [{ "partnerState": "enabled" }] }))]
    fn another_shape_is_no_answer(#[case] body: Value) {
        assert_eq!(failure(blindly(|context| read(&ok(&body), context))).class.name(), "protocol");
    }

    #[test]
    fn a_connection_that_was_never_set_up_is_not_there() {
        let body = json!({"error": {"code": "ResourceNotFound", "message": "Resource not found."}}).to_string();
        let read = blindly(|context| read(&reply(404, &body), context));
        assert_eq!(read, Ok(LinkAnswer::Partner("unavailable".to_owned())));
    }

    #[test]
    fn an_absence_that_anybody_may_have_answered_and_what_is_refused_is_open() {
        let gone = sentence(blindly(|context| read(&reply(404, ""), context)));
        assert!(gone.contains("never set up") && gone.contains("no Intune"), "{gone}");
        assert_eq!(
            read(&reply(403, ""), context(&holding(&[]))),
            Err(Unread::NotPermitted(Permission::IntuneConnector))
        );
        for held in [holding_all(), unknown()] {
            let answer = reply(403, r#"{"error":{"code":"Forbidden","message":""}}"#);
            let refused = sentence(read(&answer, context(&held)));
            assert!(refused.contains("DeviceManagementServiceConfig.Read.All"), "{refused}");
            assert!(refused.contains("no licence of Intune"), "{refused}");
        }
    }

    #[test]
    fn trouble_is_told() {
        assert_troubles(OPERATION, read);
    }
}
