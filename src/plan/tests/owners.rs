//! Section "Whose tenant is it": the administrator's map, and which of several resources acts.

use std::collections::BTreeMap;

use rstest::rstest;

use super::eyes::{OTHER, TENANT, noon};
use crate::plan::ownership::{Claimant, Grants, Tenancy, permit};
use crate::plan::situation::Permit;
use crate::tenant::TenantId;

const GRANTED: Permit = Permit::Granted { allow_deprovision: false };

fn id(tenant: &str) -> TenantId {
    tenant.parse().unwrap()
}

/// The namespaces `security` and `platform` are mapped to the tenant, the second one by `*`; nothing else is.
fn tenancy() -> Tenancy {
    let named = Grants { any: None, tenants: BTreeMap::from([(id(TENANT), false)]) };
    let any = Grants { any: Some(false), tenants: BTreeMap::new() };
    Tenancy::new(BTreeMap::from([("security".to_owned(), named), ("platform".to_owned(), any)]))
}

fn claimant(namespace: &str, uid: &str, seconds: i64) -> Claimant {
    Claimant {
        has_proved: false,
        namespace: namespace.into(),
        name: "contoso".into(),
        uid: uid.into(),
        created: noon() + jiff::SignedDuration::from_secs(seconds),
        is_deleting: false,
        is_managing: true,
    }
}

fn of(me: &Claimant, others: &[Claimant]) -> (Permit, Option<String>) {
    let (permit, instead) = permit(&tenancy(), id(TENANT), me, others);
    (permit, instead.map(|other| other.uid.clone()))
}

/// "Explicit `*` allowed, with a separate `allowDeprovision`."
#[rstest]
#[case::named("security", TENANT, Some(false))]
#[case::not_named("security", OTHER, None)]
#[case::any("platform", OTHER, Some(true))]
#[case::a_named_one_decides_over_any("platform", TENANT, Some(false))]
#[case::not_mapped("default", TENANT, None)]
fn the_file_maps_namespaces_to_tenants(#[case] namespace: &str, #[case] tenant: &str, #[case] allows: Option<bool>) {
    let named = BTreeMap::from([(id(TENANT), false)]);
    let tenancy = Tenancy::new(BTreeMap::from([
        ("security".to_owned(), Grants { any: None, tenants: named.clone() }),
        ("platform".to_owned(), Grants { any: Some(true), tenants: named }),
    ]));
    assert_eq!(tenancy.allows(namespace, id(tenant)), allows);
    assert_eq!(tenancy.namespaces().into_iter().collect::<Vec<_>>(), ["platform", "security"]);
    let expected = allows.map_or(Permit::NotAllowed, |allow_deprovision| Permit::Granted { allow_deprovision });
    assert_eq!(permit(&tenancy, id(tenant), &claimant(namespace, "a", 0), &[]).0, expected);
}

/// "Among permitted ones that are not `Observe` or `Suspend`, the older (creation time, then uid) acts."
#[rstest]
#[case::alone(vec![], None)]
#[case::itself(vec![claimant("security", "m", 0)], None)]
#[case::an_older_one(vec![claimant("platform", "z", -1)], Some("z"))]
#[case::a_younger_one(vec![claimant("platform", "a", 1)], None)]
#[case::as_old_with_a_smaller_uid(vec![claimant("platform", "a", 0)], Some("a"))]
#[case::as_old_with_a_greater_uid(vec![claimant("platform", "z", 0)], None)]
#[case::the_oldest_of_several(vec![claimant("platform", "y", -1), claimant("platform", "z", -2), claimant("platform", "x", -1)], Some("z"))]
#[case::not_permitted(vec![claimant("default", "a", -1)], None)]
#[case::only_observing(vec![Claimant { is_managing: false, ..claimant("platform", "a", -1) }], None)]
#[case::on_its_way_out(vec![Claimant { is_deleting: true, ..claimant("platform", "a", -1) }], None)]
fn of_several_the_oldest_acts(#[case] others: Vec<Claimant>, #[case] instead: Option<&str>) {
    let me = claimant("security", "m", 0);
    let expected = if instead.is_some() { Permit::Duplicate } else { GRANTED };
    assert_eq!(of(&me, &others), (expected, instead.map(str::to_owned)));
    let observing = Claimant { is_managing: false, ..me };
    assert_eq!(of(&observing, &others), (GRANTED, None), "who only looks is in nobody's way");
}

/// "Resources whose tenant another permitted resource declares (itself neither terminating nor `Observe` nor `Suspend`)
/// release without calling", whichever is older.
#[rstest]
#[case::alone(vec![], false)]
#[case::itself(vec![Claimant { is_deleting: true, ..claimant("security", "m", 0) }], false)]
#[case::an_older_one(vec![claimant("platform", "a", -1)], true)]
#[case::a_younger_one(vec![claimant("platform", "a", 1)], true)]
#[case::not_permitted(vec![claimant("default", "a", -1)], false)]
#[case::only_observing(vec![Claimant { is_managing: false, ..claimant("platform", "a", -1) }], false)]
#[case::on_its_way_out(vec![Claimant { is_deleting: true, ..claimant("platform", "a", -1) }], false)]
fn a_deleted_resource_is_succeeded_by_any_other_that_acts(#[case] others: Vec<Claimant>, #[case] is_succeeded: bool) {
    let me = Claimant { is_deleting: true, ..claimant("security", "m", 0) };
    let expected = if is_succeeded { (Permit::Succeeded, Some("a".to_owned())) } else { (GRANTED, None) };
    assert_eq!(of(&me, &others), expected);
}

#[test]
fn whoever_is_not_permitted_is_told_of_nobody() {
    let me = claimant("default", "m", 0);
    assert_eq!(of(&me, &[claimant("platform", "a", -1)]), (Permit::NotAllowed, None));
}

/// "Permitted when the file maps its namespace, or when its own credentials have proved the tenant": both kinds are rivals,
/// and who has proved nothing learns of nobody.
#[rstest]
#[case::older_proved(Claimant { has_proved: true, ..claimant("elsewhere", "a", -1) }, true, Permit::Duplicate)]
#[case::younger_proved(Claimant { has_proved: true, ..claimant("elsewhere", "z", 1) }, true, Permit::NotAllowed)]
#[case::older_mapped(claimant("security", "a", -1), true, Permit::Duplicate)]
#[case::older_without_right(claimant("elsewhere", "a", -1), true, Permit::NotAllowed)]
#[case::not_proved(Claimant { has_proved: true, ..claimant("elsewhere", "a", -1) }, false, Permit::NotAllowed)]
fn two_resources_that_prove_the_same_tenant_are_duplicates(
    #[case] other: Claimant,
    #[case] has_proved: bool,
    #[case] expected: Permit,
) {
    let me = Claimant { has_proved, ..claimant("nowhere", "m", 0) };
    assert_eq!(permit(&tenancy(), id(TENANT), &me, &[other]).0, expected);
}
