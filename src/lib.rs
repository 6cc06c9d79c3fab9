//! placeholder
#![allow(missing_docs)]
pub mod api;
pub mod cli;
pub mod plan;
pub mod simulator;
pub mod tenant;
