//! Laws over generated stories: a spec, a tenant, faults, and persons who do what they are asked.

use proptest::prelude::*;

use super::generated::{cases, faults, stories};

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
