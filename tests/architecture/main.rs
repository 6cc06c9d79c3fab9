//! Does the code keep to its rooms? Reads `src/` and checks sizes, arrows, purity and circles.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test that cannot go on should end, and a source file has one name"
)]

mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use paths::{Module, code, module_of, paths_of, without_tests};

/// Which rooms each room may import. `main.rs` and `lib.rs` stand above all of them.
const ARROWS: [(&str, &[&str]); 9] = [
    ("tenant", &[]),
    ("ops", &[]),
    ("api", &["tenant"]),
    ("simulator", &["tenant"]),
    ("plan", &["api", "tenant"]),
    ("remote", &["plan", "api", "tenant"]),
    ("config", &["remote", "plan", "api", "tenant"]),
    ("controller", &["ops", "config", "remote", "plan", "api", "tenant"]),
    ("cli", &["simulator", "controller", "ops", "config", "remote", "plan", "api", "tenant"]),
];
/// Rooms without effects: everything they depend on is an argument.
const PURE: [&str; 3] = ["tenant", "api", "plan"];
/// What would be an effect, as a path or the beginning of one.
const EFFECTS: [&str; 13] = [
    "axum",
    "fastrand",
    "futures",
    "kube",
    "reqwest",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::time",
    "tokio",
    "tokio_util",
    "tracing",
];
/// The parts of kube that are no client: its derive macros and what they need.
const KUBE_MACROS: [&str; 3] = ["kube::CustomResource", "kube::CustomResourceExt", "kube::KubeSchema"];
const MOST_LINES: usize = 500;

/// One file under `src/`, its path relative to it.
struct Source {
    path: String,
    text: String,
}

#[test]
fn the_code_keeps_to_its_rooms() {
    let sources = sources();
    let faults: Vec<String> =
        [sizes(&sources), arrows(&sources), effects(&sources), surroundings(&sources)].into_iter().flatten().collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn no_two_files_import_each_other() {
    assert_eq!(circles(&sources()), Vec::<String>::new());
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut sources);
    assert!(sources.len() > 20, "src/ was not read");
    sources
}

fn told(one: &str, other: &str) -> String {
    format!("{one} and {other} import each other")
}

fn read(directory: &Path, prefix: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{path}/"), sources);
        } else if path.ends_with(".rs") {
            sources.push(Source { path, text: fs::read_to_string(entry.path()).unwrap() });
        }
    }
}

fn sizes(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| source.text.lines().count();
    let large = sources.iter().filter(|source| lines(source) > MOST_LINES);
    large.map(|source| format!("{}: {} lines; {MOST_LINES} at most", source.path, lines(source))).collect()
}

fn arrows(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let Some(room) = module_of(&source.path).first().cloned() else { continue };
        let Some((_, may)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            faults.push(format!("{}: {room} is in no room of the table", source.path));
            continue;
        };
        let imported: BTreeSet<String> =
            imports(source, &source.text).into_iter().filter_map(|path| path.first().cloned()).collect();
        for other in imported.iter().filter(|other| ARROWS.iter().any(|(name, _)| name == other)) {
            if **other != room && !may.contains(&other.as_str()) {
                faults.push(format!("{}: {room} may not import {other}", source.path));
            }
        }
    }
    faults
}

fn effects(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| PURE.contains(&room_of(source).as_str())) {
        let code = code(&source.text);
        let mut found: BTreeSet<String> = paths_of(&code).iter().filter_map(|path| effect(&path.join("::"))).collect();
        if code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "async" || word == "await") {
            found.insert("async".to_owned());
        }
        faults.extend(found.iter().map(|what| format!("{}: {what} in a pure room", source.path)));
    }
    faults
}

/// Settings come from the command line and one file; only there may the environment have a say. Nobody may block.
fn surroundings(sources: &[Source]) -> Vec<String> {
    let reads = |source: &&Source| {
        paths_of(&code(&source.text)).iter().any(|path| path.starts_with(&["std".to_owned(), "env".to_owned()]))
    };
    let sleeps = |source: &Source| {
        let path = ["std", "thread", "sleep"];
        paths_of(&code(&source.text)).iter().any(|named| named.iter().eq(path))
    };
    let sleeping = sources.iter().filter(|source| sleeps(source));
    let sleeping = sleeping.map(|source| format!("{}: blocks a worker of the runtime", source.path));
    let elsewhere = sources.iter().filter(|source| !["", "cli", "config"].contains(&room_of(source).as_str()));
    elsewhere.filter(reads).map(|source| format!("{}: reads the environment", source.path)).chain(sleeping).collect()
}

fn effect(path: &str) -> Option<String> {
    let is_below = |path: &str, root: &str| path == root || path.starts_with(&format!("{root}::"));
    let is_effect = EFFECTS.iter().any(|root| is_below(path, root));
    (is_effect && !KUBE_MACROS.contains(&path)).then(|| path.to_owned())
}

/// Pairs of files of one room that import each other. A module and the modules in it belong together.
fn circles(sources: &[Source]) -> Vec<String> {
    let files: BTreeMap<Module, &Source> = sources.iter().map(|source| (module_of(&source.path), source)).collect();
    let mut edges = BTreeSet::new();
    for (module, source) in &files {
        for path in imports(source, &without_tests(&source.text)) {
            let prefixes = (1..=path.len()).rev().map(|length| path[..length].to_vec());
            let Some(target) = prefixes.into_iter().find(|prefix| files.contains_key(prefix)) else { continue };
            edges.insert((module.clone(), target));
        }
    }
    let mutual = edges
        .iter()
        .filter(|(one, other)| one < other && !other.starts_with(one) && edges.contains(&(other.clone(), one.clone())));
    mutual.map(|(one, other)| told(&one.join("::"), &other.join("::"))).collect()
}

/// The paths within this crate that `text`, a part of `source`, names.
fn imports(source: &Source, text: &str) -> Vec<Module> {
    let module = module_of(&source.path);
    paths_of(&code(text)).iter().filter_map(|path| paths::resolve(&module, path)).collect()
}

fn room_of(source: &Source) -> String {
    module_of(&source.path).first().cloned().unwrap_or_default()
}

/// A planted violation each: a check that finds nothing proves nothing.
mod planted {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(sizes(&[source("plan/a.rs", &"\n".repeat(MOST_LINES))]).is_empty());
        assert_eq!(sizes(&[source("plan/a.rs", &"\n".repeat(MOST_LINES + 1))]).len(), 1);
    }

    #[test]
    fn an_arrow_that_points_up_is_found_in_every_form() {
        for text in [
            "use crate::remote::Observe;",
            "pub use crate::{api::Reason, remote::{broker::Broker, Observe}};",
            "fn f() { let x = crate::remote::broker::new(); }",
            "use super::super::remote::Observe;",
        ] {
            assert_eq!(arrows(&[source("plan/a.rs", text)]), ["plan/a.rs: plan may not import remote"], "{text}");
        }
        let fine = "// use crate::remote::X;\nuse crate::api::Reason; const TEXT: &str = \"crate::remote\";";
        assert!(arrows(&[source("plan/a.rs", fine)]).is_empty());
        assert_eq!(arrows(&[source("attic.rs", "")]), ["attic.rs: attic is in no room of the table"]);
    }

    #[test]
    fn an_effect_in_a_pure_room_is_found() {
        for (text, what) in [
            ("async fn f() {}", "async"),
            ("use std::time::Instant;", "std::time::Instant"),
            ("fn f() { std::env::var(\"X\"); }", "std::env::var"),
            ("use tokio::time;", "tokio::time"),
            ("fn f() { tracing::info!(\"x\"); }", "tracing::info"),
            ("use kube::{Client, KubeSchema};", "kube::Client"),
            ("use reqwest::Url;", "reqwest::Url"),
        ] {
            let faults = effects(&[source("plan/a.rs", text)]);
            assert_eq!(faults, [format!("plan/a.rs: {what} in a pure room")], "{text}");
        }
        let macros = "use kube::{CustomResource, KubeSchema}; /* tokio::spawn */ // async\n/// std::time::Instant";
        assert!(effects(&[source("api/spec.rs", macros)]).is_empty());
        assert!(effects(&[source("remote/a.rs", "async fn f() {}")]).is_empty(), "not a pure room");
    }

    #[test]
    fn a_look_at_the_environment_and_a_blocked_worker_are_found() {
        let reads = "fn f() { std::env::var(\"HOME\"); }";
        assert_eq!(surroundings(&[source("remote/a.rs", reads)]), ["remote/a.rs: reads the environment"]);
        assert!(surroundings(&[source("cli/run.rs", reads)]).is_empty());
        let sleeps = "fn f() { std::thread::sleep(LONG); }";
        assert_eq!(surroundings(&[source("cli/run.rs", sleeps)]), ["cli/run.rs: blocks a worker of the runtime"]);
    }

    #[test]
    fn two_files_that_import_each_other_are_found() {
        let circle = [source("plan/a.rs", "use super::b::B;"), source("plan/b.rs", "fn f(a: crate::plan::a::A) {}")];
        assert_eq!(circles(&circle), ["plan::a and plan::b import each other"]);
        let chain = [source("plan/a.rs", "use super::b::B;"), source("plan/b.rs", "use crate::api::Reason;")];
        assert!(circles(&chain).is_empty());
        let family = [source("plan/mod.rs", "pub use a::A;"), source("plan/a.rs", "use super::Thing;")];
        assert!(circles(&family).is_empty(), "a module and the modules in it belong together");
        let tested = [
            source("plan/a.rs", "use super::b::B;"),
            source("plan/b.rs", "#[cfg(test)]\nmod tests { use crate::plan::a::A; }"),
        ];
        assert!(circles(&tested).is_empty(), "a test may look at what uses its subject");
    }
}
