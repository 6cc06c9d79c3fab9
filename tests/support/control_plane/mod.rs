//! A real control plane for tests: etcd and kube-apiserver as processes of their
//! own, with RBAC, an audit log and, when asked for, the controllers of Kubernetes.
//!
//! [`shared`] is the one of this test binary; give each test a namespace of its own.
//! Nothing of it depends on a Tokio runtime that ends with the test that was first,
//! and nothing of it is left behind however the process ends (see [`process`]).

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod build;
mod credentials;
mod error;
mod launch;
pub(crate) mod process;
mod requests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use self::assets::Tool;
pub(crate) use self::audit::AuditEntry;
use self::credentials::Credentials;
pub(crate) use self::credentials::{Access, Credential};
pub(crate) use self::error::ControlPlaneError;
use self::launch::Layout;
use self::process::{Process, RunDirectory};

/// About 2.5 s on an idle machine; a loaded one may need many times that.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How often another pair of ports is tried.
const PORT_ATTEMPTS: usize = 5;

/// What a control plane consists of beside etcd and the API server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Start kube-controller-manager too; [`ControlPlane::start_controllers`] does it later.
    pub(crate) controllers: bool,
    /// Keep an audit log for [`ControlPlane::audit`].
    pub(crate) audit: bool,
}

/// A running control plane. Dropping it ends it and removes its directory.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    // In the order in which they have to end; the directory last.
    workloads: Mutex<Option<Process>>,
    controllers: Mutex<Option<Process>>,
    apiserver: Mutex<Process>,
    etcd: Mutex<Process>,
    credentials: Credentials,
    kubeconfig: PathBuf,
    layout: Layout,
    directory: RunDirectory,
}

/// The control plane of this test binary, with an audit log, started when first asked for.
///
/// # Panics
/// When it cannot be started, in each test that asks.
pub(crate) fn shared() -> &'static ControlPlane {
    static SHARED: OnceLock<Result<ControlPlane, ControlPlaneError>> = OnceLock::new();
    let started = SHARED.get_or_init(|| {
        // All at once, because one build of four is faster than four, and the tests need them all sooner or later.
        assets::locate([Tool::Etcd, Tool::ApiServer, Tool::ControllerManager, Tool::Kubectl])?;
        ControlPlane::start(Options { controllers: false, audit: true })
    });
    #[expect(clippy::panic, reason = "no test can do without it, and this prints the error as it was written")]
    match started {
        Ok(control_plane) => control_plane,
        Err(error) => panic!("{error}"),
    }
}

impl ControlPlane {
    /// Starts one and waits until it is ready. Blocks: from asynchronous code call it in `spawn_blocking` when other
    /// tasks have to go on meanwhile.
    pub(crate) fn start(options: Options) -> Result<Self, ControlPlaneError> {
        let [etcd, apiserver] = assets::locate([Tool::Etcd, Tool::ApiServer])?;
        let mut attempts = 1..PORT_ATTEMPTS;
        let control_plane = loop {
            match Self::start_once(options, etcd.clone(), apiserver.clone()) {
                Err(error) if error.is_port_taken() && attempts.next().is_some() => {}
                result => break result?,
            }
        };
        if options.controllers {
            control_plane.start_controllers()?;
        }
        Ok(control_plane)
    }

    fn start_once(options: Options, etcd: PathBuf, apiserver: PathBuf) -> Result<Self, ControlPlaneError> {
        let directory = RunDirectory::create("threat-protection-control-plane")
            .map_err(ControlPlaneError::io("make the directory of the control plane"))?;
        let root = directory.path().to_path_buf();
        let (etcd_port, apiserver_port) = launch::free_ports().map_err(ControlPlaneError::io("find a free port"))?;
        let layout = Layout { root, etcd, apiserver, etcd_port, apiserver_port, audit: options.audit };
        let credentials = Credentials::write(&layout.root)?;
        credentials::write(&layout.root, "audit-policy.json", launch::AUDIT_POLICY)?;
        let admin = credentials.kubeconfig(layout.server(), &Access::default());
        let kubeconfig = credentials::write(&layout.root, "admin.kubeconfig", &format!("{admin:#}"))?;
        // Both at once: the API server waits for etcd by itself.
        let etcd = spawn("etcd", &layout.etcd(), &layout, &directory)?;
        let apiserver = spawn("kube-apiserver", &layout.apiserver(), &layout, &directory)?;
        let control_plane = Self {
            workloads: Mutex::new(None),
            controllers: Mutex::new(None),
            apiserver: Mutex::new(apiserver),
            etcd: Mutex::new(etcd),
            credentials,
            kubeconfig,
            layout,
            directory,
        };
        control_plane.block_on_ready()?;
        Ok(control_plane)
    }

    /// Starts kube-controller-manager, unless it runs. With it namespaces can go, owners take their dependants with
    /// them, and each namespace has a `default` service account; `kubectl delete namespace` takes about 5 s.
    pub(crate) fn start_controllers(&self) -> Result<(), ControlPlaneError> {
        self.start_those(&self.controllers, "kube-controller-manager", &launch::HOUSEKEEPING)
    }

    /// Starts the controllers above, unless they run, and another kube-controller-manager beside them that makes pods of
    /// Deployments. Pods run only where something takes them for a node.
    pub(crate) fn start_workload_controllers(&self) -> Result<(), ControlPlaneError> {
        self.start_controllers()?;
        self.start_those(&self.workloads, "kube-controller-manager-workloads", &launch::WORKLOADS)
    }

    fn start_those(
        &self,
        place: &Mutex<Option<Process>>,
        name: &'static str,
        controllers: &[&str],
    ) -> Result<(), ControlPlaneError> {
        let mut running = locked(place);
        if running.is_none() {
            let [binary] = assets::locate([Tool::ControllerManager])?;
            let kubeconfig = self.write_kubeconfig(name, &self.credentials.controllers())?;
            let command = self.layout.controllers(&binary, &kubeconfig, controllers);
            *running = Some(spawn(name, &command, &self.layout, &self.directory)?);
        }
        Ok(())
    }

    /// Kills the API server with SIGKILL and waits until it is gone. SIGTERM would keep its port for 12 s and more.
    pub(crate) fn stop_apiserver(&self) -> Result<(), ControlPlaneError> {
        locked(&self.apiserver).kill().map_err(ControlPlaneError::io("kill kube-apiserver"))
    }

    /// Starts the API server again, at the same address and with the same data, and waits until it is ready.
    pub(crate) async fn start_apiserver(&self) -> Result<(), ControlPlaneError> {
        let apiserver = spawn("kube-apiserver", &self.layout.apiserver(), &self.layout, &self.directory)?;
        *locked(&self.apiserver) = apiserver;
        self.await_ready().await
    }

    /// Both of the above.
    pub(crate) async fn restart_apiserver(&self) -> Result<(), ControlPlaneError> {
        self.stop_apiserver()?;
        self.start_apiserver().await
    }

    /// Starts `command`, an operator say, with its output in `name.log` in the directory of this control plane.
    ///
    /// It ends when it is dropped or when we end, whichever is first.
    pub(crate) fn spawn(&self, name: &str, command: &Command) -> Result<Process, ControlPlaneError> {
        // It does not keep the directory, or dropping the control plane before it would never return.
        Process::spawn(command, &self.layout.log(name), None).map_err(ControlPlaneError::io(format!("start {name}")))
    }

    /// The process number of the API server, for [`process::signal`].
    pub(crate) fn apiserver_pid(&self) -> u32 {
        locked(&self.apiserver).pid()
    }

    /// The process number of etcd.
    pub(crate) fn etcd_pid(&self) -> u32 {
        locked(&self.etcd).pid()
    }

    /// Where the API server listens, for a proxy in front of it.
    pub(crate) fn server(&self) -> SocketAddr {
        self.layout.server()
    }

    /// The directory that goes with this control plane. Logs are in it, and tests may use it.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// Writes a kubeconfig for `access` to the file `name` and says where it is.
    pub(crate) fn write_kubeconfig(&self, name: &str, access: &Access) -> Result<PathBuf, ControlPlaneError> {
        let kubeconfig = self.credentials.kubeconfig(self.server(), access);
        credentials::write(self.directory(), &format!("{name}.kubeconfig"), &format!("{kubeconfig:#}"))
    }

    /// Every request that the audit policy names, one entry each, in the order of their arrival.
    ///
    /// A client may have its answer a moment before the line is written: poll for what must be there, and before
    /// counting what must not be there, make one more request and wait for its entry.
    pub(crate) fn audit(&self) -> Result<Vec<AuditEntry>, ControlPlaneError> {
        if self.layout.audit { audit::read(&self.layout.audit_log()) } else { Err(ControlPlaneError::NoAudit) }
    }

    /// On a thread with a runtime of its own, because the caller may be inside one that must not block on another.
    fn block_on_ready(&self) -> Result<(), ControlPlaneError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ControlPlaneError::io("start a runtime"))?;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || runtime.block_on(self.await_ready()));
            waiting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    async fn await_ready(&self) -> Result<(), ControlPlaneError> {
        let (client, started) = (self.client().await?, Instant::now());
        loop {
            ended("etcd", &self.etcd)?;
            ended("kube-apiserver", &self.apiserver)?;
            match requests::readyz(&client).await {
                Ok(()) => return Ok(()),
                Err(last_answer) if started.elapsed() > READY_WITHIN => {
                    let last_words = locked(&self.apiserver).last_words();
                    return Err(ControlPlaneError::NotReady {
                        seconds: READY_WITHIN.as_secs(),
                        last_answer,
                        last_words,
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
            }
        }
    }
}

fn spawn(
    name: &'static str,
    command: &Command,
    layout: &Layout,
    directory: &RunDirectory,
) -> Result<Process, ControlPlaneError> {
    Process::spawn(command, &layout.log(name), Some(directory)).map_err(ControlPlaneError::io(format!("start {name}")))
}

fn ended(name: &'static str, process: &Mutex<Process>) -> Result<(), ControlPlaneError> {
    let mut process = locked(process);
    match process.ended().map_err(ControlPlaneError::io(format!("await {name}")))? {
        Some(status) => {
            Err(ControlPlaneError::Ended { name, status: status.to_string(), last_words: process.last_words() })
        }
        None => Ok(()),
    }
}

/// A test that panics while it holds a process leaves the process as it was.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
