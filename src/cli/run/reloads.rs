//! What became of changes of the configuration: for the metrics, and as a line beside the probes.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::config::Part;

/// What came of a reading, as the label `result` names it.
const RESULTS: [&str; 3] = [APPLIED, UNCHANGED, REJECTED];
const APPLIED: &str = "applied";
const UNCHANGED: &str = "unchanged";
const REJECTED: &str = "rejected";
/// More fields than these are not named beside a probe; the log names all of them.
const NAMED: usize = 3;

type Labels = [(&'static str, &'static str); 1];

/// What became of the configuration since the start. Clones are of the same.
#[derive(Clone, Debug)]
pub struct Reloads {
    readings: Family<Labels, Counter>,
    is_good: Gauge,
    waiting: Family<Labels, Gauge>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The fields of the file that are wrong; empty where it is usable.
    wrong: Vec<String>,
    waiting: BTreeSet<Part>,
}

impl Default for Reloads {
    fn default() -> Self {
        let reloads = Self {
            readings: Family::default(),
            is_good: Gauge::default(),
            waiting: Family::default(),
            seen: Arc::default(),
        };
        for result in RESULTS {
            drop(reloads.readings.get_or_create_owned(&[("result", result)]));
        }
        // What the operator was started with was usable.
        reloads.is_good.set(1);
        reloads.show(&BTreeSet::new());
        reloads
    }
}

impl Reloads {
    /// Shows the counters.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Changes of the configuration that were read, by what came of them";
        registry.register("config_reloads", help, self.readings.clone());
        let help = "Whether the configuration was usable when it was read last (1), or an older one is in force (0)";
        registry.register("config_last_reload_success", help, self.is_good.clone());
        let help = "Whether a part of the configuration has changed and waits for a restart (1)";
        registry.register("config_restart_needed", help, self.waiting.clone());
    }

    /// A usable file was read; whether it changed what is in force, and which parts of it wait for a restart.
    pub(super) fn taken_over(&self, has_changed: bool, waiting: BTreeSet<Part>) {
        let result = if has_changed { APPLIED } else { UNCHANGED };
        self.show(&waiting);
        *self.lock() = Seen { wrong: Vec::new(), waiting };
        self.is_good.set(1);
        self.readings.get_or_create(&[("result", result)]).inc();
    }

    /// A file was read that is not usable, because of these fields.
    pub(super) fn rejected<'a>(&self, fields: impl IntoIterator<Item = &'a str>) {
        self.lock().wrong = fields.into_iter().map(ToOwned::to_owned).collect();
        self.is_good.set(0);
        self.readings.get_or_create(&[("result", REJECTED)]).inc();
    }

    fn show(&self, waiting: &BTreeSet<Part>) {
        for part in Part::ALL.into_iter().filter(|part| part.needs_restart()) {
            self.waiting.get_or_create(&[("part", part.key())]).set(i64::from(waiting.contains(&part)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fields and no values: whoever can reach the probe reads this.
impl fmt::Display for Reloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { wrong, waiting } = &*self.lock();
        match wrong.len() {
            0 => f.write_str("as in the file")?,
            count => {
                let fields = wrong.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = if count > NAMED { ", …" } else { "" };
                write!(f, "the file is not usable ({fields}{more}), and the one before it is in force: see the log")?;
            }
        }
        if !waiting.is_empty() {
            let parts = waiting.iter().map(|part| part.key()).collect::<Vec<_>>().join(", ");
            write!(f, "; a restart is needed for {parts}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_beside_the_probes_says_what_is_wrong_and_what_waits() {
        let reloads = Reloads::default();
        assert_eq!(reloads.to_string(), "as in the file");
        reloads.taken_over(true, BTreeSet::from([Part::Probes, Part::WatchNamespace]));
        assert_eq!(reloads.to_string(), "as in the file; a restart is needed for controller.watchNamespace, probes");
        reloads.rejected(["a", "b", "c", "d"]);
        let line = reloads.to_string();
        assert!(line.contains("not usable (a, b, c, …)") && line.contains("needed for"), "{line}");
        reloads.taken_over(false, BTreeSet::new());
        assert_eq!(reloads.to_string(), "as in the file");
    }

    #[test]
    fn each_result_is_counted_and_every_label_is_there_from_the_start() {
        let (reloads, mut registry) = (Reloads::default(), Registry::default());
        reloads.register(&mut registry);
        let shown = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            text
        };
        for line in [
            "config_reloads_total{result=\"rejected\"} 0",
            "config_last_reload_success 1",
            "config_restart_needed{part=\"leaderElection\"} 0",
        ] {
            assert!(shown().contains(line), "{line}\n{}", shown());
        }
        reloads.rejected(["tenancy"]);
        assert!(shown().contains("config_reloads_total{result=\"rejected\"} 1"));
        assert!(shown().contains("config_last_reload_success 0"));
        reloads.taken_over(true, BTreeSet::from([Part::LeaderElection]));
        assert!(shown().contains("config_restart_needed{part=\"leaderElection\"} 1"));
        assert!(shown().contains("config_last_reload_success 1"));
        assert!(shown().contains("config_reloads_total{result=\"applied\"} 1"));
    }
}
