//! Where a change began: the place that splits the candidate's differences from the baseline best.

use crate::descriptive::median;
use crate::features::Feature;
use crate::grid::Grid;
use crate::pairing::Pair;
use crate::reading::MetricReading;
use crate::report::Flag;
use crate::verdict::{Change, Shape};

/// An excursion is so many times as far from the baseline as the middle sample.
const STANDS_OUT: f64 = 3.0;
/// Samples that a change must last, and of an excursion.
pub(crate) const SHORTEST: usize = 3;

/// How a metric that got worse changed, and where it began.
pub(crate) fn change(pair: &Pair<'_>, reading: &MetricReading, grid: &Grid, look: usize) -> Change {
    let away = differences(pair, look);
    let shape = shape(reading, &away);
    let onset = match shape {
        Shape::Spike => excursion(&away).map(|(_, at)| at),
        Shape::Level | Shape::Events => split(&away).map(|(_, at)| at),
        // These have no beginning.
        Shape::Growth | Shape::Tail | Shape::Spread => None,
    };
    Change {
        shape,
        onset_ms: onset.and_then(|at| grid.time_of(at)),
        phase: onset.and_then(|at| grid.phase_of(at)).map(|phase| phase.name.clone()),
        onset_sample: onset.unwrap_or(0),
    }
}

/// What kind of change the numbers show most clearly.
fn shape(reading: &MetricReading, away: &[(usize, f64)]) -> Shape {
    if reading.flags.iter().any(|flag| flag == Flag::Counts.name()) {
        return Shape::Events;
    }
    if reading.p_peak < reading.p_fail && stands_out(away) {
        return Shape::Spike;
    }
    match reading.feature {
        Some(Feature::Tail | Feature::Dispersion) if both_sides(away) => Shape::Spread,
        Some(Feature::Tail | Feature::Dispersion) => Shape::Tail,
        // A straight line from nothing explains a leak better than any step does.
        _ if line(away) > split(away).map_or(0.0, |(explained, _)| explained) => Shape::Growth,
        _ => Shape::Level,
    }
}

/// Candidate minus the mean of the baseline runs at the same place, for every sample that both sides have.
fn differences(pair: &Pair<'_>, look: usize) -> Vec<(usize, f64)> {
    let usual = |i: usize| {
        let values: Vec<f64> = pair.compared_before(i).into_iter().filter(|v| v.is_finite()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    (0..look).map(|i| (i, pair.compared(i) - usual(i))).filter(|(_, d)| d.is_finite()).collect()
}

/// Least squares of one step up from the baseline: how much it explains, and where it is.
fn split(away: &[(usize, f64)]) -> Option<(f64, usize)> {
    let n = away.len();
    let mut after: f64 = away.iter().map(|(_, d)| d).sum();
    let mut best: Option<(f64, usize)> = None;
    for (k, (at, d)) in away.iter().enumerate().take(n.saturating_sub(SHORTEST - 1)) {
        let explained = after * after / (n - k) as f64;
        if explained.is_finite() && best.is_none_or(|(most, _)| explained > most) {
            best = Some((explained, *at));
        }
        after -= d;
    }
    best
}

/// Least squares of a line that begins with nothing: how much it explains.
fn line(away: &[(usize, f64)]) -> f64 {
    let (mut along, mut square) = (0.0, 0.0);
    for (i, d) in away {
        along += *i as f64 * d;
        square += (*i as f64) * (*i as f64);
    }
    if square > 0.0 { along * along / square } else { 0.0 }
}

/// Whether far samples lie on both sides of the middle: the farthest twentieth, at least a quarter of it on the thinner side.
fn both_sides(away: &[(usize, f64)]) -> bool {
    let mut values: Vec<f64> = away.iter().map(|(_, d)| *d).collect();
    if values.is_empty() {
        return false;
    }
    let middle = median(&values);
    values.sort_by(|a, b| (b - middle).abs().total_cmp(&(a - middle).abs()));
    values.truncate((values.len() / 20).max(1));
    let below = values.iter().filter(|v| **v < middle).count();
    4 * below.min(values.len() - below) >= values.len()
}

/// The largest mean of three, and its first sample.
fn excursion(away: &[(usize, f64)]) -> Option<(f64, usize)> {
    let mean = |three: &[(usize, f64)]| three.iter().map(|(_, d)| d).sum::<f64>().abs() / SHORTEST as f64;
    let means = away.windows(SHORTEST).map(|three| (mean(three), three[0].0));
    means.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
}

/// Whether the largest excursion is far beyond what the other samples do: a shift of all of them has one too.
fn stands_out(away: &[(usize, f64)]) -> bool {
    let values: Vec<f64> = away.iter().map(|(_, d)| *d).collect();
    excursion(away).is_some_and(|(size, _)| size > STANDS_OUT * median(&values).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_where_it_is() {
        let away: Vec<(usize, f64)> = (0..60)
            .map(|i| (i, f64::from(u8::try_from(i % 3).unwrap_or(0)) - 1.0 + if i < 40 { 0.0 } else { 5.0 }))
            .collect();
        let at = |away: &[(usize, f64)]| split(away).map(|(_, at)| at);
        assert_eq!(at(&away), Some(40));
        let from_the_start: Vec<(usize, f64)> = away.iter().map(|(i, d)| (*i, d + 9.0)).collect();
        assert_eq!(at(&from_the_start), Some(0));
        assert_eq!(at(&away[..2]), None);
    }

    #[test]
    fn a_leak_is_a_line_and_noise_has_two_sides() {
        let noise = |i: usize| f64::from(u8::try_from(i * 7 % 11).unwrap_or(0)) - 5.0;
        let leak: Vec<(usize, f64)> = (0..90).map(|i| (i, noise(i) + i as f64)).collect();
        assert!(line(&leak) > split(&leak).map_or(0.0, |(explained, _)| explained));
        let wide: Vec<(usize, f64)> = (0..90).map(|i| (i, (i * 37 % 91) as f64 - 45.0)).collect();
        assert!(both_sides(&wide) && !both_sides(&[]));
        let tail: Vec<(usize, f64)> = (0..90).map(|i| (i, noise(i) + if i % 8 == 0 { 40.0 } else { 0.0 })).collect();
        assert!(!both_sides(&tail));
    }

    #[test]
    fn a_spike_begins_with_its_first_sample() {
        let away: Vec<(usize, f64)> = (0..30).map(|i| (i, if (12..15).contains(&i) { -7.0 } else { 0.5 })).collect();
        assert_eq!(excursion(&away), Some((7.0, 12)));
        assert!(stands_out(&away));
        let shifted: Vec<(usize, f64)> = away.iter().map(|(i, d)| (*i, d + 12.0)).collect();
        assert!(!stands_out(&shifted));
    }
}
