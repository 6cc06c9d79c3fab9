use rstest::rstest;

use super::{directory, parse, problems};
use crate::config::{Config, MetricsConfig};

#[test]
fn metrics_have_a_listener_of_their_own_where_one_is_named() {
    assert_eq!(parse("tenancy: []\nmetrics: {}").unwrap().metrics, None);
    let directory = directory();
    let text = "tenancy: []\nmetrics: { listen: '0.0.0.0:9443', tls: { certificateFile: tls.crt, keyFile: tls.key }, clientCaFile: tls.crt, bearerTokenFile: password }";
    let file = |name: &str| directory.path().join(name);
    let expected = MetricsConfig {
        listen: "0.0.0.0:9443".parse().unwrap(),
        tls: Some((file("tls.crt"), file("tls.key"))),
        client_ca_file: Some(file("tls.crt")),
        token_file: Some(file("password")),
    };
    assert_eq!(Config::parse(text, directory.path()).unwrap().metrics, Some(expected));
    let local = "tenancy: []\nmetrics: { listen: '127.0.0.1:9443', bearerTokenFile: password }";
    assert!(parse(local).is_ok(), "nobody stands between a process and itself");
}

#[rstest]
#[case::not_an_address("listen: nowhere", "metrics.listen", "is not an address")]
#[case::port_of_the_probes("listen: '127.0.0.1:8080'", "metrics.listen", "the same port")]
#[case::nothing_to_protect("bearerTokenFile: password", "metrics.bearerTokenFile", "stand beside the probes")]
#[case::tls_without_a_listener(
    "tls: { certificateFile: tls.crt, keyFile: tls.key }",
    "metrics.tls",
    "stand beside the probes"
)]
#[case::ca_without_a_listener("clientCaFile: tls.crt", "metrics.clientCaFile", "stand beside the probes")]
#[case::ca_without_tls("listen: '0.0.0.0:1', clientCaFile: tls.crt", "metrics.clientCaFile", "metrics.tls is missing")]
#[case::open_token("listen: '0.0.0.0:1', bearerTokenFile: password", "metrics.bearerTokenFile", "could read the token")]
#[case::no_token("listen: '127.0.0.1:1', bearerTokenFile: none", "metrics.bearerTokenFile", "cannot be read")]
#[case::empty_token("listen: '127.0.0.1:1', bearerTokenFile: newline", "metrics.bearerTokenFile", "is empty")]
#[case::no_certificate(
    "listen: '127.0.0.1:1', tls: { certificateFile: none, keyFile: tls.key }",
    "metrics.tls.certificateFile",
    "cannot be read"
)]
#[case::no_key(
    "listen: '127.0.0.1:1', tls: { certificateFile: tls.crt, keyFile: none }",
    "metrics.tls.keyFile",
    "cannot be read"
)]
#[case::not_a_key(
    "listen: '127.0.0.1:1', tls: { certificateFile: tls.crt, keyFile: text }",
    "metrics.tls",
    "private key, both in PEM form"
)]
#[case::not_a_ca(
    "listen: '127.0.0.1:1', tls: { certificateFile: tls.crt, keyFile: tls.key }, clientCaFile: text",
    "metrics.clientCaFile",
    "certificates in PEM form"
)]
#[case::unknown("token: x", "the file", "unknown field")]
fn mistakes_about_the_metrics_are_named(#[case] line: &str, #[case] field: &str, #[case] what: &str) {
    let problems = problems(&format!("tenancy: []\nmetrics: {{ {line} }}"));
    let found = problems.iter().any(|problem| problem.starts_with(&format!("{field}: ")) && problem.contains(what));
    assert!(found, "{problems:#?}");
}
