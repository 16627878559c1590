//! A recording: evidence of an attempt that is still observed, kept slice by slice.
//!
//! A folder `recordings/<soak>-<attempt>` with one table a slice, named by its number and digest, and `rest.json`.
//! Invariants: a slice is on the disk before [`Recording::append`] returns, and never changes; what a killed process
//! left can be read and gone on with; evidence that a recording makes has the bytes and the address of evidence that
//! was stored at once.

mod slice;

use crate::digest::Digest;
use crate::error::EvidenceError;
use crate::files::{make_folder, write_whole};
use crate::manifest::REST;
use crate::rest;
use crate::samples::{self, Extent};
use crate::store::{EvidenceStore, names};
use scorer::evidence::{Evidence, RawSeries, Subject};
use slice::Slice;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Folder of the recordings in a store.
const RECORDINGS: &str = "recordings";

/// Held by whoever appends.
const LOCK: &str = "lock";

/// Whose recording it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordingId {
    /// Soak.
    pub soak: String,
    /// Attempt, counted from 1.
    pub attempt: u32,
}

/// A recording, open for appending; one process has it at a time.
#[derive(Debug)]
pub struct Recording {
    store: EvidenceStore,
    folder: PathBuf,
    slices: Vec<Slice>,
    series: Vec<Known>,
    /// Place in `series`, by name and labels.
    places: HashMap<String, HashMap<BTreeMap<String, String>, usize>>,
    /// Everything but the samples, as it stood when the last slice was begun.
    rest: Evidence,
    _lock: File,
}

/// A series of which something was recorded.
#[derive(Debug)]
struct Known {
    name: String,
    labels: BTreeMap<String, String>,
    last_ms: i64,
}

impl EvidenceStore {
    /// Opens the recording of an attempt and goes on with what is there; makes it if there is none.
    ///
    /// # Errors
    /// Another process appends to it, a slice is damaged, or the folder cannot be written.
    pub fn record(&self, subject: &Subject) -> Result<Recording, EvidenceError> {
        let id = RecordingId { soak: subject.soak.clone(), attempt: subject.attempt };
        let folder = self.recording_folder(&id)?;
        make_folder(&folder)?;
        let lock = locked(&folder)?;
        let mut recording = Recording {
            store: self.clone(),
            slices: Slice::all(&folder)?,
            folder,
            series: Vec::new(),
            places: HashMap::new(),
            rest: Evidence { subject: subject.clone(), ..Evidence::default() },
            _lock: lock,
        };
        recording.remember()?;
        Ok(recording)
    }

    /// Recordings that nobody finished, by soak and attempt.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn recordings(&self) -> Result<Vec<RecordingId>, EvidenceError> {
        let id = |name: &String| {
            let (soak, attempt) = name.rsplit_once('-')?;
            Some(RecordingId { soak: soak.to_owned(), attempt: attempt.parse().ok()? })
        };
        let mut ids: Vec<RecordingId> = names(&self.root.join(RECORDINGS))?.iter().filter_map(id).collect();
        ids.sort();
        Ok(ids)
    }

    /// Removes a recording in one step, damaged or not; none is no error. Nothing of it is read.
    ///
    /// # Errors
    /// Another process appends to it, or the folder cannot be removed.
    pub fn discard(&self, id: &RecordingId) -> Result<(), EvidenceError> {
        let folder = self.recording_folder(id)?;
        if !folder.is_dir() {
            return Ok(());
        }
        let _lock = locked(&folder)?;
        self.set_aside(&folder)
    }

    fn recording_folder(&self, id: &RecordingId) -> Result<PathBuf, EvidenceError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.soak.is_empty() || !id.soak.chars().all(fits) {
            return Err(EvidenceError::NoName { soak: id.soak.clone() });
        }
        Ok(self.root.join(RECORDINGS).join(format!("{}-{}", id.soak, id.attempt)))
    }
}

impl Recording {
    /// Time of the last sample of a series in the recording, milliseconds since the epoch.
    pub fn last_ms(&self, name: &str, labels: &BTreeMap<String, String>) -> Option<i64> {
        self.places.get(name)?.get(labels).map(|at| self.series[*at].last_ms)
    }

    /// What of `series` is not in the recording yet.
    pub fn news(&self, mut series: Vec<RawSeries>) -> Vec<RawSeries> {
        for one in &mut series {
            if let Some(last) = self.last_ms(&one.name, &one.labels) {
                let known = one.times_ms.partition_point(|time| *time <= last);
                one.times_ms.drain(..known);
                one.values.drain(..known.min(one.values.len()));
            }
        }
        series.retain(|one| !one.times_ms.is_empty());
        series
    }

    /// Everything but the samples, as it stood when the last slice was begun.
    pub fn rest(&self) -> &Evidence {
        &self.rest
    }

    /// Samples so far.
    pub fn samples(&self) -> u64 {
        self.extent().samples
    }

    /// Time of the last sample of any series, milliseconds since the epoch.
    pub fn recorded_until_ms(&self) -> Option<i64> {
        self.extent().times_ms.map(|(_, last)| last)
    }

    /// Appends a slice: `so_far.series` holds what is new, everything else of `so_far` how it stands now. Slice and
    /// rest are on the disk when this returns, the rest first: whatever was recorded has its phases.
    ///
    /// # Errors
    /// A series comes twice or does not follow what is there, or the disk says so. A slice that failed is not in the
    /// recording; whatever [`Recording::news`] says then is what to append next.
    pub fn append(&mut self, so_far: &Evidence) -> Result<(), EvidenceError> {
        samples::check(&so_far.series)?;
        self.check_order(&so_far.series)?;
        let rest = Evidence { series: Vec::new(), ..so_far.clone() };
        let document = rest::to_json(&rest).map_err(|source| EvidenceError::Json { file: REST, source })?;
        write_whole(&self.folder.join(REST), &document)?;
        self.rest = rest;
        let extent = Extent::of(&so_far.series);
        if extent.samples > 0 {
            let sampled: Vec<RawSeries> =
                so_far.series.iter().filter(|one| !one.times_ms.is_empty()).cloned().collect();
            let all = i64::MIN..=i64::MAX;
            let bytes = samples::to_parquet(&sampled, &samples::label_texts(&sampled), &all)?;
            let slice = Slice::write(&self.folder, self.slices.len() + 1, &bytes, extent)?;
            self.slices.push(slice);
            self.take_note(&sampled);
        }
        Ok(())
    }

    /// Makes evidence of the recording: its samples, and everything else as `rest` says, whose series are left aside.
    /// Series are in order of name and labels. The recording stays until [`Recording::discard`], so that its evidence
    /// can be noted first; doing it again gives the same address.
    ///
    /// # Errors
    /// As [`EvidenceStore::put`], or a slice is damaged.
    pub fn finish(&self, rest: Evidence) -> Result<Digest, EvidenceError> {
        let mut order: Vec<usize> = (0..self.series.len()).collect();
        order.sort_by_key(|at| (&self.series[*at].name, &self.series[*at].labels));
        let key = |at: &usize| RawSeries {
            name: self.series[*at].name.clone(),
            labels: self.series[*at].labels.clone(),
            ..RawSeries::default()
        };
        let mut whole = Evidence { series: order.iter().map(key).collect(), ..rest };
        let labels = samples::label_texts(&whole.series);
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(to, from)| place[*from] = to);
        let extent = self.extent();
        let mut staging = self.store.staging()?;
        for stretch in extent.stretches() {
            self.gather(&mut whole.series, &place, &stretch)?;
            staging.add_table(&samples::to_parquet(&whole.series, &labels, &stretch)?)?;
        }
        whole.series.iter_mut().for_each(forget_samples);
        let staged = staging.seal(&whole, &extent)?;
        self.store.publish(&staged)?;
        Ok(staged.digest())
    }

    /// Removes the recording.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub fn discard(self) -> Result<(), EvidenceError> {
        self.store.set_aside(&self.folder)
    }

    fn extent(&self) -> Extent {
        self.slices.iter().map(|slice| slice.extent).fold(Extent::EMPTY, Extent::and)
    }

    /// Fills `series` with the samples of a stretch of time, and with no others.
    fn gather(
        &self,
        series: &mut [RawSeries],
        place: &[usize],
        stretch: &RangeInclusive<i64>,
    ) -> Result<(), EvidenceError> {
        series.iter_mut().for_each(forget_samples);
        for slice in self.slices.iter().filter(|slice| slice.extent.meets(stretch)) {
            for one in slice.read()? {
                let from = one.times_ms.partition_point(|time| time < stretch.start());
                let to = one.times_ms.partition_point(|time| time <= stretch.end());
                let known = self.places.get(&one.name).and_then(|labels| labels.get(&one.labels));
                let at = known.ok_or_else(|| slice.damaged("it holds another series than before"))?;
                series[place[*at]].times_ms.extend_from_slice(&one.times_ms[from..to]);
                series[place[*at]].values.extend_from_slice(&one.values[from..to]);
            }
        }
        samples::check(series)
    }

    /// Reads what is there.
    fn remember(&mut self) -> Result<(), EvidenceError> {
        for at in 0..self.slices.len() {
            let series = self.slices[at].read()?;
            self.check_order(&series)?;
            self.slices[at].extent = Extent::of(&series);
            self.take_note(&series);
        }
        let path = self.folder.join(REST);
        match fs::read(&path) {
            Ok(bytes) => {
                self.rest = rest::from_json(&bytes).map_err(|what| EvidenceError::Slice { path, what })?;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(EvidenceError::io("read", &path, source)),
        }
    }

    /// Every series once, and after what is there.
    fn check_order(&self, series: &[RawSeries]) -> Result<(), EvidenceError> {
        let mut seen: HashMap<(&str, &BTreeMap<String, String>), usize> = HashMap::new();
        for (at, one) in series.iter().enumerate() {
            let bad = |what: String| EvidenceError::BadSeries { series: at, name: one.name.clone(), what };
            if let Some(before) = seen.insert((&one.name, &one.labels), at) {
                return Err(bad(format!("it is series {before}, too")));
            }
            match (self.last_ms(&one.name, &one.labels), one.times_ms.first()) {
                (Some(last), Some(first)) if *first <= last => {
                    return Err(bad(format!("time {first} follows {last}; times must rise")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_note(&mut self, series: &[RawSeries]) {
        for one in series {
            let Some(last_ms) = one.times_ms.last().copied() else { continue };
            let (next, labels) = (self.series.len(), self.places.entry(one.name.clone()).or_default());
            let at = *labels.entry(one.labels.clone()).or_insert(next);
            if at == next {
                self.series.push(Known { name: one.name.clone(), labels: one.labels.clone(), last_ms });
            }
            self.series[at].last_ms = last_ms;
        }
    }
}

fn forget_samples(series: &mut RawSeries) {
    series.times_ms.clear();
    series.values.clear();
}

fn locked(folder: &Path) -> Result<File, EvidenceError> {
    let path = folder.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = opened.map_err(|source| EvidenceError::io("create", &path, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(EvidenceError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(EvidenceError::io("lock", &path, source)),
    }
}
