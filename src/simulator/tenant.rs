//! A simulated tenant as data: what the world knows about it before any rule is asked.
//!
//! Pure. The shapes below are the JSON of the control port and of the state file, and the YAML of the seed list.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::applications::Application;
use super::azure::{Subscription, Workspace};
use super::holders::{Assignment, Held};
use super::licences::{self, LicenceState, Sku};
use super::role_name::RoleName;
use crate::tenant::{Cloud, Experience, Feature, IntegrationType, LinkState, Region, Service, TenantId};

/// One tenant. Field names are camelCase; everything but `tenantId` has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// The tenant's id, canonical form.
    pub tenant_id: TenantId,
    /// What the directory calls the organisation.
    #[serde(default)]
    pub display_name: String,
    /// The cloud that hosts the tenant.
    #[serde(default)]
    pub cloud: Cloud,
    /// The onboarding rules under which this tenant really lives.
    #[serde(default)]
    pub experience: Experience,
    /// The licensed services; `Office365` means Plan 2. No act ever changes this set.
    #[serde(default)]
    pub services: BTreeSet<Service>,
    /// The data centre region of an existing Defender for Endpoint (Defender ATP). No act of a person or
    /// a broker ever changes it; the `WDATP` setting of Azure creates it where there is none.
    #[serde(default)]
    pub endpoint_region: Option<Region>,
    /// The region that Microsoft would pick by itself.
    #[serde(default = "default_region")]
    pub automatic_region: Region,
    /// The roles that somebody in the tenant holds.
    #[serde(default)]
    pub roles: BTreeSet<RoleName>,
    /// Whether the service is on.
    #[serde(default)]
    pub service: ServiceState,
    /// Where the data of the service is. Set when it first comes on, kept by an opt-out, free again after deprovisioning.
    #[serde(default)]
    pub region: Option<Region>,
    /// The region that an administrator chose on the welcome page before turning the service on.
    #[serde(default)]
    pub chosen_region: Option<Region>,
    /// The consent on record, if any.
    #[serde(default)]
    pub consent: Option<Consent>,
    /// The links that were ever set or taken away; one that is not listed is not linked.
    #[serde(default)]
    pub links: BTreeMap<IntegrationType, Link>,
    /// Whether the opt-out switch was used since the service was last turned on.
    #[serde(default)]
    pub opted_out: bool,
    /// Whether data and resources of an earlier provisioning are still there.
    #[serde(default)]
    pub leftovers: bool,
    /// The latest times at which the service was turned on or off, oldest first: what shows of it follows with a delay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Switch>,
    /// The licensed products; those that bring `services` when absent.
    #[serde(default)]
    pub skus: Option<Vec<Sku>>,
    /// How the subscriptions behind the licences stand.
    #[serde(default)]
    pub licence_state: LicenceState,
    /// When that changes next; unknown when absent.
    #[serde(default)]
    pub next_lifecycle: Option<Timestamp>,
    /// The domain that users sign in with; made of the name when absent.
    #[serde(default)]
    pub default_domain: Option<String>,
    /// The country of the organisation, two letters.
    #[serde(default = "default_country")]
    pub country_code: String,
    /// The applications that may ask Microsoft's APIs about the tenant.
    #[serde(default)]
    pub applications: Vec<Application>,
    /// Roles held besides `roles`.
    #[serde(default)]
    pub assignments: Vec<Assignment>,
    /// Whether the tenant has Microsoft Entra ID P2, without which nobody is eligible for a role.
    #[serde(default = "yes")]
    pub premium_p2: bool,
    /// The services that send data; all of `services` when absent.
    #[serde(default)]
    pub reporting: Option<BTreeSet<Service>>,
    /// How many incidents, and as many alerts, there are while the service is on.
    #[serde(default = "default_incidents")]
    pub incidents: u32,
    /// Azure subscriptions.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
    /// Workspaces of Microsoft Sentinel.
    #[serde(default)]
    pub workspaces: Vec<Workspace>,
}

/// The service was turned on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Switch {
    /// When.
    pub at: Timestamp,
    /// Which way.
    pub on: bool,
}

const fn yes() -> bool {
    true
}

const fn default_incidents() -> u32 {
    3
}

fn default_country() -> String {
    "NL".to_owned()
}

/// More switches than this are not remembered.
const SWITCHES: usize = 16;

const fn default_region() -> Region {
    Region::EU
}

/// Whether the service is on: `{"state": "off"}` or `{"state": "on", "region": "EU", "since": "2020-06-23T10:00:00Z"}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum ServiceState {
    /// Not on: none of its features are in the portal.
    #[default]
    Off,
    /// On.
    On {
        /// Where the data is; none in the clouds that have one location only.
        #[serde(default)]
        region: Option<Region>,
        /// Since when; a seed without it means the moment of seeding.
        #[serde(default)]
        since: Option<Timestamp>,
    },
}

/// A recorded consent to share data between the services (March 2020: needed before data is aggregated).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consent {
    /// Who gave it.
    pub granted_by: String,
    /// The day on which it was given.
    pub granted_on: Date,
    /// A ticket or document that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A link between two products of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// What the switch says.
    pub state: LinkState,
    /// When data begins to flow; only for a set link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Timestamp>,
}

impl Tenant {
    /// A tenant without licences, roles or history.
    #[must_use]
    pub fn new(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            display_name: String::new(),
            cloud: Cloud::default(),
            experience: Experience::default(),
            services: BTreeSet::new(),
            endpoint_region: None,
            automatic_region: default_region(),
            roles: BTreeSet::new(),
            service: ServiceState::Off,
            region: None,
            chosen_region: None,
            consent: None,
            links: BTreeMap::new(),
            opted_out: false,
            leftovers: false,
            switches: Vec::new(),
            skus: None,
            licence_state: LicenceState::default(),
            next_lifecycle: None,
            default_domain: None,
            country_code: default_country(),
            applications: Vec::new(),
            assignments: Vec::new(),
            premium_p2: true,
            reporting: None,
            incidents: default_incidents(),
            subscriptions: Vec::new(),
            workspaces: Vec::new(),
        }
    }

    /// Whether the service is on.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        matches!(self.service, ServiceState::On { .. })
    }

    /// Turns the service on or off and remembers when.
    pub fn switch(&mut self, service: ServiceState, at: Timestamp) {
        self.service = service;
        if self.switches.len() == SWITCHES {
            self.switches.remove(0);
        }
        self.switches.push(Switch { at, on: self.is_on() });
    }

    /// Whether incidents, alerts and hunting show the service as on, when each change takes `delay` to arrive there.
    #[must_use]
    pub fn signals(&self, now: Timestamp, delay: SignedDuration) -> bool {
        let seen = now.saturating_sub(delay).unwrap_or(now);
        // A tenant that was replaced meanwhile has no history worth a delay.
        let history = self.switches.as_slice();
        if history.last().is_none_or(|last| last.on != self.is_on()) {
            return self.is_on();
        }
        let before = history.first().is_some_and(|first| !first.on);
        history.iter().rev().find(|switch| switch.at <= seen).map_or(before, |switch| switch.on)
    }

    /// Whether the link is set and data flows through it.
    #[must_use]
    pub fn link_works(&self, link: IntegrationType, now: Timestamp) -> bool {
        self.links.get(&link).is_some_and(|known| {
            known.state == LinkState::Linked && known.effective_at.is_none_or(|effective| effective <= now)
        })
    }

    /// Whether the service sends data.
    #[must_use]
    pub fn reports(&self, service: Service) -> bool {
        self.services.contains(&service) && self.reporting.as_ref().is_none_or(|some| some.contains(&service))
    }

    /// The licensed products.
    #[must_use]
    pub fn licensed(&self) -> Vec<Sku> {
        self.skus.clone().unwrap_or_else(|| licences::derived(&self.services))
    }

    /// The domain that users sign in with.
    #[must_use]
    pub fn domain(&self) -> String {
        let letters: String = self.display_name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        let name = if letters.is_empty() { "contoso" } else { &letters };
        self.default_domain.clone().unwrap_or_else(|| format!("{name}.onmicrosoft.com"))
    }

    /// The application with this id.
    #[must_use]
    pub fn application(&self, client_id: &str) -> Option<&Application> {
        self.applications.iter().find(|known| known.client_id.eq_ignore_ascii_case(client_id))
    }

    /// Every role that is held.
    #[must_use]
    pub fn held_roles(&self) -> Vec<Held> {
        let users = self.roles.iter().map(|role| Assignment::of_user(*role));
        let all = users.chain(self.assignments.iter().cloned()).enumerate();
        all.map(|(place, assignment)| assignment.held(self.tenant_id, place)).collect()
    }

    /// Whether the switch of this link is set.
    #[must_use]
    pub fn link_state(&self, link: IntegrationType) -> LinkState {
        self.links.get(&link).map_or(LinkState::Unlinked, |known| known.state)
    }

    /// What the service adds to the portal while it is on.
    #[must_use]
    pub const fn features(&self) -> &'static [Feature] {
        if self.is_on() { &[Feature::Incidents, Feature::ActionCenter, Feature::AdvancedHunting] } else { &[] }
    }

    /// Fills in what a seed may leave out: since when the service is on, and that its region is recorded.
    pub fn complete_seed(&mut self, now: Timestamp) {
        if let ServiceState::On { region, since } = &mut self.service {
            since.get_or_insert(now);
            *region = region.or(self.region);
            self.region = *region;
            self.leftovers = true;
        }
    }
}
