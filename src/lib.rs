//! placeholder
pub mod api;
pub mod plan;
pub mod tenant;
