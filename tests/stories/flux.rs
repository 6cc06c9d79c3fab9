//! Do the expressions of `deploy/flux` conclude from every object what Flux concludes without them?
//!
//! They are judged in Flux's order: generation, `inProgress`, `failed`, `current`; an error is none of these and keeps
//! Flux waiting until its time is over. Source: fluxcd/pkg, `runtime/cel/status_evaluator.go`.

use cel::{Context, Program, Value as CelValue};
use serde_json::Value;

use crate::kstatus::{KStatus, kstatus};
use crate::rows::{Row, of_all_stories, of_the_health_test};

/// The two documents of the sample.
fn sample() -> Vec<Value> {
    let text = include_str!("../../deploy/flux/tenants.yaml");
    text.split("\n---\n").map(|document| serde_yaml::from_str(document).unwrap()).collect()
}

/// What the Kustomization of the sample says about resources of this kind.
fn expressions() -> Value {
    let [_, kustomization] = &sample()[..] else { panic!("a source and a Kustomization") };
    let all = kustomization["spec"]["healthCheckExprs"].as_array().unwrap();
    let [ours] = &all[..] else { panic!("for one kind") };
    ours.clone()
}

fn is_true(expression: &Value, object: &Value) -> bool {
    let program = Program::compile(expression.as_str().unwrap()).unwrap();
    let mut context = Context::default();
    for (name, value) in object.as_object().unwrap() {
        context.add_variable_from_value(name.as_str(), cel::to_value(value).unwrap());
    }
    match program.execute(&context) {
        Ok(CelValue::Bool(answer)) => answer,
        other => panic!("{expression} of {object:#}: {other:?}"),
    }
}

fn concluded(expressions: &Value, object: &Value) -> KStatus {
    let observed = &object["status"]["observedGeneration"];
    if !observed.is_null() && *observed != object["metadata"]["generation"] {
        return KStatus::InProgress;
    }
    let order = [("inProgress", KStatus::InProgress), ("failed", KStatus::Failed), ("current", KStatus::Current)];
    let first = order.into_iter().find(|(name, _)| is_true(&expressions[*name], object));
    first.map_or(KStatus::InProgress, |(_, status)| status)
}

#[test]
fn the_expressions_conclude_what_flux_concludes_without_them() {
    let expressions = expressions();
    assert_eq!(expressions["apiVersion"], "threatprotection.dev/v1alpha1");
    assert_eq!(expressions["kind"], "ThreatProtectionTenant");
    let stories = of_all_stories();
    let edited: Vec<Row> = stories.iter().map(Row::edited).collect();
    for row in stories.into_iter().chain(edited).chain(of_the_health_test()) {
        // The expressions have no word for it; both go on waiting.
        let expected = match kstatus(&row.object) {
            KStatus::Terminating => KStatus::InProgress,
            other => other,
        };
        assert_eq!(concluded(&expressions, &row.object), expected, "{}", row.name);
    }
}

/// The change that `deploy/docs/gitops.md` and the sample itself name.
#[test]
fn a_person_can_be_waited_for_instead() {
    let mut patient = expressions();
    let failed = patient["failed"].as_str().unwrap().trim_end().trim_end_matches(')').to_owned();
    patient["failed"] = format!("{failed} && c.reason != 'ActionRequired')").into();
    for row in of_the_health_test() {
        let expected = match (row.name.as_str(), row.kstatus) {
            ("a-person-must-act", _) | (_, KStatus::Terminating) => KStatus::InProgress,
            (_, other) => other,
        };
        assert_eq!(concluded(&patient, &row.object), expected, "{}", row.name);
    }
}

#[test]
fn the_kustomization_waits_for_resources_from_its_own_source() {
    let [source, kustomization] = &sample()[..] else { panic!("a source and a Kustomization") };
    let spec = &kustomization["spec"];
    assert_eq!(spec["wait"], true);
    assert!(spec["timeout"].is_string());
    assert_eq!(spec["sourceRef"]["kind"], source["kind"]);
    assert_eq!(spec["sourceRef"]["name"], source["metadata"]["name"]);
    assert_eq!(kustomization["metadata"]["namespace"], source["metadata"]["namespace"]);
}
