//! What the page of a soak draws, from its evidence. Pure but for [`put`].
//!
//! Invariant: series are formed by the scorer's own code on the scorer's own grid, so that the page draws what was
//! judged; windows without judged samples (warm-up, faults, recovery) are formed the same way on a grid of their own.

mod thin;
mod trace;

use super::judge::Bench;
use crate::note;
use crate::report::Report;
use crate::soak::record::BaselineRun;
use chrono::DateTime;
use gate_api::GateStore;
use gate_api::facts::page::{CHARTS_MAX, NOTE_BYTES_MAX, WINDOWS_MAX};
use gate_api::facts::{PageChart, PageData, PageFault, PagePhase, PageRun};
use scorer::comparable::differences;
use scorer::evidence::{Ended, Exposure, PhaseLabel};
use scorer::metric::Kind;
use scorer::objectives::level;
use scorer::resilience_input::{Recovery, bands, recoveries};
use scorer::signal::{Tier, Worse};
use scorer::verdict::MetricReport;
use scorer::{Evidence, Signal};
use std::collections::{BTreeMap, BTreeSet};
use thin::{Point, rounded, thin};
use trace::{Trace, trace};

/// What a page is made of.
pub struct Material<'a> {
    /// Evidence of the soak.
    pub candidate: &'a Evidence,
    /// Evidence of the frozen baseline, in the order of `plan`.
    pub baseline: &'a [Evidence],
    /// The frozen baseline.
    pub plan: &'a [BaselineRun],
    /// Declared signals.
    pub signals: &'a [Signal],
    /// The report, with the judgement.
    pub report: &'a Report,
}

/// Writes the page of a soak beside its verdict. A page that cannot be written is logged: the verdict stands without.
pub async fn put(
    gate: &std::sync::Arc<gate_api::SqliteStore>,
    bench: Bench,
    judged: (Evidence, Vec<BaselineRun>, Report),
) {
    let gate = gate.clone();
    let soak = judged.2.soak.clone();
    let written = tokio::task::spawn_blocking(move || {
        let (candidate, plan, report) = &judged;
        let (baseline, signals) = (bench.baseline(), bench.signals());
        gate.put_page(&page(&Material { candidate, baseline, plan, signals, report }))
    });
    match written.await {
        Ok(Ok(())) => (),
        Ok(Err(error)) => tracing::warn!("the page of soak {soak} is not written: {error}"),
        Err(error) => tracing::warn!("the page of soak {soak} is not drawn: {error}"),
    }
}

/// The page of a soak.
pub fn page(m: &Material<'_>) -> PageData {
    let runs = compared(m);
    let drawn: Vec<&scorer::evidence::Phase> =
        m.candidate.phases.iter().filter(|p| p.label != PhaseLabel::Excluded).take(WINDOWS_MAX).collect();
    let origin_ms = drawn.first().map_or(0, |p| p.start_ms);
    let end_ms = drawn.iter().map(|p| p.end_ms).max().unwrap_or(origin_ms);
    let axis = Axis { origin_ms };
    let own = trace(m.signals, m.candidate);
    let others: Vec<BTreeMap<String, Trace>> = runs.iter().map(|(_, run)| trace(m.signals, run)).collect();
    let mut charts = charts(m, axis, &own, &others);
    let charts_left_out = charts.len().saturating_sub(CHARTS_MAX);
    charts.truncate(CHARTS_MAX);
    let phases = drawn.iter().map(|p| PagePhase {
        label: p.label,
        name: p.name.clone(),
        from_s: axis.seconds(p.start_ms),
        to_s: axis.seconds(p.end_ms),
    });
    PageData {
        soak: m.report.soak.clone(),
        product: m.report.product.clone(),
        landscape: m.report.landscape.clone(),
        tag: m.report.tag.clone(),
        started_at: DateTime::from_timestamp_millis(origin_ms).unwrap_or_default(),
        length_s: axis.seconds(end_ms),
        phases: phases.collect(),
        faults: faults(m, axis, &own, &others),
        charts,
        charts_left_out,
        baseline: runs.iter().map(|(run, _)| (*run).clone()).map(page_run).collect(),
        note: note::render(m.report, "release.md", note::TEMPLATE).ok().map(bounded),
    }
}

/// The time axis of a page.
#[derive(Clone, Copy)]
struct Axis {
    origin_ms: i64,
}

impl Axis {
    fn seconds(self, at_ms: i64) -> f64 {
        (at_ms - self.origin_ms) as f64 / 1000.0
    }
}

/// Runs of the plan that the scorer compares: comparable ones, once each, none of the tag itself.
fn compared<'a>(m: &Material<'a>) -> Vec<(&'a BaselineRun, &'a Evidence)> {
    let mut seen = BTreeSet::new();
    let subject = &m.candidate.subject;
    let other = |run: &Evidence| run.subject.tag != subject.tag || run.subject.commit != subject.commit;
    m.plan
        .iter()
        .zip(m.baseline)
        .filter(|(_, run)| other(run) && seen.insert((run.subject.soak.clone(), run.subject.attempt)))
        .filter(|(_, run)| differences(&m.candidate.context, &run.context).is_empty())
        .collect()
}

fn page_run(run: BaselineRun) -> PageRun {
    PageRun { tag: run.tag, soak: run.soak, evidence: run.evidence }
}

fn charts(
    m: &Material<'_>,
    axis: Axis,
    own: &BTreeMap<String, Trace>,
    others: &[BTreeMap<String, Trace>],
) -> Vec<PageChart> {
    let judgement = m.report.judgement.as_ref();
    let judged: BTreeMap<&str, (usize, &MetricReport)> =
        judgement.iter().flat_map(|j| j.metrics.iter().enumerate()).map(|(i, r)| (r.name.as_str(), (i, r))).collect();
    let look = judgement.map_or(usize::MAX, |j| j.look);
    let names: BTreeSet<&String> = own.keys().chain(others.iter().flat_map(|run| run.keys())).collect();
    let mut found: Vec<(bool, usize, PageChart)> = Vec::new();
    for name in names {
        let known: Vec<&Trace> = others.iter().filter_map(|run| run.get(name)).collect();
        let Some(any) = own.get(name).or(known.first().copied()) else { continue };
        if !decides(&m.signals[any.signal]) {
            continue;
        }
        let report = judged.get(name.as_str()).copied();
        let before: Vec<f64> = known.iter().map(|t| level(&t.judged, look)).filter(|v| v.is_finite()).collect();
        let points = thin(points(axis, m.candidate, own.get(name), &known));
        let chart = PageChart {
            metric: name.clone(),
            unit: any.unit.name().to_owned(),
            worse: any.worse,
            bound_s: any.bound_s,
            at_s: points.iter().map(|p| rounded(p.at_s)).collect(),
            values: points.iter().map(|p| p.value.map(rounded)).collect(),
            low: points.iter().map(|p| p.low.map(rounded)).collect(),
            high: points.iter().map(|p| p.high.map(rounded)).collect(),
            // The margin of a distribution is not in the unit of its medians.
            allowed: report
                .filter(|_| any.kind != Kind::Distribution)
                .and_then(|(_, r)| allowed(any.worse, &before, r.margin))
                .map(rounded),
            objective: m.signals[any.signal].objective.map(|o| as_drawn(any.kind, o)),
        };
        let worse = report.is_some_and(|(_, r)| r.worse);
        found.push((!worse, report.map_or(usize::MAX, |(i, _)| i), chart));
    }
    found.sort_by(|a, b| (a.0, a.1, &a.2.metric).cmp(&(b.0, b.1, &b.2.metric)));
    found.into_iter().map(|(_, _, chart)| chart).collect()
}

/// As the judge has it: a gate signal decides by its margin, or of a first tag by its objective.
fn decides(signal: &Signal) -> bool {
    signal.tier == Tier::Gate && (signal.margin.is_some() || signal.objective.is_some())
}

/// Shares are declared as the good part and formed as the bad one.
fn as_drawn(kind: Kind, objective: f64) -> f64 {
    match kind {
        Kind::Share | Kind::LatencyShare => rounded(1.0 - objective),
        Kind::Gauge | Kind::Rate | Kind::Distribution | Kind::Count => objective,
    }
}

/// Mean level of the baseline runs, and the margin on the worse side of it.
fn allowed(worse: Worse, before: &[f64], margin: f64) -> Option<f64> {
    let middle = before.iter().sum::<f64>() / before.len() as f64;
    let limit = match worse {
        Worse::Up => middle + margin,
        Worse::Down => middle - margin,
        Worse::Either => return None,
    };
    limit.is_finite().then_some(limit)
}

/// The candidate over time with the span of the baseline runs at the same place of the programme. A hole in time is a
/// point without a value.
fn points(axis: Axis, candidate: &Evidence, own: Option<&Trace>, known: &[&Trace]) -> Vec<Point> {
    let interval_s = candidate.context.interval_ms as f64 / 1000.0;
    let mut points: Vec<Point> = Vec::new();
    for (key, window) in trace::windows(candidate) {
        let start_s = axis.seconds(window.start_ms);
        if points.last().is_some_and(|last| start_s - last.at_s > 2.0 * interval_s) {
            points.push(Point { at_s: start_s, value: None, low: None, high: None });
        }
        let mine = own.and_then(|t| t.windows.get(&key)).map_or(&[][..], Vec::as_slice);
        let theirs: Vec<&[f64]> = known.iter().filter_map(|t| t.windows.get(&key)).map(Vec::as_slice).collect();
        for i in 0..window.samples {
            let there = theirs.iter().filter_map(|run| run.get(i)).copied().filter(|v| v.is_finite());
            points.push(Point {
                at_s: start_s + (i as f64 + 0.5) * interval_s,
                value: mine.get(i).copied().filter(|v| v.is_finite()),
                low: there.clone().reduce(f64::min),
                high: there.reduce(f64::max),
            });
        }
    }
    points
}

fn faults(
    m: &Material<'_>,
    axis: Axis,
    own: &BTreeMap<String, Trace>,
    others: &[BTreeMap<String, Trace>],
) -> Vec<PageFault> {
    let normal: Vec<_> = match others {
        [] => own.values().map(Trace::formed).collect(),
        runs => runs.iter().flat_map(|run| run.values()).map(Trace::formed).collect(),
    };
    let back = recoveries(m.candidate, m.signals, &bands(&normal));
    let mut exposures: Vec<&Exposure> = m.candidate.exposures.iter().collect();
    exposures.sort_by_key(|e| e.start_ms);
    let fault = |e: &Exposure| {
        let same = |r: &&Recovery| r.experiment == e.experiment && r.repetition == e.repetition;
        fault(e, axis, back.iter().find(same))
    };
    exposures.into_iter().take(WINDOWS_MAX).map(fault).collect()
}

fn fault(e: &Exposure, axis: Axis, recovery: Option<&Recovery>) -> PageFault {
    let ended = match e.ended {
        Ended::Completed => "held as planned, undone",
        Ended::GuardTripped => "a guard tripped, undone early",
        Ended::Aborted => "ended with the soak",
        Ended::NotRun => "not injected",
    };
    PageFault {
        experiment: e.experiment.clone(),
        kind: e.kind.clone(),
        target: e.target.clone(),
        repetition: e.repetition,
        from_s: axis.seconds(e.start_ms).max(0.0),
        to_s: axis.seconds(e.end_ms).max(0.0),
        requested: e.requested.clone(),
        achieved: e.achieved.iter().filter(|(_, v)| v.is_finite()).map(|(k, v)| (k.clone(), rounded(*v))).collect(),
        verified: e.verified,
        ended: ended.to_owned(),
        recovered_after_s: recovery.and_then(|r| r.after_ms).map(|ms| ms as f64 / 1000.0),
        watched_s: (e.observed_until_ms - e.end_ms).max(0) as f64 / 1000.0,
        recover_within_s: e.recover_within_ms.map(|ms| ms as f64 / 1000.0),
        detail: e.detail.clone(),
    }
}

fn bounded(mut note: String) -> String {
    if note.len() > NOTE_BYTES_MAX {
        let mut at = NOTE_BYTES_MAX;
        while !note.is_char_boundary(at) {
            at -= 1;
        }
        note.truncate(at);
    }
    note
}

#[cfg(test)]
mod tests;
