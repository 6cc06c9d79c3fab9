//! Who counts as a holder of a role, when nobody is proven, and what the roles are.

use proptest::prelude::*;
use rstest::rstest;

use crate::api::{Reason, TriState};
use crate::plan::authority::{Authority, authority};
use crate::plan::microsoft::{Access, Holder, Listed, Microsoft, Principal, RoleHolders};
use crate::plan::reading::{Reading, Source, Why};
use crate::tenant::Permission;
use crate::tenant::Role::{self, GlobalAdministrator, SecurityAdministrator};

const TURN_ON: [Role; 2] = [SecurityAdministrator, GlobalAdministrator];
const MET: (TriState, Reason) = (TriState::True, Reason::Met);
const NOBODY: (TriState, Reason) = (TriState::False, Reason::NotAuthorized);
const AMBIGUOUS: (TriState, Reason) = (TriState::Unknown, Reason::Ambiguous);
const READ_FAILED: (TriState, Reason) = (TriState::Unknown, Reason::ReadFailed);
const NOT_PERMITTED: (TriState, Reason) = (TriState::Unknown, Reason::NotPermitted);
const NOT_ASKED: (TriState, Reason) = (TriState::Unknown, Reason::NotAsked);

type Holders = Reading<Listed<Holder>>;

fn known<T>(value: T) -> Reading<T> {
    Reading::Known { value, source: Source::Observed }
}

fn holder(principal: Principal, scope: &str) -> Holder {
    Holder { principal, scope: scope.to_owned() }
}

fn user() -> Holder {
    holder(Principal::User, "/")
}

fn group(members: Reading<u32>) -> Holder {
    holder(Principal::Group { members }, "/")
}

fn list(items: Vec<Holder>) -> Holders {
    known(Listed { items, is_complete: true })
}

fn part(items: Vec<Holder>) -> Holders {
    known(Listed { items, is_complete: false })
}

fn none() -> Holders {
    list(Vec::new())
}

/// The holders of Security Administrator, assigned and eligible; Global Administrator has none.
fn tenant(assigned: Holders, eligible: Holders) -> Microsoft {
    let roles = [
        (SecurityAdministrator, RoleHolders { assigned, eligible }),
        (GlobalAdministrator, RoleHolders { assigned: none(), eligible: none() }),
    ];
    Microsoft { roles: roles.into(), ..Microsoft::unknown(Access::Granted, Why::ReadFailed) }
}

fn told(microsoft: &Microsoft, roles: &[Role]) -> ((TriState, Reason), String) {
    let Authority { verdict, is_anyone_known } = authority(microsoft, roles);
    assert_eq!(is_anyone_known, verdict.status);
    assert!(!verdict.message.is_empty() && verdict.message.len() <= 1_000);
    ((verdict.status, verdict.reason), verdict.message)
}

fn judge(microsoft: &Microsoft) -> (TriState, Reason) {
    told(microsoft, &TURN_ON).0
}

#[rstest]
#[case::a_person(user(), MET)]
#[case::a_group_with_a_person(group(known(1)), MET)]
#[case::an_empty_group(group(known(0)), NOBODY)]
#[case::an_unreadable_group(group(Reading::unknown(Why::ReadFailed)), READ_FAILED)]
#[case::a_group_that_may_not_be_read(group(Reading::unknown(Why::NotPermitted)), NOT_PERMITTED)]
#[case::a_group_that_was_not_asked(group(Reading::unknown(Why::NotAsked)), NOT_ASKED)]
#[case::an_application(holder(Principal::ServicePrincipal, "/"), NOBODY)]
#[case::an_unrecognised_principal(holder(Principal::Unrecognised, "/"), AMBIGUOUS)]
#[case::a_person_below_the_tenant(holder(Principal::User, "/administrativeUnits/1"), NOBODY)]
#[case::a_group_below_the_tenant(holder(Principal::Group { members: known(3) }, "/administrativeUnits/1"), NOBODY)]
#[case::an_unreadable_group_below(holder(Principal::Group { members: Reading::unknown(Why::ReadFailed) }, "/x"), NOBODY)]
#[case::an_unrecognised_principal_below(holder(Principal::Unrecognised, "/x"), NOBODY)]
#[case::a_person_without_a_scope(holder(Principal::User, ""), AMBIGUOUS)]
#[case::a_person_with_a_scope_of_no_known_form(holder(Principal::User, "tenant"), AMBIGUOUS)]
fn each_kind_of_holder(#[case] holder: Holder, #[case] expected: (TriState, Reason)) {
    assert_eq!(judge(&tenant(list(vec![holder.clone()]), none())), expected, "assigned");
    assert_eq!(judge(&tenant(none(), list(vec![holder.clone()]))), expected, "eligible");
    assert_eq!(judge(&tenant(list(vec![holder, user()]), none())), MET, "somebody else is known");
}

#[rstest]
#[case::all_read(none(), NOBODY)]
#[case::incomplete(part(Vec::new()), READ_FAILED)]
#[case::not_asked(Reading::unknown(Why::NotAsked), NOT_ASKED)]
#[case::not_permitted(Reading::unknown(Why::NotPermitted), NOT_PERMITTED)]
#[case::read_failed(Reading::unknown(Why::ReadFailed), READ_FAILED)]
#[case::ambiguous(Reading::unknown(Why::Ambiguous), AMBIGUOUS)]
fn nobody_is_proven_only_by_every_list(#[case] holders: Holders, #[case] expected: (TriState, Reason)) {
    assert_eq!(judge(&tenant(holders.clone(), none())), expected, "assigned");
    assert_eq!(judge(&tenant(none(), holders.clone())), expected, "eligible");
    let mut other = tenant(none(), none());
    other.roles.insert(GlobalAdministrator, RoleHolders { assigned: none(), eligible: holders.clone() });
    assert_eq!(judge(&other), expected, "of another role");
    assert_eq!(judge(&tenant(holders, list(vec![user()]))), MET, "somebody is known all the same");
}

#[test]
fn positive_evidence_of_an_incomplete_list_counts() {
    assert_eq!(judge(&tenant(part(vec![user()]), Reading::unknown(Why::ReadFailed))), MET);
}

#[test]
fn a_role_that_was_not_asked_for_is_unknown() {
    let mut microsoft = tenant(none(), none());
    microsoft.roles.remove(&GlobalAdministrator);
    assert_eq!(judge(&microsoft), NOT_ASKED);
    assert_eq!(told(&microsoft, &[SecurityAdministrator]).0, NOBODY, "it is not needed here");
    assert_eq!(judge(&Microsoft::nothing()), NOT_ASKED);
    assert_eq!(told(&tenant(list(vec![user()]), none()), &[]).0, NOT_ASKED, "no role was asked for");
    assert_eq!(told(&tenant(list(vec![user()]), none()), &[GlobalAdministrator]).0, NOBODY, "another role is held");
}

#[test]
fn what_may_pass_stands_first_and_then_what_can_be_granted() {
    let order = [Why::ReadFailed, Why::NotPermitted, Why::Ambiguous, Why::NotAsked];
    for (at, first) in order.into_iter().enumerate() {
        for second in &order[at..] {
            let expected = Some(first);
            for (one, other) in [(first, *second), (*second, first)] {
                let (_, reason) = judge(&tenant(Reading::unknown(one), Reading::unknown(other)));
                let why = order.into_iter().find(|why| format!("{why:?}") == reason.name());
                assert_eq!(why, expected, "{one:?} and {other:?}");
            }
        }
    }
}

#[test]
fn holders_are_counted_and_never_named() {
    let assigned = list(vec![user(), user(), group(known(4)), holder(Principal::ServicePrincipal, "/")]);
    let mut microsoft = tenant(assigned, list(vec![user()]));
    microsoft.roles.insert(
        GlobalAdministrator,
        RoleHolders { assigned: none(), eligible: list(vec![group(known(1)), group(known(2))]) },
    );
    assert_eq!(
        told(&microsoft, &TURN_ON).1,
        "known to hold a role for this step: Security Administrator (assigned to 2 persons and 1 group, eligible to 1 person); Global Administrator (eligible to 2 groups)"
    );
    assert_eq!(
        told(&microsoft, &[GlobalAdministrator]).1,
        "known to hold a role for this step: Global Administrator (eligible to 2 groups); every one of them must activate it first"
    );
}

#[test]
fn what_is_missing_is_said() {
    assert_eq!(
        told(&tenant(none(), none()), &TURN_ON).1,
        "nobody is known to hold Security Administrator or Global Administrator for the whole tenant: assign it to a person"
    );
    let scoped = tenant(list(vec![holder(Principal::User, "/administrativeUnits/1")]), none());
    assert_eq!(
        told(&scoped, &[SecurityAdministrator]).1,
        "nobody is known to hold Security Administrator for the whole tenant: assign it to a person; applications, empty groups and assignments for a part of the tenant do not count"
    );
    for nobody in [Principal::ServicePrincipal, Principal::Group { members: known(0) }] {
        let (_, message) = told(&tenant(list(vec![holder(nobody, "/")]), none()), &[SecurityAdministrator]);
        assert!(message.contains("applications, empty groups"), "{message}");
    }
    let (_, message) = told(&tenant(Reading::unknown(Why::NotPermitted), none()), &TURN_ON);
    assert!(message.contains("grant the application permission RoleManagement.Read.Directory"), "{message}");
    let (_, message) = told(&tenant(Reading::unknown(Why::ReadFailed), none()), &TURN_ON);
    assert!(message.contains("Security Administrator or Global Administrator"), "{message}");
}

/// Role, template id, display name, may turn on, may access, sees licences.
#[rstest]
#[case(GlobalAdministrator, "62e90394-69f5-4237-9190-012177145e10", "Global Administrator", [true, true, true])]
#[case(SecurityAdministrator, "194ae4cb-b126-40b2-bd5b-6091b380977d", "Security Administrator", [true, true, false])]
#[case(Role::SecurityOperator, "5f2222b1-57c3-48ba-8ad5-d4759f1fde6f", "Security Operator", [false, true, false])]
#[case(Role::SecurityReader, "5d6b6bb7-de71-4623-b4af-96380a352509", "Security Reader", [false, true, false])]
#[case(Role::GlobalReader, "f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader", [false, true, true])]
#[case(Role::BillingAdministrator, "b0f54661-2d74-4c50-afa3-1ec803f12efe", "Billing Administrator", [false, false, true])]
#[case(Role::ComplianceAdministrator, "17315797-102d-40b4-93e0-432062caca18", "Compliance Administrator", [false; 3])]
#[case(Role::ComplianceDataAdministrator, "e6d1a23a-da11-4be4-9570-befc86d067a7", "Compliance Data Administrator", [false; 3])]
#[case(Role::ApplicationAdministrator, "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator", [false; 3])]
#[case(Role::CloudApplicationAdministrator, "158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator", [false; 3])]
#[case(Role::CloudAppSecurityAdministrator, "892c5842-a9a6-463a-8041-72aa08ca3cf6", "Cloud App Security Administrator", [false; 3])]
#[case(Role::ServiceSupportAdministrator, "f023fd81-a637-4b56-95fd-791ac0226033", "Service Support Administrator", [false; 3])]
#[case(Role::IntuneAdministrator, "3a2c62db-5318-420d-8d74-23affee5d9d5", "Intune Administrator", [false; 3])]
fn every_role_of_the_page_of_20_january_2026(
    #[case] role: Role,
    #[case] template_id: &str,
    #[case] display_name: &str,
    #[case] may: [bool; 3],
) {
    assert_eq!((role.template_id(), role.display_name()), (template_id, display_name));
    assert_eq!(role.name(), display_name.replace(' ', ""));
    assert_eq!([role.may_turn_on(), role.may_access(), role.sees_licences()], may, "{role}");
}

/// The rows on roles of *Turn on Microsoft Threat Protection*, March and June 2020, and of the FAQ.
#[test]
fn global_administrator_or_security_administrator_in_azure_ad() {
    let with = |may: fn(Role) -> bool| Role::ALL.iter().copied().filter(|role| may(*role)).collect::<Vec<_>>();
    assert_eq!(Role::ALL.len(), 13);
    assert_eq!(with(Role::may_turn_on), [GlobalAdministrator, SecurityAdministrator], "role to turn on");
    assert_eq!(
        with(Role::may_access),
        [GlobalAdministrator, SecurityAdministrator, Role::SecurityOperator, Role::SecurityReader, Role::GlobalReader],
        "who may access"
    );
    assert_eq!(
        with(Role::sees_licences),
        [GlobalAdministrator, Role::GlobalReader, Role::BillingAdministrator],
        "needs Billing admin or Global reader"
    );
}

#[rstest]
#[case(Permission::Organization, "Organization.Read.All")]
#[case(Permission::SecurityIncidents, "SecurityIncident.Read.All")]
#[case(Permission::ThreatHunting, "ThreatHunting.Read.All")]
#[case(Permission::IdentityHealth, "SecurityIdentitiesHealth.Read.All")]
#[case(Permission::DirectoryRoles, "RoleManagement.Read.Directory")]
#[case(Permission::IntuneConnector, "DeviceManagementServiceConfig.Read.All")]
#[case(Permission::SecurityReader, "Security Reader")]
#[case(Permission::SecurityAdmin, "Security Admin")]
#[case(Permission::SentinelContributor, "Microsoft Sentinel Contributor")]
fn every_permission_is_named_as_it_is_granted(#[case] permission: Permission, #[case] name: &str) {
    assert_eq!(permission.name(), name);
    assert!(permission.to_string().contains(name));
}

fn holders() -> impl Strategy<Value = Holders> {
    let whys = || proptest::sample::select(vec![Why::NotAsked, Why::NotPermitted, Why::ReadFailed]);
    let members = prop_oneof![(0..3_u32).prop_map(known), whys().prop_map(Reading::unknown)];
    let principals = prop_oneof![
        Just(Principal::User),
        Just(Principal::ServicePrincipal),
        Just(Principal::Unrecognised),
        members.prop_map(|members| Principal::Group { members }),
    ];
    let scopes = proptest::sample::select(vec!["/", "/administrativeUnits/1", ""]);
    let items = proptest::collection::vec((principals, scopes).prop_map(|(who, scope)| holder(who, scope)), 0..4);
    prop_oneof![
        1 => whys().prop_map(Reading::unknown),
        5 => (items, any::<bool>()).prop_map(|(items, is_complete)| known(Listed { items, is_complete })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_is_irrelevant_and_another_person_always_suffices(assigned in holders(), eligible in holders()) {
        let microsoft = tenant(assigned.clone(), eligible.clone());
        let before = authority(&microsoft, &TURN_ON);
        let reversed = |list: Holders| list.map(|list| Listed { items: list.items.into_iter().rev().collect(), ..list });
        prop_assert_eq!(&authority(&tenant(reversed(assigned.clone()), reversed(eligible.clone())), &TURN_ON), &before);
        let with = assigned.clone().map(|mut list| {
            list.items.push(user());
            list
        });
        if with.value().is_some() {
            prop_assert_eq!(authority(&tenant(with, eligible.clone()), &TURN_ON).is_anyone_known, TriState::True);
        }
        let is_whole = |list: &Holders| list.value().is_some_and(|list| list.is_complete);
        if before.is_anyone_known == TriState::False {
            prop_assert!(is_whole(&assigned) && is_whole(&eligible));
        }
    }
}
