//! Consent: required by the welcome page of March 2020 before data is shared.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::desired::Desired;
use super::operation;
use super::planned::Waiting;
use super::situation::Situation;
use crate::api::{ConditionType, Reason, StepName, TriState};

/// Why the recorded consent does not suffice to turn the service on, if it does not.
///
/// After somebody opted out, only a consent given on a later day says that the opt-out was not meant. After a declared
/// opt-out or a deprovisioning, one of that day or later does.
pub(super) fn gate(
    situation: &Situation,
    desired: &Desired,
    changed_outside: bool,
    is_present: bool,
) -> Option<Waiting> {
    if !desired.experience.requires_consent() {
        return None;
    }
    let Some((_, granted_on)) = &desired.consent else {
        return Some(required("no consent is recorded: record it in dataSharing.consent".to_owned()));
    };
    let today = day(situation.now + SignedDuration::from_hours(14));
    if *granted_on > today {
        return Some(required(format!("the recorded consent is dated {granted_on}, which has not come yet")));
    }
    if changed_outside {
        let off = off_since(situation).unwrap_or(situation.now);
        return (*granted_on <= day(off)).then(|| {
            required(format!(
                "somebody opted out on {} and the recorded consent is of {granted_on}: record one that was given after that day, or declare Disabled",
                day(off)
            ))
        });
    }
    let off = ended_at(situation, is_present)?;
    (*granted_on < day(off)).then(|| {
        required(format!(
            "the service was turned off on {} and the recorded consent is of {granted_on}: record one that was given on that day or later",
            day(off)
        ))
    })
}

fn required(message: String) -> Waiting {
    Waiting::for_person(Reason::ConsentRequired, message)
}

fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// Since when the service is known to be off.
fn off_since(situation: &Situation) -> Option<Timestamp> {
    let service = situation.memory.condition(ConditionType::ServiceOn)?;
    (service.status == TriState::False).then_some(service.since)
}

/// When a service that had been on was turned off as declared.
fn ended_at(situation: &Situation, is_present: bool) -> Option<Timestamp> {
    // What has only just ended is not in the conditions yet.
    let ending = operation::succeeded(situation)
        .filter(|operation| matches!(operation.step, StepName::Disable | StepName::Deprovision));
    if let Some(operation) = ending {
        return Some(operation.end_time_or_start());
    }
    let service = situation.memory.condition(ConditionType::ServiceOn)?;
    if service.status != TriState::False {
        return None;
    }
    match service.reason {
        Some(Reason::Deprovisioned | Reason::ConsentRequired) => Some(service.since),
        Some(Reason::Disabled) if is_present => Some(service.since),
        _ => None,
    }
}
