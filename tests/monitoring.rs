//! Do the alert rules and the dashboard speak of metrics that exist, and does each alert have its page and its test?
//!
//! The syntax and every name are checked here always. `promtool`, where it is installed, has the last word on the rules.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should end where it stands, also in what tests have in common"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use threat_protection_operator::cli::metrics;

const RULES: &str = "deploy/monitoring/alerts.yaml";
const RULE_TESTS: &str = "deploy/monitoring/alerts.test.yaml";
const DASHBOARD: &str = "deploy/monitoring/dashboard.json";
const PAGE: &str = "deploy/docs/alerts.md";
/// Labels that Prometheus adds when it scrapes, and the bounds of histograms.
const OF_THE_SCRAPE: [&str; 4] = ["namespace", "job", "instance", "le"];
/// What Grafana puts in, and something of the same kind.
const VARIABLES: [(&str, &str); 2] = [("$__rate_interval", "5m"), ("$namespace", ".*")];

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every alert, in the order of the file.
fn alerts() -> Vec<Value> {
    let rules: Value = serde_yaml::from_str(&text(RULES)).expect("rules are YAML");
    let groups = rules["groups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

/// Every expression of the dashboard, with the title of its panel.
fn panels() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&text(DASHBOARD)).expect("a dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let told = |panel: &Value| panel["title"].as_str().unwrap_or_default().to_owned();
    let of_panel = |panel: &Value| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.iter().map(|target| (told(panel), target["expr"].as_str().expect("expr").to_owned())).collect()
    };
    panels.flat_map(|panel| -> Vec<(String, String)> { of_panel(panel) }).collect()
}

/// The values of each label, by the name of a series.
type Known = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn known() -> Known {
    let all = metrics::descriptions().expect("metrics can be described");
    all.iter().flat_map(|one| one.series().into_iter().map(|name| (name, one.labels.clone()))).collect()
}

/// Looks for what does not exist.
struct Look<'a> {
    known: &'a Known,
    names: BTreeSet<String>,
    faults: Vec<String>,
}

impl Look<'_> {
    fn selector(&mut self, selector: &VectorSelector) {
        let name = selector.name.clone().unwrap_or_default();
        let Some(labels) = self.known.get(&name) else {
            self.faults.push(format!("{name:?} is no metric"));
            return;
        };
        for matcher in &selector.matchers.matchers {
            let Some(values) = labels.get(&matcher.name) else {
                if !OF_THE_SCRAPE.contains(&matcher.name.as_str()) {
                    self.faults.push(format!("{name} has no label {}", matcher.name));
                }
                continue;
            };
            let wanted: Vec<&str> = match matcher.op {
                MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value.as_str()],
                MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
            };
            let strange = wanted.into_iter().filter(|value| !values.contains(*value));
            self.faults.extend(strange.map(|value| format!("{name}: {} is never {value:?}", matcher.name)));
        }
        self.names.insert(name);
    }
}

impl ExprVisitor for Look<'_> {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
        match expr {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(selector) => self.selector(&selector.vs),
            _ => {}
        }
        Ok(true)
    }
}

/// The labels that aggregations of an expression keep.
struct Kept(BTreeSet<String>);

impl ExprVisitor for Kept {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
        if let Expr::Aggregate(aggregate) = expr
            && let Some(LabelModifier::Include(labels)) = &aggregate.modifier
        {
            self.0.extend(labels.labels.iter().cloned());
        }
        Ok(true)
    }
}

/// What is wrong with an expression.
fn faults(expression: &str, known: &Known) -> Vec<String> {
    let plain = VARIABLES.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    let parsed = match parser::parse(&plain) {
        Ok(parsed) => parsed,
        Err(error) => return vec![format!("it is not PromQL: {error}")],
    };
    let mut look = Look { known, names: BTreeSet::new(), faults: Vec::new() };
    let Ok(_) = walk_expr(&mut look, &parsed);
    if look.names.is_empty() && look.faults.is_empty() {
        look.faults.push("it asks for no metric".to_owned());
    }
    let mut kept = Kept(BTreeSet::new());
    let Ok(_) = walk_expr(&mut kept, &parsed);
    let has = |label: &String| look.names.iter().any(|name| known[name].contains_key(label));
    let strange = kept.0.iter().filter(|label| !OF_THE_SCRAPE.contains(&label.as_str()) && !has(label));
    look.faults.extend(strange.map(|label| format!("no metric of it has the label {label}")));
    look.faults
}

#[test]
fn every_expression_can_be_read_and_asks_for_what_there_is() {
    let known = known();
    let mut all: Vec<String> = Vec::new();
    for alert in alerts() {
        let expression = alert["expr"].as_str().expect("expr");
        all.extend(faults(expression, &known).iter().map(|fault| format!("{}: {fault}", alert["alert"])));
    }
    for (title, expression) in panels() {
        all.extend(faults(&expression, &known).iter().map(|fault| format!("panel {title:?}: {fault}")));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
    assert!(alerts().len() > 10 && panels().len() > 20);
}

/// A check that finds nothing proves nothing.
#[test]
fn what_does_not_exist_is_found() {
    let known = known();
    for (expression, expected) in [
        ("sum(rate(threat_protection_steps_total[5m])", "not PromQL"),
        ("threat_protection_step_total > 0", "is no metric"),
        ("sum(threat_protection_leader) + up", "\"up\" is no metric"),
        ("threat_protection_steps_total{verb=\"Enable\"}", "no label verb"),
        ("rate(threat_protection_steps_total{step=\"enable\"}[5m])", "never \"enable\""),
        ("rate(threat_protection_steps_total{step=~\"Enable|Off\"}[5m])", "never \"Off\""),
        ("sum by (tenant) (threat_protection_steps_total)", "has the label tenant"),
        ("histogram_quantile(0.5, threat_protection_time_to_ready_seconds)", "is no metric"),
        ("vector(1) > 0", "no metric"),
    ] {
        let found = faults(expression, &known);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expression}: {found:?}");
    }
    let sound = "sum by (job, step) (rate(threat_protection_steps_total{namespace=~\"$namespace\"}[$__rate_interval]))";
    assert_eq!(faults(sound, &known), Vec::<String>::new());
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let shown: String = panels().into_iter().map(|(_, expression)| expression + "\n").collect();
    for one in metrics::descriptions().expect("metrics can be described") {
        assert!(shown.contains(&one.name), "{} is on no panel", one.name);
    }
}

#[test]
fn every_alert_has_a_page_that_says_who_must_act_and_where_to_look() {
    let page = text(PAGE);
    let sections: BTreeMap<&str, &str> =
        page.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let name = alert["alert"].as_str().expect("a name");
        assert!(names.insert(name.to_owned()), "{name} stands twice");
        let annotations = &alert["annotations"];
        let expected = format!("{PAGE}#{}", name.to_lowercase());
        assert_eq!(annotations["runbook_url"], expected.as_str(), "{name}");
        let is_said = |field: &str| annotations[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(is_said("summary") && is_said("description"), "{name}");
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity:?}");
        let section = sections.get(name).unwrap_or_else(|| panic!("{PAGE} has no section {name}"));
        assert!(section.contains("**Who acts:** "), "{name}");
        assert!((1..=3).all(|number| section.contains(&format!("\n{number}. "))), "{name}: three things to look at");
    }
    let told: BTreeSet<String> = sections.keys().map(|&name| name.to_owned()).collect();
    assert_eq!(told, names, "{PAGE} has a section for each alert and for nothing else");
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let tests: Value = serde_yaml::from_str(&text(RULE_TESTS)).expect("tests are YAML");
    let mut fires = BTreeSet::new();
    let mut rests = BTreeSet::new();
    for case in tests["tests"].as_array().expect("tests") {
        let of_rule = &case["promql_expr_test"][0];
        let expression = of_rule["expr"].as_str().expect("an expression");
        let name = expression.split("alertname=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a name");
        let is_firing = of_rule["exp_samples"].as_array().is_some_and(|samples| !samples.is_empty());
        if is_firing { &mut fires } else { &mut rests }.insert(name.to_owned());
    }
    let names: BTreeSet<String> =
        alerts().iter().map(|alert| alert["alert"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(fires, names);
    assert_eq!(rests, names);
}

#[test]
fn promtool_agrees() {
    let named = std::env::var_os("PROMTOOL").map(PathBuf::from);
    let program = named.clone().unwrap_or_else(|| "promtool".into());
    for arguments in [["check", "rules", RULES], ["test", "rules", RULE_TESTS]] {
        let run = Command::new(&program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        match run {
            Ok(output) => {
                let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "promtool {arguments:?}:\n{told}");
            }
            Err(error) if named.is_none() => {
                println!(
                    "promtool cannot be run ({error}): names and syntax were checked, firing was not. It is part of Prometheus (Debian: apt-get install prometheus); PROMTOOL names it elsewhere."
                );
            }
            Err(error) => panic!("PROMTOOL names {}, which cannot be run: {error}", program.display()),
        }
    }
}
