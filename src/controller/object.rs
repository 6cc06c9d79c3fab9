//! A resource as the API server delivers it: whatever its spec and status look like, it can be read.

use std::borrow::Cow;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::api::{DynamicObject, ObjectMeta};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::api::{RECONCILE_REQUEST_ANNOTATION, ThreatProtectionTenant};

/// One resource. Of its metadata only that is read which the operator uses: the field managers alone are often longer than
/// the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its metadata, as far as it is used.
    #[serde(deserialize_with = "used")]
    pub metadata: ObjectMeta,
    /// Its spec, of any shape; null where it has none.
    #[serde(default)]
    pub spec: Value,
    /// Its status, of any shape.
    #[serde(default)]
    pub status: Text,
}

/// A part of a resource as the JSON text that it came in: the status is the largest part, and most deliveries need little
/// of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(Option<Box<RawValue>>);

impl Text {
    /// The JSON text; `null` where there is nothing.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.as_ref().map_or("null", |text| text.get())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl From<&Value> for Text {
    fn from(value: &Value) -> Self {
        // Every value can be written as JSON.
        Self(Some(value).filter(|value| !value.is_null()).and_then(|value| to_raw_value(value).ok()))
    }
}

impl Object {
    /// The same as kube's dynamic type has it.
    #[must_use]
    pub fn of(dynamic: &DynamicObject) -> Self {
        let part = |name: &str| dynamic.data.get(name);
        Self {
            metadata: dynamic.metadata.clone(),
            spec: part("spec").cloned().unwrap_or_default(),
            status: part("status").map_or_else(Text::default, Text::from),
        }
    }

    /// The tenant that is named, as it is written; empty where none is.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.spec.get("tenantId").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Resource for Object {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        ThreatProtectionTenant::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        ThreatProtectionTenant::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        ThreatProtectionTenant::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        ThreatProtectionTenant::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Used {
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    uid: Option<String>,
    #[serde(default)]
    resource_version: Option<String>,
    #[serde(default)]
    generation: Option<i64>,
    #[serde(default)]
    creation_timestamp: Option<Time>,
    #[serde(default)]
    deletion_timestamp: Option<Time>,
    #[serde(default)]
    finalizers: Option<Vec<String>>,
    #[serde(default)]
    annotations: Option<Annotations>,
}

/// The one annotation that means something.
#[derive(Deserialize)]
struct Annotations {
    #[serde(default, rename = "threatprotection.dev/reconcile-requested-at")]
    request: Option<String>,
}

fn used<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let used = Used::deserialize(deserializer)?;
    let request = used.annotations.and_then(|annotations| annotations.request);
    Ok(ObjectMeta {
        namespace: used.namespace,
        name: used.name,
        uid: used.uid,
        resource_version: used.resource_version,
        generation: used.generation,
        creation_timestamp: used.creation_timestamp,
        deletion_timestamp: used.deletion_timestamp,
        finalizers: used.finalizers,
        annotations: request.map(|token| [(RECONCILE_REQUEST_ANNOTATION.to_owned(), token)].into()),
        ..ObjectMeta::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_used_is_read_and_the_rest_is_left() {
        let object: Object = serde_json::from_value(json!({
            "apiVersion": "threatprotection.dev/v1alpha1",
            "kind": "ThreatProtectionTenant",
            "metadata": {
                "namespace": "security", "name": "contoso", "uid": "u1", "resourceVersion": "41", "generation": 3,
                "creationTimestamp": "2026-01-02T03:04:05Z", "finalizers": ["other/one"],
                "annotations": {RECONCILE_REQUEST_ANNOTATION: "now", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
                "labels": {"team": "a"},
                "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
            },
            "spec": {"tenantId": "t", "unheard": ["of"]},
        }))
        .unwrap();
        assert_eq!((object.tenant(), object.status.get()), ("t", "null"));
        let kept = serde_json::to_value(&object.metadata).unwrap();
        assert_eq!(
            kept,
            json!({
                "namespace": "security", "name": "contoso", "uid": "u1", "resourceVersion": "41", "generation": 3,
                "creationTimestamp": "2026-01-02T03:04:05Z", "finalizers": ["other/one"],
                "annotations": {RECONCILE_REQUEST_ANNOTATION: "now"},
            })
        );
    }

    #[test]
    fn nothing_of_its_shape_can_make_it_unreadable() {
        for odd in [json!({"spec": 7, "status": []}), json!({}), json!({"spec": null, "status": null})] {
            let mut object = json!({"metadata": {"name": "odd"}});
            object.as_object_mut().unwrap().extend(odd.as_object().unwrap().clone());
            let read: Object = serde_json::from_str(&object.to_string()).unwrap();
            assert_eq!(read.tenant(), "");
            assert_eq!(serde_json::from_str::<Object>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        }
    }
}
