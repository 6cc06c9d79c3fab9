//! Stories: a resource, the world around it, and what the operator must say of them.
//!
//! A story is a folder of `tests/plans` with four files. `resource.yaml` and `world.yaml` are the input of
//! `plan -f resource.yaml --world world.yaml`. `expect.yaml` is written by hand and says what must hold.
//! `expected.txt` is the whole text, rewritten by `UPDATE=1 cargo test --test stories` and reviewed as a diff.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use threat_protection_operator::api::StepName;
use threat_protection_operator::cli::plan::{Forecast, offline, text};

/// The time where a world names none.
pub(crate) const NOON: &str = "2026-06-15T12:00:00Z";

/// What must hold of a story. All but `story`, `exit` and `ready` may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// The story in one sentence.
    pub(crate) story: String,
    /// The row of the rules that it shows.
    #[serde(default)]
    pub(crate) quotes: Option<String>,
    /// The exit code.
    pub(crate) exit: u8,
    /// Status and reason of `Ready`, such as `False NotEligible`.
    pub(crate) ready: String,
    /// Texts that must be there, wherever lines break.
    #[serde(default)]
    pub(crate) says: Vec<String>,
    /// Texts that must not be there.
    #[serde(default)]
    pub(crate) never: Vec<String>,
    /// Status and reason of other conditions; `absent` for one that must not be there.
    #[serde(default)]
    pub(crate) conditions: BTreeMap<String, String>,
    /// The steps, in order, by whomever.
    #[serde(default)]
    pub(crate) steps: Option<Vec<StepName>>,
    /// The region that would be reported as pinned; `none` where there must be none.
    #[serde(default)]
    pub(crate) region: Option<String>,
}

/// A story, read and told.
#[derive(Debug)]
pub(crate) struct Story {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What must hold.
    pub(crate) expected: Expected,
    /// What the program says.
    pub(crate) text: String,
    /// What the program plans; the first resource where there are several.
    pub(crate) forecast: Forecast,
    /// The exit code.
    pub(crate) exit: u8,
}

/// The folders of all stories, in the order of their names.
pub(crate) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

impl Story {
    /// Reads a folder and tells its story.
    pub(crate) fn tell(folder: &Path) -> Result<Self, String> {
        let read = |file: &str| {
            fs::read_to_string(folder.join(file)).map_err(|error| format!("{file} cannot be read: {error}"))
        };
        let expected: Expected =
            serde_yaml::from_str(&read("expect.yaml")?).map_err(|error| format!("expect.yaml: {error}"))?;
        let now = NOON.parse().map_err(|error| format!("{NOON}: {error}"))?;
        let forecasts = offline(&read("resource.yaml")?, &read("world.yaml")?, None, now)
            .map_err(|error| format!("no plan: {error}"))?;
        let exit = forecasts.iter().map(Forecast::exit).max().unwrap_or_default().code();
        let text = text(&forecasts);
        let forecast = forecasts.into_iter().next().ok_or("no resource")?;
        Ok(Self { folder: folder.to_owned(), expected, text, forecast, exit })
    }

    /// What is not as `expect.yaml` says.
    pub(crate) fn faults(&self) -> Vec<String> {
        let Expected { exit, ready, says, never, conditions, steps, region, .. } = &self.expected;
        let mut faults = Vec::new();
        let mut compare = |what: &str, wanted: String, found: String| {
            if wanted != found {
                faults.push(format!("{what}: expected {wanted}, found {found}"));
            }
        };
        compare("exit", exit.to_string(), self.exit.to_string());
        compare("ready", ready.clone(), self.condition("Ready"));
        for (kind, wanted) in conditions {
            compare(kind, wanted.clone(), self.condition(kind));
        }
        if let Some(steps) = steps {
            let found: Vec<_> = self.forecast.plan.steps.iter().map(|step| step.change.name()).collect();
            compare("steps", format!("{steps:?}"), format!("{found:?}"));
        }
        if let Some(region) = region {
            let location = self.forecast.status.data_location.as_ref();
            compare("region", region.clone(), location.map_or("none".to_owned(), |found| found.region.to_string()));
        }
        let spoken = in_one_line(&self.text);
        let missing = says.iter().filter(|wanted| !spoken.contains(&in_one_line(wanted)));
        faults.extend(missing.map(|wanted| format!("it does not say: {wanted}")));
        let present = never.iter().filter(|unwanted| spoken.contains(&in_one_line(unwanted)));
        faults.extend(present.map(|unwanted| format!("it must not say: {unwanted}")));
        faults
    }

    /// The difference between what it says and `expected.txt`, as lines; `None` where there is none.
    pub(crate) fn difference(&self) -> Option<String> {
        let golden = fs::read_to_string(self.golden()).unwrap_or_default();
        (golden != self.text).then(|| difference(&golden, &self.text))
    }

    /// Where the whole text is kept.
    pub(crate) fn golden(&self) -> PathBuf {
        self.folder.join("expected.txt")
    }

    fn condition(&self, kind: &str) -> String {
        let found = self.forecast.condition(kind);
        found.map_or("absent".to_owned(), |(status, reason, _)| format!("{status} {reason}"))
    }
}

/// The command that tells a story by hand.
pub(crate) fn command(folder: &Path) -> String {
    let folder = folder.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(folder).display();
    format!("cargo run -- plan -f {folder}/resource.yaml --world {folder}/world.yaml")
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines between the common beginning and the common end.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let before = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let longest = old.len().min(new.len()) - before;
    let after = old.iter().rev().zip(new.iter().rev()).take(longest).take_while(|(one, other)| one == other).count();
    let mut text = String::new();
    for (sign, lines) in [("-", &old), ("+", &new)] {
        for line in lines.iter().take(lines.len() - after).skip(before) {
            let _ = writeln!(text, "  {sign} {line}");
        }
    }
    text
}
