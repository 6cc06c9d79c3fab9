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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::remote::samples::{assert_troubles, blindly, failure, ok, reply, sentence};
    use crate::tenant::Permission;

    const ROOT: &str = "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/providers/Microsoft.Security/settings";

    fn subscription() -> SubscriptionId {
        "20ff7fc3-e762-44dd-bd96-b71116dcdc23".parse().unwrap()
    }

    fn shown(name: &str, is_enabled: bool) -> Value {
        json!({ "id": format!("{ROOT}/{name}"), "name": name, "kind": "DataExportSettings",
            "type": "Microsoft.Security/settings", "properties": { "enabled": is_enabled } })
    }

    #[test]
    fn the_calls_are_as_documented() {
        assert_eq!(list(subscription()).path, format!("{ROOT}?api-version=2022-05-01"));
        assert_eq!(get(subscription(), Setting::CloudApps).path, format!("{ROOT}/MCAS?api-version=2022-05-01"));
        let put = put(subscription(), Setting::Endpoint, false);
        assert_eq!((put.method.as_str(), put.path), ("PUT", format!("{ROOT}/WDATP?api-version=2022-05-01")));
        assert_eq!(put.body.unwrap(), json!({ "kind": "DataExportSettings", "properties": { "enabled": false } }));
        assert_eq!(put.operation, Operation::PutSecuritySetting);
        assert_eq!(Setting::of(IntegrationType::DefenderForCloudEndpoint), Some(Setting::Endpoint));
        assert_eq!(Setting::of(IntegrationType::DefenderForCloudCloudApps), Some(Setting::CloudApps));
        assert_eq!(Setting::of(IntegrationType::SentinelIncidents), None);
    }

    #[test]
    fn the_documented_list_is_read() {
        let body = json!({ "value": [
            shown("mcas", true), shown("WDATP", false), shown("WDATP_VNEXT", true),
            { "name": "Sentinel", "kind": "AlertSyncSettings", "properties": { "enabled": "True" } }
        ]});
        let settings = Page::list(vec![blindly(|context| read_list(&ok(&body), context)).unwrap()]);
        assert_eq!((settings.items.len(), settings.is_complete), (4, true));
        assert_eq!(is_enabled(&settings, Setting::CloudApps), Ok(true));
        assert_eq!(is_enabled(&settings, Setting::Endpoint), Ok(false));
    }

    #[test]
    fn a_setting_that_is_not_in_the_list_is_open() {
        let empty = blindly(|context| read_list(&ok(&json!({ "value": [] })), context)).unwrap();
        let missing = sentence(is_enabled(&Page::list(vec![empty]), Setting::Endpoint));
        assert!(missing.contains("without WDATP") && missing.contains("either"), "{missing}");
        let odd = json!({ "value": [{ "name": "WDATP", "properties": null }], "nextLink": "https://x" });
        let odd = blindly(|context| read_list(&ok(&odd), context)).unwrap();
        assert_eq!((odd.skipped, odd.next.as_deref()), (1, Some("https://x")));
    }

    #[rstest]
    #[case::on(json!({ "properties": { "enabled": true } }), true)]
    #[case::off(json!({ "kind": "Renamed", "properties": { "enabled": false, "later": 1 } }), false)]
    #[case::text(json!({ "properties": { "Enabled": "true" } }), true)]
    fn one_setting_is_read(#[case] body: Value, #[case] is_on: bool) {
        for operation in [Operation::SecuritySettings, Operation::PutSecuritySetting] {
            assert_eq!(blindly(|context| read(operation, &ok(&body), context)), Ok(is_on));
        }
    }

    #[rstest]
    #[case::null(json!({ "properties": { "enabled": null } }))]
    #[case::words(json!({ "properties": { "enabled": "maybe" } }))]
    #[case::number(json!({ "properties": { "enabled": 1 } }))]
    fn another_shape_is_no_answer(#[case] body: Value) {
        let read = blindly(|context| read(Operation::SecuritySettings, &ok(&body), context));
        assert_eq!(failure(read).class.name(), "protocol");
    }

    #[test]
    fn trouble_is_told() {
        assert_troubles(Operation::SecuritySettings, read_list);
        for operation in [Operation::SecuritySettings, Operation::PutSecuritySetting] {
            assert_troubles(operation, |reply, context| read(operation, reply, context));
        }
        let refused = blindly(|context| read(Operation::PutSecuritySetting, &reply(403, ""), context));
        assert_eq!(refused, Err(Unread::NotPermitted(Permission::SecurityAdmin)));
        let wrong = failure(blindly(|context| read(Operation::PutSecuritySetting, &reply(400, ""), context)));
        assert_eq!(wrong.reason, crate::api::Reason::ProviderRejected);
    }
}
