//! All samples of a metric in rising order, made once and read by the candidate and by every replay.

use crate::folds::least_step;
use crate::radix::Sorter;
use std::borrow::Cow;
use std::ops::Range;

/// Walks of the margin's search that go on side by side.
const WALKS: usize = 4;
/// Samples that a walk looks at together.
const AHEAD: usize = 4;

/// All samples of all runs in rising order, and those of every run.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Values in rising order.
    pub(crate) values: Vec<f64>,
    /// Run of each; the candidate is the last.
    pub(crate) owners: Vec<u32>,
    /// Rank of every sample, run after run.
    ranks: Vec<u32>,
    starts: Vec<usize>,
    /// Values of every run in rising order, run after run.
    sorted: Vec<f64>,
    /// Places of those in their run.
    places: Vec<u32>,
    /// Samples below each sample plus the margin; empty without a margin.
    pub(crate) shifted: Vec<u32>,
    /// Least difference of two samples, and of a sample plus the margin and another; infinite of nothing.
    pub(crate) least_gap: f64,
    /// Distance of each sample plus the margin to the nearest sample.
    pub(crate) slack: Vec<f64>,
}

impl Order {
    /// Becomes the order of runs with finite values, in the memory of the last one.
    pub(crate) fn sort(&mut self, runs: &[Vec<f64>], sorter: &mut Sorter) {
        let all = sorter.sorted(runs);
        let ends = runs.iter().scan(0, |end, r| {
            *end += r.len();
            Some(*end)
        });
        self.starts.clear();
        self.starts.extend([0].into_iter().chain(ends));
        self.values.resize(all.len(), 0.0);
        self.sorted.resize(all.len(), 0.0);
        for whole in [&mut self.owners, &mut self.ranks, &mut self.places] {
            whole.resize(all.len(), 0);
        }
        let mut next = self.starts.clone();
        let by_rank = self.values.iter_mut().zip(&mut self.owners);
        for ((rank, entry), (value, owner)) in (0..).zip(all).zip(by_rank) {
            (*value, *owner) = (entry.value(), entry.run);
            self.ranks[entry.spot as usize] = rank;
            let run = entry.run as usize;
            let to = next[run];
            next[run] = to + 1;
            self.sorted[to] = *value;
            self.places[to] = entry.spot - self.starts[run] as u32;
        }
        self.least_gap = least_step(&self.values);
    }

    /// Finds where every sample would stand if the margin were added to it.
    pub(crate) fn shift(&mut self, margin: f64) {
        let count = self.values.len();
        self.shifted.clear();
        self.slack.clear();
        if count == 0 || margin <= 0.0 {
            return;
        }
        self.values.extend([f64::INFINITY; AHEAD]);
        self.shifted.resize(count, 0);
        self.slack.resize(count, 0.0);
        let values = &self.values[..];
        // Several walks side by side: each step of one waits for its last.
        let stretch = count.div_ceil(WALKS);
        let start: [usize; WALKS] = std::array::from_fn(|walk| (walk * stretch).min(count));
        let mut at = start.map(|i| values.partition_point(|v| *v < values[i] + margin).min(count));
        let mut gaps = [self.least_gap; WALKS];
        for step in 0..stretch {
            for walk in 0..WALKS {
                let i = (start[walk] + step).min(count - 1);
                let (moved, mut to) = (values[i] + margin, at[walk]);
                // Counted four at a time, so that hardly a branch depends on the samples.
                loop {
                    let next = &values[to..to + AHEAD];
                    let passed = next.iter().map(|v| usize::from(*v < moved)).sum::<usize>();
                    to += passed;
                    if passed < AHEAD {
                        break;
                    }
                }
                let below = moved - if to > 0 { values[to - 1] } else { f64::NEG_INFINITY };
                let above = values[to] - moved;
                let gap = if below < above { below } else { above };
                gaps[walk] = if gap < gaps[walk] { gap } else { gaps[walk] };
                at[walk] = to;
                self.slack[i] = gap;
                self.shifted[i] = to as u32;
            }
        }
        self.values.truncate(count);
        self.least_gap = gaps.into_iter().fold(f64::INFINITY, f64::min);
    }

    fn span(&self, run: usize) -> Range<usize> {
        self.starts[run]..self.starts[run + 1]
    }

    /// Ranks of the samples of one run.
    pub(crate) fn ranks(&self, run: usize) -> &[u32] {
        &self.ranks[self.span(run)]
    }

    /// Places of the samples of one run by rising value.
    pub(crate) fn places(&self, run: usize) -> &[u32] {
        &self.places[self.span(run)]
    }

    /// Values of one run in rising order.
    pub(crate) fn run(&self, run: usize) -> &[f64] {
        &self.sorted[self.span(run)]
    }

    /// Values of a part of a run in rising order.
    pub(crate) fn part(&self, run: usize, cut: &Range<usize>) -> Cow<'_, [f64]> {
        if cut.len() == self.span(run).len() {
            return Cow::Borrowed(self.run(run));
        }
        let mut ranks = self.ranks(run)[cut.clone()].to_vec();
        ranks.sort_unstable();
        ranks.into_iter().map(|rank| self.values[rank as usize]).collect()
    }
}

/// Median of the distances from `middle` of `n` values, of which `at` gives each in rising order and the first `split`
/// are below `middle`; NaN of nothing.
pub(crate) fn median_deviation(n: usize, split: usize, middle: f64, at: impl Fn(usize) -> f64) -> f64 {
    let down = |i: usize| (at(split - 1 - i) - middle).abs();
    let up = |i: usize| (at(split + i) - middle).abs();
    let nearest = |k: usize| {
        // How many of the k nearest are below: the least number whose next one is farther than the last one above.
        let (mut low, mut high) = (k.saturating_sub(n - split), k.min(split));
        while low < high {
            let i = usize::midpoint(low, high);
            if k - i > 0 && i < split && down(i) < up(k - i - 1) { low = i + 1 } else { high = i }
        }
        match (low < split, k - low < n - split) {
            (true, true) => down(low).min(up(k - low)),
            (true, false) => down(low),
            (false, _) => up(k - low),
        }
    };
    match n {
        0 => f64::NAN,
        n if n % 2 == 1 => nearest(n / 2),
        n => 0.5 * (nearest(n / 2 - 1) + nearest(n / 2)),
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
            let split = values.partition_point(|v| *v < middle);
            assert_eq!(median_deviation(n, split, middle, |i| values[i]), median(&away), "{n}");
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
