//! `crd`: prints the custom resource definition.

use std::io::Write;

use crate::api::custom_resource_definition;

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
pub fn print(output: &mut impl Write) -> Result<(), CrdError> {
    output.write_all(yaml()?.as_bytes())?;
    Ok(())
}
