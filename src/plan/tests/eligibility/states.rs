//! Every state that a licence can be in, what is in doubt, and what is said about it.

use super::*;

/// A row a state of the SKU; a column a state of the plan, in the order of `ProvisioningStatus`.
#[rstest]
#[case(Enabled, [MET, NOT_ELIGIBLE, AMBIGUOUS, MET, MET, MET, AMBIGUOUS])]
#[case(Warning, [IN_GRACE, NOT_ELIGIBLE, AMBIGUOUS, IN_GRACE, IN_GRACE, IN_GRACE, AMBIGUOUS])]
#[case(Suspended, [SUSPENDED, NOT_ELIGIBLE, SUSPENDED, SUSPENDED, SUSPENDED, SUSPENDED, SUSPENDED])]
#[case(LockedOut, [SUSPENDED, NOT_ELIGIBLE, SUSPENDED, SUSPENDED, SUSPENDED, SUSPENDED, SUSPENDED])]
#[case(Deleted, [NOT_ELIGIBLE; 7])]
#[case(CapabilityStatus::Unrecognised, [AMBIGUOUS, NOT_ELIGIBLE, AMBIGUOUS, AMBIGUOUS, AMBIGUOUS, AMBIGUOUS, AMBIGUOUS])]
fn every_state_of_a_sku_and_of_its_plan(
    #[case] capability: CapabilityStatus,
    #[case] expected: [(TriState, Reason); 7],
) {
    let states = [
        Success,
        Disabled,
        ProvisioningStatus::Error,
        PendingInput,
        PendingActivation,
        PendingProvisioning,
        ProvisioningStatus::Unrecognised,
    ];
    for (state, expected) in states.into_iter().zip(expected) {
        let one = tenant(vec![sku_with("X", &[("E", state)], capability)]);
        assert_eq!(judge(&one, SettingsPage), expected, "June 2020: {capability} {state}");
        assert_eq!(judge(&one, DefenderPortal), expected, "today: {capability} {state}");
        let four = [("E", state), ("I", state), ("C", state), ("O2", state)];
        let four = tenant(vec![sku_with("X", &four, capability)]);
        assert_eq!(judge(&four, WelcomePage), expected, "March 2020: {capability} {state}");
        // "not \"no licence\": data survives grace and suspension"; what is deleted, or in no state that is known, may have
        // left data too.
        let endpoint = match (expected, state) {
            ((TriState::True, _) | (_, Reason::LicenceInGrace), _) => Reading::observed(true),
            (_, Disabled) if capability != Deleted => Reading::observed(true),
            _ => Reading::unknown(Why::Ambiguous),
        };
        assert_eq!(brings_endpoint(&one), endpoint, "{capability} {state}");
        assert_eq!(eligibility(&one, DefenderPortal).licensed[&Service::Endpoint], expected.0, "{capability} {state}");
    }
}

#[test]
fn what_is_provisioned_still_says_so() {
    let one = tenant(vec![sku_with("WIN_DEF_ATP", &[("E", PendingActivation)], Enabled)]);
    let (_, message) = told(&one, DefenderPortal);
    assert_eq!(
        message,
        "the licences qualify under the rules of today: licensed, still being provisioned. Found: WIN_DEF_ATP: Defender for Endpoint (still being provisioned)"
    );
}

#[test]
fn in_its_grace_period_until_the_next_change_of_the_subscription_in_warning() {
    let at = |day: &str| Some(format!("{day}T00:00:00Z").parse::<Timestamp>().unwrap());
    let grace = sku_with("EMSPREMIUM", &[("I", Success)], Warning);
    let mut microsoft = tenant(vec![grace.clone()]);
    let with = |status, next_lifecycle| DirectorySubscription { next_lifecycle, ..subscription(&grace, status, false) };
    microsoft.subscriptions = part(vec![
        with(Suspended, at("2026-09-01")),
        with(Warning, at("2026-06-30")),
        with(Warning, at("2026-07-14")),
        with(Warning, None),
    ]);
    let (verdict, message) = told(&microsoft, DefenderPortal);
    assert_eq!(verdict, IN_GRACE);
    assert_eq!(
        message,
        "the licences qualify under the rules of today, but some have expired and are in their grace period: renew EMSPREMIUM (until 2026-07-14). Found: EMSPREMIUM: Defender for Identity (in its grace period)"
    );
    for subscriptions in [all(Vec::new()), Reading::unknown(Why::NotPermitted)] {
        microsoft.subscriptions = subscriptions;
        let (verdict, message) = told(&microsoft, DefenderPortal);
        assert_eq!(verdict, IN_GRACE);
        assert!(message.contains("renew EMSPREMIUM. Found"), "{message}");
    }
}

#[test]
fn grace_is_told_only_where_nothing_else_suffices() {
    let expired = sku_with(
        "SPE_E5",
        &[("MTP", Success), ("E", Success), ("I", Success), ("C", Success), ("O2", Success)],
        Warning,
    );
    let bought = tenant(vec![expired.clone(), sku("WIN_DEF_ATP", "E")]);
    assert_eq!(judge(&bought, WelcomePage), IN_GRACE, "the other three are in grace");
    assert_eq!(judge(&bought, SettingsPage), MET);
    assert_eq!(judge(&bought, DefenderPortal), MET);
    let renewed = tenant(vec![expired, sku("OTHER", "E I C O2")]);
    assert_eq!(judge(&renewed, WelcomePage), MET);
}

#[test]
fn data_survives_suspension_and_renewing_suffices() {
    let suspended = sku_with("SPE_E5", &[("E", Success), ("I", Success), ("C", Success), ("O2", Success)], Suspended);
    for experience in Experience::ALL {
        let (verdict, message) = told(&tenant(vec![suspended.clone()]), *experience);
        assert_eq!(verdict, SUSPENDED, "{experience}");
        assert!(message.contains("its data is kept, and renewing SPE_E5 suffices"), "{message}");
    }
    let with_rest = tenant(vec![sku_with("WIN_DEF_ATP", &[("E", Success)], LockedOut), sku("REST", "I C O2")]);
    assert_eq!(judge(&with_rest, WelcomePage), SUSPENDED, "renewing Endpoint completes the four");
    let without_rest = tenant(vec![sku_with("WIN_DEF_ATP", &[("E", Success)], LockedOut), sku("REST", "I C")]);
    assert_eq!(judge(&without_rest, WelcomePage), NOT_ELIGIBLE, "renewing Endpoint does not");
}

#[test]
fn a_doubtful_service_beside_a_suspended_one_is_told() {
    let plans = [("I", Success), ("C", Success), ("O2", ProvisioningStatus::Error)];
    let microsoft =
        tenant(vec![sku_with("WIN_DEF_ATP", &[("E", Success)], Suspended), sku_with("REST", &plans, Enabled)]);
    let (verdict, message) = told(&microsoft, WelcomePage);
    assert_eq!(verdict, SUSPENDED);
    assert!(
        message.contains("Renew WIN_DEF_ATP; besides, provisioning Office 365 ATP Plan 2 in REST failed"),
        "{message}"
    );
}

#[test]
fn switched_off_is_said() {
    let plans = [("E", Disabled), ("I", Success), ("C", Success), ("O2", Success)];
    let (verdict, message) = told(&tenant(vec![sku_with("SPE_E5", &plans, Enabled)]), WelcomePage);
    assert_eq!(verdict, NOT_ELIGIBLE);
    assert!(message.contains("Defender ATP in SPE_E5 is there and switched off"), "{message}");
    assert!(message.contains("missing: Defender ATP (in Windows 10 Enterprise E5)."), "{message}");
    let (_, message) = told(&tenant(vec![sku_with("SPE_E5", &plans, Enabled)]), SettingsPage);
    assert!(!message.contains("is there and switched off"), "it is not needed: {message}");
    assert!(message.contains("Defender ATP (switched off)"), "{message}");
}

#[test]
fn what_would_do_in_march_2020() {
    let (verdict, message) = told(&tenant(vec![sku("ENTERPRISEPREMIUM", "MTP O1 O2")]), WelcomePage);
    assert_eq!(verdict, NOT_ELIGIBLE);
    assert_eq!(
        message,
        "all four services must be licensed under the rules of March 2020; missing: Defender ATP (in Windows 10 Enterprise E5), Azure ATP (in Enterprise Mobility + Security E5) and Microsoft Cloud App Security (in Enterprise Mobility + Security E5). Microsoft 365 E5 Security brings all four. Found: ENTERPRISEPREMIUM: Office 365 ATP Plan 2"
    );
}

#[test]
fn what_would_do_in_june_2020_and_today() {
    let nothing = tenant(Vec::new());
    assert_eq!(
        told(&nothing, SettingsPage),
        (
            NOT_ELIGIBLE,
            "no licence qualifies under the rules of June 2020; any one of these suffices: Microsoft Defender ATP, Azure ATP, Microsoft Cloud App Security or Office 365 ATP Plan 2; a trial of Office 365 does not. Microsoft 365 E5 Security brings all four. Found: no licence of a supported service".to_owned()
        )
    );
    assert_eq!(
        told(&tenant(vec![sku("ENTERPRISEPACK", "O1")]), DefenderPortal),
        (
            NOT_ELIGIBLE,
            "no licence qualifies under the rules of today; any one of these suffices: Microsoft Defender for Business, Microsoft Defender for Endpoint, Microsoft Defender for Identity, Microsoft Defender for Cloud Apps or Microsoft Defender for Office 365 Plan 2. Microsoft Defender Suite brings all four. Found: ENTERPRISEPACK: nothing that counts".to_owned()
        )
    );
}

/// The subscriptions of one Office 365 SKU that is in force: whether each is a trial, and its state.
#[rstest]
#[case::paid(&[(false, Enabled)], true, MET)]
#[case::paid_and_a_trial(&[(true, Enabled), (false, Enabled)], true, MET)]
#[case::paid_is_enough_of_an_incomplete_list(&[(false, Enabled)], false, MET)]
#[case::paid_in_grace(&[(true, Enabled), (false, Warning)], true, IN_GRACE)]
#[case::a_trial_only(&[(true, Enabled)], true, NOT_ELIGIBLE)]
#[case::trial_and_paid_suspended(&[(true, Enabled), (false, Suspended)], true, SUSPENDED)]
#[case::trial_and_paid_locked(&[(true, Enabled), (false, LockedOut)], true, SUSPENDED)]
#[case::trial_and_paid_deleted(&[(true, Enabled), (false, Deleted)], true, NOT_ELIGIBLE)]
#[case::trial_and_paid_in_an_unknown_state(&[(true, Enabled), (false, CapabilityStatus::Unrecognised)], true, AMBIGUOUS)]
#[case::trial_of_an_incomplete_list(&[(true, Enabled)], false, READ_FAILED)]
#[case::paid_suspended_of_an_incomplete_list(&[(true, Enabled), (false, Suspended)], false, READ_FAILED)]
#[case::none_listed(&[], true, AMBIGUOUS)]
#[case::only_a_deleted_one(&[(false, Deleted)], true, AMBIGUOUS)]
#[case::only_a_suspended_one(&[(false, Suspended)], true, AMBIGUOUS)]
#[case::none_in_an_incomplete_list(&[], false, READ_FAILED)]
fn office_365_trial_licences_give_no_access(
    #[case] subscriptions: &[(bool, CapabilityStatus)],
    #[case] is_complete: bool,
    #[case] expected: (TriState, Reason),
) {
    let office = sku("ENTERPRISEPREMIUM", "MTP O1 O2");
    let mut items: Vec<_> =
        subscriptions.iter().map(|(is_trial, status)| subscription(&office, *status, *is_trial)).collect();
    items.push(subscription(&sku("another", "E"), Enabled, false));
    let list = if is_complete { all(items) } else { part(items) };
    let microsoft = Microsoft { subscriptions: list, ..tenant(vec![office]) };
    assert_eq!(judge(&microsoft, SettingsPage), expected);
    assert_eq!(judge(&microsoft, DefenderPortal), MET, "the trial exclusion is gone from the list");
    let licensed = eligibility(&microsoft, SettingsPage).licensed;
    assert_eq!(licensed[&Service::Office365], TriState::True, "a trial is a licence");
}

#[rstest]
#[case(Why::NotAsked, Reason::NotAsked, "were not asked for")]
#[case(Why::NotPermitted, Reason::NotPermitted, "Organization.Read.All")]
#[case(Why::ReadFailed, Reason::ReadFailed, "could not be read")]
#[case(Why::Ambiguous, Reason::Ambiguous, "none of the subscriptions")]
fn trial_rule_unreadable_is_unknown(#[case] why: Why, #[case] reason: Reason, #[case] said: &str) {
    let office = sku("ENTERPRISEPREMIUM", "MTP O1 O2");
    let microsoft = Microsoft { subscriptions: Reading::unknown(why), ..tenant(vec![office.clone()]) };
    let (verdict, message) = told(&microsoft, SettingsPage);
    assert_eq!(verdict, (TriState::Unknown, reason));
    assert!(message.contains("ENTERPRISEPREMIUM may be a trial") && message.contains(said), "{message}");
    assert_eq!(eligibility(&microsoft, SettingsPage).why, Some(why));
    let beside = Microsoft { skus: all(vec![office, sku("WIN_DEF_ATP", "E")]), ..microsoft };
    assert_eq!(judge(&beside, SettingsPage), MET, "another licence suffices");
}

#[rstest]
#[case::m365("SPE_E5", "MTP E I C O1 O2", MET)]
#[case::developer("DEVELOPERPACK_E5", "MTP I C O1 O2", MET)]
#[case::without_the_other_three_it_is_office_365("SPE_E5", "MTP O2", NOT_ELIGIBLE)]
#[case::with_endpoint_alone("IDENTITY_THREAT_PROTECTION_FOR_EMS_E5", "MTP E O1 O2", MET)]
#[case::with_identity_alone("X", "O2 I", MET)]
#[case::with_cloud_apps_alone("X", "O2 C", MET)]
#[case::the_unifying_plan_alone("M365_G5_GOV", "MTP", NOT_ELIGIBLE)]
#[case::government_office("G5", "O2_GOV", NOT_ELIGIBLE)]
#[case::a_smaller_edition_makes_no_other_product("X", "O2 MDE_SMB ADALLOM_S_DISCOVERY", NOT_ELIGIBLE)]
fn the_exception_is_for_trials_of_office_365_only(
    #[case] name: &str,
    #[case] plans: &str,
    #[case] expected: (TriState, Reason),
) {
    let bought = sku(name, plans);
    let trial = all(vec![subscription(&bought, Enabled, true)]);
    let microsoft = Microsoft { subscriptions: trial, ..tenant(vec![bought]) };
    assert_eq!(judge(&microsoft, SettingsPage), expected);
}

#[test]
fn a_bundle_whose_other_services_are_switched_off_is_still_no_office_365() {
    let bundle = sku_with("SPE_E5", &[("E", Disabled), ("MTP", Success), ("O2", Success)], Enabled);
    let trial = all(vec![subscription(&bundle, Enabled, true)]);
    let microsoft = Microsoft { subscriptions: trial, ..tenant(vec![bundle]) };
    assert_eq!(judge(&microsoft, SettingsPage), MET);
}

#[rstest]
#[case(Why::NotAsked, Reason::NotAsked, "credentials")]
#[case(Why::NotPermitted, Reason::NotPermitted, "Organization.Read.All")]
#[case(Why::ReadFailed, Reason::ReadFailed, "could not be read")]
#[case(Why::Ambiguous, Reason::Ambiguous, "two things")]
fn licences_that_were_not_read_are_unknown(#[case] why: Why, #[case] reason: Reason, #[case] said: &str) {
    let microsoft = Microsoft { skus: Reading::unknown(why), ..tenant(Vec::new()) };
    for experience in Experience::ALL {
        let (verdict, message) = told(&microsoft, *experience);
        assert_eq!(verdict, (TriState::Unknown, reason));
        assert!(message.contains(said), "{message}");
        let Eligibility { why: found, plans, licensed, .. } = eligibility(&microsoft, *experience);
        assert_eq!((found, plans), (Some(why), vec![]));
        assert!(licensed.values().all(|state| *state == TriState::Unknown));
    }
    assert_eq!(brings_endpoint(&microsoft), Reading::unknown(why));
}

#[test]
fn an_incomplete_list_proves_what_is_in_it_and_no_absence() {
    let read = |plans: &str| Microsoft { skus: part(vec![sku("X", plans)]), ..tenant(Vec::new()) };
    assert_eq!(judge(&read("E I C O2"), WelcomePage), MET);
    assert_eq!(judge(&read("E I C"), WelcomePage), READ_FAILED);
    assert_eq!(judge(&read("E"), SettingsPage), MET);
    for experience in Experience::ALL {
        assert_eq!(judge(&read("O1"), *experience), READ_FAILED);
    }
    let gone = Microsoft { skus: part(vec![sku_with("X", &[("E", Success)], Suspended)]), ..tenant(Vec::new()) };
    assert_eq!(judge(&gone, DefenderPortal), READ_FAILED, "another licence may suffice");
    let doubtful = Microsoft {
        skus: part(vec![sku_with("X", &[("E", ProvisioningStatus::Error)], Enabled)]),
        ..tenant(Vec::new())
    };
    assert_eq!(eligibility(&doubtful, DefenderPortal).why, Some(Why::ReadFailed));
    let licensed = eligibility(&read("E"), DefenderPortal).licensed;
    let found = Service::ALL.iter().map(|service| licensed[service]).collect::<Vec<_>>();
    assert_eq!(found, [TriState::True, TriState::Unknown, TriState::Unknown, TriState::Unknown]);
    assert_eq!(brings_endpoint(&read("I")), Reading::unknown(Why::ReadFailed));
    assert!(brings_endpoint(&read("MDE_LITE")).is_true());
}

#[test]
fn a_doubt_that_may_pass_stands_before_one_that_stays() {
    let skus = vec![sku("ENTERPRISEPREMIUM", "MTP O2"), sku_with("X", &[("E", ProvisioningStatus::Error)], Enabled)];
    for (why, shown) in [
        (Why::ReadFailed, Why::ReadFailed),
        (Why::NotPermitted, Why::NotPermitted),
        (Why::NotAsked, Why::Ambiguous),
        (Why::Ambiguous, Why::Ambiguous),
    ] {
        let microsoft = Microsoft { subscriptions: Reading::unknown(why), ..tenant(skus.clone()) };
        assert_eq!(eligibility(&microsoft, SettingsPage).why, Some(shown));
    }
}

#[test]
fn what_is_certainly_missing_in_march_outweighs_a_doubt() {
    let plans = [("E", ProvisioningStatus::Error), ("I", Success), ("C", Success)];
    assert_eq!(judge(&tenant(vec![sku_with("X", &plans, Enabled)]), WelcomePage), NOT_ELIGIBLE);
    let plans = [("E", ProvisioningStatus::Error), ("I", Success), ("C", Success), ("O2", Success)];
    let (verdict, message) = told(&tenant(vec![sku_with("X", &plans, Enabled)]), WelcomePage);
    assert_eq!(verdict, AMBIGUOUS);
    assert!(message.contains("not known: provisioning Defender ATP in X failed."), "{message}");
}

#[test]
fn names_and_part_numbers_are_never_matched() {
    let named = SubscribedSku { plans: Vec::new(), ..sku("SPE_E5", "") };
    let foreign = SkuPlan { id: "WINDEFATP".to_owned(), provisioning: Success };
    let foreign = SubscribedSku { plans: vec![foreign], ..sku("ATA", "") };
    // The id of the SKU of Defender for Identity, where a plan should be.
    let clash = SkuPlan { id: "98defdf7-f6c1-44f5-a1f6-943b6764e7a5".to_owned(), provisioning: Success };
    let clash = SubscribedSku { plans: vec![clash], ..sku("ATA", "") };
    let microsoft = tenant(vec![named, foreign, clash]);
    for experience in Experience::ALL {
        assert_eq!(judge(&microsoft, *experience), NOT_ELIGIBLE);
    }
    let upper = SkuPlan { id: id("E").to_uppercase(), provisioning: Success };
    let upper = SubscribedSku { plans: vec![upper], ..sku("X", "") };
    assert_eq!(judge(&tenant(vec![upper]), SettingsPage), MET, "ids without regard to case");
}

#[test]
fn the_plans_that_count_are_listed_once_and_sorted() {
    let microsoft = tenant(vec![sku("SPE_E5", "MTP E I C O1 O2"), sku("WIN_DEF_ATP", "E"), sku("SPB", "MDE_SMB")]);
    let listed = |experience| eligibility(&microsoft, experience).plans;
    let ids = |plans: &str| plans.split(' ').map(|plan| id(plan).to_owned()).collect::<Vec<_>>();
    assert_eq!(listed(WelcomePage), ids("I C E O2"));
    assert_eq!(listed(SettingsPage), ids("I C E O2 MTP"));
    assert_eq!(listed(DefenderPortal), ids("I C E O2 MTP MDE_SMB"));
}

#[test]
fn a_long_list_and_foreign_text_are_bounded() {
    let skus = (0..20).map(|n| sku(&format!("{n:02}\u{202e}\n{}", "x".repeat(300)), "MTP E I C O2")).collect();
    let (_, message) = told(&tenant(skus), DefenderPortal);
    assert!(message.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{message}");
    assert!(message.contains("more"), "{message}");
    let short = (0..20).map(|n| sku(&format!("S{n:02}"), "E")).collect();
    let (_, message) = told(&tenant(short), DefenderPortal);
    assert!(message.ends_with("S05: Defender for Endpoint; and 14 more"), "{message}");
    let failing: Vec<_> = (0..20)
        .map(|n| sku_with(&format!("{n:02}{}", "x".repeat(300)), &[("E", Disabled), ("I", Disabled)], Enabled))
        .collect();
    for experience in Experience::ALL {
        told(&tenant(failing.clone()), *experience);
    }
}

fn skus() -> impl Strategy<Value = Vec<SubscribedSku>> {
    let plans =
        proptest::sample::select(vec!["MTP", "E", "I", "C", "O2", "O1", "MDE_SMB", "ADALLOM_S_DISCOVERY", "O2_GOV"]);
    let plans = proptest::collection::vec((plans, proptest::sample::select(ProvisioningStatus::ALL)), 0..5);
    let sku = (0..4_usize, plans, proptest::sample::select(CapabilityStatus::ALL))
        .prop_map(|(name, plans, capability)| sku_with(["A", "B", "C", "D"][name], &plans, capability));
    proptest::collection::vec(sku, 0..5)
}

fn worlds() -> impl Strategy<Value = (Microsoft, Experience)> {
    let subscription = (0..4_usize, proptest::sample::select(CapabilityStatus::ALL), any::<bool>())
        .prop_map(|(name, status, is_trial)| subscription(&sku(["A", "B", "C", "D"][name], ""), status, is_trial));
    let whys = proptest::sample::select(vec![Why::NotAsked, Why::NotPermitted, Why::ReadFailed]);
    let subscriptions = prop_oneof![
        1 => whys.prop_map(Reading::unknown),
        4 => (proptest::collection::vec(subscription, 0..6), any::<bool>())
            .prop_map(|(items, is_complete)| if is_complete { all(items) } else { part(items) }),
    ];
    let experiences = proptest::sample::select(Experience::ALL);
    (skus(), subscriptions, prop::bool::weighted(0.8), experiences).prop_map(
        |(skus, subscriptions, is_complete, experience)| {
            let skus = if is_complete { all(skus) } else { part(skus) };
            (Microsoft { skus, subscriptions, ..tenant(Vec::new()) }, experience)
        },
    )
}

fn items(microsoft: &mut Microsoft) -> &mut Vec<SubscribedSku> {
    let Reading::Known { value, .. } = &mut microsoft.skus else { panic!("not read") };
    &mut value.items
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_skus_plans_and_subscriptions_is_irrelevant((mut microsoft, experience) in worlds(), by in 0..5_usize) {
        let before = eligibility(&microsoft, experience);
        let skus = items(&mut microsoft);
        skus.reverse();
        for sku in skus {
            sku.plans.reverse();
            let count = sku.plans.len().max(1);
            sku.plans.rotate_left(by % count);
        }
        if let Reading::Known { value, .. } = &mut microsoft.subscriptions {
            value.items.reverse();
        }
        prop_assert_eq!(eligibility(&microsoft, experience), before);
    }

    #[test]
    fn another_licence_in_force_never_takes_eligibility_away((mut microsoft, experience) in worlds(), more in skus()) {
        let before = eligibility(&microsoft, experience);
        let endpoint = brings_endpoint(&microsoft);
        // A SKU of its own, so that it does not share the subscriptions of another.
        let more = more.into_iter().map(|sku| SubscribedSku { id: "new".to_owned(), capability: Enabled, ..sku });
        items(&mut microsoft).extend(more);
        let after = eligibility(&microsoft, experience);
        if before.verdict.status == TriState::True {
            prop_assert_eq!(after.verdict.status, TriState::True);
        }
        prop_assert!(before.plans.iter().all(|plan| after.plans.contains(plan)));
        prop_assert!(!endpoint.is_true() || brings_endpoint(&microsoft).is_true());
        for (service, licensed) in before.licensed {
            prop_assert!(licensed != TriState::True || after.licensed[&service] == TriState::True);
        }
    }

    #[test]
    fn false_needs_a_complete_list((mut microsoft, experience) in worlds()) {
        let Reading::Known { value, .. } = &mut microsoft.skus else { panic!("not read") };
        value.is_complete = false;
        let found = told(&microsoft, experience).0;
        prop_assert_ne!(found.0, TriState::False);
        prop_assert!(!brings_endpoint(&microsoft).is_false());
    }
}
