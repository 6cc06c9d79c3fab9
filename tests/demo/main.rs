//! `cargo demo`: the main job, end to end, for whoever wants to see it before reading about it.
//!
//! A control plane, the simulator and two operators run as processes of their own. The story is told by [`acts`] about
//! the tenants of [`cast`]; [`verdict`] computes the exit code from what is stored and from the simulator's journal.
//! Before that, [`foretold`] tells what would happen to the tenants of `tests/plans`. `cargo test` runs it too, as one
//! test.
#![expect(clippy::indexing_slicing, reason = "indexing a JSON value that is not there gives null, which fits nothing")]

#[path = "../support/stories.rs"]
#[expect(dead_code, reason = "the golden texts are compared by the test of the stories")]
mod stories;
#[path = "../support/mod.rs"]
mod support;

mod acts;
mod arguments;
mod board;
mod cast;
mod cluster;
mod foretold;
mod keep;
mod people;
mod screen;
mod stage;
mod verdict;
mod world;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use arguments::{Arguments, Wish};
use cluster::Cluster;
use screen::{Screen, Tone};
use stage::Stage;

/// The exit code of a program that Ctrl-C ended, by convention.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut output = std::io::stdout();
    // Nobody may be reading; that is no reason to fail.
    match arguments.wish() {
        Wish::List => {
            let _ = write!(output, "{}", arguments.list());
            return ExitCode::SUCCESS;
        }
        Wish::Nothing => return ExitCode::SUCCESS,
        Wish::Run => {}
    }
    // The end-to-end crates bring one provider; that it is installed already would only mean that it is the one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(play(&arguments));
    // A build of the control plane may still block a thread; its compilers end when we do.
    runtime.shutdown_background();
    code
}

async fn play(arguments: &Arguments) -> ExitCode {
    let started = Instant::now();
    let mut screen = Screen::new(arguments.plain);
    screen
        .title("Microsoft Threat Protection, declared", "a real API server, the operator, and eight simulated tenants");
    let foretold = match foretold::tell(&mut screen) {
        Ok(holds) => holds,
        Err(error) => return failed(&error),
    };
    screen.blank();
    let opened = tokio::select! {
        opened = Cluster::open(arguments.kubeconfig.as_deref(), &mut screen) => opened,
        () = told_to_end() => return ExitCode::from(INTERRUPTED),
    };
    let mut cluster = match opened {
        Ok(cluster) => cluster,
        Err(error) => return failed(&error),
    };
    let code = tokio::select! {
        // Asked first: at the end of `--keep` both are told to end, and the verdict is the answer.
        biased;
        told = tell(&mut cluster, (arguments, foretold), screen, started) => match told {
            Ok(true) if foretold => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(error) => failed(&error),
        },
        () = told_to_end() => ExitCode::from(INTERRUPTED),
    };
    match cluster.clean_up().await {
        Ok(()) => code,
        Err(error) => failed(&error.context("cannot delete all that was made in the cluster")),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // Some errors tell their cause themselves, and hand it out once more.
    let whole = error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.as_str() {
        "" => cause,
        told if told.contains(&cause) => told.to_owned(),
        told => format!("{told}: {cause}"),
    });
    let _ = writeln!(std::io::stderr(), "\n{whole}");
    ExitCode::FAILURE
}

/// The whole story, and whether it came out as promised.
async fn tell(
    cluster: &mut Cluster,
    (arguments, foretold): (&Arguments, bool),
    screen: Screen,
    started: Instant,
) -> anyhow::Result<bool> {
    let mut stage = Stage::set(cluster, screen).await?;
    let holds = match acts::play(&mut stage).await {
        Ok(()) => verdict::judge(&mut stage).await?,
        Err(error) => {
            stage.explain(&error).await;
            false
        }
    };
    let (tone, word) =
        if holds && foretold { (Tone::Good, "Everything is as promised") } else { (Tone::Bad, "Not as promised") };
    stage.screen.blank();
    let word = stage.screen.paint(tone, word);
    stage.screen.say(&format!("{word}, after {:.1} s.", started.elapsed().as_secs_f64()));
    if arguments.keep {
        keep::explain(&mut stage, cluster).await?;
        told_to_end().await;
        stage.screen.blank();
    }
    Ok(holds)
}

/// Waits for Ctrl-C or SIGTERM. The processes of the demonstration are in groups of their own and end because we do.
async fn told_to_end() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers both signals simply end the process.
        _ => std::future::pending().await,
    }
}
