//! The largest short excursion of the candidate against those of the baseline.

use crate::descriptive::{mean, squares_about_mean};
use crate::features::Reference;
use crate::kernels::extreme_sums;
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

/// Which excursions count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Up,
    Both,
}

/// p of the largest 3-sample excursion (towards worse) per quarter-length block against the baseline's (either way),
/// Bonferroni over the candidate's blocks; 1 with fewer than four baseline blocks.
pub(crate) fn peak_p(reference: &Reference, view: &View<'_>) -> f64 {
    let n = view.cand.len();
    let block = n.min((n / 4).max(8));
    let mut base = Vec::new();
    for run in &view.runs {
        base.extend(excursions(reference, run, block, Side::Both).map(f64::ln_1p));
    }
    if base.len() < FEWEST_BLOCKS {
        return 1.0;
    }
    let side = if view.series.either { Side::Both } else { Side::Up };
    let margin = view.series.margin.min(view.series.rise) / reference.sd;
    // Only what exceeds the margin counts.
    let own: Vec<f64> = excursions(reference, view.cand, block, side).map(|a| (a - margin).max(0.0).ln_1p()).collect();
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
    (own.len() as f64 * p).min(1.0)
}

/// Largest 3-sample mean of every whole block, in units of sd above the median, floor 0.
fn excursions(reference: &Reference, run: &[f64], block: usize, side: Side) -> impl Iterator<Item = f64> {
    let (middle, sd) = (reference.median, reference.sd);
    run.chunks_exact(block).map(move |part| {
        let (low, high) = extreme_sums(part);
        let z = |sum: f64| (sum / 3.0 - middle) / sd;
        if side == Side::Both { z(high).max(-z(low)).max(0.0) } else { z(high).max(0.0) }
    })
}
