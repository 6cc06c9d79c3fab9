//! What a pod's status says of it.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::container::Life;
use super::pod::Container;

/// The status of a pod that runs here, as it was told last.
pub(super) struct Report {
    address: Ipv4Addr,
    container: String,
    image: String,
    start: String,
    /// Whether it is ready, and since when that is so.
    ready: (bool, String),
    told: Value,
}

impl Report {
    pub(super) fn new(address: Ipv4Addr, container: &Container) -> Self {
        let (name, image) = (container.name.clone(), container.image.clone());
        Self { address, container: name, image, start: now(), ready: (false, now()), told: Value::Null }
    }

    /// The status, where it says something else than was told.
    pub(super) fn changed(&mut self, life: &Life) -> Option<Value> {
        if self.ready.0 != life.is_ready() {
            self.ready = (life.is_ready(), now());
        }
        let status = self.status(life);
        (status != self.told).then_some(status)
    }

    /// Takes note that a status was written.
    pub(super) fn is_told(&mut self, status: Value) {
        self.told = status;
    }

    fn status(&self, life: &Life) -> Value {
        let (is_ready, since) = (self.ready.0, &self.ready.1);
        let ready = if is_ready { "True" } else { "False" };
        let mut container = life.status();
        container["name"] = json!(self.container);
        container["image"] = json!(self.image);
        container["imageID"] = json!(self.image);
        let condition = |kind: &str, status: &str, since: &str| json!({"type": kind, "status": status, "lastTransitionTime": since});
        let was_started = life.is_running() || container["restartCount"] != 0;
        json!({"status": {
            "phase": if was_started { "Running" } else { "Pending" },
            "hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}],
            "podIP": self.address.to_string(), "podIPs": [{"ip": self.address.to_string()}],
            "startTime": self.start,
            "conditions": [
                condition("PodScheduled", "True", &self.start),
                condition("PodReadyToStartContainers", "True", &self.start),
                condition("Initialized", "True", &self.start),
                condition("ContainersReady", ready, since),
                condition("Ready", ready, since),
            ],
            "containerStatuses": [container],
        }})
    }
}

/// The status of a pod that this node cannot run.
pub(super) fn refused(why: &str) -> Value {
    json!({"status": {"phase": "Pending", "reason": "NotOnThisNode", "message": why}})
}

/// The time of day, as objects have it.
#[expect(clippy::disallowed_methods, reason = "kubelets go by the clock of the machine")]
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
