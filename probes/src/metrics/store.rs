//! Series in memory: one group per job, whose series share the times of its scrapes.
//!
//! Invariants: a series has exactly one value per scrape of its group since it was first seen (NaN where it was
//! absent); the newest scrape of a group is visible only once it is complete.

use super::column::{Column, Recorded};
use super::exposition::{Exposition, ExpositionError, Fault, Sample, SeriesName, series_name};
use super::selection::Selection;
use scorer::RawSeries;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

/// Most series of targets that no signal asks for; beyond it new ones are dropped with an event. They can only be
/// looked at, and a look expands all of them: a day of 5,000 series at one a second is 7 GB.
pub const MAX_SERIES: usize = 5_000;

/// Most series of targets that signals ask for. None of them is ever dropped, because half of a ratio looks like a
/// whole one: beyond it the scrape fails.
pub const MAX_SIGNAL_SERIES: usize = 20_000;

/// Most texts that are remembered as dropped, 8 bytes each; a target whose labels never repeat starts again.
const MAX_DROPPED: usize = 200_000;

/// Limits of a recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest response in bytes.
    pub response_bytes: usize,
    /// Most series of one target; more fail the scrape.
    pub series_per_target: usize,
    /// Most series of all targets that no signal asks for; new ones beyond it are dropped with an event.
    pub series: usize,
    /// Most series of all targets that signals ask for; more fail the scrape.
    pub signal_series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            response_bytes: super::exposition::MAX_RESPONSE_BYTES,
            series_per_target: super::exposition::MAX_SERIES_PER_TARGET,
            series: MAX_SERIES,
            signal_series: MAX_SIGNAL_SERIES,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Store {
    groups: HashMap<String, Group>,
    room: Room,
}

/// Who is let in.
#[derive(Debug, Default)]
struct Room {
    limits: Limits,
    /// What signals ask for.
    wanted: Vec<Selection>,
    /// Series of targets that signals ask for, and the others.
    signals: usize,
    others: usize,
    hasher: RandomState,
}

/// What a series is recorded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Mettle's own: few, and bounded by what is declared.
    Own,
    /// A signal asks for it.
    Signal,
    /// Somebody may want to look at it.
    Other,
}

/// What is known of a sample before the scrape is taken in.
enum Known {
    At(u32),
    New(SeriesName, Purpose),
}

#[derive(Debug, Default)]
struct Group {
    times_ms: Vec<i64>,
    /// Scrapes that are complete; the rest of `times_ms` is being filled.
    complete: u32,
    series: Vec<Series>,
    by_name: HashMap<Arc<SeriesName>, u32>,
    by_text: HashMap<Arc<str>, u32>,
    /// Text of the i-th sample of the last scrape: targets repeat their order, so a comparison saves the hashing.
    order: Vec<(Arc<str>, u32)>,
    /// Hashes of the texts that found no room; room never comes back, so they are not taken apart again.
    dropped: HashSet<u64>,
    by_position: Vec<u32>,
}

#[derive(Debug)]
struct Series {
    name: Arc<SeriesName>,
    column: Column,
}

/// Stands for a series that did not fit.
const DROPPED: u32 = u32::MAX;

/// What was refused while a scrape was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// Series beyond the limit that were not dropped before.
    pub(super) dropped: usize,
    /// A series that came twice in one scrape; the first value stays.
    pub(super) twice: Option<String>,
}

impl Store {
    pub(super) fn new(limits: Limits, wanted: Vec<Selection>) -> Self {
        Self { groups: HashMap::new(), room: Room { limits, wanted, ..Room::default() } }
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
        let known = group.known(job, read, &self.room)?;
        let mut refused = Refused::default();
        for (position, (sample, known)) in read.samples.iter().zip(known).enumerate() {
            let at = match known {
                Known::At(at) => at,
                Known::New(name, purpose) => group.place(name, purpose, &mut self.room),
            };
            refused.dropped += usize::from(group.remember(position, sample.series, at, &self.room));
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
                let at = group.place(series, Purpose::Own, &mut self.room);
                group.by_text.insert(name.into(), at);
                at
            }
        };
        group.record(at, value);
    }

    /// Records the sample at `position` of a registry, whose name is made only the first time.
    pub(super) fn note_position(&mut self, job: &str, position: usize, name: &dyn Fn() -> SeriesName, value: f64) {
        let Some(group) = self.groups.get_mut(job) else {
            return;
        };
        if position == group.by_position.len() {
            let mut series = name();
            series.labels.entry("job".to_owned()).or_insert_with(|| job.to_owned());
            let at = group.place(series, Purpose::Own, &mut self.room);
            group.by_position.push(at);
        }
        let at = group.by_position.get(position).copied().unwrap_or(DROPPED);
        group.record(at, value);
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

    /// Every series that a signal asks for.
    pub(super) fn signals(&self) -> Vec<RawSeries> {
        self.read(|series| self.room.purpose(series) == Purpose::Signal, i64::MIN)
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

impl Room {
    fn purpose(&self, name: &SeriesName) -> Purpose {
        let wanted = self.wanted.iter().any(|selection| selection.contains(&name.name, &name.labels));
        if wanted { Purpose::Signal } else { Purpose::Other }
    }

    /// Takes a place, if there is one.
    fn enter(&mut self, purpose: Purpose) -> bool {
        let (taken, limit) = match purpose {
            Purpose::Own => return true,
            Purpose::Signal => (&mut self.signals, usize::MAX),
            Purpose::Other => (&mut self.others, self.limits.series),
        };
        let free = *taken < limit;
        *taken += usize::from(free);
        free
    }
}

impl Group {
    /// Which series the samples belong to; refuses a scrape that would have to drop a signal's series.
    fn known(&self, job: &str, read: &Exposition<'_>, room: &Room) -> Result<Vec<Known>, ExpositionError> {
        let mut known = Vec::with_capacity(read.samples.len());
        let mut new_signals = 0;
        for (position, sample) in read.samples.iter().enumerate() {
            let found = match self.remembered(position, sample, room) {
                Some(at) => Known::At(at),
                None => {
                    let name =
                        series_name(sample.series).map_err(|fault| ExpositionError { line: sample.line, fault })?;
                    let name = labelled(name, job);
                    match self.by_name.get(&name) {
                        Some(at) => Known::At(*at),
                        None => {
                            let purpose = room.purpose(&name);
                            new_signals += usize::from(purpose == Purpose::Signal);
                            Known::New(name, purpose)
                        }
                    }
                }
            };
            known.push(found);
            if new_signals > 0 && room.signals + new_signals > room.limits.signal_series {
                let fault = Fault::TooManySignalSeries { max: room.limits.signal_series };
                return Err(ExpositionError { line: sample.line, fault });
            }
        }
        Ok(known)
    }

    fn remembered(&self, position: usize, sample: &Sample<'_>, room: &Room) -> Option<u32> {
        match self.order.get(position) {
            Some((text, at)) if **text == *sample.series => Some(*at),
            _ => {
                let at = self.by_text.get(sample.series).copied();
                at.or_else(|| self.dropped.contains(&room.hasher.hash_one(sample.series)).then_some(DROPPED))
            }
        }
    }

    fn place(&mut self, name: SeriesName, purpose: Purpose, room: &mut Room) -> u32 {
        if let Some(at) = self.by_name.get(&name) {
            return *at;
        }
        if !room.enter(purpose) {
            return DROPPED;
        }
        let at = index(self.series.len());
        let first = index(self.times_ms.len()) - 1;
        let name = Arc::new(name);
        self.by_name.insert(Arc::clone(&name), at);
        self.series.push(Series { name, column: Column::starting_at(first) });
        at
    }

    /// Remembers the text of a sample; whether it was dropped for the first time.
    fn remember(&mut self, position: usize, text: &str, at: u32, room: &Room) -> bool {
        let dropped = at == DROPPED;
        // The text of a dropped series is not kept: of most targets that have too many, it would be most of them.
        let kept = if dropped { "" } else { text };
        if !self.order.get(position).is_some_and(|slot| *slot.0 == *kept && slot.1 == at) {
            let kept = if dropped { Arc::default() } else { self.kept(text, at) };
            match self.order.get_mut(position) {
                Some(slot) => *slot = (kept, at),
                None => self.order.push((kept, at)),
            }
        }
        if !dropped {
            return false;
        }
        if self.dropped.len() >= MAX_DROPPED {
            self.dropped.clear();
        }
        self.dropped.insert(room.hasher.hash_one(text))
    }

    /// The text of a series, held once for both ways to find it again.
    fn kept(&mut self, text: &str, at: u32) -> Arc<str> {
        if let Some((known, _)) = self.by_text.get_key_value(text) {
            return Arc::clone(known);
        }
        // A target that shuffles its labels makes new texts forever; the names remain the truth.
        if self.by_text.len() > 2 * self.series.len() + 1024 {
            self.by_text.clear();
        }
        let kept: Arc<str> = text.into();
        self.by_text.insert(Arc::clone(&kept), at);
        kept
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
