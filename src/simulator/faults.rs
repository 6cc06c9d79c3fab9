//! Faults on request: which requests go wrong, how, and how often.
//!
//! Pure. The fault list is not part of the state file: a restarted simulator is healthy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::matching::{Match, Subject};

/// A fault as it is posted to the control port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// Which requests it hits.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// How many more requests it hits; `null` is for ever, absent is once.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// The chance that it hits a request that it is meant for, from 0 to 1; every one when absent. A request that an older
    /// fault has hit is not drawn for: after one with a share of 0.5, one with 0.2 hits a tenth of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Where the draws for `share` begin, so that the same requests in the same order are hit again; the fault's own id
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What goes wrong.
    pub fault: Fault,
}

#[expect(clippy::unnecessary_wraps, reason = "serde asks for the type of the field")]
const fn once() -> Option<u32> {
    Some(1)
}

/// What goes wrong, by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Fault {
    /// Answers with this status and does nothing.
    FailBeforeActing {
        /// HTTP status.
        status: u16,
        /// `Retry-After` in seconds; no such header when absent.
        #[serde(default)]
        retry_after_seconds: Option<u32>,
        /// Whether `Retry-After` is spelled as an HTTP date.
        #[serde(default)]
        retry_after_date: bool,
        /// JSON body; an error object of the API when absent.
        #[serde(default)]
        body: Option<Value>,
        /// Further headers, such as `www-authenticate`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// Does the work and answers with this status all the same.
    FailAfterActing {
        /// HTTP status.
        status: u16,
        /// JSON body; an error object of the API when absent.
        #[serde(default)]
        body: Option<Value>,
    },
    /// Does the work and cuts the connection without an answer.
    LoseAnswer,
    /// Waits before doing anything; other faults still apply.
    Slow {
        /// How long.
        milliseconds: u64,
    },
    /// The asynchronous operation that begins here stays in progress for ever.
    NeverEnding,
    /// The operation that begins here ends as failed; a synchronous request fails with 500 and does nothing.
    OperationFails {
        /// The description of the failure.
        description: String,
    },
    /// 422 `ConcurrencyError`.
    Concurrency,
    /// 422 with another error code, or none.
    Unprocessable {
        /// The error code.
        #[serde(default)]
        error: Option<String>,
    },
    /// 429.
    TooManyRequests {
        /// `Retry-After` in seconds; no such header when absent.
        #[serde(default)]
        retry_after_seconds: Option<u32>,
        /// Whether `Retry-After` is spelled as an HTTP date.
        #[serde(default)]
        retry_after_date: bool,
    },
    /// An answer that is not what the specification says, with the status that the real answer would have had.
    Malformed {
        /// In which way.
        shape: Shape,
        /// Whether the work is done all the same.
        #[serde(default)]
        acted: bool,
    },
    /// `last_operation` answers 404.
    ForgetOperation,
    /// An asynchronous answer carries a handle that nothing belongs to.
    WrongHandle,
}

/// The ways in which an answer can be malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Shape {
    /// A page of HTML, as a proxy would send it.
    Html,
    /// No body at all.
    Empty,
    /// The connection ends in the middle of the body.
    Cut,
    /// JSON, but of another shape.
    WrongShape,
    /// More than 5 MiB of JSON.
    Oversize,
}

/// A fault in the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Its id on the control port.
    pub id: u64,
    /// How many requests it has hit.
    pub hits: u64,
    /// What was ordered; `times` counts down.
    #[serde(flatten)]
    pub order: Order,
    #[serde(skip)]
    draws: fastrand::Rng,
}

/// All faults, in the order in which they were posted.
#[derive(Debug, Default)]
pub struct Faults {
    planned: Vec<Planned>,
    last_id: u64,
}

/// The faults that hit one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hits {
    /// How long to wait first, in milliseconds.
    pub wait: u64,
    /// The one other thing that goes wrong: the oldest that matches.
    pub fault: Option<Fault>,
}

impl Order {
    /// Whether `share` is a chance.
    #[must_use]
    pub fn has_valid_share(&self) -> bool {
        self.share.is_none_or(|share| (0.0..=1.0).contains(&share))
    }
}

impl Planned {
    fn is_drawn(&mut self) -> bool {
        self.order.share.is_none_or(|share| self.draws.f64() < share)
    }
}

impl Faults {
    /// Adds a fault and returns its id.
    pub fn add(&mut self, order: Order) -> u64 {
        self.last_id += 1;
        let draws = fastrand::Rng::with_seed(order.seed.unwrap_or(self.last_id));
        self.planned.push(Planned { id: self.last_id, hits: 0, order, draws });
        self.last_id
    }

    /// The faults that were posted and not deleted; used-up ones have `times: 0`.
    #[must_use]
    pub fn list(&self) -> &[Planned] {
        &self.planned
    }

    /// Deletes one fault; whether it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.planned.len();
        self.planned.retain(|planned| planned.id != id);
        self.planned.len() < before
    }

    /// Deletes all faults.
    pub fn clear(&mut self) {
        self.planned.clear();
    }

    /// The faults that hit this request; each that does is counted.
    pub fn hit(&mut self, subject: &Subject) -> Hits {
        let mut hits = Hits::default();
        for planned in &mut self.planned {
            if planned.order.times == Some(0) || !planned.order.matching.fits(subject) {
                continue;
            }
            let is_slow = matches!(planned.order.fault, Fault::Slow { .. });
            if hits.fault.is_some() && !is_slow || !planned.is_drawn() {
                continue;
            }
            match &planned.order.fault {
                Fault::Slow { milliseconds } => hits.wait += milliseconds,
                other => hits.fault = Some(other.clone()),
            }
            planned.hits += 1;
            planned.order.times = planned.order.times.map(|times| times - 1);
        }
        hits
    }
}
