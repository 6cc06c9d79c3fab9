//! Sections "Deletion", "Whose tenant is it", "Transitions" and "Settled questions", where the tenant is observed.

use rstest::rstest;
use serde_json::{Value, json};

use super::eyes::*;
use super::fixture::*;
use super::transitions::{call, deprovisioned};
use crate::api::{ConditionType, FINALIZER, PendingStep, Reason, TriState};
use crate::plan::failure::ErrorClass;
use crate::plan::microsoft::{Access, Answer, Hunting, Listed, Microsoft, Principal};
use crate::plan::observed::Instance;
use crate::plan::reading::{Reading, Why};
use crate::plan::release::Hold;
use crate::plan::situation::Permit;
use crate::plan::step::{BrokerCall, Outcome};
use crate::tenant::{Cloud, Role, Service};

fn seen(fields: Value, microsoft: Microsoft) -> World {
    let mut world = World::new(fields).sees(microsoft).without_broker();
    world.pass();
    world
}

fn service(world: &World) -> Option<(TriState, Reason)> {
    world.condition(ConditionType::ServiceOn)
}

/// "Hunting is refused (403) or has no Defender table, **and** incidents answer 403, **and** health issues say not
/// onboarded. Less is `Unknown`/`Ambiguous`."
#[rstest]
#[case::all_three(Hunting::Refuses, Answer::Refuses, Answer::Refuses, TriState::False)]
#[case::all_three_without_a_defender_table(tables(&[]), Answer::Refuses, Answer::Refuses, TriState::False)]
#[case::without_health_issues(Hunting::Refuses, Answer::Refuses, Answer::Answers, TriState::Unknown)]
#[case::without_incidents(Hunting::Refuses, Answer::Answers, Answer::Refuses, TriState::Unknown)]
#[case::without_hunting(tables(&[Service::Endpoint]), Answer::Refuses, Answer::Refuses, TriState::Unknown)]
#[case::hunting_alone(Hunting::Refuses, Answer::Answers, Answer::Answers, TriState::Unknown)]
#[case::no_table_alone(tables(&[]), Answer::Answers, Answer::Answers, TriState::Unknown)]
#[case::incidents_alone(tables(&[Service::Endpoint]), Answer::Refuses, Answer::Answers, TriState::Unknown)]
#[case::health_issues_alone_is_on(tables(&[Service::Endpoint]), Answer::Answers, Answer::Refuses, TriState::True)]
#[case::on(tables(&[Service::Office365]), Answer::Answers, Answer::Answers, TriState::True)]
fn when_is_off_observed(
    #[case] hunting: Hunting,
    #[case] incidents: Answer,
    #[case] identity: Answer,
    #[case] status: TriState,
) {
    let microsoft = Microsoft {
        hunting: Reading::observed(hunting),
        incidents: Reading::observed(incidents),
        identity: Reading::observed(identity),
        ..seen_on()
    };
    let world = seen(json!({"desiredState": "Disabled"}), microsoft);
    let reason = match status {
        TriState::True => Reason::Enabled,
        TriState::False => Reason::Disabled,
        TriState::Unknown => Reason::Ambiguous,
    };
    assert_eq!(service(&world), Some((status, reason)));
}

#[rstest]
#[case::enabled(json!({}), PendingStep::Enable, "ServiceOn")]
#[case::disabled(json!({"desiredState": "Disabled"}), PendingStep::Disable, "ServiceOff")]
#[case::deprovisioned(deprovisioned(), PendingStep::Deprovision, "Deprovisioned")]
fn unknown_that_waiting_cannot_cure_is_a_hand_off(#[case] wish: Value, #[case] step: PendingStep, #[case] claim: &str) {
    for (microsoft, why) in [
        (Microsoft { identity: Reading::observed(Answer::Answers), ..seen_off() }, "Ambiguous"),
        (Microsoft::nothing(), "NotAsked"),
    ] {
        let world = seen(wish.clone(), microsoft);
        world.assert_ready(TriState::Unknown, Reason::ActionRequired);
        world.assert_stalled(Reason::ActionRequired);
        let action = world.status.unwrap().pending_actions[0].clone();
        assert_eq!(action.step, step, "{why}");
        assert!(action.verified_by.contains(&format!("claim {claim}")), "{why}: or attest `{claim}`: {action:?}");
    }
}

#[rstest]
#[case::enabled(json!({}))]
#[case::disabled(json!({"desiredState": "Disabled"}))]
#[case::deprovisioned(deprovisioned())]
fn what_is_not_permitted_names_the_application_role(#[case] wish: Value) {
    let microsoft = Microsoft { incidents: Reading::unknown(Why::NotPermitted), ..seen_on() };
    let world = seen(wish.clone(), microsoft);
    world.assert_ready(TriState::Unknown, Reason::PermissionDenied);
    world.assert_stalled(Reason::PermissionDenied);
    assert!(world.message(ConditionType::Ready).contains("SecurityIncident.Read.All"));
    let failed = seen(wish, Microsoft { incidents: Reading::unknown(Why::ReadFailed), ..seen_on() });
    failed.assert_ready(TriState::Unknown, Reason::ProviderUnavailable);
    assert!(failed.condition(ConditionType::Reconciling).is_some(), "`ReadFailed` → `Reconciling`");
}

#[test]
fn eligibility_unreadable_while_off_publishes_the_hand_off_and_says_so() {
    let world = seen(json!({}), Microsoft { skus: Reading::unknown(Why::NotPermitted), ..seen_off() });
    world.assert_stalled(Reason::ActionRequired);
    assert_eq!(world.condition(ConditionType::Eligible), Some((TriState::Unknown, Reason::NotPermitted)));
    let action = &world.status.as_ref().unwrap().pending_actions[0];
    assert!(action.instructions.contains("Whether the licences qualify is not known"), "{}", action.instructions);
}

#[test]
fn on_a_region_declared_none_known() {
    let microsoft = Microsoft { endpoint_location: Reading::unknown(Why::NotAsked), ..seen_on() };
    let world = seen(json!({"dataLocation": {"region": "EU"}}), microsoft);
    world.assert_ready(TriState::False, Reason::ActionRequired);
    assert_eq!(world.status.unwrap().pending_actions[0].step, PendingStep::Attest);
}

#[rstest]
#[case::ready_untouched(json!({}), TriState::True, Reason::Enabled)]
#[case::unless_a_region_is_declared(json!({"dataLocation": {"region": "EU"}}), TriState::False, Reason::ActionRequired)]
fn a_subscription_of_another_tenant_for_observation_only(
    #[case] wish: Value,
    #[case] ready: TriState,
    #[case] reason: Reason,
) {
    let microsoft = Microsoft { observation_owner: Reading::observed(OTHER.parse().unwrap()), ..seen_on() };
    let world = seen(wish, microsoft);
    world.assert_ready(ready, reason);
    assert_eq!(world.condition(ConditionType::RegionPinned), Some((TriState::Unknown, Reason::TenantMismatch)));
    assert!(world.region().is_none());
}

#[rstest]
#[case::secret_expired_7000222(Reason::CredentialsInvalid)]
#[case::consent_missing_65001(Reason::PermissionDenied)]
#[case::tenant_not_found_90002(Reason::TenantMismatch)]
#[case::no_secret(Reason::CredentialsMissing)]
#[case::cloud_differs(Reason::UnsupportedCloud)]
fn signing_in_is_refused(#[case] reason: Reason) {
    let mut world = World::new(json!({})).sees(refused(reason));
    world.pass();
    world.assert_stalled(reason);
    assert!(world.sent.is_empty());
}

#[test]
fn cloud_differs_from_the_tenants_open_id_sub_scope() {
    let microsoft = Microsoft { cloud: Reading::observed(Cloud::GCCHigh), ..Microsoft::nothing() };
    let world = seen(json!({}), microsoft);
    world.assert_stalled(Reason::UnsupportedCloud);
    let message = world.message(ConditionType::Ready);
    assert!(message.contains("GCCHigh") && message.contains("Public"), "both named: {message}");
}

#[test]
fn an_incomplete_list_counts_for_what_is_in_it_and_not_for_what_is_not() {
    let part = |plans: &[&str]| Reading::observed(Listed { is_complete: false, ..skus(plans) });
    let found = seen(json!({}), Microsoft { skus: part(&[IDENTITY_PLAN]), ..seen_off() });
    assert_eq!(found.condition(ConditionType::Eligible).map(|(status, _)| status), Some(TriState::True));
    let lacking = seen(json!({}), Microsoft { skus: part(&[]), ..seen_off() });
    assert_eq!(lacking.condition(ConditionType::Eligible).map(|(status, _)| status), Some(TriState::Unknown));
    let mut holders = seen_off();
    for role in Role::ALL {
        let mut held = held_by(vec![Principal::ServicePrincipal]);
        held.assigned = held.assigned.map(|list| Listed { is_complete: false, ..list });
        holders.roles.insert(*role, held);
    }
    let world = seen(json!({}), holders);
    assert_eq!(world.condition(ConditionType::Authorized).map(|(status, _)| status), Some(TriState::Unknown));
}

#[rstest]
#[case::what_would_be_a_step_or_a_hand_off(json!({}), seen_off(), Reason::ObserveOnly)]
#[case::region_stays_precise(json!({"dataLocation": {"region": "UK"}}), seen_on(), Reason::RegionMismatch)]
#[case::licence_stays_precise(json!({}), Microsoft { skus: Reading::observed(skus(&[])), ..seen_off() }, Reason::NotEligible)]
#[case::consent_stays_precise(json!({"experience": "WelcomePage"}), seen_off(), Reason::ConsentRequired)]
#[case::credentials_stay_precise(json!({}), refused(Reason::CredentialsInvalid), Reason::CredentialsInvalid)]
fn under_observe(#[case] wish: Value, #[case] microsoft: Microsoft, #[case] reason: Reason) {
    for with_broker in [true, false] {
        let mut wish = wish.clone();
        wish["managementPolicy"] = json!("Observe");
        let mut world = World::new(wish).sees(microsoft.clone());
        if !with_broker {
            world = world.without_broker();
        }
        world.pass();
        world.assert_stalled(reason);
        let status = world.status.as_ref().unwrap();
        assert!(status.pending_actions.is_empty(), "`pendingActions` empty");
        assert_eq!(!status.plan.is_empty(), reason == Reason::ObserveOnly, "`plan` filled");
        assert!(world.sent.is_empty() && status.operation.is_none());
    }
}

fn unmapped(microsoft: Microsoft, fields: Value) -> World {
    let mut world = World::new(fields).sees(microsoft);
    world.permit = Permit::NotAllowed;
    world.observed.instance = Reading::unknown(Why::NotAsked);
    world.observed.is_retrievable = false;
    world
}

#[rstest]
#[case::on(seen_on(), Reason::Enabled)]
#[case::off_never_reaches_the_broker(seen_off(), Reason::ActionRequired)]
#[case::another_tenant(Microsoft { organization: Reading::observed(organization(OTHER)), ..seen_on() }, Reason::TenantMismatch)]
#[case::nothing_proved(Microsoft::nothing(), Reason::TenantNotAllowed)]
#[case::refused(refused(Reason::CredentialsInvalid), Reason::CredentialsInvalid)]
fn proved_credentials_without_a_mapping(#[case] microsoft: Microsoft, #[case] reason: Reason) {
    for wish in [json!({}), json!({"attestations": [attestation("ServiceOff", json!({}))]})] {
        let mut world = unmapped(microsoft.clone(), wish);
        world.pass();
        assert_eq!(world.condition(ConditionType::Ready).map(|ready| ready.1), Some(reason), "{}", world.plan());
        assert!(world.sent.is_empty());
    }
}

#[test]
fn a_transient_failure_to_sign_in_neither_flips_a_settled_verdict_nor_releases_a_held_object() {
    let unread = Microsoft { organization: Reading::unknown(Why::ReadFailed), ..seen_on() };
    for lost in [no_answer(), unread] {
        let mut world = unmapped(seen_on(), json!({"deletionPolicy": "Deprovision"}));
        world.pass();
        world.assert_ready(TriState::True, Reason::Enabled);
        assert_eq!(world.held, Hold::Add);
        world.subject.finalizers = vec![FINALIZER.into()];
        let writes = world.writes;
        world.observed.microsoft = lost;
        world.pass();
        assert_eq!((world.writes, &world.held), (writes, &Hold::Keep));
        world.assert_ready(TriState::True, Reason::Enabled);
        world.subject.is_deleting = true;
        world.pass();
        assert_eq!(world.held, Hold::Keep);
        assert!(world.sent.is_empty());
    }
}

fn deleted(mut world: World) -> World {
    world.edit(json!({"deletionPolicy": "Deprovision"}));
    world.edit(deprovisioned());
    world.subject.is_deleting = true;
    world.subject.finalizers = vec![FINALIZER.into()];
    world
}

#[test]
fn missing_credentials_do_not_hold_a_confirmed_deprovisioning() {
    for reason in [Reason::CredentialsMissing, Reason::CredentialsInvalid] {
        let mut world = deleted(World::new(json!({})).sees(refused(reason)));
        world.show_state("Enabled");
        world.pass();
        assert_eq!(call(&world, 0), BrokerCall::Deprovision);
        assert_eq!(world.held, Hold::Release { warning: None });
    }
}

#[test]
fn an_observed_on_is_never_outranked_by_an_attestation() {
    let gone = json!({"attestations": [attestation("Deprovisioned", json!({}))]});
    let mut world = deleted(World::new(gone.clone()).sees_on().without_broker());
    world.pass();
    world.assert_stalled(Reason::ActionRequired);
    assert_eq!(world.held, Hold::Keep);
    assert_eq!(service(&world).map(|service| service.0), Some(TriState::True));
    world.observed.microsoft = seen_off();
    world.pass();
    assert_eq!(world.held, Hold::Release { warning: None });
    let mut claimed = deleted(World::new(gone));
    claimed.permit = Permit::Granted { allow_deprovision: false };
    claimed.show_state("Enabled");
    claimed.pass();
    assert_eq!(claimed.held, Hold::Release { warning: None }, "it outranks the broker's word");
}

#[test]
fn enabled_on_present_says_disabled_does_nothing_and_says_that_the_claim_is_stale() {
    let mut world = World::new(json!({})).sees_on();
    world.show_state("Disabled");
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(ConditionType::InSync), Some((TriState::False, Reason::Drifted)));
    assert!(world.message(ConditionType::InSync).contains("stale"));
    assert!(world.sent.is_empty());
}

#[test]
fn enabled_off_present_is_verified_and_then_claim_not_observed_by_observation() {
    let mut world = World::new(json!({})).sees_off();
    let mut after = world.clone();
    after.show_state("Enabled");
    world.pass_with(&Outcome::Done, Some(after.observed));
    world.assert_ready(TriState::False, Reason::Verifying);
    world.wait(2);
    world.pass();
    world.assert_stalled(Reason::ClaimNotObserved);
    assert_eq!(world.sent.len(), 1, "nothing");
    world.observed.microsoft = seen_on();
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn enabled_off_seen_on_before_is_set_back_once_and_then_contended_by_observation() {
    let mut world = World::new(json!({})).sees_off();
    world.settle();
    for _ in 0..2 {
        world.wait(1);
        turned_off(world.microsoft());
        world.pass();
    }
    world.assert_stalled(Reason::Contended);
    assert_eq!((world.sent.len(), call(&world, 1)), (2, BrokerCall::Update));
}

#[rstest]
#[case::present_update_disabled(true)]
#[case::absent_person_never_provision_only_to_disable(false)]
fn disabled_on_by_observation(#[case] is_present: bool) {
    let mut world = World::new(json!({"desiredState": "Disabled"})).sees_on();
    if is_present {
        world.show_state("Disabled");
    }
    world.pass();
    if is_present {
        assert_eq!(call(&world, 0), BrokerCall::Update);
        world.assert_ready(TriState::True, Reason::Disabled);
    } else {
        world.assert_stalled(Reason::ActionRequired);
        assert!(world.sent.is_empty());
    }
}

/// Nobody is called because one sign of the service goes before another.
#[test]
fn deprovisioned_half_gone_is_verified_within_the_grace() {
    let mut world = World::new(deprovisioned()).sees_on();
    world.show_state("Enabled");
    let mut gone = world.clone();
    gone.show(Instance::Absent);
    world.pass_with(&Outcome::Done, Some(gone.observed));
    for half in [
        Microsoft { hunting: Reading::observed(Hunting::Refuses), ..seen_on() },
        Microsoft { incidents: Reading::observed(Answer::Refuses), ..seen_on() },
    ] {
        let mut world = world.clone();
        let writes = world.writes;
        world.observed.microsoft = half;
        world.pass();
        world.assert_ready(TriState::False, Reason::Verifying);
        assert!(world.writes <= writes + 1 && world.status.as_ref().unwrap().pending_actions.is_empty());
        world.wait(2);
        world.pass();
        world.assert_stalled(Reason::ClaimNotObserved);
        world.observed.microsoft = seen_off();
        world.pass();
        world.assert_ready(TriState::True, Reason::Deprovisioned);
        assert_eq!(world.sent.len(), 1, "no second delete");
    }
}

#[test]
fn deprovisioned_on_gone_is_verified_within_the_grace_and_never_deleted_twice() {
    let mut world = World::new(deprovisioned()).sees_on();
    world.show_state("Enabled");
    let mut gone = world.clone();
    gone.show(Instance::Absent);
    world.pass_with(&Outcome::Done, Some(gone.observed));
    world.assert_ready(TriState::False, Reason::Verifying);
    world.wait(2);
    world.pass();
    world.assert_stalled(Reason::ClaimNotObserved);
    assert_eq!(world.sent.len(), 1, "no second delete");
    world.observed.microsoft = seen_off();
    world.pass();
    world.assert_ready(TriState::True, Reason::Deprovisioned);
    assert!(world.region().is_none(), "clear the pin");
}

#[rstest]
#[case::on(seen_on())]
#[case::off(seen_off())]
#[case::unknown_too(Microsoft::unknown(Access::Granted, Why::Ambiguous))]
#[case::unread_too(no_answer())]
fn deprovisioned_any_present_allowed_is_deprovisioned(#[case] microsoft: Microsoft) {
    let mut world = World::new(deprovisioned()).sees(microsoft);
    world.show_state("Enabled");
    world.pass();
    assert_eq!(call(&world, 0), BrokerCall::Deprovision, "declaration and instance gate it, not T");
}

#[rstest]
#[case::absent(true, true)]
#[case::no_broker(false, true)]
#[case::not_allowed(true, false)]
fn deprovisioned_without_a_broker_to_do_it(#[case] has_broker: bool, #[case] allow_deprovision: bool) {
    let make = |microsoft| {
        let mut world = World::new(deprovisioned()).sees(microsoft);
        world.permit = Permit::Granted { allow_deprovision };
        if !allow_deprovision {
            world.show_state("Enabled");
        }
        let mut world = if has_broker { world } else { world.without_broker() };
        world.pass();
        world
    };
    make(seen_off()).assert_ready(TriState::True, Reason::Deprovisioned);
    let on = make(seen_on());
    on.assert_stalled(Reason::ActionRequired);
    assert!(on.message(ConditionType::Ready).contains("Please deprovision"), "support text");
    assert!(on.sent.is_empty());
}

#[rstest]
#[case::enabled(json!({}))]
#[case::disabled(json!({"desiredState": "Disabled"}))]
fn any_other_unknown_changes_nothing(#[case] wish: Value) {
    for why in [Why::ReadFailed, Why::NotPermitted, Why::Ambiguous] {
        let mut world = World::new(wish.clone()).sees(Microsoft::unknown(Access::Granted, why));
        world.observed = unreadable(ErrorClass::Transient, Reason::ProviderUnavailable);
        world.observed.microsoft = Microsoft::unknown(Access::Granted, why);
        world.pass();
        assert!(world.sent.is_empty(), "{why:?}");
    }
}
