//! Fewer points that look the same: peaks stay.

use gate_api::facts::page::POINTS_MAX;

/// One point of a chart before it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Seconds from the origin.
    pub(super) at_s: f64,
    /// Candidate; `None`: absent.
    pub(super) value: Option<f64>,
    /// Lowest of the baseline runs.
    pub(super) low: Option<f64>,
    /// Highest of the baseline runs.
    pub(super) high: Option<f64>,
}

/// At most [`POINTS_MAX`] points. Neighbours share a bucket, of which the lowest and the highest value stay, in order of
/// time, with the span of the bucket's whole band: a single spike is seen in a week of samples.
pub(super) fn thin(points: Vec<Point>) -> Vec<Point> {
    if points.len() <= POINTS_MAX {
        return points;
    }
    let buckets = POINTS_MAX / 2;
    let edge = |i: usize| i * points.len() / buckets;
    (0..buckets).flat_map(|i| extremes(&points[edge(i)..edge(i + 1)])).collect()
}

/// Lowest and highest point of a bucket; one point where they are the same or none has a value.
fn extremes(bucket: &[Point]) -> Vec<Point> {
    let low = bucket.iter().filter_map(|p| p.low).reduce(f64::min);
    let high = bucket.iter().filter_map(|p| p.high).reduce(f64::max);
    let valued = || bucket.iter().enumerate().filter_map(|(i, p)| p.value.map(|v| (i, v)));
    let least = valued().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i);
    let most = valued().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i);
    let mut kept = match (least, most) {
        (Some(least), Some(most)) => vec![least.min(most), least.max(most)],
        _ => vec![bucket.len() / 2],
    };
    kept.dedup();
    kept.into_iter().filter_map(|i| bucket.get(i)).map(|p| Point { low, high, ..*p }).collect()
}

/// Six significant digits: more than a pixel shows, and half the bytes.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}
