//! What a simulated tenant has in Azure: subscriptions with the settings of Defender for Cloud, and workspaces of Microsoft
//! Sentinel. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// The settings of Defender for Cloud.
    #[serde(default)]
    pub settings: Settings,
    /// The data centre in the onboarding package; that of Endpoint's region when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_center: Option<String>,
    /// The geography in the onboarding package; that of Endpoint's region when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geography: Option<String>,
}

/// The settings of Defender for Cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Data for Defender for Endpoint.
    #[serde(rename = "WDATP")]
    pub wdatp: bool,
    /// Data for Defender for Cloud Apps.
    #[serde(rename = "MCAS")]
    pub mcas: bool,
    /// Alerts in step with Microsoft Sentinel.
    #[serde(rename = "Sentinel")]
    pub sentinel: bool,
}

/// One of the settings of Defender for Cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `WDATP`.
    Wdatp,
    /// `MCAS`.
    Mcas,
    /// `Sentinel`.
    Sentinel,
}

impl Setting {
    /// All, in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Mcas, Self::Wdatp, Self::Sentinel];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wdatp => "WDATP",
            Self::Mcas => "MCAS",
            Self::Sentinel => "Sentinel",
        }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Wdatp | Self::Mcas => "DataExportSettings",
            Self::Sentinel => "AlertSyncSettings",
        }
    }

    /// The setting of this name, without regard to case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name().eq_ignore_ascii_case(name))
    }
}

impl Settings {
    /// Whether a setting is on.
    #[must_use]
    pub const fn get(&self, setting: Setting) -> bool {
        match setting {
            Setting::Wdatp => self.wdatp,
            Setting::Mcas => self.mcas,
            Setting::Sentinel => self.sentinel,
        }
    }

    /// Turns a setting on or off.
    pub const fn set(&mut self, setting: Setting, enabled: bool) {
        match setting {
            Setting::Wdatp => self.wdatp = enabled,
            Setting::Mcas => self.mcas = enabled,
            Setting::Sentinel => self.sentinel = enabled,
        }
    }
}

/// A workspace of Microsoft Sentinel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workspace {
    /// `/subscriptions/{id}/resourceGroups/{name}/providers/Microsoft.OperationalInsights/workspaces/{name}`.
    pub resource_id: String,
    /// Its data connectors.
    #[serde(default)]
    pub connectors: Vec<Connector>,
    /// Whether applications, and not only persons, may connect it to the service.
    #[serde(default = "yes")]
    pub accepts_applications: bool,
    /// Whether it was connected to the security portal, which then answers hunting queries without the service.
    #[serde(default)]
    pub in_portal: bool,
}

const fn yes() -> bool {
    true
}

/// A data connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Connector {
    /// Its name, a GUID.
    pub name: String,
    /// Its kind, such as `MicrosoftThreatProtection`.
    pub kind: String,
    /// Changes with each change.
    #[serde(default = "first_etag")]
    pub etag: String,
    /// The rest.
    #[serde(default)]
    pub properties: Value,
}

fn first_etag() -> String {
    "\"03000000-0000-0000-0000-5ee000000000\"".to_owned()
}

/// The kind of the connector that brings incidents of the service.
pub const INCIDENTS_KIND: &str = "MicrosoftThreatProtection";

impl Connector {
    /// Whether incidents of the service come through it.
    #[must_use]
    pub fn brings_incidents(&self) -> bool {
        self.kind == INCIDENTS_KIND
            && self.properties.pointer("/dataTypes/incidents/state").and_then(Value::as_str) == Some("Enabled")
    }
}

impl Workspace {
    /// Whether hunting answers through it although the service is off.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.in_portal || self.connectors.iter().any(|connector| connector.kind == INCIDENTS_KIND)
    }

    /// Whether it lies in this subscription.
    #[must_use]
    pub fn is_in(&self, subscription: &str) -> bool {
        self.resource_id.split('/').nth(2).is_some_and(|id| id.eq_ignore_ascii_case(subscription))
    }
}
