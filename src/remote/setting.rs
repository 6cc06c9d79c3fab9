//! Changing one setting through Azure Resource Manager: look, write only a difference, and look again.
//!
//! The tenant of the subscription is read anew before anything is written. A conflict (409, 412) is looked at again, and
//! what the table of answers knows to be a person's is told as such.

use std::fmt::Display;

use super::answers::{Context, Meaning, judge};
use super::arm::sentinel::{self, Connector};
use super::arm::settings::{self, Setting as Switch};
use super::arm::subscription;
use super::arm::target::{SubscriptionId, Workspace};
use super::auth::SignInError;
use super::call::{Api, Call, Operation, Reply, Unread};
use super::held::Held;
use super::session::{Gate, Session};
use super::shape::Page;
use super::survey::compared;
use super::{Setting, Signer};
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::Access;
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
    let (session, _) = compared(gate, signer).await.map_err(|microsoft| no_access(microsoft.access, request))?;
    session.sign_in(Api::Arm).await.map_err(SignInError::into_failure)?;
    let held = Reading::unknown(Why::NotAsked);
    let writer = Writer { session, signer, request, held };
    match request.kind {
        IntegrationType::DefenderForCloudEndpoint => writer.switch(Switch::Endpoint).await,
        IntegrationType::DefenderForCloudCloudApps => writer.switch(Switch::CloudApps).await,
        IntegrationType::SentinelIncidents => writer.connector().await,
        IntegrationType::IdentityCloudApps | IntegrationType::EndpointIntune => Err(writer.failure(
            ErrorClass::Invalid,
            Reason::Internal,
            "is no setting of Azure Resource Manager, so nothing was sent. Report this with the operator's log",
        )),
    }
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
    async fn switch(&self, switch: Switch) -> Result<(), Failure> {
        let subscription = self.target::<SubscriptionId>()?;
        self.require_owner(subscription).await?;
        if self.read_switch(subscription, switch).await? == self.is_wished() {
            return Ok(());
        }
        self.write(&settings::put(subscription, switch, self.is_wished())).await?;
        self.confirm(self.read_switch(subscription, switch).await? == self.is_wished())
    }

    async fn read_switch(&self, subscription: SubscriptionId, switch: Switch) -> Result<bool, Failure> {
        let reply = self.session.ask(&settings::get(subscription, switch)).await?;
        settings::read(Operation::SecuritySettings, &reply, self.context()).map_err(|unread| self.told(unread))
    }

    /// The connector of Microsoft Sentinel.
    async fn connector(&self) -> Result<(), Failure> {
        let workspace = self.target::<Workspace>()?;
        self.require_owner(workspace.subscription()).await?;
        let existing = self.read_connector(&workspace).await?;
        let call = match (&existing, self.is_wished()) {
            (existing, true) if !is_connected(existing.as_ref()) => {
                sentinel::put(&workspace, self.request.tenant, existing.as_ref(), true)
            }
            // What else it carries was not declared to go.
            (Some(connector), false) if is_connected(existing.as_ref()) && carries_more(connector) => {
                sentinel::put(&workspace, self.request.tenant, Some(connector), false)
            }
            (Some(connector), false) if is_connected(existing.as_ref()) => {
                Call { if_match: connector.etag.clone(), ..sentinel::delete(&workspace, connector) }
            }
            _ => return Ok(()),
        };
        self.write(&call).await?;
        let now = self.read_connector(&workspace).await?;
        self.confirm(is_connected(now.as_ref()) == self.is_wished())
    }

    async fn read_connector(&self, workspace: &Workspace) -> Result<Option<Connector>, Failure> {
        let mut call = sentinel::list(workspace);
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let reply = self.session.ask(&call).await?;
            let Page { items, next, .. } =
                sentinel::read_list(&reply, self.context(), self.request.tenant).map_err(|unread| self.told(unread))?;
            found.extend(items);
            match next {
                Some(link) => call = self.session.following(&call, &link)?,
                None => return Ok(sentinel::choose(found)),
            }
        }
        Err(self.failure(
            ErrorClass::Protocol,
            Reason::ProviderUnavailable,
            "was not changed: the list of data connectors has no end. It is tried again",
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
        verdict.into_unread().map_or(Ok(()), |unread| Err(self.told(unread)))
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
            ErrorClass::Waiting,
            Reason::ProviderUnavailable,
            "was written and does not read so yet: it is looked at again",
        ))
    }

    /// A subscription of another tenant is never written to.
    async fn require_owner(&self, subscription: SubscriptionId) -> Result<(), Failure> {
        let reply = self.session.ask(&subscription::call(subscription)).await?;
        let owner: TenantId = subscription::read(&reply, self.context()).map_err(|unread| self.told(unread))?;
        if owner == self.request.tenant {
            return Ok(());
        }
        Err(self.failure(
            ErrorClass::Invalid,
            Reason::TenantMismatch,
            &format!("was not changed: its subscription belongs to tenant {owner}"),
        ))
    }

    fn target<T: std::str::FromStr<Err: Display>>(&self) -> Result<T, Failure> {
        self.request.target.parse().map_err(|error| {
            self.failure(ErrorClass::Invalid, Reason::InvalidSpec, &format!("was not changed: {error}"))
        })
    }

    /// What could not be read or written, as the outcome of the step.
    fn told(&self, unread: Unread) -> Failure {
        match unread {
            Unread::Failed(failure) => failure,
            Unread::NotPermitted(permission) => self.failure(
                ErrorClass::Permission,
                Reason::PermissionDenied,
                &format!("was not changed: grant {permission}"),
            ),
            Unread::Ambiguous(doubt) => self.failure(
                ErrorClass::Protocol,
                Reason::ProviderUnavailable,
                &format!("was not changed: {}", doubt.trim_end_matches('.')),
            ),
        }
    }

    fn failure(&self, class: ErrorClass, reason: Reason, what: &str) -> Failure {
        Failure { class, reason, message: format!("integration {} {what}", self.request.name), request_id: None }
    }
}

fn is_connected(connector: Option<&Connector>) -> bool {
    let state = connector.and_then(|connector| connector.incidents.as_deref());
    state.is_some_and(|state| state.trim().eq_ignore_ascii_case("enabled"))
}

/// Whether a connector carries other data than incidents.
fn carries_more(connector: &Connector) -> bool {
    let types = connector.raw.get("properties").and_then(|properties| properties.get("dataTypes"));
    let types = types.and_then(serde_json::Value::as_object);
    types.into_iter().flatten().any(|(name, value)| {
        let state = value.get("state").and_then(serde_json::Value::as_str).unwrap_or_default();
        !name.eq_ignore_ascii_case("incidents") && state.eq_ignore_ascii_case("enabled")
    })
}
