//! Commands for whoever looks at a reason: what to look at, what to do, and which reasons are near.

use super::Reason;

/// A command for a shell. `NAME` and `NAMESPACE` are those of the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Every condition with its message.
    Conditions,
    /// What happened, in order.
    Events,
    /// What persons are asked to do.
    PendingActions,
    /// The steps that lie ahead.
    Plan,
    /// What was sent last.
    Operation,
    /// Where the data should be and is.
    DataLocation,
    /// What the licences bring.
    Eligibility,
    /// The declared links.
    Integrations,
    /// Which services are licensed and feed data.
    Services,
    /// What was set back.
    Repairs,
    /// Persons' words and when they lapse.
    Attestations,
    /// The recorded consent.
    Consent,
    /// What is signed in with.
    Credentials,
    /// Whether the operator may read the Secret.
    SecretAccess,
    /// What is declared to be done, and what may be.
    Policies,
    /// Whether it is being deleted and what holds it.
    Finalizers,
    /// Every resource about the same tenant.
    SameTenant,
    /// Sign in as the operator would.
    Check,
    /// Plan without doing.
    PlanCommand,
    /// The operator's log.
    Log,
    /// Ask for a look now.
    RequestReconcile,
}

impl Look {
    /// What it is for, in a few words.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Conditions => "Every condition with its message",
            Self::Events => "What happened, in order",
            Self::PendingActions => "What persons are asked to do",
            Self::Plan => "The steps that lie ahead",
            Self::Operation => "What was sent last, and how it ended",
            Self::DataLocation => "The declared and the pinned region",
            Self::Eligibility => "What the licences bring",
            Self::Integrations => "The links, and on whose word",
            Self::Services => "Which services are licensed and feed data",
            Self::Repairs => "What was set back, and when",
            Self::Attestations => "The attestations, and when they lapse",
            Self::Consent => "The recorded consent",
            Self::Credentials => "What is signed in with",
            Self::SecretAccess => "Whether the operator may read the Secret",
            Self::Policies => "What is declared, and what may be done",
            Self::Finalizers => "Whether it is being deleted, and what holds it",
            Self::SameTenant => "Every resource about the same tenant",
            Self::Check => "Sign in as the operator would, and list what to grant",
            Self::PlanCommand => "What would be done, without doing it",
            Self::Log => "What the operator's log says of it",
            Self::RequestReconcile => "Ask for a look now, when the cause is settled",
        }
    }

    /// The command.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Conditions => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}'"#
            }
            Self::Events => "kubectl events -n NAMESPACE --for threatprotectiontenants/NAME",
            Self::PendingActions => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{range .status.pendingActions[*]}{.step}: {.role}{"\n"}  {.link}{"\n"}  {.instructions}{"\n"}  verified by: {.verifiedBy}{"\n"}{end}'"#
            }
            Self::Plan => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{range .status.plan[*]}{.step} by {.actor} ({.risk}): {.reason}{"\n"}{end}'"#
            }
            Self::Operation => "kubectl get tpt NAME -n NAMESPACE -o jsonpath='{.status.operation}'",
            Self::DataLocation => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='declared {.spec.dataLocation.region}, pinned {.status.dataLocation.region} ({.status.dataLocation.source}){"\n"}'"#
            }
            Self::Eligibility => "kubectl get tpt NAME -n NAMESPACE -o jsonpath='{.status.eligibility}'",
            Self::Integrations => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{range .status.integrations[*]}{.name}: {.state} ({.source}), data arrives: {.effective}{"\n"}{end}'"#
            }
            Self::Services => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{range .status.services[*]}{.name}: licensed {.licensed}, reporting {.reporting}{"\n"}{end}'"#
            }
            Self::Repairs => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{range .status.repairs[*]}{.target} at {.repairTime}{"\n"}{end}'"#
            }
            Self::Attestations => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{range .spec.attestations[*]}{.name}: {.claim} until {.expireTime}{"\n"}{end}'"#
            }
            Self::Consent => "kubectl get tpt NAME -n NAMESPACE -o jsonpath='{.spec.dataSharing.consent}'",
            Self::Credentials => "kubectl get tpt NAME -n NAMESPACE -o jsonpath='{.spec.credentials}'",
            Self::SecretAccess => {
                "kubectl auth can-i get secret/SECRET -n NAMESPACE --as system:serviceaccount:OPERATOR_NAMESPACE:threat-protection-operator"
            }
            Self::Policies => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{.spec.desiredState} {.spec.managementPolicy} {.spec.deletionPolicy}{"\n"}'"#
            }
            Self::Finalizers => {
                r#"kubectl get tpt NAME -n NAMESPACE -o jsonpath='{.metadata.deletionTimestamp} {.metadata.finalizers}{"\n"}'"#
            }
            Self::SameTenant => "kubectl get tpt -A --field-selector spec.tenantId=TENANT_ID",
            Self::Check => "kubectl get tpt NAME -n NAMESPACE -o yaml | threat-protection-operator check -f -",
            Self::PlanCommand => "threat-protection-operator plan NAME -n NAMESPACE",
            Self::Log => {
                "kubectl logs -n OPERATOR_NAMESPACE -l app.kubernetes.io/name=threat-protection-operator --tail=-1 | grep NAME"
            }
            Self::RequestReconcile => {
                r#"kubectl annotate tpt NAME -n NAMESPACE --overwrite threatprotection.dev/reconcile-requested-at="$(date +%s)""#
            }
        }
    }
}

impl Reason {
    /// The commands that help with it, beside those that always do: the conditions and the events.
    #[must_use]
    pub const fn looks(self) -> &'static [Look] {
        use Look as L;
        match self {
            Self::InvalidSpec => &[L::PlanCommand],
            Self::TenantNotAllowed | Self::DuplicateTenant => &[L::SameTenant, L::Log],
            Self::SimulatorRefused | Self::UnsupportedCloud | Self::TenantMismatch => &[L::Credentials, L::Check],
            Self::CredentialsMissing => &[L::Credentials, L::SecretAccess, L::Check],
            Self::RegionMismatch | Self::RegionRequired => &[L::DataLocation, L::Plan, L::Attestations],
            Self::Contended => &[L::Repairs, L::SameTenant, L::RequestReconcile],
            Self::NotEligible | Self::LicenceInGrace => &[L::Eligibility, L::Services],
            Self::ConsentRequired => &[L::Consent, L::Plan],
            Self::CredentialsInvalid | Self::PermissionDenied | Self::NotPermitted => {
                &[L::Credentials, L::Check, L::RequestReconcile]
            }
            Self::OperationFailed | Self::OperationTimedOut | Self::ClaimNotObserved | Self::ProviderRejected => {
                &[L::Operation, L::Plan, L::RequestReconcile]
            }
            Self::ActionRequired => &[L::PendingActions, L::RequestReconcile],
            Self::ProviderUnavailable | Self::Throttled | Self::ReadFailed | Self::Internal => &[L::Log],
            Self::ProgressingWithRetry | Self::Progressing => &[L::Operation, L::Log],
            Self::ObserveOnly => &[L::Plan, L::Policies, L::PlanCommand],
            Self::DeprovisionNotDeclared | Self::Deleting => &[L::Finalizers, L::Policies],
            Self::Enabling | Self::Disabling | Self::Deprovisioning | Self::Verifying => &[L::Operation, L::Plan],
            Self::Linking | Self::Unlinking | Self::Propagating => &[L::Integrations, L::Operation],
            Self::Enabled => &[L::DataLocation, L::Services],
            Self::Disabled | Self::Deprovisioned | Self::Suspended => &[L::Policies],
            Self::NotAuthorized => &[L::PendingActions],
            Self::Met | Self::NotNeeded => &[],
            Self::NotAsked => &[L::Credentials, L::Attestations],
            Self::Ambiguous => &[L::Attestations, L::Check],
            Self::ServiceNotReporting => &[L::Services],
            Self::Drifted => &[L::Plan, L::Repairs, L::PlanCommand],
            Self::AttestationExpired | Self::AttestationExpiring => &[L::Attestations, L::PendingActions],
        }
    }

    /// Reasons that are met beside it, before it or after it, or taken for it.
    #[must_use]
    pub const fn related(self) -> &'static [Self] {
        match self {
            Self::InvalidSpec => &[Self::ProviderRejected],
            Self::TenantNotAllowed => &[Self::DuplicateTenant, Self::TenantMismatch],
            Self::DuplicateTenant => &[Self::TenantNotAllowed, Self::Contended, Self::ObserveOnly],
            Self::CredentialsMissing => &[Self::CredentialsInvalid, Self::PermissionDenied],
            Self::CredentialsInvalid => &[Self::CredentialsMissing, Self::TenantMismatch, Self::PermissionDenied],
            Self::SimulatorRefused | Self::TenantMismatch => &[Self::UnsupportedCloud, Self::CredentialsInvalid],
            Self::UnsupportedCloud => &[Self::TenantMismatch],
            Self::RegionMismatch => &[Self::RegionRequired, Self::Drifted],
            Self::Contended => &[Self::Drifted, Self::DuplicateTenant],
            Self::NotEligible => &[Self::LicenceInGrace, Self::PermissionDenied],
            Self::ConsentRequired => &[Self::RegionRequired, Self::Disabled],
            Self::RegionRequired => &[Self::RegionMismatch, Self::ActionRequired],
            Self::PermissionDenied => &[Self::NotPermitted, Self::CredentialsInvalid],
            Self::OperationFailed => &[Self::OperationTimedOut, Self::ProviderRejected, Self::ClaimNotObserved],
            Self::OperationTimedOut => &[Self::OperationFailed, Self::ClaimNotObserved],
            Self::ClaimNotObserved => &[Self::Verifying, Self::OperationTimedOut],
            Self::ActionRequired => &[Self::NotAuthorized, Self::AttestationExpired, Self::ObserveOnly],
            Self::ProviderRejected => &[Self::OperationFailed, Self::ProviderUnavailable],
            Self::ProviderUnavailable => &[Self::Throttled, Self::ReadFailed, Self::ProgressingWithRetry],
            Self::Throttled | Self::Internal => &[Self::ProviderUnavailable],
            Self::ObserveOnly => &[Self::Drifted, Self::Suspended],
            Self::DeprovisionNotDeclared => &[Self::Deleting, Self::Deprovisioning],
            Self::Enabling => &[Self::Verifying, Self::Enabled, Self::OperationFailed],
            Self::Disabling => &[Self::Verifying, Self::Disabled, Self::OperationFailed],
            Self::Deprovisioning => &[Self::Verifying, Self::Deprovisioned, Self::OperationFailed],
            Self::Linking => &[Self::Propagating, Self::Unlinking],
            Self::Unlinking => &[Self::Linking],
            Self::Verifying => &[Self::ClaimNotObserved],
            Self::Propagating => &[Self::Linking, Self::ServiceNotReporting],
            Self::Deleting => &[Self::DeprovisionNotDeclared, Self::Deprovisioning],
            Self::Enabled => &[Self::Enabling, Self::Drifted, Self::ServiceNotReporting],
            Self::Disabled => &[Self::Disabling, Self::Deprovisioned],
            Self::Deprovisioned => &[Self::Deprovisioning, Self::Disabled],
            Self::Suspended => &[Self::ObserveOnly],
            Self::NotAuthorized => &[Self::ActionRequired, Self::NotPermitted],
            Self::Progressing => &[Self::ProgressingWithRetry],
            Self::ProgressingWithRetry => &[Self::Progressing, Self::ProviderUnavailable],
            Self::Met => &[Self::NotNeeded],
            Self::NotNeeded => &[Self::Met, Self::NotAsked],
            Self::NotAsked => &[Self::NotPermitted, Self::NotNeeded],
            Self::NotPermitted => &[Self::PermissionDenied, Self::NotAsked],
            Self::Ambiguous => &[Self::NotPermitted, Self::ReadFailed, Self::ActionRequired],
            Self::ReadFailed => &[Self::ProviderUnavailable, Self::Throttled],
            Self::LicenceInGrace => &[Self::NotEligible],
            Self::ServiceNotReporting => &[Self::Propagating, Self::Enabled],
            Self::Drifted => &[Self::Contended, Self::ObserveOnly, Self::RegionMismatch],
            Self::AttestationExpired => &[Self::AttestationExpiring, Self::ActionRequired],
            Self::AttestationExpiring => &[Self::AttestationExpired],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RECONCILE_REQUEST_ANNOTATION;

    #[test]
    fn a_reason_is_not_near_itself_and_no_command_stands_twice() {
        for reason in Reason::ALL {
            let (near, looks) = (reason.related(), reason.looks());
            assert!(!near.is_empty() && !near.contains(reason), "{reason}");
            for (index, look) in looks.iter().enumerate() {
                assert!(!looks[..index].contains(look), "{reason}: {look:?}");
                assert!(![Look::Conditions, Look::Events].contains(look), "{reason}: {look:?} is for all");
            }
        }
        assert!(Look::RequestReconcile.command().contains(RECONCILE_REQUEST_ANNOTATION));
    }

    /// Who is told to request a reconcile is told how.
    #[test]
    fn a_remedy_comes_with_its_command() {
        for reason in Reason::ALL {
            if reason.remedy().contains("request a reconcile") {
                assert!(reason.looks().contains(&Look::RequestReconcile), "{reason}");
            }
            if reason.remedy().contains("pendingActions") {
                assert!(reason.looks().contains(&Look::PendingActions), "{reason}");
            }
        }
    }
}
