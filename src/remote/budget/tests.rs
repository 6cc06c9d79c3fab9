//! Accounts of several tenants on one clock that the tests move.

use std::num::NonZeroU32;

use rstest::rstest;

use super::*;

fn payer(number: u32) -> Payer {
    Payer { tenant: format!("8d3f2f3e-5a53-4c8e-9c3e-{number:012x}").parse().unwrap(), client_id: "app".to_owned() }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_768_000_000 + seconds).unwrap()
}

fn seconds(wait: i64) -> SignedDuration {
    SignedDuration::from_secs(wait)
}

fn taken(budget: &Budget, payer: &Payer, now: Timestamp) -> u32 {
    let mut count = 0;
    while budget.take(payer, (Api::Graph, NonZeroU32::MIN), now).is_ok() {
        count += 1;
        assert!(count < 1000, "no limit");
    }
    count
}

#[test]
fn thirty_at_once_and_one_every_two_seconds() {
    let (budget, one) = (Budget::default(), payer(1));
    assert_eq!(taken(&budget, &one, at(0)), 30);
    let held = budget.take(&one, (Api::Graph, NonZeroU32::MIN), at(0)).unwrap_err();
    assert_eq!(held, HeldBack { until: at(24), is_asked_for: false }, "a full observation fits then");
    assert_eq!(taken(&budget, &one, at(2)), 1);
    assert_eq!(taken(&budget, &one, at(22)), 10);
    assert_eq!(taken(&budget, &one, at(1000)), 30, "no more than the burst comes back");
    assert!(budget.take(&one, (Api::Graph, NonZeroU32::MIN), at(5)).is_err(), "a clock that goes back brings nothing");
}

#[test]
fn one_tenant_never_slows_another_nor_one_application_another() {
    let budget = Budget::default();
    let (one, other) = (payer(1), payer(2));
    let same_tenant = Payer { client_id: "other".to_owned(), ..payer(1) };
    assert_eq!(taken(&budget, &one, at(0)), 30);
    budget.refused(&one, Api::Graph, Some(seconds(600)), at(0));
    assert_eq!(taken(&budget, &other, at(0)), 30);
    assert_eq!(taken(&budget, &same_tenant, at(0)), 30);
}

#[test]
fn a_429_holds_one_api_as_long_as_it_says() {
    let (budget, one) = (Budget::default(), payer(1));
    assert_eq!(budget.refused(&one, Api::Graph, Some(seconds(120)), at(0)).until, at(120));
    let held = HeldBack { until: at(120), is_asked_for: true };
    assert_eq!(budget.take(&one, (Api::Graph, NonZeroU32::MIN), at(119)), Err(held));
    assert_eq!(budget.take(&one, (Api::Arm, NonZeroU32::MIN), at(0)), Ok(()));
    assert_eq!(budget.take(&one, (Api::Graph, NonZeroU32::MIN), at(120)), Ok(()));
}

#[rstest]
#[case::negative(Some(seconds(-5)), 5)]
#[case::absent(None, 5)]
#[case::zero(Some(seconds(0)), 1)]
#[case::said(Some(seconds(7)), 7)]
fn the_wait_after_a_first_429(#[case] said: Option<SignedDuration>, #[case] wait: i64) {
    assert_eq!(Budget::default().refused(&payer(1), Api::Graph, said, at(0)).until, at(wait));
}

#[test]
fn without_retry_after_the_wait_doubles_up_to_five_minutes_and_starts_anew_after_a_success() {
    let (budget, one) = (Budget::default(), payer(1));
    let mut now = at(0);
    for wait in [5, 10, 20, 40, 80, 160, 300, 300, 300] {
        let until = budget.refused(&one, Api::Graph, None, now).until;
        assert_eq!(until.duration_since(now), SignedDuration::from_secs(wait));
        now = until;
    }
    budget.answered(&one, Api::Graph, None, now);
    assert_eq!(budget.refused(&one, Api::Graph, None, now).added, SignedDuration::from_secs(5));
}

#[test]
fn a_429_that_says_how_long_does_not_lengthen_the_next_wait() {
    let (budget, one) = (Budget::default(), payer(1));
    let mut now = at(0);
    for _ in 0..6 {
        now = budget.refused(&one, Api::Graph, Some(seconds(2)), now).until;
    }
    assert_eq!(budget.refused(&one, Api::Graph, None, now).added, SignedDuration::from_secs(5));
}

#[test]
fn answers_to_requests_of_one_moment_count_once() {
    let (budget, one) = (Budget::default(), payer(1));
    for _ in 0..8 {
        assert_eq!(budget.refused(&one, Api::Graph, None, at(0)).until, at(5));
    }
    budget.answered(&one, Api::Graph, None, at(1));
    assert!(
        budget.take(&one, (Api::Graph, NonZeroU32::MIN), at(1)).is_err(),
        "an answer that was under way frees nothing"
    );
    assert_eq!(budget.refused(&one, Api::Graph, Some(seconds(60)), at(1)).until, at(61), "the longer wait holds");
    assert_eq!(budget.refused(&one, Api::Graph, Some(seconds(2)), at(1)).until, at(61), "the longer wait holds");
    assert_eq!(budget.refused(&one, Api::Graph, None, at(61)).added, SignedDuration::from_secs(10));
}

#[test]
fn the_smallest_share_is_told() {
    let budget = Budget::default();
    let graph = |now| budget.left(now).remove(&Api::Graph).unwrap();
    assert_eq!(graph(at(0)), Left { share: 1.0, held_back: 0 });
    for _ in 0..15 {
        budget.take(&payer(1), (Api::Graph, NonZeroU32::MIN), at(0)).unwrap();
    }
    budget.take(&payer(2), (Api::Graph, NonZeroU32::MIN), at(0)).unwrap();
    assert!((graph(at(0)).share - 0.5).abs() < 1e-9);
    assert!((graph(at(6)).share - 0.6).abs() < 1e-9, "three came back");
    budget.answered(&payer(2), Api::Graph, Some(0.9), at(60));
    budget.answered(&payer(2), Api::Graph, Some(0.85), at(61));
    assert!((graph(at(62)).share - 0.1).abs() < 1e-9, "the highest counts");
    assert!((graph(at(120)).share - 1.0).abs() < 1e-9, "for a minute");
    budget.answered(&payer(2), Api::Graph, Some(1.8), at(120));
    assert_eq!(graph(at(120)), Left { share: 0.0, held_back: 0 });
    budget.refused(&payer(1), Api::Graph, Some(seconds(30)), at(300));
    assert_eq!(graph(at(301)), Left { share: 0.0, held_back: 1 });
    assert_eq!(budget.left(at(301)).get(&Api::Arm), Some(&Left { share: 1.0, held_back: 0 }));
    assert_eq!(graph(at(331)), Left { share: 1.0, held_back: 0 });
}

#[test]
fn idle_accounts_are_forgotten_and_there_is_a_most() {
    let budget = Budget::default();
    for number in 0..20_005 {
        budget.take(&payer(number), (Api::Graph, NonZeroU32::MIN), at(i64::from(number / 10))).unwrap();
    }
    let count = || budget.locked().of.len();
    assert!(count() <= MOST_ACCOUNTS);
    assert!(!budget.locked().of.contains_key(&payer(0)) && budget.locked().of.contains_key(&payer(20_004)));
    budget.take(&payer(1), (Api::Graph, NonZeroU32::MIN), at(40_000)).unwrap();
    assert_eq!(count(), 1);
}
