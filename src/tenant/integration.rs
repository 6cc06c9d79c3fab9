//! The links between products of one tenant that can be declared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named_by_variant;

/// Which two products an integration links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum IntegrationType {
    /// Defender for Identity (Azure ATP) data into Defender for Cloud Apps, and so into the service. Takes up to 12 hours to work.
    IdentityCloudApps,
    /// Device risk from Defender for Endpoint to Intune.
    EndpointIntune,
    /// Defender for Cloud to Defender for Endpoint (the `WDATP` setting of a subscription). Cannot be undone: it creates an Endpoint tenant and deploys agents.
    DefenderForCloudEndpoint,
    /// Defender for Cloud to Defender for Cloud Apps (the `MCAS` setting of a subscription).
    DefenderForCloudCloudApps,
    /// Incidents and alerts into a Microsoft Sentinel workspace.
    SentinelIncidents,
}

named_by_variant!(IntegrationType {
    IdentityCloudApps,
    EndpointIntune,
    DefenderForCloudEndpoint,
    DefenderForCloudCloudApps,
    SentinelIncidents,
});

impl IntegrationType {
    /// Whether a service broker can change the link; the others are settings of Azure Resource Manager.
    #[must_use]
    pub const fn is_changed_by_broker(self) -> bool {
        matches!(self, Self::IdentityCloudApps | Self::EndpointIntune)
    }

    /// Whether setting the link creates something that cannot be taken away again.
    #[must_use]
    pub const fn is_irreversible(self) -> bool {
        matches!(self, Self::DefenderForCloudEndpoint)
    }
}

/// Whether a link is set, as a declaration and as a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LinkState {
    /// The link is set.
    #[default]
    Linked,
    /// The link is not set.
    Unlinked,
}

named_by_variant!(LinkState { Linked, Unlinked });
