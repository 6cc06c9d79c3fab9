//! What the operator may write, what it must be able to read, and how big the whole becomes.

use kube::api::{Patch, PatchParams};
use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::api::{ThreatProtectionTenant, ThreatProtectionTenantStatus};

use crate::stage::{OTHER, Stage, TENANT, TestResult, assert_refused, manifest};

const TIME: &str = "2026-05-01T00:00:00Z";
const CONDITIONS: [&str; 14] = [
    "Ready",
    "CredentialsReady",
    "Eligible",
    "Authorized",
    "Consented",
    "RegionPinned",
    "ServiceOn",
    "Integrated",
    "ServicesReporting",
    "InSync",
    "Reconciling",
    "Stalled",
    "ActionRequired",
    "Suspended",
];

/// The types and the schema agree: what the types can say is stored as it was said.
#[tokio::test]
async fn the_largest_status_comes_back_as_it_was_written() -> TestResult {
    let stage = Stage::set().await?;
    stage.create("contoso", &json!({})).await?;
    let status = largest();
    let typed: ThreatProtectionTenantStatus = serde_json::from_value(status.clone())?;
    assert_eq!(serde_json::to_value(&typed)?, status, "every field of it has a place in the types");
    let stored = stage.report("contoso", &serde_json::to_value(&typed)?).await?;
    assert_eq!(stored.data.get("status"), Some(&status));
    let read: ThreatProtectionTenant = serde_json::from_value(serde_json::to_value(&stored)?)?;
    assert_eq!(read.status, Some(typed));

    let empty = serde_json::to_value(ThreatProtectionTenantStatus::default())?;
    assert_eq!(empty, json!({ "observedGeneration": -1 }));
    let stored = stage.report("contoso", &empty).await?;
    assert_eq!(stored.data.get("status"), Some(&empty));
    Ok(())
}

#[rstest]
#[case::generation("status.observedGeneration", json!({ "observedGeneration": -2 }))]
#[case::condition_status("status.conditions[0].status", json!({ "conditions": [condition("Ready", "Maybe", "m")] }))]
#[case::condition_message("status.conditions[0].message", json!({ "conditions": [condition("Ready", "True", &text(32769))] }))]
#[case::condition_twice("status.conditions[1]", json!({ "conditions": [condition("Ready", "True", "m"), condition("Ready", "True", "m")] }))]
#[case::pin_without_source("status.dataLocation.source", json!({ "dataLocation": { "region": "EU", "pinTime": TIME } }))]
#[case::pin_time("status.dataLocation.pinTime", json!({ "dataLocation": { "region": "EU", "pinTime": "now", "source": "Observed" } }))]
#[case::feature("status.features[0].state", json!({ "features": [{ "name": "Incidents", "state": "Maybe" }] }))]
#[case::handle("status.operation.handle", json!({ "operation": { "handle": text(10001) } }))]
#[tokio::test]
async fn what_the_operator_never_writes_is_refused(#[case] path: &str, #[case] bad: Value) -> TestResult {
    let stage = Stage::set().await?;
    stage.create("contoso", &json!({})).await?;
    let bad = Patch::Merge(json!({ "status": bad }));
    assert_refused(stage.tenants.patch_status("contoso", &PatchParams::default(), &bad).await, path)
}

#[tokio::test]
async fn fields_of_another_version_are_dropped_and_the_rest_stays() -> TestResult {
    let stage = Stage::set().await?;
    stage.create("contoso", &json!({})).await?;
    let old = json!({ "status": {
        "observedGeneration": 1,
        "lastChecked": TIME,
        "phase": "Running",
        "tenant": { "displayName": "Contoso", "verifiedDomains": ["contoso.com"] },
        "services": [{ "name": "Endpoint", "licensed": "True", "reporting": "Unknown", "seats": 5 }],
    } });
    let stored = stage.tenants.patch_status("contoso", &PatchParams::default(), &Patch::Merge(&old)).await?;
    let kept = json!({
        "observedGeneration": 1,
        "tenant": { "displayName": "Contoso" },
        "services": [{ "name": "Endpoint", "licensed": "True", "reporting": "Unknown" }],
    });
    assert_eq!(stored.data.get("status"), Some(&kept));
    let typed: ThreatProtectionTenantStatus = serde_json::from_value(kept.clone())?;
    let rewritten = stage.report("contoso", &serde_json::to_value(&typed)?).await?;
    assert_eq!(rewritten.data.get("status"), Some(&kept), "the operator can go on from there");
    Ok(())
}

/// Two managers, every part of the status in use, texts as long as they come: still far from what etcd minds.
#[tokio::test]
async fn a_busy_object_stays_small() -> TestResult {
    let stage = Stage::set().await?;
    let names = ["identity-data", "intune", "endpoint-prod", "cloud-apps-prod"];
    let kinds = ["IdentityCloudApps", "EndpointIntune", "DefenderForCloudEndpoint", "DefenderForCloudCloudApps"];
    let links: Vec<Value> = names.iter().zip(kinds).map(|(name, kind)| link(name, kind)).collect();
    let declared = manifest(
        "contoso",
        &json!({
            "dataLocation": { "region": "EU" }, "integrations": links, "expectedServices": ["Endpoint", "Office365", "Identity"],
            "credentials": { "type": "ClientSecret",
                "clientSecret": { "clientId": OTHER, "secretRef": { "name": "contoso-reader", "key": "clientSecret" } } },
            "attestations": [{ "name": "region-seen", "claim": "DataLocation", "region": "EU", "attestedBy": "SOC lead",
                "attestTime": TIME, "expireTime": "2026-11-01T00:00:00Z", "reference": "https://wiki.contoso.com/soc/4711" }],
        }),
    );
    stage.tenants.patch("contoso", &PatchParams::apply("argocd-controller"), &Patch::Apply(&declared)).await?;
    let status = busy(&names);
    serde_json::from_value::<ThreatProtectionTenantStatus>(status.clone())?;
    let stored = stage.report("contoso", &status).await?;
    assert_eq!(stored.metadata.managed_fields.as_ref().map(Vec::len), Some(2));
    let size = serde_json::to_vec(&stored)?.len();
    assert!((6_000..10_000).contains(&size), "{size} bytes");
    Ok(())
}

fn link(name: &str, kind: &str) -> Value {
    let subscription = kind.starts_with("DefenderForCloud").then_some(OTHER);
    let mut link = json!({ "name": name, "type": kind });
    json_patch::merge(&mut link, &json!({ "subscriptionId": subscription }));
    link
}

fn busy(names: &[&str]) -> Value {
    let message = "Microsoft Defender for Endpoint P2 and Office 365 E5 qualify under experience DefenderPortal.";
    // `Reconciling` and `Stalled` exclude each other, and `Suspended` excludes both.
    let conditions: Vec<Value> = CONDITIONS
        .iter()
        .filter(|name| !["Reconciling", "Suspended"].contains(name))
        .map(|name| condition(name, "Unknown", message))
        .collect();
    let known = |name: &&str| json!({ "name": name, "licensed": "True", "reporting": "True" });
    let services: Vec<Value> = ["Endpoint", "Office365", "Identity", "CloudApps"].iter().map(known).collect();
    let feature = |name: &&str| json!({ "name": name, "state": "True", "source": "Observed" });
    let features: Vec<Value> = ["Incidents", "ActionCenter", "AdvancedHunting"].iter().map(feature).collect();
    let linked = |name: &&str| json!({ "name": name, "state": "Linked", "actor": "Broker", "effective": "True", "source": "Claimed", "sinceTime": TIME });
    json!({
        "observedGeneration": 1,
        "conditions": conditions,
        "tenant": { "displayName": "Contoso Electronics", "defaultDomain": "contoso.onmicrosoft.com", "countryCode": "DE" },
        "eligibility": { "plans": [OTHER, TENANT], "services": ["Endpoint", "Office365", "Identity", "CloudApps"] },
        "dataLocation": { "region": "EU", "dataCenter": "West Europe", "source": "Observed", "pinTime": TIME },
        "features": features, "services": services,
        "integrations": names.iter().map(linked).collect::<Vec<_>>(),
        "pendingActions": [pending("Attest", &plain(400))],
        "plan": [{ "step": "Link", "actor": "Person", "risk": "Irreversible", "reason": plain(150) }],
        "operation": operation(None),
        "lastHandledReconcileAt": TIME,
    })
}

fn largest() -> Value {
    let each = |words: &[&str], with: &dyn Fn(&str) -> Value| words.iter().map(|word| with(word)).collect::<Vec<_>>();
    let known = |name: &str| json!({ "name": name, "licensed": "Unknown", "reporting": "False" });
    let feature = |name: &str| json!({ "name": name, "state": "Unknown", "source": "Attested" });
    let linked = |number: usize| {
        json!({ "name": format!("{number:063}"), "state": "Unlinked", "actor": "None", "effective": "Unknown",
            "source": "Attested", "sinceTime": TIME })
    };
    let planned = |(actor, risk)| json!({ "step": "Deprovision", "actor": actor, "risk": risk, "reason": text(512) });
    let risks = ["Additive", "Mutating", "Destructive", "Irreversible"];
    let plan: Vec<_> = ["Arm", "Broker", "Person", "None"].iter().zip(risks).cycle().take(32).map(planned).collect();
    let steps = ["Enable", "Disable", "Link", "Unlink", "Deprovision", "RequestRegion", "Attest"];
    json!({
        "observedGeneration": 9_007_199_254_740_991_i64,
        "conditions": each(&CONDITIONS, &|name| condition(name, "Unknown", &text(4096))),
        "tenant": { "displayName": text(256), "defaultDomain": text(253), "countryCode": text(8) },
        "eligibility": { "plans": (0..32).map(|number| format!("{number:064}")).collect::<Vec<_>>(),
            "services": ["Endpoint", "Office365", "Identity", "CloudApps"] },
        "dataLocation": { "region": "AE", "dataCenter": text(64), "source": "Claimed", "pinTime": TIME },
        "features": each(&["Incidents", "ActionCenter", "AdvancedHunting"], &feature),
        "services": each(&["Endpoint", "Office365", "Identity", "CloudApps"], &known),
        "integrations": (0..16).map(linked).collect::<Vec<_>>(),
        "pendingActions": steps.iter().cycle().take(32).map(|step| pending(step, &text(1024))).collect::<Vec<_>>(),
        "plan": plan,
        "operation": operation(Some(&text(10_000))),
        "repairs": (0..32).map(|number| json!({ "target": format!("{number:063}"), "repairTime": TIME })).collect::<Vec<_>>(),
        "lastHandledReconcileAt": text(256),
    })
}

fn operation(handle: Option<&str>) -> Value {
    let mut operation = json!({
        "step": "Enable", "id": OTHER,
        "parameters": {
            "tenantId": TENANT, "cloud": "Public", "experience": "WelcomePage", "region": "EU", "state": "Enabled",
            "consent": { "grantedBy": "Chief privacy officer", "grantedOn": "2020-03-16", "reference": "4711" },
            "integrations": { "IdentityCloudApps": "Linked", "EndpointIntune": "Unlinked" },
        },
        "startTime": TIME, "acceptTime": TIME, "deadlineTime": TIME, "endTime": TIME, "result": "TimedOut",
        "message": "The broker did not end it in time.",
    });
    json_patch::merge(&mut operation, &json!({ "handle": handle }));
    operation
}

fn pending(step: &str, instructions: &str) -> Value {
    json!({ "step": step, "role": "Security Administrator (194ae4cb-b126-40b2-bd5b-6091b380977d)",
        "link": format!("https://security.microsoft.com/securitysettings/defender?tid={TENANT}"),
        "instructions": instructions, "verifiedBy": "an entry in spec.attestations with claim ServiceOn", "sinceTime": TIME })
}

fn condition(name: &str, status: &str, message: &str) -> Value {
    json!({ "type": name, "status": status, "reason": "ActionRequired", "message": message, "lastTransitionTime": TIME,
        "observedGeneration": 1 })
}

/// Characters that take two bytes each: the bounds count characters.
fn text(length: usize) -> String {
    "ü".repeat(length)
}

fn plain(length: usize) -> String {
    "u".repeat(length)
}
