//! The licences of a simulated tenant: products, their plans, and how the subscriptions behind them stand. Pure.
//!
//! Written from Microsoft, *Product names and service plan identifiers for licensing* (2025); the planner has a table of
//! its own, so that one wrong row cannot hide in both.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::tenant::Service;

/// How the subscriptions behind the licences stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LicenceState {
    /// In force.
    #[default]
    Enabled,
    /// Expired, in the grace period: everything still works.
    Warning,
    /// Cancelled or expired beyond the grace period.
    Suspended,
    /// Locked by Microsoft.
    LockedOut,
    /// Gone.
    Deleted,
}

impl LicenceState {
    /// Whether the services work.
    #[must_use]
    pub const fn is_in_force(self) -> bool {
        matches!(self, Self::Enabled | Self::Warning)
    }

    /// The name that Microsoft Graph spells.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Warning => "Warning",
            Self::Suspended => "Suspended",
            Self::LockedOut => "LockedOut",
            Self::Deleted => "Deleted",
        }
    }
}

/// A product that the tenant has licences for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sku {
    /// Id of the product.
    pub sku_id: String,
    /// Its part number, such as `SPE_E5`.
    pub sku_part_number: String,
    /// How it stands; as the tenant's `licenceState` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability_status: Option<LicenceState>,
    /// How many licences there are.
    #[serde(default = "default_units")]
    pub units: u32,
    /// Whether it is a trial.
    #[serde(default)]
    pub trial: bool,
    /// When its state changes next; unknown to Microsoft Graph when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_lifecycle: Option<Timestamp>,
    /// What it contains.
    #[serde(default)]
    pub plans: Vec<Plan>,
}

const fn default_units() -> u32 {
    25
}

/// A service plan of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Id of the plan.
    pub id: String,
    /// Its name, such as `WINDEFATP`.
    #[serde(default)]
    pub name: String,
    /// How far it is provisioned: `Success`, `Disabled`, `PendingProvisioning` and so on.
    #[serde(default = "success")]
    pub provisioning_status: String,
}

fn success() -> String {
    "Success".to_owned()
}

impl Plan {
    /// The name of the service under which the organisation lists the plan.
    #[must_use]
    pub fn service(&self) -> &'static str {
        PLAN_SERVICES.iter().find(|(id, _)| *id == self.id).map_or("exchange", |(_, service)| service)
    }
}

const MTP: (&str, &str) = ("bf28f719-7844-4079-9c78-c1307898e192", "MTP");
const ENDPOINT: (&str, &str) = ("871d91ec-ec1a-452b-a83f-bd76c7d770ef", "WINDEFATP");
const IDENTITY: (&str, &str) = ("14ab5db5-e6c4-4b20-b4bc-13e36fd2227f", "ATA");
const IDENTITY_IN_CLOUD_APPS: (&str, &str) = ("61d18b02-6889-479f-8f36-56e6e0fe5792", "ADALLOM_FOR_AATP");
const CLOUD_APPS: (&str, &str) = ("2e2ddb96-6af9-4b1d-a3f0-d6ecfd22edb2", "ADALLOM_S_STANDALONE");
const OFFICE_1: (&str, &str) = ("f20fedf3-f3c3-43c3-8267-2bfdd51c0939", "ATP_ENTERPRISE");
const OFFICE_2: (&str, &str) = ("8e0c0a52-6a6c-4d40-8370-dd62790dcd70", "THREAT_INTELLIGENCE");

/// Plans that are not listed under `exchange`.
const PLAN_SERVICES: [(&str, &str); 5] = [
    (MTP.0, "MicrosoftThreatProtection"),
    (ENDPOINT.0, "WindowsDefenderATP"),
    (IDENTITY.0, "AzureAdvancedThreatAnalytics"),
    (IDENTITY_IN_CLOUD_APPS.0, "Adallom"),
    (CLOUD_APPS.0, "Adallom"),
];

/// The products that a tenant with these services has: Microsoft 365 E5 for all four, else one product each.
#[must_use]
pub fn derived(services: &BTreeSet<Service>) -> Vec<Sku> {
    if services.len() == Service::ALL.len() {
        let plans = [MTP, ENDPOINT, IDENTITY, CLOUD_APPS, OFFICE_1, OFFICE_2];
        return vec![sku("06ebc4ee-1bb5-47dd-8120-11324bc54e06", "SPE_E5", &plans)];
    }
    services.iter().map(|service| standalone(*service)).collect()
}

fn standalone(service: Service) -> Sku {
    match service {
        Service::Endpoint => sku("111046dd-295b-4d6d-9724-d52ac90bd1f2", "WIN_DEF_ATP", &[ENDPOINT]),
        Service::Identity => sku("98defdf7-f6c1-44f5-a1f6-943b6764e7a5", "ATA", &[IDENTITY, IDENTITY_IN_CLOUD_APPS]),
        Service::CloudApps => sku("df845ce7-05f9-4894-b5f2-11bbfbcfd2b6", "ADALLOM_STANDALONE", &[CLOUD_APPS]),
        Service::Office365 => sku("3dd6cf57-d688-4eed-ba52-9e40b5468c3e", "THREAT_INTELLIGENCE", &[OFFICE_1, OFFICE_2]),
    }
}

fn sku(id: &str, part_number: &str, plans: &[(&str, &str)]) -> Sku {
    let plan = |(id, name): &(&str, &str)| Plan {
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        provisioning_status: success(),
    };
    Sku {
        sku_id: id.to_owned(),
        sku_part_number: part_number.to_owned(),
        capability_status: None,
        units: default_units(),
        trial: false,
        next_lifecycle: None,
        plans: plans.iter().map(plan).collect(),
    }
}
