//! Finalizers: whether a resource should be held when it is deleted, and whether a deleted one may go.

use super::planner::Plan;
use super::situation::Situation;

/// What should happen to the finalizer of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// As it is.
    Keep,
    /// Add it, before anything is sent to the tenant.
    Add,
    /// Take it away; a warning, where the tenant is left as it is although the policy was `Deprovision`.
    Release {
        /// What the log says, if anything.
        warning: Option<String>,
    },
}

/// Decides about the finalizer, from the situation and its plan.
#[must_use]
pub fn hold(_situation: &Situation, _plan: &Plan) -> Hold {
    Hold::Keep
}
