//! What Helm concludes of a release that declares a tenant: `--wait` ends when the tenant is as declared, and at once when
//! a person has to act.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::helm::helm;
use crate::support::stage::{Stage, ready};

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
/// The release must not wait for it where nothing can come any more.
const PATIENCE: Duration = Duration::from_mins(2);

/// A chart of a platform team: one tenant, in the state that a value names.
fn chart_of_a_tenant(folder: &Path) -> String {
    let chart = folder.join("contoso");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: contoso\nversion: 1.0.0\n").unwrap();
    std::fs::write(chart.join("values.yaml"), "state: Enabled\n").unwrap();
    let tenant = format!(
        "apiVersion: threatprotection.dev/v1alpha1\nkind: ThreatProtectionTenant\nmetadata: {{ name: contoso }}\nspec: {{ tenantId: {TENANT}, desiredState: {{{{ .Values.state }}}} }}\n"
    );
    std::fs::write(chart.join("templates/tenant.yaml"), tenant).unwrap();
    chart.to_str().unwrap().to_owned()
}

/// Runs Helm in the namespace of the stage. It blocks; the operator is a process of its own.
fn release(stage: &Stage, home: &Path, verb: &str, more: &[&str]) -> Output {
    let chart = chart_of_a_tenant(home);
    let timeout = format!("{}s", PATIENCE.as_secs());
    let fixed = [verb, "contoso", &chart, "--wait", "--timeout", &timeout, "--namespace", &stage.namespace];
    helm(home, Some(stage.plane.kubeconfig_path()), &[&fixed[..], more].concat())
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn helm_waits_until_the_tenant_is_as_declared_also_after_an_upgrade_and_a_rollback() {
    let stage = Stage::open("helm-waits").await;
    let members = json!({"services": ["Endpoint", "Identity", "CloudApps"], "automaticRegion": "EU"});
    stage.simulator.seed(TENANT, members).await.unwrap();
    // The broker takes its time, so that an end before it is seen.
    stage.simulator.settings(None, json!({"mode": {"async": {"polls": 2}}})).await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    let home = tempfile::tempdir().unwrap();
    for (verb, more, reason) in [
        ("install", &[][..], "Enabled"),
        ("upgrade", &["--set", "state=Disabled"][..], "Disabled"),
        ("upgrade", &["--set", "state=Enabled"][..], "Enabled"),
    ] {
        let output = release(&stage, home.path(), verb, more);
        assert!(output.status.success(), "{verb} {more:?}: {}", words(&output));
        assert_eq!(ready(&stage.read("contoso").await), ("True", reason), "when Helm has ended");
    }
    let back = ["rollback", "contoso", "2", "--wait", "--timeout", "2m", "--namespace", stage.namespace.as_str()];
    let output = helm(home.path(), Some(stage.plane.kubeconfig_path()), &back);
    assert!(output.status.success(), "{}", words(&output));
    assert_eq!(ready(&stage.read("contoso").await), ("True", "Disabled"));
}

#[tokio::test]
async fn helm_ends_at_once_where_a_person_has_to_act_and_says_so() {
    let stage = Stage::open("helm-told").await;
    stage.simulator.seed(TENANT, json!({"services": ["Endpoint"], "automaticRegion": "EU"})).await.unwrap();
    let mut configuration = stage.configuration();
    configuration.broker = None;
    let _operator = stage.operator(&configuration).await;
    let (home, begin) = (tempfile::tempdir().unwrap(), Instant::now());
    let output = release(&stage, home.path(), "install", &[]);
    assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
    let told = words(&output);
    assert!(!output.status.success() && told.contains("contoso") && told.contains("Failed"), "{told}");
    let stored = stage.read("contoso").await;
    assert_eq!(ready(&stored).1, "ActionRequired");
}
