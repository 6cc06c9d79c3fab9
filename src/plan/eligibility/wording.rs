//! What the condition `Eligible` says: what was found, and what would do where it does not suffice.

use std::collections::{BTreeMap, BTreeSet};

use super::Licences;
use super::standing::{self, Doubt, Holding, Standing};
use crate::plan::reading::{Reading, Why};
use crate::plan::verdict::Verdict;
use crate::tenant::licences::{self, Brings};
use crate::tenant::{CapabilityStatus, Experience, Permission, Service};

/// So many SKUs are named, and so long a list of them.
const MOST_NAMED: usize = 6;
const LONGEST_LIST: usize = 480;
/// Part numbers are at most 80 characters long in Microsoft's table.
const LONGEST_PART_NUMBER: usize = 80;
/// A message never grows beyond this.
const LONGEST_MESSAGE: usize = 1_000;

/// The licences could not be read at all.
pub(super) fn unread(why: Why) -> Verdict {
    let message = match why {
        Why::NotAsked => {
            "the licences were not asked for: they are read with credentials for Microsoft's APIs".to_owned()
        }
        Why::NotPermitted => {
            format!(
                "the licences may not be read: grant the application permission {}",
                Permission::Organization.name()
            )
        }
        Why::ReadFailed => "the licences could not be read".to_owned(),
        Why::Ambiguous => "what was read of the licences can mean two things".to_owned(),
    };
    Verdict::unknown(why.reason(), message)
}

/// What is said of the licences that were read.
pub(super) fn message(licences: &Licences<'_>, overall: Standing) -> String {
    let conclusion = match overall {
        Standing::InForce => format!("the licences qualify under {}", rules(licences.experience)),
        Standing::Pending => {
            format!("the licences qualify under {}: licensed, still being provisioned", rules(licences.experience))
        }
        Standing::Grace => format!(
            "the licences qualify under {}, but some have expired and are in their grace period: renew {}",
            rules(licences.experience),
            graces(licences)
        ),
        _ if !licences.is_complete => {
            "the list of licences could not be read to its end, and what was read of it does not suffice".to_owned()
        }
        Standing::Doubtful(_) => format!("whether the licences qualify is not known: {}", doubts(licences)),
        Standing::Suspended => suspended(licences),
        Standing::Absent | Standing::Trial | Standing::Off => missing(licences),
    };
    let off = switched_off(licences, overall);
    bounded(&format!("{conclusion}{off}. Found: {}", found(licences)), LONGEST_MESSAGE)
}

fn suspended(licences: &Licences<'_>) -> String {
    let names: BTreeSet<String> = licences.deciding(Standing::Suspended).map(part_number).collect();
    let names = names.into_iter().take(MOST_NAMED).collect();
    let names = join(names, if licences.experience == Experience::WelcomePage { "and" } else { "or" });
    let rules = rules(licences.experience);
    match licences.doubtful().next() {
        None => {
            format!("what would qualify under {rules} is suspended: its data is kept, and renewing {names} suffices")
        }
        Some(_) => {
            format!(
                "what may qualify under {rules} is suspended: its data is kept. Renew {names}; besides, {}",
                doubts(licences)
            )
        }
    }
}

const fn rules(experience: Experience) -> &'static str {
    match experience {
        Experience::WelcomePage => "the rules of March 2020",
        Experience::SettingsPage => "the rules of June 2020",
        Experience::DefenderPortal => "the rules of today",
    }
}

/// What is missing, and the smallest that would do.
fn missing(licences: &Licences<'_>) -> String {
    let experience = licences.experience;
    let bundle = licences::bundle(experience).name;
    let offers = licences::offers(experience);
    match experience {
        Experience::WelcomePage => {
            let lacks = |service: &Service| licences.best(*service) <= Standing::Suspended;
            let of_service = |service: &Service| {
                let offer = offers.iter().find(|offer| offer.services.contains(service));
                let by = offer.map_or(String::new(), |offer| format!(" (in {})", offer.name));
                format!("{}{by}", licences::service_name(*service, experience))
            };
            let lacking = Service::ALL.iter().filter(|service| lacks(service)).map(of_service).collect();
            format!(
                "all four services must be licensed under {}; missing: {}. {bundle} brings all four",
                rules(experience),
                join(lacking, "and")
            )
        }
        Experience::SettingsPage | Experience::DefenderPortal => {
            let trial = if experience == Experience::SettingsPage { "; a trial of Office 365 does not" } else { "" };
            let names = offers.iter().map(|offer| offer.name.to_owned()).collect();
            format!(
                "no licence qualifies under {}; any one of these suffices: {}{trial}. {bundle} brings all four",
                rules(experience),
                join(names, "or")
            )
        }
    }
}

/// Plans that are there and switched off, where they would have helped.
fn switched_off(licences: &Licences<'_>, overall: Standing) -> String {
    if overall.counts() {
        return String::new();
    }
    let plans: BTreeSet<String> = licences
        .asked_for()
        .filter(|holding| holding.licence == Standing::Off)
        .map(|holding| format!("{} in {}", plan_name(holding, licences.experience), part_number(holding)))
        .collect();
    let plans: Vec<String> = plans.into_iter().take(3).collect();
    match plans.len() {
        0 => String::new(),
        1 => format!(". {} is there and switched off", plans.concat()),
        _ => format!(". {} are there and switched off", join(plans, "and")),
    }
}

/// The SKUs in their grace period, and until when as far as that is told.
fn graces(licences: &Licences<'_>) -> String {
    let mut ends = BTreeMap::new();
    for holding in licences.deciding(Standing::Grace) {
        let end = match licences.subscriptions {
            Reading::Known { value, .. } => standing::of_sku(holding.sku, value)
                .filter(|subscription| subscription.status == CapabilityStatus::Warning)
                .filter_map(|subscription| subscription.next_lifecycle)
                .max(),
            Reading::Unknown { .. } => None,
        };
        let latest = ends.entry(part_number(holding)).or_insert(end);
        *latest = end.max(*latest);
    }
    let told = ends.into_iter().take(MOST_NAMED).map(|(name, end)| match end {
        Some(end) => format!("{name} (until {})", end.strftime("%Y-%m-%d")),
        None => name,
    });
    join(told.collect(), "and")
}

fn doubts(licences: &Licences<'_>) -> String {
    let told: BTreeSet<String> = licences
        .doubtful()
        .map(|(holding, doubt)| {
            let (sku, plan) = (part_number(holding), plan_name(holding, licences.experience));
            match doubt {
                Doubt::Capability => format!("{sku} is in a state that this version does not know"),
                Doubt::Provisioning => {
                    format!("{plan} in {sku} is provisioned in a way that this version does not know")
                }
                Doubt::Failed => format!("provisioning {plan} in {sku} failed"),
                Doubt::Trial(why) => format!("{sku} may be a trial, which gives no access: {}", trial(why)),
            }
        })
        .collect();
    join(told.into_iter().take(3).collect(), "and")
}

fn trial(why: Why) -> String {
    match why {
        Why::NotAsked => "its subscriptions were not asked for".to_owned(),
        Why::NotPermitted => {
            format!("grant the application permission {} to see its subscriptions", Permission::Organization.name())
        }
        Why::ReadFailed => "its subscriptions could not be read".to_owned(),
        Why::Ambiguous => "none of the subscriptions that are listed accounts for it".to_owned(),
    }
}

/// The SKUs with a plan that matters, and what they bring.
fn found(licences: &Licences<'_>) -> String {
    let mut skus: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
    for holding in &licences.holdings {
        let plans = skus.entry((part_number(holding), &holding.sku.id)).or_default();
        if licences.is_asked_for(holding.plan.brings) {
            plans.insert(format!("{}{}", plan_name(holding, licences.experience), state(holding.access)));
        }
    }
    let count = skus.len();
    let mut list = String::new();
    let mut listed = 0;
    for ((name, _), plans) in skus.into_iter().take(MOST_NAMED) {
        let plans = if plans.is_empty() { "nothing that counts".to_owned() } else { Vec::from_iter(plans).join(", ") };
        let entry = format!("{}{name}: {plans}", if listed == 0 { "" } else { "; " });
        if listed > 0 && list.chars().count() + entry.chars().count() > LONGEST_LIST {
            break;
        }
        list.push_str(&bounded(&entry, LONGEST_LIST));
        listed += 1;
    }
    match (count, count - listed) {
        (0, _) => "no licence of a supported service".to_owned(),
        (_, 0) => list,
        (_, more) => format!("{list}; and {more} more"),
    }
}

const fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Absent => " (deleted)",
        Standing::Trial => " (trial)",
        Standing::Off => " (switched off)",
        Standing::Suspended => " (suspended)",
        Standing::Doubtful(_) => " (in doubt)",
        Standing::Grace => " (in its grace period)",
        Standing::Pending => " (still being provisioned)",
        Standing::InForce => "",
    }
}

/// What a plan is called in the words of the time.
fn plan_name(holding: &Holding<'_>, experience: Experience) -> &'static str {
    match (holding.plan.brings, experience) {
        (Brings::Service(service), _) => licences::service_name(service, experience),
        (Brings::Unified, Experience::DefenderPortal) => "Microsoft Defender XDR",
        (Brings::Unified, Experience::WelcomePage | Experience::SettingsPage) => "Microsoft Threat Protection",
        (Brings::Lesser(_) | Brings::Nothing, _) => holding.plan.friendly_name,
    }
}

/// The part number as it may be shown: it is somebody else's text.
fn part_number(holding: &Holding<'_>) -> String {
    let shown: String = holding.sku.part_number.chars().filter(char::is_ascii_graphic).collect();
    if shown.is_empty() { "a SKU without a part number".to_owned() } else { bounded(&shown, LONGEST_PART_NUMBER) }
}

/// `a, b and c`.
fn join(mut parts: Vec<String>, word: &str) -> String {
    let Some(last) = parts.pop() else { return String::new() };
    if parts.is_empty() { last } else { format!("{} {word} {last}", parts.join(", ")) }
}

fn bounded(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
