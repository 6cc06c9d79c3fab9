//! The probes of a container, really asked, with the periods, time-outs and thresholds that its spec declares.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::task::AbortOnDropHandle;

use super::pod::{Container, Probe};

/// What a probe has found so far. It goes on until it is dropped.
struct Asked {
    verdict: watch::Receiver<bool>,
    _task: AbortOnDropHandle<()>,
}

/// The probes of a container that runs.
pub(super) struct Probes {
    liveness: Option<Asked>,
    readiness: Option<Asked>,
}

impl Probes {
    /// Begins to ask.
    pub(super) fn start(http: &reqwest::Client, address: Ipv4Addr, container: &Container) -> Result<Self, String> {
        let start = |probe: &Option<Probe>, at_first| {
            let Some(probe) = probe.clone() else { return Ok(None) };
            let port = &probe.http_get.port;
            let port = container.port(port).ok_or_else(|| format!("a probe names the port {port}, which is none"))?;
            let url = format!("http://{address}:{port}{}", probe.http_get.path);
            let (sender, verdict) = watch::channel(at_first);
            let task = tokio::spawn(ask(http.clone(), url, probe, sender));
            Ok::<_, String>(Some(Asked { verdict, _task: AbortOnDropHandle::new(task) }))
        };
        Ok(Self {
            liveness: start(&container.liveness_probe, true)?,
            readiness: start(&container.readiness_probe, false)?,
        })
    }

    /// Whether the container counts as alive: until its probe has failed too often, and for ever without one.
    pub(super) fn is_alive(&self) -> bool {
        self.liveness.as_ref().is_none_or(|asked| *asked.verdict.borrow())
    }

    /// Whether the container counts as ready: once its probe has succeeded often enough, and at once without one.
    pub(super) fn is_ready(&self) -> bool {
        self.readiness.as_ref().is_none_or(|asked| *asked.verdict.borrow())
    }
}

/// Asks for ever. The verdict turns after as many answers of one kind in a row as the thresholds say.
async fn ask(http: reqwest::Client, url: String, probe: Probe, verdict: watch::Sender<bool>) {
    let begin = Instant::now() + Duration::from_secs(probe.initial_delay_seconds);
    let mut ticks = interval_at(begin, Duration::from_secs(probe.period_seconds));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut last, mut in_a_row) = (None, 0);
    loop {
        ticks.tick().await;
        let answer = http.get(&url).timeout(Duration::from_secs(probe.timeout_seconds)).send().await;
        let success = answer.is_ok_and(|answer| (200..400).contains(&answer.status().as_u16()));
        in_a_row = if last == Some(success) { in_a_row + 1 } else { 1 };
        last = Some(success);
        let threshold = if success { probe.success_threshold } else { probe.failure_threshold };
        if in_a_row >= threshold {
            verdict.send_if_modified(|verdict| std::mem::replace(verdict, success) != success);
        }
    }
}
