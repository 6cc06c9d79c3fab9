//! What all runs share: the API server with one namespace and the operator's account.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use threat_protection_operator::api::{CRD_NAME, ThreatProtectionTenant, custom_resource_definition};

use crate::outside::World;
use crate::support::control_plane::{Access, Credential, shared};
use crate::support::microsoft::{SECRET, SECRET_NAME, give_secret};
use crate::support::stage::{ACCOUNT, PATIENCE, apply_definition, create_account, create_namespace};

/// Shared by all runs of a test.
pub(crate) struct Stage {
    /// The administrator's client.
    pub(crate) admin: Client,
    /// The operator's, with the permissions that are shipped.
    pub(crate) operator: Client,
    pub(crate) namespace: String,
    directory: PathBuf,
}

impl Stage {
    pub(crate) async fn open(name: &str) -> Self {
        let plane = shared();
        let admin = plane.client().await.expect("a client");
        apply_definition(&admin).await;
        admit_any_cloud(&admin).await;
        let namespace = format!("{name}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        create_namespace(&admin, &namespace).await;
        create_account(&admin, &namespace).await;
        give_secret(&admin, &namespace, (SECRET_NAME, SECRET)).await.expect("the Secret is there");
        let token = plane.service_account_token(&namespace, ACCOUNT).await.expect("a token");
        let access = Access { credential: Credential::Token(token), ..Access::default() };
        let operator = plane.client_for(&access).await.expect("a client");
        let directory = plane.directory().join(&namespace);
        std::fs::create_dir(&directory).expect("a directory of its own");
        Self { admin, operator, namespace, directory }
    }

    /// A simulated world for the runs of one story: what it remembers of each run must not slow down all others.
    pub(crate) async fn world(&self, story: &str) -> World {
        let directory = self.directory.join(story);
        std::fs::create_dir(&directory).expect("a directory of its own");
        World::start(&directory).await
    }

    /// How many requests about our resources and events the operator made, by the API server's own record. One more
    /// request is made and awaited first, so that nothing is missing.
    pub(crate) async fn audited(&self) -> usize {
        let marker = format!("marker-{}", uuid::Uuid::new_v4().simple());
        let missing = self.resources().get_opt(&marker).await.expect("the API server answers");
        assert!(missing.is_none(), "nobody makes {marker}");
        let started = Instant::now();
        loop {
            let entries = shared().audit().expect("an audit log");
            if entries.iter().any(|entry| entry.name == marker) {
                let user = format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace);
                let own = entries.iter().filter(|entry| entry.user == user && entry.namespace == self.namespace);
                let kinds = ["threatprotectiontenants", "events"];
                return own.filter(|entry| kinds.contains(&entry.resource.as_str())).count();
            }
            assert!(started.elapsed() < PATIENCE, "the marker never reached the audit log");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The resources, of any shape.
    pub(crate) fn resources(&self) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<ThreatProtectionTenant>(&());
        Api::namespaced_with(self.admin.clone(), &self.namespace, &kind)
    }
}

/// So that a spec that the operator cannot read can be stored, as after a downgrade.
async fn admit_any_cloud(admin: &Client) {
    let mut definition = serde_json::to_value(custom_resource_definition()).expect("a definition is JSON");
    let spec = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["properties"]["cloud"] = json!({"type": "string", "default": "Public", "maxLength": 16});
    let definitions: Api<CustomResourceDefinition> = Api::all(admin.clone());
    let params = PatchParams::apply("platform-team").force();
    definitions.patch(CRD_NAME, &params, &Patch::Apply(&definition)).await.expect("the definition is accepted");
    // The schema that is served follows a moment after the one that is stored.
    let resources: Api<DynamicObject> =
        Api::namespaced_with(admin.clone(), "default", &ApiResource::erase::<ThreatProtectionTenant>(&()));
    let probe: Value = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant", "metadata": {"name": "probe"},
        "spec": {"tenantId": uuid::Uuid::new_v4().to_string(), "cloud": "Weird"},
    });
    let probe = serde_json::from_value(probe).expect("an object");
    let params = kube::api::PostParams { dry_run: true, ..kube::api::PostParams::default() };
    let started = Instant::now();
    while let Err(error) = resources.create(&params, &probe).await {
        assert!(started.elapsed() < PATIENCE, "an unknown cloud is never accepted: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
