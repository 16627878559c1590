//! What each scrape says of a guarded signal.

use scorer::RawSeries;
use scorer::signal::Labels;
use std::collections::BTreeMap;

/// One value and the time that it speaks of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
    pub(super) value: f64,
}

/// Increments of counters, by the scrape at which they were seen: since when, and how much. A fall is a restart from
/// zero, absent values are skipped.
fn increments<'a>(series: impl IntoIterator<Item = &'a RawSeries>) -> BTreeMap<i64, (i64, f64)> {
    let mut all: BTreeMap<i64, (i64, f64)> = BTreeMap::new();
    for one in series {
        let mut before: Option<(i64, f64)> = None;
        for (at, value) in present(one) {
            if let Some((from, previous)) = before {
                let step = if value < previous { value } else { value - previous };
                let sum = all.entry(at).or_insert((from, 0.0));
                *sum = (sum.0.min(from), sum.1 + step);
            }
            before = Some((at, value));
        }
    }
    all
}

fn present(series: &RawSeries) -> impl Iterator<Item = (i64, f64)> {
    series.times_ms.iter().copied().zip(series.values.iter().copied()).filter(|(_, value)| !value.is_nan())
}

/// Good events of all events, per scrape. A scrape without any event says nothing.
pub(super) fn shares(good: &[RawSeries], total: &[RawSeries]) -> Vec<Sample> {
    of_increments(&increments(good), &increments(total))
}

fn of_increments(good: &BTreeMap<i64, (i64, f64)>, total: &BTreeMap<i64, (i64, f64)>) -> Vec<Sample> {
    let share = |(until, (from, events)): (&i64, &(i64, f64))| {
        let good = good.get(until).map_or(0.0, |(_, good)| *good);
        (*events > 0.0).then(|| Sample { from_ms: *from, until_ms: *until, value: good / events })
    };
    total.iter().filter_map(share).collect()
}

/// Share of observations within a threshold, per scrape: of each histogram the smallest bound at or above it. A
/// histogram that has no such bound cannot tell, and says nothing.
pub(super) fn within(buckets: &[RawSeries], threshold_s: f64) -> Vec<Sample> {
    let mut histograms: BTreeMap<(&str, Labels), Vec<(f64, &RawSeries)>> = BTreeMap::new();
    for bucket in buckets {
        let mut labels = bucket.labels.clone();
        let Some(bound) = labels.remove("le").and_then(|le| le.parse::<f64>().ok()) else { continue };
        histograms.entry((&bucket.name, labels)).or_default().push((bound, bucket));
    }
    let (mut good, mut total) = (Vec::new(), Vec::new());
    for bounds in histograms.values() {
        let fits = bounds.iter().filter(|(bound, _)| bound.is_finite() && *bound >= threshold_s);
        let Some((_, within)) = fits.min_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
        let Some((_, all)) = bounds.iter().find(|(bound, _)| *bound == f64::INFINITY) else { continue };
        good.push(*within);
        total.push(*all);
    }
    of_increments(&increments(good), &increments(total))
}

/// Values summed over the series, per scrape.
pub(super) fn sums(series: &[RawSeries]) -> Vec<Sample> {
    let mut all: BTreeMap<i64, f64> = BTreeMap::new();
    for (at, value) in series.iter().flat_map(present) {
        *all.entry(at).or_default() += value;
    }
    all.into_iter().map(|(at, value)| Sample { from_ms: at, until_ms: at, value }).collect()
}
