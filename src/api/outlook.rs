//! What follows from a reason: which conditions show it, and what the tools conclude that read them.

use super::{ConditionType, Reason};

/// What becomes of a resource whose `Ready` shows a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is as declared.
    Settled,
    /// It goes on by itself.
    Working,
    /// Something is tried again by itself; where that does not help, a person is needed.
    Retrying,
    /// A person is asked to act, and nothing is wrong.
    HandOff,
    /// Something is wrong that only a person can put right.
    Broken,
    /// Its deletion goes on by itself.
    Deleting,
    /// Its deletion waits for a person.
    HeldDeletion,
    /// It is left alone by request.
    Suspended,
    /// The reason is one of single conditions: nothing follows from it alone.
    Part,
}

/// What tools conclude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// As long as what.
    pub when: &'static str,
    /// The conditions that decide.
    pub conditions: &'static str,
    /// The verdict of kstatus, and so of Flux and of Helm 4 with `--wait`.
    pub kstatus: &'static str,
    /// The health that Argo CD shows, with the health script for this resource.
    pub argo_cd: &'static str,
}

const BROKEN: &str = "`Ready` False or Unknown, `Stalled` True";
const WORKING: &str = "`Ready` False or Unknown, `Reconciling` True";

impl Outlook {
    /// What tools conclude, in the order of time; empty for reasons of single conditions.
    #[must_use]
    pub const fn conclusions(self) -> &'static [Conclusion] {
        const fn of(
            when: &'static str,
            conditions: &'static str,
            kstatus: &'static str,
            argo_cd: &'static str,
        ) -> Conclusion {
            Conclusion { when, conditions, kstatus, argo_cd }
        }
        match self {
            Self::Settled => const { &[of("as long as it stays so", "`Ready` True", "Current", "Healthy")] },
            Self::Working => const { &[of("while it goes on", WORKING, "InProgress", "Progressing")] },
            Self::Retrying => {
                const {
                    &[
                        of("while it is tried again", WORKING, "InProgress", "Progressing"),
                        of("when that does not help", BROKEN, "Failed", "Degraded"),
                    ]
                }
            }
            Self::HandOff => const { &[of("until a person has acted", BROKEN, "Failed", "Suspended")] },
            Self::Broken => const { &[of("until it is put right", BROKEN, "Failed", "Degraded")] },
            Self::Deleting => {
                const { &[of("until it is gone", "`Ready` False, `Reconciling` True", "Terminating", "Progressing")] }
            }
            Self::HeldDeletion => {
                const { &[of("until it is declared", "`Ready` False, `Stalled` True", "Terminating", "Progressing")] }
            }
            Self::Suspended => {
                const { &[of("while it is suspended", "`Suspended` True, `Ready` as before", "InProgress", "Suspended")] }
            }
            Self::Part => &[],
        }
    }
}

impl Reason {
    /// What becomes of a resource whose `Ready` shows this.
    #[must_use]
    pub const fn outlook(self) -> Outlook {
        match self {
            Self::Enabled | Self::Disabled | Self::Deprovisioned => Outlook::Settled,
            Self::Enabling
            | Self::Disabling
            | Self::Deprovisioning
            | Self::Linking
            | Self::Unlinking
            | Self::Verifying
            | Self::Progressing
            | Self::ProgressingWithRetry => Outlook::Working,
            Self::OperationFailed | Self::ProviderUnavailable | Self::Throttled | Self::Internal => Outlook::Retrying,
            Self::ActionRequired | Self::ObserveOnly => Outlook::HandOff,
            Self::InvalidSpec
            | Self::TenantNotAllowed
            | Self::DuplicateTenant
            | Self::SimulatorRefused
            | Self::CredentialsMissing
            | Self::CredentialsInvalid
            | Self::TenantMismatch
            | Self::UnsupportedCloud
            | Self::RegionMismatch
            | Self::Contended
            | Self::NotEligible
            | Self::ConsentRequired
            | Self::RegionRequired
            | Self::PermissionDenied
            | Self::OperationTimedOut
            | Self::ClaimNotObserved
            | Self::ProviderRejected => Outlook::Broken,
            Self::DeprovisionNotDeclared => Outlook::HeldDeletion,
            Self::Deleting => Outlook::Deleting,
            Self::Suspended => Outlook::Suspended,
            Self::Propagating
            | Self::NotAuthorized
            | Self::Met
            | Self::NotNeeded
            | Self::NotAsked
            | Self::NotPermitted
            | Self::Ambiguous
            | Self::ReadFailed
            | Self::LicenceInGrace
            | Self::ServiceNotReporting
            | Self::Drifted
            | Self::AttestationExpired
            | Self::AttestationExpiring => Outlook::Part,
        }
    }

    /// The conditions that may show it, in their order.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table, a line a reason")]
    pub const fn shown_by(self) -> &'static [ConditionType] {
        use ConditionType as C;
        match self {
            Self::TenantNotAllowed | Self::DuplicateTenant => &[C::Ready, C::Stalled],
            Self::SimulatorRefused
            | Self::CredentialsMissing
            | Self::CredentialsInvalid
            | Self::UnsupportedCloud
            | Self::PermissionDenied => &[C::Ready, C::CredentialsReady, C::Integrated, C::InSync, C::Stalled],
            Self::TenantMismatch => {
                &[C::Ready, C::CredentialsReady, C::RegionPinned, C::Integrated, C::InSync, C::Stalled]
            }
            Self::RegionMismatch => &[C::Ready, C::RegionPinned, C::Integrated, C::InSync, C::Stalled],
            Self::Contended => &[C::Ready, C::Integrated, C::Stalled],
            Self::NotEligible => &[C::Ready, C::Eligible, C::InSync, C::Stalled],
            Self::ConsentRequired => &[C::Ready, C::Consented, C::InSync, C::Stalled],
            Self::ActionRequired => &[C::Ready, C::Integrated, C::InSync, C::Stalled, C::ActionRequired],
            Self::InvalidSpec
            | Self::RegionRequired
            | Self::OperationFailed
            | Self::OperationTimedOut
            | Self::ClaimNotObserved
            | Self::ProviderRejected
            | Self::ProviderUnavailable
            | Self::Throttled
            | Self::ObserveOnly
            | Self::DeprovisionNotDeclared
            | Self::Internal => &[C::Ready, C::Integrated, C::InSync, C::Stalled],
            Self::Enabling | Self::Deprovisioning => &[C::Ready, C::ServiceOn, C::Integrated, C::InSync],
            Self::Disabling | Self::Linking | Self::Unlinking | Self::Verifying => {
                &[C::Ready, C::Integrated, C::InSync]
            }
            Self::Propagating => &[C::Integrated],
            Self::Deleting => &[C::Ready, C::InSync],
            Self::Enabled | Self::Disabled | Self::Deprovisioned => &[C::Ready, C::ServiceOn],
            Self::Suspended => &[
                C::Ready,
                C::CredentialsReady,
                C::Eligible,
                C::Authorized,
                C::Consented,
                C::RegionPinned,
                C::ServiceOn,
                C::Integrated,
                C::ServicesReporting,
                C::InSync,
                C::Suspended,
            ],
            Self::NotAuthorized => &[C::Authorized],
            Self::Progressing => &[C::RegionPinned, C::InSync, C::Reconciling],
            Self::ProgressingWithRetry => &[C::Reconciling],
            Self::Met => &[
                C::CredentialsReady,
                C::Eligible,
                C::Authorized,
                C::Consented,
                C::RegionPinned,
                C::Integrated,
                C::ServicesReporting,
                C::InSync,
            ],
            Self::NotNeeded => &[C::Authorized, C::Consented, C::RegionPinned, C::Integrated, C::ServicesReporting],
            Self::NotAsked => &[
                C::CredentialsReady,
                C::Eligible,
                C::Authorized,
                C::Consented,
                C::RegionPinned,
                C::ServiceOn,
                C::Integrated,
                C::ServicesReporting,
                C::InSync,
            ],
            Self::NotPermitted | Self::Ambiguous => {
                &[C::CredentialsReady, C::Eligible, C::Authorized, C::RegionPinned, C::ServiceOn, C::ServicesReporting]
            }
            Self::ReadFailed => &[
                C::CredentialsReady,
                C::Eligible,
                C::Authorized,
                C::RegionPinned,
                C::ServiceOn,
                C::ServicesReporting,
                C::InSync,
            ],
            Self::LicenceInGrace => &[C::Eligible],
            Self::ServiceNotReporting => &[C::ServicesReporting],
            Self::Drifted => &[C::RegionPinned, C::ServiceOn, C::InSync],
            Self::AttestationExpired => &[C::RegionPinned, C::ServiceOn, C::Integrated],
            Self::AttestationExpiring => &[C::RegionPinned, C::ServiceOn],
        }
    }
}
