//! One feature of one metric: candidate minus baseline mean, its variance inside a run, and what the between-run step
//! needs. The variance comes from the baseline; the candidate's own is for the pass side only.

use crate::descriptive::{mean, variance};
use crate::features::Feature;
use crate::kernels::{map, map2};
use crate::longrun::{LongRun, run_variance, segments};
use crate::prepare::View;
use crate::tables::Tables;

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

/// Contrast of one feature; `runs` are its values per run, the candidate last, over the offsets of `view`.
pub(crate) fn contrast(
    feature: Feature,
    runs: &[Vec<f64>],
    view: &View<'_>,
    pass: PassSide,
    tables: &mut Tables,
) -> Contrast {
    let (cand, base) = runs.split_last().expect("the candidate is always there");
    let (k, n) = (base.len() as f64, cand.len() as f64);
    let paired = view.series.aligned && base.len() >= 2;
    // Pairing removes the profile that the runs have in common.
    let profile = if paired { mean_profile(base) } else { Vec::new() };
    let factor = if paired { k / (k - 1.0) } else { 1.0 };
    let mut centred = Vec::new();
    let mut estimate = |values: &[f64], at: &[f64]| -> (LongRun, f64) {
        let parts = segments(at);
        if paired {
            map2(values, &profile, &mut centred, |v, p| v - p);
            (run_variance(&centred, &parts, tables), variance(&centred))
        } else {
            (run_variance(values, &parts, tables), variance(values))
        }
    };
    let (mut omega, mut df, mut n_eff, mut marginal) = (0.0, 0.0, 0.0, 0.0);
    for (run, at) in base.iter().zip(&view.at) {
        let (got, spread) = estimate(run, at);
        omega += got.omega;
        df += got.df;
        n_eff += got.n_eff;
        marginal += spread;
    }
    let own = match pass {
        PassSide::Asked => estimate(cand, view.at[base.len()]).0,
        PassSide::Left => LongRun::default(),
    };
    let marginal = factor * (marginal / k);
    // A mean varies no more than a sample.
    let omega = (factor * (omega / k)).min(marginal * n);
    let statistics = statistics(feature, runs, &view.at);
    let (last, firsts) = statistics.split_last().expect("the candidate is always there");
    let factors: f64 = firsts.iter().map(|s| s.factor).sum();
    let values: Vec<f64> = firsts.iter().map(|s| s.value).collect();
    let own = (own.omega * if paired { k / (k + 1.0) } else { 1.0 }).min(variance(cand) * n);
    Contrast {
        est: last.value - mean(&values),
        var: omega * (last.factor + factors / (k * k)),
        df: df / factor,
        n_eff: n_eff / factor,
        runs: values,
        run_var: omega * (factors / k),
        size: marginal * (factors / k) * n,
        one: omega * last.factor,
        excess: (own - omega).max(0.0) * last.factor,
    }
}

fn mean_profile(runs: &[Vec<f64>]) -> Vec<f64> {
    let k = runs.len() as f64;
    let (mut total, mut next) = (runs[0].clone(), Vec::new());
    for run in &runs[1..] {
        map2(&total, run, &mut next, |a, b| a + b);
        std::mem::swap(&mut total, &mut next);
    }
    map(&total, &mut next, move |v| v / k);
    next
}

/// Statistic of one run and the factor that turns Omega into its variance.
struct Statistic {
    value: f64,
    factor: f64,
}

fn statistics(feature: Feature, runs: &[Vec<f64>], at: &[&[f64]]) -> Vec<Statistic> {
    if feature != Feature::Drift {
        return runs.iter().map(|r| Statistic { value: mean(r), factor: 1.0 / r.len() as f64 }).collect();
    }
    let span = |at: &[f64]| at[at.len() - 1] - at[0] + 1.0;
    let window = span(at[at.len() - 1]);
    let one = |run: &Vec<f64>, at: &&[f64]| {
        let middle = mean(at);
        let (mut along, mut square) = (0.0, 0.0);
        for (v, a) in run.iter().zip(at.iter()) {
            along += v * (a - middle);
            square += (a - middle) * (a - middle);
        }
        // The rise over the candidate's window.
        Statistic { value: along / square * window, factor: window * window / square }
    };
    runs.iter().zip(at).map(|(run, at)| one(run, at)).collect()
}
