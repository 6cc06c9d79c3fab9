//! What a platform team declares.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ThreatProtectionTenantStatus;
use crate::tenant::{Cloud, Experience, IntegrationType, LinkState, Region, Service, named_by_variant};

const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const DNS_SUBDOMAIN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
const SECRET_KEY: &str = "^[-._a-zA-Z0-9]+$";
// Segments that end in a dot are not names in Azure, and `..` would lead the request elsewhere.
const WORKSPACE_ID: &str = "^/subscriptions/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/resourceGroups/[-_.()a-zA-Z0-9]{0,89}[-_()a-zA-Z0-9]/providers/Microsoft\\.OperationalInsights/workspaces/[a-zA-Z0-9][-a-zA-Z0-9]{2,61}[a-zA-Z0-9]$";
// The format `date-time` lets through offsets such as +99:99 and years that no clock type can hold.
const RFC_3339: &str =
    "^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?(Z|[-+]([01][0-9]|2[0-3]):[0-5][0-9])$";

// Transition rules run on every write, also of status and finalizers, and the API server never ratchets them:
// so an unchanged value always passes, whatever the pin says.
const REGION_STAYS: &str = "!has(self.spec.dataLocation) || !has(self.spec.dataLocation.region) || !has(oldSelf.status) || !has(oldSelf.status.dataLocation) || !has(oldSelf.status.dataLocation.region) || self.spec.dataLocation.region == oldSelf.status.dataLocation.region || (has(oldSelf.spec.dataLocation) && has(oldSelf.spec.dataLocation.region) && self.spec.dataLocation.region == oldSelf.spec.dataLocation.region)";
const CLOUD_STAYS: &str = "!has(oldSelf.status) || !has(oldSelf.status.dataLocation) || !has(oldSelf.status.dataLocation.region) || self.spec.cloud == oldSelf.spec.cloud";

/// The declared state of Microsoft Threat Protection (today Microsoft Defender XDR) in one Microsoft 365 tenant.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "threatprotection.dev",
    version = "v1alpha1",
    kind = "ThreatProtectionTenant",
    plural = "threatprotectiontenants",
    namespaced,
    shortname = "tpt",
    category = "threatprotection",
    status = "ThreatProtectionTenantStatus",
    derive = "PartialEq",
    doc = "Declares whether Microsoft Threat Protection (today Microsoft Defender XDR) is on in one Microsoft 365 tenant, where its data lives and what it is linked to. The operator drives the tenant there, verifies on evidence, and says who must act where only a person may.",
    selectable = ".spec.tenantId",
    validation = Rule::new(REGION_STAYS).message("dataLocation.region cannot be changed once the region is pinned: data never moves; set it to the region in status.dataLocation.region, or remove it; another region needs a deprovisioning first").reason(Reason::FieldValueForbidden),
    validation = Rule::new(CLOUD_STAYS).message("cloud cannot be changed once a region is pinned").reason(Reason::FieldValueForbidden),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.dataLocation.region"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenantId", priority = 1),
    printcolumn(name = "Experience", type_ = "string", json_path = ".spec.experience", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.desiredState != 'Deprovisioned' || (has(self.deprovisionConfirmation) && self.deprovisionConfirmation == self.tenantId)").message("desiredState Deprovisioned needs deprovisionConfirmation equal to tenantId").field_path(".deprovisionConfirmation"),
    validation = Rule::new("self.desiredState == 'Deprovisioned' || !has(self.deprovisionConfirmation)").message("deprovisionConfirmation must be absent unless desiredState is Deprovisioned, so that it never lies armed").field_path(".deprovisionConfirmation"),
    validation = Rule::new("self.experience != 'WelcomePage' || self.desiredState != 'Enabled' || (has(self.dataSharing) && has(self.dataSharing.consent))").message("experience WelcomePage needs dataSharing.consent to be Enabled: consent must be given before data is shared").field_path(".dataSharing"),
    validation = Rule::new("self.experience == oldSelf.experience || oldSelf.experience == 'WelcomePage' || (oldSelf.experience == 'SettingsPage' && self.experience == 'DefenderPortal')").message("experience may only move forward in time: WelcomePage, SettingsPage, DefenderPortal").field_path(".experience"),
    validation = Rule::new("self.experience == 'DefenderPortal' || self.cloud == 'Public'").message("experiences WelcomePage and SettingsPage exist in cloud Public only").field_path(".experience"),
    validation = Rule::new("self.experience == 'DefenderPortal' || !has(self.dataLocation) || !has(self.dataLocation.region) || self.dataLocation.region in ['EU', 'UK', 'US']").message("experiences WelcomePage and SettingsPage know the regions EU, UK and US only").field_path(".dataLocation.region"),
    validation = Rule::new("self.cloud == 'Public' || !has(self.dataLocation) || !has(self.dataLocation.region)").message("dataLocation.region can be set in cloud Public only: the other clouds have one location each").field_path(".dataLocation.region"),
    validation = Rule::new("self.managementPolicy != 'Observe' || self.deletionPolicy != 'Deprovision'").message("managementPolicy Observe never writes to the tenant, so deletionPolicy must be Retain").field_path(".deletionPolicy")
)]
pub struct ThreatProtectionTenantSpec {
    /// Id of the Microsoft Entra tenant: a UUID in lower case. Immutable.
    #[schemars(regex(pattern = UUID), length(max = 36))]
    #[x_kube(validation = ("self == oldSelf", "tenantId is immutable: declare another resource for another tenant"))]
    pub tenant_id: String,

    /// The Microsoft cloud that hosts the tenant. It can be changed until a region is pinned.
    #[serde(default)]
    pub cloud: Cloud,

    /// What the tenant should be. `Disabled` opts out: the features go, the four services stay untouched.
    /// `Deprovisioned` also needs `deprovisionConfirmation`.
    #[serde(default)]
    pub desired_state: DesiredState,

    /// Must repeat `tenantId` when `desiredState` is `Deprovisioned`, and must be absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = UUID), length(max = 36))]
    pub deprovision_confirmation: Option<String>,

    /// The onboarding rules the tenant lives under: `WelcomePage` (March 2020), `SettingsPage` (June 2020) or
    /// `DefenderPortal` (2021 to today). May only move forward in time.
    #[serde(default)]
    pub experience: Experience,

    /// Consent to share data between the services; required by `WelcomePage` to be `Enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sharing: Option<DataSharing>,

    /// Where the data should live. Free until a region is pinned in status, never changed after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_location: Option<DataLocation>,

    /// Links to other products. An entry that is removed is no longer managed; `state: Unlinked` takes a link away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub integrations: Vec<Integration>,

    /// Services that are expected to feed data. A missing one is reported, and never a reason to turn anything off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub expected_services: Vec<Service>,

    /// How the tenant is read through Microsoft's own APIs. Without it the broker's word, or an attestation, is the reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,

    /// Where more can be observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Observation>,

    /// A person's word for what no API shows, reviewed in Git like code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub attestations: Vec<Attestation>,

    /// `Manage` acts; `Observe` publishes what it would do and never writes to the tenant; `Suspend` neither acts nor looks.
    #[serde(default)]
    pub management_policy: ManagementPolicy,

    /// `Retain`: deleting the resource touches nothing in the tenant. `Deprovision`: deleting it waits for a declared deprovisioning.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Seconds between two looks at a tenant that is as declared; the operator spreads them by 10 %.
    #[serde(default = "default_resync_seconds")]
    #[schemars(range(min = 300, max = 86400))]
    pub resync_seconds: i32,
}

const fn default_resync_seconds() -> i32 {
    3600
}

/// What the tenant should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DesiredState {
    /// The service is on.
    #[default]
    Enabled,
    /// The tenant is opted out: the features are gone, the four services stay as they are.
    Disabled,
    /// The service and its resources are gone from the tenant.
    Deprovisioned,
}

named_by_variant!(DesiredState { Enabled, Disabled, Deprovisioned });

/// Consent to share data between the services.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataSharing {
    /// Who consented, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

/// A recorded consent.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// Who gave the consent, as the organisation names people in its records.
    #[schemars(length(min = 1, max = 256))]
    pub granted_by: String,
    /// The day on which it was given (UTC), such as 2020-03-16.
    #[schemars(extend("format" = "date"), length(max = 10))]
    pub granted_on: String,
    /// Where the record is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub reference: Option<String>,
}

/// Where the data should live.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataLocation {
    /// The wished region. Without it the region is that of Defender for Endpoint, or else Microsoft chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Region")]
    pub region: Option<Region>,
}

/// A link to another product.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self.type == oldSelf.type", "type of an integration cannot be edited: rename the entry"),
    validation = ("has(self.subscriptionId) == has(oldSelf.subscriptionId) && (!has(self.subscriptionId) || self.subscriptionId == oldSelf.subscriptionId)", "subscriptionId of an integration cannot be edited: rename the entry"),
    validation = ("has(self.workspaceResourceId) == has(oldSelf.workspaceResourceId) && (!has(self.workspaceResourceId) || self.workspaceResourceId == oldSelf.workspaceResourceId)", "workspaceResourceId of an integration cannot be edited: rename the entry"),
    validation = ("has(self.subscriptionId) == (self.type in ['DefenderForCloudEndpoint', 'DefenderForCloudCloudApps'])", "subscriptionId belongs to DefenderForCloudEndpoint and DefenderForCloudCloudApps, and is required there"),
    validation = ("has(self.workspaceResourceId) == (self.type == 'SentinelIncidents')", "workspaceResourceId belongs to SentinelIncidents, and is required there")
)]
pub struct Integration {
    /// Name of the entry: a DNS label.
    #[schemars(regex(pattern = DNS_LABEL), length(min = 1, max = 63))]
    pub name: String,
    /// What is linked.
    #[serde(rename = "type")]
    pub type_: IntegrationType,
    /// Whether the link should be set.
    #[serde(default)]
    pub state: LinkState,
    /// The Azure subscription whose setting links Defender for Cloud. It must belong to this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = UUID), length(max = 36))]
    pub subscription_id: Option<String>,
    /// Resource id of the Microsoft Sentinel workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = WORKSPACE_ID), length(max = 512))]
    pub workspace_resource_id: Option<String>,
}

/// How the operator signs in to the tenant.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(self.type == 'ClientSecret') == has(self.clientSecret)", "clientSecret must be set exactly when type is ClientSecret"),
    validation = ("(self.type == 'WorkloadIdentity') == has(self.workloadIdentity)", "workloadIdentity must be set exactly when type is WorkloadIdentity")
)]
pub struct Credentials {
    /// Which of the members below is set.
    #[serde(rename = "type")]
    pub type_: CredentialsType,
    /// A client secret of an application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<ClientSecretCredentials>,
    /// A federated token instead of a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentityCredentials>,
}

/// The kind of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialsType {
    /// A client secret of an application.
    ClientSecret,
    /// A federated token.
    WorkloadIdentity,
}

/// A client secret of an application.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientSecretCredentials {
    /// Application (client) id.
    #[schemars(regex(pattern = UUID), length(max = 36))]
    pub client_id: String,
    /// The Secret, in the namespace of this resource.
    pub secret_ref: SecretKeyRef,
}

/// A key of a Secret in the namespace of the resource.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(regex(pattern = DNS_SUBDOMAIN), length(min = 1, max = 253))]
    pub name: String,
    /// Key in the Secret.
    #[schemars(regex(pattern = SECRET_KEY), length(min = 1, max = 253))]
    pub key: String,
}

/// A federated token instead of a secret.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentityCredentials {
    /// Application (client) id.
    #[schemars(regex(pattern = UUID), length(max = 36))]
    pub client_id: String,
    /// ServiceAccount in the namespace of this resource whose token is exchanged. Without it the operator's own
    /// identity is meant, which the administrator must have allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DNS_SUBDOMAIN), length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
}

/// Where more can be observed.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// An Azure subscription of this tenant through which the data centre can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = UUID), length(max = 36))]
    pub subscription_id: Option<String>,
}

/// A person's word for what no API shows.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.region) == (self.claim == 'DataLocation')", "region belongs to claim DataLocation, and is required there"),
    validation = ("has(self.integrationName) == (self.claim in ['IntegrationLinked', 'IntegrationUnlinked'])", "integrationName belongs to claims IntegrationLinked and IntegrationUnlinked, and is required there"),
    validation = ("self.expireTime > self.attestTime", "expireTime must be after attestTime"),
    validation = ("self.expireTime - self.attestTime <= duration('8784h')", "an attestation holds for at most one year")
)]
pub struct Attestation {
    /// Name of the entry: a DNS label.
    #[schemars(regex(pattern = DNS_LABEL), length(min = 1, max = 63))]
    pub name: String,
    /// What is attested.
    pub claim: Claim,
    /// The entry of `integrations` that the claim is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DNS_LABEL), length(min = 1, max = 63))]
    pub integration_name: Option<String>,
    /// The region that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Region")]
    pub region: Option<Region>,
    /// Who attests it, as the organisation names people in its records.
    #[schemars(length(min = 1, max = 256))]
    pub attested_by: String,
    /// When it was seen (RFC 3339).
    #[schemars(extend("maxLength" = 64, "pattern" = RFC_3339))]
    pub attest_time: Time,
    /// When the word lapses (RFC 3339): at most one year (366 days) after `attestTime`.
    #[schemars(extend("maxLength" = 64, "pattern" = RFC_3339))]
    pub expire_time: Time,
    /// Where the evidence is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub reference: Option<String>,
}

/// What a person attests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Claim {
    /// The service is on.
    ServiceOn,
    /// The service is off.
    ServiceOff,
    /// The service and its resources are gone from the tenant.
    Deprovisioned,
    /// The data lives in `region`.
    DataLocation,
    /// The integration `integrationName` is linked.
    IntegrationLinked,
    /// The integration `integrationName` is not linked.
    IntegrationUnlinked,
}

named_by_variant!(Claim { ServiceOn, ServiceOff, Deprovisioned, DataLocation, IntegrationLinked, IntegrationUnlinked });

/// How far the operator goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ManagementPolicy {
    /// Drive the tenant to the declared state.
    #[default]
    Manage,
    /// Read, compare and publish the plan; never write to the tenant.
    Observe,
    /// Neither act nor look.
    Suspend,
}

named_by_variant!(ManagementPolicy { Manage, Observe, Suspend });

/// What deleting the resource means for the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Nothing: the tenant stays as it is.
    #[default]
    Retain,
    /// The resource stays until a declared deprovisioning is proven.
    Deprovision,
}

named_by_variant!(DeletionPolicy { Retain, Deprovision });
