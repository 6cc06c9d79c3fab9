//! A client of the Open Service Broker API v2.17 (openservicebrokerapi/servicebroker, `spec.md` and `profile.md`).
//!
//! The operator is the *platform*: one service instance a tenant, no bindings. Input: questions and orders of the plan.
//! Output: `Observed` and `Outcome`. Effects: HTTP requests to the one configured broker. What is not known is looked
//! at and asked again; nothing is ever deleted that was not ordered (no orphan mitigation).
//!
//! | what | file |
//! |---|---|
//! | what the administrator configures | `settings` |
//! | the calls and their headers | `wire` |
//! | what a body means | `body` |
//! | what an error means | `verdict` |
//! | offering and plan, cached | `catalog` |
//! | reading | `look` |
//! | changing | `act` |

use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::observed::Observed;
use crate::plan::step::Outcome;
use crate::remote::meter::Meter;
use crate::remote::{Order, Question};

mod act;
mod body;
mod call;
mod catalog;
mod look;
mod settings;
mod verdict;
mod wire;

#[cfg(test)]
mod tests;

pub use settings::{BrokerAuth, BrokerSettings, BrokerSetupError, OperatorIdentity};

use catalog::Catalog;
use look::LostOperations;
use wire::Wire;

/// The organisation's service broker.
///
/// Shared by all tenants. What it remembers (the catalog, operations that the broker did not know, its health) is
/// volatile: losing it costs a request.
#[derive(Debug)]
pub struct Broker {
    wire: Wire,
    catalog: Catalog,
    lost: LostOperations,
}

/// What is known of the broker, for `/readyz`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BrokerHealth {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It gave its last answer as the specification says.
    Ok,
    /// It cannot be used: unreachable, its credentials refused, its answers not understood.
    Failing(Failure),
}

impl Broker {
    /// A client with these settings. Nothing is read from the network.
    ///
    /// # Errors
    /// An address, certificate or header that cannot be used.
    pub fn new(settings: BrokerSettings) -> Result<Self, BrokerSetupError> {
        let catalog = Catalog::new(settings.offering.clone(), settings.plan.clone());
        Ok(Self { wire: Wire::new(settings)?, catalog, lost: LostOperations::default() })
    }

    /// The same, counting its requests together with others.
    #[must_use]
    pub fn counting(mut self, meter: Meter) -> Self {
        self.wire.count_with(meter);
        self
    }

    /// What the last call showed.
    #[must_use]
    pub fn health(&self) -> BrokerHealth {
        self.wire.health()
    }

    /// What the broker says of a tenant. It never fails: what could not be read is `Unknown`, and `failure` says why.
    pub async fn observe(&self, question: &Question) -> Observed {
        let observed = look::observe(&self.wire, &self.catalog, &self.lost, question).await;
        if let Some(failure) = &observed.failure {
            self.note(failure);
        }
        observed
    }

    /// Sends one change. An outcome that is not known is `Refused` with a class that says so.
    pub async fn execute(&self, order: &Order) -> Outcome {
        let outcome = act::execute(&self.wire, &self.catalog, order).await;
        if let Outcome::Refused(failure) = &outcome {
            self.note(failure);
        }
        outcome
    }

    /// A broker that misbehaves is unhealthy; one that refuses a request, asks to wait or is busy is not.
    fn note(&self, failure: &Failure) {
        if matches!(
            failure.class,
            ErrorClass::Transient | ErrorClass::Auth | ErrorClass::Permission | ErrorClass::Protocol
        ) {
            self.wire.set_health(BrokerHealth::Failing(failure.clone()));
        }
    }
}
