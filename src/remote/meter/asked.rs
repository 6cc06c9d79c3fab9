//! What is asked of whom, as the labels `api` and `operation` name it. Pure.

use crate::remote::call::Operation;

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// One of `APIS`.
    pub api: &'static str,
    /// What it is, in words of metrics: a change is told from a look.
    pub operation: &'static str,
}

/// The calls of Microsoft's APIs by name; all of them, because the match would not compile else.
macro_rules! operations {
    ($($variant:ident => $name:literal),+ $(,)?) => {
        const OPERATIONS: &[Operation] = &[$(Operation::$variant),+];

        const fn name(operation: Operation) -> &'static str {
            match operation {
                $(Operation::$variant => $name),+
            }
        }
    };
}

operations! {
    Organization => "organization",
    SubscribedSkus => "subscribed_skus",
    DirectorySubscriptions => "directory_subscriptions",
    OwnRoles => "app_role_assignments",
    RoleAssignments => "role_assignments",
    EligibleAssignments => "role_eligibilities",
    GroupMembers => "group_members",
    Incidents => "incidents",
    Alerts => "alerts",
    Hunting => "hunting",
    IdentityHealth => "identity_health",
    IntuneConnector => "intune_connector",
    Batch => "batch",
    Subscription => "subscription",
    SecuritySettings => "security_settings",
    PutSecuritySetting => "put_security_setting",
    MdeOnboarding => "mde_onboarding",
    Connectors => "data_connectors",
    ConnectorRequirements => "data_connector_requirements",
    PutConnector => "put_data_connector",
    DeleteConnector => "delete_data_connector",
}

impl Asked {
    /// A token of Microsoft Entra.
    pub(crate) const TOKEN: Self = Self { api: "entra", operation: "token" };
    /// The OpenID configuration of a tenant.
    pub(crate) const OPENID: Self = Self { api: "entra", operation: "openid_configuration" };
    /// The catalog of the broker.
    pub(crate) const CATALOG: Self = Self { api: "broker", operation: "catalog" };
    /// How far an operation of the broker is.
    pub(crate) const LAST_OPERATION: Self = Self { api: "broker", operation: "last_operation" };
    /// A service instance.
    pub(crate) const FETCH: Self = Self { api: "broker", operation: "fetch" };
    /// A new service instance.
    pub(crate) const PROVISION: Self = Self { api: "broker", operation: "provision" };
    /// A change of a service instance.
    pub(crate) const UPDATE: Self = Self { api: "broker", operation: "update" };
    /// The end of a service instance.
    pub(crate) const DEPROVISION: Self = Self { api: "broker", operation: "deprovision" };

    const OTHERS: [Self; 8] = [
        Self::TOKEN,
        Self::OPENID,
        Self::CATALOG,
        Self::LAST_OPERATION,
        Self::FETCH,
        Self::PROVISION,
        Self::UPDATE,
        Self::DEPROVISION,
    ];

    /// A call of one of Microsoft's APIs.
    pub(crate) const fn of(operation: Operation) -> Self {
        Self { api: operation.api().name(), operation: name(operation) }
    }

    /// Every kind there is.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        OPERATIONS.iter().map(|operation| Self::of(*operation)).chain(Self::OTHERS)
    }
}
