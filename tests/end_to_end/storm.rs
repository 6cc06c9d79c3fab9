//! Every API refuses two of five requests, all the time: all tenants become Ready, within the budget, and none starves.
//! `cargo bench --bench storm` shows the same for a thousand of them.

use std::time::{Duration, Instant};

use crate::support::stage::Stage;
use crate::support::storm::{Scale, Storm};

/// Two halves. After a fifth 429 in a row without `Retry-After` an API is left alone for 80 s, and a fifth more.
const SCALE: Scale = Scale { tenants: 40, per_minute: 120, parts: 0.02, longest_pause: 100.0 };
/// Looks are seconds apart, so that the test is over within a minute.
const TIMING: [(&str, u32); 4] = [
    ("retryMaximumSeconds", 2),
    ("operationPollSeconds", 1),
    ("resyncMinimumSeconds", 30),
    ("resyncMaximumSeconds", 30),
];

#[tokio::test]
async fn a_storm_of_refusals_delays_and_harms_nobody() {
    let stage = Stage::open("storm").await;
    let storm = Storm::begin(&stage, SCALE).await;
    let begin = Instant::now();
    let _operator = stage.operator(&storm.configuration(&TIMING)).await;
    storm.until_ready(Duration::from_mins(3)).await;
    let outcome = storm.judge(begin).await;
    println!("{outcome}");
    assert!(outcome.broken.is_empty(), "{outcome}");
}
