//! The rules of a new object: each refused with its message, and its neighbour accepted.

use rstest::rstest;
use serde_json::{Value, json};

use crate::stage::{OTHER, TENANT, TestResult, assert_refused, served, would_create};

const WORKSPACE: &str = "/subscriptions/0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/soc.prod_(eu)-1/providers/Microsoft.OperationalInsights/workspaces/soc-1";
const NEEDS_CONFIRMATION: &str = "spec.deprovisionConfirmation: Invalid value: desiredState Deprovisioned needs deprovisionConfirmation equal to tenantId";
const LIES_ARMED: &str = "spec.deprovisionConfirmation: Invalid value: deprovisionConfirmation must be absent unless desiredState is Deprovisioned";
const NEEDS_CONSENT: &str =
    "spec.dataSharing: Invalid value: experience WelcomePage needs dataSharing.consent to be Enabled";
const PUBLIC_ONLY: &str =
    "spec.experience: Invalid value: experiences WelcomePage and SettingsPage exist in cloud Public only";
const OLD_REGIONS: &str = "spec.dataLocation.region: Invalid value: experiences WelcomePage and SettingsPage know the regions EU, UK and US only";
const NO_REGIONS: &str = "spec.dataLocation.region: Invalid value: dataLocation.region can be set in cloud Public only";
const OBSERVE_ONLY: &str = "spec.deletionPolicy: Invalid value: managementPolicy Observe never writes to the tenant";
const SUBSCRIPTION: &str = "spec.integrations[0]: Invalid value: subscriptionId belongs to DefenderForCloudEndpoint and DefenderForCloudCloudApps, and is required there";
const WORKSPACE_RULE: &str =
    "spec.integrations[0]: Invalid value: workspaceResourceId belongs to SentinelIncidents, and is required there";
const SECRET_RULE: &str = "spec.credentials: Invalid value: clientSecret must be set exactly when type is ClientSecret";
const IDENTITY_RULE: &str =
    "spec.credentials: Invalid value: workloadIdentity must be set exactly when type is WorkloadIdentity";
const ATTESTED_REGION: &str =
    "spec.attestations[0]: Invalid value: region belongs to claim DataLocation, and is required there";
const ATTESTED_LINK: &str = "spec.attestations[0]: Invalid value: integrationName belongs to claims IntegrationLinked and IntegrationUnlinked, and is required there";
const AFTER: &str = "spec.attestations[0]: Invalid value: expireTime must be after attestTime";
const ONE_YEAR: &str = "spec.attestations[0]: Invalid value: an attestation holds for at most one year";

#[rstest]
#[case::deprovisioned_without_confirmation(
    json!({ "desiredState": "Deprovisioned" }), NEEDS_CONFIRMATION,
    json!({ "desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT }))]
#[case::deprovisioned_with_another_confirmation(
    json!({ "desiredState": "Deprovisioned", "deprovisionConfirmation": OTHER }), NEEDS_CONFIRMATION,
    json!({ "desiredState": "Deprovisioned", "deprovisionConfirmation": OTHER, "tenantId": OTHER }))]
#[case::confirmation_that_lies_armed(
    json!({ "deprovisionConfirmation": TENANT }), LIES_ARMED, json!({ "desiredState": "Enabled" }))]
#[case::confirmation_that_lies_armed_while_disabled(
    json!({ "desiredState": "Disabled", "deprovisionConfirmation": TENANT }), LIES_ARMED,
    json!({ "desiredState": "Disabled" }))]
#[case::welcome_page_without_consent(
    json!({ "experience": "WelcomePage" }), NEEDS_CONSENT,
    json!({ "experience": "WelcomePage", "dataSharing": { "consent": consent("2020-03-16") } }))]
#[case::welcome_page_with_empty_sharing(
    json!({ "experience": "WelcomePage", "dataSharing": {} }), NEEDS_CONSENT,
    json!({ "experience": "WelcomePage", "desiredState": "Disabled", "dataSharing": {} }))]
#[case::welcome_page_asks_no_consent_to_be_gone(
    json!({ "experience": "WelcomePage", "desiredState": "Enabled" }), NEEDS_CONSENT,
    json!({ "experience": "WelcomePage", "desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT }))]
#[case::only_the_welcome_page_asks_for_consent(
    json!({ "experience": "WelcomePage" }), NEEDS_CONSENT, json!({ "experience": "SettingsPage" }))]
#[case::settings_page_in_gcc(
    json!({ "experience": "SettingsPage", "cloud": "GCC" }), PUBLIC_ONLY, json!({ "cloud": "GCC" }))]
#[case::settings_page_in_dod(
    json!({ "experience": "SettingsPage", "cloud": "DoD" }), PUBLIC_ONLY,
    json!({ "experience": "SettingsPage", "cloud": "Public" }))]
#[case::welcome_page_in_gcc_high(
    json!({ "experience": "WelcomePage", "cloud": "GCCHigh", "desiredState": "Disabled" }), PUBLIC_ONLY,
    json!({ "experience": "WelcomePage", "desiredState": "Disabled" }))]
#[case::australia_in_2020(
    json!({ "experience": "SettingsPage", "dataLocation": { "region": "AU" } }), OLD_REGIONS,
    json!({ "dataLocation": { "region": "AU" } }))]
#[case::switzerland_in_march_2020(
    json!({ "experience": "WelcomePage", "desiredState": "Disabled", "dataLocation": { "region": "CH" } }), OLD_REGIONS,
    json!({ "experience": "WelcomePage", "desiredState": "Disabled", "dataLocation": { "region": "US" } }))]
#[case::india_in_2020(
    json!({ "experience": "SettingsPage", "dataLocation": { "region": "IN" } }), OLD_REGIONS,
    json!({ "experience": "SettingsPage", "dataLocation": { "region": "UK" } }))]
#[case::emirates_in_2020(
    json!({ "experience": "SettingsPage", "dataLocation": { "region": "AE" } }), OLD_REGIONS,
    json!({ "experience": "SettingsPage", "dataLocation": { "region": "EU" } }))]
#[case::region_in_gcc(
    json!({ "cloud": "GCC", "dataLocation": { "region": "US" } }), NO_REGIONS, json!({ "cloud": "GCC", "dataLocation": {} }))]
#[case::region_in_gcc_high(
    json!({ "cloud": "GCCHigh", "dataLocation": { "region": "US" } }), NO_REGIONS, json!({ "cloud": "GCCHigh" }))]
#[case::region_in_dod(
    json!({ "cloud": "DoD", "dataLocation": { "region": "US" } }), NO_REGIONS,
    json!({ "cloud": "Public", "dataLocation": { "region": "US" } }))]
#[case::observe_that_deprovisions(
    json!({ "managementPolicy": "Observe", "deletionPolicy": "Deprovision" }), OBSERVE_ONLY,
    json!({ "managementPolicy": "Observe", "deletionPolicy": "Retain" }))]
#[case::only_observe_may_not_deprovision(
    json!({ "managementPolicy": "Observe", "deletionPolicy": "Deprovision" }), OBSERVE_ONLY,
    json!({ "managementPolicy": "Suspend", "deletionPolicy": "Deprovision" }))]
#[tokio::test]
async fn the_spec_as_a_whole(#[case] bad: Value, #[case] complaint: &str, #[case] good: Value) -> TestResult {
    refused_and_accepted(&bad, complaint, &good).await
}

#[rstest]
#[case::cloud_endpoint_without_subscription(
    json!({ "type": "DefenderForCloudEndpoint" }), SUBSCRIPTION,
    json!({ "type": "DefenderForCloudEndpoint", "subscriptionId": OTHER }))]
#[case::cloud_apps_without_subscription(
    json!({ "type": "DefenderForCloudCloudApps" }), SUBSCRIPTION,
    json!({ "type": "DefenderForCloudCloudApps", "subscriptionId": OTHER }))]
#[case::identity_with_subscription(
    json!({ "type": "IdentityCloudApps", "subscriptionId": OTHER }), SUBSCRIPTION, json!({ "type": "IdentityCloudApps" }))]
#[case::intune_with_subscription(
    json!({ "type": "EndpointIntune", "subscriptionId": OTHER }), SUBSCRIPTION, json!({ "type": "EndpointIntune" }))]
#[case::sentinel_with_subscription(
    json!({ "type": "SentinelIncidents", "subscriptionId": OTHER, "workspaceResourceId": WORKSPACE }), SUBSCRIPTION,
    json!({ "type": "SentinelIncidents", "workspaceResourceId": WORKSPACE }))]
#[case::sentinel_without_workspace(
    json!({ "type": "SentinelIncidents" }), WORKSPACE_RULE,
    json!({ "type": "SentinelIncidents", "workspaceResourceId": WORKSPACE }))]
#[case::identity_with_workspace(
    json!({ "type": "IdentityCloudApps", "workspaceResourceId": WORKSPACE }), WORKSPACE_RULE,
    json!({ "type": "IdentityCloudApps", "state": "Unlinked" }))]
#[case::cloud_apps_with_workspace(
    json!({ "type": "DefenderForCloudCloudApps", "subscriptionId": OTHER, "workspaceResourceId": WORKSPACE }),
    WORKSPACE_RULE, json!({ "type": "DefenderForCloudCloudApps", "subscriptionId": OTHER, "state": "Linked" }))]
#[tokio::test]
async fn an_integration(#[case] bad: Value, #[case] complaint: &str, #[case] good: Value) -> TestResult {
    let entry = |patch: &Value| {
        let mut entry = json!({ "name": "link" });
        json_patch::merge(&mut entry, patch);
        json!({ "integrations": [entry] })
    };
    refused_and_accepted(&entry(&bad), complaint, &entry(&good)).await
}

#[rstest]
#[case::neither(json!({ "type": "ClientSecret" }), SECRET_RULE, secret("ClientSecret"))]
#[case::no_identity(json!({ "type": "WorkloadIdentity" }), IDENTITY_RULE, identity("WorkloadIdentity"))]
#[case::both(both("ClientSecret"), IDENTITY_RULE, secret("ClientSecret"))]
#[case::both_the_other_way(both("WorkloadIdentity"), SECRET_RULE, identity("WorkloadIdentity"))]
#[case::secret_called_identity(secret("WorkloadIdentity"), IDENTITY_RULE, identity("WorkloadIdentity"))]
#[case::identity_called_secret(identity("ClientSecret"), SECRET_RULE, json!({
    "type": "WorkloadIdentity", "workloadIdentity": { "clientId": OTHER, "serviceAccountName": "reader" } }))]
#[tokio::test]
async fn credentials(#[case] bad: Value, #[case] complaint: &str, #[case] good: Value) -> TestResult {
    refused_and_accepted(&json!({ "credentials": bad }), complaint, &json!({ "credentials": good })).await
}

#[rstest]
#[case::location_without_region(
    json!({ "claim": "DataLocation" }), ATTESTED_REGION, json!({ "claim": "DataLocation", "region": "EU" }))]
#[case::service_with_region(
    json!({ "claim": "ServiceOn", "region": "EU" }), ATTESTED_REGION, json!({ "claim": "ServiceOn" }))]
#[case::link_with_region(
    json!({ "claim": "IntegrationLinked", "integrationName": "a", "region": "EU" }), ATTESTED_REGION,
    json!({ "claim": "IntegrationLinked", "integrationName": "a" }))]
#[case::link_without_name(
    json!({ "claim": "IntegrationLinked" }), ATTESTED_LINK, json!({ "claim": "IntegrationLinked", "integrationName": "a" }))]
#[case::no_link_without_name(
    json!({ "claim": "IntegrationUnlinked" }), ATTESTED_LINK,
    json!({ "claim": "IntegrationUnlinked", "integrationName": "a" }))]
#[case::off_with_name(
    json!({ "claim": "ServiceOff", "integrationName": "a" }), ATTESTED_LINK, json!({ "claim": "ServiceOff" }))]
#[case::gone_with_name(
    json!({ "claim": "Deprovisioned", "integrationName": "a" }), ATTESTED_LINK, json!({ "claim": "Deprovisioned" }))]
#[case::location_with_name(
    json!({ "claim": "DataLocation", "region": "UK", "integrationName": "a" }), ATTESTED_LINK,
    json!({ "claim": "DataLocation", "region": "UK" }))]
#[case::lapses_before_it_holds(
    json!({ "attestTime": "2026-05-02T00:00:00Z", "expireTime": "2026-05-01T00:00:00Z" }), AFTER,
    json!({ "attestTime": "2026-05-01T00:00:00Z", "expireTime": "2026-05-02T00:00:00Z" }))]
#[case::lapses_at_once(
    json!({ "attestTime": "2026-05-01T00:00:00Z", "expireTime": "2026-05-01T00:00:00Z" }), AFTER,
    json!({ "attestTime": "2026-05-01T00:00:00Z", "expireTime": "2026-05-01T00:00:01Z" }))]
#[case::order_is_that_of_instants_and_not_of_text(
    json!({ "attestTime": "2026-05-01T01:00:00Z", "expireTime": "2026-05-01T02:00:00+01:00" }), AFTER,
    json!({ "attestTime": "2026-05-01T02:00:00+01:00", "expireTime": "2026-05-01T01:30:00.5Z" }))]
#[case::more_than_a_year(
    json!({ "attestTime": "2026-05-01T00:00:00Z", "expireTime": "2027-05-03T00:00:00Z" }), ONE_YEAR,
    json!({ "attestTime": "2026-05-01T00:00:00Z", "expireTime": "2027-05-01T00:00:00Z" }))]
#[case::more_than_a_leap_year(
    json!({ "attestTime": "2024-01-01T00:00:00Z", "expireTime": "2025-01-01T00:00:01Z" }), ONE_YEAR,
    json!({ "attestTime": "2024-01-01T00:00:00Z", "expireTime": "2025-01-01T00:00:00Z" }))]
#[tokio::test]
async fn an_attestation(#[case] bad: Value, #[case] complaint: &str, #[case] good: Value) -> TestResult {
    refused_and_accepted(&attestation(&bad), complaint, &attestation(&good)).await
}

/// Whatever the server accepts as a time must be a time for the operator too: else one object would be unreadable.
#[rstest]
#[case::a_day("2026-05-01")]
#[case::no_zone("2026-05-01T00:00:00")]
#[case::no_such_day("2026-02-30T00:00:00Z")]
#[case::no_such_hour("2026-05-01T24:00:00Z")]
#[case::no_such_second("2026-05-01T00:00:60Z")]
#[case::no_such_offset("2026-05-01T00:00:00+99:99")]
#[case::finer_than_a_nanosecond("2026-05-01T00:00:00.0000000001Z")]
#[case::before_all_tenants("1999-12-31T23:59:59Z")]
#[case::beyond_what_clocks_hold("9999-12-31T23:59:59Z")]
#[case::lower_case("2026-05-01t00:00:00z")]
#[case::words("tomorrow")]
#[case::empty("")]
#[tokio::test]
async fn a_time_that_is_none(#[case] text: &str) -> TestResult {
    for field in ["attestTime", "expireTime"] {
        let bad = attestation(&json!({ field: text }));
        assert_refused(
            would_create(&served().await?, &bad).await?,
            &format!("spec.attestations[0].{field}: Invalid value"),
        )?;
    }
    Ok(())
}

#[rstest]
#[case::month("2026-13-01")]
#[case::day("2026-02-30")]
#[case::order("16.03.2020")]
#[case::without_zeros("2020-3-16")]
#[case::time("2020-03-16T00:00:00Z")]
#[case::empty("")]
#[tokio::test]
async fn a_day_of_consent_that_is_none(#[case] text: &str) -> TestResult {
    let sharing = |day: &str| json!({ "dataSharing": { "consent": consent(day) } });
    let complaint = "spec.dataSharing.consent.grantedOn: Invalid value";
    refused_and_accepted(&sharing(text), complaint, &sharing("2020-02-29")).await
}

async fn refused_and_accepted(bad: &Value, complaint: &str, good: &Value) -> TestResult {
    let client = served().await?;
    let (refused, accepted) = tokio::try_join!(would_create(&client, bad), would_create(&client, good))?;
    assert_refused(refused, complaint)?;
    accepted.map_err(|error| format!("the neighbour {good}: {error}"))?;
    Ok(())
}

fn consent(day: &str) -> Value {
    json!({ "grantedBy": "Chief privacy officer", "grantedOn": day })
}

fn secret(named: &str) -> Value {
    json!({ "type": named, "clientSecret": { "clientId": OTHER, "secretRef": { "name": "reader", "key": "clientSecret" } } })
}

fn identity(named: &str) -> Value {
    json!({ "type": named, "workloadIdentity": { "clientId": OTHER } })
}

fn both(named: &str) -> Value {
    let mut both = secret(named);
    json_patch::merge(&mut both, &identity(named));
    both
}

fn attestation(patch: &Value) -> Value {
    let mut entry = json!({
        "name": "seen", "claim": "ServiceOn", "attestedBy": "SOC lead",
        "attestTime": "2026-05-01T00:00:00Z", "expireTime": "2026-11-01T00:00:00Z",
    });
    json_patch::merge(&mut entry, patch);
    json!({ "attestations": [entry] })
}
