//! Where the tests play: the definition served, a namespace for each, and the acts of a user and of the operator.

use std::error::Error;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use serde_json::{Value, json};
use threat_protection_operator::api::custom_resource_definition;
use tokio::sync::OnceCell;

use crate::support::control_plane::shared;

pub(crate) type TestError = Box<dyn Error + Send + Sync>;
pub(crate) type TestResult = Result<(), TestError>;

pub(crate) const DEFINITION: &str = "threatprotectiontenants.threatprotection.dev";
pub(crate) const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
pub(crate) const OTHER: &str = "0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d";
/// The manager of the operator's status writes.
pub(crate) const OPERATOR: &str = "threat-protection-operator";

/// A minimal spec, changed by a merge patch.
pub(crate) fn spec(patch: &Value) -> Value {
    let mut spec = json!({ "tenantId": TENANT });
    json_patch::merge(&mut spec, patch);
    spec
}

/// A whole object with that spec.
pub(crate) fn manifest(name: &str, patch: &Value) -> Value {
    json!({
        "apiVersion": "threatprotection.dev/v1alpha1",
        "kind": "ThreatProtectionTenant",
        "metadata": { "name": name },
        "spec": spec(patch),
    })
}

/// A namespace of its own in which the resource is served.
pub(crate) struct Stage {
    pub(crate) namespace: String,
    pub(crate) tenants: Api<DynamicObject>,
}

impl Stage {
    pub(crate) async fn set() -> Result<Self, TestError> {
        let client = served().await?;
        let namespace = serde_json::from_value(json!({ "metadata": { "generateName": "resource-" } }))?;
        let created = Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        let namespace = created.metadata.name.ok_or("a namespace without a name")?;
        let tenants = Api::namespaced_with(client, &namespace, &resource());
        Ok(Self { namespace, tenants })
    }

    pub(crate) async fn create(&self, name: &str, spec: &Value) -> Result<DynamicObject, TestError> {
        let object = serde_json::from_value(manifest(name, spec))?;
        Ok(self.tenants.create(&PostParams::default(), &object).await?)
    }

    pub(crate) async fn get(&self, name: &str) -> Result<DynamicObject, TestError> {
        Ok(self.tenants.get(name).await?)
    }

    /// What the server says to a change of the spec, without making it.
    pub(crate) async fn would_edit(&self, name: &str, spec: &Value) -> kube::Result<DynamicObject> {
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        self.tenants.patch(name, &dry, &Patch::Merge(json!({ "spec": spec }))).await
    }

    pub(crate) async fn edit(&self, name: &str, patch: &Value) -> kube::Result<DynamicObject> {
        self.tenants.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await
    }

    /// Writes the status as the operator does.
    pub(crate) async fn report(&self, name: &str, status: &Value) -> kube::Result<DynamicObject> {
        let mut whole = manifest(name, &json!({}));
        if let Some(fields) = whole.as_object_mut() {
            fields.remove("spec");
            fields.insert("status".into(), status.clone());
        }
        self.tenants.patch_status(name, &PatchParams::apply(OPERATOR).force(), &Patch::Apply(&whole)).await
    }

    /// Runs kubectl in this namespace and returns what it prints, or fails with what it says.
    pub(crate) async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, TestError> {
        let whole: Vec<&str> = ["--namespace", self.namespace.as_str()].iter().chain(arguments).copied().collect();
        let output = shared().kubectl_with_input(&whole, input).await?;
        let printed = String::from_utf8(output.stdout)?;
        if output.status.success() {
            return Ok(printed);
        }
        Err(format!("kubectl {arguments:?}: {printed}{}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

/// What the server says to a new object, without storing it. Nothing is kept, so no namespace of its own is needed.
pub(crate) async fn would_create(client: &Client, spec: &Value) -> Result<kube::Result<DynamicObject>, TestError> {
    let tenants: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource());
    let object = serde_json::from_value(manifest("dry", spec))?;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    Ok(tenants.create(&dry, &object).await)
}

/// Fails unless the server refused with exactly this complaint among others.
pub(crate) fn assert_refused(answer: kube::Result<DynamicObject>, complaint: &str) -> TestResult {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 422 && status.message.contains(complaint) => Ok(()),
        Err(error) => Err(format!("expected {complaint:?}, but: {error}").into()),
        Ok(object) => Err(format!("expected {complaint:?}, but it was accepted: {:?}", object.data).into()),
    }
}

/// A client of a server that serves the definition.
pub(crate) async fn served() -> Result<Client, TestError> {
    static APPLIED: OnceCell<()> = OnceCell::const_new();
    let client = shared().client().await?;
    APPLIED.get_or_try_init(|| apply(client.clone())).await?;
    Ok(client)
}

async fn apply(client: Client) -> TestResult {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let strict =
        PatchParams { field_validation: Some(kube::api::ValidationDirective::Strict), ..PatchParams::apply("test") };
    definitions.patch(DEFINITION, &strict, &Patch::Apply(custom_resource_definition())).await?;
    let established = await_condition(definitions, DEFINITION, conditions::is_crd_established());
    tokio::time::timeout(Duration::from_secs(30), established).await??;
    let tenants: Api<DynamicObject> = Api::all_with(client, &resource());
    until("the kind to be served", async || tenants.list(&ListParams::default()).await.is_ok()).await
}

pub(crate) fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("threatprotection.dev", "v1alpha1", "ThreatProtectionTenant");
    ApiResource::from_gvk_with_plural(&kind, "threatprotectiontenants")
}

pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> TestResult {
    for _ in 0..600 {
        if is_so().await {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("waited 30 s for {what}").into())
}
