//! placeholder
#![allow(missing_docs)]
pub mod api;
pub mod cli;
pub mod config;
pub mod plan;
pub mod remote;
pub mod simulator;
pub mod tenant;
