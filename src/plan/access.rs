//! Whether the credentials of the resource reach the declared tenant, and what follows where they do not.

use super::ageing;
use super::desired::Desired;
use super::failure::Failure;
use super::microsoft::Access;
use super::permissions;
use super::planned::Waiting;
use super::reading::Why;
use super::situation::{Permit, Situation};
use super::verdict::Verdict;
use crate::api::{ConditionType, DesiredState, Reason, TriState};

/// Why nothing at all may be done: the resource is not permitted, or what was reached is not what is declared.
pub(super) fn forbids(situation: &Situation, desired: &Desired) -> Option<Waiting> {
    match situation.permit {
        // What is declared and confirmed to go must not hang on credentials; another tenant is another tenant.
        Permit::Granted { .. } | Permit::Succeeded if desired.state == DesiredState::Deprovisioned => {
            elsewhere(situation, desired)
        }
        Permit::Granted { .. } | Permit::Succeeded => mistaken(situation, desired),
        Permit::Duplicate => Some(Waiting::for_person(
            Reason::DuplicateTenant,
            "an older resource of this cluster declares the same tenant and acts for it; delete one of the two, or set managementPolicy: Observe here".to_owned(),
        )),
        Permit::NotAllowed => mistaken(situation, desired).or_else(|| unproved(situation)),
    }
}

/// Why the credentials cannot be used, where only a person can mend that.
pub(super) fn refused(situation: &Situation) -> Option<Waiting> {
    match &situation.observed.microsoft.access {
        Access::Refused(failure) => Some(Waiting::for_person(failure.reason, failure.to_string())),
        Access::NotTried | Access::Granted | Access::Failed(_) => None,
    }
}

/// Whether what was reached is not what is declared: nothing that was read there counts.
pub(super) fn is_mistaken(situation: &Situation) -> bool {
    situation.desired.as_ref().is_ok_and(|desired| mistaken(situation, desired).is_some())
}

/// The tenant that was reached is another one, or lives in another cloud.
fn mistaken(situation: &Situation, desired: &Desired) -> Option<Waiting> {
    let microsoft = &situation.observed.microsoft;
    if let Some(cloud) = microsoft.cloud.value().filter(|cloud| **cloud != desired.cloud) {
        let message = format!(
            "the tenant lives in cloud {cloud} and the spec says {}: set spec.cloud to {cloud}; nothing was asked of it",
            desired.cloud
        );
        return Some(Waiting::for_person(Reason::UnsupportedCloud, message));
    }
    elsewhere(situation, desired).or_else(|| {
        refused(situation).filter(|waiting| {
            matches!(waiting.reason, Reason::TenantMismatch | Reason::UnsupportedCloud | Reason::SimulatorRefused)
        })
    })
}

/// The credentials reach another tenant.
fn elsewhere(situation: &Situation, desired: &Desired) -> Option<Waiting> {
    let seen = situation.observed.microsoft.organization.value().filter(|seen| seen.id != desired.tenant)?;
    let message = format!(
        "the credentials reach tenant {} and the spec declares {}: correct spec.tenantId or the credentials; nothing is done",
        seen.id, desired.tenant
    );
    Some(Waiting::for_person(Reason::TenantMismatch, message))
}

/// The namespace is not mapped to the tenant, and its own credentials have not proved it.
fn unproved(situation: &Situation) -> Option<Waiting> {
    if situation.is_permitted() {
        return None;
    }
    let namespace = &situation.subject.namespace;
    match &situation.observed.microsoft.access {
        Access::Refused(_) => refused(situation),
        Access::Failed(failure) => Some(unanswered(situation, failure)),
        Access::Granted => Some(match &situation.observed.microsoft.failure {
            Some(failure) => unanswered(situation, failure),
            None if is_unread(situation) => {
                let message = "whether the credentials are for this tenant could not be read".to_owned();
                Waiting::later(Reason::ProviderUnavailable, message)
            }
            None => Waiting::for_person(
                Reason::PermissionDenied,
                "the credentials could not prove the tenant, because its organisation could not be read: grant the application permission Organization.Read.All, or have the administrator map the namespace to the tenant".to_owned(),
            ),
        }),
        Access::NotTried => Some(Waiting::for_person(
            Reason::TenantNotAllowed,
            format!(
                "the administrator's configuration does not map namespace {namespace} to this tenant; nothing was asked of it"
            ),
        )),
    }
}

/// What is not answered is asked again, and after three resyncs a person is needed.
fn unanswered(situation: &Situation, failure: &Failure) -> Waiting {
    let has_aged = ageing::has_aged_of(situation, ConditionType::CredentialsReady);
    let wait = if has_aged { Waiting::for_person } else { Waiting::later };
    wait(failure.reason, failure.to_string())
}

/// Whether the credentials could only not be tried, or the organisation not be read, just now.
pub(super) fn is_unread(situation: &Situation) -> bool {
    let microsoft = &situation.observed.microsoft;
    matches!(microsoft.access, Access::Failed(_))
        || microsoft.is_asked() && microsoft.organization.why() == Some(Why::ReadFailed)
}

/// The condition `CredentialsReady`.
pub(super) fn verdict(situation: &Situation, desired: &Desired) -> Verdict {
    let microsoft = &situation.observed.microsoft;
    if let Some(waiting) = mistaken(situation, desired) {
        return Verdict::not(waiting.reason, waiting.message);
    }
    match &microsoft.access {
        Access::NotTried if desired.credentials.is_some() => {
            Verdict::unknown(Reason::NotAsked, "the declared credentials were not used in this look")
        }
        Access::NotTried => Verdict::unknown(
            Reason::NotAsked,
            "no credentials are declared: the tenant is known by the broker's word and by attestations",
        ),
        Access::Refused(failure) => Verdict::not(failure.reason, failure.to_string()),
        Access::Failed(failure) => Verdict::unknown(Reason::ReadFailed, failure.to_string()),
        Access::Granted => match microsoft.organization.why() {
            None => Verdict::met(ready(situation, desired)),
            Some(why) => Verdict::new(TriState::Unknown, why.reason(), organization_unread(why)),
        },
    }
}

/// The permissions that are missing are listed here once; what they are for says only that it is not known. An answer that
/// flaps changes nothing: what is newly missing is told after a change of the spec, on request, or once it has stayed.
fn ready(situation: &Situation, desired: &Desired) -> String {
    let stored = situation.memory.condition(ConditionType::CredentialsReady);
    let stored = stored.filter(|stored| stored.status == TriState::True);
    let is_news = stored.is_none()
        || situation.spec_changed()
        || situation.reconcile_requested()
        || ageing::has_any_aged(situation);
    let told = stored.map(|stored| stored.message).unwrap_or_default();
    let missing = permissions::to_name(desired, &situation.observed.microsoft, &told, is_news);
    if missing.is_empty() {
        return READY.to_owned();
    }
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    format!("{READY}; to see everything, grant {}", missing.join(", "))
}

const READY: &str = "a token was obtained, and it is for this tenant";

fn organization_unread(why: Why) -> String {
    let next = match why {
        Why::NotPermitted => "grant the application permission Organization.Read.All",
        Why::NotAsked | Why::ReadFailed | Why::Ambiguous => "it is read again",
    };
    format!("a token was obtained, and whether it is for this tenant could not be read: {next}")
}
