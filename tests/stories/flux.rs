//! Do the expressions of `deploy/flux` conclude from every object what Flux concludes without them?

use serde_json::Value;

use crate::flux_cd::{healths, kustomization, sample};
use crate::kstatus::{KStatus, kstatus};
use crate::rows::{Row, objects, of_all_stories, of_the_health_test};

/// What the Kustomization of the sample says about resources of this kind.
fn expressions(kustomization: &mut Value) -> &mut Value {
    let all = kustomization["spec"]["healthCheckExprs"].as_array_mut().unwrap();
    let [ours] = &mut all[..] else { panic!("for one kind") };
    ours
}

/// The expressions have no word for what is being deleted; with them and without, Flux goes on waiting.
fn in_their_words(status: KStatus) -> KStatus {
    if status == KStatus::Terminating { KStatus::InProgress } else { status }
}

#[test]
fn the_expressions_conclude_what_flux_concludes_without_them() {
    let stories = of_all_stories();
    let edited: Vec<Row> = stories.iter().map(Row::edited).collect();
    let rows: Vec<Row> = stories.into_iter().chain(edited).chain(of_the_health_test()).collect();
    let concluded = healths(&kustomization(), &objects(&rows));
    assert_eq!(concluded.len(), rows.len());
    for (row, concluded) in rows.iter().zip(concluded) {
        assert_eq!(concluded, format!("{:?}", in_their_words(kstatus(&row.object))), "{}", row.name);
    }
}

/// The change that `deploy/docs/gitops.md` and the sample itself name.
#[test]
fn a_person_can_be_waited_for_instead() {
    let mut patient = kustomization();
    let expressions = expressions(&mut patient);
    let failed = expressions["failed"].as_str().unwrap().trim_end().trim_end_matches(')').to_owned();
    expressions["failed"] = format!("{failed} && c.reason != 'ActionRequired')").into();
    let rows = of_the_health_test();
    for (row, concluded) in rows.iter().zip(healths(&patient, &objects(&rows))) {
        let expected = match row.name.as_str() {
            "a-person-must-act" => KStatus::InProgress,
            _ => in_their_words(row.kstatus),
        };
        assert_eq!(concluded, format!("{expected:?}"), "{}", row.name);
    }
}

/// What would be the matter with an expression is told, and is none of the words that the tests above expect.
#[test]
fn an_expression_that_cannot_be_told_leaves_it_unknown() {
    let mut faulty = kustomization();
    expressions(&mut faulty)["failed"] = "status.nothing.here == 1".into();
    let rows = of_the_health_test();
    let converged = rows.iter().find(|row| row.name == "converged").unwrap();
    let concluded = healths(&faulty, std::slice::from_ref(&converged.object)).remove(0);
    assert!(concluded.starts_with("Unknown: ") && concluded.contains("nothing"), "{concluded}");
}

#[test]
fn the_kustomization_waits_for_resources_from_its_own_source() {
    let [source, kustomization] = &sample();
    let spec = &kustomization["spec"];
    assert_eq!(spec["wait"], true);
    assert!(spec["timeout"].is_string());
    assert_eq!(spec["sourceRef"]["kind"], source["kind"]);
    assert_eq!(spec["sourceRef"]["name"], source["metadata"]["name"]);
    assert_eq!(kustomization["metadata"]["namespace"], source["metadata"]["namespace"]);
}
