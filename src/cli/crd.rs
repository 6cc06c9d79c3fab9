//! `crd`: prints the custom resource definition, as YAML or as a reference for people.

use std::io::Write;

use clap::Args as ClapArgs;

use crate::api::custom_resource_definition;

mod reference;

pub use reference::reference;

/// Arguments of `crd`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Print every field with its rules as a page of documentation instead
    #[arg(long)]
    markdown: bool,
}

/// The definition cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum CrdError {
    /// It cannot be written as YAML.
    #[error("cannot write the custom resource definition as YAML")]
    Encode(#[from] serde_yaml::Error),
    /// The output is closed.
    #[error("cannot print the custom resource definition")]
    Print(#[from] std::io::Error),
}

/// The definition as YAML.
pub fn yaml() -> Result<String, CrdError> {
    Ok(serde_yaml::to_string(&custom_resource_definition())?)
}

/// Prints the definition.
pub fn print(args: &Args, output: &mut impl Write) -> Result<(), CrdError> {
    let text = if args.markdown { reference(&custom_resource_definition()) } else { yaml()? };
    output.write_all(text.as_bytes())?;
    Ok(())
}
