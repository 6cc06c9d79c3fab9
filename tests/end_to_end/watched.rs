//! Can an operator be watched? Its metrics agree with what others counted, its log has one line a step and a verdict,
//! and what it logs can be changed while it runs.
#![expect(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::panic,
    reason = "the numbers are whole and small, and a test that cannot go on should end where it stands"
)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use threat_protection_operator::cli::metrics;

use crate::TENANT;
use crate::broker_access::{probe, probes, until_ready};
use crate::judges::{answered, assert_settled, gone, seed, until, writes};
use crate::support::stage::{Operator, Stage, ready};

/// The lines of a log with this message.
pub(crate) fn lines(operator: &Operator, message: &str) -> Vec<Value> {
    let log = operator.log();
    let all = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|line| line["message"] == message).collect()
}

/// The series of a page of metrics, with their values.
pub(crate) fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// The sum of all series that begin so and hold all of these.
pub(crate) fn sum(series: &BTreeMap<String, f64>, name: &str, labels: &[&str]) -> f64 {
    let begin = format!("threat_protection_{name}");
    let fits = |shown: &str| {
        shown.split('{').next() == Some(begin.as_str()) && labels.iter().all(|label| shown.contains(label))
    };
    series.iter().filter(|(shown, _)| fits(shown)).map(|(_, value)| value).sum()
}

/// Every series is in the documentation, with values of labels that stand there.
fn assert_documented(series: &BTreeMap<String, f64>) {
    let known: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = metrics::descriptions()
        .unwrap()
        .into_iter()
        .flat_map(|one| one.series().into_iter().map(move |name| (name, one.labels.clone())))
        .collect();
    for shown in series.keys() {
        let (name, labels) = shown.split_once('{').unwrap_or((shown, "}"));
        let documented = known.get(name).unwrap_or_else(|| panic!("{shown} is not documented"));
        for (label, value) in labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('=')) {
            let is_known = documented.get(label).is_some_and(|values| values.contains(value.trim_matches('"')));
            assert!(is_known || label == "le" || label == "version", "{shown}: {label} is not of a fixed set");
        }
    }
}

fn declared(state: &str) -> Value {
    json!({
        "tenantId": TENANT,
        "desiredState": state,
        "dataLocation": {"region": "US"},
        "deletionPolicy": "Deprovision",
        "integrations": [{"name": "identity-data", "type": "IdentityCloudApps"}],
    })
}

/// Changes of the tenant that the broker took.
async fn changes(stage: &Stage) -> u64 {
    let mut sum = 0;
    for method in ["PUT", "PATCH", "DELETE"] {
        for status in [200, 201, 202] {
            sum += answered(&stage.simulator, TENANT, method, status).await;
        }
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_log_agree_with_what_others_counted() {
    let stage = Stage::open("watched").await;
    seed(&stage, TENANT).await;
    stage.simulator.settings(None, json!({"mode": "sync"})).await.unwrap();
    let operator = stage.operator(&stage.configuration()).await;
    let address = probes(&operator).await;
    until_ready(&address).await;
    stage.apply("contoso", declared("Enabled")).await.unwrap();
    let resource = stage.until_current("contoso").await;
    assert_settled(&stage, "contoso", TENANT).await;

    let shown = series(&probe(&address, "/metrics").await.1);
    assert_documented(&shown);
    let executed = lines(&operator, "step executed");
    let steps = changes(&stage).await;
    assert!(steps >= 2, "it was turned on and linked");
    assert_eq!(executed.len() as u64, steps, "one line a step: {executed:#?}");
    assert_eq!(sum(&shown, "steps_total", &["actor=\"Broker\""]), steps as f64);
    assert_eq!(sum(&shown, "steps_total", &["step=\"Enable\"", "result=\"done\""]), 1.0);
    let written = writes(&stage, "contoso").await;
    let of_status = written.iter().filter(|write| write.contains("status")).count();
    assert_eq!(sum(&shown, "status_writes_total", &["result=\"written\""]), of_status as f64, "{written:?}");
    assert_eq!(
        sum(&shown, "remote_requests_total", &["api=\"broker\"", "operation=\"provision\"", "class=\"ok\""]),
        1.0
    );
    assert!(sum(&shown, "reconciles_total", &["result=\"ok\""]) >= 1.0);
    assert_eq!(sum(&shown, "reconcile_duration_seconds_count", &[]), sum(&shown, "reconciles_total", &[]));
    assert_eq!(sum(&shown, "resources", &[]), 1.0);
    assert_eq!(sum(&shown, "tenants", &["condition=\"Ready\"", "status=\"True\"", "reason=\"Enabled\""]), 1.0);
    assert_eq!(sum(&shown, "time_to_ready_seconds_count", &[]), 1.0);
    assert_eq!(sum(&shown, "leader", &[]), 1.0);
    for gauge in ["hand_offs_open", "reconciles_in_flight", "deletion_oldest_seconds", "resources_backing_off"] {
        assert!(sum(&shown, gauge, &[]) <= 1.0, "{gauge}");
    }

    let verdicts = lines(&operator, "new verdict");
    let reasons: Vec<_> = verdicts.iter().map(|line| line["reason"].as_str().unwrap_or_default()).collect();
    assert!(reasons.windows(2).all(|pair| pair[0] != pair[1]), "one line a change: {reasons:?}");
    assert_eq!(reasons.last().copied(), Some(ready(&resource).1));
    for line in executed.iter().chain(&verdicts) {
        let span = &line["span"];
        assert_eq!((&span["namespace"], &span["resource"]), (&json!(stage.namespace), &json!("contoso")), "{line}");
        assert_eq!((&span["tenant"], &span["generation"]), (&json!(TENANT), &json!(1)), "{line}");
        assert!(span["name"] == "reconcile" && span["pass"].is_u64(), "{line}");
    }

    let mut last = declared("Deprovisioned");
    last["deprovisionConfirmation"] = json!(TENANT);
    stage.apply("contoso", last).await.unwrap();
    stage.until_ready("contoso", "True", "Deprovisioned").await;
    stage.resources().delete("contoso", &kube::api::DeleteParams::default()).await.unwrap();
    gone(&stage, "contoso").await;
    until("the release is counted and the resource is not", async || {
        let shown = series(&probe(&address, "/metrics").await.1);
        sum(&shown, "time_to_delete_seconds_count", &[]) == 1.0 && sum(&shown, "resources", &[]) == 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_logged_changes_while_the_operator_runs() {
    let stage = Stage::open("filter").await;
    seed(&stage, TENANT).await;
    let file = stage.directory().join("log-filter");
    let mut configuration = stage.configuration();
    configuration.log_filter_file = Some(file.clone());
    let operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    stage.until_current("contoso").await;
    let unusable = "the file with the log filter is not usable; the filter stays as it was";
    until("the missing file is told", async || lines(&operator, unusable).len() == 1).await;
    let debugs =
        || lines(&operator, "called the service broker").iter().filter(|line| line["level"] == "DEBUG").count();
    assert_eq!(debugs(), 0, "info is the default");
    std::fs::write(&file, "info,threat_protection_operator=debug\n").unwrap();
    until("looks are logged", async || debugs() > 0).await;
    assert_eq!(lines(&operator, unusable).len(), 1);
    std::fs::write(&file, "x=y=z,=,=").unwrap();
    until("the bad file is told", async || lines(&operator, unusable).len() == 2).await;
    let before = debugs();
    until("the filter stays as it was", async || debugs() > before).await;
}
