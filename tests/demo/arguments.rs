//! The command line: our own options, and those that `cargo test` hands to every test program.

use std::path::PathBuf;

use clap::Parser;

/// How the demonstration is called where tests are listed and filtered.
const NAME: &str = "demo";

/// Shows the main job end to end: a real API server, a real broker conversation, simulated tenants.
///
/// Ends by itself after about half a minute. The exit code is 0 when the stored objects, judged by the rules of
/// kstatus, and the simulator's journal are exactly what the story promises.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", bin_name = "cargo demo")]
pub(crate) struct Arguments {
    /// Leave everything running at the end, say how to reach it, and wait for Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
    /// Use the cluster of this kubeconfig instead of starting a control plane. It should not run the operator yet;
    /// what is created there is deleted at the end
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// No colours and no live table, as when the output is piped
    #[arg(long)]
    pub(crate) plain: bool,
    #[command(flatten)]
    harness: Harness,
}

/// Options of Rust's test programs. Those that only change how tests run or look are taken and ignored.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line, and not ours")]
struct Harness {
    #[arg(hide = true)]
    filters: Vec<String>,
    #[arg(long, hide = true)]
    list: bool,
    #[arg(long, hide = true)]
    exact: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    skip: Vec<String>,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true, alias = "no-capture")]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, hide = true)]
    test: bool,
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, hide = true)]
    shuffle: bool,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    test_threads: Option<String>,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    logfile: Option<String>,
    #[arg(short = 'Z', hide = true)]
    unstable: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The demonstration.
    Run,
    /// Only its name.
    List,
    /// Another test.
    Nothing,
}

impl Arguments {
    /// The list of tests, which is short; with its sum, unless only the names are wanted.
    pub(crate) fn list(&self) -> String {
        let is_terse = self.harness.format.as_deref() == Some("terse");
        format!("{NAME}: test\n{}", if is_terse { "" } else { "\n1 test, 0 benchmarks\n" })
    }

    /// What is asked for, as a test program understands it.
    pub(crate) fn wish(&self) -> Wish {
        let Harness { filters, list, exact, ignored, skip, bench, .. } = &self.harness;
        let fits = |filter: &String| if *exact { filter == NAME } else { NAME.contains(filter.as_str()) };
        let is_meant = (filters.is_empty() || filters.iter().any(fits)) && !skip.iter().any(fits);
        match (is_meant && !ignored && !bench, list) {
            (false, _) => Wish::Nothing,
            (true, true) => Wish::List,
            (true, false) => Wish::Run,
        }
    }
}
