//! Turns a metric so that worse is up, cuts every run to the candidate's offsets, and fixes the margin in own unit.

use crate::descriptive::sorted_median;
use crate::margin::usual;
use crate::metric::{Kind, Metric, Samples};
use crate::order::Order;
use crate::signal::Worse;
use crate::tables::Tables;
use std::borrow::Cow;
use std::ops::{Deref, Range};

/// Bad events and total per sample of one run; equal lengths.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    pub(crate) bad: Vec<f64>,
    pub(crate) total: Vec<f64>,
}

/// What stays of a metric when its samples are gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) either: bool,
    pub(crate) aligned: bool,
    pub(crate) margin: f64,
    pub(crate) rise: f64,
    pub(crate) rise_declared: bool,
    /// Share of the look's samples that the candidate has.
    pub(crate) coverage: f64,
    /// Samples of the candidate that are judged.
    pub(crate) samples: usize,
    /// Number of baseline runs.
    pub(crate) runs: usize,
}

/// A metric cut to a look and turned so that worse is up. The candidate is the last entry of `values`, `at` and
/// `events`; `at` has one entry only where all runs share their offsets.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) facts: Facts,
    values: Vec<Vec<f64>>,
    at: Vec<Vec<f64>>,
    events: Vec<Events>,
    /// Samples of the metric that are used, where all runs share them.
    pub(crate) kept: Vec<usize>,
    /// All samples in rising order.
    pub(crate) order: Order,
}

impl Deref for Series {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

/// Borrowed events of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventsView<'a> {
    pub(crate) bad: &'a [f64],
    pub(crate) total: &'a [f64],
}

/// Who plays what: baseline runs and a candidate, which in a replay is one of the baseline runs.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) series: &'a Series,
    pub(crate) runs: Vec<&'a [f64]>,
    pub(crate) cand: &'a [f64],
    /// Offsets of the runs, then of the candidate.
    pub(crate) at: Vec<&'a [f64]>,
    /// Events of the runs, then of the candidate; empty for gauges and rates.
    pub(crate) events: Vec<EventsView<'a>>,
    /// Runs of the series that play, the candidate's last.
    pub(crate) players: Vec<usize>,
    /// Samples of the candidate's run that play.
    cut: Range<usize>,
}

impl<'a> View<'a> {
    /// Ranks of the samples of one run of the view, the candidate's the last, among all samples of the series.
    pub(crate) fn ranks(&self, slot: usize) -> &'a [u32] {
        let ranks = self.series.order.ranks(self.players[slot]);
        if slot < self.runs.len() { ranks } else { &ranks[self.cut.clone()] }
    }

    /// Whether each run of the series is one of the baseline runs.
    pub(crate) fn baseline(&self) -> Vec<bool> {
        let mut out = vec![false; self.series.runs + 1];
        self.players[..self.runs.len()].iter().for_each(|&run| out[run] = true);
        out
    }

    /// Samples of all runs, the candidate last.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = &'a [f64]> {
        self.runs.iter().copied().chain([self.cand])
    }

    /// Samples of all baseline runs in rising order.
    pub(crate) fn pooled(&self) -> Vec<f64> {
        let Order { values, owners, .. } = &self.series.order;
        let plays = self.baseline();
        values.iter().zip(owners).filter(|(_, owner)| plays[**owner as usize]).map(|(v, _)| *v).collect()
    }

    /// Samples of every run in rising order, the candidate last.
    pub(crate) fn ordered_runs(&self) -> Vec<Cow<'a, [f64]>> {
        let order = &self.series.order;
        let (last, runs) = self.players.split_last().expect("the candidate is always there");
        runs.iter().map(|&run| Cow::Borrowed(order.run(run))).chain([order.part(*last, &self.cut)]).collect()
    }

    /// Whether there are enough samples to say anything at all.
    pub(crate) fn alive(&self) -> bool {
        !self.runs.is_empty() && self.cand.len() >= 3 && self.runs.iter().all(|r| r.len() >= 3)
    }
}

impl Series {
    /// Cuts and turns `metric` at `look` samples.
    pub(crate) fn prepare(metric: &Metric, look: usize, tables: &mut Tables) -> Series {
        let cand = oriented(&metric.candidate, metric.worse, look);
        let with_events = matches!(metric.candidate, Samples::Events { .. });
        let baseline_look = if metric.aligned { look } else { usize::MAX };
        let mut all: Vec<Oriented> = metric
            .baselines
            .iter()
            .map(|run| match (run, &metric.candidate) {
                (Samples::Events { .. }, Samples::Events { .. }) | (Samples::Values(_), Samples::Values(_)) => {
                    oriented(run, metric.worse, baseline_look)
                }
                // A run of another form cannot be compared: it counts as empty, so the metric has no evidence.
                _ => Oriented::default(),
            })
            .collect();
        let coverage = cand.values.iter().filter(|v| v.is_finite()).count() as f64 / look.max(1) as f64;
        all.push(cand);
        let mut keep = kept(&all, metric.aligned);
        let shared = |i: usize| if metric.aligned { 0 } else { i };
        let values: Vec<Vec<f64>> = (0..all.len())
            .map(|i| {
                let (all, keep) = (&mut all[i].values, &keep[shared(i)]);
                if keep.len() == all.len() { std::mem::take(all) } else { pick(all, keep) }
            })
            .collect();
        let events = match with_events {
            true => (0..all.len())
                .map(|i| Events {
                    bad: pick(&all[i].bad, &keep[shared(i)]),
                    total: pick(&all[i].total, &keep[shared(i)]),
                })
                .collect(),
            false => Vec::new(),
        };
        let at = keep.iter().map(|k| k.iter().map(|&i| position(metric.offsets.as_deref(), i)).collect()).collect();
        let mut order = std::mem::take(&mut tables.scratch.order);
        order.sort(&values, &mut tables.scratch.sorter);
        let (margin, rise) = margins(metric, &order);
        order.shift(margin);
        let facts = Facts {
            kind: metric.kind,
            either: metric.worse == Worse::Either,
            aligned: metric.aligned,
            margin,
            rise,
            rise_declared: metric.rise.is_some(),
            coverage,
            samples: values[values.len() - 1].len(),
            runs: metric.baselines.len(),
        };
        let kept = if metric.aligned { keep.swap_remove(0) } else { Vec::new() };
        Series { facts, order, values, at, events, kept }
    }

    /// Gives its memory to the next one.
    pub(crate) fn recycle(self, tables: &mut Tables) {
        tables.scratch.order = self.order;
    }

    /// Number of baseline runs.
    pub(crate) fn run_count(&self) -> usize {
        self.values.len() - 1
    }

    /// The candidate against all baseline runs.
    pub(crate) fn view(&self) -> View<'_> {
        let everyone: Vec<usize> = (0..self.values.len()).collect();
        self.played(&everyone, 0..self.values[self.run_count()].len())
    }

    /// Baseline run `k` plays the candidate against the other runs, over the middle part of the candidate's length.
    pub(crate) fn replay(&self, k: usize) -> View<'_> {
        let mut order: Vec<usize> = (0..self.run_count()).filter(|&i| i != k).collect();
        order.push(k);
        let length = self.values[k].len();
        let n = length.min(self.values[self.run_count()].len());
        let start = (length - n) / 2;
        self.played(&order, start..start + n)
    }

    /// `order`: runs, the last plays the candidate and is cut to `cut`.
    fn played(&self, order: &[usize], cut: Range<usize>) -> View<'_> {
        let (&last, runs) = order.split_last().expect("the candidate is always there");
        let offsets = |i: usize| self.at[if self.aligned { 0 } else { i }].as_slice();
        let tallied = |i: usize| EventsView { bad: &self.events[i].bad, total: &self.events[i].total };
        let mut at: Vec<&[f64]> = runs.iter().map(|&i| offsets(i)).collect();
        at.push(&offsets(last)[cut.clone()]);
        let mut events = Vec::new();
        if !self.events.is_empty() {
            events.extend(runs.iter().map(|&i| tallied(i)));
            let own = tallied(last);
            events.push(EventsView { bad: &own.bad[cut.clone()], total: &own.total[cut.clone()] });
        }
        View {
            series: self,
            players: order.to_vec(),
            cut: cut.clone(),
            runs: runs.iter().map(|&i| self.values[i].as_slice()).collect(),
            cand: &self.values[last][cut],
            at,
            events,
        }
    }
}

#[derive(Default)]
struct Oriented {
    values: Vec<f64>,
    bad: Vec<f64>,
    total: Vec<f64>,
}

fn oriented(samples: &Samples, worse: Worse, look: usize) -> Oriented {
    match samples {
        Samples::Values(values) => {
            let sign = if worse == Worse::Down { -1.0 } else { 1.0 };
            Oriented { values: values.iter().take(look).map(|v| sign * v).collect(), ..Oriented::default() }
        }
        Samples::Events { events, total } => {
            let pairs = events.iter().zip(total).take(look);
            let bad = pairs.map(|(e, t)| if worse == Worse::Down { t - e } else { *e }).collect::<Vec<f64>>();
            let total = total[..bad.len()].to_vec();
            // Nothing counted, or more than a number can hold, is no share: the sample is missing.
            let share = |(b, t): (&f64, &f64)| if *t > 0.0 && t.is_finite() { b / t } else { f64::NAN };
            let values = bad.iter().zip(&total).map(share).collect();
            Oriented { values, bad, total }
        }
    }
}

/// Indices of the samples to use: per run, or once where all runs are aligned (absent in one run, absent in all).
fn kept(all: &[Oriented], aligned: bool) -> Vec<Vec<usize>> {
    if !aligned {
        return all.iter().map(|o| (0..o.values.len()).filter(|&i| o.values[i].is_finite()).collect()).collect();
    }
    let n = all.iter().map(|o| o.values.len()).min().unwrap_or(0);
    if all.iter().all(|o| o.values[..n].iter().all(|v| v.is_finite())) {
        return vec![(0..n).collect()];
    }
    vec![(0..n).filter(|&i| all.iter().all(|o| o.values[i].is_finite())).collect()]
}

fn pick(values: &[f64], keep: &[usize]) -> Vec<f64> {
    keep.iter().map(|&i| values[i]).collect()
}

/// Position of sample `i` on the time axis; a run longer than the declared offsets goes on sample by sample.
fn position(offsets: Option<&[u32]>, i: usize) -> f64 {
    match offsets {
        None | Some([]) => i as f64,
        Some(o) if i < o.len() => f64::from(o[i]),
        Some(o) => f64::from(o[o.len() - 1]) + (i - (o.len() - 1)) as f64,
    }
}

fn margins(metric: &Metric, order: &Order) -> (f64, f64) {
    if !metric.relative
        && let Some(by) = metric.by
    {
        return (by, metric.rise.unwrap_or(by));
    }
    let candidate = metric.baselines.len() as u32;
    let pooled: Vec<f64> =
        order.values.iter().zip(&order.owners).filter(|(_, owner)| **owner != candidate).map(|(v, _)| *v).collect();
    let middle = if pooled.is_empty() { 0.0 } else { sorted_median(&pooled) };
    let unit = if metric.relative { middle.abs() } else { 1.0 };
    let margin = match metric.by {
        Some(by) => by * unit,
        None => usual(&pooled),
    };
    (margin, metric.rise.map_or(margin, |rise| rise * unit))
}
