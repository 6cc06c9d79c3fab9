//! "With nothing to do, a failed read writes nothing": readings that come and go over a settled verdict.

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use super::transitions::deprovisioned;
use crate::api::{ConditionType, Reason, TriState};
use crate::plan::microsoft::{Answer, Microsoft, Principal};
use crate::plan::reading::{Reading, Why};
use crate::plan::situation::Permit;
use crate::tenant::{IntegrationType, LinkState, Role, Service};

/// Takes a reading away.
type Lose = fn(&mut Microsoft, Why);

/// Every reading of Microsoft's own APIs, by name, and how to lose it.
fn readings() -> Vec<(&'static str, Lose)> {
    vec![
        ("signing in", |m, _| *m = no_answer()),
        ("cloud", |m, why| m.cloud = Reading::unknown(why)),
        ("organization", |m, why| m.organization = Reading::unknown(why)),
        ("skus", |m, why| m.skus = Reading::unknown(why)),
        ("subscriptions", |m, why| m.subscriptions = Reading::unknown(why)),
        ("roles, assigned", |m, why| m.roles.values_mut().for_each(|held| held.assigned = Reading::unknown(why))),
        ("roles, eligible", |m, why| m.roles.values_mut().for_each(|held| held.eligible = Reading::unknown(why))),
        ("roles, both", |m, why| {
            m.roles.values_mut().for_each(|held| held.assigned = Reading::unknown(why));
            m.roles.values_mut().for_each(|held| held.eligible = Reading::unknown(why));
        }),
        ("hunting", |m, why| m.hunting = Reading::unknown(why)),
        ("incidents", |m, why| m.incidents = Reading::unknown(why)),
        ("identity", |m, why| m.identity = Reading::unknown(why)),
        ("newest rows", |m, why| m.newest_rows = Reading::unknown(why)),
        ("hunting and newest rows", |m, why| {
            m.hunting = Reading::unknown(why);
            m.newest_rows = Reading::unknown(why);
        }),
        ("location of Endpoint", |m, why| m.endpoint_location = Reading::unknown(why)),
        ("Security Center", |m, why| m.security_center = Reading::unknown(why)),
        ("owner of the subscription for observation", |m, why| m.observation_owner = Reading::unknown(why)),
        ("answers of links", |m, why| m.links.values_mut().for_each(|link| link.answer = Reading::unknown(why))),
        ("owners of links", |m, why| m.links.values_mut().for_each(|link| link.owner = Reading::unknown(why))),
        ("requirements of links", |m, why| {
            m.links.values_mut().for_each(|link| link.requirements = Reading::unknown(why));
        }),
    ]
}

const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";

fn links() -> Value {
    let workspace =
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w");
    json!([
        {"name": "intune", "type": "EndpointIntune"},
        {"name": "mcas", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION},
        {"name": "sentinel", "type": "SentinelIncidents", "workspaceResourceId": workspace},
    ])
}

fn with_links(mut microsoft: Microsoft) -> Microsoft {
    for (name, kind) in [
        ("intune", IntegrationType::EndpointIntune),
        ("mcas", IntegrationType::DefenderForCloudCloudApps),
        ("sentinel", IntegrationType::SentinelIncidents),
    ] {
        microsoft.links.insert(name.into(), link(kind, LinkState::Linked));
    }
    microsoft
}

fn running() -> World {
    let fields = json!({"integrations": links(), "dataLocation": {"region": "EU"}, "expectedServices": Service::ALL});
    World::new(fields).sees(with_links(seen_on())).without_broker()
}

fn foreign_mcas() -> World {
    let mut world = running();
    let mcas = world.microsoft().links.get_mut("mcas").unwrap();
    *mcas = link(IntegrationType::DefenderForCloudCloudApps, LinkState::Unlinked);
    mcas.owner = Reading::observed(OTHER.parse().unwrap());
    world
}

fn unlicensed() -> World {
    let mut world = World::new(json!({})).sees_off().without_broker();
    world.microsoft().skus = Reading::observed(all(Vec::new()));
    world
}

fn nobody_holds_the_role() -> World {
    let mut world = World::new(json!({})).sees_off().without_broker();
    for role in Role::ALL {
        world.microsoft().roles.insert(*role, held_by(vec![Principal::ServicePrincipal]));
    }
    world
}

fn contradicted_pin() -> World {
    let mut world = World::new(json!({})).sees_on().without_broker();
    world.settle();
    world.microsoft().endpoint_location = Reading::observed(located("UKSouth", "UK"));
    world
}

fn ambiguous() -> World {
    let mut world = World::new(json!({})).sees_off().without_broker();
    world.microsoft().identity = Reading::observed(Answer::Answers);
    world
}

fn unmapped() -> World {
    let mut world = World::new(json!({})).sees_on();
    world.permit = Permit::NotAllowed;
    // Nobody asks the broker about it.
    world.observed.instance = Reading::unknown(Why::NotAsked);
    world
}

fn with_broker(fields: Value) -> World {
    let mut world = World::new(fields).sees_on();
    world.show_state("Enabled");
    world
}

#[rstest]
#[case::on(running(), TriState::True, Reason::Enabled)]
#[case::on_with_a_broker(with_broker(json!({})), TriState::True, Reason::Enabled)]
#[case::on_and_unmapped(unmapped(), TriState::True, Reason::Enabled)]
#[case::on_with_a_pin_that_is_contradicted(contradicted_pin(), TriState::True, Reason::Enabled)]
#[case::on_elsewhere(World::new(json!({"dataLocation": {"region": "UK"}})).sees_on().without_broker(), TriState::False, Reason::RegionMismatch)]
#[case::a_link_of_another_tenant(foreign_mcas(), TriState::False, Reason::TenantMismatch)]
#[case::disabled(World::new(json!({"desiredState": "Disabled"})).sees_off().without_broker(), TriState::True, Reason::Disabled)]
#[case::disabled_and_on(World::new(json!({"desiredState": "Disabled"})).sees_on().without_broker(), TriState::False, Reason::ActionRequired)]
#[case::deprovisioned(World::new(deprovisioned()).sees_off().without_broker(), TriState::True, Reason::Deprovisioned)]
#[case::deprovisioned_with_a_broker(World::new(deprovisioned()).sees_off(), TriState::True, Reason::Deprovisioned)]
#[case::deprovisioned_and_on(World::new(deprovisioned()).sees_on().without_broker(), TriState::False, Reason::ActionRequired)]
#[case::off(World::new(json!({})).sees_off().without_broker(), TriState::False, Reason::ActionRequired)]
#[case::off_and_nobody_may(nobody_holds_the_role(), TriState::False, Reason::ActionRequired)]
#[case::off_and_not_eligible(unlicensed(), TriState::False, Reason::NotEligible)]
#[case::off_with_endpoint_elsewhere(World::new(json!({"dataLocation": {"region": "UK"}})).sees_off().without_broker(), TriState::False, Reason::RegionMismatch)]
#[case::ambiguous(ambiguous(), TriState::Unknown, Reason::ActionRequired)]
fn a_flapping_reading_writes_nothing_in_steady_state(
    #[case] mut world: World,
    #[case] ready: TriState,
    #[case] reason: Reason,
) {
    world.pass();
    world.pass();
    world.assert_ready(ready, reason);
    let whole = world.observed.microsoft.clone();
    let mut wrong = Vec::new();
    for (name, lose) in readings() {
        let mut world = world.clone();
        let (writes, before) = (world.writes, world.status.clone().unwrap());
        for why in [Why::ReadFailed, Why::NotPermitted, Why::ReadFailed] {
            lose(world.microsoft(), why);
            world.pass();
            world.wait(1);
            if world.writes != writes {
                wrong.push(format!("{name}, {why:?}: {}", difference(&before, world.status.as_ref().unwrap())));
                break;
            }
            world.observed.microsoft = whole.clone();
            world.pass();
            world.wait(1);
            if world.writes != writes {
                wrong.push(format!(
                    "{name}, {why:?}, known again: {}",
                    difference(&before, world.status.as_ref().unwrap())
                ));
                break;
            }
        }
        if !world.sent.is_empty() {
            wrong.push(format!("{name}: a step was sent"));
        }
    }
    assert!(wrong.is_empty(), "\"A poll that finds nothing new writes nothing\":\n{}", wrong.join("\n"));
}

/// "A contradicting observation wins", whatever else could not be read in the same pass.
#[rstest]
#[case::it_went_off(|m: &mut Microsoft| turned_off(m), Reason::ActionRequired)]
#[case::another_tenant_answers(|m: &mut Microsoft| m.organization = Reading::observed(organization(OTHER)), Reason::TenantMismatch)]
#[case::the_region_is_another(|m: &mut Microsoft| m.endpoint_location = Reading::observed(located("UKSouth", "UK")), Reason::RegionMismatch)]
#[case::a_subscription_is_anothers(|m: &mut Microsoft| m.links.get_mut("mcas").unwrap().owner = Reading::observed(OTHER.parse().unwrap()), Reason::TenantMismatch)]
fn what_is_known_to_be_otherwise_is_told_at_once(#[case] change: fn(&mut Microsoft), #[case] reason: Reason) {
    let mut world = running();
    world.pass();
    let sentinel = world.microsoft().links.get_mut("sentinel").unwrap();
    sentinel.answer = Reading::unknown(Why::ReadFailed);
    world.microsoft().skus = Reading::unknown(Why::ReadFailed);
    change(world.microsoft());
    world.pass();
    assert_eq!(world.condition(ConditionType::Ready).map(|ready| ready.1), Some(reason), "{}", world.plan());
}

#[test]
fn a_changed_spec_and_a_reconcile_request_are_answered_although_something_cannot_be_read() {
    let mut world = unlicensed();
    world.pass();
    world.microsoft().skus = Reading::unknown(Why::ReadFailed);
    let mut edited = world.clone();
    edited.edit(json!({"resyncSeconds": 600}));
    edited.pass();
    assert_eq!(edited.status.as_ref().unwrap().observed_generation, 2);
    world.subject.reconcile_request = Some("now".into());
    world.pass();
    assert_eq!(world.status.unwrap().last_handled_reconcile_at.as_deref(), Some("now"));
}

#[test]
fn after_three_resyncs_what_could_not_be_read_is_told() {
    let mut world = unlicensed();
    world.pass();
    world.assert_stalled(Reason::NotEligible);
    world.microsoft().skus = Reading::unknown(Why::ReadFailed);
    for _ in 0..4 {
        world.assert_stalled(Reason::NotEligible);
        world.pass();
        world.wait(1);
    }
    assert_eq!(world.condition(ConditionType::Eligible), Some((TriState::Unknown, Reason::ReadFailed)));
    world.assert_stalled(Reason::ActionRequired);
}

fn difference(before: &impl serde::Serialize, after: &impl serde::Serialize) -> String {
    let (before, after) = (serde_json::to_value(before).unwrap(), serde_json::to_value(after).unwrap());
    let changed = after.as_object().unwrap().iter().filter(|(key, value)| before.get(key.as_str()) != Some(value));
    let told: Vec<String> = changed
        .map(|(key, value)| match (value.as_array(), before.get(key.as_str()).and_then(Value::as_array)) {
            (Some(new), Some(old)) => {
                let added: Vec<_> = new.iter().filter(|item| !old.contains(item)).map(Value::to_string).collect();
                format!("{key}: {}", added.join(", "))
            }
            _ => format!("{key}: {value}"),
        })
        .collect();
    told.join("; ")
}
