//! What is sent in the end: the answer, a distorted one, or nothing at all.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::wire::{Answer, Refused};
use crate::simulator::faults::{Fault, Shape};
use crate::simulator::matching::Endpoint;

/// Marks a response that must not be sent: the connection is cut instead.
#[derive(Clone, Copy, Debug)]
pub struct CutConnection;

/// What is sent.
#[derive(Clone, Debug)]
pub(super) enum Delivery {
    /// An answer as the specification says.
    Sent(Answer),
    /// An answer of a wrong shape.
    Malformed(Answer, Shape),
    /// Nothing; the connection is cut.
    Cut,
}

impl From<Answer> for Delivery {
    fn from(answer: Answer) -> Self {
        Self::Sent(answer)
    }
}

/// The answer of a fault that keeps the request from being acted upon.
pub(super) fn instead_of_acting(fault: &Fault, endpoint: Option<Endpoint>) -> Option<Delivery> {
    let answer = match fault {
        Fault::FailBeforeActing { status, retry_after_seconds, body } => {
            Answer { retry_after: *retry_after_seconds, ..ordered(*status, body.as_ref()) }
        }
        Fault::Concurrency => Refused::concurrency().into(),
        Fault::Unprocessable { error } => {
            Refused { status: 422, error: error.clone(), description: "refused on request".to_owned() }.into()
        }
        Fault::TooManyRequests { retry_after_seconds } => {
            Answer { retry_after: *retry_after_seconds, ..Refused::new(429, "too many requests").into() }
        }
        Fault::Malformed { shape, acted: false } => {
            return Some(Delivery::Malformed(Answer::empty(usual_status(endpoint)), *shape));
        }
        Fault::ForgetOperation if endpoint == Some(Endpoint::LastOperation) => {
            Refused::new(404, "there is no such service instance or operation").into()
        }
        _ => return None,
    };
    Some(answer.into())
}

/// What is sent once the request was acted upon.
pub(super) fn after_acting(fault: Option<&Fault>, answer: Answer) -> Delivery {
    match fault {
        Some(Fault::FailAfterActing { status, body }) => ordered(*status, body.as_ref()).into(),
        Some(Fault::LoseAnswer) => Delivery::Cut,
        Some(Fault::Malformed { shape, acted: true }) => Delivery::Malformed(answer, *shape),
        _ => answer.into(),
    }
}

fn ordered(status: u16, body: Option<&Value>) -> Answer {
    match body {
        Some(body) => Answer::new(status, body.clone()),
        None => Refused::new(status, "failed on request").into(),
    }
}

const fn usual_status(endpoint: Option<Endpoint>) -> u16 {
    if matches!(endpoint, Some(Endpoint::Provision)) { 201 } else { 200 }
}

impl Delivery {
    /// The status that is sent; none where nothing is.
    #[must_use]
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Sent(answer) | Self::Malformed(answer, _) => Some(answer.status),
            Self::Cut => None,
        }
    }

    /// The HTTP response.
    #[must_use]
    pub(super) fn into_response(self) -> Response {
        let mut response = match self {
            Self::Sent(answer) => respond(&answer, "application/json", Body::from(answer.body.to_string())),
            Self::Malformed(answer, shape) => malformed(&answer, shape),
            Self::Cut => {
                let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
                response.extensions_mut().insert(CutConnection);
                response
            }
        };
        response.headers_mut().insert("x-simulator", HeaderValue::from_static("true"));
        response
    }
}

fn respond(answer: &Answer, content_type: &'static str, body: Body) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, content_type)], body).into_response();
    if let Some(seconds) = answer.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn malformed(answer: &Answer, shape: Shape) -> Response {
    match shape {
        Shape::Html => respond(answer, "text/html", Body::from("<html><body><h1>Bad Gateway</h1></body></html>")),
        Shape::Empty => respond(answer, "application/json", Body::empty()),
        Shape::Cut => respond(answer, "application/json", cut_body(answer)),
        Shape::WrongShape => {
            respond(answer, "application/json", Body::from(json!([{ "state": 1, "operation": [] }]).to_string()))
        }
        Shape::Oversize => {
            let padded = json!({ "answer": answer.body, "padding": "x".repeat(2 * 1024 * 1024) });
            respond(answer, "application/json", Body::from(padded.to_string()))
        }
    }
}

/// Half of the body, and then the end of the connection.
fn cut_body(answer: &Answer) -> Body {
    let text = answer.body.to_string();
    let half = Bytes::copy_from_slice(text.as_bytes().get(..text.len() / 2).unwrap_or_default());
    let first = stream::once(async move { Ok(half) });
    let then = stream::once(async {
        // Time for the first half to leave before the connection is cut.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("cut on request"))
    });
    Body::from_stream(first.chain(then))
}
