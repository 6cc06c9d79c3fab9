//! The whole outside world: the service broker, where there is one, and Microsoft's own APIs.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::registry::Registry;

use super::broker::Broker;
use super::budget::Left;
use super::call::Api;
use super::http::ClientError;
use super::meter::Budgets;
use super::session::{Gate, MicrosoftSettings};
use super::survey::{self, Turns};
use super::{Act, Execute, Glance, Look, Observe, setting};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::Microsoft;
use crate::plan::observed::Observed;
use crate::plan::step::Outcome;

/// Both sides, shared by all tenants. Clones are of the same.
#[derive(Clone, Debug)]
pub struct Outside {
    broker: Option<Arc<Broker>>,
    gate: Arc<Gate>,
    turns: Arc<Turns>,
}

impl Outside {
    /// The broker, if one is configured, and the way to Microsoft's APIs.
    #[must_use]
    pub fn new(broker: Option<Broker>, gate: Gate) -> Self {
        Self { broker: None, gate: Arc::new(gate), turns: Arc::default() }.with_broker(broker)
    }

    /// The same with another broker, or with none. Requests go on being counted together.
    #[must_use]
    pub fn with_broker(self, broker: Option<Broker>) -> Self {
        let broker = broker.map(|broker| Arc::new(broker.counting(self.gate.meter().clone())));
        Self { broker, ..self }
    }

    /// The same with another way to Microsoft's APIs. Tokens and budgets of the one before it are forgotten; requests go on
    /// being counted together.
    ///
    /// # Errors
    /// As `Gate::new`.
    pub fn with_microsoft(self, settings: MicrosoftSettings) -> Result<Self, ClientError> {
        let gate = Arc::new(Gate::counting(settings, self.gate.meter().clone())?);
        Ok(Self { gate, ..self })
    }

    /// The service broker.
    #[must_use]
    pub fn broker(&self) -> Option<&Broker> {
        self.broker.as_deref()
    }

    /// Shows what is counted, and what is left of the request budgets, which another one may have by then.
    pub fn measure(&self, registry: &mut Registry, budgets: impl Fn() -> BTreeMap<Api, Left> + Send + Sync + 'static) {
        self.gate.meter().register(registry);
        registry.register_collector(Box::new(Budgets(budgets)));
    }

    /// What is left of the request budgets.
    #[must_use]
    pub fn budgets(&self, now: Timestamp) -> BTreeMap<Api, Left> {
        self.gate.left(now)
    }
}

impl Observe for Outside {
    async fn observe(&self, look: &Look) -> Observed {
        let mut observed = match (&self.broker, &look.broker) {
            (Some(broker), Some(question)) => broker.observe(question).await,
            _ => Observed::nothing(),
        };
        if let Some(asked) = &look.microsoft {
            observed.microsoft = Box::pin(survey::survey(&self.gate, &self.turns, asked)).await;
        }
        observed
    }

    async fn glance(&self, glance: &Glance, known: &Microsoft) -> Microsoft {
        Box::pin(survey::glance(&self.gate, &self.turns, glance, known)).await
    }
}

impl Execute for Outside {
    async fn execute(&self, act: &Act) -> Outcome {
        match (act, &self.broker) {
            (Act::Broker(order), Some(broker)) => broker.execute(order).await,
            // The plan orders nothing of a broker that is not configured.
            (Act::Broker(_), None) => Outcome::Refused(Failure {
                class: ErrorClass::Invalid,
                reason: Reason::Internal,
                message: "No service broker is configured, so nothing was sent. Report this with the operator's log."
                    .to_owned(),
                request_id: None,
            }),
            (Act::Arm(setting), _) => Box::pin(setting::set(&self.gate, setting)).await,
        }
    }
}
