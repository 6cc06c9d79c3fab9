//! The resource `ThreatProtectionTenant`: spec, status, conditions and the catalogue of reasons.
//!
//! Everything here is API. The custom resource definition under `crds/` is printed from these types, and the
//! doc comments are its user documentation. Pure: no clock, no client, no decision.

mod background;
mod condition;
mod crd;
mod handles;
mod lenient;
mod look;
mod outlook;
mod reason;
mod spec;
mod status;

pub use condition::ConditionType;
pub use crd::custom_resource_definition;
pub use handles::{
    CRD_NAME, EVENT_CONTROLLER, FIELD_MANAGER, FINALIZER, GROUP, KIND, PLAN_MANAGER, RECONCILE_REQUEST_ANNOTATION,
    VERSION,
};
pub use look::Look;
pub use outlook::{Conclusion, Outlook};
pub use reason::Reason;
pub use spec::Claim;
pub use spec::{
    Attestation, ClientSecretCredentials, Consent, Credentials, CredentialsType, DataLocation, DataSharing,
    DeletionPolicy, DesiredState, Integration, ManagementPolicy, Observation, SecretKeyRef, ThreatProtectionTenant,
    ThreatProtectionTenantSpec, WorkloadIdentityCredentials,
};
pub use status::{
    Actor, DataLocationStatus, Eligibility, FeatureStatus, IntegrationStatus, LinkReading, LocationSource, Operation,
    OperationParameters, OperationResult, PendingAction, PendingStep, PlannedStep, Repair, Risk, ServiceStatus,
    StatusSource, StepName, TenantFacts, ThreatProtectionTenantStatus, TriState,
};
