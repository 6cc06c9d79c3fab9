//! Everything that Microsoft's own APIs show of a tenant, in as few requests as possible.
//!
//! Input: questions and what signs in. Output: `Microsoft`, in which whatever could not be read says why. A full survey of
//! a healthy tenant takes at most eight requests: a batch of the directory and the security features, a batch of hunting
//! queries, one that counts the members of groups where groups hold roles, further pages, and readings of Azure Resource
//! Manager, which take turns where there are more of them. A glance takes at most two.

mod azure;
mod directory;
mod round;
mod turns;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;

use self::azure::Azure;
use self::round::{Ahead, Round};
pub use self::turns::Turns;
use super::auth::SignInError;
use super::call::Api;
use super::cloud_check::CloudCheck;
use super::credentials::Credentials;
use super::session::{Gate, Session};
use super::{Glance, Signer, Survey};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::{Access, Hunting, Microsoft};
use crate::plan::reading::{Reading, Why};
use crate::tenant::{Permission, Service};

/// The most requests of a survey: to Microsoft Graph and Azure Resource Manager, tokens apart.
const MOST_REQUESTS: u32 = 8;
/// The most requests of a glance.
const MOST_OF_A_GLANCE: u32 = 2;

/// One full look.
pub(super) async fn survey(gate: &Gate, turns: &Turns, asked: &Survey) -> Microsoft {
    let (session, credentials) = match entered(gate, &asked.signer).await {
        Ok(entered) => entered,
        Err(microsoft) => return *microsoft,
    };
    let session = session.within(MOST_REQUESTS);
    let mut round = Round::new(&session, asked.signer.now, MOST_REQUESTS);
    let mut seen = signed_in(&asked.signer);
    let azure = azure::needed(&asked.inquiry);
    round.set_ahead(Ahead { hunting: true, azure });
    directory::read(&mut round, &asked.inquiry, &credentials.client_id, &mut seen).await;
    if !directory::is_elsewhere(&seen, &asked.inquiry) {
        round.set_ahead(Ahead { hunting: false, azure });
        directory::read_hunting(&mut round, &mut seen).await;
        round.set_ahead(Ahead::default());
        Azure { round: &mut round, turns, inquiry: &asked.inquiry }.read(&mut seen).await;
    }
    seen.failure = round.end();
    if lacks_any(&seen) {
        // A token does not carry what was granted after it was bought: the next look has another one.
        session.renew(Api::Graph).await;
    }
    seen
}

/// Whether anything was refused for want of a permission of Microsoft Graph.
fn lacks_any(seen: &Microsoft) -> bool {
    let holders = seen.roles.values().flat_map(|holders| [holders.assigned.why(), holders.eligible.why()]);
    let links = seen.links.values().map(|link| link.answer.why());
    let readings = [
        seen.organization.why(),
        seen.permissions.why(),
        seen.skus.why(),
        seen.subscriptions.why(),
        seen.hunting.why(),
        seen.incidents.why(),
        seen.alerts.why(),
        seen.identity.why(),
    ];
    readings.into_iter().chain(holders).chain(links).any(|why| why == Some(Why::NotPermitted))
}

/// Reads again what a person is expected to change, in the light of what was known.
pub(super) async fn glance(gate: &Gate, turns: &Turns, asked: &Glance, known: &Microsoft) -> Microsoft {
    let mut seen = known.clone();
    if asked.awaited.is_nothing() || directory::is_elsewhere(known, &asked.inquiry) {
        return seen;
    }
    let (session, credentials) = match entered(gate, &asked.signer).await {
        Ok(entered) => entered,
        // What is refused for good is news; what cannot be read again stays as it was known, and the next full look says
        // why.
        Err(microsoft) if matches!(microsoft.access, Access::Refused(_) | Access::NotTried) => return *microsoft,
        Err(_) => return seen,
    };
    let session = session.within(MOST_OF_A_GLANCE);
    let mut round = Round::new(&session, asked.signer.now, MOST_OF_A_GLANCE);
    let mut fresh = Microsoft::unknown(Access::Granted, Why::ReadFailed);
    directory::glance(&mut round, (&asked.inquiry, &asked.awaited), &credentials.client_id, &mut fresh).await;
    Azure { round: &mut round, turns, inquiry: &asked.inquiry }.glance(&asked.awaited, known, &mut fresh).await;
    let _told_by_the_next_full_look = round.end();
    let is_blind = knows_less(&fresh.permissions, &known.permissions);
    let hunting = hunted(fresh.hunting, &fresh.newest_rows, known);
    renew(&mut seen.hunting, hunting, is_blind);
    renew(&mut seen.incidents, fresh.incidents, is_blind);
    renew(&mut seen.alerts, fresh.alerts, is_blind);
    renew(&mut seen.identity, fresh.identity, is_blind);
    renew(&mut seen.endpoint_location, fresh.endpoint_location, false);
    renew(&mut seen.security_center, fresh.security_center, false);
    for (name, link) in fresh.links {
        if link.answer.value().is_some() {
            // The tenant of its subscription was read in full before.
            let before = seen.links.get(&name).map(|link| (link.owner.clone(), link.requirements.clone()));
            let (owner, requirements) = before.unwrap_or((link.owner, link.requirements));
            seen.links.insert(name, crate::plan::microsoft::ObservedLink { owner, requirements, ..link });
        }
    }
    seen
}

/// Another answer takes the place of what was known; none at all does not. A refusal that has two meanings only because
/// the permissions could not be read this time is none either.
fn renew<T>(known: &mut Reading<T>, fresh: Reading<T>, is_blind: bool) {
    let is_none = fresh.why().is_some_and(|why| why.may_pass() || is_blind);
    if !is_none {
        *known = fresh;
    }
}

/// Whether less is known of the permissions than before.
fn knows_less(fresh: &Permissions, known: &Permissions) -> bool {
    let fresh = fresh.value();
    let is_known = |permission| fresh.is_some_and(|fresh| fresh.contains_key(permission));
    known.value().is_some_and(|known| !known.keys().all(is_known))
}

type Permissions = Reading<BTreeMap<Permission, bool>>;

/// A table that could not be asked for this time is still there.
fn hunted(
    fresh: Reading<Hunting>,
    newest_rows: &Reading<BTreeMap<Service, Timestamp>>,
    known: &Microsoft,
) -> Reading<Hunting> {
    let were_all_asked = newest_rows.value().is_some();
    match (fresh, known.hunting.value()) {
        (Reading::Known { value: Hunting::Answers { tables }, source }, Some(Hunting::Answers { tables: before }))
            if !were_all_asked =>
        {
            Reading::Known { value: Hunting::Answers { tables: tables.union(before).copied().collect() }, source }
        }
        (fresh, _) => fresh,
    }
}

/// Nothing is read yet, and the tenant can be asked.
fn signed_in(signer: &Signer) -> Microsoft {
    Microsoft { cloud: Reading::observed(signer.cloud), ..Microsoft::unknown(Access::Granted, Why::NotAsked) }
}

/// Signs in to Microsoft Graph, after the cloud was compared; what is known where that does not succeed.
pub(super) async fn entered<'a>(
    gate: &'a Gate,
    signer: &'a Signer,
) -> Result<(Session<'a>, &'a Credentials), Box<Microsoft>> {
    let (session, credentials) = compared(gate, signer).await?;
    match session.sign_in(Api::Graph).await {
        Ok(()) => Ok((session, credentials)),
        Err(error) => Err(Box::new(not_in(signer, error))),
    }
}

fn not_in(signer: &Signer, error: SignInError) -> Microsoft {
    let is_final = matches!(error, SignInError::Refused(_));
    let microsoft = Microsoft::no_access(error.into_failure(), is_final);
    Microsoft { cloud: Reading::observed(signer.cloud), ..microsoft }
}

/// A session in the declared cloud, where the tenant says that it lives there. No token is asked for before that is known.
pub(super) async fn compared<'a>(
    gate: &'a Gate,
    signer: &'a Signer,
) -> Result<(Session<'a>, &'a Credentials), Box<Microsoft>> {
    let credentials = match &signer.credentials {
        Ok(credentials) => credentials,
        Err(unusable) => return Err(Box::new(Microsoft::no_access(unusable.failure.clone(), unusable.is_final))),
    };
    let session = gate.session(credentials, signer.tenant, signer.cloud, signer.now);
    if signer.is_renewed {
        session.renew(Api::Graph).await;
        session.renew(Api::Arm).await;
    }
    match gate.cloud(signer.tenant, signer.cloud, signer.now).await {
        CloudCheck::Known(cloud) if cloud == signer.cloud => Ok((session, credentials)),
        CloudCheck::Known(cloud) => {
            Err(Box::new(Microsoft { cloud: Reading::observed(cloud), ..Microsoft::nothing() }))
        }
        CloudCheck::Ambiguous(message) => {
            let failure =
                Failure { class: ErrorClass::Invalid, reason: Reason::UnsupportedCloud, message, request_id: None };
            Err(Box::new(Microsoft::no_access(failure, true)))
        }
        CloudCheck::Refused(failure) => Err(Box::new(Microsoft::no_access(failure, true))),
        CloudCheck::Failed(failure) => Err(Box::new(Microsoft::no_access(failure, false))),
    }
}
