//! Laws about single looks: the order of what is read, readings that fail, and statuses that another version wrote.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::generated::{cases, faults, specs, stories, tenants};
use super::model::Fault;
use super::story::{difference, fits, is_well_formed};
use crate::api::ThreatProtectionTenantStatus;
use crate::plan::microsoft::Microsoft;
use crate::plan::observed::Instance;
use crate::plan::planner::plan;
use crate::plan::reading::{Reading, Why};
use crate::plan::report::report;
use crate::plan::situation::Situation;

const VERDICTS: [&str; 6] = ["Ready", "Eligible", "ServiceOn", "Authorized", "Integrated", "ServicesReporting"];
/// As many readings as `Fault::Unread` has bits.
const READINGS: u16 = 13;

fn verdicts(situation: &Situation) -> Vec<(&'static str, String)> {
    let status = report(situation, &plan(situation));
    let of = |kind: &'static str| {
        let found = status.conditions.iter().find(|condition| condition.type_ == kind);
        // Whether nobody needs a role, or somebody lacks one, are answers to two questions.
        let found = found.filter(|condition| kind != "Authorized" || condition.reason != "NotNeeded");
        (kind, found.map(|condition| condition.status.clone()).unwrap_or_default())
    };
    VERDICTS.map(of).to_vec()
}

/// Turns every list around.
fn turned(mut situation: Situation) -> Situation {
    let microsoft = &mut situation.observed.microsoft;
    let turn = |microsoft: &mut Microsoft| {
        if let Reading::Known { value, .. } = &mut microsoft.skus {
            value.items.reverse();
            value.items.iter_mut().for_each(|sku| sku.plans.reverse());
        }
        if let Reading::Known { value, .. } = &mut microsoft.subscriptions {
            value.items.reverse();
        }
        for holders in microsoft.roles.values_mut() {
            for list in [&mut holders.assigned, &mut holders.eligible] {
                if let Reading::Known { value, .. } = list {
                    value.items.reverse();
                }
            }
        }
    };
    turn(microsoft);
    situation
}

fn turned_spec(spec: &Value) -> Value {
    let mut spec = spec.clone();
    for list in ["integrations", "attestations", "expectedServices"] {
        if let Some(entries) = spec.get_mut(list).and_then(Value::as_array_mut) {
            entries.reverse();
        }
    }
    spec
}

/// Drops, empties or garbles one field of a status, as another version might have written it.
fn garbled(status: &mut Value, (path, how): (usize, u8)) {
    let mut paths = Vec::new();
    collect(status, "", &mut paths);
    let Some(path) = paths.get(path % paths.len().max(1)) else { return };
    let Some(field) = status.pointer_mut(path) else { return };
    *field = match how {
        0 => Value::Null,
        1 => json!("Tomorrow"),
        2 => json!({"unknown": [1, 2]}),
        3 => json!([]),
        _ => json!(-7),
    };
}

fn collect(value: &Value, path: &str, paths: &mut Vec<String>) {
    if !path.is_empty() {
        paths.push(path.to_owned());
    }
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| collect(field, &format!("{path}/{name}"), paths));
        }
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(at, entry)| collect(entry, &format!("{path}/{at}"), paths));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn the_order_of_what_is_read_and_declared_means_nothing(mut story in stories(), passes in 0..3_usize, fault in faults()) {
        for _ in 0..passes {
            story.pass(Fault::Nothing);
        }
        let one = story.situation(fault);
        let mut other = story.clone();
        other.world.spec = turned_spec(&story.world.spec);
        other.world.observed = one.observed.clone();
        let other = turned(other.world.situation());
        let (plan_of_one, plan_of_other) = (plan(&one), plan(&other));
        prop_assert_eq!(&plan_of_one, &plan_of_other);
        let (one, other) = (report(&one, &plan_of_one), report(&other, &plan_of_other));
        prop_assert_eq!(&one, &other, "{}", difference(Some(&one), Some(&other)));
    }

    #[test]
    fn a_reading_that_fails_turns_no_verdict_round(mut story in stories(), rounds in 0..3_usize, bits in 1..0x2000_u16) {
        for _ in 0..rounds {
            story.round();
        }
        let stored = |kind: &str| {
            let conditions = story.world.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
            conditions.into_iter().find(|condition| condition.type_ == kind).map(|condition| condition.status)
        };
        let known = verdicts(&story.clone().situation(Fault::Nothing));
        let single = (0..READINGS).map(|bit| Fault::Unread(1 << bit));
        for fault in single.chain([Fault::Unread(bits), Fault::BrokerUnread, Fault::SignInFails]) {
            let failed = verdicts(&story.clone().situation(fault));
            for ((kind, before), (_, after)) in known.iter().zip(&failed) {
                // What is remembered may stand.
                let is_round = before != after && stored(kind).as_ref() != Some(after) && [before, after].iter().all(|status| *status == "True" || *status == "False");
                prop_assert!(!is_round, "{kind} was {before} and is {after} when {fault:?} fails\n{}", story.clone().plan());
            }
        }
    }

    #[test]
    fn readings_that_flap_write_nothing_to_a_settled_resource(
        mut story in stories(), flaps in prop::collection::vec(1..0x2000_u16, 1..=2)
    ) {
        story.settle();
        let ready = story.world.condition(crate::api::ConditionType::Ready);
        let is_done = ready.is_some_and(|(status, _)| status == crate::api::TriState::True);
        // Without hunting, what is known of Defender for Identity alone ages with what was never permitted.
        prop_assume!(is_done && story.tenant.may(crate::tenant::Permission::ThreatHunting));
        for bits in flaps {
            for fault in [Fault::Unread(bits), Fault::Unread(bits), Fault::Nothing] {
                let (writes, before) = (story.world.writes, story.world.status.clone());
                story.world.now += jiff::SignedDuration::from_mins(5);
                story.pass(fault);
                let now = story.world.status.as_ref();
                prop_assert_eq!(story.world.writes, writes, "{:?}: {}", fault, difference(before.as_ref(), now));
            }
        }
    }

    #[test]
    fn a_status_of_another_version_is_survived_and_creates_nothing_twice(
        mut story in stories(), passes in 1..4_usize, changes in prop::collection::vec((any::<usize>(), 0..5_u8), 1..4)
    ) {
        // A suspended resource keeps what is stored, whatever it says.
        story.world.edit(json!({"managementPolicy": "Manage"}));
        for _ in 0..passes {
            story.pass(Fault::Nothing);
            story.world.now += jiff::SignedDuration::from_secs(10);
        }
        let mut stored = serde_json::to_value(&story.world.status).unwrap();
        for change in changes {
            garbled(&mut stored, change);
        }
        let mut read: Option<ThreatProtectionTenantStatus> = serde_json::from_value(stored).ok();
        // The schema of conditions is everybody's: none without a reason is ever stored.
        if let Some(status) = &mut read {
            status.conditions.retain(|condition| !condition.reason.is_empty());
        }
        story.world.status = read;
        let situation = story.situation(Fault::Nothing);
        let planned = plan(&situation);
        fits(&report(&situation, &planned));
        if let Some(next) = planned.next() {
            let is_there = matches!(situation.observed.instance.value(), Some(Instance::Present { .. }));
            let is_create = format!("{:?}", next.by).contains("call: Provision");
            prop_assert!(!(is_there && is_create), "a second create: {next}");
        }
    }

    #[test]
    fn nothing_that_is_read_makes_it_panic_or_write_too_much(
        spec in specs(), mut tenant in tenants(), whys in prop::collection::vec(0..5_u8, 16), faults in prop::collection::vec(faults(), 3)
    ) {
        let mut world = super::fixture::World::new(spec);
        world.capabilities.has_broker = tenant.has_broker;
        for fault in faults {
            world.observed = tenant.look(&world.spec, None, fault);
            doubted(&mut world.observed.microsoft, &whys);
            let situation = world.situation();
            let status = report(&situation, &plan(&situation));
            fits(&status);
            is_well_formed(&status);
            world.write(status);
        }
    }
}

/// Readings that fail in ways that no model has.
fn doubted(microsoft: &mut Microsoft, whys: &[u8]) {
    fn doubt<T>(reading: &mut Reading<T>, why: u8) {
        *reading = match why {
            0 => Reading::unknown(Why::NotAsked),
            1 => Reading::unknown(Why::NotPermitted),
            2 => Reading::unknown(Why::ReadFailed),
            3 => Reading::unknown(Why::Ambiguous),
            _ => return,
        };
    }
    doubt(&mut microsoft.organization, whys[0]);
    doubt(&mut microsoft.skus, whys[1]);
    doubt(&mut microsoft.subscriptions, whys[2]);
    doubt(&mut microsoft.hunting, whys[3]);
    doubt(&mut microsoft.incidents, whys[4]);
    doubt(&mut microsoft.identity, whys[5]);
    doubt(&mut microsoft.newest_rows, whys[6]);
    doubt(&mut microsoft.endpoint_location, whys[7]);
    for link in microsoft.links.values_mut() {
        doubt(&mut link.answer, whys[8]);
        doubt(&mut link.owner, whys[9]);
    }
}
