//! Long-run variance of one run: prewhitened cosine estimate, the largest over several block lengths, per segment.

use crate::cosines::BATCH;
use crate::folds::products;
use crate::kernels::{block_means, detrend};
use crate::tables::{Tables, frequencies};
use std::ops::Range;

/// Above this correlation the series has no usable spectrum; the run becomes one observation.
const RHO_CAP: f64 = 0.97;
/// The largest variance over these block lengths finds slow components.
const BLOCK_LENGTHS: [usize; 5] = [1, 4, 8, 16, 64];
/// Blocks that each length beyond the first needs.
const MIN_BLOCKS: usize = 30;
/// Samples a segment needs to inform the variance.
const SEGMENT: usize = 30;
/// Samples that will do where no segment is long enough.
const SHORTEST: usize = 16;
/// Lost samples that do not cut a segment.
const BRIDGE: f64 = 3.0;

/// Long-run variance with its degrees of freedom and effective samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LongRun {
    pub(crate) omega: f64,
    pub(crate) df: f64,
    pub(crate) n_eff: f64,
}

/// Parts of a run between gaps of more than three samples that are long enough to inform the variance.
pub(crate) fn segments(at: &[f64]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let whole = at.last().zip(at.first()).is_some_and(|(last, first)| last - first + 1.0 == at.len() as f64);
    if whole && at.len() >= SEGMENT {
        // Offsets rise, so nothing is missing.
        parts.push(0..at.len());
        return parts;
    }
    for i in 1..at.len() {
        if at[i] - at[i - 1] > BRIDGE + 1.0 {
            parts.push(start..i);
            start = i;
        }
    }
    parts.push(start..at.len());
    let mut longest = parts[0].clone();
    for part in &parts {
        if part.len() > longest.len() {
            longest = part.clone();
        }
    }
    parts.retain(|p| p.len() >= SEGMENT);
    if parts.is_empty() && longest.len() >= SHORTEST {
        parts.push(longest);
    }
    parts
}

/// Long-run variances of at most [`BATCH`] equally long runs over the same segments, which are pooled by length; zeros
/// when no segment is long enough.
pub(crate) fn run_variances(runs: &[&[f64]], parts: &[Range<usize>], tables: &mut Tables) -> [LongRun; BATCH] {
    let mut out = [LongRun::default(); BATCH];
    let total: f64 = parts.iter().map(|p| p.len() as f64).sum();
    for part in parts {
        let got = long_runs(runs, part, tables);
        for (sum, got) in out.iter_mut().zip(got) {
            sum.omega += part.len() as f64 / total * got.omega;
            sum.df += got.df;
            sum.n_eff += got.n_eff;
        }
    }
    for (out, run) in out.iter_mut().zip(runs) {
        out.n_eff *= if parts.is_empty() { 0.0 } else { run.len() as f64 / total };
    }
    out
}

/// Largest prewhitened estimate over the block lengths with enough blocks, for every run of a batch.
fn long_runs(runs: &[&[f64]], part: &Range<usize>, tables: &mut Tables) -> [LongRun; BATCH] {
    let mut all = std::mem::take(&mut tables.scratch.series);
    all.resize_with(all.len().max(BATCH), Vec::new);
    let series = &mut all[..runs.len()];
    let ramp = tables.ramp(part.len());
    for (run, z) in runs.iter().zip(series.iter_mut()) {
        detrend(&run[part.clone()], &ramp.times, ramp.square, z);
    }
    let mut best = prewhitened(series, tables);
    // Means of blocks of means are means of longer blocks.
    for (step, length) in longer_blocks(part.len()) {
        series.iter_mut().for_each(|z| block_means(z, step));
        keep_largest(&mut best, &prewhitened(series, tables), length);
    }
    tables.scratch.series = all;
    best
}

/// Takes estimates from blocks of `length` samples where they are larger.
pub(crate) fn keep_largest(best: &mut [LongRun], got: &[LongRun], length: usize) {
    for (best, got) in best.iter_mut().zip(got) {
        let omega = got.omega * length as f64;
        if omega > best.omega {
            *best = LongRun { omega, ..*got };
        }
    }
}

/// Block lengths beyond the first with enough blocks in `n` samples, and by how much each is longer than the one before.
pub(crate) fn longer_blocks(n: usize) -> impl Iterator<Item = (usize, usize)> {
    let pairs = BLOCK_LENGTHS.into_iter().zip(BLOCK_LENGTHS.into_iter().skip(1));
    pairs.take_while(move |(_, length)| n / length >= MIN_BLOCKS).map(|(before, length)| (length / before, length))
}

/// Lag-1 correlation of `n` samples with this sum of squares and of products of neighbours, mended for the bias after
/// detrending; `None` where nothing varies.
pub(crate) fn correlation(n: usize, square: f64, lag: f64) -> Option<f64> {
    let count = n as f64;
    if square <= 1e-24 * count {
        return None;
    }
    let r = lag / square;
    Some((r + (2.0 + 4.0 * r) / count).clamp(0.0, RHO_CAP))
}

/// Long-run variance from the power of `n` samples that were prewhitened with `r`; `None`: nothing varies.
pub(crate) fn recoloured(n: usize, r: Option<f64>, power: f64) -> LongRun {
    let count = n as f64;
    let Some(r) = r else { return LongRun { omega: 0.0, df: 1.0, n_eff: count } };
    let nu = frequencies(n) as f64;
    let n_eff = count * (1.0 - r) / (1.0 + r);
    LongRun { omega: power / nu / ((1.0 - r) * (1.0 - r)), df: 1.0 / (1.0 / nu + 2.0 / n_eff), n_eff }
}

/// AR(1)-prewhitened equal-weighted-cosine variances (Lazarus, Lewis, Stock and Watson 2018; prewhitening after Andrews
/// and Monahan 1992) of centred series.
pub(crate) fn prewhitened(series: &[Vec<f64>], tables: &mut Tables) -> [LongRun; BATCH] {
    let n = series[0].len();
    let cosines = tables.cosines(n);
    let folded = &mut tables.scratch.folded;
    cosines.reserve(folded);
    let mut r = [None; BATCH];
    for (lane, (r, z)) in r.iter_mut().zip(series).enumerate() {
        let (square, lag) = products(z);
        *r = correlation(n, square, lag);
        cosines.fold(folded, lane, (&z[1..], &z[..n - 1]), r.unwrap_or(0.0));
    }
    let power = cosines.power(folded);
    std::array::from_fn(|lane| recoloured(n, r[lane], power[lane]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_longer_than_three_samples_cut() {
        let at: Vec<f64> = (0..40).chain(43..80).chain(83..100).map(f64::from).collect();
        assert_eq!(segments(&at), vec![0..94]);
        let at: Vec<f64> = (0..40).chain(45..80).map(f64::from).collect();
        assert_eq!(segments(&at), vec![0..40, 40..75]);
        let at: Vec<f64> = (0..10).chain(20..37).map(f64::from).collect();
        assert_eq!(segments(&at), vec![10..27]);
        assert!(segments(&[]).is_empty());
    }

    #[test]
    fn a_constant_has_no_variance() {
        let parts = segments(&(0..64).map(f64::from).collect::<Vec<_>>());
        let got = run_variances(&[&[2.0; 64]], &parts, &mut Tables::default())[0];
        assert_eq!((got.omega, got.n_eff), (0.0, 64.0));
    }
}
