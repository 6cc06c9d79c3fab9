//! The part of the file about Microsoft's own APIs: other hosts, and the operator's own federated identity.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::MicrosoftConfig;
use super::file::{HostNames, Identity, Microsoft, WorkloadIdentity};
use super::problems::{Bounds, Problems, up_to};
use crate::remote::budget::REQUESTS_PER_MINUTE;
use crate::remote::credentials::OwnIdentity;
use crate::remote::hosts::{HostOverrides, Hosts};
use crate::remote::http::{self, Url};
use crate::tenant::{Cloud, TenantId};

/// Checks what stands at `microsoft`.
pub(super) fn microsoft(file: Microsoft, directory: &Path, problems: &mut Problems) -> MicrosoftConfig {
    let Microsoft { hosts, ca_file, request_timeout_seconds, requests_per_minute, workload_identity } = file;
    let ca_bundle = ca_file.and_then(|path| problems.ca_bundle("microsoft.caFile", &path, directory));
    // A hunting query may take three minutes (Microsoft, *Advanced hunting quotas*, 2025); ours read one row each.
    let timeout = problems.number("microsoft.requestTimeoutSeconds", request_timeout_seconds, &up_to(180, 60));
    let default = i64::from(REQUESTS_PER_MINUTE.get());
    // One look takes eight.
    let bounds = Bounds { least: 10, ..up_to(6000, default) };
    let requests = problems.number("microsoft.requestsPerMinute", requests_per_minute, &bounds);
    let overrides = hosts.into_iter().map(|(cloud, names)| (cloud, overridden(cloud, &names, problems))).collect();
    let hosts = Hosts::overridden(overrides).unwrap_or_else(|error| {
        problems.add(
            "microsoft.hosts",
            error.to_string(),
            "Write scheme, host and port, such as https://localhost:8443",
        );
        Hosts::default()
    });
    MicrosoftConfig {
        hosts,
        ca_bundle,
        request_timeout: Duration::from_secs(timeout.unsigned_abs()),
        requests_per_minute: u32::try_from(requests).ok().and_then(NonZeroU32::new).unwrap_or(REQUESTS_PER_MINUTE),
        own_identity: workload_identity.map(|identity| own(identity, directory, problems)).unwrap_or_default(),
    }
}

fn overridden(cloud: Cloud, names: &HostNames, problems: &mut Problems) -> HostOverrides {
    let HostNames { login, graph, arm } = names;
    if graph.as_deref().is_some_and(|text| !text.trim_end_matches('/').ends_with("/v1.0")) {
        let field = format!("microsoft.hosts.{cloud}.graph");
        problems.add(field, "it does not end in /v1.0, so no call would be found", "Write it as https://host/v1.0");
    }
    let mut url = |name: &str, text: &Option<String>| -> Option<Url> {
        let text = text.as_deref()?;
        http::base_url(text)
            .map_err(|error| {
                let field = format!("microsoft.hosts.{cloud}.{name}");
                problems.add(field, error.to_string(), "Write it as https://host, with /v1.0 after that of graph");
            })
            .ok()
    };
    HostOverrides { login: url("login", login), graph: url("graph", graph), arm: url("arm", arm) }
}

fn own(identity: WorkloadIdentity, directory: &Path, problems: &mut Problems) -> OwnIdentity {
    let WorkloadIdentity { token_file, allow } = identity;
    let mut allowed = BTreeSet::new();
    for (index, Identity { namespace, client_id, tenant_id }) in allow.into_iter().enumerate() {
        let at = format!("microsoft.workloadIdentity.allow[{index}]");
        let client = Uuid::try_parse(&client_id).map(|id| id.hyphenated().to_string());
        let tenant = tenant_id.parse::<TenantId>();
        if client.is_err() {
            let what = format!("{client_id:?} is not a client id");
            problems.add(format!("{at}.clientId"), what, "Write the application (client) id, a UUID");
        }
        if let Err(error) = &tenant {
            let remedy = "Write the id of one tenant; there is no wildcard here";
            problems.add(format!("{at}.tenantId"), error.to_string(), remedy);
        }
        if !super::is_dns_label(&namespace) {
            let what = format!("{namespace:?} cannot be the name of a namespace");
            problems.add(format!("{at}.namespace"), what, "Name one namespace; there is no wildcard for namespaces");
        }
        if let (Ok(client), Ok(tenant)) = (client, tenant) {
            allowed.insert((namespace, client, tenant));
        }
    }
    // The kubelet writes it when the pod starts, and anew before it expires: it is read when it is needed.
    OwnIdentity { token_file: Some(directory.join(token_file)), allowed }
}
