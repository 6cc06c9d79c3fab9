//! A term: from the moment the Lease is ours to the moment work must stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::candidate::{Candidate, Setback, Tenure};

/// The time in which this process leads. A task renews the Lease for as long as this lives; dropping it ends the term
/// and leaves the Lease to expire.
pub struct Term {
    candidate: Arc<Candidate>,
    lost: CancellationToken,
    stop: DropGuard,
    renewing: JoinHandle<Option<Tenure>>,
}

impl Term {
    pub(super) fn begin(candidate: Arc<Candidate>, tenure: Tenure) -> Self {
        let stop = CancellationToken::new();
        let lost = stop.child_token();
        let renewing = tokio::spawn(keep(Arc::clone(&candidate), tenure, stop.clone(), lost.clone()));
        Self { candidate, lost, stop: stop.drop_guard(), renewing }
    }

    /// Cancelled as soon as work must stop: another process has the Lease, or it could not be renewed in time. Also at
    /// the end that was wanted.
    #[must_use]
    pub fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// How long after the end of a term, at least, nobody else leads: the time for running work to end.
    #[must_use]
    pub fn grace(&self) -> Duration {
        let settings = &self.candidate.settings;
        settings.duration.saturating_sub(settings.renew_deadline)
    }

    /// Gives the Lease up, so that a standby takes over at once. Call it after all work has ended. Does nothing where
    /// the Lease is lost; takes at most as long as the renew deadline.
    pub async fn resign(self) {
        let Self { candidate, lost: _, stop, renewing } = self;
        drop(stop);
        // It fails only where it panicked or the runtime ends; then the Lease expires.
        if let Ok(Some(tenure)) = renewing.await {
            candidate.release(tenure).await;
        }
    }
}

/// Renews until `stop`, and gives back what is held then; `None` where it was lost.
async fn keep(
    candidate: Arc<Candidate>,
    mut tenure: Tenure,
    stop: CancellationToken,
    lost: CancellationToken,
) -> Option<Tenure> {
    // However this ends, work must stop.
    let _end = lost.drop_guard();
    let mut tried = Instant::now();
    loop {
        let next = (tried + candidate.settings.retry_period).min(tenure.until);
        if stop.run_until_cancelled(sleep_until(next.into())).await.is_none() {
            candidate.board.resigned();
            return Some(tenure);
        }
        tried = Instant::now();
        match timeout_at(tenure.until.into(), candidate.renew(&tenure)).await {
            Ok(Ok(renewed)) => tenure = renewed,
            Ok(Err(Setback::Failed(problem))) => candidate.board.fails(problem),
            Ok(Err(Setback::Taken(holder))) => {
                let holder = holder.unwrap_or_else(|| "nobody".to_owned());
                candidate.board.lost(&format!("its holder is {holder} now"));
                return None;
            }
            Err(_) => {}
        }
        if tenure.until <= Instant::now() {
            let limit = candidate.settings.renew_deadline.as_secs_f32();
            candidate.board.lost(&format!("it could not be renewed within {limit} s"));
            return None;
        }
    }
}
