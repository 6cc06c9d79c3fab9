//! Laws over generated stories: a spec, a tenant, faults, and persons who do what they are asked.

use proptest::prelude::*;

use super::generated::{faults, stories};

/// Fixed, whatever the environment says: the time that these tests take is part of their contract.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 4096, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn every_story_ends_done_or_in_the_hands_of_a_person(
        mut story in stories(), script in prop::collection::vec(faults(), 0..6)
    ) {
        for fault in script {
            story.pass(fault);
            story.world.now += jiff::SignedDuration::from_secs(60);
        }
        story.settle();
    }
}
