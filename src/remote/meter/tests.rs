use std::collections::BTreeSet;

use prometheus_client::encoding::text;
use rstest::rstest;

use super::*;

fn answered(status: u16) -> Answer {
    Answer {
        status,
        retry_after: Some(SignedDuration::from_secs(7)),
        request_id: None,
        www_authenticate: None,
        used_share: None,
        is_simulated: false,
        redirect_host: None,
        body: Ok(Vec::new()),
    }
}

fn shown(meter: &Meter) -> String {
    let mut registry = Registry::default();
    meter.register(&mut registry);
    let mut shown = String::new();
    text::encode(&mut shown, &registry).unwrap();
    shown
}

#[rstest]
#[case::fine(Ok(answered(200)), "ok")]
#[case::created(Ok(answered(201)), "ok")]
#[case::redirected(Ok(answered(302)), "protocol")]
#[case::wrong(Ok(answered(400)), "invalid")]
#[case::refused(Ok(answered(401)), "auth")]
#[case::forbidden(Ok(answered(403)), "permission")]
#[case::not_there(Ok(answered(404)), "absent")]
#[case::gone(Ok(answered(410)), "absent")]
#[case::busy(Ok(answered(422)), "invalid")]
#[case::throttled(Ok(answered(429)), "throttled")]
#[case::down(Ok(answered(503)), "transient")]
#[case::late(Err(ExchangeError::Timeout), "transient")]
#[case::too_large(Err(ExchangeError::TooLarge { limit: crate::remote::http::BodyLimit::Broker }), "protocol")]
#[case::cut(Ok(Answer { body: Err(ExchangeError::Timeout), ..answered(200) }), "transient")]
fn how_a_request_ended(#[case] result: Result<Answer, ExchangeError>, #[case] expected: &str) {
    assert_eq!(class(&result), expected);
    assert!(CLASSES.contains(&expected));
}

#[test]
fn requests_are_counted_and_timed() {
    let meter = Meter::default();
    meter.clone().ended(
        Asked::of(crate::remote::call::Operation::Hunting),
        &Ok(answered(200)),
        Duration::from_millis(30),
    );
    meter.ended(Asked::FETCH, &Ok(answered(429)), Duration::from_secs(3));
    let shown = shown(&meter);
    for line in [
        "remote_requests_total{api=\"graph\",operation=\"hunting\",class=\"ok\"} 1",
        "remote_requests_total{api=\"broker\",operation=\"fetch\",class=\"throttled\"} 1",
        "remote_requests_total{api=\"broker\",operation=\"fetch\",class=\"auth\"} 0",
        "remote_request_duration_seconds_bucket{le=\"0.05\",api=\"graph\"} 1",
        "remote_request_duration_seconds_count{api=\"broker\"} 1",
        "remote_throttled_seconds_total{api=\"broker\"} 7.0",
        "remote_throttled_seconds_total{api=\"graph\"} 0.0",
        "tokens_total{result=\"issued\"} 0",
    ] {
        assert!(shown.lines().any(|one| one == line), "{line}\n{shown}");
    }
}

#[test]
fn every_kind_of_request_has_a_name_of_its_own() {
    let names: Vec<_> = Asked::all().map(|asked| (asked.api, asked.operation)).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.iter().all(|(api, _)| APIS.contains(api)));
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(names.iter().all(|(_, operation)| is_plain(operation)), "{names:?}");
}
