//! A labelled case as the judges read it.

use datasets::{LabelledCase, LongSeries};
use scorer::compat::MetricRuns;
use scorer::metric::{Kind, Metric, Samples};
use scorer::signal::Worse;
use std::collections::BTreeMap;

/// Finite samples below which a run says nothing.
const FEWEST: usize = 3;

/// Samples of one metric of a case, by position; a sample that is absent is NaN.
pub struct CaseMetric {
    /// Name.
    pub name: String,
    /// Kind, as the table calls it.
    pub kind: String,
    /// Baseline runs.
    pub baselines: Vec<Vec<f64>>,
    /// Candidate.
    pub candidate: Vec<f64>,
}

/// Metrics of a case that both sides have, by name. Runs with fewer than three samples are left out.
pub fn metrics(case: &LabelledCase) -> Vec<CaseMetric> {
    let mut by_name: BTreeMap<&str, (Vec<&LongSeries>, Vec<&LongSeries>)> = BTreeMap::new();
    for series in &case.series {
        let sides = by_name.entry(&series.metric).or_default();
        if series.role == "candidate" { sides.1.push(series) } else { sides.0.push(series) }
    }
    let usable = |s: &&LongSeries| s.values.iter().filter(|v| v.is_finite()).count() >= FEWEST;
    let mut out = Vec::new();
    for (name, (mut baselines, candidates)) in by_name {
        baselines.retain(usable);
        baselines.sort_by_key(|s| s.run);
        let Some(candidate) = candidates.first().copied().filter(usable) else { continue };
        if !baselines.is_empty() {
            out.push(CaseMetric {
                name: name.to_owned(),
                kind: candidate.kind.clone(),
                baselines: baselines.iter().map(|s| s.values.clone()).collect(),
                candidate: candidate.values.clone(),
            });
        }
    }
    out
}

/// The metrics of a case for the scorer: any change is worse, margins are the method's defaults.
pub fn scored(metrics: &[CaseMetric], aligned: bool) -> Vec<Metric> {
    let even = |m: &CaseMetric| m.baselines.iter().all(|b| b.len() == m.candidate.len());
    let aligned = aligned && metrics.iter().all(even);
    let one = |m: &CaseMetric| Metric {
        name: m.name.clone(),
        kind: if m.kind == "rate" { Kind::Rate } else { Kind::Gauge },
        worse: Worse::Either,
        baselines: m.baselines.iter().cloned().map(Samples::Values).collect(),
        candidate: Samples::Values(m.candidate.clone()),
        by: None,
        rise: None,
        relative: false,
        aligned,
        offsets: None,
    };
    metrics.iter().map(one).collect()
}

/// The metrics of a case for the compatibility judges: any change is worse.
pub fn runs(metrics: &[CaseMetric]) -> Vec<MetricRuns> {
    let one = |m: &CaseMetric| MetricRuns {
        name: m.name.clone(),
        worse: Worse::Either,
        baselines: m.baselines.clone(),
        candidate: m.candidate.clone(),
    };
    metrics.iter().map(one).collect()
}
