//! Does a real API server accept the custom resource definition, and enforce every rule that it promises?
//!
//! Expected texts and values are typed here, not taken from the code that is judged.

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod declaration;
mod defaults;
mod edits;
mod pin;
mod samples;
mod schema;
mod stage;
mod status;
mod tools;
