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
