//! `POST /security/runHuntingQuery`: whether advanced hunting answers, which products have a table in it, and when each
//! fed data last. No row of data leaves the tenant, only the time of the newest.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::plan::failure::Failure;
use crate::plan::microsoft::Hunting;
use crate::remote::answers::{Context, Meaning, Verdict, error_body, judge, misshapen};
use crate::remote::call::{Call, Operation, Reply, Unread};
use crate::remote::shape::{field, fields, of, time};
use crate::tenant::Service;

const OPERATION: Operation = Operation::Hunting;

/// How far back is looked (ISO 8601), as in the queries.
const TIMESPAN: &str = "P7D";

/// The table that hunting has wherever it answers.
const ALERTS: &str = "AlertInfo";

/// The table of each product. That of Defender for Identity also holds sign-ins to cloud applications; its own rows are
/// the on-premises ones, with the application `Active Directory` (Microsoft, *`IdentityLogonEvents`*, 2025).
const TABLES: [(Service, &str, &str); 4] = [
    (Service::Endpoint, "DeviceInfo", ""),
    (Service::Office365, "EmailEvents", ""),
    (Service::Identity, "IdentityLogonEvents", " | where Application == \"Active Directory\""),
    (Service::CloudApps, "CloudAppEvents", ""),
];

/// What the five answers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntingRead {
    /// Whether hunting answers, and which products have a table.
    pub hunting: Result<Hunting, Unread>,
    /// The newest row of each product within seven days; a product without rows is not here.
    pub newest_rows: Result<BTreeMap<Service, Timestamp>, Unread>,
}

/// The five calls, whose answers `read` takes in the same order.
#[must_use]
pub fn calls() -> [Call; 5] {
    let [endpoint, office, identity, apps] = TABLES.map(|(_, table, only)| {
        query(&format!("{table} | where Timestamp > ago(7d){only} | summarize Newest = max(Timestamp)"))
    });
    [query(&format!("{ALERTS} | getschema")), endpoint, office, identity, apps]
}

fn query(text: &str) -> Call {
    Call::post(OPERATION, "/security/runHuntingQuery", json!({ "Query": text, "Timespan": TIMESPAN }))
}

/// What one answer says.
enum Said {
    /// The query ran; for a table, its newest row.
    Ran(Option<Timestamp>),
    /// Hunting works and has no such table.
    Absent,
    /// Hunting is not there.
    Refused,
    /// Nothing.
    Unread(Unread),
}

/// Reads the answers of `calls`, in their order.
///
/// What is there counts even where another answer is missing; that something is not there needs all of them.
#[must_use]
pub fn read(answers: &[Result<Reply, Failure>], context: Context<'_>) -> HuntingRead {
    let said = |index: usize, table: &str, is_schema: bool| match answers.get(index) {
        Some(Ok(reply)) => said(reply, context, table, is_schema),
        Some(Err(failure)) => Said::Unread(Unread::Failed(failure.clone())),
        None => Said::Unread(Unread::Ambiguous(format!(
            "Microsoft Graph was not asked security/runHuntingQuery for the table {table}: either the batch was too small, or its answers are of another one"
        ))),
    };
    let alerts = said(0, ALERTS, true);
    let tables: Vec<(Service, Said)> = TABLES
        .iter()
        .enumerate()
        .map(|(index, (service, table, _))| (*service, said(index + 1, table, false)))
        .collect();
    HuntingRead { hunting: hunting(&alerts, &tables), newest_rows: newest_rows(&tables) }
}

fn hunting(alerts: &Said, tables: &[(Service, Said)]) -> Result<Hunting, Unread> {
    let present: BTreeSet<Service> =
        tables.iter().filter(|(_, said)| matches!(said, Said::Ran(_))).map(|(service, _)| *service).collect();
    if !present.is_empty() {
        return match alerts {
            Said::Refused => Err(contradiction("one query was refused and another was answered")),
            Said::Absent => Err(contradiction("a product has its table, and the table of alerts is missing")),
            Said::Ran(_) | Said::Unread(_) => Ok(Hunting::Answers { tables: present }),
        };
    }
    let all = || std::iter::once(alerts).chain(tables.iter().map(|(_, said)| said));
    if let Some(unread) = worst(all()) {
        return Err(unread);
    }
    if all().all(|said| matches!(said, Said::Refused)) {
        Ok(Hunting::Refuses)
    } else if all().any(|said| matches!(said, Said::Refused)) {
        Err(contradiction("one query was refused and another was answered"))
    } else {
        Ok(Hunting::Answers { tables: present })
    }
}

fn newest_rows(tables: &[(Service, Said)]) -> Result<BTreeMap<Service, Timestamp>, Unread> {
    if let Some(unread) = worst(tables.iter().map(|(_, said)| said)) {
        return Err(unread);
    }
    if tables.iter().any(|(_, said)| matches!(said, Said::Refused)) {
        return Err(Unread::Ambiguous(
            "Microsoft Graph refused security/runHuntingQuery, so which products feed data is not known: either the service is not turned on in this tenant, or it is not ready yet".to_owned(),
        ));
    }
    let newest = |(service, said): &(Service, Said)| match said {
        Said::Ran(newest) => newest.map(|time| (*service, time)),
        _ => None,
    };
    Ok(tables.iter().filter_map(newest).collect())
}

/// Why an answer is missing; what may pass by itself stands first, then what can be granted.
fn worst<'a>(all: impl Iterator<Item = &'a Said>) -> Option<Unread> {
    let unread = |said: &'a Said| match said {
        Said::Unread(unread) => Some(unread),
        _ => None,
    };
    let rank = |unread: &&Unread| match unread {
        Unread::Failed(_) => 0,
        Unread::NotPermitted(_) => 1,
        Unread::Ambiguous(_) => 2,
    };
    all.filter_map(unread).min_by_key(rank).cloned()
}

fn contradiction(what: &str) -> Unread {
    Unread::Ambiguous(format!(
        "Microsoft Graph contradicts itself about security/runHuntingQuery, {what}: either the service is being turned on or off just now, or one of the answers is wrong"
    ))
}

fn said(reply: &Reply, context: Context<'_>, table: &str, is_schema: bool) -> Said {
    match judge(OPERATION, reply, context) {
        Verdict::Answers => {
            let ran = if is_schema { schema(reply).map(|()| None) } else { newest(reply) };
            ran.map_or_else(Said::Unread, Said::Ran)
        }
        Verdict::Says { meaning: Meaning::TableAbsent, .. } if names(reply, table) => Said::Absent,
        Verdict::Says { meaning: Meaning::TableAbsent, .. } => {
            Said::Unread(misshapen(OPERATION, reply, "it does not know something in the query that is not the table"))
        }
        Verdict::Says { meaning: Meaning::Refuses | Meaning::NotLicensed | Meaning::Disabled, .. } => Said::Refused,
        Verdict::Says { otherwise, .. } | Verdict::Unread(otherwise) => Said::Unread(otherwise),
    }
}

/// Whether what cannot be resolved is the table: a column that was renamed reads just like it.
fn names(reply: &Reply, table: &str) -> bool {
    error_body(&reply.body).says(&format!("expression named '{table}'"))
}

fn schema(reply: &Reply) -> Result<(), Unread> {
    let fields = fields(OPERATION, reply)?;
    let is_list = |name| field(&fields, name).is_some_and(Value::is_array);
    if is_list("schema") || is_list("results") {
        return Ok(());
    }
    Err(misshapen(OPERATION, reply, "it has neither schema nor results"))
}

fn newest(reply: &Reply) -> Result<Option<Timestamp>, Unread> {
    let fields = fields(OPERATION, reply)?;
    let Some(Value::Array(rows)) = field(&fields, "results") else {
        return Err(misshapen(OPERATION, reply, "it has no list named results"));
    };
    let Some(row) = rows.first() else { return Ok(None) };
    match of(row, "Newest") {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        value => time(value)
            .map(Some)
            .ok_or_else(|| misshapen(OPERATION, reply, "the time of the newest row cannot be read")),
    }
}

#[cfg(test)]
mod tests;
