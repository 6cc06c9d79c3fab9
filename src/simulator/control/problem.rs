//! What the control port answers when it says no.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::simulator::rules::Refusal;
use crate::simulator::store::StoreError;

/// A refusal: status, what is wrong, and what to do about it.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    error: String,
    hint: String,
}

impl Problem {
    /// 400.
    pub(super) fn bad_request(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.into(), hint: hint.into() }
    }

    /// 404.
    pub(super) fn not_found(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, error: error.into(), hint: hint.into() }
    }
}

/// 409: the tenant does not let it happen.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let hint = match &refusal {
            Refusal::NotEligible { .. } => "change the tenant's `services` or `licenceState`",
            Refusal::ServiceMissing { .. } => "change the tenant's `services`",
            Refusal::CloudNotSupported { .. } => "use the Public cloud, or the DefenderPortal experience",
            Refusal::ConsentMissing => "send the act `consent` first",
            Refusal::RegionMismatch { .. } => "name the existing region, or none",
            Refusal::RegionMissing => "send the act `chooseRegion` first, or name a region",
            Refusal::RegionUnavailable { .. } => "name a region that exists under this experience",
            Refusal::RegionAutomatic { .. } => "send the act `supportProvision` with the region",
            Refusal::NoSuchSwitch { .. } => "send the act of support",
            Refusal::RoleMissing { .. } => "act as another role, and list it in the tenant's `roles`",
            Refusal::LinkNotHere { .. } => "only IdentityCloudApps and EndpointIntune can be set here",
            Refusal::NotSupport { .. } => "act as support",
        };
        Self { status: StatusCode::CONFLICT, error: refusal.to_string(), hint: hint.to_owned() }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: error.to_string(),
            hint: "see to the disk and restart the simulator".to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error, "hint": self.hint }))).into_response()
    }
}
