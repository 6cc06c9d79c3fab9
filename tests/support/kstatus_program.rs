//! The real kstatus: the library that Flux and Helm import, as a program that is built from the Go module in
//! `tests/kstatus/` when it is first asked for, and kept under Cargo's target directory.
#![expect(clippy::expect_used, reason = "a test that cannot go on should end where it stands")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kstatus");
/// All that decides what the program is.
const RECIPE: &str =
    concat!(include_str!("../kstatus/go.mod"), include_str!("../kstatus/go.sum"), include_str!("../kstatus/main.go"),);

/// What kstatus concludes from each of these, in its own words, such as `InProgress`.
pub(crate) fn conclusions(objects: &[Value]) -> Vec<String> {
    let mut child = Command::new(program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let list = serde_json::to_vec(objects).expect("objects are JSON");
    // It reads all before it writes anything.
    child.stdin.take().expect("a pipe").write_all(&list).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a list of words")
}

/// Where it is, built if it is not there or is another one.
fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target directory");
    let folder = target.join("kstatus");
    fs::create_dir_all(&folder).expect("a directory for the program");
    let lock = File::create(folder.join("lock")).expect("a lock");
    lock.lock().expect("no other test builds it meanwhile");
    let (program, recipe) = (folder.join("kstatus"), folder.join("recipe"));
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
    let mut command = Command::new("go");
    command.args(["build", "-mod=readonly", "-trimpath", "-o"]).arg(folder.join("unfinished")).arg(".");
    command.current_dir(MODULE).env("CGO_ENABLED", "0").env("GOWORK", "off").env_remove("GOOS").env_remove("GOARCH");
    let output = command.output().expect("Go is installed: get it from https://go.dev/dl/");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{MODULE} cannot be built, it needs the Go release that its go.mod names: {said}");
}
