//! Service levels of Sloth: `version: prometheus/v1`, and `PrometheusServiceLevel` of Kubernetes, whose keys are the same
//! in camel case.

use super::expression::Reading;
use super::found::{Found, Imported, component};
use super::meaning::signal;
use super::part::Part;
use super::rules::Rules;
use super::value::Value;
use super::words::Counts;
use super::{filled, found, target};
use crate::signals::proposal::Proposal;

pub(super) fn import(document: &Part<'_>, rules: &Rules, imported: &mut Imported) {
    // The one of Kubernetes keeps all of it under `spec`.
    let spec = document.at(&["spec"]).unwrap_or_else(|| document.clone());
    let service = spec.text(&["service"]).unwrap_or_default();
    for slo in spec.items(&["slos"]) {
        let name = slo.text(&["name"]).unwrap_or_else(|| "an SLO without a name".to_owned());
        let mut found = found(&slo, format!("SLO {name}"), format!("{service}-{name}"));
        found.component = component(&service);
        let became = target(slo.number(&["objective"]), 100.0).and_then(|objective| {
            found.objective = Some(objective);
            became(&slo, &found, rules)
        });
        imported.take(&found, became);
    }
}

fn became(slo: &Part<'_>, found: &Found, rules: &Rules) -> Result<Proposal, String> {
    let either = |kind: &str, keys: [&str; 2]| keys.iter().find_map(|key| slo.text(&["sli", kind, key]));
    let reading = Reading { recorded: rules, counters: false };
    if slo.at(&["sli", "plugin"]).is_some() {
        return Err(
            "takes its indicator from a plugin, which is a program; import the rules that Sloth generates".into()
        );
    }
    if let Some(query) = either("raw", ["error_ratio_query", "errorRatioQuery"]) {
        return signal(found, reading.read(&filled(&query))?, Counts::Bad);
    }
    let errors = either("events", ["error_query", "errorQuery"]).ok_or("has no `sli.events.error_query`")?;
    let total = either("events", ["total_query", "totalQuery"]).ok_or("has no `sli.events.total_query`")?;
    // The one by the other is what Sloth generates, so that both can be read as one.
    let quotient = format!("({})\n/\n({})", filled(&errors), filled(&total));
    match reading.read(&quotient)? {
        value @ (Value::Quotient(..) | Value::Complement(..)) => signal(found, value, Counts::Bad),
        _ => Err("has queries that are no increments of counters".into()),
    }
}
