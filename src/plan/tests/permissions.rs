//! Which permissions are needed, which of them are missing, and that this is told once.

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::World;
use crate::api::{ConditionType, TriState};
use crate::plan::microsoft::{Answer, Microsoft, Principal};
use crate::plan::permissions::{Need, needs};
use crate::plan::reading::{Reading, Why};
use crate::tenant::{IntegrationType, LinkState, Permission, Role};

use Permission as P;

const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";
const ALWAYS: [Permission; 8] = [
    P::Organization,
    P::SecurityIncidents,
    P::ThreatHunting,
    P::IdentityHealth,
    P::SecurityAlerts,
    P::Applications,
    P::DirectoryRoles,
    P::GroupMembers,
];

fn links() -> Value {
    let workspace = format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/soc-prod"
    );
    json!([
        {"name": "intune", "type": "EndpointIntune"},
        {"name": "mcas", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION},
        {"name": "sentinel", "type": "SentinelIncidents", "workspaceResourceId": workspace},
    ])
}

fn world(fields: Value) -> World {
    World::new(fields).sees_on().without_broker()
}

fn needed(world: &World) -> Vec<Need> {
    let situation = world.situation();
    needs(situation.desired.as_ref().unwrap(), &situation.observed.microsoft)
}

fn granted(world: &World, permission: Permission) -> TriState {
    needed(world).into_iter().find(|need| need.permission == permission).unwrap().is_granted
}

#[rstest]
#[case::nothing(json!({}), &[])]
#[case::observation(json!({"observation": {"subscriptionId": SUBSCRIPTION}}), &[P::SecurityReader])]
#[case::identity(json!({"integrations": [{"name": "i", "type": "IdentityCloudApps"}]}), &[])]
#[case::intune(json!({"integrations": [{"name": "i", "type": "EndpointIntune"}]}), &[P::IntuneConnector])]
#[case::endpoint(json!({"integrations": [{"name": "i", "type": "DefenderForCloudEndpoint", "subscriptionId": SUBSCRIPTION}]}), &[P::SecurityReader, P::SecurityAdmin])]
#[case::all(json!({"integrations": links()}), &[P::IntuneConnector, P::SecurityReader, P::SecurityAdmin, P::SentinelContributor])]
fn nothing_is_needed_that_is_not_in_use(#[case] fields: Value, #[case] more: &[Permission]) {
    let needs = needed(&world(fields));
    let expected: Vec<_> = ALWAYS.iter().chain(more).copied().collect();
    assert_eq!(needs.iter().map(|need| need.permission).collect::<Vec<_>>(), expected);
    let required: Vec<_> = needs.iter().filter(|need| need.is_required).map(|need| need.permission).collect();
    assert_eq!(required, [P::Organization, P::SecurityIncidents, P::ThreatHunting]);
    assert!(needs.iter().all(|need| !need.purpose.is_empty()));
}

/// Sets the answer that shows a permission.
type Show = fn(&mut Microsoft, Option<Why>);

fn of<T>(value: T, why: Option<Why>) -> Reading<T> {
    why.map_or(Reading::observed(value), Reading::unknown)
}

/// Every permission that an answer shows, and that answer.
fn shows() -> Vec<(Permission, Show)> {
    vec![
        (P::Organization, |m, why| m.skus = of(skus(&[]), why)),
        (P::SecurityIncidents, |m, why| m.incidents = of(Answer::Refuses, why)),
        (P::SecurityAlerts, |m, why| m.alerts = of(Answer::Answers, why)),
        (P::ThreatHunting, |m, why| m.hunting = of(tables(&[]), why)),
        (P::IdentityHealth, |m, why| m.identity = of(Answer::Refuses, why)),
        (P::Applications, |m, why| m.permissions = of([].into(), why)),
        (P::DirectoryRoles, |m, why| {
            m.roles.values_mut().for_each(|held| held.assigned = of(all(Vec::new()), why));
        }),
        (P::GroupMembers, |m, why| {
            m.roles.insert(Role::GlobalReader, held_by(vec![Principal::Group { members: of(1, why) }]));
        }),
        (P::IntuneConnector, |m, why| show_link(m, "intune", IntegrationType::EndpointIntune, why)),
        (P::SecurityReader, |m, why| m.security_center = of(false, why)),
        (P::SecurityReader, |m, why| {
            m.security_center = Reading::unknown(Why::NotAsked);
            show_link(m, "mcas", IntegrationType::DefenderForCloudCloudApps, why);
        }),
        (P::SentinelContributor, |m, why| show_link(m, "sentinel", IntegrationType::SentinelIncidents, why)),
    ]
}

#[test]
fn an_answer_shows_whether_it_is_granted() {
    for (permission, show) in shows() {
        for (why, expected) in [
            (None, TriState::True),
            (Some(Why::NotPermitted), TriState::False),
            (Some(Why::ReadFailed), TriState::Unknown),
            (Some(Why::Ambiguous), TriState::Unknown),
            (Some(Why::NotAsked), TriState::Unknown),
        ] {
            let mut world = world(json!({"integrations": links()}));
            show(world.microsoft(), why);
            assert_eq!(granted(&world, permission), expected, "{permission}: {why:?}");
        }
    }
}

fn show_link(microsoft: &mut Microsoft, name: &str, kind: IntegrationType, why: Option<Why>) {
    let mut shown = link(kind, LinkState::Linked);
    if let Some(why) = why {
        shown.answer = Reading::unknown(why);
    }
    microsoft.links.insert(name.to_owned(), shown);
}

#[test]
fn what_is_known_of_the_grants_goes_before_what_answers_show() {
    let mut world = world(json!({"integrations": links()}));
    let said = [(P::SecurityIncidents, false), (P::ThreatHunting, true)];
    world.microsoft().permissions = Reading::observed(said.into());
    world.microsoft().hunting = Reading::unknown(Why::NotPermitted);
    assert_eq!(granted(&world, P::SecurityIncidents), TriState::False);
    assert_eq!(granted(&world, P::ThreatHunting), TriState::True);
    assert_eq!(granted(&world, P::SecurityAdmin), TriState::Unknown, "only a write shows it");
}

const READY: &str = "a token was obtained, and it is for this tenant";

/// A tenant for which two permissions are missing: roles and the members of groups.
fn lacking() -> World {
    let mut world = world(json!({"integrations": links()}));
    for (name, kind) in [
        ("intune", IntegrationType::EndpointIntune),
        ("mcas", IntegrationType::DefenderForCloudCloudApps),
        ("sentinel", IntegrationType::SentinelIncidents),
    ] {
        show_link(world.microsoft(), name, kind, None);
    }
    show_link(world.microsoft(), "sentinel", IntegrationType::SentinelIncidents, Some(Why::NotPermitted));
    lack_groups(world.microsoft(), Why::NotPermitted);
    world.pass();
    world
}

fn lack_groups(microsoft: &mut Microsoft, why: Why) {
    let group = Principal::Group { members: Reading::unknown(why) };
    microsoft.roles.insert(Role::GlobalAdministrator, held_by(vec![group]));
}

fn told(world: &World) -> String {
    world.message(ConditionType::CredentialsReady)
}

const LACKING: &str = "a token was obtained, and it is for this tenant; to see everything, grant the application permission GroupMember.Read.All, the Azure role Microsoft Sentinel Contributor on the workspace";

#[test]
fn what_is_missing_is_listed_once() {
    let mut world = lacking();
    assert_eq!(told(&world), LACKING);
    let writes = world.writes;
    for _ in 0..5 {
        world.wait(1);
        world.pass();
        assert_eq!(told(&world), LACKING);
    }
    assert!(world.writes <= writes + 1, "it ages once: {} writes", world.writes - writes);
}

/// A look may fail, and a target may have its turn at another look.
#[test]
fn answers_that_come_and_go_change_nothing() {
    type Lose = fn(&mut Microsoft);
    let losses: [(&str, Lose); 6] = [
        ("groups were not counted", |m| lack_groups(m, Why::NotAsked)),
        ("groups could not be counted", |m| lack_groups(m, Why::ReadFailed)),
        ("roles could not be read", |m| {
            m.roles.values_mut().for_each(|held| held.assigned = Reading::unknown(Why::ReadFailed));
        }),
        ("the workspace was not in turn", |m| drop(m.links.remove("sentinel"))),
        ("the workspace could not be read", |m| {
            show_link(m, "sentinel", IntegrationType::SentinelIncidents, Some(Why::ReadFailed));
        }),
        ("something else is missing now", |m| m.alerts = Reading::unknown(Why::NotPermitted)),
    ];
    for (name, lose) in losses {
        let mut world = lacking();
        let before = world.observed.clone();
        for _ in 0..2 {
            lose(world.microsoft());
            world.pass();
            assert_eq!(told(&world), LACKING, "{name}");
            world.observed = before.clone();
            world.pass();
            assert_eq!(told(&world), LACKING, "{name}");
        }
    }
}

#[test]
fn what_was_granted_is_not_named_any_more_and_does_not_come_back_by_itself() {
    let mut world = lacking();
    show_link(world.microsoft(), "sentinel", IntegrationType::SentinelIncidents, None);
    world.pass();
    let groups = format!("{READY}; to see everything, grant the application permission GroupMember.Read.All");
    assert_eq!(told(&world), groups);
    show_link(world.microsoft(), "sentinel", IntegrationType::SentinelIncidents, Some(Why::NotPermitted));
    world.pass();
    assert_eq!(told(&world), groups);
    world.subject.reconcile_request = Some("look".into());
    world.pass();
    assert_eq!(told(&world), LACKING, "on request it is told");
}

#[test]
fn what_is_not_in_use_any_more_is_not_named() {
    let mut world = lacking();
    world.edit(json!({"integrations": null}));
    world.microsoft().links.clear();
    world.microsoft().roles.insert(Role::GlobalAdministrator, held_by(vec![Principal::User]));
    world.pass();
    assert_eq!(told(&world), READY, "no link to Sentinel, and no group to be counted");
}

#[test]
fn a_request_at_a_moment_of_trouble_takes_nothing_back() {
    let mut world = lacking();
    world.subject.reconcile_request = Some("look".into());
    lack_groups(world.microsoft(), Why::ReadFailed);
    world.pass();
    assert_eq!(told(&world), LACKING);
}
