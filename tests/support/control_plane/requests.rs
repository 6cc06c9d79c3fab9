//! Asking the API server: by a client, by kubectl, for a service account's token.

use std::ffi::OsStr;
use std::process::{Output, Stdio};
use std::time::Duration;

use axum::http::Request;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::io::AsyncWriteExt as _;

use super::assets::{self, Tool};
use super::{Access, ControlPlane, ControlPlaneError};

impl ControlPlane {
    /// The administrator's configuration, with kube's own retries off.
    pub(crate) async fn kube_config(&self) -> Result<Config, ControlPlaneError> {
        self.kube_config_for(&Access::default()).await
    }

    /// The configuration for `access`, with kube's own retries off.
    pub(crate) async fn kube_config_for(&self, access: &Access) -> Result<Config, ControlPlaneError> {
        let kubeconfig: Kubeconfig = serde_json::from_value(self.credentials.kubeconfig(self.server(), access))
            .map_err(|source| ControlPlaneError::Json { what: "the kubeconfig", source })?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        // A proxy that the environment names cannot reach the loopback.
        config.proxy_url = None;
        Ok(config)
    }

    /// A client for the administrator. It belongs to the runtime of its maker, so each test makes its own.
    pub(crate) async fn client(&self) -> Result<Client, ControlPlaneError> {
        self.client_for(&Access::default()).await
    }

    /// A client for `access`.
    pub(crate) async fn client_for(&self, access: &Access) -> Result<Client, ControlPlaneError> {
        Client::try_from(self.kube_config_for(access).await?).map_err(client_error)
    }

    /// A token of the service account `name` in `namespace`, good for one hour.
    pub(crate) async fn service_account_token(&self, namespace: &str, name: &str) -> Result<String, ControlPlaneError> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let granted = accounts.create_token_request(name, &kube::api::PostParams::default(), &request).await;
        Ok(granted.map_err(client_error)?.status.map(|status| status.token).unwrap_or_default())
    }

    /// Makes etcd forget all versions but the latest of everything.
    ///
    /// # Panics
    /// When etcd refuses.
    pub(crate) async fn forget_history(&self) {
        let any_key = r#"{"key": "AA=="}"#.to_owned();
        let answer: serde_json::Value = self.ask_etcd("range", any_key).await;
        let revision = answer["header"]["revision"].as_str().expect("etcd says which revision this is");
        self.ask_etcd("compaction", format!(r#"{{"revision": "{revision}", "physical": true}}"#)).await;
    }

    async fn ask_etcd(&self, what: &str, body: String) -> serde_json::Value {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = format!("http://127.0.0.1:{}/v3/kv/{what}", self.layout.etcd_port);
        let answer = client.post(url).body(body).send().await.expect("etcd answers");
        let (status, text) = (answer.status(), answer.text().await.expect("etcd answers"));
        assert!(status.is_success(), "{what}: {status}: {text}");
        serde_json::from_str(&text).expect("etcd answers with JSON")
    }

    /// Runs kubectl as the administrator.
    pub(crate) async fn kubectl<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Output, ControlPlaneError> {
        self.kubectl_with_input(arguments, "").await
    }

    /// Runs kubectl as the administrator, with `input` for `-f -`.
    pub(crate) async fn kubectl_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: &str,
    ) -> Result<Output, ControlPlaneError> {
        let located = tokio::task::spawn_blocking(|| assets::locate([Tool::Kubectl])).await;
        let [kubectl] = located.map_err(|error| ControlPlaneError::io("look for kubectl")(error.into()))??;
        let failed = || ControlPlaneError::io("run kubectl");
        let mut child = tokio::process::Command::new(kubectl)
            .args(arguments)
            .env("KUBECONFIG", self.kubeconfig_path())
            // Its cache of what this API server offers is of no use to the next one.
            .env("HOME", self.directory())
            .env("KUBECACHEDIR", self.directory().join("kubectl-cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed())?;
        if let Some(mut stdin) = child.stdin.take() {
            // It closes its input early when it does not want it, and says why by itself.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await.map_err(failed())
    }
}

/// Whether the API server says that it is ready, by status and not by text: a failing check also contains `ok`.
pub(super) async fn readyz(client: &Client) -> Result<(), String> {
    let request = Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
    match tokio::time::timeout(Duration::from_secs(5), client.request_text(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer within 5 s".to_owned()),
    }
}

fn client_error(error: kube::Error) -> ControlPlaneError {
    ControlPlaneError::Client(Box::new(error))
}
