//! What every run must come to, judged by the simulator's journal and request log, the API server, and the doors.

use serde_json::Value;

use crate::door::{Crossing, Happening};
use crate::run::Played;
use crate::story::Story;
use crate::wire::Party;

/// Everything that is wrong with a run, beside the one in which nothing went wrong.
pub(crate) fn faults(story: &Story, calm: &Played, played: &Played) -> Vec<String> {
    let mut faults: Vec<String> = played.failure.iter().cloned().collect();
    faults.extend(played.undeclared.iter().map(|what| format!("not declared: {what}")));
    faults.extend(of_tenant(story, played));
    if faults.is_empty() {
        faults.extend(of_statuses(calm, played));
    }
    faults.extend(of_budget(story, calm, played));
    if !played.is_disturbed {
        faults.push("the point was never reached".to_owned());
    }
    faults
}

/// The journal: every effect once, in order, and in the region of the story.
fn of_tenant(story: &Story, played: &Played) -> Vec<String> {
    let mut faults = Vec::new();
    let effects: Vec<&str> = played.journal.iter().filter_map(|entry| entry["effect"].as_str()).collect();
    if effects != story.effects {
        faults.push(format!("the tenant went through {effects:?} and not {:?}", story.effects));
    }
    let regions = || played.journal.iter().filter(|entry| entry["effect"] == "turnedOn");
    let first = regions().next().map(|entry| &entry["detail"]["region"]);
    if let Some(other) = regions().find(|entry| Some(&entry["detail"]["region"]) != first) {
        faults.push(format!("the region changed: {other}"));
    }
    let (arrived, passed) = played.arrived_at_broker;
    if passed != arrived {
        faults.push(format!("{arrived} requests arrived at the broker, {passed} passed the door"));
    }
    faults
}

/// The statuses in the end are those of the run in which nothing went wrong.
fn of_statuses(calm: &Played, played: &Played) -> Vec<String> {
    let differs = played.statuses.iter().filter(|(name, status)| calm.statuses.get(*name) != Some(status));
    differs
        .map(|(name, status)| {
            let wanted = calm.statuses.get(name).cloned().unwrap_or_default();
            format!("the status of {name} differs: {}", difference("status", &wanted, status).join("; "))
        })
        .collect()
}

/// Where two values differ, with both.
pub(crate) fn difference(path: &str, wanted: &Value, found: &Value) -> Vec<String> {
    match (wanted, found) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort();
            keys.dedup();
            let of = |members: &serde_json::Map<String, Value>, key| members.get(key).cloned().unwrap_or_default();
            keys.into_iter()
                .flat_map(|key| difference(&format!("{path}.{key}"), &of(one, key), &of(other, key)))
                .collect()
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs.flat_map(|(index, (one, other))| difference(&format!("{path}[{index}]"), one, other)).collect()
        }
        _ if wanted == found => Vec::new(),
        _ => vec![format!("{path}: {wanted} became {found}")],
    }
}

/// No request beyond what the calm run made, and what a fault may cost.
fn of_budget(story: &Story, calm: &Played, played: &Played) -> Vec<String> {
    let mut faults = Vec::new();
    let passes = story.fault_costs.passes + played.replayed;
    let (usual, used) = (crossings(calm).count(), crossings(played).count());
    let allowed = usual + passes * largest_pass(calm);
    if used > allowed {
        faults.push(format!("{used} requests; {usual} are usual and {allowed} allowed"));
    }
    let (usual, used) = (writes(calm), writes(played));
    let allowed = usual + passes;
    if used > allowed {
        faults.push(format!("{used} writes; {usual} are usual and {allowed} allowed"));
    }
    // A change may have to be sent again; an old version of a resource is no reason to send one.
    let (usual, used) = (sends(calm).count(), sends(played).count());
    let allowed = usual + if played.replayed == 0 { story.fault_costs.sends } else { 0 };
    if used > allowed {
        faults.push(format!("{used} changes were sent; {usual} are usual and {allowed} allowed"));
    }
    faults
}

/// How many requests beyond the calm run a run made: all, and those that write.
pub(crate) fn excess(calm: &Played, played: &Played) -> (usize, usize) {
    let all = |played: &Played| crossings(played).count();
    (all(played).saturating_sub(all(calm)), writes(played).saturating_sub(writes(calm)))
}

/// What was sent to change the tenant.
pub(crate) fn sends(played: &Played) -> impl Iterator<Item = &str> {
    let outside = crossings(played).filter(|crossing| crossing.request.party != Party::ApiServer);
    outside.filter(|crossing| crossing.request.is_write()).map(|crossing| crossing.effect.as_str())
}

/// How many writes there were, to the resources and to the tenant.
fn writes(played: &Played) -> usize {
    crossings(played).filter(|crossing| crossing.request.is_write()).count()
}

pub(crate) fn crossings(played: &Played) -> impl Iterator<Item = &Crossing> {
    played.happenings.iter().take(played.told).filter_map(|happening| match happening {
        Happening::Crossing(crossing) => Some(crossing.as_ref()),
        Happening::Deed(_) | Happening::Pass(_) => None,
    })
}

/// The most requests of one pass.
pub(crate) fn largest_pass(played: &Played) -> usize {
    let (mut largest, mut size) = (0, 0);
    for happening in &played.happenings {
        match happening {
            Happening::Pass(_) => size = 0,
            Happening::Crossing(_) => size += 1,
            Happening::Deed(_) => {}
        }
        largest = largest.max(size);
    }
    largest
}
