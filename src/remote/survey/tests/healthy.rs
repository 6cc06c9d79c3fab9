//! What a look at a healthy tenant shows, and what it costs.

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::plan::microsoft::{
    Answer, DirectorySubscription, EndpointLocation, Holder, LinkAnswer, Listed, ObservedLink, Organization, Principal,
    Requirements, RoleHolders, SkuPlan, SubscribedSku,
};
use crate::remote::stand_in::microsoft::{GROUP, NEWEST, list};
use crate::remote::stand_in::{Canned, TENANT};
use crate::tenant::{CapabilityStatus, ProvisioningStatus};

const fn all<T>(items: Vec<T>) -> Reading<Listed<T>> {
    Reading::observed(Listed { items, is_complete: true })
}

fn link(answer: LinkAnswer, is_of_azure: bool) -> ObservedLink {
    let owner = if is_of_azure { Reading::observed(tenant()) } else { Reading::unknown(Why::NotAsked) };
    ObservedLink { answer: Reading::observed(answer), owner, requirements: Reading::unknown(Why::NotAsked) }
}

fn held_by_a_group() -> RoleHolders {
    let group = Principal::Group { members: Reading::observed(3) };
    RoleHolders { assigned: all(vec![Holder { principal: group, scope: "/".to_owned() }]), eligible: all(Vec::new()) }
}

/// Everything that `Eyes::of` asks for, typed by hand.
fn everything() -> Microsoft {
    let services = [Service::Endpoint, Service::Identity, Service::CloudApps, Service::Office365];
    let newest: Timestamp = NEWEST.parse().unwrap();
    let setting = || link(LinkAnswer::Setting { is_enabled: true }, true);
    Microsoft {
        access: Access::Granted,
        cloud: Reading::observed(Cloud::Public),
        organization: Reading::observed(Organization {
            id: TENANT.parse().unwrap(),
            display_name: Some("Contoso".to_owned()),
            default_domain: Some("contoso.example".to_owned()),
            country_code: Some("NL".to_owned()),
        }),
        permissions: Reading::observed(BTreeMap::from([
            (Permission::SecurityIncidents, true),
            (Permission::SecurityAlerts, true),
            (Permission::ThreatHunting, true),
            (Permission::IdentityHealth, true),
            (Permission::IntuneConnector, true),
        ])),
        skus: all(vec![SubscribedSku {
            id: "06ebc4ee-1bb5-47dd-8120-11324bc54e06".to_owned(),
            part_number: "SPE_E5".to_owned(),
            capability: CapabilityStatus::Enabled,
            plans: vec![SkuPlan {
                id: "bf28f719-7844-4079-9c78-c1307898e192".to_owned(),
                provisioning: ProvisioningStatus::Success,
            }],
        }]),
        subscriptions: all(vec![DirectorySubscription {
            sku_id: "06ebc4ee-1bb5-47dd-8120-11324bc54e06".to_owned(),
            is_trial: false,
            status: CapabilityStatus::Enabled,
            next_lifecycle: Some("2027-01-01T00:00:00Z".parse().unwrap()),
        }]),
        roles: BTreeMap::from([
            (Role::GlobalAdministrator, held_by_a_group()),
            (Role::SecurityAdministrator, held_by_a_group()),
            (Role::ServiceSupportAdministrator, held_by_a_group()),
            (Role::IntuneAdministrator, held_by_a_group()),
            (Role::BillingAdministrator, held_by_a_group()),
        ]),
        hunting: Reading::observed(Hunting::Answers { tables: BTreeSet::from(services) }),
        incidents: Reading::observed(Answer::Answers),
        alerts: Reading::observed(Answer::Answers),
        identity: Reading::observed(Answer::Answers),
        newest_rows: Reading::observed(services.map(|service| (service, newest)).into()),
        endpoint_location: Reading::observed(EndpointLocation {
            data_center: Some("WestEurope".to_owned()),
            geography: Some("EU".to_owned()),
        }),
        security_center: Reading::observed(true),
        observation_owner: Reading::observed(tenant()),
        links: BTreeMap::from([
            ("intune".to_owned(), link(LinkAnswer::Partner("enabled".to_owned()), false)),
            ("wdatp".to_owned(), setting()),
            ("mcas".to_owned(), setting()),
            ("sentinel".to_owned(), link(LinkAnswer::Connector { incidents: Some("Enabled".to_owned()) }, true)),
        ]),
        doubts: Vec::new(),
        failure: None,
    }
}

#[tokio::test]
async fn a_healthy_tenant_is_seen_in_full_with_eight_requests() {
    let played = Played::new();
    let mut eyes = Eyes::of(&played);
    eyes.pend("sentinel");
    let mut expected = everything();
    expected.links.get_mut("sentinel").unwrap().requirements =
        Reading::observed(Requirements { is_authorized: true, is_licensed: true });
    assert_eq!(eyes.look(0).await, expected);
    let arm = format!("/arm/subscriptions/{SUBSCRIPTION}");
    let security = format!("{arm}/providers/Microsoft.Security");
    let sentinel = format!("/arm{}/providers/Microsoft.SecurityInsights", workspace(SUBSCRIPTION, "soc-prod"));
    assert_eq!(
        played.requests(),
        [
            "POST /v1.0/$batch".to_owned(),
            format!("GET /v1.0/groups/{GROUP}/transitiveMembers/microsoft.graph.user/$count"),
            "POST /v1.0/$batch".to_owned(),
            format!("GET {arm}?api-version=2022-12-01"),
            format!("GET {security}/settings?api-version=2022-05-01"),
            format!("GET {security}/mdeOnboardings/default?api-version=2021-10-01-preview"),
            // Its settings are known by then; what Microsoft Sentinel would accept is asked because it is pending.
            format!("GET {sentinel}/dataConnectors?api-version=2025-07-01-preview"),
            format!("POST {sentinel}/dataConnectorsCheckRequirements?api-version=2025-07-01-preview"),
        ]
    );
    assert_eq!(played.server.token_requests(), 2);
}

#[tokio::test]
async fn a_steady_look_costs_less_and_shows_the_same() {
    let played = Played::new();
    let eyes = Eyes::of(&played);
    assert_eq!(eyes.look(0).await, everything());
    let first = played.requests().len();
    assert_eq!(first, 7);
    assert_eq!(eyes.look(1).await, everything());
    assert_eq!(played.requests().len() - first, 6, "whose subscription it is was read");
    assert_eq!(eyes.look(26).await, everything());
    assert_eq!(played.requests().len() - first, 13, "and is read again after a day");
}

#[tokio::test]
async fn nothing_is_asked_of_azure_where_nothing_of_it_is_declared() {
    let played = Played::new();
    let seen = Eyes::without_azure(&played).look(0).await;
    assert_eq!(played.requests().len(), 3);
    assert_eq!(played.server.token_requests(), 1, "and no token is bought for it");
    for why in [seen.endpoint_location.why(), seen.security_center.why(), seen.observation_owner.why()] {
        assert_eq!(why, Some(Why::NotAsked));
    }
    assert_eq!(seen.failure, None);
}

/// Five subscriptions with two links each, and five workspaces, each in a subscription of its own.
fn crowd(played: &Played) -> Eyes {
    let mut eyes = Eyes::without_azure(played);
    eyes.inquiry.observation = Some(SUBSCRIPTION.to_owned());
    for number in 1..=5 {
        let subscription = format!("33333333-0000-4000-8000-00000000000{number}");
        let other = format!("44444444-0000-4000-8000-00000000000{number}");
        played.change(|model| {
            for name in ["WDATP", "MCAS"] {
                model.switches.insert((subscription.clone(), name.to_owned()), true);
            }
            for id in [&subscription, &other] {
                model.owners.insert(id.clone(), TENANT.to_owned());
            }
        });
        eyes.link(&format!("wdatp-{number}"), IntegrationType::DefenderForCloudEndpoint, &subscription);
        eyes.link(&format!("mcas-{number}"), IntegrationType::DefenderForCloudCloudApps, &subscription);
        eyes.link(&format!("soc-{number}"), IntegrationType::SentinelIncidents, &workspace(&other, "soc-prod"));
    }
    eyes
}

/// The links of Azure that a look has read.
fn read(seen: &Microsoft) -> BTreeSet<String> {
    seen.links.keys().filter(|name| *name != "intune").cloned().collect()
}

#[rstest]
#[case::all_as_declared(&[])]
#[case::some_pending(&["wdatp-4", "soc-5"])]
#[case::all_pending(&["wdatp-1", "wdatp-2", "wdatp-3", "wdatp-4", "wdatp-5", "soc-1", "soc-2", "soc-3", "soc-4", "soc-5"])]
#[tokio::test]
async fn many_targets_take_turns_within_the_budget(#[case] pending: &[&str]) {
    let played = Played::new();
    let mut eyes = crowd(&played);
    for name in pending {
        eyes.pend(name);
    }
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    for hour in 0..24 {
        let before = played.requests().len();
        let seen = eyes.look(hour).await;
        assert!(played.requests().len() - before <= 8, "{:?}", &played.requests()[before..]);
        assert_eq!(seen.failure, None);
        assert_eq!(seen.endpoint_location.value().unwrap().geography.as_deref(), Some("EU"), "in every look");
        assert!(!read(&seen).is_empty(), "hour {hour}: nobody had a turn");
        last.extend(read(&seen).into_iter().map(|name| (name, hour)));
    }
    assert_eq!(last.len(), 15);
    let longest_ago = last.values().map(|hour| 23 - hour).max().unwrap();
    assert!(longest_ago <= 12, "{last:?}");
}

#[tokio::test]
async fn a_pending_link_goes_first_and_the_others_follow_oldest_first() {
    let played = Played::new();
    let mut eyes = crowd(&played);
    eyes.inquiry.observation = None;
    eyes.inquiry.links.retain(|name, _| !name.starts_with("soc"));
    eyes.pend("mcas-4");
    let mut order = Vec::new();
    for hour in 0..3 {
        let before = played.count("settings");
        eyes.look(hour).await;
        let requests = played.requests();
        let settings = requests.iter().filter(|request| request.contains("settings")).skip(before);
        order.push(settings.map(|path| path.split('/').nth(3).unwrap()[35..].to_owned()).collect::<String>());
    }
    // Five requests are left, and each takes two at first: whose it is, and its settings.
    assert_eq!(order, ["41", "423", "4512"]);
}

#[tokio::test]
async fn links_that_stay_pending_do_not_hold_the_others_back_for_ever() {
    let played = Played::new();
    let mut eyes = crowd(&played);
    for number in 1..=5 {
        eyes.pend(&format!("soc-{number}"));
    }
    let mut seen_at: BTreeMap<String, i64> = BTreeMap::new();
    for hour in 0..60 {
        let seen = eyes.look(hour).await;
        for name in read(&seen) {
            seen_at.entry(name).or_insert(hour);
        }
    }
    assert_eq!(seen_at.len(), 15, "{seen_at:?}");
}

#[tokio::test]
async fn pages_and_groups_leave_enough_for_hunting_and_azure() {
    let played = Played::new();
    let base = played.server.base();
    for (path, more) in [("appRoleAssignments", "own"), ("subscribedSkus", "skus"), ("roleAssignments", "roles")] {
        let page = json!({ "value": [], "@odata.nextLink": format!("{base}/v1.0/more/{more}") });
        played.say(path, Canned::json(200, &page));
        played.say(&format!("/more/{more}"), Canned::json(200, &page));
    }
    let assignments: Vec<_> = (0..60)
        .map(|number| {
            let id = format!("55555555-0000-4000-8000-0000000000{number:02}");
            json!({ "directoryScopeId": "/", "principal": { "@odata.type": "#microsoft.graph.group", "id": id } })
        })
        .collect();
    played.say("roleEligibilityScheduleInstances", list(&assignments.into()));
    let mut eyes = Eyes::of(&played);
    eyes.pend("sentinel");
    let seen = eyes.look(0).await;
    assert_eq!(played.requests().len(), 8);
    assert_eq!(seen.hunting, everything().hunting);
    assert_eq!(seen.endpoint_location, everything().endpoint_location);
    assert_eq!(read(&seen).len(), 3);
    assert!(!seen.skus.value().unwrap().is_complete);
    let eligible = &seen.roles[&Role::GlobalAdministrator].eligible.value().unwrap().items;
    assert_eq!(eligible[0].principal, Principal::Group { members: Reading::unknown(Why::NotAsked) });
    assert_eq!(seen.failure, None);
}
