//! What the API server would refuse by the schema alone: unknown fields, wrong types, values out of bounds.
//!
//! Input: the custom resource definition and a document. Output: every problem, by path. Pure. Patterns and CEL rules
//! are left to the API server: `plan -f` without `--world` asks it.

use std::sync::LazyLock;

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use crate::api::custom_resource_definition;

/// What a plan can reckon with, without leaving the calendar: 1970 to 2999, in seconds.
const TIMES: std::ops::Range<i64> = 0..32_503_680_000;

/// It is the same for every document, and long.
static DEFINITION: LazyLock<CustomResourceDefinition> = LazyLock::new(custom_resource_definition);

/// Every problem of the parts `spec` and `status` of a resource, such as `spec.dataLocaton: there is no such field`.
pub(super) fn problems(document: &Value) -> Vec<String> {
    let schema =
        DEFINITION.spec.versions.first().and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    let mut problems = Vec::new();
    let Some(properties) = schema.and_then(|schema| schema.properties.as_ref()) else { return problems };
    for part in ["spec", "status"] {
        match (document.get(part), properties.get(part)) {
            (Some(value), Some(schema)) => check(part, value, schema, &mut problems),
            (None, _) if part == "spec" => {
                problems.push("spec: it is missing; only spec.tenantId is required in it".to_owned());
            }
            _ => {}
        }
    }
    problems
}

/// Whether a time lies where plans can reckon with it.
pub(super) fn is_in_range(time: Timestamp) -> bool {
    TIMES.contains(&time.as_second())
}

fn check(path: &str, value: &Value, schema: &JSONSchemaProps, problems: &mut Vec<String>) {
    let before = problems.len();
    match value {
        Value::Object(fields) if is(schema, "object") => object(path, fields, schema, problems),
        Value::Array(items) if is(schema, "array") => array(path, items, schema, problems),
        Value::String(text) if is(schema, "string") => string(path, text, schema, problems),
        Value::Number(number) if is(schema, "integer") && number.is_i64() => {
            let number = number.as_f64().unwrap_or_default();
            if schema.minimum.is_some_and(|least| number < least) || schema.maximum.is_some_and(|most| number > most) {
                let bound = |bound: Option<f64>| bound.map_or("…".to_owned(), |bound| bound.to_string());
                problems.push(format!(
                    "{path}: {number} is not in {} to {}",
                    bound(schema.minimum),
                    bound(schema.maximum)
                ));
            }
        }
        Value::Bool(_) if is(schema, "boolean") => {}
        _ => {
            let expected = schema.type_.as_deref().unwrap_or("something else");
            problems.push(format!("{path}: {} stands here, expected {expected}", kind(value)));
        }
    }
    let Some(allowed) = schema.enum_.as_ref().filter(|allowed| !allowed.iter().any(|one| one.0 == *value)) else {
        return;
    };
    if problems.len() == before {
        let allowed: Vec<_> = allowed.iter().map(|one| shown(&one.0)).collect();
        problems.push(format!("{path}: {} is none of {}", shown(value), allowed.join(", ")));
    }
}

fn is(schema: &JSONSchemaProps, kind: &str) -> bool {
    schema.type_.as_deref() == Some(kind)
}

fn object(path: &str, fields: &serde_json::Map<String, Value>, schema: &JSONSchemaProps, problems: &mut Vec<String>) {
    let values = match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => Some(values.as_ref()),
        _ => None,
    };
    for (name, value) in fields {
        let known = schema.properties.as_ref().and_then(|properties| properties.get(name)).or(values);
        if let Some(known) = known {
            check(&format!("{path}.{name}"), value, known, problems);
        } else {
            let names: Vec<_> = schema.properties.iter().flat_map(|all| all.keys()).map(String::as_str).collect();
            problems.push(format!("{path}.{name}: there is no such field; {path} has {}", names.join(", ")));
        }
    }
    for missing in schema.required.iter().flatten().filter(|name| !fields.contains_key(*name)) {
        problems.push(format!("{path}.{missing}: it is required and missing"));
    }
}

fn array(path: &str, items: &[Value], schema: &JSONSchemaProps, problems: &mut Vec<String>) {
    if let Some(most) = schema.max_items.filter(|most| usize::try_from(*most).is_ok_and(|most| items.len() > most)) {
        problems.push(format!("{path}: {} entries, {most} at most", items.len()));
    }
    if let Some(JSONSchemaPropsOrArray::Schema(entry)) = &schema.items {
        for (index, item) in items.iter().enumerate() {
            check(&format!("{path}[{index}]"), item, entry, problems);
        }
    }
}

fn string(path: &str, text: &str, schema: &JSONSchemaProps, problems: &mut Vec<String>) {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if schema.min_length.is_some_and(|least| length < least) || schema.max_length.is_some_and(|most| length > most) {
        let (least, most) = (schema.min_length.unwrap_or_default(), schema.max_length.unwrap_or_default());
        problems.push(format!("{path}: {length} characters, {least} to {most} are possible"));
    }
    if schema.format.as_deref() == Some("date-time") && !text.parse::<Timestamp>().is_ok_and(is_in_range) {
        problems.push(format!("{path}: {text:?} is no time from 1970 to 2999, such as 2026-06-15T12:00:00Z"));
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing (null)",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.chars().take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

    #[rstest]
    #[case::fine(json!({"tenantId": TENANT, "resyncSeconds": 300}), "")]
    #[case::typing_error(json!({"tenantId": TENANT, "dataLocaton": {}}), "spec.dataLocaton: there is no such field; spec has")]
    #[case::deeper(json!({"tenantId": TENANT, "dataLocation": {"regio": "EU"}}), "spec.dataLocation.regio: there is no such field")]
    #[case::missing(json!({}), "spec.tenantId: it is required and missing")]
    #[case::word(json!({"tenantId": TENANT, "dataLocation": {"region": "FR"}}), "spec.dataLocation.region: FR is none of EU, UK")]
    #[case::number(json!({"tenantId": TENANT, "resyncSeconds": 1}), "spec.resyncSeconds: 1 is not in 300 to 86400")]
    #[case::kind(json!({"tenantId": 5}), "spec.tenantId: a number stands here, expected string")]
    #[case::list(json!({"tenantId": TENANT, "integrations": [{"nam": "x"}]}), "spec.integrations[0].nam: there is no such field")]
    #[case::time(
        json!({"tenantId": TENANT, "attestations": [{"name": "a", "claim": "ServiceOn", "attestedBy": "Ada", "attestTime": "yesterday", "expireTime": "2026-06-15T12:00:00Z"}]}),
        "spec.attestations[0].attestTime: \"yesterday\" is no time"
    )]
    fn what_the_schema_refuses_is_named(#[case] spec: Value, #[case] expected: &str) {
        let found = problems(&json!({"spec": spec})).join("\n");
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found}");
    }
}
