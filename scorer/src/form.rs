//! From raw series to the values of a signal, one per sample of the grid.

use crate::evidence::RawSeries;
use crate::histogram::{Histograms, same_bound};
use crate::metric::{Kind, Samples};
use crate::quantity::Unit;
use crate::recording::{Moved, Recording, TargetKey, target_of, value_at};
use crate::selector::CompiledSelector;
use crate::signal::{Form, Labels, Selector, Signal, Worse};
use std::collections::{BTreeMap, BTreeSet};

/// How much more good than all events rounding may make before the two counters are called inconsistent.
const SHARE_SLACK: f64 = 1e-9;

/// One metric that was formed from a signal: the signal itself, or one of its groups.
#[derive(Clone, Debug, PartialEq)]
pub struct FormedMetric {
    /// `name`, or `name{job=checkout}` for a group.
    pub name: String,
    /// Kind of values.
    pub kind: Kind,
    /// Direction that is worse, as the judge reads `samples`.
    pub worse: Worse,
    /// One value per sample of the grid; NaN: absent.
    pub samples: Samples,
    /// Unit of the values.
    pub unit: Unit,
    /// Bucket bound that stands for the threshold of a latency signal, seconds.
    pub bound_s: Option<f64>,
    /// What a distribution is judged by; `samples` are its medians.
    pub histograms: Option<Histograms>,
    /// Labels of the group.
    pub group: Labels,
}

impl FormedMetric {
    /// Value of a sample: events of all, or the value itself. NaN: absent.
    pub fn value(&self, sample: usize) -> f64 {
        match &self.samples {
            Samples::Values(values) => values.get(sample).copied().unwrap_or(f64::NAN),
            Samples::Events { events, total } => match (events.get(sample), total.get(sample)) {
                (Some(e), Some(t)) if *t > 0.0 => e / t,
                _ => f64::NAN,
            },
        }
    }

    /// Samples of the grid.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether the grid has no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Samples among the first `look` that have a value.
    pub fn present(&self, look: usize) -> usize {
        (0..look).filter(|i| self.value(*i).is_finite()).count()
    }
}

/// Forms every metric of a signal. Empty when nothing matches: the caller decides what that means, never "fine".
pub fn form(signal: &Signal, recording: &Recording<'_>) -> Vec<FormedMetric> {
    let formed = match &signal.form {
        Form::Ratio { good, total } => ratio(recording, good, total),
        Form::Latency { buckets, threshold_s } => latency(recording, buckets, *threshold_s),
        Form::Distribution { buckets, group_by } => distributions(recording, buckets, group_by),
        Form::Gauge { series, group_by } => gauges(recording, series, group_by),
        Form::Rate { series, per, group_by } => rates(recording, series, per.as_ref(), group_by),
        Form::Count { series, group_by } => counts(recording, series, group_by),
    };
    let direction = |fixed: Worse| if signal.worse == Worse::Either { Worse::Either } else { fixed };
    let metric = |formed: Formed| FormedMetric {
        name: group_name(&signal.name, &formed.group),
        kind: formed.kind,
        worse: match formed.kind {
            // Shares and counts are formed as bad events, whatever the signal counts.
            Kind::Share | Kind::LatencyShare => direction(Worse::Up),
            Kind::Count => Worse::Up,
            Kind::Gauge | Kind::Rate | Kind::Distribution => signal.worse,
        },
        unit: unit_of(&signal.form),
        samples: formed.samples,
        bound_s: formed.bound_s,
        histograms: formed.histograms,
        group: formed.group,
    };
    formed.unwrap_or_default().into_iter().map(metric).collect()
}

/// Of which series [`form`] needs the samples: those that the signals select, and everything else of their targets, which
/// tells when these answered. The rest may have lost its samples, and every metric comes out the same.
pub fn needed(signals: &[Signal], series: &[RawSeries]) -> Vec<bool> {
    let selectors = signals.iter().flat_map(|signal| signal.form.selectors());
    let compiled: Vec<CompiledSelector> = selectors.filter_map(|selector| selector.compile().ok()).collect();
    let selected = series.iter().filter(|one| compiled.iter().any(|selector| selector.matches(&one.name, &one.labels)));
    let targets: BTreeSet<TargetKey> = selected.map(target_of).collect();
    series.iter().map(|one| targets.contains(&target_of(one))).collect()
}

struct Formed {
    group: Labels,
    kind: Kind,
    samples: Samples,
    bound_s: Option<f64>,
    histograms: Option<Histograms>,
}

impl Formed {
    fn new(group: Labels, kind: Kind, samples: Samples) -> Formed {
        Formed { group, kind, samples, bound_s: None, histograms: None }
    }
}

/// `memory{job=checkout}`.
fn group_name(name: &str, group: &Labels) -> String {
    if group.is_empty() {
        return name.to_owned();
    }
    let pairs: Vec<String> = group.iter().map(|(label, value)| format!("{label}={value}")).collect();
    format!("{name}{{{}}}", pairs.join(","))
}

/// Unit of the metrics that are formed.
pub fn unit_of(form: &Form) -> Unit {
    let by_name = |selector: &Selector| Unit::of_series(&selector.name);
    match form {
        Form::Ratio { .. } | Form::Latency { .. } => Unit::Share,
        Form::Distribution { buckets, .. } => Unit::of_series(buckets.name.trim_end_matches("_bucket")),
        Form::Gauge { series, .. } => by_name(series),
        Form::Rate { series, per, .. } => match (Unit::of_series(series.name.trim_end_matches("_total")), per) {
            (unit @ (Unit::Seconds | Unit::Bytes), Some(_)) => unit,
            (Unit::Bytes, None) => Unit::BytesPerSecond,
            (_, Some(_)) => Unit::Plain,
            (_, None) => Unit::PerSecond,
        },
        Form::Count { .. } => Unit::PerSample,
    }
}

/// Series by the values of the group labels.
fn grouped<'a>(series: Vec<&'a RawSeries>, by: &[String]) -> BTreeMap<Labels, Vec<&'a RawSeries>> {
    let mut groups: BTreeMap<Labels, Vec<&RawSeries>> = BTreeMap::new();
    for one in series {
        let group = by.iter().map(|l| (l.clone(), one.labels.get(l).cloned().unwrap_or_default())).collect();
        groups.entry(group).or_default().push(one);
    }
    groups
}

fn matching<'a>(recording: &Recording<'a>, selector: &Selector) -> Option<Vec<&'a RawSeries>> {
    // Compiling fails only for selectors that nobody parsed; such a signal has no evidence.
    let compiled: CompiledSelector = selector.compile().ok()?;
    Some(recording.select(&compiled))
}

/// How increments are scaled.
#[derive(Clone, Copy)]
enum Scale {
    Increment,
    PerSecond,
}

/// Sum of the increments of several counters per sample. NaN where any of their targets was not scraped, where one of
/// them is not known, or where none exists.
fn increments(recording: &Recording<'_>, series: &[&RawSeries], scale: Scale) -> Vec<f64> {
    let mut sums = vec![0.0; recording.grid().len()];
    let mut seen = vec![false; sums.len()];
    for one in series {
        for (i, span) in recording.spans(one).into_iter().enumerate() {
            let Some(span) = span else {
                sums[i] = f64::NAN;
                continue;
            };
            match recording.moved(one, span) {
                Moved::By(increment) => {
                    seen[i] = true;
                    sums[i] += match scale {
                        Scale::Increment => increment,
                        Scale::PerSecond => increment / span.seconds(),
                    };
                }
                Moved::Nothing => {}
                Moved::Unknown => sums[i] = f64::NAN,
            }
        }
    }
    sums.iter().zip(seen).map(|(sum, seen)| if seen { *sum } else { f64::NAN }).collect()
}

/// Bad events and total per sample; absent where they contradict each other.
fn bad_of(good: &[f64], total: &[f64]) -> Samples {
    let pairs = good.iter().zip(total).map(|(good, total)| {
        if !(good.is_finite() && total.is_finite()) || *good > total * (1.0 + SHARE_SLACK) {
            return (f64::NAN, f64::NAN);
        }
        ((total - good).max(0.0), *total)
    });
    let (events, total) = pairs.unzip();
    Samples::Events { events, total }
}

fn ratio(recording: &Recording<'_>, good: &Selector, total: &Selector) -> Option<Vec<Formed>> {
    let (good, total) = (matching(recording, good)?, matching(recording, total)?);
    if total.is_empty() {
        return None;
    }
    let total = increments(recording, &total, Scale::Increment);
    // No good series while all events are known means that nothing was good, which is an answer.
    let zeros = vec![0.0; total.len()];
    let good = if good.is_empty() { zeros } else { absent_is_zero(increments_known(recording, &good), &total) };
    Some(vec![Formed::new(Labels::new(), Kind::Share, bad_of(&good, &total))])
}

/// Increments with `None` where no series exists although its target was scraped, NaN where not known.
fn increments_known(recording: &Recording<'_>, series: &[&RawSeries]) -> Vec<Option<f64>> {
    let sums = increments(recording, series, Scale::Increment);
    let mut born = vec![false; sums.len()];
    for one in series {
        for (i, span) in recording.spans(one).into_iter().enumerate() {
            born[i] |= span.is_none_or(|span| recording.moved(one, span) != Moved::Nothing);
        }
    }
    sums.into_iter().zip(born).map(|(sum, born)| born.then_some(sum)).collect()
}

fn absent_is_zero(values: Vec<Option<f64>>, total: &[f64]) -> Vec<f64> {
    values
        .into_iter()
        .zip(total)
        .map(|(v, total)| v.unwrap_or(if total.is_finite() { 0.0 } else { f64::NAN }))
        .collect()
}

/// Upper bound of a bucket.
pub(crate) fn bound_of(series: &RawSeries) -> Option<f64> {
    match series.labels.get("le")?.as_str() {
        "+Inf" | "Inf" | "inf" => Some(f64::INFINITY),
        text => text.parse().ok().filter(|bound: &f64| !bound.is_nan()),
    }
}

/// Bounds that every histogram among these buckets has, rising.
fn common_bounds(buckets: &[&RawSeries]) -> Vec<f64> {
    let mut histograms: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for one in buckets {
        let mut labels = one.labels.clone();
        labels.remove("le");
        histograms.entry(labels).or_default().extend(bound_of(one));
    }
    let Some(first) = histograms.values().next() else { return Vec::new() };
    let everywhere = |bound: &&f64| histograms.values().all(|bounds| bounds.iter().any(|b| same_bound(*b, **bound)));
    let mut common: Vec<f64> = first.iter().filter(everywhere).copied().collect();
    common.sort_by(f64::total_cmp);
    common.dedup_by(|a, b| same_bound(*a, *b));
    common
}

/// All buckets with this bound.
fn of_bound<'a>(buckets: &[&'a RawSeries], bound: f64) -> Vec<&'a RawSeries> {
    buckets.iter().copied().filter(|s| bound_of(s).is_some_and(|b| same_bound(b, bound))).collect()
}

/// Increments of all buckets with this bound.
fn upto(recording: &Recording<'_>, buckets: &[&RawSeries], bound: f64) -> Vec<f64> {
    increments(recording, &of_bound(buckets, bound), Scale::Increment)
}

/// The smallest common bound that is no smaller than a threshold.
fn bound_for(buckets: &[&RawSeries], threshold_s: f64) -> Option<f64> {
    // Without a finite bound nothing can be said about the threshold; the `+Inf` bucket would call every answer fast.
    let enough = |bound: &f64| bound.is_finite() && *bound >= threshold_s * (1.0 - 1e-9);
    common_bounds(buckets).into_iter().find(enough)
}

fn latency(recording: &Recording<'_>, buckets: &Selector, threshold_s: f64) -> Option<Vec<Formed>> {
    let buckets = matching(recording, buckets)?;
    let bound = bound_for(&buckets, threshold_s)?;
    let samples = bad_of(&upto(recording, &buckets, bound), &upto(recording, &buckets, f64::INFINITY));
    Some(vec![Formed { bound_s: Some(bound), ..Formed::new(Labels::new(), Kind::LatencyShare, samples) }])
}

fn distributions(recording: &Recording<'_>, buckets: &Selector, by: &[String]) -> Option<Vec<Formed>> {
    let formed = |(group, buckets): (Labels, Vec<&RawSeries>)| {
        let bounds = common_bounds(&buckets);
        let cumulative: Vec<Vec<f64>> = bounds.iter().map(|bound| upto(recording, &buckets, *bound)).collect();
        let histograms = Histograms::classic(bounds, &cumulative)?;
        let medians = Samples::Values(histograms.quantiles(0.5));
        Some(Formed { histograms: Some(histograms), ..Formed::new(group, Kind::Distribution, medians) })
    };
    Some(grouped(matching(recording, buckets)?, by).into_iter().filter_map(formed).collect())
}

fn gauges(recording: &Recording<'_>, series: &Selector, by: &[String]) -> Option<Vec<Formed>> {
    let groups = grouped(matching(recording, series)?, by);
    let sum = |members: Vec<&RawSeries>| {
        let mut sums = vec![0.0; recording.grid().len()];
        let mut seen = vec![false; sums.len()];
        for one in members {
            for (i, time) in recording.closings(one).into_iter().enumerate() {
                let Some(time) = time else {
                    sums[i] = f64::NAN;
                    continue;
                };
                if let Some(value) = value_at(one, time) {
                    sums[i] += value;
                    seen[i] = true;
                }
            }
        }
        sums.iter().zip(seen).map(|(sum, seen)| if seen { *sum } else { f64::NAN }).collect()
    };
    let formed = |(group, members)| Formed::new(group, Kind::Gauge, Samples::Values(sum(members)));
    Some(groups.into_iter().map(formed).collect())
}

fn rates(recording: &Recording<'_>, series: &Selector, per: Option<&Selector>, by: &[String]) -> Option<Vec<Formed>> {
    let groups = grouped(matching(recording, series)?, by);
    let divisors = match per {
        Some(per) => Some(grouped(matching(recording, per)?, by)),
        None => None,
    };
    let value = |group: &Labels, members: &[&RawSeries]| match &divisors {
        None => increments(recording, members, Scale::PerSecond),
        Some(divisors) => {
            let above = increments(recording, members, Scale::Increment);
            let below = increments(recording, divisors.get(group).map_or(&[][..], Vec::as_slice), Scale::Increment);
            above.iter().zip(below).map(|(a, b)| if b > 0.0 { a / b } else { f64::NAN }).collect()
        }
    };
    let formed = |(group, members): (Labels, Vec<&RawSeries>)| {
        let samples = Samples::Values(value(&group, &members));
        Formed::new(group, Kind::Rate, samples)
    };
    Some(groups.into_iter().map(formed).collect())
}

fn counts(recording: &Recording<'_>, series: &Selector, by: &[String]) -> Option<Vec<Formed>> {
    let groups = grouped(matching(recording, series)?, by);
    let formed = |(group, members): (Labels, Vec<&RawSeries>)| {
        let events = increments(recording, &members, Scale::Increment);
        // Exposure: one per sample that was observed.
        let total = events.iter().map(|e| if e.is_finite() { 1.0 } else { f64::NAN }).collect();
        Formed::new(group, Kind::Count, Samples::Events { events, total })
    };
    Some(groups.into_iter().map(formed).collect())
}

/// Bad events and total of a ratio or latency signal in `[start, end)`. `None`: neither, not measured, or nothing
/// happened.
pub fn bad_within(signal: &Signal, recording: &Recording<'_>, start_ms: i64, end_ms: i64) -> Option<(f64, f64)> {
    let (good, total) = match &signal.form {
        Form::Ratio { good, total } => (matching(recording, good)?, matching(recording, total)?),
        Form::Latency { buckets, threshold_s } => {
            let buckets = matching(recording, buckets)?;
            let bound = bound_for(&buckets, *threshold_s)?;
            (of_bound(&buckets, bound), of_bound(&buckets, f64::INFINITY))
        }
        Form::Distribution { .. } | Form::Gauge { .. } | Form::Rate { .. } | Form::Count { .. } => return None,
    };
    let sum = |series: &[&RawSeries]| -> Option<f64> {
        series.iter().map(|one| recording.moved_within(one, start_ms, end_ms)).sum()
    };
    if total.is_empty() {
        return None;
    }
    let (good, total) = (sum(&good)?, sum(&total)?);
    (total > 0.0 && good <= total * (1.0 + SHARE_SLACK)).then(|| ((total - good).max(0.0), total))
}
