//! In what state a licence is, as Microsoft Graph tells it.

use super::named_by_variant;

/// State of the subscriptions behind a SKU (`capabilityStatus` of `subscribedSku`, `status` of `companySubscription`;
/// Microsoft Graph v1.0, 2025).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CapabilityStatus {
    /// In force.
    Enabled,
    /// Expired, in its grace period: everything still works.
    Warning,
    /// Cancelled or expired beyond the grace period; it can be reactivated and its data is kept.
    Suspended,
    /// Locked by Microsoft; its data is kept.
    LockedOut,
    /// Gone.
    Deleted,
    /// A value that this version does not know.
    Unrecognised,
}

named_by_variant!(CapabilityStatus { Enabled, Warning, Suspended, LockedOut, Deleted, Unrecognised });

/// How far a service plan is provisioned (`provisioningStatus` of `servicePlanInfo`; Microsoft Graph v1.0, 2025).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProvisioningStatus {
    /// Ready for use.
    Success,
    /// Switched off in this SKU.
    Disabled,
    /// Provisioning failed.
    Error,
    /// Waits for somebody's input.
    PendingInput,
    /// Waits for its activation.
    PendingActivation,
    /// Is being provisioned.
    PendingProvisioning,
    /// A value that this version does not know.
    Unrecognised,
}

named_by_variant!(ProvisioningStatus {
    Success,
    Disabled,
    Error,
    PendingInput,
    PendingActivation,
    PendingProvisioning,
    Unrecognised
});

impl CapabilityStatus {
    /// The state that a text names, without regard to case.
    #[must_use]
    pub fn read(text: &str) -> Self {
        named(Self::ALL, text, Self::name).unwrap_or(Self::Unrecognised)
    }
}

impl ProvisioningStatus {
    /// The state that a text names, without regard to case.
    #[must_use]
    pub fn read(text: &str) -> Self {
        named(Self::ALL, text, Self::name).unwrap_or(Self::Unrecognised)
    }
}

fn named<T: Copy>(all: &[T], text: &str, name: impl Fn(T) -> &'static str) -> Option<T> {
    all.iter().copied().find(|value| name(*value).eq_ignore_ascii_case(text.trim()))
}
