//! What is sent to the broker, field by field.

use serde_json::{Value, json};

use super::fixture::*;
use super::transitions::{call, deprovisioned};
use crate::api::Risk;
use crate::plan::step::{BrokerCall, StepActor};

fn sent(world: &World, index: usize) -> (BrokerCall, Value) {
    let StepActor::Broker(request) = &world.sent[index].by else { panic!("not sent to the broker") };
    assert_eq!(request.tenant.to_string(), TENANT);
    (request.call, serde_json::to_value(&request.parameters).unwrap())
}

#[test]
fn a_provisioning_says_all_that_is_declared() {
    let mut world = World::new(json!({"dataLocation": {"region": "UK"}}));
    world.pass();
    let all = json!({"tenantId": TENANT, "cloud": "Public", "experience": "DefenderPortal", "region": "UK", "state": "Enabled"});
    assert_eq!(sent(&world, 0), (BrokerCall::Provision, all));
    let mut elsewhere = World::new(json!({"cloud": "GCC"}));
    elsewhere.pass();
    let all = json!({"tenantId": TENANT, "cloud": "GCC", "experience": "DefenderPortal", "state": "Enabled"});
    assert_eq!(sent(&elsewhere, 0), (BrokerCall::Provision, all), "no region is pinned there");
}

#[test]
fn the_consent_goes_along_where_one_is_required() {
    let given = json!({"grantedBy": "CISO", "grantedOn": "2026-06-01"});
    let wish = |experience: &str| json!({"experience": experience, "dataSharing": consent("2026-06-01"), "dataLocation": {"region": "EU"}});
    let mut world = World::new(wish("WelcomePage"));
    world.settle();
    let mut all = json!({"tenantId": TENANT, "cloud": "Public", "experience": "WelcomePage", "region": "EU", "state": "Enabled", "consent": given});
    assert_eq!(sent(&world, 0), (BrokerCall::Provision, all.clone()));
    world.edit(json!({"desiredState": "Disabled"}));
    world.settle();
    let later = json!({"consent": {"grantedBy": "CISO", "grantedOn": "2026-06-15"}});
    world.edit(json!({"desiredState": "Enabled", "dataSharing": later}));
    world.settle();
    let again = json!({"state": "Enabled", "consent": later["consent"]});
    assert_eq!(sent(&world, 2), (BrokerCall::Update, again), "a region cannot go with an update");
    let mut today = World::new(wish("SettingsPage"));
    today.pass();
    all["experience"] = json!("SettingsPage");
    all.as_object_mut().unwrap().remove("consent");
    assert_eq!(sent(&today, 0), (BrokerCall::Provision, all), "\"consent: not asked\"");
}

#[test]
fn every_other_request_says_only_what_it_changes() {
    let links = json!([{"name": "a", "type": "IdentityCloudApps"}, {"name": "b", "type": "EndpointIntune", "state": "Unlinked"}]);
    let mut world = World::new(json!({"integrations": links}));
    world.settle();
    assert_eq!(sent(&world, 1), (BrokerCall::Update, json!({"integrations": {"IdentityCloudApps": "Linked"}})));
    assert_eq!(sent(&world, 2), (BrokerCall::Update, json!({"integrations": {"EndpointIntune": "Unlinked"}})));
    world.edit(json!({"desiredState": "Disabled"}));
    world.settle();
    assert_eq!(sent(&world, 3), (BrokerCall::Update, json!({"state": "Disabled"})));
    world.edit(deprovisioned());
    world.settle();
    assert_eq!(call(&world, 4), BrokerCall::Deprovision);
    assert_eq!(sent(&world, 4).1, json!({}));
}

/// What decides a region for ever or takes the service away cannot be undone.
#[test]
fn the_risk_of_a_step_is_told_before_it_is_taken() {
    let risk = |world: &World| world.plan().steps[0].change.risk();
    assert_eq!(risk(&World::new(json!({"dataLocation": {"region": "UK"}}))), Risk::Irreversible);
    assert_eq!(risk(&World::new(json!({}))), Risk::Irreversible, "Microsoft chooses, for ever");
    assert_eq!(risk(&World::new(json!({"cloud": "GCC"}))), Risk::Mutating, "that cloud has one location");
    let mut world = World::new(json!({"integrations": [{"name": "a", "type": "EndpointIntune"}]}));
    world.show_state("Enabled");
    assert_eq!(risk(&world), Risk::Additive);
    world.edit(json!({"integrations": [{"name": "a", "type": "EndpointIntune", "state": "Unlinked"}]}));
    assert_eq!(risk(&world), Risk::Mutating);
    world.pass();
    world.edit(json!({"desiredState": "Disabled"}));
    assert_eq!(risk(&world), Risk::Destructive);
    world.pass();
    world.edit(json!({"desiredState": null}));
    assert_eq!(risk(&world), Risk::Mutating, "its region was decided before");
    world.edit(deprovisioned());
    assert_eq!(risk(&world), Risk::Irreversible);
}
