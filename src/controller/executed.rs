//! A step that was sent in this pass.

use crate::plan::step::{Outcome, Step};

/// A step and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Executed {
    pub step: Step,
    pub outcome: Outcome,
    /// Nothing had failed just before.
    pub is_first_try: bool,
}
