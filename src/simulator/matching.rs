//! Which requests to the broker a fault or a hold point is meant for.

use serde::{Deserialize, Serialize};

use crate::tenant::TenantId;

/// A condition on requests; every member that is present must fit, none means every request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Match {
    /// HTTP method, upper case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Endpoint of the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The tenant that the request is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
}

/// The endpoints of the Open Service Broker API that exist here.
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
}

/// What a request is about, as far as matching goes.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
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
            && self.endpoint.is_none_or(|endpoint| subject.endpoint == Some(endpoint))
            && self.tenant_id.is_none_or(|tenant| subject.tenant_id == Some(tenant))
    }
}
