//! The four products that the service unifies, and the features it adds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named_by_variant;

/// A product whose data the service unifies. The service never changes its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Service {
    /// Defender for Endpoint (Defender ATP).
    Endpoint,
    /// Defender for Office 365 (Office 365 ATP), Plan 2.
    Office365,
    /// Defender for Identity (Azure ATP).
    Identity,
    /// Defender for Cloud Apps (Microsoft Cloud App Security).
    CloudApps,
}

named_by_variant!(Service { Endpoint, Office365, Identity, CloudApps });

/// What appears in the portal once the service is on (Microsoft, *Turn on Microsoft Threat Protection*, March and June 2020).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Feature {
    /// Incident management.
    Incidents,
    /// The action center for automated investigation and response. No public API shows it.
    ActionCenter,
    /// Advanced hunting.
    AdvancedHunting,
}

named_by_variant!(Feature { Incidents, ActionCenter, AdvancedHunting });
