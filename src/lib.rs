//! placeholder
pub mod api;
pub mod config;
pub mod plan;
pub mod remote;
pub mod tenant;
