//! Changing: provision, update, deprovision. One request, one outcome.

use serde_json::{Value, json};

use super::body;
use super::call::{Act, Answer};
use super::catalog::{Catalog, Offer};
use super::look::{Fetched, fetch};
use super::verdict;
use super::wire::Wire;
use crate::plan::failure::Failure;
use crate::plan::observed::InstanceParameters;
use crate::plan::step::{BrokerCall, BrokerRequest, Outcome};
use crate::remote::Order;

/// Sends an order.
pub(super) async fn execute(wire: &Wire, catalog: &Catalog, order: &Order) -> Outcome {
    attempt(wire, catalog, order).await.unwrap_or_else(Outcome::Refused)
}

async fn attempt(wire: &Wire, catalog: &Catalog, order: &Order) -> Result<Outcome, Failure> {
    let mut offer = catalog.offer(wire, order.now).await?;
    let mut answer = send(wire, &offer, order).await?;
    if is_outdated(&answer) {
        catalog.forget().await;
        offer = catalog.offer(wire, order.now).await?;
        answer = send(wire, &offer, order).await?;
    }
    catalog.forget_if_doubted(&answer).await;
    judge(wire, &offer, order, &answer).await
}

/// 422 `MaintenanceInfoConflict`: the catalog that we know is not the broker's any more.
fn is_outdated(answer: &Answer) -> bool {
    answer.status == 422 && verdict::error_body(answer).code.as_deref() == Some("MaintenanceInfoConflict")
}

async fn send(wire: &Wire, offer: &Offer, order: &Order) -> Result<Answer, Failure> {
    const ASYNCHRONOUS: (&str, &str) = ("accepts_incomplete", "true");
    let BrokerRequest { tenant, call, parameters } = &order.request;
    let id = tenant.service_instance_id();
    let ids = [("service_id", offer.service_id.as_str()), ("plan_id", offer.plan_id.as_str())];
    match call {
        BrokerCall::Provision => {
            let (organization, space) = wire.organization_and_space(&order.caller);
            let body = json!({
                "service_id": offer.service_id,
                "plan_id": offer.plan_id,
                "context": wire.context(&order.caller),
                "organization_guid": organization,
                "space_guid": space,
                "parameters": parameters,
            });
            wire.send(Act::Provision(id), &[ASYNCHRONOUS], Some(&body), order.now).await
        }
        BrokerCall::Update => {
            // The plan is named, as brokers that check it against its schema expect, and is said to be the same as
            // before, so that nobody takes the request for a change of plan.
            let body: Value = json!({
                "service_id": offer.service_id,
                "plan_id": offer.plan_id,
                "context": wire.context(&order.caller),
                "parameters": parameters,
                "previous_values": { "plan_id": offer.plan_id },
            });
            wire.send(Act::Update(id), &[ASYNCHRONOUS], Some(&body), order.now).await
        }
        BrokerCall::Deprovision => {
            let [service, plan] = ids;
            wire.send(Act::Deprovision(id), &[service, plan, ASYNCHRONOUS], None, order.now).await
        }
    }
}

async fn judge(wire: &Wire, offer: &Offer, order: &Order, answer: &Answer) -> Result<Outcome, Failure> {
    let call = order.request.call;
    let is_success = matches!((answer.status, call), (200 | 202, _) | (201, BrokerCall::Provision));
    let may_be_absent = answer.body.as_deref().is_ok_and(body::may_mean_absent);
    if is_success {
        return succeeded(answer);
    }
    match (answer.status, call) {
        (410, BrokerCall::Deprovision) if may_be_absent => Ok(Outcome::Done),
        (404, BrokerCall::Update | BrokerCall::Deprovision) if may_be_absent => Err(verdict::unknown_instance(answer)),
        (404 | 410, BrokerCall::Update | BrokerCall::Deprovision) => Err(absent_in_odd_words(order, answer)),
        (409, BrokerCall::Provision) => compare(wire, offer, order, answer).await,
        _ => Err(verdict::failure(answer, order.now)),
    }
}

/// A success counts only with the JSON object that the specification asks for: a sign-in page of a proxy also has
/// status 200.
fn succeeded(answer: &Answer) -> Result<Outcome, Failure> {
    let bytes = answer.body.as_ref().map_err(|error| verdict::without_body(answer, error))?;
    if answer.status == 202 {
        let handle = body::accepted(bytes).map_err(|shape| verdict::misshapen(answer, &shape))?;
        return Ok(Outcome::InProgress { handle, poll_after: answer.retry_after });
    }
    body::object(bytes).map_err(|shape| verdict::misshapen(answer, &shape))?;
    Ok(Outcome::Done)
}

/// A 404 or 410 that the broker itself would not write.
fn absent_in_odd_words(order: &Order, answer: &Answer) -> Failure {
    match &answer.body {
        Err(error) => verdict::without_body(answer, error),
        Ok(bytes) => match body::object(bytes) {
            Err(shape) => verdict::misshapen(answer, &shape),
            Ok(_) => verdict::failure(answer, order.now),
        },
    }
}

/// 409: the instance exists. One of ours, for the same tenant and in the region that we asked for, is adopted.
async fn compare(wire: &Wire, offer: &Offer, order: &Order, answer: &Answer) -> Result<Outcome, Failure> {
    if !offer.is_retrievable {
        return Err(verdict::conflict(answer, "the broker does not show it, so that nobody can compare it"));
    }
    let (_, fetched) = fetch(wire, offer, order.request.tenant, order.now).await?;
    match fetched {
        Fetched::Ours(Some(shown)) => match difference(order, &shown) {
            None => Ok(Outcome::Done),
            Some(why) => Err(verdict::conflict(answer, &why)),
        },
        Fetched::Ours(None) => {
            Err(verdict::conflict(answer, "the broker withholds its parameters, so that nobody can compare it"))
        }
        Fetched::Foreign => Err(verdict::conflict(answer, "is for another tenant")),
        // Being provisioned with other attributes: it cannot be seen before that has ended.
        Fetched::Absent => Err(verdict::busy(answer)),
        Fetched::Refused(failure) => Err(failure),
    }
}

fn difference(order: &Order, shown: &InstanceParameters) -> Option<String> {
    if shown.tenant != Some(order.request.tenant) {
        return Some("does not say for which tenant it is".to_owned());
    }
    let asked = order.request.parameters.region?;
    match shown.region {
        Some(region) if region == asked => None,
        Some(region) => Some(format!("its region is {region}, not {asked}")),
        None => Some(format!("it does not say whether its region is {asked}")),
    }
}
