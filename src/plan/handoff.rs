//! What only a person can do: who, where, what, and how it will be verified.
use crate::api::PendingStep;

/// A step handed to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOff {
    /// What kind of act.
    pub step: PendingStep,
    /// Who: the role by name and template id.
    pub role: String,
    /// Where.
    pub link: String,
    /// What to click, or the text for support.
    pub instructions: String,
    /// How the operator will know.
    pub verified_by: String,
}
