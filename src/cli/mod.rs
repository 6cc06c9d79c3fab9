//! The command line: one file a command.

mod administrator;
pub mod check;
pub mod crd;
pub mod explain;
pub mod metrics;
mod outside;
pub mod plan;
pub mod run;
pub mod simulate;
pub mod uninstall;

use std::io::stdout;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Turns on, pins, links and deprovisions Microsoft Threat Protection for tenants, as declared in Kubernetes.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator.
    Run(run::Args),
    /// Say what the operator would do about a resource, and do nothing.
    Plan(plan::Args),
    /// Sign in as the operator would, and list which permissions are granted and which to grant.
    Check(check::Args),
    /// Say what a reason of a condition means, and what to do about it.
    Explain(explain::Args),
    /// Print the custom resource definition as YAML, or as a reference for people.
    Crd(crd::Args),
    /// Print every metric that the operator shows, as a page of documentation.
    Metrics,
    /// Say what would be left or hurt if the operator were uninstalled now, and change nothing.
    Uninstall(uninstall::Args),
    /// Serve a simulated broker and simulated tenants, for laptops and tests.
    Simulate(simulate::Args),
}

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// `run` failed.
    #[error(transparent)]
    Run(#[from] run::RunError),
    /// `plan` failed.
    #[error(transparent)]
    Plan(#[from] plan::PlanError),
    /// `check` failed.
    #[error(transparent)]
    Check(#[from] check::CheckError),
    /// `explain` failed.
    #[error(transparent)]
    Explain(#[from] explain::ExplainError),
    /// `crd` failed.
    #[error(transparent)]
    Crd(#[from] crd::CrdError),
    /// `metrics` failed.
    #[error(transparent)]
    Metrics(#[from] metrics::MetricsError),
    /// `simulate` failed.
    #[error(transparent)]
    Simulate(#[from] simulate::SimulateError),
    /// `uninstall` failed.
    #[error(transparent)]
    Uninstall(#[from] uninstall::UninstallError),
}

/// Does what was asked. Only `plan`, `check` and `uninstall` have exit codes of their own.
pub async fn dispatch(arguments: Arguments) -> Result<ExitCode, CommandError> {
    match arguments.command {
        Command::Run(args) => run::run(args).await?,
        Command::Plan(args) => return Ok(plan::run(args, &mut stdout().lock()).await?.code().into()),
        Command::Check(args) => return Ok(check::run(args, &mut stdout().lock()).await?.code().into()),
        Command::Uninstall(args) => return Ok(uninstall::run(args, &mut stdout().lock()).await?.code().into()),
        Command::Explain(args) => explain::print(&args, &mut stdout().lock())?,
        Command::Crd(args) => crd::print(&args, &mut stdout().lock())?,
        Command::Metrics => metrics::print(&mut stdout().lock())?,
        Command::Simulate(args) => simulate::run(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
