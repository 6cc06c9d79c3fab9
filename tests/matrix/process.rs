//! One process of the operator, without kube's scheduler: who calls decides which version of which resource a pass sees.
//!
//! The only file of this test that knows how an operator is put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use kube::Client;
use serde_json::Value;
use threat_protection_operator::controller::{self, InForce, Index, Object, Operator, ReconcileError, Settings};
use threat_protection_operator::plan::ownership::{Grants, Tenancy};
use threat_protection_operator::plan::situation::Capabilities;
use threat_protection_operator::remote::credentials::OwnIdentity;
use threat_protection_operator::remote::outside::Outside;
use tokio_util::sync::CancellationToken;

/// The memory of a process; it goes with it.
pub(crate) struct Process {
    operator: Operator<Outside>,
    resources: Arc<Index>,
}

impl Process {
    /// A process that knows these resources and nothing else.
    pub(crate) fn start(client: Client, remote: Outside, settings: Settings, known: &[Value]) -> Self {
        let resources = Arc::new(Index::of(&known.iter().map(object).collect::<Vec<_>>()));
        let operator = Operator::new(client, InForce::new(Arc::new(remote), settings), Arc::clone(&resources));
        Self { operator, resources }
    }

    /// The watch delivers a version of a resource.
    pub(crate) fn deliver(&mut self, delivered: &Value) {
        self.resources.insert(&object(delivered));
    }

    /// The watch says that a resource is gone.
    pub(crate) fn forget(&mut self, gone: &Value) {
        self.resources.remove(&object(gone));
    }

    /// One pass over this version of a resource, with the events that follow from it.
    pub(crate) async fn pass(&self, delivered: &Value) -> Result<(), ReconcileError> {
        let object = object(delivered);
        let ended = Box::pin(controller::reconcile(&object, &self.operator)).await;
        if let Err(error) = &ended {
            let _next = self.operator.retry(object.metadata.uid.as_deref().unwrap_or_default(), error);
        }
        let at_once = CancellationToken::new();
        at_once.cancel();
        Box::pin(self.operator.publish(at_once)).await;
        ended.map(drop)
    }
}

/// What the administrator configured: this namespace may do everything, and nothing is waited for longer than it has to be.
pub(crate) fn settings(namespace: &str, has_broker: bool) -> Settings {
    let milliseconds = SignedDuration::from_millis;
    let grants = Grants { any: Some(true), tenants: BTreeMap::new() };
    Settings {
        tenancy: Tenancy::new(BTreeMap::from([(namespace.to_owned(), grants)])),
        capabilities: Capabilities {
            has_broker,
            claim_grace: SignedDuration::from_hours(1),
            operation_deadline: SignedDuration::from_hours(1),
            // A look without an occasion would make the traffic depend on the speed of the machine.
            resync: (SignedDuration::from_hours(1), SignedDuration::from_hours(1)),
            poll: milliseconds(50),
            retry: (milliseconds(200), milliseconds(1000)),
            // Long enough that what has failed is told as failed, and not too long to wait for.
            slow_probe: milliseconds(2000),
        },
        own_identity: OwnIdentity::default(),
        concurrency: 1,
        namespace: Some(namespace.to_owned()),
    }
}

fn object(value: &Value) -> Object {
    serde_json::from_value(value.clone()).expect("whatever its spec is, a resource can be read")
}
