//! What the operator reports, and what it must not forget between two passes.
//!
//! Every field is read leniently: a status that an older or newer version wrote never fails to parse.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lenient;
use super::spec::{Consent, DesiredState};
use crate::tenant::{Cloud, Experience, Feature, IntegrationType, LinkState, Region, Service, named_by_variant};

/// What the operator last knew, on whose word, and what it is doing.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = {"observedGeneration": -1}))]
pub struct ThreatProtectionTenantStatus {
    /// Generation of the spec that the conditions belong to; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "lenient_generation")]
    #[schemars(range(min = -1, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: i64,
    /// One entry a condition type. `Reconciling`, `Stalled`, `ActionRequired` and `Suspended` are absent unless true.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Who the tenant says it is.
    #[serde(default, deserialize_with = "lenient::field", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantFacts>,
    /// What the licences bring.
    #[serde(default, deserialize_with = "lenient::field", skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<Eligibility>,
    /// The pinned region of the data.
    #[serde(default, deserialize_with = "lenient::field", skip_serializing_if = "Option::is_none")]
    pub data_location: Option<DataLocationStatus>,
    /// What the service adds to the portal.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub features: Vec<FeatureStatus>,
    /// The four services whose data is unified.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub services: Vec<ServiceStatus>,
    /// The declared integrations.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub integrations: Vec<IntegrationStatus>,
    /// What only a person can do: who, where, what, and how it will be verified.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub pending_actions: Vec<PendingAction>,
    /// The steps that lie ahead, in order.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub plan: Vec<PlannedStep>,
    /// The step that was sent, or is about to be; it stays until its claim is observed or its verdict given.
    #[serde(default, deserialize_with = "lenient::field", skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What was set back after somebody changed it outside; a second change within 24 hours is left alone.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["target".into()]))]
    pub repairs: Vec<Repair>,
    /// The last value of the annotation `threatprotection.dev/reconcile-requested-at` that was acted upon.
    #[serde(default, deserialize_with = "lenient::field", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

impl Default for ThreatProtectionTenantStatus {
    fn default() -> Self {
        Self {
            observed_generation: never_observed(),
            conditions: Vec::new(),
            tenant: None,
            eligibility: None,
            data_location: None,
            features: Vec::new(),
            services: Vec::new(),
            integrations: Vec::new(),
            pending_actions: Vec::new(),
            plan: Vec::new(),
            operation: None,
            repairs: Vec::new(),
            last_handled_reconcile_at: None,
        }
    }
}

const fn never_observed() -> i64 {
    -1
}

fn lenient_generation<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(lenient::field::<D, Option<i64>>(deserializer)?.unwrap_or_else(never_observed))
}

/// A state that may not be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TriState {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// It is not known.
    #[default]
    Unknown,
}

named_by_variant!(TriState { True, False, Unknown });

/// On whose word a value rests; an observation outranks a claim, and a claim an attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StatusSource {
    /// A person's word in `spec.attestations`.
    Attested,
    /// The service broker's word.
    Claimed,
    /// Read from Microsoft's own APIs.
    Observed,
}

named_by_variant!(StatusSource { Attested, Claimed, Observed });

/// Who the tenant says it is.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantFacts {
    /// Display name of the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub display_name: Option<String>,
    /// The default verified domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub default_domain: Option<String>,
    /// Country of the organisation, ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub country_code: Option<String>,
}

/// What the licences bring.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Eligibility {
    /// Ids of the qualifying service plans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub plans: Vec<String>,
    /// Services that the licences bring.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub services: Vec<Service>,
}

/// The pinned region of the data.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataLocationStatus {
    /// The region. It changes only after a proven deprovisioning.
    pub region: Region,
    /// The data centre, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub data_center: Option<String>,
    /// On whose word. `Declared`: written before the request to turn on was sent, and not yet confirmed by anyone.
    pub source: LocationSource,
    /// Since when it is pinned.
    #[schemars(extend("maxLength" = 64))]
    pub pin_time: Time,
}

/// On whose word a region rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum LocationSource {
    /// The spec's wish, pinned before the request to turn on was sent; not yet known to be true.
    Declared,
    /// A person's word.
    Attested,
    /// The service broker's word.
    Claimed,
    /// Read from Microsoft's own APIs.
    Observed,
}

named_by_variant!(LocationSource { Declared, Attested, Claimed, Observed });

/// Whether a feature of the portal is there.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureStatus {
    /// The feature.
    pub name: Feature,
    /// Whether it is there.
    pub state: TriState,
    /// On whose word, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StatusSource")]
    pub source: Option<StatusSource>,
}

/// Whether one of the four services is licensed and feeds data.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// The service.
    pub name: Service,
    /// Whether a licence brings it.
    pub licensed: TriState,
    /// Whether its data arrives.
    pub reporting: TriState,
}

/// What is known of a declared integration.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationStatus {
    /// Name of the entry in `spec.integrations`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// What the authority for the switch says.
    pub state: LinkReading,
    /// Who would change it.
    pub actor: Actor,
    /// Whether data flows, which may take 12 hours and never holds `Ready`.
    pub effective: TriState,
    /// On whose word the state rests, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StatusSource")]
    pub source: Option<StatusSource>,
    /// Since when the state is known to be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 64))]
    pub since_time: Option<Time>,
}

/// The reading of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LinkReading {
    /// The link is set.
    Linked,
    /// The link is not set.
    Unlinked,
    /// It is not known.
    #[default]
    Unknown,
}

named_by_variant!(LinkReading { Linked, Unlinked, Unknown });

/// A kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum StepName {
    /// Turn the service on.
    Enable,
    /// Opt out.
    Disable,
    /// Set a link.
    Link,
    /// Take a link away.
    Unlink,
    /// Remove the service and its resources.
    Deprovision,
}

named_by_variant!(StepName { Enable, Disable, Link, Unlink, Deprovision });

/// What a person is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PendingStep {
    /// Turn the service on.
    Enable,
    /// Opt out.
    Disable,
    /// Set a link.
    Link,
    /// Take a link away.
    Unlink,
    /// Have the service and its resources removed.
    Deprovision,
    /// Ask support for a region before the service is on.
    RequestRegion,
    /// Write down in the spec what was seen.
    Attest,
}

named_by_variant!(PendingStep { Enable, Disable, Link, Unlink, Deprovision, RequestRegion, Attest });

/// Who does a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Actor {
    /// The operator, through Azure Resource Manager, with the credentials of this resource.
    Arm,
    /// The operator, through the service broker.
    Broker,
    /// A person, in the portal or through support.
    Person,
    /// Nobody: `managementPolicy: Observe`.
    None,
}

named_by_variant!(Actor { Arm, Broker, Person, None });

/// How much a step can harm; the order is the order of harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Risk {
    /// Adds something that can be taken away again.
    Additive,
    /// Changes something that can be changed back.
    Mutating,
    /// Takes something away.
    Destructive,
    /// Cannot be undone.
    Irreversible,
}

named_by_variant!(Risk { Additive, Mutating, Destructive, Irreversible });

/// What a person must do.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingAction {
    /// What kind of act.
    pub step: PendingStep,
    /// Who: the role by name and template id.
    #[schemars(length(max = 256))]
    pub role: String,
    /// Where.
    #[schemars(length(max = 512))]
    pub link: String,
    /// What to click, or the text for support.
    #[schemars(length(max = 1024))]
    pub instructions: String,
    /// How the operator will know that it was done.
    #[schemars(length(max = 512))]
    pub verified_by: String,
    /// Since when it waits.
    #[schemars(extend("maxLength" = 64))]
    pub since_time: Time,
}

/// A step that lies ahead.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// What would be done.
    pub step: StepName,
    /// Who would do it.
    pub actor: Actor,
    /// How much it can harm.
    pub risk: Risk,
    /// What it changes, and why.
    #[schemars(length(max = 512))]
    pub reason: String,
}

/// A step that was sent, or is about to be.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// What was sent.
    pub step: StepName,
    /// Id of the service instance at the broker.
    #[schemars(length(max = 64))]
    pub id: String,
    /// The broker's handle for polling, passed back exactly as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10000))]
    pub handle: Option<String>,
    /// What was sent, frozen before the request left.
    pub parameters: OperationParameters,
    /// When it was decided.
    #[schemars(extend("maxLength" = 64))]
    pub start_time: Time,
    /// When the broker accepted it as an operation that goes on (`202`); absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 64))]
    pub accept_time: Option<Time>,
    /// When waiting for it ends.
    #[schemars(extend("maxLength" = 64))]
    pub deadline_time: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 64))]
    pub end_time: Option<Time>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "OperationResult")]
    pub result: Option<OperationResult>,
    /// What the broker said of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
}

impl Operation {
    /// When it ended, or when it was decided where it has not.
    #[must_use]
    pub fn end_time_or_start(&self) -> jiff::Timestamp {
        self.end_time.as_ref().unwrap_or(&self.start_time).0
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OperationResult {
    /// The broker says that it succeeded.
    Succeeded,
    /// The broker says that it failed.
    Failed,
    /// The broker refused it.
    Refused,
    /// It had not ended at its deadline.
    TimedOut,
}

named_by_variant!(OperationResult { Succeeded, Failed, Refused, TimedOut });

/// The parameters of a step, as the broker gets them.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationParameters {
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub tenant_id: Option<String>,
    /// Its cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Cloud")]
    pub cloud: Option<Cloud>,
    /// The rules it lives under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Experience")]
    pub experience: Option<Experience>,
    /// The wished region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Region")]
    pub region: Option<Region>,
    /// The recorded consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// The wished state: `Enabled` or `Disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DesiredState")]
    pub state: Option<DesiredState>,
    /// The wished links, by integration type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8))]
    pub integrations: BTreeMap<IntegrationType, LinkState>,
}

/// Something that was set back after somebody changed it outside.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// `Service`, or the name of an integration.
    #[schemars(length(min = 1, max = 63))]
    pub target: String,
    /// When it was set back.
    #[schemars(extend("maxLength" = 64))]
    pub repair_time: Time,
}
