//! The permissions that a reading or an act asks for.

/// An application permission of Microsoft Graph, or a role of Azure Resource Manager.
///
/// Sources: Microsoft Graph permissions reference, Azure built-in roles (2025).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Licences and facts of the organisation.
    Organization,
    /// The permissions of the application itself.
    Applications,
    /// Incidents.
    SecurityIncidents,
    /// Alerts.
    SecurityAlerts,
    /// Advanced hunting.
    ThreatHunting,
    /// Health issues of Defender for Identity.
    IdentityHealth,
    /// Holders of directory roles.
    DirectoryRoles,
    /// Members of groups that hold directory roles.
    GroupMembers,
    /// The connector between Defender for Endpoint and Intune.
    IntuneConnector,
    /// Settings of Defender for Cloud, to read them.
    SecurityReader,
    /// Settings of Defender for Cloud, to change them.
    SecurityAdmin,
    /// Data connectors of Microsoft Sentinel.
    SentinelContributor,
}

impl Permission {
    /// The name under which it is granted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organization => "Organization.Read.All",
            Self::Applications => "Application.Read.All",
            Self::SecurityIncidents => "SecurityIncident.Read.All",
            Self::SecurityAlerts => "SecurityAlert.Read.All",
            Self::ThreatHunting => "ThreatHunting.Read.All",
            Self::IdentityHealth => "SecurityIdentitiesHealth.Read.All",
            Self::DirectoryRoles => "RoleManagement.Read.Directory",
            Self::GroupMembers => "GroupMember.Read.All",
            Self::IntuneConnector => "DeviceManagementServiceConfig.Read.All",
            Self::SecurityReader => "Security Reader",
            Self::SecurityAdmin => "Security Admin",
            Self::SentinelContributor => "Microsoft Sentinel Contributor",
        }
    }
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SecurityReader | Self::SecurityAdmin => {
                write!(f, "the Azure role {} on the subscription", self.name())
            }
            Self::SentinelContributor => write!(f, "the Azure role {} on the workspace", self.name()),
            _ => write!(f, "the application permission {}", self.name()),
        }
    }
}
