//! Collections: pages, `$top`, `$select`, and the link to the next page.

use serde_json::{Map, Value, json};

use super::Scene;
use crate::simulator::answer::Answer;
use crate::simulator::microsoft::problem::Problem;

/// A page of `items`. The link to the next one names the host that was asked.
pub(super) fn page(scene: &Scene, context: &str, items: Vec<Value>) -> Result<Answer, Problem> {
    let query = &scene.request.query;
    let size = usize::try_from(scene.settings.page_size).unwrap_or(usize::MAX).max(1);
    let size = match query.get("$top") {
        None => size,
        Some(text) => match text.parse::<usize>() {
            Ok(top) if top > 0 => size.min(top),
            _ => {
                let message = format!("Invalid value '{text}' for $top query option found.");
                return Err(Problem::new(400, "BadRequest", message));
            }
        },
    };
    let start = query.get("$skiptoken").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let is_last = items.len() <= start.saturating_add(size);
    let names = query.get("$select").map(|text| text.split(',').map(str::trim).collect::<Vec<_>>());
    let shown: Vec<Value> =
        items.into_iter().skip(start).take(size).map(|item| selected(item, names.as_deref())).collect();
    let host = &scene.request.host;
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), format!("https://{host}/v1.0/$metadata#{context}").into());
    body.insert("value".to_owned(), shown.into());
    if !is_last {
        body.insert("@odata.nextLink".to_owned(), next_link(scene, start + size).into());
    }
    Ok(Answer::new(200, Value::Object(body)))
}

fn next_link(scene: &Scene, start: usize) -> String {
    let request = scene.request;
    let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
    let kept = query.split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.is_empty() && name != "$skiptoken" && !name.eq_ignore_ascii_case("%24skiptoken")
    });
    let query: Vec<String> = kept.map(|pair| pair.replace(' ', "%20")).chain([format!("$skiptoken={start}")]).collect();
    format!("https://{}{path}?{}", request.host, query.join("&"))
}

/// The members that `$select` names, or all.
pub(super) fn selected(item: Value, names: Option<&[&str]>) -> Value {
    match (item, names) {
        (Value::Object(members), Some(names)) => {
            json!(members.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect::<Map<_, _>>())
        }
        (item, _) => item,
    }
}
