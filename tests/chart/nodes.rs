//! Does the node for tests do what pods ask of it, and refuse what it does not?

use std::time::Instant;

use serde_json::{Value, json};

use crate::helm::RELEASE;
use crate::node::shared_node;
use crate::support::control_plane::process::{Signal, is_running, signal};
use crate::support::control_plane::shared;
use crate::support::stage::PATIENCE;

/// A configuration with which the program runs: it serves probes, and waits for its definition.
const CONFIGURATION: &str = "tenancy: []\nleaderElection: { enabled: false }\n";

async fn kubectl(arguments: &[&str], input: &str) -> String {
    let output = shared().kubectl_with_input(arguments, input).await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a namespace with an account, a configuration, and a pod whose spec has these fields besides.
async fn start(namespace: &str, fields: Value) {
    shared_node().await;
    let arguments = ["create", "--filename=-"];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": RELEASE, "namespace": namespace}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config", "namespace": namespace},
         "data": {"config.yaml": CONFIGURATION}},
    ]});
    kubectl(&arguments, &list.to_string()).await;
    let probe =
        |path: &str| json!({"httpGet": {"path": path, "port": "probes"}, "periodSeconds": 1, "failureThreshold": 8});
    let mut spec = json!({
        "serviceAccountName": RELEASE,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 1,
        "containers": [{
            "name": "operator",
            "image": "images.example.com/threat-protection-operator:0.1.0",
            "args": ["run"],
            "env": [{"name": "TPO_CONFIG", "value": "/etc/operator/config.yaml"}],
            "ports": [{"name": "probes", "containerPort": 8080}],
            "livenessProbe": probe("/livez"),
            "readinessProbe": probe("/livez"),
            "volumeMounts": [{"name": "config", "mountPath": "/etc/operator"}],
        }],
        "volumes": [{"name": "config", "configMap": {"name": "config"}}],
    });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "namespace": namespace}, "spec": spec});
    kubectl(&arguments, &pod.to_string()).await;
}

/// Waits until the pod is as wanted, and gives its status.
async fn until(namespace: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let pod = kubectl(&["get", "pod", "operator", "--namespace", namespace, "--output=json"], "").await;
        let pod: Value = serde_json::from_str(&pod).unwrap();
        if wanted(&pod["status"]) {
            return pod["status"].clone();
        }
        assert!(
            start.elapsed() < PATIENCE,
            "not {what}: {}\n{}",
            pod["status"],
            shared_node().await.log(namespace, "operator")
        );
    }
}

fn container(status: &Value) -> &Value {
    &status["containerStatuses"][0]
}

fn process(status: &Value) -> Option<u32> {
    container(status)["containerID"].as_str()?.strip_prefix("process://")?.parse().ok()
}

#[tokio::test]
async fn a_container_that_ends_or_answers_no_more_is_restarted_and_ends_with_its_pod() {
    let namespace = "restarts";
    start(namespace, json!({})).await;
    let first = process(&until(namespace, "running", |status| process(status).is_some()).await).unwrap();
    signal(first, Signal::Kill).unwrap();
    let again =
        until(namespace, "restarted", |status| container(status)["restartCount"] == 1 && process(status).is_some());
    let again = again.await;
    assert_eq!(container(&again)["lastState"]["terminated"]["exitCode"], 137, "{again}");

    let second = process(&again).unwrap();
    signal(second, Signal::Stop).unwrap();
    let ended = until(namespace, "found dead", |status| container(status)["restartCount"] == 2).await;
    assert_eq!(container(&ended)["lastState"]["terminated"]["exitCode"], 137, "it did not hear SIGTERM: {ended}");
    assert_eq!(container(&ended)["state"]["waiting"]["reason"], "CrashLoopBackOff", "{ended}");

    kubectl(&["delete", "pod", "operator", "--namespace", namespace, "--timeout=30s"], "").await;
    assert!(!is_running(first) && !is_running(second));
}

#[tokio::test]
async fn a_pod_that_goes_ends_its_process_in_order_or_else_by_force() {
    for (namespace, is_deaf) in [("leaves", false), ("deaf", true)] {
        start(namespace, json!({})).await;
        let status = until(namespace, "ready", |status| container(status)["ready"] == true).await;
        let process = process(&status).unwrap();
        if is_deaf {
            signal(process, Signal::Stop).unwrap();
        }
        kubectl(&["delete", "pod", "operator", "--namespace", namespace, "--timeout=30s"], "").await;
        assert!(!is_running(process));
        let log = shared_node().await.log(namespace, "operator");
        assert_eq!(log.contains("ending; another signal ends at once"), !is_deaf, "{log}");
    }
}

#[tokio::test]
async fn what_a_pod_asks_for_and_the_node_does_not_do_is_named() {
    for (namespace, fields, named) in [
        ("host-path", json!({"volumes": [{"name": "config", "hostPath": {"path": "/etc"}}]}), "hostPath"),
        ("host-processes", json!({"hostPID": true}), "hostPID"),
        ("selector", json!({"nodeSelector": {"disk": "fast"}}), "nodeSelector"),
        ("links", json!({"enableServiceLinks": true}), "enableServiceLinks"),
    ] {
        start(namespace, fields).await;
        let refused = until(namespace, "refused", |status| !status["message"].is_null()).await;
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(named) && refused["phase"] == "Pending", "{refused}");
        kubectl(&["delete", "pod", "operator", "--namespace", namespace, "--timeout=30s"], "").await;
    }
}
