//! A namespace and candidates for its Lease.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use threat_protection_operator::controller::{Election, LeaseSettings, Term};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::judges::until;
use crate::support::control_plane::{Access, ControlPlane, Credential, shared};
use crate::support::stage::{ACCOUNT, PATIENCE, create_account, create_namespace};

pub(super) const LEASE: &str = "threat-protection-operator";
pub(super) const DURATION: Duration = Duration::from_secs(3);
pub(super) const DEADLINE: Duration = Duration::from_secs(2);
pub(super) const RETRY: Duration = Duration::from_millis(500);
/// What a busy machine may add.
pub(super) const SLACK: Duration = Duration::from_secs(3);

/// A namespace with the operator's account in it.
pub(super) struct Home {
    pub(super) plane: &'static ControlPlane,
    pub(super) admin: Client,
    pub(super) namespace: String,
}

/// One candidate, with an identity of its own.
pub(super) struct Candidate {
    pub(super) name: &'static str,
    pub(super) election: Election,
    pub(super) shutdown: CancellationToken,
}

impl Home {
    pub(super) async fn open(name: &str) -> Self {
        let plane = shared();
        let admin = plane.client().await.unwrap();
        let namespace = format!("{name}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        create_namespace(&admin, &namespace).await;
        create_account(&admin, &namespace).await;
        Self { plane, admin, namespace }
    }

    pub(super) async fn candidate(&self, name: &'static str) -> Candidate {
        self.candidate_behind(name, None).await
    }

    pub(super) async fn candidate_behind(&self, name: &'static str, server: Option<SocketAddr>) -> Candidate {
        self.candidate_as(name, server, |settings| settings).await
    }

    pub(super) async fn candidate_as(
        &self,
        name: &'static str,
        server: Option<SocketAddr>,
        change: impl FnOnce(LeaseSettings) -> LeaseSettings,
    ) -> Candidate {
        let token = self.plane.service_account_token(&self.namespace, ACCOUNT).await.unwrap();
        let access = Access { credential: Credential::Token(token), server, namespace: None };
        let client = self.plane.client_for(&access).await.unwrap();
        let settings = LeaseSettings {
            namespace: self.namespace.clone(),
            name: LEASE.to_owned(),
            identity: name.to_owned(),
            duration: DURATION,
            renew_deadline: DEADLINE,
            retry_period: RETRY,
        };
        Candidate { name, election: Election::new(client, change(settings)), shutdown: CancellationToken::new() }
    }

    /// Untyped: our library cannot represent all that the API server takes.
    pub(super) fn leases(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.admin.clone(), &self.namespace, &ApiResource::erase::<Lease>(&()))
    }

    /// What the API server shows; null where there is no Lease.
    pub(super) async fn spec(&self) -> Value {
        let lease = self.leases().get_opt(LEASE).await.unwrap();
        lease.map_or(Value::Null, |mut lease| lease.data["spec"].take())
    }

    pub(super) async fn holder(&self) -> Option<String> {
        self.spec().await["holderIdentity"].as_str().map(ToOwned::to_owned)
    }

    /// Somebody writes a Lease who does not compete for it.
    pub(super) async fn write(&self, spec: Value) {
        let lease = DynamicObject::new(LEASE, &ApiResource::erase::<Lease>(&())).data(json!({ "spec": spec }));
        self.leases().create(&PostParams::default(), &lease).await.unwrap();
    }

    /// Somebody changes a part of it.
    pub(super) async fn patch(&self, patch: Value) {
        self.leases().patch(LEASE, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Waits until the Lease was renewed once more; gives an instant at which it was not yet.
    pub(super) async fn renewed(&self) -> Instant {
        let start = Instant::now();
        let (before, mut not_yet) = (self.spec().await, start);
        loop {
            let asked = Instant::now();
            if self.spec().await["renewTime"] != before["renewTime"] {
                return not_yet;
            }
            assert!(start.elapsed() < PATIENCE, "it is not renewed");
            not_yet = asked;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Candidate {
    pub(super) async fn lead(&self) -> Term {
        in_time(self.election.campaign(&self.shutdown)).await.unwrap()
    }

    /// Competes beside the test; gives the term and the instant at which it began.
    pub(super) fn stand_by(&self) -> JoinHandle<(Term, Instant)> {
        let (election, shutdown) = (self.election.clone(), self.shutdown.clone());
        tokio::spawn(async move {
            let term = election.campaign(&shutdown).await.unwrap();
            (term, Instant::now())
        })
    }

    /// Waits until it has seen who leads.
    pub(super) async fn follows(&self, leader: &str) {
        until("the standby has seen the leader", async || self.election.leader().as_deref() == Some(leader)).await;
        assert!(!self.election.is_leading());
    }
}

/// # Panics
/// After [`PATIENCE`].
pub(super) async fn in_time<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, awaited).await.unwrap()
}

pub(super) async fn taken_over(standby: JoinHandle<(Term, Instant)>) -> (Term, Instant) {
    in_time(standby).await.unwrap()
}

/// The instant at which a term was lost, written down beside the test.
pub(super) fn end_of(term: &Term) -> JoinHandle<Instant> {
    let lost = term.lost();
    tokio::spawn(async move {
        lost.cancelled().await;
        Instant::now()
    })
}
