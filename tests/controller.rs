//! Does the controller do what the resource says, on a real API server, with no more than its shipped permissions?
//!
//! The outside world is a double: it shows one service instance a tenant and does as it is told.
#![expect(clippy::indexing_slicing, reason = "indexing a JSON value that is not there gives null, and the test fails")]

mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use threat_protection_operator::api::{CRD_NAME, FINALIZER, ThreatProtectionTenant};
use threat_protection_operator::controller::{self, InForce, Instruments, LeadershipLost, Settings};
use threat_protection_operator::plan::microsoft::Microsoft;
use threat_protection_operator::plan::observed::{Instance, InstanceParameters, Observed};
use threat_protection_operator::plan::ownership::{Grants, Tenancy};
use threat_protection_operator::plan::reading::Reading;
use threat_protection_operator::plan::situation::Capabilities;
use threat_protection_operator::plan::step::{BrokerCall, Outcome};
use threat_protection_operator::remote::credentials::OwnIdentity;
use threat_protection_operator::remote::{Act, Execute, Glance, Look, Observe};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncGuard};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use support::control_plane::{Access, AuditEntry, Credential, shared};

type TestResult = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(30);
const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
const OTHER: &str = "11111111-2222-4333-8444-555555555555";
const ACCOUNT: &str = "system:serviceaccount:operator:threat-protection-operator";

/// Each test runs an operator of its own over the whole cluster, so there is one at a time.
static TURN: AsyncMutex<()> = AsyncMutex::const_new(());

/// The outside world.
struct World {
    admin: Client,
    instance: Mutex<Instance>,
    answer: Outcome,
    /// Somebody labels the resource while a step is under way.
    meddles: bool,
    looks: AtomicUsize,
    sent: Mutex<Vec<(BrokerCall, Value)>>,
}

impl World {
    fn new(admin: Client) -> Self {
        Self {
            admin,
            instance: Mutex::new(Instance::Absent),
            answer: Outcome::Done,
            meddles: false,
            looks: AtomicUsize::new(0),
            sent: Mutex::default(),
        }
    }

    fn calls(&self) -> Vec<BrokerCall> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(call, _)| *call).collect()
    }

    /// The resource as it was when its last step was sent.
    fn seen(&self) -> Value {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.last().map(|(_, resource)| resource.clone()).unwrap_or_default()
    }
}

impl Observe for World {
    async fn glance(&self, _: &Glance, known: &Microsoft) -> Microsoft {
        known.clone()
    }

    async fn observe(&self, _: &Look) -> Observed {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Observed { instance: Reading::claimed(instance), is_retrievable: true, ..Observed::nothing() }
    }
}

impl Execute for World {
    async fn execute(&self, act: &Act) -> Outcome {
        let Act::Broker(order) = act else { unreachable!("only a broker is configured: {act:?}") };
        let resources: Api<DynamicObject> = raw(&self.admin, &order.caller.namespace);
        let resource = resources.get(&order.caller.name).await;
        let seen = resource.ok().and_then(|resource| serde_json::to_value(resource).ok()).unwrap_or_default();
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push((order.request.call, seen));
        if self.meddles {
            let label = json!({"metadata": {"labels": {"somebody": "was-here"}}});
            let meddled = resources.patch(&order.caller.name, &PatchParams::default(), &Patch::Merge(label)).await;
            assert!(meddled.is_ok(), "{meddled:?}");
        }
        let parameters = &order.request.parameters;
        *self.instance.lock().unwrap_or_else(PoisonError::into_inner) = match (&self.answer, order.request.call) {
            (Outcome::Done, BrokerCall::Deprovision) => Instance::Absent,
            _ => Instance::Present {
                parameters: Some(InstanceParameters {
                    tenant: Some(order.request.tenant),
                    region: parameters.region,
                    state: parameters.state,
                    integrations: parameters.integrations.clone(),
                }),
            },
        };
        self.answer.clone()
    }
}

/// A running operator, and what a test needs beside it.
struct Stage {
    admin: Client,
    namespace: &'static str,
    world: Arc<World>,
    shutdown: CancellationToken,
    operator: JoinHandle<Result<(), LeadershipLost>>,
    _turn: AsyncGuard<'static, ()>,
}

impl Stage {
    async fn set(namespace: &'static str, world: impl FnOnce(World) -> World) -> Result<Self, Box<dyn Error>> {
        let turn = TURN.lock().await;
        let admin = shared().client().await?;
        prepare(&admin, namespace).await?;
        let world = Arc::new(world(World::new(admin.clone())));
        let token = shared().service_account_token("operator", "threat-protection-operator").await?;
        let client = shared().client_for(&Access { credential: Credential::Token(token), ..Access::default() }).await?;
        let shutdown = CancellationToken::new();
        assert!(controller::wait_until_served(&client, None, &shutdown).await);
        let in_force = InForce::new(Arc::clone(&world), settings(namespace)?);
        let operator =
            tokio::spawn(controller::run(client, in_force, (None, Instruments::default()), shutdown.clone(), || ()));
        Ok(Self { admin, namespace, world, shutdown, operator, _turn: turn })
    }

    fn resources(&self) -> Api<DynamicObject> {
        raw(&self.admin, self.namespace)
    }

    async fn create(&self, name: &str, spec: Value) -> TestResult {
        let resource = json!({
            "apiVersion": "threatprotection.dev/v1alpha1",
            "kind": "ThreatProtectionTenant",
            "metadata": {"name": name},
            "spec": spec,
        });
        self.resources().create(&PostParams::default(), &serde_json::from_value(resource)?).await?;
        Ok(())
    }

    /// Waits until the reason of `Ready` is this one, and gives the resource as it then is.
    async fn until_ready(&self, name: &str, reason: &str) -> Result<Value, Box<dyn Error>> {
        let started = Instant::now();
        loop {
            let resource = serde_json::to_value(self.resources().get(name).await?)?;
            if condition(&resource, "Ready")["reason"] == reason {
                return Ok(resource);
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("never {reason}: {resource:#}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the operator asked of the API server about this namespace, but for its watch. One more request is made and
    /// awaited first, so that nothing is missing.
    async fn requests(&self, marker: &str) -> Result<Vec<AuditEntry>, Box<dyn Error>> {
        let missing = self.resources().get_opt(marker).await?;
        assert!(missing.is_none());
        let started = Instant::now();
        loop {
            let entries = shared().audit()?;
            if entries.iter().any(|entry| entry.namespace == self.namespace && entry.name == marker) {
                return Ok(entries
                    .into_iter()
                    .filter(|entry| entry.user == ACCOUNT && entry.namespace == self.namespace)
                    .collect());
            }
            assert!(started.elapsed() < PATIENCE, "the marker never reached the audit log");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the operator and removes what the test left.
    async fn clear(self) -> TestResult {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(12), self.operator).await???;
        let resources: Api<DynamicObject> = raw(&self.admin, self.namespace);
        for resource in resources.list(&ListParams::default()).await? {
            let free = json!({"metadata": {"finalizers": null}});
            resources.patch(&resource.name_any(), &PatchParams::default(), &Patch::Merge(free)).await?;
            resources.delete(&resource.name_any(), &kube::api::DeleteParams::default()).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_tenant_is_enabled_with_two_writes_and_then_left_alone() -> TestResult {
    let stage = Stage::set("enabling", |world| world).await?;
    stage.create("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "EU"}})).await?;
    let resource = stage.until_ready("contoso", "Enabled").await?;
    assert_eq!(condition(&resource, "Ready")["status"], "True", "{resource:#}");
    assert_eq!(stage.world.calls(), [BrokerCall::Provision]);
    let seen = stage.world.seen();
    assert_eq!(seen["status"]["operation"]["step"], "Enable", "the intent was there before the request left: {seen:#}");
    assert_eq!(seen["status"]["dataLocation"]["region"], "EU", "and so was the pin");
    let looks = stage.world.looks.load(Ordering::SeqCst);
    assert_eq!(looks, 2, "one look before the step and one after it");

    tokio::time::sleep(Duration::from_secs(2)).await;
    let requests = stage.requests("after-enabling").await?;
    let count = |what: &dyn Fn(&AuditEntry) -> bool| requests.iter().filter(|entry| what(entry)).count();
    assert_eq!(count(&|entry| entry.subresource == "status"), 2, "intent and result: {requests:#?}");
    assert_eq!(count(&|entry| entry.resource == "threatprotectiontenants" && entry.subresource.is_empty()), 0);
    assert!(count(&|entry| entry.resource == "events") <= 2, "{requests:#?}");
    assert!(requests.iter().all(|entry| entry.response_code.is_some_and(|code| code < 300)), "{requests:#?}");
    assert_eq!(stage.world.looks.load(Ordering::SeqCst), looks, "our own writes cause no other pass");
    let events: Api<Event> = Api::namespaced(stage.admin.clone(), "enabling");
    let mut reasons: Vec<_> =
        events.list(&ListParams::default()).await?.into_iter().filter_map(|event| event.reason).collect();
    reasons.sort();
    assert_eq!(reasons, ["Enabled", "StepDone"]);
    stage.clear().await
}

#[tokio::test]
async fn a_held_deletion_waits_for_the_declaration_and_goes_once_absence_is_proven() -> TestResult {
    let stage = Stage::set("deleting", |world| world).await?;
    stage.create("contoso", json!({"tenantId": TENANT, "deletionPolicy": "Deprovision"})).await?;
    stage.until_ready("contoso", "Enabled").await?;
    let seen = stage.world.seen();
    assert_eq!(seen["metadata"]["finalizers"], json!([FINALIZER]), "held before anything was sent");
    stage.resources().delete("contoso", &kube::api::DeleteParams::default()).await?;
    stage.until_ready("contoso", "DeprovisionNotDeclared").await?;
    assert_eq!(stage.world.calls(), [BrokerCall::Provision], "a deletion destroys nothing by itself");

    let declared = json!({"spec": {"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT}});
    stage.resources().patch("contoso", &PatchParams::default(), &Patch::Merge(declared)).await?;
    until("the resource is gone", async || stage.resources().get_opt("contoso").await.is_ok_and(|gone| gone.is_none()))
        .await?;
    assert_eq!(stage.world.calls(), [BrokerCall::Provision, BrokerCall::Deprovision]);
    let requests = stage.requests("after-deleting").await?;
    let reads = requests.iter().filter(|entry| entry.verb == "get" && entry.resource == "threatprotectiontenants");
    assert!(reads.count() >= 1, "the declaration was read uncached");
    stage.clear().await
}

#[tokio::test]
async fn a_handle_is_kept_although_somebody_touches_the_resource_meanwhile() -> TestResult {
    let handle =
        Outcome::InProgress { handle: Some("h-1".to_owned()), poll_after: Some(SignedDuration::from_hours(1)) };
    let stage = Stage::set("meddling", |world| World { answer: handle, meddles: true, ..world }).await?;
    stage.create("contoso", json!({"tenantId": TENANT})).await?;
    until("the handle is written", async || {
        let resource = stage.resources().get("contoso").await;
        resource.is_ok_and(|resource| resource.data["status"]["operation"]["handle"] == "h-1")
    })
    .await?;
    assert_eq!(stage.world.calls(), [BrokerCall::Provision]);
    let requests = stage.requests("after-meddling").await?;
    let refused = requests.iter().filter(|entry| entry.subresource == "status" && entry.response_code == Some(409));
    assert_eq!(refused.count(), 1, "the stale write was refused first: {requests:#?}");
    stage.clear().await
}

#[tokio::test]
async fn a_resource_that_cannot_be_read_says_why_and_stalls_nobody() -> TestResult {
    let stage = Stage::set("unreadable", |world| world).await?;
    apply_definition(&stage.admin, true).await?;
    until("an unknown cloud is accepted", async || {
        stage.create("strange", json!({"tenantId": OTHER, "cloud": "Weird"})).await.is_ok()
    })
    .await?;
    apply_definition(&stage.admin, false).await?;
    let strange = stage.until_ready("strange", "InvalidSpec").await?;
    let message = condition(&strange, "Ready")["message"].as_str().unwrap_or_default();
    assert!(message.contains("spec.cloud") && message.contains("Weird"), "{message}");
    assert_eq!(condition(&strange, "Stalled")["status"], "True");
    stage.create("contoso", json!({"tenantId": TENANT})).await?;
    stage.until_ready("contoso", "Enabled").await?;
    stage.clear().await
}

#[tokio::test]
async fn a_pass_that_fails_says_so_in_an_event_and_goes_on_when_it_can() -> TestResult {
    let stage = Stage::set("failing", |world| world).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(stage.admin.clone());
    let conditions = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/conditions/maxItems";
    let older = json!([{"op": "replace", "path": conditions, "value": 1}]);
    let older: Patch<()> = Patch::Json(serde_json::from_value(older)?);
    definitions.patch(CRD_NAME, &PatchParams::default(), &older).await?;
    // The schema that is served follows a moment after the one that is stored.
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.create("contoso", json!({"tenantId": TENANT, "managementPolicy": "Observe"})).await?;
    let events: Api<Event> = Api::namespaced(stage.admin.clone(), "failing");
    until("the fault is told", async || {
        let listed = events.list(&ListParams::default()).await;
        listed.is_ok_and(|listed| listed.into_iter().any(|event| event.reason.as_deref() == Some("Internal")))
    })
    .await?;
    let told = events.list(&ListParams::default()).await?.into_iter().find_map(|event| event.note).unwrap_or_default();
    assert!(told.contains("cannot write the status") && told.contains("conditions"), "{told}");
    apply_definition(&stage.admin, false).await?;
    stage.until_ready("contoso", "ObserveOnly").await?;
    stage.clear().await
}

#[tokio::test]
async fn only_the_older_of_two_acts_and_the_younger_follows_when_it_goes() -> TestResult {
    let stage = Stage::set("twice", |world| world).await?;
    stage.create("elder", json!({"tenantId": TENANT})).await?;
    stage.until_ready("elder", "Enabled").await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let looks = stage.world.looks.load(Ordering::SeqCst);
    stage.create("younger", json!({"tenantId": TENANT})).await?;
    let younger = stage.until_ready("younger", "DuplicateTenant").await?;
    assert_eq!(condition(&younger, "Stalled")["status"], "True");
    assert_eq!(stage.world.looks.load(Ordering::SeqCst), looks, "nothing is asked for the younger");
    stage.clear().await
}

fn condition<'a>(resource: &'a Value, kind: &str) -> &'a Value {
    let conditions = resource["status"]["conditions"].as_array().map_or([].as_slice(), Vec::as_slice);
    conditions.iter().find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

fn raw(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kube::api::ApiResource::erase::<ThreatProtectionTenant>(&()))
}

fn settings(namespace: &str) -> Result<Settings, Box<dyn Error>> {
    let tenants = BTreeMap::from([(TENANT.parse()?, true), (OTHER.parse()?, true)]);
    let seconds = SignedDuration::from_secs;
    Ok(Settings {
        own_identity: OwnIdentity::default(),
        tenancy: Tenancy::new(BTreeMap::from([(namespace.to_owned(), Grants { any: None, tenants })])),
        capabilities: Capabilities {
            has_broker: true,
            claim_grace: seconds(3600),
            operation_deadline: seconds(3600),
            resync: (seconds(300), seconds(86_400)),
            poll: seconds(1),
            retry: (seconds(1), seconds(300)),
            slow_probe: seconds(600),
        },
        concurrency: 4,
        namespace: None,
    })
}

async fn prepare(admin: &Client, namespace: &str) -> TestResult {
    apply_definition(admin, false).await?;
    for name in ["operator", namespace] {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        Api::<Namespace>::all(admin.clone()).patch(name, &PatchParams::apply("test"), &Patch::Apply(body)).await?;
    }
    let manifest = include_str!("../deploy/base/rbac.yaml");
    let manifest = manifest.replace(
        "  - kind: ServiceAccount\n    name: threat-protection-operator",
        "  - kind: ServiceAccount\n    name: threat-protection-operator\n    namespace: operator",
    );
    let applied =
        shared().kubectl_with_input(&["apply", "--server-side", "--namespace=operator", "-f", "-"], &manifest).await?;
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    Ok(())
}

/// Applies the committed definition; with `lenient`, any text is a cloud.
async fn apply_definition(admin: &Client, lenient: bool) -> TestResult {
    let mut definition: Value = serde_yaml::from_str(include_str!("../crds/threatprotectiontenants.yaml"))?;
    if lenient {
        let spec = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        spec["properties"]["cloud"] = json!({"type": "string", "default": "Public", "maxLength": 16});
    }
    let definitions: Api<DynamicObject> = Api::all_with(
        admin.clone(),
        &kube::api::ApiResource::erase::<
            k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
        >(&()),
    );
    let name = "threatprotectiontenants.threatprotection.dev";
    definitions.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(definition)).await?;
    Ok(())
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) -> TestResult {
    let started = Instant::now();
    while !holds().await {
        if started.elapsed() > PATIENCE {
            return Err(format!("{what}: not within {} s", PATIENCE.as_secs()).into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
