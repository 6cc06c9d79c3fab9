//! Processes and directories that cannot outlive the process that made them.
//!
//! Neither `Drop` nor a signal handler runs when a test is killed with SIGKILL,
//! and statics are never dropped, so nothing here relies on either. Each child
//! is started by a shell that leaves a small watchdog behind and then becomes
//! the child. The watchdog reads from a pipe whose other end we hold: however we
//! end, the kernel closes that pipe, and the watchdog kills the child's process
//! group. A directory is removed in the same way, once the last process that
//! writes to it is gone.

use std::fs::DirBuilder;
use std::io::{self, PipeWriter};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// `$1` is the log, the rest is the command to become. `$$` stays the number of
/// the process that becomes the command; it leads its own process group, and as
/// the watchdog is a member of that group, its number cannot be given to anyone
/// else before the watchdog has used it.
const LEASH: &str = r#"
exec 3<&0 2>>"$1"
{ read -r _ <&3; trap '' HUP INT TERM; kill -s KILL -- "-$$"; } &
log=$1
shift
exec "$@" </dev/null >>"$log" 3<&-
"#;

/// Removes directory `$1` once its standard input is closed by all who hold it.
/// A process that is being killed may still create a file: hence the loop.
const REMOVER: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
until rm -rf -- "$1"; do sleep 1; done
"#;

/// A child process in a process group of its own, with its output in a file.
///
/// Ctrl-C in a terminal does not reach it; it dies because we die. Dropping it
/// kills it with everything it has started.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    leash: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, of which program, arguments, environment and directory count, appending its output to `log`.
    ///
    /// `directory` stays at least until the process is gone.
    pub(crate) fn spawn(command: &Command, log: &Path, directory: Option<&RunDirectory>) -> io::Result<Self> {
        let anchor = match directory.and_then(|directory| directory.anchor.as_ref()) {
            Some(anchor) => Stdio::from(anchor.try_clone()?),
            None => Stdio::null(),
        };
        let mut leashed = Command::new("sh");
        leashed.args(["-c", LEASH, "leash"]).arg(log).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => leashed.env(name, value),
                None => leashed.env_remove(name),
            };
        }
        if let Some(current) = command.get_current_dir() {
            leashed.current_dir(current);
        }
        // The watchdog must hold none of our own outputs, or a pipe behind `cargo test` would not end with it.
        leashed.stdin(Stdio::piped()).stdout(anchor).stderr(Stdio::null()).process_group(0);
        let mut child = leashed.spawn()?;
        let leash = child.stdin.take();
        Ok(Self { child, leash, log: log.to_path_buf() })
    }

    /// The process number, which is also the number of its group.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Where its output is.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines the process has written.
    pub(crate) fn last_words(&self) -> String {
        const LINES: usize = 20;
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
    }

    /// Kills the process with SIGKILL, and all it has started, and waits until it is gone.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.leash = None;
        self.child.wait().map(|_| ())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It was killed before, or the leash kills it.
        let _ = self.kill();
    }
}

/// A private directory under the system's temporary directory that goes when we go.
///
/// Dropping it waits for its removal; drop the processes that write to it first.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    anchor: Option<PipeWriter>,
    remover: Child,
}

impl RunDirectory {
    /// Makes a directory whose name begins with `prefix`.
    pub(crate) fn create(prefix: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("{prefix}-{}", uuid::Uuid::new_v4().simple()));
        let (reader, anchor) = io::pipe()?;
        // The remover comes first: there is no moment at which the directory is nobody's.
        let remover = Command::new("sh")
            .args(["-c", REMOVER, "remover"])
            .arg(&path)
            .stdin(Stdio::from(reader))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, anchor: Some(anchor), remover })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        self.anchor = None;
        // The remover ends by itself; whether it could be waited for changes nothing.
        let _ = self.remover.wait();
    }
}

/// What a test may do to a process from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGSTOP: it stands still, its connections stay open.
    Stop,
    /// SIGCONT: it goes on.
    Continue,
    /// SIGTERM: it is asked to end.
    Terminate,
    /// SIGKILL: it ends at once.
    Kill,
}

/// Sends `signal` to process `pid`.
pub(crate) fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let name = match signal {
        Signal::Stop => "STOP",
        Signal::Continue => "CONT",
        Signal::Terminate => "TERM",
        Signal::Kill => "KILL",
    };
    // `kill` as the shell's own word, because small images have no program of that name.
    let status = Command::new("sh")
        .args(["-c", r#"kill -s "$1" "$2""#, "signal", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("cannot send SIG{name} to process {pid}"))) }
}

/// Whether process `pid` runs; one that has ended and is only waiting for its parent does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let exists = Command::new("sh")
        .args(["-c", r#"kill -s 0 "$1""#, "probe", &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    // After the closing parenthesis of the name comes the state; without /proc there is no telling.
    let ended = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])));
    exists && !ended
}
