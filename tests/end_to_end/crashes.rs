//! The operator is killed in the middle of a request, at instants that are known, and started again.
//!
//! Whatever the instant: each effect on the tenant happens once, and its region is the one that was pinned.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::TENANT;
use crate::judges::{assert_settled, gone, held, seed, slow_broker, until};
use crate::support::proxy::Proxy;
use crate::support::stage::{Configuration, Operator, Stage};

const ENABLED: &[&str] = &["seeded", "instanceCreated", "turnedOn"];
const DISABLED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "turnedOff"];
const LINKED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "linked"];
const DEPROVISIONED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "deprovisioned", "instanceDeleted"];

/// Which request is under way when the operator dies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    Enable,
    Disable,
    Link,
    Deprovision,
}

impl Request {
    const fn endpoint(self) -> &'static str {
        match self {
            Self::Enable => "provision",
            Self::Disable | Self::Link => "update",
            Self::Deprovision => "deprovision",
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Enable => "PUT",
            Self::Disable | Self::Link => "PATCH",
            Self::Deprovision => "DELETE",
        }
    }

    /// The step of the intent that is written first; the other changes are absolute and repeatable.
    const fn intent(self) -> Option<&'static str> {
        match self {
            Self::Enable => Some("Enable"),
            Self::Disable | Self::Link => None,
            Self::Deprovision => Some("Deprovision"),
        }
    }

    /// The whole life of the tenant, in the end.
    const fn effects(self) -> &'static [&'static str] {
        match self {
            Self::Enable => ENABLED,
            Self::Disable => DISABLED,
            Self::Link => LINKED,
            Self::Deprovision => DEPROVISIONED,
        }
    }

    /// What is edited while no operator runs, so that the request is the next thing to do.
    fn edit(self) -> Option<Value> {
        match self {
            Self::Enable => None,
            Self::Disable => Some(json!({"desiredState": "Disabled"})),
            Self::Link => Some(json!({"integrations": [{"name": "intune", "type": "EndpointIntune"}]})),
            Self::Deprovision => Some(confirmed()),
        }
    }
}

/// How the broker works.
#[derive(Clone, Copy)]
enum Broker {
    AtOnce,
    Slow,
}

/// A stage on which `request` is the next thing that the operator does.
struct Scene {
    stage: Stage,
    request: Request,
}

impl Scene {
    async fn set(name: &str, request: Request, broker: Broker) -> Self {
        let stage = Stage::open(name).await;
        seed(&stage, TENANT).await;
        if matches!(broker, Broker::Slow) {
            stage.simulator.settings(None, slow_broker()).await.unwrap();
        }
        if let Some(edit) = request.edit() {
            let operator = stage.operator(&stage.configuration()).await;
            stage.apply("contoso", Self::spec(request)).await.unwrap();
            stage.until_current("contoso").await;
            drop(operator);
            stage.edit("contoso", edit).await.unwrap();
        }
        if request == Request::Deprovision {
            stage.resources().delete("contoso", &kube::api::DeleteParams::default()).await.unwrap();
        }
        Self { stage, request }
    }

    fn spec(request: Request) -> Value {
        let policy = if request == Request::Deprovision { "Deprovision" } else { "Retain" };
        json!({"tenantId": TENANT, "dataLocation": {"region": "US"}, "deletionPolicy": policy})
    }

    /// Starts the operator, and gives it something to do.
    async fn begin(&self, configuration: &Configuration, server: Option<SocketAddr>) -> Operator {
        let operator = self.stage.operator_behind(configuration, server).await;
        if self.request == Request::Enable {
            self.stage.apply("contoso", Self::spec(self.request)).await.unwrap();
        }
        operator
    }

    async fn hold(&self, endpoint: &str, point: &str) -> u64 {
        self.stage.simulator.hold(json!({"endpoint": endpoint}), point).await.unwrap()
    }

    async fn release(&self, hold: u64) {
        self.stage.simulator.release(hold, "proceed").await.unwrap();
    }

    async fn effects(&self) -> Vec<String> {
        self.stage.simulator.effects(TENANT).await.unwrap()
    }

    /// What the operator had written down before the request could reach anybody, where it writes that down.
    async fn assert_intent_is_stored(&self) {
        let resource = self.stage.read("contoso").await;
        let operation = &resource["status"]["operation"];
        let Some(step) = self.request.intent() else { return };
        assert_eq!(operation["step"], step, "{resource:#}");
        assert!(operation["acceptTime"].is_null() && operation["endTime"].is_null(), "{operation:#}");
        assert_eq!(resource["status"]["dataLocation"]["region"], "US");
    }

    /// A new operator brings it to its end, and nothing happens twice.
    async fn assert_ends_well(&self) -> Operator {
        let operator = self.stage.operator(&self.stage.configuration()).await;
        if self.request == Request::Deprovision {
            gone(&self.stage, "contoso").await;
        } else {
            let resource = self.stage.until_current("contoso").await;
            assert_eq!(resource["status"]["dataLocation"]["region"], "US");
            assert!(resource["status"]["operation"].is_null(), "{resource:#}");
        }
        assert_eq!(self.effects().await, self.request.effects());
        operator
    }
}

fn confirmed() -> Value {
    json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT})
}

/// Every request with every broker.
async fn with_each<Play: Future<Output = ()>>(play: impl Fn(Request, Broker) -> Play) {
    let play = |request, broker| Box::pin(play(request, broker));
    tokio::join!(
        play(Request::Enable, Broker::AtOnce),
        play(Request::Enable, Broker::Slow),
        play(Request::Disable, Broker::AtOnce),
        play(Request::Disable, Broker::Slow),
        play(Request::Link, Broker::AtOnce),
        play(Request::Link, Broker::Slow),
        play(Request::Deprovision, Broker::AtOnce),
        play(Request::Deprovision, Broker::Slow),
    );
}

#[tokio::test]
async fn killed_after_the_intent_is_stored_and_before_the_request_arrives() {
    with_each(async |request, broker| {
        let scene = Scene::set("before", request, broker).await;
        let address = scene.stage.announcement.broker_url.rsplit('/').find(|part| !part.is_empty()).unwrap();
        let proxy = Proxy::start(address.parse().unwrap()).await.unwrap();
        let mut configuration = scene.stage.configuration();
        configuration.broker_url = Some(format!("https://{}", proxy.addr()));
        // The last answer before the request: what the operator sends next is the request.
        let look = scene.hold("fetch", "acted").await;
        let operator = scene.begin(&configuration, None).await;
        held(&scene.stage, look).await;
        proxy.pause();
        scene.release(look).await;
        proxy.reached().await;
        scene.assert_intent_is_stored().await;
        drop(operator);
        proxy.drop_held();
        let sent = scene.stage.simulator.count(TENANT, request.method()).await.unwrap();
        assert_eq!(sent, 0, "the request never arrived");
        scene.assert_ends_well().await;
        assert_eq!(scene.stage.simulator.count(TENANT, request.method()).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn killed_while_the_request_is_with_a_broker_that_has_not_acted() {
    with_each(async |request, broker| {
        let scene = Scene::set("arrived", request, broker).await;
        let hold = scene.hold(request.endpoint(), "arrived").await;
        let operator = scene.begin(&scene.stage.configuration(), None).await;
        held(&scene.stage, hold).await;
        scene.assert_intent_is_stored().await;
        drop(operator);
        let _operator = scene.assert_ends_well().await;
        // The request of the one that was killed is worked on only now, long after.
        scene.release(hold).await;
        until("both requests are answered", async || {
            scene.stage.simulator.count(TENANT, request.method()).await.unwrap() == 2
        })
        .await;
        assert_eq!(scene.effects().await, request.effects());
        if request != Request::Deprovision {
            assert_settled(&scene.stage, "contoso", TENANT).await;
        }
    })
    .await;
}

#[tokio::test]
async fn killed_after_the_broker_has_acted_and_before_it_answers() {
    with_each(async |request, broker| {
        let scene = Scene::set("acted", request, broker).await;
        let hold = scene.hold(request.endpoint(), "acted").await;
        let operator = scene.begin(&scene.stage.configuration(), None).await;
        held(&scene.stage, hold).await;
        scene.assert_intent_is_stored().await;
        drop(operator);
        scene.release(hold).await;
        scene.assert_ends_well().await;
    })
    .await;
}

#[tokio::test]
async fn killed_after_the_answer_and_before_the_result_is_stored() {
    with_each(async |request, broker| {
        let scene = Scene::set("answered", request, broker).await;
        let proxy = Proxy::start(scene.stage.plane.server()).await.unwrap();
        let hold = scene.hold(request.endpoint(), "acted").await;
        let operator = scene.begin(&scene.stage.configuration(), Some(proxy.addr())).await;
        held(&scene.stage, hold).await;
        proxy.pause();
        scene.release(hold).await;
        until("the answer has left", async || {
            scene.stage.simulator.count(TENANT, request.method()).await.unwrap() == 1
        })
        .await;
        proxy.reached().await;
        scene.assert_intent_is_stored().await;
        drop(operator);
        proxy.drop_held();
        scene.assert_intent_is_stored().await;
        scene.assert_ends_well().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_operator_finds_what_is_as_declared_and_writes_nothing() {
    let stage = Stage::open("again").await;
    seed(&stage, TENANT).await;
    let operator = stage.operator(&stage.configuration()).await;
    let spec = json!({
        "tenantId": TENANT, "deletionPolicy": "Deprovision",
        "integrations": [{"name": "identity-data", "type": "IdentityCloudApps"}],
    });
    stage.apply("contoso", spec).await.unwrap();
    let before = stage.until_current("contoso").await;
    drop(operator);
    let _operator = stage.operator(&stage.configuration()).await;
    assert_settled(&stage, "contoso", TENANT).await;
    assert_eq!(stage.read("contoso").await, before);
}
