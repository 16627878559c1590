//! OpenSLO v1: SLO documents with an indicator of their own or one by reference, and SLI documents.

use super::expression::Reading;
use super::found::{Found, Imported, component};
use super::meaning::{signal, within};
use super::part::Part;
use super::rules::Rules;
use super::value::{By, Counted, Pace, Value};
use super::words::Counts;
use super::{Kind, filled, found, kind, target};
use crate::documents::signals::WorseSpec;
use crate::signals::proposal::Proposal;
use std::collections::{BTreeMap, BTreeSet};

/// Indicators by name, and the names that SLOs refer to.
pub(super) struct Slis<'a> {
    by_name: BTreeMap<String, Part<'a>>,
    referred: BTreeSet<String>,
}

impl<'a> Slis<'a> {
    pub(super) fn of(documents: &[Part<'a>]) -> Self {
        let ours: Vec<&Part<'a>> = documents.iter().filter(|d| kind(d) == Some(Kind::OpenSlo)).collect();
        let named = ours.iter().filter(|d| d.text(&["kind"]).as_deref() == Some("SLI"));
        let by_name = named.filter_map(|d| Some((d.text(&["metadata", "name"])?, d.at(&["spec"])?))).collect();
        let reference = |part: &Part<'_>| part.text(&["indicatorRef"]);
        let of_objectives = |d: &&Part<'a>| d.items(&["spec", "objectives"]).iter().filter_map(reference).collect();
        let mut referred: BTreeSet<String> = ours.iter().flat_map(|d| -> Vec<String> { of_objectives(d) }).collect();
        referred.extend(ours.iter().filter_map(|d| d.text(&["spec", "indicatorRef"])));
        Slis { by_name, referred }
    }
}

pub(super) fn import(document: &Part<'_>, slis: &Slis<'_>, rules: &Rules, imported: &mut Imported) {
    let kind = document.text(&["kind"]).unwrap_or_default();
    let name = document.text(&["metadata", "name"]).unwrap_or_else(|| "without a name".to_owned());
    let whole = found(document, format!("{kind} {name}"), name.clone());
    match kind.as_str() {
        // Those that an SLO refers to come with it.
        "SLI" if slis.referred.contains(&name) => {}
        "SLI" => imported.take(&whole, alone(document, rules, &whole)),
        "SLO" => objectives(document, slis, rules, &whole, imported),
        _ => imported.refuse(&whole, "declares neither an indicator nor an objective"),
    }
}

/// An indicator that nobody promised anything about: its objective is open.
fn alone(document: &Part<'_>, rules: &Rules, found: &Found) -> Result<Proposal, String> {
    let why = "compares with a bound that is in an SLO, and no given file has one that refers to it";
    let ratio = document.at(&["spec", "ratioMetric"]).ok_or(why)?;
    let proposal = of_ratio(&ratio, rules, found)?;
    Ok(Proposal { open_objective: Some("0.99"), ..proposal })
}

fn objectives(document: &Part<'_>, slis: &Slis<'_>, rules: &Rules, whole: &Found, imported: &mut Imported) {
    let objectives = document.items(&["spec", "objectives"]);
    if objectives.is_empty() {
        return imported.refuse(whole, "has no `spec.objectives`");
    }
    let several = objectives.len() > 1;
    for (i, objective) in objectives.iter().enumerate() {
        let mut one = Found { line: objective.line(), ..whole.clone() };
        one.component = document.text(&["spec", "service"]).and_then(|service| component(&service));
        if several {
            let called = objective.text(&["displayName"]).unwrap_or_else(|| (i + 1).to_string());
            one.rule = format!("{}, objective {called}", whole.rule);
            one.name = format!("{}-{called}", whole.name);
        }
        let of = |keys: &[&str], percent: &[&str]| {
            objective.number(keys).map(|t| (t, 1.0)).or_else(|| objective.number(percent).map(|t| (t, 100.0)))
        };
        let (share, of) = of(&["target"], &["targetPercent"]).map_or((None, 1.0), |(t, of)| (Some(t), of));
        let became = target(share, of).and_then(|share| {
            one.objective = Some(share);
            became(document, objective, slis, rules, &one)
        });
        imported.take(&one, became);
    }
}

fn became(
    document: &Part<'_>,
    objective: &Part<'_>,
    slis: &Slis<'_>,
    rules: &Rules,
    found: &Found,
) -> Result<Proposal, String> {
    let named = |part: &Part<'_>, keys: &[&str]| part.text(keys);
    let reference = named(objective, &["indicatorRef"]).or_else(|| named(document, &["spec", "indicatorRef"]));
    let own = objective.at(&["indicator", "spec"]).or_else(|| document.at(&["spec", "indicator", "spec"]));
    let indicator = match (own, reference) {
        (Some(own), _) => own,
        (None, Some(name)) => {
            slis.by_name.get(&name).cloned().ok_or(format!("refers to the SLI `{name}`, which no given file has"))?
        }
        (None, None) => return Err("has neither `indicator` nor `indicatorRef`".into()),
    };
    let mut proposal = if let Some(ratio) = indicator.at(&["ratioMetric"]) {
        of_ratio(&ratio, rules, found)?
    } else if let Some(threshold) = indicator.at(&["thresholdMetric"]) {
        of_threshold(&threshold, objective, rules, found)?
    } else {
        return Err("has neither `ratioMetric` nor `thresholdMetric`".into());
    };
    let method = document.text(&["spec", "budgetingMethod"]).unwrap_or_default();
    if matches!(method.as_str(), "Timeslices" | "RatioTimeslices") && indicator.at(&["ratioMetric"]).is_some() {
        proposal.why.push(format!("Its budget counted good slices of time ({method}); here all events count."));
    }
    Ok(proposal)
}

fn of_ratio(ratio: &Part<'_>, rules: &Rules, found: &Found) -> Result<Proposal, String> {
    let counters = ratio.text(&["counter"]).as_deref() == Some("true");
    let reading = Reading { recorded: rules, counters };
    if let Some(raw) = ratio.at(&["raw"]) {
        let counts = match ratio.text(&["rawType"]).as_deref() {
            Some("failure") => Counts::Bad,
            Some("success") => Counts::Good,
            _ => return Err("has a `raw` ratio without `rawType: success` or `failure`".into()),
        };
        return match reading.read(&query(&raw)?)? {
            value @ (Value::Quotient(..) | Value::Complement(..)) => signal(found, value, counts),
            _ => Err("has a raw ratio that is no quotient of two counters".into()),
        };
    }
    let total = query(&ratio.at(&["total"]).ok_or("has no `ratioMetric.total`")?)?;
    let (part, counts) = match (ratio.at(&["good"]), ratio.at(&["bad"])) {
        (Some(good), _) => (good, Counts::Good),
        (None, Some(bad)) => (bad, Counts::Bad),
        (None, None) => return Err("has neither `good` nor `bad`".into()),
    };
    let quotient = format!("({})\n/\n({total})", query(&part)?);
    match reading.read(&quotient)? {
        value @ Value::Quotient(..) => signal(found, value, counts),
        _ => Err("has queries that are no increments of counters; say `counter: true` of raw counters".into()),
    }
}

fn of_threshold(threshold: &Part<'_>, objective: &Part<'_>, rules: &Rules, found: &Found) -> Result<Proposal, String> {
    let bound = objective.number(&["value"]).ok_or("has a `thresholdMetric` and no `value` to compare it with")?;
    let op = objective.text(&["op"]).unwrap_or_default();
    let worse = match op.as_str() {
        "lt" | "lte" => WorseSpec::Up,
        "gt" | "gte" => WorseSpec::Down,
        _ => return Err(format!("compares with `op: {op}`; known: lt, lte, gt, gte")),
    };
    let value = (Reading { recorded: rules, counters: false }).read(&query(threshold)?)?;
    let share = found.objective.map(|share| share.to_string()).unwrap_or_default();
    let time =
        format!("Its target, {share} of the time, is gone: the objective is broken when ten samples in a row are.");
    let mut proposal = match value {
        Value::Quantile(quantile, counted) if worse == WorseSpec::Up => within(found, quantile, &counted, bound)?,
        Value::Quantile(..) => return Err("wants a quantile to be large, which no signal says".into()),
        Value::Level(_, By::Unknown(_)) => {
            return Err("compares each series by itself; write sum by (...) around it".into());
        }
        Value::Counted(Counted { pace: Pace::Window, .. }) => {
            return Err("compares an increase in a window with a bound; a count is one of each sample".into());
        }
        Value::Level(..) | Value::Counted(_) => {
            let free = Found { objective: None, ..found.clone() };
            let mut proposal = signal(&free, value, Counts::Unsaid)?;
            proposal.spec.worse = Some(worse);
            proposal.spec.objective = Some(bound);
            proposal
        }
        _ => return Err("compares something else than a gauge, a rate or a quantile".into()),
    };
    proposal.why.push(time);
    Ok(proposal)
}

/// The query of a metric source for Prometheus.
fn query(metric: &Part<'_>) -> Result<String, String> {
    let source = metric.at(&["metricSource"]).ok_or("has no `metricSource`")?;
    let kind = source.text(&["type"]).unwrap_or_default();
    if !kind.is_empty() && !kind.eq_ignore_ascii_case("prometheus") {
        return Err(format!("asks {kind}; signals read series of Prometheus"));
    }
    let query = source.text(&["spec", "query"]).ok_or("has no `metricSource.spec.query`")?;
    Ok(filled(&query))
}
