//! Why a reason comes up, and what holds until it is gone.

use super::Reason;

/// Where a person has to put something right.
const LEFT_ALONE: &str = "Nothing is sent to the tenant, which stays as it is. The operator looks again by itself.";
/// Where something is under way.
const UNDER_WAY: &str = "Nothing else is sent about this. What was sent is in `status.operation`, and a restart of the operator goes on from there.";
/// Where an operation ended badly.
const ONLY_LOOKED: &str = "The same step is not sent again by itself. The operator goes on looking, and takes it as done when it is seen to be.";
/// Where only a part of the report is concerned.
const ONLY_REPORTED: &str = "Nothing is turned off because of it. Where the verdict needs what is missing, `Ready` says so with a reason of its own.";

impl Reason {
    /// How it comes about: one or two sentences for whoever sees it for the first time.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table, a line a reason")]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::InvalidSpec => {
                "The API server refuses most mistakes. What is left are rules that compare entries, such as two integrations of one type and target, values that an older definition let through, or a link whose target Azure does not take."
            }
            Self::TenantNotAllowed => {
                "A namespace manages a tenant when the administrator's file maps the one to the other under `tenancy`, or when the resource's own credentials prove the tenant. Neither is so here."
            }
            Self::DuplicateTenant => {
                "Of several permitted resources about one tenant the oldest acts (by creation time, then uid), `Observe` and `Suspend` not counted. Messages never name a foreign namespace; the operator's log does."
            }
            Self::SimulatorRefused => {
                "The simulator says what it is in its answers. An operator without `--allow-simulator` refuses them, and one with it refuses answers that do not say so, so that a test setting cannot meet a real tenant."
            }
            Self::CredentialsMissing => {
                "Secrets and ServiceAccounts are read by name, in the namespace of the resource, when they are needed. The operator has no right to any Secret until a Role in that namespace grants the named one."
            }
            Self::CredentialsInvalid => {
                "Microsoft Entra answered the request for a token with a refusal that trying again cannot cure: a wrong or expired secret, an unknown application, or a federated credential that does not fit."
            }
            Self::TenantMismatch => {
                "Before anything else the organisation behind the credentials is read, and the tenant of a subscription before it is used. Both must be exactly `spec.tenantId`."
            }
            Self::UnsupportedCloud => {
                "The tenant's public OpenID configuration names its cloud. It is read before any token is asked for."
            }
            Self::RegionMismatch => {
                "The region of an existing Defender for Endpoint decides, before a wish. It can be read, claimed by the broker, attested, or pinned earlier in `status.dataLocation`."
            }
            Self::Contended => {
                "What is changed outside is set back once. When it is changed again within 24 hours, an administrator or another cluster probably wants it so, and two that fight over a tenant help nobody."
            }
            Self::NotEligible => {
                "Licences are read by the ids of their service plans and judged by the rules of `spec.experience`. A licence can be bought and its plan switched off, not yet provisioned, or a trial that does not count."
            }
            Self::ConsentRequired => {
                "Under `WelcomePage` data may be shared only after a recorded consent. After an opt-out or a deprovisioning an older consent does not count, because it was given for what was ended."
            }
            Self::RegionRequired => {
                "Under `WelcomePage` the administrator chooses the region, for ever. Linking Defender for Cloud to Endpoint creates an Endpoint tenant, whose region never moves either."
            }
            Self::PermissionDenied => {
                "Microsoft answered 403, or the application lacks a role that the step or the reading needs. A 403 is never a reason to try a more powerful actor."
            }
            Self::OperationFailed => {
                "The broker took the request and reported `failed` later, or its answer said so at once."
            }
            Self::OperationTimedOut => {
                "The broker took the request and was still at it when the time ran out that `broker.maximumPollingSeconds` or its catalogue allows, counted from its acceptance."
            }
            Self::ClaimNotObserved => {
                "A broker's success is a claim. The tenant, or the broker's own instance, did not show it within the grace of the administrator's file, one hour unless it says otherwise."
            }
            Self::ActionRequired => {
                "No public API does this step, or no broker is configured for it, or nobody but a person can say what is so. That is no fault: it is a hand-off."
            }
            Self::ProviderRejected => {
                "The broker answered with a client error, such as 400 for parameters that it does not take, or 409 for an instance with other attributes."
            }
            Self::ProviderUnavailable => {
                "No connection, a timeout, a server error, or an answer that is not of the documented shape. A failed read is not an absence: nothing is concluded from it."
            }
            Self::Throttled => {
                "Microsoft or the broker answered 429 or named a time to wait, or the request budget of this tenant is used up for the moment. Other tenants are not held up by it."
            }
            Self::ObserveOnly => {
                "The operator planned as it would under `Manage` and carried nothing out. Hand-offs are not published either."
            }
            Self::DeprovisionNotDeclared => {
                "Deleting a resource never destroys by itself. The finalizer `threatprotection.dev/deprovision` holds it until the deprovisioning is declared and proven, or not wanted any more."
            }
            Self::Enabling => {
                "The tenant is off and the spec declares `Enabled`: the broker was asked, or is about to be."
            }
            Self::Disabling => {
                "The tenant is on and the spec declares `Disabled`: the broker was asked, or is about to be."
            }
            Self::Deprovisioning => {
                "The spec declares `Deprovisioned`, confirms it with the tenant id, and the administrator allows it: the broker was asked, or is about to be."
            }
            Self::Linking => {
                "An entry of `spec.integrations` is declared `Linked` and is not linked yet. Links follow when the service is on."
            }
            Self::Unlinking => "An entry of `spec.integrations` is declared `Unlinked` and is still linked.",
            Self::Verifying => "The step was reported as done, and its effect takes a while to be seen.",
            Self::Propagating => {
                "The switch is set, on the word of whoever has authority over it. That data flows is shown beside it, because it may take half a day."
            }
            Self::Deleting => "The resource has a deletion timestamp. Our finalizer, or another one, still holds it.",
            Self::Enabled => "It was seen, claimed by the broker, or attested; the message says which.",
            Self::Disabled => {
                "It was seen, claimed by the broker, or attested to be off; the message says which. The four services themselves stay as they are."
            }
            Self::Deprovisioned => {
                "The broker has no instance any more, or somebody attests that the service is gone, and nothing observed says that it is on."
            }
            Self::Suspended => {
                "`spec.managementPolicy` says so. Only the condition `Suspended` is written; everything else stands as it was before."
            }
            Self::NotAuthorized => {
                "Holders of the roles, eligible ones and members of groups included, were all read, and none of them counts: applications, empty groups and assignments for a part of the tenant do not."
            }
            Self::Progressing => "A step was sent or is about to be, or something that comes first is awaited.",
            Self::ProgressingWithRetry => {
                "The last request failed in a way that may pass, and the next one follows by itself after a delay that grows."
            }
            Self::Met => "What the condition asks for was found.",
            Self::NotNeeded => "What is declared, or the rules that the tenant lives under, do not ask for it.",
            Self::NotAsked => {
                "Without `spec.credentials` nothing is read from Microsoft; without a permission to manage the tenant nothing is asked at all."
            }
            Self::NotPermitted => {
                "Microsoft answered 403 for want of a permission of the application. Whether the feature is there cannot be told from that."
            }
            Self::Ambiguous => {
                "Several signs are asked and do not agree, or attestations contradict each other, or an answer holds a value that nobody has documented."
            }
            Self::ReadFailed => "The question failed or its answer could not be used; the message says how.",
            Self::LicenceInGrace => {
                "Microsoft keeps a lapsed subscription in force for a time (`Warning`) and then suspends it, before it deletes it. In grace the service can still be turned on; suspended it cannot."
            }
            Self::ServiceNotReporting => {
                "A service of `spec.expectedServices` has had no row in its hunting tables for seven days, or Defender for Identity says that it is not onboarded."
            }
            Self::Drifted => {
                "The tenant was as declared, the spec is the same, and the tenant is not as it was: an administrator, Microsoft or another cluster changed it."
            }
            Self::AttestationExpired => {
                "An attestation holds until its `expireTime`, a year at most. What rested on it alone is not known any more."
            }
            Self::AttestationExpiring => {
                "Its `expireTime` is less than 14 days away. After that the reading is not known any more."
            }
            Self::Internal => {
                "A request was refused by the operator's own safeguards, or a pass could not be finished; an event tells the latter."
            }
        }
    }

    /// What the operator does and leaves until it is gone, and what that means for the tenant.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table, a line a reason")]
    pub const fn meanwhile(self) -> &'static str {
        match self {
            Self::TenantNotAllowed => {
                "Nothing is asked of the tenant and nothing is sent to it; attestations are not counted. A deleted resource is let go."
            }
            Self::DuplicateTenant => {
                "This resource does nothing, and a deleted one is let go. The other one looks after the tenant; when it goes, this one takes over by itself."
            }
            Self::CredentialsMissing | Self::CredentialsInvalid => {
                "Nothing is read with them and nothing is sent, but a declared and confirmed deprovisioning through the broker. A Secret that is put right is found within minutes; a request for a reconcile is faster."
            }
            Self::NotEligible => {
                "The service is not turned on. A service that is on stays on: a lost licence turns nothing off."
            }
            Self::RegionMismatch => {
                "Nothing irreversible is sent. A service that is on stays on and protects, in the region where its data is."
            }
            Self::Contended => {
                "What was changed outside is left as it is, until the spec changes or a reconcile is requested."
            }
            Self::OperationFailed | Self::OperationTimedOut | Self::ClaimNotObserved => ONLY_LOOKED,
            Self::ActionRequired => {
                "The operator waits and looks, every two minutes at first where it can see the result, and goes on by itself when it is done."
            }
            Self::ProviderRejected => {
                "The same request is tried again every half hour, because what the broker lacked may have been mended."
            }
            Self::ProviderUnavailable | Self::Throttled | Self::ReadFailed | Self::ProgressingWithRetry => {
                "Nothing is sent on doubt, and the tenant stays as it is. The last verdict stands; after three resyncs without an answer it ages into `Unknown` and `Stalled`."
            }
            Self::ObserveOnly => "Nothing is written to the tenant, whatever differs.",
            Self::DeprovisionNotDeclared => {
                "The tenant is left as it is, and the resource is held. A namespace or a definition that is being deleted releases it without touching the tenant."
            }
            Self::Enabling
            | Self::Disabling
            | Self::Deprovisioning
            | Self::Linking
            | Self::Unlinking
            | Self::Verifying => UNDER_WAY,
            Self::Progressing => "The operator goes on by itself.",
            Self::Propagating => "The tenant counts as it is declared: data that is under way never holds `Ready`.",
            Self::Deleting => {
                "The tenant is left as it is, unless its deprovisioning is declared, confirmed and allowed."
            }
            Self::Enabled | Self::Disabled | Self::Deprovisioned | Self::Met | Self::NotNeeded => {
                "The operator looks again at every resync and writes nothing while nothing changes."
            }
            Self::Suspended => {
                "The tenant is neither looked at nor changed, and no finalizer is added or removed: a deleted resource that has ours stays."
            }
            Self::NotAuthorized
            | Self::NotAsked
            | Self::NotPermitted
            | Self::Ambiguous
            | Self::LicenceInGrace
            | Self::ServiceNotReporting
            | Self::AttestationExpired
            | Self::AttestationExpiring => ONLY_REPORTED,
            Self::Drifted => {
                "Under `Manage` a service or link that the operator can reach is set back once within 24 hours. A pin is never moved."
            }
            Self::Internal => {
                "The pass is tried again with a delay that grows. Nothing is lost: what was sent is in the status before it leaves."
            }
            Self::InvalidSpec
            | Self::SimulatorRefused
            | Self::TenantMismatch
            | Self::UnsupportedCloud
            | Self::ConsentRequired
            | Self::RegionRequired
            | Self::PermissionDenied => LEFT_ALONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_a_sentence() {
        for reason in Reason::ALL {
            for text in [reason.meaning(), reason.cause(), reason.meanwhile(), reason.remedy()] {
                assert!(text.ends_with('.') && !text.contains('\n') && !text.contains("  "), "{reason}: {text}");
                assert!(!text.contains('|'), "{reason}: a bar would end a cell of a table: {text}");
            }
        }
    }
}
