//! Absolute objectives: broken for long enough, and held over the whole run.

use crate::form::FormedMetric;
use crate::metric::{Kind, Samples};
use crate::signal::{Signal, Worse};

/// A stretch in which an objective was broken for at least the declared number of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// First broken sample.
    pub from: usize,
    /// Broken samples in a row, the longest stretch of the run.
    pub samples: usize,
    /// Worst value of the stretch, as the objective is written (a share of good events for shares).
    pub worst: f64,
}

/// Whether a whole run held its objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Held {
    /// At or on the good side of it; with the value.
    Yes(f64),
    /// On the bad side; with the value.
    No(f64),
    /// Nothing was measured, or the signal has no side that is good.
    Unknown,
}

/// The longest stretch of at least `broken_after` consecutive broken samples among the first `look`. Samples on both
/// sides of a hole in the time axis (`offsets`: a fault window) are not consecutive. Absent samples neither break nor
/// mend: a target that answers only now and then does not escape.
pub fn broken(signal: &Signal, metric: &FormedMetric, offsets: &[u32], look: usize) -> Option<Broken> {
    let objective = signal.objective?;
    let needed = signal.broken_after.max(1) as usize;
    let mut longest: Option<Broken> = None;
    let mut current: Option<Broken> = None;
    for sample in 0..look.min(metric.len()) {
        let hole = sample > 0 && offsets.get(sample).zip(offsets.get(sample - 1)).is_none_or(|(b, a)| *b != a + 1);
        if hole {
            current = None;
        }
        let value = as_written(metric.kind, metric.value(sample));
        match holds(signal, metric.kind, objective, value) {
            None => {}
            Some(true) => current = None,
            Some(false) => {
                let before = current.take();
                let worst = before.as_ref().map_or(value, |b| worse_of(signal, metric.kind, b.worst, value));
                let (from, samples) = before.map_or((sample, 1), |b| (b.from, b.samples + 1));
                let now = Broken { from, samples, worst };
                if samples >= needed && longest.as_ref().is_none_or(|l| samples > l.samples) {
                    longest = Some(now.clone());
                }
                current = Some(now);
            }
        }
    }
    longest
}

/// Whether the first `look` samples together hold the objective: the share over all events, the mean of counts, the
/// median of gauges and rates.
pub fn held(signal: &Signal, metric: &FormedMetric, look: usize) -> Held {
    let Some(objective) = signal.objective else { return Held::Unknown };
    let value = as_written(metric.kind, whole(metric, look));
    match holds(signal, metric.kind, objective, value) {
        None => Held::Unknown,
        Some(true) => Held::Yes(value),
        Some(false) => Held::No(value),
    }
}

/// Level of a whole run: events of all, or the median. NaN: nothing was measured.
pub fn whole(metric: &FormedMetric, look: usize) -> f64 {
    level(&metric.samples, look)
}

/// Mean level of the first `look` samples: events of all, or the mean. NaN: nothing was measured.
pub fn mean_level(samples: &Samples, look: usize) -> f64 {
    match samples {
        Samples::Values(values) => {
            let known: Vec<f64> = values.iter().take(look).copied().filter(|v| v.is_finite()).collect();
            known.iter().sum::<f64>() / known.len() as f64
        }
        Samples::Events { .. } => level(samples, look),
    }
}

/// Level of the first `look` samples: events of all, or the median. NaN: nothing was measured.
pub fn level(samples: &Samples, look: usize) -> f64 {
    match samples {
        Samples::Values(values) => {
            let mut values: Vec<f64> = values.iter().take(look).copied().filter(|v| v.is_finite()).collect();
            values.sort_by(f64::total_cmp);
            let n = values.len();
            if n == 0 { f64::NAN } else { (values[(n - 1) / 2] + values[n / 2]) / 2.0 }
        }
        Samples::Events { events, total } => {
            let pairs = events.iter().zip(total).take(look).filter(|(e, t)| e.is_finite() && t.is_finite());
            let (bad, all) = pairs.fold((0.0, 0.0), |(bad, all), (e, t)| (bad + e, all + t));
            if all > 0.0 { bad / all } else { f64::NAN }
        }
    }
}

/// Shares are declared as the good part and formed as the bad one.
fn as_written(kind: Kind, value: f64) -> f64 {
    match kind {
        Kind::Share | Kind::LatencyShare => 1.0 - value,
        Kind::Gauge | Kind::Rate | Kind::Distribution | Kind::Count => value,
    }
}

/// Which side of the objective is good: more or less.
fn more_is_good(signal: &Signal, kind: Kind) -> Option<bool> {
    match (kind, signal.worse) {
        (Kind::Share | Kind::LatencyShare, _) => Some(true),
        (Kind::Count, _) | (_, Worse::Up) => Some(false),
        (_, Worse::Down) => Some(true),
        (_, Worse::Either) => None,
    }
}

fn holds(signal: &Signal, kind: Kind, objective: f64, value: f64) -> Option<bool> {
    if !value.is_finite() || !objective.is_finite() {
        return None;
    }
    more_is_good(signal, kind).map(|more| if more { value >= objective } else { value <= objective })
}

fn worse_of(signal: &Signal, kind: Kind, a: f64, b: f64) -> f64 {
    if more_is_good(signal, kind) == Some(true) { a.min(b) } else { a.max(b) }
}
