//! Who leads, as last seen, for whoever asks; each change is told in the log once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What is known of the election.
#[derive(Debug)]
pub(super) struct Board {
    lease: String,
    identity: String,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    leader: Option<String>,
    leads_until: Option<Instant>,
    problem: Option<String>,
}

impl Board {
    /// About the Lease `lease` (`namespace/name`), for the process `identity`.
    pub fn new(lease: String, identity: String) -> Self {
        Self { lease, identity, seen: Mutex::default() }
    }

    /// Who holds the Lease, as last seen.
    pub fn leader(&self) -> Option<String> {
        self.lock().leader.clone()
    }

    /// Whether this process leads at `now`, whatever has been noticed of the end of its term.
    pub fn is_leading(&self, now: Instant) -> bool {
        self.lock().leads_until.is_some_and(|until| now < until)
    }

    /// The Lease was read or written, and this is its holder.
    pub fn seen(&self, leader: Option<&str>) {
        let mut seen = self.lock();
        if seen.leader.as_deref() == leader {
            return;
        }
        seen.leader = leader.map(ToOwned::to_owned);
        let (lease, identity) = (&self.lease, &self.identity);
        match leader {
            Some(leader) if leader == identity => tracing::info!(lease, leader, "this process leads"),
            Some(leader) => tracing::info!(lease, leader, "another process leads; standing by"),
            None => tracing::info!(lease, "nobody leads"),
        }
    }

    /// This process leads until then, or longer if it can renew.
    pub fn leads(&self, until: Instant) {
        self.seen(Some(&self.identity));
        self.lock().leads_until = Some(until);
    }

    /// The term of this process is over, as it wanted.
    pub fn resigned(&self) {
        self.lock().leads_until = None;
    }

    /// The term of this process is over against its will.
    pub fn lost(&self, why: &str) {
        self.lock().leads_until = None;
        tracing::warn!(lease = self.lease, identity = self.identity, why, "the lease is lost; work has to stop");
    }

    /// Something keeps us from reading or writing the Lease. It is tried again.
    pub fn fails(&self, problem: String) {
        let mut seen = self.lock();
        if seen.problem.as_ref() != Some(&problem) {
            tracing::warn!(lease = self.lease, problem, "the lease cannot be used; trying again");
            seen.problem = Some(problem);
        }
    }

    /// Nothing keeps us from it any more.
    pub fn works(&self) {
        if self.lock().problem.take().is_some() {
            tracing::info!(lease = self.lease, "the lease can be used again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_process_does_not_lead_beyond_its_deadline_even_if_nobody_told_it() {
        let (board, now) = (Board::new("a/b".to_owned(), "me".to_owned()), Instant::now());
        assert!(!board.is_leading(now) && board.leader().is_none());
        board.leads(now + Duration::from_secs(1));
        assert!(board.is_leading(now) && !board.is_leading(now + Duration::from_secs(1)));
        assert_eq!(board.leader().as_deref(), Some("me"));
        board.seen(Some("other"));
        board.lost("it was taken");
        assert!(!board.is_leading(now));
        assert_eq!(board.leader().as_deref(), Some("other"));
    }
}
