//! Building the Go programs that tests stand on, each from a module of its own under `tests/`, into a cache under Cargo's
//! target directory.
//!
//! `go.mod` and `go.sum` pin every module; nothing but the module proxy is asked. The cache is named after all that goes
//! into the programs, so a change of the module builds anew and a change back finds the old ones.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::error::ControlPlaneError;
use super::process::Process;

/// The Go release that every `go.mod` asks for.
const OLDEST_GO: (u32, u32) = (1, 26);

/// How often a build says that it is still at work.
const STILL_AT_WORK: Duration = Duration::from_secs(15);

/// A program that a module pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    /// The name of the file.
    pub(crate) name: &'static str,
    /// The Go package it is built from.
    pub(crate) package: &'static str,
    /// What Go calls the file: the last part of the package that is no version.
    pub(crate) name_by_go: &'static str,
}

/// A Go module that pins programs for tests.
#[derive(Debug)]
pub(crate) struct GoModule {
    /// Its folder under `tests/`, and that of its caches under the target directory.
    pub(crate) folder: &'static str,
    /// The text of `go.mod`.
    pub(crate) go_mod: &'static str,
    /// The text of `go.sum`.
    pub(crate) go_sum: &'static str,
    /// The required module whose release is that of the programs; `go.mod` is the only place that names it.
    pub(crate) main: &'static str,
    /// What the linker writes into the programs, as `package.variable=value`, for a release.
    pub(crate) facts: fn(&str) -> Vec<String>,
    /// How long the first build of these programs takes on two cores when nothing is cached.
    pub(crate) first_build: fn(&[Program]) -> &'static str,
    /// What else one can do where there is no Go.
    pub(crate) otherwise: &'static str,
}

impl GoModule {
    /// Where `programs` are, in their order, building what is missing.
    ///
    /// Blocks, for minutes when there is something to build; says so on standard error.
    pub(crate) fn locate<const N: usize>(&self, programs: [Program; N]) -> Result<[PathBuf; N], ControlPlaneError> {
        let cache = self.cache();
        if !missing(&cache, &programs).is_empty() {
            std::fs::create_dir_all(&cache).map_err(ControlPlaneError::io(format!("make {}", cache.display())))?;
            let _lock = self.lock(&cache)?;
            // Asked again: whoever had the lock may have built them.
            self.build(&missing(&cache, &programs), &cache)?;
        }
        Ok(programs.map(|program| cache.join(program.name)))
    }

    /// The release that is built, such as `v1.36.3`.
    pub(crate) fn release(&self) -> Option<&'static str> {
        self.go_mod.lines().find_map(|line| {
            let line = line.trim().trim_start_matches("require ");
            line.strip_prefix(self.main)?.strip_prefix(' ').and_then(|version| version.split_whitespace().next())
        })
    }

    /// Builds `programs` into `cache`, where each appears whole or not at all. The caller holds the lock of `cache`.
    fn build(&self, programs: &[Program], cache: &Path) -> Result<(), ControlPlaneError> {
        if programs.is_empty() {
            return Ok(());
        }
        self.require_go()?;
        let started = Instant::now();
        let names = programs.iter().map(|program| program.name).collect::<Vec<_>>().join(", ");
        self.say(&format!("building {names}, about {} the first time", (self.first_build)(programs)));
        self.build_together(programs, &names, cache, started)?;
        self.say(&format!("built {names} in {} s", started.elapsed().as_secs()));
        Ok(())
    }

    /// All in one go, because Go then has something to do for every core to the end.
    fn build_together(
        &self,
        programs: &[Program],
        names: &str,
        cache: &Path,
        started: Instant,
    ) -> Result<(), ControlPlaneError> {
        let (unfinished, log) = (cache.join("unfinished"), cache.join("build.log"));
        let failed = |act: &str| ControlPlaneError::io(format!("{act} the build of {names}"));
        std::fs::write(&log, "").map_err(failed("keep a log of"))?;
        std::fs::create_dir_all(&unfinished).map_err(failed("make a directory for"))?;
        let mut command = Command::new("go");
        // The slash says that it is a directory, also when there is one binary only.
        command.args(self.flags()).arg("-o").arg(unfinished.join(""));
        command.args(programs.iter().map(|program| program.package));
        command.current_dir(self.directory());
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
                self.say(&format!("still building, {} s", started.elapsed().as_secs()));
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        if !status.success() {
            let last_words = go.last_words();
            let (tools, status) = (names.to_owned(), status.to_string());
            return Err(ControlPlaneError::Build { tools, status, log, last_words });
        }
        for program in programs {
            let built = unfinished.join(program.name_by_go);
            std::fs::rename(built, cache.join(program.name)).map_err(failed("finish"))?;
        }
        Ok(())
    }

    fn directory(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(self.folder)
    }

    fn cache(&self) -> PathBuf {
        let target = match option_env!("CARGO_TARGET_TMPDIR").map(Path::new).and_then(Path::parent) {
            Some(target) => target.to_path_buf(),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        };
        let version = self.release().unwrap_or("unknown");
        target.join(self.folder).join(format!("{version}-{:016x}", fingerprint(&self.recipe())))
    }

    fn lock(&self, cache: &Path) -> Result<File, ControlPlaneError> {
        let path = cache.join("lock");
        let failed = || ControlPlaneError::io(format!("lock {}", path.display()));
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed())?;
        if file.try_lock().is_err() {
            self.say("another process builds it; waiting for that");
            file.lock().map_err(failed())?;
        }
        Ok(file)
    }

    /// All that decides what the programs are.
    fn recipe(&self) -> String {
        let machine = [std::env::consts::OS, std::env::consts::ARCH];
        [self.go_mod, self.go_sum, &self.flags().join(" "), &machine.join("/")].join("\n")
    }

    fn flags(&self) -> Vec<String> {
        let facts = (self.facts)(self.release().unwrap_or("v0.0.0"));
        let mut link = vec!["-s -w".to_owned()];
        link.extend(facts.iter().map(|fact| format!("-X {fact}")));
        let mut flags =
            ["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags"].map(String::from).to_vec();
        flags.push(link.join(" "));
        flags
    }

    fn require_go(&self) -> Result<(), ControlPlaneError> {
        let failed =
            |why| ControlPlaneError::NoGo { what: self.folder.replace('-', " "), why, otherwise: self.otherwise };
        // In the module's directory, because there a Go that is too old fetches the one that go.mod asks for, if it may.
        let output = Command::new("go")
            .arg("version")
            .current_dir(self.directory())
            .output()
            .map_err(|error| failed(format!("the command `go` cannot be run ({error})")))?;
        let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
        let said = said.trim();
        match go_release(said) {
            Some(release) if release >= OLDEST_GO => Ok(()),
            Some(_) => Err(failed(format!("this Go is too old: {said}"))),
            None => Err(failed(format!("`go version` said: {said}"))),
        }
    }

    /// A line of progress for whoever waits. Not `eprintln`, which the test harness swallows.
    fn say(&self, line: &str) {
        // Nobody to tell is no reason to fail.
        let _ = writeln!(std::io::stderr(), "{}: {line}", self.folder.replace('-', " "));
    }
}

fn missing(cache: &Path, programs: &[Program]) -> Vec<Program> {
    // Binaries appear under their name in one step, so one that is there is whole.
    programs.iter().copied().filter(|program| !cache.join(program.name).is_file()).collect()
}

/// FNV-1a; a name for a cache, the same from every compiler and every run.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// `(1, 26)` from `go version go1.26.8 linux/amd64`.
pub(crate) fn go_release(said: &str) -> Option<(u32, u32)> {
    let release = said.strip_prefix("go version ")?.split_whitespace().next()?.strip_prefix("go")?;
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
