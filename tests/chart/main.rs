//! Does the chart install what the project ships, on a real API server, and does kustomize install the same?
//!
//! Rendered manifests are judged by the API server, by the operator's own reading of its configuration, and by the
//! committed text of each case. `UPDATE=1 cargo test --test chart` rewrites that text.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end where it stands, also in what tests have in common"
)]

#[path = "../support/mod.rs"]
mod support;

mod accepted;
mod foreign;
mod helm;
mod kustomize;
mod lifecycle;
mod node;
mod nodes;
mod readme;
mod rendered;
mod waiting;
