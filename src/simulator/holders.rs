//! Who holds a directory role in a simulated tenant. Pure.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::role_name::RoleName;
use crate::tenant::TenantId;

/// A role that somebody or something holds, besides those that the tenant's `roles` give to one user each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assignment {
    /// The role.
    pub role: RoleName,
    /// What holds it.
    #[serde(default)]
    pub principal: Principal,
    /// Where it holds; `/` is the whole tenant.
    #[serde(default = "everywhere")]
    pub scope: String,
    /// Whether it is only eligible (Privileged Identity Management), and not active.
    #[serde(default)]
    pub eligible: bool,
    /// How many users a group has, groups within it included.
    #[serde(default)]
    pub members: u32,
}

fn everywhere() -> String {
    "/".to_owned()
}

/// What can hold a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Principal {
    /// A person.
    #[default]
    User,
    /// A group of persons.
    Group,
    /// An application.
    ServicePrincipal,
}

impl Principal {
    /// The name of the type, as `@odata.type` has it after `#microsoft.graph.`.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::ServicePrincipal => "servicePrincipal",
        }
    }
}

/// A role held: an [`Assignment`] with ids that stay the same as long as the tenant is written in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Id of the assignment.
    pub id: Uuid,
    /// Id of who holds it.
    pub principal_id: Uuid,
    /// The rest.
    pub assignment: Assignment,
}

impl Assignment {
    /// The role of one user, in the whole tenant.
    #[must_use]
    pub fn of_user(role: RoleName) -> Self {
        Self { role, principal: Principal::User, scope: everywhere(), eligible: false, members: 0 }
    }

    /// The same with ids; `place` tells assignments of one tenant apart.
    #[must_use]
    pub fn held(&self, tenant: TenantId, place: usize) -> Held {
        let id = |what: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{tenant}/{what}/{place}").as_bytes());
        Held { id: id("assignment"), principal_id: id(self.principal.type_name()), assignment: self.clone() }
    }
}
