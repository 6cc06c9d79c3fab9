//! Planning with a cluster: the resource, the administrator's file and the broker are real, and only asked.

use std::error::Error;
use std::path::{Path, PathBuf};

use kube::api::{DynamicObject, Patch, PatchParams, PostParams, ValidationDirective};
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::forecast::Forecast;
use super::resource;
use crate::api::{GROUP, KIND, PLAN_MANAGER, ThreatProtectionTenant, ThreatProtectionTenantSpec, VERSION};
use crate::cli::outside;
use crate::config::{Config, ConfigErrors};
use crate::controller::{self, ClusterError, Object, ReconcileError, Settings, now, preview};
use crate::remote::broker::BrokerSetupError;
use crate::remote::http::ClientError;

/// What a manifest may say of itself; the rest of its metadata is the server's.
const OF_THE_USER: [&str; 5] = ["name", "namespace", "labels", "annotations", "finalizers"];

/// The cluster or the broker cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum OnlineError {
    /// The administrator's configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// There is no configuration where it is looked for.
    #[error(
        "there is no configuration {}. Name an existing file with --config, or plan with -f FILE --world FILE, which needs neither a configuration nor a cluster",
        path.display()
    )]
    NoConfig {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is no way into the cluster.
    #[error(
        "the cluster cannot be asked. Set KUBECONFIG, choose its context, or plan without a cluster with -f FILE --world FILE"
    )]
    Cluster(#[from] ClusterError),
    /// The broker cannot be set up.
    #[error("{0}")]
    Broker(String),
    /// The way to Microsoft's APIs cannot be set up.
    #[error("setting up the way to Microsoft's APIs: {0}")]
    Microsoft(#[from] ClientError),
    /// The API server does not answer.
    #[error(
        "the API server cannot be reached: {0}. Check the server and the current context of your kubeconfig (KUBECONFIG), or plan without a cluster with -f FILE --world FILE"
    )]
    Unreachable(String),
    /// The API server refused a resource.
    #[error("{namespace}/{name} would not be accepted by the API server ({code}): {message}. Correct the resource")]
    Refused {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Status code of the answer.
        code: u16,
        /// What the API server says.
        message: String,
    },
    /// The resource does not exist, or the API server does not show it.
    #[error("cannot read {namespace}/{name}: {problem}. {remedy}")]
    Unread {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// What surrounds the resource cannot be read.
    #[error("cannot look at what surrounds the resource: {0}")]
    Surroundings(String),
    /// A resource in the cluster is not of this version's shape.
    #[error(
        "{namespace}/{name} is not of the shape that this version knows: {problem}. Apply the definition of this version"
    )]
    Shape {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

// What a message quotes is no source of it too: the program prints a message and then its sources.
impl From<BrokerSetupError> for OnlineError {
    fn from(error: BrokerSetupError) -> Self {
        Self::Broker(with_causes(&error))
    }
}

impl From<ReconcileError> for OnlineError {
    fn from(error: ReconcileError) -> Self {
        Self::Surroundings(with_causes(&error))
    }
}

/// A message and its causes in one line, each said once.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

/// The administrator's configuration.
fn configuration(path: &Path) -> Result<Config, OnlineError> {
    if matches!(path.try_exists(), Ok(false)) {
        return Err(OnlineError::NoConfig { path: path.to_owned() });
    }
    Ok(Config::load(path)?)
}

/// Where a resource is, and whose word counts.
pub(super) struct Place<'a> {
    /// The administrator's configuration.
    pub config: &'a Path,
    /// The namespace that was named.
    pub namespace: Option<&'a str>,
    /// Whether Microsoft's APIs are the simulator's.
    pub allow_simulator: bool,
}

/// The plan for a stored resource.
pub(super) async fn of_stored(place: &Place<'_>, name: &str) -> Result<Forecast, OnlineError> {
    let config = configuration(place.config)?;
    let client = controller::connect().await?;
    let namespace = place.namespace.unwrap_or(client.default_namespace()).to_owned();
    let api: Api<Object> = Api::namespaced(client.clone(), &namespace);
    let found = api.get(name).await.map_err(|error| unread(&namespace, name, &error))?;
    forecast(place, client, config, found).await
}

/// The plans for resources as they would be stored if they were applied.
pub(super) async fn of_file(place: &Place<'_>, manifests: Vec<Value>) -> Result<Vec<Forecast>, OnlineError> {
    let config = configuration(place.config)?;
    let client = controller::connect().await?;
    let mut forecasts = Vec::new();
    for manifest in manifests {
        let named = manifest.pointer("/metadata/namespace").and_then(Value::as_str);
        let namespace = named.or(place.namespace).unwrap_or(client.default_namespace()).to_owned();
        let stored = dry_run(&client, &namespace, manifest).await?;
        forecasts.push(forecast(place, client.clone(), config.clone(), stored).await?);
    }
    Ok(forecasts)
}

async fn forecast(
    place: &Place<'_>,
    client: Client,
    config: Config,
    resource: Object,
) -> Result<Forecast, OnlineError> {
    let Config {
        tenancy,
        broker,
        microsoft,
        capabilities,
        concurrency,
        watch_namespace: namespace,
        leader_election: _,
        probes: _,
        metrics: _,
    } = config;
    let own_identity = microsoft.own_identity.clone();
    let remote = outside::configured::<OnlineError>(broker, microsoft, place.allow_simulator, &client).await?;
    let mut notes = Vec::new();
    let own = resource.metadata.namespace.clone();
    if let Some(watched) = namespace.as_ref().filter(|watched| own.as_ref() != Some(watched)) {
        notes.push(format!(
            "by its configuration the operator looks at namespace {watched} only, and not at this resource"
        ));
    }
    let settings = Settings { tenancy, capabilities, own_identity, concurrency, namespace };
    let (situation, tenant, sees_all) = Box::pin(preview(client, remote, settings, resource, now())).await?;
    if !sees_all {
        let note = "you may not list the resources of other namespaces: one there may declare the same tenant";
        notes.push(note.to_owned());
    }
    Ok(Forecast::new(tenant, situation, notes))
}

/// The resource as the API server would store it: schema, rules, defaults, generation and status are the server's.
async fn dry_run(client: &Client, namespace: &str, manifest: Value) -> Result<Object, OnlineError> {
    let name = resource::name(&manifest).to_owned();
    let kind = kube::api::ApiResource::erase::<ThreatProtectionTenant>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    let current = api.get_opt(&name).await.map_err(|error| unread(namespace, &name, &error))?;
    let declared = declared(&manifest, namespace);
    let answer = match current.as_ref().map(|current| (current, applier(current))) {
        Some((current, None)) => replaced(&api, current, &declared).await,
        Some((_, Some(manager))) => applied(&api, &manager, &declared).await,
        None => applied(&api, PLAN_MANAGER, &declared).await,
    };
    let mut stored = answer.map_err(|error| refused(namespace, &name, error))?;
    // What would be created has no version yet, and nobody compares it here.
    stored.metadata.resource_version.get_or_insert_with(|| "0".to_owned());
    let shape = |error: serde_json::Error| OnlineError::Shape {
        namespace: namespace.to_owned(),
        name: name.clone(),
        problem: error.to_string(),
    };
    let object = Object::of(&stored);
    ThreatProtectionTenantSpec::deserialize(&object.spec).map_err(shape)?;
    Ok(object)
}

/// A field that is gone from the file goes in an apply only where its owner applies: so the dry run is in the name of
/// whoever applied the spec before.
async fn applied(api: &Api<DynamicObject>, manager: &str, declared: &Value) -> Result<DynamicObject, kube::Error> {
    let params = PatchParams {
        dry_run: true,
        force: true,
        field_manager: Some(manager.to_owned()),
        field_validation: Some(ValidationDirective::Strict),
    };
    api.patch(resource::name(declared), &params, &Patch::Apply(declared)).await
}

/// Where nobody has applied the spec, the file is taken for all of it.
async fn replaced(
    api: &Api<DynamicObject>,
    current: &DynamicObject,
    declared: &Value,
) -> Result<DynamicObject, kube::Error> {
    let mut wanted = current.clone();
    wanted.metadata.managed_fields = None;
    if let Some(data) = wanted.data.as_object_mut() {
        data.insert("spec".to_owned(), declared.get("spec").cloned().unwrap_or_default());
    }
    let annotations = declared.pointer("/metadata/annotations").and_then(Value::as_object);
    for (name, value) in annotations.into_iter().flatten() {
        wanted.annotations_mut().insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    let params = PostParams { dry_run: true, field_manager: Some(PLAN_MANAGER.to_owned()) };
    api.replace(resource::name(declared), &params, &wanted).await
}

/// Who applied the spec, by the server's books.
fn applier(current: &DynamicObject) -> Option<String> {
    let managed = current.metadata.managed_fields.as_ref()?;
    let applies = managed.iter().find(|entry| {
        entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
            && entry.fields_v1.as_ref().is_some_and(|fields| fields.0.get("f:spec").is_some())
    })?;
    applies.manager.clone()
}

/// The part of a manifest that a user declares.
fn declared(manifest: &Value, namespace: &str) -> Value {
    let mut metadata: Map<String, Value> = manifest
        .get("metadata")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(field, _)| OF_THE_USER.contains(&field.as_str()))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    metadata.insert("namespace".to_owned(), namespace.into());
    let mut declared = json!({"apiVersion": format!("{GROUP}/{VERSION}"), "kind": KIND, "metadata": metadata});
    if let (Some(spec), Some(fields)) = (manifest.get("spec"), declared.as_object_mut()) {
        fields.insert("spec".to_owned(), spec.clone());
    }
    declared
}

fn refused(namespace: &str, name: &str, error: kube::Error) -> OnlineError {
    match error {
        kube::Error::Api(status) if status.code < 500 => OnlineError::Refused {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            code: status.code,
            message: status.message.trim_end_matches('.').to_owned(),
        },
        other => unread(namespace, name, &other),
    }
}

fn unread(namespace: &str, name: &str, error: &kube::Error) -> OnlineError {
    let (problem, remedy) = match error {
        kube::Error::Api(status) => {
            let remedy = match status.code {
                401 => "Sign in again, or choose another context of your kubeconfig",
                403 => "Have the permission granted that is named, or choose another context of your kubeconfig",
                404 => "Check name, namespace and context, and that the custom resource definition is applied",
                _ => "Try again later, or ask who runs the API server",
            };
            (format!("{} ({})", status.message.trim_end_matches('.'), status.code), remedy)
        }
        kube::Error::SerdeError(problem) => (problem.to_string(), "Apply the definition of this version"),
        other => return OnlineError::Unreachable(with_causes(other)),
    };
    OnlineError::Unread { namespace: namespace.to_owned(), name: name.to_owned(), problem, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;
    use rstest::rstest;

    #[rstest]
    #[case::unknown(404, "Check name, namespace")]
    #[case::forbidden(403, "Have the permission granted")]
    #[case::unauthorized(401, "Sign in again")]
    #[case::broken(500, "Try again later")]
    fn an_answer_of_the_api_server_says_what_to_do(#[case] code: u16, #[case] remedy: &str) {
        let status = Status::failure("it says no", "No").with_code(code);
        let error = unread("security", "contoso", &kube::Error::Api(status.boxed())).to_string();
        assert!(error.contains(remedy) && error.contains(&format!("it says no ({code})")), "{error}");
    }
}
