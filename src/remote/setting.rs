//! Changing one setting through Azure Resource Manager: look, write only a difference, and look again.
//!
//! The tenant of the subscription is read anew before anything is written. A conflict (409, 412) is looked at again, and
//! what the table of answers knows to be a person's is told as such.

use std::fmt::Display;
use std::str::FromStr;

use super::answers::{Context, Meaning, judge};
use super::arm::sentinel::{self, Connector};
use super::arm::settings::{self, Setting as Switch};
use super::arm::subscription;
use super::arm::target::{SubscriptionId, Workspace};
use super::auth::SignInError;
use super::call::{Api, Call, Operation, Reply, Unread};
use super::held::Held;
use super::session::{Gate, Session};
use super::shape::{Page, field, of, text};
use super::survey::compared;
use super::{Setting, Signer};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::{Access, Listed};
use crate::plan::reading::{Reading, Why};
use crate::plan::step::{ArmRequest, Outcome};
use crate::tenant::{IntegrationType, LinkState, TenantId};

/// The most pages of a list of connectors.
const MOST_PAGES: usize = 5;

/// Changes one setting.
pub(super) async fn set(gate: &Gate, setting: &Setting) -> Outcome {
    match changed(gate, setting).await {
        Ok(()) => Outcome::Done,
        Err(failure) => Outcome::Refused(failure),
    }
}

async fn changed(gate: &Gate, Setting { signer, request }: &Setting) -> Result<(), Failure> {
    // What could not be written in any case is told before anything is asked.
    let place = place(request)?;
    let (session, _) = compared(gate, signer).await.map_err(|microsoft| no_access(microsoft.access, request))?;
    session.sign_in(Api::Arm).await.map_err(SignInError::into_failure)?;
    let held = Reading::unknown(Why::NotAsked);
    let writer = Writer { session, signer, request, held };
    match place {
        Place::Switch(switch, subscription) => writer.switch(switch, subscription).await,
        Place::Connector(workspace) => writer.connector(&workspace).await,
    }
}

/// Where the setting is.
enum Place {
    /// A switch of Defender for Cloud in a subscription.
    Switch(Switch, SubscriptionId),
    /// The connector of Microsoft Sentinel in a workspace.
    Connector(Workspace),
}

fn place(request: &ArmRequest) -> Result<Place, Failure> {
    match request.kind {
        IntegrationType::DefenderForCloudEndpoint => Ok(Place::Switch(Switch::Endpoint, target(request)?)),
        IntegrationType::DefenderForCloudCloudApps => Ok(Place::Switch(Switch::CloudApps, target(request)?)),
        IntegrationType::SentinelIncidents => target(request).map(Place::Connector),
        IntegrationType::IdentityCloudApps | IntegrationType::EndpointIntune => Err(failure(
            request,
            (ErrorClass::Invalid, Reason::Internal),
            "is no setting of Azure Resource Manager, so nothing was sent. Report this with the operator's log",
        )),
    }
}

fn target<T: FromStr<Err: Display>>(request: &ArmRequest) -> Result<T, Failure> {
    request.target.parse().map_err(|error| {
        failure(request, (ErrorClass::Invalid, Reason::InvalidSpec), &format!("was not changed: {error}"))
    })
}

fn failure(request: &ArmRequest, (class, reason): (ErrorClass, Reason), what: &str) -> Failure {
    Failure { class, reason, message: format!("integration {} {what}", request.name), request_id: None }
}

fn no_access(access: Access, request: &ArmRequest) -> Failure {
    match access {
        Access::Refused(failure) | Access::Failed(failure) => failure,
        // The tenant lives in another cloud, which the plan says by itself.
        Access::NotTried | Access::Granted => Failure {
            class: ErrorClass::Invalid,
            reason: Reason::UnsupportedCloud,
            message: format!("integration {} was not changed: the tenant lives in another cloud", request.name),
            request_id: None,
        },
    }
}

/// One change on its way.
struct Writer<'a> {
    session: Session<'a>,
    signer: &'a Signer,
    request: &'a ArmRequest,
    held: Reading<Held>,
}

impl Writer<'_> {
    const fn context(&self) -> Context<'_> {
        Context { held: &self.held, now: self.signer.now }
    }

    const fn is_wished(&self) -> bool {
        matches!(self.request.state, LinkState::Linked)
    }

    /// A switch of Defender for Cloud.
    async fn switch(&self, switch: Switch, subscription: SubscriptionId) -> Result<(), Failure> {
        self.require_owner(subscription).await?;
        if self.read_switch(subscription, switch).await? == self.is_wished() {
            return Ok(());
        }
        self.write(&settings::put(subscription, switch, self.is_wished())).await?;
        self.confirm(self.read_switch(subscription, switch).await? == self.is_wished())
    }

    async fn read_switch(&self, subscription: SubscriptionId, switch: Switch) -> Result<bool, Failure> {
        let reply = self.session.ask(&settings::get(subscription, switch)).await?;
        settings::read(Operation::SecuritySettings, &reply, self.context()).map_err(|unread| self.told(unread, &reply))
    }

    /// The connector of Microsoft Sentinel.
    async fn connector(&self, workspace: &Workspace) -> Result<(), Failure> {
        self.require_owner(workspace.subscription()).await?;
        let existing = self.read_connector(workspace).await?;
        let call = match (&existing, self.is_wished()) {
            (_, is_wished) if self.is_connected(existing.as_ref())? == is_wished => return Ok(()),
            // What else it carries was not declared to go.
            (Some(connector), false) if !carries_more(connector) => {
                Call { if_match: connector.etag.clone(), ..sentinel::delete(workspace, connector) }
            }
            (_, is_wished) => sentinel::put(workspace, self.request.tenant, existing.as_ref(), is_wished),
        };
        self.write(&call).await?;
        let now = self.read_connector(workspace).await?;
        self.confirm(self.is_connected(now.as_ref())? == self.is_wished())
    }

    /// The connector as it is; that there is none needs the whole list.
    async fn read_connector(&self, workspace: &Workspace) -> Result<Option<Connector>, Failure> {
        let mut call = sentinel::list(workspace);
        let mut pages = Vec::new();
        while pages.len() < MOST_PAGES {
            let reply = self.session.ask(&call).await?;
            let page = sentinel::read_list(&reply, self.context(), self.request.tenant)
                .map_err(|unread| self.told(unread, &reply))?;
            let next = page.next.clone();
            pages.push(page);
            let Some(link) = next else { break };
            call = self.session.following(&call, &link)?;
        }
        let Listed { items, is_complete } = Page::list(pages);
        match sentinel::choose(items) {
            None if !is_complete => Err(self.failure(
                (ErrorClass::Protocol, Reason::ProviderUnavailable),
                "was not changed: the list of data connectors could not be read to its end, and the connector may be in the rest. It is tried again",
            )),
            chosen => Ok(chosen),
        }
    }

    /// Whether incidents are taken; in a state that is in no document nothing is written on doubt.
    fn is_connected(&self, connector: Option<&Connector>) -> Result<bool, Failure> {
        let state = connector.and_then(|connector| connector.incidents.as_deref()).unwrap_or("disabled").trim();
        if state.eq_ignore_ascii_case("enabled") {
            return Ok(true);
        }
        if state.eq_ignore_ascii_case("disabled") {
            return Ok(false);
        }
        Err(self.failure(
            (ErrorClass::Protocol, Reason::ProviderUnavailable),
            &format!("was not changed: its data connector is in the state {state:?}, which is in no document"),
        ))
    }

    /// Sends a change. Where somebody else was faster, what they left is looked at by the caller.
    async fn write(&self, call: &Call) -> Result<(), Failure> {
        let reply = self.session.ask(call).await?;
        let verdict = judge(call.operation, &reply, self.context());
        match verdict.meaning() {
            Some(Meaning::Conflict) => return Ok(()),
            // Deleting what is gone is done.
            Some(Meaning::NotThere) if call.operation == Operation::DeleteConnector => return Ok(()),
            Some(Meaning::NeedsPerson) => return Err(self.persons(&reply)),
            _ => {}
        }
        verdict.into_unread().map_or(Ok(()), |unread| Err(self.told(unread, &reply)))
    }

    fn persons(&self, reply: &Reply) -> Failure {
        Failure {
            class: ErrorClass::Invalid,
            reason: Reason::ActionRequired,
            message: format!(
                "Microsoft Sentinel refused integration {} from an application (InvalidLicense): a person connects it, after the service was opened once in the portal",
                self.request.name
            ),
            request_id: reply.request_id.clone(),
        }
    }

    /// Whether it reads as it was written.
    fn confirm(&self, is_as_wished: bool) -> Result<(), Failure> {
        if is_as_wished {
            return Ok(());
        }
        Err(self.failure(
            (ErrorClass::Waiting, Reason::ProviderUnavailable),
            "was written and does not read so yet: it is looked at again",
        ))
    }

    /// A subscription of another tenant is never written to.
    async fn require_owner(&self, subscription: SubscriptionId) -> Result<(), Failure> {
        let reply = self.session.ask(&subscription::call(subscription)).await?;
        let owner: TenantId = subscription::read(&reply, self.context()).map_err(|unread| self.told(unread, &reply))?;
        if owner == self.request.tenant {
            return Ok(());
        }
        Err(self.failure(
            (ErrorClass::Invalid, Reason::TenantMismatch),
            &format!("was not changed: its subscription belongs to tenant {owner}"),
        ))
    }

    /// What could not be read or written, as the outcome of the step.
    fn told(&self, unread: Unread, reply: &Reply) -> Failure {
        let failure = match unread {
            Unread::Failed(failure) => return failure,
            Unread::NotPermitted(permission) => self.failure(
                (ErrorClass::Permission, Reason::PermissionDenied),
                &format!("was not changed: grant {permission}"),
            ),
            Unread::Ambiguous(doubt) => self.failure(
                (ErrorClass::Protocol, Reason::ProviderUnavailable),
                &format!("was not changed: {}", doubt.trim_end_matches('.')),
            ),
        };
        Failure { request_id: reply.request_id.clone(), ..failure }
    }

    fn failure(&self, what: (ErrorClass, Reason), how: &str) -> Failure {
        failure(self.request, what, how)
    }
}

/// Whether a connector carries other data than incidents.
fn carries_more(connector: &Connector) -> bool {
    let types = field(&connector.raw, "properties").and_then(|properties| of(properties, "dataTypes"));
    let types = types.and_then(serde_json::Value::as_object);
    types.into_iter().flatten().any(|(name, value)| {
        let is_on = text(of(value, "state")).is_some_and(|state| state.eq_ignore_ascii_case("enabled"));
        is_on && !name.eq_ignore_ascii_case("incidents")
    })
}

#[cfg(test)]
mod tests;
