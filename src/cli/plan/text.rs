//! The plan as a person reads it: at most 100 columns, no colours. Pure.

use super::forecast::{Exit, Forecast};
use crate::api::{ThreatProtectionTenantStatus, TriState};
use crate::plan::handoff::HandOff;
use crate::plan::situation::Situation;

const WIDTH: usize = 100;
/// Columns of the table of conditions: type, status, reason.
const COLUMNS: [usize; 3] = [18, 8, 22];

/// All forecasts, and a last line with the exit code.
#[must_use]
pub fn text(forecasts: &[Forecast]) -> String {
    let mut lines = Vec::new();
    for forecast in forecasts {
        if !lines.is_empty() {
            lines.extend([String::new(), "-".repeat(WIDTH), String::new()]);
        }
        of_one(forecast, &mut lines);
    }
    let exit = forecasts.iter().map(Forecast::exit).max().unwrap_or_default();
    let meaning = match exit {
        Exit::Settled => "nothing to do",
        Exit::Pending => "something is to be done or awaited",
        Exit::Failed => "the tenant could not be read, or the declaration cannot be carried out as it stands",
    };
    let worst = if forecasts.len() > 1 { ", the worst of all resources" } else { "" };
    if let [forecast] = forecasts {
        wrap(&format!("{} Exit {}: {meaning}.", forecast.summary(), exit.code()), "", "", &mut lines);
    } else {
        wrap(&format!("{} resources. Exit {}: {meaning}{worst}.", forecasts.len(), exit.code()), "", "", &mut lines);
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn of_one(forecast: &Forecast, lines: &mut Vec<String>) {
    let Forecast { situation, plan, status, .. } = forecast;
    lines.push(format!("{}/{}", situation.subject.namespace, situation.subject.name));
    let tenant = forecast.tenant.map_or("not readable".to_owned(), |tenant| tenant.to_string());
    wrap(&tenant, "  tenant    ", "            ", lines);
    wrap(&declared(situation), "  declared  ", "            ", lines);
    wrap(&now(status), "  now       ", "            ", lines);
    for note in &forecast.notes {
        wrap(note, "  note      ", "            ", lines);
    }
    let irreversible: Vec<_> = forecast.irreversible().collect();
    if !irreversible.is_empty() {
        lines.push(String::new());
    }
    for step in irreversible {
        wrap(&format!("CANNOT BE UNDONE: {step}"), "!! ", "!! ", lines);
    }
    section("Plan", lines);
    for line in plan.to_string().lines() {
        wrap(line, "  ", "    ", lines);
    }
    if let Some(finalizer) = forecast.finalizer() {
        wrap(&finalizer, "  ", "    ", lines);
    }
    let hand_offs: Vec<_> = plan.hand_offs().collect();
    if !hand_offs.is_empty() {
        section("For a person", lines);
    }
    for (index, hand_off) in hand_offs.into_iter().enumerate() {
        person(index + 1, hand_off, lines);
    }
    section("Status that would be reported", lines);
    conditions(status, lines);
    lines.push(String::new());
}

fn section(title: &str, lines: &mut Vec<String>) {
    lines.extend([String::new(), title.to_owned()]);
}

fn declared(situation: &Situation) -> String {
    let desired = match &situation.desired {
        Ok(desired) => desired,
        Err(invalid) => return format!("what cannot be carried out: {invalid}"),
    };
    let mut parts = vec![format!("{} under the rules of {}", desired.state, desired.experience)];
    if desired.cloud.has_regions() {
        parts.push(desired.region.map_or("no region".to_owned(), |region| format!("region {region}")));
    } else {
        parts.push(format!("cloud {}", desired.cloud));
    }
    parts.extend(desired.integrations.iter().map(|(name, link)| format!("{name} ({}) {}", link.kind, link.state)));
    parts.push(format!("managementPolicy {}", desired.management));
    parts.push(format!("deletionPolicy {}", desired.deletion));
    if situation.subject.is_deleting {
        parts.push("being deleted".to_owned());
    }
    parts.join(", ")
}

fn now(status: &ThreatProtectionTenantStatus) -> String {
    let feature = status.features.first();
    let source = feature.and_then(|feature| feature.source).map_or(String::new(), |source| format!(" ({source})"));
    let service = match feature.map(|feature| feature.state) {
        Some(TriState::True) => "the service is on",
        Some(TriState::False) => "the service is off",
        Some(TriState::Unknown) | None => "whether the service is on is not known",
    };
    let region = status.data_location.as_ref().map_or("no region is pinned".to_owned(), |location| {
        format!("region {} is pinned ({})", location.region, location.source)
    });
    format!("{service}{source}, {region}")
}

fn person(number: usize, hand_off: &HandOff, lines: &mut Vec<String>) {
    let HandOff { step, role, link, instructions, verified_by } = hand_off;
    wrap(&step.to_string(), &format!("  {number}. "), "     ", lines);
    for (title, text) in [("who", role), ("where", link), ("what", instructions), ("verified", verified_by)] {
        wrap(text, &format!("     {title:<9} "), &" ".repeat(15), lines);
    }
}

fn conditions(status: &ThreatProtectionTenantStatus, lines: &mut Vec<String>) {
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    for condition in &status.conditions {
        let is_repeated =
            ready.is_some_and(|ready| ready.type_ != condition.type_ && ready.message == condition.message);
        let message = if is_repeated { "as Ready" } else { &condition.message };
        let [kind, state, reason] = COLUMNS;
        let head = format!("  {:<kind$}{:<state$}{:<reason$}", condition.type_, condition.status, condition.reason);
        wrap(message, &head, &" ".repeat(2 + kind + state + reason), lines);
    }
}

/// Breaks a text at blanks. What has no blank, such as a link, stays whole.
fn wrap(text: &str, first: &str, others: &str, lines: &mut Vec<String>) {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, others.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_at_blanks_and_links_stay_whole() {
        let mut lines = Vec::new();
        let link = "x".repeat(120);
        wrap(&format!("{} {link} end", "word ".repeat(30)), "- ", "  ", &mut lines);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH || line.trim() == link), "{lines:?}");
        assert_eq!(lines.join(" ").split_whitespace().count(), 33);
    }
}
