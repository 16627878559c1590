//! Summary statistics of a series, as Apache Commons Math defines those that the judge uses.

use serde::Serialize;

/// Arithmetic mean, corrected by the mean of the deviations from it (the two-pass mean of Commons Math); NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let first = values.iter().sum::<f64>() / n;
    first + values.iter().map(|v| v - first).sum::<f64>() / n
}

/// Variance that divides by n - 1, corrected for the rounding of the mean (Chan, Golub and LeVeque 1983); 0 of one value.
pub fn variance(values: &[f64]) -> f64 {
    if values.len() == 1 {
        return 0.0;
    }
    let (n, centre) = (values.len() as f64, mean(values));
    let deviations = || values.iter().map(|v| v - centre);
    let (squares, sum) = (deviations().map(|d| d * d).sum::<f64>(), deviations().sum::<f64>());
    (squares - sum * sum / n) / (n - 1.0)
}

/// Percentile by linear interpolation at 1 + (n - 1) p (type 7 of Hyndman and Fan 1996); NaN values do not count and
/// nothing has the percentile NaN.
pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(&last) = sorted.last() else { return f64::NAN };
    let share = percent / 100.0;
    let position = if share == 1.0 { sorted.len() as f64 } else { 1.0 + (sorted.len() - 1) as f64 * share };
    let whole = position.floor();
    if position < 1.0 {
        return sorted[0];
    }
    match sorted.get(whole as usize) {
        Some(upper) => {
            let lower = sorted[whole as usize - 1];
            lower + (position - whole) * (upper - lower)
        }
        None => last,
    }
}

/// Summary of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Number of values.
    pub count: usize,
}

/// Summary of a series; all zero of nothing.
pub fn summary(values: &[f64]) -> Summary {
    if values.is_empty() {
        return Summary::default();
    }
    Summary {
        min: values.iter().copied().fold(f64::NAN, f64::min),
        max: values.iter().copied().fold(f64::NAN, f64::max),
        mean: mean(values),
        std: variance(values).sqrt(),
        count: values.len(),
    }
}
