//! Keeps what an attempt records while it runs: a kill loses at most what came since the last slice.
//!
//! The slices are a safety net. Evidence of an attempt that ends in order is what the recorder holds then.

use datasets::{EvidenceError, EvidenceStore, Recording};
use scorer::Evidence;
use scorer::evidence::{Event, RawSeries, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Scrapes of a slice: every slice holds the labels of all its series once, and thirty samples are worth that.
const SCRAPES: u32 = 30;

/// Most that a kill may lose.
const LONGEST: Duration = Duration::from_secs(60);

/// Writing more often would only wear out the disk.
const SHORTEST: Duration = Duration::from_secs(1);

/// Kind of the event in slices without a series.
const LEFT_OUT: &str = "series_left_out";

/// The writer of one attempt. One slice is written at a time.
pub struct Slices {
    kept: Arc<Mutex<Kept>>,
    every: Duration,
    last: Instant,
    writing: Option<JoinHandle<()>>,
}

struct Kept {
    recording: Recording,
    /// Nothing before this time is new.
    from_ms: i64,
    /// Said once; it is tried again with every slice.
    told: bool,
    /// Series that came twice at once: which of the two a later slice holds could not be told.
    twice: BTreeSet<(String, BTreeMap<String, String>)>,
}

impl Slices {
    /// Opens the recording of an attempt that is scraped at `interval`.
    ///
    /// # Errors
    /// The disk, or another process that writes it.
    pub fn begin(store: &EvidenceStore, subject: &Subject, interval: Duration) -> Result<Self, EvidenceError> {
        let kept = Kept { recording: store.record(subject)?, from_ms: i64::MIN, told: false, twice: BTreeSet::new() };
        Ok(Slices {
            kept: Arc::new(Mutex::new(kept)),
            every: (interval * SCRAPES).clamp(SHORTEST, LONGEST),
            last: Instant::now(),
            writing: None,
        })
    }

    /// Whether a slice is due; then the time from which samples may be new.
    pub fn due(&self) -> Option<i64> {
        let busy = self.writing.as_ref().is_some_and(|task| !task.is_finished());
        (!busy && self.last.elapsed() >= self.every).then(|| lock(&self.kept).from_ms)
    }

    /// Writes a slice in the background: `so_far` has the samples since `from_ms`, which is what [`Slices::due`] said or
    /// earlier, and everything else as it is.
    pub fn write(&mut self, so_far: Evidence, from_ms: i64) {
        self.last = Instant::now();
        let kept = Arc::clone(&self.kept);
        // A scrape becomes visible when it is complete, which may be after a later one of another component.
        let overlap_ms = i64::try_from(2 * self.every.as_millis()).unwrap_or(i64::MAX);
        self.writing = Some(tokio::task::spawn_blocking(move || lock(&kept).append(so_far, from_ms, overlap_ms)));
    }

    /// Waits until nothing is written any more. The recording stays.
    pub async fn end(self) {
        if let Some(task) = self.writing {
            // One that panicked has said so.
            let _panicked = task.await;
        }
    }
}

impl Kept {
    fn append(&mut self, so_far: Evidence, from_ms: i64, overlap_ms: i64) {
        let until_ms = so_far.series.iter().filter_map(|series| series.times_ms.last()).max().copied();
        let mut news = Evidence { series: self.recording.news(so_far.series), ..so_far };
        self.leave_out_twins(&mut news);
        match self.recording.append(&news) {
            Ok(()) => {
                self.told = false;
                self.from_ms = until_ms.map_or(self.from_ms, |until| until.saturating_sub(overlap_ms));
            }
            Err(error) => {
                self.from_ms = self.from_ms.min(from_ms);
                if !self.told {
                    let error = anyhow::Error::from(error);
                    tracing::warn!("what is recorded is not kept; it is tried again with the next slice: {error:#}");
                    self.told = true;
                }
            }
        }
    }

    /// Leaves series out that come twice, from the first slice on in which they do. An event says so for each.
    fn leave_out_twins(&mut self, news: &mut Evidence) {
        let mut seen = BTreeSet::new();
        let key = |one: &RawSeries| (one.name.clone(), one.labels.clone());
        self.twice.extend(news.series.iter().map(key).filter(|key| !seen.insert(key.clone())));
        news.series.retain(|one| !self.twice.contains(&key(one)));
        let at_ms = news.series.iter().filter_map(|one| one.times_ms.last()).max().copied().unwrap_or_default();
        news.events.extend(self.twice.iter().map(|(name, labels)| Event {
            at_ms,
            kind: LEFT_OUT.into(),
            component: None,
            detail: format!("two sources gave `{name}` {labels:?}: slices do not keep it"),
        }));
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    // A slice is appended whole or not at all, whatever panics.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, value: f64, times_ms: &[i64]) -> RawSeries {
        let values = vec![value; times_ms.len()];
        RawSeries { name: name.into(), labels: BTreeMap::new(), times_ms: times_ms.to_vec(), values }
    }

    fn subject() -> Subject {
        Subject { soak: "s".into(), attempt: 1, ..Subject::default() }
    }

    fn of(series: Vec<RawSeries>) -> Evidence {
        Evidence { subject: subject(), series, ..Evidence::default() }
    }

    /// Slices of an attempt, in a folder that ends with the first value.
    fn begun() -> (tempfile::TempDir, Slices) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = EvidenceStore::open(dir.path()).expect("a store");
        let slices = Slices::begin(&store, &subject(), Duration::from_secs(1)).expect("a recording");
        (dir, slices)
    }

    #[test]
    fn a_series_of_two_sources_does_not_keep_the_others_out() {
        let (_dir, slices) = begun();
        let mut kept = lock(&slices.kept);
        kept.append(of(vec![series("up", 1.0, &[1]), series("cpu", 1.0, &[1]), series("cpu", 2.0, &[1])]), i64::MIN, 0);
        // One of the two ended: it is not taken for the other.
        kept.append(of(vec![series("up", 1.0, &[1, 2]), series("cpu", 2.0, &[1, 2])]), i64::MIN, 0);
        let (recording, none) = (&kept.recording, BTreeMap::new());
        assert_eq!((recording.last_ms("up", &none), recording.last_ms("cpu", &none)), (Some(2), None));
        let events: Vec<&str> = recording.rest().events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!((events, kept.told), (vec![LEFT_OUT], false));
    }

    #[test]
    fn what_could_not_be_kept_is_asked_for_again() {
        let (_dir, slices) = begun();
        let mut kept = lock(&slices.kept);
        kept.append(of(vec![series("own", 1.0, &[100_000])]), i64::MIN, 2_000);
        assert_eq!(kept.from_ms, 98_000);
        // What a server gave late, in a slice that is refused: its times fall.
        kept.append(of(vec![series("theirs", 1.0, &[20_000, 10_000])]), 10_000, 2_000);
        assert_eq!((kept.from_ms, kept.told), (10_000, true));
        kept.append(of(vec![series("theirs", 1.0, &[10_000, 20_000]), series("own", 1.0, &[101_000])]), 10_000, 2_000);
        assert_eq!((kept.from_ms, kept.told), (99_000, false));
        assert_eq!(kept.recording.last_ms("theirs", &BTreeMap::new()), Some(20_000));
    }
}
