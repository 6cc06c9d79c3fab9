//! Files that are taken, and files that are refused with what the administrator reads.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use rstest::rstest;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::remote::broker::Broker;
use crate::tenant::{Cloud, TenantId};

mod changes;
mod metrics;
mod source;

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
const OTHER: &str = "00000000-0000-0000-0000-000000000001";
const MARKER: &str = "pl4nted-marker";

/// A directory with the files that configurations of these tests name.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &[u8]| std::fs::write(directory.path().join(name), text).unwrap();
    put("password", format!("{MARKER}\n").as_bytes());
    put("crlf", format!("{MARKER}\r\n").as_bytes());
    put("two-lines", format!("{MARKER}\n\n").as_bytes());
    put("empty", b"");
    put("newline", b"\n");
    put("binary", &[0xff, 0xfe, 0x00]);
    put("text", b"hello");
    let key = rcgen::generate_simple_self_signed(vec!["operator".to_owned()]).unwrap();
    put("tls.crt", key.cert.pem().as_bytes());
    put("tls.key", key.signing_key.serialize_pem().as_bytes());
    directory
}

fn parse(text: &str) -> Result<Config, Vec<ConfigError>> {
    Config::parse(text, directory().path())
}

fn problems(text: &str) -> Vec<String> {
    let errors = parse(text).expect_err("the file was taken");
    assert!(!format!("{errors:?}").contains(MARKER));
    errors.iter().map(ToString::to_string).collect()
}

fn broker_file(lines: &str) -> String {
    format!("tenancy: []\nbroker:\n  url: https://broker.example.com/osb\n{lines}")
}

const BASIC: &str = "  auth: { basic: { username: operator, passwordFile: password } }\n";

#[test]
fn the_smallest_file_has_the_documented_defaults() {
    let config = parse("tenancy: []").unwrap();
    assert!(config.tenancy.namespaces().is_empty());
    assert!(config.broker.is_none());
    let seconds = SignedDuration::from_secs;
    let expected = Capabilities {
        has_broker: false,
        claim_grace: seconds(3600),
        operation_deadline: seconds(3600),
        resync: (seconds(300), seconds(86400)),
        poll: seconds(10),
        retry: (seconds(1), seconds(300)),
        slow_probe: seconds(1800),
    };
    assert_eq!(config.capabilities, expected);
    assert_eq!((config.concurrency, config.probes.to_string().as_str()), (16, "0.0.0.0:8080"));
    let seconds = Duration::from_secs;
    let expected = LeaderElection {
        namespace: None,
        name: "threat-protection-operator".to_owned(),
        duration: seconds(15),
        renew_deadline: seconds(10),
        retry_period: seconds(2),
    };
    assert_eq!(config.leader_election, Some(expected));
}

/// The example of the module documentation, so that it stays true.
#[test]
fn the_documented_example_is_taken() {
    let source = include_str!("../config.rs");
    let lines = source.lines().skip_while(|line| *line != "//! ```yaml").skip(1).take_while(|line| *line != "//! ```");
    let lines: Vec<_> = lines.map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or("")).collect();
    let text = lines.join("\n");
    let text = text.replace("/etc/operator/broker/password", "password").replace("/etc/operator/ca.pem", "tls.crt");
    let text = text.replace("/etc/operator/metrics/token", "password");
    let config = parse(&text).unwrap();
    let tenant: TenantId = TENANT.parse().unwrap();
    assert_eq!(config.tenancy.allows("security", tenant), Some(true));
    assert_eq!(config.broker.unwrap().cluster_id.as_deref(), Some("my-cluster"));
    let client = "4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30".to_owned();
    assert_eq!(config.microsoft.own_identity.allowed, [("security".to_owned(), client, tenant)].into());
    assert_eq!(config.microsoft.hosts.login(Cloud::GCC), "https://localhost:8443");
    assert_eq!(config.microsoft.hosts.login(Cloud::DoD), "https://login.microsoftonline.us");
}

#[test]
fn a_full_file_is_read() {
    let text = format!(
        "tenancy:
  - {{ namespace: a, tenantIds: [{TENANT}], allowDeprovision: true }}
  - {{ namespace: a, tenantIds: [{OTHER}] }}
  - {{ namespace: b, tenantIds: ['*'] }}
broker:
  url: https://broker.example.com:8443/osb
{BASIC}  caFile: tls.crt
  offering: mtp
  plan: gold
  clusterId: c-1
  requestTimeoutSeconds: 5
  maximumPollingSeconds: 60
timing:
  claimGraceSeconds: 1
  resyncMinimumSeconds: 1
  resyncMaximumSeconds: 1
  operationPollSeconds: 1
  retryInitialSeconds: 1
  retryMaximumSeconds: 1
  slowProbeSeconds: 1
controller: {{ concurrency: 4 }}
leaderElection: {{ namespace: home, name: of.ours, leaseDurationSeconds: 300, renewDeadlineSeconds: 299, retryPeriodSeconds: 149 }}
probes: {{ listen: '[::1]:0' }}
"
    );
    let config = parse(&text).unwrap();
    let (tenant, other): (TenantId, TenantId) = (TENANT.parse().unwrap(), OTHER.parse().unwrap());
    let allows = |namespace: &str| (config.tenancy.allows(namespace, tenant), config.tenancy.allows(namespace, other));
    assert_eq!(allows("a"), (Some(true), Some(false)), "entries of one namespace are merged");
    assert_eq!(allows("b"), (Some(false), Some(false)));
    assert_eq!(allows("c"), (None, None));
    assert!(config.capabilities.has_broker);
    assert_eq!(config.capabilities.operation_deadline, SignedDuration::from_mins(1));
    assert_eq!(config.capabilities.resync, (SignedDuration::from_secs(1), SignedDuration::from_secs(1)));
    assert_eq!((config.concurrency, config.probes.to_string().as_str()), (4, "[::1]:0"));
    let election = config.leader_election.clone().unwrap();
    assert_eq!((election.namespace.as_deref(), election.name.as_str()), (Some("home"), "of.ours"));
    let timings = [election.duration, election.renew_deadline, election.retry_period];
    assert_eq!(timings.map(|timing| timing.as_secs()), [300, 299, 149]);
    assert!(!format!("{config:?}").contains(MARKER), "Debug shows a secret");
    let broker = config.broker.unwrap();
    assert_eq!(
        (broker.host().as_str(), broker.offering.as_str(), broker.plan.as_str()),
        ("broker.example.com:8443", "mtp", "gold")
    );
    assert_eq!(broker.request_timeout, Duration::from_secs(5));
    let settings = broker.settings("uid of kube-system".to_owned(), OperatorIdentity::default());
    assert_eq!(settings.cluster_id, "c-1");
    assert!(Broker::new(settings).is_ok());
}

#[test]
fn the_cluster_id_is_that_of_kube_system_where_none_is_named() {
    let broker = parse(&broker_file(BASIC)).unwrap().broker.unwrap();
    let settings = broker.settings("uid-1".to_owned(), OperatorIdentity::default());
    assert_eq!(settings.cluster_id, "uid-1");
    assert_eq!((settings.offering.as_str(), settings.plan.as_str()), ("microsoft-threat-protection", "standard"));
}

#[rstest]
#[case::line_feed("password", MARKER)]
#[case::carriage_return("crlf", MARKER)]
#[case::one_only("two-lines", "pl4nted-marker\n")]
#[case::none("text", "hello")]
fn one_line_break_at_the_end_is_not_the_secret(#[case] file: &str, #[case] expected: &str) {
    let text = broker_file(&format!("  auth: {{ basic: {{ username: operator, passwordFile: {file} }} }}\n"));
    let BrokerAuth::Basic { password, .. } = parse(&text).unwrap().broker.unwrap().auth else { panic!("not basic") };
    assert_eq!(password.expose_secret(), expected);
}

#[rstest]
#[case::bearer("bearer: { tokenFile: password }")]
#[case::client_certificate("clientCertificate: { certificateFile: tls.crt, keyFile: tls.key }")]
fn other_ways_to_sign_in(#[case] auth: &str) {
    let config = parse(&broker_file(&format!("  auth: {{ {auth} }}\n"))).unwrap();
    assert!(!format!("{config:?}").contains(MARKER) && !format!("{config:?}").contains("PRIVATE KEY"));
    let settings = config.broker.unwrap().settings("c".to_owned(), OperatorIdentity::default());
    assert!(Broker::new(settings).is_ok());
}

/// A file with one problem, the field that is named, and words of the message.
#[rstest]
#[case::a_token_where_a_mapping_belongs(
    "tenancy: []\nbroker:\n  url: https://broker.example.com\n  auth: { bearer: pl4nted-marker }\n",
    "the file",
    "a string stands here"
)]
#[case::a_password_where_a_mapping_belongs(
    "tenancy: []\nbroker:\n  url: https://broker.example.com\n  auth: { basic: pl4nted-marker }\n",
    "the file",
    "expected struct Basic"
)]
#[case::a_host_in_clear_text(
    "tenancy: []\nmicrosoft: { hosts: { Public: { graph: 'http://graph.example.com/v1.0' } } }\n",
    "microsoft.hosts.Public.graph",
    "https://"
)]
#[case::a_host_for_sign_in_with_a_path(
    "tenancy: []\nmicrosoft: { hosts: { DoD: { login: 'https://login.example.com/a' } } }\n",
    "microsoft.hosts",
    "no path"
)]
#[case::a_cloud_that_does_not_exist(
    "tenancy: []\nmicrosoft: { hosts: { China: { login: 'https://login.example.com' } } }\n",
    "the file",
    "unknown variant"
)]
#[case::an_identity_for_any_tenant(
    "tenancy: []\nmicrosoft: { workloadIdentity: { tokenFile: t, allow: [{ namespace: a, clientId: 4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30, tenantId: '*' }] } }\n",
    "microsoft.workloadIdentity.allow[0].tenantId",
    "no wildcard"
)]
#[case::an_identity_without_a_client(
    "tenancy: []\nmicrosoft: { workloadIdentity: { tokenFile: t, allow: [{ namespace: a, clientId: x, tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11 }] } }\n",
    "microsoft.workloadIdentity.allow[0].clientId",
    "not a client id"
)]
#[case::an_identity_for_any_namespace(
    "tenancy: []\nmicrosoft: { workloadIdentity: { tokenFile: t, allow: [{ namespace: '*', clientId: 4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30, tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11 }] } }\n",
    "microsoft.workloadIdentity.allow[0].namespace",
    "no wildcard"
)]
#[case::a_request_that_takes_for_ever(
    "tenancy: []\nmicrosoft: { requestTimeoutSeconds: 3600 }\n",
    "microsoft.requestTimeoutSeconds",
    "out of bounds"
)]
#[case::a_password_where_a_path_belongs(
    "tenancy: []\nbroker:\n  url: https://broker.example.com\n  auth: { basic: { username: operator, passwordFile: pl4nted-marker } }\n",
    "broker.auth.basic.passwordFile",
    "cannot be read"
)]
#[case::not_yaml("tenancy: [", "the file", "not YAML of the documented shape")]
#[case::empty("", "the file", "tenancy")]
#[case::no_tenancy("probes: {}", "the file", "missing field `tenancy`")]
#[case::unknown_field("tenancy: []\ntenency: []", "the file", "unknown field `tenency`")]
#[case::unknown_field_deep_down("tenancy: []\ntiming: { resync: 1 }", "the file", "unknown field `resync`")]
#[case::field_twice("tenancy: []\ntenancy: []", "the file", "duplicate field `tenancy`")]
#[case::right_twice(
    "tenancy: [{ namespace: a, tenantIds: ['*'], allowDeprovision: false, allowDeprovision: true }]",
    "the file",
    "duplicate field `allowDeprovision`"
)]
#[case::line_is_named("tenancy: []\n\nprobes: { lsten: x }", "the file", "line 3")]
#[case::namespace_wildcard("tenancy: [{ namespace: '*', tenantIds: ['*'] }]", "tenancy[0].namespace", "no wildcard")]
#[case::namespace_in_upper_case(
    "tenancy: [{ namespace: Security, tenantIds: ['*'] }]",
    "tenancy[0].namespace",
    "cannot be the name of a namespace"
)]
#[case::no_tenants("tenancy: [{ namespace: a, tenantIds: [] }]", "tenancy[0].tenantIds", "allows nothing")]
#[case::domain_as_tenant(
    "tenancy: [{ namespace: a, tenantIds: [contoso.com] }]",
    "tenancy[0].tenantIds[0]",
    "is not a tenant id"
)]
#[case::tenant_in_upper_case(
    "tenancy: [{ namespace: a, tenantIds: ['*', 8D3F2F3E-5A53-4C8E-9C3E-0D6F3A1C7B11] }]",
    "tenancy[0].tenantIds[1]",
    "lower case"
)]
#[case::tenant_twice(
    "tenancy: [{ namespace: a, tenantIds: [00000000-0000-0000-0000-000000000001] }, { namespace: a, tenantIds: [00000000-0000-0000-0000-000000000001], allowDeprovision: true }]",
    "tenancy[1].tenantIds[0]",
    "listed twice"
)]
#[case::any_twice("tenancy: [{ namespace: a, tenantIds: ['*', '*'] }]", "tenancy[0].tenantIds[1]", "listed twice")]
#[case::no_concurrency("tenancy: []\ncontroller: { concurrency: 0 }", "controller.concurrency", "from 1 to 256")]
#[case::too_much_concurrency(
    "tenancy: []\ncontroller: { concurrency: 257 }",
    "controller.concurrency",
    "257 is out of bounds"
)]
#[case::negative_time(
    "tenancy: []\ntiming: { slowProbeSeconds: -1 }",
    "timing.slowProbeSeconds",
    "or leave it out for 1800"
)]
#[case::storm("tenancy: []\ntiming: { operationPollSeconds: 0 }", "timing.operationPollSeconds", "from 1 to 3600")]
#[case::resync_crossed(
    "tenancy: []\ntiming: { resyncMinimumSeconds: 60, resyncMaximumSeconds: 30 }",
    "timing.resyncMinimumSeconds",
    "60 is more than resyncMaximumSeconds, which is 30"
)]
#[case::retry_crossed(
    "tenancy: []\ntiming: { retryInitialSeconds: 600 }",
    "timing.retryInitialSeconds",
    "raise timing.retryMaximumSeconds"
)]
#[case::a_deadline_beyond_the_lease(
    "tenancy: []\nleaderElection: { renewDeadlineSeconds: 15 }",
    "leaderElection.renewDeadlineSeconds",
    "not less than leaseDurationSeconds, which is 15"
)]
#[case::one_try_only(
    "tenancy: []\nleaderElection: { retryPeriodSeconds: 6 }",
    "leaderElection.retryPeriodSeconds",
    "more than half of renewDeadlineSeconds, which is 10"
)]
#[case::a_lease_that_is_too_long(
    "tenancy: []\nleaderElection: { leaseDurationSeconds: 301 }",
    "leaderElection.leaseDurationSeconds",
    "from 3 to 300"
)]
#[case::a_lease_in_capitals(
    "tenancy: []\nleaderElection: { name: Operator }",
    "leaderElection.name",
    "cannot be the name of a Lease"
)]
#[case::a_lease_anywhere(
    "tenancy: []\nleaderElection: { namespace: '*' }",
    "leaderElection.namespace",
    "cannot be the name of a namespace"
)]
#[case::checked_also_where_there_is_no_election(
    "tenancy: []\nleaderElection: { enabled: false, retryPeriodSeconds: 0 }",
    "leaderElection.retryPeriodSeconds",
    "from 1 to 149"
)]
#[case::host_name_to_listen_on("tenancy: []\nprobes: { listen: 'localhost:8080' }", "probes.listen", "0.0.0.0:8080")]
fn files_that_are_refused(#[case] text: &str, #[case] field: &str, #[case] says: &str) {
    let problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with(&format!("{field}: ")) && problems[0].contains(says), "{problems:?}");
}

#[rstest]
#[case::no_auth("  auth: {}\n", "broker.auth", "exactly one of")]
#[case::two_ways(
    "  auth: { basic: { username: a, passwordFile: password }, bearer: { tokenFile: password } }\n",
    "broker.auth",
    "exactly one of"
)]
#[case::colon(
    "  auth: { basic: { username: 'a:b', passwordFile: password } }\n",
    "broker.auth.basic.username",
    "colon"
)]
#[case::no_name("  auth: { basic: { username: '', passwordFile: password } }\n", "broker.auth.basic.username", "empty")]
#[case::no_such_file(
    "  auth: { basic: { username: a, passwordFile: missing } }\n",
    "broker.auth.basic.passwordFile",
    "cannot be read (entity not found)"
)]
#[case::empty_file(
    "  auth: { basic: { username: a, passwordFile: empty } }\n",
    "broker.auth.basic.passwordFile",
    "is empty"
)]
#[case::only_a_line_break(
    "  auth: { basic: { username: a, passwordFile: newline } }\n",
    "broker.auth.basic.passwordFile",
    "is empty"
)]
#[case::binary_file(
    "  auth: { basic: { username: a, passwordFile: binary } }\n",
    "broker.auth.basic.passwordFile",
    "cannot be read"
)]
#[case::token_of_two_lines(
    "  auth: { bearer: { tokenFile: two-lines } }\n",
    "broker.auth.bearer.tokenFile",
    "several lines"
)]
#[case::no_certificate(
    "  auth: { clientCertificate: { certificateFile: text, keyFile: tls.key } }\n",
    "broker.auth.clientCertificate",
    "PEM form"
)]
#[case::secret_in_the_file(
    "  auth: { basic: { username: a, password: pl4nted-marker } }\n",
    "the file",
    "unknown field `password`"
)]
#[case::ca_missing(
    "  auth: { bearer: { tokenFile: password } }\n  caFile: missing\n",
    "broker.caFile",
    "cannot be read"
)]
#[case::ca_without_certificates(
    "  auth: { bearer: { tokenFile: password } }\n  caFile: text\n",
    "broker.caFile",
    "no certificate in PEM form"
)]
#[case::empty_offering(
    "  auth: { bearer: { tokenFile: password } }\n  offering: ''\n",
    "broker.offering",
    "leave it out"
)]
#[case::no_time(
    "  auth: { bearer: { tokenFile: password } }\n  requestTimeoutSeconds: 0\n",
    "broker.requestTimeoutSeconds",
    "from 1 to 300"
)]
#[case::too_long(
    "  auth: { bearer: { tokenFile: password } }\n  maximumPollingSeconds: 604801\n",
    "broker.maximumPollingSeconds",
    "from 1 to 604800"
)]
fn brokers_that_are_refused(#[case] lines: &str, #[case] field: &str, #[case] says: &str) {
    let problems = problems(&broker_file(lines));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with(&format!("{field}: ")) && problems[0].contains(says), "{problems:?}");
}

#[test]
fn clear_text_to_another_host_is_refused() {
    let text = broker_file(BASIC).replace("https://broker.example.com", "http://broker.example.com");
    let problems = problems(&text);
    assert!(problems[0].starts_with("broker.url: ") && problems[0].contains("loopback"), "{problems:?}");
}

#[test]
fn there_need_not_be_an_election() {
    assert_eq!(parse("tenancy: []\nleaderElection: { enabled: false }").unwrap().leader_election, None);
    let short =
        "tenancy: []\nleaderElection: { leaseDurationSeconds: 3, renewDeadlineSeconds: 2, retryPeriodSeconds: 1 }";
    assert!(parse(short).unwrap().leader_election.is_some());
}

#[test]
fn a_host_has_a_name() {
    assert!(!host_name().is_empty());
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = "
tenancy:
  - { namespace: A, tenantIds: [x, y] }
broker:
  url: ftp://x
  auth: { basic: { username: a, passwordFile: missing } }
  caFile: missing
timing: { slowProbeSeconds: 0 }
controller: { concurrency: 1000 }
leaderElection: { name: '', renewDeadlineSeconds: 20, retryPeriodSeconds: 15 }
probes: { listen: nowhere }
";
    assert_eq!(problems(text).len(), 12);
}

#[test]
fn a_file_on_disk_is_read_and_named_in_its_problems() {
    let directory = directory();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, broker_file(BASIC)).unwrap();
    assert!(Config::load(&path).is_ok(), "files are found beside the configuration");
    std::fs::write(&path, "tenancy: []\ncontroller: { concurrency: 0 }\n").unwrap();
    let errors = Config::load(&path).unwrap_err().to_string();
    let expected = format!(
        "reading the configuration {}: 1 problem\n- controller.concurrency: 0 is out of bounds. Choose a number from 1 to 256, or leave it out for 16",
        path.display()
    );
    assert_eq!(errors, expected);
    let errors = Config::load(Path::new("/nowhere/config.yaml")).unwrap_err().to_string();
    assert!(errors.contains("/nowhere/config.yaml") && errors.contains("cannot be read"), "{errors}");
}
