//! What an operator makes of many tenants while every API refuses two of five requests, all the time.
//!
//! The scene and the judges are those of the end-to-end test, for more tenants, and everything that is not named on the
//! command line is as administrators find it. It ends with exit code 1 where anything is broken.
//!
//! `cargo bench --bench storm -- [--tenants 1000] [--parts 0.02] [--retry-maximum-seconds 300] [--minutes 30]`
#![expect(clippy::expect_used, reason = "a benchmark that cannot set its scene should end where it stands")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use self::support::fleet::Usage;
use self::support::stage::Stage;
use self::support::storm::{Scale, Storm};

#[derive(Parser)]
#[command(about = "What an operator makes of many tenants in a storm of refusals")]
struct Arguments {
    /// Tenants, each with a resource of its own
    #[arg(long, default_value_t = 1000)]
    tenants: usize,
    /// Requests a minute to Microsoft's APIs, for each tenant
    #[arg(long, default_value_t = 30)]
    per_minute: u32,
    /// The share of the parts of batches that is refused, of batches that got through
    #[arg(long, default_value_t = 0.02)]
    parts: f64,
    /// `timing.retryMaximumSeconds`
    #[arg(long, default_value_t = 300)]
    retry_maximum_seconds: u32,
    /// How long all of them may take
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// What Cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    if runtime.expect("a runtime").block_on(measure(&arguments)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(arguments: &Arguments) -> bool {
    let &Arguments { tenants, per_minute, parts, retry_maximum_seconds, minutes, .. } = arguments;
    let stage = Stage::open("storm").await;
    // The longest wait, 20 % later, and what an API without `Retry-After` is left alone for.
    let longest_pause = f64::from(retry_maximum_seconds) * 1.2 + 60.0;
    let storm = Storm::begin(&stage, Scale { tenants, per_minute, parts, longest_pause }).await;
    let timing = [("retryMaximumSeconds", retry_maximum_seconds)];
    println!("{tenants} tenants, {per_minute} requests a minute, at most {retry_maximum_seconds} s between two tries");
    let begin = Instant::now();
    let operator = stage.operator(&storm.configuration(&timing)).await;
    storm.until_ready(Duration::from_mins(minutes)).await;
    let usage = Usage::of(operator.process.pid());
    let outcome = storm.judge(begin).await;
    println!("{outcome}");
    println!("  processor time of the operator: {:.2} s, memory at most {:.1} MiB", usage.processor, usage.peak);
    outcome.broken.is_empty()
}
