//! A labelled case as the judges read it: its samples are formed and placed as `mettle judge` does with the same rows.

use super::recorded::{FileRun, Side, by_run, undeclared};
use datasets::LabelledCase;
use scorer::Policy;
use scorer::assess::{PROVISIONAL_BELOW, formed};
use scorer::compat::MetricRuns;
use scorer::form::FormedMetric;
use scorer::metric::Metric;
use scorer::signal::{Signal, Worse};
use std::collections::BTreeMap;
use std::path::Path;

/// Samples below which a run says nothing.
pub(super) const FEWEST: usize = 3;

/// One metric of a case.
#[derive(Clone, Debug)]
pub struct CaseMetric {
    /// Name.
    pub name: String,
    /// Baseline runs that have enough of its samples.
    pub baselines: Vec<FormedMetric>,
    /// Candidate; `None`: it has not one sample.
    pub candidate: Option<FormedMetric>,
}

/// A case as the judges read it.
#[derive(Clone, Debug)]
pub struct FormedCase {
    /// Every metric that either side has, by name.
    pub metrics: Vec<CaseMetric>,
    /// Samples from the candidate's first to its last.
    pub samples: usize,
    /// Whether sample i of every run is at the same phase.
    pub aligned: bool,
    /// What keeps the case from a pass whatever its numbers say: metrics that vanished, that lack samples, or that too
    /// few baseline runs have; too few baseline runs.
    pub missing: Vec<String>,
}

/// Runs of a case and the time between two samples, `None` where no run has two.
struct Sides {
    candidate: Option<FileRun>,
    baselines: Vec<FileRun>,
    interval_ms: Option<i64>,
}

impl Sides {
    fn of(case: &LabelledCase) -> Sides {
        let path = Path::new(&case.case_id);
        let side = |side: Side| {
            let own = case.series.iter().filter(|s| (s.role == "candidate") == (side == Side::Candidate));
            by_run(path, own.cloned(), side)
        };
        let (baselines, candidate) = (side(Side::Baseline), side(Side::Candidate).into_iter().next());
        let interval_ms = candidate.iter().chain(&baselines).find_map(FileRun::interval_ms);
        Sides { candidate, baselines, interval_ms }
    }
}

/// What keeps the runs of a case from being laid on one time axis.
pub fn problems(case: &LabelledCase) -> Vec<String> {
    let Sides { candidate, baselines, interval_ms } = Sides::of(case);
    let everyone = candidate.iter().chain(&baselines);
    interval_ms.map_or_else(Vec::new, |interval_ms| everyone.filter_map(|run| run.too_long(interval_ms)).collect())
}

impl FormedCase {
    /// Places every sample of a case by its time.
    pub fn of(case: &LabelledCase) -> FormedCase {
        let Sides { candidate, baselines, interval_ms } = Sides::of(case);
        let mut formed_case =
            FormedCase { metrics: Vec::new(), samples: 0, aligned: case.aligned, missing: Vec::new() };
        let Some(interval_ms) = interval_ms else {
            formed_case.missing.push("no run has two samples".to_owned());
            return formed_case;
        };
        let samples = candidate.as_ref().map_or(0, |run| run.samples(interval_ms));
        let signals = undeclared(&[], &baselines, candidate.as_ref());
        // Runs that are compared place by place are cut to the candidate; others count whole.
        let place = |run: &FileRun| {
            let whole = if case.aligned { samples } else { run.samples(interval_ms) };
            by_name(&signals, run, interval_ms, whole)
        };
        let mut here = candidate.as_ref().map(place).unwrap_or_default();
        let mut there: Vec<_> = baselines.iter().map(place).collect();
        let runs = there.len();
        formed_case.samples = samples;
        if runs < PROVISIONAL_BELOW {
            formed_case.missing.push(format!("baseline: {runs} of {PROVISIONAL_BELOW} runs"));
        }
        for signal in &signals {
            // A metric that is new only watches.
            let known = there.iter().any(|run| run.contains_key(&signal.name));
            let metric = CaseMetric {
                name: signal.name.clone(),
                baselines: there.iter_mut().filter_map(|run| run.remove(&signal.name)).filter(enough).collect(),
                candidate: here.remove(&signal.name).filter(|m| m.present(samples) > 0),
            };
            formed_case.missing.extend(metric.missing(samples, runs).filter(|_| known));
            formed_case.metrics.push(metric);
        }
        formed_case
    }

    /// The metrics that both sides have, for the scorer: any change is worse, margins are the method's defaults.
    pub fn scored(&self) -> Vec<Metric> {
        let one = |m: &CaseMetric| {
            let candidate = m.candidate.as_ref().filter(|_| !m.baselines.is_empty())?;
            Some(Metric {
                name: m.name.clone(),
                kind: candidate.kind,
                worse: Worse::Either,
                baselines: m.baselines.iter().map(|run| run.samples.clone()).collect(),
                candidate: candidate.samples.clone(),
                by: None,
                rise: None,
                relative: false,
                aligned: self.aligned,
                offsets: None,
            })
        };
        self.metrics.iter().filter_map(one).collect()
    }

    /// The metrics of the baseline for the compatibility judges: any change is worse. What a metric without samples is
    /// worth is theirs to say.
    pub fn runs(&self) -> Vec<MetricRuns> {
        let one = |m: &CaseMetric| MetricRuns {
            name: m.name.clone(),
            worse: Worse::Either,
            baselines: m.baselines.iter().map(present).collect(),
            candidate: m.candidate.as_ref().map(present).unwrap_or_default(),
        };
        self.metrics.iter().filter(|m| !m.baselines.is_empty()).map(one).collect()
    }
}

impl CaseMetric {
    /// What `mettle judge` misses of a gate metric, short.
    fn missing(&self, samples: usize, runs: usize) -> Option<String> {
        let (name, usable) = (&self.name, self.baselines.len());
        let seen = self.candidate.as_ref().map_or(0, |m| m.present(samples));
        if seen == 0 {
            Some(format!("{name}: vanished"))
        } else if (seen as f64) < coverage() * samples as f64 {
            Some(format!("{name}: {seen} of {samples} samples"))
        } else if usable == 0 || usable < runs.min(PROVISIONAL_BELOW) {
            Some(format!("{name}: enough samples in {usable} of {runs} baseline runs only"))
        } else {
            None
        }
    }
}

/// Share of the samples that a metric needs.
fn coverage() -> f64 {
    Policy::new(0, 0).coverage
}

fn enough(metric: &FormedMetric) -> bool {
    let present = metric.present(metric.len());
    present >= FEWEST && present as f64 >= coverage() * metric.len() as f64
}

fn by_name(signals: &[Signal], run: &FileRun, interval_ms: i64, samples: usize) -> BTreeMap<String, FormedMetric> {
    let evidence = run.evidence(interval_ms, samples);
    formed(signals, &evidence).into_iter().map(|(signal, metric)| (signal.name.clone(), metric)).collect()
}

/// Values that are there.
fn present(metric: &FormedMetric) -> Vec<f64> {
    (0..metric.len()).map(|i| metric.value(i)).filter(|v| v.is_finite()).collect()
}
