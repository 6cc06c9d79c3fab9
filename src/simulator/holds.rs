//! Hold points: they stop the next fitting request at a known instant, say that it is there, and wait to be released.
//!
//! A test kills the operator while a request is held, so the instant is known and nothing needs to sleep.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::matching::{Match, Subject};
use crate::tenant::TenantId;

/// A hold point as it is posted to the control port. It holds one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldOrder {
    /// Which request it holds.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// At which instant.
    pub point: Point,
    /// What a release does that does not say it.
    #[serde(default)]
    pub then: Then,
}

/// The instant at which a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Point {
    /// The request was read, nothing was done yet.
    Arrived,
    /// The work is done and in the state file, the answer has not left.
    Acted,
}

/// What happens to a held request on its release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Then {
    /// It goes on, also if its client is gone by now.
    #[default]
    Proceed,
    /// The connection is cut without an answer; at `arrived` nothing is done.
    Discard,
}

/// What `GET /holds/{id}` says.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldReport {
    /// Its id.
    pub id: u64,
    /// Whether a request has come to the point.
    pub reached: bool,
    /// Whether it was let go again.
    pub released: bool,
    /// The request, once reached.
    #[serde(flatten)]
    pub request: Option<HeldRequest>,
}

/// The request that was held.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldRequest {
    /// When it came to the point.
    pub time: Timestamp,
    /// Its tenant, where known.
    pub tenant_id: Option<TenantId>,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
}

/// The state of a hold point as those who wait on it see it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The request, once reached.
    pub reached: Option<HeldRequest>,
    /// How it was released, once it was.
    pub released: Option<Then>,
}

#[derive(Debug)]
struct Hold {
    id: u64,
    order: HoldOrder,
    progress: watch::Sender<Progress>,
}

/// All hold points.
#[derive(Debug, Default)]
pub struct Holds {
    holds: Vec<Hold>,
    last_id: u64,
}

impl Holds {
    /// Adds a hold point and returns its id.
    pub fn add(&mut self, order: HoldOrder) -> u64 {
        self.last_id += 1;
        self.holds.push(Hold { id: self.last_id, order, progress: watch::Sender::default() });
        self.last_id
    }

    /// Holds the request if a hold point waits for it; whoever gets a receiver waits for `released`.
    pub fn reach(
        &mut self,
        subject: &Subject,
        point: Point,
        request: &HeldRequest,
    ) -> Option<watch::Receiver<Progress>> {
        let hold = self.holds.iter().find(|hold| {
            let progress = hold.progress.borrow();
            progress.reached.is_none()
                && progress.released.is_none()
                && hold.order.point == point
                && hold.order.matching.fits(subject)
        })?;
        hold.progress.send_modify(|progress| progress.reached = Some(request.clone()));
        Some(hold.progress.subscribe())
    }

    /// The progress of one hold point.
    #[must_use]
    pub fn watch(&self, id: u64) -> Option<watch::Receiver<Progress>> {
        self.holds.iter().find(|hold| hold.id == id).map(|hold| hold.progress.subscribe())
    }

    /// Lets the request go, or takes the hold point out of service when none came yet; whether the hold point exists.
    pub fn release(&mut self, id: u64, then: Option<Then>) -> bool {
        let Some(hold) = self.holds.iter().find(|hold| hold.id == id) else { return false };
        let how = then.unwrap_or(hold.order.then);
        hold.progress.send_modify(|progress| progress.released = progress.released.or(Some(how)));
        true
    }

    /// Releases and forgets all hold points.
    pub fn clear(&mut self) {
        for hold in self.holds.drain(..) {
            hold.progress.send_modify(|progress| progress.released = progress.released.or(Some(hold.order.then)));
        }
    }
}
