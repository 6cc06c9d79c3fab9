//! What an operator costs that looks after many tenants: requests, writes, memory and processor time.
//!
//! A real API server, a simulator behind TLS and the operator run as processes of their own. Every tenant is on and read
//! with credentials of its own. After all are `Ready`, it measures so many resyncs in a steady state, as many in which a
//! reading of every tenant fails once, and a restart. It ends with exit code 1 where a promise is broken: at most 8
//! requests to Microsoft Graph and Azure Resource Manager of a look at a tenant, one look at each tenant in a resync, no
//! writes to the API server.
//!
//! `cargo bench --bench sizing -- [--tenants 1000] [--resync-seconds 60] [--rounds 3]`
#![expect(clippy::expect_used, reason = "a benchmark that cannot set its scene should end where it stands")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use self::support::fleet::{Fleet, Traffic, Usage, share};
use self::support::stage::{Configuration, Operator, Stage};

/// Requests to Microsoft Graph and Azure Resource Manager of one look at one tenant.
const MOST_REQUESTS: u64 = 8;
/// Looks that are closer than this, in seconds, would exhaust the 30 requests a minute that an operator allows itself by
/// default; no resource may ask for them.
const SHORT: u32 = 30;
/// The operator spreads its looks by 10 %, and a round has to have room for the slowest.
const A_ROUND: f64 = 1.1;
/// For what is under way when a round is over, in seconds.
const SLACK: f64 = 2.0;

#[derive(Parser)]
#[command(about = "What an operator costs that looks after many tenants")]
struct Arguments {
    /// Tenants, each with a resource of its own
    #[arg(long, default_value_t = 1000)]
    tenants: usize,
    /// Seconds between two looks at a tenant
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    resync_seconds: u32,
    /// Resyncs that are measured (one alone has no look that is known to be whole), in a steady state and again while a reading flaps
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..))]
    rounds: u32,
    /// What Cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    if runtime.expect("a runtime").block_on(measure(&arguments)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures, prints, and says whether every promise was kept.
async fn measure(arguments: &Arguments) -> bool {
    let &Arguments { tenants, resync_seconds, rounds, .. } = arguments;
    let stage = Stage::open("sizing").await;
    let fleet = Fleet::seed(&stage, tenants).await;
    fleet.apply().await;
    let resync = Duration::from_secs(resync_seconds.into());
    let usual = fleet.configuration(resync);
    let budget = if resync_seconds < SHORT { "  requestsPerMinute: 6000\n" } else { "" };
    let configuration = Configuration { microsoft_lines: budget.to_owned(), ..usual };
    let mut bench = Bench { resync, rounds, fleet: &fleet, configuration, kept: true };
    println!("{tenants} tenants, a resync of {resync_seconds} s, {rounds} rounds");
    let operator = bench.start().await;
    bench.steady(&operator).await;
    bench.flapping(&operator).await;
    drop(operator);
    bench.restart().await;
    println!("{}", if bench.kept { "every promise was kept" } else { "FAILED" });
    bench.kept
}

struct Bench<'a> {
    fleet: &'a Fleet<'a>,
    resync: Duration,
    rounds: u32,
    configuration: Configuration,
    kept: bool,
}

/// Where a stretch of time began.
struct Mark {
    time: Instant,
    processor: f64,
    position: u64,
    writes: usize,
    asked: usize,
}

impl Bench<'_> {
    /// From the start of the process until every resource is `Ready`.
    async fn start(&mut self) -> Operator {
        let position = self.fleet.position().await;
        let begin = Instant::now();
        let operator = self.fleet.stage.operator(&self.configuration).await;
        self.fleet.until_ready(Duration::from_mins(10)).await;
        println!("\nfrom the start to all Ready");
        row("time", format!("{:.1} s", begin.elapsed().as_secs_f64()));
        let usage = Usage::of(operator.process.pid());
        row("processor time", format!("{:.2} s", usage.processor));
        print_memory(&usage);
        let traffic = self.fleet.traffic(position).await;
        row("requests for tokens, for OpenID configurations", format!("{}, {}", traffic.tokens, traffic.openid));
        let writes = self.fleet.until_quiet().await;
        let of = |resource: &str| writes.iter().filter(|entry| entry.resource == resource).count();
        let (resources, events) = (of("threatprotectiontenants"), of("events"));
        row(
            "writes: resources, events, others",
            format!("{resources}, {events}, {}", writes.len() - resources - events),
        );
        self.promise(resources == self.fleet.size, "an adopted tenant costs one write");
        operator
    }

    /// Nothing changes and nothing fails.
    async fn steady(&mut self, operator: &Operator) {
        let mark = self.mark(operator).await;
        for round in 1..=self.rounds {
            tokio::time::sleep(self.a_round()).await;
            row(
                &format!("resident after round {round}"),
                format!("{:.1} MiB", Usage::of(operator.process.pid()).resident),
            );
        }
        let traffic = self.report("steady state", operator, &mark).await;
        let (least, most) = traffic.looks_of_a_tenant(self.fleet.size);
        // The last look of a stretch is not known to be whole.
        let rounds = usize::try_from(self.rounds).expect("a small number");
        self.promise(least + 1 >= rounds, "every tenant is looked at in every resync");
        self.promise(most <= self.most_looks(), "a tenant is looked at once in a resync");
    }

    /// Every other look at every tenant fails to read one thing.
    async fn flapping(&mut self, operator: &Operator) {
        let mark = self.mark(operator).await;
        let mut failed = 0;
        for _ in 0..self.rounds {
            self.fleet.blink().await;
            tokio::time::sleep(self.a_round()).await;
            failed += self.fleet.blinked().await;
        }
        self.report("a reading fails at every other look", operator, &mark).await;
        row(
            "failed readings of a tenant",
            format!("{:.2}", share(u64::try_from(failed).expect("a small number"), self.fleet.size)),
        );
        let expected = self.fleet.size * usize::try_from(self.rounds).expect("a small number");
        self.promise(failed == expected, "the reading of every tenant failed in every round");
        self.fleet.stage.simulator.clear_faults().await.expect("the faults are cleared");
    }

    /// A new process takes over.
    async fn restart(&mut self) {
        let begin = Instant::now();
        let operator = self.fleet.stage.operator(&self.configuration).await;
        let mark = Mark { time: begin, processor: 0.0, ..self.mark(&operator).await };
        tokio::time::sleep(self.a_round()).await;
        self.report("restart, over one resync", &operator, &mark).await;
    }

    async fn mark(&self, operator: &Operator) -> Mark {
        let asked = self.fleet.asked().await.len();
        let writes = self.fleet.writes().await.len();
        let position = self.fleet.position().await;
        Mark { time: Instant::now(), processor: Usage::of(operator.process.pid()).processor, position, writes, asked }
    }

    async fn report(&mut self, title: &str, operator: &Operator, mark: &Mark) -> Traffic {
        let (usage, seconds) = (Usage::of(operator.process.pid()), mark.time.elapsed().as_secs_f64());
        let traffic = self.fleet.traffic(mark.position).await;
        let asked = self.fleet.asked().await.len() - mark.asked;
        let writes = self.fleet.writes().await;
        let written = writes.get(mark.writes..).unwrap_or_default();
        let (least, mean, most) = traffic.requests();
        let looks = traffic.looks_of_a_tenant(self.fleet.size);
        let all = traffic.all().count();
        let processor = usage.processor - mark.processor;
        println!("\n{title}: {seconds:.0} s");
        row("looks at a tenant that are whole: least, most", format!("{}, {}", looks.0, looks.1));
        row("requests of a look, Graph and ARM: least, mean, most", format!("{least}, {mean:.2}, {most}"));
        row("of them, mean: Graph, ARM", means(&traffic, all));
        row("requests for tokens, for OpenID configurations", format!("{}, {}", traffic.tokens, traffic.openid));
        row("writes to the API server", written.len().to_string());
        row("other requests to the API server", (asked - written.len()).to_string());
        row("processor time a minute", format!("{:.2} s", processor * 60.0 / seconds));
        row("processor time a look, about", format!("{:.2} ms", processor * 1000.0 / looks_in_all(&traffic)));
        print_memory(&usage);
        for entry in written.iter().take(5) {
            println!("  {entry:?}");
        }
        self.promise(all > 0 && most <= MOST_REQUESTS, "a look costs at most 8 requests");
        self.promise(written.is_empty(), "nothing is written");
        traffic
    }

    fn promise(&mut self, is_kept: bool, what: &str) {
        if !is_kept {
            println!("  BROKEN: {what}");
            self.kept = false;
        }
    }

    fn a_round(&self) -> Duration {
        self.resync.mul_f64(A_ROUND) + Duration::from_secs_f64(SLACK)
    }

    /// Of one tenant in all rounds, each look as early as it may be.
    fn most_looks(&self) -> usize {
        let rounds = self.a_round() * self.rounds;
        let earliest = self.resync.mul_f64(0.9);
        usize::try_from(rounds.as_nanos() / earliest.as_nanos()).expect("a small number") + 1
    }
}

/// The last look of each tenant included, which is not known to be whole.
fn looks_in_all(traffic: &Traffic) -> f64 {
    let looks: usize = traffic.looks.values().map(|looks| looks.len() + 1).sum();
    u32::try_from(looks).map_or(f64::INFINITY, f64::from)
}

fn means(traffic: &Traffic, among: usize) -> String {
    let (graph, arm) = traffic.all().fold((0, 0), |(graph, arm), look| (graph + look.graph, arm + look.arm));
    format!("{:.2}, {:.2}", share(graph, among), share(arm, among))
}

fn print_memory(usage: &Usage) {
    row("resident memory: now, at most", format!("{:.1} MiB, {:.1} MiB", usage.resident, usage.peak));
}

fn row(what: &str, figure: impl std::fmt::Display) {
    println!("  {what:<55} {figure:>24}");
}
