//! What Microsoft's own APIs answered in this pass with the credentials of the resource, as the room `remote` reads it.
//!
//! Values are what the APIs say; what follows from them is decided by the rules beside this file. Calls and shapes:
//! Microsoft Graph v1.0 and Azure Resource Manager as documented in 2025 and 2026.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::failure::Failure;
use super::reading::{Reading, Why};
use crate::tenant::{CapabilityStatus, Cloud, Permission, ProvisioningStatus, Role, Service, TenantId};

/// One look at a tenant through Microsoft's own APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Microsoft {
    /// What became of signing in.
    pub access: Access,
    /// The cloud that the tenant's `OpenID` configuration names (`tenant_region_sub_scope`); it is read before signing in.
    pub cloud: Reading<Cloud>,
    /// `GET /organization`: who the tenant says it is.
    pub organization: Reading<Organization>,
    /// `GET /servicePrincipals(…)/appRoleAssignments`: which application permissions are known to be granted, and which
    /// not.
    pub permissions: Reading<BTreeMap<Permission, bool>>,
    /// `GET /subscribedSkus`: the licences.
    pub skus: Reading<Listed<SubscribedSku>>,
    /// `GET /directory/subscriptions`: which licences are trials, and when their state changes next.
    pub subscriptions: Reading<Listed<DirectorySubscription>>,
    /// Who holds the roles that were asked for; a role that is not here was not asked for.
    pub roles: BTreeMap<Role, RoleHolders>,
    /// `POST /security/runHuntingQuery`: whether advanced hunting answers.
    pub hunting: Reading<Hunting>,
    /// `GET /security/incidents`: whether the incidents answer.
    pub incidents: Reading<Answer>,
    /// `GET /security/alerts_v2`: whether the alerts answer.
    pub alerts: Reading<Answer>,
    /// `GET /security/identities/healthIssues`: refused where Defender for Identity is not onboarded.
    pub identity: Reading<Answer>,
    /// Newest row of each service's hunting tables within seven days; a service without rows is not here. Rows of
    /// Defender for Identity are the on-premises ones of `IdentityLogonEvents`.
    pub newest_rows: Reading<BTreeMap<Service, Timestamp>>,
    /// Azure Resource Manager `mdeOnboardings/default`: where Defender for Endpoint keeps its data.
    pub endpoint_location: Reading<EndpointLocation>,
    /// Whether the setting `WDATP` of the subscription for observation is on: Defender for Endpoint was turned on through
    /// Azure Security Center (today Defender for Cloud).
    pub security_center: Reading<bool>,
    /// The tenant that the Azure subscription for observation belongs to.
    pub observation_owner: Reading<TenantId>,
    /// The declared integrations, by name; one that is not here was not asked for.
    pub links: BTreeMap<String, ObservedLink>,
    /// Answers that can mean two things, one sentence each, both meanings named.
    pub doubts: Vec<String>,
    /// The first call that could not be made, or whose answer could not be used.
    pub failure: Option<Failure>,
}

/// What became of signing in to the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// No credentials are declared, or nothing here signs in.
    NotTried,
    /// A token was obtained.
    Granted,
    /// It was refused and would be refused again: the reason is one of the catalogue's reasons of credentials.
    Refused(Failure),
    /// It could not be tried, or its answer could not be used.
    Failed(Failure),
}

/// A list as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// What was read.
    pub items: Vec<T>,
    /// Whether that is all: only then is something proven to be absent.
    pub is_complete: bool,
}

/// `GET /organization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Id of the tenant.
    pub id: TenantId,
    /// Display name.
    pub display_name: Option<String>,
    /// The default verified domain.
    pub default_domain: Option<String>,
    /// Country, ISO 3166 alpha-2.
    pub country_code: Option<String>,
}

/// An entry of `GET /subscribedSkus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribedSku {
    /// Id of the SKU, lower case.
    pub id: String,
    /// Its part number, such as `SPE_E5`; a name for people, never matched.
    pub part_number: String,
    /// State of the subscriptions behind it.
    pub capability: CapabilityStatus,
    /// Its service plans.
    pub plans: Vec<SkuPlan>,
}

/// A service plan of a SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkuPlan {
    /// Id of the plan, lower case.
    pub id: String,
    /// How far it is provisioned.
    pub provisioning: ProvisioningStatus,
}

/// An entry of `GET /directory/subscriptions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectorySubscription {
    /// Id of the SKU that it brings, lower case.
    pub sku_id: String,
    /// Whether it is a trial.
    pub is_trial: bool,
    /// Its state.
    pub status: CapabilityStatus,
    /// When its state changes next (`nextLifecycleDateTime`): for one in its grace period, the end of that.
    pub next_lifecycle: Option<Timestamp>,
}

/// Who holds one directory role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleHolders {
    /// Active assignments.
    pub assigned: Reading<Listed<Holder>>,
    /// Eligible ones of Privileged Identity Management; a tenant without the licence for it has none.
    pub eligible: Reading<Listed<Holder>>,
}

/// One assignment of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// To whom.
    pub principal: Principal,
    /// Where it holds: `/` is the whole tenant (`directoryScopeId`).
    pub scope: String,
}

/// What kind of holder an assignment has. No names of people are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A person's account.
    User,
    /// An application.
    ServicePrincipal,
    /// A group and the number of persons in it.
    Group {
        /// How many persons.
        members: Reading<u32>,
    },
    /// A kind that this version does not know.
    Unrecognised,
}

/// What advanced hunting answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hunting {
    /// It answers, and the tables of these services exist.
    Answers {
        /// Services with a table.
        tables: BTreeSet<Service>,
    },
    /// 403, although the application holds its permission.
    Refuses,
}

/// Whether a feature answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200.
    Answers,
    /// Refused in the way that says that it is not there: 403 although the application holds its permission.
    Refuses,
}

/// Where Defender for Endpoint keeps its data, by its onboarding package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointLocation {
    /// `datacenter`, such as `WestEurope`.
    pub data_center: Option<String>,
    /// `vortexGeoLocation` or `partnerGeoLocation`, such as `EU` or `GW_EU`.
    pub geography: Option<String>,
}

/// What the authority for a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLink {
    /// The switch.
    pub answer: Reading<LinkAnswer>,
    /// The tenant that the Azure subscription of the link belongs to.
    pub owner: Reading<TenantId>,
    /// Whether Microsoft Sentinel would accept the connector (`dataConnectorsCheckRequirements`).
    pub requirements: Reading<Requirements>,
}

/// The switch of a link, as its API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkAnswer {
    /// `mobileThreatDefenseConnectors`: `partnerState` as it is spelt.
    Partner(String),
    /// `Microsoft.Security/settings`: `properties.enabled`.
    Setting {
        /// Whether it is on.
        is_enabled: bool,
    },
    /// The Microsoft Sentinel connector of kind `MicrosoftThreatProtection`.
    Connector {
        /// `dataTypes.incidents.state` as it is spelt; `None`: there is no connector.
        incidents: Option<String>,
    },
}

/// `dataConnectorsCheckRequirements`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// `authorizationState` is `Valid`.
    pub is_authorized: bool,
    /// `licenseState` is not `Invalid`.
    pub is_licensed: bool,
}

impl Microsoft {
    /// Nothing was asked.
    #[must_use]
    pub const fn nothing() -> Self {
        Self::unknown(Access::NotTried, Why::NotAsked)
    }

    /// Signing in came to nothing: no question could be asked.
    #[must_use]
    pub fn no_access(failure: Failure, is_final: bool) -> Self {
        if is_final {
            return Self::unknown(Access::Refused(failure), Why::NotAsked);
        }
        Self { failure: Some(failure.clone()), ..Self::unknown(Access::Failed(failure), Why::ReadFailed) }
    }

    /// Nothing is known of anything, for one reason.
    #[must_use]
    pub const fn unknown(access: Access, why: Why) -> Self {
        Self {
            access,
            cloud: Reading::unknown(why),
            organization: Reading::unknown(why),
            permissions: Reading::unknown(why),
            skus: Reading::unknown(why),
            subscriptions: Reading::unknown(why),
            roles: BTreeMap::new(),
            hunting: Reading::unknown(why),
            incidents: Reading::unknown(why),
            alerts: Reading::unknown(why),
            identity: Reading::unknown(why),
            newest_rows: Reading::unknown(why),
            endpoint_location: Reading::unknown(why),
            security_center: Reading::unknown(why),
            observation_owner: Reading::unknown(why),
            links: BTreeMap::new(),
            doubts: Vec::new(),
            failure: None,
        }
    }

    /// Whether the tenant could be asked.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        matches!(self.access, Access::Granted)
    }
}
