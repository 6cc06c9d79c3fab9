//! What the server serves as the definition: no field without bounds, nothing that makes a client stumble.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::Api;
use rstest::rstest;
use serde_json::{Value, json};

use crate::stage::{DEFINITION, TestError, TestResult, served};

/// Words that YAML 1.1 reads as booleans or null where they are not quoted.
const YAML_WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"];

#[tokio::test]
async fn the_definition_is_accepted_as_it_is_printed() -> TestResult {
    let definition = definition().await?;
    let status = definition.status.ok_or("no status")?;
    for expected in ["Established", "NamesAccepted"] {
        let condition = status.conditions.iter().flatten().find(|condition| condition.type_ == expected);
        assert_eq!(condition.map(|condition| condition.status.as_str()), Some("True"), "{expected}");
    }
    let refused = status.conditions.iter().flatten().find(|condition| condition.type_ == "NonStructuralSchema");
    assert!(refused.is_none(), "{refused:?}");

    let names = serde_json::to_value(&definition.spec.names)?;
    let expected = json!({
        "kind": "ThreatProtectionTenant", "listKind": "ThreatProtectionTenantList", "plural": "threatprotectiontenants",
        "singular": "threatprotectiontenant", "shortNames": ["tpt"], "categories": ["threatprotection"],
    });
    assert_eq!(names, expected);
    assert_eq!(definition.spec.scope, "Namespaced");
    let versions: Vec<_> =
        definition.spec.versions.iter().map(|it| (it.name.as_str(), it.served, it.storage)).collect();
    assert_eq!(versions, [("v1alpha1", true, true)]);
    assert_eq!(definition.spec.conversion.map(|conversion| conversion.strategy), Some("None".to_owned()));
    Ok(())
}

#[tokio::test]
async fn every_field_is_bounded_and_described() -> TestResult {
    let definition = definition().await?;
    let schema = definition.spec.versions.into_iter().find_map(|version| version.schema?.open_api_v3_schema);
    let root = schema.ok_or("no schema")?;
    let mut faults = Vec::new();
    let mut seen = 0;
    for (name, property) in root.properties.iter().flatten() {
        if ["spec", "status"].contains(&name.as_str()) {
            walk(name, property, &mut |path, schema| {
                seen += 1;
                // The description of a list says what its words are.
                let is_word = path.ends_with(']') && schema.properties.is_none();
                let faults_here = faults_of(schema).filter(|fault| !is_word || *fault != "no description");
                faults.extend(faults_here.map(|fault| format!("{path}: {fault}")));
            });
        }
    }
    assert!(seen > 100, "{seen} fields were seen");
    assert_eq!(faults, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn words_of_the_spec_mean_themselves_in_yaml() -> TestResult {
    let definition = definition().await?;
    let schema = definition.spec.versions.into_iter().find_map(|version| version.schema?.open_api_v3_schema);
    let spec = schema.and_then(|root| root.properties?.remove("spec")).ok_or("no spec")?;
    let mut words = BTreeSet::new();
    walk("spec", &spec, &mut |_, schema| {
        words.extend(schema.enum_.iter().flatten().filter_map(|value| value.0.as_str().map(str::to_lowercase)));
    });
    assert!(words.contains("defenderportal") && words.len() > 30, "{words:?}");
    let misread: Vec<_> = YAML_WORDS.iter().filter(|word| words.contains(**word)).collect();
    assert!(misread.is_empty(), "{misread:?}");
    Ok(())
}

/// A judge that cannot condemn proves nothing.
#[rstest]
#[case::string(json!({ "type": "string" }), "a string without maxLength")]
#[case::pattern(json!({ "type": "string", "pattern": "^a+$" }), "a string without maxLength")]
#[case::list_without_bound(json!({ "type": "array", "x-kubernetes-list-type": "atomic" }), "a list without maxItems")]
#[case::list_without_type(json!({ "type": "array", "maxItems": 1 }), "a list without a type")]
#[case::list_without_keys(json!({ "type": "array", "maxItems": 1, "x-kubernetes-list-type": "map" }), "a map without keys")]
#[case::no_minimum(json!({ "type": "integer", "maximum": 1 }), "a number without both bounds")]
#[case::no_maximum(json!({ "type": "integer", "minimum": 1 }), "a number without both bounds")]
#[case::fraction(json!({ "type": "number", "minimum": 1 }), "a number without both bounds")]
#[case::nullable(json!({ "type": "boolean", "nullable": true }), "nullable")]
#[case::null_word(json!({ "type": "string", "enum": ["a", null] }), "null is a word")]
#[case::unsigned(json!({ "type": "integer", "format": "uint32", "minimum": 1, "maximum": 2 }), "an unsigned format")]
#[case::open_map(json!({ "type": "object", "additionalProperties": { "type": "boolean" } }), "a map without maxProperties")]
#[case::undescribed(json!({ "type": "boolean" }), "no description")]
#[case::unknown_fields(json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }), "keeps unknown fields")]
fn an_unbounded_field_is_noticed(#[case] schema: Value, #[case] fault: &str) -> TestResult {
    let whole = json!({ "type": "object", "properties": { "list": {
        "type": "array", "items": { "type": "object", "properties": { "field": schema } },
    } } });
    let mut found = Vec::new();
    walk("spec", &serde_json::from_value(whole)?, &mut |path, schema| {
        if path == "spec.list[].field" {
            found.extend(faults_of(schema));
        }
    });
    assert!(found.contains(&fault), "{found:?}");
    Ok(())
}

fn faults_of(schema: &JSONSchemaProps) -> impl Iterator<Item = &'static str> {
    let is = |name: &str| schema.type_.as_deref() == Some(name);
    let words = schema.enum_.as_deref().unwrap_or_default();
    let list_type = schema.x_kubernetes_list_type.as_deref();
    let bounds = [schema.minimum, schema.maximum];
    let format = schema.format.as_deref().unwrap_or_default();
    [
        (is("string") && words.is_empty() && schema.max_length.is_none(), "a string without maxLength"),
        (is("array") && schema.max_items.is_none(), "a list without maxItems"),
        (is("array") && list_type.is_none(), "a list without a type"),
        (list_type == Some("map") && schema.x_kubernetes_list_map_keys.is_none(), "a map without keys"),
        ((is("integer") || is("number")) && bounds.contains(&None), "a number without both bounds"),
        (schema.nullable.is_some(), "nullable"),
        (words.iter().any(|word| word.0.is_null()), "null is a word"),
        (format.starts_with("uint"), "an unsigned format"),
        (schema.additional_properties.is_some() && schema.max_properties.is_none(), "a map without maxProperties"),
        (schema.x_kubernetes_preserve_unknown_fields == Some(true), "keeps unknown fields"),
        (schema.description.as_deref().unwrap_or_default().is_empty(), "no description"),
    ]
    .into_iter()
    .filter_map(|(is_fault, name)| is_fault.then_some(name))
}

/// Visits a field and all below it.
fn walk(path: &str, schema: &JSONSchemaProps, visit: &mut impl FnMut(&str, &JSONSchemaProps)) {
    visit(path, schema);
    for (name, property) in schema.properties.iter().flatten() {
        walk(&format!("{path}.{name}"), property, visit);
    }
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => walk(&format!("{path}[]"), item, visit),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter().for_each(|item| walk(path, item, visit)),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        walk(&format!("{path}{{}}"), value, visit);
    }
}

async fn definition() -> Result<CustomResourceDefinition, TestError> {
    Ok(Api::all(served().await?).get(DEFINITION).await?)
}
