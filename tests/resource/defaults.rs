//! What a new object looks like before the operator has seen it.

use std::time::Duration;

use futures::StreamExt as _;
use kube::api::{DynamicObject, Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::{Value, json};
use threat_protection_operator::api::ThreatProtectionTenant;

use crate::stage::{Stage, TENANT, TestError, TestResult, assert_refused, manifest};

/// Tools that compare generations must never take a new object for a healthy one, whichever way they look.
#[tokio::test]
async fn a_fresh_object_says_that_nobody_has_looked() -> TestResult {
    let stage = Stage::set().await?;
    let fresh = Some(json!({ "observedGeneration": -1 }));
    let created = stage.create("contoso", &json!({})).await?;
    assert_eq!(created.data.get("status"), fresh.as_ref(), "in the answer to the creation");
    assert_eq!(stage.get("contoso").await?.data.get("status"), fresh.as_ref(), "when asked");
    assert_eq!(watched(&stage).await?.data.get("status"), fresh.as_ref(), "when watched");

    let applied = manifest("fabrikam", &json!({}));
    let applied = stage.tenants.patch("fabrikam", &PatchParams::apply("gitops"), &Patch::Apply(&applied)).await?;
    assert_eq!(applied.data.get("status"), fresh.as_ref(), "in the answer to an apply");
    let typed: ThreatProtectionTenant = serde_json::from_value(serde_json::to_value(&created)?)?;
    assert_eq!(typed.status.map(|status| status.observed_generation), Some(-1));
    Ok(())
}

#[tokio::test]
async fn a_minimal_spec_gets_all_defaults() -> TestResult {
    let stage = Stage::set().await?;
    let created = stage.create("contoso", &json!({})).await?;
    assert_eq!(created.data.get("spec"), Some(&all_defaults()));
    let status = json!({ "status": { "observedGeneration": 7 } });
    let ignored = stage.edit("contoso", &status).await?;
    assert_eq!(ignored.data.pointer("/status/observedGeneration"), Some(&json!(-1)), "status has its own door");
    Ok(())
}

/// Templates that render an unset value as `null` mean the default.
#[tokio::test]
async fn an_explicit_null_is_no_value() -> TestResult {
    let stage = Stage::set().await?;
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant", "metadata": { "name": "contoso" },
        "spec": {
            "tenantId": TENANT, "cloud": null, "desiredState": null, "deprovisionConfirmation": null, "experience": null,
            "dataSharing": null, "dataLocation": null, "integrations": null, "expectedServices": null,
            "credentials": null, "observation": null, "attestations": null, "managementPolicy": null,
            "deletionPolicy": null, "resyncSeconds": null,
        },
    }))?;
    let created = stage.tenants.create(&kube::api::PostParams::default(), &object).await?;
    assert_eq!(created.data.get("spec"), Some(&all_defaults()));

    let nested = json!({
        "dataLocation": { "region": null }, "dataSharing": { "consent": null }, "observation": { "subscriptionId": null },
    });
    let edited = stage.edit("contoso", &json!({ "spec": nested })).await?;
    assert_eq!(edited.data.pointer("/spec/dataLocation"), Some(&json!({})));
    let links = json!([{ "name": "a", "type": "EndpointIntune", "state": null, "subscriptionId": null }]);
    let edited = stage.edit("contoso", &json!({ "spec": { "integrations": links } })).await?;
    let links = json!([{ "name": "a", "type": "EndpointIntune", "state": "Linked" }]);
    assert_eq!(edited.data.pointer("/spec/integrations"), Some(&links));
    Ok(())
}

/// Server-side apply keeps a `null` where there is no default, and so it is refused, with words that say where.
#[tokio::test]
async fn an_explicit_null_in_an_apply_is_the_default_or_refused() -> TestResult {
    let stage = Stage::set().await?;
    let apply = async |spec: Value| {
        let mut whole = manifest("contoso", &json!({}));
        if let Some(fields) = whole.pointer_mut("/spec").and_then(Value::as_object_mut) {
            fields.extend(spec.as_object().cloned().unwrap_or_default());
        }
        stage.tenants.patch("contoso", &PatchParams::apply("gitops"), &Patch::Apply(&whole)).await
    };
    let applied = apply(json!({ "cloud": null, "experience": null, "resyncSeconds": null })).await?;
    assert_eq!(applied.data.get("spec"), Some(&all_defaults()));
    for (path, spec) in [
        ("spec.dataLocation", json!({ "dataLocation": null })),
        ("spec.dataLocation.region", json!({ "dataLocation": { "region": null } })),
        ("spec.integrations", json!({ "integrations": null })),
    ] {
        assert_refused(apply(spec).await, &format!("{path}: Invalid value: \"null\""))?;
    }
    Ok(())
}

fn all_defaults() -> Value {
    json!({
        "tenantId": TENANT, "cloud": "Public", "desiredState": "Enabled", "experience": "DefenderPortal",
        "managementPolicy": "Manage", "deletionPolicy": "Retain", "resyncSeconds": 3600,
    })
}

/// The first object that a watch from the beginning brings.
async fn watched(stage: &Stage) -> Result<DynamicObject, TestError> {
    let mut events = stage.tenants.watch(&WatchParams::default().timeout(10), "0").await?.boxed();
    loop {
        let event = tokio::time::timeout(Duration::from_secs(10), events.next()).await?;
        if let WatchEvent::Added(object) = event.ok_or("the watch ended")?? {
            return Ok(object);
        }
    }
}
