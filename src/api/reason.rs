//! The catalogue of reasons: every `reason` of every condition, event and message comes from here.

use crate::tenant::named_by_variant;

/// Why a condition is as it is. The order is the order of precedence: when several hold, `Ready` shows the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The spec cannot be carried out as it is written.
    InvalidSpec,
    /// The administrator's configuration does not allow this namespace to manage this tenant, so nothing was asked of it.
    TenantNotAllowed,
    /// An older resource in this cluster already declares this tenant; only one may act.
    DuplicateTenant,
    /// The answer came from a simulator although the operator was not started for one, or the other way round.
    SimulatorRefused,
    /// The Secret or ServiceAccount that the credentials name does not exist, or lacks the key.
    CredentialsMissing,
    /// Microsoft Entra refused the credentials.
    CredentialsInvalid,
    /// The credentials, or a subscription, belong to another tenant than spec.tenantId.
    TenantMismatch,
    /// The tenant lives in another Microsoft cloud than spec.cloud says.
    UnsupportedCloud,
    /// The data lives, or would live, in another region than the declared one, and data never moves.
    RegionMismatch,
    /// Somebody set back outside what the operator had just repaired, so it was left alone.
    Contended,
    /// No licence of the tenant qualifies under the declared experience.
    NotEligible,
    /// The declared experience needs a recorded consent, or a newer one than the recorded.
    ConsentRequired,
    /// A region must be chosen before this step, and none is declared or known.
    RegionRequired,
    /// A call was refused for want of a permission.
    PermissionDenied,
    /// The broker accepted the step and then reported that it failed; nothing is sent again by itself.
    OperationFailed,
    /// The broker's operation had not ended at its deadline; the operator only looks from now on.
    OperationTimedOut,
    /// The broker reported success, and the tenant does not show it after the grace time.
    ClaimNotObserved,
    /// The next step can be done by a person only.
    ActionRequired,
    /// The broker refused the request and would refuse it again.
    ProviderRejected,
    /// The broker or API could not be reached, or its answer could not be used.
    ProviderUnavailable,
    /// The broker or API asked to wait.
    Throttled,
    /// The tenant differs from the spec, and managementPolicy: Observe forbids to change it.
    ObserveOnly,
    /// The resource is being deleted under deletionPolicy: Deprovision, and the deprovisioning is not declared.
    DeprovisionNotDeclared,
    /// The service is being turned on.
    Enabling,
    /// The tenant is being opted out.
    Disabling,
    /// The service and its resources are being removed.
    Deprovisioning,
    /// An integration is being linked.
    Linking,
    /// An integration is being unlinked.
    Unlinking,
    /// The broker reported success; the operator waits until the tenant shows it.
    Verifying,
    /// The link is set; its data may take up to 12 hours to arrive.
    Propagating,
    /// The resource is being deleted.
    Deleting,
    /// The service is on, as declared.
    Enabled,
    /// The tenant is opted out, as declared.
    Disabled,
    /// The service is gone from the tenant, as declared.
    Deprovisioned,
    /// managementPolicy: Suspend: the operator neither acts nor looks.
    Suspended,
    /// Nobody is known to hold a role that may do the next step.
    NotAuthorized,
    /// Work is going on.
    Progressing,
    /// Work is going on after a failure, which the message names.
    ProgressingWithRetry,
    /// It is as it should be.
    Met,
    /// It is not needed here.
    NotNeeded,
    /// It was not asked: nothing that could answer is configured.
    NotAsked,
    /// It could not be read for want of a permission.
    NotPermitted,
    /// What was read contradicts itself or can mean two things.
    Ambiguous,
    /// It could not be read.
    ReadFailed,
    /// The qualifying licence has expired and is in its grace period or suspended.
    LicenceInGrace,
    /// An expected service feeds no data.
    ServiceNotReporting,
    /// The tenant was changed outside and differs from the spec.
    Drifted,
    /// The attestation that this rested on has lapsed.
    AttestationExpired,
    /// An attestation that this rests on lapses within 14 days.
    AttestationExpiring,
    /// The operator could not finish because of a fault of its own or of the API server.
    Internal,
}

named_by_variant!(Reason {
    InvalidSpec,
    TenantNotAllowed,
    DuplicateTenant,
    SimulatorRefused,
    CredentialsMissing,
    CredentialsInvalid,
    TenantMismatch,
    UnsupportedCloud,
    RegionMismatch,
    Contended,
    NotEligible,
    ConsentRequired,
    RegionRequired,
    PermissionDenied,
    OperationFailed,
    OperationTimedOut,
    ClaimNotObserved,
    ActionRequired,
    ProviderRejected,
    ProviderUnavailable,
    Throttled,
    ObserveOnly,
    DeprovisionNotDeclared,
    Enabling,
    Disabling,
    Deprovisioning,
    Linking,
    Unlinking,
    Verifying,
    Propagating,
    Deleting,
    Enabled,
    Disabled,
    Deprovisioned,
    Suspended,
    NotAuthorized,
    Progressing,
    ProgressingWithRetry,
    Met,
    NotNeeded,
    NotAsked,
    NotPermitted,
    Ambiguous,
    ReadFailed,
    LicenceInGrace,
    ServiceNotReporting,
    Drifted,
    AttestationExpired,
    AttestationExpiring,
    Internal,
});

impl Reason {
    /// What happened, and why: one sentence.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table, a line a reason")]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidSpec => "The spec cannot be carried out as it is written.",
            Self::TenantNotAllowed => {
                "The administrator's configuration does not allow this namespace to manage this tenant, so nothing was asked of it."
            }
            Self::DuplicateTenant => {
                "An older resource in this cluster already declares this tenant; only one may act."
            }
            Self::SimulatorRefused => {
                "The answer came from a simulator although the operator was not started for one, or the other way round."
            }
            Self::CredentialsMissing => {
                "The Secret or ServiceAccount that the credentials name does not exist, or lacks the key."
            }
            Self::CredentialsInvalid => "Microsoft Entra refused the credentials.",
            Self::TenantMismatch => "The credentials, or a subscription, belong to another tenant than spec.tenantId.",
            Self::UnsupportedCloud => "The tenant lives in another Microsoft cloud than spec.cloud says.",
            Self::RegionMismatch => {
                "The data lives, or would live, in another region than the declared one, and data never moves."
            }
            Self::Contended => "Somebody set back outside what the operator had just repaired, so it was left alone.",
            Self::NotEligible => "No licence of the tenant qualifies under the declared experience.",
            Self::ConsentRequired => {
                "The declared experience needs a recorded consent, or a newer one than the recorded."
            }
            Self::RegionRequired => "A region must be chosen before this step, and none is declared or known.",
            Self::PermissionDenied => "A call was refused for want of a permission.",
            Self::OperationFailed => {
                "The broker accepted the step and then reported that it failed; nothing is sent again by itself."
            }
            Self::OperationTimedOut => {
                "The broker's operation had not ended at its deadline; the operator only looks from now on."
            }
            Self::ClaimNotObserved => {
                "The broker reported success, and the tenant does not show it after the grace time."
            }
            Self::ActionRequired => "The next step can be done by a person only.",
            Self::ProviderRejected => "The broker refused the request and would refuse it again.",
            Self::ProviderUnavailable => "The broker or API could not be reached, or its answer could not be used.",
            Self::Throttled => "The broker or API asked to wait.",
            Self::ObserveOnly => {
                "The tenant differs from the spec, and managementPolicy: Observe forbids to change it."
            }
            Self::DeprovisionNotDeclared => {
                "The resource is being deleted under deletionPolicy: Deprovision, and the deprovisioning is not declared."
            }
            Self::Enabling => "The service is being turned on.",
            Self::Disabling => "The tenant is being opted out.",
            Self::Deprovisioning => "The service and its resources are being removed.",
            Self::Linking => "An integration is being linked.",
            Self::Unlinking => "An integration is being unlinked.",
            Self::Verifying => "The broker reported success; the operator waits until the tenant shows it.",
            Self::Propagating => "The link is set; its data may take up to 12 hours to arrive.",
            Self::Deleting => "The resource is being deleted.",
            Self::Enabled => "The service is on, as declared.",
            Self::Disabled => "The tenant is opted out, as declared.",
            Self::Deprovisioned => "The service is gone from the tenant, as declared.",
            Self::Suspended => "managementPolicy: Suspend: the operator neither acts nor looks.",
            Self::NotAuthorized => "Nobody is known to hold a role that may do the next step.",
            Self::Progressing => "Work is going on.",
            Self::ProgressingWithRetry => "Work is going on after a failure, which the message names.",
            Self::Met => "It is as it should be.",
            Self::NotNeeded => "It is not needed here.",
            Self::NotAsked => "It was not asked: nothing that could answer is configured.",
            Self::NotPermitted => "It could not be read for want of a permission.",
            Self::Ambiguous => "What was read contradicts itself or can mean two things.",
            Self::ReadFailed => "It could not be read.",
            Self::LicenceInGrace => "The qualifying licence has expired and is in its grace period or suspended.",
            Self::ServiceNotReporting => "An expected service feeds no data.",
            Self::Drifted => "The tenant was changed outside and differs from the spec.",
            Self::AttestationExpired => "The attestation that this rested on has lapsed.",
            Self::AttestationExpiring => "An attestation that this rests on lapses within 14 days.",
            Self::Internal => "The operator could not finish because of a fault of its own or of the API server.",
        }
    }

    /// What to do about it: one sentence.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table, a line a reason")]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::InvalidSpec => "Correct the field that the message names, and apply again.",
            Self::TenantNotAllowed => {
                "Ask the operator's administrator to map the namespace to the tenant id, or correct spec.tenantId."
            }
            Self::DuplicateTenant => {
                "Delete one of the two resources, or set managementPolicy: Observe on this one. The operator's log names the other."
            }
            Self::SimulatorRefused => {
                "Check the hosts in the operator's configuration, or start it with --allow-simulator."
            }
            Self::CredentialsMissing => "Create it in the namespace of the resource, or correct spec.credentials.",
            Self::CredentialsInvalid => {
                "Follow the message: renew the secret, or correct the client id or the federated credential."
            }
            Self::TenantMismatch => "Use credentials and subscriptions of the declared tenant.",
            Self::UnsupportedCloud => "Correct spec.cloud.",
            Self::RegionMismatch => {
                "Set dataLocation.region to the region that the message names, or remove it; another region needs a deprovisioning by support."
            }
            Self::Contended => {
                "Find out who changes the tenant by hand or from another cluster; then change the spec, or request a reconcile."
            }
            Self::NotEligible => "Assign one of the licences that the message names.",
            Self::ConsentRequired => "Record a consent in dataSharing.consent that is as new as the message asks for.",
            Self::RegionRequired => "Set dataLocation.region, or tell where the data is, as the message says.",
            Self::PermissionDenied | Self::NotPermitted => "Grant the permission that the message names.",
            Self::OperationFailed => {
                "Look into the broker with the instance id of the message, then request a reconcile."
            }
            Self::OperationTimedOut => {
                "Look into the broker with the instance id of the message; when it is settled, request a reconcile."
            }
            Self::ClaimNotObserved => {
                "Compare the tenant's portal with the broker's records, then request a reconcile."
            }
            Self::ActionRequired => "Do what status.pendingActions says: who, where and what.",
            Self::ProviderRejected => "Follow the broker's message; correct the spec.",
            Self::ProviderUnavailable => {
                "Usually nothing: the operator tries again. If it lasts, or is Stalled, look at the broker or at the state of Microsoft's services with the request id of the message."
            }
            Self::Throttled => "Nothing: the operator waits as long as it was asked to.",
            Self::ObserveOnly => "Read status.plan; set managementPolicy: Manage to carry it out.",
            Self::DeprovisionNotDeclared => {
                "Set desiredState: Deprovisioned with deprovisionConfirmation, or deletionPolicy: Retain to let the tenant be."
            }
            Self::Enabling
            | Self::Disabling
            | Self::Deprovisioning
            | Self::Linking
            | Self::Unlinking
            | Self::Verifying
            | Self::Propagating
            | Self::Deleting
            | Self::Enabled
            | Self::Disabled
            | Self::Deprovisioned
            | Self::Progressing
            | Self::Met
            | Self::NotNeeded => "Nothing.",
            Self::Suspended => "Set managementPolicy: Manage to go on.",
            Self::NotAuthorized => "Assign the role that the message names.",
            Self::ProgressingWithRetry | Self::ReadFailed => "Usually nothing: the operator tries again.",
            Self::NotAsked => "Nothing, or configure credentials or an attestation.",
            Self::Ambiguous => "Follow the message, or attest what is seen.",
            Self::LicenceInGrace => "Renew the licence.",
            Self::ServiceNotReporting => "Check that the service is deployed.",
            Self::Drifted => {
                "Nothing under managementPolicy: Manage, where it is set back once; else follow the message."
            }
            Self::AttestationExpired => "Look again and attest what is seen.",
            Self::AttestationExpiring => "Look again and renew the attestation.",
            Self::Internal => "Look at the operator's log; report it if it lasts.",
        }
    }
}
