//! Tables that depend on lengths only: cosines of the long-run variance and normal scores of ranks.

use crate::cosines::{Cosines, Folded};
use crate::folds::dot;
use crate::order::Order;
use crate::radix::Sorter;
use crate::special::normal_quantile;
use crate::tail::Tails;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Tables made once per length and used for every metric, run and replay.
#[derive(Default)]
pub(crate) struct Tables {
    cosines: BTreeMap<usize, Rc<Cosines>>,
    ramps: BTreeMap<usize, Rc<Ramp>>,
    ramp_transforms: BTreeMap<usize, Rc<Vec<f64>>>,
    scores: BTreeMap<usize, Rc<Vec<f64>>>,
    /// Memory that one computation after the other uses; nothing in it is read before it is written.
    pub(crate) scratch: Scratch,
}

/// Times of a series about their middle.
pub(crate) struct Ramp {
    /// -(n-1)/2, ..., (n-1)/2.
    pub(crate) times: Vec<f64>,
    /// Sum of their squares.
    pub(crate) square: f64,
}

/// Working memory, so that nothing is allocated per feature and run. Whoever needs a part takes it and puts it back.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Values of one feature: a row for each run.
    pub(crate) rows: Rows,
    /// The same about their common profile.
    pub(crate) centred: Rows,
    /// Common profile.
    pub(crate) profile: Vec<f64>,
    /// Detrended series.
    pub(crate) series: Vec<Vec<f64>>,
    /// Input of the cosine transform.
    pub(crate) folded: Folded,
    /// Output of the cosine transform.
    pub(crate) transforms: Vec<f64>,
    /// Baseline samples below each sample.
    pub(crate) below: Vec<u32>,
    /// Location scores in the order of ranks, where samples tie.
    pub(crate) ranked: Vec<f64>,
    pub(crate) sorter: Sorter,
    pub(crate) order: Order,
    pub(crate) tails: Tails,
    /// Location scores: a row for each run.
    pub(crate) locations: Rows,
}

/// Rows of numbers, one after the other.
#[derive(Default)]
pub(crate) struct Rows {
    flat: Vec<f64>,
    ends: Vec<usize>,
}

impl Rows {
    /// Becomes rows of these lengths; the values are whatever was there.
    pub(crate) fn shape(&mut self, lengths: impl Iterator<Item = usize>) {
        self.ends.clear();
        self.ends.extend(lengths.scan(0, |end, n| {
            *end += n;
            Some(*end)
        }));
        self.flat.resize(self.ends.last().copied().unwrap_or(0), 0.0);
    }

    /// Number of rows.
    pub(crate) fn count(&self) -> usize {
        self.ends.len()
    }

    fn start(&self, i: usize) -> usize {
        if i == 0 { 0 } else { self.ends[i - 1] }
    }

    /// Row `i`.
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.flat[self.start(i)..self.ends[i]]
    }

    /// Row `i`, to be written.
    pub(crate) fn row_mut(&mut self, i: usize) -> &mut [f64] {
        let start = self.start(i);
        &mut self.flat[start..self.ends[i]]
    }
}

impl Tables {
    /// Cosines for the residuals of a series of `n` samples: `n - 1` values and [`frequencies`] rows.
    pub(crate) fn cosines(&mut self, n: usize) -> Rc<Cosines> {
        Rc::clone(self.cosines.entry(n).or_insert_with(|| Rc::new(Cosines::new(n - 1, frequencies(n)))))
    }

    /// Times of `n` samples about their middle.
    pub(crate) fn ramp(&mut self, n: usize) -> Rc<Ramp> {
        let middle = (n as f64 - 1.0) / 2.0;
        let made = self.ramps.entry(n).or_insert_with(|| {
            let times: Vec<f64> = (0..n).map(|i| i as f64 - middle).collect();
            let square = dot(&times, &times);
            Rc::new(Ramp { times, square })
        });
        Rc::clone(made)
    }

    /// Cosine transform of the times of a series of `n` samples without the first (or the last: they differ by a
    /// constant only).
    pub(crate) fn ramp_transform(&mut self, n: usize) -> Rc<Vec<f64>> {
        if let Some(made) = self.ramp_transforms.get(&n) {
            return Rc::clone(made);
        }
        let (ramp, cosines) = (self.ramp(n - 1), self.cosines(n));
        let mut folded = Folded::default();
        cosines.reserve(&mut folded);
        cosines.fold(&mut folded, 0, (&ramp.times, &ramp.times), 0.0);
        let mut out = vec![0.0; cosines.width()];
        cosines.transform(&folded, &mut out);
        Rc::clone(self.ramp_transforms.entry(n).or_insert(Rc::new(out)))
    }

    /// Normal scores of mid-ranks among `pooled` samples: entry i belongs to u = i / (2 pooled), u clipped to
    /// [.5/(N+1), 1 - .5/(N+1)].
    pub(crate) fn scores(&mut self, pooled: usize) -> Rc<Vec<f64>> {
        let made = self.scores.entry(pooled).or_insert_with(|| {
            let n = pooled as f64;
            let edge = 0.5 / (n + 1.0);
            let score = |i: usize| normal_quantile((i as f64 / (2.0 * n)).clamp(edge, 1.0 - edge));
            Rc::new((0..=2 * pooled).map(score).collect())
        });
        Rc::clone(made)
    }
}

/// Number of cosine terms for a series of `n` samples (Lazarus, Lewis, Stock and Watson 2018: .41 n^(2/3)).
pub(crate) fn frequencies(n: usize) -> usize {
    let wanted = (0.41 * (n as f64).powf(2.0 / 3.0)).round_ties_even() as usize;
    wanted.max(4).min(n.saturating_sub(2)).max(2)
}
