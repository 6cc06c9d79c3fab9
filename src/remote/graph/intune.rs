//! `GET /deviceManagement/mobileThreatDefenseConnectors/{id}`: the connection between Defender for Endpoint and Intune.

use serde_json::Value;

use crate::plan::microsoft::LinkAnswer;
use crate::remote::answers::{Context, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{cleaned, field, object, of};

const OPERATION: Operation = Operation::IntuneConnector;

/// The id of Defender for Endpoint as a partner of Intune: its application id, the same in every tenant.
const DEFENDER: &str = "fc780465-2017-40d4-a0c5-307022471b92";

/// The call.
#[must_use]
pub fn call() -> Call {
    Call::get(OPERATION, format!("/deviceManagement/mobileThreatDefenseConnectors/{DEFENDER}"))
}

/// Reads its answer: `partnerState` as it is spelt.
///
/// The object is accepted bare and inside `value`, as the page *Get mobileThreatDefenseConnector* (2025) shows it. A 404 is
/// open: that page does not say whether a connector that was never set up is one.
pub fn read(reply: &Reply, context: Context<'_>) -> Result<LinkAnswer, Unread> {
    let fields = object(OPERATION, reply, context)?;
    let state = match field(&fields, "value") {
        Some(inner @ Value::Object(_)) => of(inner, "partnerState"),
        _ => field(&fields, "partnerState"),
    };
    cleaned(state).map(LinkAnswer::Partner).ok_or_else(|| misshapen(OPERATION, reply, "it has no partnerState"))
}
