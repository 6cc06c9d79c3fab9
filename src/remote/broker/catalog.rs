//! Offering and plan: found by name, remembered by id.

use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Mutex;

use super::body::{self, Offering};
use super::call::{Act, Answer};
use super::verdict;
use super::wire::Wire;
use crate::plan::failure::Failure;
use crate::remote::http::clean;

/// How long a catalog is believed.
const MAXIMUM_AGE: SignedDuration = SignedDuration::from_hours(1);

/// How many names of other offerings a message lists.
const LISTED: usize = 8;

/// What we need to know of the offering and the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// `service_id` of every call.
    pub service_id: String,
    /// `plan_id` of every call.
    pub plan_id: String,
    /// `instances_retrievable`
    pub is_retrievable: bool,
    /// `maximum_polling_duration`
    pub maximum_polling: Option<SignedDuration>,
}

/// The catalog of the broker, read when needed.
#[derive(Debug)]
pub(super) struct Catalog {
    offering: String,
    plan: String,
    /// Held while the catalog is read, so that many tenants cause one request.
    current: Mutex<Current>,
    /// The last offer ever seen, however old.
    last: StdMutex<Option<Offer>>,
}

#[derive(Debug, Default)]
struct Current {
    offer: Option<(Timestamp, Offer)>,
    /// Who waited while a reading failed shares its failure: else a broker that is down would hold up one tenant after
    /// the other for a whole time limit each.
    failure: Option<(Instant, Failure)>,
}

impl Catalog {
    pub(super) fn new(offering: String, plan: String) -> Self {
        Self { offering, plan, current: Mutex::default(), last: StdMutex::default() }
    }

    /// The offer, at most an hour old.
    pub(super) async fn offer(&self, wire: &Wire, now: Timestamp) -> Result<Offer, Failure> {
        let asked = Instant::now();
        let mut current = self.current.lock().await;
        if let Some((read, offer)) = &current.offer
            && now.duration_since(*read).abs() < MAXIMUM_AGE
        {
            return Ok(offer.clone());
        }
        if let Some((failed, failure)) = &current.failure
            && *failed >= asked
        {
            return Err(failure.clone());
        }
        match self.read(wire, now).await {
            Ok(offer) => {
                *current = Current { offer: Some((now, offer.clone())), failure: None };
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(offer.clone());
                Ok(offer)
            }
            Err(failure) => {
                *current = Current { offer: None, failure: Some((Instant::now(), failure.clone())) };
                Err(failure)
            }
        }
    }

    /// The last offer ever seen: what the broker can do, when the catalog cannot be read.
    pub(super) fn last_known(&self) -> Option<Offer> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the catalog again next time.
    pub(super) async fn forget(&self) {
        self.current.lock().await.offer = None;
    }

    /// Reads the catalog again next time, where an answer says that the ids are wrong.
    pub(super) async fn forget_if_doubted(&self, answer: &Answer) {
        if matches!(answer.status, 400 | 404 | 409 | 422) && verdict::speaks_of_ids(answer) {
            self.forget().await;
        }
    }

    async fn read(&self, wire: &Wire, now: Timestamp) -> Result<Offer, Failure> {
        let answer = wire.send(Act::Catalog, &[], None, now).await?;
        if answer.status != 200 {
            return Err(verdict::failure(&answer, now));
        }
        let body = answer.body.as_ref().map_err(|error| verdict::without_body(&answer, error))?;
        let offerings = body::catalog(body).map_err(|shape| verdict::misshapen(&answer, &shape))?;
        self.find(&offerings).map_err(|what| verdict::not_offered(&answer, &what))
    }

    /// Names are compared as they are written: the specification makes them case-sensitive.
    fn find(&self, offerings: &[Offering]) -> Result<Offer, String> {
        let Some(offering) = offerings.iter().find(|offering| offering.name == self.offering) else {
            let names = listed(offerings.iter().map(|offering| offering.name.as_str()));
            return Err(format!(
                "offers no service named \"{}\" ({names}); correct broker.offering in the operator's configuration, or the broker's catalog",
                self.offering
            ));
        };
        let plans = offering.plans();
        let Some(plan) = plans.iter().find(|plan| plan.name == self.plan) else {
            let names = listed(plans.iter().map(|plan| plan.name.as_str()));
            return Err(format!(
                "offers no plan named \"{}\" of the service \"{}\" ({names}); correct broker.plan in the operator's configuration, or the broker's catalog",
                self.plan, self.offering
            ));
        };
        if offering.id.is_empty() || plan.id.is_empty() {
            return Err(format!(
                "offers the service \"{}\" and the plan \"{}\" without ids; correct the broker's catalog",
                self.offering, self.plan
            ));
        }
        Ok(Offer {
            service_id: offering.id.clone(),
            plan_id: plan.id.clone(),
            is_retrievable: offering.instances_retrievable.unwrap_or(false),
            maximum_polling: seconds(&plan.maximum_polling_duration),
        })
    }
}

/// Zero and less would end every operation before it begins, so they count as absent.
fn seconds(value: &Value) -> Option<SignedDuration> {
    value.as_i64().filter(|seconds| *seconds > 0).map(SignedDuration::from_secs)
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.take(LISTED).map(|name| format!("\"{}\"", clean(name))).collect();
    if names.is_empty() { "it offers none".to_owned() } else { format!("it offers {}", names.join(", ")) }
}
