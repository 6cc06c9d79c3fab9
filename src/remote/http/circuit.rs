//! Hosts that do not answer are left alone for a while, so that waiting for them does not hold up what others are asked.
//!
//! A circuit a host. It opens after five failures in a row without any answer between them, and only where connections
//! fail or several are affected: one tenant whose requests take too long closes nobody else's way. While it is open,
//! what was last said of the host is said again without asking, so that a status keeps its words; after a growing while
//! one request is let through to see. An answer of any kind closes it. Requests that change something are always sent:
//! whether they were is what everything after them depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, Request};

use super::ExchangeError;

/// So many failures in a row open a circuit.
const FAILURES: usize = 5;
/// So many must be affected, where connections are made and only answers do not come.
const AFFECTED: usize = 2;
/// How long a circuit stays open at first; it doubles with every request that was let through and failed.
const FIRST: Duration = Duration::from_secs(2);
/// The longest time, which is also how long the return of a host can go unnoticed.
const LONGEST: Duration = Duration::from_secs(30);
/// A request that was let through and of which nothing was heard for so long is given up.
const FORGOTTEN: Duration = Duration::from_mins(2);

/// The circuits of all hosts that one client asks. There are as many as hosts are configured.
#[derive(Debug, Default)]
pub struct Circuits {
    hosts: Mutex<BTreeMap<String, Circuit>>,
}

#[derive(Debug)]
struct Circuit {
    failures: usize,
    affected: BTreeSet<String>,
    last: ExchangeError,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// The next request is let through from then on.
    until: Instant,
    length: Duration,
    /// Since when one that was let through is under way.
    probing: Option<Instant>,
}

impl Circuits {
    /// Whether a request may be sent now.
    ///
    /// # Errors
    /// The host does not answer, and why; nothing is sent.
    pub fn admit(&self, request: &Request, now: Instant) -> Result<(), ExchangeError> {
        if changes_something(request.method()) {
            return Ok(());
        }
        let mut hosts = self.lock();
        let Some(circuit) = hosts.get_mut(&host(request)) else { return Ok(()) };
        let Some(open) = &mut circuit.open else { return Ok(()) };
        let is_forgotten = open.probing.is_none_or(|since| now.duration_since(since) >= FORGOTTEN);
        if now < open.until || !is_forgotten {
            return Err(circuit.last.clone());
        }
        open.probing = Some(now);
        Ok(())
    }

    /// Notes how a request to `host` on behalf of `whom` ended: with an answer of any kind, or with none.
    pub fn ended(&self, (host, whom): (&str, &str), failure: Option<&ExchangeError>, now: Instant) {
        let mut hosts = self.lock();
        let Some(failure) = failure.filter(|failure| tells_of_host(failure)) else {
            if hosts.remove(host).is_some_and(|circuit| circuit.open.is_some()) {
                tracing::info!(host, "the host answers again");
            }
            return;
        };
        let circuit = hosts.entry(host.to_owned()).or_insert_with(|| Circuit {
            failures: 0,
            affected: BTreeSet::new(),
            last: failure.clone(),
            open: None,
        });
        circuit.note(whom, failure);
        circuit.trip(host, now);
    }

    /// How many hosts are left alone.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().values().filter(|circuit| circuit.open.is_some()).count()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Circuit>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    fn note(&mut self, whom: &str, failure: &ExchangeError) {
        self.failures += 1;
        self.last = failure.clone();
        if self.affected.len() < AFFECTED {
            self.affected.insert(whom.to_owned());
        }
    }

    fn trip(&mut self, host: &str, now: Instant) {
        match &mut self.open {
            Some(open) if open.probing.is_some() => {
                let length = (open.length * 2).min(LONGEST);
                *open = Open { until: now + length, length, probing: None };
            }
            None if self.failures >= FAILURES && (fails_for_all(&self.last) || self.affected.len() >= AFFECTED) => {
                self.open = Some(Open { until: now + FIRST, length: FIRST, probing: None });
                let (failures, error) = (self.failures, self.last.to_string());
                tracing::warn!(host, failures, error, "the host does not answer and is asked less until it does");
            }
            // Too few yet; or sent before it opened, or on its way to change something.
            None | Some(_) => {}
        }
    }
}

/// The name and port of the host that a request goes to.
pub fn host(request: &Request) -> String {
    let url = request.url();
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn changes_something(method: &Method) -> bool {
    *method == Method::PUT || *method == Method::PATCH || *method == Method::DELETE
}

/// Whether it says anything about who was asked, rather than about what was asked.
const fn tells_of_host(failure: &ExchangeError) -> bool {
    !matches!(failure, ExchangeError::Unsendable { .. } | ExchangeError::TooLarge { .. })
}

/// Whether nobody's request would have come through.
const fn fails_for_all(failure: &ExchangeError) -> bool {
    matches!(
        failure,
        ExchangeError::Unreachable { .. }
            | ExchangeError::Untrusted { .. }
            | ExchangeError::ClientCertificateRefused { .. }
    )
}

#[cfg(test)]
#[path = "circuit/tests.rs"]
mod tests;
