//! Links, and brokers that do not show what they did.

use jiff::SignedDuration;
use serde_json::json;

use super::fixture::*;
use super::transitions::{call, deprovisioned};
use crate::api::{ConditionType, Reason, TriState};
use crate::plan::observed::{Observed, Progress};
use crate::plan::reading::{Reading, Why};
use crate::plan::step::{BrokerCall, Outcome};

fn silent() -> Observed {
    Observed { instance: Reading::unknown(Why::NotAsked), is_retrievable: false, ..Observed::nothing() }
}

#[test]
fn a_broker_that_does_not_show_its_instances_is_believed_what_it_did() {
    let mut world = World::new(
        json!({"dataLocation": {"region": "UK"}, "integrations": [{"name": "intune", "type": "EndpointIntune"}]}),
    );
    world.observed = silent();
    for _ in 0..3 {
        world.pass_with(&Outcome::Done, Some(silent()));
    }
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.region().as_deref(), Some("UK Claimed"));
    assert_eq!((world.sent.len(), call(&world, 0), call(&world, 1)), (2, BrokerCall::Provision, BrokerCall::Update));
    world.edit(json!({"desiredState": "Disabled"}));
    world.pass_with(&Outcome::Done, Some(silent()));
    world.assert_ready(TriState::True, Reason::Disabled);
    world.edit(deprovisioned());
    for _ in 0..2 {
        world.pass_with(&Outcome::Done, Some(silent()));
    }
    world.assert_ready(TriState::True, Reason::Deprovisioned);
    assert_eq!((world.sent.len(), call(&world, 3)), (4, BrokerCall::Deprovision));
}

#[test]
fn a_silent_broker_with_nothing_remembered_is_asked_by_the_request_itself_except_to_disable() {
    let mut disable = World::new(json!({"desiredState": "Disabled"}));
    disable.observed = silent();
    disable.pass();
    disable.assert_stalled(Reason::ActionRequired);
    let mut remove = World::new(deprovisioned());
    remove.observed = silent();
    remove.pass_with(&Outcome::Done, Some(silent()));
    remove.assert_ready(TriState::True, Reason::Deprovisioned);
}

#[test]
fn links_follow_once_the_service_is_on_and_drift_is_set_back_once() {
    let links = json!([{"name": "identity-data", "type": "IdentityCloudApps"}, {"name": "intune", "type": "EndpointIntune", "state": "Unlinked"}]);
    let mut world = World::new(json!({"integrations": links}));
    world.settle();
    world.assert_ready(TriState::True, Reason::Enabled);
    assert_eq!(world.condition(ConditionType::Integrated), Some((TriState::True, Reason::Met)));
    assert_eq!((world.sent.len(), world.writes), (3, 4), "1 + 1 a step");
    let drifted = json!({"state": "Enabled", "region": "EU", "integrations": {"IdentityCloudApps": "Unlinked", "EndpointIntune": "Unlinked"}});
    world.show(present(&drifted));
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
    world.wait(1);
    world.show(present(&drifted));
    world.pass();
    world.assert_stalled(Reason::Contended);
    assert_eq!(world.sent.len(), 4);
}

#[test]
fn a_link_that_goes_on_is_not_believed_before_it_ended() {
    let mut world = World::new(json!({"integrations": [{"name": "intune", "type": "EndpointIntune"}]}));
    world.show_state("Enabled");
    world.pass_with(
        &Outcome::InProgress { handle: Some("h".into()), poll_after: Some(SignedDuration::from_secs(1)) },
        None,
    );
    world.show(present(&json!({"state": "Enabled", "region": "EU", "integrations": {"EndpointIntune": "Linked"}})));
    world.observed = progressing(&world.observed, Progress::InProgress { retry_after: None });
    world.pass();
    world.assert_ready(TriState::False, Reason::Linking);
    assert_eq!(world.condition(ConditionType::ServiceOn), Some((TriState::True, Reason::Enabled)));
    world.observed = progressing(&world.observed, Progress::Succeeded);
    world.pass();
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn a_broker_that_shows_nothing_is_believed_what_it_did_to_links_both_ways() {
    for state in ["Linked", "Unlinked"] {
        let mut world =
            World::new(json!({"integrations": [{"name": "intune", "type": "EndpointIntune", "state": state}]}));
        world.observed = silent();
        for _ in 0..5 {
            world.pass_with(&Outcome::Done, Some(silent()));
            world.wait(1);
        }
        assert_eq!(world.sent.len(), 2, "one request turns it on and one sets the link");
        world.assert_ready(TriState::True, Reason::Enabled);
        world.edit(json!({"resyncSeconds": 7200}));
        world.pass_with(&Outcome::Done, Some(silent()));
        assert_eq!(world.sent.len(), 2, "it is remembered");
    }
}

#[test]
fn a_verdict_about_a_link_is_answered_by_another_wish_for_it() {
    let entry = |state: &str| json!({"integrations": [{"name": "intune", "type": "EndpointIntune", "state": state}]});
    let mut world = World::new(entry("Linked"));
    world.show_state("Enabled");
    world.pass_with(&Outcome::InProgress { handle: Some("h".into()), poll_after: None }, None);
    let failed = Progress::Failed { description: "no".into(), is_repeatable: true, is_usable: true };
    world.observed = progressing(&world.observed, failed);
    world.pass();
    world.assert_stalled(Reason::OperationFailed);
    world.show_state("Enabled");
    world.edit(json!({"expectedServices": ["Endpoint"]}));
    world.pass();
    world.assert_stalled(Reason::OperationFailed);
    world.edit(entry("Unlinked"));
    world.pass();
    assert_eq!(world.sent.len(), 2, "{}", world.plan());
    world.assert_ready(TriState::True, Reason::Enabled);
}

#[test]
fn a_link_that_is_reported_done_and_not_shown_is_verified_until_the_grace_is_over() {
    let mut world = World::new(json!({"integrations": [{"name": "intune", "type": "EndpointIntune"}]}));
    let unlinked = json!({"state": "Enabled", "region": "EU", "integrations": {"EndpointIntune": "Unlinked"}});
    world.show(present(&unlinked));
    let shown = world.observed.clone();
    world.pass_with(&Outcome::Done, Some(shown));
    world.assert_ready(TriState::False, Reason::Verifying);
    world.wait(2);
    world.pass();
    world.assert_stalled(Reason::ClaimNotObserved);
    assert_eq!(world.sent.len(), 1, "nothing is sent again");
}
