//! The cluster of the demonstration: a control plane of its own, or one that somebody lends.
//!
//! Each operator gets a namespace, an account and the roles that are shipped, and nothing else. A borrowed
//! cluster is left as it was found.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::Serialize;
use serde_json::json;
use threat_protection_operator::api::{CRD_NAME, ThreatProtectionTenant, custom_resource_definition};

use crate::cast::{BROKERED, MANUAL};
use crate::screen::{Screen, Tone};
use crate::support::control_plane::assets::{Tool, locate};
use crate::support::control_plane::process::RunDirectory;
use crate::support::control_plane::{ControlPlane, Options};
use crate::support::microsoft::{SECRET, SECRET_NAME, give_secret};
use crate::support::stage::{ACCOUNT, shipped};

/// Name of what we make outside of our namespaces.
const OURS: &str = "threat-protection-demo";
/// The manager of what we apply.
pub(crate) const TEAM: &str = "platform-team";
/// The longest wait for the definition to be served.
const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// What was not there before us.
#[derive(Debug, Default)]
struct Made {
    definition: bool,
    namespaces: Vec<String>,
    grants: bool,
}

/// A cluster to which we are administrators.
pub(crate) struct Cluster {
    /// As an administrator.
    pub(crate) client: Client,
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    // Dropped before the directory.
    plane: Option<ControlPlane>,
    made: Made,
    /// For logs, kubeconfigs and the state of the simulator.
    pub(crate) directory: RunDirectory,
}

impl Cluster {
    /// Connects to the cluster of `kubeconfig`, or starts one.
    pub(crate) async fn open(kubeconfig: Option<&Path>, screen: &mut Screen) -> anyhow::Result<Self> {
        let directory = RunDirectory::create(OURS).context("cannot make a directory for the demonstration")?;
        let started = Instant::now();
        let Some(kubeconfig) = kubeconfig else {
            // A first build tells by itself how it goes.
            tokio::task::spawn_blocking(|| locate([Tool::Etcd, Tool::ApiServer])).await??;
            let started = Instant::now();
            screen.live(&["  starting a control plane …".to_owned()]);
            let plane = tokio::task::spawn_blocking(|| ControlPlane::start(Options::default())).await??;
            let (client, kubeconfig) = (plane.client().await?, plane.kubeconfig_path().to_owned());
            let version = client.apiserver_version().await.context("cannot ask kube-apiserver for its version")?;
            let what = format!("kube-apiserver {} and etcd, each a process of its own", version.git_version);
            facts(screen, "control plane", &what, started);
            return Ok(Self { client, kubeconfig, plane: Some(plane), made: Made::default(), directory });
        };
        let kubeconfig = std::path::absolute(kubeconfig)?;
        let mut config = Config::from_custom_kubeconfig(read(&kubeconfig)?, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        let (server, client) = (config.cluster_url.to_string(), Client::try_from(config)?);
        let version = client.apiserver_version().await.with_context(|| format!("cannot reach {server}"))?;
        facts(screen, "cluster", &format!("{server}, Kubernetes {}", version.git_version), started);
        Ok(Self { client, kubeconfig, plane: None, made: Made::default(), directory })
    }

    /// Whether the cluster was there before us.
    pub(crate) fn is_borrowed(&self) -> bool {
        self.plane.is_none()
    }

    /// The namespace that plays `home`.
    pub(crate) fn namespace(&self, home: &str) -> String {
        if self.is_borrowed() { format!("{OURS}-{home}") } else { home.to_owned() }
    }

    /// Applies the definition, makes the namespaces, and gives each an operator's account and the Secret that tenants sign
    /// in with.
    pub(crate) async fn prepare(&mut self) -> anyhow::Result<()> {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        if definitions.get_opt(CRD_NAME).await?.is_none() {
            self.made.definition = true;
            let definition = custom_resource_definition();
            definitions.patch(CRD_NAME, &force(), &Patch::Apply(&definition)).await?;
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        for home in [BROKERED, MANUAL] {
            let name = self.namespace(home);
            if namespaces.get_opt(&name).await?.is_some() {
                bail!("there is a namespace {name} already, perhaps from an earlier demonstration: delete it first");
            }
            let namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
            namespaces.create(&PostParams::default(), &namespace).await?;
            self.made.namespaces.push(name.clone());
            let account = serde_json::from_value(json!({"metadata": {"name": ACCOUNT}}))?;
            let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &name);
            accounts.create(&PostParams::default(), &account).await?;
            give_secret(&self.client, &name, (SECRET_NAME, SECRET)).await?;
        }
        self.grant().await?;
        self.wait_until_served().await
    }

    /// Binds the shipped cluster role, under a name of ours, to both accounts, and in each namespace the role for it.
    async fn grant(&mut self) -> anyhow::Result<()> {
        self.made.grants = true;
        let mut role = shipped("ClusterRole");
        role["metadata"] = json!({"name": OURS});
        let subjects = [BROKERED, MANUAL]
            .map(|home| json!({"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.namespace(home)}));
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": OURS},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": OURS},
            "subjects": subjects,
        });
        Api::<ClusterRole>::all(self.client.clone()).patch(OURS, &force(), &Patch::Apply(&role)).await?;
        Api::<ClusterRoleBinding>::all(self.client.clone()).patch(OURS, &force(), &Patch::Apply(&binding)).await?;
        for home in [BROKERED, MANUAL] {
            let name = self.namespace(home);
            let (role, mut binding) = (shipped("Role"), shipped("RoleBinding"));
            binding["subjects"][0]["namespace"] = name.as_str().into();
            let roles: Api<Role> = Api::namespaced(self.client.clone(), &name);
            roles.patch(ACCOUNT, &force(), &Patch::Apply(&role)).await?;
            let bindings: Api<RoleBinding> = Api::namespaced(self.client.clone(), &name);
            bindings.patch(ACCOUNT, &force(), &Patch::Apply(&binding)).await?;
        }
        Ok(())
    }

    async fn wait_until_served(&self) -> anyhow::Result<()> {
        let resources: Api<ThreatProtectionTenant> = Api::all(self.client.clone());
        let started = Instant::now();
        while let Err(error) = resources.list(&ListParams::default().limit(1)).await {
            if started.elapsed() > SERVED_WITHIN {
                return Err(error).context("the resource is not served");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Writes a kubeconfig of the operator's account in the namespace that plays `home`.
    pub(crate) async fn operator_kubeconfig(&self, home: &str) -> anyhow::Result<PathBuf> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace(home));
        let spec = TokenRequestSpec { expiration_seconds: Some(24 * 3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let granted = accounts.create_token_request(ACCOUNT, &PostParams::default(), &request).await?;
        let token = granted.status.context("the API server grants no token")?.token;
        let mut kubeconfig = read(&self.kubeconfig)?;
        let current = kubeconfig.current_context.clone();
        let context = kubeconfig.contexts.iter_mut().find(|context| Some(&context.name) == current.as_ref());
        let context = context.and_then(|context| context.context.as_mut());
        let user = context.and_then(|context| {
            // At home, as in a pod: its Lease is there.
            context.namespace = Some(self.namespace(home));
            context.user.clone()
        });
        let Some(known) = kubeconfig.auth_infos.iter_mut().find(|known| Some(&known.name) == user.as_ref()) else {
            bail!("the current context of {} names no user", self.kubeconfig.display());
        };
        known.auth_info = Some(AuthInfo { token: Some(token.into()), ..AuthInfo::default() });
        self.write(&format!("{home}.kubeconfig"), &kubeconfig)
    }

    fn write(&self, name: &str, content: &impl Serialize) -> anyhow::Result<PathBuf> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, serde_yaml::to_string(content)?)?;
        Ok(path)
    }

    /// Takes what we made out of a borrowed cluster; our own simply ends.
    pub(crate) async fn clean_up(&self) -> anyhow::Result<()> {
        if !self.is_borrowed() {
            return Ok(());
        }
        let now = DeleteParams::default();
        for namespace in &self.made.namespaces {
            gone(Api::<Namespace>::all(self.client.clone()).delete(namespace, &now).await)?;
        }
        if self.made.grants {
            gone(Api::<ClusterRoleBinding>::all(self.client.clone()).delete(OURS, &now).await)?;
            gone(Api::<ClusterRole>::all(self.client.clone()).delete(OURS, &now).await)?;
        }
        if self.made.definition {
            gone(Api::<CustomResourceDefinition>::all(self.client.clone()).delete(CRD_NAME, &now).await)?;
        }
        Ok(())
    }
}

/// What was started, and how long it took.
pub(crate) fn facts(screen: &mut Screen, name: &str, what: &str, started: Instant) {
    let text = format!("{what} ({:.1} s)", started.elapsed().as_secs_f64());
    let name = screen.paint(Tone::Quiet, &format!("{name:<13}"));
    screen.paragraph(&format!("  {name}  "), 2 + 13 + 2, &text);
}

fn force() -> PatchParams {
    PatchParams::apply(TEAM).force()
}

fn read(kubeconfig: &Path) -> anyhow::Result<Kubeconfig> {
    Kubeconfig::read_from(kubeconfig).with_context(|| format!("cannot read {}", kubeconfig.display()))
}

/// What is not there need not be deleted.
fn gone<T>(deleted: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match deleted {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        deleted => deleted.map(drop),
    }
}
