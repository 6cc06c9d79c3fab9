//! The outside world: what is asked of it (`Observe`) and what is done to it (`Execute`). Effects live here.
//!
//! Input: questions and orders about one tenant. Output: the snapshot and the outcome that the plan is made from.
//! Neither ever fails: a call that could not be made, or an answer that could not be used, is part of the result.

use std::future::Future;

use jiff::Timestamp;

use crate::api::{Operation, Reason};
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::observed::Observed;
use crate::plan::step::{BrokerRequest, Outcome};
use crate::tenant::TenantId;

pub mod answers;
pub mod arm;
pub mod auth;
pub mod broker;
pub mod budget;
pub mod call;
mod channel;
pub mod cloud_check;
pub mod credentials;
pub mod graph;
pub mod held;
pub mod http;
pub mod shape;

#[cfg(test)]
mod samples;
pub mod hosts;
pub mod http;
pub mod session;
#[cfg(test)]
mod stand_in;

/// The resource on whose behalf something is asked or done.
///
/// Its namespace and name go into the `context` of the Open Service Broker API. The uid tells one resource from another
/// of the same name; no broker is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Namespace of the resource.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
    /// Uid of the resource.
    pub uid: String,
}

/// A question about one tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Who asks.
    pub caller: Caller,
    /// About whom.
    pub tenant: TenantId,
    /// The operation that status remembers. Without an end time it may be in flight, and is asked for.
    pub operation: Option<Operation>,
    /// The time of this pass.
    pub now: Timestamp,
}

/// A change of one tenant, complete and frozen.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Who orders it.
    pub caller: Caller,
    /// What is to be sent.
    pub request: BrokerRequest,
    /// The time of this pass.
    pub now: Timestamp,
}

/// Looks at a tenant and changes nothing.
pub trait Observe {
    /// One snapshot. What could not be read is `Unknown`, and `failure` says why.
    fn observe(&self, question: &Question) -> impl Future<Output = Observed> + Send;
}

/// Changes a tenant.
pub trait Execute {
    /// Sends one change. An outcome that is not known is `Refused` with a class that says so.
    fn execute(&self, order: &Order) -> impl Future<Output = Outcome> + Send;
}

/// Without a broker nothing is asked.
impl<T: Observe + Sync> Observe for Option<T> {
    async fn observe(&self, question: &Question) -> Observed {
        match self {
            Some(remote) => remote.observe(question).await,
            None => Observed::nothing(),
        }
    }
}

/// Without a broker the plan orders nothing; an order all the same is refused.
impl<T: Execute + Sync> Execute for Option<T> {
    async fn execute(&self, order: &Order) -> Outcome {
        match self {
            Some(remote) => remote.execute(order).await,
            None => Outcome::Refused(Failure {
                class: ErrorClass::Invalid,
                reason: Reason::Internal,
                message: "No service broker is configured, so nothing was sent. Report this with the operator's log."
                    .to_owned(),
                request_id: None,
            }),
        }
    }
}
