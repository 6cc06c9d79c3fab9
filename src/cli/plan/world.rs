//! The world file: what Microsoft, the service broker and the administrator would answer, written down by a person.
//!
//! Input: YAML and the resource that it is about. Output: everything of a `Situation` but the resource. Pure.
//! Its documentation for people, with every field, is `deploy/docs/plan.md`.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use self::wire::AnotherResource;
use super::schema::is_in_range;
use super::text::visible;
use crate::api::ConditionType;
use crate::config::Config;
use crate::plan::desired::Desired;
use crate::plan::observed::Observed;
use crate::plan::situation::{Capabilities, Permit, Recent};

mod broker;
mod licences;
mod microsoft;
mod wire;

#[cfg(test)]
mod tests;

/// A world file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// It is not YAML of the documented shape.
    #[error("it is not of the documented shape ({problem}). Correct the place that is named")]
    Shape {
        /// What the parser says, with the line.
        problem: String,
    },
    /// A value cannot be used.
    #[error("{field}: {problem}")]
    Value {
        /// Where, such as `microsoft.incidents`.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl WorldError {
    fn value(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Value { field: visible(&field.into()), problem: visible(&problem.into()) }
    }
}

/// A world, read and checked as far as it does not depend on a resource.
#[derive(Debug)]
pub(super) struct World {
    file: wire::World,
    /// Whether nothing stands in the file, not even `{}`.
    pub is_empty: bool,
    /// The time of the plan.
    pub now: Timestamp,
    /// What is configured.
    pub capabilities: Capabilities,
}

impl World {
    /// Reads a world; `now` is the time where the file names none.
    pub(super) fn read(text: &str, now: Timestamp) -> Result<Self, WorldError> {
        let shape = |error: serde_yaml::Error| WorldError::Shape { problem: visible(&error.to_string()) };
        let written: Option<wire::World> =
            if holds_nothing(text) { None } else { serde_yaml::from_str(text).map_err(shape)? };
        let is_empty = written.is_none();
        let file = written.unwrap_or_default();
        let now = file.now.unwrap_or(now);
        for (field, time) in [("now", Some(now)), ("failingSince", file.failing_since), ("refusedAt", file.refused_at)]
        {
            in_range(field, time)?;
        }
        let capabilities = capabilities(&file)?;
        Ok(Self { file, is_empty, now, capabilities })
    }

    /// What the administrator's configuration, and other resources, permit.
    pub(super) fn permit(&self) -> Permit {
        let administrator = &self.file.administrator;
        match self.file.another_resource {
            _ if !administrator.allowed => Permit::NotAllowed,
            AnotherResource::None => Permit::Granted { allow_deprovision: administrator.allow_deprovision },
            AnotherResource::Older => Permit::Duplicate,
            AnotherResource::AfterDeletion => Permit::Succeeded,
        }
    }

    /// What the operator's process remembers of a resource that declares these integrations.
    pub(super) fn recent<'a>(&self, integrations: impl Iterator<Item = &'a String>) -> Recent {
        let failures = u32::from(self.file.failing_since.is_some());
        Recent {
            failing_since: self.file.failing_since,
            broker_silent_since: self.file.failing_since,
            failures,
            refused_at: self.file.refused_at,
            throttled_until: None,
            unread_since: self
                .file
                .failing_since
                .map_or_else(BTreeMap::new, |since| ConditionType::ALL.iter().map(|kind| (*kind, since)).collect()),
            unread_links_since: self
                .file
                .failing_since
                .map_or_else(BTreeMap::new, |since| integrations.map(|name| (name.clone(), since)).collect()),
            missing_since: BTreeMap::new(),
            requested_at: None,
        }
    }

    /// Whether the home of the resource is being deleted.
    pub(super) const fn home_is_terminating(&self) -> bool {
        self.file.namespace_is_terminating
    }

    /// Whether it says what Microsoft answers.
    pub(super) const fn has_microsoft(&self) -> bool {
        self.file.microsoft.is_some()
    }

    /// What would be read of the tenant: of the broker where it may be asked, of Microsoft where there are credentials.
    pub(super) fn observed(
        &self,
        desired: &Desired,
        asks_broker: bool,
        signs_in: bool,
    ) -> Result<Observed, WorldError> {
        let mut observed = match &self.file.broker {
            Some(file) => {
                let read = broker::observed(file, desired)?;
                if asks_broker { read } else { Observed::nothing() }
            }
            None => Observed::nothing(),
        };
        if let Some(file) = &self.file.microsoft {
            let read = microsoft::microsoft(file, desired)?;
            if signs_in {
                observed.microsoft = read;
            }
        }
        Ok(observed)
    }
}

/// Whether there are only blanks, comments and marks of a beginning and an end of a document.
fn holds_nothing(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || matches!(line, "---" | "..."))
}

/// What an operator with a configuration that names no timing has, but for what the file says.
fn capabilities(file: &wire::World) -> Result<Capabilities, WorldError> {
    let unusable = |problem: String| WorldError::value("administrator", problem);
    let standard = Config::parse("tenancy: []", Path::new("."))
        .map_err(|errors| unusable(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?
        .capabilities;
    let administrator = &file.administrator;
    Ok(Capabilities {
        has_broker: file.broker.is_some(),
        claim_grace: seconds("administrator.claimGraceSeconds", administrator.claim_grace_seconds)?,
        operation_deadline: seconds("administrator.maximumPollingSeconds", administrator.maximum_polling_seconds)?,
        ..standard
    })
}

fn seconds(field: &str, value: i64) -> Result<SignedDuration, WorldError> {
    if !(0..=604_800).contains(&value) {
        return Err(WorldError::value(field, format!("{value} is not in 0 to 604800")));
    }
    Ok(SignedDuration::from_secs(value))
}

fn in_range(field: &str, time: Option<Timestamp>) -> Result<(), WorldError> {
    match time.filter(|time| !is_in_range(*time)) {
        Some(time) => Err(WorldError::value(field, format!("{time} is not in the years 1970 to 2999"))),
        None => Ok(()),
    }
}
