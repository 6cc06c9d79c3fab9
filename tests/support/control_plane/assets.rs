//! Where the binaries of the control plane are: in `KUBEBUILDER_ASSETS` when that
//! is set, else in a cache under Cargo's target directory, into which each is
//! built from Go modules when it is first asked for.
//!
//! The cache is named after all that goes into the binaries, so a change of
//! `tests/control-plane/` builds anew and a change back finds the old ones.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::build;
use super::error::ControlPlaneError;

/// A binary of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The store.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controllers: namespaces, garbage collection, service accounts.
    ControllerManager,
    /// The command line client.
    Kubectl,
}

impl Tool {
    /// The name of the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
        }
    }

    /// The Go package it is built from.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::ApiServer => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::ControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        }
    }

    /// What Go calls the binary: the last part of the package that is no version.
    pub(crate) fn name_by_go(self) -> &'static str {
        match self {
            Self::Etcd => "server",
            _ => self.name(),
        }
    }
}

/// Where `tools` are, in their order, building what is missing.
///
/// Blocks, for minutes when there is something to build; says so on standard error.
pub(crate) fn locate<const N: usize>(tools: [Tool; N]) -> Result<[PathBuf; N], ControlPlaneError> {
    if let Some(directory) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()) {
        let directory = PathBuf::from(directory);
        return match tools.iter().find(|tool| !directory.join(tool.name()).is_file()) {
            Some(tool) => Err(ControlPlaneError::AssetMissing { tool: tool.name(), directory }),
            None => Ok(tools.map(|tool| directory.join(tool.name()))),
        };
    }
    let cache = cache();
    if !missing(&cache, &tools).is_empty() {
        std::fs::create_dir_all(&cache).map_err(ControlPlaneError::io(format!("make {}", cache.display())))?;
        let _lock = lock(&cache)?;
        // Asked again: whoever had the lock may have built them.
        build::build(&missing(&cache, &tools), &cache)?;
    }
    Ok(tools.map(|tool| cache.join(tool.name())))
}

fn missing(cache: &Path, tools: &[Tool]) -> Vec<Tool> {
    // Binaries appear under their name in one step, so one that is there is whole.
    tools.iter().copied().filter(|tool| !cache.join(tool.name()).is_file()).collect()
}

fn lock(cache: &Path) -> Result<File, ControlPlaneError> {
    let path = cache.join("lock");
    let failed = || ControlPlaneError::io(format!("lock {}", path.display()));
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed())?;
    if file.try_lock().is_err() {
        build::say("another process builds the control plane; waiting for it");
        file.lock().map_err(failed())?;
    }
    Ok(file)
}

fn cache() -> PathBuf {
    let target = match option_env!("CARGO_TARGET_TMPDIR").map(Path::new).and_then(Path::parent) {
        Some(target) => target.to_path_buf(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
    };
    let version = build::kubernetes_version().unwrap_or("unknown");
    target.join("control-plane").join(format!("{version}-{:016x}", fingerprint(&build::recipe())))
}

/// FNV-1a; a name for a cache, the same from every compiler and every run.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
