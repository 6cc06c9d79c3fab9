//! The four services whose data is unified: whether their data arrives, and what is expected of them.
//!
//! A service that is missing is reported. It is never a reason to turn anything off: fewer services only narrow what the
//! unified service sees (Microsoft, *Deploy supported services*, 2020).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::desired::Desired;
use super::microsoft::{Answer, Microsoft};
use super::reading::{Reading, Why};
use super::situation::Situation;
use super::verdict::Verdict;
use crate::api::{Reason, TriState};
use crate::tenant::Service;

/// How old the newest row of a service may be for its data to count as arriving.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Whether data of a service arrives.
pub(super) fn reporting(microsoft: &Microsoft, service: Service, now: Timestamp) -> Reading<bool> {
    if service == Service::Identity && microsoft.identity.value() == Some(&Answer::Refuses) {
        return Reading::observed(false);
    }
    microsoft
        .newest_rows
        .as_ref()
        .map(|rows| rows.get(&service).is_some_and(|newest| now.duration_since(*newest) <= RECENT))
}

/// Every service by whether its data arrives.
pub(super) fn all(microsoft: &Microsoft, now: Timestamp) -> BTreeMap<Service, Reading<bool>> {
    Service::ALL.iter().map(|service| (*service, reporting(microsoft, *service, now))).collect()
}

/// Whether none of the four feeds data: the service is on, shows nothing and acts on nothing.
pub(super) fn is_empty(microsoft: &Microsoft, now: Timestamp) -> bool {
    all(microsoft, now).values().all(Reading::is_false)
}

/// The condition `ServicesReporting`.
pub(super) fn verdict(situation: &Situation, desired: &Desired, is_empty: bool) -> Verdict {
    let microsoft = &situation.observed.microsoft;
    let all = all(microsoft, situation.now);
    let expected = &desired.expected_services;
    if expected.is_empty() {
        let empty = if is_empty { "; none of the four feeds data" } else { "" };
        return Verdict::not_needed(format!("no services are expected{empty}"));
    }
    let with = |wanted: fn(&Reading<bool>) -> bool| -> Vec<&str> {
        expected.iter().filter(|service| all.get(service).is_some_and(wanted)).map(|service| service.name()).collect()
    };
    let silent = with(Reading::is_false);
    if !silent.is_empty() {
        let message = format!(
            "no data of {} has arrived for seven days: check that it is deployed; what is on stays on",
            silent.join(", ")
        );
        return Verdict::not(Reason::ServiceNotReporting, message);
    }
    let unknown = with(|reading| reading.value().is_none());
    if unknown.is_empty() {
        return Verdict::met("every expected service feeds data");
    }
    let why = microsoft.newest_rows.why().unwrap_or(Why::Ambiguous);
    let message = match why {
        Why::NotAsked => "whether services feed data is read with credentials for Microsoft's APIs".to_owned(),
        Why::NotPermitted => {
            "grant the application permission ThreatHunting.Read.All to see which services feed data".to_owned()
        }
        Why::ReadFailed | Why::Ambiguous => {
            format!("whether data of {} arrives could not be read", unknown.join(", "))
        }
    };
    Verdict::new(TriState::Unknown, why.reason(), message)
}
