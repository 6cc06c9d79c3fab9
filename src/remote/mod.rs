//! The outside world: one snapshot in, at most one change out.

use std::future::Future;

use jiff::Timestamp;

use crate::api::{Operation, Reason};
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::observed::Observed;
use crate::plan::step::{BrokerRequest, Outcome};
use crate::tenant::TenantId;

/// The resource on whose behalf a call is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Question {
    /// For whom.
    pub caller: Caller,
    /// About which tenant.
    pub tenant: TenantId,
    /// The operation in flight, if there is one.
    pub operation: Option<Operation>,
    /// The time of this pass.
    pub now: Timestamp,
}

/// What is to be changed.
#[derive(Clone, Debug)]
pub struct Order {
    /// For whom.
    pub caller: Caller,
    /// The request, complete and frozen.
    pub request: BrokerRequest,
    /// The time of this pass.
    pub now: Timestamp,
}

/// Reads the outside world.
pub trait Observe {
    /// Gathers one snapshot; failures are part of it.
    fn observe(&self, question: &Question) -> impl Future<Output = Observed> + Send;
}

/// Changes the outside world.
pub trait Execute {
    /// Sends one request.
    fn execute(&self, order: &Order) -> impl Future<Output = Outcome> + Send;
}

impl<T: Observe + Sync> Observe for Option<T> {
    async fn observe(&self, question: &Question) -> Observed {
        match self {
            Some(remote) => remote.observe(question).await,
            None => Observed::nothing(),
        }
    }
}

impl<T: Execute + Sync> Execute for Option<T> {
    async fn execute(&self, order: &Order) -> Outcome {
        match self {
            Some(remote) => remote.execute(order).await,
            None => Outcome::Refused(Failure {
                class: ErrorClass::Invalid,
                reason: Reason::Internal,
                message: "no service broker is configured".to_owned(),
                request_id: None,
            }),
        }
    }
}

pub mod broker {
    //! The service broker.

    use super::{Execute, Observe, Order, Question};
    use crate::plan::failure::Failure;
    use crate::plan::observed::Observed;
    use crate::plan::step::Outcome;

    /// How the broker is reached, and as whom.
    #[derive(Clone, Debug)]
    pub struct BrokerSettings {
        /// Its host.
        pub host: String,
        /// Identifies this cluster to the broker.
        pub cluster_id: String,
        /// The operator's own user name in the cluster.
        pub operator: String,
    }

    /// The broker cannot be set up.
    #[derive(Debug, thiserror::Error)]
    #[error("the broker cannot be set up")]
    pub struct BrokerSetupError;

    /// How the broker last answered.
    #[derive(Clone, Debug)]
    pub enum BrokerHealth {
        /// It was not asked yet.
        Unknown,
        /// It answered.
        Ok,
        /// It failed.
        Failing(Failure),
    }

    /// The service broker.
    #[derive(Clone, Debug)]
    pub struct Broker;

    impl Broker {
        /// A broker that is asked as `settings` say.
        pub fn new(_settings: BrokerSettings) -> Result<Self, BrokerSetupError> {
            Ok(Self)
        }

        /// How it last answered.
        #[must_use]
        pub fn health(&self) -> BrokerHealth {
            BrokerHealth::Unknown
        }
    }

    impl Observe for Broker {
        async fn observe(&self, _question: &Question) -> Observed {
            Observed::nothing()
        }
    }

    impl Execute for Broker {
        async fn execute(&self, _order: &Order) -> Outcome {
            Outcome::Done
        }
    }
}
