//! One operation after the other.

use serde_json::json;

use super::fixture::*;
use crate::api::StepName;
use crate::plan::observed::Progress;
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
