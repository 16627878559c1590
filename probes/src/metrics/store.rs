//! Series in memory: one group per job, whose series share the times of its scrapes.
//!
//! Invariants: a series has exactly one value per scrape of its group since it was first seen (NaN where it was
//! absent); the newest scrape of a group is visible only once it is complete.

use super::column::{Column, Recorded};
use super::exposition::{Exposition, ExpositionError, SeriesName, series_name};
use super::selection::Selection;
use scorer::RawSeries;
use std::collections::HashMap;

/// Most series that a recorder keeps; beyond it new ones are dropped with an event.
/// 200,000 series cost about 100 MB of names before the first sample.
pub const MAX_SERIES: usize = 200_000;

/// Limits of a recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest response in bytes.
    pub response_bytes: usize,
    /// Most series of one target; more fail the scrape.
    pub series_per_target: usize,
    /// Most series of all targets; new ones beyond it are dropped with an event.
    pub series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            response_bytes: super::exposition::MAX_RESPONSE_BYTES,
            series_per_target: super::exposition::MAX_SERIES_PER_TARGET,
            series: MAX_SERIES,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Store {
    groups: HashMap<String, Group>,
    limit: usize,
    count: usize,
}

#[derive(Debug, Default)]
struct Group {
    times_ms: Vec<i64>,
    /// Scrapes that are complete; the rest of `times_ms` is being filled.
    complete: u32,
    series: Vec<Series>,
    by_name: HashMap<SeriesName, u32>,
    by_text: HashMap<Box<str>, u32>,
    /// Text of the i-th sample of the last scrape: targets repeat their order, so a comparison saves the hashing.
    order: Vec<(Box<str>, u32)>,
    by_position: Vec<u32>,
}

#[derive(Debug)]
struct Series {
    name: SeriesName,
    column: Column,
}

/// Stands for a series that did not fit.
const DROPPED: u32 = u32::MAX;

/// What was refused while a scrape was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// New series beyond the limit.
    pub(super) dropped: usize,
    /// A series that came twice in one scrape; the first value stays.
    pub(super) twice: Option<String>,
}

impl Store {
    pub(super) fn with_limit(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Opens a scrape of `job` at `at_ms`; times rise strictly.
    pub(super) fn open(&mut self, job: &str, at_ms: i64) {
        let group = self.groups.entry(job.to_owned()).or_default();
        let after = group.times_ms.last().map_or(i64::MIN, |last| last + 1);
        group.times_ms.push(at_ms.max(after));
    }

    /// Makes the open scrape of `job` visible.
    pub(super) fn complete(&mut self, job: &str) {
        if let Some(group) = self.groups.get_mut(job) {
            group.complete = index(group.times_ms.len());
        }
    }

    /// Takes a whole exposition into the open scrape of `job`, or nothing of it.
    pub(super) fn take(&mut self, job: &str, read: &Exposition<'_>) -> Result<Refused, ExpositionError> {
        let Some(group) = self.groups.get_mut(job) else {
            return Ok(Refused::default());
        };
        let mut refused = Refused::default();
        let mut known = Vec::with_capacity(read.samples.len());
        for (position, sample) in read.samples.iter().enumerate() {
            let remembered = match group.order.get(position) {
                Some((text, at)) if **text == *sample.series => Some(*at),
                _ => group.by_text.get(sample.series).copied(),
            };
            let Some(at) = remembered else {
                let name = series_name(sample.series).map_err(|fault| ExpositionError { line: sample.line, fault })?;
                known.push(Err(labelled(name, job)));
                continue;
            };
            known.push(Ok(at));
        }
        for (position, (sample, known)) in read.samples.iter().zip(known).enumerate() {
            let at = match known {
                Ok(at) => at,
                Err(name) => group.place(name, self.limit, &mut self.count),
            };
            group.remember(position, sample.series, at, self.limit);
            refused.dropped += usize::from(at == DROPPED);
            if group.record(at, sample.value) == Recorded::AlreadyThere {
                refused.twice.get_or_insert_with(|| sample.series.to_owned());
            }
        }
        Ok(refused)
    }

    /// Records one own sample of `job`, for instance `up`.
    pub(super) fn note(&mut self, job: &str, name: &str, value: f64) {
        let Some(group) = self.groups.get_mut(job) else {
            return;
        };
        let at = match group.by_text.get(name) {
            Some(at) => *at,
            None => {
                let series = labelled(SeriesName { name: name.to_owned(), labels: Default::default() }, job);
                let at = group.place(series, self.limit, &mut self.count);
                group.by_text.insert(name.into(), at);
                at
            }
        };
        group.record(at, value);
    }

    /// Records the sample at `position` of a registry, whose name is made only the first time.
    pub(super) fn note_position(
        &mut self,
        job: &str,
        position: usize,
        name: &dyn Fn() -> SeriesName,
        value: f64,
    ) -> Refused {
        let Some(group) = self.groups.get_mut(job) else {
            return Refused::default();
        };
        if position == group.by_position.len() {
            let mut series = name();
            series.labels.entry("job".to_owned()).or_insert_with(|| job.to_owned());
            let at = group.place(series, self.limit, &mut self.count);
            group.by_position.push(at);
        }
        let at = group.by_position.get(position).copied().unwrap_or(DROPPED);
        let twice = (group.record(at, value) == Recorded::AlreadyThere).then(|| name().name);
        Refused { dropped: usize::from(at == DROPPED), twice }
    }

    /// Every series that `chosen` accepts, from `from_ms` on, sorted by name and labels.
    pub(super) fn read(&self, chosen: impl Fn(&SeriesName) -> bool, from_ms: i64) -> Vec<RawSeries> {
        let mut found = Vec::new();
        for group in self.groups.values() {
            let from = index(group.times_ms.partition_point(|time| *time < from_ms));
            for series in group.series.iter().filter(|series| chosen(&series.name)) {
                let mut raw = RawSeries {
                    name: series.name.name.clone(),
                    labels: series.name.labels.clone(),
                    ..RawSeries::default()
                };
                series.column.read(from, group.complete, |at, value| {
                    raw.times_ms.push(group.times_ms[at as usize]);
                    raw.values.push(value);
                });
                if !raw.values.is_empty() {
                    found.push(raw);
                }
            }
        }
        found.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        found
    }

    pub(super) fn window(&self, selection: &Selection, from_ms: i64) -> Vec<RawSeries> {
        self.read(|series| selection.contains(&series.name, &series.labels), from_ms)
    }

    /// Series and bytes of their columns.
    pub(super) fn size(&self) -> (usize, usize) {
        let series = || self.groups.values().flat_map(|group| &group.series);
        (series().count(), series().map(|series| series.column.bytes()).sum())
    }
}

impl Group {
    fn place(&mut self, name: SeriesName, limit: usize, count: &mut usize) -> u32 {
        if let Some(at) = self.by_name.get(&name) {
            return *at;
        }
        if *count >= limit {
            return DROPPED;
        }
        *count += 1;
        let at = index(self.series.len());
        let first = index(self.times_ms.len()) - 1;
        self.by_name.insert(name.clone(), at);
        self.series.push(Series { name, column: Column::starting_at(first) });
        at
    }

    fn remember(&mut self, position: usize, text: &str, at: u32, limit: usize) {
        match self.order.get_mut(position) {
            Some(slot) if *slot.0 == *text => return,
            Some(slot) => *slot = (text.into(), at),
            None => self.order.push((text.into(), at)),
        }
        // A dropped series is asked for again each time: room may not come, but the event must name it.
        if at != DROPPED {
            // A target that shuffles its labels makes new texts forever; the names remain the truth.
            if self.by_text.len() > 2 * limit {
                self.by_text.clear();
            }
            self.by_text.insert(text.into(), at);
        }
    }

    fn record(&mut self, at: u32, value: f64) -> Recorded {
        let scrape = index(self.times_ms.len()) - 1;
        match self.series.get_mut(at as usize) {
            Some(series) => series.column.record(scrape, value),
            None => Recorded::New,
        }
    }
}

/// Adds the job; a label of that name that the target itself sends moves to `exported_job`, as with Prometheus.
fn labelled(mut name: SeriesName, job: &str) -> SeriesName {
    if let Some(own) = name.labels.insert("job".to_owned(), job.to_owned()) {
        name.labels.insert("exported_job".to_owned(), own);
    }
    name
}

fn index(len: usize) -> u32 {
    // 2^32 scrapes are 136 years at one a second; 2^32 series do not fit into memory.
    u32::try_from(len).unwrap_or(u32::MAX)
}
