//! The life of a container: started, ended, started again after a growing pause, as `restartPolicy: Always` asks for.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::control_plane::process::{Process, Signal, signal};

use super::image;
use super::probes::Probes;
use super::status::now;
use super::volumes::Volumes;

/// A volume that cannot be had is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);
/// The pause before the second restart, which doubles with each; the first restart is at once.
const BACK_OFF: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(5);
/// Where a ServiceAccount is in a container.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A container.
pub(super) struct Life {
    state: State,
    restarts: u32,
    /// How it ended last, as `terminated` in a status.
    ended: Option<Value>,
}

enum State {
    Waiting {
        reason: &'static str,
        message: String,
        until: Instant,
    },
    Running(Running),
    /// With its pod.
    Ended,
}

struct Running {
    process: Process,
    probes: Probes,
    since: String,
    /// Since when it has been asked to end, and when it is killed.
    kill_at: Option<Instant>,
}

impl Life {
    pub(super) fn new() -> Self {
        let state = State::Waiting { reason: "ContainerCreating", message: String::new(), until: Instant::now() };
        Self { state, restarts: 0, ended: None }
    }

    /// Whether it is time to start it.
    pub(super) fn is_due(&self) -> bool {
        matches!(&self.state, State::Waiting { until, .. } if *until <= Instant::now())
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(&self.state, State::Running(running) if running.probes.is_ready())
    }

    /// Takes note of a start, or of why there was none.
    pub(super) fn begin(&mut self, started: Result<(Process, Probes), String>) {
        self.state = match started {
            Ok((process, probes)) => State::Running(Running { process, probes, since: now(), kill_at: None }),
            Err(message) => {
                State::Waiting { reason: "CreateContainerConfigError", message, until: Instant::now() + AGAIN }
            }
        };
    }

    /// Looks after the process: takes note of its end, asks it to end where it is not alive or `is_leaving`, and kills it
    /// after `grace`.
    pub(super) fn tend(&mut self, is_leaving: bool, grace: Duration) {
        let State::Running(Running { process, probes, since, kill_at }) = &mut self.state else { return };
        if let Some(status) = process.ended().unwrap() {
            self.ended = Some(terminated(status, since));
            if is_leaving {
                self.state = State::Ended;
                return;
            }
            let pause = BACK_OFF.saturating_mul(2_u32.saturating_pow(self.restarts.saturating_sub(1)));
            let pause = if self.restarts == 0 { Duration::ZERO } else { pause.min(LONGEST_BACK_OFF) };
            self.restarts += 1;
            let message = format!("back-off {} s", pause.as_secs());
            self.state = State::Waiting { reason: "CrashLoopBackOff", message, until: Instant::now() + pause };
            return;
        }
        match kill_at {
            None if is_leaving || !probes.is_alive() => {
                *kill_at = Some(Instant::now() + grace);
                // It may have ended this very moment.
                let _ = signal(process.pid(), Signal::Terminate);
            }
            Some(end) if *end <= Instant::now() => {
                let _ = signal(process.pid(), Signal::Kill);
            }
            _ => {}
        }
    }

    /// The container in the status of its pod, without what its spec says.
    pub(super) fn status(&self) -> Value {
        let state = match &self.state {
            State::Waiting { reason, message, .. } => json!({"waiting": {"reason": reason, "message": message}}),
            State::Running(running) => json!({"running": {"startedAt": running.since}}),
            State::Ended => json!({"terminated": self.ended}),
        };
        let last = self.ended.as_ref().map_or(json!({}), |ended| json!({"terminated": ended}));
        let id = match &self.state {
            State::Running(running) => format!("process://{}", running.process.pid()),
            State::Waiting { .. } | State::Ended => String::new(),
        };
        json!({
            "state": state, "lastState": last, "restartCount": self.restarts, "containerID": id,
            "ready": self.is_ready(), "started": self.is_running(),
        })
    }
}

/// The code of a process that a signal ended is 128 and the number of the signal, as runtimes have it.
fn terminated(status: ExitStatus, since: &str) -> Value {
    let code = status.code().or_else(|| status.signal().map(|number| 128 + number)).unwrap_or(-1);
    let reason = if code == 0 { "Completed" } else { "Error" };
    json!({"exitCode": code, "reason": reason, "startedAt": since, "finishedAt": now()})
}

/// The program as its container starts it, with nothing of our own environment.
pub(super) fn command(volumes: &Volumes<'_>) -> Result<Command, String> {
    let Volumes { ground, spec, inside, .. } = volumes;
    let container = spec.container();
    if !image::is_here(&container.image) {
        return Err(format!("not on the node for tests: the image {}", container.image));
    }
    let mut command = Command::new(image::PROGRAM);
    command.args(container.args.iter().map(|argument| inside.lead(argument)));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name != "PATH") {
        command.env_remove(name);
    }
    command.env("KUBERNETES_SERVICE_HOST", ground.server.ip().to_string());
    command.env("KUBERNETES_SERVICE_PORT", ground.server.port().to_string());
    if container.volume_mounts.iter().any(|mount| mount.path == ACCOUNT) {
        command.env("KUBECONFIG", kubeconfig(volumes).map_err(|error| format!("cannot write a kubeconfig: {error}"))?);
    }
    for variable in &container.env {
        let value = match &variable.value_from {
            Some(from) => volumes.field(&from.field_ref.field_path),
            None => Some(inside.lead(variable.value.as_deref().unwrap_or_default())),
        };
        let value = value.ok_or_else(|| format!("not on the node for tests: the source of {}", variable.name))?;
        command.env(&variable.name, value);
    }
    Ok(command)
}

/// A kubeconfig of the files that a client in a cluster reads.
fn kubeconfig(volumes: &Volumes<'_>) -> std::io::Result<std::path::PathBuf> {
    let file = |name: &str| volumes.inside.path(&Path::new(ACCOUNT).join(name).to_string_lossy());
    let namespace = std::fs::read_to_string(file("namespace"))?;
    let server = format!("https://{}", volumes.ground.server);
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": {"server": server, "certificate-authority": file("ca.crt")}}],
        "users": [{"name": "account", "user": {"tokenFile": file("token")}}],
        "contexts": [{"name": "pod", "context": {"cluster": "cluster", "user": "account", "namespace": namespace}}],
        "current-context": "pod",
    });
    let path = volumes.inside.path("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string())?;
    Ok(path)
}
