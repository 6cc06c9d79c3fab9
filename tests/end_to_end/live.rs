//! Stories with credentials: everything is read through Microsoft's own APIs, and no broker is configured.

use serde_json::json;

use crate::TENANT;
use crate::judges::{message, verdict};
use crate::support::microsoft::{SECRET, SECRET_NAME, by_secret, tenant};
use crate::support::stage::Stage;

/// Without a broker and without a mapping: the credentials prove the tenant.
#[tokio::test]
async fn a_tenant_that_is_on_is_seen_to_be_on() {
    let stage = Stage::open("seen-on").await;
    let on = json!({"service": {"state": "on", "region": "EU"}, "region": "EU"});
    stage.simulator.seed(TENANT, tenant(on)).await.unwrap();
    stage.give_secret(SECRET_NAME, SECRET).await;
    let mut configuration = stage.configuration();
    configuration.broker = None;
    configuration.tenancy.clear();
    let _operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "credentials": by_secret()})).await.unwrap();
    let ready = stage.until_ready("contoso", "True", "Enabled").await;
    assert_eq!(verdict(&ready, "CredentialsReady"), ("True", "Met"));
    assert_eq!(verdict(&ready, "Eligible"), ("True", "Met"));
    assert_eq!(verdict(&ready, "ServiceOn"), ("True", "Enabled"));
    assert_eq!(ready["status"]["tenant"]["displayName"], "Contoso");
    assert!(message(&ready, "ServiceOn").contains("observed"), "{}", message(&ready, "ServiceOn"));
    // No public API shows the action centre.
    let features = json!([
        {"name": "Incidents", "state": "True", "source": "Observed"},
        {"name": "ActionCenter", "state": "Unknown"},
        {"name": "AdvancedHunting", "state": "True", "source": "Observed"},
    ]);
    assert_eq!(ready["status"]["features"], features);
}
