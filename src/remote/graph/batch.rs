//! `POST /$batch`: several calls in one request, whose answers come in any order (Microsoft Graph, *Combine multiple HTTP
//! requests using JSON batching*, 2025).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::Reason;
use crate::plan::failure::{ErrorClass, Failure};
use crate::remote::answers::{Context, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::http::{clean, retry_after};
use crate::remote::shape::{field, object, of};

/// How many calls fit into one.
pub const LIMIT: usize = 20;

/// Writes calls of Microsoft Graph into one. Those beyond `LIMIT` are left out; their answers will be missing.
#[must_use]
pub fn call(calls: &[Call]) -> Call {
    let requests: Vec<Value> = calls.iter().take(LIMIT).enumerate().map(|(index, call)| part(index, call)).collect();
    Call::post(Operation::Batch, "/$batch", json!({ "requests": requests }))
}

fn part(index: usize, call: &Call) -> Value {
    let mut headers = Map::new();
    let mut add = |name: &str, value: &str| headers.insert(name.to_owned(), Value::from(value));
    if call.body.is_some() {
        add("Content-Type", "application/json");
    }
    if call.is_eventual {
        add("ConsistencyLevel", "eventual");
    }
    if let Some(etag) = &call.if_match {
        add("If-Match", etag);
    }
    let mut part = Map::new();
    part.insert("id".to_owned(), Value::from(index.to_string()));
    part.insert("method".to_owned(), Value::from(call.method.as_str()));
    part.insert("url".to_owned(), Value::from(call.path.as_str()));
    if !headers.is_empty() {
        part.insert("headers".to_owned(), Value::Object(headers));
    }
    if let Some(body) = &call.body {
        part.insert("body".to_owned(), body.clone());
    }
    Value::Object(part)
}

/// Reads the answer into the answers of `count` calls, in their order. One that is missing is a `Failure`.
pub fn replies(reply: &Reply, count: usize, context: Context<'_>) -> Result<Vec<Result<Reply, Failure>>, Unread> {
    let fields = object(Operation::Batch, reply, context)?;
    let Some(Value::Array(responses)) = field(&fields, "responses") else {
        return Err(misshapen(Operation::Batch, reply, "it has no list named responses"));
    };
    let answer = |index: usize| {
        let wanted = index.to_string();
        let found = responses.iter().find(|response| is_named(response, &wanted));
        found.and_then(|response| one(response, reply, context.now)).ok_or_else(|| missing(index, reply))
    };
    Ok((0..count).map(answer).collect())
}

fn is_named(response: &Value, wanted: &str) -> bool {
    match of(response, "id") {
        Some(Value::String(id)) => id.trim() == wanted,
        Some(Value::Number(id)) => id.to_string() == wanted,
        _ => false,
    }
}

fn one(response: &Value, outer: &Reply, now: Timestamp) -> Option<Reply> {
    let status = match of(response, "status")? {
        Value::Number(status) => u16::try_from(status.as_u64()?).ok()?,
        Value::String(status) => status.trim().parse().ok()?,
        _ => return None,
    };
    if !(100..=599).contains(&status) {
        return None;
    }
    let header = |name: &str| header(response, name);
    let request_id = ["request-id", "client-request-id"].iter().find_map(|name| header(name));
    Some(Reply {
        status,
        retry_after: header("Retry-After").and_then(|value| retry_after(&value, now)),
        request_id: request_id.map(|id| clean(&id)).filter(|id| !id.is_empty()).or_else(|| outer.request_id.clone()),
        www_authenticate: header("WWW-Authenticate").map(|value| clean(&value)),
        body: of(response, "body").map(body).unwrap_or_default(),
    })
}

fn header(response: &Value, name: &str) -> Option<String> {
    match of(of(response, "headers")?, name)? {
        Value::String(value) => Some(value.clone()),
        Value::Number(value) => Some(value.to_string()),
        // Some gateways write the values of a header as a list.
        Value::Array(values) => values.first().and_then(Value::as_str).map(str::to_owned),
        _ => None,
    }
}

/// The body of a part: JSON as it is; a text is what it holds, be it JSON, base64 of a text, or just text.
fn body(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => of_text(text),
        other => other.to_string().into_bytes(),
    }
}

fn of_text(text: &str) -> Vec<u8> {
    let is_json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).is_ok();
    if is_json(text.as_bytes()) {
        return text.as_bytes().to_vec();
    }
    let decoded = STANDARD.decode(text.trim()).ok().filter(|bytes| is_json(bytes));
    decoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

fn missing(index: usize, reply: &Reply) -> Failure {
    Failure {
        class: ErrorClass::Protocol,
        reason: Reason::ProviderUnavailable,
        message: format!(
            "Microsoft Graph answered {} with status {} and without a readable answer to part {}. The operator tries again by itself.",
            Operation::Batch,
            reply.status,
            index + 1
        ),
        request_id: reply.request_id.as_deref().map(clean),
    }
}

#[cfg(test)]
mod tests;
