//! A simulated tenant as data: what the world knows about it before any rule is asked.
//!
//! Pure. The shapes below are the JSON of the control port and of the state file, and the YAML of the seed list.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

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
    /// The data centre region of an existing Defender for Endpoint (Defender ATP). No act ever changes it.
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
}

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
        }
    }

    /// Whether the service is on.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        matches!(self.service, ServiceState::On { .. })
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
