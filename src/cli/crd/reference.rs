//! The custom resource definition as a reference: every field with its type, default, bounds and rules. Pure.

use std::fmt::Write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool, ValidationRule,
};

/// What the API server writes by itself.
const NOT_OURS: [&str; 3] = ["apiVersion", "kind", "metadata"];
/// The rule by which a field can never be changed.
const IMMUTABLE: &str = "self == oldSelf";

/// The page, in the order of the schema.
#[must_use]
pub fn reference(definition: &CustomResourceDefinition) -> String {
    let names = &definition.spec.names;
    let mut page = format!(
        "# API reference\n\nEvery field of `{}`, from the schema of the custom resource definition. Its rules are the API server's: what breaks one\nis refused when it is applied. `threat-protection-operator crd --markdown` prints this page.\n",
        names.kind
    );
    for version in &definition.spec.versions {
        let _ = write!(
            page,
            "\n`apiVersion: {}/{}`, `kind: {}`, {}, short name `{}`.\n",
            definition.spec.group,
            version.name,
            names.kind,
            definition.spec.scope.to_lowercase(),
            names.short_names.as_deref().unwrap_or_default().join("`, `"),
        );
        of_version(version, &mut page);
    }
    page
}

fn of_version(version: &CustomResourceDefinitionVersion, page: &mut String) {
    for field in version.selectable_fields.iter().flatten() {
        let _ = writeln!(page, "`kubectl get --field-selector` takes `{}`.", field.json_path.trim_start_matches('.'));
    }
    let Some(schema) = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()) else { return };
    if let Some(description) = &schema.description {
        let _ = write!(page, "\n{description}\n");
    }
    of_rules(schema, page);
    for (name, part) in schema.properties.iter().flatten().filter(|(name, _)| !NOT_OURS.contains(&name.as_str())) {
        let _ = write!(page, "\n## {name}\n");
        of_text(part, page);
        of_default(part, page);
        of_rules(part, page);
        of_fields(name, part, page);
    }
    let _ = write!(page, "\n## Columns\n\nWhat `kubectl get` shows, and with `-o wide`:\n\n");
    for column in version.additional_printer_columns.iter().flatten() {
        let wide = if column.priority.unwrap_or_default() > 0 { " (wide)" } else { "" };
        let _ = writeln!(page, "- {}{wide}: `{}`", column.name, column.json_path);
    }
}

fn of_fields(path: &str, schema: &JSONSchemaProps, page: &mut String) {
    let required = schema.required.as_deref().unwrap_or_default();
    for (name, field) in schema.properties.iter().flatten() {
        of_field(&format!("{path}.{name}"), field, required.contains(name), page);
    }
}

fn of_field(path: &str, field: &JSONSchemaProps, is_required: bool, page: &mut String) {
    let mut traits = vec![type_of(field)];
    if is_required {
        traits.push("required".to_owned());
    }
    if rules(field).any(|rule| rule.rule == IMMUTABLE) {
        traits.push("immutable".to_owned());
    }
    let _ = write!(page, "\n### `{path}`\n\n{}\n", traits.join(", "));
    of_text(field, page);
    of_default(field, page);
    of_bounds(field, page);
    of_rules(field, page);
    match &field.items {
        Some(JSONSchemaPropsOrArray::Schema(entry)) => of_entries(path, entry, page),
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => of_fields(path, field, page),
    }
}

/// What stands in a list: objects have fields of their own, other entries bounds.
fn of_entries(path: &str, entry: &JSONSchemaProps, page: &mut String) {
    if entry.properties.is_none() {
        let mut bounds = String::new();
        of_bounds(entry, &mut bounds);
        if !bounds.is_empty() {
            let _ = write!(page, "\nEach entry:\n{bounds}");
        }
        return;
    }
    of_rules(entry, page);
    of_fields(&format!("{path}[]"), entry, page);
}

fn of_text(schema: &JSONSchemaProps, page: &mut String) {
    if let Some(description) = &schema.description {
        let _ = write!(page, "\n{}\n", description.replace('\n', " "));
    }
}

fn of_default(schema: &JSONSchemaProps, page: &mut String) {
    if let Some(default) = &schema.default {
        let _ = write!(page, "\nDefault: `{}`\n", plain(&default.0));
    }
}

fn type_of(schema: &JSONSchemaProps) -> String {
    let kind = schema.type_.as_deref().unwrap_or("any");
    if let Some(JSONSchemaPropsOrArray::Schema(entry)) = &schema.items {
        let keys = schema.x_kubernetes_list_map_keys.as_deref().unwrap_or_default();
        let how = match schema.x_kubernetes_list_type.as_deref() {
            Some("map") => format!(", one for each `{}`", keys.join("`, `")),
            Some("set") => ", each once".to_owned(),
            _ => String::new(),
        };
        return format!("list of {}{how}", type_of(entry));
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        return format!("map to {}", type_of(value));
    }
    match &schema.format {
        Some(format) if format != kind => format!("{kind} ({format})"),
        _ => kind.to_owned(),
    }
}

fn of_bounds(schema: &JSONSchemaProps, page: &mut String) {
    let mut bounds = Vec::new();
    if let Some(values) = &schema.enum_ {
        let values: Vec<String> = values.iter().map(|value| format!("`{}`", plain(&value.0))).collect();
        bounds.push(format!("one of {}", values.join(", ")));
    }
    let counts = [
        ("at least", schema.min_length, "characters"),
        ("at most", schema.max_length, "characters"),
        ("at least", schema.min_items, "entries"),
        ("at most", schema.max_items, "entries"),
        ("at most", schema.max_properties, "entries"),
    ];
    for (what, count, unit) in counts {
        bounds.extend(count.map(|count| format!("{what} {count} {unit}")));
    }
    bounds.extend(schema.minimum.map(|least| format!("at least {least}")));
    bounds.extend(schema.maximum.map(|most| format!("at most {most}")));
    bounds.extend(schema.pattern.as_ref().map(|pattern| format!("matches `{pattern}`")));
    list(&bounds, page);
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        of_bounds(value, page);
    }
}

fn rules(schema: &JSONSchemaProps) -> impl Iterator<Item = &ValidationRule> {
    schema.x_kubernetes_validations.iter().flatten()
}

/// Rules of CEL: the message for people, then the rule itself.
fn of_rules(schema: &JSONSchemaProps, page: &mut String) {
    let told = |rule: &ValidationRule| {
        let when = if rule.rule.contains("oldSelf") { "on a change" } else { "always" };
        format!("{when}: {}\n  `{}`", rule.message.as_deref().unwrap_or_default(), rule.rule)
    };
    list(&rules(schema).map(told).collect::<Vec<_>>(), page);
}

fn list(entries: &[String], page: &mut String) {
    if !entries.is_empty() {
        // Writing to a text cannot fail.
        let _ = write!(page, "\n- {}\n", entries.join("\n- "));
    }
}

/// A value as it is written in YAML, as far as these schemas have any.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
