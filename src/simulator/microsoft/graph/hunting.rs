//! `POST /security/runHuntingQuery`: whether a table is there, and how new its newest row is.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Scene;
use super::kql::{self, Query, Source, Step};
use crate::simulator::answer::Answer;
use crate::simulator::azure::Workspace;
use crate::simulator::microsoft::problem::Problem;
use crate::tenant::{IntegrationType, Service};

/// The tables, the services of which one must be licensed for the table to be there, and columns besides `Timestamp`.
const TABLES: [(&str, &[Service], &[&str]); 7] = [
    ("AlertInfo", &[], &["AlertId", "Title", "Severity", "ServiceSource"]),
    ("AlertEvidence", &[], &["AlertId", "EntityType", "ServiceSource"]),
    ("DeviceInfo", &[Service::Endpoint], &["DeviceId", "DeviceName", "OSPlatform"]),
    ("EmailEvents", &[Service::Office365], &["NetworkMessageId", "SenderFromAddress"]),
    ("IdentityLogonEvents", &[Service::Identity, Service::CloudApps], &["Application", "LogonType", "Protocol"]),
    ("IdentityDirectoryEvents", &[Service::Identity], &["Application", "ActionType"]),
    ("CloudAppEvents", &[Service::CloudApps], &["Application", "ActionType"]),
];

/// Answers a query.
pub(super) fn run(scene: &Scene) -> Result<Answer, Problem> {
    scene.require_security(&["ThreatHunting.Read.All"])?;
    let tenant = scene.tenant;
    if !tenant.licence_state.is_in_force() || tenant.services.is_empty() {
        let message =
            "The tenant has no valid license for advanced hunting. A Microsoft Defender XDR license is required.";
        return Err(Problem::new(403, "Forbidden", message));
    }
    let is_on = scene.is_on();
    if !is_on && !tenant.workspaces.iter().any(Workspace::is_connected) {
        return Err(Problem::new(403, "Forbidden", "Account is not provisioned."));
    }
    let body = scene.request.body.as_ref();
    let text = body.and_then(|body| body.get("Query").or_else(|| body.get("query"))).and_then(Value::as_str);
    let text = text.ok_or_else(|| bad("The query is missing."))?;
    let query =
        kql::parse(text.trim()).ok_or_else(|| bad("Query could not be parsed. Fix syntax errors in your query."))?;
    let table = Hunt { scene, is_on }.evaluate(&query)?.finished();
    let schema: Vec<Value> = table.columns.iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect();
    let body = json!({
        "@odata.context": format!("https://{}/v1.0/$metadata#microsoft.graph.security.huntingQueryResults", scene.request.host),
        "schema": schema,
        "results": table.rows,
    });
    Ok(Answer::new(200, body))
}

fn bad(message: impl Into<String>) -> Problem {
    Problem::new(400, "BadRequest", message)
}

/// Rows, before or after they were summed up.
#[derive(Clone, Debug)]
enum Flow {
    /// Rows of tables, as far as anybody asks: how many, and how new.
    Raw(Vec<Raw>),
    /// Rows as they are sent.
    Rows(Table),
}

/// The rows of one table.
#[derive(Clone, Debug)]
struct Raw {
    table: &'static str,
    columns: &'static [&'static str],
    newest: Option<Timestamp>,
    labels: Vec<(String, String)>,
}

/// What is sent.
#[derive(Clone, Debug, Default)]
struct Table {
    columns: Vec<(String, &'static str)>,
    rows: Vec<Map<String, Value>>,
}

struct Hunt<'a> {
    scene: &'a Scene<'a>,
    is_on: bool,
}

impl Hunt<'_> {
    fn evaluate(&self, query: &Query) -> Result<Flow, Problem> {
        let mut flow = self.open(&query.source)?;
        for step in &query.steps {
            flow = self.apply(flow, step);
        }
        Ok(flow)
    }

    fn open(&self, source: &Source) -> Result<Flow, Problem> {
        match source {
            Source::Table(name) => {
                let (table, services, columns) =
                    TABLES.iter().find(|(known, _, _)| known == name).ok_or_else(|| unresolved(name))?;
                let is_there = services.is_empty()
                    || (self.is_on && services.iter().any(|service| self.scene.tenant.services.contains(service)));
                if !is_there {
                    return Err(unresolved(name));
                }
                Ok(Flow::Raw(vec![Raw { table, columns, newest: self.newest(table, false), labels: Vec::new() }]))
            }
            Source::Union { is_fuzzy, with_source, members } => {
                let mut flows = Vec::new();
                for member in members {
                    match self.evaluate(member) {
                        Err(problem) if !*is_fuzzy => return Err(problem),
                        Err(_) => {}
                        Ok(flow) => flows.push(flow),
                    }
                }
                Ok(union(flows, with_source.as_deref()))
            }
        }
    }

    fn apply(&self, flow: Flow, step: &Step) -> Flow {
        match (flow, step) {
            (Flow::Raw(raws), Step::Where(condition)) if condition.contains("Active Directory") => {
                let on_premises = |raw: Raw| Raw { newest: self.newest(raw.table, true), ..raw };
                Flow::Raw(raws.into_iter().map(on_premises).collect())
            }
            (Flow::Raw(raws), Step::Schema) => Flow::Rows(schema(&raws)),
            (Flow::Raw(raws), Step::Summarize { columns, by }) => Flow::Rows(summarize(&raws, columns, by.as_deref())),
            (flow, Step::Label(name, value)) => labelled(flow, name, value),
            (flow, _) => flow,
        }
    }

    /// The time of the newest row; rows of the domain controllers come only through the link with Cloud Apps.
    fn newest(&self, table: &str, on_premises: bool) -> Option<Timestamp> {
        let Scene { tenant, now, .. } = *self.scene;
        let from_controllers =
            tenant.reports(Service::Identity) && tenant.link_works(IntegrationType::IdentityCloudApps, now);
        let is_fed = match table {
            "DeviceInfo" => tenant.reports(Service::Endpoint),
            "EmailEvents" => tenant.reports(Service::Office365),
            "IdentityLogonEvents" => from_controllers || (tenant.reports(Service::CloudApps) && !on_premises),
            "IdentityDirectoryEvents" => from_controllers,
            "CloudAppEvents" => tenant.reports(Service::CloudApps),
            _ => tenant.incidents > 0,
        };
        is_fed.then(|| now.saturating_sub(SignedDuration::from_mins(5)).unwrap_or(now))
    }
}

fn unresolved(name: &str) -> Problem {
    bad(format!("Failed to resolve table or column expression named '{name}'"))
}

fn union(flows: Vec<Flow>, with_source: Option<&str>) -> Flow {
    let (mut raws, mut table) = (Vec::new(), Table::default());
    for flow in flows {
        match flow {
            Flow::Raw(several) => raws.extend(several),
            Flow::Rows(Table { columns, rows }) => {
                let new = columns.into_iter().filter(|column| !table.columns.contains(column)).collect::<Vec<_>>();
                table.columns.extend(new);
                table.rows.extend(rows);
            }
        }
    }
    if let Some(column) = with_source {
        for raw in &mut raws {
            raw.labels.push((column.to_owned(), raw.table.to_owned()));
        }
    }
    if raws.is_empty() { Flow::Rows(table) } else { Flow::Raw(raws) }
}

fn labelled(flow: Flow, name: &str, value: &str) -> Flow {
    match flow {
        Flow::Raw(mut raws) => {
            for raw in &mut raws {
                raw.labels.push((name.to_owned(), value.to_owned()));
            }
            Flow::Raw(raws)
        }
        Flow::Rows(mut table) => {
            table.columns.push((name.to_owned(), "String"));
            for row in &mut table.rows {
                row.insert(name.to_owned(), value.into());
            }
            Flow::Rows(table)
        }
    }
}

fn schema(raws: &[Raw]) -> Table {
    let names: BTreeSet<&str> = raws.iter().flat_map(|raw| raw.columns.iter().copied()).collect();
    let columns = ["ColumnName", "ColumnOrdinal", "DataType", "ColumnType"];
    let row = |(place, name): (usize, &str)| {
        let kind = if name == "Timestamp" { "datetime" } else { "string" };
        let row = json!({ "ColumnName": name, "ColumnOrdinal": place, "DataType": kind, "ColumnType": kind });
        row.as_object().cloned().unwrap_or_default()
    };
    let kind = |name: &str| if name == "ColumnOrdinal" { "Int32" } else { "String" };
    Table {
        columns: columns.iter().map(|name| ((*name).to_owned(), kind(name))).collect(),
        rows: ["Timestamp"].into_iter().chain(names).enumerate().map(row).collect(),
    }
}

/// One row over everything, or one for each group that has rows.
fn summarize(raws: &[Raw], columns: &[(String, String)], by: Option<&str>) -> Table {
    let mut table = Table::default();
    if let Some(by) = by {
        table.columns.push((by.to_owned(), "String"));
    }
    let kind = |expression: &str| if expression.contains("count") { "Int64" } else { "DateTime" };
    table.columns.extend(columns.iter().map(|(name, expression)| (name.clone(), kind(expression))));
    let Some(by) = by else {
        table.rows.push(aggregated(&raws.iter().collect::<Vec<_>>(), columns));
        return table;
    };
    let label = |raw: &Raw| raw.labels.iter().find(|(name, _)| name == by).map(|(_, value)| value.clone());
    let labels: BTreeSet<String> = raws.iter().filter(|raw| raw.newest.is_some()).filter_map(label).collect();
    for label in labels {
        let is_in = |raw: &&Raw| raw.labels.iter().any(|(name, value)| name == by && *value == label);
        let group: Vec<&Raw> = raws.iter().filter(is_in).collect();
        let mut row = aggregated(&group, columns);
        row.insert(by.to_owned(), label.into());
        table.rows.push(row);
    }
    table
}

fn aggregated(raws: &[&Raw], columns: &[(String, String)]) -> Map<String, Value> {
    let newest = raws.iter().filter_map(|raw| raw.newest).max();
    let count = raws.iter().filter(|raw| raw.newest.is_some()).count();
    let value = |expression: &str| match expression.split('(').next().map(str::trim) {
        Some("max" | "min") => json!(newest),
        Some("count") => json!(count),
        _ => Value::Null,
    };
    columns.iter().map(|(name, expression)| (name.clone(), value(expression))).collect()
}

impl Flow {
    /// The rows to send; tables that nobody summed up show one row each.
    fn finished(self) -> Table {
        match self {
            Self::Rows(table) => table,
            Self::Raw(raws) => {
                let row = |raw: &Raw| Some(Map::from_iter([("Timestamp".to_owned(), json!(raw.newest?))]));
                Table {
                    columns: vec![("Timestamp".to_owned(), "DateTime")],
                    rows: raws.iter().filter_map(row).collect(),
                }
            }
        }
    }
}
