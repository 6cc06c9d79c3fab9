//! How many calls a resource costs that only a person can mend, and how often a fresh hand-off is looked at.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::{Access, Microsoft};
use crate::plan::pace::pace;
use crate::plan::reading::{Reading, Why};
use crate::plan::step::{Outcome, StepActor};
use crate::tenant::{IntegrationType, LinkState};

const FLOOR: SignedDuration = SignedDuration::from_millis(200);

/// Calls of one look: nine when signed in, the token's included, and one when that is refused; one of the broker's.
fn calls(world: &World) -> usize {
    let microsoft = match world.observed.microsoft.access {
        Access::NotTried => 0,
        // Without credentials nobody but the cluster is asked.
        Access::Refused(ref failure) if failure.reason == Reason::CredentialsMissing => 0,
        Access::Refused(_) | Access::Failed(_) => 1,
        Access::Granted => 9,
    };
    microsoft + usize::from(world.capabilities.has_broker)
}

/// One pass whose step, if there is one, ends like `outcome`; the time until the next look.
fn pass(world: &mut World, outcome: &Outcome, jitter: f64) -> SignedDuration {
    let plan = world.plan();
    let next = plan.next().cloned();
    let situation = world.situation();
    world.pass_with(outcome, None);
    let Some(step) = next else { return pace(&situation, &plan, None, jitter) };
    let after = world.situation();
    let after = crate::plan::situation::Situation { recent: situation.recent.clone(), ..after };
    let after = after.after(&step, outcome, None);
    let plan = crate::plan::planner::plan(&after);
    pace(&after, &plan, Some(outcome), jitter)
}

fn refusal(class: ErrorClass, reason: Reason) -> Outcome {
    Outcome::Refused(Failure { class, reason, message: "refused".into(), request_id: None })
}

fn with_link(is: LinkState) -> World {
    let subscription = "11111111-1111-4111-8111-111111111111";
    let entry = json!([{"name": "x", "type": "DefenderForCloudCloudApps", "subscriptionId": subscription}]);
    let mut world = World::new(json!({"integrations": entry})).sees_on().without_broker();
    world.microsoft().links.insert("x".into(), link(IntegrationType::DefenderForCloudCloudApps, is));
    world
}

fn off(fields: Value, change: fn(&mut Microsoft)) -> World {
    let mut world = World::new(fields).sees_off();
    change(world.microsoft());
    world
}

#[rstest]
#[case::bad_credentials(off(json!({"resyncSeconds": 300}), |m| *m = refused(Reason::CredentialsInvalid)))]
#[case::bad_credentials_without_a_broker(off(json!({"resyncSeconds": 300}), |m| *m = refused(Reason::CredentialsInvalid)).without_broker())]
#[case::no_credentials(off(json!({"resyncSeconds": 300}), |m| *m = refused(Reason::CredentialsMissing)))]
#[case::missing_permission(off(json!({"resyncSeconds": 300}), |m| m.hunting = Reading::unknown(Why::NotPermitted)))]
#[case::missing_permission_without_a_broker(off(json!({"resyncSeconds": 300}), |m| m.hunting = Reading::unknown(Why::NotPermitted)).without_broker())]
#[case::missing_permission_for_a_setting(with_link(LinkState::Unlinked))]
#[case::refused_request(off(json!({"resyncSeconds": 300}), |_| ()))]
#[case::not_eligible(off(json!({"resyncSeconds": 300}), |m| m.skus = Reading::observed(skus(&[]))))]
#[case::region_mismatch(off(json!({"resyncSeconds": 300, "dataLocation": {"region": "UK"}}), |_| ()))]
#[case::another_tenant(off(json!({"resyncSeconds": 300}), |m| m.organization = Reading::observed(organization(OTHER))))]
fn a_wrong_resource_costs_at_most_12_calls_in_an_hour(#[case] wrong: World) {
    for jitter in [0.0, 1.0] {
        let mut world = wrong.clone();
        let end = world.now + SignedDuration::from_hours(24);
        // The passes in which the resource is first found to be wrong are not counted: a person has just changed it.
        let mut told: Vec<(jiff::Timestamp, usize)> = Vec::new();
        while world.now < end && told.len() < 2_000 {
            let plan = world.plan();
            let (class, reason) = match plan.next().map(|step| &step.by) {
                Some(StepActor::Arm(_)) => (ErrorClass::Permission, Reason::PermissionDenied),
                _ => (ErrorClass::Invalid, Reason::ProviderRejected),
            };
            let sends = usize::from(plan.next().is_some());
            told.push((world.now, calls(&world) + sends));
            let delay = pass(&mut world, &refusal(class, reason), jitter);
            assert!(delay >= FLOOR, "never below the floor");
            world.now += delay;
        }
        for (start, _) in &told {
            let window = told.iter().filter(|(at, _)| at >= start && *at < *start + SignedDuration::from_hours(1));
            let count: usize = window.map(|(_, calls)| calls).sum();
            assert!(
                count <= 12,
                "{count} calls in the hour from {start}, jitter {jitter}: {:?}",
                &told[..told.len().min(6)]
            );
        }
    }
}

/// Each setting costs a whole look more, which the request budget of a tenant bears about twice a minute.
#[test]
fn a_further_setting_waits_until_the_budget_bears_it() {
    let entry = |name: &str, digit: &str| {
        let subscription = format!("{digit}1111111-1111-4111-8111-111111111111");
        json!({"name": name, "type": "DefenderForCloudCloudApps", "subscriptionId": subscription})
    };
    let mut world = World::new(json!({"integrations": [entry("x", "1"), entry("y", "2")]})).sees_on().without_broker();
    for name in ["x", "y"] {
        let unlinked = link(IntegrationType::DefenderForCloudCloudApps, LinkState::Unlinked);
        world.microsoft().links.insert(name.into(), unlinked);
    }
    assert!(matches!(world.plan().next().map(|step| &step.by), Some(StepActor::Arm(_))));
    assert_eq!(pass(&mut world, &Outcome::Done, 0.0), SignedDuration::from_secs(30));
}

/// A Secret that is put right does not tell: it is looked at again within minutes, whatever the resync.
#[rstest]
#[case::missing(Reason::CredentialsMissing, 2)]
#[case::invalid(Reason::CredentialsInvalid, 5)]
fn refused_credentials_are_looked_at_again_soon(#[case] reason: Reason, #[case] minutes: i64) {
    let mut world = off(json!({"resyncSeconds": 86400}), |_| ()).sees(refused(reason)).without_broker();
    let delay = pass(&mut world, &Outcome::Done, 0.0);
    assert_eq!(delay, SignedDuration::from_mins(minutes));
}

#[rstest]
#[case::earliest(0.0)]
#[case::latest(1.0)]
fn a_fresh_hand_off_is_looked_at_every_2_minutes_for_2_hours_then_at_resync(#[case] jitter: f64) {
    let mut world = World::new(json!({})).sees_off().without_broker();
    let within = |delay: SignedDuration, about: i64| {
        let (least, most) = (SignedDuration::from_secs(about * 9 / 10), SignedDuration::from_secs(about * 11 / 10));
        assert!(least <= delay && delay <= most, "{delay:?} is not about {about} s");
    };
    let end = world.now + SignedDuration::from_hours(2);
    while world.now < end {
        let delay = pass(&mut world, &Outcome::Done, jitter);
        within(delay, 120);
        world.now += delay;
    }
    within(pass(&mut world, &Outcome::Done, jitter), 3600);
    assert!(world.sent.is_empty());
}

#[rstest]
#[case::transient(ErrorClass::Transient)]
#[case::waiting(ErrorClass::Waiting)]
#[case::protocol(ErrorClass::Protocol)]
#[case::auth(ErrorClass::Auth)]
#[case::permission(ErrorClass::Permission)]
#[case::invalid(ErrorClass::Invalid)]
#[case::throttled_in_the_past(ErrorClass::Throttled { until: Some(jiff::Timestamp::UNIX_EPOCH) })]
#[case::throttled(ErrorClass::Throttled { until: None })]
fn never_below_a_floor_after_failure(#[case] class: ErrorClass) {
    for jitter in [0.0, 1.0] {
        let mut world = World::new(json!({})).sees_on();
        let failure = Failure { class, reason: Reason::ProviderUnavailable, message: "no".into(), request_id: None };
        world.microsoft().failure = Some(failure);
        for failures in [0, 1, 7, 40, u32::MAX] {
            world.recent.failures = failures;
            let delay = pace(&world.situation(), &world.plan(), None, jitter);
            assert!(delay >= FLOOR, "{delay:?} after {failures} failures");
            assert!(delay <= SignedDuration::from_hours(2), "{delay:?} after {failures} failures");
        }
    }
}
