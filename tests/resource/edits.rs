//! The rules between what was and what is to be.

use rstest::rstest;
use serde_json::{Value, json};

use crate::stage::{OTHER, Stage, TENANT, TestResult, assert_refused};

const IMMUTABLE: &str = "tenantId is immutable: declare another resource for another tenant";
const FORWARD: &str = "spec.experience: Invalid value: experience may only move forward in time: WelcomePage, SettingsPage, DefenderPortal";
const TYPE: &str = "spec.integrations[0]: Invalid value: type of an integration cannot be edited: rename the entry";
const SUBSCRIPTION: &str =
    "spec.integrations[0]: Invalid value: subscriptionId of an integration cannot be edited: rename the entry";
const WORKSPACE: &str =
    "spec.integrations[0]: Invalid value: workspaceResourceId of an integration cannot be edited: rename the entry";
const NEEDS_CONSENT: &str = "spec.dataSharing: Invalid value: experience WelcomePage needs dataSharing.consent";
const LIES_ARMED: &str = "spec.deprovisionConfirmation: Invalid value: deprovisionConfirmation must be absent";

#[rstest]
#[case::another_tenant(json!({}), json!({ "tenantId": OTHER }), IMMUTABLE, json!({ "tenantId": TENANT }))]
#[case::back_to_the_settings_page(json!({}), json!({ "experience": "SettingsPage" }), FORWARD,
    json!({ "experience": "DefenderPortal" }))]
#[case::back_to_the_welcome_page_from_today(json!({ "desiredState": "Disabled" }), json!({ "experience": "WelcomePage" }),
    FORWARD, json!({ "experience": null }))]
#[case::back_to_the_welcome_page(json!({ "experience": "SettingsPage", "desiredState": "Disabled" }),
    json!({ "experience": "WelcomePage" }), FORWARD, json!({ "experience": "DefenderPortal" }))]
#[case::removing_the_experience_is_today(json!({ "experience": "SettingsPage" }), json!({ "experience": "WelcomePage" }),
    FORWARD, json!({ "experience": null }))]
#[case::consent_removed_while_enabled(welcome(), json!({ "dataSharing": null }), NEEDS_CONSENT,
    json!({ "dataSharing": null, "desiredState": "Disabled" }))]
#[case::from_welcome_to_settings(welcome(), json!({ "dataSharing": { "consent": null } }), NEEDS_CONSENT,
    json!({ "experience": "SettingsPage" }))]
#[case::from_welcome_to_today(welcome(), json!({ "dataSharing": {"consent": null } }), NEEDS_CONSENT,
    json!({ "experience": "DefenderPortal", "dataSharing": null }))]
#[case::disarmed_by_half(json!({ "desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT }),
    json!({ "desiredState": "Enabled" }), LIES_ARMED, json!({ "desiredState": "Enabled", "deprovisionConfirmation": null }))]
#[tokio::test]
async fn the_spec_as_a_whole(
    #[case] before: Value,
    #[case] bad: Value,
    #[case] complaint: &str,
    #[case] good: Value,
) -> TestResult {
    refused_and_accepted(&before, &bad, complaint, &good).await
}

#[rstest]
#[case::type_edited(intune("a"), apps("a", OTHER), TYPE, apps("b", OTHER))]
#[case::state_edited(intune("a"), json!({ "name": "a", "type": "IdentityCloudApps" }), TYPE,
    json!({ "name": "a", "type": "EndpointIntune", "state": "Unlinked" }))]
#[case::subscription_edited(apps("a", OTHER), apps("a", TENANT), SUBSCRIPTION, apps("b", TENANT))]
#[case::subscription_removed(apps("a", OTHER), intune("a"), SUBSCRIPTION, intune("b"))]
#[case::workspace_edited(sentinel("a", "soc-1"), sentinel("a", "soc-2"), WORKSPACE, sentinel("b", "soc-2"))]
#[case::workspace_removed(sentinel("a", "soc-1"), intune("a"), WORKSPACE, sentinel("a", "soc-1"))]
#[tokio::test]
async fn an_integration(
    #[case] before: Value,
    #[case] bad: Value,
    #[case] complaint: &str,
    #[case] good: Value,
) -> TestResult {
    let list = |entry: &Value| json!({ "integrations": [entry] });
    refused_and_accepted(&list(&before), &list(&bad), complaint, &list(&good)).await
}

/// Entries are known by their name, so that moving one is not an edit of another, and removing all is free.
#[tokio::test]
async fn integrations_can_be_moved_and_removed() -> TestResult {
    let stage = Stage::set().await?;
    stage.create("contoso", &json!({ "integrations": [intune("a"), apps("b", OTHER)] })).await?;
    stage.would_edit("contoso", &json!({ "integrations": [apps("b", OTHER), intune("a")] })).await?;
    stage.would_edit("contoso", &json!({ "integrations": [apps("b", OTHER)] })).await?;
    stage.would_edit("contoso", &json!({ "integrations": null })).await?;
    let swapped = json!({ "integrations": [apps("a", OTHER), intune("b")] });
    assert_refused(stage.would_edit("contoso", &swapped).await, TYPE)
}

async fn refused_and_accepted(before: &Value, bad: &Value, complaint: &str, good: &Value) -> TestResult {
    let stage = Stage::set().await?;
    stage.create("contoso", before).await?;
    assert_refused(stage.would_edit("contoso", bad).await, complaint)?;
    stage.would_edit("contoso", good).await.map_err(|error| format!("the neighbour {good}: {error}"))?;
    Ok(())
}

fn welcome() -> Value {
    json!({
        "experience": "WelcomePage",
        "dataSharing": { "consent": { "grantedBy": "Chief privacy officer", "grantedOn": "2020-03-16" } },
    })
}

fn intune(name: &str) -> Value {
    json!({ "name": name, "type": "EndpointIntune" })
}

fn apps(name: &str, subscription: &str) -> Value {
    json!({ "name": name, "type": "DefenderForCloudCloudApps", "subscriptionId": subscription })
}

fn sentinel(name: &str, workspace: &str) -> Value {
    let group = format!("/subscriptions/{OTHER}/resourceGroups/soc");
    let id = format!("{group}/providers/Microsoft.OperationalInsights/workspaces/{workspace}");
    json!({ "name": name, "type": "SentinelIncidents", "workspaceResourceId": id })
}
