//! The administrator's configuration: one YAML file, read at start and again when it changes.
//!
//! Input: a path. Output: a `Config` in which nothing needs to be checked again, or every problem of the file at once.
//! Effects: reads the file and the files that it names (password, token, certificates). Paths are relative to the
//! directory of the file.
//!
//! While the operator runs, all of these files are looked at every two seconds, by their content. Once they have stood
//! still from one look to the next, they are read as at a start. A file that is not usable changes nothing: the
//! configuration before it stays in force. Of one that is usable everything is taken over at once but `watchNamespace`,
//! `leaderElection`, `probes` and `metrics`, which need a restart ([`Part`]).
//!
//! ```yaml
//! tenancy:                          # required; [] lets a resource manage only what its own credentials prove
//!   - namespace: security
//!     tenantIds: ["8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11"]     # or ["*"]: any tenant
//!     allowDeprovision: true        # default false
//! broker:                           # optional; without it every step is a person's
//!   url: https://broker.example.com # http:// for loopback hosts only
//!   auth:                           # exactly one of these three
//!     basic: { username: operator, passwordFile: /etc/operator/broker/password }
//!     # bearer: { tokenFile: /etc/operator/broker/token }
//!     # clientCertificate: { certificateFile: tls.crt, keyFile: tls.key }
//!   caFile: /etc/operator/ca.pem    # trusted instead of the system's certificate authorities
//!   offering: microsoft-threat-protection
//!   plan: standard
//!   clusterId: my-cluster           # default: uid of the namespace kube-system
//!   requestTimeoutSeconds: 30
//!   maximumPollingSeconds: 3600
//! microsoft:                        # optional; resources bring their own credentials
//!   hosts:                          # only for a proxy or the simulator: instead of Microsoft's hosts, by cloud
//!     Public: { login: https://localhost:8443, graph: https://localhost:8443/v1.0, arm: https://localhost:8443 }
//!   caFile: /etc/operator/ca.pem    # trusted instead of the system's certificate authorities
//!   requestTimeoutSeconds: 60
//!   requestsPerMinute: 30           # for each tenant and application, 30 at once
//!   workloadIdentity:               # the operator's own federated identity, and who may use it for which tenant
//!     tokenFile: /var/run/secrets/azure/tokens/azure-identity-token
//!     allow:
//!       - namespace: security
//!         clientId: 4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30
//!         tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11
//! timing:
//!   claimGraceSeconds: 3600
//!   resyncMinimumSeconds: 300
//!   resyncMaximumSeconds: 86400
//!   operationPollSeconds: 10
//!   retryInitialSeconds: 1
//!   retryMaximumSeconds: 300
//!   slowProbeSeconds: 1800
//! controller: { concurrency: 16 }   # watchNamespace: NAME looks at one namespace only
//! leaderElection:                   # of several operators one works, the others stand by; the one that holds the Lease
//!   enabled: true                   # false: for a single operator that may use no Leases
//!   namespace: threat-protection-operator                   # default: where the operator itself is at home
//!   name: threat-protection-operator                        # another name needs another Role
//!   leaseDurationSeconds: 15        # a holder that is silent for so long is replaced
//!   renewDeadlineSeconds: 10        # and has stopped working by then
//!   retryPeriodSeconds: 2
//! probes: { listen: "0.0.0.0:8080" }
//! metrics:                          # optional; without `listen` they stand beside the probes, open to all who reach them
//!   listen: "0.0.0.0:9443"
//!   tls: { certificateFile: tls.crt, keyFile: tls.key }       # read again when they change, and so is the token
//!   clientCaFile: /etc/operator/ca.pem       # who asks must show a certificate of these authorities
//!   bearerTokenFile: /etc/operator/metrics/token       # who asks must show this token
//! ```
//!
//! With `watchNamespace`, two resources for one tenant are told apart within that namespace only: give no tenant to two
//! operators.
//!
//! A field that does not exist and a field that stands twice are refused: a typing error must not silently take a right
//! away or give one. A namespace may be listed more than once (for tenants with and without `allowDeprovision`), a
//! tenant only once in a namespace.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::plan::ownership::Tenancy;
use crate::plan::situation::Capabilities;
use crate::remote::broker::{BrokerAuth, BrokerSettings, OperatorIdentity};
use crate::remote::credentials::OwnIdentity;
use crate::remote::hosts::Hosts;
use crate::remote::http::Url;

mod broker;
mod changes;
mod check;
mod election;
mod file;
mod metrics;
mod microsoft;
mod problems;
mod source;

#[cfg(test)]
mod tests;

pub use changes::Part;
pub use election::host_name;
pub use source::{Imprint, Source};

/// The longest that a standby waits for a silent holder, whatever the Lease says.
pub const LONGEST_LEASE: Duration = Duration::from_mins(5);

/// The administrator's configuration. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which namespace may manage which tenant.
    pub tenancy: Tenancy,
    /// The service broker, where there is one.
    pub broker: Option<BrokerConfig>,
    /// Microsoft's own APIs.
    pub microsoft: MicrosoftConfig,
    /// What is configured, as plans see it.
    pub capabilities: Capabilities,
    /// How many resources are reconciled at once.
    pub concurrency: u16,
    /// The one namespace whose resources are looked at; `None`: all of them.
    pub watch_namespace: Option<String>,
    /// How one of several operators is chosen; `None`: there is only one.
    pub leader_election: Option<LeaderElection>,
    /// Where the probes listen.
    pub probes: SocketAddr,
    /// The listener of the metrics, where they have one of their own.
    pub metrics: Option<MetricsConfig>,
}

/// A listener for the metrics. The files are named, not read: they may change while the process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Certificate and private key, where TLS is wanted.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The authorities of client certificates, where one must be shown.
    pub client_ca_file: Option<PathBuf>,
    /// The token that must be shown, where one must.
    pub token_file: Option<PathBuf>,
}

/// How one of several operators is chosen: `retry_period` < `renew_deadline` < `duration`, in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderElection {
    /// The namespace of the Lease; `None`: where the operator is at home.
    pub namespace: Option<String>,
    /// The name of the Lease.
    pub name: String,
    /// How long a holder may be silent before another takes over; at most [`LONGEST_LEASE`].
    pub duration: Duration,
    /// The time after its last renewal at which a holder stops working.
    pub renew_deadline: Duration,
    /// The time between two renewals.
    pub retry_period: Duration,
}

/// Microsoft's own APIs: where they are, and the operator's own identity there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MicrosoftConfig {
    /// The hosts of every cloud.
    pub hosts: Hosts,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Limit of one request.
    pub request_timeout: Duration,
    /// Requests at once and a minute, for each tenant and application.
    pub requests_per_minute: NonZeroU32,
    /// The operator's own federated identity, and who may use it.
    pub own_identity: OwnIdentity,
}

/// The service broker, all files read.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerConfig {
    /// The address before `/v2/…`.
    pub url: Url,
    /// How we sign in.
    pub auth: BrokerAuth,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Name of the service offering.
    pub offering: String,
    /// Name of the service plan.
    pub plan: String,
    /// Names this cluster; `None`: the uid of the namespace `kube-system`.
    pub cluster_id: Option<String>,
    /// Limit of one request.
    pub request_timeout: Duration,
}

impl BrokerConfig {
    /// The settings of the client. `default_cluster_id` is taken where the file names none.
    #[must_use]
    pub fn settings(self, default_cluster_id: String, operator: OperatorIdentity) -> BrokerSettings {
        let Self { url, auth, ca_bundle, offering, plan, cluster_id, request_timeout } = self;
        let cluster_id = cluster_id.unwrap_or(default_cluster_id);
        BrokerSettings { url, auth, ca_bundle, offering, plan, cluster_id, operator, request_timeout }
    }

    /// Where the broker is, for messages: host, and port where it is not the usual one.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

/// One problem of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}. {remedy}")]
pub struct ConfigError {
    /// Where in the file, such as `broker.auth.basic.passwordFile`; the file itself where it cannot be read at all.
    pub field: String,
    /// What is wrong, and why it is.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Every problem of the configuration; at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    /// The file.
    pub path: PathBuf,
    /// Its problems, in the order of the file.
    pub errors: Vec<ConfigError>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len();
        let problems = if count == 1 { "problem" } else { "problems" };
        write!(f, "reading the configuration {}: {count} {problems}", self.path.display())?;
        self.errors.iter().try_for_each(|error| write!(f, "\n- {error}"))
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// All that is wrong with it. Only a file that is not YAML of the documented shape has a single problem.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let failed = |errors| ConfigErrors { path: path.to_owned(), errors };
        let text = std::fs::read_to_string(path).map_err(|error| {
            failed(vec![ConfigError {
                field: "the file".to_owned(),
                what: format!("it cannot be read ({error})"),
                remedy: "Name an existing file with --config, and make it readable for the operator".to_owned(),
            }])
        })?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("."))).map_err(failed)
    }

    /// Checks the text of a file that stands in `directory`.
    ///
    /// # Errors
    /// As `load`.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, Vec<ConfigError>> {
        let file: file::File = serde_yaml::from_str(text).map_err(|error| {
            vec![ConfigError {
                field: "the file".to_owned(),
                what: format!("it is not YAML of the documented shape ({})", without_values(&error.to_string())),
                remedy: "Correct the line that is named; the documentation lists every field".to_owned(),
            }]
        })?;
        check::config(file, directory)
    }
}

/// A message of the YAML library without the value that it quotes: it may be a password that was written where the name
/// of a file belongs. `invalid type: string "…", expected …` keeps its kind, its expectation and its place.
fn without_values(message: &str) -> String {
    const MARK: &str = "invalid ";
    let Some((before, rest)) = message.split_once(MARK) else { return message.to_owned() };
    let Some((what, expectation)) = rest.rsplit_once(", expected ") else { return format!("{before}{MARK}value") };
    let kind = what.split_once(": ").and_then(|(_, value)| value.split(' ').next()).unwrap_or("value");
    format!("{before}a {kind} stands here, expected {expectation}")
}

/// Whether a text can name a namespace (RFC 1123).
fn is_dns_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
