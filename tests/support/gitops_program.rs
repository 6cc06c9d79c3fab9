//! What `GitOps` tools conclude and do, by their own libraries: a program that is built from the Go module in
//! `tests/gitops/` when it is first asked for, and kept under Cargo's target directory.
#![allow(dead_code, reason = "every test binary compiles all of this and uses only its part")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on should end where it stands")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde_json::Value;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gitops");
/// All that decides what the program is.
const RECIPE: &str = concat!(
    include_str!("../gitops/go.mod"),
    include_str!("../gitops/go.sum"),
    include_str!("../gitops/main.go"),
    include_str!("../gitops/kstatus.go"),
    include_str!("../gitops/flux.go"),
    include_str!("../gitops/argo.go"),
    include_str!("../gitops/lua.go"),
);

/// What kstatus concludes from each of these, in its own words, such as `InProgress`.
pub(crate) fn conclusions(objects: &[Value]) -> Vec<String> {
    answer("kstatus", &objects.into())
}

/// What the program answers to one of its questions; they are listed in `main.go`. Blocks, and the first time for as
/// long as the build takes.
///
/// # Panics
/// When it has no answer.
pub(crate) fn answer<T: DeserializeOwned>(question: &str, about: &Value) -> T {
    let mut child = Command::new(program())
        .arg(question)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // It reads all before it writes anything.
    child.stdin.take().expect("a pipe").write_all(about.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let error = |error| panic!("{question}: {error}: {}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap_or_else(error)
}

/// Where it is, built if it is not there or is another one.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(locate)
}

fn locate() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target directory");
    let folder = target.join("gitops");
    fs::create_dir_all(&folder).expect("a directory for the program");
    let lock = File::create(folder.join("lock")).expect("a lock");
    lock.lock().expect("no other test builds it meanwhile");
    let (program, recipe) = (folder.join("gitops"), folder.join("recipe"));
    let is_there = fs::read_to_string(&recipe).is_ok_and(|built| built == RECIPE) && program.is_file();
    if !is_there {
        build(&folder);
        // Others may run the old one: it is replaced in one step, and named last.
        fs::rename(folder.join("unfinished"), &program).expect("the program is in its place");
        fs::write(recipe, RECIPE).expect("the recipe is noted");
    }
    program
}

fn build(folder: &Path) {
    // Not `eprintln`, which the test harness swallows.
    let _ =
        writeln!(std::io::stderr(), "gitops: building Flux's and Argo CD's libraries, a minute or two the first time");
    let mut command = Command::new("go");
    // As Helm is built, which has most packages in common.
    command.args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o"]);
    command.arg(folder.join("unfinished")).arg(".");
    command.current_dir(MODULE).env("CGO_ENABLED", "0").env("GOWORK", "off").env_remove("GOOS").env_remove("GOARCH");
    let output = command.output().expect("Go is installed: get it from https://go.dev/dl/");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{MODULE} cannot be built, it needs the Go release that its go.mod names: {said}");
}
