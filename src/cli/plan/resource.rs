//! The resource file: one or more `ThreatProtectionTenant` manifests, as they are applied or as a cluster shows them.
//!
//! Input: YAML. Output: the manifests, each as an API server would have stored it, or every problem by its path. Pure.

use kube::api::DynamicObject;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::schema;
use super::text::visible;
use crate::api::{GROUP, KIND, VERSION};

/// A resource file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// It is not YAML.
    #[error("it is not YAML ({problem}). Correct the place that is named")]
    Yaml {
        /// What the parser says.
        problem: String,
    },
    /// There is no document in it.
    #[error("it holds no document. Write a {KIND} into it")]
    Empty,
    /// A document is of another kind.
    #[error(
        "document {document} is {found}, not {GROUP}/{VERSION} {KIND}. Name a file that holds {KIND} resources only"
    )]
    OtherKind {
        /// Which document, from 1.
        document: usize,
        /// Its apiVersion and kind.
        found: String,
    },
    /// Its metadata cannot be read.
    #[error("document {document}: metadata: {problem}. Correct it; a name is needed")]
    Metadata {
        /// Which document, from 1.
        document: usize,
        /// What is wrong.
        problem: String,
    },
    /// A name that no API server would take.
    #[error("document {document}: metadata.{field} is {value:?}, which is no {rule}. Correct it")]
    Name {
        /// Which document, from 1.
        document: usize,
        /// `name` or `namespace`.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What should.
        rule: &'static str,
    },
    /// The schema refuses it.
    #[error("document {document} ({name}) would be refused by the API server:\n- {}", problems.join("\n- "))]
    Refused {
        /// Which document, from 1.
        document: usize,
        /// Name of the resource.
        name: String,
        /// Every problem, by path.
        problems: Vec<String>,
    },
}

/// The manifests of a file, of the right kind and with a name; the rest is as it is written.
pub(in crate::cli) fn manifests(text: &str) -> Result<Vec<Value>, ResourceError> {
    let mut manifests = Vec::new();
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let unreadable = |error: &dyn std::fmt::Display| ResourceError::Yaml { problem: visible(&error.to_string()) };
        let mut value = serde_yaml::Value::deserialize(document).map_err(|error| unreadable(&error))?;
        value.apply_merge().map_err(|error| unreadable(&error))?;
        if value.is_null() {
            continue;
        }
        let manifest = serde_json::to_value(value).map_err(|error| unreadable(&error))?;
        check(&manifest, index + 1)?;
        manifests.push(manifest);
    }
    if manifests.is_empty() { Err(ResourceError::Empty) } else { Ok(manifests) }
}

fn check(manifest: &Value, document: usize) -> Result<(), ResourceError> {
    let text = |field: &str| manifest.get(field).and_then(Value::as_str).unwrap_or("nothing");
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version != format!("{GROUP}/{VERSION}") || kind != KIND {
        let found = visible(&format!("apiVersion {api_version}, kind {kind}")).chars().take(200).collect();
        return Err(ResourceError::OtherKind { document, found });
    }
    if name(manifest).is_empty() {
        return Err(ResourceError::Metadata { document, problem: "there is no name".to_owned() });
    }
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    let unknown: Vec<_> = manifest
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .filter(|field| !known.contains(&field.as_str()))
        .map(|field| format!("{field}: there is no such field; a resource has {}", known.join(", ")))
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(refused(manifest, document, unknown)) }
}

/// The resource as an API server would have stored it, without one to ask.
///
/// A manifest without `metadata.generation` is taken for a change of what `status` was written about.
pub(in crate::cli) fn as_stored(
    mut manifest: Value,
    document: usize,
    namespace: Option<&str>,
) -> Result<DynamicObject, ResourceError> {
    check_names(&manifest, document, namespace)?;
    let is_deleting = manifest.pointer("/metadata/deletionTimestamp").is_some();
    let problems = schema::problems(&manifest);
    // What is being deleted was stored once, and goes whatever its spec says.
    if !problems.is_empty() && !is_deleting {
        return Err(refused(&manifest, document, problems));
    }
    let generation = match manifest.pointer("/status/observedGeneration").and_then(Value::as_i64) {
        Some(observed) => observed.saturating_add(1).max(1),
        None => 1,
    };
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        let mut default = |field: &str, value: Value| {
            metadata.entry(field).or_insert(value);
        };
        default("generation", json!(generation));
        default("namespace", json!(namespace.unwrap_or("default")));
        default("uid", json!("not-stored"));
        default("resourceVersion", json!("0"));
    }
    let unreadable = |problem: String| ResourceError::Metadata { document, problem: visible(&problem) };
    serde_json::from_value(manifest).map_err(|error| unreadable(error.to_string()))
}

/// Names as every API server wants them; they are also printed, and are no place for anything else.
fn check_names(manifest: &Value, document: usize, namespace: Option<&str>) -> Result<(), ResourceError> {
    let own = manifest.pointer("/metadata/namespace").and_then(Value::as_str);
    let wrong = |field, value: &str, rule| {
        let value = value.chars().take(64).collect();
        Err(ResourceError::Name { document, field, value, rule })
    };
    let name = name(manifest);
    if name.len() > 253 || !name.split('.').all(is_label) {
        return wrong("name", name, "DNS subdomain (lower-case letters, digits, - and ., at most 253)");
    }
    match own.or(namespace) {
        Some(space) if space.len() > 63 || !is_label(space) => {
            wrong("namespace", space, "DNS label (lower-case letters, digits and -, at most 63)")
        }
        _ => Ok(()),
    }
}

fn is_label(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Name of a manifest.
pub(super) fn name(manifest: &Value) -> &str {
    manifest.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

fn refused(manifest: &Value, document: usize, problems: Vec<String>) -> ResourceError {
    let problems = problems.into_iter().map(|problem| visible(&problem)).collect();
    ResourceError::Refused { document, name: visible(name(manifest)), problems }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const HEAD: &str = "apiVersion: threatprotection.dev/v1alpha1\nkind: ThreatProtectionTenant\n";
    const TENANT: &str = "spec: { tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11 }\n";

    #[rstest]
    #[case::nothing("", "holds no document")]
    #[case::blank("---\n---\n", "holds no document")]
    #[case::no_yaml("a: [", "is not YAML")]
    #[case::twice("kind: A\nkind: B\n", "duplicate entry")]
    #[case::secret("apiVersion: v1\nkind: Secret\nmetadata: { name: x }\n", "document 1 is apiVersion v1, kind Secret")]
    #[case::second(&format!("{HEAD}metadata: {{ name: x }}\n{TENANT}---\nkind: List\n"), "document 2 is apiVersion nothing, kind List")]
    #[case::text("hello", "apiVersion nothing")]
    #[case::nameless(&format!("{HEAD}metadata: {{}}\n{TENANT}"), "there is no name")]
    #[case::stray(&format!("{HEAD}metadata: {{ name: x }}\nspc: {{}}\n{TENANT}"), "spc: there is no such field")]
    fn a_file_that_cannot_be_used_says_why(#[case] text: &str, #[case] expected: &str) {
        let error = manifests(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[rstest]
    #[case::new("", 1)]
    #[case::reported("status: { observedGeneration: 4 }", 5)]
    #[case::never_looked_at("status: { observedGeneration: -1 }", 1)]
    fn a_manifest_without_generation_is_a_change(#[case] status: &str, #[case] expected: i64) {
        let text = format!("{HEAD}metadata: {{ name: x }}\n{TENANT}{status}");
        let manifest = manifests(&text).unwrap().remove(0);
        let stored = as_stored(manifest, 1, Some("security")).unwrap();
        assert_eq!(stored.metadata.generation, Some(expected));
        assert_eq!(stored.metadata.namespace.as_deref(), Some("security"));
    }
}
