//! The regions in which the service stores a tenant's data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Experience, named_by_variant};

/// Where the service stores and processes the tenant's data. Once provisioned it never moves.
///
/// Source: Microsoft, *Data security and retention in Microsoft Defender XDR* (August 2025).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Region {
    /// European Union.
    EU,
    /// United Kingdom.
    UK,
    /// United States.
    US,
    /// Australia.
    AU,
    /// Switzerland.
    CH,
    /// India.
    IN,
    /// United Arab Emirates.
    AE,
}

named_by_variant!(Region { EU, UK, US, AU, CH, IN, AE });

impl Region {
    /// Whether tenants under these rules can have this region: in 2020 there were three.
    #[must_use]
    pub const fn exists_under(self, experience: Experience) -> bool {
        match experience {
            Experience::WelcomePage | Experience::SettingsPage => matches!(self, Self::EU | Self::UK | Self::US),
            Experience::DefenderPortal => true,
        }
    }

    /// The region of a data centre, as the onboarding package of Defender for Endpoint names it (`datacenter`, such as
    /// `WestEurope`), or as its address did in 2020 (`europewest`). `None` for one that is not known.
    ///
    /// Sources: Microsoft, *Data security and retention in Microsoft Defender XDR* (August 2025); onboarding packages in
    /// public texts (`EastUs3`, `CentralUs3`).
    #[must_use]
    pub fn of_data_center(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        DATA_CENTERS.iter().find(|(known, _)| *known == name).map(|(_, region)| *region)
    }

    /// The region that a geography names (`vortexGeoLocation`, such as `EU`, or `partnerGeoLocation`, such as `GW_EU`).
    #[must_use]
    pub fn of_geography(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_uppercase();
        let name = name.strip_prefix("GW_").unwrap_or(&name);
        GEOGRAPHIES.iter().find(|(known, _)| *known == name).map(|(_, region)| *region)
    }

    /// Where Defender ATP keeps its data when Azure Security Center turned it on, under rules that say so: always in the
    /// European Union, and the service follows (Microsoft, *Frequently asked questions when turning on Microsoft Threat
    /// Protection*, September 2020). Since 2021 such tenants use the common method.
    #[must_use]
    pub const fn of_security_center(experience: Experience) -> Option<Self> {
        match experience {
            Experience::WelcomePage | Experience::SettingsPage => Some(Self::EU),
            Experience::DefenderPortal => None,
        }
    }
}

/// Data centres by name, lower case.
const DATA_CENTERS: [(&str, Region); 23] = [
    ("northeurope", Region::EU),
    ("westeurope", Region::EU),
    ("europenorth", Region::EU),
    ("europewest", Region::EU),
    ("uksouth", Region::UK),
    ("ukwest", Region::UK),
    ("eastus", Region::US),
    ("eastus2", Region::US),
    ("eastus3", Region::US),
    ("centralus", Region::US),
    ("centralus3", Region::US),
    ("westcentralus", Region::US),
    ("useast", Region::US),
    ("useast2", Region::US),
    ("uswestcentral", Region::US),
    ("australiaeast", Region::AU),
    ("australiasoutheast", Region::AU),
    ("switzerlandnorth", Region::CH),
    ("switzerlandwest", Region::CH),
    ("centralindia", Region::IN),
    ("southindia", Region::IN),
    ("uaenorth", Region::AE),
    ("uaecentral", Region::AE),
];

/// Geographies by name, upper case.
const GEOGRAPHIES: [(&str, Region); 7] = [
    ("EU", Region::EU),
    ("UK", Region::UK),
    ("US", Region::US),
    ("AU", Region::AU),
    ("CH", Region::CH),
    ("IN", Region::IN),
    ("AE", Region::AE),
];
