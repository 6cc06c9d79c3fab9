//! The command line: one file a command.

pub mod crd;
pub mod run;

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
    /// Print the custom resource definition as YAML.
    Crd,
}

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// `run` failed.
    #[error(transparent)]
    Run(#[from] run::RunError),
    /// `crd` failed.
    #[error(transparent)]
    Crd(#[from] crd::CrdError),
}

/// Does what was asked.
pub async fn dispatch(arguments: Arguments) -> Result<(), CommandError> {
    match arguments.command {
        Command::Run(args) => run::run(args).await?,
        Command::Crd => crd::print(&mut std::io::stdout().lock())?,
    }
    Ok(())
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
