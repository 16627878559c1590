//! Rule files of Prometheus, and the same as `PrometheusRule` of its operator. Files that Sloth generated are such.

use super::expression::{Reading, Recorded, not_raw};
use super::found::{Imported, component};
use super::meaning::{rounded, signal};
use super::part::Part;
use super::value::{By, Pace, Value};
use super::words::Counts;
use super::{Kind, found, kind};
use promql_parser::label::MatchOp;
use promql_parser::parser::VectorSelector;
use std::collections::BTreeMap;

/// What Sloth's generated rules say beside the indicator; all of it follows from indicator and objective.
const DERIVED: [&str; 7] = [
    "slo:error_budget:ratio",
    "slo:time_period:days",
    "slo:current_burn_rate:ratio",
    "slo:period_burn_rate:ratio",
    "slo:period_error_budget_remaining:ratio",
    "sloth_slo_info",
    "slo:objective:ratio",
];

/// One recording rule.
struct Rule {
    record: String,
    expr: String,
    labels: BTreeMap<String, String>,
}

/// Every recording rule of every file.
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn of(documents: &[Part<'_>]) -> Rules {
        let of_rules = documents.iter().filter(|document| kind(document) == Some(Kind::Rules));
        Rules(of_rules.flat_map(|document| all(document)).filter_map(|part| rule(&part)).collect())
    }

    /// Objective of the service level whose rules these labels mark, as Sloth records it.
    fn objective(&self, labels: &BTreeMap<String, String>) -> Option<f64> {
        let id = labels.get("sloth_id")?;
        let objectives = self.0.iter().filter(|rule| rule.record == "slo:objective:ratio");
        let rule = objectives.into_iter().find(|rule| rule.labels.get("sloth_id") == Some(id))?;
        match (Reading { recorded: self, counters: false }).read(&rule.expr) {
            Ok(Value::Number(objective)) => Some(rounded(objective)).filter(|o| *o > 0.0 && *o < 1.0),
            _ => None,
        }
    }

    pub(super) fn import(&self, document: &Part<'_>, imported: &mut Imported) {
        for part in all(document) {
            self.import_rule(&part, imported);
        }
    }

    fn import_rule(&self, part: &Part<'_>, imported: &mut Imported) {
        let Some(rule) = rule(part) else {
            let (name, why) = match part.text(&["alert"]) {
                Some(alert) => (alert, "is an alert: it compares a signal with a bound; import what it compares"),
                None => ("a rule".to_owned(), "has no `record` and `expr`"),
            };
            let found = found(part, name.clone(), name);
            return imported.refuse(&found, why);
        };
        let named = rule.labels.get("sloth_id").cloned();
        let mut found = found(part, rule.record.clone(), named.unwrap_or_else(|| without_window(&rule.record)));
        if DERIVED.contains(&rule.record.as_str()) {
            let why = "follows from the indicator and its objective; an objective is a key of its signal";
            return imported.refuse(&found, why);
        }
        found.objective = self.objective(&rule.labels);
        let read = (Reading { recorded: self, counters: false }).read(&rule.expr);
        found.component = rule.labels.get("sloth_service").and_then(|service| component(service));
        if let Ok(value) = &read {
            found.component = found.component.or_else(|| of_job(value));
        }
        let value = read.and_then(|value| match &value {
            Value::Counted(counted) if counted.pace == Pace::Raw => Err("is a counter as it is".to_owned()),
            Value::Level(_, By::Unknown(_)) => {
                Err("renames a series and sums nothing; a signal can select the series itself".to_owned())
            }
            _ => Ok(value),
        });
        let became = value.and_then(|value| signal(&found, value, Counts::Unsaid));
        imported.take(&found, became);
    }
}

impl Recorded for Rules {
    fn stands_for(&self, series: &VectorSelector) -> Result<String, String> {
        let name = series.name.as_deref().unwrap_or_default();
        if series.offset.is_some() || series.at.is_some() {
            return Err(format!("looks at another time of `{name}`"));
        }
        if !series.matchers.or_matchers.is_empty() {
            return Err(format!("selects some of `{name}` with `or` between conditions; all of them must hold"));
        }
        // A condition on a label that the rule itself sets chooses among rules; any other chooses among raw series.
        let chosen =
            |rule: &&Rule| {
                rule.record == name
                    && series.matchers.matchers.iter().all(|m| {
                        m.op == MatchOp::Equal && rule.labels.get(&m.name).is_some_and(|value| *value == m.value)
                    })
            };
        let mut of_name = self.0.iter().filter(|rule| rule.record == name).peekable();
        of_name.peek().ok_or_else(|| not_raw(name))?;
        let mut fitting: Vec<&Rule> = self.0.iter().filter(chosen).collect();
        fitting.dedup_by(|a, b| a.expr == b.expr);
        match fitting.as_slice() {
            [rule] => Ok(rule.expr.clone()),
            [] => Err(format!("selects some of the recorded series `{name}` by labels that its rule does not set")),
            several => Err(format!("reads `{name}`, which {} rules record", several.len())),
        }
    }
}

fn all<'a>(document: &Part<'a>) -> Vec<Part<'a>> {
    let mut groups = document.items(&["groups"]);
    groups.extend(document.items(&["spec", "groups"]));
    groups.iter().flat_map(|group| group.items(&["rules"])).collect()
}

fn rule(part: &Part<'_>) -> Option<Rule> {
    let labels = part.at(&["labels"]).and_then(|labels| labels.value.as_object()).into_iter().flatten();
    let labels = labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    Some(Rule { record: part.text(&["record"])?, expr: part.text(&["expr"])?, labels })
}

/// `job:errors:ratio` of `job:errors:ratio_rate5m`: the windows of one indicator have one name.
fn without_window(record: &str) -> String {
    let Some((stem, last)) = record.rsplit_once("_rate").or_else(|| record.rsplit_once(":rate")) else {
        return record.to_owned();
    };
    let window = !last.is_empty() && last.chars().all(|c| c.is_ascii_alphanumeric());
    if window && last.starts_with(|c: char| c.is_ascii_digit()) { stem.to_owned() } else { record.to_owned() }
}

/// The component that the selectors pin by `job`.
fn of_job(value: &Value) -> Option<String> {
    let series = match value {
        Value::Counted(counted) | Value::Quotient(_, counted) | Value::Complement(_, counted) => &counted.series,
        Value::Less(counted, _) | Value::Quantile(_, counted) => &counted.series,
        Value::Level(series, _) => series,
        Value::Number(_) => return None,
    };
    let job = series.matchers.iter().find(|m| m.label == "job" && m.op == scorer::signal::MatchOp::Equal)?;
    component(&job.value)
}
