//! Which requests a fault or a hold point is meant for.

use serde::{Deserialize, Serialize};

use crate::tenant::TenantId;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Api {
    /// The service broker.
    Broker,
    /// Microsoft Entra: tokens and facts about tenants.
    Entra,
    /// Microsoft Graph.
    Graph,
    /// Azure Resource Manager.
    Arm,
}

/// A condition on requests; every member that is present must fit, none means every request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Match {
    /// HTTP method, upper case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Who is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// What is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The tenant that the request is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
}

/// The endpoints that exist here: of the Open Service Broker API, and of Microsoft's own APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Endpoint {
    /// `GET /v2/catalog`.
    Catalog,
    /// `PUT /v2/service_instances/{id}`.
    Provision,
    /// `PATCH /v2/service_instances/{id}`.
    Update,
    /// `DELETE /v2/service_instances/{id}`.
    Deprovision,
    /// `GET /v2/service_instances/{id}/last_operation`.
    LastOperation,
    /// `GET /v2/service_instances/{id}`.
    Fetch,
    /// `POST /{tenant}/oauth2/v2.0/token`.
    Token,
    /// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
    OpenIdConfiguration,
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
    /// `POST /$batch`; its parts match their own endpoints.
    Batch,
    /// `GET /subscriptions/{id}`.
    Subscription,
    /// `…/providers/Microsoft.Security/settings` and one of them.
    SecuritySettings,
    /// `GET …/providers/Microsoft.Security/mdeOnboardings/default`.
    MdeOnboarding,
    /// `…/providers/Microsoft.SecurityInsights/dataConnectors` and one of them.
    Connectors,
    /// `POST …/providers/Microsoft.SecurityInsights/dataConnectorsCheckRequirements`.
    ConnectorRequirements,
}

/// What a request is about, as far as matching goes.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Who is asked.
    pub api: Api,
    /// HTTP method.
    pub method: &'a str,
    /// Endpoint; none for a path that does not exist.
    pub endpoint: Option<Endpoint>,
    /// The tenant, where it is known.
    pub tenant_id: Option<TenantId>,
}

impl Match {
    /// Whether the condition fits the request.
    #[must_use]
    pub fn fits(&self, subject: &Subject) -> bool {
        self.method.as_deref().is_none_or(|method| method == subject.method)
            && self.api.is_none_or(|api| subject.api == api)
            && self.endpoint.is_none_or(|endpoint| subject.endpoint == Some(endpoint))
            && self.tenant_id.is_none_or(|tenant| subject.tenant_id == Some(tenant))
    }
}
