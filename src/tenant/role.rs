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
    /// May use the service once it is on.
    SecurityOperator,
    /// May look at what the service shows.
    SecurityReader,
    /// May look at everything, the licences too.
    GlobalReader,
    /// Sees and buys licences.
    BillingAdministrator,
    /// Opens the portal, by today's page on turning the service on.
    ComplianceAdministrator,
    /// Opens the portal, by today's page on turning the service on.
    ComplianceDataAdministrator,
    /// Opens the portal, by today's page on turning the service on.
    ApplicationAdministrator,
    /// Opens the portal, by today's page on turning the service on.
    CloudApplicationAdministrator,
    /// Manages Defender for Cloud Apps.
    CloudAppSecurityAdministrator,
}

named_by_variant!(Role {
    GlobalAdministrator,
    SecurityAdministrator,
    ServiceSupportAdministrator,
    IntuneAdministrator,
    SecurityOperator,
    SecurityReader,
    GlobalReader,
    BillingAdministrator,
    ComplianceAdministrator,
    ComplianceDataAdministrator,
    ApplicationAdministrator,
    CloudApplicationAdministrator,
    CloudAppSecurityAdministrator,
});

impl Role {
    /// Role template id, the same in every tenant (Microsoft, *Microsoft Entra built-in roles*, 20 January 2026).
    #[must_use]
    pub const fn template_id(self) -> &'static str {
        match self {
            Self::GlobalAdministrator => "62e90394-69f5-4237-9190-012177145e10",
            Self::SecurityAdministrator => "194ae4cb-b126-40b2-bd5b-6091b380977d",
            Self::ServiceSupportAdministrator => "f023fd81-a637-4b56-95fd-791ac0226033",
            Self::IntuneAdministrator => "3a2c62db-5318-420d-8d74-23affee5d9d5",
            Self::SecurityOperator => "5f2222b1-57c3-48ba-8ad5-d4759f1fde6f",
            Self::SecurityReader => "5d6b6bb7-de71-4623-b4af-96380a352509",
            Self::GlobalReader => "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
            Self::BillingAdministrator => "b0f54661-2d74-4c50-afa3-1ec803f12efe",
            Self::ComplianceAdministrator => "17315797-102d-40b4-93e0-432062caca18",
            Self::ComplianceDataAdministrator => "e6d1a23a-da11-4be4-9570-befc86d067a7",
            Self::ApplicationAdministrator => "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
            Self::CloudApplicationAdministrator => "158c047a-c907-4556-b7ef-446551a6b5f7",
            Self::CloudAppSecurityAdministrator => "892c5842-a9a6-463a-8041-72aa08ca3cf6",
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
            Self::SecurityOperator => "Security Operator",
            Self::SecurityReader => "Security Reader",
            Self::GlobalReader => "Global Reader",
            Self::BillingAdministrator => "Billing Administrator",
            Self::ComplianceAdministrator => "Compliance Administrator",
            Self::ComplianceDataAdministrator => "Compliance Data Administrator",
            Self::ApplicationAdministrator => "Application Administrator",
            Self::CloudApplicationAdministrator => "Cloud Application Administrator",
            Self::CloudAppSecurityAdministrator => "Cloud App Security Administrator",
        }
    }

    /// Whether it may turn the service on: Global or Security Administrator (Microsoft, *Turn on Microsoft Threat
    /// Protection*, March and June 2020).
    ///
    /// Today's pages contradict each other: *Turn on Microsoft Defender XDR* lists nine roles, *Prerequisites* (3 April 2025)
    /// asks for at least Security Administrator. The strict reading is taken.
    #[must_use]
    pub const fn may_turn_on(self) -> bool {
        matches!(self, Self::GlobalAdministrator | Self::SecurityAdministrator)
    }

    /// Whether it may use or see the service once it is on (Microsoft, *FAQ*, September 2020; *Manage access*, 2025).
    #[must_use]
    pub const fn may_access(self) -> bool {
        matches!(
            self,
            Self::GlobalAdministrator
                | Self::SecurityAdministrator
                | Self::SecurityOperator
                | Self::GlobalReader
                | Self::SecurityReader
        )
    }

    /// Whether it sees the licences in the admin center: Billing Administrator or Global Reader (Microsoft,
    /// *Prerequisites*, early 2020), and the Global Administrator, who sees everything. Security Administrator, which may
    /// turn the service on, is not among them.
    #[must_use]
    pub const fn sees_licences(self) -> bool {
        matches!(self, Self::BillingAdministrator | Self::GlobalReader | Self::GlobalAdministrator)
    }
}
