//! The largest short excursion of the candidate against those of the baseline.
//!
//! Two models of the same excursions; the larger p counts. Log excursions per quarter of the run are normal or Gumbel:
//! right for everything whose spikes have a typical size. Where the baseline's single samples say that spikes have
//! none (tails like a power), the excess over a high threshold is Pareto.

use crate::descriptive::{mean, squares_about_mean};
use crate::features::Reference;
use crate::folds::extreme_sums;
use crate::prepare::View;
use crate::special::{EULER_GAMMA, t_sf};

/// Prior standard deviation of the log excursion of a block.
const PRIOR_SD: f64 = 0.3;
/// Degrees of freedom of that prior.
const PRIOR_DF: f64 = 4.0;
/// Least standard deviation of the log excursion.
const FLOOR: f64 = 0.2;
/// Log excursions that spread wider have heavy tails: block maxima are Gumbel.
const HEAVY: f64 = 0.25;
/// Baseline blocks that a prediction needs.
const FEWEST_BLOCKS: usize = 4;
/// Samples of the shortest block.
const SHORTEST_BLOCK: usize = 8;
/// Blocks of a run for the log excursions.
const QUARTERS: usize = 4;
/// Blocks of a run for the Pareto tail: short, so that there are many.
const SIXTEENTHS: usize = 16;
/// One block in so many lies above the Pareto threshold.
const ABOVE: f64 = 8.0;
/// Fewest blocks above the threshold.
const FEWEST_ABOVE: usize = 3;
/// Mean log excess (Hill 1975) from which a tail is a power: about .1 for normal samples, .15 at AR .9, .35 for a
/// lognormal of sigma .8, .5 for infinite variance.
const POWER_TAIL: f64 = 0.2;
/// Samples of an excursion: shorter ones are single scrapes.
const EXCURSION: usize = 3;

/// Which excursions count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Up,
    Both,
}

/// How excursions are cut out of a run.
#[derive(Clone, Copy)]
struct Cut {
    /// Samples of a block.
    block: usize,
    /// Samples that are averaged.
    width: usize,
    side: Side,
}

/// p of the largest 3-sample excursion (towards worse) against the baseline's (either way), Bonferroni over the
/// candidate's blocks; 1 with fewer than four baseline blocks.
pub(crate) fn peak_p(reference: &Reference, view: &View<'_>) -> f64 {
    let Some(p) = by_logs(reference, view) else { return 1.0 };
    by_power_tail(reference, view).map_or(p, |other| p.max(other))
}

fn block_of(n: usize, blocks: usize) -> usize {
    n.min((n / blocks).max(SHORTEST_BLOCK))
}

fn towards_worse(view: &View<'_>) -> Side {
    if view.series.either { Side::Both } else { Side::Up }
}

/// Baseline excursions of all runs.
fn usual(reference: &Reference, view: &View<'_>, cut: Cut) -> Vec<f64> {
    view.runs.iter().flat_map(|run| excursions(reference, run, cut)).collect()
}

/// Candidate's excursions: only what exceeds the margin counts.
fn own(reference: &Reference, view: &View<'_>, block: usize) -> Vec<f64> {
    let margin = view.series.margin.min(view.series.rise) / reference.sd;
    let cut = Cut { block, width: EXCURSION, side: towards_worse(view) };
    excursions(reference, view.cand, cut).map(|a| (a - margin).max(0.0)).collect()
}

/// Normal or Gumbel prediction of the log excursion per quarter.
fn by_logs(reference: &Reference, view: &View<'_>) -> Option<f64> {
    let block = block_of(view.cand.len(), QUARTERS);
    let cut = Cut { block, width: EXCURSION, side: Side::Both };
    let base: Vec<f64> = usual(reference, view, cut).into_iter().map(f64::ln_1p).collect();
    if base.len() < FEWEST_BLOCKS {
        return None;
    }
    let own: Vec<f64> = own(reference, view, block).into_iter().map(f64::ln_1p).collect();
    let count = base.len() as f64;
    let spread = (PRIOR_DF * PRIOR_SD * PRIOR_SD + squares_about_mean(&base)) / (PRIOR_DF + count - 1.0);
    let spread = spread.max(FLOOR * FLOOR);
    let top = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let z = (top - mean(&base)) / (spread * (1.0 + 1.0 / count)).sqrt();
    let mut p = t_sf(z, count - 1.0 + PRIOR_DF);
    if spread > HEAVY * HEAVY {
        let gumbel = -(-(-z * std::f64::consts::PI / 6.0_f64.sqrt() - EULER_GAMMA).exp()).exp_m1();
        p = p.max(gumbel);
    }
    Some((own.len() as f64 * p).min(1.0))
}

/// Prediction of the excess over a high threshold where the baseline's tail is a power; `None` where it is not.
///
/// Log excesses of a power tail are exponential, so the tail of a new one over the k that were seen with sum S is
/// exactly (1 + y/S)^-k. S comes from single samples: there a spike stands out of the noise that hides it in a mean of
/// three, and both have the same tail index.
fn by_power_tail(reference: &Reference, view: &View<'_>) -> Option<f64> {
    let block = block_of(view.cand.len(), SIXTEENTHS);
    let single = Cut { block, width: 1, side: Side::Both };
    let (_, seen) = above(usual(reference, view, single))?;
    let k = seen.len() as f64;
    let sum: f64 = seen.iter().sum();
    if sum < POWER_TAIL * k {
        return None;
    }
    let base = usual(reference, view, Cut { width: EXCURSION, ..single });
    let share = (k + 0.5) / base.len() as f64;
    let (threshold, _) = above(base)?;
    let own = own(reference, view, block);
    let top = own.iter().copied().fold(0.0, f64::max);
    let tail = if top > threshold { (1.0 + (top / threshold).ln() / sum).powf(-k) } else { 1.0 };
    Some((own.len() as f64 * share * tail).min(1.0))
}

/// Threshold that the highest eighth of the excursions exceed, and their log excesses; `None` without a threshold
/// above zero.
fn above(mut excursions: Vec<f64>) -> Option<(f64, Vec<f64>)> {
    excursions.sort_unstable_by(|a, b| b.total_cmp(a));
    let k = ((excursions.len() as f64 / ABOVE).round() as usize).max(FEWEST_ABOVE);
    let threshold = excursions.get(k).copied().filter(|t| *t > 0.0)?;
    Some((threshold, excursions[..k].iter().map(|e| (e / threshold).ln()).collect()))
}

/// Largest mean of every whole block, in units of sd above the median, floor 0.
fn excursions(reference: &Reference, run: &[f64], cut: Cut) -> impl Iterator<Item = f64> {
    let (middle, sd) = (reference.median, reference.sd);
    run.chunks_exact(cut.block).map(move |part| {
        let (low, high) = match cut.width {
            1 => extremes(part),
            _ => extreme_sums(part),
        };
        let z = |sum: f64| (sum / cut.width as f64 - middle) / sd;
        if cut.side == Side::Both { z(high).max(-z(low)).max(0.0) } else { z(high).max(0.0) }
    })
}

/// Least and largest sample.
fn extremes(part: &[f64]) -> (f64, f64) {
    part.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_leaves_an_eighth_above_it() {
        let (threshold, seen) = above((1..=80).map(f64::from).collect()).expect("a threshold");
        assert_eq!((threshold, seen.len()), (70.0, 10));
        assert_eq!(above(vec![0.0; 80]), None);
        assert_eq!(above(vec![1.0, 2.0]), None);
    }
}
