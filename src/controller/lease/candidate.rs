//! This process as a candidate: reads and writes the Lease. Every request is bounded, and no write is unconditional.

use std::time::Instant;

use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::timeout;

use super::LeaseSettings;
use super::board::Board;
use super::claim::{claimed, released};
use super::record::StoredLease;
use crate::api::FIELD_MANAGER;
use crate::controller::clock;
use crate::controller::error::problem;

/// How often it is tried to give the Lease up.
const RELEASES: usize = 3;

/// This process, and the Lease that it wants.
pub(super) struct Candidate {
    api: Api<StoredLease>,
    pub settings: LeaseSettings,
    pub board: Board,
}

/// A Lease that is ours, as it was answered, and until when work may go on without another renewal.
#[derive(Debug)]
pub(super) struct Tenure {
    pub lease: StoredLease,
    pub until: Instant,
}

/// A request that did not do what it should.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The Lease is no longer what it was when it was read: read it again.
    Changed,
    /// Anything else, in words.
    Failed(String),
}

/// Why a Lease that we hold was not renewed.
#[derive(Debug)]
pub(super) enum Setback {
    /// It is no longer ours, but this one's.
    Taken(Option<String>),
    /// It may work the next time.
    Failed(String),
}

impl Candidate {
    pub fn new(client: Client, settings: LeaseSettings) -> Self {
        let api = Api::namespaced(client, &settings.namespace);
        let lease = format!("{}/{}", settings.namespace, settings.name);
        let board = Board::new(lease, settings.identity.clone());
        Self { api, settings, board }
    }

    /// The Lease as it is stored; `None` where there is none.
    pub async fn read(&self) -> Result<Option<StoredLease>, String> {
        match self.bounded("read", self.api.get_opt(&self.settings.name)).await {
            Ok(stored) => {
                self.board.seen(stored.as_ref().and_then(StoredLease::holder));
                Ok(stored)
            }
            Err(Refusal::Failed(problem)) => Err(problem),
            Err(Refusal::Changed) => Err("reading the lease was answered with a conflict".to_owned()),
        }
    }

    /// Writes us into the Lease as it was read, or creates it. The time to work counts from before the request.
    pub async fn claim(&self, seen: Option<&StoredLease>) -> Result<Tenure, Refusal> {
        let sent = Instant::now();
        let written = claimed(seen, &self.settings, clock::now_in_micros());
        let lease = if seen.is_some() {
            self.replace(&written).await?
        } else {
            self.bounded("create", self.api.create(&parameters(), &written)).await?
        };
        let until = sent + self.settings.renew_deadline;
        self.board.leads(until);
        self.board.works();
        Ok(Tenure { lease, until })
    }

    /// Renews what we hold. A refused write is judged by who holds the Lease now: it may be our own earlier renewal,
    /// whose answer was lost, that made the version another.
    pub async fn renew(&self, held: &Tenure) -> Result<Tenure, Setback> {
        match self.claim(Some(&held.lease)).await {
            Ok(renewed) => return Ok(renewed),
            Err(Refusal::Failed(problem)) => return Err(Setback::Failed(problem)),
            Err(Refusal::Changed) => {}
        }
        let stored = self.read().await.map_err(Setback::Failed)?;
        let Some(ours) = stored.as_ref().filter(|lease| lease.is_held_by(&self.settings.identity)) else {
            let holder = stored.as_ref().and_then(StoredLease::holder);
            return Err(Setback::Taken(holder.map(ToOwned::to_owned)));
        };
        self.claim(Some(ours)).await.map_err(|refusal| match refusal {
            Refusal::Changed => {
                Setback::Failed("the lease was changed by somebody else while it was renewed".to_owned())
            }
            Refusal::Failed(problem) => Setback::Failed(problem),
        })
    }

    /// Gives the Lease up, so that a standby need not wait.
    pub async fn release(&self, held: Tenure) {
        let limit = 2 * self.settings.request_limit();
        let problem = match timeout(limit, self.try_release(held.lease)).await {
            Ok(Ok(())) => return,
            Ok(Err(problem)) => problem,
            Err(_) => format!("no answer within {} s", limit.as_secs_f32()),
        };
        let (lease, waits) = (&self.settings.name, self.settings.duration.as_secs());
        tracing::warn!(lease, problem, "the lease could not be given up; others wait for up to {waits} s");
    }

    async fn try_release(&self, mut held: StoredLease) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..RELEASES {
            match self.replace(&released(&held, clock::now_in_micros())).await {
                Ok(free) => {
                    self.board.seen(free.holder());
                    return Ok(());
                }
                Err(Refusal::Failed(problem)) => last = problem,
                Err(Refusal::Changed) => match self.read().await? {
                    Some(lease) if lease.is_held_by(&self.settings.identity) => held = lease,
                    _ => return Ok(()),
                },
            }
        }
        Err(last)
    }

    /// A Lease that is not there was another one when it was read: only a creation makes one.
    async fn replace(&self, lease: &StoredLease) -> Result<StoredLease, Refusal> {
        self.bounded("update", self.api.replace(&self.settings.name, &parameters(), lease)).await
    }

    async fn bounded<T>(&self, act: &str, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Refusal> {
        let limit = self.settings.request_limit();
        let error = match timeout(limit, request).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                let limit = limit.as_secs_f32();
                return Err(Refusal::Failed(format!("cannot {act} the lease: no answer within {limit} s")));
            }
        };
        match &error {
            kube::Error::Api(status) if status.code == 409 || (status.code == 404 && act == "update") => {
                Err(Refusal::Changed)
            }
            kube::Error::Api(status) if status.is_forbidden() => {
                let remedy = "bind the Role of deploy/base/rbac.yaml, with this name, in this namespace";
                Err(Refusal::Failed(format!("cannot {act} the lease: {}: {remedy}", status.message)))
            }
            _ => Err(Refusal::Failed(format!("cannot {act} the lease: {}", problem(&error)))),
        }
    }
}

fn parameters() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
