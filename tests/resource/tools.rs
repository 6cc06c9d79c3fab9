//! The resource in the hands of kubectl.

use kube::api::ListParams;
use serde_json::{Value, json};

use crate::stage::{OTHER, Stage, TENANT, TestError, TestResult, manifest, until};

const MINIMAL: &str = "
apiVersion: threatprotection.dev/v1alpha1
kind: ThreatProtectionTenant
metadata: { name: contoso }
spec:
  tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11
  dataLocation: { region: EU }
  integrations:
    - { name: identity-data, type: IdentityCloudApps }
  credentials:
    type: ClientSecret
    clientSecret: { clientId: 0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d, secretRef: { name: contoso-reader, key: clientSecret } }
";

/// Everything that a YAML 1.1 reader could take for something else, unquoted.
const UNQUOTED: &str = "
apiVersion: threatprotection.dev/v1alpha1
kind: ThreatProtectionTenant
metadata: { name: fabrikam }
spec:
  tenantId: 0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d
  desiredState: Disabled
  dataLocation: { region: IN }
  dataSharing: { consent: { grantedBy: Officer, grantedOn: 2020-03-16 } }
  attestations:
    - { name: a, claim: ServiceOff, attestedBy: SOC, attestTime: 2026-05-01T00:00:00Z, expireTime: 2026-06-01T00:00:00Z }
";

/// Tools compare what they applied with what is served; neither defaults nor status may look like drift.
#[tokio::test]
async fn nothing_differs_from_what_was_applied() -> TestResult {
    let stage = Stage::set().await?;
    for yaml in [MINIMAL, UNQUOTED] {
        let name = if yaml == MINIMAL { "contoso" } else { "fabrikam" };
        stage.kubectl(&["apply", "--server-side", "--field-manager=gitops", "--filename=-"], yaml).await?;
        assert_eq!(difference(&stage, yaml).await?, "", "after the apply");
        stage.report(name, &ready()).await?;
        assert_eq!(difference(&stage, yaml).await?, "", "after the operator has written");
    }
    let changed = MINIMAL.replace("region: EU", "region: UK");
    let refused = difference(&stage, &changed).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("cannot be changed once the region is pinned")));
    let changed = MINIMAL.replace("name: identity-data", "name: renamed");
    assert!(difference(&stage, &changed).await.is_err(), "a difference is seen");

    let classic = MINIMAL.replace("name: contoso }", "name: classic }");
    stage.kubectl(&["apply", "--filename=-"], &classic).await?;
    stage.report("classic", &ready()).await?;
    assert_eq!(stage.kubectl(&["diff", "--filename=-"], &classic).await?, "", "after an apply by the client");
    Ok(())
}

async fn difference(stage: &Stage, yaml: &str) -> Result<String, TestError> {
    stage.kubectl(&["diff", "--server-side", "--field-manager=gitops", "--filename=-"], yaml).await
}

#[tokio::test]
async fn a_misspelt_field_is_an_error_and_no_silence() -> TestResult {
    let stage = Stage::set().await?;
    for (right, wrong, field) in [
        ("  tenantId: 8d", "  tenantID: x\n  tenantId: 8d", "spec.tenantID"),
        ("  dataLocation: {", "  dataLokation: {", "spec.dataLokation"),
        ("{ region: EU }", "{ region: EU, datacenter: EU }", "spec.dataLocation.datacenter"),
        ("type: IdentityCloudApps", "type: IdentityCloudApps, stat: Linked", "spec.integrations[0].stat"),
    ] {
        let yaml = MINIMAL.replace(right, wrong);
        assert_ne!(yaml, MINIMAL);
        let answer = stage.kubectl(&["apply", "--dry-run=server", "--filename=-"], &yaml).await;
        let error = answer.err().ok_or(wrong)?.to_string();
        assert!(error.contains(&format!("strict decoding error: unknown field \"{field}\"")), "{error}");
        let answer = stage.kubectl(&["apply", "--server-side", "--dry-run=server", "--filename=-"], &yaml).await;
        let error = answer.err().ok_or(wrong)?.to_string();
        assert!(error.contains("field not declared in schema"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn the_columns_say_what_matters() -> TestResult {
    let stage = Stage::set().await?;
    stage.create("contoso", &json!({ "experience": "SettingsPage" })).await?;
    let words = |line: Option<&str>| line.unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let fresh = stage.kubectl(&["get", "tpt"], "").await?;
    assert_eq!(words(fresh.lines().next()), ["NAME", "READY", "STATUS", "REGION", "AGE"]);
    assert_eq!(words(fresh.lines().nth(1)).first().map(String::as_str), Some("contoso"));

    stage.report("contoso", &ready()).await?;
    let narrow = stage.kubectl(&["get", "threatprotection"], "").await?;
    let row = words(narrow.lines().nth(1));
    assert_eq!(row.split_last().map(|(_, row)| row.join(" ")).as_deref(), Some("contoso True Enabled EU"), "{narrow}");
    let wide = stage.kubectl(&["get", "threatprotectiontenants", "contoso", "--output=wide"], "").await?;
    let header = ["NAME", "READY", "STATUS", "REGION", "AGE", "TENANT", "EXPERIENCE", "MESSAGE"];
    assert_eq!(words(wide.lines().next()), header);
    let row = words(wide.lines().nth(1)).join(" ");
    assert!(row.ends_with(&format!("{TENANT} SettingsPage The service is on, as declared.")), "{row}");
    Ok(())
}

#[tokio::test]
async fn objects_are_found_by_their_tenant() -> TestResult {
    let stage = Stage::set().await?;
    stage.create("contoso", &json!({})).await?;
    stage.create("fabrikam", &json!({ "tenantId": OTHER })).await?;
    let selector = format!("--field-selector=spec.tenantId={OTHER}");
    let found = stage.kubectl(&["get", "tpt", "--output=name", &selector], "").await?;
    assert_eq!(found, "threatprotectiontenant.threatprotection.dev/fabrikam\n");
    let others = stage.tenants.list(&ListParams::default().fields(&format!("spec.tenantId!={OTHER}"))).await?;
    let names: Vec<_> = others.items.into_iter().filter_map(|object| object.metadata.name).collect();
    assert_eq!(names, ["contoso"]);
    let refused = stage.tenants.list(&ListParams::default().fields("spec.cloud=Public")).await;
    assert!(refused.is_err(), "no other field was promised");
    Ok(())
}

#[tokio::test]
async fn the_documentation_is_served() -> TestResult {
    let stage = Stage::set().await?;
    // The server publishes it a moment after the kind.
    until("the documentation", async || stage.kubectl(&["explain", "tpt.spec"], "").await.is_ok()).await?;
    for (field, texts) in [
        ("tpt", ["Declares whether Microsoft Threat Protection", "on evidence"]),
        ("tpt.spec.experience", ["May only move forward in time", "ENUM: WelcomePage SettingsPage DefenderPortal"]),
        ("tpt.spec.dataLocation.region", ["Without it the region is that of", "ENUM: EU UK US AU"]),
        ("tpt.spec.attestations.region", ["The region that was seen", "ENUM: EU UK US AU"]),
        ("tpt.spec.deprovisionConfirmation", ["Must repeat `tenantId`", "<string>"]),
        ("tpt.status.operation.handle", ["passed back exactly as given", "<string>"]),
    ] {
        let printed = stage.kubectl(&["explain", field], "").await?;
        let flat = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in texts {
            assert!(flat.contains(text), "{field}: {printed}");
        }
    }
    Ok(())
}

/// `kubectl wait` and kstatus see the same object that those tools do.
#[tokio::test]
async fn an_object_can_be_waited_for() -> TestResult {
    let stage = Stage::set().await?;
    stage.kubectl(&["create", "--filename=-"], &manifest("contoso", &json!({})).to_string()).await?;
    let early = stage.kubectl(&["wait", "tpt/contoso", "--for=condition=Ready", "--timeout=0"], "").await;
    assert!(early.is_err(), "{early:?}");
    stage.report("contoso", &ready()).await?;
    stage.kubectl(&["wait", "tpt/contoso", "--for=condition=Ready", "--timeout=5s"], "").await?;
    Ok(())
}

fn ready() -> Value {
    json!({
        "observedGeneration": 1,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Enabled", "message": "The service is on, as declared.",
            "lastTransitionTime": "2026-05-01T00:00:00Z", "observedGeneration": 1,
        }],
        "dataLocation": { "region": "EU", "source": "Observed", "pinTime": "2026-05-01T00:00:00Z" },
    })
}
