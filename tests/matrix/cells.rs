//! The matrix: which stories have which points, which faults can happen there, and the table of what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;

use crate::door::Aim;
use crate::fault::{Fault, OF_EFFECTS, OF_EVENTS, OF_PASSES, OF_READS};
use crate::judges;
use crate::outside::World;
use crate::run::{Disturbance, Played, play};
use crate::stage::Stage;
use crate::story::{self, Story};
use crate::traffic;
use crate::wire::{Party, Request};

/// Runs at once. Most of the time they wait: for the API server, and for the time that a throttled request costs.
const AT_ONCE: usize = 24;
/// The most failures that are told in full.
const TOLD: usize = 12;

/// `MATRIX`: story, point (its number will do) and fault; `*` is any, and what is left out too.
pub(crate) struct Choice(Vec<String>);

impl Choice {
    pub(crate) fn from_environment() -> Self {
        let text = std::env::var("MATRIX").unwrap_or_default();
        Self(text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    fn takes(&self, story: &str, point: &str, fault: &str) -> bool {
        let number = point.split(' ').next().unwrap_or_default();
        let fits = |index: usize, is: &[&str]| {
            self.0.get(index).is_none_or(|wanted| wanted == "*" || is.contains(&wanted.as_str()))
        };
        fits(0, &[story]) && fits(1, &[point, number]) && fits(2, &[fault])
    }

    fn takes_story(&self, story: &str) -> bool {
        self.0.first().is_none_or(|wanted| wanted == "*" || wanted == story)
    }
}

/// One story as it goes when nothing goes wrong.
pub(crate) struct Row {
    story: Arc<Story>,
    world: Arc<World>,
    calm: Arc<Played>,
}

/// One run.
struct Cell {
    row: usize,
    point: String,
    fault: Fault,
    disturbance: Disturbance,
}

pub(crate) struct Matrix {
    rows: Vec<Row>,
}

/// What came of all runs.
#[derive(Default)]
pub(crate) struct Outcome {
    lines: Vec<Line>,
    pub(crate) failures: Vec<String>,
    /// Requests that must be in the API server's audit log.
    arrived: usize,
    took: Duration,
}

#[derive(Default)]
struct Line {
    story: &'static str,
    points: usize,
    passes: usize,
    faults: BTreeSet<Fault>,
    runs: usize,
    converged: usize,
    most: (usize, usize),
    time: Duration,
}

impl Matrix {
    /// Plays every story once without a fault, which shows its points.
    pub(crate) async fn discover(stage: &Arc<Stage>, choice: &Choice) -> Self {
        let stories = story::all().into_iter().filter(|story| choice.takes_story(story.name)).map(Arc::new);
        let rows = futures::stream::iter(stories).map(|story| {
            let stage = Arc::clone(stage);
            tokio::spawn(async move {
                let world = Arc::new(stage.world(story.name).await);
                let calm = Arc::new(play((&stage, &world), &story, None).await);
                Row { story, world, calm }
            })
        });
        let rows = rows.buffered(AT_ONCE).map(|row| row.expect("a run does not panic")).collect().await;
        Self { rows }
    }

    /// Plays every cell.
    pub(crate) async fn play(self, stage: &Arc<Stage>, choice: &Choice) -> Outcome {
        let started = Instant::now();
        let mut outcome = Outcome::default();
        let mut cells = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            outcome.begin(row);
            if row.calm.failure.is_none() {
                let all = cells_of(index, row).into_iter();
                cells.extend(all.filter(|cell| choice.takes(row.story.name, &cell.point, cell.fault.name())));
            }
        }
        let runs = futures::stream::iter(cells).map(|cell| {
            let row = &self.rows[cell.row];
            let (stage, world, story) = (Arc::clone(stage), Arc::clone(&row.world), Arc::clone(&row.story));
            tokio::spawn(async move {
                let played = play((&stage, &world), &story, Some(&cell.disturbance)).await;
                (cell, played)
            })
        });
        let mut runs = runs.buffer_unordered(AT_ONCE);
        while let Some(run) = runs.next().await {
            let (cell, played) = run.expect("a run does not panic");
            outcome.note(&self.rows[cell.row], &cell, &played);
        }
        let audited = stage.audited().await;
        if audited != outcome.arrived {
            let arrived = outcome.arrived;
            outcome.failures.push(format!("{arrived} requests passed the door to the API server, {audited} arrived"));
        }
        outcome.took = started.elapsed();
        outcome
    }
}

/// What is wrong with a story in which nothing goes wrong.
fn of_calm(row: &Row) -> Vec<String> {
    let (story, calm) = (&row.story, &row.calm);
    let mut faults = judges::faults(story, calm, calm);
    let is_write = |request: &Request| request.party == Party::ApiServer && request.is_write();
    let writes = judges::crossings(calm).filter(|crossing| is_write(&crossing.request)).count();
    if writes != story.writes {
        faults.push(format!("{writes} writes to the resources, and not {}", story.writes));
    }
    let sends: Vec<&str> = judges::sends(calm).collect();
    if sends != story.sends {
        faults.push(format!("sent were {sends:?}, and not {:?}", story.sends));
    }
    if calm.failure.is_none() {
        faults.extend(traffic::compare(story.name, &traffic::whole(calm)).err());
    }
    if faults.is_empty() {
        return Vec::new();
    }
    vec![format!("{} without a fault\n  {}\n{}", story.name, faults.join("\n  "), traffic::brief(calm))]
}

fn cells_of(row: usize, of: &Row) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for crossing in judges::crossings(&of.calm) {
        let occurrence = counts.entry(&crossing.effect).or_default();
        *occurrence += 1;
        let faults: &[Fault] = match &crossing.request {
            event if event.is_event() => &OF_EVENTS,
            read if read.only_reads() => &OF_READS,
            _ => &OF_EFFECTS,
        };
        let stale = (crossing.effect == "read uncached").then_some(Fault::Stale);
        for fault in faults.iter().copied().chain(stale) {
            let aim = Aim { effect: crossing.effect.clone(), occurrence: *occurrence, fault };
            let point = format!("{} {}", crossing.ordinal, crossing.effect);
            cells.push(Cell { row, point, fault, disturbance: Disturbance::Effect(aim) });
        }
    }
    for pass in 1..=of.calm.passes + 1 {
        for fault in OF_PASSES {
            let disturbance = Disturbance::Pass(pass, fault);
            cells.push(Cell { row, point: format!("p{pass} pass"), fault, disturbance });
        }
    }
    cells
}

impl Outcome {
    fn begin(&mut self, row: &Row) {
        self.arrived += row.calm.arrived_at_cluster;
        self.failures.extend(of_calm(row));
        self.lines.push(Line {
            story: row.story.name,
            points: judges::crossings(&row.calm).count(),
            passes: row.calm.passes,
            ..Line::default()
        });
    }

    fn note(&mut self, row: &Row, cell: &Cell, played: &Played) {
        let faults = judges::faults(&row.story, &row.calm, played);
        let line = &mut self.lines[cell.row];
        self.arrived += played.arrived_at_cluster;
        line.runs += 1;
        line.converged += usize::from(faults.is_empty());
        line.faults.insert(cell.fault);
        line.time += played.took;
        if played.replayed == 0 {
            let (requests, writes) = judges::excess(&row.calm, played);
            line.most = (line.most.0.max(requests), line.most.1.max(writes));
        }
        if !faults.is_empty() {
            let cell = format!("{}/{}/{}", row.story.name, cell.point, cell.fault.name());
            // At once, so that a long run need not be awaited.
            let _ = writeln!(std::io::stderr(), "{cell}: {}", faults.join("; "));
            self.failures.push(format!("{cell}\n  {}\n{}", faults.join("\n  "), traffic::brief(played)));
        }
    }

    /// The table, whether or not the test passes.
    pub(crate) fn print(&self) {
        let mut table = format!(
            "\n{:<26}{:>7}{:>7}{:>8}{:>7}{:>11}  {}\n",
            "story", "points", "passes", "faults", "runs", "converged", "most requests and writes beyond the calm run"
        );
        let mut total = (0, 0, 0, 0);
        for line in &self.lines {
            let _ = writeln!(
                table,
                "{:<26}{:>7}{:>7}{:>8}{:>7}{:>11}  {} and {}, {} ms a run",
                line.story,
                line.points,
                line.passes,
                line.faults.len(),
                line.runs,
                line.converged,
                line.most.0,
                line.most.1,
                line.time.as_millis() / line.runs.max(1) as u128
            );
            total = (total.0 + line.points, total.1 + line.passes, total.2 + line.runs, total.3 + line.converged);
        }
        let _ = writeln!(
            table,
            "{:<26}{:>7}{:>7}{:>8}{:>7}{:>11}  in {} s",
            format!("{} stories", self.lines.len()),
            total.0,
            total.1,
            OF_EFFECTS.len() + OF_PASSES.len() + 1,
            total.2,
            total.3,
            self.took.as_secs()
        );
        // Not by the macros of printing, whose output a passing test keeps to itself.
        let _ = std::io::stdout().lock().write_all(table.as_bytes());
    }

    /// The first failures in full, and how many there are.
    pub(crate) fn told(&self) -> String {
        let told: Vec<&str> = self.failures.iter().take(TOLD).map(String::as_str).collect();
        format!("{} failures\n\n{}", self.failures.len(), told.join("\n\n"))
    }
}
