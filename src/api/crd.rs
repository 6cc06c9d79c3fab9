//! The custom resource definition as it is printed, committed and applied.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::{ThreatProtectionTenant, TriState};

/// The definition derived from the types, with two artefacts of the derivation taken out and two gaps filled.
///
/// An optional field becomes `nullable` with a `null` among its enum values, so that the API server would store an
/// explicit `null` instead of applying the default; unsigned formats make it warn at every apply; the conditions of
/// Kubernetes come without bounds; and who owns an entry of a list cannot be said on its type.
#[must_use]
pub fn custom_resource_definition() -> CustomResourceDefinition {
    let mut definition = ThreatProtectionTenant::crd();
    for version in &mut definition.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            tidy(schema);
            if let Some(condition) = condition(schema) {
                bound(condition);
            }
            if let Some(status) = property(schema, "status") {
                own_entries_whole(status);
            }
        }
    }
    definition
}

fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    if schema.format.as_deref().is_some_and(|format| format.starts_with("uint")) {
        schema.format = None;
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        tidy(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => tidy(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(tidy),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

fn condition(schema: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    match property(property(schema, "status")?, "conditions")?.items.as_mut()? {
        JSONSchemaPropsOrArray::Schema(item) => Some(item),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

fn property<'a>(schema: &'a mut JSONSchemaProps, name: &str) -> Option<&'a mut JSONSchemaProps> {
    schema.properties.as_mut()?.get_mut(name)
}

/// The bounds that Kubernetes itself sets for the conditions of its own resources.
fn bound(condition: &mut JSONSchemaProps) {
    for (name, longest) in [("type", 316), ("reason", 1024), ("message", 32768), ("lastTransitionTime", 64)] {
        if let Some(text) = property(condition, name) {
            text.max_length = Some(longest);
        }
    }
    if let Some(status) = property(condition, "status") {
        status.enum_ = Some(TriState::ALL.iter().map(|state| JSON(state.name().into())).collect());
    }
    if let Some(generation) = property(condition, "observedGeneration") {
        (generation.minimum, generation.maximum) = (Some(0.0), Some(9_007_199_254_740_991.0));
    }
}

/// The status has one writer, so what belongs together is owned as a whole. That a field of a condition could have
/// another owner than the next would help nobody, and telling them apart would take a fifth of the stored object.
fn own_entries_whole(status: &mut JSONSchemaProps) {
    for property in status.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        let is_map = property.x_kubernetes_list_type.as_deref() == Some("map");
        match &mut property.items {
            Some(JSONSchemaPropsOrArray::Schema(entry)) if is_map => {
                entry.x_kubernetes_map_type = Some("atomic".to_owned());
            }
            None if property.type_.as_deref() == Some("object") => {
                property.x_kubernetes_map_type = Some("atomic".to_owned());
            }
            _ => {}
        }
    }
}
