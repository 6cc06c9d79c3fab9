//! Metrics in the text format of `OpenMetrics`: the registry, and what every process has to say of itself.
//!
//! Each room counts what it does and puts it into the registry. Labels are of fixed sets: no tenant, no namespace, no
//! name, no host is one.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::heartbeat::Heartbeat;

/// What every name begins with.
pub const PREFIX: &str = "threat_protection";
/// The content type of the text (`OpenMetrics` 1.0).
pub const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is measured.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
}

impl Metrics {
    /// A registry that shows the build, for how long the loop has been silent, and what `register` puts into it.
    pub fn new(heartbeat: Heartbeat, register: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The build that runs", build);
        registry.register_collector(Box::new(Silence(heartbeat)));
        register(&mut registry);
        Self { registry: Arc::new(registry) }
    }

    /// All of it as text.
    ///
    /// # Errors
    /// None that is known: writing to a `String` does not fail.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[derive(Debug)]
struct Silence(Heartbeat);

impl Collector for Silence {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Time since the loop last turned; it turns every few seconds, also where there is nothing to do.";
        let (unit, kind) = (Unit::Seconds, MetricType::Gauge);
        let silence = encoder.encode_descriptor("loop_silence", help, Some(&unit), kind)?;
        ConstGauge::new(self.0.silence().as_secs_f64()).encode(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn every_room_puts_its_own_into_the_registry() {
        let counter: Counter = Counter::default();
        counter.inc_by(3);
        let metrics = Metrics::new(Heartbeat::default(), |registry| {
            registry.register("steps", "Steps", counter.clone());
        });
        let text = metrics.text().unwrap();
        for line in [
            "threat_protection_steps_total 3",
            concat!("threat_protection_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "# EOF",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        let silence = text.lines().find_map(|line| line.strip_prefix("threat_protection_loop_silence_seconds "));
        assert!(silence.unwrap().parse::<f64>().unwrap() < 60.0, "{text}");
    }
}
