//! The client against a broker on loopback. Expected ids and headers are typed in, never computed by the client.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{Broker, BrokerAuth, BrokerSettings, OperatorIdentity};
use crate::api::{DesiredState, Operation, OperationParameters, StepName};
use crate::plan::failure::Failure;
use crate::plan::observed::Observed;
use crate::plan::step::{BrokerCall, BrokerRequest, Outcome};
use crate::remote::http::Url;
use crate::remote::{Caller, Order, Question};
use crate::tenant::{Cloud, Experience, Region, TenantId};

mod act;
mod catalog;
mod look;
mod mutated;
mod requests;
mod tls;
mod trouble;

pub(super) const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
/// Version 5 UUID of the tenant id, computed with another program.
pub(super) const INSTANCE: &str = "3abf61e9-6de0-5898-905d-1b6b60854f9f";
pub(super) const INSTANCE_PATH: &str = "/v2/service_instances/3abf61e9-6de0-5898-905d-1b6b60854f9f";
pub(super) const LAST_OPERATION_PATH: &str =
    "/v2/service_instances/3abf61e9-6de0-5898-905d-1b6b60854f9f/last_operation";
/// The password of every test; it must never be seen anywhere.
pub(super) const MARKER: &str = "pl4nted-marker";

pub(super) fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

pub(super) fn now() -> Timestamp {
    "2026-01-10T12:00:00Z".parse().unwrap()
}

pub(super) fn caller() -> Caller {
    Caller { namespace: "security".to_owned(), name: "contoso".to_owned(), uid: "uid-1".to_owned() }
}

pub(super) fn catalog_body(is_retrievable: bool) -> Value {
    json!({ "services": [
        { "id": "other", "name": "postgres", "plans": [{ "id": "p", "name": "standard" }] },
        {
            "id": "svc-1", "name": "microsoft-threat-protection", "description": "d", "bindable": false,
            "instances_retrievable": is_retrievable, "x-vendor": { "ignored": true },
            "plans": [
                { "id": "plan-0", "name": "premium", "description": "d" },
                { "id": "plan-1", "name": "standard", "description": "d", "maximum_polling_duration": 1200 },
            ],
        },
    ] })
}

pub(super) fn settings(url: &str) -> BrokerSettings {
    BrokerSettings {
        url: Url::parse(url).unwrap(),
        auth: BrokerAuth::Basic { username: "operator".to_owned(), password: MARKER.into() },
        ca_bundle: None,
        offering: "microsoft-threat-protection".to_owned(),
        plan: "standard".to_owned(),
        cluster_id: "cluster-1".to_owned(),
        operator: OperatorIdentity {
            username: "system:serviceaccount:tp:operator".to_owned(),
            uid: "u-1".to_owned(),
            groups: vec!["system:serviceaccounts".to_owned()],
            extra: BTreeMap::from([("k".to_owned(), vec!["v".to_owned()])]),
        },
        request_timeout: Duration::from_millis(1500),
    }
}

/// A broker that answers as told, and the client under test.
pub(super) struct Stage {
    pub server: MockServer,
    pub broker: Broker,
}

impl Stage {
    /// With a catalog that says whether instances can be retrieved.
    pub async fn new(is_retrievable: bool) -> Self {
        let stage = Self::bare().await;
        stage
            .answers("GET", "/v2/catalog", ResponseTemplate::new(200).set_body_json(catalog_body(is_retrievable)))
            .await;
        stage
    }

    pub async fn bare() -> Self {
        let server = MockServer::start().await;
        let broker = Broker::new(settings(&server.uri())).unwrap();
        Self { server, broker }
    }

    pub async fn answers(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&self.server).await;
    }

    pub async fn answers_once(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        let mock = Mock::given(method(verb)).and(path(at)).respond_with(answer);
        mock.up_to_n_times(1).with_priority(1).mount(&self.server).await;
    }

    /// Method and path of every request, in order.
    pub async fn asked(&self) -> Vec<String> {
        self.requests().await.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
    }

    pub async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    pub async fn observe(&self, operation: Option<Operation>) -> Observed {
        self.broker.observe(&question(operation)).await
    }

    pub async fn execute(&self, call: BrokerCall) -> Outcome {
        self.broker.execute(&order(call)).await
    }

    pub async fn refused(&self, call: BrokerCall) -> Failure {
        match self.execute(call).await {
            Outcome::Refused(failure) => failure,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

pub(super) fn question(operation: Option<Operation>) -> Question {
    Question { caller: caller(), tenant: tenant(), operation, now: now() }
}

pub(super) fn order(call: BrokerCall) -> Order {
    let parameters = match call {
        BrokerCall::Provision => provision_parameters(),
        BrokerCall::Update => {
            OperationParameters { state: Some(DesiredState::Disabled), ..OperationParameters::default() }
        }
        BrokerCall::Deprovision => OperationParameters::default(),
    };
    Order { caller: caller(), request: BrokerRequest { tenant: tenant(), call, parameters }, now: now() }
}

pub(super) fn provision_parameters() -> OperationParameters {
    OperationParameters {
        tenant_id: Some(TENANT.to_owned()),
        cloud: Some(Cloud::Public),
        experience: Some(Experience::DefenderPortal),
        region: Some(Region::EU),
        state: Some(DesiredState::Enabled),
        ..OperationParameters::default()
    }
}

/// An operation that the broker accepted, with this handle.
pub(super) fn accepted(step: StepName, handle: Option<&str>) -> Operation {
    Operation { accept_time: Some(Time(now())), handle: handle.map(str::to_owned), ..intended(step) }
}

/// An operation of which only the intent is known.
pub(super) fn intended(step: StepName) -> Operation {
    Operation {
        step,
        id: INSTANCE.to_owned(),
        handle: None,
        parameters: provision_parameters(),
        start_time: Time(now()),
        accept_time: None,
        deadline_time: Time(now() + SignedDuration::from_hours(1)),
        end_time: None,
        result: None,
        message: None,
    }
}

pub(super) fn json_answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

pub(super) fn html(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<html><body>Sign in</body></html>", "text/html")
}
