//! What Helm and `kubectl wait` conclude of a release that declares a tenant, row by row of the table in
//! `deploy/docs/gitops.md`: which wait ends, which fails at once, and which goes on.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;

use crate::helm::command;
use crate::support::microsoft::{SECRET, SECRET_NAME, application, by_secret, tenant};
use crate::support::stage::{PATIENCE, Stage, condition, ready};

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
/// No wait lasts as long where the outcome is known before.
const LONG: [&str; 3] = ["--wait", "--timeout", "3m"];
/// Long enough to look, where nothing else can end the wait.
const SHORT: [&str; 3] = ["--wait", "--timeout", "4s"];
/// What Helm says when its time is over.
const OVER: &str = "context deadline exceeded";
const FINALIZED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "deprovisioned", "instanceDeleted"];

/// Ids of tenants that have a row of their own.
fn id(number: u8) -> String {
    format!("8d3f2f3e-5a53-4c8e-9c3e-0000000000{number:02x}")
}

/// A platform team with a chart of its own: one tenant, named after the release, declared as the values say.
struct Team<'a> {
    stage: &'a Stage,
    home: TempDir,
}

/// What Helm has printed; an error where it failed.
type Told = Result<String, String>;

/// Helm at work.
struct Run {
    child: Child,
    told: PathBuf,
}

impl Team<'_> {
    fn of(stage: &Stage) -> Team<'_> {
        let home = tempfile::tempdir().unwrap();
        let chart = home.path().join("chart");
        std::fs::create_dir_all(chart.join("templates")).unwrap();
        std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: chart\nversion: 1.0.0\n").unwrap();
        std::fs::write(chart.join("values.yaml"), "annotations: {}\n").unwrap();
        let tenant = "apiVersion: threatprotection.dev/v1alpha1\nkind: ThreatProtectionTenant\nmetadata:\n  name: {{ .Release.Name }}\n  annotations: {{ toJson .Values.annotations }}\nspec: {{ toJson .Values.spec }}\n";
        std::fs::write(chart.join("templates/tenant.yaml"), tenant).unwrap();
        Team { stage, home }
    }

    /// Starts Helm in the namespace of the stage.
    fn begin(&self, arguments: &[&str]) -> Run {
        let all = [arguments, &["--debug", "--namespace", &self.stage.namespace]].concat();
        let told = self.home.path().join(uuid::Uuid::new_v4().simple().to_string());
        let file = std::fs::File::create(&told).unwrap();
        let mut command = command(self.home.path(), Some(self.stage.plane.kubeconfig_path()), &all);
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        Run { child, told }
    }

    async fn helm(&self, arguments: &[&str]) -> Told {
        self.begin(arguments).end().await
    }

    /// Starts to install or upgrade a release.
    fn begin_to_declare(&self, name: &str, spec: &Value, more: &[&str]) -> Run {
        let (chart, spec) = (self.home.path().join("chart"), format!("spec={spec}"));
        let fixed = ["upgrade", "--install", name, chart.to_str().unwrap(), "--set-json", &spec];
        self.begin(&[&fixed[..], more].concat())
    }

    /// Installs or upgrades a release.
    async fn declare(&self, name: &str, spec: &Value, more: &[&str]) -> Told {
        self.begin_to_declare(name, spec, more).end().await
    }

    /// Whether `kubectl wait` ends before its time is over.
    async fn kubectl_wait_ends(&self, name: &str, what: &str, timeout: &str) -> bool {
        let (what, name) = (format!("--for={what}"), format!("tpt/{name}"));
        let arguments = ["wait", &what, &name, "--timeout", timeout, "--namespace", &self.stage.namespace];
        let waited = self.stage.plane.kubectl(&arguments).await.unwrap();
        let is_over = String::from_utf8_lossy(&waited.stderr).contains("timed out waiting");
        assert_ne!(waited.status.success(), is_over, "{what} {name}: {waited:?}");
        !is_over
    }

    /// Waits until a condition has this reason.
    async fn until(&self, name: &str, kind: &str, reason: &str) -> Value {
        let has = |resource: &Value| condition(resource, kind).is_some_and(|found| found["reason"] == reason);
        self.stage.until(name, reason, has).await
    }
}

impl Run {
    fn told(&self) -> String {
        std::fs::read_to_string(&self.told).unwrap()
    }

    /// Waits until Helm has seen a resource in this state of kstatus, and goes on to wait.
    async fn until_it_has_seen(&mut self, status: &str) {
        let (seen, start) = (format!("actualStatus={status}"), Instant::now());
        while !self.told().contains(&seen) {
            assert!(start.elapsed() < PATIENCE, "{seen} is not in: {}", self.told());
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        assert!(self.child.try_wait().unwrap().is_none(), "Helm does not wait: {}", self.told());
    }

    async fn end(mut self) -> Told {
        let ended = self.child.wait().await.unwrap();
        if ended.success() { Ok(self.told()) } else { Err(self.told()) }
    }
}

/// A release that fails at once: its name, what it declares, the reason of `Ready`, and what the message must have.
type Failing = (&'static str, Value, &'static str, &'static [&'static str]);

/// Helm fails before its time is over, in the words of `Ready`; `kubectl wait` ends for who waits for `Stalled`.
async fn fails_at_once(team: &Team<'_>, (name, spec, reason, says): Failing) {
    let told = team.declare(name, &spec, &LONG).await.unwrap_err();
    let stored = team.stage.read(name).await;
    assert_eq!(ready(&stored).1, reason, "{name}: {told}");
    assert!(!told.contains(OVER), "{name}: {told}");
    let message = condition(&stored, "Ready").unwrap()["message"].as_str().unwrap();
    assert!(told.contains(&format!("status: Failed, message: {message}")), "{message:?} is not in {told}");
    for words in says {
        assert!(told.contains(words), "{name}: {words} is not in {told}");
    }
    assert!(team.kubectl_wait_ends(name, "condition=Stalled", "40s").await, "{name}");
    assert!(!team.kubectl_wait_ends(name, "condition=Ready", "1s").await, "{name}");
}

/// A tenant that is off and seen to be, and that nobody but a person can turn on.
fn off(members: &Value) -> Value {
    let mut seed = json!({"reporting": ["Endpoint", "CloudApps", "Office365"]});
    json_patch::merge(&mut seed, members);
    tenant(seed)
}

fn signing_in(tenant: &str, fields: &Value) -> Value {
    let mut spec = json!({"tenantId": tenant, "credentials": by_secret()});
    json_patch::merge(&mut spec, fields);
    spec
}

/// With the Secret of this name instead.
fn with_secret(name: &str) -> Value {
    json!({"credentials": {"clientSecret": {"secretRef": {"name": name}}}})
}

#[tokio::test]
async fn what_only_a_person_can_change_fails_at_once_in_the_words_of_ready() {
    let stage = Stage::open("persons").await;
    let [unlicensed, elsewhere, watched, blind, subscription] = [1, 2, 3, 4, 5].map(id);
    let mut reader = application();
    reader["roles"] = json!(["Organization.Read.All"]);
    let seen = json!({"id": subscription, "settings": {"WDATP": true}});
    let seen = json!({"endpointRegion": "EU", "subscriptions": [seen], "workspaces": []});
    for (tenant, members) in [
        (TENANT, json!({})),
        (&unlicensed, json!({"services": [], "licenceState": "Deleted"})),
        (&elsewhere, seen),
        (&watched, json!({})),
        (&blind, json!({"applications": [reader]})),
    ] {
        stage.simulator.seed(tenant, off(&members)).await.unwrap();
    }
    stage.give_secret(SECRET_NAME, SECRET).await;
    stage.give_secret("wrong", "somebody-else-s").await;
    let mut configuration = stage.configuration();
    configuration.broker = None;
    configuration.tenancy.clear();
    let _operator = stage.operator(&configuration).await;
    let twice = json!([{"name": "one", "type": "EndpointIntune"}, {"name": "two", "type": "EndpointIntune"}]);
    let region = json!({"dataLocation": {"region": "US"}, "observation": {"subscriptionId": subscription}});
    let observed = json!({"managementPolicy": "Observe"});
    let rows: [Failing; 9] = [
        ("person", signing_in(TENANT, &json!({})), "ActionRequired", &["Security Administrator", "https://"]),
        ("watched", signing_in(&watched, &observed), "ObserveOnly", &["Observe"]),
        ("spec", signing_in(&id(6), &json!({"integrations": twice})), "InvalidSpec", &["spec.integrations"]),
        ("stranger", json!({"tenantId": id(7)}), "TenantNotAllowed", &[]),
        ("secretless", signing_in(&id(8), &with_secret("nowhere")), "CredentialsMissing", &["nowhere"]),
        ("mistaken", signing_in(&unlicensed, &with_secret("wrong")), "CredentialsInvalid", &["AADSTS7000215"]),
        ("unlicensed", signing_in(&unlicensed, &json!({})), "NotEligible", &[]),
        ("elsewhere", signing_in(&elsewhere, &region), "RegionMismatch", &["EU", "US"]),
        ("blind", signing_in(&blind, &json!({})), "PermissionDenied", &["application permission"]),
    ];
    let team = Team::of(&stage);
    join_all(rows.map(|row| fails_at_once(&team, row))).await;
}

/// A tenant that its broker can turn on.
async fn seed(stage: &Stage, tenant: &str) {
    let members = json!({"services": ["Endpoint", "Identity", "CloudApps"], "automaticRegion": "EU"});
    stage.simulator.seed(tenant, members).await.unwrap();
}

#[tokio::test]
async fn what_the_broker_refuses_fails_at_once_and_is_rolled_back() {
    let stage = Stage::open("refused").await;
    seed(&stage, TENANT).await;
    seed(&stage, &id(1)).await;
    let refusal = json!({"kind": "failBeforeActing", "status": 400, "body": {"description": "no licence qualifies"}});
    let matching = json!({"endpoint": "provision", "tenantId": id(1)});
    stage.simulator.fault(matching, None, refusal).await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    let team = Team::of(&stage);
    let refused: Failing = ("refused", json!({"tenantId": id(1)}), "ProviderRejected", &["no licence qualifies"]);
    fails_at_once(&team, refused).await;

    team.declare("contoso", &json!({"tenantId": TENANT}), &LONG).await.unwrap();
    let before = stage.read("contoso").await;
    let twice = json!([{"name": "one", "type": "EndpointIntune"}, {"name": "two", "type": "EndpointIntune"}]);
    let wrong = json!({"tenantId": TENANT, "integrations": twice});
    let told = team.declare("contoso", &wrong, &["--rollback-on-failure", "--timeout", "3m"]).await.unwrap_err();
    assert!(told.contains("spec.integrations") && !told.contains(OVER), "{told}");
    let back = stage.read("contoso").await;
    assert_eq!(back["spec"], before["spec"], "{told}");
    assert_eq!(ready(&back), ("True", "Enabled"), "Helm ends when what it went back to holds again");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
}

/// Helm and `kubectl wait` look at what is under way, and go on to wait until `cure` lets it end.
async fn is_waited_for(team: &Team<'_>, (name, tenant): (&str, &str), reason: &str, cure: impl AsyncFnOnce(&Stage)) {
    let spec = json!({"tenantId": tenant});
    team.declare(name, &spec, &[]).await.unwrap();
    team.until(name, "Reconciling", reason).await;
    // The first thing that Helm sees is what is under way.
    let mut run = team.begin_to_declare(name, &spec, &LONG);
    run.until_it_has_seen("InProgress").await;
    for what in ["condition=Ready", "condition=Stalled"] {
        assert!(!team.kubectl_wait_ends(name, what, "1s").await, "{name}: {what}");
    }
    run.until_it_has_seen("InProgress").await;
    cure(team.stage).await;
    let told = run.end().await.unwrap();
    assert_eq!(ready(&team.stage.read(name).await), ("True", "Enabled"), "when Helm has ended: {told}");
    assert!(team.kubectl_wait_ends(name, "condition=Ready", "40s").await, "{name}");
}

#[tokio::test]
async fn what_is_under_way_is_waited_for_until_it_is_done() {
    let stage = Stage::open("under-way").await;
    let [waited, polled, retried] = [1, 2, 3].map(id);
    for tenant in [&waited, &polled, &retried] {
        seed(&stage, tenant).await;
    }
    let hold = json!({"endpoint": "provision", "tenantId": waited});
    let hold = stage.simulator.hold(hold, "arrived").await.unwrap();
    stage.simulator.settings(Some(&polled), json!({"mode": {"async": {"polls": 100_000}}})).await.unwrap();
    let trouble = json!({"kind": "failBeforeActing", "status": 503});
    let matching = json!({"endpoint": "provision", "tenantId": retried});
    let trouble = stage.simulator.fault(matching, None, trouble).await.unwrap();
    let mut configuration = stage.configuration();
    (configuration.request_timeout, configuration.maximum_polling) = (120, 600);
    let _operator = stage.operator(&configuration).await;
    let team = Team::of(&stage);
    tokio::join!(
        is_waited_for(&team, ("held", &waited), "Progressing", async |stage| {
            stage.simulator.release(hold, "proceed").await.unwrap();
        }),
        is_waited_for(&team, ("polled", &polled), "Progressing", async |stage| {
            stage.simulator.redirect(&polled, json!({"polls": 0})).await.unwrap();
        }),
        is_waited_for(&team, ("retried", &retried), "ProgressingWithRetry", async |stage| {
            stage.simulator.remove_fault(trouble).await.unwrap();
        }),
    );
}

#[tokio::test]
async fn nothing_ends_before_the_operator_has_looked() {
    let stage = Stage::open("not-looked").await;
    seed(&stage, TENANT).await;
    let (team, enabled) = (Team::of(&stage), json!({"tenantId": TENANT}));
    let told = team.declare("contoso", &enabled, &SHORT).await.unwrap_err();
    assert!(told.contains(OVER) && told.contains("status: InProgress"), "{told}");
    assert!(!team.kubectl_wait_ends("contoso", "condition=Ready", "1s").await);
    let mut run = team.begin_to_declare("contoso", &enabled, &LONG);
    run.until_it_has_seen("InProgress").await;
    let operator = stage.operator(&stage.configuration()).await;
    run.end().await.unwrap();
    assert_eq!(ready(&stage.read("contoso").await), ("True", "Enabled"), "when Helm has ended");

    // The same after an edit, although `Ready` still says what was true before.
    drop(operator);
    let disabled = json!({"tenantId": TENANT, "desiredState": "Disabled"});
    let mut run = team.begin_to_declare("contoso", &disabled, &LONG);
    run.until_it_has_seen("InProgress").await;
    let edited = stage.read("contoso").await;
    assert_eq!(ready(&edited), ("True", "Enabled"));
    assert!(!team.kubectl_wait_ends("contoso", "condition=Ready", "1s").await);
    let generation = format!("jsonpath={{.status.observedGeneration}}={}", edited["metadata"]["generation"]);
    assert!(!team.kubectl_wait_ends("contoso", &generation, "1s").await);
    let _operator = stage.operator(&stage.configuration()).await;
    run.end().await.unwrap();
    assert_eq!(ready(&stage.read("contoso").await), ("True", "Disabled"), "when Helm has ended");
    for what in ["condition=Ready", &generation] {
        assert!(team.kubectl_wait_ends("contoso", what, "40s").await, "{what}");
    }
}

#[tokio::test]
async fn helm_waits_until_the_tenant_is_as_declared_also_after_an_upgrade_and_a_rollback() {
    let stage = Stage::open("helm-waits").await;
    seed(&stage, TENANT).await;
    // The broker takes its time, so that an end before it is seen.
    stage.simulator.settings(None, json!({"mode": {"async": {"polls": 2}}})).await.unwrap();
    let _operator = stage.operator(&stage.configuration()).await;
    let team = Team::of(&stage);
    for state in ["Enabled", "Disabled", "Enabled"] {
        let told = team.declare("contoso", &json!({"tenantId": TENANT, "desiredState": state}), &LONG).await.unwrap();
        assert_eq!(ready(&stage.read("contoso").await), ("True", state), "when Helm has ended: {told}");
    }
    team.helm(&[&["rollback", "contoso", "2"], &LONG[..]].concat()).await.unwrap();
    assert_eq!(ready(&stage.read("contoso").await), ("True", "Disabled"));
}

/// Whoever suspends says so without `--wait`: there is no verdict about the new declaration until it is resumed.
#[tokio::test]
async fn a_suspended_tenant_is_waited_for_in_vain_until_it_is_resumed() {
    let stage = Stage::open("helm-suspends").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let (team, managed) = (Team::of(&stage), json!({"tenantId": TENANT}));
    team.declare("contoso", &managed, &LONG).await.unwrap();
    let suspended = json!({"tenantId": TENANT, "managementPolicy": "Suspend"});
    team.declare("contoso", &suspended, &[]).await.unwrap();
    assert!(team.kubectl_wait_ends("contoso", "condition=Suspended", "40s").await);
    let told = team.declare("contoso", &suspended, &SHORT).await.unwrap_err();
    assert!(told.contains(OVER) && told.contains("status: InProgress"), "{told}");
    for what in ["condition=Ready", "condition=Stalled"] {
        assert!(!team.kubectl_wait_ends("contoso", what, "1s").await, "{what}");
    }
    team.declare("contoso", &managed, &LONG).await.unwrap();
    assert_eq!(ready(&stage.read("contoso").await), ("True", "Enabled"), "when Helm has ended");
}

#[tokio::test]
async fn an_uninstalled_release_is_gone_when_helm_says_so() {
    let stage = Stage::open("helm-uninstalls").await;
    let [retained, declared, undeclared, kept] = [1, 2, 3, 4].map(id);
    for tenant in [&retained, &declared, &undeclared, &kept] {
        seed(&stage, tenant).await;
    }
    let mut configuration = stage.configuration();
    configuration.request_timeout = 120;
    let _operator = stage.operator(&configuration).await;
    let team = Team::of(&stage);
    tokio::join!(
        goes_at_once(&team, &retained),
        is_deprovisioned_first(&team, &declared),
        is_asked_for(&team, &undeclared),
        stays_where_git_says_so(&team, &kept),
    );
}

const ON: &[&str] = &["seeded", "instanceCreated", "turnedOn"];

async fn uninstall(team: &Team<'_>, name: &str, waiting: &[&str]) -> Told {
    team.helm(&[&["uninstall", name], waiting].concat()).await
}

async fn goes_at_once(team: &Team<'_>, tenant: &str) {
    team.declare("retained", &json!({"tenantId": tenant}), &LONG).await.unwrap();
    uninstall(team, "retained", &LONG).await.unwrap();
    assert!(team.stage.read("retained").await.is_null());
    assert_eq!(team.stage.simulator.effects(tenant).await.unwrap(), ON);
}

async fn is_deprovisioned_first(team: &Team<'_>, tenant: &str) {
    let simulator = &team.stage.simulator;
    let mut spec = json!({"tenantId": tenant, "deletionPolicy": "Deprovision"});
    team.declare("declared", &spec, &LONG).await.unwrap();
    let hold = json!({"endpoint": "deprovision", "tenantId": tenant});
    let hold = simulator.hold(hold, "arrived").await.unwrap();
    json_patch::merge(&mut spec, &json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": tenant}));
    team.declare("declared", &spec, &[]).await.unwrap();
    assert_eq!(simulator.wait_hold(hold, PATIENCE).await.unwrap()["reached"], true);
    let mut run = team.begin(&[&["uninstall", "declared"], &LONG[..]].concat());
    run.until_it_has_seen("Terminating").await;
    assert!(!team.kubectl_wait_ends("declared", "delete", "1s").await);
    run.until_it_has_seen("Terminating").await;
    simulator.release(hold, "proceed").await.unwrap();
    run.end().await.unwrap();
    assert!(team.stage.read("declared").await.is_null(), "when Helm has ended");
    assert_eq!(simulator.effects(tenant).await.unwrap(), FINALIZED);
}

/// Helm has forgotten the release by then, so that what was not declared before is declared with kubectl.
async fn is_asked_for(team: &Team<'_>, tenant: &str) {
    let name = "undeclared";
    let spec = json!({"tenantId": tenant, "deletionPolicy": "Deprovision"});
    team.declare(name, &spec, &LONG).await.unwrap();
    let told = uninstall(team, name, &SHORT).await.unwrap_err();
    assert!(told.contains(OVER) && told.contains("still exists. status: Terminating"), "{told}");
    let told = uninstall(team, name, &LONG).await.unwrap_err();
    assert!(told.contains("release: not found"), "{told}");
    team.until(name, "Ready", "DeprovisionNotDeclared").await;
    assert!(team.kubectl_wait_ends(name, "condition=Stalled", "40s").await);
    assert_eq!(team.stage.simulator.effects(tenant).await.unwrap(), ON);
    let declared = json!({"spec": {"desiredState": "Deprovisioned", "deprovisionConfirmation": tenant}}).to_string();
    let resource = format!("tpt/{name}");
    let patch = ["patch", &resource, "--type=merge", "--patch", &declared, "--namespace", &team.stage.namespace];
    assert!(team.stage.plane.kubectl(&patch).await.unwrap().status.success());
    assert!(team.kubectl_wait_ends(name, "delete", "40s").await);
    assert_eq!(team.stage.simulator.effects(tenant).await.unwrap(), FINALIZED);
}

/// As the samples are annotated.
async fn stays_where_git_says_so(team: &Team<'_>, tenant: &str) {
    let kept = r#"annotations={"helm.sh/resource-policy": "keep"}"#;
    let keep = [&["--set-json", kept], &LONG[..]].concat();
    team.declare("kept", &json!({"tenantId": tenant}), &keep).await.unwrap();
    uninstall(team, "kept", &LONG).await.unwrap();
    let stored = team.stage.read("kept").await;
    assert_eq!(ready(&stored), ("True", "Enabled"));
    assert!(stored["metadata"]["deletionTimestamp"].is_null(), "{stored:#}");
}
