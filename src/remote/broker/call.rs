//! One call of the specification and its answer, as values. Pure.

use std::fmt;

use jiff::SignedDuration;
use reqwest::Method;
use uuid::Uuid;

use crate::remote::http::ExchangeError;
use crate::remote::meter::Asked;

/// The version of the specification that we speak.
pub(super) const API_VERSION: &str = "2.17";

/// One call of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// `GET /v2/catalog`
    Catalog,
    /// `GET /v2/service_instances/{id}/last_operation`
    LastOperation(Uuid),
    /// `GET /v2/service_instances/{id}`
    Fetch(Uuid),
    /// `PUT /v2/service_instances/{id}`
    Provision(Uuid),
    /// `PATCH /v2/service_instances/{id}`
    Update(Uuid),
    /// `DELETE /v2/service_instances/{id}`
    Deprovision(Uuid),
}

impl Act {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Catalog | Self::LastOperation(_) | Self::Fetch(_) => Method::GET,
            Self::Provision(_) => Method::PUT,
            Self::Update(_) => Method::PATCH,
            Self::Deprovision(_) => Method::DELETE,
        }
    }

    /// What it is for metrics.
    pub(super) const fn asked(self) -> Asked {
        match self {
            Self::Catalog => Asked::CATALOG,
            Self::LastOperation(_) => Asked::LAST_OPERATION,
            Self::Fetch(_) => Asked::FETCH,
            Self::Provision(_) => Asked::PROVISION,
            Self::Update(_) => Asked::UPDATE,
            Self::Deprovision(_) => Asked::DEPROVISION,
        }
    }

    pub(super) fn is_mutating(self) -> bool {
        matches!(self, Self::Provision(_) | Self::Update(_) | Self::Deprovision(_))
    }

    pub(super) fn path(self) -> String {
        match self {
            Self::Catalog => "/v2/catalog".to_owned(),
            Self::LastOperation(id) => format!("/v2/service_instances/{id}/last_operation"),
            Self::Fetch(id) | Self::Provision(id) | Self::Update(id) | Self::Deprovision(id) => {
                format!("/v2/service_instances/{id}")
            }
        }
    }
}

/// As a message says it: "The service broker refused to …".
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog => write!(f, "show its catalog"),
            Self::LastOperation(id) => write!(f, "say how far the operation on service instance {id} is"),
            Self::Fetch(id) => write!(f, "show service instance {id}"),
            Self::Provision(id) => write!(f, "provision service instance {id}"),
            Self::Update(id) => write!(f, "update service instance {id}"),
            Self::Deprovision(id) => write!(f, "deprovision service instance {id}"),
        }
    }
}

/// The broker's answer to a call.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// To which call.
    pub act: Act,
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<SignedDuration>,
    /// The body, or why it could not be read.
    pub body: Result<Vec<u8>, ExchangeError>,
    /// `X-Broker-API-Request-Identity` of the call.
    pub request_id: String,
}
