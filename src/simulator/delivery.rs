//! What is sent in the end: the answer, a distorted one, or nothing at all.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::answer::Answer;
use super::clock;
use super::faults::{Fault, Shape};
use super::matching::Endpoint;

/// Marks a response that must not be sent: the connection is cut instead.
#[derive(Clone, Copy, Debug)]
pub struct CutConnection;

/// More than any client reads: the limit for brokers is 1 MiB, that for Microsoft's APIs 4 MiB.
const OVERSIZE: usize = 5 * 1024 * 1024;

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

/// How an API words a refusal that a fault orders: status, error code where the order names one, text.
pub(super) type Refuse<'a> = &'a (dyn Fn(u16, Option<&str>, &str) -> Answer + Send + Sync);

/// The answer of a fault that keeps the request from being acted upon.
pub(super) fn instead_of_acting(fault: &Fault, endpoint: Option<Endpoint>, refuse: Refuse) -> Option<Delivery> {
    let answer = match fault {
        Fault::FailBeforeActing { status, retry_after_seconds, retry_after_date, body, headers } => {
            let mut answer = ordered(*status, body.as_ref(), refuse);
            answer.headers.extend(headers.clone());
            answer.with_retry_after(header_text(*retry_after_seconds, *retry_after_date))
        }
        Fault::Concurrency => {
            refuse(422, Some("ConcurrencyError"), "another operation of this service instance is in progress")
        }
        Fault::Unprocessable { error } => refuse(422, error.as_deref(), "refused on request"),
        Fault::TooManyRequests { retry_after_seconds, retry_after_date } => refuse(429, None, "too many requests")
            .with_retry_after(header_text(*retry_after_seconds, *retry_after_date)),
        Fault::Malformed { shape, acted: false } => {
            return Some(Delivery::Malformed(Answer::empty(usual_status(endpoint)), *shape));
        }
        Fault::ForgetOperation if endpoint == Some(Endpoint::LastOperation) => {
            refuse(404, None, "there is no such service instance or operation")
        }
        _ => return None,
    };
    Some(answer.into())
}

/// What is sent once the request was acted upon.
pub(super) fn after_acting(fault: Option<&Fault>, answer: Answer, refuse: Refuse) -> Delivery {
    match fault {
        Some(Fault::FailAfterActing { status, body }) => ordered(*status, body.as_ref(), refuse).into(),
        Some(Fault::LoseAnswer) => Delivery::Cut,
        Some(Fault::Malformed { shape, acted: true }) => Delivery::Malformed(answer, *shape),
        _ => answer.into(),
    }
}

fn ordered(status: u16, body: Option<&Value>, refuse: Refuse) -> Answer {
    match body {
        Some(body) => Answer::new(status, body.clone()),
        None => refuse(status, None, "failed on request"),
    }
}

/// The text of `Retry-After`: seconds, or the date that they lead to on the clock of this machine.
fn header_text(seconds: Option<u32>, is_date: bool) -> Option<String> {
    let seconds = seconds?;
    if !is_date {
        return Some(seconds.to_string());
    }
    let then = clock::now().saturating_add(SignedDuration::from_secs(seconds.into())).ok()?;
    Some(then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
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

    /// Every `Retry-After` that is sent, those of the parts of a batch included.
    #[must_use]
    pub(super) fn retry_after(&self) -> Vec<String> {
        let Self::Sent(answer) = self else { return Vec::new() };
        let own = answer.headers.iter().filter(|(name, _)| name == "retry-after").map(|(_, value)| value.as_str());
        let parts = answer.body.get("responses").and_then(Value::as_array).into_iter().flatten();
        own.chain(parts.filter_map(|part| part.pointer("/headers/Retry-After")?.as_str())).map(str::to_owned).collect()
    }

    /// The HTTP response.
    #[must_use]
    pub(super) fn into_response(self) -> Response {
        let mut response = match self {
            Self::Sent(answer) => respond(&answer, None, Body::from(text(&answer))),
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

fn text(answer: &Answer) -> String {
    if answer.body.is_null() { String::new() } else { answer.body.to_string() }
}

/// Puts a response together; without a content type it is the answer's own, JSON if that has none.
fn respond(answer: &Answer, content_type: Option<&'static str>, body: Body) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    if !answer.body.is_null() || content_type.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

fn malformed(answer: &Answer, shape: Shape) -> Response {
    let (content_type, body) = match shape {
        Shape::Html => ("text/html", Body::from(HTML)),
        Shape::Empty => ("application/json", Body::empty()),
        Shape::Cut => ("application/json", cut_body(answer)),
        Shape::WrongShape => ("application/json", Body::from(wrong_shape().to_string())),
        Shape::Oversize => ("application/json", Body::from(oversize(answer).to_string())),
    };
    respond(answer, Some(content_type), body)
}

/// A page of a proxy.
pub(super) const HTML: &str = "<html><body><h1>Bad Gateway</h1></body></html>";

/// JSON that is no answer of any API.
pub(super) fn wrong_shape() -> Value {
    json!([{ "state": 1, "operation": [] }])
}

/// More JSON than anybody reads.
pub(super) fn oversize(answer: &Answer) -> Value {
    json!({ "answer": answer.body, "padding": "x".repeat(OVERSIZE) })
}

/// Half of the body, and then the end of the connection.
fn cut_body(answer: &Answer) -> Body {
    let text = text(answer);
    let half = Bytes::copy_from_slice(text.as_bytes().get(..text.len() / 2).unwrap_or_default());
    let first = stream::once(async move { Ok(half) });
    let then = stream::once(async {
        // Time for the first half to leave before the connection is cut.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("cut on request"))
    });
    Body::from_stream(first.chain(then))
}
