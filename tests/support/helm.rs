//! Helm: the program that `HELM_BIN` names when that is set, else one that is built from the Go module in `tests/helm/`
//! when it is first asked for.

use std::path::PathBuf;

use super::control_plane::ControlPlaneError;
use super::control_plane::build::{GoModule, Program};

/// The module that pins Helm.
const MODULE: GoModule = GoModule {
    folder: "helm",
    go_mod: include_str!("../helm/go.mod"),
    go_sum: include_str!("../helm/go.sum"),
    main: "helm.sh/helm/v4",
    facts: |version| vec![format!("helm.sh/helm/v4/internal/version.version={version}")],
    first_build: |_| "two minutes",
    otherwise: "set HELM_BIN to a helm 4",
};
const HELM: Program = Program { name: "helm", package: "helm.sh/helm/v4/cmd/helm", name_by_go: "helm" };

/// Where Helm is, building it when it is missing.
///
/// Blocks, for minutes when there is something to build; says so on standard error.
pub(crate) fn locate() -> Result<PathBuf, ControlPlaneError> {
    if let Some(path) = std::env::var_os("HELM_BIN").filter(|value| !value.is_empty()).map(PathBuf::from) {
        return if path.is_file() { Ok(path) } else { Err(ControlPlaneError::HelmMissing { path }) };
    }
    let [helm] = MODULE.locate([HELM])?;
    Ok(helm)
}
