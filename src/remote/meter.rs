//! What is counted of the outside world: requests, how long they take, how long we are asked to wait, tokens, budgets.
//!
//! Labels are of fixed sets, and every one of them is there from the start: a counter that appears with its first event
//! hides that event from whoever asks how much was added.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::SignedDuration;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::budget::Left;
use super::call::Api;
use super::http::{Answer, ExchangeError};

mod asked;

#[cfg(test)]
mod tests;

pub(super) use asked::Asked;

/// The other sides, as the label `api` names them.
pub const APIS: [&str; 4] = ["graph", "arm", "entra", "broker"];

/// How a request ended, as the label `class` names it: by its status, or by why there is no answer.
pub const CLASSES: [&str; 8] = ["ok", "absent", "throttled", "transient", "auth", "permission", "invalid", "protocol"];

/// What came of a request for a token, as the label `result` names it.
pub const TOKEN_RESULTS: [&str; 3] = ["issued", "refused", "failed"];

/// From 10 ms to 40 s: requests are given up after 30 or 60 s.
const SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 40.0];

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The counters; clones count together.
#[derive(Clone, Debug)]
pub struct Meter {
    requests: Family<Labels<3>, Counter>,
    durations: Family<Labels<1>, Histogram, fn() -> Histogram>,
    waits: Family<Labels<1>, Counter<f64, AtomicU64>>,
    tokens: Family<Labels<1>, Counter>,
}

impl Default for Meter {
    fn default() -> Self {
        let durations = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let meter =
            Self { requests: Family::default(), durations, waits: Family::default(), tokens: Family::default() };
        for (asked, class) in Asked::all().flat_map(|asked| CLASSES.map(|class| (asked, class))) {
            drop(meter.requests.get_or_create_owned(&labels(asked, class)));
        }
        for api in APIS {
            drop(meter.durations.get_or_create_owned(&[("api", api)]));
            drop(meter.waits.get_or_create_owned(&[("api", api)]));
        }
        for result in TOKEN_RESULTS {
            drop(meter.tokens.get_or_create_owned(&[("result", result)]));
        }
        meter
    }
}

/// Shows counters and budgets of nobody, for the documentation.
pub fn register_sample(registry: &mut Registry) {
    Meter::default().register(registry);
    let untouched = |api| (api, Left { share: 1.0, held_back: 0 });
    registry.register_collector(Box::new(Budgets(move || [Api::Graph, Api::Arm].map(untouched).into())));
}

impl Meter {
    /// Shows the counters.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Requests to Microsoft and to the service broker, by what was asked and how it ended";
        registry.register("remote_requests", help, self.requests.clone());
        let help = "Time from a request to the end of its answer";
        registry.register_with_unit("remote_request_duration", help, Unit::Seconds, self.durations.clone());
        let help = "Time that the other side asked us to wait, summed over tenants";
        registry.register_with_unit("remote_throttled", help, Unit::Seconds, self.waits.clone());
        let help = "Requests for tokens of Microsoft Entra, by what came of them";
        registry.register("tokens", help, self.tokens.clone());
    }

    /// A request has ended, with an answer or without.
    pub(super) fn ended(&self, asked: Asked, result: &Result<Answer, ExchangeError>, took: Duration) {
        self.requests.get_or_create(&labels(asked, class(result))).inc();
        self.durations.get_or_create(&[("api", asked.api)]).observe(took.as_secs_f64());
        // The budget knows how much of a wait is new; these two sides have none.
        let has_budget = asked.api == Api::Graph.name() || asked.api == Api::Arm.name();
        if let Ok(Answer { status: 429 | 503, retry_after: Some(wait), .. }) = result
            && !has_budget
        {
            self.waits(asked.api, *wait);
        }
    }

    /// The other side asked for so long a wait.
    pub(super) fn waits(&self, api: &'static str, wait: SignedDuration) {
        self.waits.get_or_create(&[("api", api)]).inc_by(wait.as_secs_f64().max(0.0));
    }

    /// What came of a request for a token.
    pub(super) fn token(&self, result: &'static str) {
        self.tokens.get_or_create(&[("result", result)]).inc();
    }
}

const fn labels(Asked { api, operation }: Asked, class: &'static str) -> Labels<3> {
    [("api", api), ("operation", operation), ("class", class)]
}

/// How a request ended. That something is not there is an answer to a question.
fn class(result: &Result<Answer, ExchangeError>) -> &'static str {
    match result {
        Ok(answer) => match (answer.status, &answer.body) {
            (200..=299, Err(error)) => class_of(error),
            (200..=299, Ok(_)) => "ok",
            (404 | 410, _) => "absent",
            (429, _) => "throttled",
            (401, _) => "auth",
            (403, _) => "permission",
            (408 | 500..=599, _) => "transient",
            (400..=499, _) => "invalid",
            _ => "protocol",
        },
        Err(error) => class_of(error),
    }
}

const fn class_of(error: &ExchangeError) -> &'static str {
    match error {
        ExchangeError::Untrusted { .. } | ExchangeError::ClientCertificateRefused { .. } => "auth",
        ExchangeError::TooLarge { .. } | ExchangeError::Unsendable { .. } => "protocol",
        ExchangeError::Unreachable { .. } | ExchangeError::Timeout | ExchangeError::Cut { .. } => "transient",
    }
}

/// What is left of the budgets, gathered when it is asked for.
pub(super) struct Budgets<F>(pub F);

impl<F> fmt::Debug for Budgets<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Budgets")
    }
}

impl<F: Fn() -> BTreeMap<Api, Left> + Send + Sync + 'static> Collector for Budgets<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let left = (self.0)();
        let help = "Smallest share of the request budget of a Microsoft API that any tenant has left.";
        let unit = Unit::Other("ratio".to_owned());
        let mut shares = encoder.encode_descriptor("remote_budget_left", help, Some(&unit), MetricType::Gauge)?;
        for (api, left) in &left {
            ConstGauge::new(left.share).encode(shares.encode_family(&[("api", api.name())])?)?;
        }
        let help = "Tenants that a Microsoft API asked to wait.";
        let mut held_back = encoder.encode_descriptor("remote_tenants_held_back", help, None, MetricType::Gauge)?;
        for (api, left) in &left {
            ConstGauge::new(i64::try_from(left.held_back).unwrap_or(i64::MAX))
                .encode(held_back.encode_family(&[("api", api.name())])?)?;
        }
        Ok(())
    }
}
