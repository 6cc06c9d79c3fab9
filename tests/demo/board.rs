//! What is known of each resource, and how it looks in one line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::screen::{Screen, Tone, clipped, fitted};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::stage::condition;

/// Widths of the columns before the message: name, rules, region, status.
const COLUMNS: [usize; 4] = [15, 10, 6, 15];
/// The longest message outside of a terminal.
const LONGEST: usize = 220;

/// One resource.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: &'static str,
    rules: &'static str,
    /// What the table says.
    pub(crate) face: Face,
    /// As it was last seen; `Null` before that.
    pub(crate) object: Value,
}

/// What is shown of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    /// How it is meant.
    pub(crate) tone: Tone,
    /// The region in status.
    pub(crate) region: String,
    /// The reason of `Ready`.
    pub(crate) status: String,
    /// The message of `Ready`.
    pub(crate) message: String,
}

/// All resources, in the order of the story.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board {
    rows: Vec<Row>,
    places: BTreeMap<&'static str, usize>,
}

impl Board {
    /// Adds a resource that is about to be applied.
    pub(crate) fn add(&mut self, name: &'static str, rules: &'static str) {
        let face = Face {
            tone: Tone::Quiet,
            region: String::new(),
            status: "not yet applied".to_owned(),
            message: String::new(),
        };
        self.places.insert(name, self.rows.len());
        self.rows.push(Row { name, rules, face, object: Value::Null });
    }

    /// The resource, if there is one of this name.
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.get(*self.places.get(name)?)
    }

    /// All resources.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Shows that the API server refused the resource.
    pub(crate) fn refuse(&mut self, name: &str, message: String) -> Option<&Row> {
        let row = self.places.get(name).and_then(|place| self.rows.get_mut(*place))?;
        row.face = Face { tone: Tone::Bad, region: String::new(), status: "refused".to_owned(), message };
        Some(row)
    }

    /// Takes in an object. The row, where it differs in more than its message.
    pub(crate) fn update(&mut self, object: Value) -> Option<&Row> {
        let place = *self.places.get(object["metadata"]["name"].as_str()?)?;
        let row = self.rows.get_mut(place)?;
        let generation = |object: &Value| object["metadata"]["generation"].as_i64();
        // The watch may still tell of a spec that we have replaced.
        if generation(&object) < generation(&row.object) {
            return None;
        }
        let face = face(&object);
        row.object = object;
        let key = |face: &Face| (face.tone, face.region.clone(), face.status.clone());
        let differs = key(&face) != key(&row.face);
        row.face = face;
        if differs { self.rows.get(place) } else { None }
    }

    /// The table.
    pub(crate) fn table(&self, screen: &Screen) -> Vec<String> {
        let [name, rules, region, status] = COLUMNS;
        let heads = format!(
            "  {} {} {} {} {} {}",
            " ".repeat(screen.sign_width()),
            fitted("TENANT", name),
            fitted("RULES", rules),
            fitted("REGION", region),
            fitted("STATUS", status),
            "WHAT THE RESOURCE SAYS"
        );
        let head = screen.paint(Tone::Quiet, &clipped(&heads, screen.width()));
        std::iter::once(head).chain(self.rows.iter().map(|row| row.line(screen))).collect()
    }
}

impl Row {
    /// The resource in one line of the table.
    pub(crate) fn line(&self, screen: &Screen) -> String {
        let [name, rules, region, status] = COLUMNS;
        let Face { tone, region: place, status: word, message } = &self.face;
        let before = 2 + screen.sign_width() + COLUMNS.iter().sum::<usize>() + COLUMNS.len() + 1;
        let width = screen.width().saturating_sub(before).min(LONGEST);
        format!(
            "  {} {} {} {} {} {}",
            screen.sign(*tone),
            fitted(self.name, name),
            screen.paint(Tone::Quiet, &fitted(self.rules, rules)),
            fitted(place, region),
            screen.paint(*tone, &fitted(word, status)),
            clipped(message, width)
        )
        .trim_end()
        .to_owned()
    }
}

fn face(object: &Value) -> Face {
    let ready = condition(object, "Ready");
    let text = |name: &str| ready.and_then(|ready| ready[name].as_str()).unwrap_or_default();
    let (reason, verdict) = (text("reason"), kstatus(object));
    let tone = match verdict {
        KStatus::Current => Tone::Good,
        KStatus::InProgress | KStatus::Terminating => Tone::Busy,
        KStatus::Failed if matches!(reason, "ActionRequired" | "ConsentRequired") => Tone::Attention,
        KStatus::Failed => Tone::Bad,
    };
    let region = object["status"]["dataLocation"]["region"].as_str().unwrap_or_default().to_owned();
    // What belongs to an earlier generation says nothing about this one.
    if ready.is_none() || object["status"]["observedGeneration"] != object["metadata"]["generation"] {
        return Face { tone, region, status: "Applied".to_owned(), message: String::new() };
    }
    if let Some(role) = object["status"]["pendingActions"][0]["role"].as_str() {
        return Face { tone, region, status: reason.to_owned(), message: format!("asks {}", spoken(role)) };
    }
    let drifted = condition(object, "InSync").is_some_and(|in_sync| in_sync["reason"] == "Drifted");
    let lead = if drifted { "changed outside; " } else { "" };
    Face { tone, region, status: reason.to_owned(), message: format!("{lead}{}", spoken(text("message"))) }
}

/// A message without what only a log needs: ids of instances and roles, and deadlines to the nanosecond.
pub(crate) fn spoken(message: &str) -> String {
    let mut said = String::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(" (") {
        let Some((inside, following)) = after.split_once(')') else { break };
        said.push_str(before);
        if !inside.starts_with("instance ") && uuid::Uuid::parse_str(inside).is_err() {
            let _ = write!(said, " ({inside})");
        }
        rest = following;
    }
    said.push_str(rest);
    said.split(", until ").next().unwrap_or_default().to_owned()
}
