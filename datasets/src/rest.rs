//! Everything but the samples, as JSON.
//!
//! Floats are written as text. A JSON number cannot hold NaN, and common readers of JSON numbers miss the last bit;
//! the text that Rust writes is read back to the same value.

use scorer::evidence::{CheckResult, Context, Event, Evidence, Exposure, Finding, Phase, RawSeries, Subject};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name and labels of a series; its place in the list is its id in the table.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeriesKey {
    name: String,
    labels: BTreeMap<String, String>,
}

/// Floats of the other members, in their order.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Floats {
    load_per_s: Option<String>,
    /// One per check.
    checks_took_ms: Vec<String>,
    /// One list per exposure, in the order of the quantities' names.
    exposures_achieved: Vec<Vec<String>>,
}

/// The document. Where a float belongs stands a zero; the floats are in `floats`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rest {
    subject: Subject,
    context: Context,
    phases: Vec<Phase>,
    series: Vec<SeriesKey>,
    checks: Vec<CheckResult>,
    findings: Vec<Finding>,
    exposures: Vec<Exposure>,
    events: Vec<Event>,
    floats: Floats,
}

fn take(value: &mut f64) -> String {
    format!("{:?}", std::mem::take(value))
}

fn read(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

/// The document of `evidence`.
pub(crate) fn to_json(evidence: &Evidence) -> Result<Vec<u8>, serde_json::Error> {
    let key = |series: &RawSeries| SeriesKey { name: series.name.clone(), labels: series.labels.clone() };
    let mut rest = Rest {
        subject: evidence.subject.clone(),
        context: evidence.context.clone(),
        phases: evidence.phases.clone(),
        series: evidence.series.iter().map(key).collect(),
        checks: evidence.checks.clone(),
        findings: evidence.findings.clone(),
        exposures: evidence.exposures.clone(),
        events: evidence.events.clone(),
        floats: Floats::default(),
    };
    rest.floats = Floats {
        load_per_s: rest.context.load_per_s.as_mut().map(take),
        checks_took_ms: rest.checks.iter_mut().map(|check| take(&mut check.took_ms)).collect(),
        exposures_achieved: rest
            .exposures
            .iter_mut()
            .map(|exposure| exposure.achieved.values_mut().map(take).collect())
            .collect(),
    };
    let mut bytes = serde_json::to_vec(&rest)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Evidence without samples from its document. The text says what is wrong.
pub(crate) fn from_json(bytes: &[u8]) -> Result<Evidence, String> {
    let mut rest: Rest = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let floats = &rest.floats;
    if floats.checks_took_ms.len() != rest.checks.len() || floats.exposures_achieved.len() != rest.exposures.len() {
        return Err("the floats do not match the checks and exposures".to_owned());
    }
    rest.context.load_per_s = floats.load_per_s.as_deref().map(read).transpose()?;
    for (check, text) in rest.checks.iter_mut().zip(&floats.checks_took_ms) {
        check.took_ms = read(text)?;
    }
    for (exposure, texts) in rest.exposures.iter_mut().zip(&floats.exposures_achieved) {
        if exposure.achieved.len() != texts.len() {
            return Err(format!("the floats do not match the exposure {}", exposure.experiment));
        }
        for (value, text) in exposure.achieved.values_mut().zip(texts) {
            *value = read(text)?;
        }
    }
    let series = |key: SeriesKey| RawSeries { name: key.name, labels: key.labels, ..RawSeries::default() };
    Ok(Evidence {
        subject: rest.subject,
        context: rest.context,
        phases: rest.phases,
        series: rest.series.into_iter().map(series).collect(),
        checks: rest.checks,
        findings: rest.findings,
        exposures: rest.exposures,
        events: rest.events,
    })
}
