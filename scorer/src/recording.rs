//! Raw series of one soak laid on a grid: which scrape closes which sample, and how far counters moved between.
//!
//! Invariant: an increment spans exactly the two scrapes at the edges of its sample. Where either scrape is missing the
//! increment is absent, it is never spread over or moved to a neighbour; where a series began without proof that it
//! began at zero, or ended, the sample is absent too. Absent is NaN.

use crate::evidence::{Evidence, RawSeries};
use crate::grid::Grid;
use crate::selector::CompiledSelector;
use std::collections::BTreeMap;

/// Gauge by which a process says when it started, in seconds since the epoch.
const PROCESS_START: &str = "process_start_time_seconds";

/// What a scraper writes down about every scrape, also of a target that did not answer.
const UP: &str = "up";
/// Beginning of the names of such series.
const OF_SCRAPE: &str = "scrape_";

/// Two start times further apart than this are two processes; some exporters compute theirs with jitter.
const SAME_START_S: f64 = 1.0;

/// Scrape times collected before they are sorted and thinned: bounds memory with many series of one target.
const COMPACT_AT: usize = 1 << 16;

/// Labels that name a scraped process: `job` and `instance`.
pub(crate) type TargetKey = (String, String);

/// One scraped process: when it answered, which answer closes which sample, when it started.
struct Target<'a> {
    edges: Vec<Vec<Option<i64>>>,
    scrapes: Vec<i64>,
    start: Option<&'a RawSeries>,
}

/// One soak on a grid.
pub struct Recording<'a> {
    evidence: &'a Evidence,
    grid: Grid,
    targets: BTreeMap<TargetKey, Target<'a>>,
}

/// The two scrapes at the edges of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    from: i64,
    to: i64,
}

impl Span {
    /// Length in seconds.
    pub(crate) fn seconds(self) -> f64 {
        self.to.saturating_sub(self.from) as f64 / 1000.0
    }
}

/// What a counter did over a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moved {
    /// Increment, reset-aware.
    By(f64),
    /// The series did not exist at either end.
    Nothing,
    /// Not known: it began unproven, or ended.
    Unknown,
}

impl<'a> Recording<'a> {
    /// Lays evidence on its own programme grid.
    pub fn of(evidence: &'a Evidence) -> Recording<'a> {
        Recording::on(evidence, Grid::of(evidence))
    }

    /// Lays evidence on any grid.
    pub fn on(evidence: &'a Evidence, grid: Grid) -> Recording<'a> {
        let mut scrapes: BTreeMap<TargetKey, Vec<i64>> = BTreeMap::new();
        let mut starts: BTreeMap<TargetKey, &RawSeries> = BTreeMap::new();
        for series in &evidence.series {
            let times = scrapes.entry(target_of(series)).or_default();
            // A scrape that failed leaves staleness markers, and what the scraper says of it: neither is an answer.
            let of_target = series.name != UP && !series.name.starts_with(OF_SCRAPE);
            let answered = series.times_ms.iter().zip(&series.values).filter(|(_, v)| of_target && v.is_finite());
            times.extend(answered.map(|(t, _)| *t));
            if times.len() > COMPACT_AT {
                times.sort_unstable();
                times.dedup();
            }
            if series.name == PROCESS_START {
                starts.insert(target_of(series), series);
            }
        }
        let targets = scrapes
            .into_iter()
            .map(|(key, mut scrapes)| {
                scrapes.sort_unstable();
                scrapes.dedup();
                let start = starts.get(&key).copied();
                (key, Target { edges: grid.edges(&scrapes), scrapes, start })
            })
            .collect();
        Recording { evidence, grid, targets }
    }

    /// The grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The evidence.
    pub fn evidence(&self) -> &'a Evidence {
        self.evidence
    }

    /// Series that a selector chooses, in recorded order.
    pub(crate) fn select(&self, selector: &CompiledSelector) -> Vec<&'a RawSeries> {
        self.evidence.series.iter().filter(|s| selector.matches(&s.name, &s.labels)).collect()
    }

    /// Edges of every sample for the target of a series; `None` where a scrape is missing.
    pub(crate) fn spans(&self, series: &RawSeries) -> Vec<Option<Span>> {
        let target = &self.targets[&target_of(series)];
        let mut spans = Vec::with_capacity(self.grid.len());
        for (phase, edges) in self.grid.phases().iter().zip(&target.edges) {
            // Samples that are not over yet do not exist, whatever an early scrape says.
            spans.extend(edges.windows(2).enumerate().map(|(i, edge)| match (edge[0], edge[1]) {
                (Some(from), Some(to)) if from < to && i < phase.elapsed => Some(Span { from, to }),
                _ => None,
            }));
        }
        spans
    }

    /// Scrape that closes every sample, for gauges: these need no scrape before.
    pub(crate) fn closings(&self, series: &RawSeries) -> Vec<Option<i64>> {
        let target = &self.targets[&target_of(series)];
        let mut closings = Vec::with_capacity(self.grid.len());
        for (phase, edges) in self.grid.phases().iter().zip(&target.edges) {
            closings.extend(edges.iter().skip(1).enumerate().map(|(i, edge)| edge.filter(|_| i < phase.elapsed)));
        }
        closings
    }

    /// How far a counter moved over a span.
    pub(crate) fn moved(&self, series: &RawSeries, span: Span) -> Moved {
        match (value_at(series, span.from), value_at(series, span.to)) {
            (None, None) => Moved::Nothing,
            (Some(_), None) => Moved::Unknown,
            (None, Some(_)) => match self.start_at(series, span.to) {
                // The process answered at the first edge without this series, or did not live yet: it began at zero.
                Some(_) => Moved::By(self.climb(series, span, Some(0.0))),
                None => Moved::Unknown,
            },
            (Some(first), Some(_)) => Moved::By(self.climb(series, span, Some(first))),
        }
    }

    /// Increments of a counter between scrapes whose middle lies in `[start, end)`. `None`: no such scrapes, or the
    /// series began there unproven.
    pub(crate) fn moved_within(&self, series: &RawSeries, start_ms: i64, end_ms: i64) -> Option<f64> {
        let target = &self.targets[&target_of(series)];
        let inside =
            |pair: &&[i64]| (start_ms..end_ms).contains(&(pair[0].saturating_add(pair[1].saturating_sub(pair[0]) / 2)));
        let (mut sum, mut seen) = (0.0, false);
        for pair in target.scrapes.windows(2).filter(inside) {
            let span = Span { from: pair[0], to: pair[1] };
            match self.moved(series, span) {
                Moved::By(increment) => sum += increment,
                Moved::Nothing => {}
                Moved::Unknown => return None,
            }
            seen = true;
        }
        seen.then_some(sum)
    }

    /// Sum of reset-aware steps from `first` over every scrape of the span.
    fn climb(&self, series: &RawSeries, span: Span, first: Option<f64>) -> f64 {
        let begin = series.times_ms.partition_point(|t| *t <= span.from);
        let end = series.times_ms.partition_point(|t| *t <= span.to);
        let (mut last, mut last_at, mut sum) = (first, span.from, 0.0);
        let points = series.times_ms.iter().zip(&series.values).take(end).skip(begin);
        for (&time, &value) in points {
            if !value.is_finite() {
                continue;
            }
            let reset = last.is_some_and(|l| value < l) || self.restarted(series, last_at, time);
            sum += if reset { value } else { value - last.unwrap_or(value) };
            (last, last_at) = (Some(value), time);
        }
        sum
    }

    /// Whether the process of a series is another one at `to` than at `from`.
    fn restarted(&self, series: &RawSeries, from: i64, to: i64) -> bool {
        match (self.start_at(series, from), self.start_at(series, to)) {
            (Some(a), Some(b)) => (a - b).abs() > SAME_START_S,
            _ => false,
        }
    }

    /// Start of the process that answered at a moment.
    fn start_at(&self, series: &RawSeries, time: i64) -> Option<f64> {
        value_at(self.targets[&target_of(series)].start?, time)
    }
}

/// The process that a series was scraped from.
pub(crate) fn target_of(series: &RawSeries) -> TargetKey {
    let label = |name: &str| series.labels.get(name).cloned().unwrap_or_default();
    (label("job"), label("instance"))
}

/// Value of a series at exactly this scrape; infinite and NaN values count as absent.
pub(crate) fn value_at(series: &RawSeries, time: i64) -> Option<f64> {
    let at = series.times_ms.binary_search(&time).ok()?;
    series.values.get(at).copied().filter(|v| v.is_finite())
}
