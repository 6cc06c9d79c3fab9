//! The state file: a JSON snapshot that is replaced atomically, and beside it a log of what changed since.
//!
//! Effects only. `FILE` is the snapshot; `FILE.log` has one record a line. A request's changes are one line, written
//! before its answer leaves, so the journal is true whenever somebody has been answered. Whole snapshots would cost more
//! with every tenant; lines cost the same for the first tenant and the thousandth. A line that a kill cut off has no
//! line break and was never answered: it is dropped at the next start. Lines are handed to the system without waiting
//! for the disk: they survive `kill -9` of the process, which tests use, but not a power cut.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::state::{Record, State};

const FORMAT: &str = "threat-protection-simulator";
const VERSION: u32 = 1;

/// The log is folded into a new snapshot when it is longer than this many bytes.
const FOLD_ABOVE: u64 = 64 * 1024 * 1024;

/// The state file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {act} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not JSON of the expected shape.
    #[error("{} is damaged at line {line}: {source}; move it away, together with its .log file, to start afresh", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The file belongs to something else.
    #[error("{} is not a state file of this simulator (format {format:?}, version {version}); choose another path", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        format: String,
        /// Its version.
        version: u32,
    },
    /// The state could not be written as JSON.
    #[error("cannot write the state as JSON: {source}")]
    Encode {
        /// Why.
        source: serde_json::Error,
    },
    /// Another simulator has the file open.
    #[error("{} is in use by another simulator; stop it or choose another path", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
}

/// What is read first, so that a foreign file is told from a damaged one.
#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    format: String,
    #[serde(default)]
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot<S> {
    format: String,
    version: u32,
    up_to: u64,
    state: S,
}

/// The open state file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    log_path: PathBuf,
    log: File,
    length: u64,
    seq: u64,
}

impl Store {
    /// Opens or creates the state file and reads it back; what the log holds is folded into a new snapshot.
    pub fn open(path: &Path) -> Result<(Self, State), StoreError> {
        let log_path = beside(path, "log");
        let log = private(OpenOptions::new().read(true).append(true).create(true))
            .open(&log_path)
            .map_err(|source| StoreError::Io { act: "open", path: log_path.clone(), source })?;
        match log.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::Io { act: "lock", path: log_path, source });
            }
        }
        let (mut state, up_to) = read_snapshot(path)?;
        let seq = replay(&log, &log_path, up_to, &mut state)?;
        state.mark_clean();
        let mut store = Self { path: path.to_owned(), log_path, log, length: 0, seq };
        store.fold(&state)?;
        Ok((store, state))
    }

    /// Writes what changed since the last call. After it returns, a kill loses nothing of it.
    pub fn commit(&mut self, state: &mut State) -> Result<(), StoreError> {
        let Some(record) = state.take_record(self.seq + 1) else { return Ok(()) };
        let mut line = serde_json::to_vec(&record).map_err(|source| StoreError::Encode { source })?;
        line.push(b'\n');
        if let Err(source) = self.log.write_all(&line) {
            // Half a line would spoil the lines after it.
            let _ = self.log.set_len(self.length);
            return Err(self.log_error("append to", source));
        }
        self.seq += 1;
        self.length += line.len() as u64;
        if self.length > FOLD_ABOVE {
            self.fold(state)?;
        }
        Ok(())
    }

    /// Writes a whole snapshot and empties the log. A kill between the two is harmless: the snapshot says which lines it has.
    pub fn fold(&mut self, state: &State) -> Result<(), StoreError> {
        let snapshot = Snapshot { format: FORMAT.to_owned(), version: VERSION, up_to: self.seq, state };
        let bytes = serde_json::to_vec_pretty(&snapshot).map_err(|source| StoreError::Encode { source })?;
        replace(&self.path, &bytes)?;
        self.log.set_len(0).map_err(|source| self.log_error("empty", source))?;
        self.length = 0;
        Ok(())
    }

    fn log_error(&self, act: &'static str, source: std::io::Error) -> StoreError {
        StoreError::Io { act, path: self.log_path.clone(), source }
    }
}

fn read_snapshot(path: &Path) -> Result<(State, u64), StoreError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((State::default(), 0)),
        Err(source) => return Err(StoreError::Io { act: "read", path: path.to_owned(), source }),
    };
    let damaged =
        |source: serde_json::Error| StoreError::Damaged { path: path.to_owned(), line: source.line(), source };
    let Label { format, version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if format != FORMAT || version != VERSION {
        return Err(StoreError::Foreign { path: path.to_owned(), format, version });
    }
    let snapshot: Snapshot<State> = serde_json::from_slice(&bytes).map_err(damaged)?;
    Ok((snapshot.state, snapshot.up_to))
}

/// Applies the lines after `up_to` and returns the number of the last one.
fn replay(log: &File, log_path: &Path, up_to: u64, state: &mut State) -> Result<u64, StoreError> {
    let io = |source| StoreError::Io { act: "read", path: log_path.to_owned(), source };
    let mut log = log;
    log.rewind().map_err(io)?;
    let mut reader = BufReader::new(log);
    let mut seq = up_to;
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        reader.read_until(b'\n', &mut text).map_err(io)?;
        if text.last() != Some(&b'\n') {
            break;
        }
        let record: Record = serde_json::from_slice(&text).map_err(|source| StoreError::Damaged {
            path: log_path.to_owned(),
            line,
            source,
        })?;
        if record.seq > seq {
            seq = record.seq;
            state.apply(record);
        }
    }
    Ok(seq)
}

/// `FILE.suffix`, beside `FILE`.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Replaces a file as a whole: readers see the old content or the new one, never a part, also after a kill.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = beside(path, "tmp");
    let io = |act, path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { act, path, source }
    };
    let mut options = OpenOptions::new();
    let file =
        private(options.write(true).create(true).truncate(true)).open(&temporary).map_err(io("create", &temporary))?;
    let mut writer = BufWriter::new(&file);
    writer.write_all(bytes).and_then(|()| writer.flush()).map_err(io("write", &temporary))?;
    file.sync_all().map_err(io("flush", &temporary))?;
    std::fs::rename(&temporary, path).map_err(io("replace", path))?;
    // Without this the rename itself could be lost in a power cut.
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("flush", folder))
}

/// A file made with these options can be read by its owner only: the files hold the password and the key of the authority.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
