//! Looks through the gate at a tenant that a stand-in of Microsoft's hosts plays.

mod answers;
mod azure;
mod entering;
mod glances;
mod healthy;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::*;
use crate::plan::desired::DesiredLink;
use crate::plan::inquiry::{Awaited, Inquiry};
use crate::remote::credentials::Credentials;
use crate::remote::stand_in::microsoft::{MARKER, Played, SUBSCRIPTION, workspace};
use crate::remote::stand_in::{assert_silent, now, secret, tenant};
use crate::tenant::{Cloud, IntegrationType, LinkState, Role};

/// The operator's side: looks at one tenant, an hour apart.
pub(super) struct Eyes {
    pub(super) gate: Gate,
    turns: Turns,
    start: Timestamp,
    pub(super) inquiry: Inquiry,
    pub(super) credentials: Credentials,
}

impl Eyes {
    /// Everything that a small tenant declares: observation, both links of Defender for Cloud, a workspace in the same
    /// subscription, Intune, and every role that a hand-off may name.
    pub(super) fn of(played: &Played) -> Self {
        let mut eyes = Self::without_azure(played);
        eyes.inquiry.observation = Some(SUBSCRIPTION.to_owned());
        eyes.link("wdatp", IntegrationType::DefenderForCloudEndpoint, SUBSCRIPTION);
        eyes.link("mcas", IntegrationType::DefenderForCloudCloudApps, SUBSCRIPTION);
        eyes.link("sentinel", IntegrationType::SentinelIncidents, &workspace(SUBSCRIPTION, "soc-prod"));
        eyes
    }

    pub(super) fn without_azure(played: &Played) -> Self {
        let inquiry = Inquiry {
            tenant: tenant(),
            cloud: Cloud::Public,
            roles: BTreeSet::from([
                Role::GlobalAdministrator,
                Role::SecurityAdministrator,
                Role::ServiceSupportAdministrator,
                Role::IntuneAdministrator,
                Role::BillingAdministrator,
            ]),
            observation: None,
            links: BTreeMap::new(),
            pending: BTreeSet::new(),
        };
        let (gate, turns, start) = (played.gate(), Turns::default(), now());
        let mut eyes = Self { gate, turns, start, inquiry, credentials: secret("1") };
        eyes.link("intune", IntegrationType::EndpointIntune, "");
        eyes
    }

    pub(super) fn link(&mut self, name: &str, kind: IntegrationType, target: &str) {
        let target = (!target.is_empty()).then(|| target.to_owned());
        self.inquiry.links.insert(name.to_owned(), DesiredLink { kind, state: LinkState::Linked, target });
    }

    pub(super) fn pend(&mut self, name: &str) {
        self.inquiry.pending.insert(name.to_owned());
    }

    fn signer(&self, hours: i64) -> Signer {
        let now = self.start + SignedDuration::from_hours(hours);
        Signer {
            credentials: Ok(self.credentials.clone()),
            tenant: self.inquiry.tenant,
            cloud: self.inquiry.cloud,
            now,
            is_renewed: false,
        }
    }

    /// A full look, so many hours after the first.
    pub(super) async fn look(&self, hours: i64) -> Microsoft {
        let asked = Survey { signer: self.signer(hours), inquiry: self.inquiry.clone() };
        let seen = Box::pin(survey(&self.gate, &self.turns, &asked)).await;
        assert_silent(&format!("{seen:?}"));
        assert!(!format!("{seen:?}").contains(MARKER));
        seen
    }

    /// A look at what is awaited.
    pub(super) async fn peek(&self, hours: i64, awaited: &Awaited, known: &Microsoft) -> Microsoft {
        let asked = Glance { signer: self.signer(hours), inquiry: self.inquiry.clone(), awaited: awaited.clone() };
        let seen = Box::pin(glance(&self.gate, &self.turns, &asked, known)).await;
        assert_silent(&format!("{seen:?}"));
        seen
    }
}
