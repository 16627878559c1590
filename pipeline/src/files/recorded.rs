//! Runs in long tables as the evidence and the signals that the scorer reads.
//!
//! Sample i of a run is i intervals after its first sample, whatever the clock said: runs of one programme are compared
//! place by place.

use anyhow::bail;
use chrono::DateTime;
use datasets::{LongSeries, read_long};
use scorer::Evidence;
use scorer::evidence::{Context, Phase, PhaseLabel, RawSeries, Subject};
use scorer::grid::MAX_SAMPLES;
use scorer::signal::{Dimension, Form, Labels, MatchOp, Matcher, Selector, Signal, Tier, Worse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Label that tells good events from all events where a table has totals.
const PART: &str = "mettle_part";

/// Which side of a comparison a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is judged.
    Candidate,
    /// What it is judged against.
    Baseline,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Candidate => "candidate",
            Side::Baseline => "baseline",
        }
    }
}

/// One run of a file.
#[derive(Clone, Debug)]
pub struct FileRun {
    /// The file.
    pub path: PathBuf,
    /// Run in the file.
    pub run: i64,
    /// Which side it plays.
    pub side: Side,
    /// Its series.
    pub series: Vec<LongSeries>,
}

/// The runs of a file. Where it has roles, only those of `side` count.
///
/// # Errors
/// The file cannot be read, holds several cases, or no run of this side; a candidate's file holds more than one run.
pub fn runs(path: &Path, side: Side) -> anyhow::Result<Vec<FileRun>> {
    let mut series = read_long(path)?;
    let cases: BTreeSet<&str> = series.iter().map(|s| s.case_id.as_str()).collect();
    if cases.len() > 1 {
        bail!("{} holds {} cases; judge one at a time, or use `mettle backtest`", path.display(), cases.len());
    }
    series.retain(|s| s.role.is_empty() || s.role == side.name());
    let runs = by_run(path, series.into_iter(), side);
    match (runs.len(), side) {
        (0, _) => bail!("{} has no sample of a {}", path.display(), side.name()),
        (more, Side::Candidate) if more > 1 => {
            bail!("{} holds {more} runs; a candidate is one run: name the others with --baseline", path.display())
        }
        _ => Ok(runs),
    }
}

/// Series run by run.
pub(super) fn by_run(path: &Path, series: impl Iterator<Item = LongSeries>, side: Side) -> Vec<FileRun> {
    let mut by_run: BTreeMap<i64, Vec<LongSeries>> = BTreeMap::new();
    for one in series {
        by_run.entry(one.run).or_default().push(one);
    }
    by_run.into_iter().map(|(run, series)| FileRun { path: path.to_owned(), run, side, series }).collect()
}

impl FileRun {
    /// `b1.csv`, or `all.csv run 3`.
    pub fn name(&self) -> String {
        let run = if self.run == 0 { String::new() } else { format!(" run {}", self.run) };
        format!("{}{run}", self.path.display())
    }

    /// `baseline b1.csv`.
    pub fn label(&self) -> String {
        format!("{} {}", self.side.name(), self.name())
    }

    /// First sample of any series.
    pub(super) fn start_ms(&self) -> Option<i64> {
        self.series.iter().filter_map(|s| s.times_ms.first()).min().copied()
    }

    /// The usual distance between two samples; `None` where no series has two.
    pub fn interval_ms(&self) -> Option<i64> {
        let mut steps: Vec<i64> =
            self.series.iter().flat_map(|s| s.times_ms.windows(2).map(|pair| pair[1] - pair[0])).collect();
        steps.sort_unstable();
        steps.get(steps.len() / 2).copied()
    }

    /// Samples from the first to the last.
    pub fn samples(&self, interval_ms: i64) -> usize {
        let end = self.series.iter().filter_map(|s| s.times_ms.last()).max();
        match self.start_ms().zip(end) {
            Some((start, end)) => ((end - start + interval_ms / 2) / interval_ms) as usize + 1,
            None => 0,
        }
    }

    /// What is wrong with the length of the run, if anything.
    pub fn too_long(&self, interval_ms: i64) -> Option<String> {
        let samples = self.samples(interval_ms);
        let mut all: Vec<(i64, &str)> =
            self.series.iter().flat_map(|s| s.times_ms.iter().map(|time| (*time, s.metric.as_str()))).collect();
        all.sort_unstable();
        // The widest hole cuts off what does not belong: the smaller side of it.
        let hole = (1..all.len()).max_by_key(|&i| all[i].0 - all[i - 1].0).filter(|_| samples > MAX_SAMPLES)?;
        let stray = if hole <= all.len() / 2 { &all[..hole] } else { &all[hole..] };
        let (time_ms, metric) = stray[0];
        let (far, at) = (stray.len(), DateTime::from_timestamp_millis(time_ms)?.format("%Y-%m-%dT%H:%M:%SZ"));
        Some(format!(
            "{}: metric {metric}, timestamp = {} ({at}): {far} of {} rows lie far from the others, so that the run \
             would have {samples} samples of {} s; {MAX_SAMPLES} are the most: correct these times, leave the rows out, or \
             declare a longer interval in a policy",
            self.label(),
            time_ms as f64 / 1000.0,
            all.len(),
            interval_ms as f64 / 1000.0,
        ))
    }

    /// The run as evidence of one steady phase of `samples` declared samples.
    pub fn evidence(&self, interval_ms: i64, samples: usize) -> Evidence {
        let start_ms = self.start_ms().unwrap_or_default() - interval_ms;
        let lasted = self.samples(interval_ms).min(samples);
        Evidence {
            subject: Subject {
                tag: self.side.name().to_owned(),
                soak: format!("{}#{}", self.path.display(), self.run),
                attempt: 1,
                ..Subject::default()
            },
            context: Context { interval_ms, ..Context::default() },
            phases: vec![Phase {
                label: PhaseLabel::Steady,
                name: "steady".to_owned(),
                start_ms,
                end_ms: start_ms + lasted as i64 * interval_ms,
                samples: samples as u32,
            }],
            series: self.series.iter().flat_map(|s| raw(s, start_ms)).collect(),
            ..Evidence::default()
        }
    }
}

/// Name and labels of a metric: `requests{job="a"}` is read as Prometheus writes it, everything else is a name.
fn named(metric: &str) -> (String, Labels) {
    match Selector::parse(metric) {
        Ok(selector) if selector.matchers.iter().all(|m| m.op == MatchOp::Equal) => {
            (selector.name, selector.matchers.into_iter().map(|m| (m.label, m.value)).collect())
        }
        _ => (metric.to_owned(), Labels::new()),
    }
}

/// Series as recorded: values as they are; events of a total as two counters that start before the first sample.
fn raw(series: &LongSeries, start_ms: i64) -> Vec<RawSeries> {
    let (name, labels) = named(&series.metric);
    if series.totals.is_empty() {
        return vec![RawSeries { name, labels, times_ms: series.times_ms.clone(), values: series.values.clone() }];
    }
    let part = |part: &str, step: fn(f64, f64) -> f64| {
        let mut labels = labels.clone();
        labels.insert(PART.to_owned(), part.to_owned());
        let (mut times_ms, mut values, mut sum) = (vec![start_ms], vec![0.0], 0.0);
        for ((time, bad), total) in series.times_ms.iter().zip(&series.values).zip(&series.totals) {
            times_ms.push(*time);
            let step = step(*bad, *total);
            sum += if step.is_finite() { step } else { 0.0 };
            values.push(if step.is_finite() { sum } else { f64::NAN });
        }
        RawSeries { name: name.clone(), labels, times_ms, values }
    };
    vec![part("good", |bad, total| total - bad), part("total", |_, total| total)]
}

/// A signal for every metric that no declared one reads: any change is worse. They watch.
pub fn undeclared(declared: &[Signal], baselines: &[FileRun], candidate: Option<&FileRun>) -> Vec<Signal> {
    let read: BTreeSet<&str> = declared.iter().flat_map(names).collect();
    let mut metrics: BTreeMap<&str, &LongSeries> = BTreeMap::new();
    for series in baselines.iter().chain(candidate).flat_map(|r| &r.series) {
        metrics.entry(&series.metric).or_insert(series);
    }
    let moves = |metric: &str| {
        let runs = baselines.iter().flat_map(|run| &run.series);
        runs.filter(|s| s.metric == metric).any(|s| grown(&s.values) > 0.0)
    };
    let of = |(metric, series): (&str, &LongSeries)| {
        let (name, labels) = named(metric);
        (!read.contains(name.as_str())).then(|| Signal {
            name: metric.to_owned(),
            component: labels.get("job").cloned(),
            tier: Tier::Watch,
            dimension: Dimension::Performance,
            worse: Worse::Either,
            form: form(&name, &labels, series, moves(metric)),
            margin: None,
            rise: None,
            objective: None,
            broken_after: 10,
        })
    };
    metrics.into_iter().filter_map(of).collect()
}

fn names(signal: &Signal) -> Vec<&str> {
    match &signal.form {
        Form::Ratio { good, total } => vec![&good.name, &total.name],
        Form::Latency { buckets, .. } | Form::Distribution { buckets, .. } => vec![&buckets.name],
        Form::Gauge { series, .. } | Form::Count { series, .. } => vec![&series.name],
        Form::Rate { series, per, .. } => std::iter::once(series).chain(per).map(|s| s.name.as_str()).collect(),
    }
}

/// By how much a counter rose in all.
fn grown(values: &[f64]) -> f64 {
    values.windows(2).map(|pair| (pair[1] - pair[0]).max(0.0)).sum()
}

/// `moves`: some baseline run has events of a counter. The first ones of another can only be too many.
fn form(name: &str, labels: &Labels, series: &LongSeries, moves: bool) -> Form {
    let equal =
        |(label, value): (&String, &String)| Matcher { label: label.clone(), op: MatchOp::Equal, value: value.clone() };
    let selector = Selector { name: name.to_owned(), matchers: labels.iter().map(equal).collect() };
    let part = |part: &str| {
        let mut own = selector.clone();
        own.matchers.push(Matcher { label: PART.to_owned(), op: MatchOp::Equal, value: part.to_owned() });
        own
    };
    match series.kind.as_str() {
        _ if !series.totals.is_empty() => Form::Ratio { good: part("good"), total: part("total") },
        "counter" if !moves => Form::Count { series: selector, group_by: Vec::new() },
        "counter" => Form::Rate { series: selector, per: None, group_by: Vec::new() },
        _ => Form::Gauge { series: selector, group_by: Vec::new() },
    }
}
