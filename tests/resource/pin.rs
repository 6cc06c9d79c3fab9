//! The region and the cloud are free until a region is pinned in status; after that data never moves.
//!
//! The rules also run on writes of status and of finalizers, where they must never stand in the way.

use rstest::rstest;
use serde_json::{Value, json};

use crate::stage::{Stage, TestResult, assert_refused};

const REGION_STAYS: &str = "dataLocation.region cannot be changed once the region is pinned: data never moves; set it to the region in status.dataLocation.region, or remove it";
const CLOUD_STAYS: &str = "cloud cannot be changed once a region is pinned";
const FINALIZER: &str = "threatprotection.dev/deprovision";

#[rstest]
#[case::another(region("EU"), region("US"))]
#[case::none(region("EU"), json!({ "dataLocation": null }))]
#[case::first(json!({}), region("US"))]
#[case::another_cloud(json!({}), json!({ "cloud": "GCC" }))]
#[case::another_cloud_without_region(region("EU"), json!({ "cloud": "DoD", "dataLocation": null }))]
#[tokio::test]
async fn free_before_the_pin(#[case] before: Value, #[case] after: Value) -> TestResult {
    let stage = Stage::set().await?;
    stage.create("contoso", &before).await?;
    stage.would_edit("contoso", &after).await?;
    stage.report("contoso", &json!({ "observedGeneration": 1, "tenant": { "displayName": "Contoso" } })).await?;
    stage.would_edit("contoso", &after).await?;
    Ok(())
}

#[rstest]
#[case::from_the_pin_to_another(region("EU"), region("US"))]
#[case::first_and_other_than_the_pin(json!({}), region("US"))]
#[case::first_into_an_empty_location(json!({ "dataLocation": {} }), region("UK"))]
#[case::from_a_wrong_one_to_another(region("US"), region("UK"))]
#[tokio::test]
async fn refused_after_the_pin(#[case] before: Value, #[case] after: Value) -> TestResult {
    let stage = pinned(&before).await?;
    assert_refused(stage.would_edit("contoso", &after).await, REGION_STAYS)
}

#[rstest]
#[case::the_same(region("EU"), region("EU"))]
#[case::to_none(region("EU"), json!({ "dataLocation": null }))]
#[case::to_an_empty_location(region("EU"), json!({ "dataLocation": { "region": null } }))]
#[case::first_and_as_pinned(json!({}), region("EU"))]
#[case::from_a_wrong_one_to_the_pin(region("US"), region("EU"))]
#[case::from_a_wrong_one_to_none(region("US"), json!({ "dataLocation": null }))]
#[case::a_wrong_one_unchanged_beside_a_change(region("US"), json!({ "resyncSeconds": 900 }))]
#[case::a_wrong_one_unchanged_while_deprovisioned(region("US"),
    json!({ "desiredState": "Deprovisioned", "deprovisionConfirmation": crate::stage::TENANT }))]
#[tokio::test]
async fn accepted_after_the_pin(#[case] before: Value, #[case] after: Value) -> TestResult {
    pinned(&before).await?.would_edit("contoso", &after).await?;
    Ok(())
}

#[rstest]
#[case::public_to_gcc(json!({}), json!({ "cloud": "GCC" }))]
#[case::gcc_to_public(json!({ "cloud": "GCC" }), json!({ "cloud": "Public" }))]
#[case::gcc_to_the_default(json!({ "cloud": "GCC" }), json!({ "cloud": null }))]
#[tokio::test]
async fn the_cloud_stays_after_the_pin(#[case] before: Value, #[case] after: Value) -> TestResult {
    let stage = pinned(&before).await?;
    assert_refused(stage.would_edit("contoso", &after).await, CLOUD_STAYS)?;
    stage.would_edit("contoso", &json!({ "cloud": before.get("cloud"), "resyncSeconds": 900 })).await?;
    Ok(())
}

#[tokio::test]
async fn nothing_else_is_held_up_while_spec_and_pin_differ() -> TestResult {
    let stage = pinned(&region("US")).await?;
    let pin =
        json!({ "region": "EU", "source": "Observed", "pinTime": "2026-05-01T00:00:00Z", "dataCenter": "West Europe" });
    stage.report("contoso", &json!({ "observedGeneration": 1, "dataLocation": pin })).await?;
    stage.edit("contoso", &json!({ "metadata": { "finalizers": [FINALIZER] } })).await?;
    stage.edit("contoso", &json!({ "metadata": { "labels": { "team": "soc" } } })).await?;
    stage.tenants.delete("contoso", &kube::api::DeleteParams::default()).await?;
    stage.report("contoso", &json!({ "observedGeneration": 2, "dataLocation": pin })).await?;
    stage.edit("contoso", &json!({ "metadata": { "finalizers": null } })).await?;
    assert!(stage.tenants.get_opt("contoso").await?.is_none(), "the last finalizer is gone, and so is the object");
    Ok(())
}

#[tokio::test]
async fn a_pin_can_be_cleared_and_frees_again() -> TestResult {
    let stage = pinned(&region("EU")).await?;
    let cleared = stage.report("contoso", &json!({ "observedGeneration": 1 })).await?;
    assert_eq!(cleared.data.pointer("/status"), Some(&json!({ "observedGeneration": 1 })));
    stage.would_edit("contoso", &region("US")).await?;
    stage.would_edit("contoso", &json!({ "cloud": "GCC", "dataLocation": null })).await?;
    Ok(())
}

/// An object `contoso` with that spec whose region is then pinned to EU.
async fn pinned(spec: &Value) -> Result<Stage, crate::stage::TestError> {
    let stage = Stage::set().await?;
    stage.create("contoso", spec).await?;
    let pin = json!({ "region": "EU", "source": "Declared", "pinTime": "2026-05-01T00:00:00Z" });
    stage.report("contoso", &json!({ "observedGeneration": 1, "dataLocation": pin })).await?;
    Ok(stage)
}

fn region(name: &str) -> Value {
    json!({ "dataLocation": { "region": name } })
}
