//! One feature of one metric: candidate minus baseline mean, its variance inside a run, and what the between-run step
//! needs. The variance comes from the baseline; the candidate's own is for the pass side only.

use crate::cosines::BATCH;
use crate::descriptive::{mean, variance};
use crate::features::Feature;
use crate::folds::along;
use crate::kernels::{profile, subtract};
use crate::longrun::{LongRun, run_variances, segments};
use crate::prepare::View;
use crate::tables::{Rows, Scratch, Tables};
use std::ops::Range;

/// One feature, in scales. The default (all zero) stands for a feature that was not computed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contrast {
    /// Candidate minus mean of the baseline runs.
    pub(crate) est: f64,
    /// Within-run variance of `est`.
    pub(crate) var: f64,
    /// Degrees of freedom of `var`.
    pub(crate) df: f64,
    /// Effective samples of all baseline runs.
    pub(crate) n_eff: f64,
    /// Statistic of every baseline run.
    pub(crate) runs: Vec<f64>,
    /// Within-run variance of one run's statistic.
    pub(crate) run_var: f64,
    /// Marginal variance in the same terms: the yardstick of the between-run variance.
    pub(crate) size: f64,
    /// Within-run variance of the candidate's statistic.
    pub(crate) one: f64,
    /// What the candidate's own long-run variance adds, never below 0.
    pub(crate) excess: f64,
}

/// Whether the candidate's own long-run variance is asked for: it serves the pass side, which a replay does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassSide {
    Asked,
    Left,
}

/// What the runs of one feature say about its variance, before it is known what for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spreads {
    /// Sums over the baseline runs, about their common profile where they are paired.
    pub(crate) base: LongRun,
    /// Sum over the baseline runs of their marginal variances.
    pub(crate) marginal: f64,
    /// Long-run variance of the candidate about the profile.
    pub(crate) own: f64,
    /// Marginal variance of the candidate.
    pub(crate) own_marginal: f64,
}

impl Spreads {
    /// The same of a feature whose values are those of this one divided by `scale`.
    pub(crate) fn in_scales(self, scale: f64) -> Spreads {
        let unit = scale * scale;
        Spreads {
            base: LongRun { omega: self.base.omega / unit, ..self.base },
            marginal: self.marginal / unit,
            own: self.own / unit,
            own_marginal: self.own_marginal / unit,
        }
    }
}

/// Whether runs are compared sample by sample.
pub(crate) fn paired(view: &View<'_>) -> bool {
    view.series.aligned && view.runs.len() >= 2
}

/// Contrast of one feature; the rows of the working memory are its values per run, the candidate last, over the offsets
/// of `view`.
pub(crate) fn contrast(feature: Feature, view: &View<'_>, pass: PassSide, tables: &mut Tables) -> Contrast {
    let (rows, mut centred) = (std::mem::take(&mut tables.scratch.rows), std::mem::take(&mut tables.scratch.centred));
    // Pairing removes the profile that the runs have in common.
    let used = if paired(view) {
        centre(&rows, view.runs.len(), &mut centred, &mut tables.scratch);
        &centred
    } else {
        &rows
    };
    let mut spreads = spreads(used, view, pass, tables);
    if pass == PassSide::Asked {
        spreads.own_marginal = variance(rows.row(view.runs.len()));
    }
    let made = assemble(spreads, &statistics(feature, used, &view.at), paired(view));
    (tables.scratch.rows, tables.scratch.centred) = (rows, centred);
    made
}

/// Rows about the mean profile of the first `base` of them.
fn centre(rows: &Rows, base: usize, out: &mut Rows, scratch: &mut Scratch) {
    profile((0..base).map(|i| rows.row(i)), &mut scratch.profile);
    out.shape((0..rows.count()).map(|i| rows.row(i).len()));
    for i in 0..rows.count() {
        subtract(rows.row(i), &scratch.profile, out.row_mut(i));
    }
}

fn spreads(rows: &Rows, view: &View<'_>, pass: PassSide, tables: &mut Tables) -> Spreads {
    let base = view.runs.len();
    let asked = if pass == PassSide::Asked { base + 1 } else { base };
    let batch = if view.series.aligned { BATCH } else { 1 };
    let mut out = Spreads::default();
    let mut parts: Vec<Range<usize>> = Vec::new();
    for first in (0..asked).step_by(batch) {
        if first == 0 || batch == 1 {
            parts = segments(view.at[first]);
        }
        let mut runs: [&[f64]; BATCH] = [&[]; BATCH];
        let count = batch.min(asked - first);
        runs.iter_mut().take(count).enumerate().for_each(|(i, run)| *run = rows.row(first + i));
        let got = run_variances(&runs[..count], &parts, tables);
        for (i, got) in got.iter().enumerate().take(count) {
            if first + i == base {
                out.own = got.omega;
                continue;
            }
            out.base.omega += got.omega;
            out.base.df += got.df;
            out.base.n_eff += got.n_eff;
            out.marginal += variance(runs[i]);
        }
    }
    out
}

/// Puts the variances and the statistics of the runs (the candidate's the last) together.
pub(crate) fn assemble(spreads: Spreads, statistics: &[Statistic], paired: bool) -> Contrast {
    let (last, firsts) = statistics.split_last().expect("the candidate is always there");
    let (k, n) = (firsts.len() as f64, last.samples as f64);
    let factor = if paired { k / (k - 1.0) } else { 1.0 };
    let marginal = factor * (spreads.marginal / k);
    // A mean varies no more than a sample.
    let omega = (factor * (spreads.base.omega / k)).min(marginal * n);
    let factors: f64 = firsts.iter().map(|s| s.factor).sum();
    let values: Vec<f64> = firsts.iter().map(|s| s.value).collect();
    let own = (spreads.own * if paired { k / (k + 1.0) } else { 1.0 }).min(spreads.own_marginal * n);
    Contrast {
        est: last.value - mean(&values),
        var: omega * (last.factor + factors / (k * k)),
        df: spreads.base.df / factor,
        n_eff: spreads.base.n_eff / factor,
        runs: values,
        run_var: omega * (factors / k),
        size: marginal * (factors / k) * n,
        one: omega * last.factor,
        excess: (own - omega).max(0.0) * last.factor,
    }
}

/// Statistic of one run and the factor that turns Omega into its variance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statistic {
    pub(crate) value: f64,
    pub(crate) factor: f64,
    pub(crate) samples: usize,
}

fn statistics(feature: Feature, rows: &Rows, at: &[&[f64]]) -> Vec<Statistic> {
    let all = (0..rows.count()).map(|i| rows.row(i));
    if feature != Feature::Drift {
        return all.map(|r| Statistic { value: mean(r), factor: 1.0 / r.len() as f64, samples: r.len() }).collect();
    }
    let window = span(at[at.len() - 1]);
    all.zip(at).map(|(run, at)| rise(run, at, window)).collect()
}

/// Time from the first to the last sample, one sample included.
pub(crate) fn span(at: &[f64]) -> f64 {
    at[at.len() - 1] - at[0] + 1.0
}

/// Least-squares rise of a run over a window.
pub(crate) fn rise(run: &[f64], at: &[f64], window: f64) -> Statistic {
    let middle = mean(at);
    let [_, along, square] = along(run, at, middle);
    Statistic { value: along / square * window, factor: window * window / square, samples: run.len() }
}
