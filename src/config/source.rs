//! What a configuration is read from: its file and those that it names. Effects: reads them.
//!
//! A mounted `ConfigMap` or Secret changes by the swap of a symlink above its files. So nothing but the content is looked
//! at: by its hash, because secrets are among it.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::file::{Auth, Broker, File, Metrics, Microsoft};

/// The file, to be looked at again and again.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    hasher: RandomState,
    named: Mutex<Named>,
}

/// Stands for the content of all files at one look. Two of one `Source` are equal where nothing has changed; what cannot
/// be read is equal to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imprint(u64);

/// The files that a text names: it is not taken apart at each look.
#[derive(Debug, Default)]
struct Named {
    by: Option<u64>,
    files: Vec<PathBuf>,
}

impl Source {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, hasher: RandomState::new(), named: Mutex::default() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads everything. It blocks.
    pub fn look(&self) -> Imprint {
        let text = read(&self.path);
        let by = self.hasher.hash_one(&text);
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.by != Some(by) {
            let directory = self.path.parent().unwrap_or(Path::new("."));
            let files = text.ok().and_then(|text| String::from_utf8(text).ok()).map(|text| named_by(&text, directory));
            *named = Named { by: Some(by), files: files.unwrap_or_default() };
        }
        let contents: Vec<u64> = named.files.iter().map(|file| self.hasher.hash_one(read(file))).collect();
        Imprint(self.hasher.hash_one((by, contents)))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, io::ErrorKind> {
    std::fs::read(path).map_err(|error| error.kind())
}

/// The files that are read with a configuration; none where it has not the documented shape.
fn named_by(text: &str, directory: &Path) -> Vec<PathBuf> {
    let Ok(file) = serde_yaml::from_str::<File>(text) else { return Vec::new() };
    let File { broker, microsoft, metrics, tenancy: _, timing: _, controller: _, leader_election: _, probes: _ } = file;
    // The projected token is not among them: it is read when it is needed.
    let Microsoft { ca_file, hosts: _, request_timeout_seconds: _, requests_per_minute: _, workload_identity: _ } =
        microsoft;
    let Metrics { tls, client_ca_file, bearer_token_file, listen: _ } = metrics;
    let tls = tls.into_iter().flat_map(|tls| [tls.certificate_file, tls.key_file]);
    let of_metrics = tls.chain(client_ca_file).chain(bearer_token_file);
    let named = broker.into_iter().flat_map(of_broker).chain(ca_file).chain(of_metrics);
    named.map(|name| directory.join(name)).collect()
}

fn of_broker(broker: Broker) -> Vec<String> {
    let Auth { basic, bearer, client_certificate } = broker.auth;
    let password = basic.map(|basic| basic.password_file);
    let token = bearer.map(|bearer| bearer.token_file);
    let certificate = client_certificate.into_iter().flat_map(|files| [files.certificate_file, files.key_file]);
    password.into_iter().chain(token).chain(certificate).chain(broker.ca_file).collect()
}
