//! Does every story come to the same end, whatever goes wrong at whichever request?
//!
//! The operator's own `reconcile` runs in this process against a real API server and the real simulator, with the
//! operator's own clients. Every request passes one of two doors, where it gets a number and a name; each of them is a
//! point, and at each point each fault happens once, in a run of its own. `MATRIX=story/point/fault` plays only what
//! fits, `UPDATE=1` rewrites the traffic of the stories.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that cannot go on should end where it stands, with a word on why"
)]

#[path = "../support/mod.rs"]
mod support;

mod cast;
mod cells;
mod cluster;
mod door;
mod fault;
mod judges;
mod outside;
mod process;
mod run;
mod stage;
mod story;
mod traffic;
mod wire;

use cells::{Choice, Matrix};
use stage::Stage;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_story_comes_to_its_end_from_every_point() {
    let choice = Choice::from_environment();
    let stage = Arc::new(Stage::open("matrix").await);
    let matrix = Matrix::discover(&stage, &choice).await;
    let outcome = matrix.play(&stage, &choice).await;
    outcome.print();
    assert!(outcome.failures.is_empty(), "{}", outcome.told());
}
