//! Each rule of the election, one case a row.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const ME: &str = "pod-a_1";
const NOW: &str = "2026-06-01T12:00:00.5Z";

pub(super) fn settings(identity: &str) -> LeaseSettings {
    LeaseSettings {
        namespace: "home".to_owned(),
        name: "operator".to_owned(),
        identity: identity.to_owned(),
        duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    }
}

fn lease(spec: &Value) -> StoredLease {
    let metadata = json!({"name": "operator", "namespace": "home", "uid": "u", "resourceVersion": "7"});
    let text = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec});
    serde_json::from_value(text).unwrap()
}

/// A Lease that was first seen `seconds` ago.
fn decided(spec: &Value, seconds: u64) -> (Decision, Instant) {
    let since = Instant::now();
    let seen = Sighting { lease: lease(spec), since };
    (decide(Some(&seen), &settings(ME), since + Duration::from_secs(seconds)), since)
}

#[rstest]
#[case::empty(json!({}))]
#[case::given_up(json!({"holderIdentity": "", "leaseDurationSeconds": 15, "renewTime": "2026-06-01T12:00:00.000000Z"}))]
#[case::null(json!({"holderIdentity": null, "leaseDurationSeconds": 2_147_483_647}))]
fn a_lease_without_a_holder_is_free_at_once(#[case] spec: Value) {
    assert_eq!(decided(&spec, 0).0, Decision::Take);
}

#[test]
fn what_is_not_there_is_created() {
    assert_eq!(decide(None, &settings(ME), Instant::now()), Decision::Create);
}

#[rstest]
#[case::fresh(0)]
#[case::expired(100)]
fn what_is_ours_already_is_renewed(#[case] seconds: u64) {
    let spec = json!({"holderIdentity": ME, "leaseDurationSeconds": 15});
    assert_eq!(decided(&spec, seconds).0, Decision::Renew);
}

/// What its holder promised, and how long it is waited for.
#[rstest]
#[case::longer_than_ours(json!(60), 60)]
#[case::shorter_than_ours(json!(5), 5)]
#[case::missing(Value::Null, 15)]
#[case::nothing(json!(0), 15)]
#[case::negative(json!(-1), 15)]
#[case::least(json!(i64::MIN), 15)]
#[case::a_lifetime(json!(i32::MAX), 300)]
#[case::most(json!(i64::MAX), 300)]
fn a_holder_is_waited_for_as_long_as_it_promised(#[case] promise: Value, #[case] seconds: u64) {
    // Its times are of no interest: clocks are not compared.
    for time in ["1970-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "no time"] {
        let spec = json!({
            "holderIdentity": "other", "leaseDurationSeconds": promise, "renewTime": time, "acquireTime": time,
        });
        let (early, since) = decided(&spec, seconds - 1);
        assert_eq!(early, Decision::Wait { until: since + Duration::from_secs(seconds) });
        assert_eq!(decided(&spec, seconds).0, Decision::Take);
    }
}

/// Another pod of the same name is another process.
#[test]
fn the_process_before_in_the_same_pod_is_another() {
    let spec = json!({"holderIdentity": "pod-a_0", "leaseDurationSeconds": 15});
    assert!(matches!(decided(&spec, 0).0, Decision::Wait { .. }));
}

#[rstest]
#[case::renewed("/spec/renewTime", json!("2026-06-01T12:00:00.000001Z"), true)]
#[case::taken("/spec/holderIdentity", json!("third"), true)]
#[case::another_promise("/spec/leaseDurationSeconds", json!(20), true)]
#[case::made_anew("/metadata/uid", json!("v"), true)]
#[case::written_with_a_label("/metadata/resourceVersion", json!("8"), false)]
fn waiting_begins_anew_when_the_holder_shows_itself(#[case] at: &str, #[case] value: Value, #[case] anew: bool) {
    let spec = json!({
        "holderIdentity": "other", "leaseDurationSeconds": 15, "renewTime": "2026-06-01T12:00:00.000000Z",
    });
    let first = Instant::now();
    let seen = sighted(None, Some(lease(&spec)), first).unwrap();
    let mut next = serde_json::to_value(lease(&spec)).unwrap();
    *next.pointer_mut(at).unwrap() = value;
    let next: StoredLease = serde_json::from_value(next).unwrap();
    let later = first + Duration::from_secs(5);
    let seen = sighted(Some(seen), Some(next.clone()), later).unwrap();
    assert_eq!(seen.since, if anew { later } else { first });
    assert_eq!(seen.lease, next, "writes name the version that was read last");
    assert_eq!(sighted(Some(seen), None, later), None);
}

fn written(seen: Option<&StoredLease>) -> Value {
    serde_json::to_value(claimed(seen, &settings(ME), NOW.parse().unwrap())).unwrap()
}

#[test]
fn the_first_lease() {
    let expected = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "operator", "namespace": "home"},
        "spec": {
            "holderIdentity": ME,
            "leaseDurationSeconds": 15,
            "leaseTransitions": 0,
            "acquireTime": "2026-06-01T12:00:00.500000Z",
            "renewTime": "2026-06-01T12:00:00.500000Z",
        },
    });
    assert_eq!(written(None), expected);
}

/// What was stored, and the transitions and times that are written.
#[rstest]
#[case::taken(json!({"holderIdentity": "other", "leaseTransitions": 4, "acquireTime": "2026-06-01T11:00:00.000000Z"}), 5, NOW, NOW)]
#[case::free(json!({"leaseTransitions": 4}), 5, NOW, NOW)]
#[case::never_counted(json!({"holderIdentity": "other"}), 1, NOW, NOW)]
#[case::counted_badly(json!({"holderIdentity": "other", "leaseTransitions": -9}), 0, NOW, NOW)]
#[case::counted_out(json!({"holderIdentity": "other", "leaseTransitions": i32::MAX}), i64::from(i32::MAX), NOW, NOW)]
#[case::renewed(
    json!({"holderIdentity": ME, "leaseTransitions": 4, "acquireTime": "2026-06-01T11:00:00.000000Z", "renewTime": "2026-06-01T11:59:58.000000Z"}),
    4, "2026-06-01T11:00:00Z", NOW
)]
#[case::renewed_by_a_clock_that_was_set_back(
    json!({"holderIdentity": ME, "leaseTransitions": 4, "acquireTime": NOW, "renewTime": "2026-06-01T13:00:00.000000Z"}),
    4, NOW, "2026-06-01T13:00:00.000001Z"
)]
#[case::renewed_after_nonsense(
    json!({"holderIdentity": ME, "leaseTransitions": 4, "acquireTime": NOW, "renewTime": "9999-12-31T23:59:59.999999Z"}),
    4, NOW, NOW
)]
fn what_is_written_into_a_lease(
    #[case] spec: Value,
    #[case] transitions: i64,
    #[case] acquired: &str,
    #[case] renewed: &str,
) {
    let mut spec = spec;
    spec["strategy"] = "OldestEmulationVersion".into();
    let written = written(Some(&lease(&spec)));
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let stored = |name: &str| time(written["spec"][name].as_str().unwrap());
    assert_eq!(written["metadata"]["resourceVersion"], "7", "no write is unconditional");
    assert_eq!(written["metadata"]["uid"], "u");
    assert_eq!(written["spec"]["strategy"], "OldestEmulationVersion", "what we do not know is kept");
    assert_eq!(
        (&written["spec"]["holderIdentity"], &written["spec"]["leaseDurationSeconds"]),
        (&json!(ME), &json!(15))
    );
    assert_eq!(written["spec"]["leaseTransitions"], transitions);
    assert_eq!((stored("acquireTime"), stored("renewTime")), (time(acquired), time(renewed)));
}

#[test]
fn parts_of_a_second_are_promised_in_full() {
    let settings = LeaseSettings { duration: Duration::from_millis(2001), ..settings(ME) };
    assert_eq!(claimed(None, &settings, Timestamp::UNIX_EPOCH).spec.lease_duration_seconds, Some(3));
}

#[test]
fn a_lease_that_is_given_up_has_no_holder_and_is_counted_when_it_is_taken() {
    let held = lease(&json!({"holderIdentity": ME, "leaseTransitions": 4, "leaseDurationSeconds": 15}));
    let free = released(&held, NOW.parse().unwrap());
    let text = serde_json::to_value(&free).unwrap();
    assert!(text["spec"]["holderIdentity"].is_null() && text["metadata"]["resourceVersion"] == "7", "{text}");
    let next = claimed(Some(&free), &settings("other"), NOW.parse().unwrap());
    assert_eq!((next.holder(), next.spec.lease_transitions), (Some("other"), Some(5)));
}
