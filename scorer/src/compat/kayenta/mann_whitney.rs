//! Mann-Whitney test as an interval: the shifts that it does not reject, and the shift it fits best.
//!
//! The large-sample branch of R's `wilcox.test(conf.int = TRUE)`: normal approximation with tie and continuity
//! correction (Bauer 1972; Hollander and Wolfe 1999, chapter 4), solved for the shift by root search.

use super::brent::{Point, root};
use super::ranking::pooled_ranks;
use crate::special::normal_quantile;

/// Interval and estimate of the shift of the first sample against the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Lower limit.
    pub lower: f64,
    /// Upper limit.
    pub upper: f64,
    /// Hodges-Lehmann estimate.
    pub estimate: f64,
}

/// Why there is no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MannWhitneyError {
    /// A sample has no values.
    #[error("a sample is empty")]
    Empty,
    /// At some shift all values are equal, so that their ranks have no variance.
    #[error("all values are tied at a shift of the search")]
    AllTied,
}

/// Standardised rank sum of `x - shift` in the pool with `y`, less `quantile`.
pub fn standardised(shift: f64, quantile: f64, x: &[f64], y: &[f64]) -> Result<f64, MannWhitneyError> {
    let (n, m) = (x.len() as f64, y.len() as f64);
    let ranks = pooled_ranks(x.iter().map(|v| v - shift), y);
    let excess = ranks.first_sum - n * (n + 1.0) / 2.0 - n * m / 2.0;
    let continuity = if excess == 0.0 { 0.0 } else { 0.5 * excess.signum() };
    let pooled = n + m;
    let sigma = ((n * m / 12.0) * ((pooled + 1.0) - ranks.ties / (pooled * (pooled - 1.0)))).sqrt();
    if sigma == 0.0 { Err(MannWhitneyError::AllTied) } else { Ok((excess - continuity) / sigma - quantile) }
}

/// Two-sided interval at level `confidence` and estimate of the shift of `x` against `y`.
pub fn shift(x: &[f64], y: &[f64], confidence: f64) -> Result<Shift, MannWhitneyError> {
    if x.is_empty() || y.is_empty() {
        return Err(MannWhitneyError::Empty);
    }
    let quantile = normal_quantile((1.0 - confidence) / 2.0);
    let search = Search::new(x, y);
    Ok(Shift {
        lower: search.limit(-quantile)?,
        upper: search.limit(quantile)?,
        estimate: search.between(search.ends(0.0)?, 0.0)?,
    })
}

/// The root search of one pair of samples.
struct Search<'a> {
    x: &'a [f64],
    y: &'a [f64],
    low: f64,
    high: f64,
}

impl<'a> Search<'a> {
    fn new(x: &'a [f64], y: &'a [f64]) -> Self {
        let min = |v: &[f64]| v.iter().copied().fold(f64::NAN, f64::min);
        let max = |v: &[f64]| v.iter().copied().fold(f64::NAN, f64::max);
        Self { x, y, low: min(x) - max(y), high: max(x) - min(y) }
    }

    /// The function at the smallest and largest shift that the samples allow.
    fn ends(&self, quantile: f64) -> Result<[Point; 2], MannWhitneyError> {
        let at = |x: f64| Ok(Point { x, y: standardised(x, quantile, self.x, self.y)? });
        Ok([at(self.low)?, at(self.high)?])
    }

    fn between(&self, [low, high]: [Point; 2], quantile: f64) -> Result<f64, MannWhitneyError> {
        root(low, high, |shift| standardised(shift, quantile, self.x, self.y))
    }

    /// A limit of the interval: the root, or the end that the function does not cross.
    fn limit(&self, quantile: f64) -> Result<f64, MannWhitneyError> {
        let ends = self.ends(quantile)?;
        match ends {
            [low, _] if low.y <= 0.0 => Ok(low.x),
            [_, high] if high.y >= 0.0 => Ok(high.x),
            _ => self.between(ends, quantile),
        }
    }
}
