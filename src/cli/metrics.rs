//! `metrics`: every metric that the operator shows, as a page of documentation.
//!
//! The page is made from what a registry shows that holds everything: names, types, units and labels cannot differ from
//! what is served. Only the questions are written down here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};

use super::run::Reloads;
use crate::controller::{Census, Meter};
use crate::ops::metrics::{Metrics, PREFIX};
use crate::ops::probes::Heartbeat;
use crate::remote::meter;

/// The question that each metric answers, by its name without prefix, unit and suffix.
const QUESTIONS: [(&str, &str); 30] = [
    ("build", "Which release runs, and since when did that change?"),
    ("loop_silence", "Does the operator still turn?"),
    ("leader", "Does exactly one replica act?"),
    ("reconciles", "Do passes come to their end?"),
    ("reconcile_duration", "Is a pass slower than it used to be?"),
    ("reconciles_in_flight", "How much of controller.concurrency is in use?"),
    ("queue_depth", "Do resources wait for a free worker?"),
    ("resources_backing_off", "For how many resources does the operator itself fail?"),
    ("resources", "How much is there to look after?"),
    ("resources_unreadable", "Does a resource not fit this release?"),
    ("tenants", "How many tenants are ready, stalled, waiting, and why?"),
    ("hand_offs_open", "What waits for a person?"),
    ("hand_off_oldest", "Has a person forgotten something?"),
    ("time_to_ready", "How long does it take until a new tenant is protected?"),
    ("time_to_delete", "How long does a deletion take?"),
    ("tenants_left_behind", "Was a tenant left on that its resource was to deprovision?"),
    ("deletion_oldest", "Does a deletion hang?"),
    ("drift_found", "Does somebody change tenants by hand?"),
    ("steps", "What does the operator change, and does it succeed?"),
    ("status_writes", "Does the operator write where nothing changes? In steady state it is 0."),
    ("events", "Do people see what happened in the events of a resource?"),
    ("config_reloads", "How often does somebody change the configuration, and is it usable?"),
    ("config_last_reload_success", "Is the configuration in force that stands in the file?"),
    ("config_restart_needed", "Does a changed configuration wait for a restart?"),
    ("remote_requests", "Which API refuses what, and how often?"),
    ("remote_request_duration", "Which API is slow?"),
    ("remote_throttled", "How much time do tenants lose to throttling?"),
    ("remote_budget_left", "How near are the limits of an API?"),
    ("remote_tenants_held_back", "How many tenants wait because of a limit?"),
    ("tokens", "Can the operator sign in?"),
];

/// The page cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The standard output cannot be written to.
    #[error("cannot print the metrics")]
    Print(#[from] io::Error),
    /// A metric cannot be described.
    #[error("cannot describe the metrics")]
    Describe(#[from] std::fmt::Error),
}

/// A metric as its documentation shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The name of its series; of a histogram what stands before `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: String,
    /// What it counts.
    pub help: String,
    /// The question that it answers.
    pub question: &'static str,
    /// The values of each label.
    pub labels: BTreeMap<String, BTreeSet<String>>,
}

impl Description {
    /// The names of its series.
    #[must_use]
    pub fn series(&self) -> Vec<String> {
        match self.kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", self.name)).to_vec(),
            _ => vec![self.name.clone()],
        }
    }
}

/// Prints the page.
pub fn print(output: &mut impl Write) -> Result<(), MetricsError> {
    Ok(output.write_all(markdown()?.as_bytes())?)
}

/// Every metric as a page of documentation.
pub fn markdown() -> Result<String, std::fmt::Error> {
    let mut page = String::from(
        "# Metrics\n\nThe operator serves these at `/metrics` in the text format of OpenMetrics. Labels have fixed values; no tenant,\nnamespace or name is one. `threat-protection-operator metrics` prints this page.\n",
    );
    for Description { name, kind, help, question, labels } in descriptions()? {
        write!(page, "\n## `{name}`\n\n{kind}. {help}\n\n*{question}*\n")?;
        for (index, (label, values)) in labels.iter().enumerate() {
            let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
            writeln!(page, "{}- `{label}`: {}", if index == 0 { "\n" } else { "" }, values.join(", "))?;
        }
    }
    Ok(page)
}

/// Every metric, in the order of the registry.
///
/// # Errors
/// As `Metrics::text`.
pub fn descriptions() -> Result<Vec<Description>, std::fmt::Error> {
    let meter = Meter::default();
    meter.gather(Census::of_everything);
    let metrics = Metrics::new(Heartbeat::default(), |registry| {
        meter.register(registry);
        Reloads::default().register(registry);
        meter::register_sample(registry);
    });
    Ok(read(&metrics.text()?))
}

fn read(text: &str) -> Vec<Description> {
    let mut all: Vec<Description> = Vec::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            all.push(Description { name: name.to_owned(), help: help.to_owned(), ..Description::default() });
        }
        let Some(current) = all.last_mut() else { continue };
        if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kind.clone_into(&mut current.kind);
        } else if let Some(unit) = line.strip_prefix("# UNIT ").and_then(|rest| rest.rsplit(' ').next()) {
            current.question = question(current.name.trim_end_matches(unit).trim_end_matches('_'));
        } else if let Some((_, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            note(&mut current.labels, labels);
        }
    }
    for one in &mut all {
        if one.question.is_empty() {
            one.question = question(&one.name);
        }
        match one.kind.as_str() {
            "counter" => one.name.push_str("_total"),
            "info" => one.name.push_str("_info"),
            _ => {}
        }
    }
    all
}

fn question(name: &str) -> &'static str {
    let name = name.strip_prefix(PREFIX).unwrap_or(name).trim_start_matches('_');
    QUESTIONS.iter().find(|(known, _)| *known == name).map_or("", |(_, question)| question)
}

/// Notes the labels of a series, whose values hold neither quotes nor commas.
fn note(known: &mut BTreeMap<String, BTreeSet<String>>, labels: &str) {
    let labels = labels.split('}').next().unwrap_or_default();
    for (label, value) in labels.split(',').filter_map(|label| label.split_once('=')) {
        // Bounds of a histogram say nothing about what is counted, and the release is another one each time.
        let value = if label == "version" { "the release" } else { value.trim_matches('"') };
        known.entry(label.to_owned()).or_default().insert(value.to_owned());
    }
    known.remove("le");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_answers_a_question_and_every_question_has_its_metric() {
        let descriptions = descriptions().unwrap();
        for one in &descriptions {
            assert!(!one.question.is_empty() && one.help.ends_with('.') && !one.kind.is_empty(), "{one:?}");
        }
        assert_eq!(descriptions.len(), QUESTIONS.len());
        let names: BTreeSet<_> = descriptions.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), descriptions.len(), "names are unique");
    }

    #[test]
    fn names_are_as_prometheus_wants_them() {
        for one in descriptions().unwrap() {
            let is_plain = one.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(is_plain && one.name.starts_with("threat_protection_"), "{one:?}");
            assert_eq!(one.name.ends_with("_total"), one.kind == "counter", "{one:?}");
            for unit in ["milli", "minutes", "hours", "percent"] {
                assert!(!one.name.contains(unit), "{one:?}: base units");
            }
        }
    }
}
