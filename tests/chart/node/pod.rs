//! What a pod asks of its node: everything that is done here, and a refusal of everything else.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny};
use serde_json::{Map, Value};

/// Where a pod may run, who pulls its image, and what isolates it: of no account with a single node, a single image and
/// no isolation. `serviceAccount` is the old name of `serviceAccountName`; addresses are in the status.
const LEFT_OUT_OF_PODS: [&str; 11] = [
    "dnsPolicy",
    "imagePullSecrets",
    "nodeName",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "tolerations",
    "topologySpreadConstraints",
];
/// The same of containers.
const LEFT_OUT_OF_CONTAINERS: [&str; 5] =
    ["imagePullPolicy", "resources", "securityContext", "terminationMessagePath", "terminationMessagePolicy"];

/// A pod.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PodSpec {
    pub(super) containers: [Container; 1],
    #[serde(default)]
    pub(super) volumes: Vec<Volume>,
    pub(super) service_account_name: String,
    #[serde(rename = "restartPolicy")]
    _restart_policy: Always,
    #[serde(rename = "enableServiceLinks", deserialize_with = "off")]
    _service_links: (),
    #[serde(rename = "terminationGracePeriodSeconds")]
    _grace: u64,
}

#[derive(Debug, Deserialize)]
enum Always {
    Always,
}

/// Its container.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default)]
    pub(super) env: Vec<Variable>,
    #[serde(default)]
    pub(super) ports: Vec<Port>,
    pub(super) liveness_probe: Option<Probe>,
    pub(super) readiness_probe: Option<Probe>,
    #[serde(default)]
    pub(super) volume_mounts: Vec<Mount>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: Option<String>,
    pub(super) value_from: Option<ValueFrom>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ValueFrom {
    pub(super) field_ref: FieldRef,
}

/// A part of the pod that its container may know.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FieldRef {
    pub(super) field_path: String,
    #[serde(rename = "apiVersion")]
    _version: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Port {
    pub(super) name: Option<String>,
    #[serde(rename = "containerPort")]
    pub(super) number: u16,
    #[serde(rename = "protocol")]
    _protocol: Tcp,
}

#[derive(Debug, Deserialize)]
enum Tcp {
    #[serde(rename = "TCP")]
    Tcp,
}

/// A probe; all times in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Probe {
    pub(super) http_get: HttpGet,
    #[serde(default)]
    pub(super) initial_delay_seconds: u64,
    pub(super) period_seconds: u64,
    pub(super) timeout_seconds: u64,
    pub(super) success_threshold: u32,
    pub(super) failure_threshold: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct HttpGet {
    pub(super) path: String,
    /// A number, or the name of a port of the container.
    pub(super) port: Value,
    #[serde(rename = "scheme")]
    _scheme: Http,
}

#[derive(Debug, Clone, Deserialize)]
enum Http {
    #[serde(rename = "HTTP")]
    Http,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Mount {
    pub(super) name: String,
    #[serde(rename = "mountPath")]
    pub(super) path: String,
    // A process may write where its own configuration lies; the program has no reason to.
    #[serde(rename = "readOnly", default)]
    _read_only: bool,
}

/// A volume; one of the sources is there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) config_map: Option<Keys>,
    pub(super) secret: Option<SecretKeys>,
    pub(super) projected: Option<Projected>,
    pub(super) empty_dir: Option<Map<String, Value>>,
}

/// All keys of a `ConfigMap`, or those of a projection that are named.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Keys {
    pub(super) name: String,
    pub(super) items: Option<Vec<Item>>,
    pub(super) default_mode: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SecretKeys {
    pub(super) secret_name: String,
    pub(super) default_mode: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Projected {
    pub(super) sources: Vec<Source>,
    pub(super) default_mode: u32,
}

/// A part of a projection.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Source {
    ServiceAccountToken(Token),
    ConfigMap(Keys),
    DownwardAPI(Downward),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Token {
    pub(super) audience: Option<String>,
    pub(super) expiration_seconds: i64,
    pub(super) path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Downward {
    pub(super) items: Vec<DownwardItem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DownwardItem {
    pub(super) path: String,
    pub(super) field_ref: FieldRef,
}

impl PodSpec {
    /// Reads a spec; an error names what is asked for and not done here.
    pub(super) fn read(spec: &Value) -> Result<Self, String> {
        let mut spec = spec.clone();
        remove(&mut spec, &LEFT_OUT_OF_PODS);
        for container in spec["containers"].as_array_mut().into_iter().flatten() {
            remove(container, &LEFT_OUT_OF_CONTAINERS);
        }
        let spec: Self = serde_json::from_value(spec).map_err(|error| format!("not on the node for tests: {error}"))?;
        Ok(spec)
    }

    /// The container.
    pub(super) fn container(&self) -> &Container {
        let [container] = &self.containers;
        container
    }
}

impl Container {
    /// The number of a port that a probe names.
    pub(super) fn port(&self, port: &Value) -> Option<u16> {
        match port {
            Value::String(name) => {
                let named = self.ports.iter().find(|port| port.name.as_ref() == Some(name));
                named.map(|port| port.number)
            }
            number => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        }
    }
}

fn remove(object: &mut Value, names: &[&str]) {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|name, _| !names.contains(&name.as_str()));
    }
}

fn off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    let is_on = bool::deserialize(deserializer)?;
    if is_on { Err(D::Error::custom("enableServiceLinks: no variables are written for Services")) } else { Ok(()) }
}
