//! What Microsoft Entra's error codes mean: one table. Pure.
//!
//! Sources: Microsoft, *Microsoft Entra authentication and authorization error codes* (2024). For federated credentials
//! also Azure, *Azure AD Workload Identity: Troubleshooting* (2025) and Microsoft, *Troubleshoot an Azure Resource Manager
//! workload identity service connection* (March 2026); of 700212 and 7002131 only Microsoft Entra's own text is known.
//! Microsoft says of the codes that they may change: a code that is not in the table is therefore judged by the `error`
//! of OAuth 2.0 (RFC 6749, section 5.2), which stays.

use crate::api::Reason;

/// Who or what can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A person only, for this reason.
    Person(Reason),
    /// Time: it is asked too often.
    Throttled,
    /// Time: something at Microsoft, or on its way, is broken.
    Transient,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The number after `AADSTS`.
    pub code: u32,
    /// Who or what can mend it.
    pub verdict: Verdict,
    /// What happened: one sentence.
    pub meaning: &'static str,
    /// What to do: one sentence.
    pub remedy: &'static str,
}

/// The row of a code.
pub(super) fn row(code: u32) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.code == code)
}

/// What an `error` of OAuth 2.0 means where no code is known; `None` where the name is not a documented one.
pub(super) fn by_error(error: &str) -> Option<(&'static str, Verdict)> {
    let verdict = |name, verdict| Some((name, verdict));
    match error {
        "invalid_client" => verdict("invalid_client", Verdict::Person(Reason::CredentialsInvalid)),
        "invalid_grant" => verdict("invalid_grant", Verdict::Person(Reason::CredentialsInvalid)),
        "invalid_request" => verdict("invalid_request", Verdict::Person(Reason::CredentialsInvalid)),
        "invalid_scope" => verdict("invalid_scope", Verdict::Person(Reason::CredentialsInvalid)),
        "invalid_resource" => verdict("invalid_resource", Verdict::Person(Reason::PermissionDenied)),
        "unauthorized_client" => verdict("unauthorized_client", Verdict::Person(Reason::CredentialsInvalid)),
        "unsupported_grant_type" => verdict("unsupported_grant_type", Verdict::Person(Reason::CredentialsInvalid)),
        "interaction_required" => verdict("interaction_required", Verdict::Person(Reason::PermissionDenied)),
        "consent_required" => verdict("consent_required", Verdict::Person(Reason::PermissionDenied)),
        "access_denied" => verdict("access_denied", Verdict::Person(Reason::PermissionDenied)),
        "temporarily_unavailable" => verdict("temporarily_unavailable", Verdict::Transient),
        "server_error" => verdict("server_error", Verdict::Transient),
        _ => None,
    }
}

const INVALID: Verdict = Verdict::Person(Reason::CredentialsInvalid);
const DENIED: Verdict = Verdict::Person(Reason::PermissionDenied);
const MISMATCH: Verdict = Verdict::Person(Reason::TenantMismatch);
const OTHER_CLOUD: Verdict = Verdict::Person(Reason::UnsupportedCloud);

/// Stands in the text below for the subject that was presented, where it is known.
pub(super) const SUBJECT: &str = "system:serviceaccount:<namespace>:<name>";
const FEDERATED: &str = "Compare, to the last character, the application's federated credential: issuer (as kubectl get --raw /.well-known/openid-configuration shows it), subject (system:serviceaccount:<namespace>:<name>), audience (api://AzureADTokenExchange).";
const NEW_TOKEN: &str =
    "Check the clocks of the cluster's nodes; the operator takes a new token of the ServiceAccount with the next try.";
const FEDERATION_POLICY: &str =
    "Let an administrator of the tenant allow the cluster's issuer for federated credentials, or use a client secret.";
const CONSENT: &str =
    "Let an administrator of the tenant grant admin consent to the application, then request a reconcile.";
const CONDITIONAL: &str = "Let an administrator of the tenant look up the request in the sign-in logs, and exempt the application from the policy or allow the operator's address.";
const WAIT: &str = "Nothing: the operator tries again by itself.";
const CLOUD: &str = "Correct spec.cloud, or use an application of the tenant's own cloud.";

const fn told(code: u32, verdict: Verdict, meaning: &'static str, remedy: &'static str) -> Row {
    Row { code, verdict, meaning, remedy }
}

/// All codes that are known, in the order of their topics.
pub(super) const TABLE: &[Row] = &[
    // The secret.
    told(
        7_000_215,
        INVALID,
        "Microsoft Entra does not accept the client secret",
        "Write the value of the application's secret into the Kubernetes Secret (the value, not the secret's id).",
    ),
    told(
        7_000_222,
        INVALID,
        "The client secret has expired",
        "Create a new secret for the application, and write its value into the Kubernetes Secret.",
    ),
    told(
        70_002,
        INVALID,
        "The client secret does not belong to this application",
        "Check that clientId and the value in the Kubernetes Secret are of the same application.",
    ),
    told(
        7_000_218,
        INVALID,
        "Microsoft Entra received neither a client secret nor a token of a ServiceAccount",
        "Check that the Kubernetes Secret holds the secret's value.",
    ),
    // The application.
    told(
        700_016,
        INVALID,
        "The application is not known in this tenant",
        "Check clientId and tenantId; an application of another tenant must be consented to in this one.",
    ),
    told(
        700_011,
        INVALID,
        "The application is not known in this tenant",
        "Check clientId and tenantId; an application of another tenant must be consented to in this one.",
    ),
    told(
        70_001,
        INVALID,
        "The application is disabled, or not known in this tenant",
        "Check clientId, and enable the application in the tenant.",
    ),
    told(
        7_000_112,
        INVALID,
        "The application is disabled in this tenant",
        "Enable the enterprise application in the tenant (Microsoft Entra admin center, Enterprise applications, Properties).",
    ),
    told(
        700_025,
        INVALID,
        "The application is registered as a public client, which cannot sign in with a secret",
        "Turn off public client flows of the application, or use another application.",
    ),
    // The token of a ServiceAccount.
    told(70_021, INVALID, "No federated credential of the application matches the ServiceAccount's token", FEDERATED),
    told(70_025, INVALID, "The application has no federated credential", FEDERATED),
    told(
        700_211,
        INVALID,
        "No federated credential of the application has the issuer of the ServiceAccount's token",
        FEDERATED,
    ),
    told(
        700_212,
        INVALID,
        "No federated credential of the application has the audience of the ServiceAccount's token",
        FEDERATED,
    ),
    told(
        700_213,
        INVALID,
        "No federated credential of the application has the subject of the ServiceAccount's token",
        FEDERATED,
    ),
    told(
        7_002_131,
        INVALID,
        "No federated credential, nor an expression of one, matches the subject of the ServiceAccount's token",
        FEDERATED,
    ),
    told(
        700_027,
        INVALID,
        "The signature of the ServiceAccount's token does not match the keys of its issuer",
        "Check that the issuer of the federated credential is this cluster, and that its keys are published.",
    ),
    told(
        50_012,
        INVALID,
        "The signature of the ServiceAccount's token is not valid",
        "Check that the issuer of the federated credential is this cluster, and that its keys are published.",
    ),
    told(50_013, INVALID, "The ServiceAccount's token is not valid", FEDERATED),
    told(50_027, INVALID, "The ServiceAccount's token is not valid", FEDERATED),
    told(700_024, INVALID, "The ServiceAccount's token is not valid at this time", NEW_TOKEN),
    told(500_133, INVALID, "The ServiceAccount's token is not valid at this time", NEW_TOKEN),
    told(700_223, DENIED, "The tenant does not allow federated credentials, or only some", FEDERATION_POLICY),
    told(700_238, DENIED, "The tenant does not allow federated credentials of this issuer", FEDERATION_POLICY),
    told(
        90_061,
        Verdict::Transient,
        "Microsoft Entra cannot reach the issuer of the cluster's tokens",
        "Check that <issuer>/.well-known/openid-configuration and the keys it names can be reached from the internet; the operator tries again by itself.",
    ),
    // The tenant.
    told(90_002, MISMATCH, "There is no such tenant in this cloud", "Correct spec.tenantId or spec.cloud."),
    told(90_038, OTHER_CLOUD, "The tenant lives in another Microsoft cloud", CLOUD),
    told(900_382, OTHER_CLOUD, "The application lives in another Microsoft cloud than the tenant", CLOUD),
    told(900_432, OTHER_CLOUD, "The application lives in another Microsoft cloud than the tenant", CLOUD),
    // Consent and policy.
    told(65_001, DENIED, "Nobody consented to the application in this tenant", CONSENT),
    told(90_094, DENIED, "An administrator must consent to the application in this tenant", CONSENT),
    told(90_008, DENIED, "Nobody consented to the application in this tenant", CONSENT),
    told(
        500_011,
        DENIED,
        "The API that is to be asked is not present in this tenant",
        "Check that the tenant subscribes to the service, and let an administrator grant admin consent to the application.",
    ),
    told(
        650_052,
        DENIED,
        "The tenant has not subscribed to the service that is to be asked",
        "Check the tenant's subscriptions, and let an administrator grant admin consent to the application.",
    ),
    told(53_003, DENIED, "A Conditional Access policy of the tenant blocks the application", CONDITIONAL),
    told(530_032, DENIED, "A security policy of the tenant blocks the application", CONDITIONAL),
    told(50_131, DENIED, "A Conditional Access policy of the tenant blocks the application", CONDITIONAL),
    // Asked too often.
    told(90_055, Verdict::Throttled, "Microsoft Entra received too many requests for this tenant", WAIT),
    told(50_196, Verdict::Throttled, "Microsoft Entra received the same request too often", WAIT),
    // Trouble at Microsoft.
    told(50_000, Verdict::Transient, "Microsoft Entra could not issue a token", WAIT),
    told(50_033, Verdict::Transient, "Microsoft Entra met an error that passes", WAIT),
    told(90_006, Verdict::Transient, "Microsoft Entra is not available for the moment", WAIT),
    told(90_012, Verdict::Transient, "Microsoft Entra did not answer itself in time", WAIT),
    told(90_024, Verdict::Transient, "Microsoft Entra met an error that passes", WAIT),
    told(90_033, Verdict::Transient, "The directory of Microsoft Entra is not available for the moment", WAIT),
    told(90_090, Verdict::Transient, "The directory of Microsoft Entra is not available for the moment", WAIT),
    told(90_091, Verdict::Transient, "The directory of Microsoft Entra cannot be reached for the moment", WAIT),
];
