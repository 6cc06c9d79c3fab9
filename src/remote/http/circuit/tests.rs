use super::*;

const HOST: &str = "broker.example:443";

fn request(method: Method) -> Request {
    Request::new(method, "https://broker.example/v2/catalog".parse().unwrap())
}

fn unreachable() -> ExchangeError {
    ExchangeError::Unreachable { cause: "refused".to_owned() }
}

fn failed(circuits: &Circuits, times: usize, failure: &ExchangeError, now: Instant) {
    for _ in 0..times {
        circuits.ended((HOST, "one"), Some(failure), now);
    }
}

fn is_admitted(circuits: &Circuits, now: Instant) -> bool {
    circuits.admit(&request(Method::GET), now).is_ok()
}

#[test]
fn a_host_that_cannot_be_reached_is_left_alone_and_says_what_it_said() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    failed(&circuits, FAILURES - 1, &unreachable(), now);
    assert!(is_admitted(&circuits, now));
    failed(&circuits, 1, &unreachable(), now);
    assert_eq!(circuits.admit(&request(Method::GET), now), Err(unreachable()));
    assert_eq!(circuits.admit(&request(Method::POST), now), Err(unreachable()), "tokens and batches only read");
    assert_eq!(circuits.open(), 1);
}

#[test]
fn what_changes_something_is_always_sent() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    failed(&circuits, FAILURES, &unreachable(), now);
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        assert_eq!(circuits.admit(&request(method), now), Ok(()));
    }
}

#[test]
fn other_hosts_are_asked() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    failed(&circuits, FAILURES, &unreachable(), now);
    let other = Request::new(Method::GET, "https://graph.example/v1.0/organization".parse().unwrap());
    assert_eq!(circuits.admit(&other, now), Ok(()));
}

#[test]
fn one_request_is_let_through_to_see_and_an_answer_closes_it() {
    let (circuits, start) = (Circuits::default(), Instant::now());
    failed(&circuits, FAILURES, &unreachable(), start);
    let later = start + FIRST;
    assert!(is_admitted(&circuits, later));
    assert!(!is_admitted(&circuits, later), "one is under way");
    circuits.ended((HOST, "one"), None, later);
    assert!(is_admitted(&circuits, later));
    assert_eq!(circuits.open(), 0);
    failed(&circuits, 1, &unreachable(), later);
    assert!(is_admitted(&circuits, later), "it counts from the beginning");
}

#[test]
fn each_failure_of_one_that_was_let_through_doubles_the_time_up_to_a_limit() {
    let (circuits, start) = (Circuits::default(), Instant::now());
    failed(&circuits, FAILURES, &unreachable(), start);
    let mut now = start;
    for seconds in [2, 4, 8, 16, 30, 30] {
        let almost = now + Duration::from_millis(seconds * 1000 - 1);
        assert!(!is_admitted(&circuits, almost), "{seconds}");
        now += Duration::from_secs(seconds);
        assert!(is_admitted(&circuits, now), "{seconds}");
        failed(&circuits, 1, &unreachable(), now);
    }
}

#[test]
fn late_failures_of_what_was_sent_before_do_not_count_as_tries() {
    let (circuits, start) = (Circuits::default(), Instant::now());
    failed(&circuits, FAILURES + 10, &unreachable(), start);
    assert!(is_admitted(&circuits, start + FIRST));
}

#[test]
fn one_that_was_let_through_and_never_came_back_is_given_up() {
    let (circuits, start) = (Circuits::default(), Instant::now());
    failed(&circuits, FAILURES, &unreachable(), start);
    assert!(is_admitted(&circuits, start + FIRST));
    assert!(!is_admitted(&circuits, start + FIRST + FORGOTTEN / 2));
    assert!(is_admitted(&circuits, start + FIRST + FORGOTTEN));
}

#[test]
fn one_tenant_whose_requests_take_too_long_closes_nobody_elses_way() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    failed(&circuits, 10 * FAILURES, &ExchangeError::Timeout, now);
    assert!(is_admitted(&circuits, now));
    circuits.ended((HOST, "another"), Some(&ExchangeError::Timeout), now);
    assert!(!is_admitted(&circuits, now), "now it is the host");
}

#[test]
fn what_says_nothing_of_the_host_counts_as_an_answer() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    failed(&circuits, FAILURES - 1, &unreachable(), now);
    failed(&circuits, 1, &ExchangeError::TooLarge { limit: super::super::BodyLimit::Broker }, now);
    failed(&circuits, FAILURES - 1, &unreachable(), now);
    assert!(is_admitted(&circuits, now));
}
