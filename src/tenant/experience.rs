//! The onboarding rules under which a tenant lives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named_by_variant;

/// Which onboarding rules the tenant lives under: the same words mean different things in each.
///
/// Old and new rules coexisted, tenant by tenant, so the rules are declared and not guessed from a date.
/// The order is the order in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Experience {
    /// March 2020: an administrator finishes a welcome page, chooses a region where Defender ATP has none, and gives consent.
    WelcomePage,
    /// June 2020: comes on by itself when an eligible administrator visits; the region is automatic; the switch stays in Settings.
    SettingsPage,
    /// 2021 to today: comes on when a navigation item is opened; there is no switch to turn it off, support does that.
    #[default]
    DefenderPortal,
}

named_by_variant!(Experience { WelcomePage, SettingsPage, DefenderPortal });

impl Experience {
    /// Whether consent must be recorded before data is shared (only the March 2020 page asks for it).
    #[must_use]
    pub const fn requires_consent(self) -> bool {
        matches!(self, Self::WelcomePage)
    }

    /// Whether the administrator chooses the region where Defender for Endpoint has none.
    #[must_use]
    pub const fn administrator_chooses_region(self) -> bool {
        matches!(self, Self::WelcomePage)
    }

    /// Whether merely opening a page of the portal can turn the service on, in a region that never moves.
    #[must_use]
    pub const fn turns_on_by_visit(self) -> bool {
        matches!(self, Self::SettingsPage | Self::DefenderPortal)
    }

    /// Whether the portal has an opt-out switch (it was removed in October 2020).
    #[must_use]
    pub const fn has_opt_out_switch(self) -> bool {
        matches!(self, Self::WelcomePage | Self::SettingsPage)
    }
}
