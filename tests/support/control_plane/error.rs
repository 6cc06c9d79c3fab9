//! What can go wrong with a control plane, in words that say what to do.

use std::io;
use std::path::PathBuf;

/// Why there is no control plane, or why it did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlPlaneError {
    /// `KUBEBUILDER_ASSETS` is set and does not hold what is needed.
    #[error(
        "KUBEBUILDER_ASSETS is {directory:?}, and there is no {tool} in it: put one there, or unset the variable to have it built from Go modules"
    )]
    AssetMissing {
        /// The binary that was asked for.
        tool: &'static str,
        /// What the variable names.
        directory: PathBuf,
    },
    /// `HELM_BIN` is set and names no file.
    #[error(
        "HELM_BIN is {path:?}, which is no file: name a helm 4, or unset the variable to have it built from Go modules"
    )]
    HelmMissing {
        /// What the variable names.
        path: PathBuf,
    },
    /// No Go toolchain that can build the binaries.
    #[error(
        "cannot build the {what} of the tests: {why}\n\
         either install Go 1.26 or newer (your distribution's package, or go.dev/dl),\n\
         or {otherwise}"
    )]
    NoGo {
        /// What was to be built.
        what: String,
        /// What is wrong with the toolchain.
        why: String,
        /// The other way out.
        otherwise: &'static str,
    },
    /// Go refused.
    #[error("building {tools} from Go modules failed ({status}); the end of {log:?}:\n{last_words}")]
    Build {
        /// The binaries that were asked for.
        tools: String,
        /// How `go build` ended.
        status: String,
        /// Where all of its output is.
        log: PathBuf,
        /// The last lines of it.
        last_words: String,
    },
    /// A file, directory, pipe or process could not be had.
    #[error("cannot {act}: {source}")]
    Io {
        /// What was tried.
        act: String,
        /// What the system said.
        source: io::Error,
    },
    /// A component ended when it should have been running.
    #[error("{name} ended ({status}); its last words:\n{last_words}")]
    Ended {
        /// The component.
        name: &'static str,
        /// Its exit status.
        status: String,
        /// The last lines of its log.
        last_words: String,
    },
    /// The API server runs and does not become ready.
    #[error("kube-apiserver is not ready after {seconds} s: {last_answer}; its last words:\n{last_words}")]
    NotReady {
        /// How long it was given.
        seconds: u64,
        /// What `/readyz` said last.
        last_answer: String,
        /// The last lines of its log.
        last_words: String,
    },
    /// Keys or certificates could not be made.
    #[error("cannot make the certificates of the control plane: {0}")]
    Certificates(#[from] rcgen::Error),
    /// A kubeconfig of ours is not accepted.
    #[error("kube does not accept the kubeconfig of the control plane: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// A client could not be made from our kubeconfig.
    #[error("cannot make a client for the control plane: {0}")]
    Client(Box<kube::Error>),
    /// Something written as JSON does not read as expected.
    #[error("cannot read {what}: {source}")]
    Json {
        /// What was read.
        what: &'static str,
        /// Where it went wrong.
        source: serde_json::Error,
    },
    /// The audit log was asked for and never written.
    #[error("this control plane keeps no audit log: start it with `audit: true`")]
    NoAudit,
}

impl ControlPlaneError {
    /// For `map_err` on what the system refuses.
    pub(crate) fn io(act: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let act = act.into();
        move |source| Self::Io { act, source }
    }

    /// Whether another process took a port between our choosing and its being bound.
    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self, Self::Ended { last_words, .. } if last_words.contains("address already in use"))
    }
}
