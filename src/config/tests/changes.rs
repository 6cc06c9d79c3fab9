//! What differs between two files, and what of it is taken over while the operator runs.

use super::*;

/// A file in which every part can be changed.
const FILE: &str = "tenancy: [{ namespace: a, tenantIds: ['*'] }]
broker:
  url: https://broker.example.com/osb
  auth: { basic: { username: operator, passwordFile: password } }
microsoft: { requestTimeoutSeconds: 60, workloadIdentity: { tokenFile: token, allow: [] } }
timing: { claimGraceSeconds: 60 }
controller: { concurrency: 4 }
leaderElection: { name: lease }
probes: { listen: '127.0.0.1:0' }
metrics: { listen: '127.0.0.1:0' }
";

/// One that differs in every part but the one namespace.
const OTHER_FILE: &str = "tenancy: []\nmicrosoft: { requestsPerMinute: 61 }\nleaderElection: { enabled: false }\n";

fn changed(old: &str, new: &str) -> Vec<&'static str> {
    let directory = directory();
    let parse = |text: &str| Config::parse(text, directory.path()).unwrap();
    parse(old).changes(&parse(new)).into_iter().map(Part::key).collect()
}

#[rstest]
#[case::mapping("namespace: a", "namespace: b", "tenancy")]
#[case::deprovisioning("['*'] }", "['*'], allowDeprovision: true }", "tenancy")]
#[case::address("broker.example.com", "other.example.com", "broker")]
#[case::user("username: operator", "username: other", "broker")]
#[case::password("passwordFile: password", "passwordFile: text", "broker")]
#[case::way_to_sign_in(
    "basic: { username: operator, passwordFile: password }",
    "bearer: { tokenFile: password }",
    "broker"
)]
#[case::authority("passwordFile: password } }", "passwordFile: password } }\n  caFile: tls.crt", "broker")]
#[case::deadline("passwordFile: password } }", "passwordFile: password } }\n  maximumPollingSeconds: 7", "broker")]
#[case::cluster("passwordFile: password } }", "passwordFile: password } }\n  clusterId: other", "broker")]
#[case::limit("requestTimeoutSeconds: 60", "requestTimeoutSeconds: 61", "microsoft")]
#[case::budget("requestTimeoutSeconds: 60", "requestsPerMinute: 61", "microsoft")]
#[case::authority_of_microsoft("requestTimeoutSeconds: 60", "caFile: tls.crt", "microsoft")]
#[case::host("requestTimeoutSeconds: 60", "hosts: { Public: { arm: 'https://arm.example.com' } }", "microsoft")]
#[case::identity("tokenFile: token", "tokenFile: other", "microsoft.workloadIdentity")]
#[case::grace("claimGraceSeconds: 60", "claimGraceSeconds: 61", "timing")]
#[case::resync("claimGraceSeconds: 60", "claimGraceSeconds: 60, resyncMinimumSeconds: 1", "timing")]
#[case::poll("claimGraceSeconds: 60", "claimGraceSeconds: 60, operationPollSeconds: 1", "timing")]
#[case::retry("claimGraceSeconds: 60", "claimGraceSeconds: 60, retryMaximumSeconds: 7", "timing")]
#[case::probe("claimGraceSeconds: 60", "claimGraceSeconds: 60, slowProbeSeconds: 7", "timing")]
#[case::workers("concurrency: 4", "concurrency: 5", "controller.concurrency")]
#[case::scope("concurrency: 4", "concurrency: 4, watchNamespace: a", "controller.watchNamespace")]
#[case::lease("name: lease", "name: other", "leaderElection")]
#[case::no_election("name: lease", "enabled: false", "leaderElection")]
#[case::probes("probes: { listen: '127.0.0.1:0' }", "probes: { listen: '127.0.0.1:1' }", "probes")]
#[case::metrics("metrics: { listen: '127.0.0.1:0' }", "metrics: { listen: '127.0.0.1:1' }", "metrics")]
#[case::protection(
    "metrics: { listen: '127.0.0.1:0'",
    "metrics: { listen: '127.0.0.1:0', bearerTokenFile: password",
    "metrics"
)]
#[case::spelled_otherwise("timing: { claimGraceSeconds: 60 }", "timing:\n  claimGraceSeconds: 60 # one minute", "")]
#[case::said_by_default("requestTimeoutSeconds: 60, ", "", "")]
fn each_part_is_told(#[case] old: &str, #[case] new: &str, #[case] expected: &str) {
    assert!(FILE.contains(old), "{old}");
    let expected: Vec<&str> = Some(expected).filter(|key| !key.is_empty()).into_iter().collect();
    assert_eq!(changed(FILE, &FILE.replace(old, new)), expected);
    assert_eq!(changed(&FILE.replace(old, new), FILE), expected, "and back");
}

#[test]
fn a_broker_that_comes_or_goes_is_told() {
    let without = FILE.split("broker:").next().unwrap();
    assert!(changed(without, FILE).contains(&"broker") && changed(FILE, without).contains(&"broker"));
}

#[test]
fn what_needs_a_restart_stays_as_it_was_and_the_rest_is_taken_over() {
    let (old, new) = (parse(FILE).unwrap(), parse(OTHER_FILE).unwrap());
    let all: Vec<Part> = Part::ALL.into_iter().filter(|part| *part != Part::WatchNamespace).collect();
    assert_eq!(old.changes(&new).into_iter().collect::<Vec<_>>(), all);
    let in_force = old.taking_over(new.clone());
    let (waits, taken): (Vec<Part>, Vec<Part>) = all.into_iter().partition(|part| part.needs_restart());
    assert_eq!(in_force.changes(&new).into_iter().collect::<Vec<_>>(), waits);
    assert_eq!(old.changes(&in_force).into_iter().collect::<Vec<_>>(), taken);
    let scoped = parse("tenancy: []\ncontroller: { watchNamespace: a }").unwrap();
    assert_eq!(old.taking_over(scoped).watch_namespace, None);
}

#[test]
fn every_key_of_the_file_belongs_to_a_part() {
    let told = problems("tenancy: []\nzzz: 1").join("");
    let keys = told.split("expected one of ").nth(1).unwrap().split(')').next().unwrap();
    for key in keys.split('`').skip(1).step_by(2) {
        assert!(Part::ALL.iter().any(|part| part.key().split('.').next() == Some(key)), "{key}: {told}");
    }
    let keys: std::collections::BTreeSet<_> = Part::ALL.into_iter().map(Part::key).collect();
    assert_eq!(keys.len(), Part::ALL.len());
}
