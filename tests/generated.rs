//! Are the generated files the ones that this code prints? `UPDATE=1 cargo test --test generated` rewrites them. And does what
//! is written by hand beside them, permissions and the recipe of the image, fit the code?

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should end where it stands, also in what tests have in common"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use threat_protection_operator::api::{Look, Reason, custom_resource_definition};
use threat_protection_operator::cli::{crd, explain, metrics, plan};
use threat_protection_operator::config::Part;

#[path = "generated/image.rs"]
mod image;
#[path = "support/kstatus.rs"]
mod kstatus;
#[path = "generated/permissions.rs"]
mod permissions;

use kstatus::KStatus;

#[path = "generated/chart.rs"]
mod chart;

const HEADER: &str =
    "# Printed by `threat-protection-operator crd`; `UPDATE=1 cargo test --test generated` rewrites it.\n";
const DEFINITION: &str = "crds/threatprotectiontenants.yaml";
const DOCS: &str = "deploy/docs";
const CONFIGURATION: &str = "deploy/docs/configuration.md";

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(root(path)).unwrap_or_default()
}

/// Compares a committed file with what is printed, or rewrites it.
fn compare(path: &str, printed: &str) {
    if is_update() {
        fs::create_dir_all(root(path).parent().unwrap()).unwrap();
        fs::write(root(path), printed).unwrap();
    }
    assert!(read(path) == printed, "{path} is out of date: run UPDATE=1 cargo test --test generated");
}

#[test]
fn the_committed_definition_is_the_printed_one() {
    compare(DEFINITION, &format!("{HEADER}{}", crd::yaml().unwrap()));
}

#[test]
fn the_committed_reference_is_that_of_the_definition() {
    compare(&format!("{DOCS}/api.md"), &crd::reference(&custom_resource_definition()));
}

#[test]
fn the_committed_reasons_are_the_catalogue() {
    compare(&format!("{DOCS}/reasons.md"), &explain::markdown());
    for reason in Reason::ALL {
        compare(&format!("{DOCS}/{}/{reason}.md", explain::FOLDER), &explain::page(*reason));
    }
    let folder = root(DOCS).join(explain::FOLDER);
    let pages: BTreeSet<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let reasons: BTreeSet<String> = Reason::ALL.iter().map(|reason| format!("{reason}.md")).collect();
    assert_eq!(pages, reasons);
}

#[test]
fn the_committed_metrics_are_those_of_the_registry() {
    compare(&format!("{DOCS}/metrics.md"), &metrics::markdown().unwrap());
}

/// The stories of the planner: a reason is shown by no condition, and leads to no conclusion, that its page does not name.
#[test]
fn the_catalogue_says_of_every_reason_what_the_planner_makes_of_it() {
    let mut wrong = BTreeSet::new();
    let mut shown = BTreeSet::new();
    for story in fs::read_dir(root("tests/plans")).unwrap() {
        let story = story.unwrap().path();
        let read = |name: &str| fs::read_to_string(story.join(name)).unwrap();
        let manifest: Value = serde_yaml::from_str(&read("resource.yaml")).unwrap();
        let world = read("world.yaml");
        let now = "2026-06-20T09:00:00Z".parse().unwrap();
        for forecast in plan::offline(&read("resource.yaml"), &world, Some("security"), now).unwrap() {
            let told = story.file_name().unwrap().to_string_lossy().into_owned();
            let status = serde_json::to_value(&forecast.status).unwrap();
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            for condition in &conditions {
                let (kind, reason) = (condition["type"].as_str().unwrap(), reason(condition));
                shown.insert(reason.name());
                if !reason.shown_by().iter().any(|known| known.name() == kind) {
                    wrong.insert(format!("{told}: {reason} is shown by {kind}"));
                }
            }
            let is_left_alone = conditions.iter().any(|condition| condition["type"] == "Suspended");
            let Some(ready) = conditions.iter().find(|condition| condition["type"] == "Ready") else { continue };
            let mut object = manifest.clone();
            object["metadata"]["generation"] = status["observedGeneration"].clone();
            object["status"] = status.clone();
            let concluded = format!("{:?}", kstatus::kstatus(&object));
            let known = reason(ready).outlook().conclusions();
            let is_known = known.iter().any(|one| one.kstatus == concluded);
            // Whatever is being deleted is on its way out.
            if !is_known && !is_left_alone && concluded != format!("{:?}", KStatus::Terminating) {
                wrong.insert(format!("{told}: {} leads to {concluded}", reason(ready)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(shown.len() > 30, "the stories show most reasons: {shown:?}");
}

fn reason(condition: &Value) -> Reason {
    let name = condition["reason"].as_str().unwrap();
    *Reason::ALL.iter().find(|reason| reason.name() == name).unwrap()
}

/// Every path in the schema, such as `spec.integrations[].name`.
fn fields() -> BTreeSet<String> {
    fn walk(path: &str, schema: &Value, fields: &mut BTreeSet<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            fields.insert(path.clone());
            walk(&path, field, fields);
            walk(&format!("{path}[]"), &field["items"], fields);
        }
    }
    let definition = serde_json::to_value(custom_resource_definition()).unwrap();
    let mut fields = BTreeSet::new();
    walk("", &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &mut fields);
    fields
}

/// Every word of a kind in the schema, wherever it stands.
fn words<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(key));
            members.values().for_each(|member| words(member, key, found));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| words(entry, key, found)),
        _ => {}
    }
}

#[test]
fn the_reference_leaves_nothing_of_the_schema_out() {
    let page = crd::reference(&custom_resource_definition());
    let fields = fields();
    assert!(fields.len() > 80, "{fields:?}");
    for field in fields.iter().filter(|field| field.starts_with("spec.") || field.starts_with("status.")) {
        assert!(page.contains(&format!("\n### `{field}`\n")), "{field}");
    }
    let definition = serde_json::to_value(custom_resource_definition()).unwrap();
    for key in ["message", "rule", "pattern", "maxLength", "maxItems", "minimum", "maximum", "default"] {
        let mut found = Vec::new();
        words(&definition["spec"]["versions"][0]["schema"], key, &mut found);
        // A field may have such a name.
        for value in found.iter().filter(|value| !value.is_object()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert!(page.contains(value.trim_end_matches(".0")), "{key}: {value}");
        }
        assert!(!found.is_empty(), "{key}");
    }
    assert!(page.contains("### `spec.tenantId`\n\nstring, required, immutable\n"), "{page}");
}

/// What `kubectl get -o jsonpath` is told to print is there to be printed.
#[test]
fn the_commands_of_the_catalogue_name_fields_that_exist() {
    let fields = fields();
    let looks: Vec<Look> = Reason::ALL.iter().flat_map(|reason| reason.looks()).copied().collect();
    let mut seen = 0;
    for look in looks.into_iter().chain([Look::Conditions]) {
        let command = look.command();
        let Some((_, path)) = command.split_once("-o jsonpath='") else { continue };
        let mut list = String::new();
        for part in path.split('{').skip(1) {
            let part = part.split('}').next().unwrap();
            let (is_range, part) = part.strip_prefix("range ").map_or((false, part), |rest| (true, rest));
            let Some(field) = part.strip_prefix('.').filter(|field| !field.starts_with("metadata")) else { continue };
            let field = field.replace("[*]", "[]");
            let whole = if list.is_empty() { field } else { format!("{list}.{field}") };
            assert!(fields.contains(whole.trim_end_matches("[]")), "{command}: {whole}");
            seen += 1;
            if is_range {
                list = whole;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

/// A page that sends its reader nowhere is no help.
#[test]
fn the_links_of_every_page_lead_somewhere() {
    let mut pages = Vec::new();
    for folder in [DOCS, "deploy/docs/reasons", "deploy/image"] {
        pages.extend(fs::read_dir(root(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut links = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        // Code may look like a link.
        let text: String = fs::read_to_string(page).unwrap().split('`').step_by(2).collect();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(page.with_file_name(target).exists(), "{}: {link}", page.display());
                links += 1;
            }
        }
    }
    assert!(links > 100, "{links}");
}

#[test]
fn the_documented_parts_of_the_configuration_are_those_of_the_code() {
    let page = read(CONFIGURATION);
    let told = |part: Part| if part.needs_restart() { "at the next start" } else { "at once" };
    let expected: Vec<String> =
        Part::ALL.iter().map(|part| format!("| `{}` | {} |", part.key(), told(*part))).collect();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), expected.len(), "{CONFIGURATION} has a row for each part");
    for (row, expected) in rows.into_iter().zip(expected) {
        assert!(row.starts_with(&expected), "{CONFIGURATION}: {row}\nshould begin {expected}");
    }
}

/// YAML 1.1 readers, such as kubectl's, take a bare `True` for a boolean.
#[test]
fn the_words_true_and_false_are_quoted() {
    let yaml = crd::yaml().unwrap();
    assert!(yaml.contains("'True'") && yaml.contains("'False'"));
    for line in yaml.lines() {
        let value = line.trim_start().trim_start_matches("- ").trim();
        let bare = ["True", "False", "Yes", "No", "On", "Off", "yes", "no", "on", "off", "y", "n", "Y", "N", "null"];
        assert!(!bare.contains(&value), "{line}");
    }
}

#[test]
fn nothing_is_nullable_and_no_number_is_unsigned() {
    let definition = serde_json::to_string(&custom_resource_definition()).unwrap();
    for artefact in ["\"nullable\"", "null", "\"uint"] {
        assert!(!definition.contains(artefact), "{artefact} remains in the definition");
    }
}

/// The switch of the person at the keyboard; never in CI.
fn is_update() -> bool {
    std::env::var_os("UPDATE").is_some() && std::env::var_os("CI").is_none()
}
