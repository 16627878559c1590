//! Means, variances and quantiles of one series.

use crate::folds::{squares_about, sum};

/// Standard deviations of a normal series in one median absolute deviation.
pub(crate) const MAD_TO_SD: f64 = 1.4826;

/// Mean; NaN of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    sum(values) / values.len() as f64
}

/// Sum of squares about the mean.
pub(crate) fn squares_about_mean(values: &[f64]) -> f64 {
    squares_about(values, mean(values))
}

/// Variance that divides by n.
pub(crate) fn variance(values: &[f64]) -> f64 {
    squares_about_mean(values) / values.len() as f64
}

/// Variance that divides by n - 1.
pub(crate) fn sample_variance(values: &[f64]) -> f64 {
    squares_about_mean(values) / (values.len() as f64 - 1.0)
}

/// Median; the mean of the two middle values of an even number; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let mut work = values.to_vec();
    let middle = work.len() / 2;
    let (below, at, _) = work.select_nth_unstable_by(middle, f64::total_cmp);
    let at = *at;
    if values.len() % 2 == 1 {
        return at;
    }
    let under = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * (under + at)
}

/// Median of values in rising order.
pub(crate) fn sorted_median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    if n == 0 {
        return f64::NAN;
    }
    if n % 2 == 1 { sorted[n / 2] } else { 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]) }
}

/// Quantile that interpolates between order statistics (type 7 of Hyndman and Fan 1996); NaN of nothing.
#[cfg(test)]
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let position = share * (values.len() - 1) as f64;
    let low = position.floor() as usize;
    let (_, at, above) = values.select_nth_unstable_by(low, f64::total_cmp);
    let at = *at;
    let next = above.iter().copied().fold(f64::INFINITY, f64::min);
    if next.is_finite() { at + (next - at) * (position - low as f64) } else { at }
}

/// Robust standard deviation about a known median: 1.4826 MAD, or the plain one where more than half of the values
/// are equal.
pub(crate) fn robust_sd(values: &[f64], median_value: f64) -> f64 {
    let away: Vec<f64> = values.iter().map(|v| (v - median_value).abs()).collect();
    let mad = median(&away) * MAD_TO_SD;
    if mad > 0.0 { mad } else { variance(values).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_and_medians_halve() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(sorted_median(&[1.0, 2.0, 3.0, 4.0]), 2.5);
        assert!((quantile((1..=10).map(f64::from).collect(), 0.95) - 9.55).abs() < 1e-12);
        assert_eq!(quantile(vec![7.0], 0.95), 7.0);
    }

    #[test]
    fn robust_sd_falls_back_to_the_plain_one() {
        assert_eq!(robust_sd(&[0.0, 1.0, 2.0, 3.0, 100.0], 2.0), 1.4826);
        assert_eq!(robust_sd(&[1.0, 1.0, 1.0, 5.0], 1.0), variance(&[1.0, 1.0, 1.0, 5.0]).sqrt());
    }
}
