//! What can be seen in the cluster at any time, as numbers: tenants by condition, open hand-offs, the queue.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::api::{ConditionType, PendingStep, Reason, ThreatProtectionTenantStatus, TriState};

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

impl Census {
    /// Counts a resource whose spec cannot be read.
    pub fn count_unreadable(&mut self) {
        self.resources += 1;
        self.unreadable += 1;
    }

    /// Counts a resource whose deletion was asked for, then, and that is still there.
    pub fn count_deletion(&mut self, deleted: Timestamp, now: Timestamp) {
        self.oldest_deletion = self.oldest_deletion.max(now.duration_since(deleted));
    }

    /// Counts a resource and what its status says.
    pub fn count(&mut self, status: Option<&ThreatProtectionTenantStatus>, now: Timestamp) {
        self.resources += 1;
        let Some(status) = status else { return };
        for condition in &status.conditions {
            let kind = ConditionType::ALL.iter().find(|kind| kind.name() == condition.type_);
            let verdict = TriState::ALL.iter().find(|verdict| verdict.name() == condition.status);
            if let (Some(kind), Some(verdict)) = (kind, verdict) {
                let reason = Reason::ALL.iter().map(|reason| reason.name()).find(|reason| *reason == condition.reason);
                *self.conditions.entry((kind.name(), verdict.name(), reason.unwrap_or(OTHER))).or_default() += 1;
            }
        }
        for pending in &status.pending_actions {
            let of_kind = self.hand_offs.entry(pending.step).or_default();
            of_kind.open += 1;
            of_kind.oldest = of_kind.oldest.max(now.duration_since(pending.since_time.0));
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
