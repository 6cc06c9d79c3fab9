//! What has to be asked of Microsoft's own APIs: everything at a resync, and only the awaited answer between two of them
//! while a person is expected to act.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::{Desired, DesiredLink};
use super::handoff;
use super::memory::Memory;
use super::microsoft::Microsoft;
use super::reading::{Reading, Why};
use crate::api::{LinkReading, PendingStep, ThreatProtectionTenantStatus};
use crate::tenant::{Cloud, IntegrationType, LinkState, Role, TenantId};

/// The questions of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// The tenant.
    pub tenant: TenantId,
    /// The cloud that it is declared to live in.
    pub cloud: Cloud,
    /// Whose holders are asked for.
    pub roles: BTreeSet<Role>,
    /// The Azure subscription through which the data centre can be read.
    pub observation: Option<String>,
    /// The declared links, by name.
    pub links: BTreeMap<String, DesiredLink>,
    /// Links that are not known to be as declared: they are read first.
    pub pending: BTreeSet<String>,
}

/// What a person is expected to change, and the answers that would show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Awaited {
    /// Whether the service is on.
    pub service: bool,
    /// Where Defender for Endpoint keeps its data.
    pub location: bool,
    /// Links, by name.
    pub links: BTreeSet<String>,
}

impl Awaited {
    /// Whether there is anything that the operator could see.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Microsoft {
    /// The same without the awaited answers: they could not be read.
    #[must_use]
    pub fn forgetting(mut self, awaited: &Awaited) -> Self {
        if awaited.service && self.is_asked() {
            self.hunting = Reading::unknown(Why::ReadFailed);
            self.incidents = Reading::unknown(Why::ReadFailed);
            self.alerts = Reading::unknown(Why::ReadFailed);
            self.identity = Reading::unknown(Why::ReadFailed);
        }
        for name in &awaited.links {
            if let Some(link) = self.links.get_mut(name) {
                link.answer = Reading::unknown(Why::ReadFailed);
            }
        }
        self
    }
}

/// Everything that a full look asks.
#[must_use]
pub fn inquiry(desired: &Desired, memory: &Memory) -> Inquiry {
    let is_pending = |(name, wish): &(&String, &DesiredLink)| {
        let stored = memory.integration(name).map_or(LinkReading::Unknown, |stored| stored.state);
        match wish.state {
            LinkState::Linked => stored != LinkReading::Linked,
            LinkState::Unlinked => stored != LinkReading::Unlinked,
        }
    };
    Inquiry {
        tenant: desired.tenant,
        cloud: desired.cloud,
        roles: handoff::roles_in_question(desired),
        observation: desired.observation.clone(),
        links: desired.integrations.clone(),
        pending: desired.integrations.iter().filter(is_pending).map(|(name, _)| name.clone()).collect(),
    }
}

/// What the pending actions of a stored status wait for, as far as one of Microsoft's own APIs shows it.
#[must_use]
pub fn awaited(desired: &Desired, status: &ThreatProtectionTenantStatus) -> Awaited {
    let mut awaited = Awaited::default();
    for action in &status.pending_actions {
        match action.step {
            PendingStep::Enable | PendingStep::Disable | PendingStep::Deprovision | PendingStep::RequestRegion => {
                awaited.service = true;
            }
            PendingStep::Link | PendingStep::Unlink => {
                let shown = desired.integrations.iter().filter(|(_, wish)| is_shown(wish.kind));
                awaited.links.extend(shown.map(|(name, _)| name.clone()));
            }
            // What is to be attested may come to be seen by and by.
            PendingStep::Attest => {
                awaited.service = true;
                awaited.location |= desired.observation.is_some();
            }
        }
    }
    let as_declared = |name: &String| {
        let stored = status.integrations.iter().find(|stored| stored.name == *name);
        let wish = desired.integrations.get(name).map(|wish| wish.state);
        stored.is_some_and(|stored| match wish {
            Some(LinkState::Linked) => stored.state == LinkReading::Linked,
            Some(LinkState::Unlinked) => stored.state == LinkReading::Unlinked,
            None => true,
        })
    };
    awaited.links.retain(|name| !as_declared(name));
    awaited
}

/// Whether the switch of such a link is shown by an API.
const fn is_shown(kind: IntegrationType) -> bool {
    !matches!(kind, IntegrationType::IdentityCloudApps)
}
