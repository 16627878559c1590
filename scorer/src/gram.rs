//! Long-run variances of many combinations of runs at the price of one.
//!
//! Pairing, detrending, block means, prewhitening and the cosine transform are linear in the samples. So what a replay
//! asks of a feature that is linear in the samples is a quadratic form of products between runs, which are made once.

use crate::contrast::{PassSide, Spreads, Statistic, rise, span};
use crate::cosines::BATCH;
use crate::descriptive::{mean, variance};
use crate::folds::{cross_products, dot};
use crate::kernels::{block_means, detrend, profile, subtract};
use crate::longrun::{LongRun, correlation, longer_blocks, recoloured, segments};
use crate::tables::{Rows, Tables};
use std::ops::Range;

/// Below this share of its terms, a form has lost too many digits to cancellation.
const LOST: f64 = 1e-6;

/// Products between all runs of one block length.
struct Size {
    /// Samples of a block.
    length: usize,
    blocks: usize,
    /// Products of the series.
    same: Vec<f64>,
    /// Products with neighbours, halved.
    lags: Vec<f64>,
    /// Products of the transforms of the series without its first sample,
    now: Vec<f64>,
    /// ... of one without the first and one without the last, halved,
    across: Vec<f64>,
    /// ... and without its last.
    before: Vec<f64>,
}

/// Products between all runs of one metric, the candidate last, for one feature.
pub(crate) struct Gram {
    runs: usize,
    samples: usize,
    /// Means about the profile.
    means: Vec<f64>,
    rises: Vec<Statistic>,
    /// Products about the own means.
    spread: Vec<f64>,
    candidate: f64,
    /// Segments: share of all samples in segments, and products.
    parts: Vec<(f64, Vec<Size>)>,
    /// All samples over those in segments.
    whole: f64,
}

impl Gram {
    /// From rows of equal length over the offsets `at`; the last is the candidate.
    pub(crate) fn new(rows: &Rows, at: &[f64], tables: &mut Tables) -> Gram {
        let runs = rows.count();
        let (candidate, samples) = (variance(rows.row(runs - 1)), rows.row(0).len());
        let mut centred = std::mem::take(&mut tables.scratch.centred);
        // The profile is no more than a good origin: forms do not depend on it.
        profile((0..runs - 1).map(|i| rows.row(i)), &mut tables.scratch.profile);
        centred.shape((0..runs).map(|_| samples));
        for i in 0..runs {
            subtract(rows.row(i), &tables.scratch.profile, centred.row_mut(i));
        }
        let means: Vec<f64> = (0..runs).map(|i| mean(centred.row(i))).collect();
        let window = span(at);
        let spread = symmetric(runs, |i, j| dot(centred.row(i), centred.row(j)) - samples as f64 * means[i] * means[j]);
        let segments = segments(at);
        let total: usize = segments.iter().map(Range::len).sum();
        let made = Gram {
            runs,
            samples,
            rises: (0..runs).map(|i| rise(centred.row(i), at, window)).collect(),
            means,
            spread,
            candidate,
            parts: segments
                .iter()
                .map(|part| (part.len() as f64 / total as f64, sizes(&centred, part, tables)))
                .collect(),
            whole: if total == 0 { 0.0 } else { samples as f64 / total as f64 },
        };
        tables.scratch.centred = centred;
        made
    }

    /// Means of the players (the last plays the candidate) in `scale`, from one common origin.
    pub(crate) fn means(&self, players: &[usize], scale: f64) -> Vec<Statistic> {
        let factor = 1.0 / self.samples as f64;
        players.iter().map(|&i| Statistic { value: self.means[i] / scale, factor, samples: self.samples }).collect()
    }

    /// Rises of the players likewise.
    pub(crate) fn rises(&self, players: &[usize], scale: f64) -> Vec<Statistic> {
        let one = |&i: &usize| Statistic { value: self.rises[i].value / scale, ..self.rises[i] };
        players.iter().map(one).collect()
    }

    /// Variances of the players; `None` where cancellation took too many digits.
    pub(crate) fn spreads(&self, players: &[usize], pass: PassSide) -> Option<Spreads> {
        let (&last, base) = players.split_last()?;
        let asked = if pass == PassSide::Asked { players } else { base };
        let mut out = Spreads { own_marginal: self.candidate, ..Spreads::default() };
        let spread = self.form(&self.spread, base);
        for &i in base {
            out.marginal += spread.sound(i)? / self.samples as f64;
        }
        for (share, sizes) in &self.parts {
            for (&i, got) in asked.iter().zip(self.largest(sizes, asked, base)?) {
                if i == last {
                    out.own += share * got.omega;
                    continue;
                }
                out.base.omega += share * got.omega;
                out.base.df += got.df;
                out.base.n_eff += got.n_eff * self.whole;
            }
        }
        Some(out)
    }

    /// Largest estimate over the block lengths, for every run asked for.
    fn largest(&self, sizes: &[Size], asked: &[usize], base: &[usize]) -> Option<Vec<LongRun>> {
        let mut best = vec![LongRun::default(); asked.len()];
        for (at, size) in sizes.iter().enumerate() {
            let [same, lags, now, across, before] =
                [&size.same, &size.lags, &size.now, &size.across, &size.before].map(|p| self.form(p, base));
            for (best, &i) in best.iter_mut().zip(asked) {
                let r = correlation(size.blocks, same.sound(i)?, lags.value(i))?;
                let power = now.value(i) - 2.0 * r * across.value(i) + r * r * before.value(i);
                let mut got = recoloured(size.blocks, Some(r), power.max(0.0));
                got.omega *= size.length as f64;
                if at == 0 || got.omega > best.omega {
                    *best = got;
                }
            }
        }
        Some(best)
    }

    fn form<'a>(&self, products: &'a [f64], base: &[usize]) -> Form<'a> {
        let k = base.len() as f64;
        let runs = self.runs;
        let means: Vec<f64> =
            (0..runs).map(|i| base.iter().map(|&j| products[i * runs + j]).sum::<f64>() / k).collect();
        let grand = base.iter().map(|&i| means[i]).sum::<f64>() / k;
        Form { products, runs, means, grand }
    }
}

/// Products of runs about the profile of some of them.
struct Form<'a> {
    products: &'a [f64],
    runs: usize,
    means: Vec<f64>,
    grand: f64,
}

impl Form<'_> {
    fn value(&self, i: usize) -> f64 {
        self.products[i * self.runs + i] - 2.0 * self.means[i] + self.grand
    }

    /// The square of run `i`, if it kept enough digits.
    fn sound(&self, i: usize) -> Option<f64> {
        let value = self.value(i);
        let terms = self.products[i * self.runs + i].max(self.grand);
        (value > LOST * terms).then_some(value)
    }
}

fn symmetric(runs: usize, of: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut out = vec![0.0; runs * runs];
    for i in 0..runs {
        for j in i..runs {
            let value = of(i, j);
            (out[i * runs + j], out[j * runs + i]) = (value, value);
        }
    }
    out
}

/// Products of one segment for every block length.
fn sizes(rows: &Rows, part: &Range<usize>, tables: &mut Tables) -> Vec<Size> {
    let runs = rows.count();
    let mut series = std::mem::take(&mut tables.scratch.series);
    series.resize_with(runs.max(series.len()), Vec::new);
    let ramp = tables.ramp(part.len());
    for (i, z) in series.iter_mut().enumerate().take(runs) {
        detrend(&rows.row(i)[part.clone()], &ramp.times, ramp.square, z);
    }
    let mut out = vec![size(&series[..runs], 1, tables)];
    for (step, length) in longer_blocks(part.len()) {
        series[..runs].iter_mut().for_each(|z| block_means(z, step));
        out.push(size(&series[..runs], length, tables));
    }
    tables.scratch.series = series;
    out
}

fn size(series: &[Vec<f64>], length: usize, tables: &mut Tables) -> Size {
    let (runs, blocks) = (series.len(), series[0].len());
    let mut lags = vec![0.0; runs * runs];
    let mut same = vec![0.0; runs * runs];
    for i in 0..runs {
        for j in i..runs {
            let (a, b) = cross_products(&series[i], &series[j]);
            (same[i * runs + j], same[j * runs + i]) = (a, a);
            (lags[i * runs + j], lags[j * runs + i]) = (b, b);
        }
    }
    let cosines = tables.cosines(blocks);
    let width = cosines.width();
    let scratch = &mut tables.scratch;
    cosines.reserve(&mut scratch.folded);
    scratch.transforms.resize(2 * runs * width, 0.0);
    for (batch, out) in scratch.transforms.chunks_mut(BATCH * width).enumerate() {
        for lane in 0..out.len() / width {
            let i = batch * BATCH + lane;
            let z = &series[i % runs];
            let cut = if i < runs { &z[1..] } else { &z[..blocks - 1] };
            cosines.fold(&mut scratch.folded, lane, (cut, cut), 0.0);
        }
        cosines.transform(&scratch.folded, out);
    }
    let row = |i: usize| &scratch.transforms[i * width..(i + 1) * width];
    Size {
        length,
        blocks,
        same,
        lags,
        now: symmetric(runs, |i, j| dot(row(i), row(j))),
        across: symmetric(runs, |i, j| 0.5 * (dot(row(i), row(j + runs)) + dot(row(j), row(i + runs)))),
        before: symmetric(runs, |i, j| dot(row(i + runs), row(j + runs))),
    }
}
