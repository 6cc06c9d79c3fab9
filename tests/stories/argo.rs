//! Does Argo CD conclude the right thing with the scripts of `deploy/argocd`, and do its settings carry these scripts?
//! `UPDATE=1 cargo test --test stories` rewrites what is printed here, never a script.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::argo_cd::{Health, PENDING_DELETION, SETTINGS, act, actions, acts, health, healths, path, scripted, text};
use crate::is_update;
use crate::kstatus::{KStatus, kstatus};
use crate::rows::{Row, objects, of_all_stories, of_the_health_test};

const KIND: &str = "threatprotection.dev_ThreatProtectionTenant";
const ACTIONS: [&str; 3] = ["reconcile", "suspend", "resume"];
const ANNOTATION: &str = "threatprotection.dev/reconcile-requested-at";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HealthTest {
    health_status: Health,
    input_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ActionTests {
    discovery_tests: Vec<DiscoveryTest>,
    action_tests: Vec<ActionTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DiscoveryTest {
    input_path: String,
    result: Vec<Action>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    name: String,
    disabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ActionTest {
    action: String,
    input_path: String,
    expected_output_path: String,
}

fn read<T: serde::de::DeserializeOwned>(file: &str) -> T {
    serde_yaml::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn assert_committed(path: &Path, printed: &str) {
    if is_update() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, printed).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(committed == printed, "{} is out of date: run UPDATE=1 cargo test --test stories", path.display());
}

#[test]
fn every_story_has_the_health_of_its_row() {
    let mut faults = String::new();
    let rows = of_all_stories();
    for (row, shown) in rows.iter().zip(healths(&objects(&rows))) {
        let found = (kstatus(&row.object), shown.status.as_str(), shown.message.as_str());
        if found != (row.kstatus, row.argo, row.shown()) {
            let _ = writeln!(faults, "{}: {found:?}, expected {:?} {}", row.name, row.kstatus, row.argo);
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn an_edit_that_nobody_has_looked_at_is_progressing_whatever_was_before() {
    let rows: Vec<Row> = of_all_stories().iter().map(Row::edited).collect();
    for (row, shown) in rows.iter().zip(healths(&objects(&rows))) {
        assert_eq!((kstatus(&row.object), shown.status.as_str()), (row.kstatus, row.argo), "{}", row.name);
        let told = if row.kstatus == KStatus::Terminating { PENDING_DELETION } else { "Waiting for the operator" };
        assert_eq!(shown.message, told, "{}", row.name);
    }
}

/// No report says both; kstatus would go on waiting.
#[test]
fn a_good_verdict_beside_work_that_goes_on_is_progressing() {
    let converged = of_the_health_test().into_iter().find(|row| row.name == "converged").unwrap();
    let mut object = converged.object;
    let conditions = object["status"]["conditions"].as_array_mut().unwrap();
    conditions.push(json!({"type": "Reconciling", "status": "True", "reason": "Progressing"}));
    assert_eq!((kstatus(&object), health(&object).status.as_str()), (KStatus::InProgress, "Progressing"));
}

#[test]
fn the_health_test_beside_the_script_holds_and_its_objects_are_what_the_operator_reports() {
    let rows = of_the_health_test();
    for row in &rows {
        let printed = serde_yaml::to_string(&row.object).unwrap();
        assert_committed(&path(&format!("testdata/{}.yaml", row.name)), &printed);
        assert_eq!(kstatus(&row.object), row.kstatus, "{}", row.name);
    }
    let tests = rows.iter().map(|row| {
        let is_looked_at = !["just-applied", "edited"].contains(&row.name.as_str());
        let suspended = row.name == "suspended";
        let message = match (is_looked_at, suspended) {
            (false, _) => "Waiting for the operator",
            (_, true) => "managementPolicy Suspend: the operator neither acts nor looks",
            _ => row.message(),
        };
        json!({
            "inputPath": format!("testdata/{}.yaml", row.name),
            "healthStatus": {"status": row.argo, "message": message},
        })
    });
    let printed = serde_yaml::to_string(&json!({"tests": tests.collect::<Vec<_>>()})).unwrap();
    assert_committed(&path("health_test.yaml"), &printed);

    let tests: BTreeMap<String, Vec<HealthTest>> = read("health_test.yaml");
    let inputs: Vec<Value> = tests["tests"].iter().map(|test| read(&test.input_path)).collect();
    for (test, told) in tests["tests"].iter().zip(scripted(&inputs)) {
        assert_eq!(told, test.health_status, "{}", test.input_path);
    }
    let tested: BTreeSet<_> = tests["tests"].iter().map(|test| test.input_path.clone()).collect();
    let files = fs::read_dir(path("testdata")).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<_> = files.map(|name| format!("testdata/{}", name.to_string_lossy())).collect();
    assert_eq!(tested, files);
}

#[test]
fn the_action_test_beside_the_scripts_holds() {
    let tests: ActionTests = read("actions/action_test.yaml");
    assert!(tests.discovery_tests.len() >= 3 && tests.action_tests.len() >= 4, "the tests were not found");
    for test in tests.discovery_tests {
        let expected: BTreeMap<_, _> = test.result.into_iter().map(|action| (action.name, action.disabled)).collect();
        assert_eq!(actions(&read(&format!("actions/{}", test.input_path))), expected, "{}", test.input_path);
        assert_eq!(expected.len(), ACTIONS.len());
    }
    for test in tests.action_tests {
        let input: Value = read(&format!("actions/{}", test.input_path));
        let mut output = act(&test.action, &input).unwrap().object;
        if let Some(time) = output.pointer_mut("/metadata/annotations").and_then(|all| all.get_mut(ANNOTATION)) {
            let clicked: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
            assert!(clicked > "2026-01-01T00:00:00Z".parse().unwrap(), "{clicked}");
            *time = json!("0001-01-01T00:00:00Z");
        }
        let expected: Value = read(&format!("actions/{}", test.expected_output_path));
        assert_eq!(output, expected, "{} of {}", test.action, test.input_path);
    }
}

#[test]
fn an_action_leaves_everything_else_as_it_was_and_nothing_that_only_observes_begins_to_act() {
    let observed: Value = read("actions/testdata/observed.yaml");
    let refused = act("suspend", &observed).unwrap_err();
    assert!(refused.contains("managementPolicy is Observe"), "{refused}");
    let rows = of_all_stories();
    let outcomes = ACTIONS.map(|name| (name, acts(name, &objects(&rows))));
    for (name, outcomes) in outcomes {
        for (row, outcome) in rows.iter().zip(outcomes) {
            let Ok(acted) = outcome else {
                assert_eq!((name, &row.object["spec"]["managementPolicy"]), ("suspend", &json!("Observe")));
                continue;
            };
            // What is sent changes nothing else either; it would be sent to the status apart.
            let sent: BTreeSet<&str> = acted.patch.as_object().unwrap().keys().map(String::as_str).collect();
            let expected = BTreeSet::from([if name == "reconcile" { "metadata" } else { "spec" }]);
            assert!(sent.is_subset(&expected), "{name}: {}: {}", row.name, acted.patch);
            let (mut input, mut output) = (row.object.clone(), acted.object);
            let (before, after) = (&input["spec"]["managementPolicy"], &output["spec"]["managementPolicy"]);
            assert!(before != "Observe" || after == "Observe", "{name}: {}", row.name);
            for object in [&mut input, &mut output] {
                object["spec"]["managementPolicy"] = Value::Null;
                object["metadata"]["annotations"] = Value::Null;
            }
            assert_eq!(output, input, "{name}: {}", row.name);
        }
    }
}

#[test]
fn the_settings_of_argo_cd_carry_these_scripts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SETTINGS);
    assert_committed(&path, &settings());
    let settings: Value = serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let data: BTreeMap<String, String> = serde_json::from_value(settings["data"].clone()).unwrap();
    assert_eq!(data.len(), 2, "{:?}", data.keys());
    assert_eq!(data[&format!("resource.customizations.health.{KIND}")], text("health.lua"));
    let carried: Value = serde_yaml::from_str(&data[&format!("resource.customizations.actions.{KIND}")]).unwrap();
    let definition = |name: &&str| json!({"name": name, "action.lua": text(&format!("actions/{name}/action.lua"))});
    let definitions: Vec<Value> = ACTIONS.iter().map(definition).collect();
    assert_eq!(carried, json!({"discovery.lua": text("actions/discovery.lua"), "definitions": definitions}));
}

/// The `ConfigMap` that is laid over Argo CD's own.
fn settings() -> String {
    let mut carried = format!("discovery.lua: |\n{}definitions:\n", indented(&text("actions/discovery.lua"), 2));
    for name in ACTIONS {
        let script = indented(&text(&format!("actions/{name}/action.lua")), 6);
        let _ = write!(carried, "  - name: {name}\n    action.lua: |\n{script}");
    }
    format!(
        "# Printed from resource_customizations/; `UPDATE=1 cargo test --test stories` rewrites it.\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n\
         \x20 resource.customizations.health.{KIND}: |\n{}\
         \x20 resource.customizations.actions.{KIND}: |\n{}",
        indented(&text("health.lua"), 4),
        indented(&carried, 4)
    )
}

fn indented(text: &str, columns: usize) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let width = if line.is_empty() { 0 } else { columns };
        let _ = writeln!(all, "{:width$}{line}", "");
        all
    })
}
