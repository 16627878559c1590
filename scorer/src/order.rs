//! All samples of a metric in rising order, made once and read by the candidate and by every replay.

use std::borrow::Cow;
use std::ops::Range;

/// Bits of a digit of the radix sort.
const DIGIT: u32 = 11;
/// Moves a sample that the last step of the radix sort may take before the samples count as unfit for it.
const PATIENCE: usize = 8;
/// Walks of the margin's search that go on side by side.
const WALKS: usize = 4;

/// One sample in the order of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked {
    pub(crate) value: f64,
    /// Run; the candidate is the last.
    pub(crate) run: u32,
    /// Place in its run.
    pub(crate) place: u32,
}

/// All samples of all runs in rising order, and those of every run.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) all: Vec<Ranked>,
    runs: Vec<Vec<f64>>,
    /// Samples below each sample plus the margin; empty without a margin.
    pub(crate) shifted: Vec<u32>,
    /// Least difference of two samples, and of a sample plus the margin and another; infinite of nothing.
    pub(crate) least_gap: f64,
}

impl Order {
    /// Of runs with finite values, and the margin of their metric.
    pub(crate) fn of(runs: &[Vec<f64>], margin: f64) -> Order {
        let mut all: Vec<Ranked> = Vec::with_capacity(runs.iter().map(Vec::len).sum());
        for (run, values) in (0_u32..).zip(runs) {
            all.extend((0_u32..).zip(values).map(|(place, &value)| Ranked { value, run, place }));
        }
        sort(&mut all, &mut Vec::new());
        let mut sorted: Vec<Vec<f64>> = runs.iter().map(|r| Vec::with_capacity(r.len())).collect();
        for ranked in &all {
            sorted[ranked.run as usize].push(ranked.value);
        }
        let mut order = Order { all, runs: sorted, shifted: Vec::new(), least_gap: f64::INFINITY };
        order.least_gap = order.all.windows(2).map(|pair| pair[1].value - pair[0].value).fold(f64::INFINITY, f64::min);
        if margin > 0.0 {
            order.shift(margin);
        }
        order
    }

    /// Finds where every sample would stand if the margin were added to it.
    fn shift(&mut self, margin: f64) {
        let count = self.all.len();
        let value = |i: usize| self.all.get(i).map_or(f64::INFINITY, |r| r.value);
        self.shifted.resize(count, 0);
        // Several walks side by side: each step of one waits for its last.
        let stretch = count.div_ceil(WALKS);
        let start = |walk: usize| (walk * stretch).min(count);
        let mut at: [usize; WALKS] =
            std::array::from_fn(|w| self.all.partition_point(|r| r.value < value(start(w)) + margin));
        let mut gaps = [f64::INFINITY; WALKS];
        for step in 0..stretch {
            for walk in 0..WALKS {
                let i = start(walk) + step;
                if i >= count {
                    continue;
                }
                let moved = self.all[i].value + margin;
                while value(at[walk]) < moved {
                    at[walk] += 1;
                }
                let below = if at[walk] > 0 { moved - self.all[at[walk] - 1].value } else { f64::INFINITY };
                gaps[walk] = gaps[walk].min(below).min(value(at[walk]) - moved);
                self.shifted[i] = at[walk] as u32;
            }
        }
        self.least_gap = gaps.into_iter().fold(self.least_gap, f64::min);
    }

    /// Runs, the candidate included.
    pub(crate) fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// Samples of the longest run.
    pub(crate) fn longest_run(&self) -> usize {
        self.runs.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Values of one run in rising order.
    pub(crate) fn run(&self, run: usize) -> &[f64] {
        &self.runs[run]
    }

    /// Values of a part of a run in rising order.
    pub(crate) fn part(&self, run: usize, cut: &Range<usize>) -> Cow<'_, [f64]> {
        if cut.len() == self.runs[run].len() {
            return Cow::Borrowed(&self.runs[run]);
        }
        let inside = |r: &&Ranked| r.run as usize == run && cut.contains(&(r.place as usize));
        self.all.iter().filter(inside).map(|r| r.value).collect()
    }
}

/// Bits that rise with the value.
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    bits ^ ((bits as i64 >> 63) as u64 | 1 << 63)
}

/// Sorts by value, then by the order given: by the 22 highest bits in which values differ, digit by digit, then by
/// insertion. `spare` is working memory.
fn sort(all: &mut Vec<Ranked>, spare: &mut Vec<Ranked>) {
    let Some(first) = all.first().map(|r| key(r.value)) else { return };
    let differing = all.iter().fold(0, |bits, r| bits | (key(r.value) ^ first));
    let shift = (u64::BITS - differing.leading_zeros()).saturating_sub(2 * DIGIT);
    spare.clone_from(all);
    for digit in 0..2 {
        let place = |r: &Ranked| (key(r.value) >> (shift + digit * DIGIT)) as usize & ((1 << DIGIT) - 1);
        let mut starts = [0_u32; 1 << DIGIT];
        all.iter().for_each(|r| starts[place(r)] += 1);
        let mut sum = 0;
        starts.iter_mut().for_each(|s| sum += std::mem::replace(s, sum));
        for ranked in all.iter() {
            let to = &mut starts[place(ranked)];
            spare[*to as usize] = *ranked;
            *to += 1;
        }
        std::mem::swap(all, spare);
    }
    let mut patience = PATIENCE * all.len();
    for i in 1..all.len() {
        let ranked = all[i];
        let own = key(ranked.value);
        let mut to = i;
        while to > 0 && key(all[to - 1].value) > own {
            all[to] = all[to - 1];
            to -= 1;
        }
        all[to] = ranked;
        patience = patience.saturating_sub(i - to);
        if patience == 0 {
            all.sort_by(|a, b| a.value.total_cmp(&b.value));
            return;
        }
    }
}

/// Median absolute deviation from the median of values in rising order; NaN of nothing.
pub(crate) fn sorted_mad(sorted: &[f64], middle: f64) -> f64 {
    let n = sorted.len();
    if n == 0 {
        return f64::NAN;
    }
    let split = sorted.partition_point(|v| *v < middle);
    let (below, above) = sorted.split_at(split);
    let nearest = |k: usize| nearest(below, above, middle, k);
    if n % 2 == 1 { nearest(n / 2) } else { 0.5 * (nearest(n / 2 - 1) + nearest(n / 2)) }
}

/// The k-th smallest distance from `middle` to values below it (rising) and not below it (rising).
fn nearest(below: &[f64], above: &[f64], middle: f64, k: usize) -> f64 {
    let down = |i: usize| (below[below.len() - 1 - i] - middle).abs();
    let up = |i: usize| (above[i] - middle).abs();
    // How many of the k nearest are below: the least number whose next one is farther than the last one above.
    let (mut low, mut high) = (k.saturating_sub(above.len()), k.min(below.len()));
    while low < high {
        let i = usize::midpoint(low, high);
        if k - i > 0 && i < below.len() && down(i) < up(k - i - 1) { low = i + 1 } else { high = i }
    }
    match (low < below.len(), k - low < above.len()) {
        (true, true) => down(low).min(up(k - low)),
        (true, false) => down(low),
        (false, _) => up(k - low),
    }
}

/// Quantile (type 7 of Hyndman and Fan 1996) near the upper end of the values of several runs, each in rising order and
/// shifted by its own offset: a walk down from the top.
pub(crate) fn upper_quantile(runs: &[(&[f64], f64)], share: f64) -> f64 {
    let count: usize = runs.iter().map(|(r, _)| r.len()).sum();
    if count == 0 {
        return f64::NAN;
    }
    let position = share * (count - 1) as f64;
    let low = position.floor() as usize;
    let mut left: Vec<usize> = runs.iter().map(|(r, _)| r.len()).collect();
    let (mut at, mut next) = (f64::NAN, f64::INFINITY);
    for _ in low..count {
        let mut top = (f64::NEG_INFINITY, 0);
        for (i, (run, shift)) in runs.iter().enumerate() {
            if left[i] > 0 {
                let value = run[left[i] - 1] - shift;
                if value >= top.0 {
                    top = (value, i);
                }
            }
        }
        left[top.1] -= 1;
        (next, at) = (if at.is_nan() { f64::INFINITY } else { at }, top.0);
    }
    if next.is_finite() { at + (next - at) * (position - low as f64) } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptive::{median, quantile, sorted_median};

    fn noise(n: usize, step: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * step + 13) % 97) as f64 / 4.0).collect()
    }

    #[test]
    fn deviations_are_those_of_a_full_sort() {
        for n in [1, 2, 3, 4, 5, 10, 96, 97, 150] {
            let mut values = noise(n, 31);
            values.sort_by(f64::total_cmp);
            let middle = sorted_median(&values);
            let away: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
            assert_eq!(sorted_mad(&values, middle), median(&away), "{n}");
        }
    }

    #[test]
    fn sorting_is_stable_whatever_the_samples() {
        let wild = |i: usize| [0.0, -0.0, 1e300, -1e300, 5e-324, -1.5][i % 6] + noise(i + 1, 31)[i];
        let close = |i: usize| if i == 0 { -1e300 } else { 100.0 + ((i * 7919) % 997) as f64 * 1e-9 };
        let falling = |i: usize| -(i as f64);
        for of in [&wild as &dyn Fn(usize) -> f64, &close, &falling, &|_| 4.0] {
            for n in [0, 1, 2, 50, 700] {
                let run: Vec<f64> = (0..n).map(of).collect();
                let mut want: Vec<(f64, u32)> = run.iter().copied().zip(0..).collect();
                want.sort_by(|a, b| a.0.total_cmp(&b.0));
                let got = Order::of(&[run], 0.0).all;
                assert!(got.iter().zip(&want).all(|(g, w)| (g.value, g.place) == *w), "{n}");
            }
        }
    }

    #[test]
    fn quantiles_of_shifted_runs_are_those_of_a_pool() {
        for n in [1, 2, 7, 40] {
            let (mut a, mut b) = (noise(n, 31), noise(2 * n, 57));
            a.sort_by(f64::total_cmp);
            b.sort_by(f64::total_cmp);
            let pool: Vec<f64> = a.iter().map(|v| v - 3.0).chain(b.iter().map(|v| v - 1.5)).collect();
            assert_eq!(upper_quantile(&[(&a, 3.0), (&b, 1.5)], 0.95), quantile(pool, 0.95), "{n}");
        }
    }
}
