//! The bounds of single fields of a new object: words, lengths, sizes, numbers, and what is required.

use rstest::rstest;
use serde_json::{Value, json};

use crate::stage::{OTHER, TENANT, TestResult, assert_refused, served, would_create};

const NOT_THE_FORM: &str = "Invalid value";

/// Each list of words is complete: all of them are accepted, and the refusal of another names them all.
#[rstest]
#[case::cloud("spec.cloud", json!({ "cloud": "?" }), "Public GCC GCCHigh DoD")]
#[case::desired_state("spec.desiredState", json!({ "desiredState": "?" }), "Enabled Disabled Deprovisioned")]
#[case::experience("spec.experience", json!({ "experience": "?" }), "WelcomePage SettingsPage DefenderPortal")]
#[case::region("spec.dataLocation.region", json!({ "dataLocation": { "region": "?" } }), "EU UK US AU CH IN AE")]
#[case::management_policy("spec.managementPolicy", json!({ "managementPolicy": "?" }), "Manage Observe Suspend")]
#[case::deletion_policy("spec.deletionPolicy", json!({ "deletionPolicy": "?" }), "Retain Deprovision")]
#[case::integration_type("spec.integrations[0].type", integration(&json!({ "type": "?" })),
    "IdentityCloudApps EndpointIntune DefenderForCloudEndpoint DefenderForCloudCloudApps SentinelIncidents")]
#[case::integration_state("spec.integrations[0].state", integration(&json!({ "state": "?" })), "Linked Unlinked")]
#[case::expected_service("spec.expectedServices[0]", json!({ "expectedServices": ["?"] }),
    "Endpoint Office365 Identity CloudApps")]
#[case::credentials_type("spec.credentials.type", json!({ "credentials": { "type": "?" } }), "ClientSecret WorkloadIdentity")]
#[case::claim("spec.attestations[0].claim", attestation(&json!({ "claim": "?" })),
    "ServiceOn ServiceOff Deprovisioned DataLocation IntegrationLinked IntegrationUnlinked")]
#[case::attested_region("spec.attestations[0].region", attestation(&json!({ "claim": "DataLocation", "region": "?" })),
    "EU UK US AU CH IN AE")]
#[tokio::test]
async fn a_list_of_words(#[case] path: &str, #[case] spec: Value, #[case] words: &str) -> TestResult {
    let client = served().await?;
    let with = |word: &str| serde_json::from_str::<Value>(&spec.to_string().replace("\"?\"", &format!("{word:?}")));
    let all: Vec<String> = words.split(' ').map(|word| format!("{word:?}")).collect();
    for wrong in ["Weird", &words.to_lowercase(), ""] {
        let complaint = format!("{path}: Unsupported value: {wrong:?}: supported values: {}", all.join(", "));
        assert_refused(would_create(&client, &with(wrong)?).await?, &complaint)?;
    }
    for word in words.split(' ') {
        if let Err(error) = would_create(&client, &with(word)?).await? {
            // Another rule may ask for more beside it, but the word itself is known.
            assert!(!error.to_string().contains("Unsupported value"), "{word}: {error}");
        }
    }
    Ok(())
}

#[rstest]
#[case::granted_by("spec.dataSharing.consent.grantedBy", consent(&json!({ "grantedBy": "?" })), 256)]
#[case::consent_reference("spec.dataSharing.consent.reference", consent(&json!({ "reference": "?" })), 512)]
#[case::integration_name("spec.integrations[0].name", integration(&json!({ "name": "?" })), 63)]
#[case::secret_name("spec.credentials.clientSecret.secretRef.name", secret(&json!({ "name": "?" })), 253)]
#[case::secret_key("spec.credentials.clientSecret.secretRef.key", secret(&json!({ "key": "?" })), 253)]
#[case::service_account("spec.credentials.workloadIdentity.serviceAccountName",
    identity(&json!({ "serviceAccountName": "?" })), 253)]
#[case::attestation_name("spec.attestations[0].name", attestation(&json!({ "name": "?" })), 63)]
#[case::attested_by("spec.attestations[0].attestedBy", attestation(&json!({ "attestedBy": "?" })), 256)]
#[case::attested_link("spec.attestations[0].integrationName",
    attestation(&json!({ "claim": "IntegrationLinked", "integrationName": "?" })), 63)]
#[case::attestation_reference("spec.attestations[0].reference", attestation(&json!({ "reference": "?" })), 512)]
#[tokio::test]
async fn the_longest_text_and_one_more(#[case] path: &str, #[case] spec: Value, #[case] longest: usize) -> TestResult {
    let client = served().await?;
    let with = |length: usize| serde_json::from_str::<Value>(&spec.to_string().replace('?', &"a".repeat(length)));
    would_create(&client, &with(longest)?).await??;
    let complaint = format!("{path}: Too long: may not be more than {longest} bytes");
    assert_refused(would_create(&client, &with(longest + 1)?).await?, &complaint)?;
    if !path.ends_with("reference") {
        assert_refused(would_create(&client, &with(0)?).await?, &format!("{path}: Invalid value"))?;
    }
    Ok(())
}

/// Their form says their length; the bound stands beside it so that the cost of rules can be estimated.
#[rstest]
#[case::tenant("spec.tenantId", json!({ "tenantId": "?" }), 36)]
#[case::confirmation("spec.deprovisionConfirmation", json!({ "deprovisionConfirmation": "?" }), 36)]
#[case::granted_on("spec.dataSharing.consent.grantedOn", consent(&json!({ "grantedOn": "?" })), 10)]
#[case::subscription("spec.integrations[0].subscriptionId", integration(&json!({ "subscriptionId": "?" })), 36)]
#[case::workspace("spec.integrations[0].workspaceResourceId", integration(&json!({ "workspaceResourceId": "?" })), 512)]
#[case::secret_client("spec.credentials.clientSecret.clientId",
    json!({ "credentials": { "type": "ClientSecret", "clientSecret": { "clientId": "?" } } }), 36)]
#[case::identity_client("spec.credentials.workloadIdentity.clientId", identity(&json!({ "clientId": "?" })), 36)]
#[case::observation("spec.observation.subscriptionId", json!({ "observation": { "subscriptionId": "?" } }), 36)]
#[case::attest_time("spec.attestations[0].attestTime", attestation(&json!({ "attestTime": "?" })), 64)]
#[case::expire_time("spec.attestations[0].expireTime", attestation(&json!({ "expireTime": "?" })), 64)]
#[tokio::test]
async fn text_of_a_fixed_form(#[case] path: &str, #[case] spec: Value, #[case] longest: usize) -> TestResult {
    let client = served().await?;
    let long = serde_json::from_str(&spec.to_string().replace('?', &"a".repeat(longest + 1)))?;
    let complaint = format!("{path}: Too long: may not be more than {longest} bytes");
    assert_refused(would_create(&client, &long).await?, &complaint)?;
    let formless = serde_json::from_str(&spec.to_string().replace('?', "formless"))?;
    assert_refused(would_create(&client, &formless).await?, &format!("{path}: {NOT_THE_FORM}"))
}

#[rstest]
#[case::tenant_in_upper_case("spec.tenantId", json!({ "tenantId": "?" }), "8D3F2F3E-5A53-4C8E-9C3E-0D6F3A1C7B11", OTHER)]
#[case::tenant_without_hyphens("spec.tenantId", json!({ "tenantId": "?" }), "8d3f2f3e5a534c8e9c3e0d6f3a1c7b11", OTHER)]
#[case::tenant_that_ends_in_a_new_line("spec.tenantId", json!({ "tenantId": "?" }),
    "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b1\\n", TENANT)]
#[case::domain("spec.tenantId", json!({ "tenantId": "?" }), "contoso.onmicrosoft.com", TENANT)]
#[case::observed_subscription("spec.observation.subscriptionId", json!({ "observation": { "subscriptionId": "?" } }),
    "0B1C2D3E-4F50-4A6B-8C7D-9E0F1A2B3C4D", OTHER)]
#[case::integration_in_upper_case("spec.integrations[0].name", integration(&json!({ "name": "?" })), "Link", "link")]
#[case::integration_with_a_dot("spec.integrations[0].name", integration(&json!({ "name": "?" })), "a.b", "a-b")]
#[case::integration_with_an_open_end("spec.integrations[0].name", integration(&json!({ "name": "?" })), "a-", "a-1")]
#[case::secret_name("spec.credentials.clientSecret.secretRef.name", secret(&json!({ "name": "?" })), "a/b", "a.b")]
#[case::secret_key("spec.credentials.clientSecret.secretRef.key", secret(&json!({ "key": "?" })), "a/b", "A_b.c-1")]
#[case::account("spec.credentials.workloadIdentity.serviceAccountName", identity(&json!({ "serviceAccountName": "?" })),
    "a:b", "a.b")]
#[case::no_workspace(
    "spec.integrations[0].workspaceResourceId",
    sentinel(),
    "/subscriptions/x",
    "/subscriptions/0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/soc1"
)]
#[case::workspace_that_leads_elsewhere(
    "spec.integrations[0].workspaceResourceId",
    sentinel(),
    "/subscriptions/0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/../providers/Microsoft.OperationalInsights/workspaces/soc1",
    "/subscriptions/0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/..-/providers/Microsoft.OperationalInsights/workspaces/soc1"
)]
#[case::workspace_with_a_query(
    "spec.integrations[0].workspaceResourceId",
    sentinel(),
    "/subscriptions/0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/soc1?a=b",
    "/subscriptions/0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/soc-a"
)]
#[case::another_provider(
    "spec.integrations[0].workspaceResourceId",
    sentinel(),
    "/subscriptions/0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/rg/providers/Microsoft/OperationalInsights/workspaces/soc1",
    "/subscriptions/0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d/resourceGroups/RG/providers/Microsoft.OperationalInsights/workspaces/SOC1"
)]
#[tokio::test]
async fn the_form_of_text(
    #[case] path: &str,
    #[case] spec: Value,
    #[case] bad: &str,
    #[case] good: &str,
) -> TestResult {
    let client = served().await?;
    let with = |text: &str| serde_json::from_str::<Value>(&spec.to_string().replace("\"?\"", &format!("\"{text}\"")));
    let refused = would_create(&client, &with(bad)?).await?;
    assert_refused(refused, &format!("{path}: {NOT_THE_FORM}"))?;
    would_create(&client, &with(good)?).await??;
    Ok(())
}

#[rstest]
#[case::seventeen_integrations(json!({ "integrations": integrations(17) }),
    "spec.integrations: Too many: 17: must have at most 16 items", json!({ "integrations": integrations(16) }))]
#[case::seventeen_attestations(json!({ "attestations": attestations(17) }),
    "spec.attestations: Too many: 17: must have at most 16 items", json!({ "attestations": attestations(16) }))]
#[case::five_services(json!({ "expectedServices": ["Endpoint", "Office365", "Identity", "CloudApps", "Endpoint"] }),
    "spec.expectedServices: Too many: 5: must have at most 4 items",
    json!({ "expectedServices": ["Endpoint", "Office365", "Identity", "CloudApps"] }))]
#[case::service_twice(json!({ "expectedServices": ["Endpoint", "Endpoint"] }),
    "spec.expectedServices[1]: Duplicate value: \"Endpoint\"", json!({ "expectedServices": ["Endpoint", "Identity"] }))]
#[case::integration_twice(json!({ "integrations": [{ "name": "a", "type": "EndpointIntune" }, { "name": "a", "type": "IdentityCloudApps" }] }),
    "spec.integrations[1]: Duplicate value: {\"name\":\"a\"}",
    json!({ "integrations": [{ "name": "a", "type": "EndpointIntune" }, { "name": "b", "type": "IdentityCloudApps" }] }))]
#[case::attestation_twice(json!({ "attestations": twice(attestations(1)) }),
    "spec.attestations[1]: Duplicate value: {\"name\":\"seen-0\"}", json!({ "attestations": attestations(2) }))]
#[case::too_often(json!({ "resyncSeconds": 299 }),
    "spec.resyncSeconds: Invalid value: 299: spec.resyncSeconds in body should be greater than or equal to 300",
    json!({ "resyncSeconds": 300 }))]
#[case::too_seldom(json!({ "resyncSeconds": 86401 }),
    "spec.resyncSeconds: Invalid value: 86401: spec.resyncSeconds in body should be less than or equal to 86400",
    json!({ "resyncSeconds": 86400 }))]
#[case::part_of_a_second(json!({ "resyncSeconds": 300.5 }), "spec.resyncSeconds in body must be of type int32",
    json!({ "resyncSeconds": 301 }))]
#[case::seconds_as_text(json!({ "resyncSeconds": "300" }), "spec.resyncSeconds in body must be of type integer",
    json!({ "resyncSeconds": null }))]
#[case::tenant_as_number(json!({ "tenantId": 7 }), "spec.tenantId in body must be of type string", json!({}))]
#[tokio::test]
async fn sizes_and_numbers(#[case] bad: Value, #[case] complaint: &str, #[case] good: Value) -> TestResult {
    let client = served().await?;
    assert_refused(would_create(&client, &bad).await?, complaint)?;
    would_create(&client, &good).await??;
    Ok(())
}

#[rstest]
#[case::tenant("spec.tenantId", json!({ "tenantId": null }))]
#[case::integration_name("spec.integrations[0].name", integration(&json!({ "name": null })))]
#[case::integration_type("spec.integrations[0].type", integration(&json!({ "type": null })))]
#[case::credentials_type("spec.credentials.type", json!({ "credentials": {} }))]
#[case::secret_client("spec.credentials.clientSecret.clientId", json!({ "credentials": { "type": "ClientSecret", "clientSecret": {} } }))]
#[case::secret("spec.credentials.clientSecret.secretRef", json!({ "credentials": { "type": "ClientSecret", "clientSecret": { "clientId": OTHER } } }))]
#[case::secret_name("spec.credentials.clientSecret.secretRef.name", secret(&json!({ "name": null })))]
#[case::secret_key("spec.credentials.clientSecret.secretRef.key", secret(&json!({ "key": null })))]
#[case::identity_client("spec.credentials.workloadIdentity.clientId", identity(&json!({ "clientId": null })))]
#[case::granted_by("spec.dataSharing.consent.grantedBy", consent(&json!({ "grantedBy": null })))]
#[case::granted_on("spec.dataSharing.consent.grantedOn", consent(&json!({ "grantedOn": null })))]
#[case::attestation_name("spec.attestations[0].name", attestation(&json!({ "name": null })))]
#[case::claim("spec.attestations[0].claim", attestation(&json!({ "claim": null })))]
#[case::attested_by("spec.attestations[0].attestedBy", attestation(&json!({ "attestedBy": null })))]
#[case::attest_time("spec.attestations[0].attestTime", attestation(&json!({ "attestTime": null })))]
#[case::expire_time("spec.attestations[0].expireTime", attestation(&json!({ "expireTime": null })))]
#[tokio::test]
async fn what_is_required(#[case] path: &str, #[case] spec: Value) -> TestResult {
    assert_refused(would_create(&served().await?, &spec).await?, &format!("{path}: Required value"))
}

fn merged(mut base: Value, patch: &Value) -> Value {
    json_patch::merge(&mut base, patch);
    base
}

fn consent(patch: &Value) -> Value {
    let consent = merged(json!({ "grantedBy": "Chief privacy officer", "grantedOn": "2020-03-16" }), patch);
    json!({ "dataSharing": { "consent": consent } })
}

fn integration(patch: &Value) -> Value {
    json!({ "integrations": [merged(json!({ "name": "link", "type": "EndpointIntune" }), patch)] })
}

fn sentinel() -> Value {
    integration(&json!({ "type": "SentinelIncidents", "workspaceResourceId": "?" }))
}

fn integrations(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({ "name": format!("link-{number}"), "type": "EndpointIntune" })).collect()
}

fn secret(patch: &Value) -> Value {
    let reference = merged(json!({ "name": "reader", "key": "clientSecret" }), patch);
    json!({ "credentials": { "type": "ClientSecret", "clientSecret": { "clientId": OTHER, "secretRef": reference } } })
}

fn identity(patch: &Value) -> Value {
    json!({ "credentials": { "type": "WorkloadIdentity", "workloadIdentity": merged(json!({ "clientId": OTHER }), patch) } })
}

fn attestation(patch: &Value) -> Value {
    let entry = json!({
        "name": "seen", "claim": "ServiceOn", "attestedBy": "SOC lead",
        "attestTime": "2026-05-01T00:00:00Z", "expireTime": "2026-11-01T00:00:00Z",
    });
    json!({ "attestations": [merged(entry, patch)] })
}

fn attestations(count: usize) -> Vec<Value> {
    let entry = |number: usize| attestation(&json!({ "name": format!("seen-{number}") }));
    (0..count).filter_map(|number| entry(number).pointer("/attestations/0").cloned()).collect()
}

fn twice(mut entries: Vec<Value>) -> Vec<Value> {
    entries.extend_from_within(..);
    entries
}
