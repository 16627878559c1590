//! Tables that depend on lengths only: cosines of the long-run variance and normal scores of ranks.

use crate::kernels::Cosines;
use crate::special::normal_quantile;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Tables made once per length and used for every metric, run and replay.
#[derive(Default)]
pub(crate) struct Tables {
    cosines: BTreeMap<usize, Rc<Cosines>>,
    ramps: BTreeMap<usize, Rc<Vec<f64>>>,
    scores: BTreeMap<usize, Rc<Vec<f64>>>,
}

impl Tables {
    /// Cosines for the residuals of a series of `n` samples: `n - 1` values and [`frequencies`] rows.
    pub(crate) fn cosines(&mut self, n: usize) -> Rc<Cosines> {
        Rc::clone(self.cosines.entry(n).or_insert_with(|| Rc::new(Cosines::new(n - 1, frequencies(n)))))
    }

    /// -(n-1)/2, ..., (n-1)/2: times about their middle.
    pub(crate) fn ramp(&mut self, n: usize) -> Rc<Vec<f64>> {
        let middle = (n as f64 - 1.0) / 2.0;
        Rc::clone(self.ramps.entry(n).or_insert_with(|| Rc::new((0..n).map(|i| i as f64 - middle).collect())))
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
