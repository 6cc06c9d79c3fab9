//! `uninstall --check`: what would be left or hurt, and how what is in the way is released.

use std::process::Command;

use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::judges::{assert_settled, held, seed, verdict};
use crate::support::control_plane::{Access, Credential};
use crate::support::stage::{PROGRAM, Stage};
use crate::{OTHER, TENANT};

/// Exit code and what was printed.
fn check(stage: &Stage, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["uninstall", "--check", "-n", &stage.namespace]).args(arguments);
    let output = command.env("KUBECONFIG", stage.plane.kubeconfig_path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

fn json(stage: &Stage) -> Value {
    let (_, text) = check(stage, &["--output", "json"]);
    serde_json::from_str(&text).unwrap()
}

/// The command that is printed for whoever follows it, without the name of the program.
fn patch(text: &str) -> Vec<String> {
    let line = text.lines().map(str::trim).find(|line| line.starts_with("kubectl patch ")).unwrap();
    let (before, patch) = line.trim_start_matches("kubectl ").split_once(" -p ").unwrap();
    let patch = patch.strip_prefix('\'').and_then(|patch| patch.strip_suffix('\'')).unwrap();
    before.split(' ').chain(["-p", patch]).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_resource_is_in_the_way_until_its_sentence_is_followed() {
    let stage = Stage::open("uninstall").await;
    let (code, text) = check(&stage, &[]);
    assert_eq!(code, 0, "{text}");
    seed(&stage, TENANT).await;
    seed(&stage, OTHER).await;
    let operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await.unwrap();
    stage.apply("fabrikam", json!({"tenantId": OTHER})).await.unwrap();
    stage.until_current("contoso").await;
    stage.until_current("fabrikam").await;

    let before = (stage.read("contoso").await, stage.read("fabrikam").await);
    let (code, text) = check(&stage, &[]);
    assert_eq!(code, 2, "{text}");
    let own = format!("{}/contoso: it is held", stage.namespace);
    assert!(text.contains(&own) && !text.contains("fabrikam: it is held"), "{text}");
    assert!(text.contains("Set deletionPolicy: Retain, here and in Git, and wait"), "{text}");
    assert!(text.contains(&format!("{}/fabrikam: tenant {OTHER}, the service is on, data in EU", stage.namespace)));
    assert!(text.contains("CustomResourceDefinition threatprotectiontenants.threatprotection.dev, and"), "{text}");
    assert!(text.ends_with("1 thing is in the way. Exit 2.\n"), "{text}");
    let document = json(&stage);
    assert_eq!(document["inTheWay"][0]["kind"], "Finalizer");
    assert_eq!(document["tenants"].as_array().unwrap().len(), 2);
    let lease = document["leases"].as_array().unwrap().iter().find(|lease| lease["namespace"] == stage.namespace);
    assert!(lease.is_none_or(|lease| lease["holder"].is_string()), "{document:#}");
    assert_eq!((stage.read("contoso").await, stage.read("fabrikam").await), before, "it only looks");

    let followed = patch(&text);
    let followed: Vec<&str> = followed.iter().map(String::as_str).collect();
    let output = stage.plane.kubectl(&followed).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    stage.until("contoso", "without a finalizer", |resource| resource["metadata"]["finalizers"].is_null()).await;
    stage.until_current("contoso").await;
    let (code, text) = check(&stage, &[]);
    assert!(code == 0 && text.ends_with("Nothing is in the way. Exit 0.\n"), "{text}");

    // And so it is: without an operator it goes at once, and the tenant stays on.
    assert_settled(&stage, "contoso", TENANT).await;
    drop(operator);
    stage.resources().delete("contoso", &DeleteParams::default()).await.unwrap();
    assert!(stage.read("contoso").await.is_null());
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_under_way_is_in_the_way_until_it_has_ended() {
    let stage = Stage::open("uninstall-at-work").await;
    seed(&stage, TENANT).await;
    let hold = stage.simulator.hold(json!({"endpoint": "provision"}), "arrived").await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    held(&stage, hold).await;
    let (code, text) = check(&stage, &[]);
    assert!(code == 2 && text.contains("Enable was sent, or is about to be, and has not ended"), "{text}");
    stage.simulator.release(hold, "proceed").await.unwrap();
    let ready = stage.until_current("contoso").await;
    assert_eq!(verdict(&ready, "Ready"), ("True", "Enabled"));
    let (code, text) = check(&stage, &[]);
    assert!(code == 0 && text.ends_with("Nothing is in the way. Exit 0.\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_look_is_told_what_to_do() {
    let stage = Stage::open("uninstall-blind").await;
    let run = |arguments: &[&str], kubeconfig: &str| {
        let output = Command::new(PROGRAM).args(arguments).env("KUBECONFIG", kubeconfig).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    };
    let (code, text) = run(&["uninstall", "--check"], "/nowhere");
    assert!(code == 1 && text.contains("KUBECONFIG"), "{text}");
    // Whoever may see the resources of one namespace is told what else there is, and not refused.
    let token = stage.plane.service_account_token(&stage.namespace, "threat-protection-operator").await.unwrap();
    let access = Access { credential: Credential::Token(token), server: None, namespace: None };
    let kubeconfig = stage.plane.write_kubeconfig(&stage.namespace, &access).unwrap();
    let (code, text) = run(&["uninstall", "--check", "-n", &stage.namespace], kubeconfig.to_str().unwrap());
    assert!(code == 0 && text.contains("not looked at, because you may not: Leases"), "{text}");
    assert!(text.contains("CustomResourceDefinition "), "{text}");
    let (code, text) = run(&["uninstall"], stage.plane.kubeconfig_path().to_str().unwrap());
    assert!(code == 1 && text.contains("--check"), "uninstalling is not ours: {text}");
}
