//! What differs between two configurations, and what of it an operator takes over while it runs. Pure.

use std::collections::BTreeSet;

use super::{BrokerConfig, Config, MicrosoftConfig};
use crate::plan::situation::Capabilities;

/// A part of the file, as far as changes of it are told and taken over together. The contents of the files that it names
/// belong to it, apart from those of the metrics, which their listener follows by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Which namespace may manage which tenant, and whether it may deprovision it.
    Tenancy,
    /// The service broker: whether there is one, where, how we sign in, and for how long an operation is polled.
    Broker,
    /// The way to Microsoft's own APIs.
    Microsoft,
    /// The operator's own federated identity, and who may use it.
    WorkloadIdentity,
    /// Times and their bounds.
    Timing,
    /// How many resources are reconciled at once.
    Concurrency,
    /// The one namespace that is looked at.
    WatchNamespace,
    /// How one of several operators is chosen.
    LeaderElection,
    /// Where the probes listen.
    Probes,
    /// The listener of the metrics.
    Metrics,
}

impl Part {
    /// Every part, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Tenancy,
        Self::Broker,
        Self::Microsoft,
        Self::WorkloadIdentity,
        Self::Timing,
        Self::Concurrency,
        Self::WatchNamespace,
        Self::LeaderElection,
        Self::Probes,
        Self::Metrics,
    ];

    /// Its key in the file.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Tenancy => "tenancy",
            Self::Broker => "broker",
            Self::Microsoft => "microsoft",
            Self::WorkloadIdentity => "microsoft.workloadIdentity",
            Self::Timing => "timing",
            Self::Concurrency => "controller.concurrency",
            Self::WatchNamespace => "controller.watchNamespace",
            Self::LeaderElection => "leaderElection",
            Self::Probes => "probes",
            Self::Metrics => "metrics",
        }
    }

    /// Whether a change of it takes effect only when the operator is started again: a listener is bound, a watch opened and
    /// a candidate named once in the life of a process.
    #[must_use]
    pub const fn needs_restart(self) -> bool {
        match self {
            Self::Tenancy
            | Self::Broker
            | Self::Microsoft
            | Self::WorkloadIdentity
            | Self::Timing
            | Self::Concurrency => false,
            Self::WatchNamespace | Self::LeaderElection | Self::Probes | Self::Metrics => true,
        }
    }
}

impl Config {
    /// The parts in which `new` differs.
    #[must_use]
    pub fn changes(&self, new: &Self) -> BTreeSet<Part> {
        // Taken apart in full: a field that nobody compares does not compile.
        let Self {
            tenancy,
            broker,
            microsoft,
            capabilities,
            concurrency,
            watch_namespace,
            leader_election,
            probes,
            metrics,
        } = self;
        let timing = timing(capabilities);
        let compared = [
            (Part::Tenancy, *tenancy == new.tenancy),
            (Part::Broker, is_same_broker((broker.as_ref(), capabilities), (new.broker.as_ref(), &new.capabilities))),
            (Part::Microsoft, is_same_way(microsoft, &new.microsoft)),
            (Part::WorkloadIdentity, microsoft.own_identity == new.microsoft.own_identity),
            (Part::Timing, timing == self::timing(&new.capabilities)),
            (Part::Concurrency, *concurrency == new.concurrency),
            (Part::WatchNamespace, *watch_namespace == new.watch_namespace),
            (Part::LeaderElection, *leader_election == new.leader_election),
            (Part::Probes, *probes == new.probes),
            (Part::Metrics, *metrics == new.metrics),
        ];
        compared.into_iter().filter(|(_, is_same)| !is_same).map(|(part, _)| part).collect()
    }

    /// What is in force once `new` is taken over by an operator that runs with this one: `new`, but for what needs a
    /// restart.
    #[must_use]
    pub fn taking_over(&self, new: Self) -> Self {
        Self {
            watch_namespace: self.watch_namespace.clone(),
            leader_election: self.leader_election.clone(),
            probes: self.probes,
            metrics: self.metrics.clone(),
            ..new
        }
    }
}

fn is_same_broker(
    (old, known): (Option<&BrokerConfig>, &Capabilities),
    (new, read): (Option<&BrokerConfig>, &Capabilities),
) -> bool {
    old == new && known.has_broker == read.has_broker && known.operation_deadline == read.operation_deadline
}

fn is_same_way(old: &MicrosoftConfig, new: &MicrosoftConfig) -> bool {
    let MicrosoftConfig { hosts, ca_bundle, request_timeout, requests_per_minute, own_identity: _ } = old;
    *hosts == new.hosts
        && *ca_bundle == new.ca_bundle
        && *request_timeout == new.request_timeout
        && *requests_per_minute == new.requests_per_minute
}

/// What of the capabilities stands at `timing`; the rest belongs to the broker.
fn timing(capabilities: &Capabilities) -> impl PartialEq {
    let Capabilities { has_broker: _, claim_grace, operation_deadline: _, resync, poll, retry, slow_probe } =
        *capabilities;
    (claim_grace, resync, poll, retry, slow_probe)
}
