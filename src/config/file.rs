//! The shape of the file, before anything is checked.
//!
//! Numbers are wider than what is allowed, so that the check can say what is.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::tenant::Cloud;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct File {
    pub tenancy: Vec<Grant>,
    #[serde(default)]
    pub broker: Option<Broker>,
    #[serde(default)]
    pub microsoft: Microsoft,
    #[serde(default)]
    pub timing: Timing,
    #[serde(default)]
    pub controller: Controller,
    #[serde(default)]
    pub leader_election: LeaderElection,
    #[serde(default)]
    pub probes: Probes,
    #[serde(default)]
    pub metrics: Metrics,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Grant {
    pub namespace: String,
    pub tenant_ids: Vec<String>,
    #[serde(default)]
    pub allow_deprovision: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Broker {
    pub url: String,
    pub auth: Auth,
    #[serde(default)]
    pub ca_file: Option<String>,
    #[serde(default)]
    pub offering: Option<String>,
    #[serde(default)]
    pub plan: Option<String>,
    #[serde(default)]
    pub cluster_id: Option<String>,
    #[serde(default)]
    pub request_timeout_seconds: Option<i64>,
    #[serde(default)]
    pub maximum_polling_seconds: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Auth {
    #[serde(default)]
    pub basic: Option<Basic>,
    #[serde(default)]
    pub bearer: Option<Bearer>,
    #[serde(default)]
    pub client_certificate: Option<ClientCertificate>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Basic {
    pub username: String,
    pub password_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Bearer {
    pub token_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ClientCertificate {
    pub certificate_file: String,
    pub key_file: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Microsoft {
    #[serde(default)]
    pub hosts: BTreeMap<Cloud, HostNames>,
    #[serde(default)]
    pub ca_file: Option<String>,
    #[serde(default)]
    pub request_timeout_seconds: Option<i64>,
    #[serde(default)]
    pub requests_per_minute: Option<i64>,
    #[serde(default)]
    pub workload_identity: Option<WorkloadIdentity>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct HostNames {
    #[serde(default)]
    pub login: Option<String>,
    #[serde(default)]
    pub graph: Option<String>,
    #[serde(default)]
    pub arm: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct WorkloadIdentity {
    pub token_file: String,
    pub allow: Vec<Identity>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Identity {
    pub namespace: String,
    pub client_id: String,
    pub tenant_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the unit is part of the name in the file")]
pub(super) struct Timing {
    #[serde(default)]
    pub claim_grace_seconds: Option<i64>,
    #[serde(default)]
    pub resync_minimum_seconds: Option<i64>,
    #[serde(default)]
    pub resync_maximum_seconds: Option<i64>,
    #[serde(default)]
    pub operation_poll_seconds: Option<i64>,
    #[serde(default)]
    pub retry_initial_seconds: Option<i64>,
    #[serde(default)]
    pub retry_maximum_seconds: Option<i64>,
    #[serde(default)]
    pub slow_probe_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Controller {
    #[serde(default)]
    pub concurrency: Option<i64>,
    #[serde(default)]
    pub watch_namespace: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct LeaderElection {
    #[serde(default)]
    pub enabled: Option<bool>,
    #[serde(default)]
    pub namespace: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub lease_duration_seconds: Option<i64>,
    #[serde(default)]
    pub renew_deadline_seconds: Option<i64>,
    #[serde(default)]
    pub retry_period_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Probes {
    #[serde(default)]
    pub listen: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Metrics {
    #[serde(default)]
    pub listen: Option<String>,
    #[serde(default)]
    pub tls: Option<MetricsTls>,
    #[serde(default)]
    pub client_ca_file: Option<String>,
    #[serde(default)]
    pub bearer_token_file: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct MetricsTls {
    pub certificate_file: String,
    pub key_file: String,
}
