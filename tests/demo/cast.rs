//! The tenants of the story: what each is in the simulated world, and what the platform team declares about it.

use serde_json::{Value, json};

use crate::people;
use crate::support::microsoft::{SUBSCRIPTION, application, by_secret};

/// Where an operator with a broker looks.
pub(crate) const BROKERED: &str = "security";
/// Where an operator without a broker looks.
pub(crate) const MANUAL: &str = "manual";

/// One tenant, and its resource.
#[derive(Clone, Debug)]
pub(crate) struct Character {
    /// Name of the resource.
    pub(crate) name: &'static str,
    /// Id of the tenant.
    pub(crate) tenant: &'static str,
    /// Whose operator: [`BROKERED`] or [`MANUAL`].
    pub(crate) home: &'static str,
    /// The onboarding rules, in the table's words.
    pub(crate) rules: &'static str,
    /// The tenant as it is seeded in the simulator.
    pub(crate) seed: Value,
    /// Whether it has an application at the simulated Microsoft, and its resource the credentials.
    pub(crate) signs_in: bool,
    /// How the broker treats it, where not at once.
    pub(crate) broker: Option<Value>,
    /// What is declared at first.
    pub(crate) spec: Value,
    /// Reason of `Ready` once it has settled at first; `None` where the API server refuses the resource.
    pub(crate) first: Option<&'static str>,
    /// Why it settles there.
    pub(crate) why: &'static str,
}

/// A broker that works for some polls, a second each.
fn slowly(polls: u32) -> Value {
    json!({"mode": {"async": {"polls": polls, "retryAfterSeconds": 1}}})
}

/// A consent of the days of the welcome page.
pub(crate) fn old_consent() -> Value {
    json!({"grantedBy": "Data Protection Office", "grantedOn": "2020-03-16"})
}

/// Everybody, in the order of the story.
pub(crate) fn cast() -> Vec<Character> {
    let mut cast = with_broker();
    cast.extend(refused());
    cast.extend(without_broker());
    for character in &mut cast {
        character.spec["tenantId"] = character.tenant.into();
        if character.signs_in {
            character.spec["credentials"] = by_secret();
            character.seed["applications"] = json!([application()]);
        }
        character.seed["roles"] = json!(["GlobalAdministrator", "SecurityAdministrator"]);
    }
    cast
}

/// Those that end up on, each in a region that came about in another way.
#[expect(clippy::too_many_lines, reason = "a cast is one list, a character a paragraph")]
fn with_broker() -> Vec<Character> {
    let home = BROKERED;
    vec![
        Character {
            name: "contoso",
            tenant: "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11",
            home,
            rules: "March 2020",
            seed: json!({
                "displayName": "Contoso", "experience": "WelcomePage", "automaticRegion": "US",
                "services": ["Endpoint", "Office365", "Identity", "CloudApps"],
            }),
            signs_in: false,
            broker: Some(slowly(2)),
            spec: json!({
                "experience": "WelcomePage",
                "dataLocation": {"region": "EU"},
                "dataSharing": {"consent": old_consent()},
            }),
            first: Some("Enabled"),
            why: "the March rules want a chosen region and a consent, and the spec has both",
        },
        Character {
            name: "fabrikam",
            tenant: "0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d",
            home,
            rules: "June 2020",
            seed: json!({
                "displayName": "Fabrikam", "experience": "SettingsPage", "automaticRegion": "US",
                "services": ["Office365"],
            }),
            signs_in: true,
            broker: Some(slowly(1)),
            spec: json!({"experience": "SettingsPage"}),
            first: Some("Enabled"),
            why: "Microsoft chose the region; the operator checked the broker\u{2019}s word with its own eyes",
        },
        Character {
            name: "northwind",
            tenant: "3f9a7c52-1f0e-4b7e-a5d1-6c2b8e4d9f70",
            home,
            rules: "June 2020",
            seed: json!({
                "displayName": "Northwind Traders", "experience": "SettingsPage", "automaticRegion": "US",
                "services": ["Endpoint"], "endpointRegion": "UK",
            }),
            signs_in: false,
            broker: Some(slowly(3)),
            spec: json!({"experience": "SettingsPage"}),
            first: Some("Enabled"),
            why: "its Defender ATP already keeps its data there, and the service follows",
        },
        Character {
            name: "litware",
            tenant: "c6a1e0d4-7b3f-4e59-8f21-5d90b7c4a613",
            home,
            rules: "today",
            seed: json!({
                "displayName": "Litware", "automaticRegion": "AU", "services": ["Identity", "CloudApps"],
            }),
            signs_in: false,
            broker: None,
            spec: json!({"integrations": [{"name": "identity-data", "type": "IdentityCloudApps"}]}),
            first: Some("Enabled"),
            why: "first the service, then the link from Defender for Identity to Cloud Apps",
        },
    ]
}

/// Those that must not be turned on as they are declared.
fn refused() -> Vec<Character> {
    let home = BROKERED;
    vec![
        Character {
            name: "tailspin",
            tenant: "5e8b4f17-92c6-4d3a-b0e8-1a7f6c5d2e94",
            home,
            rules: "June 2020",
            seed: json!({
                "displayName": "Tailspin Toys", "experience": "SettingsPage",
                "services": ["Endpoint"], "endpointRegion": "EU",
            }),
            signs_in: false,
            broker: None,
            spec: json!({
                "experience": "SettingsPage",
                "dataLocation": {"region": "US"},
                "attestations": [people::attests("defender-atp", "DataLocation", Some("EU"))],
            }),
            first: Some("RegionMismatch"),
            why: "nothing was sent, because turning on cannot be undone",
        },
        Character {
            name: "adventure-works",
            tenant: "a94d6e02-3c8b-47f5-9d16-e8b05f7c1a39",
            home,
            rules: "March 2020",
            seed: json!({
                "displayName": "Adventure Works", "experience": "WelcomePage",
                "services": ["Endpoint", "Office365", "Identity", "CloudApps"],
            }),
            signs_in: false,
            broker: None,
            spec: json!({"experience": "WelcomePage", "dataLocation": {"region": "EU"}}),
            first: None,
            why: "the API server refused it, and no operator has seen it",
        },
    ]
}

/// Those whose every step is a person's.
fn without_broker() -> Vec<Character> {
    let home = MANUAL;
    vec![
        Character {
            name: "wingtip",
            tenant: "71d0b8e6-4a2f-4c95-86b3-f2e9a1d75c08",
            home,
            rules: "June 2020",
            seed: json!({
                "displayName": "Wingtip Toys", "experience": "SettingsPage", "automaticRegion": "EU",
                "services": ["Office365"], "subscriptions": [{"id": SUBSCRIPTION}],
            }),
            signs_in: true,
            broker: None,
            spec: json!({
                "experience": "SettingsPage",
                "integrations": [
                    {"name": "cloud-apps", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION},
                ],
            }),
            first: Some("ActionRequired"),
            why: "no broker here: it waits for a person, who acts below",
        },
        Character {
            name: "woodgrove",
            tenant: "e2c75a9b-0d64-4f18-b7a3-94f6d1e8c520",
            home,
            rules: "today",
            seed: json!({
                "displayName": "Woodgrove Bank", "automaticRegion": "US", "services": ["Office365"],
                "service": {"state": "on", "region": "US"},
            }),
            signs_in: false,
            broker: None,
            spec: json!({"desiredState": "Disabled"}),
            first: Some("ActionRequired"),
            why: "it should be off, and today's portal has no switch for that: it waits for support",
        },
    ]
}
