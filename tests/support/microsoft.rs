//! Tenants with credentials: the Secret in the cluster, the right to read it, and the application at the simulator.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::stage::{ACCOUNT, Stage};

/// Client id of the application that tests sign in with.
pub(crate) const CLIENT: &str = "4f0c2a51-9b7e-4d53-8a6f-2c1e5d7b9a30";
/// Its secret at the simulator.
pub(crate) const SECRET: &str = "s3cret-of-the-application";
/// Name and key of the Secret.
pub(crate) const SECRET_NAME: &str = "contoso-reader";
/// The Azure subscription of the tenant.
pub(crate) const SUBSCRIPTION: &str = "2c5e8f10-3b7d-4a96-8e21-5d0f7a9b4c63";

/// `spec.credentials` with the Secret of [`give_secret`].
pub(crate) fn by_secret() -> Value {
    let reference = json!({"name": SECRET_NAME, "key": "clientSecret"});
    json!({"type": "ClientSecret", "clientSecret": {"clientId": CLIENT, "secretRef": reference}})
}

/// The application at the simulator, with every permission that the operator makes use of.
pub(crate) fn application() -> Value {
    json!({
        "clientId": CLIENT,
        "secrets": [{"value": SECRET}],
        "azureRoles": ["Security Reader", "Security Admin", "Microsoft Sentinel Contributor"],
    })
}

/// Resource id of the tenant's workspace.
pub(crate) fn workspace() -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/security/providers/Microsoft.OperationalInsights/workspaces/sentinel"
    )
}

/// A tenant with all four services, an application, a subscription and a workspace; `members` replace these.
pub(crate) fn tenant(members: Value) -> Value {
    let mut tenant = json!({
        "displayName": "Contoso",
        "defaultDomain": "contoso.example",
        "countryCode": "NL",
        "services": ["Endpoint", "Identity", "CloudApps", "Office365"],
        "roles": ["SecurityAdministrator", "GlobalAdministrator"],
        "applications": [application()],
        "subscriptions": [{"id": SUBSCRIPTION}],
        "workspaces": [{"resourceId": workspace()}],
    });
    if let Value::Object(members) = members {
        members.into_iter().for_each(|(name, value)| tenant[name] = value);
    }
    tenant
}

/// The Secret, and the right of an operator to read exactly that one, in the namespace where both are.
pub(crate) async fn give_secret(client: &Client, namespace: &str, (name, value): (&str, &str)) -> kube::Result<()> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"clientSecret": value},
    });
    apply(&Api::<Secret>::namespaced(client.clone(), namespace), name, secret).await?;
    let rule = json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]});
    allow(client, namespace, (&format!("read-{name}"), json!([rule]))).await
}

/// A Role for the operator's account of this namespace.
async fn allow(client: &Client, namespace: &str, (name, rules): (&str, Value)) -> kube::Result<()> {
    let group = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": {"name": name}, "rules": rules,
    });
    apply(&Api::<Role>::namespaced(client.clone(), namespace), name, role).await?;
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    });
    apply(&Api::<RoleBinding>::namespaced(client.clone(), namespace), name, binding).await
}

impl Stage {
    /// Puts a Secret into the namespace, and lets the operator read exactly that one.
    pub(crate) async fn give_secret(&self, name: &str, value: &str) {
        give_secret(&self.client, &self.namespace, (name, value)).await.expect("the Secret is there");
    }

    /// Takes a Secret away.
    pub(crate) async fn take_secret(&self, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        secrets.delete(name, &DeleteParams::default()).await.expect("the Secret was there");
    }

    /// Puts a ServiceAccount into the namespace that says that it is for the application.
    pub(crate) async fn give_account(&self, name: &str, annotations: Value) {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "annotations": annotations},
        });
        apply(&Api::<ServiceAccount>::namespaced(self.client.clone(), &self.namespace), name, account)
            .await
            .expect("the ServiceAccount is there");
    }

    /// Lets the operator read a ServiceAccount and mint tokens for it.
    pub(crate) async fn allow_account(&self, name: &str) {
        let rule = |resource: &str, verb: &str| json!({"apiGroups": [""], "resources": [resource], "resourceNames": [name], "verbs": [verb]});
        self.allow(
            &format!("be-{name}"),
            json!([rule("serviceaccounts", "get"), rule("serviceaccounts/token", "create")]),
        )
        .await;
    }

    /// A Role for the operator in this namespace: one rule, or a list of them.
    pub(crate) async fn allow(&self, name: &str, rules: Value) {
        let rules = if rules.is_array() { rules } else { json!([rules]) };
        allow(&self.client, &self.namespace, (name, rules)).await.expect("the Role is there");
    }
}

async fn apply<K>(api: &Api<K>, name: &str, object: Value) -> kube::Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let params = PatchParams::apply("platform-team").force();
    api.patch(name, &params, &Patch::Apply(&object)).await.map(drop)
}
