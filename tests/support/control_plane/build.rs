//! Building the control plane from the Go module in `tests/control-plane/`.
//!
//! `go.mod` and `go.sum` pin every module; nothing but the module proxy is asked.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::assets::Tool;
use super::error::ControlPlaneError;
use super::process::Process;

const GO_MOD: &str = include_str!("../../control-plane/go.mod");
const GO_SUM: &str = include_str!("../../control-plane/go.sum");
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/control-plane");

/// The Go release that `go.mod` asks for.
const OLDEST_GO: (u32, u32) = (1, 26);

/// How often a build says that it is still at work.
const STILL_AT_WORK: Duration = Duration::from_secs(15);

/// Builds `tools` into `cache`, where each appears whole or not at all. The caller holds the lock of `cache`.
pub(super) fn build(tools: &[Tool], cache: &Path) -> Result<(), ControlPlaneError> {
    if tools.is_empty() {
        return Ok(());
    }
    require_go()?;
    let started = Instant::now();
    let names = tools.iter().map(|tool| tool.name()).collect::<Vec<_>>().join(", ");
    say(&format!("building {names}, about {} the first time", first_build(tools)));
    build_together(tools, &names, cache, started)?;
    say(&format!("built {names} in {} s", started.elapsed().as_secs()));
    Ok(())
}

/// All in one go, because Go then has something to do for every core to the end.
fn build_together(tools: &[Tool], names: &str, cache: &Path, started: Instant) -> Result<(), ControlPlaneError> {
    let (unfinished, log) = (cache.join("unfinished"), cache.join("build.log"));
    let failed = |act: &str| ControlPlaneError::io(format!("{act} the build of {names}"));
    std::fs::write(&log, "").map_err(failed("keep a log of"))?;
    std::fs::create_dir_all(&unfinished).map_err(failed("make a directory for"))?;
    let mut command = Command::new("go");
    // The slash says that it is a directory, also when there is one binary only.
    command.args(flags()).arg("-o").arg(unfinished.join("")).args(tools.iter().map(|tool| tool.package()));
    command.current_dir(MODULE);
    command.env("CGO_ENABLED", "0").env("GOWORK", "off").env_remove("GOOS").env_remove("GOARCH");
    // On a leash, because Go starts compilers that would go on for minutes after a Ctrl-C.
    let mut go = Process::spawn(&command, &log, None).map_err(failed("start"))?;
    let mut said = Instant::now();
    let status = loop {
        if let Some(status) = go.ended().map_err(failed("await"))? {
            break status;
        }
        if said.elapsed() > STILL_AT_WORK {
            said = Instant::now();
            say(&format!("still building, {} s", started.elapsed().as_secs()));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        let last_words = go.last_words();
        return Err(ControlPlaneError::Build { tools: names.to_owned(), status: status.to_string(), log, last_words });
    }
    for tool in tools {
        let built = unfinished.join(tool.name_by_go());
        std::fs::rename(built, cache.join(tool.name())).map_err(failed("finish"))?;
    }
    Ok(())
}

/// How long the first build takes on two cores when nothing is cached.
fn first_build(tools: &[Tool]) -> &'static str {
    if tools.contains(&Tool::ApiServer) { "four minutes" } else { "a minute" }
}

/// All that decides what the binaries are.
pub(super) fn recipe() -> String {
    let machine = [std::env::consts::OS, std::env::consts::ARCH];
    [GO_MOD, GO_SUM, &flags().join(" "), &machine.join("/")].join("\n")
}

/// The release that is built, such as `v1.36.3`; `go.mod` is the only place that names it.
pub(crate) fn kubernetes_version() -> Option<&'static str> {
    GO_MOD.lines().find_map(|line| {
        let line = line.trim().trim_start_matches("require ");
        line.strip_prefix("k8s.io/kubernetes ").and_then(|version| version.split_whitespace().next())
    })
}

/// Without the version that its own build scripts link in, Kubernetes reports `v0.0.0-master` and kubectl refuses to
/// compare it.
fn flags() -> Vec<String> {
    let version = kubernetes_version().unwrap_or("v0.0.0");
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or("0"), numbers.next().unwrap_or("0"));
    let facts = [
        ("gitVersion", version),
        ("gitMajor", major),
        ("gitMinor", minor),
        ("gitTreeState", "clean"),
        ("gitCommit", "unknown"),
        ("buildDate", "1970-01-01T00:00:00Z"),
    ];
    let mut link = vec!["-s -w".to_owned()];
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        link.extend(facts.map(|(name, value)| format!("-X {package}.{name}={value}")));
    }
    let mut flags = ["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags"].map(String::from).to_vec();
    flags.push(link.join(" "));
    flags
}

fn require_go() -> Result<(), ControlPlaneError> {
    // In the module's directory, because there a Go that is too old fetches the one that go.mod asks for, if it may.
    let output = Command::new("go")
        .arg("version")
        .current_dir(MODULE)
        .output()
        .map_err(|error| ControlPlaneError::NoGo { why: format!("the command `go` cannot be run ({error})") })?;
    let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    let said = said.trim();
    match go_release(said) {
        Some(release) if release >= OLDEST_GO => Ok(()),
        Some(_) => Err(ControlPlaneError::NoGo { why: format!("this Go is too old: {said}") }),
        None => Err(ControlPlaneError::NoGo { why: format!("`go version` said: {said}") }),
    }
}

/// `(1, 26)` from `go version go1.26.8 linux/amd64`.
pub(crate) fn go_release(said: &str) -> Option<(u32, u32)> {
    let release = said.strip_prefix("go version ")?.split_whitespace().next()?.strip_prefix("go")?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A line of progress for whoever waits. Not `eprintln`, which the test harness swallows.
pub(super) fn say(line: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(std::io::stderr(), "control plane: {line}");
}
