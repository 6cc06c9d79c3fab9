//! The Microsoft Entra directory roles that a step asks for.

use super::named_by_variant;

/// A built-in Microsoft Entra directory role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May do everything, and alone may set the Identity link under the rules of 2020.
    GlobalAdministrator,
    /// May turn the service on.
    SecurityAdministrator,
    /// May open support requests.
    ServiceSupportAdministrator,
    /// May change the connection between Intune and Defender for Endpoint.
    IntuneAdministrator,
}

named_by_variant!(Role {
    GlobalAdministrator,
    SecurityAdministrator,
    ServiceSupportAdministrator,
    IntuneAdministrator
});

impl Role {
    /// Role template id, the same in every tenant (Microsoft, *Microsoft Entra built-in roles*, January 2026).
    #[must_use]
    pub const fn template_id(self) -> &'static str {
        match self {
            Self::GlobalAdministrator => "62e90394-69f5-4237-9190-012177145e10",
            Self::SecurityAdministrator => "194ae4cb-b126-40b2-bd5b-6091b380977d",
            Self::ServiceSupportAdministrator => "f023fd81-a637-4b56-95fd-791ac0226033",
            Self::IntuneAdministrator => "3a2c62db-5318-420d-8d74-23affee5d9d5",
        }
    }

    /// The name that the portal shows.
    #[must_use]
    pub const fn display_name(self) -> &'static str {
        match self {
            Self::GlobalAdministrator => "Global Administrator",
            Self::SecurityAdministrator => "Security Administrator",
            Self::ServiceSupportAdministrator => "Service Support Administrator",
            Self::IntuneAdministrator => "Intune Administrator",
        }
    }
}
