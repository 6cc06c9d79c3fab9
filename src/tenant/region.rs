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
}
