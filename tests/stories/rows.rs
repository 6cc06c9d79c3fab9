//! Objects with the status that the operator would report, each with what the tools must conclude from it.

use std::fs;

use serde_json::{Value, json};
use threat_protection_operator::cli::plan::{Forecast, offline};

use crate::argo_cd::PENDING_DELETION;
use crate::gitops_program::conclusions;
use crate::kstatus::{KStatus, kstatus};
use crate::stories::{NOON, Story, folders};

/// One object, and its row of the table in `deploy/docs/gitops.md`.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The story that it is from, or what it shows.
    pub(crate) name: String,
    /// As the API server would hand it out.
    pub(crate) object: Value,
    /// What kubectl, Flux and Helm conclude.
    pub(crate) kstatus: KStatus,
    /// The health in Argo CD.
    pub(crate) argo: &'static str,
}

impl Row {
    /// What `Ready` says.
    pub(crate) fn message(&self) -> &str {
        let conditions = self.object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
        ready.and_then(|ready| ready["message"].as_str()).unwrap_or_default()
    }

    /// What Argo CD shows beside the health: that it is going, or what `Ready` says.
    pub(crate) fn shown(&self) -> &str {
        if is_deleting(&self.object) { PENDING_DELETION } else { self.message() }
    }

    /// The same object after an edit that nobody has looked at.
    pub(crate) fn edited(&self) -> Self {
        let mut edited = self.clone();
        let generation = self.object["metadata"]["generation"].as_i64().unwrap();
        edited.object["metadata"]["generation"] = json!(generation + 1);
        edited.kstatus = if is_deleting(&self.object) { KStatus::Terminating } else { KStatus::InProgress };
        edited.argo = "Progressing";
        edited
    }
}

/// A row for every story.
pub(crate) fn of_all_stories() -> Vec<Row> {
    let row = |folder: &std::path::PathBuf| {
        let story = Story::tell(folder).unwrap();
        let object = object_of(folder, &story.forecast);
        let is_stalled = story.forecast.condition("Stalled").is_some();
        let (kstatus, argo) = expected(&story.expected.ready, is_stalled, is_deleting(&object));
        Row { name: folder.file_name().unwrap().to_string_lossy().into_owned(), object, kstatus, argo }
    };
    folders().iter().map(row).collect()
}

/// The table, by what `expect.yaml` says of `Ready`.
fn expected(ready: &str, is_stalled: bool, is_deleting: bool) -> (KStatus, &'static str) {
    if is_deleting {
        return (KStatus::Terminating, "Progressing");
    }
    match ready.split_once(' ').unwrap() {
        ("True", _) => (KStatus::Current, "Healthy"),
        (_, "ActionRequired" | "ObserveOnly") => (KStatus::Failed, "Suspended"),
        (_, "Suspended") => (KStatus::InProgress, "Suspended"),
        (_, "Enabling" | "Disabling" | "Deprovisioning" | "Linking" | "Unlinking" | "Verifying" | "Propagating") => {
            (KStatus::InProgress, "Progressing")
        }
        // Tried again, until it has lasted.
        (_, "ProviderUnavailable" | "Throttled") if !is_stalled => (KStatus::InProgress, "Progressing"),
        _ => (KStatus::Failed, "Degraded"),
    }
}

/// The objects beside the health script, by the names of their files.
pub(crate) fn of_the_health_test() -> Vec<Row> {
    let all = of_all_stories();
    let of = |name: &str, story: &str, kstatus: KStatus, argo: &'static str| {
        let found = all.iter().find(|row| row.name == story).unwrap();
        Row { name: name.to_owned(), kstatus, argo, ..found.clone() }
    };
    let converged = of("converged", "broker-already-on", KStatus::Current, "Healthy");
    let mut applied = Row { name: "just-applied".to_owned(), ..converged.edited() };
    applied.object["metadata"]["generation"] = json!(1);
    // The default of the custom resource definition.
    applied.object["status"] = json!({"observedGeneration": -1});
    vec![
        applied,
        of("converging", "the-broker-is-at-work", KStatus::InProgress, "Progressing"),
        of("retrying", "the-broker-does-not-answer", KStatus::InProgress, "Progressing"),
        suspended(&converged),
        Row { name: "edited".to_owned(), ..converged.edited() },
        converged,
        of("a-person-must-act", "hand-off-without-broker", KStatus::Failed, "Suspended"),
        of("observe-only", "observe-tells-what-would-be-done", KStatus::Failed, "Suspended"),
        of("suspended-when-new", "suspended-during-a-migration", KStatus::InProgress, "Suspended"),
        of("wrong-spec", "two-entries-for-one-link", KStatus::Failed, "Degraded"),
        of("no-licence", "office-plan-1-never-qualifies", KStatus::Failed, "Degraded"),
        of("another-region", "region-mismatch", KStatus::Failed, "Degraded"),
        of("no-permission", "the-namespace-is-not-mapped-to-the-tenant", KStatus::Failed, "Degraded"),
        of("no-credentials", "the-secret-does-not-exist", KStatus::Failed, "Degraded"),
        of("deleting", "a-foreign-finalizer-goes-first", KStatus::Terminating, "Progressing"),
        of("deleting-a-person-must-act", "deletion-not-declared", KStatus::Terminating, "Progressing"),
    ]
}

/// What becomes of a converged object that is suspended.
fn suspended(converged: &Row) -> Row {
    let mut object = converged.object.clone();
    object["metadata"]["generation"] = json!(converged.object["metadata"]["generation"].as_i64().unwrap() + 1);
    object["spec"]["managementPolicy"] = json!("Suspend");
    let forecast = offline(&object.to_string(), "broker: {}", None, NOON.parse().unwrap()).unwrap();
    object["status"] = serde_json::to_value(&forecast[0].status).unwrap();
    Row { name: "suspended".to_owned(), object, kstatus: KStatus::InProgress, argo: "Suspended" }
}

/// The resource of a story with the status that would be reported.
fn object_of(folder: &std::path::Path, forecast: &Forecast) -> Value {
    let text = fs::read_to_string(folder.join("resource.yaml")).unwrap();
    let first = text.split("\n---\n").next().unwrap_or_default();
    let mut object: Value = serde_yaml::from_str(first).unwrap();
    object["metadata"]["generation"] = json!(forecast.situation.subject.generation);
    object["status"] = serde_json::to_value(&forecast.status).unwrap();
    object
}

/// The objects of these rows, for a tool that is asked once about all.
pub(crate) fn objects(rows: &[Row]) -> Vec<Value> {
    rows.iter().map(|row| row.object.clone()).collect()
}

fn is_deleting(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// Other tests, and the verdicts of many end-to-end tests, rest on our own reading of the rules.
#[test]
fn the_real_kstatus_concludes_the_same_from_every_row() {
    let stories = of_all_stories();
    let edited: Vec<Row> = stories.iter().map(Row::edited).collect();
    let mut bare = stories[0].clone();
    bare.object["status"] = Value::Null;
    let rows: Vec<Row> = stories.into_iter().chain(edited).chain(of_the_health_test()).chain([bare]).collect();
    let real = conclusions(&objects(&rows));
    assert_eq!(real.len(), rows.len());
    for (row, real) in rows.iter().zip(real) {
        assert_eq!(format!("{:?}", kstatus(&row.object)), real, "{}", row.name);
    }
}
