//! Long-run variance of one run: prewhitened cosine estimate, the largest over several block lengths, per segment.

use crate::descriptive::{dot, mean};
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

/// Long-run variance of a run, its segments pooled by length; zeros when no segment is long enough.
pub(crate) fn run_variance(feature: &[f64], parts: &[Range<usize>], tables: &mut Tables) -> LongRun {
    if parts.is_empty() {
        return LongRun::default();
    }
    let total: f64 = parts.iter().map(|p| p.len() as f64).sum();
    let (mut omega, mut df, mut n_eff) = (0.0, 0.0, 0.0);
    for part in parts {
        let got = long_run(&feature[part.clone()], tables);
        omega += part.len() as f64 * got.omega;
        df += got.df;
        n_eff += got.n_eff;
    }
    LongRun { omega: omega / total, df, n_eff: n_eff * feature.len() as f64 / total }
}

/// Largest prewhitened estimate over the block lengths with enough blocks.
fn long_run(series: &[f64], tables: &mut Tables) -> LongRun {
    let z = detrended(series);
    let mut best = prewhitened(z.clone(), tables);
    for length in BLOCK_LENGTHS.into_iter().skip(1) {
        if z.len() / length < MIN_BLOCKS {
            break;
        }
        let got = prewhitened(z.chunks_exact(length).map(mean).collect(), tables);
        let omega = got.omega * length as f64;
        if omega > best.omega {
            best = LongRun { omega, ..got };
        }
    }
    best
}

fn detrended(series: &[f64]) -> Vec<f64> {
    let m = mean(series);
    let middle = (series.len() as f64 - 1.0) / 2.0;
    let (mut along, mut square) = (0.0, 0.0);
    for (i, v) in series.iter().enumerate() {
        let t = i as f64 - middle;
        along += v * t;
        square += t * t;
    }
    let slope = along / square;
    series.iter().enumerate().map(|(i, v)| v - m - slope * (i as f64 - middle)).collect()
}

/// AR(1)-prewhitened equal-weighted-cosine variance (Lazarus, Lewis, Stock and Watson 2018; prewhitening after Andrews
/// and Monahan 1992) of a series, which is centred here.
fn prewhitened(mut z: Vec<f64>, tables: &mut Tables) -> LongRun {
    let n = z.len();
    let count = n as f64;
    let m = mean(&z);
    z.iter_mut().for_each(|v| *v -= m);
    let square = dot(&z, &z);
    if square <= 1e-24 * count {
        return LongRun { omega: 0.0, df: 1.0, n_eff: count };
    }
    let r = dot(&z[1..], &z[..n - 1]) / square;
    // Bias of the lag-1 correlation after detrending.
    let r = (r + (2.0 + 4.0 * r) / count).clamp(0.0, RHO_CAP);
    let mut e: Vec<f64> = (1..n).map(|i| z[i] - r * z[i - 1]).collect();
    let m = mean(&e);
    e.iter_mut().for_each(|v| *v -= m);
    let nu = frequencies(n) as f64;
    let power = power(&tables.cosines(n).rows, &e);
    let n_eff = count * (1.0 - r) / (1.0 + r);
    LongRun { omega: power / nu / ((1.0 - r) * (1.0 - r)), df: 1.0 / (1.0 / nu + 2.0 / n_eff), n_eff }
}

/// Sum of the squared inner products with every row. Four rows at a time: each sum still runs from the first to the
/// last value, but the processor need not wait for one before it goes on with the next.
fn power(rows: &[Vec<f64>], e: &[f64]) -> f64 {
    let mut power = 0.0;
    for four in rows.chunks(4) {
        let [a, b, c, d] = four else {
            power += four.iter().map(|row| dot(e, row).powi(2)).sum::<f64>();
            continue;
        };
        let mut sums = [0.0_f64; 4];
        for ((((v, a), b), c), d) in e.iter().zip(a).zip(b).zip(c).zip(d) {
            sums[0] += v * a;
            sums[1] += v * b;
            sums[2] += v * c;
            sums[3] += v * d;
        }
        sums.iter().for_each(|s| power += s * s);
    }
    power
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
        let got =
            run_variance(&[2.0; 64], &segments(&(0..64).map(f64::from).collect::<Vec<_>>()), &mut Tables::default());
        assert_eq!((got.omega, got.n_eff), (0.0, 64.0));
    }
}
