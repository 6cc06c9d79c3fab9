//! Calls of Azure Resource Manager and their answers: each file here writes down one kind of call and reads its answer into
//! what the plan judges. Pure.
//!
//! Shapes: azure-rest-api-specs, `Microsoft.Resources` 2022-12-01, `Microsoft.Security` 2022-05-01 and 2021-10-01-preview,
//! `Microsoft.SecurityInsights` 2025-07-01-preview (read in 2026). None of the calls is long-running.

pub mod location;
pub mod sentinel;
pub mod settings;
pub mod subscription;
pub mod target;

#[cfg(test)]
mod mutated;
