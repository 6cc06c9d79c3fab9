//! One operation after the other.

use serde_json::json;

use super::fixture::*;
use crate::api::{Reason, StepName};
use crate::plan::observed::{Instance, Progress};
use crate::plan::step::Outcome;

fn accepted(handle: &str) -> Outcome {
    Outcome::InProgress { handle: Some(handle.to_owned()), poll_after: None }
}

#[test]
fn the_end_of_one_operation_is_not_taken_for_that_of_the_next() {
    let mut world = World::new(json!({"integrations": [{"name": "intune", "type": "EndpointIntune"}]}));
    world.pass_with(&accepted("h-1"), None);
    world.show_state("Enabled");
    world.observed = progressing(&world.observed, Progress::Succeeded);
    world.pass_with(&accepted("h-2"), None);
    let operation = world.status.unwrap().operation.unwrap();
    assert_eq!((operation.step, operation.handle.as_deref()), (StepName::Link, Some("h-2")));
    assert_eq!((operation.end_time, operation.result), (None, None), "the broker has only just begun");
}

#[test]
fn a_consent_is_compared_with_an_opt_out_that_ends_in_the_very_pass_in_which_it_is_taken_back() {
    let wish = json!({"experience": "WelcomePage", "dataSharing": consent("2026-06-01")});
    for (step, ending) in [
        (json!({"desiredState": "Disabled"}), present(&json!({"state": "Disabled", "region": "EU"}))),
        (json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": TENANT}), Instance::Absent),
    ] {
        let mut world = World::new(wish.clone());
        world.settle();
        world.edit(step);
        world.pass_with(&accepted("h"), None);
        world.edit(json!({"desiredState": null, "deprovisionConfirmation": null}));
        world.show(ending);
        world.observed = progressing(&world.observed, Progress::Succeeded);
        world.pass();
        world.assert_stalled(Reason::ConsentRequired);
    }
}
