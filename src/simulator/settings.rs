//! How the simulated services behave, for everybody and for single tenants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tenant::TenantId;

/// The behaviour of the broker and of Microsoft's APIs. JSON is camelCase; `PUT /settings` replaces the members that it names and keeps the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Whether provisioning, updating and deprovisioning answer at once or take a number of polls.
    pub mode: Mode,
    /// `instances_retrievable` of the catalog; without it `GET` of an instance answers 404.
    pub retrievable: bool,
    /// Leaves `parameters` out of the answer to `GET` of an instance.
    pub withhold_parameters: bool,
    /// `plan_updateable` of the catalog.
    pub plan_updateable: bool,
    /// `maximum_polling_duration` of the plan, in seconds.
    pub maximum_polling_duration: Option<u32>,
    /// `update_repeatable` of a failed update.
    pub update_repeatable: Option<bool>,
    /// `instance_usable` of a failed update or deprovisioning.
    pub instance_usable: Option<bool>,
    /// What a failed asynchronous provisioning leaves.
    pub failed_provision_leaves: Leaves,
    /// How long a newly set `IdentityCloudApps` link takes to work, in seconds (Microsoft: up to 12 hours).
    pub identity_link_delay_seconds: u32,
    /// How long a token of Microsoft Entra lives, in seconds.
    pub token_lifetime_seconds: u32,
    /// How long incidents, alerts and hunting take to follow when the service is turned on or off, in seconds.
    pub signals_delay_seconds: u32,
    /// How many entries a page of Microsoft Graph or Azure Resource Manager has at most.
    pub page_size: u32,
    /// Replaces the password of the broker.
    pub password: Option<String>,
    /// What differs for single tenants.
    pub tenants: BTreeMap<TenantId, TenantSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Sync,
            retrievable: true,
            withhold_parameters: false,
            plan_updateable: false,
            maximum_polling_duration: None,
            update_repeatable: None,
            instance_usable: None,
            failed_provision_leaves: Leaves::Absent,
            identity_link_delay_seconds: 12 * 60 * 60,
            token_lifetime_seconds: 3599,
            signals_delay_seconds: 0,
            page_size: 1000,
            password: None,
            tenants: BTreeMap::new(),
        }
    }
}

/// What differs for one tenant; absent members are as for everybody. `PUT /settings?tenant=<id>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TenantSettings {
    /// See [`Settings::mode`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// See [`Settings::withhold_parameters`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withhold_parameters: Option<bool>,
    /// See [`Settings::update_repeatable`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_repeatable: Option<bool>,
    /// See [`Settings::instance_usable`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_usable: Option<bool>,
    /// See [`Settings::failed_provision_leaves`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_provision_leaves: Option<Leaves>,
}

/// `"sync"`, or `{"async": {"polls": 2, "retryAfterSeconds": 1}}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// The answer comes when the work is done.
    #[default]
    Sync,
    /// The answer is 202 and the work is done after a number of polls.
    Async(Polling),
}

/// The course of an asynchronous operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Polling {
    /// How many polls are answered with `in progress` before the one that ends the operation.
    pub polls: u32,
    /// `Retry-After` of the answers, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// What a failed asynchronous provisioning leaves at the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Leaves {
    /// No instance: the same request may be sent again.
    #[default]
    Absent,
    /// An instance whose tenant is off.
    Present,
}

impl Settings {
    /// The behaviour towards one tenant.
    #[must_use]
    pub fn towards(&self, tenant: TenantId) -> Behaviour {
        let own = self.tenants.get(&tenant).cloned().unwrap_or_default();
        Behaviour {
            mode: own.mode.unwrap_or(self.mode),
            withhold_parameters: own.withhold_parameters.unwrap_or(self.withhold_parameters),
            update_repeatable: own.update_repeatable.or(self.update_repeatable),
            instance_usable: own.instance_usable.or(self.instance_usable),
            failed_provision_leaves: own.failed_provision_leaves.unwrap_or(self.failed_provision_leaves),
        }
    }
}

/// [`Settings`] resolved for one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// See [`Settings::mode`].
    pub mode: Mode,
    /// See [`Settings::withhold_parameters`].
    pub withhold_parameters: bool,
    /// See [`Settings::update_repeatable`].
    pub update_repeatable: Option<bool>,
    /// See [`Settings::instance_usable`].
    pub instance_usable: Option<bool>,
    /// See [`Settings::failed_provision_leaves`].
    pub failed_provision_leaves: Leaves,
}
