//! Every metric of a run over all its windows, formed as the judge forms them.

use scorer::evidence::{Evidence, PhaseLabel};
use scorer::form::{FormedMetric, form};
use scorer::grid::Grid;
use scorer::metric::{Kind, Samples};
use scorer::quantity::Unit;
use scorer::recording::Recording;
use scorer::signal::{Signal, Worse};
use std::collections::BTreeMap;

/// Names a window of a programme in every run: label, name, and which of that name.
pub(super) type WindowKey = (PhaseLabel, String, usize);

/// A window on the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) start_ms: i64,
    end_ms: i64,
    /// Samples of the window.
    pub(super) samples: usize,
}

/// One metric of one run.
pub(super) struct Trace {
    /// Position of its signal.
    pub(super) signal: usize,
    pub(super) kind: Kind,
    pub(super) worse: Worse,
    pub(super) unit: Unit,
    pub(super) bound_s: Option<f64>,
    /// What the judge reads.
    pub(super) judged: Samples,
    name: String,
    /// Values of every window, also of those that are not judged.
    pub(super) windows: BTreeMap<WindowKey, Vec<f64>>,
}

impl Trace {
    /// The metric as it was formed.
    pub(super) fn formed(&self) -> FormedMetric {
        FormedMetric {
            name: self.name.clone(),
            kind: self.kind,
            worse: self.worse,
            samples: self.judged.clone(),
            unit: self.unit,
            bound_s: self.bound_s,
            histograms: None,
            group: BTreeMap::new(),
        }
    }
}

/// Windows of a run in order of time; excluded ones are not drawn.
pub(super) fn windows(evidence: &Evidence) -> Vec<(WindowKey, Window)> {
    let grid = Grid::of(evidence);
    let mut judged = grid.phases().iter();
    let mut seen: BTreeMap<(PhaseLabel, &str), usize> = BTreeMap::new();
    let mut found = Vec::new();
    for phase in evidence.phases.iter().filter(|p| p.label != PhaseLabel::Excluded) {
        let nth = seen.entry((phase.label, &phase.name)).or_default();
        let key = (phase.label, phase.name.clone(), *nth);
        *nth += 1;
        let samples = match phase.label.counts() {
            // Samples that were declared but are not over have no place on the clock yet.
            true => judged.next().map_or(0, |p| p.elapsed),
            false => Grid::window(phase.start_ms, phase.end_ms, evidence.context.interval_ms).len(),
        };
        found.push((key, Window { start_ms: phase.start_ms, end_ms: phase.end_ms, samples }));
    }
    found
}

/// Every metric of a run, by name.
pub(super) fn trace(signals: &[Signal], evidence: &Evidence) -> BTreeMap<String, Trace> {
    let recording = Recording::of(evidence);
    let mut traces: BTreeMap<String, Trace> = BTreeMap::new();
    for (at, signal) in signals.iter().enumerate() {
        for metric in form(signal, &recording) {
            traces.insert(metric.name.clone(), of(at, &metric, evidence));
        }
    }
    for (key, window) in windows(evidence).into_iter().filter(|(key, _)| !key.0.counts()) {
        let grid = Grid::window(window.start_ms, window.end_ms, evidence.context.interval_ms);
        let here = Recording::on(evidence, grid);
        for metric in signals.iter().flat_map(|signal| form(signal, &here)) {
            if let Some(trace) = traces.get_mut(&metric.name) {
                let values = (0..window.samples).map(|i| metric.value(i)).collect();
                trace.windows.insert(key.clone(), values);
            }
        }
    }
    traces
}

fn of(signal: usize, metric: &FormedMetric, evidence: &Evidence) -> Trace {
    let mut first = 0;
    let mut inside = BTreeMap::new();
    let grid = Grid::of(evidence);
    let mut judged = grid.phases().iter();
    for (key, window) in windows(evidence).into_iter().filter(|(key, _)| key.0.counts()) {
        inside.insert(key, (first..first + window.samples).map(|i| metric.value(i)).collect());
        first += judged.next().map_or(0, |p| p.samples);
    }
    Trace {
        signal,
        kind: metric.kind,
        worse: metric.worse,
        unit: metric.unit,
        bound_s: metric.bound_s,
        judged: metric.samples.clone(),
        name: metric.name.clone(),
        windows: inside,
    }
}
