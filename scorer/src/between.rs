//! Between-run variance by empirical Bayes within a kind of signal, relative to the marginal variance.
//!
//! Prior degrees of freedom after Smyth 2004 (limma). Runs of a metric share their effects with other metrics, so at
//! most 2(K-1) degrees are borrowed. Metrics may have different numbers of runs.

use crate::descriptive::{mean, median, sample_variance};
use crate::metric::Kind;
use crate::special::{chi_squared_median, digamma, trigamma, trigamma_inverse};

/// Metrics a kind needs to estimate its own between-run variance; a smaller kind borrows from all.
const KIND_SIZE: usize = 8;

/// What one metric brings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunSpread<'a> {
    pub(crate) kind: Kind,
    /// Statistic of every run.
    pub(crate) runs: &'a [f64],
    /// Within-run variance of one run's statistic.
    pub(crate) within: f64,
    /// Marginal variance; 0 keeps the metric out.
    pub(crate) size: f64,
}

/// Between-run variance of a run's statistic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BetweenRuns {
    /// Variance tau^2.
    pub(crate) variance: f64,
    /// Its degrees of freedom.
    pub(crate) df: f64,
}

/// Between-run variance of every metric, in order. A metric with fewer than two runs has none.
pub(crate) fn between_runs(spreads: &[RunSpread<'_>]) -> Vec<BetweenRuns> {
    let live: Vec<usize> =
        (0..spreads.len()).filter(|&i| spreads[i].size > 0.0 && spreads[i].runs.len() >= 2).collect();
    let mut out: Vec<BetweenRuns> =
        spreads.iter().map(|s| BetweenRuns { variance: 0.0, df: s.runs.len() as f64 - 1.0 }).collect();
    let mut kinds: Vec<Kind> = live.iter().map(|&i| spreads[i].kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let own: Vec<usize> = live.iter().copied().filter(|&i| spreads[i].kind == kind).collect();
        let prior = Prior::from(spreads, if own.len() >= KIND_SIZE { &own } else { &live });
        for i in own {
            let s = &spreads[i];
            let d1 = s.runs.len() as f64 - 1.0;
            let d0 = prior.df.min(2.0 * d1);
            let base = s.within + prior.ratio * s.size;
            let posterior = (d0 * base + d1 * sample_variance(s.runs)) / (d0 + d1);
            out[i] = BetweenRuns { variance: (posterior - s.within).max(0.0), df: d1 + d0 };
        }
    }
    out
}

/// What the lenders say together.
struct Prior {
    /// Between-run variance as a share of the marginal variance.
    ratio: f64,
    /// Degrees of freedom, before the cap by the borrower's own.
    df: f64,
}

impl Prior {
    fn from(spreads: &[RunSpread<'_>], lenders: &[usize]) -> Prior {
        let d1 = |i: usize| spreads[i].runs.len() as f64 - 1.0;
        let seen: Vec<f64> = lenders.iter().map(|&i| sample_variance(spreads[i].runs)).collect();
        let mut medians: Vec<(usize, f64)> = Vec::new();
        let mut shares = Vec::with_capacity(lenders.len());
        for (&i, s) in lenders.iter().zip(&seen) {
            let runs = spreads[i].runs.len();
            let q = match medians.iter().find(|(k, _)| *k == runs) {
                Some((_, q)) => *q,
                None => {
                    let q = chi_squared_median(d1(i)) / d1(i);
                    medians.push((runs, q));
                    q
                }
            };
            shares.push((s / q - spreads[i].within) / spreads[i].size);
        }
        let ratio = median(&shares).max(0.0);
        if lenders.len() < 3 {
            return Prior { ratio, df: 0.0 };
        }
        let logs: Vec<f64> = lenders
            .iter()
            .zip(&seen)
            .map(|(&i, s)| {
                let base = spreads[i].within + ratio * spreads[i].size;
                (s / base).max(1e-6).ln() - digamma(d1(i) / 2.0) + (d1(i) / 2.0).ln()
            })
            .collect();
        let expected: Vec<f64> = lenders.iter().map(|&i| trigamma(d1(i) / 2.0)).collect();
        let spread = sample_variance(&logs) - mean(&expected);
        let df = if spread > 0.0 { 2.0 * trigamma_inverse(spread) } else { f64::INFINITY };
        Prior { ratio, df: df.min(lenders.len() as f64 - 1.0) }
    }
}
