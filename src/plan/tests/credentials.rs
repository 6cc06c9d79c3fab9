//! What the credentials of the resource reach, and what is said where they do not reach the declared tenant.

use rstest::rstest;
use serde_json::json;

use super::eyes::*;
use super::fixture::*;
use crate::api::{ConditionType, FINALIZER, Reason, TriState};
use crate::plan::microsoft::{Access, Microsoft, Organization};
use crate::plan::reading::{Reading, Why};
use crate::plan::release::Hold;
use crate::plan::situation::Permit;
use crate::tenant::Cloud;

/// A tenant that the administrator's file does not map to the namespace of the resource.
fn unmapped(microsoft: Microsoft) -> World {
    let mut world = World::new(json!({"deletionPolicy": "Deprovision"})).sees(microsoft).without_broker();
    world.permit = Permit::NotAllowed;
    world.pass();
    world
}

fn without_organization(why: Why) -> Microsoft {
    Microsoft { organization: Reading::unknown(why), ..seen_on() }
}

/// "`NotPermitted` → `PermissionDenied` naming the application role"; "`ReadFailed` → `Reconciling`".
#[test]
fn an_organization_that_may_not_be_read_proves_nothing_and_one_that_failed_is_read_again() {
    let denied = unmapped(without_organization(Why::NotPermitted));
    denied.assert_stalled(Reason::PermissionDenied);
    assert!(denied.message(ConditionType::Ready).contains("Organization.Read.All"));
    let failed = unmapped(without_organization(Why::ReadFailed));
    failed.assert_ready(TriState::Unknown, Reason::ProviderUnavailable);
    assert!(failed.condition(ConditionType::Reconciling).is_some());
    assert!(failed.condition(ConditionType::Stalled).is_none());
}

/// Nothing is known of the tenant but what became of the credentials, and that is told where people look for it.
#[test]
fn credentials_that_prove_nothing_are_told_by_their_own_condition() {
    let of = |microsoft: Microsoft| unmapped(microsoft).condition(ConditionType::CredentialsReady);
    for reason in [Reason::CredentialsMissing, Reason::CredentialsInvalid, Reason::PermissionDenied] {
        assert_eq!(of(refused(reason)), Some((TriState::False, reason)));
    }
    assert_eq!(of(no_answer()), Some((TriState::Unknown, Reason::ReadFailed)));
    let denied = without_organization(Why::NotPermitted);
    assert_eq!(of(denied), Some((TriState::Unknown, Reason::NotPermitted)));
    assert_eq!(of(Microsoft::nothing()), Some((TriState::Unknown, Reason::NotAsked)));
}

/// An answer that flaps changes nothing; what stays is told, also where no condition rests on it.
#[test]
fn a_permission_that_stays_away_is_told_after_three_resyncs() {
    let mut world = World::new(json!({})).sees(seen_on()).without_broker();
    world.pass();
    let whole = world.message(ConditionType::CredentialsReady);
    world.microsoft().alerts = Reading::unknown(Why::NotPermitted);
    world.microsoft().permissions = Reading::unknown(Why::NotPermitted);
    for _ in 0..3 {
        world.pass();
        assert_eq!(world.message(ConditionType::CredentialsReady), whole);
        world.wait(1);
    }
    world.pass();
    let told = world.message(ConditionType::CredentialsReady);
    assert!(told.contains("SecurityAlert.Read.All") && told.contains("Application.Read.All"), "{told}");
    world.assert_ready(TriState::True, Reason::Enabled);
}

/// Without the permission Microsoft Graph still tells the id of the organisation, and nothing else.
#[test]
fn facts_of_the_tenant_that_may_not_be_read_any_more_stand() {
    let mut world = World::new(json!({})).sees(seen_on()).without_broker();
    world.pass();
    let before = world.status.clone().unwrap();
    assert!(before.tenant.as_ref().is_some_and(|facts| facts.display_name.as_deref() == Some("Contoso")));
    let bare = Organization { display_name: None, default_domain: None, country_code: None, ..organization(TENANT) };
    world.microsoft().organization = Reading::observed(bare);
    world.pass();
    assert_eq!(world.status.unwrap(), before);
}

/// What could only not be proved just now is held; what is known not to be permitted is let go.
#[rstest]
#[case::read_failed(without_organization(Why::ReadFailed), true)]
#[case::no_answer(no_answer(), true)]
#[case::not_permitted(without_organization(Why::NotPermitted), true)]
#[case::another_tenant(Microsoft { organization: Reading::observed(organization(OTHER)), ..seen_on() }, false)]
fn a_held_resource_is_let_go_where_its_credentials_do_not_prove_the_tenant(
    #[case] microsoft: Microsoft,
    #[case] is_kept: bool,
) {
    for is_deleting in [false, true] {
        let mut world = unmapped(microsoft.clone());
        world.subject.finalizers = vec![FINALIZER.into()];
        world.subject.is_deleting = is_deleting;
        assert_eq!(world.hold() == Hold::Keep, is_kept, "deleting: {is_deleting}");
    }
}

#[rstest]
#[case::another_tenant(Microsoft { organization: Reading::observed(organization(OTHER)), ..seen_on() }, Reason::TenantMismatch)]
#[case::another_cloud(Microsoft { cloud: Reading::observed(Cloud::GCCHigh), ..seen_on() }, Reason::UnsupportedCloud)]
fn nothing_that_was_read_of_another_tenant_counts(#[case] microsoft: Microsoft, #[case] reason: Reason) {
    let mut world = World::new(json!({"expectedServices": ["Endpoint"]})).sees(microsoft).without_broker();
    world.pass();
    world.assert_ready(TriState::Unknown, reason);
    world.assert_stalled(reason);
    assert_eq!(world.condition(ConditionType::CredentialsReady), Some((TriState::False, reason)));
    for kind in ConditionType::ALL.iter().filter(|kind| !kind.is_absent_unless_true()) {
        if !matches!(kind, ConditionType::Ready | ConditionType::CredentialsReady) {
            assert_eq!(world.condition(*kind), Some((TriState::Unknown, Reason::NotAsked)), "{kind:?}");
        }
    }
    let status = world.status.unwrap();
    assert!(status.features.is_empty() && status.services.is_empty() && status.eligibility.is_none());
    assert!(status.tenant.is_none() && status.data_location.is_none());
}

#[rstest]
#[case::may_not_be_read(Why::NotPermitted, Reason::NotPermitted, "Organization.Read.All")]
#[case::could_not_be_read(Why::ReadFailed, Reason::ReadFailed, "read again")]
fn a_token_alone_does_not_say_whose_it_is(#[case] why: Why, #[case] reason: Reason, #[case] next: &str) {
    let mut world = World::new(json!({})).sees(without_organization(why));
    world.pass();
    assert_eq!(world.condition(ConditionType::CredentialsReady), Some((TriState::Unknown, reason)));
    assert!(world.message(ConditionType::CredentialsReady).contains(next));
}

#[test]
fn without_an_answer_it_is_told_whether_credentials_are_declared() {
    let of = |world: World| {
        let mut world = world;
        world.pass();
        assert_eq!(world.condition(ConditionType::CredentialsReady), Some((TriState::Unknown, Reason::NotAsked)));
        world.message(ConditionType::CredentialsReady)
    };
    assert!(of(World::new(json!({}))).contains("no credentials are declared"));
    let unused = Microsoft { access: Access::NotTried, ..Microsoft::nothing() };
    assert!(of(World::new(json!({})).sees(unused)).contains("declared credentials were not used"));
}

/// A tenant that its own credentials have proved, and whose verdict is settled.
fn proved() -> World {
    let mut world = unmapped(seen_on());
    world.assert_ready(TriState::True, Reason::Enabled);
    world.subject.finalizers = vec![FINALIZER.into()];
    world
}

#[test]
fn a_proof_that_could_not_be_repeated_stands_for_this_spec_and_three_resyncs() {
    for lost in [no_answer(), without_organization(Why::ReadFailed), without_organization(Why::NotPermitted)] {
        let mut world = proved();
        world.observed.microsoft = lost.clone();
        world.subject.reconcile_request = Some("look".into());
        for _ in 0..3 {
            world.pass();
            world.assert_ready(TriState::True, Reason::Enabled);
            world.wait(1);
        }
        world.pass();
        assert_ne!(world.condition(ConditionType::Ready).map(|ready| ready.0), Some(TriState::True), "it has aged");
        let mut edited = proved();
        edited.edit(json!({"expectedServices": ["Endpoint"]}));
        edited.observed.microsoft = lost;
        edited.pass();
        assert_ne!(edited.condition(ConditionType::Ready).map(|ready| ready.0), Some(TriState::True), "another spec");
        assert_eq!(edited.status.unwrap().observed_generation, 2);
    }
}

/// "A resource is permitted … when its own credentials have proved the tenant": it is held and let go like any other.
#[test]
fn a_deletion_waits_also_where_only_the_credentials_prove_the_tenant() {
    let mut world = proved();
    world.subject.is_deleting = true;
    world.pass();
    assert_eq!(world.hold(), Hold::Keep, "nothing is declared");
    world.edit(json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT}));
    turned_off(world.microsoft());
    world.pass();
    assert_eq!(world.hold(), Hold::Release { warning: None }, "{}", world.plan());
}
