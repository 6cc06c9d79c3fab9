//! Every permission taken away and granted again, and the preflight `check` that lists them.

use std::process::{Command, Output};

use rstest::rstest;
use serde_json::{Value, json};

use crate::TENANT;
use crate::judges::{looks_at_secret, message, verdict, version, writes};
use crate::sign_in::{alone, on, with_application};
use crate::support::kstatus::{KStatus, kstatus};
use crate::support::microsoft::{CLIENT, SECRET, SECRET_NAME, SUBSCRIPTION, by_secret, tenant};
use crate::support::stage::{PROGRAM, Stage};

/// Application permissions without which the state of the service cannot be seen.
const REQUIRED: [&str; 3] = ["Organization.Read.All", "SecurityIncident.Read.All", "ThreatHunting.Read.All"];

/// Those without which something beside it cannot: the condition that then is not known, if any.
const OPTIONAL: [(&str, Option<&str>); 4] = [
    ("SecurityIdentitiesHealth.Read.All", None),
    ("Application.Read.All", None),
    // Who may act is no question while nothing is to be done.
    ("RoleManagement.Read.Directory", None),
    ("DeviceManagementServiceConfig.Read.All", Some("Integrated")),
];

/// All but these, and what no declaration of these tests makes use of.
fn without(missing: &[&str]) -> Value {
    let optional = OPTIONAL.iter().map(|(name, _)| *name);
    let all = REQUIRED.into_iter().chain(optional).chain(["GroupMember.Read.All"]);
    with_application(json!({"roles": all.filter(|name| !missing.contains(name)).collect::<Vec<_>>()}))
}

/// A tenant in which everything can be seen and is as declared.
fn seen() -> Value {
    let mut seen = on();
    seen["links"] = json!({"EndpointIntune": {"state": "Linked"}});
    seen["endpointRegion"] = "EU".into();
    seen
}

/// A declaration that makes use of every permission of Microsoft Graph, and of Azure to see where the data is.
fn declaration(id: &str) -> Value {
    json!({
        "tenantId": id,
        "credentials": by_secret(),
        "integrations": [{"name": "intune", "type": "EndpointIntune"}],
        "observation": {"subscriptionId": SUBSCRIPTION},
    })
}

#[rstest]
#[case::incidents(REQUIRED[1])]
#[case::hunting(REQUIRED[2])]
#[tokio::test]
async fn a_required_permission_that_goes_ages_into_a_verdict_and_heals_when_it_is_back(#[case] permission: &str) {
    let stage = Stage::open("required").await;
    stage.simulator.seed(TENANT, seen()).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    // One look takes as long as twelve of the longest delay where only a person can help.
    let configuration = alone(&stage).with_timing("retryMaximumSeconds", 1).with_timing("resyncMinimumSeconds", 2);
    let configuration = configuration.with_timing("resyncMaximumSeconds", 2);
    let _operator = stage.operator(&configuration).await;
    stage.apply("contoso", declaration(TENANT)).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    let (before, settled) = (writes(&stage, "contoso").await.len(), stage.read("contoso").await);
    stage.simulator.patch(TENANT, without(&[permission])).await.unwrap();
    looks_at_secret(&stage, SECRET_NAME, 2).await;
    assert_eq!(stage.read("contoso").await["status"], settled["status"], "one failed reading says nothing");
    let denied = stage.until_ready("contoso", "Unknown", "PermissionDenied").await;
    assert_eq!(verdict(&denied, "Stalled"), ("True", "PermissionDenied"));
    assert_eq!(kstatus(&denied), KStatus::Failed);
    assert!(message(&denied, "Ready").contains(permission), "{}", message(&denied, "Ready"));
    let told = message(&denied, "CredentialsReady");
    assert!(told.contains(&format!("application permission {permission}")), "{told}");
    assert_eq!(writes(&stage, "contoso").await.len(), before + 1, "one verdict, one write");

    stage.simulator.patch(TENANT, without(&[])).await.unwrap();
    let healed = stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(verdict(&healed, "CredentialsReady"), ("True", "Met"));
    assert!(!message(&healed, "CredentialsReady").contains("grant"), "{}", message(&healed, "CredentialsReady"));
    assert_eq!(verdict(&healed, "Stalled"), ("", ""));
}

/// Microsoft Graph tells the id of the organisation also without the permission, so the tenant stays proved and on; the
/// licences and the facts of the organisation are what cannot be read any more.
#[tokio::test]
async fn without_the_permission_to_read_the_organisation_its_licences_are_not_known() {
    let stage = Stage::open("organization").await;
    stage.simulator.seed(TENANT, seen()).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    let whole = stage.until_ready("contoso", "True", "Enabled").await;
    let before = writes(&stage, "contoso").await.len();
    stage.simulator.patch(TENANT, without(&[REQUIRED[0]])).await.unwrap();
    let told =
        stage.until("contoso", "told", |resource| verdict(resource, "Eligible") == ("Unknown", "NotPermitted")).await;
    assert_eq!(verdict(&told, "Ready"), ("True", "Enabled"));
    assert_eq!(verdict(&told, "CredentialsReady"), ("True", "Met"));
    let listed = message(&told, "CredentialsReady");
    assert!(listed.contains("the application permission Organization.Read.All"), "{listed}");
    assert_eq!(told["status"]["tenant"], whole["status"]["tenant"], "what is known of it stands");
    assert_eq!(writes(&stage, "contoso").await.len(), before + 1);
    stage.simulator.patch(TENANT, without(&[])).await.unwrap();
    stage.until("contoso", "whole", |resource| verdict(resource, "Eligible") == ("True", "Met")).await;
}

#[tokio::test]
async fn optional_permissions_only_degrade_what_they_are_for_and_are_listed_once() {
    let stage = Stage::open("optional").await;
    stage.simulator.seed(TENANT, seen()).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    let whole = stage.until_ready("contoso", "True", "Enabled").await;
    for (permission, condition) in OPTIONAL.into_iter().filter(|(_, condition)| *condition != Some("Integrated")) {
        stage.simulator.patch(TENANT, without(&[permission])).await.unwrap();
        stage.request_reconcile("contoso", permission).await;
        let told = stage
            .until("contoso", permission, |resource| {
                message(resource, "CredentialsReady").contains(permission)
                    && condition.is_none_or(|kind| verdict(resource, kind).0 == "Unknown")
            })
            .await;
        assert_eq!(verdict(&told, "Ready"), ("True", "Enabled"), "{permission}");
        assert_eq!(verdict(&told, "CredentialsReady"), ("True", "Met"), "{permission}");
        for kind in ["Eligible", "Authorized", "RegionPinned", "ServiceOn", "Integrated", "ServicesReporting"] {
            let expected = if condition == Some(kind) { "Unknown" } else { verdict(&whole, kind).0 };
            assert_eq!(verdict(&told, kind).0, expected, "{kind} without {permission}");
        }
    }
    // Which permissions the application has is among what it may read.
    let all: Vec<&str> =
        OPTIONAL.iter().map(|(name, _)| *name).filter(|name| *name != "Application.Read.All").collect();
    stage.simulator.patch(TENANT, without(&all)).await.unwrap();
    stage.request_reconcile("contoso", "all").await;
    let told = stage.until("contoso", "all", |resource| resource["status"]["lastHandledReconcileAt"] == "all").await;
    let listed = message(&told, "CredentialsReady");
    for permission in all.iter().filter(|name| !name.starts_with("DeviceManagement")) {
        assert_eq!(listed.matches(permission).count(), 1, "{permission} in {listed}");
    }
    assert!(!listed.contains("DeviceManagement"), "nothing is declared that needs it: {listed}");
    stage.simulator.patch(TENANT, without(&[])).await.unwrap();
    stage.request_reconcile("contoso", "granted").await;
    stage
        .until("contoso", "whole", |resource| {
            message(resource, "CredentialsReady") == message(&whole, "CredentialsReady")
                && verdict(resource, "Ready") == ("True", "Enabled")
        })
        .await;
}

/// Nobody asks for a look: what stays missing is told all the same.
#[rstest]
#[case::for_a_condition("RoleManagement.Read.Directory")]
#[case::for_none("SecurityIdentitiesHealth.Read.All")]
#[tokio::test]
async fn an_optional_permission_that_stays_away_is_told_without_a_request(#[case] permission: &str) {
    let stage = Stage::open("stays").await;
    stage.simulator.seed(TENANT, seen()).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", declaration(TENANT)).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    stage.simulator.patch(TENANT, without(&[permission])).await.unwrap();
    let told =
        stage.until("contoso", permission, |resource| message(resource, "CredentialsReady").contains(permission)).await;
    assert_eq!(verdict(&told, "Ready"), ("True", "Enabled"));
    let settled = version(&stage, "contoso").await;
    looks_at_secret(&stage, SECRET_NAME, 3).await;
    assert_eq!(version(&stage, "contoso").await, settled, "it is told once");
}

#[tokio::test]
async fn a_link_that_may_not_be_read_or_set_names_what_to_grant() {
    let stage = Stage::open("azure").await;
    let links = json!([
        {"name": "cloud", "type": "DefenderForCloudCloudApps", "subscriptionId": SUBSCRIPTION},
        {"name": "intune", "type": "EndpointIntune"},
    ]);
    stage.simulator.seed(TENANT, seen()).await.unwrap();
    let take = |graph: &[&str], azure: &[&str]| {
        let mut patch = without(graph);
        patch["applications"][0]["azureRoles"] = json!(azure);
        patch
    };
    stage.simulator.patch(TENANT, take(&[], &[])).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    stage
        .apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret(), "integrations": links}))
        .await
        .unwrap();
    let denied =
        stage.until("contoso", "denied", |resource| verdict(resource, "Stalled") == ("True", "PermissionDenied")).await;
    assert!(message(&denied, "Ready").contains("Security Reader"), "{}", message(&denied, "Ready"));
    assert!(message(&denied, "CredentialsReady").contains("the Azure role Security Reader on the subscription"));
    // Reading is not writing: the step is tried, refused, and nobody mightier is asked.
    stage.simulator.patch(TENANT, take(&[], &["Security Reader"])).await.unwrap();
    stage.request_reconcile("contoso", "reader").await;
    let denied = stage
        .until("contoso", "denied to write", |resource| message(resource, "Ready").contains("Security Admin"))
        .await;
    assert_eq!(verdict(&denied, "Stalled"), ("True", "PermissionDenied"));
    stage.simulator.patch(TENANT, take(&[], &["Security Admin"])).await.unwrap();
    stage.request_reconcile("contoso", "admin").await;
    stage.until_ready("contoso", "True", "Enabled").await;
    let tenant = stage.simulator.tenant(TENANT).await.unwrap();
    assert_eq!(tenant["subscriptions"][0]["settings"]["MCAS"], true);
}

/// Without the permission it is not known whether devices' risk goes to Intune; that is declared, so it matters.
#[tokio::test]
async fn a_declared_link_that_may_not_be_read_any_more_ages_into_a_verdict() {
    let stage = Stage::open("intune").await;
    let permission = "DeviceManagementServiceConfig.Read.All";
    stage.simulator.seed(TENANT, seen()).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", declaration(TENANT)).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
    let before = writes(&stage, "contoso").await.len();
    stage.simulator.patch(TENANT, without(&[permission])).await.unwrap();
    let denied = stage.until_ready("contoso", "Unknown", "PermissionDenied").await;
    assert_eq!(verdict(&denied, "Stalled"), ("True", "PermissionDenied"));
    assert_eq!(verdict(&denied, "Integrated").0, "Unknown");
    assert_eq!(verdict(&denied, "ServiceOn").0, "True", "the service itself is seen");
    assert!(message(&denied, "CredentialsReady").contains(permission), "{}", message(&denied, "CredentialsReady"));
    assert_eq!(writes(&stage, "contoso").await.len(), before + 1);
    stage.simulator.patch(TENANT, without(&[])).await.unwrap();
    stage.request_reconcile("contoso", "granted").await;
    stage.until_ready("contoso", "True", "Enabled").await;
}

/// Who may turn it on is read where it is to be turned on: the holders, and the members of groups that hold the role.
#[rstest]
#[case::roles("RoleManagement.Read.Directory")]
#[case::groups("GroupMember.Read.All")]
#[tokio::test]
async fn who_may_act_is_not_known_without_the_permission_to_read_it(#[case] permission: &str) {
    let stage = Stage::open("holders").await;
    let group = json!({"role": "SecurityAdministrator", "principal": "group", "members": 3});
    let members = json!({"roles": [], "assignments": [group], "automaticRegion": "EU"});
    stage.simulator.seed(TENANT, tenant(members)).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let _operator = stage.operator(&alone(&stage)).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    stage.until("contoso", "one with a holder", |resource| verdict(resource, "Authorized").0 == "True").await;
    stage.simulator.patch(TENANT, without(&[permission])).await.unwrap();
    stage.request_reconcile("contoso", "taken").await;
    let told = stage
        .until("contoso", "one without", |resource| verdict(resource, "Authorized") == ("Unknown", "NotPermitted"))
        .await;
    assert!(message(&told, "Authorized").contains(permission), "{}", message(&told, "Authorized"));
    assert!(message(&told, "CredentialsReady").contains(permission), "{}", message(&told, "CredentialsReady"));
    assert_eq!(verdict(&told, "Stalled"), ("True", "ActionRequired"), "the hand-off stands");
    stage.simulator.patch(TENANT, without(&[])).await.unwrap();
    stage.request_reconcile("contoso", "granted").await;
    stage.until("contoso", "one with a holder", |resource| verdict(resource, "Authorized").0 == "True").await;
}

/// `check`, as the administrator of the cluster would run it.
struct Preflight {
    stage: Stage,
}

impl Preflight {
    async fn open() -> Self {
        let stage = Stage::open("check").await;
        stage.simulator.seed(TENANT, seen()).await.unwrap();
        std::fs::write(stage.directory().join("check.yaml"), alone(&stage).render()).unwrap();
        Self { stage }
    }

    /// Exit code and what was printed.
    fn check(&self, spec: &Value) -> (i32, String) {
        let resource = json!({
            "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
            "metadata": {"name": "contoso"}, "spec": spec,
        });
        self.check_text(&resource.to_string(), &["--allow-simulator"])
    }

    fn check_text(&self, text: &str, arguments: &[&str]) -> (i32, String) {
        let file = self.stage.directory().join("resource.yaml");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["check", "-n", &self.stage.namespace, "-f"]).arg(file).args(arguments);
        command.arg("--config").arg(self.stage.directory().join("check.yaml"));
        command.env("KUBECONFIG", self.stage.plane.kubeconfig_path()).env_remove("TPO_CONFIG");
        said(&command.output().unwrap())
    }
}

fn said(output: &Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

/// The words of the line about a permission.
fn line<'a>(text: &'a str, permission: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.trim_start().starts_with(permission)).unwrap_or_default();
    let rest = line.trim_start().strip_prefix(permission).unwrap_or_default();
    rest.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_preflight_lists_what_is_granted_and_what_to_grant() {
    let preflight = Preflight::open().await;
    let simulator = &preflight.stage.simulator;
    preflight.stage.put_secret(SECRET_NAME, json!({"clientSecret": SECRET})).await;
    let (code, text) = preflight.check(&declaration(TENANT));
    for permission in REQUIRED {
        assert_eq!(line(&text, permission).get(..2), Some(&["granted", "required"][..]), "{text}");
    }
    for (permission, _) in OPTIONAL {
        assert_eq!(line(&text, permission).get(..2), Some(&["granted", "optional"][..]), "{text}");
    }
    assert!(text.contains("Contoso") && text.contains(CLIENT) && text.contains(SECRET_NAME), "{text}");
    assert!(text.ends_with("Everything that this declaration makes use of is granted. Exit 0.\n"), "{text}");
    assert_eq!(code, 0, "{text}");

    simulator
        .patch(TENANT, without(&["SecurityIdentitiesHealth.Read.All", "RoleManagement.Read.Directory"]))
        .await
        .unwrap();
    let (code, text) = preflight.check(&declaration(TENANT));
    assert_eq!(line(&text, "SecurityIdentitiesHealth.Read.All").get(..2), Some(&["missing", "optional"][..]), "{text}");
    let advice = text.lines().last().unwrap_or_default();
    for permission in ["SecurityIdentitiesHealth.Read.All", "RoleManagement.Read.Directory"] {
        assert!(advice.contains(&format!("the application permission {permission}")), "{advice}");
    }
    assert!(advice.starts_with("Grant ") && advice.ends_with("Exit 2."), "{advice}");
    assert_eq!(code, 2, "{text}");

    simulator.patch(TENANT, without(&["ThreatHunting.Read.All"])).await.unwrap();
    let (code, text) = preflight.check(&declaration(TENANT));
    assert_eq!(line(&text, "ThreatHunting.Read.All").get(..2), Some(&["missing", "required"][..]), "{text}");
    assert!(text.ends_with("Grant the application permission ThreatHunting.Read.All. Exit 1.\n"), "{text}");
    assert_eq!(code, 1, "{text}");

    // What the application holds is not known then, but for what the answers say.
    simulator.patch(TENANT, without(&["Application.Read.All", "RoleManagement.Read.Directory"])).await.unwrap();
    let (code, text) = preflight.check(&declaration(TENANT));
    assert_eq!(line(&text, "RoleManagement.Read.Directory").get(..2), Some(&["missing", "optional"][..]), "{text}");
    assert_eq!(line(&text, "GroupMember.Read.All").get(..2), Some(&["not known", "optional"][..]), "{text}");
    assert!(text.contains("Without Application.Read.All a permission that is missing cannot be told"), "{text}");
    assert_eq!(code, 2, "{text}");
    assert_eq!(simulator.effects(TENANT).await.unwrap(), ["seeded", "changed", "changed", "changed"], "it only looks");
    assert!(preflight.stage.read("contoso").await.is_null(), "and writes nothing");
    assert!(!text.contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_that_cannot_be_flown_says_what_to_do() {
    let preflight = Preflight::open().await;
    let simulator = &preflight.stage.simulator;
    let tells = |(code, text): (i32, String), words: &[&str]| {
        assert_eq!(code, 1, "{text}");
        for word in words {
            assert!(text.contains(word), "{word} in\n{text}");
        }
        // The library's words for a chain of causes are of no use to anybody.
        assert!(!text.contains("Error {") && !text.contains(SECRET), "{text}");
    };
    tells(
        preflight.check(&declaration(TENANT)),
        &["CredentialsMissing", "Secret contoso-reader does not exist", "Exit 1"],
    );
    preflight.stage.put_secret(SECRET_NAME, json!({"clientSecret": "wrong"})).await;
    let (code, text) = preflight.check(&declaration(TENANT));
    tells((code, text), &["refused (CredentialsInvalid)", "AADSTS7000215", "mend the sign-in first"]);
    preflight.stage.put_secret(SECRET_NAME, json!({"clientSecret": SECRET})).await;
    tells(preflight.check(&json!({"tenantId": TENANT})), &["declares no spec.credentials", "nothing to check"]);
    let mut spec = declaration(TENANT);
    spec["cloud"] = "GCCHigh".into();
    tells(preflight.check(&spec), &["lives in cloud Public", "set spec.cloud to Public"]);
    spec["tenantId"] = crate::OTHER.into();
    tells(preflight.check(&spec), &["TenantMismatch", "AADSTS90002"]);
    spec["credentails"] = json!({});
    tells(preflight.check(&spec), &["spec.credentails: there is no such field"]);
    tells(preflight.check_text("kind: Pod", &[]), &["ThreatProtectionTenant"]);
    let resource = json!({
        "apiVersion": "threatprotection.dev/v1alpha1", "kind": "ThreatProtectionTenant",
        "metadata": {"name": "contoso"}, "spec": declaration(TENANT),
    });
    tells(preflight.check_text(&resource.to_string(), &[]), &["SimulatorRefused", "--allow-simulator"]);
    simulator.patch(TENANT, with_application(json!({"consented": false}))).await.unwrap();
    tells(preflight.check(&declaration(TENANT)), &["PermissionDenied", "AADSTS65001", "admin consent"]);
    let command = |config: &str, kubeconfig: &str| {
        let mut command = Command::new(PROGRAM);
        command.args(["check", "--config", config, "-f"]).arg(preflight.stage.directory().join("resource.yaml"));
        said(&command.env("KUBECONFIG", kubeconfig).output().unwrap())
    };
    let config = preflight.stage.directory().join("check.yaml");
    tells(command("/nowhere.yaml", "/nowhere"), &["/nowhere.yaml", "Name an existing file with --config"]);
    tells(command(config.to_str().unwrap(), "/nowhere"), &["cluster", "KUBECONFIG"]);
}
