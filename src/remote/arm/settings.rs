//! `Microsoft.Security/settings` of a subscription: whether Defender for Cloud hands data to Defender for Endpoint and to
//! Defender for Cloud Apps.

use reqwest::Method;
use serde_json::{Value, json};

use super::target::SubscriptionId;
use crate::plan::microsoft::Listed;
use crate::remote::answers::{Context, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{Page, cleaned, object, of, page, truth};
use crate::tenant::IntegrationType;

/// The version whose settings carry `properties.enabled`.
const VERSION: &str = "api-version=2022-05-01";

/// A setting that this operator knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// To Defender for Endpoint.
    Endpoint,
    /// To Defender for Cloud Apps.
    CloudApps,
}

impl Setting {
    /// Its name in Azure Resource Manager.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "WDATP",
            Self::CloudApps => "MCAS",
        }
    }

    /// The setting behind an integration, where there is one.
    #[must_use]
    pub const fn of(kind: IntegrationType) -> Option<Self> {
        match kind {
            IntegrationType::DefenderForCloudEndpoint => Some(Self::Endpoint),
            IntegrationType::DefenderForCloudCloudApps => Some(Self::CloudApps),
            _ => None,
        }
    }
}

/// A setting as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownSetting {
    /// Its name, such as `WDATP`.
    pub name: String,
    /// Whether it is on.
    pub is_enabled: bool,
}

/// All settings of a subscription.
#[must_use]
pub fn list(subscription: SubscriptionId) -> Call {
    Call::get(Operation::SecuritySettings, format!("{}?{VERSION}", root(subscription)))
}

/// Reads an answer to `list`.
pub fn read_list(reply: &Reply, context: Context<'_>) -> Result<Page<ShownSetting>, Unread> {
    page(Operation::SecuritySettings, reply, context, |entry| {
        Some(ShownSetting { name: cleaned(of(entry, "name"))?, is_enabled: enabled(entry)? })
    })
}

/// Whether a setting of the list is on.
///
/// One that is not in the list is neither on nor off: the documented list holds all settings, also those that are off
/// (azure-rest-api-specs, `GetSettings_example.json`), and nothing says what the lack of one means.
pub fn is_enabled(settings: &Listed<ShownSetting>, setting: Setting) -> Result<bool, Unread> {
    let found = settings.items.iter().find(|shown| shown.name.eq_ignore_ascii_case(setting.name()));
    found.map(|shown| shown.is_enabled).ok_or_else(|| {
        Unread::Ambiguous(format!(
            "Azure Resource Manager answered Microsoft.Security/settings without {}: either Defender for Cloud is not set up in the subscription, or the setting has another name now",
            setting.name()
        ))
    })
}

/// One setting.
#[must_use]
pub fn get(subscription: SubscriptionId, setting: Setting) -> Call {
    Call::get(Operation::SecuritySettings, one(subscription, setting))
}

/// Sets a setting to a value; the answer shows the setting.
#[must_use]
pub fn put(subscription: SubscriptionId, setting: Setting, is_enabled: bool) -> Call {
    let body = json!({ "kind": "DataExportSettings", "properties": { "enabled": is_enabled } });
    Call {
        method: Method::PUT,
        body: Some(body),
        ..Call::get(Operation::PutSecuritySetting, one(subscription, setting))
    }
}

/// Reads an answer to `get` (`SecuritySettings`) or `put` (`PutSecuritySetting`): whether the setting is on.
pub fn read(operation: Operation, reply: &Reply, context: Context<'_>) -> Result<bool, Unread> {
    let fields = object(operation, reply, context)?;
    enabled(&Value::Object(fields)).ok_or_else(|| misshapen(operation, reply, "it has no properties.enabled"))
}

fn root(subscription: SubscriptionId) -> String {
    format!("/subscriptions/{subscription}/providers/Microsoft.Security/settings")
}

fn one(subscription: SubscriptionId, setting: Setting) -> String {
    format!("{}/{}?{VERSION}", root(subscription), setting.name())
}

fn enabled(entry: &Value) -> Option<bool> {
    truth(of(of(entry, "properties")?, "enabled"))
}
