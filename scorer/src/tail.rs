//! Long-run variance of the tail feature: few samples are in the tail, so sums over samples are sums over those.

use crate::contrast::{PassSide, Spreads, Statistic};
use crate::cosines::BATCH;
use crate::kernels::{block_means, profile, subtract_line};
use crate::longrun::{LongRun, correlation, keep_largest, longer_blocks, prewhitened, recoloured, segments};
use crate::prepare::View;
use crate::tables::Tables;
use std::ops::Range;

/// Most players: one bit of a mask each.
const MOST: usize = u64::BITS as usize;

/// Which samples of which player are in the tail.
#[derive(Default)]
pub(crate) struct Tails {
    /// Places of every player, one player after the other.
    places: Vec<u32>,
    ends: Vec<usize>,
    /// For every place, one bit a player.
    masks: Vec<u64>,
}

/// Sums about the profile of the baseline runs over one range.
struct About {
    slope: f64,
    /// Of the detrended series.
    square: f64,
    /// Of its neighbours.
    lag: f64,
    /// Of the series itself about its mean.
    spread: f64,
}

/// Sums of the counts of all baseline runs over one range.
struct Counts {
    sum: f64,
    along: f64,
    square: f64,
    lag: f64,
}

impl Tails {
    fn player(&self, i: usize) -> &[u32] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.places[start..self.ends[i]]
    }

    /// Baseline runs with this place in their tail.
    fn count(&self, place: usize, base: u64) -> f64 {
        f64::from((self.masks[place] & base).count_ones())
    }
}

/// Variances and shares of the tail for paired runs; `above` says from which value on a player's sample is in the tail.
/// `None` where there are too many runs.
pub(crate) fn tail(
    view: &View<'_>,
    above: impl Fn(usize, f64) -> bool,
    pass: PassSide,
    tables: &mut Tables,
) -> Option<(Spreads, Vec<Statistic>)> {
    if view.runs.len() >= MOST {
        return None;
    }
    let samples = view.cand.len();
    let mut tails = std::mem::take(&mut tables.scratch.tails);
    find(view, above, &mut tails);
    let share = |i: usize| tails.player(i).len() as f64 / samples as f64;
    let factor = 1.0 / samples as f64;
    let statistics: Vec<Statistic> =
        (0..=view.runs.len()).map(|i| Statistic { value: share(i), factor, samples }).collect();
    let mut play = Play { view, tails: &tails, tables };
    let spreads = play.spreads(pass);
    tables.scratch.tails = tails;
    Some((spreads, statistics))
}

fn find(view: &View<'_>, above: impl Fn(usize, f64) -> bool, tails: &mut Tails) {
    tails.places.clear();
    tails.ends.clear();
    tails.masks.clear();
    tails.masks.resize(view.cand.len(), 0);
    for (i, &run) in view.players.iter().enumerate() {
        let order = &view.series.order;
        let first = order.run(run).partition_point(|v| !above(i, *v));
        let start = tails.places.len();
        tails.places.extend_from_slice(&order.places(run)[first..]);
        tails.places[start..].sort_unstable();
        tails.places[start..].iter().for_each(|place| tails.masks[*place as usize] |= 1 << i);
        tails.ends.push(tails.places.len());
    }
}

struct Play<'a> {
    view: &'a View<'a>,
    tails: &'a Tails,
    tables: &'a mut Tables,
}

impl Play<'_> {
    fn spreads(&mut self, pass: PassSide) -> Spreads {
        let (base, samples) = (self.view.runs.len(), self.view.cand.len());
        let asked = if pass == PassSide::Asked { base + 1 } else { base };
        let parts = segments(self.view.at[0]);
        let total: f64 = parts.iter().map(|p| p.len() as f64).sum();
        let share = self.tails.player(base).len() as f64 / samples as f64;
        let mut out = Spreads { own_marginal: share * (1.0 - share), ..Spreads::default() };
        let whole = 0..samples;
        let counts = self.counts(&whole);
        for i in 0..base {
            out.marginal += self.about(i, &whole, &counts).spread / samples as f64;
        }
        for part in &parts {
            for (i, got) in self.long_runs(asked, part).into_iter().enumerate() {
                let omega = part.len() as f64 / total * got.omega;
                if i == base {
                    out.own += omega;
                    continue;
                }
                out.base.omega += omega;
                out.base.df += got.df;
                out.base.n_eff += got.n_eff * samples as f64 / total;
            }
        }
        out
    }

    fn base(&self) -> u64 {
        (1 << self.view.runs.len()) - 1
    }

    /// Tail places of a player inside a range.
    fn inside(&self, i: usize, part: &Range<usize>) -> &[u32] {
        let places = self.tails.player(i);
        let at = |end: usize| places.partition_point(|p| (*p as usize) < end);
        &places[at(part.start)..at(part.end)]
    }

    fn counts(&self, part: &Range<usize>) -> Counts {
        let middle = middle(part);
        let mut out = Counts { sum: 0.0, along: 0.0, square: 0.0, lag: 0.0 };
        for i in 0..self.view.runs.len() {
            for &place in self.inside(i, part) {
                let place = place as usize;
                out.sum += 1.0;
                out.along += place as f64 - middle;
                out.square += self.tails.count(place, self.base());
                if place + 1 < part.end {
                    out.lag += self.tails.count(place + 1, self.base());
                }
            }
        }
        out
    }

    /// Sums of one player about the profile, which is the counts over the number of baseline runs.
    fn about(&self, i: usize, part: &Range<usize>, counts: &Counts) -> About {
        let (k, n) = (self.view.runs.len() as f64, part.len() as f64);
        let (base, middle, places) = (self.base(), middle(part), self.inside(i, part));
        let (mut along, mut with, mut next_with, mut next) = (0.0, 0.0, 0.0, 0.0);
        for &place in places {
            let place = place as usize;
            along += place as f64 - middle;
            with += self.tails.count(place, base);
            if place > part.start {
                next_with += self.tails.count(place - 1, base);
            }
            if place + 1 < part.end {
                next_with += self.tails.count(place + 1, base);
                next += ((self.tails.masks[place + 1] >> i) & 1) as f64;
            }
        }
        // Whole numbers up to the division: runs with the same tails are exactly still.
        let own = places.len() as f64;
        let (sum, along) = ((k * own - counts.sum) / k, (k * along - counts.along) / k);
        let square = (k * (k * own - 2.0 * with) + counts.square) / (k * k);
        let lag = (k * (k * next - next_with) + counts.lag) / (k * k);
        let value = |place: usize| ((self.tails.masks[place] >> i) & 1) as f64 - self.tails.count(place, base) / k;
        let (first, last, edge) = (value(part.start), value(part.end - 1), (n - 1.0) / 2.0);
        let ramp = n * (n * n - 1.0) / 12.0;
        let (mean, slope) = (sum / n, along / ramp);
        // Products of each with the time of its neighbour, and of the times of neighbours.
        let crossed = 2.0 * along - edge * (last - first) + first - last;
        let times = ramp - edge * edge - edge;
        About {
            slope,
            square: square - n * mean * mean - slope * slope * ramp,
            lag: lag - mean * (2.0 * sum - first - last) - slope * crossed
                + (n - 1.0) * mean * mean
                + slope * slope * times,
            spread: square - n * mean * mean,
        }
    }

    /// Largest estimate over the block lengths, for the first players.
    fn long_runs(&mut self, asked: usize, part: &Range<usize>) -> Vec<LongRun> {
        let n = part.len();
        let counts = self.counts(part);
        let abouts: Vec<About> = (0..asked).map(|i| self.about(i, part, &counts)).collect();
        self.transform(asked, part);
        let ramp = self.tables.ramp_transform(n);
        let one = |(i, about): (usize, &About)| {
            let r = correlation(n, about.square, about.lag);
            recoloured(n, r, r.map_or(0.0, |r| self.power(i, about.slope * (1.0 - r), r, &ramp)))
        };
        let mut best: Vec<LongRun> = abouts.iter().enumerate().map(one).collect();
        if longer_blocks(n).next().is_some() {
            self.longer(&abouts, part, &mut best);
        }
        best
    }

    /// Transforms of the players without their first sample, then without their last one.
    fn transform(&mut self, asked: usize, part: &Range<usize>) {
        let cosines = self.tables.cosines(part.len());
        let width = cosines.width();
        let mut out = std::mem::take(&mut self.tables.scratch.transforms);
        out.resize(2 * (asked + 1) * width, 0.0);
        let (now, before) = out.split_at_mut((asked + 1) * width);
        let mut folded = std::mem::take(&mut self.tables.scratch.folded);
        for (first, half) in [(part.start + 1, &mut *now), (part.start, &mut *before)] {
            let window = first..first + part.len() - 1;
            let ones = |i: usize, places: &mut Vec<u32>| {
                places.clear();
                let inside = self.inside(i, part).iter().filter(|p| window.contains(&(**p as usize)));
                places.extend(inside.map(|p| p - first as u32));
            };
            cosines.transform_ones(asked, ones, &mut folded, half);
        }
        self.tables.scratch.folded = folded;
        let base = self.view.runs.len();
        for half in [now, before] {
            let (players, mean) = half.split_at_mut(asked * width);
            profile(players.chunks_exact(width).take(base), &mut self.tables.scratch.profile);
            mean.copy_from_slice(&self.tables.scratch.profile);
        }
        self.tables.scratch.transforms = out;
    }

    /// Power of a player about the profile, prewhitened with `r`; `slope` is what prewhitening leaves of its trend.
    fn power(&self, i: usize, slope: f64, r: f64, ramp: &[f64]) -> f64 {
        let width = ramp.len();
        let all = &self.tables.scratch.transforms;
        let (now, before) = all.split_at(all.len() / 2);
        let mean = now.len() - width;
        let own = i * width..(i + 1) * width;
        let now = now[own.clone()].iter().zip(&now[mean..]);
        let before = before[own].iter().zip(&before[mean..]);
        let terms = now.zip(before).zip(ramp).map(|((a, b), t)| (a.0 - a.1) - r * (b.0 - b.1) - slope * t);
        terms.map(|v| v * v).sum()
    }

    /// Estimates of longer blocks, where they are larger.
    fn longer(&mut self, abouts: &[About], part: &Range<usize>, best: &mut [LongRun]) {
        let base = self.view.runs.len();
        let mut rows = std::mem::take(&mut self.tables.scratch.rows);
        let mut series = std::mem::take(&mut self.tables.scratch.series);
        let Some((step, _)) = longer_blocks(part.len()).next() else { return };
        let blocks = part.len() / step;
        rows.shape(abouts.iter().map(|_| blocks));
        for i in 0..abouts.len() {
            let row = rows.row_mut(i);
            row.fill(0.0);
            let places = self.inside(i, part).iter().map(|place| (*place as usize - part.start) / step);
            places.take_while(|block| *block < blocks).for_each(|block| row[block] += 1.0 / step as f64);
        }
        profile((0..base).map(|i| rows.row(i)), &mut self.tables.scratch.profile);
        let ramp = self.tables.ramp(blocks);
        for first in (0..abouts.len()).step_by(BATCH) {
            let players = first..abouts.len().min(first + BATCH);
            series.resize_with(series.len().max(BATCH), Vec::new);
            let batch = &mut series[..players.len()];
            for (i, z) in players.clone().zip(batch.iter_mut()) {
                let slope = abouts[i].slope * step as f64;
                subtract_line(rows.row(i), &self.tables.scratch.profile, (slope, &ramp.times), z);
            }
            let mut own = step;
            for (step, length) in longer_blocks(part.len()) {
                batch.iter_mut().for_each(|z| block_means(z, step / own));
                own = 1;
                keep_largest(&mut best[players.clone()], &prewhitened(batch, self.tables), length);
            }
        }
        (self.tables.scratch.rows, self.tables.scratch.series) = (rows, series);
    }
}

fn middle(part: &Range<usize>) -> f64 {
    part.start as f64 + (part.len() as f64 - 1.0) / 2.0
}
