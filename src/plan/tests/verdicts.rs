//! Sections "Status" and "What `GitOps` tools must conclude" of the contract.

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use super::transitions::deprovisioned;
use crate::api::{ConditionType, Reason, TriState};
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::{Access, Microsoft, Principal};
use crate::plan::observed::Progress;
use crate::plan::reading::{Reading, Why};
use crate::plan::step::Outcome;
use crate::tenant::{CapabilityStatus, IntegrationType, LinkState, Role, Service};

const ABSENT_UNLESS_TRUE: [ConditionType; 4] =
    [ConditionType::Reconciling, ConditionType::Stalled, ConditionType::ActionRequired, ConditionType::Suspended];

fn seen(fields: Value, microsoft: Microsoft) -> World {
    let mut world = World::new(fields).sees(microsoft).without_broker();
    world.pass();
    world
}

#[rstest]
#[case::on(seen(json!({}), seen_on()))]
#[case::off(seen(json!({}), seen_off()))]
#[case::unknown(seen(json!({}), Microsoft::unknown(Access::Granted, Why::NotPermitted)))]
#[case::refused(seen(json!({}), refused(Reason::CredentialsInvalid)))]
#[case::failed(seen(json!({}), no_answer()))]
#[case::disabled(seen(json!({"desiredState": "Disabled"}), seen_off()))]
#[case::deprovisioned(seen(deprovisioned(), seen_off()))]
#[case::observe(seen(json!({"managementPolicy": "Observe"}), seen_off()))]
#[case::suspend(seen(json!({"managementPolicy": "Suspend"}), seen_on()))]
fn the_last_four_are_absent_unless_true_and_the_others_never_missing(#[case] world: World) {
    let status = world.status.as_ref().unwrap();
    for kind in ConditionType::ALL {
        let shown = world.condition(*kind).map(|(status, _)| status);
        if ABSENT_UNLESS_TRUE.contains(kind) {
            assert!(matches!(shown, None | Some(TriState::True)), "{kind:?} is absent unless True: {shown:?}");
        } else {
            assert!(shown.is_some(), "{kind:?}: not yet known is `Unknown`, never missing");
        }
    }
    for condition in &status.conditions {
        assert_eq!(condition.observed_generation, Some(1), "all carry `observedGeneration`");
    }
    let both =
        world.condition(ConditionType::Reconciling).is_some() && world.condition(ConditionType::Stalled).is_some();
    assert!(!both, "`Reconciling`: never together with `Stalled`");
    if let Some((_, reason)) = world.condition(ConditionType::Stalled) {
        assert_eq!(world.condition(ConditionType::Ready).unwrap().1, reason, "`Stalled`: same reason as `Ready`");
    }
    assert_eq!(world.condition(ConditionType::ActionRequired).is_some(), !status.pending_actions.is_empty());
}

fn without(microsoft: Microsoft, lose: impl Fn(&mut Microsoft)) -> Microsoft {
    let mut microsoft = microsoft;
    lose(&mut microsoft);
    microsoft
}

/// "Not part of it": each of these is not as it should be while `Ready` is True.
#[rstest]
#[case::eligible(ConditionType::Eligible, without(seen_on(), |m| m.skus = Reading::observed(skus(&[]))), TriState::False)]
#[case::eligible_unknown(ConditionType::Eligible, without(seen_on(), |m| m.skus = Reading::unknown(Why::NotPermitted)), TriState::Unknown)]
#[case::services_reporting(ConditionType::ServicesReporting, without(seen_on(), |m| m.newest_rows = Reading::observed(rows(&[Service::Endpoint]))), TriState::False)]
#[case::services_reporting_unknown(ConditionType::ServicesReporting, without(seen_on(), |m| m.newest_rows = Reading::unknown(Why::ReadFailed)), TriState::Unknown)]
#[case::authorized_is_not_needed(ConditionType::Authorized, without(seen_on(), |m| m.roles.clear()), TriState::True)]
#[case::region_pinned_without_a_declared_one(ConditionType::RegionPinned, without(seen_on(), |m| m.endpoint_location = Reading::unknown(Why::NotAsked)), TriState::Unknown)]
fn ready_does_not_depend_on(#[case] kind: ConditionType, #[case] microsoft: Microsoft, #[case] status: TriState) {
    let world = seen(json!({"expectedServices": ["Endpoint", "Identity"]}), microsoft);
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(kind).map(|(status, _)| status), Some(status), "{}", world.message(kind));
}

#[rstest]
#[case::a_token_was_obtained_and_it_is_for_this_tenant(seen_on(), TriState::True, Reason::Met)]
#[case::refused(refused(Reason::CredentialsInvalid), TriState::False, Reason::CredentialsInvalid)]
#[case::missing(refused(Reason::CredentialsMissing), TriState::False, Reason::CredentialsMissing)]
#[case::failed(no_answer(), TriState::Unknown, Reason::ReadFailed)]
#[case::not_asked(Microsoft::nothing(), TriState::Unknown, Reason::NotAsked)]
#[case::another_tenant(without(seen_on(), |m| m.organization = Reading::observed(organization(OTHER))), TriState::False, Reason::TenantMismatch)]
fn credentials_ready_means(#[case] microsoft: Microsoft, #[case] status: TriState, #[case] reason: Reason) {
    let world = seen(json!({}), microsoft);
    assert_eq!(world.condition(ConditionType::CredentialsReady), Some((status, reason)));
}

/// "Holders scoped below `/`, service principals and empty groups are no holders; an unreadable group is Unknown".
#[rstest]
#[case::a_person(vec![Principal::User], TriState::True)]
#[case::a_group(vec![Principal::Group { members: Reading::observed(2) }], TriState::True)]
#[case::an_empty_group(vec![Principal::Group { members: Reading::observed(0) }], TriState::False)]
#[case::a_service_principal(vec![Principal::ServicePrincipal], TriState::False)]
#[case::an_unreadable_group(vec![Principal::Group { members: Reading::unknown(Why::ReadFailed) }], TriState::Unknown)]
#[case::nobody(vec![], TriState::False)]
fn authorized_beside_a_hand_off(#[case] principals: Vec<Principal>, #[case] status: TriState) {
    let mut microsoft = seen_off();
    for role in Role::ALL {
        microsoft.roles.insert(*role, held_by(principals.clone()));
    }
    let world = seen(json!({}), microsoft);
    world.assert_stalled(Reason::ActionRequired);
    assert_eq!(world.condition(ConditionType::Authorized).map(|(status, _)| status), Some(status));
    assert!(!world.status.as_ref().unwrap().pending_actions.is_empty(), "never blocks a hand-off");
    let says = world.message(ConditionType::Ready).contains("nobody is known to hold");
    assert_eq!(says, status == TriState::False, "\"the message adds that nobody is known to hold the role\"");
}

#[rstest]
#[case::tenant_before_region(json!({"dataLocation": {"region": "UK"}}), without(seen_on(), |m| m.organization = Reading::observed(organization(OTHER))), Reason::TenantMismatch)]
#[case::region_before_licence(json!({"dataLocation": {"region": "UK"}}), without(seen_off(), |m| m.skus = Reading::observed(skus(&[ENDPOINT_PLAN]))), Reason::RegionMismatch)]
#[case::licence_before_consent(json!({"experience": "WelcomePage"}), without(seen_off(), |m| m.skus = Reading::observed(skus(&[]))), Reason::NotEligible)]
#[case::consent_before_region_required(json!({"experience": "WelcomePage"}), without(seen_off_without_endpoint(), |m| m.skus = Reading::unknown(Why::NotPermitted)), Reason::ConsentRequired)]
#[case::credentials_before_all(json!({"dataLocation": {"region": "UK"}}), refused(Reason::CredentialsInvalid), Reason::CredentialsInvalid)]
fn when_several_hold_the_first_in_this_order_is_shown(
    #[case] fields: Value,
    #[case] microsoft: Microsoft,
    #[case] reason: Reason,
) {
    let mut fields = fields;
    if fields.get("experience").is_none() {
        fields["experience"] = json!("SettingsPage");
        if reason == Reason::RegionMismatch {
            // Both gates are closed: the licence of March and the region.
            fields["experience"] = json!("WelcomePage");
        }
    }
    seen(fields, microsoft).assert_stalled(reason);
}

#[rstest]
#[case::provider_unavailable(ErrorClass::Transient, Reason::ProviderUnavailable)]
#[case::throttled(ErrorClass::Throttled { until: None }, Reason::Throttled)]
#[case::permission_denied(ErrorClass::Permission, Reason::PermissionDenied)]
fn persisting_over_3_resyncs_it_ages(#[case] class: ErrorClass, #[case] reason: Reason) {
    for signs_in in [true, false] {
        let mut world = seen(json!({}), seen_on());
        let writes = world.writes;
        let failure = Failure { class, reason, message: "no answer".into(), request_id: None };
        if signs_in {
            let why = if reason == Reason::PermissionDenied { Why::NotPermitted } else { Why::ReadFailed };
            world.microsoft().hunting = Reading::unknown(why);
            world.microsoft().failure = Some(failure);
        } else {
            world.observed.microsoft = Microsoft::no_access(failure, false);
        }
        for hour in 0..3 {
            world.pass();
            assert_eq!(world.writes, writes, "hour {hour}: with nothing to do, a failed read writes nothing");
            world.wait(1);
        }
        world.pass();
        world.assert_ready(TriState::Unknown, reason);
        world.assert_stalled(reason);
        assert_eq!(world.writes, writes + 1);
        world.pass();
        assert_eq!(world.writes, writes + 1);
        world.observed.microsoft = seen_on();
        world.pass();
        world.assert_ready(TriState::True, Reason::Enabled);
    }
}

#[test]
fn a_link_that_cannot_be_read_ages_too() {
    let entry = json!([{"name": "x", "type": "EndpointIntune"}]);
    let mut microsoft = seen_on();
    microsoft.links.insert("x".into(), link(IntegrationType::EndpointIntune, LinkState::Linked));
    let mut world = seen(json!({"integrations": entry}), microsoft);
    world.assert_ready(TriState::True, Reason::Enabled);
    let writes = world.writes;
    world.microsoft().links.get_mut("x").unwrap().answer = Reading::unknown(Why::ReadFailed);
    for _ in 0..3 {
        world.pass();
        assert_eq!(world.writes, writes);
        world.wait(1);
    }
    world.pass();
    world.assert_ready(TriState::Unknown, Reason::ProviderUnavailable);
    world.assert_stalled(Reason::ProviderUnavailable);
}

#[test]
fn only_with_a_step_pending_does_a_failure_set_reconciling() {
    let mut world = World::new(json!({})).sees_off();
    world.microsoft().skus = Reading::unknown(Why::ReadFailed);
    world.pass();
    assert!(world.sent.is_empty(), "\"`Eligible` not False and, with credentials, known\"");
    world.assert_ready(TriState::False, Reason::ProviderUnavailable);
    assert!(world.condition(ConditionType::Reconciling).is_some());
}

#[rstest]
#[case::every_expected_service_feeds_data(&[Service::Endpoint, Service::Identity], &[Service::Endpoint, Service::Identity], TriState::True, Reason::Met)]
#[case::a_missing_one_is_reported(&[Service::Endpoint, Service::Identity], &[Service::Endpoint], TriState::False, Reason::ServiceNotReporting)]
#[case::none_expected(&[], &[Service::Endpoint], TriState::True, Reason::NotNeeded)]
#[case::none_deployed_on_but_empty(&[], &[], TriState::True, Reason::NotNeeded)]
fn services(
    #[case] expected: &[Service],
    #[case] feeding: &[Service],
    #[case] status: TriState,
    #[case] reason: Reason,
) {
    let microsoft = Microsoft { newest_rows: Reading::observed(rows(feeding)), ..seen_on() };
    let world = seen(json!({"expectedServices": expected}), microsoft);
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(ConditionType::ServicesReporting), Some((status, reason)));
    assert!(world.sent.is_empty(), "never a reason to turn anything off");
    let says = world.message(ConditionType::Ready).contains("it is empty");
    assert_eq!(says, feeding.is_empty(), "no data, no action");
    let shown = &world.status.as_ref().unwrap().services;
    assert_eq!(shown.iter().map(|service| service.name).collect::<Vec<_>>(), Service::ALL);
    for service in shown {
        let reports = feeding.contains(&service.name);
        assert_eq!(service.reporting, if reports { TriState::True } else { TriState::False });
        assert_eq!(service.licensed, TriState::True);
    }
}

/// What kstatus concludes from the conditions and generations.
fn kstatus(world: &World) -> &'static str {
    let observed = world.status.as_ref().map(|status| status.observed_generation);
    let is_current = observed == Some(world.subject.generation);
    if !is_current || world.condition(ConditionType::Reconciling).is_some() {
        return "InProgress";
    }
    if world.condition(ConditionType::Stalled).is_some() {
        return "Failed";
    }
    let is_ready = world.condition(ConditionType::Ready).is_none_or(|ready| ready.0 == TriState::True);
    if is_ready { "Current" } else { "InProgress" }
}

fn polling() -> World {
    let mut world = World::new(json!({})).sees_off();
    world.pass_with(&Outcome::InProgress { handle: Some("h".into()), poll_after: None }, None);
    world.observed = progressing(&world.observed, Progress::InProgress { retry_after: None });
    world.pass();
    world
}

fn suspended() -> World {
    let mut world = seen(json!({}), seen_on());
    world.edit(json!({"managementPolicy": "Suspend"}));
    world.pass();
    world
}

#[rstest]
#[case::just_applied(World::new(json!({})).sees_on(), "InProgress", None, None)]
#[case::converging_polling_or_retrying(polling(), "InProgress", Some(TriState::False), Some(Reason::Enabling))]
#[case::converging_unknown(seen(json!({}), no_answer()), "InProgress", Some(TriState::Unknown), Some(Reason::ProviderUnavailable))]
#[case::converged(seen(json!({}), seen_on()), "Current", Some(TriState::True), Some(Reason::Enabled))]
#[case::a_person_must_act(seen(json!({}), seen_off()), "Failed", Some(TriState::False), Some(Reason::ActionRequired))]
#[case::or_unknown_when_the_state_is_not_known(seen(json!({}), Microsoft::unknown(Access::Granted, Why::Ambiguous)), "Failed", Some(TriState::Unknown), Some(Reason::ActionRequired))]
#[case::licence_problem(seen(json!({}), without(seen_off(), |m| m.skus = Reading::observed(skus(&[])))), "Failed", Some(TriState::False), Some(Reason::NotEligible))]
#[case::region_problem(seen(json!({"dataLocation": {"region": "UK"}}), seen_on()), "Failed", Some(TriState::False), Some(Reason::RegionMismatch))]
#[case::permission_problem(seen(json!({}), without(seen_on(), |m| m.hunting = Reading::unknown(Why::NotPermitted))), "Failed", Some(TriState::Unknown), Some(Reason::PermissionDenied))]
#[case::credential_problem(seen(json!({}), refused(Reason::CredentialsInvalid)), "Failed", Some(TriState::Unknown), Some(Reason::CredentialsInvalid))]
#[case::differences_under_observe(seen(json!({"managementPolicy": "Observe"}), seen_off()), "Failed", Some(TriState::False), Some(Reason::ObserveOnly))]
#[case::suspended_as_it_was(suspended(), "InProgress", Some(TriState::True), Some(Reason::Enabled))]
fn git_ops_tools_must_conclude(
    #[case] world: World,
    #[case] concluded: &str,
    #[case] ready: Option<TriState>,
    #[case] reason: Option<Reason>,
) {
    assert_eq!(kstatus(&world), concluded);
    assert_eq!(world.condition(ConditionType::Ready), ready.zip(reason), "{}", world.message(ConditionType::Ready));
    let expected = (
        concluded == "InProgress" && ready.is_some() && world.condition(ConditionType::Suspended).is_none(),
        concluded == "Failed",
    );
    let is = |kind| world.condition(kind).is_some();
    assert_eq!((is(ConditionType::Reconciling), is(ConditionType::Stalled)), expected);
    if concluded == "Failed" && reason == Some(Reason::ActionRequired) {
        let message = world.message(ConditionType::Ready);
        assert!(message.contains("Administrator") && message.contains("https://"), "says who and where: {message}");
    }
}

#[rstest]
#[case::warning(CapabilityStatus::Warning, TriState::True, Reason::LicenceInGrace)]
#[case::suspended(CapabilityStatus::Suspended, TriState::False, Reason::LicenceInGrace)]
#[case::locked_out(CapabilityStatus::LockedOut, TriState::False, Reason::LicenceInGrace)]
#[case::deleted(CapabilityStatus::Deleted, TriState::False, Reason::NotEligible)]
fn licence_states(#[case] capability: CapabilityStatus, #[case] status: TriState, #[case] reason: Reason) {
    let mut world = World::new(json!({})).sees_off();
    world.microsoft().skus = Reading::observed(all(vec![sku(capability, &[IDENTITY_PLAN])]));
    world.pass();
    assert_eq!(world.condition(ConditionType::Eligible), Some((status, reason)));
    assert_eq!(world.sent.len(), usize::from(status == TriState::True), "turning on still allowed");
}
