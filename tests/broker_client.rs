//! Do the client of the service broker and the simulated broker, both written from the specification, understand each
//! other over TLS?
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails, and may look at the clock"
)]

#[path = "support/simulator.rs"]
mod simulator;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use simulator::Simulator;
use tempfile::TempDir;
use threat_protection_operator::api::{DesiredState, Operation, OperationParameters, StepName};
use threat_protection_operator::plan::failure::ErrorClass;
use threat_protection_operator::plan::observed::{Instance, Observed, Progress};
use threat_protection_operator::plan::reading::Why;
use threat_protection_operator::plan::step::{BrokerCall, BrokerRequest, Outcome};
use threat_protection_operator::remote::broker::{Broker, BrokerAuth, BrokerHealth, BrokerSettings, OperatorIdentity};
use threat_protection_operator::remote::{Caller, Order, Question};
use threat_protection_operator::simulator::server::{Options, Running, start};
use threat_protection_operator::tenant::{Cloud, Experience, IntegrationType, LinkState, Region, TenantId};

const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";

struct Stage {
    control: Simulator,
    broker: Broker,
    _running: Running,
    _folder: TempDir,
}

impl Stage {
    async fn new(settings: serde_json::Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loopback = "127.0.0.1:0".parse().unwrap();
        let options = Options {
            state: folder.path().join("state.json"),
            listen: loopback,
            control: loopback,
            allow_non_loopback: false,
            sans: Vec::new(),
            username: "operator".to_owned(),
            password: "secret".to_owned(),
            tenants: Vec::new(),
        };
        let running = start(options).await.unwrap();
        let control = Simulator::new(&running.control_url);
        let members = json!({ "services": ["Endpoint"], "roles": ["SecurityAdministrator"] });
        control.seed(TENANT, members).await.unwrap();
        control.settings(None, settings).await.unwrap();
        let broker = Broker::new(BrokerSettings {
            url: running.broker_url.parse().unwrap(),
            auth: BrokerAuth::Basic { username: "operator".to_owned(), password: "secret".into() },
            ca_bundle: Some(std::fs::read(&running.ca_file).unwrap()),
            offering: "microsoft-threat-protection".to_owned(),
            plan: "standard".to_owned(),
            cluster_id: "cluster-1".to_owned(),
            operator: OperatorIdentity::default(),
            request_timeout: Duration::from_secs(5),
        })
        .unwrap();
        Self { control, broker, _running: running, _folder: folder }
    }

    async fn observe(&self, operation: Option<Operation>) -> Observed {
        self.broker.observe(&Question { caller: caller(), tenant: tenant(), operation, now: Timestamp::now() }).await
    }

    async fn execute(&self, call: BrokerCall, parameters: OperationParameters) -> Outcome {
        let request = BrokerRequest { tenant: tenant(), call, parameters };
        self.broker.execute(&Order { caller: caller(), request, now: Timestamp::now() }).await
    }
}

fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

fn caller() -> Caller {
    Caller { namespace: "security".to_owned(), name: "contoso".to_owned(), uid: "uid-1".to_owned() }
}

fn enabled() -> OperationParameters {
    OperationParameters {
        tenant_id: Some(TENANT.to_owned()),
        cloud: Some(Cloud::Public),
        experience: Some(Experience::DefenderPortal),
        region: Some(Region::EU),
        state: Some(DesiredState::Enabled),
        ..OperationParameters::default()
    }
}

fn operation(step: StepName, accepted: Option<&Option<String>>) -> Operation {
    let now = Timestamp::now();
    Operation {
        step,
        id: tenant().service_instance_id().to_string(),
        handle: accepted.cloned().flatten(),
        parameters: enabled(),
        start_time: Time(now),
        accept_time: accepted.map(|_| Time(now)),
        deadline_time: Time(now + SignedDuration::from_hours(1)),
        end_time: None,
        result: None,
        message: None,
    }
}

fn state(observed: &Observed) -> Option<DesiredState> {
    match observed.instance.value() {
        Some(Instance::Present { parameters: Some(parameters) }) => parameters.state,
        _ => None,
    }
}

#[tokio::test]
async fn the_life_of_an_instance_at_once() {
    let stage = Stage::new(json!({})).await;
    let before = stage.observe(None).await;
    assert_eq!((before.instance.value(), before.failure), (Some(&Instance::Absent), None));
    assert_eq!(stage.execute(BrokerCall::Provision, enabled()).await, Outcome::Done);
    assert_eq!(stage.execute(BrokerCall::Provision, enabled()).await, Outcome::Done, "the same request again");
    let observed = stage.observe(None).await;
    let Some(Instance::Present { parameters: Some(shown) }) = observed.instance.value() else { panic!("{observed:?}") };
    assert_eq!((shown.tenant, shown.region), (Some(tenant()), Some(Region::EU)));
    assert_eq!(shown.state, Some(DesiredState::Enabled));

    let mut link = OperationParameters::default();
    link.integrations.insert(IntegrationType::EndpointIntune, LinkState::Linked);
    assert_eq!(stage.execute(BrokerCall::Update, link).await, Outcome::Done);
    let observed = stage.observe(None).await;
    let Some(Instance::Present { parameters: Some(shown) }) = observed.instance.value() else { panic!("{observed:?}") };
    assert_eq!(shown.integrations.get(&IntegrationType::EndpointIntune), Some(&LinkState::Linked));

    let nothing = OperationParameters::default();
    assert_eq!(stage.execute(BrokerCall::Deprovision, nothing.clone()).await, Outcome::Done);
    assert_eq!(stage.execute(BrokerCall::Deprovision, nothing).await, Outcome::Done, "gone already");
    assert_eq!(stage.observe(None).await.instance.value(), Some(&Instance::Absent));
    assert_eq!(stage.broker.health(), BrokerHealth::Ok);
}

#[tokio::test]
async fn the_life_of_an_instance_step_by_step() {
    let stage = Stage::new(json!({ "mode": { "async": { "polls": 2 } } })).await;
    for (call, step) in [(BrokerCall::Provision, StepName::Enable), (BrokerCall::Deprovision, StepName::Deprovision)] {
        let parameters = if call == BrokerCall::Provision { enabled() } else { OperationParameters::default() };
        let outcome = stage.execute(call, parameters).await;
        let Outcome::InProgress { handle, .. } = outcome else { panic!("{outcome:?}") };
        let pending = Some(operation(step, Some(&handle)));
        let mut looks = 0;
        let ended = loop {
            let observed = stage.observe(pending.clone()).await;
            assert_eq!(observed.failure, None);
            looks += 1;
            match observed.progress {
                Some(Progress::InProgress { .. }) if looks < 10 => {}
                _ => break observed,
            }
        };
        assert_eq!(ended.progress, Some(Progress::Succeeded), "{ended:?}");
        assert!(looks > 1, "it was asynchronous");
        assert_eq!(state(&ended).is_some(), call == BrokerCall::Provision, "{ended:?}");
    }
}

#[tokio::test]
async fn an_operation_that_fails_tells_why() {
    let stage = Stage::new(json!({ "mode": { "async": { "polls": 1 } } })).await;
    let fault = json!({ "kind": "operationFails", "description": "no seat left" });
    stage.control.fault(json!({ "method": "PUT" }), Some(1), fault).await.unwrap();
    let outcome = stage.execute(BrokerCall::Provision, enabled()).await;
    let Outcome::InProgress { handle, .. } = outcome else { panic!("{outcome:?}") };
    let pending = operation(StepName::Enable, Some(&handle));
    let mut observed = stage.observe(Some(pending.clone())).await;
    if matches!(observed.progress, Some(Progress::InProgress { .. })) {
        observed = stage.observe(Some(pending)).await;
    }
    let Some(Progress::Failed { description, .. }) = observed.progress else { panic!("{observed:?}") };
    assert!(description.contains("no seat left"), "{description}");
}

#[tokio::test]
async fn every_malformed_answer_leaves_the_outcome_open() {
    for shape in ["html", "empty", "cut", "wrongShape", "oversize"] {
        let stage = Stage::new(json!({})).await;
        let fault = json!({ "kind": "malformed", "shape": shape, "acted": true });
        stage.control.fault(json!({ "method": "PUT" }), Some(1), fault).await.unwrap();
        let outcome = stage.execute(BrokerCall::Provision, enabled()).await;
        let Outcome::Refused(failure) = outcome else { panic!("{shape}: {outcome:?}") };
        assert!(failure.class.leaves_outcome_unknown(), "{shape}: {failure}");
        // What was done all the same is found by looking.
        let observed = stage.observe(Some(operation(StepName::Enable, None))).await;
        assert_eq!(state(&observed), Some(DesiredState::Enabled), "{shape}: {observed:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_by_looking() {
    let stage = Stage::new(json!({ "mode": { "async": { "polls": 3 } } })).await;
    stage.control.fault(json!({ "method": "PUT" }), Some(1), json!({ "kind": "loseAnswer" })).await.unwrap();
    let outcome = stage.execute(BrokerCall::Provision, enabled()).await;
    let Outcome::Refused(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.class, ErrorClass::Transient, "{failure}");
    let observed = stage.observe(Some(operation(StepName::Enable, None))).await;
    assert!(matches!(observed.progress, Some(Progress::InProgress { .. })), "{observed:?}");
    assert_eq!(observed.instance.why(), Some(Why::NotAsked));
    // Sent again, the same request is the same operation.
    let outcome = stage.execute(BrokerCall::Provision, enabled()).await;
    assert!(matches!(outcome, Outcome::InProgress { .. }), "{outcome:?}");
}

#[tokio::test]
async fn another_region_is_a_conflict_and_the_same_one_is_adopted() {
    let stage = Stage::new(json!({})).await;
    stage.execute(BrokerCall::Provision, enabled()).await;
    let elsewhere = OperationParameters { region: Some(Region::US), ..enabled() };
    let outcome = stage.execute(BrokerCall::Provision, elsewhere).await;
    let Outcome::Refused(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.class, ErrorClass::Invalid);
    assert!(failure.message.contains("its region is EU, not US"), "{failure}");
    let other_attributes = OperationParameters { region: None, ..enabled() };
    assert_eq!(stage.execute(BrokerCall::Provision, other_attributes).await, Outcome::Done);
}

#[tokio::test]
async fn a_tenant_that_cannot_have_it_is_refused_in_the_brokers_words() {
    let stage = Stage::new(json!({})).await;
    let bare = json!({ "services": [], "roles": [] });
    stage.control.seed(TENANT, bare).await.unwrap();
    let outcome = stage.execute(BrokerCall::Provision, enabled()).await;
    let Outcome::Refused(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.class, ErrorClass::Invalid, "{failure}");
    assert!(failure.message.contains("it says"), "{failure}");
}
