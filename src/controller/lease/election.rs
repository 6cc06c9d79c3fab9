//! Competing for the Lease: looks, decides, writes, waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::LeaseSettings;
use super::candidate::{Candidate, Refusal, Tenure};
use super::claim::{Decision, Sighting, decide, sighted};
use super::term::Term;

/// The longest time between two looks of a standby: it takes over within 3 s after a holder that gave the Lease up.
const LOOK: Duration = Duration::from_secs(2);

/// This process among those that want to lead. Clones are the same candidate.
#[derive(Clone)]
pub struct Election {
    candidate: Arc<Candidate>,
}

/// What came of one look.
enum Next {
    Lead(Box<Tenure>),
    /// Look again, at this instant or before.
    LookAgain(Option<Instant>),
}

impl Election {
    /// A candidate that does nothing until `campaign`. Requests have limits of their own, whatever those of `client`.
    #[must_use]
    pub fn new(client: Client, settings: LeaseSettings) -> Self {
        Self { candidate: Arc::new(Candidate::new(client, settings)) }
    }

    /// Waits until this process leads; `None` where `shutdown` came first. May be called again after a term, never
    /// during one. Who leads is logged once a change, and what goes wrong once a change of the problem: nothing of it
    /// ends the waiting.
    pub async fn campaign(&self, shutdown: &CancellationToken) -> Option<Term> {
        let candidate = &self.candidate;
        let mut seen = None;
        loop {
            let next = match shutdown.run_until_cancelled(candidate.read()).await? {
                Ok(stored) => {
                    seen = sighted(seen, stored, Instant::now());
                    // Not cut off by `shutdown`: a write under way may make us the holder.
                    self.follow(seen.as_ref()).await
                }
                Err(problem) => Err(problem),
            };
            let due = match next {
                Ok(Next::Lead(tenure)) if shutdown.is_cancelled() => {
                    candidate.release(*tenure).await;
                    return None;
                }
                Ok(Next::Lead(tenure)) => return Some(Term::begin(Arc::clone(candidate), *tenure)),
                Ok(Next::LookAgain(due)) => {
                    candidate.board.works();
                    due
                }
                Err(problem) => {
                    candidate.board.fails(problem);
                    None
                }
            };
            let pause = Instant::now() + pause(candidate.settings.retry_period, fastrand::f64());
            let wake = due.map_or(pause, |due| due.min(pause));
            shutdown.run_until_cancelled(sleep_until(wake.into())).await?;
        }
    }

    /// Who leads, as last seen: the identity in the Lease.
    #[must_use]
    pub fn leader(&self) -> Option<String> {
        self.candidate.board.leader()
    }

    /// Whether this process leads at this moment. Reads the clock, so it is right even where the runtime was stopped and
    /// nothing has been cancelled yet: worth asking once more before what cannot be undone.
    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.candidate.board.is_leading(Instant::now())
    }

    async fn follow(&self, seen: Option<&Sighting>) -> Result<Next, String> {
        match decide(seen, &self.candidate.settings, Instant::now()) {
            Decision::Wait { until } => Ok(Next::LookAgain(Some(until))),
            Decision::Create | Decision::Take | Decision::Renew => {
                match self.candidate.claim(seen.map(|seen| &seen.lease)).await {
                    Ok(tenure) => Ok(Next::Lead(Box::new(tenure))),
                    Err(Refusal::Changed) => Ok(Next::LookAgain(None)),
                    Err(Refusal::Failed(problem)) => Err(problem),
                }
            }
        }
    }
}

/// The time between two looks: not the same for all, so that they do not come in step. `jitter` is from 0 to 1.
fn pause(retry_period: Duration, jitter: f64) -> Duration {
    retry_period.min(LOOK).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::as_configured(2.0, 1.0, 2.0)]
    #[case::jitter_shortens(2.0, 0.0, 1.0)]
    #[case::short_ones_are_kept(0.5, 1.0, 0.5)]
    #[case::a_standby_never_sleeps_for_long(26.0, 1.0, 2.0)]
    fn pauses(#[case] retry: f64, #[case] jitter: f64, #[case] expected: f64) {
        assert_eq!(pause(Duration::from_secs_f64(retry), jitter), Duration::from_secs_f64(expected));
    }
}
