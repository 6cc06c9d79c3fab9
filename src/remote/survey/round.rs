//! The requests of one look: counted, sent one by one or in batches, and the first trouble remembered.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::Listed;
use crate::plan::reading::Reading;
use crate::remote::answers::Context;
use crate::remote::auth::SignInError;
use crate::remote::call::{Api, Call, Operation, Reply, Unread};
use crate::remote::graph::batch;
use crate::remote::held::{Grant, Held};
use crate::remote::session::Session;
use crate::remote::shape::Page;
use crate::tenant::Permission;

/// The most pages of one list.
const MOST_PAGES: usize = 5;
/// Requests that are kept for hunting where there is no batch: one query without a table, and two with.
const HUNTED_SINGLY: u32 = 3;

/// An answer, or why there is none.
pub(super) type Answered = Result<Reply, Failure>;

/// The requests of one look at one tenant.
pub(super) struct Round<'a> {
    session: &'a Session<'a>,
    now: Timestamp,
    most: u32,
    ahead: Ahead,
    has_no_batch: bool,
    held: Reading<Held>,
    failure: Option<Failure>,
}

/// What is still to be asked in this look: further pages and the like must leave requests for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ahead {
    /// Hunting, which is one batch.
    pub hunting: bool,
    /// Requests to Azure Resource Manager.
    pub azure: u32,
}

impl<'a> Round<'a> {
    /// At most `most` requests.
    pub(super) const fn new(session: &'a Session<'a>, now: Timestamp, most: u32) -> Self {
        let held = Reading::unknown(crate::plan::reading::Why::NotAsked);
        let ahead = Ahead { hunting: false, azure: 0 };
        Self { session, now, most, ahead, has_no_batch: false, held, failure: None }
    }

    /// The first trouble with something that matters.
    pub(super) fn into_failure(self) -> Option<Failure> {
        self.failure
    }

    /// What answers are judged by.
    pub(super) const fn context(&self) -> Context<'_> {
        Context { held: &self.held, now: self.now }
    }

    /// The time of this pass.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// What the application may do: it tells a missing permission from a feature that is not there. Where something was
    /// granted after the token was bought, the next look has another token.
    pub(super) async fn judge_by(&mut self, grants: Result<Listed<Grant>, Unread>) {
        let bought = self.session.bought(Api::Graph).await.map_err(SignInError::into_failure).map_err(Unread::Failed);
        let held = grants.and_then(|grants| Ok(Held::of(&grants, bought?)));
        if held.as_ref().is_ok_and(Held::has_news) {
            self.session.renew(Api::Graph).await;
        }
        self.held = optional(held);
    }

    /// The permissions that are known to be granted or not.
    pub(super) fn permissions(&self) -> Reading<BTreeMap<Permission, bool>> {
        self.held.as_ref().map(Held::known)
    }

    /// How many requests are left.
    pub(super) fn left(&self) -> u32 {
        self.most.saturating_sub(self.session.requests())
    }

    /// How many of them are not kept for what comes later. Where every question is a request of its own, those whether
    /// the service is on go first, and Azure Resource Manager has to wait.
    pub(super) fn spare(&self) -> u32 {
        let kept = match (self.has_no_batch, self.ahead.hunting) {
            (false, is_ahead) => u32::from(is_ahead) + self.ahead.azure,
            (true, true) => HUNTED_SINGLY,
            (true, false) => 0,
        };
        self.left().saturating_sub(kept)
    }

    /// Says what is still to be asked.
    pub(super) const fn set_ahead(&mut self, ahead: Ahead) {
        self.ahead = ahead;
    }

    /// Signs in to Azure Resource Manager.
    pub(super) async fn sign_in_to_arm(&self) -> Result<(), Unread> {
        self.session.sign_in(Api::Arm).await.map_err(SignInError::into_failure).map_err(Unread::Failed)
    }

    /// Sends one call, unless the requests of this look are used up.
    pub(super) async fn ask(&self, call: &Call) -> Answered {
        if self.left() == 0 {
            return Err(over_budget());
        }
        self.session.ask(call).await
    }

    /// Sends calls of Microsoft Graph in as few requests as possible; their answers come in the order of the calls. Where
    /// there is no batch, as far as the requests of this look go.
    pub(super) async fn ask_all(&mut self, calls: &[Call]) -> Vec<Answered> {
        let mut answers = Vec::with_capacity(calls.len());
        for calls in calls.chunks(batch::LIMIT) {
            answers.extend(self.ask_batch(calls).await);
        }
        answers
    }

    async fn ask_batch(&mut self, calls: &[Call]) -> Vec<Answered> {
        if self.has_no_batch || calls.len() == 1 {
            return self.ask_singly(calls).await;
        }
        let failed = |failure: &Failure| calls.iter().map(|_| Err(failure.clone())).collect();
        let reply = match self.ask(&batch::call(calls)).await {
            Ok(reply) if matches!(reply.status, 404 | 405 | 501) => {
                self.has_no_batch = true;
                return self.ask_singly(calls).await;
            }
            Ok(reply) => reply,
            Err(failure) => return failed(&failure),
        };
        match batch::replies(&reply, calls.len(), self.context()) {
            Ok(parts) => {
                for part in parts.iter().flatten().filter(|part| part.status == 429) {
                    self.session.note_throttled(Api::Graph, part.retry_after);
                }
                parts
            }
            Err(unread) => failed(&failure_of(unread)),
        }
    }

    async fn ask_singly(&self, calls: &[Call]) -> Vec<Answered> {
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            answers.push(if self.spare() == 0 { Err(over_budget()) } else { self.ask(call).await });
        }
        answers
    }

    /// Reads a list from its first page on.
    pub(super) async fn list<T>(
        &self,
        call: &Call,
        first: Answered,
        read: impl Fn(&Reply, Context<'_>) -> Result<Page<T>, Unread>,
    ) -> Result<Listed<T>, Unread> {
        let mut page = read(&first.map_err(Unread::Failed)?, self.context())?;
        let mut pages = Vec::new();
        loop {
            let next = page.next.clone();
            pages.push(page);
            let Some(link) = next.filter(|_| pages.len() < MOST_PAGES && self.spare() > 0) else { break };
            let Ok(call) = self.session.following(call, &link) else { break };
            match self.ask(&call).await.ok().and_then(|reply| read(&reply, self.context()).ok()) {
                Some(following) => page = following,
                // What was read so far counts; that is not all.
                None => break,
            }
        }
        Ok(Page::list(pages))
    }

    /// The reading that an answer comes to. Trouble with it is the look's trouble.
    pub(super) fn reading<T>(&mut self, read: Result<T, Unread>) -> Reading<T> {
        if let Err(Unread::Failed(failure)) = &read {
            self.failure.get_or_insert_with(|| failure.clone());
        }
        optional(read)
    }
}

/// The reading of something that nothing else depends on.
pub(super) fn optional<T>(read: Result<T, Unread>) -> Reading<T> {
    match read {
        Ok(value) => Reading::observed(value),
        Err(unread) => unread.reading(),
    }
}

/// Reads one answer.
pub(super) fn read_one<T>(
    answer: Answered,
    context: Context<'_>,
    read: impl FnOnce(&Reply, Context<'_>) -> Result<T, Unread>,
) -> Result<T, Unread> {
    read(&answer.map_err(Unread::Failed)?, context)
}

fn over_budget() -> Failure {
    Failure {
        class: ErrorClass::Transient,
        reason: Reason::ProviderUnavailable,
        message: "the requests of this look are used up: it is asked at the next one".to_owned(),
        request_id: None,
    }
}

/// A batch that could not be read as such says nothing of its parts.
fn failure_of(unread: Unread) -> Failure {
    match unread {
        Unread::Failed(failure) => failure,
        Unread::NotPermitted(_) | Unread::Ambiguous(_) => Failure {
            class: ErrorClass::Protocol,
            reason: Reason::ProviderUnavailable,
            message: format!("Microsoft Graph refused {} as a whole: it is tried again", Operation::Batch),
            request_id: None,
        },
    }
}
