//! Where the binaries of the control plane are: in `KUBEBUILDER_ASSETS` when that
//! is set, else in a cache, into which each is built from the Go module in
//! `tests/control-plane/` when it is first asked for.

use std::path::PathBuf;

use super::build::{GoModule, Program};
use super::error::ControlPlaneError;

/// The module that pins the control plane.
pub(crate) const MODULE: GoModule = GoModule {
    folder: "control-plane",
    go_mod: include_str!("../../control-plane/go.mod"),
    go_sum: include_str!("../../control-plane/go.sum"),
    main: "k8s.io/kubernetes",
    facts,
    first_build: |programs| {
        if programs.contains(&Tool::ApiServer.program()) { "four minutes" } else { "a minute" }
    },
    otherwise: "set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver, kubectl and kube-controller-manager\n\
                (`setup-envtest use -p path` prints one with the first three)",
};

/// A binary of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// The store.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controllers: namespaces, garbage collection, service accounts, Deployments.
    ControllerManager,
    /// The command line client.
    Kubectl,
}

impl Tool {
    /// The name of the file.
    pub(crate) fn name(self) -> &'static str {
        self.program().name
    }

    /// What it is built from.
    fn program(self) -> Program {
        let of_kubernetes = |name, package| Program { name, package, name_by_go: name };
        match self {
            Self::Etcd => Program { name: "etcd", package: "go.etcd.io/etcd/server/v3", name_by_go: "server" },
            Self::ApiServer => of_kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            Self::ControllerManager => {
                of_kubernetes("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager")
            }
            Self::Kubectl => of_kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
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
    MODULE.locate(tools.map(Tool::program))
}

/// Without the version that its own build scripts link in, Kubernetes reports `v0.0.0-master` and kubectl refuses to
/// compare it.
fn facts(version: &str) -> Vec<String> {
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
    let packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
    packages.iter().flat_map(|package| facts.map(|(name, value)| format!("{package}.{name}={value}"))).collect()
}
