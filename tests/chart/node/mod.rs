//! A node for tests: it stands in for the scheduler, the kubelet and a container runtime, so that what a chart installs
//! runs where there is none of them, and without root.
//!
//! Pods come from the real controllers. They are bound, started, probed, restarted and ended as their specs say, and
//! their status tells it, so that Deployments become available, roll and go by themselves.
//!
//! Where it differs from a real node:
//!
//! - A container is a process of this machine and always of the operator's program ([`image`]). Nothing isolates it:
//!   what a spec says about users, capabilities, seccomp, a read-only root and resources is accepted and not enforced.
//! - There is no mount namespace. A pod has a directory for its root, and each mention of a mount path in arguments,
//!   environment and `ConfigMap`s is led into it.
//! - There is no network namespace. Each pod has an address of its own in 127.0.0.0/8, on all of which Linux answers
//!   without set-up; the program is told to listen there, on the port that its configuration says.
//! - The program cannot have its ServiceAccount under `/var/run/secrets`. A kubeconfig names those very files.
//! - Changed `ConfigMap`s and Secrets arrive within two seconds. A token is asked for once, which is enough for an hour.
//!
//! What a pod asks for beyond that is refused: it stays `Pending`, and its status and [`Node::logs`] say why.

mod container;
mod image;
mod keep;
mod pod;
mod probes;
mod status;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, oneshot, watch as channel};
use tokio_util::task::AbortOnDropHandle;

use crate::support::control_plane::{ControlPlane, shared};

/// The name of the node.
const NAME: &str = "node-for-tests";
/// Another address is tried so often.
const ADDRESSES: usize = 100;

/// A running node. Dropping it ends its pods' processes with SIGKILL.
pub(crate) struct Node<'a> {
    // Its processes write into the directory of the control plane, which has to outlive it.
    plane: &'a ControlPlane,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The node of the control plane of this test binary.
pub(crate) async fn shared_node() -> &'static Node<'static> {
    static NODE: OnceCell<Node<'static>> = OnceCell::const_new();
    NODE.get_or_init(|| Node::start(shared())).await
}

impl<'a> Node<'a> {
    /// Joins a control plane, whose Deployments get pods from now on. It works on a thread of its own, so that tests may
    /// block.
    ///
    /// # Panics
    /// When it cannot be started.
    pub(crate) async fn start(plane: &'a ControlPlane) -> Self {
        plane.start_workload_controllers().unwrap_or_else(|error| panic!("{error}"));
        let (config, server) = (plane.kube_config().await.unwrap(), plane.server());
        let directory = plane.directory().join("pods");
        std::fs::create_dir(&directory).unwrap();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    // It is dropped, never sent.
                    _ = stopped => {}
                    () = serve(config, server, directory) => {}
                }
            });
        });
        Self { plane, stop: Some(stop), thread: Some(thread) }
    }

    /// What the container of a pod has logged.
    pub(crate) fn log(&self, namespace: &str, pod: &str) -> String {
        std::fs::read_to_string(self.plane.directory().join("pods").join(log_of(namespace, pod))).unwrap_or_default()
    }

    /// What all containers have logged, each with the name of its pod, and what kept pods from being started.
    pub(crate) fn logs(&self) -> String {
        let entries = std::fs::read_dir(self.plane.directory().join("pods")).unwrap().map(Result::unwrap);
        let mut logs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        logs.sort();
        let text = |path: PathBuf| format!("{}\n{}", path.display(), std::fs::read_to_string(&path).unwrap());
        logs.into_iter().map(text).collect()
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A node that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// The name of a pod's log.
fn log_of(namespace: &str, pod: &str) -> String {
    format!("{namespace}_{pod}.log")
}

/// What all pods share.
struct Ground {
    client: Client,
    /// Asks probes.
    http: reqwest::Client,
    /// The API server, as pods know it.
    server: SocketAddr,
    /// Logs, and the roots of the pods.
    directory: PathBuf,
    addresses: Mutex<BTreeSet<Ipv4Addr>>,
}

impl Ground {
    /// An address that no pod has and on which nobody else uses these ports; the lower half of 127.0.0.0/8 is left to others.
    fn address(&self, ports: &[u16]) -> Option<Ipv4Addr> {
        let mut taken = self.addresses.lock().unwrap();
        let mut attempts = (0..ADDRESSES).map(|_| {
            let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
            Ipv4Addr::new(127, 128 | a, b, c.clamp(1, 254))
        });
        let is_free = |address: &Ipv4Addr| ports.iter().all(|port| TcpListener::bind((*address, *port)).is_ok());
        attempts.find(|address| is_free(address) && taken.insert(*address))
    }

    fn pods(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &ApiResource::erase::<Pod>(&()))
    }
}

/// A pod that runs here: how it is told what became of its object, and what looks after it.
struct Tended {
    object: channel::Sender<DynamicObject>,
    _task: AbortOnDropHandle<()>,
}

async fn serve(config: Config, server: SocketAddr, directory: PathBuf) {
    let client = Client::try_from(config).unwrap();
    let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    register(&client).await;
    // As they are, because types of another release would silently leave out what they do not know.
    let all = Api::<DynamicObject>::all_with(client.clone(), &ApiResource::erase::<Pod>(&()));
    let ground = Arc::new(Ground { client, http, server, directory, addresses: Mutex::default() });
    let mut tended = BTreeMap::<String, Tended>::new();
    let mut events = pin!(watch(all, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(pod) | Event::InitApply(pod)) => take(&ground, &mut tended, pod).await,
            Ok(Event::Delete(pod)) => drop(tended.remove(pod.metadata.uid.as_deref().unwrap_or_default())),
            // What goes wrong with the watch is tried again.
            Ok(Event::Init | Event::InitDone) | Err(_) => {}
        }
    }
}

/// Binds a pod that is nowhere, and looks after one that is here.
async fn take(ground: &Arc<Ground>, tended: &mut BTreeMap<String, Tended>, pod: DynamicObject) {
    let uid = pod.metadata.uid.clone().unwrap();
    if let Some(known) = tended.get(&uid) {
        known.object.send_replace(pod);
        return;
    }
    match pod.data["spec"]["nodeName"].as_str() {
        None => bind(ground, &pod).await,
        Some(NAME) => {
            let (object, changes) = channel::channel(pod);
            let task = tokio::spawn(keep::keep(Arc::clone(ground), changes));
            tended.insert(uid, Tended { object, _task: AbortOnDropHandle::new(task) });
        }
        Some(_) => {}
    }
}

async fn bind(ground: &Ground, pod: &DynamicObject) {
    let (namespace, name) = (pod.metadata.namespace.as_deref().unwrap(), pod.metadata.name.as_deref().unwrap());
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": NAME},
    });
    let pods = ground.pods(namespace);
    // It may have gone, or be bound already where this is an old version of it. What else hinders it shows in its status.
    let _: Result<Value, _> = pods.create_subresource("binding", name, &PostParams::default(), &binding).await;
}

/// The node as an object, for whoever lists nodes.
async fn register(client: &Client) {
    let nodes: Api<NodeObject> = Api::all(client.clone());
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}});
    nodes.patch(NAME, &PatchParams::apply(NAME), &Patch::Apply(&node)).await.unwrap();
    let now = status::now();
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Serving", "message": "",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }],
    }});
    nodes.patch_status(NAME, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
}
