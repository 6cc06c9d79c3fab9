//! The traffic of a story: order, method, path and body of every request at both doors, with what differs from run to run
//! taken out. Committed, and reviewed as a diff.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cast::Cast;
use crate::door::{Crossing, Happening};
use crate::run::Played;

/// The whole traffic of a run, up to its end.
pub(crate) fn whole(played: &Played) -> String {
    let mut text = String::new();
    for happening in played.happenings.iter().take(played.told) {
        match happening {
            Happening::Deed(deed) => writeln!(text, "\n# {}", played.cast.mask_text(deed)),
            Happening::Pass(pass) => writeln!(text, "\n## {}", played.cast.mask_text(pass)),
            Happening::Crossing(crossing) => writeln!(text, "{}", one(&played.cast, crossing)),
        }
        .expect("a string takes everything");
    }
    text.trim_start().to_owned()
}

/// A line a request, for failures.
pub(crate) fn brief(played: &Played) -> String {
    let mut text = String::new();
    for happening in &played.happenings {
        match happening {
            Happening::Deed(deed) => writeln!(text, "  # {}", played.cast.mask_text(deed)),
            Happening::Pass(pass) => writeln!(text, "  ## {}", played.cast.mask_text(pass)),
            Happening::Crossing(crossing) => {
                let fault = crossing.fault.map(|fault| format!("   <=== {}", fault.name())).unwrap_or_default();
                writeln!(text, "  {} {}: {}{fault}", crossing.ordinal, crossing.effect, crossing.answer)
            }
        }
        .expect("a string takes everything");
    }
    text
}

fn one(cast: &Cast, crossing: &Crossing) -> String {
    let request = &crossing.request;
    let mut text = format!(
        "{} {}\n  {} {} {}\n",
        crossing.ordinal,
        crossing.effect,
        request.party.name(),
        request.method,
        cast.mask_text(&request.path)
    );
    let body = String::from_utf8_lossy(&request.body);
    if let Ok(json) = serde_json::from_str::<Value>(&body) {
        let yaml = serde_yaml::to_string(&versions_of_tests(cast.mask(&json))).expect("YAML");
        for line in yaml.lines() {
            let _ = writeln!(text, "    {line}");
        }
    } else if !body.is_empty() {
        // A form: what it carries may be secret, so only what is asked for is shown.
        let names: Vec<&str> = body.split('&').filter_map(|pair| pair.split('=').next()).collect();
        let _ = writeln!(text, "    a form with {}", names.join(", "));
    }
    let _ = write!(text, "  -> {}", crossing.answer);
    text
}

/// A JSON patch compares versions by value.
fn versions_of_tests(mut body: Value) -> Value {
    for operation in body.as_array_mut().into_iter().flatten() {
        if operation["path"] == "/metadata/resourceVersion" {
            operation["value"] = "VERSION".into();
        }
    }
    body
}

/// Compares the traffic with the committed one; with `UPDATE=1` rewrites that.
pub(crate) fn compare(story: &str, text: &str) -> Result<(), String> {
    let path = file(story);
    if is_update() {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(|error| error.to_string())?;
        fs::write(&path, text).map_err(|error| error.to_string())?;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if committed == text {
        return Ok(());
    }
    let differs = committed.lines().zip(text.lines()).position(|(one, other)| one != other);
    let line = differs.unwrap_or(committed.lines().count().min(text.lines().count()));
    let around = |text: &str| text.lines().skip(line.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n    ");
    Err(format!(
        "{}: the traffic differs from line {} on; UPDATE=1 cargo test --test matrix rewrites it.\n  committed:\n    {}\n  now:\n    {}",
        path.display(),
        line + 1,
        around(&committed),
        around(text)
    ))
}

fn file(story: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/matrix/traffic").join(format!("{story}.txt"))
}

/// The switch of the person at the keyboard; never in CI.
fn is_update() -> bool {
    std::env::var_os("UPDATE").is_some() && std::env::var_os("CI").is_none()
}
