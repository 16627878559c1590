//! What happens to the samples before the comparison: absent values, outliers, constant series.

use super::statistics::percentile;
use crate::special::normal_quantile;
use serde::{Deserialize, Serialize};

/// What becomes of an absent (NaN) sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NanStrategy {
    /// It is dropped; a series without samples is missing data.
    #[default]
    Remove,
    /// It counts as 0; a series without samples passes.
    Replace,
}

/// The series without NaN.
pub fn handle_nans(values: &[f64], strategy: NanStrategy) -> Vec<f64> {
    match strategy {
        NanStrategy::Remove => values.iter().copied().filter(|v| !v.is_nan()).collect(),
        NanStrategy::Replace => values.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).collect(),
    }
}

/// How far the fences of the outlier detector lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fences {
    /// At the quartiles plus and minus a multiple of their distance (Tukey).
    Quartiles,
    /// Likewise, but never inside the 1st and 99th percentile; the judge uses these.
    AtLeastPercentiles,
}

/// Which values lie outside the fences, `factor` interquartile ranges beyond the quartiles.
pub fn outliers(values: &[f64], factor: f64, fences: Fences) -> Vec<bool> {
    let (q1, q3) = (percentile(values, 25.0), percentile(values, 75.0));
    let reach = factor * (q3 - q1);
    let (low, high) = match fences {
        Fences::Quartiles => (q1 - reach, q3 + reach),
        Fences::AtLeastPercentiles => {
            let (low, high) = (q1 - reach, q3 + reach);
            let (p01, p99) = (percentile(values, 1.0), percentile(values, 99.0));
            (if p01 < low { p01 } else { low }, if p99 > high { p99 } else { high })
        }
    };
    values.iter().map(|&v| v > high || v < low).collect()
}

/// The values that are no outliers, in their order.
pub fn without_outliers(values: &[f64], factor: f64, fences: Fences) -> Vec<f64> {
    let outlying = outliers(values, factor, fences);
    values.iter().zip(outlying).filter(|(_, out)| !out).map(|(v, _)| *v).collect()
}

/// Adds noise of mean `mean` and standard deviation `sd`.
///
/// Kayenta draws it at random without a seed. Here the k-th of n values gets the normal quantile of (k - 1/2)/n, so
/// that the same input always has the same result; only the ranks of the result matter.
pub fn with_noise(values: &[f64], mean: f64, sd: f64) -> Vec<f64> {
    let n = values.len() as f64;
    let noise = |k: usize| mean + sd * normal_quantile((k as f64 + 0.5) / n);
    values.iter().enumerate().map(|(k, v)| v + noise(k)).collect()
}
