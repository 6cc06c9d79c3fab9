//! Directory roles as JSON text: the name of the role, `GlobalAdministrator` and so on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::tenant::Role;

/// A [`Role`] that is spelled by its name on the control port and in the state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(pub Role);

/// The text names no role.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text:?} is not a role; the roles are {}", Role::ALL.iter().map(|role| role.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownRole {
    text: String,
}

impl TryFrom<String> for RoleName {
    type Error = UnknownRole;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Role::ALL.iter().copied().find(|role| role.name() == text).map(Self).ok_or(UnknownRole { text })
    }
}

impl From<RoleName> for String {
    fn from(RoleName(role): RoleName) -> Self {
        role.name().to_owned()
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
