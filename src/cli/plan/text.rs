//! The plan as a person reads it: at most 100 columns, no colours. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::forecast::{Exit, Forecast};
use crate::api::{ConditionType, Reason, StatusSource, ThreatProtectionTenantStatus, TriState};
use crate::plan::handoff::HandOff;
use crate::plan::planned::Plan;
use crate::plan::situation::Situation;
use crate::plan::step::StepActor;
use crate::plan::visible::visible as in_one_line;

const WIDTH: usize = 100;

/// All forecasts. The last line of each is its outcome in a sentence; after several of them one more tells the worst.
#[must_use]
pub fn text(forecasts: &[Forecast]) -> String {
    let mut lines = Vec::new();
    for forecast in forecasts {
        if !lines.is_empty() {
            lines.extend([String::new(), "-".repeat(WIDTH), String::new()]);
        }
        of_one(forecast, &mut lines);
    }
    if forecasts.len() > 1 {
        let exit = forecasts.iter().map(Forecast::exit).max().unwrap_or_default();
        lines.extend([
            String::new(),
            format!("{} resources. Exit {}, the worst of them.", forecasts.len(), exit.code()),
        ]);
    }
    let lines: Vec<_> = lines.iter().map(|line| in_one_line(line).trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// A text without what a terminal obeys instead of showing it. Lines stay lines.
pub(in crate::cli) fn visible(text: &str) -> String {
    text.split('\n').map(in_one_line).collect::<Vec<_>>().join("\n")
}

/// The plan with every message in one line, so that no message can look like a line of the plan.
fn in_lines(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.waiting.iter_mut().for_each(|waiting| waiting.message = in_one_line(&waiting.message));
    plan.drift.iter_mut().for_each(|drift| *drift = in_one_line(drift));
    let of_person = |hand_off: &mut HandOff| {
        for text in [&mut hand_off.link, &mut hand_off.instructions, &mut hand_off.verified_by] {
            *text = in_one_line(text);
        }
    };
    plan.asks.iter_mut().for_each(of_person);
    for step in &mut plan.steps {
        step.why = in_one_line(&step.why);
        if let StepActor::Person(hand_off) = &mut step.by {
            of_person(hand_off);
        }
    }
    plan
}

fn of_one(forecast: &Forecast, lines: &mut Vec<String>) {
    let Forecast { situation, plan, .. } = forecast;
    lines.push(format!("{}/{}", situation.subject.namespace, situation.subject.name));
    let tenant = forecast.tenant.map_or("not readable".to_owned(), |tenant| tenant.to_string());
    let mut line = |title: &str, text: &str| wrap(text, &format!("  {title:<10}"), &" ".repeat(12), lines);
    line("tenant", &tenant);
    line("declared", &declared(situation));
    line("now", &now(forecast));
    forecast.notes.iter().for_each(|note| line("note", note));
    section("Plan", lines);
    let planned = in_lines(plan).to_string();
    for line in planned.lines() {
        let indent = line.len() - line.trim_start().len() + 2;
        wrap(line, &" ".repeat(indent), &" ".repeat(indent + 2), lines);
    }
    if let Some(finalizer) = forecast.finalizer() {
        wrap(&finalizer, "  ", "    ", lines);
    }
    section("Status that would be reported", lines);
    conditions(&forecast.status, plan, lines);
    lines.push(String::new());
    let exit = match forecast.exit() {
        Exit::Pending => "Exit 2: something is to be done or awaited.".to_owned(),
        other => format!("Exit {}.", other.code()),
    };
    wrap(&format!("{} {exit}", forecast.summary()), "", "", lines);
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

fn now(forecast: &Forecast) -> String {
    let status = &forecast.status;
    let feature = status.features.first();
    let service = match feature.map(|feature| feature.state) {
        Some(TriState::True) => "the service is on",
        Some(TriState::False) => "the service is off",
        Some(TriState::Unknown) | None => "whether the service is on is not known",
    };
    let source = feature.and_then(|feature| feature.source).map_or("", |source| match source {
        StatusSource::Observed => " (observed)",
        StatusSource::Claimed => " (on the broker's word)",
        StatusSource::Attested => " (attested)",
    });
    let region = match (forecast.situation.memory.pin(), &status.data_location) {
        (Some(pin), Some(_)) => format!("region {} is pinned", pin.region),
        (Some(pin), None) => format!("region {} would be pinned no longer", pin.region),
        (None, Some(pin)) => format!("region {} would be pinned ({})", pin.region, pin.source),
        (None, None) => "no region is pinned".to_owned(),
    };
    format!("{service}{source}; {region}")
}

/// The table of conditions; a message that stands above already is not repeated.
fn conditions(status: &ThreatProtectionTenantStatus, plan: &Plan, lines: &mut Vec<String>) {
    let width = |cell: fn(&Condition) -> &str| {
        status.conditions.iter().map(|condition| cell(condition).chars().count()).max().unwrap_or_default() + 2
    };
    let (kind, state) = (width(|condition| &condition.type_), width(|condition| &condition.status));
    let reason = width(|condition| &condition.reason);
    let ready = status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.name());
    for condition in &status.conditions {
        let is_repeated =
            ready.is_some_and(|ready| ready.type_ != condition.type_ && ready.message == condition.message);
        let message = match condition.message.as_str() {
            _ if is_repeated => "as Ready".to_owned(),
            text => shortened(text, plan),
        };
        let head = format!("  {:<kind$}{:<state$}{:<reason$}", condition.type_, condition.status, condition.reason);
        wrap(&message, &head, &" ".repeat(2 + kind + state + reason), lines);
    }
}

/// A message without what the plan says above already.
fn shortened(message: &str, plan: &Plan) -> String {
    if message.chars().count() <= WIDTH {
        return message.to_owned();
    }
    if plan.waiting.iter().any(|waiting| waiting.reason != Reason::ActionRequired && waiting.message == message) {
        return "as the plan says".to_owned();
    }
    plan.hand_offs().fold(message.to_owned(), |text, hand_off| {
        let whole = format!("{}: {} ({})", hand_off.who(), hand_off.instructions, hand_off.link);
        text.replace(&whole, "as the plan says").replace(&hand_off.instructions, "as the plan says")
    })
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
