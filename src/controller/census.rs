//! What can be seen in the cluster at any time, as numbers: tenants by condition, open hand-offs, the queue.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::glimpse::Glimpse;
use crate::api::{ConditionType, PendingStep, Reason, TriState};

/// A reason that is not of the catalogue: somebody else wrote it, or an older release.
const OTHER: &str = "other";

/// The numbers. Each is of all resources that the operator looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Resources.
    pub resources: u64,
    /// Those of them whose spec cannot be read.
    pub unreadable: u64,
    /// Resources whose time to be looked at has come, and that no pass is looking at yet.
    pub queued: u64,
    /// Resources whose last pass failed, and that wait before the next try.
    pub backing_off: u64,
    conditions: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    hand_offs: BTreeMap<PendingStep, HandOffs>,
    oldest_deletion: SignedDuration,
}

/// Hand-offs of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HandOffs {
    open: u64,
    oldest: SignedDuration,
}

/// What is counted of one resource, in few bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    is_readable: bool,
    conditions: Box<[(ConditionType, TriState, Option<Reason>)]>,
    hand_offs: Box<[(PendingStep, Timestamp)]>,
    deleted: Option<Timestamp>,
}

impl Facts {
    /// What is counted of a status.
    pub(super) fn of(glimpse: Glimpse, is_readable: bool) -> Self {
        let Glimpse { conditions, hand_offs, .. } = glimpse;
        Self { is_readable, conditions, hand_offs, deleted: None }
    }

    /// The same of a resource whose deletion was asked for, then.
    pub(super) fn deleted(self, deleted: Option<Timestamp>) -> Self {
        Self { deleted, ..self }
    }
}

impl Census {
    /// Counts a resource and what its status says.
    pub(super) fn count(&mut self, facts: &Facts, now: Timestamp) {
        self.resources += 1;
        self.unreadable += u64::from(!facts.is_readable);
        if let Some(deleted) = facts.deleted {
            self.oldest_deletion = self.oldest_deletion.max(now.duration_since(deleted));
        }
        for (kind, verdict, reason) in &facts.conditions {
            let reason = reason.map_or(OTHER, |reason| reason.name());
            *self.conditions.entry((kind.name(), verdict.name(), reason)).or_default() += 1;
        }
        for (step, since) in &facts.hand_offs {
            let of_kind = self.hand_offs.entry(*step).or_default();
            of_kind.open += 1;
            of_kind.oldest = of_kind.oldest.max(now.duration_since(*since));
        }
    }

    /// One of everything that could be counted, for the documentation.
    #[must_use]
    pub fn of_everything() -> Self {
        let verdicts = || TriState::ALL.iter().map(|verdict| verdict.name());
        let reasons = || Reason::ALL.iter().map(|reason| reason.name()).chain([OTHER]);
        let kinds = ConditionType::ALL.iter().map(|kind| kind.name());
        let all = kinds.flat_map(|kind| {
            verdicts().flat_map(move |verdict| reasons().map(move |reason| ((kind, verdict, reason), 1)))
        });
        Self { conditions: all.collect(), ..Self::default() }
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.encode_plain(encoder)?;
        let help = "Resources by condition, its status and its reason.";
        let mut tenants = encoder.encode_descriptor("tenants", help, None, MetricType::Gauge)?;
        for ((kind, verdict, reason), count) in &self.conditions {
            let labels = [("condition", *kind), ("status", *verdict), ("reason", *reason)];
            whole(*count).encode(tenants.encode_family(&labels)?)?;
        }
        let of_kind = |step: &PendingStep| self.hand_offs.get(step).copied().unwrap_or_default();
        let help = "Steps that were handed to a person and are not done, by what is to be done.";
        let mut open = encoder.encode_descriptor("hand_offs_open", help, None, MetricType::Gauge)?;
        for step in PendingStep::ALL {
            whole(of_kind(step).open).encode(open.encode_family(&[("step", step.name())])?)?;
        }
        let help = "How long the oldest step that was handed to a person has been open, 0 where none is.";
        let unit = Unit::Seconds;
        let mut oldest = encoder.encode_descriptor("hand_off_oldest", help, Some(&unit), MetricType::Gauge)?;
        for step in PendingStep::ALL {
            ConstGauge::new(of_kind(step).oldest.as_secs_f64())
                .encode(oldest.encode_family(&[("step", step.name())])?)?;
        }
        let help = "How long the oldest resource that is deleted has been held, 0 where none is.";
        let deletion = encoder.encode_descriptor("deletion_oldest", help, Some(&unit), MetricType::Gauge)?;
        ConstGauge::new(self.oldest_deletion.as_secs_f64()).encode(deletion)
    }

    fn encode_plain(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let queued = "Resources whose time has come and that no pass is looking at yet.";
        let backing_off = "Resources whose last pass failed and that wait before the next try.";
        for (name, help, count) in [
            ("resources", "Resources that the operator looks at.", self.resources),
            ("resources_unreadable", "Resources whose spec is not of the known shape.", self.unreadable),
            ("queue_depth", queued, self.queued),
            ("resources_backing_off", backing_off, self.backing_off),
        ] {
            whole(count).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}

fn whole(count: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
}
