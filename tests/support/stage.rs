//! A stage for one end-to-end test: a namespace of the shared control plane, a simulator and an operator of its own.
//!
//! The operator runs as its own process under its own ServiceAccount, with the permissions that are shipped, and looks
//! at its namespace only, so that tests run side by side.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::{Value, json};
use threat_protection_operator::api::{CRD_NAME, ThreatProtectionTenant, custom_resource_definition};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::control_plane::process::Process;
use super::control_plane::{Access, ControlPlane, Credential, shared};
use super::kstatus::{KStatus, kstatus};
use super::simulator::Simulator;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_threat-protection-operator");
/// The longest wait for anything that should happen within a second or two.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// The manager that plays the platform team.
const TEAM: &str = "platform-team";

/// Where the simulator is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Announcement {
    /// Base URL of the broker.
    pub(crate) broker_url: String,
    /// Base URL of Microsoft Entra, Microsoft Graph (before `/v1.0`) and Azure Resource Manager.
    pub(crate) microsoft_url: String,
    /// Base URL of the control port.
    pub(crate) control_url: String,
    /// File with the certificate authority.
    pub(crate) ca_file: PathBuf,
    /// User name that the broker asks for.
    pub(crate) username: String,
    /// File with the password that it asks for.
    pub(crate) password_file: PathBuf,
}

/// What the administrator's configuration of an operator says; the fields are replaced before `render`.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// The operator itself.
    pub(crate) program: PathBuf,
    /// Entries of `tenancy`, as YAML flow text.
    pub(crate) tenancy: Vec<String>,
    /// The broker, if there is one.
    pub(crate) broker: Option<Announcement>,
    /// The broker's address instead of the announced one, for a proxy before it.
    pub(crate) broker_url: Option<String>,
    /// `broker.clusterId`; `None`: the cluster is asked for its own.
    pub(crate) cluster_id: Option<&'static str>,
    /// `broker.maximumPollingSeconds`.
    pub(crate) maximum_polling: u32,
    /// `broker.requestTimeoutSeconds`.
    pub(crate) request_timeout: u32,
    /// Entries of `timing`.
    pub(crate) timing: Vec<(&'static str, u32)>,
    /// `controller.concurrency`; `None`: as administrators find it.
    pub(crate) concurrency: Option<u32>,
    /// `leaderElection`, as YAML flow text; `None`: as administrators find it.
    pub(crate) election: Option<&'static str>,
    /// The one namespace that is watched.
    pub(crate) namespace: Option<String>,
    /// Where Microsoft's APIs are: at this simulator, if there is one, else where they really are.
    pub(crate) microsoft: Option<Announcement>,
    /// Lines under `microsoft`, indented by two blanks, besides hosts and CA.
    pub(crate) microsoft_lines: String,
    /// Directives for the log.
    pub(crate) log_filter: Option<&'static str>,
    /// A file with directives for the log.
    pub(crate) log_filter_file: Option<PathBuf>,
    /// Whether the operator is started for the simulator, where `microsoft` names one.
    pub(crate) allow_simulator: bool,
}

impl Configuration {
    /// The file as the operator reads it.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from("tenancy:\n");
        for entry in &self.tenancy {
            let _ = writeln!(text, "  - {entry}");
        }
        if let Some(broker) = &self.broker {
            let url = self.broker_url.as_ref().unwrap_or(&broker.broker_url);
            let (username, password) = (&broker.username, broker.password_file.display());
            let _ = write!(
                text,
                "broker:\n  url: {url}\n  auth: {{ basic: {{ username: {username}, passwordFile: {password} }} }}\n  caFile: {}\n  requestTimeoutSeconds: {}\n  maximumPollingSeconds: {}\n",
                broker.ca_file.display(),
                self.request_timeout,
                self.maximum_polling
            );
            if let Some(id) = self.cluster_id {
                let _ = writeln!(text, "  clusterId: {id}");
            }
        }
        if let Some(Announcement { microsoft_url: url, ca_file, .. }) = &self.microsoft {
            text.push_str("microsoft:\n  hosts:\n");
            for cloud in ["Public", "GCCHigh", "DoD"] {
                let _ = writeln!(text, "    {cloud}: {{ login: {url}, graph: {url}/v1.0, arm: {url} }}");
            }
            let _ = write!(text, "  caFile: {}\n{}", ca_file.display(), self.microsoft_lines);
        }
        text.push_str(if self.timing.is_empty() { "" } else { "timing:\n" });
        for (name, seconds) in &self.timing {
            let _ = writeln!(text, "  {name}: {seconds}");
        }
        let namespace = self.namespace.as_ref().map(|name| format!("  watchNamespace: {name}\n")).unwrap_or_default();
        let concurrency = self.concurrency.map(|most| format!("  concurrency: {most}\n")).unwrap_or_default();
        let controller = format!("{concurrency}{namespace}");
        if !controller.is_empty() {
            let _ = write!(text, "controller:\n{controller}");
        }
        if let Some(election) = self.election {
            let _ = writeln!(text, "leaderElection: {election}");
        }
        text.push_str("probes:\n  listen: 127.0.0.1:0\n");
        text
    }

    /// Replaces one entry of `timing`.
    pub(crate) fn with_timing(mut self, name: &'static str, seconds: u32) -> Self {
        self.timing.retain(|(known, _)| *known != name);
        self.timing.push((name, seconds));
        self
    }
}

/// A namespace, a simulator, and what is needed to start operators.
pub(crate) struct Stage {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) simulator: Simulator,
    pub(crate) announcement: Announcement,
    directory: PathBuf,
    simulator_process: Option<Process>,
    _admission: SemaphorePermit<'static>,
}

/// Stages that are open at once: two processes each, on machines that may have two cores.
static PLACES: Semaphore = Semaphore::const_new(8);

impl Stage {
    /// Opens a stage in a new namespace whose name begins with `name`.
    pub(crate) async fn open(name: &str) -> Self {
        Self::open_on(shared(), name).await
    }

    /// The same on another control plane.
    pub(crate) async fn open_on(plane: &'static ControlPlane, name: &str) -> Self {
        let admission = PLACES.acquire().await.expect("the semaphore is never closed");
        let client = plane.client().await.expect("a client");
        apply_definition(&client).await;
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let namespace = format!("{name}-{}", &suffix[..8]);
        let directory = plane.directory().join(&namespace);
        std::fs::create_dir(&directory).expect("a directory of its own");
        create_namespace(&client, &namespace).await;
        create_account(&client, &namespace).await;
        let (simulator_process, announcement) = start_simulator(plane, &directory, None).await;
        let simulator = Simulator::new(&announcement.control_url);
        let simulator_process = Some(simulator_process);
        Self { plane, client, namespace, simulator, announcement, directory, simulator_process, _admission: admission }
    }

    /// The directory of this stage, for files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Kills the simulator with SIGKILL; its state stays.
    pub(crate) fn kill_simulator(&mut self) {
        self.simulator_process = None;
    }

    /// Starts the simulator again, at the same address and with the same state.
    pub(crate) async fn restart_simulator(&mut self) {
        self.simulator_process = None;
        let (process, announcement) = start_simulator(self.plane, &self.directory, Some(&self.announcement)).await;
        self.simulator = Simulator::new(&announcement.control_url);
        self.announcement = announcement;
        self.simulator_process = Some(process);
    }

    /// A configuration that lets this namespace manage every tenant through the simulator, and looks often.
    pub(crate) fn configuration(&self) -> Configuration {
        Configuration {
            program: PROGRAM.into(),
            tenancy: vec![format!("{{ namespace: {}, tenantIds: [\"*\"], allowDeprovision: true }}", self.namespace)],
            broker: Some(self.announcement.clone()),
            broker_url: None,
            cluster_id: None,
            maximum_polling: 60,
            request_timeout: 5,
            timing: vec![
                ("claimGraceSeconds", 60),
                ("resyncMinimumSeconds", 1),
                ("resyncMaximumSeconds", 1),
                ("operationPollSeconds", 1),
                ("retryInitialSeconds", 1),
                ("retryMaximumSeconds", 2),
                ("slowProbeSeconds", 2),
            ],
            concurrency: Some(16),
            // One that is killed would leave its Lease to the next for as long as it promised.
            election: Some("{ enabled: false }"),
            namespace: Some(self.namespace.clone()),
            microsoft: Some(self.announcement.clone()),
            // Stages look every second.
            microsoft_lines: "  requestsPerMinute: 6000\n".to_owned(),
            log_filter: None,
            log_filter_file: None,
            allow_simulator: true,
        }
    }

    /// Starts an operator under its ServiceAccount with this configuration.
    pub(crate) async fn operator(&self, configuration: &Configuration) -> Operator {
        self.operator_behind(configuration, None).await
    }

    /// The same, with the API server reached at another address, such as that of a proxy.
    pub(crate) async fn operator_behind(&self, configuration: &Configuration, server: Option<SocketAddr>) -> Operator {
        let token = self.plane.service_account_token(&self.namespace, ACCOUNT).await.expect("a token");
        let access = Access { credential: Credential::Token(token), server, namespace: Some(self.namespace.clone()) };
        let name = format!("{}-{}.kubeconfig", self.namespace, uuid::Uuid::new_v4().simple());
        let kubeconfig = self.plane.write_kubeconfig(&name, &access).expect("a kubeconfig");
        let file = self.directory.join("operator.yaml");
        let text = configuration.render();
        // Another replica may be about to read it.
        if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            std::fs::write(&file, text).expect("a configuration file");
        }
        let mut command = Command::new(&configuration.program);
        command.args(["run", "--log-format", "json", "--config"]).arg(&file);
        if configuration.microsoft.is_some() && configuration.allow_simulator {
            command.arg("--allow-simulator");
        }
        if let Some(filter) = configuration.log_filter {
            command.arg("--log-filter").arg(filter);
        }
        if let Some(file) = &configuration.log_filter_file {
            command.arg("--log-filter-file").arg(file);
        }
        command.env("KUBECONFIG", kubeconfig).env_remove("RUST_LOG");
        let log = format!("operator-{}-{}", self.namespace, uuid::Uuid::new_v4().simple());
        let process = self.plane.spawn(&log, &command).expect("an operator");
        Operator { process }
    }

    /// The resources of this stage.
    pub(crate) fn resources(&self) -> Api<ThreatProtectionTenant> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The same, whatever their shape.
    pub(crate) fn objects(&self) -> Api<DynamicObject> {
        let resource = kube::api::ApiResource::erase::<ThreatProtectionTenant>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Applies a resource as the platform team does, by server-side apply.
    pub(crate) async fn apply(&self, name: &str, spec: Value) -> Result<Value, kube::Error> {
        let body = json!({
            "apiVersion": "threatprotection.dev/v1alpha1",
            "kind": "ThreatProtectionTenant",
            "metadata": {"name": name},
            "spec": spec,
        });
        let applied = self.objects().patch(name, &PatchParams::apply(TEAM).force(), &Patch::Apply(&body)).await?;
        Ok(serde_json::to_value(applied).expect("an object is JSON"))
    }

    /// Changes parts of a spec by a merge patch; `null` removes a field.
    pub(crate) async fn edit(&self, name: &str, fields: Value) -> Result<(), kube::Error> {
        let patch = Patch::Merge(json!({"spec": fields}));
        self.objects().patch(name, &PatchParams::default(), &patch).await.map(|_| ())
    }

    /// Asks for a reconcile now.
    pub(crate) async fn request_reconcile(&self, name: &str, token: &str) {
        let annotation = json!({"threatprotection.dev/reconcile-requested-at": token});
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotation}}));
        self.resources().patch(name, &PatchParams::default(), &patch).await.expect("the annotation is set");
    }

    /// The resource as it is stored; `Null` when there is none.
    pub(crate) async fn read(&self, name: &str) -> Value {
        let found = self.objects().get_opt(name).await.expect("the resource can be read");
        found.map_or(Value::Null, |resource| serde_json::to_value(resource).expect("a resource is JSON"))
    }

    /// Waits until the resource is as `wanted`, and returns it.
    ///
    /// # Panics
    /// After [`PATIENCE`], with the resource and what was waited for.
    #[track_caller]
    pub(crate) fn until<'a>(
        &'a self,
        name: &'a str,
        what: &'a str,
        wanted: impl Fn(&Value) -> bool + 'a,
    ) -> impl Future<Output = Value> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let start = Instant::now();
            loop {
                let resource = self.read(name).await;
                if wanted(&resource) {
                    return resource;
                }
                assert!(start.elapsed() < PATIENCE, "{caller}: {name} is not {what}:\n{}", brief(&resource));
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        }
    }

    /// Waits until `Ready` has this status and reason for the present generation.
    #[track_caller]
    pub(crate) fn until_ready<'a>(
        &'a self,
        name: &'a str,
        status: &'a str,
        reason: &'a str,
    ) -> impl Future<Output = Value> + 'a {
        self.until(name, reason, move |resource| is_settled(resource) && ready(resource) == (status, reason))
    }

    /// Waits until kstatus says that the resource is as declared.
    #[track_caller]
    pub(crate) fn until_current<'a>(&'a self, name: &'a str) -> impl Future<Output = Value> + 'a {
        self.until(name, "current", |resource| !resource.is_null() && kstatus(resource) == KStatus::Current)
    }
}

/// A running operator. Dropping it kills it with SIGKILL.
pub(crate) struct Operator {
    pub(crate) process: Process,
}

impl Operator {
    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.process.log()).unwrap_or_default()
    }
}

/// Name of the operator's ServiceAccount, as shipped.
pub(crate) const ACCOUNT: &str = "threat-protection-operator";

/// Status and reason of `Ready`.
pub(crate) fn ready(resource: &Value) -> (&str, &str) {
    condition(resource, "Ready").map_or(("", ""), |ready| {
        (ready["status"].as_str().unwrap_or_default(), ready["reason"].as_str().unwrap_or_default())
    })
}

/// A condition by type.
pub(crate) fn condition<'a>(resource: &'a Value, kind: &str) -> Option<&'a Value> {
    resource["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether the conditions belong to the present generation.
pub(crate) fn is_settled(resource: &Value) -> bool {
    resource["status"]["observedGeneration"] == resource["metadata"]["generation"]
}

fn brief(resource: &Value) -> String {
    let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let lines: Vec<_> = conditions
        .iter()
        .map(|condition| {
            format!("  {} {} {}: {}", condition["type"], condition["status"], condition["reason"], condition["message"])
        })
        .collect();
    format!(
        "{}\n  operation {}\n  metadata {}",
        lines.join("\n"),
        resource["status"]["operation"],
        resource["metadata"]
    )
}

pub(crate) async fn apply_definition(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = custom_resource_definition();
    definitions
        .patch(CRD_NAME, &PatchParams::apply(TEAM).force(), &Patch::Apply(&definition))
        .await
        .expect("the definition is accepted");
    let established = await_condition(definitions, CRD_NAME, conditions::is_crd_established());
    tokio::time::timeout(PATIENCE, established).await.expect("in time").expect("the definition is established");
    // Established comes a moment before the resource is served.
    let resources: Api<ThreatProtectionTenant> = Api::all(client.clone());
    let start = Instant::now();
    while resources.list_metadata(&kube::api::ListParams::default().limit(1)).await.is_err() {
        assert!(start.elapsed() < PATIENCE, "the resource is not served");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Creates a namespace.
pub(crate) async fn create_namespace(client: &Client, name: &str) {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).expect("a namespace");
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.expect("the namespace is created");
}

/// The ServiceAccount and the roles of `deploy/base`, bound for this namespace's account.
pub(crate) async fn create_account(client: &Client, namespace: &str) {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let account = serde_json::from_value(json!({"metadata": {"name": ACCOUNT}})).expect("an account");
    accounts.create(&PostParams::default(), &account).await.expect("the account is created");
    let role: ClusterRole = serde_json::from_value(shipped("ClusterRole")).expect("a ClusterRole");
    let roles: Api<ClusterRole> = Api::all(client.clone());
    roles
        .patch(ACCOUNT, &PatchParams::apply(TEAM).force(), &Patch::Apply(&with_type(&role, "ClusterRole")))
        .await
        .expect("the role is applied");
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    }))
    .expect("a binding");
    Api::all(client.clone()).create(&PostParams::default(), &binding).await.expect("the role is bound");
    let role: Role = serde_json::from_value(shipped("Role")).expect("a Role");
    let roles = Api::namespaced(client.clone(), namespace);
    roles.create(&PostParams::default(), &role).await.expect("the role of this namespace is created");
    let mut binding = shipped("RoleBinding");
    binding["subjects"][0]["namespace"] = namespace.into();
    let binding: RoleBinding = serde_json::from_value(binding).expect("a binding");
    let bindings = Api::namespaced(client.clone(), namespace);
    bindings.create(&PostParams::default(), &binding).await.expect("the role of this namespace is bound");
}

/// The one document of this kind in the permissions that are shipped.
pub(crate) fn shipped(kind: &str) -> Value {
    let documents = include_str!("../../deploy/base/rbac.yaml").split("\n---\n");
    let mut documents = documents.map(|document| serde_yaml::from_str::<Value>(document).expect("YAML is shipped"));
    documents.find(|document| document["kind"] == kind).expect("one of each kind is shipped")
}

fn with_type(object: &impl serde::Serialize, kind: &str) -> Value {
    let mut value = serde_json::to_value(object).expect("an object is JSON");
    value["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
    value["kind"] = kind.into();
    value
}

async fn start_simulator(
    plane: &ControlPlane,
    directory: &Path,
    again: Option<&Announcement>,
) -> (Process, Announcement) {
    let announce = directory.join("announcement.json");
    let _ = std::fs::remove_file(&announce);
    let mut command = Command::new(PROGRAM);
    command.arg("simulate").arg("--state").arg(directory.join("simulator.json")).arg("--announce").arg(&announce);
    if let Some(Announcement { broker_url, control_url, .. }) = again {
        let address = |url: &str| url.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default().to_owned();
        command.arg("--listen").arg(address(broker_url)).arg("--control").arg(address(control_url));
    }
    let name = format!("simulator-{}", uuid::Uuid::new_v4().simple());
    let process = plane.spawn(&name, &command).expect("a simulator");
    let start = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(&announce) {
            return (process, serde_json::from_str(&text).expect("an announcement"));
        }
        assert!(start.elapsed() < PATIENCE, "the simulator does not answer:\n{}", process.last_words());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
