//! The stories: what people do, one after the other, and what must then be true of the resource and of the tenant.

use std::fmt;

use serde_json::{Value, json};

use crate::support::microsoft;

/// A course of events that ends in a state where nothing is to be done.
pub(crate) struct Story {
    pub(crate) name: &'static str,
    pub(crate) has_broker: bool,
    /// The tenant as the simulator is told.
    pub(crate) tenant: Value,
    /// How the broker behaves towards it.
    pub(crate) broker: Value,
    pub(crate) phases: Vec<Phase>,
    /// Every effect on the tenant, in order, as the simulator's journal must show it in the end, whatever went wrong.
    pub(crate) effects: &'static [&'static str],
    /// How many times the resources are written to when nothing goes wrong.
    pub(crate) writes: usize,
    /// What is sent to change the tenant when nothing goes wrong, in order.
    pub(crate) sends: &'static [&'static str],
    pub(crate) fault_costs: Costs,
}

/// The most that one fault may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    /// Passes, none larger than the largest of the calm run.
    pub(crate) passes: usize,
    /// Changes that are sent again.
    pub(crate) sends: usize,
}

/// The pass that is cut short, and the one that finds out what came of it; the change that it sends again.
const ONE_MORE_TRY: Costs = Costs { passes: 2, sends: 1 };
/// A request that arrives late at a broker that is broken begins an operation of its own, which the next request joins and
/// with which it fails: that one has to be sent, to be polled, to fail, and to be sent again.
const ONE_MORE_FAILURE: Costs = Costs { passes: 5, sends: 2 };

/// What people do, and what comes of it.
pub(crate) struct Phase {
    pub(crate) deeds: Vec<Deed>,
    pub(crate) until: Until,
}

/// Something that somebody besides the operator does.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Create(&'static str, Value),
    /// A merge patch of the spec.
    Edit(&'static str, Value),
    Delete(&'static str),
    RequestReconcile(&'static str, &'static str),
    /// Every provisioning that begins fails.
    BreakBroker,
    MendBroker,
    /// A person turns the service on in the portal.
    TurnOn,
}

/// What a phase ends in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// Status and reason of `Ready`, for the present generation, and nothing left to do.
    Ready(&'static str, &'static str, &'static str),
    /// The same, with something left to do later.
    Said(&'static str, &'static str, &'static str),
    Gone(&'static str),
}

const NAME: &str = "contoso";
const OTHER: &str = "fabrikam";

fn phase(deeds: impl IntoIterator<Item = Deed>, until: Until) -> Phase {
    Phase { deeds: deeds.into_iter().collect(), until }
}

const fn ready(reason: &'static str) -> Until {
    Until::Ready(NAME, "True", reason)
}

fn spec(more: &Value) -> Value {
    let mut spec = json!({"tenantId": "{tenant}", "dataLocation": {"region": "US"}});
    json_patch::merge(&mut spec, more);
    spec
}

fn create(more: &Value) -> Deed {
    Deed::Create(NAME, spec(more))
}

fn confirmed() -> Deed {
    Deed::Edit(NAME, json!({"desiredState": "Deprovisioned", "deprovisionConfirmation": "{tenant}"}))
}

fn link(state: &str) -> Value {
    json!({"integrations": [{"name": "intune", "type": "EndpointIntune", "state": state}]})
}

/// A tenant with a licence that is off.
fn licensed() -> Value {
    json!({"services": ["Endpoint", "Identity", "CloudApps"], "automaticRegion": "EU"})
}

fn at_once() -> Value {
    json!({"mode": "sync"})
}

fn slowly() -> Value {
    json!({"mode": {"async": {"polls": 1}}})
}

/// What signs in to Microsoft; each run has a subscription of its own.
fn signing_in(more: &Value) -> Value {
    let mut spec = json!({"tenantId": "{tenant}", "credentials": microsoft::by_secret()});
    json_patch::merge(&mut spec, more);
    spec
}

fn workspace() -> String {
    microsoft::workspace().replace(microsoft::SUBSCRIPTION, "{subscription}")
}

/// A tenant that Microsoft's APIs can be asked about.
fn visible(more: &Value) -> Value {
    let mut tenant = microsoft::tenant(json!({
        "subscriptions": [{"id": "{subscription}"}], "workspaces": [{"resourceId": workspace()}],
    }));
    json_patch::merge(&mut tenant, more);
    tenant
}

fn visibly_on() -> Value {
    visible(&json!({"service": {"state": "on", "region": "EU"}, "region": "EU", "endpointRegion": "EU"}))
}

const SEEDED: &[&str] = &["seeded"];
const ENABLED: &[&str] = &["seeded", "instanceCreated", "turnedOn"];
const LINKED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "linked"];
const DEPROVISIONED: &[&str] = &["seeded", "instanceCreated", "turnedOn", "deprovisioned", "instanceDeleted"];

const NOTHING: &[&str] = &[];
const PROVISION: &[&str] = &["broker provision"];
const TWICE: &[&str] = &["broker provision", "broker provision"];
const PROVISION_AND_DEPROVISION: &[&str] = &["broker provision", "broker deprovision"];

/// Every story.
pub(crate) fn all() -> Vec<Story> {
    let mut stories = enabling();
    stories.extend(changing());
    stories.extend(ending());
    stories.extend(refraining());
    stories.extend(through_microsoft());
    stories
}

fn with_broker(name: &'static str, broker: Value, phases: Vec<Phase>) -> Story {
    Story {
        name,
        has_broker: true,
        tenant: licensed(),
        broker,
        phases,
        effects: ENABLED,
        writes: 0,
        sends: PROVISION,
        fault_costs: ONE_MORE_TRY,
    }
}

fn enabling() -> Vec<Story> {
    let plain = || vec![phase([create(&json!({}))], ready("Enabled"))];
    let failing = vec![
        phase([Deed::BreakBroker, create(&json!({}))], Until::Said(NAME, "False", "OperationFailed")),
        phase([Deed::MendBroker, Deed::RequestReconcile(NAME, "mended")], ready("Enabled")),
    ];
    let linking = vec![phase([create(&link("Linked"))], ready("Enabled"))];
    vec![
        Story { writes: 2, ..with_broker("enable", at_once(), plain()) },
        Story { writes: 3, ..with_broker("enable-async", slowly(), plain()) },
        Story {
            writes: 6,
            sends: TWICE,
            fault_costs: ONE_MORE_FAILURE,
            ..with_broker("fail-async-then-request", slowly(), failing)
        },
        Story {
            effects: LINKED,
            writes: 3,
            sends: &["broker provision", "broker update (EndpointIntune Linked)"],
            ..with_broker("enable-and-link", at_once(), linking)
        },
    ]
}

fn changing() -> Vec<Story> {
    let disabled = || {
        vec![
            phase([create(&json!({}))], ready("Enabled")),
            phase([Deed::Edit(NAME, json!({"desiredState": "Disabled"}))], ready("Disabled")),
        ]
    };
    let mut enabled_again = disabled();
    enabled_again.push(phase([Deed::Edit(NAME, json!({"desiredState": "Enabled"}))], ready("Enabled")));
    let unlinked = vec![
        phase([create(&link("Linked"))], ready("Enabled")),
        phase([Deed::Edit(NAME, link("Unlinked"))], ready("Enabled")),
    ];
    let off = &["seeded", "instanceCreated", "turnedOn", "turnedOff"];
    let on_again = &["seeded", "instanceCreated", "turnedOn", "turnedOff", "turnedOn"];
    let apart = &["seeded", "instanceCreated", "turnedOn", "linked", "unlinked"];
    vec![
        Story {
            effects: off,
            writes: 3,
            sends: &["broker provision", "broker update (Disabled)"],
            ..with_broker("disable", at_once(), disabled())
        },
        Story {
            effects: on_again,
            writes: 5,
            sends: &["broker provision", "broker update (Disabled)", "broker update (Enabled)"],
            ..with_broker("enable-again", at_once(), enabled_again)
        },
        Story {
            effects: apart,
            writes: 4,
            sends: &[
                "broker provision",
                "broker update (EndpointIntune Linked)",
                "broker update (EndpointIntune Unlinked)",
            ],
            ..with_broker("unlink", at_once(), unlinked)
        },
    ]
}

fn ending() -> Vec<Story> {
    let declared = || vec![phase([create(&json!({}))], ready("Enabled")), phase([confirmed()], ready("Deprovisioned"))];
    let held = vec![
        phase([create(&json!({"deletionPolicy": "Deprovision"}))], ready("Enabled")),
        phase([confirmed(), Deed::Delete(NAME)], Until::Gone(NAME)),
    ];
    let retained = vec![phase([create(&json!({}))], ready("Enabled")), phase([Deed::Delete(NAME)], Until::Gone(NAME))];
    let ended = |name, writes, broker, phases| Story {
        effects: DEPROVISIONED,
        sends: PROVISION_AND_DEPROVISION,
        writes,
        ..with_broker(name, broker, phases)
    };
    vec![
        ended("deprovision", 4, at_once(), declared()),
        ended("deprovision-async", 6, slowly(), declared()),
        ended("delete-held-async", 7, slowly(), held),
        Story { writes: 2, ..with_broker("delete-retained", at_once(), retained) },
    ]
}

fn refraining() -> Vec<Story> {
    let left_behind = |region: &str| {
        let made = Deed::Create(OTHER, spec(&json!({"dataLocation": {"region": region}})));
        let enabled = phase([made], Until::Ready(OTHER, "True", "Enabled"));
        vec![enabled, phase([Deed::Delete(OTHER)], Until::Gone(OTHER))]
    };
    let mut adopted = left_behind("US");
    adopted.push(phase([create(&json!({}))], ready("Enabled")));
    let mut elsewhere = left_behind("UK");
    elsewhere.push(phase([create(&json!({}))], Until::Ready(NAME, "False", "RegionMismatch")));
    let twice = vec![
        phase([create(&json!({}))], ready("Enabled")),
        phase([Deed::Create(OTHER, spec(&json!({})))], Until::Ready(OTHER, "False", "DuplicateTenant")),
    ];
    let invalid = vec![
        phase([create(&json!({"cloud": "Weird", "dataLocation": null}))], Until::Ready(NAME, "False", "InvalidSpec")),
        phase([Deed::Edit(NAME, json!({"cloud": "Public"}))], ready("Enabled")),
    ];
    let by_hand = vec![phase([create(&json!({}))], Until::Ready(NAME, "Unknown", "ActionRequired"))];
    vec![
        Story { writes: 3, ..with_broker("adopt", at_once(), adopted) },
        Story { writes: 3, ..with_broker("region-mismatch", at_once(), elsewhere) },
        Story { writes: 3, ..with_broker("duplicate", at_once(), twice) },
        Story { writes: 3, ..with_broker("invalid-spec", at_once(), invalid) },
        Story {
            has_broker: false,
            effects: SEEDED,
            writes: 1,
            sends: NOTHING,
            ..with_broker("hand-off", at_once(), by_hand)
        },
    ]
}

fn through_microsoft() -> Vec<Story> {
    let story = |name, tenant, phases| Story { has_broker: false, tenant, ..with_broker(name, at_once(), phases) };
    let sentinel = |state: &str| {
        json!({"integrations": [
            {"name": "sentinel", "type": "SentinelIncidents", "workspaceResourceId": workspace(), "state": state},
        ]})
    };
    let connected = vec![
        phase([Deed::Create(NAME, signing_in(&sentinel("Linked")))], ready("Enabled")),
        phase([Deed::Edit(NAME, sentinel("Unlinked"))], ready("Enabled")),
    ];
    let cloud_apps = |state: &str| {
        json!({"integrations": [
            {"name": "cloud-apps", "type": "DefenderForCloudCloudApps", "subscriptionId": "{subscription}", "state": state},
        ]})
    };
    let fed = vec![phase([Deed::Create(NAME, signing_in(&cloud_apps("Linked")))], ready("Enabled"))];
    let asked = vec![
        phase([Deed::Create(NAME, signing_in(&json!({})))], Until::Ready(NAME, "False", "ActionRequired")),
        phase([Deed::TurnOn, Deed::RequestReconcile(NAME, "done")], ready("Enabled")),
    ];
    let off = visible(&json!({"reporting": ["Endpoint", "CloudApps", "Office365"]}));
    vec![
        Story {
            effects: &["seeded", "linked", "unlinked"],
            writes: 2,
            sends: &["azure put connector", "azure delete connector"],
            ..story("sentinel-link-and-unlink", visibly_on(), connected)
        },
        Story {
            effects: &["seeded", "linked"],
            writes: 1,
            sends: &["azure put MCAS"],
            ..story("cloud-apps-link", visibly_on(), fed)
        },
        Story { effects: &["seeded", "turnedOn"], writes: 2, sends: NOTHING, ..story("hand-off-seen", off, asked) },
    ]
}

impl Story {
    /// Names of the resources, in the order of their creation.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let deeds = self.phases.iter().flat_map(|phase| &phase.deeds);
        deeds.filter_map(|deed| if let Deed::Create(name, _) = deed { Some(*name) } else { None }).collect()
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(name, spec) => write!(f, "{name} is created: {spec}"),
            Self::Edit(name, fields) => write!(f, "{name} is edited: {fields}"),
            Self::Delete(name) => write!(f, "{name} is deleted"),
            Self::RequestReconcile(name, token) => write!(f, "somebody asks for a look at {name}: {token}"),
            Self::BreakBroker => f.write_str("from here every provisioning fails in the end"),
            Self::MendBroker => f.write_str("the broker is mended"),
            Self::TurnOn => f.write_str("a person turns the service on"),
        }
    }
}
