//! The Microsoft clouds in which a tenant can live, and their portals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{TenantId, named_by_variant};

/// The Microsoft cloud that hosts the tenant. It chooses the hosts that are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Cloud {
    /// The worldwide commercial cloud.
    #[default]
    Public,
    /// US Government Community Cloud; it shares its hosts with `Public`.
    GCC,
    /// US Government Community Cloud High.
    GCCHigh,
    /// US Department of Defense.
    DoD,
}

named_by_variant!(Cloud { Public, GCC, GCCHigh, DoD });

impl Cloud {
    /// Host of the security portal (Microsoft, *Microsoft Defender XDR for US Government customers*, 2025).
    #[must_use]
    pub const fn portal_host(self) -> &'static str {
        match self {
            Self::Public | Self::GCC => "security.microsoft.com",
            Self::GCCHigh => "security.microsoft.us",
            Self::DoD => "security.apps.mil",
        }
    }

    /// Whether the data of the service gets a region that can be named. Government clouds have one location each.
    #[must_use]
    pub const fn has_regions(self) -> bool {
        matches!(self, Self::Public)
    }

    /// A deep link into the portal of exactly this tenant: `path` starts with a slash and has no query.
    #[must_use]
    pub fn portal_link(self, path: &str, tenant: TenantId) -> String {
        format!("https://{}{path}?tid={tenant}", self.portal_host())
    }
}
