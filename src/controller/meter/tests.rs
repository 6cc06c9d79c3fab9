use prometheus_client::encoding::text;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::controller::census::Facts;
use crate::controller::glimpse::Glimpse;
use crate::controller::object::Text;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn status(conditions: &[(&str, &str, &str, &str)]) -> ThreatProtectionTenantStatus {
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(kind, status, reason, since)| {
            json!({"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": since})
        })
        .collect();
    let pending = json!({
        "step": "Enable", "role": "", "link": "", "instructions": "", "verifiedBy": "",
        "sinceTime": "2026-01-01T00:00:00Z",
    });
    serde_json::from_value(json!({"conditions": conditions, "pendingActions": [pending]})).unwrap()
}

fn shown(meter: &Meter) -> String {
    let mut registry = Registry::default();
    meter.register(&mut registry);
    let mut shown = String::new();
    text::encode(&mut shown, &registry).unwrap();
    shown
}

#[track_caller]
fn assert_shows(meter: &Meter, lines: &[&str]) {
    let shown = shown(meter);
    for line in lines {
        assert!(shown.lines().any(|one| one == *line), "{line}\n{shown}");
    }
}

#[test]
fn passes_are_counted_by_how_they_end() {
    let meter = Meter::default();
    let (first, second) = (meter.begin(), meter.clone().begin());
    assert_ne!(first.number(), second.number());
    assert_eq!(meter.in_flight(), 2);
    first.end(&Ok(()));
    second.end::<()>(&Err(ReconcileError::Changed));
    // A pass that is cut off ends in no way at all.
    drop(meter.begin());
    assert_shows(
        &meter,
        &[
            "reconciles_total{result=\"ok\"} 1",
            "reconciles_total{result=\"changed\"} 1",
            "reconciles_total{result=\"cluster\"} 0",
            "reconcile_duration_seconds_count 2",
            "reconciles_in_flight 0",
            "leader 0",
        ],
    );
    meter.leads(true);
    assert_shows(&meter, &["leader 1"]);
}

#[test]
fn writes_events_and_ends_are_counted() {
    let meter = Meter::default();
    meter.wrote(&Ok(()));
    meter.wrote::<()>(&Err(ReconcileError::Changed));
    meter.wrote::<()>(&Err(ReconcileError::Gone));
    meter.told(false);
    meter.released(at("2026-01-01T00:00:00Z"), false, at("2026-01-01T00:01:00Z"));
    meter.released(at("2026-01-01T00:00:00Z"), true, at("2026-01-01T00:00:00Z"));
    assert_shows(
        &meter,
        &[
            "status_writes_total{result=\"written\"} 1",
            "status_writes_total{result=\"conflict\"} 1",
            "status_writes_total{result=\"failed\"} 1",
            "events_total{result=\"dropped\"} 1",
            "time_to_delete_seconds_sum 60.0",
            "tenants_left_behind_total 1",
            "steps_total{step=\"Enable\",actor=\"Broker\",result=\"done\"} 0",
            "steps_total{step=\"Link\",actor=\"Arm\",result=\"permission\"} 0",
        ],
    );
}

const CREATED: &str = "2026-01-01T00:00:00Z";

#[rstest]
#[case::at_once(&[], "True", true)]
#[case::after_a_day_of_waiting(&[("Ready", "False", "ActionRequired", "2026-01-01T00:00:02Z")], "True", true)]
#[case::not_yet(&[("Ready", "False", "ActionRequired", "2026-01-01T00:00:02Z")], "False", false)]
#[case::ready_as_before(&[("Ready", "True", "Enabled", "2026-01-01T00:00:02Z")], "True", false)]
#[case::set_back_later(&[("Ready", "False", "Drifted", "2026-03-01T00:00:00Z")], "True", false)]
fn only_the_first_time_that_a_tenant_is_ready_counts(
    #[case] old: &[(&str, &str, &str, &str)],
    #[case] ready: &str,
    #[case] counts: bool,
) {
    let meter = Meter::default();
    let now = "2026-01-02T00:00:00Z";
    let (old, new) = (status(old), status(&[("Ready", ready, "Enabled", now)]));
    meter.concluded(at(CREATED), (Some(&old), &new), at(now));
    let expected = if counts { "time_to_ready_seconds_sum 86400.0" } else { "time_to_ready_seconds_sum 0.0" };
    assert_shows(&meter, &[expected]);
}

#[test]
fn drift_is_counted_when_it_is_found_and_not_while_it_lasts() {
    let meter = Meter::default();
    let fine = status(&[("InSync", "True", "Met", CREATED)]);
    let drifted = status(&[("InSync", "False", "Drifted", CREATED)]);
    for change in [(None, &fine), (Some(&fine), &drifted), (Some(&drifted), &drifted), (Some(&drifted), &fine)] {
        meter.concluded(at(CREATED), change, at(CREATED));
    }
    assert_shows(&meter, &["drift_found_total 1"]);
}

fn facts(status: &ThreatProtectionTenantStatus) -> Facts {
    Facts::of(Glimpse::of(&Text::from(&serde_json::to_value(status).unwrap())), true)
}

#[test]
fn what_is_seen_in_the_cluster_is_gathered_when_it_is_asked_for() {
    let meter = Meter::default();
    assert!(!shown(&meter).contains("resources"), "nothing is known yet");
    meter.gather(|| {
        let mut census = Census::default();
        (census.queued, census.backing_off) = (4, 1);
        let stalled = ("Stalled", "True", "CredentialsInvalid", CREATED);
        let foreign = [("Ready", "False", "Invented: c0ffee", CREATED), ("Secret", "True", "Secret", CREATED)];
        census.count(&facts(&status(&[stalled])), at("2026-01-01T01:00:00Z"));
        census.count(&facts(&status(&foreign)), at("2026-01-01T01:00:00Z"));
        let blank = |is_readable| Facts::of(Glimpse::default(), is_readable).deleted(Some(at(CREATED)));
        census.count(&blank(true), at("2026-01-01T00:00:05Z"));
        census.count(&blank(false), at("2026-01-01T00:00:02Z"));
        census
    });
    assert_shows(
        &meter,
        &[
            "resources 4",
            "deletion_oldest_seconds 5.0",
            "resources_unreadable 1",
            "queue_depth 4",
            "resources_backing_off 1",
            "tenants{condition=\"Stalled\",status=\"True\",reason=\"CredentialsInvalid\"} 1",
            "tenants{condition=\"Ready\",status=\"False\",reason=\"other\"} 1",
            "hand_offs_open{step=\"Enable\"} 2",
            "hand_offs_open{step=\"Attest\"} 0",
            "hand_off_oldest_seconds{step=\"Enable\"} 3600.0",
        ],
    );
    assert!(!shown(&meter).contains("c0ffee") && !shown(&meter).contains("Secret"));
}
