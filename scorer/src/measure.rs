//! One metric at a time: its moments as judged and in every replay. Nothing of its samples is kept.

use crate::channels::FEWEST_RUNS;
use crate::contrast::{Contrast, PassSide, Spreads, assemble, contrast, paired};
use crate::counts::{CountEvidence, FEW, count_evidence, few_events, share_excess};
use crate::descriptive::{mean, sorted_median};
use crate::features::{Feature, Reference};
use crate::gram::Gram;
use crate::kernels::map;
use crate::metric::Metric;
use crate::peak::peak_p;
use crate::prepare::{Facts, Series, View};
use crate::tables::Tables;
use crate::tail::tail;
use std::borrow::Cow;

/// Fewer effective baseline samples: the run is one observation.
const MIN_EFFECTIVE: f64 = 8.0;
/// A gauge that leaves its mode less often than this share is nearly flat.
const FLAT_SHARE: f64 = 0.1;

/// How a metric is treated; a replay takes the candidate's treatment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Treatment {
    /// Sparse events: counts instead of moments.
    pub(crate) counts: bool,
    /// A gauge that almost never leaves its mode inside a run.
    pub(crate) flat: bool,
    /// Too few effective baseline samples.
    pub(crate) short: bool,
}

/// Moments of one metric before the between-run step.
pub(crate) struct Moments {
    pub(crate) alive: bool,
    pub(crate) treatment: Treatment,
    /// Samples of the candidate.
    pub(crate) samples: usize,
    pub(crate) scale: f64,
    pub(crate) location_margin: f64,
    pub(crate) peak: f64,
    pub(crate) contrasts: [Contrast; 5],
    pub(crate) share_excess: f64,
    /// Where counts speak instead of moments.
    pub(crate) counts: Option<CountEvidence>,
}

impl Moments {
    /// Baseline runs.
    pub(crate) fn runs(&self) -> usize {
        self.contrasts[0].runs.len()
    }

    pub(crate) fn one_observation(&self) -> bool {
        self.alive && !self.treatment.counts && (self.treatment.short || self.treatment.flat)
    }
}

/// A metric as judged and in every replay.
pub(crate) struct Measured {
    pub(crate) facts: Facts,
    pub(crate) judged: Moments,
    /// One for every replayed run; `None` where the metric lacks that run.
    pub(crate) replays: Vec<Option<Moments>>,
}

/// Measures `metric` at `look` samples, and with every run of `replayed` as the candidate.
pub(crate) fn measure(metric: &Metric, look: usize, replayed: &[usize], tables: &mut Tables) -> Measured {
    let series = Series::prepare(metric, look, tables);
    let view = series.view();
    let (judged, linear) = judged(&view, tables);
    let mut replays = Vec::with_capacity(replayed.len());
    for &run in replayed {
        let able = series.runs >= FEWEST_RUNS && run < series.runs;
        replays.push(able.then(|| {
            let (view, treatment) = (series.replay(run), judged.treatment);
            Play { view: &view, treatment, linear: linear.as_ref(), pass: PassSide::Left }.moments(tables)
        }));
    }
    let facts = series.facts;
    series.recycle(tables);
    Measured { facts, judged, replays }
}

/// Moments as judged, and what replays share with them.
pub(crate) fn judged(view: &View<'_>, tables: &mut Tables) -> (Moments, Option<Linear>) {
    let alive = alive(view);
    let mut treatment = Treatment { counts: alive && few_events(view), flat: alive && nearly_flat(view), short: true };
    let linear = (alive && !treatment.counts && paired(view)).then(|| Linear::of(view, tables));
    let mut moments = Play { view, treatment, linear: linear.as_ref(), pass: PassSide::Asked }.moments(tables);
    treatment.short = moments.contrasts[0].n_eff < MIN_EFFECTIVE;
    moments.treatment = treatment;
    (moments, linear)
}

/// What all plays of a metric share: products of its samples, and of their distances from the run's own median.
pub(crate) struct Linear {
    values: Gram,
    distances: Option<Gram>,
}

impl Linear {
    fn of(view: &View<'_>, tables: &mut Tables) -> Linear {
        let (samples, at) = (view.cand.len(), view.at[0]);
        let mut rows = std::mem::take(&mut tables.scratch.rows);
        rows.shape(view.everyone().map(<[f64]>::len));
        for (i, raw) in view.everyone().enumerate() {
            rows.row_mut(i).copy_from_slice(raw);
        }
        let values = Gram::new(&rows, at, tables);
        let distances = (samples >= Feature::Dispersion.needs()).then(|| {
            for (i, (raw, sorted)) in view.everyone().zip(view.ordered_runs()).enumerate() {
                let own = sorted_median(&sorted);
                map(raw, rows.row_mut(i), move |v| (v - own).abs());
            }
            Gram::new(&rows, at, tables)
        });
        tables.scratch.rows = rows;
        Linear { values, distances }
    }
}

/// A metric in one play: as judged, or with one of its baseline runs as the candidate.
struct Play<'a> {
    view: &'a View<'a>,
    treatment: Treatment,
    linear: Option<&'a Linear>,
    pass: PassSide,
}

impl Play<'_> {
    fn moments(&self, tables: &mut Tables) -> Moments {
        let Play { view, treatment, .. } = *self;
        let alive = alive(view);
        let blank = || Contrast { runs: vec![0.0; view.runs.len()], ..Contrast::default() };
        let mut moments = Moments {
            alive,
            treatment,
            samples: view.cand.len(),
            scale: 1.0,
            location_margin: 0.0,
            peak: 1.0,
            contrasts: std::array::from_fn(|_| blank()),
            share_excess: share_excess(view),
            counts: (alive && treatment.counts).then(|| count_evidence(view)),
        };
        if !alive || treatment.counts {
            return moments;
        }
        let reference = Reference::new(view, tables);
        moments.scale = reference.scale;
        moments.location_margin = reference.location_margin;
        moments.peak = peak_p(&reference, view);
        let spreads = self.linear.and_then(|l| l.values.spreads(&view.players, self.pass));
        for (j, feature) in Feature::ALL.into_iter().enumerate() {
            if view.cand.len() < feature.needs() {
                continue;
            }
            let quick = match feature {
                Feature::Tail => self.tail_contrast(&reference, tables),
                _ => self.linear_contrast(feature, &reference, spreads),
            };
            moments.contrasts[j] = quick.unwrap_or_else(|| {
                reference.feature(feature, view, tables);
                contrast(feature, view, self.pass, tables)
            });
        }
        moments
    }

    fn tail_contrast(&self, reference: &Reference, tables: &mut Tables) -> Option<Contrast> {
        let above = |run: usize, value: f64| reference.in_tail(run, value);
        if !paired(self.view) {
            return None;
        }
        let (spreads, statistics) = tail(self.view, above, self.pass, tables)?;
        Some(assemble(spreads, &statistics, true))
    }

    /// Contrast from products, where the feature is linear in this play; `spreads` are those of the plain samples.
    fn linear_contrast(&self, feature: Feature, reference: &Reference, spreads: Option<Spreads>) -> Option<Contrast> {
        let linear = self.linear?;
        if !reference.unclipped(feature, self.view) {
            return None;
        }
        let (players, scale) = (&self.view.players, reference.scale);
        let (spreads, statistics) = match feature {
            Feature::Level => (spreads?, linear.values.means(players, scale)),
            Feature::Drift => (spreads?, linear.values.rises(players, scale)),
            Feature::Dispersion => {
                let distances = linear.distances.as_ref()?;
                (distances.spreads(players, self.pass)?, distances.means(players, scale))
            }
            Feature::Location | Feature::Tail => return None,
        };
        Some(assemble(spreads.in_scales(scale), &statistics, true))
    }
}

/// Whether there are enough samples and they make sense: margins are finite and not negative, and no event was counted
/// backwards. A metric for which this does not hold has no evidence, like one that was not measured.
fn alive(view: &View<'_>) -> bool {
    let margin = |m: f64| m.is_finite() && m >= 0.0;
    let counted = view.events.iter().all(|e| e.bad.iter().all(|v| *v >= 0.0));
    // What counts are pooled into must be a number, too: two totals near the largest one are infinite together.
    let pooled = view.events.iter().flat_map(|e| e.total).sum::<f64>().is_finite();
    let sensible = margin(view.series.facts.margin) && margin(view.series.facts.rise);
    view.alive() && sensible && counted && pooled
}

/// A gauge that almost never leaves its mode inside a run, or never moves inside any run.
fn nearly_flat(view: &View<'_>) -> bool {
    if !view.events.is_empty() {
        return false;
    }
    let off = |sorted: &Cow<'_, [f64]>| {
        let mode = sorted_median(sorted);
        let (below, up_to) = (sorted.partition_point(|v| *v < mode), sorted.partition_point(|v| *v <= mode));
        (sorted.len() - (up_to - below)) as f64
    };
    let off = mean(&view.ordered_runs().iter().take(view.runs.len()).map(off).collect::<Vec<f64>>());
    let length = mean(&view.runs.iter().map(|r| r.len() as f64).collect::<Vec<f64>>());
    off < FEW && off <= FLAT_SHARE * length
}
