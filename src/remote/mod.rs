//! The outside world: what is asked of it (`Observe`) and what is done to it (`Execute`). Effects live here.
//!
//! Input: looks and acts about one tenant. Output: the snapshot and the outcome that the plan is made from.
//! Neither ever fails: a call that could not be made, or an answer that could not be used, is part of the result.

use std::future::Future;

use jiff::Timestamp;

use crate::api::Operation;
use crate::plan::failure::Failure;
use crate::plan::inquiry::{Awaited, Inquiry};
use crate::plan::microsoft::Microsoft;
use crate::plan::observed::Observed;
use crate::plan::step::{ArmRequest, BrokerRequest, Outcome};
use crate::tenant::{Cloud, TenantId};

use self::credentials::Credentials;

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
pub mod hosts;
pub mod http;
pub mod meter;
pub mod outside;
pub mod session;
mod setting;
pub mod shape;
mod survey;

#[cfg(test)]
mod samples;
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

/// A question to the service broker about one tenant.
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

/// A change of one tenant through the service broker, complete and frozen.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Who orders it.
    pub caller: Caller,
    /// What is to be sent.
    pub request: BrokerRequest,
    /// The time of this pass.
    pub now: Timestamp,
}

/// Questions to Microsoft's own APIs about one tenant.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Who asks, with what.
    pub signer: Signer,
    /// What is asked.
    pub inquiry: Inquiry,
}

/// What an earlier look has shown, and the answers that are awaited since.
#[derive(Clone, Debug)]
pub struct Glance {
    /// Who asks, with what.
    pub signer: Signer,
    /// Everything that could be asked.
    pub inquiry: Inquiry,
    /// What is asked now.
    pub awaited: Awaited,
}

/// A change of one setting through Azure Resource Manager.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Who changes it, with what.
    pub signer: Signer,
    /// The change.
    pub request: ArmRequest,
}

/// Who signs in to Microsoft's own APIs, and with what.
#[derive(Clone, Debug)]
pub struct Signer {
    /// What the resource signs in with, or why that is not to be had.
    pub credentials: Result<Credentials, Unusable>,
    /// The tenant.
    pub tenant: TenantId,
    /// The cloud that it is declared to live in.
    pub cloud: Cloud,
    /// Whether somebody has changed something since, or says so: what was refused is tried anew.
    pub is_renewed: bool,
    /// The time of this pass.
    pub now: Timestamp,
}

/// Why credentials are not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// What happened and what to do.
    pub failure: Failure,
    /// Whether only a person can mend it.
    pub is_final: bool,
}

/// One look at a tenant: each side is asked where it is named.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What the service broker is asked.
    pub broker: Option<Question>,
    /// What Microsoft's own APIs are asked.
    pub microsoft: Option<Survey>,
}

/// One change of a tenant.
#[derive(Clone, Debug)]
pub enum Act {
    /// Through the service broker.
    Broker(Order),
    /// Through Azure Resource Manager.
    Arm(Setting),
}

/// Looks at a tenant and changes nothing.
pub trait Observe {
    /// One snapshot. What could not be read is `Unknown`, and `failure` says why.
    fn observe(&self, look: &Look) -> impl Future<Output = Observed> + Send;

    /// What was known, with the awaited answers read again: at most two requests. What could not be read again, or was
    /// not asked, stays as it was known.
    fn glance(&self, glance: &Glance, known: &Microsoft) -> impl Future<Output = Microsoft> + Send;
}

/// Changes a tenant.
pub trait Execute {
    /// Sends one change. An outcome that is not known is `Refused` with a class that says so.
    fn execute(&self, act: &Act) -> impl Future<Output = Outcome> + Send;
}
