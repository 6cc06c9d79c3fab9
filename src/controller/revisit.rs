//! After what is in force was exchanged, every resource is looked at again, as at a start: those first that may manage
//! other tenants than before.

use std::sync::Arc;
use std::time::Instant;

use super::operator::Operator;

/// Puts every resource on the agenda at each exchange. It never ends.
pub(super) async fn revisit<R>(operator: Arc<Operator<R>>) {
    let mut exchanges = operator.in_force.exchanges();
    let mut before = Arc::clone(&operator.setup);
    loop {
        let after = Arc::clone(&exchanges.borrow_and_update());
        if !Arc::ptr_eq(&before, &after) {
            let (old, new) = (&before.settings.tenancy, &after.settings.tenancy);
            // First of all, so that what is put down is not taken for dealt with.
            operator.recall.look_again_at_all(Instant::now());
            let is_urgent = |namespace: &str| old.of(namespace) != new.of(namespace);
            operator.agenda.revisit(|| operator.resources.all(), is_urgent, Instant::now(), fastrand::f64);
            before = after;
        }
        if exchanges.changed().await.is_err() {
            return;
        }
    }
}
