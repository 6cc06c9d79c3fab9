//! Metrics in the text format of `OpenMetrics`, served beside the probes.
//!
//! Values are gathered when they are asked for, so that nothing has to be kept up to date in between. Labels are of fixed
//! sets: no tenant, no namespace, no host is one.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// The share of the budget of one API that is left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// `graph` or `arm`.
    pub api: &'static str,
    /// The smallest share that any tenant has left, from 0 to 1.
    pub left: f64,
    /// How many tenants are held back just now, because the API said so.
    pub held_back: usize,
}

/// What is measured.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
}

impl Metrics {
    /// Shows the budgets that `gather` tells.
    pub fn new(gather: impl Fn() -> Vec<Budget> + Send + Sync + 'static) -> Self {
        let mut registry = Registry::with_prefix("threat_protection");
        registry.register_collector(Box::new(Budgets(gather)));
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

struct Budgets<F>(F);

impl<F> fmt::Debug for Budgets<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Budgets")
    }
}

impl<F: Fn() -> Vec<Budget> + Send + Sync + 'static> Collector for Budgets<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let budgets = (self.0)();
        let help = "Smallest share of the request budget of a Microsoft API that any tenant has left";
        let ratio = Unit::Ratios;
        let mut left = encoder.encode_descriptor("remote_budget_left", help, Some(&ratio), MetricType::Gauge)?;
        for budget in &budgets {
            ConstGauge::new(budget.left).encode(left.encode_family(&[("api", budget.api)])?)?;
        }
        let help = "Tenants that a Microsoft API asked to wait";
        let mut held_back = encoder.encode_descriptor("remote_tenants_held_back", help, None, MetricType::Gauge)?;
        for budget in &budgets {
            ConstGauge::new(i64::try_from(budget.held_back).unwrap_or(i64::MAX))
                .encode(held_back.encode_family(&[("api", budget.api)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_for_each_api() {
        let metrics = Metrics::new(|| {
            vec![Budget { api: "graph", left: 0.25, held_back: 3 }, Budget { api: "arm", left: 1.0, held_back: 0 }]
        });
        let text = metrics.text().unwrap();
        for line in [
            "threat_protection_remote_budget_left_ratios{api=\"graph\"} 0.25",
            "threat_protection_remote_budget_left_ratios{api=\"arm\"} 1.0",
            "threat_protection_remote_tenants_held_back{api=\"graph\"} 3",
            "# EOF",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }
}
