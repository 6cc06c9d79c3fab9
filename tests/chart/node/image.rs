//! The one image that the node has, and how its program, which shares this machine with others, finds itself in a pod.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::pod::PodSpec;

/// The entry point of the image.
pub(super) use crate::support::stage::PROGRAM;

/// The last part of the repository, wherever the image is kept.
const IMAGE: &str = "threat-protection-operator";
/// The file with the administrator's configuration.
const CONFIGURATION: &str = "config.yaml";
/// Where the program listens unless its configuration says otherwise.
const PROBES: &str = "0.0.0.0:8080";

/// Whether this is the image that the node has. Its release is whichever was built.
pub(super) fn is_here(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split(['@', ':']).next() == Some(IMAGE)
}

/// What a container sees of the world, and where that is on this machine.
#[derive(Debug)]
pub(super) struct Inside {
    root: PathBuf,
    /// Mount paths, none inside another.
    mounts: Vec<String>,
    address: Ipv4Addr,
}

impl Inside {
    pub(super) fn new(root: PathBuf, address: Ipv4Addr, spec: &PodSpec) -> Self {
        let all: Vec<&String> = spec.container().volume_mounts.iter().map(|mount| &mount.path).collect();
        let is_outermost =
            |path: &&&String| !all.iter().any(|other| other != *path && Path::new(path).starts_with(other));
        let mounts = all.iter().filter(is_outermost).map(|path| (*path).clone()).collect();
        Self { root, mounts, address }
    }

    /// The address of the pod.
    pub(super) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Where a path of the container is.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// The text with each mount path led to where it is.
    pub(super) fn lead(&self, text: &str) -> String {
        let led = |text: String, mount: &String| text.replace(mount, &self.path(mount).to_string_lossy());
        self.mounts.iter().fold(text.to_owned(), led)
    }

    /// A file of a `ConfigMap`: the text as above, and in the administrator's configuration the pod's own address for
    /// each listener that is for all of a pod's addresses.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let text = self.lead(text);
        // What is no YAML is for the program to refuse.
        match serde_yaml::from_str::<Value>(&text) {
            Ok(mut configuration) if name == CONFIGURATION && configuration.is_object() => {
                if configuration.pointer("/probes/listen").is_none() {
                    configuration["probes"] = json!({"listen": PROBES});
                }
                for listener in ["/probes/listen", "/metrics/listen"] {
                    if let Some(listen) = configuration.pointer_mut(listener) {
                        self.narrow(listen);
                    }
                }
                serde_yaml::to_string(&configuration).unwrap()
            }
            _ => text,
        }
    }

    fn narrow(&self, listen: &mut Value) {
        let all = ["0.0.0.0:", "[::]:"];
        let port = listen.as_str().and_then(|listen| all.iter().find_map(|address| listen.strip_prefix(address)));
        if let Some(port) = port {
            *listen = json!(format!("{}:{port}", self.address));
        }
    }
}
