//! Looking after one pod from its binding to its end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::support::control_plane::process::Process;

use super::container::{Life, command};
use super::image::Inside;
use super::pod::PodSpec;
use super::probes::Probes;
use super::status::{self, Report};
use super::volumes::Volumes;
use super::{Ground, log_of};

/// The time between two looks at a process.
const LOOK: Duration = Duration::from_millis(100);
/// The time between two looks at `ConfigMap`s and Secrets.
const REFRESH: Duration = Duration::from_secs(2);

/// Looks after a pod until it is gone.
pub(super) async fn keep(ground: Arc<Ground>, mut object: watch::Receiver<DynamicObject>) {
    let pod = object.borrow().clone();
    match Pod::admit(&ground, pod) {
        Ok(mut pod) => {
            let mut looks = interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let stored = object.borrow_and_update().clone();
                if pod.pass(&stored).await {
                    return;
                }
                tokio::select! {
                    _ = looks.tick() => {}
                    _ = object.changed() => {}
                }
            }
        }
        Err(why) => refuse(&ground, &mut object, &why).await,
    }
}

/// A pod whose spec can be done here.
struct Pod<'a> {
    ground: &'a Ground,
    object: DynamicObject,
    spec: PodSpec,
    inside: Inside,
    written: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    refreshed: Instant,
    life: Life,
    /// What hindered its start last.
    hindrance: String,
    report: Report,
}

impl<'a> Pod<'a> {
    fn admit(ground: &'a Ground, object: DynamicObject) -> Result<Self, String> {
        let spec = PodSpec::read(&object.data["spec"])?;
        let ports: Vec<u16> = spec.container().ports.iter().map(|port| port.number).collect();
        let address = ground.address(&ports).ok_or_else(|| format!("no address is free for the ports {ports:?}"))?;
        let root = ground.directory.join(object.metadata.uid.as_deref().unwrap());
        let inside = Inside::new(root, address, &spec);
        let report = Report::new(address, spec.container());
        let (written, hindrance) = (BTreeMap::new(), String::new());
        let (refreshed, life) = (Instant::now(), Life::new());
        Ok(Self { ground, object, spec, inside, written, refreshed, life, hindrance, report })
    }

    /// One look. `object` is the pod as it is stored now; true once it is gone.
    async fn pass(&mut self, object: &DynamicObject) -> bool {
        let is_leaving = object.metadata.deletion_timestamp.is_some();
        let grace = object.metadata.deletion_grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let declared = self.object.data["spec"]["terminationGracePeriodSeconds"].as_u64();
        self.life.tend(is_leaving, Duration::from_secs(grace.or(declared).unwrap_or_default()));
        if is_leaving && !self.life.is_running() {
            return self.tell().await && release(self.ground, &self.object).await;
        }
        if self.life.is_due() {
            let started = self.start().await;
            if let Err(why) = &started
                && *why != self.hindrance
            {
                note(self.ground, &self.object, why);
                self.hindrance.clone_from(why);
            }
            self.life.begin(started);
        } else if self.life.is_running() && self.refreshed.elapsed() > REFRESH {
            self.refreshed = Instant::now();
            let volumes = Volumes { ground: self.ground, pod: &self.object, spec: &self.spec, inside: &self.inside };
            // What is gone meanwhile stays as it was written.
            let _ = volumes.write(&mut self.written).await;
        }
        self.tell().await;
        false
    }

    async fn start(&mut self) -> Result<(Process, Probes), String> {
        let volumes = Volumes { ground: self.ground, pod: &self.object, spec: &self.spec, inside: &self.inside };
        volumes.write(&mut self.written).await?;
        let (namespace, name) = named(&self.object);
        let log = self.ground.directory.join(log_of(namespace, name));
        let process = Process::spawn(&command(&volumes)?, &log, None).map_err(|error| format!("start: {error}"))?;
        let probes = Probes::start(&self.ground.http, self.inside.address(), self.spec.container())?;
        Ok((process, probes))
    }

    /// Writes the status where it has changed. False where it could not be written, so that it is tried again.
    async fn tell(&mut self) -> bool {
        let Some(status) = self.report.changed(&self.life) else { return true };
        let is_written = write(self.ground, &self.object, &status).await;
        if is_written {
            self.report.is_told(status);
        }
        is_written
    }
}

/// Says that a pod cannot run here, and waits until somebody deletes it.
async fn refuse(ground: &Ground, object: &mut watch::Receiver<DynamicObject>, why: &str) {
    let pod = object.borrow().clone();
    note(ground, &pod, why);
    write(ground, &pod, &status::refused(why)).await;
    let gone = object.wait_for(|pod| pod.metadata.deletion_timestamp.is_some()).await.is_ok();
    if gone {
        release(ground, &pod).await;
    }
}

/// Writes down why a pod does not run.
fn note(ground: &Ground, pod: &DynamicObject, why: &str) {
    let (namespace, name) = named(pod);
    let mut log = File::options().create(true).append(true).open(ground.directory.join("hindered.log")).unwrap();
    writeln!(log, "{namespace}/{name}: {why}").unwrap();
}

/// Writes a status. A pod that is gone has none to write.
async fn write(ground: &Ground, pod: &DynamicObject, status: &Value) -> bool {
    let (namespace, name) = named(pod);
    let written = ground.pods(namespace).patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await;
    written.is_ok() || matches!(written, Err(kube::Error::Api(status)) if status.is_not_found())
}

/// Tells the API server that nothing of a pod is left.
async fn release(ground: &Ground, pod: &DynamicObject) -> bool {
    let (namespace, name) = named(pod);
    let this = Preconditions { uid: pod.metadata.uid.clone(), resource_version: None };
    let at_once = DeleteParams { grace_period_seconds: Some(0), preconditions: Some(this), ..DeleteParams::default() };
    let gone = ground.pods(namespace).delete(name, &at_once).await;
    gone.is_ok() || matches!(gone, Err(kube::Error::Api(status)) if status.is_not_found())
}

/// Namespace and name of a pod.
fn named(pod: &DynamicObject) -> (&str, &str) {
    (pod.metadata.namespace.as_deref().unwrap(), pod.metadata.name.as_deref().unwrap())
}
