//! What Flux makes of objects with the sample of `deploy/flux`, by the libraries of kustomize-controller.
#![allow(dead_code, reason = "every test binary compiles all of this and uses only its part")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on should end where it stands")]

use serde_json::{Value, json};

use crate::gitops_program::answer;

/// The documents of the sample: a source, and the Kustomization that applies what is in it.
pub(crate) fn sample() -> [Value; 2] {
    let text = include_str!("../../deploy/flux/tenants.yaml");
    let documents = text.split("\n---\n").map(|document| serde_yaml::from_str(document).expect("a document is YAML"));
    let Ok(both) = <[Value; 2]>::try_from(documents.collect::<Vec<_>>()) else {
        panic!("a source and a Kustomization")
    };
    both
}

/// The Kustomization of the sample.
pub(crate) fn kustomization() -> Value {
    let [_, kustomization] = sample();
    kustomization
}

/// What the `healthCheckExprs` of a Kustomization say of each object, in the words of kstatus; `Unknown: ` and why where
/// one of them cannot be told.
pub(crate) fn healths(kustomization: &Value, objects: &[Value]) -> Vec<String> {
    answer("flux-health", &json!({"kustomization": kustomization, "objects": objects}))
}
