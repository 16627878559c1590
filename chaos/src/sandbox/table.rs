//! The faults that are in at this moment.

use super::file_fault::FileFault;
use super::name_fault::NameFault;
use crate::proxy::draw;
use glob::{MatchOptions, Pattern};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How soon something that is held back notices that its fault has ended.
pub(crate) const NOTICED_WITHIN: Duration = Duration::from_millis(10);

/// Faults of every family.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) files: Table<FileFault>,
    pub(super) names: Table<NameFault>,
}

/// Faults of one family, in the order in which they came.
#[derive(Debug)]
pub(super) struct Table<F>(RwLock<Vec<Arc<Entry<F>>>>);

impl<F> Default for Table<F> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<F> Table<F> {
    /// `patterns` without any name everything.
    pub(super) fn add(&self, fault: F, patterns: Vec<Pattern>, (id, seed): (String, u64)) -> Arc<Entry<F>> {
        let entry = Entry { id, fault, patterns, seed, draws: AtomicU64::new(0), gone: CancellationToken::new() };
        let entry = Arc::new(entry);
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(entry.clone());
        entry
    }

    pub(super) fn remove(&self, entry: &Arc<Entry<F>>) {
        entry.gone.cancel();
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|other| !Arc::ptr_eq(other, entry));
    }

    /// The faults that are in; nothing is allocated when there is none.
    pub(super) fn now(&self) -> Vec<Arc<Entry<F>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One fault.
#[derive(Debug)]
pub(super) struct Entry<F> {
    pub(super) id: String,
    pub(super) fault: F,
    patterns: Vec<Pattern>,
    seed: u64,
    draws: AtomicU64,
    gone: CancellationToken,
}

impl<F> Entry<F> {
    /// The next number of its sequence, in [0, 1).
    pub(super) fn draw(&self) -> f64 {
        draw(self.seed, self.draws.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a pattern names this; without any everything is meant.
    pub(super) fn names(&self, text: impl FnOnce() -> Option<String>) -> bool {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        let is_named = |text: String| self.patterns.iter().any(|pattern| pattern.matches_with(&text, options));
        self.patterns.is_empty() || text().is_some_and(is_named)
    }

    /// A time around `delay`, spread evenly.
    pub(super) fn spread(&self, delay: Duration, jitter: Duration) -> Duration {
        (delay + jitter.mul_f64(2.0 * self.draw())).saturating_sub(jitter)
    }

    /// Waits, unless the fault ends before.
    pub(super) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => (),
            () = self.gone.cancelled() => (),
        }
    }

    /// The same on a thread that may block.
    pub(super) fn wait(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.gone.is_cancelled() && Instant::now() < end {
            std::thread::sleep(NOTICED_WITHIN.min(end.saturating_duration_since(Instant::now())));
        }
    }
}
