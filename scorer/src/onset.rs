//! Where a change began: the place that splits the candidate's differences from the baseline best.

use crate::features::Feature;
use crate::pairing::Pair;
use crate::reading::MetricReading;
use crate::verdict::Shape;

/// Samples that a change must last, and of an excursion.
const SHORTEST: usize = 3;

/// What kind of change the numbers show most clearly.
pub(crate) fn shape(reading: &MetricReading) -> Shape {
    if reading.flags.iter().any(|flag| flag == "counts") {
        return Shape::Events;
    }
    if reading.p_peak < reading.p_fail {
        return Shape::Spike;
    }
    match reading.feature {
        Some(Feature::Drift) => Shape::Growth,
        Some(Feature::Tail) => Shape::Tail,
        Some(Feature::Dispersion) => Shape::Spread,
        Some(Feature::Location | Feature::Level) | None => Shape::Level,
    }
}

/// Sample of the programme with which the change of a metric began.
pub(crate) fn onset(pair: &Pair<'_>, shape: Shape, look: usize) -> Option<usize> {
    let away = differences(pair, look);
    let at = match shape {
        Shape::Spike => excursion(&away)?,
        Shape::Spread => split(&away.iter().map(|(i, d)| (*i, d.abs())).collect::<Vec<_>>(), Before::Own)?,
        Shape::Level | Shape::Growth | Shape::Tail | Shape::Events => split(&away, Before::Baseline)?,
    };
    Some(at)
}

/// Candidate minus the mean of the baseline runs at the same place, for every sample that both sides have.
fn differences(pair: &Pair<'_>, look: usize) -> Vec<(usize, f64)> {
    let Some(candidate) = &pair.candidate else { return Vec::new() };
    let usual = |i: usize| {
        let values: Vec<f64> = pair.baselines.iter().flatten().map(|m| m.value(i)).filter(|v| v.is_finite()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    (0..look).map(|i| (i, candidate.value(i) - usual(i))).filter(|(_, d)| d.is_finite()).collect()
}

/// Where the samples before a change stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// With the baseline.
    Baseline,
    /// Anywhere: their own mean.
    Own,
}

/// Least squares of one step: which place leaves the least unexplained.
fn split(away: &[(usize, f64)], before: Before) -> Option<usize> {
    let n = away.len();
    let total: f64 = away.iter().map(|(_, d)| d).sum();
    let mut best = None;
    let mut sum = 0.0;
    for (k, &(at, d)) in away.iter().enumerate().take(n.saturating_sub(SHORTEST - 1)) {
        let after = total - sum;
        let mut explained = after * after / (n - k) as f64;
        if before == Before::Own && k > 0 {
            explained += sum * sum / k as f64;
        }
        if explained.is_finite() && best.is_none_or(|(most, _)| explained > most) {
            best = Some((explained, at));
        }
        sum += d;
    }
    best.map(|(_, at)| at)
}

/// First sample of the largest mean of three.
fn excursion(away: &[(usize, f64)]) -> Option<usize> {
    let sum = |three: &[(usize, f64)]| three.iter().map(|(_, d)| d).sum::<f64>().abs();
    away.windows(SHORTEST).max_by(|a, b| sum(a).total_cmp(&sum(b))).map(|three| three[0].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_where_it_is() {
        let away: Vec<(usize, f64)> = (0..60)
            .map(|i| (i, f64::from(u8::try_from(i % 3).unwrap_or(0)) - 1.0 + if i < 40 { 0.0 } else { 5.0 }))
            .collect();
        assert_eq!(split(&away, Before::Baseline), Some(40));
        assert_eq!(split(&away, Before::Own), Some(40));
        let from_the_start: Vec<(usize, f64)> = away.iter().map(|(i, d)| (*i, d + 9.0)).collect();
        assert_eq!(split(&from_the_start, Before::Baseline), Some(0));
        assert_eq!(split(&away[..2], Before::Baseline), None);
    }

    #[test]
    fn a_spike_begins_with_its_first_sample() {
        let away: Vec<(usize, f64)> = (0..30).map(|i| (i, if (12..15).contains(&i) { -7.0 } else { 0.5 })).collect();
        assert_eq!(excursion(&away), Some(12));
    }
}
