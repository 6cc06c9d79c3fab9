//! The shape of the world file. Names are those of Microsoft's and the broker's APIs, in camelCase.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_yaml::Value;

use crate::api::DesiredState;
use crate::plan::reading::Why;
use crate::tenant::{IntegrationType, LinkState, Region, Service, TenantId};

/// A fact, or `{ unknown: ReadFailed }`.
#[derive(Debug)]
pub(super) enum Told<T> {
    Known(T),
    Unknown(Why),
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum WhyWord {
    NotAsked,
    NotPermitted,
    ReadFailed,
    Ambiguous,
}

impl From<WhyWord> for Why {
    fn from(word: WhyWord) -> Self {
        match word {
            WhyWord::NotAsked => Self::NotAsked,
            WhyWord::NotPermitted => Self::NotPermitted,
            WhyWord::ReadFailed => Self::ReadFailed,
            WhyWord::Ambiguous => Self::Ambiguous,
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Told<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.get("unknown") {
            Some(why) => read::<WhyWord, D>(why.clone()).map(|why| Self::Unknown(why.into())),
            None => read::<T, D>(value).map(Self::Known),
        }
    }
}

/// A single word, or something that is spelt out.
#[derive(Debug)]
pub(super) enum Either<W, T> {
    Word(W),
    Full(T),
}

impl<'de, W: DeserializeOwned, T: DeserializeOwned> Deserialize<'de> for Either<W, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.is_string() { read::<W, D>(value).map(Self::Word) } else { read::<T, D>(value).map(Self::Full) }
    }
}

fn read<'de, T: DeserializeOwned, D: Deserializer<'de>>(value: Value) -> Result<T, D::Error> {
    serde_yaml::from_value(value).map_err(D::Error::custom)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct World {
    pub now: Option<Timestamp>,
    pub administrator: Administrator,
    pub another_resource: AnotherResource,
    pub namespace_is_terminating: bool,
    pub failing_since: Option<Timestamp>,
    pub refused_at: Option<Timestamp>,
    pub broker: Option<Broker>,
    pub microsoft: Option<Microsoft>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Administrator {
    pub allowed: bool,
    pub allow_deprovision: bool,
    pub claim_grace_seconds: i64,
    pub maximum_polling_seconds: i64,
}

impl Default for Administrator {
    fn default() -> Self {
        Self { allowed: true, allow_deprovision: false, claim_grace_seconds: 3600, maximum_polling_seconds: 3600 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum AnotherResource {
    #[default]
    None,
    Older,
    AfterDeletion,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Broker {
    pub retrievable: bool,
    pub instance: Option<Told<Either<AbsentWord, Instance>>>,
    pub operation: Option<Operation>,
    pub maximum_polling_seconds: Option<i64>,
    pub failure: Option<Failure>,
}

impl Default for Broker {
    fn default() -> Self {
        Self { retrievable: true, instance: None, operation: None, maximum_polling_seconds: None, failure: None }
    }
}

#[derive(Debug, Deserialize)]
pub(super) enum AbsentWord {
    Absent,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Instance {
    pub parameters: Option<WithheldWord>,
    pub tenant_id: Option<TenantId>,
    pub state: Option<DesiredState>,
    pub region: Option<Region>,
    pub integrations: BTreeMap<IntegrationType, LinkState>,
}

#[derive(Debug, Deserialize)]
pub(super) enum WithheldWord {
    Withheld,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Operation {
    pub state: OperationState,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default = "yes")]
    pub update_repeatable: bool,
    #[serde(default = "yes")]
    pub instance_usable: bool,
    #[serde(default)]
    pub retry_after_seconds: Option<i64>,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
pub(super) enum OperationState {
    #[serde(rename = "in progress")]
    InProgress,
    #[serde(rename = "succeeded")]
    Succeeded,
    #[serde(rename = "failed")]
    Failed,
    #[serde(rename = "gone")]
    Gone,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Failure {
    pub class: FailureClass,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub request_id: Option<String>,
    #[serde(default)]
    pub until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum FailureClass {
    Throttled,
    Transient,
    Waiting,
    Auth,
    Permission,
    Invalid,
    Protocol,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Microsoft {
    pub sign_in: Option<Either<GrantedWord, SignIn>>,
    pub tenant_region_sub_scope: Option<Told<SubScope>>,
    pub organization: Option<Told<Organization>>,
    pub subscribed_skus: Option<Told<Vec<SubscribedSku>>>,
    pub subscribed_skus_complete: Option<bool>,
    pub subscriptions: Option<Told<Vec<Subscription>>>,
    pub subscriptions_complete: Option<bool>,
    pub role_assignments: BTreeMap<String, Holders>,
    pub hunting: Option<Told<Hunting>>,
    pub incidents: Option<Told<u16>>,
    pub health_issues: Option<Told<u16>>,
    pub newest_rows: Option<Told<BTreeMap<Service, Timestamp>>>,
    pub mde_onboarding: Option<Told<MdeOnboarding>>,
    pub wdatp_setting: Option<Told<bool>>,
    pub observation_subscription_tenant: Option<Told<TenantId>>,
    pub links: BTreeMap<String, Link>,
    pub failure: Option<Failure>,
}

#[derive(Debug, Deserialize)]
pub(super) enum GrantedWord {
    Granted,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct SignIn {
    pub refused: Option<String>,
    pub failed: Option<String>,
    pub message: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[expect(clippy::upper_case_acronyms, reason = "the values are spelt like this in the OpenID configuration")]
pub(super) enum SubScope {
    None,
    GCC,
    DODCON,
    DOD,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Organization {
    pub id: Option<TenantId>,
    pub display_name: Option<String>,
    pub country_letter_code: Option<String>,
    pub verified_domains: Vec<Domain>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Domain {
    pub name: String,
    #[serde(default)]
    pub is_default: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SubscribedSku {
    pub sku_part_number: String,
    #[serde(default)]
    pub sku_id: Option<String>,
    pub capability_status: String,
    #[serde(default)]
    pub service_plans: Option<Vec<PlanOfSku>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PlanOfSku {
    #[serde(default)]
    pub service_plan_id: Option<String>,
    #[serde(default)]
    pub service_plan_name: Option<String>,
    #[serde(default)]
    pub provisioning_status: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Subscription {
    #[serde(default)]
    pub sku_part_number: Option<String>,
    #[serde(default)]
    pub sku_id: Option<String>,
    #[serde(default)]
    pub is_trial: bool,
    pub status: String,
    #[serde(default)]
    pub next_lifecycle_date_time: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Holders {
    pub assigned: Option<Told<Vec<Assignment>>>,
    pub assigned_complete: Option<bool>,
    pub eligible: Option<Told<Either<NoPremiumLicenceWord, Vec<Assignment>>>>,
    pub eligible_complete: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) enum NoPremiumLicenceWord {
    NoPremiumLicence,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Assignment {
    pub principal: PrincipalKind,
    #[serde(default)]
    pub members: Option<Told<u32>>,
    #[serde(default = "whole_tenant")]
    pub directory_scope_id: String,
}

fn whole_tenant() -> String {
    "/".to_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum PrincipalKind {
    User,
    ServicePrincipal,
    Group,
    Unrecognised,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Hunting {
    pub status: u16,
    #[serde(default)]
    pub tables: Vec<Service>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct MdeOnboarding {
    pub datacenter: Option<String>,
    pub vortex_geo_location: Option<String>,
    pub partner_geo_location: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Link {
    pub unknown: Option<WhyWord>,
    pub partner_state: Option<String>,
    pub enabled: Option<bool>,
    pub incidents: Option<String>,
    pub subscription_tenant: Option<Told<TenantId>>,
    pub authorization_state: Option<String>,
    pub license_state: Option<String>,
}
