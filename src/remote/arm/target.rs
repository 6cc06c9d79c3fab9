//! What a call of Azure Resource Manager is about: a subscription, or a workspace in it.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::remote::http::percent_encode;

/// The text is not the id of a subscription or of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is not {wanted}")]
pub struct InvalidTarget {
    shown: String,
    wanted: &'static str,
}

/// The id of an Azure subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(Uuid);

impl FromStr for SubscriptionId {
    type Err = InvalidTarget;

    /// A UUID with hyphens; the case of letters plays no part.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
        uuid.map(Self).ok_or_else(|| invalid(text, "the id of an Azure subscription"))
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The resource id of a Log Analytics workspace.
///
/// `/subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.OperationalInsights/workspaces/{name}`; the fixed parts
/// are compared without regard to case, as Azure Resource Manager does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Workspace {
    subscription: SubscriptionId,
    group: String,
    name: String,
}

impl Workspace {
    /// The subscription that it is in.
    #[must_use]
    pub const fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// The path, every part of it percent-encoded.
    pub(super) fn path(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.OperationalInsights/workspaces/{}",
            self.subscription,
            percent_encode(&self.group),
            percent_encode(&self.name)
        )
    }
}

impl FromStr for Workspace {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        workspace(text).ok_or_else(|| invalid(text, "the resource id of a workspace"))
    }
}

fn workspace(text: &str) -> Option<Workspace> {
    let parts: Vec<&str> = text.split('/').collect();
    let ["", subscriptions, subscription, groups, group, providers, provider, workspaces, name] = parts.as_slice()
    else {
        return None;
    };
    let fixed = [
        (subscriptions, "subscriptions"),
        (groups, "resourceGroups"),
        (providers, "providers"),
        (provider, "Microsoft.OperationalInsights"),
        (workspaces, "workspaces"),
    ];
    let is_fixed = fixed.iter().all(|(part, wanted)| part.eq_ignore_ascii_case(wanted));
    // Azure, *Naming rules and restrictions for Azure resources* (2025).
    let is_group = (1..=90).contains(&group.len())
        && !group.ends_with('.')
        && group.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.()".contains(&byte));
    let is_name = (4..=63).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_fixed && is_group && is_name).then_some(())?;
    let subscription = subscription.parse().ok()?;
    Some(Workspace { subscription, group: (*group).to_owned(), name: (*name).to_owned() })
}

fn invalid(text: &str, wanted: &'static str) -> InvalidTarget {
    InvalidTarget { shown: text.chars().take(64).collect(), wanted }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ID: &str = "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/soc-rg/providers/Microsoft.OperationalInsights/workspaces/soc-prod";

    #[test]
    fn a_documented_id_is_taken_and_written_again() {
        let workspace: Workspace = ID.parse().unwrap();
        assert_eq!(workspace.path(), ID);
        assert_eq!(workspace.subscription().to_string(), "20ff7fc3-e762-44dd-bd96-b71116dcdc23");
        let other = ID.replace("resourceGroups/soc-rg", "RESOURCEGROUPS/a(b)_c.d");
        assert_eq!(
            other.parse::<Workspace>().unwrap().path(),
            ID.replace("soc-rg", "a%28b%29_c.d"),
            "what stands in a path is percent-encoded"
        );
    }

    #[rstest]
    #[case::empty("")]
    #[case::another_type(
        "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/r/providers/Microsoft.Web/sites/soc-prod"
    )]
    #[case::no_group(
        "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups//providers/Microsoft.OperationalInsights/workspaces/soc-prod"
    )]
    #[case::dots(
        "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/../providers/Microsoft.OperationalInsights/workspaces/soc-prod"
    )]
    #[case::encoded(
        "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/a%2Fb/providers/Microsoft.OperationalInsights/workspaces/soc-prod"
    )]
    #[case::query(
        "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/soc-prod?x=y"
    )]
    #[case::more(
        "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/soc-prod/x"
    )]
    #[case::short_name(
        "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/soc"
    )]
    #[case::no_subscription(
        "/subscriptions/x/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/soc-prod"
    )]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(text.parse::<Workspace>().is_err(), "{text}");
    }

    #[rstest]
    #[case("20FF7FC3-E762-44DD-BD96-B71116DCDC23", true)]
    #[case("20ff7fc3e76244ddbd96b71116dcdc23", false)]
    #[case("{20ff7fc3-e762-44dd-bd96-b71116dcdc23}", false)]
    #[case("20ff7fc3-e762-44dd-bd96-b71116dcdc23/..", false)]
    fn a_subscription_is_a_uuid(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(text.parse::<SubscriptionId>().is_ok(), is_one);
    }
}
