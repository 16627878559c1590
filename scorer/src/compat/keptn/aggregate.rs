//! Earlier results of an objective in one number.

use serde::{Deserialize, Serialize};

/// How earlier values become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// Mean.
    #[default]
    #[serde(alias = "")]
    Avg,
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 95th percentile.
    P95,
}

/// Aggregate of the values; `None` of nothing. An absent value (its measurement failed) does not count.
pub fn aggregate(values: &[Option<f64>], function: Aggregate) -> Option<f64> {
    let mut present: Vec<f64> = values.iter().copied().flatten().collect();
    if present.is_empty() {
        return None;
    }
    let share = match function {
        Aggregate::Avg => return Some(present.iter().sum::<f64>() / present.len() as f64),
        Aggregate::P50 => 0.5,
        Aggregate::P90 => 0.9,
        Aggregate::P95 => 0.95,
    };
    present.sort_unstable_by(f64::total_cmp);
    Some(percentile(&present, share))
}

/// Percentile of sorted values, linear at (n + 1) p (type 6 of Hyndman and Fan 1996); 0 of nothing.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return 0.0 };
    let position = share * (sorted.len() + 1) as f64;
    if position < 1.0 {
        return *first;
    }
    let whole = position.floor();
    match sorted.get(whole as usize) {
        Some(upper) => {
            let lower = sorted[whole as usize - 1];
            lower + (position - whole) * (upper - lower)
        }
        None => *last,
    }
}
