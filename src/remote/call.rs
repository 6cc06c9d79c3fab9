//! A call of one of Microsoft's own APIs and its answer, as plain data. Pure.
//!
//! Who writes a call down (`graph`, `arm`) does not know how it is sent, and who sends it (`session`) does not know what
//! it means.

use std::fmt;
use std::num::NonZeroU32;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::Value;

use crate::plan::failure::Failure;
use crate::plan::reading::{Reading, Why};
use crate::tenant::Permission;

/// Which API: it chooses the host, the audience of the token and the share of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// Microsoft Graph v1.0.
    Graph,
    /// Azure Resource Manager.
    Arm,
}

impl Api {
    /// The name in metrics and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Arm => "arm",
        }
    }
}

/// What is asked or done, for the table of answers, messages, the log and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `GET /organization`.
    Organization,
    /// `GET /subscribedSkus`.
    SubscribedSkus,
    /// `GET /directory/subscriptions`.
    DirectorySubscriptions,
    /// `GET /servicePrincipals(appId='…')/appRoleAssignments`.
    OwnRoles,
    /// `GET /roleManagement/directory/roleAssignments`.
    RoleAssignments,
    /// `GET /roleManagement/directory/roleEligibilityScheduleInstances`.
    EligibleAssignments,
    /// `GET /groups/{id}/transitiveMembers/microsoft.graph.user/$count`.
    GroupMembers,
    /// `GET /security/incidents`.
    Incidents,
    /// `GET /security/alerts_v2`.
    Alerts,
    /// `POST /security/runHuntingQuery`.
    Hunting,
    /// `GET /security/identities/healthIssues`.
    IdentityHealth,
    /// `GET /deviceManagement/mobileThreatDefenseConnectors/{id}`.
    IntuneConnector,
    /// `POST /$batch`.
    Batch,
    /// `GET /subscriptions/{id}`.
    Subscription,
    /// `GET …/providers/Microsoft.Security/settings` and one of them.
    SecuritySettings,
    /// `PUT …/providers/Microsoft.Security/settings/{name}`.
    PutSecuritySetting,
    /// `GET …/providers/Microsoft.Security/mdeOnboardings/default`.
    MdeOnboarding,
    /// `GET …/providers/Microsoft.SecurityInsights/dataConnectors`.
    Connectors,
    /// `POST …/providers/Microsoft.SecurityInsights/dataConnectorsCheckRequirements`.
    ConnectorRequirements,
    /// `PUT …/providers/Microsoft.SecurityInsights/dataConnectors/{id}`.
    PutConnector,
    /// `DELETE …/providers/Microsoft.SecurityInsights/dataConnectors/{id}`.
    DeleteConnector,
}

impl Operation {
    /// Which API it belongs to.
    #[must_use]
    pub const fn api(self) -> Api {
        match self {
            Self::Organization
            | Self::SubscribedSkus
            | Self::DirectorySubscriptions
            | Self::OwnRoles
            | Self::RoleAssignments
            | Self::EligibleAssignments
            | Self::GroupMembers
            | Self::Incidents
            | Self::Alerts
            | Self::Hunting
            | Self::IdentityHealth
            | Self::IntuneConnector
            | Self::Batch => Api::Graph,
            Self::Subscription
            | Self::SecuritySettings
            | Self::PutSecuritySetting
            | Self::MdeOnboarding
            | Self::Connectors
            | Self::ConnectorRequirements
            | Self::PutConnector
            | Self::DeleteConnector => Api::Arm,
        }
    }

    /// The name in messages, the log and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::SubscribedSkus => "subscribedSkus",
            Self::DirectorySubscriptions => "directory/subscriptions",
            Self::OwnRoles => "appRoleAssignments",
            Self::RoleAssignments => "roleAssignments",
            Self::EligibleAssignments => "roleEligibilityScheduleInstances",
            Self::GroupMembers => "transitiveMembers",
            Self::Incidents => "security/incidents",
            Self::Alerts => "security/alerts_v2",
            Self::Hunting => "security/runHuntingQuery",
            Self::IdentityHealth => "security/identities/healthIssues",
            Self::IntuneConnector => "mobileThreatDefenseConnectors",
            Self::Batch => "$batch",
            Self::Subscription => "subscriptions",
            Self::SecuritySettings | Self::PutSecuritySetting => "Microsoft.Security/settings",
            Self::MdeOnboarding => "Microsoft.Security/mdeOnboardings",
            Self::Connectors | Self::PutConnector | Self::DeleteConnector => {
                "Microsoft.SecurityInsights/dataConnectors"
            }
            Self::ConnectorRequirements => "Microsoft.SecurityInsights/dataConnectorsCheckRequirements",
        }
    }

    /// The least permission that it asks for; a batch asks for those of its parts.
    #[must_use]
    pub const fn permission(self) -> Option<Permission> {
        match self {
            Self::Organization | Self::SubscribedSkus | Self::DirectorySubscriptions => Some(Permission::Organization),
            Self::OwnRoles => Some(Permission::Applications),
            Self::RoleAssignments | Self::EligibleAssignments => Some(Permission::DirectoryRoles),
            Self::GroupMembers => Some(Permission::GroupMembers),
            Self::Incidents => Some(Permission::SecurityIncidents),
            Self::Alerts => Some(Permission::SecurityAlerts),
            Self::Hunting => Some(Permission::ThreatHunting),
            Self::IdentityHealth => Some(Permission::IdentityHealth),
            Self::IntuneConnector => Some(Permission::IntuneConnector),
            Self::Batch => None,
            Self::Subscription | Self::SecuritySettings | Self::MdeOnboarding => Some(Permission::SecurityReader),
            Self::PutSecuritySetting => Some(Permission::SecurityAdmin),
            Self::Connectors | Self::ConnectorRequirements | Self::PutConnector | Self::DeleteConnector => {
                Some(Permission::SentinelContributor)
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A call, complete but for its host, its token and the headers that every call has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it is.
    pub operation: Operation,
    /// HTTP method.
    pub method: Method,
    /// Path and query after `/v1.0` of Microsoft Graph, or after the host of Azure Resource Manager; starts with a slash.
    pub path: String,
    /// The JSON body.
    pub body: Option<Value>,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// Whether it asks Microsoft Graph for advanced queries (`ConsistencyLevel: eventual`).
    pub is_eventual: bool,
}

impl Call {
    /// A plain `GET`.
    #[must_use]
    pub fn get(operation: Operation, path: impl Into<String>) -> Self {
        Self { operation, method: Method::GET, path: path.into(), body: None, if_match: None, is_eventual: false }
    }

    /// What it costs of the request budget: hunting queries in a batch count one by one, because their limit is the
    /// narrowest.
    #[must_use]
    pub fn weight(&self) -> NonZeroU32 {
        let parts = self.body.as_ref().filter(|_| self.operation == Operation::Batch);
        let parts = parts.and_then(|body| body.get("requests")).and_then(Value::as_array);
        let is_query = |part: &&Value| {
            part.get("url").and_then(Value::as_str).is_some_and(|url| url.ends_with("/runHuntingQuery"))
        };
        let queries = parts.into_iter().flatten().filter(is_query).count();
        u32::try_from(queries).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
    }

    /// A `POST` of JSON.
    #[must_use]
    pub fn post(operation: Operation, path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(operation, path) }
    }
}

/// An answer, whatever its status. `Debug` shows no body: an onboarding package is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` as a duration from now, capped; `None` where it is absent, past or unreadable.
    pub retry_after: Option<SignedDuration>,
    /// `request-id` of Microsoft Graph or `x-ms-request-id` of Azure Resource Manager, else the `client-request-id` that
    /// was sent; cleaned.
    pub request_id: Option<String>,
    /// `WWW-Authenticate`, cleaned.
    pub www_authenticate: Option<String>,
    /// The body, at most 4 MiB.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("request_id", &self.request_id)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why an answer brought no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is not known because a permission is missing.
    NotPermitted(Permission),
    /// The call could not be made, or its answer could not be used.
    Failed(Failure),
    /// The answer can mean two things; both are named in the text, one sentence for a person.
    Ambiguous(String),
}

impl Unread {
    /// The same as readings have it.
    #[must_use]
    pub const fn why(&self) -> Why {
        match self {
            Self::NotPermitted(_) => Why::NotPermitted,
            Self::Failed(_) => Why::ReadFailed,
            Self::Ambiguous(_) => Why::Ambiguous,
        }
    }

    /// The reading that follows.
    #[must_use]
    pub const fn reading<T>(&self) -> Reading<T> {
        Reading::unknown(self.why())
    }
}
