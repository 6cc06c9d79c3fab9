//! Finalizers: whether a resource is held when it is deleted, and whether a deleted one may go.

use super::access;
use super::desired::Desired;
use super::planned::Plan;
use super::reading::Why;
use super::situation::{Permit, Situation};
use crate::api::{DeletionPolicy, FINALIZER, ManagementPolicy};

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
pub fn hold(situation: &Situation, plan: &Plan) -> Hold {
    let is_held = situation.subject.finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    match (&situation.desired, situation.subject.is_deleting) {
        (Ok(desired), false) => hold_living(situation, desired, is_held),
        (Err(_), false) => Hold::Keep,
        (_, true) if !is_held => Hold::Keep,
        (Ok(desired), true) => hold_deleted(situation, desired, plan),
        (Err(problem), true) => {
            release(format!("tenant, policy and confirmation cannot be read ({problem}): the tenant is left as it is"))
        }
    }
}

fn hold_living(situation: &Situation, desired: &Desired, is_held: bool) -> Hold {
    if desired.management == ManagementPolicy::Suspend {
        return Hold::Keep;
    }
    let owns = situation.is_permitted() && desired.management == ManagementPolicy::Manage;
    if is_held && is_unproved_for_now(situation) && desired.deletion == DeletionPolicy::Deprovision {
        return Hold::Keep;
    }
    match (desired.deletion == DeletionPolicy::Deprovision && owns, is_held) {
        (true, false) => Hold::Add,
        (false, true) => Hold::Release { warning: None },
        _ => Hold::Keep,
    }
}

fn hold_deleted(situation: &Situation, desired: &Desired, plan: &Plan) -> Hold {
    if desired.deletion == DeletionPolicy::Retain {
        return release("deletionPolicy is Retain: the tenant is left as it is".to_owned());
    }
    if situation.subject.home_is_terminating {
        return release("its namespace or definition is being deleted: the tenant is left as it is".to_owned());
    }
    match situation.permit {
        Permit::Granted { .. } => {}
        Permit::NotAllowed if situation.is_permitted() => {}
        Permit::NotAllowed if is_unproved_for_now(situation) => return Hold::Keep,
        Permit::NotAllowed => {
            return release("the namespace may not manage the tenant, which is left as it is".to_owned());
        }
        Permit::Duplicate | Permit::Succeeded => {
            return release("another resource declares the tenant, which is left as it is".to_owned());
        }
    }
    if desired.management == ManagementPolicy::Manage && plan.is_settled() {
        return Hold::Release { warning: None };
    }
    Hold::Keep
}

/// Whether its own credentials permit the resource could only not be found out just now.
fn is_unproved_for_now(situation: &Situation) -> bool {
    let microsoft = &situation.observed.microsoft;
    let is_unread =
        access::is_unread(situation) || microsoft.is_asked() && microsoft.organization.why().is_some_and(Why::may_pass);
    situation.permit == Permit::NotAllowed && is_unread
}

fn release(warning: String) -> Hold {
    Hold::Release { warning: Some(warning) }
}
