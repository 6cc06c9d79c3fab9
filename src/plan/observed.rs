//! One snapshot of the outside world, as the room `remote` gathers it.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::failure::Failure;
use super::microsoft::Microsoft;
use super::reading::{Reading, Why};
use crate::api::DesiredState;
use crate::tenant::{IntegrationType, LinkState, Region, TenantId};

/// What was read in this pass, and nothing older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The broker's service instance of the tenant. `NotAsked`: no broker may be asked here, or its catalog says that
    /// instances cannot be retrieved.
    pub instance: Reading<Instance>,
    /// Whether the broker shows instances at all (`instances_retrievable`); false also without a broker.
    pub is_retrievable: bool,
    /// The broker's answer about the remembered operation; `None`: there is none in flight, or it could not be asked.
    pub progress: Option<Progress>,
    /// The plan's own limit for an operation (`maximum_polling_duration`).
    pub maximum_polling: Option<SignedDuration>,
    /// Why the broker could not be read.
    pub failure: Option<Failure>,
    /// What Microsoft's own APIs answered.
    pub microsoft: Microsoft,
}

impl Observed {
    /// A snapshot for which nothing was asked.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            instance: Reading::unknown(Why::NotAsked),
            is_retrievable: false,
            progress: None,
            maximum_polling: None,
            failure: None,
            microsoft: Microsoft::nothing(),
        }
    }
}

/// The broker's service instance of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instance {
    /// There is none (`404`).
    Absent,
    /// There is one.
    Present {
        /// Its parameters; `None` where the broker withholds them.
        parameters: Option<InstanceParameters>,
    },
}

/// The parameters of an instance as the broker shows them. Parts that are missing or not understood are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceParameters {
    /// The tenant that the instance is for.
    pub tenant: Option<TenantId>,
    /// Where its data is, or was asked to be.
    pub region: Option<Region>,
    /// `Enabled` or `Disabled`.
    pub state: Option<DesiredState>,
    /// The links.
    pub integrations: BTreeMap<IntegrationType, LinkState>,
}

/// How far an asynchronous operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not yet ended; ask again not before `retry_after`, where the broker said so.
    InProgress {
        /// `Retry-After` of the answer.
        retry_after: Option<SignedDuration>,
    },
    /// The broker says that it succeeded.
    Succeeded,
    /// The broker says that it failed.
    Failed {
        /// The broker's words, cleaned.
        description: String,
        /// Whether the same update may be sent again (`update_repeatable`).
        is_repeatable: bool,
        /// Whether the instance can be updated at all (`instance_usable`).
        is_usable: bool,
    },
    /// The operation or its instance is not known any more (`410`, or `404` three times in a row): look at the instance.
    Gone,
}
