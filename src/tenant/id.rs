//! The identifier of a Microsoft Entra tenant, and what is derived from it alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Name space of the version 5 UUIDs that name a tenant's service instance at a broker.
///
/// It is part of the wire contract: another value would make every broker see new instances.
const INSTANCE_NAMESPACE: Uuid = Uuid::from_u128(0x5f0e_7c52_3d0b_5c1e_9a86_41b0_3a77_d2f4);

/// A Microsoft Entra tenant id in its canonical form: 36 characters, lower case, hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Uuid);

/// The text is not a tenant id in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a tenant id: expected a UUID of 36 lower-case characters, such as 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11"
)]
pub struct InvalidTenantId {
    text: String,
}

impl TenantId {
    /// The id of the tenant's one service instance at any broker: a version 5 UUID of the tenant id.
    ///
    /// A tenant is a singleton, so a restart, a lost answer or a second cluster finds the same instance.
    #[must_use]
    pub fn service_instance_id(self) -> Uuid {
        Uuid::new_v5(&INSTANCE_NAMESPACE, self.to_string().as_bytes())
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenantId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text)
            .ok()
            .filter(|uuid| uuid.hyphenated().to_string() == text)
            .map(Self)
            .ok_or_else(|| InvalidTenantId { text: text.chars().take(64).collect() })
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidTenantId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_accepted() {
        assert!("8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11".parse::<TenantId>().is_ok());
        for text in ["8D3F2F3E-5A53-4C8E-9C3E-0D6F3A1C7B11", "8d3f2f3e5a534c8e9c3e0d6f3a1c7b11", "", "contoso.com"] {
            assert!(text.parse::<TenantId>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn the_instance_id_never_changes() {
        let id: TenantId = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11".parse().unwrap();
        assert_eq!(id.service_instance_id().get_version_num(), 5);
        // The name-based UUID of RFC 9562 for this tenant, computed elsewhere.
        assert_eq!(id.service_instance_id().to_string(), "3abf61e9-6de0-5898-905d-1b6b60854f9f");
    }
}
