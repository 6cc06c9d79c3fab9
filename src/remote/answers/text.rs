//! What a person is told about an answer that brought no value: what happened, why, and what to do.

use jiff::Timestamp;

use super::{ErrorBody, Meaning};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::remote::call::{Api, Operation, Reply, Unread};
use crate::remote::http::clean;

const RETRIED: &str = "The operator tries again by itself.";

/// An answer and what its body says.
pub(super) struct Told<'a> {
    pub(super) operation: Operation,
    pub(super) reply: &'a Reply,
    pub(super) error: &'a ErrorBody,
}

impl Told<'_> {
    /// What a documented answer comes to where the fact in it is of no use.
    pub(super) fn unread(&self, meaning: Meaning, now: Timestamp) -> Unread {
        let (class, reason, why) = match meaning {
            Meaning::Throttled => return self.throttled(now),
            Meaning::Unclear => return self.failed(ErrorClass::Transient, Reason::ProviderUnavailable, RETRIED),
            Meaning::NotPermitted => return self.not_permitted(),
            Meaning::Conflict => (
                ErrorClass::Waiting,
                Reason::Throttled,
                "Somebody else changed it in between. The operator reads it again and then decides.",
            ),
            Meaning::NeedsPerson => (
                ErrorClass::Permission,
                Reason::PermissionDenied,
                "The product was never opened by a person, or this is not allowed to applications: a person sets it in the portal.",
            ),
            Meaning::ForeignSubscription => (
                ErrorClass::Auth,
                Reason::TenantMismatch,
                "The subscription belongs to another tenant than the credentials. Name one of this tenant.",
            ),
            Meaning::NotThere => return Unread::Ambiguous(self.not_there()),
            Meaning::Refuses
            | Meaning::NotOnboarded
            | Meaning::NotLicensed
            | Meaning::TableAbsent
            | Meaning::Disabled
            | Meaning::NoPremium => return Unread::Ambiguous(self.absent(meaning)),
        };
        self.failed(class, reason, why)
    }

    /// The permission is missing; where the operation has none of its own, that the call was refused.
    pub(super) fn not_permitted(&self) -> Unread {
        self.operation.permission().map_or_else(
            || {
                let advice = "Look at the permissions of the application and at the policies that hold for it.";
                self.failed(ErrorClass::Permission, Reason::PermissionDenied, advice)
            },
            Unread::NotPermitted,
        )
    }

    /// A refusal that names a missing permission which is not missing.
    pub(super) fn permitted_and_refused(&self) -> Unread {
        Unread::Ambiguous(format!(
            "{}: the application holds {}, so either the grant is not in force yet or the product is not set up in this tenant",
            self.happened(),
            self.permission()
        ))
    }

    /// A refusal without a word of the API: something before it may have answered.
    pub(super) fn wordless(&self) -> Unread {
        self.failed(
            ErrorClass::Protocol,
            Reason::ProviderUnavailable,
            "The refusal does not say why, so nothing follows from it. The operator tries again by itself; if it stays, look at what stands between the operator and Microsoft.",
        )
    }

    /// A refusal that could be understood if the application's permissions could have been read.
    pub(super) fn roles_unread(&self) -> Unread {
        self.failed(
            ErrorClass::Transient,
            Reason::ProviderUnavailable,
            "Whether the application holds the permission could not be read just now. The operator tries again by itself.",
        )
    }

    /// A refusal that can mean two things.
    pub(super) fn open(&self) -> Unread {
        let absent = match self.operation {
            Operation::IntuneConnector => "the tenant has no licence of Intune",
            Operation::IdentityHealth => "Defender for Identity is not set up in this tenant",
            _ => "the service is not turned on in this tenant",
        };
        Unread::Ambiguous(format!(
            "{}: either the application lacks {}, or {absent}",
            self.happened(),
            self.permission()
        ))
    }

    /// An answer that is in no document.
    pub(super) fn unexpected(&self) -> Unread {
        match self.reply.status {
            401 => self.failed(
                ErrorClass::Auth,
                Reason::CredentialsInvalid,
                "The token was refused twice: look at the credentials of the resource, and at the policies of the tenant for applications.",
            ),
            408 | 424 => self.failed(ErrorClass::Transient, Reason::ProviderUnavailable, RETRIED),
            300..=399 => self.failed(
                ErrorClass::Protocol,
                Reason::ProviderUnavailable,
                "Redirects are never followed, because the token would go along. Look at what stands between the operator and Microsoft.",
            ),
            400..=499 if self.operation.is_write() => self.failed(
                ErrorClass::Invalid,
                Reason::ProviderRejected,
                "The same request would be refused again. Correct the spec as it says.",
            ),
            _ => self.failed(
                ErrorClass::Protocol,
                Reason::ProviderUnavailable,
                "This answer is in no document. The operator tries again by itself; report it with the request id if it stays.",
            ),
        }
    }

    fn throttled(&self, now: Timestamp) -> Unread {
        let until = self.reply.retry_after.and_then(|wait| now.checked_add(wait).ok());
        let advice = "The operator waits and tries again by itself.";
        self.failed(ErrorClass::Throttled { until }, Reason::Throttled, advice)
    }

    fn not_there(&self) -> String {
        let (one, other) = match self.operation {
            Operation::IntuneConnector => {
                ("the connection to Defender for Endpoint was never set up", "this tenant has no Intune")
            }
            Operation::Connectors | Operation::ConnectorRequirements | Operation::PutConnector => {
                ("the workspace does not exist", "Microsoft Sentinel is not set up in it")
            }
            Operation::Subscription | Operation::SecuritySettings | Operation::MdeOnboarding => {
                ("the subscription does not exist or has no Defender for Cloud", "the application may not see it")
            }
            Operation::OwnRoles => ("the application was never consented to in this tenant", "its client id is wrong"),
            _ => ("it does not exist", "the application may not see it"),
        };
        format!("{}: either {one}, or {other}", self.happened())
    }

    fn absent(&self, meaning: Meaning) -> String {
        let (one, other) = match meaning {
            Meaning::NotLicensed => ("the tenant has no licence for it", "the application may not use it"),
            Meaning::TableAbsent => ("the product does not feed data", "the query names something unknown"),
            Meaning::NoPremium => ("the tenant has no premium licence of Microsoft Entra", "it is not in force yet"),
            Meaning::NotOnboarded => ("the tenant is not onboarded", "that is not finished yet"),
            _ => ("the service is not turned on in this tenant", "it is not ready yet"),
        };
        format!("{}: either {one}, or {other}", self.happened())
    }

    fn failed(&self, class: ErrorClass, reason: Reason, advice: &str) -> Unread {
        Unread::Failed(Failure {
            class,
            reason,
            message: format!("{}. {advice}", self.happened()),
            request_id: self.reply.request_id.as_deref().map(clean),
        })
    }

    fn happened(&self) -> String {
        let api = api_name(self.operation);
        format!("{api} answered {} with status {}{}", self.operation, self.reply.status, self.error.shown())
    }

    fn permission(&self) -> String {
        self.operation.permission().map_or_else(|| "a permission".to_owned(), |permission| permission.to_string())
    }
}

/// A success whose body is not what the documents say. `how` ends a sentence and holds no foreign text that is not
/// cleaned.
#[must_use]
pub fn misshapen(operation: Operation, reply: &Reply, how: &str) -> Unread {
    let message = format!(
        "{} answered {operation} with status {}, and the answer cannot be used: {how}. {RETRIED} If it stays, look at what stands between the operator and Microsoft.",
        api_name(operation),
        reply.status
    );
    Unread::Failed(Failure {
        class: ErrorClass::Protocol,
        reason: Reason::ProviderUnavailable,
        message,
        request_id: reply.request_id.as_deref().map(clean),
    })
}

const fn api_name(operation: Operation) -> &'static str {
    match operation.api() {
        Api::Graph => "Microsoft Graph",
        Api::Arm => "Azure Resource Manager",
    }
}

impl Operation {
    const fn is_write(self) -> bool {
        matches!(self, Self::PutSecuritySetting | Self::PutConnector | Self::DeleteConnector)
    }
}
