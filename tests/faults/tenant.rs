//! One tenant among many on a stage, and what is asked of every story.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::stage::{PATIENCE, Stage, condition, ready};

/// A resource and its tenant.
pub(crate) struct Tenant<'a> {
    pub(crate) stage: &'a Stage,
    /// Name of the resource, and of the case.
    pub(crate) name: &'static str,
    pub(crate) id: String,
}

impl<'a> Tenant<'a> {
    /// Puts a licensed tenant into the world whose broker behaves like this.
    pub(crate) async fn seed(stage: &'a Stage, name: &'static str, settings: Value) -> Self {
        let id = uuid::Uuid::new_v4().to_string();
        stage.simulator.seed(&id, json!({"services": ["Endpoint"], "automaticRegion": "EU"})).await.unwrap();
        stage.simulator.settings(Some(&id), settings).await.unwrap();
        Self { stage, name, id }
    }

    /// Orders a fault for this tenant; `None` is for ever.
    pub(crate) async fn fault(&self, matching: Value, times: Option<u32>, fault: Value) -> u64 {
        let mut matching = matching;
        matching["tenantId"] = json!(self.id);
        self.stage.simulator.fault(matching, times, fault).await.unwrap()
    }

    /// Declares that the service is on.
    pub(crate) async fn declare(&self) {
        let spec = json!({"tenantId": self.id, "dataLocation": {"region": "EU"}});
        self.stage.apply(self.name, spec).await.unwrap();
    }

    /// Waits until `Ready` gives this reason, and checks the conditions around it.
    pub(crate) async fn until_reason(&self, reason: &str, is_stalled: bool) -> Value {
        let resource = self.stage.until(self.name, reason, |resource| ready(resource).1 == reason).await;
        assert_ne!(ready(&resource).0, "True", "{}", self.name);
        let stalled = condition(&resource, "Stalled").map(|stalled| stalled["reason"].clone());
        assert_eq!(stalled, is_stalled.then(|| json!(reason)), "{}", self.name);
        assert_eq!(condition(&resource, "Reconciling").is_some(), !is_stalled, "{}", self.name);
        resource
    }

    pub(crate) async fn until_current(&self) {
        self.stage.until_current(self.name).await;
        assert_eq!(ready(&self.stage.read(self.name).await).1, "Enabled", "{}", self.name);
    }

    pub(crate) async fn count(&self, method: &str) -> u64 {
        self.stage.simulator.count(&self.id, method).await.unwrap()
    }

    /// How many requests about the tenant arrive within `window`.
    pub(crate) async fn requests_within(&self, window: Duration) -> usize {
        let since = self.stage.simulator.requests(None, 0).await.unwrap().len() as u64;
        tokio::time::sleep(window).await;
        self.stage.simulator.requests(Some(&self.id), since).await.unwrap().len()
    }

    /// Waits until so many requests with this method were answered.
    pub(crate) async fn until_count(&self, method: &str, least: u64) {
        let start = Instant::now();
        while self.count(method).await < least {
            assert!(start.elapsed() < PATIENCE, "{}: fewer than {least} {method}", self.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What holds of every story that ends well: the service came on once, by one instance, and nobody deleted anything.
    pub(crate) async fn assert_created_once(&self) {
        let effects = self.stage.simulator.effects(&self.id).await.unwrap();
        let mut effects: Vec<_> = effects.into_iter().filter(|effect| effect != "seeded").collect();
        effects.sort();
        assert_eq!(effects, ["instanceCreated", "turnedOn"], "{}", self.name);
        assert_eq!(self.count("DELETE").await, 0, "{}", self.name);
    }
}

/// The message of `Ready`.
pub(crate) fn message(resource: &Value) -> String {
    condition(resource, "Ready").and_then(|ready| ready["message"].as_str()).unwrap_or_default().to_owned()
}
