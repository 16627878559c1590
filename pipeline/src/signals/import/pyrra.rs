//! Pyrra's `ServiceLevelObjective`: selectors of counters, without any PromQL around them.

use super::expression::Nothing;
use super::expression::Reading;
use super::found::{Found, Imported, component};
use super::meaning::signal;
use super::part::Part;
use super::value::{By, Counted, Value};
use super::words::Counts;
use super::{found, target};
use crate::signals::proposal::Proposal;

pub(super) fn import(document: &Part<'_>, imported: &mut Imported) {
    let name = document.text(&["metadata", "name"]).unwrap_or_else(|| "an SLO without a name".to_owned());
    let mut found = found(document, format!("ServiceLevelObjective {name}"), name);
    let became = target(document.number(&["spec", "target"]), 100.0).and_then(|objective| {
        found.objective = Some(objective);
        became(document, &mut found)
    });
    imported.take(&found, became);
}

fn became(document: &Part<'_>, found: &mut Found) -> Result<Proposal, String> {
    let indicator = document.at(&["spec", "indicator"]).ok_or("has no `spec.indicator`")?;
    if indicator.at(&["latencyNative"]).is_some() {
        return Err("is a share within a bound of a native histogram, which keeps the bounds of filled buckets only: write \
                    `kind: distribution` of NAME_bucket, or `kind: query` with `histogram_fraction`, and read it through \
                    a metrics server"
            .into());
    }
    if indicator.at(&["bool_gauge"]).is_some() {
        return Err("is the share of time in which a gauge was one; signals judge its samples: write `kind: gauge`, \
                    `worse: down` with `objective: 1` for one series"
            .into());
    }
    let (kind, part, counts) = if indicator.at(&["latency"]).is_some() {
        ("latency", "success", Counts::Good)
    } else if indicator.at(&["ratio"]).is_some() {
        ("ratio", "errors", Counts::Bad)
    } else {
        return Err("has none of `ratio`, `latency`, `latencyNative` and `bool_gauge`".into());
    };
    let grouping = indicator.items(&[kind, "grouping"]);
    let grouping: Vec<String> = grouping.iter().filter_map(|label| label.value.as_str().map(str::to_owned)).collect();
    let by = if grouping.is_empty() { By::All } else { By::Labels(grouping.into_iter().collect()) };
    let counted = |which: &str| -> Result<Counted, String> {
        let metric = indicator.text(&[kind, which, "metric"]).ok_or(format!("has no `{kind}.{which}.metric`"))?;
        match (Reading { recorded: &Nothing, counters: true }).read(&metric)? {
            Value::Counted(counted) => Ok(Counted { by: by.clone(), ..counted }.settled()),
            _ => Err(format!("has a `{kind}.{which}.metric` that is no selector")),
        }
    };
    let (above, below) = (counted(part)?, counted("total")?);
    let job = below.series.matchers.iter().find(|m| m.label == "job" && m.op == scorer::signal::MatchOp::Equal);
    found.component = job.and_then(|job| component(&job.value));
    signal(found, Value::Quotient(above, below), counts)
}
