//! Whether a real API server takes what is rendered, and lets its pods into a restricted namespace.

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use k8s_openapi::api::core::v1::Namespace;

use crate::helm::{HOME, RELEASE, cases, object, objects, rendered, template};
use crate::support::control_plane::shared;

/// Kinds of the Prometheus operator, which `foreign` makes known to this API server and tries.
const FOREIGN: &str = "monitoring.coreos.com/";
const RESTRICTED: &str = "pod-security.kubernetes.io/enforce";

/// Makes a namespace where there is none.
pub(crate) async fn namespace(name: &str, labels: &Value) {
    let namespaces: Api<Namespace> = Api::all(shared().client().await.unwrap());
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    namespaces.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&body)).await.unwrap();
}

/// What kubectl says, on standard error where it fails.
pub(crate) async fn kubectl(arguments: &[&str], input: &str) -> Result<String, String> {
    let output = shared().kubectl_with_input(arguments, input).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Objects as one document.
pub(crate) fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Applies without effect, with every field looked at.
async fn try_to_apply(what: &str, all: &[Value]) {
    let own = |object: &&Value| !object["apiVersion"].as_str().unwrap().starts_with(FOREIGN);
    let items: Vec<Value> = all.iter().filter(own).cloned().collect();
    let server_side = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts"];
    let arguments = [&server_side[..], &["--field-manager=test", "--filename=-"]].concat();
    let told = kubectl(&arguments, &list(&items)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(told.lines().count(), items.len(), "{what}: {told}");
}

#[tokio::test]
async fn every_object_is_accepted() {
    for name in [HOME, "security", "leases"] {
        namespace(name, &json!({})).await;
    }
    for case in cases() {
        try_to_apply(&case.display().to_string(), &objects(&rendered(&case))).await;
    }
    try_to_apply("as found", &objects(&template::<&str>(&[]).unwrap())).await;
}

#[tokio::test]
async fn a_field_that_does_not_exist_would_be_noticed() {
    namespace(HOME, &json!({})).await;
    let mut service =
        object(&objects(&template::<&str>(&[]).unwrap()), "Service", &format!("{RELEASE}-metrics")).clone();
    service["spec"]["prots"] = json!([]);
    let arguments = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
    let refusal = kubectl(&arguments, &service.to_string()).await.unwrap_err();
    assert!(refusal.contains("prots"), "{refusal}");
}

/// The pod that a Deployment would make, in another namespace.
fn pod(deployment: &Value, namespace: &str) -> Value {
    let template = &deployment["spec"]["template"];
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!("operator-0");
    metadata["namespace"] = json!(namespace);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
}

#[tokio::test]
async fn pods_are_let_into_a_restricted_namespace() {
    let name = "restricted";
    namespace(name, &json!({RESTRICTED: "restricted"})).await;
    let create = ["create", "--dry-run=server", "--validate=strict", "--filename=-"];
    let mut pods = Vec::new();
    for case in cases() {
        let all = objects(&rendered(&case));
        let deployment = all.iter().find(|object| object["kind"] == "Deployment").unwrap();
        pods.push((case.display().to_string(), pod(deployment, name)));
    }
    for account in pods.iter().map(|(_, pod)| pod["spec"]["serviceAccountName"].as_str().unwrap()) {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": name},
        });
        kubectl(&["apply", "--server-side", "--filename=-"], &account.to_string()).await.unwrap();
    }
    for (case, pod) in &pods {
        kubectl(&create, &pod.to_string()).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    let (_, mut bold) = pods.swap_remove(0);
    bold["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let refusal = kubectl(&create, &bold.to_string()).await.unwrap_err();
    assert!(refusal.contains("PodSecurity") && refusal.contains("allowPrivilegeEscalation"), "{refusal}");
}
