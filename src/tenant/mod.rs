//! The ground floor: facts of the domain as types, shared by every other room.
//!
//! Nothing here decides, reads or writes; nothing here imports another room.

mod cloud;
mod experience;
mod id;
mod integration;
mod licence_status;
pub mod licences;
mod permission;
mod region;
mod role;
mod service;

pub use cloud::Cloud;
pub use experience::Experience;
pub use id::{InvalidTenantId, TenantId};
pub use integration::{IntegrationType, LinkState};
pub use licence_status::{CapabilityStatus, ProvisioningStatus};
pub use permission::Permission;
pub use region::Region;
pub use role::Role;
pub use service::{Feature, Service};

/// Writes an enum whose variant names are its text in the API, in YAML and in messages.
macro_rules! named_by_variant {
    ($type:ty { $($variant:ident),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order in which the API lists them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name as the API spells it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant)),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use named_by_variant;
