//! The condition types of the resource.

use crate::tenant::named_by_variant;

/// A condition of the resource; the order is the order in `status.conditions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// The declared state holds, on evidence.
    Ready,
    /// A token was obtained and it is for this tenant.
    CredentialsReady,
    /// Licences qualify under the declared experience.
    Eligible,
    /// Someone may do the next step.
    Authorized,
    /// Consent is recorded, or not needed.
    Consented,
    /// The region is decided and not contradicted.
    RegionPinned,
    /// The service is on; `False` is normal for `Disabled` and `Deprovisioned`.
    ServiceOn,
    /// Every declared integration is in its declared state.
    Integrated,
    /// Every expected service feeds data.
    ServicesReporting,
    /// The tenant equals the spec.
    InSync,
    /// Work is going on. Absent unless true; never together with `Stalled`.
    Reconciling,
    /// It will not progress without a person. Absent unless true.
    Stalled,
    /// `status.pendingActions` is not empty. Absent unless true.
    ActionRequired,
    /// `managementPolicy: Suspend`. Absent unless true.
    Suspended,
}

named_by_variant!(ConditionType {
    Ready,
    CredentialsReady,
    Eligible,
    Authorized,
    Consented,
    RegionPinned,
    ServiceOn,
    Integrated,
    ServicesReporting,
    InSync,
    Reconciling,
    Stalled,
    ActionRequired,
    Suspended,
});

impl ConditionType {
    /// Whether the condition is left out unless it is true, as kstatus and Flux expect of `Reconciling` and `Stalled`.
    #[must_use]
    pub const fn is_absent_unless_true(self) -> bool {
        matches!(self, Self::Reconciling | Self::Stalled | Self::ActionRequired | Self::Suspended)
    }
}
