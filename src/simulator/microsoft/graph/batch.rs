//! `POST /$batch`: up to 20 parts, each through the same handlers, answered in another order than asked.

use serde_json::{Map, Value, json};

use super::{Graph, endpoint, unauthenticated};
use crate::simulator::answer::Answer;
use crate::simulator::delivery::{self, Delivery};
use crate::simulator::faults::Shape;
use crate::simulator::matching::{Api, Endpoint};
use crate::simulator::microsoft::access;
use crate::simulator::microsoft::problem::Problem;
use crate::simulator::microsoft::request::Request;
use crate::simulator::visit::{self, Visitor};

/// How many parts a batch has at most.
const MOST: usize = 20;

/// The paths of the parts, for the log.
pub(in super::super) fn part_paths(request: &Request) -> Vec<String> {
    let path = |part: &Value| part.get("url").and_then(Value::as_str).map(str::to_owned);
    parts(request).unwrap_or_default().iter().filter_map(path).collect()
}

fn parts(request: &Request) -> Option<&[Value]> {
    request.body.as_ref()?.get("requests")?.as_array().map(Vec::as_slice)
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(400, "BadRequest", message)
}

/// Answers a batch.
pub(super) async fn run(graph: &Graph<'_>) -> Result<Answer, Problem> {
    {
        let guard = graph.world.look();
        access::admit(&guard.tokens, graph.request, Api::Graph, guard.now())
            .map_err(|denied| unauthenticated(&denied))?;
    }
    let parts = parts(graph.request).ok_or_else(|| invalid("Invalid batch payload format."))?;
    if parts.len() > MOST {
        return Err(invalid(format!("Number of batch request steps exceeds the maximum value of {MOST}.")));
    }
    if parts.is_empty() {
        return Err(invalid("Write requests are only valid to contain non empty 'requests' property."));
    }
    let mut asked = Vec::new();
    for part in parts {
        asked.push(read(graph.request, part).ok_or_else(|| invalid("Invalid batch payload format."))?);
    }
    let mut answers = Vec::new();
    for (id, request) in &asked {
        answers.extend(answer(graph, id, request).await);
    }
    shuffle(&mut answers);
    Ok(Answer::new(200, json!({ "responses": answers })))
}

fn read(batch: &Request, part: &Value) -> Option<(String, Request)> {
    let text = |name: &str| part.get(name).and_then(Value::as_str);
    let headers = part.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
    let request = batch.part(text("method")?, text("url")?, (&headers, part.get("body").cloned()));
    Some((text("id")?.to_owned(), request))
}

/// The answer of one part; none where a fault loses it.
async fn answer(graph: &Graph<'_>, id: &str, request: &Request) -> Option<Value> {
    // A batch in a batch does not exist.
    let endpoint = endpoint(request).filter(|endpoint| *endpoint != Endpoint::Batch);
    let visitor = Visitor {
        api: Api::Graph,
        endpoint,
        tenant_id: graph.tenant_id,
        method: request.method.clone(),
        path: request.path_and_query.clone(),
    };
    let host = Graph { world: graph.world, request, endpoint, tenant_id: graph.tenant_id };
    match visit::attend(graph.world, &visitor, &host).await {
        Delivery::Sent(answer) => Some(part(id, &answer, "application/json", &answer.body)),
        Delivery::Malformed(answer, shape) => {
            let (kind, body) = match shape {
                Shape::Html => ("text/html", delivery::HTML.into()),
                Shape::Empty => ("application/json", Value::Null),
                Shape::WrongShape => ("application/json", delivery::wrong_shape()),
                Shape::Oversize => ("application/json", delivery::oversize(&answer)),
                Shape::Cut => return None,
            };
            Some(part(id, &answer, kind, &body))
        }
        Delivery::Cut => None,
    }
}

fn part(id: &str, answer: &Answer, content_type: &str, body: &Value) -> Value {
    let mut headers = Map::new();
    headers.insert("Content-Type".to_owned(), content_type.into());
    headers.extend(answer.headers.iter().map(|(name, value)| (capital(name), value.clone().into())));
    json!({ "id": id, "status": answer.status, "headers": headers, "body": body })
}

/// `retry-after` as `Retry-After`: the names of headers in a batch are JSON, and have capitals.
fn capital(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// Brings answers out of the order of the questions, the same way each time: odd ones backwards, then even ones.
fn shuffle(answers: &mut Vec<Value>) {
    let (even, odd): (Vec<_>, Vec<_>) = answers.drain(..).enumerate().partition(|(place, _)| place % 2 == 0);
    answers.extend(odd.into_iter().rev().chain(even).map(|(_, answer)| answer));
}
