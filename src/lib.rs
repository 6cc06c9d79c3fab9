//! placeholder
pub mod api;
pub mod plan;
pub mod remote;
pub mod tenant;
